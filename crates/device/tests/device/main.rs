//! What the device crate promises, seen from outside: one binary, a file per part.

#![allow(clippy::unwrap_used, reason = "a test that panics says what is wrong")]

mod child;
mod clock;
mod http;
mod lock;
mod profile;
mod socket;
mod store;
mod stub;
