//! What is shown of files of all kinds, good and hostile.
#![expect(clippy::unwrap_used, reason = "a test that panics says what is wrong")]

mod bombs;
mod parquets;
mod pictures;
mod support;
mod tables;
mod texts;
mod wall;
