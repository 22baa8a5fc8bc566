//! Transfers against a server and a journal in memory: what goes up comes down, whatever happens in between.
#![expect(clippy::unwrap_used, reason = "a test that panics says what is wrong")]

mod browse;
mod changing;
mod damage;
mod existing;
mod fakes;
mod figures;
mod forge;
mod hostile;
mod plan;
mod resume;
mod round_trip;
mod stored_file;
mod trees;
