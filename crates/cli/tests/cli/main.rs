//! The program from outside: one binary for all tests of it.

#![allow(clippy::unwrap_used, reason = "a test that panics says what is wrong")]

mod agent;
mod args;
mod help;
mod serve;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
