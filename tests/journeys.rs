//! What people do in the real window: real backend, real server, no mocks.

mod journeys {
    mod bus;
    mod certificates;
    mod data;
    mod dialogs;
    mod first_run;
    mod keychain;
    mod looking;
    mod moving;
    mod nodes;
    mod page;
    mod preferences;
    mod prepared;
    mod second_computer;
    mod second_secret;
    mod secret_care;
    mod secret_files;
    mod secrets;
    mod server;
    mod sharing;
    mod starting_over;
    mod waiting;
}
