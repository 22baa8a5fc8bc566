//! What people do in the real window: real backend, real server, no mocks.

mod journeys {
    mod first_run;
    mod preferences;
    mod prepared;
    mod sharing;
}
