//! Tests of the protocol: one binary, one file per subject. `support` makes people and honest logs.
#![allow(clippy::unwrap_used, missing_docs)]

mod bundles;
mod content;
mod encoding;
mod epochs;
mod export;
mod golden;
mod hostile_log;
mod packing;
mod refusals;
mod rights;
mod sizes;
mod support;
