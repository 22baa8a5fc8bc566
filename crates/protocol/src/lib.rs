//! The words of Holdfast and what goes over the wire. No IO, no clock.
//!
//! - [`bundle`]: public keys and how a chain of them is checked
//! - [`entry`], [`item`], [`manifest`]: what a log, a space and a pack hold
//! - [`replay`]: folding a log into a state with every check
//! - [`run`]: what a node is given, what it says of it, and the keys of both
//! - [`export`]: secrets in a file of their own
//! - [`context`]: what every box is bound to
//! - [`transparency`]: the log of all bundles, and proofs about it
//! - [`witness`]: who co-signs heads of that log
//! - [`wire`]: the messages of the server's API
//!
//! The binding text is `docs/spec/`; each module names its page.

#![deny(missing_docs)]

pub mod bundle;
pub mod cbor;
pub mod context;
pub mod entry;
pub mod export;
pub mod id;
pub mod item;
pub mod limits;
pub mod login;
pub mod manifest;
pub mod refusal;
pub mod replay;
pub mod run;
pub mod secretvalue;
pub mod transparency;
pub mod wire;
pub mod witness;

pub use refusal::Refusal;
pub use secretvalue::{KeyField, SecretText};
