//! Tests of the protocol: one binary, one file per subject. `support` makes people and honest logs.
#![allow(clippy::unwrap_used, missing_docs)]

mod bundles;
mod cards;
mod content;
mod encoding;
mod epochs;
mod export;
mod golden;
mod golden_refusals;
mod golden_runs;
mod hostile_log;
mod login;
mod nodes;
mod packing;
mod refusals;
mod rights;
mod runs;
mod sizes;
mod support;
mod transparency;
mod witness;
