//! The server: it stores what clients signed and sealed, and can read none of it.
//!
//! - [`ports`]: what the rules need from the world (database, bytes of packs, clock), and [`conformance`]: what every
//!   adapter of a port must do
//! - [`rules`]: who may do what, over the ports alone
//! - [`sqlite`], [`folder`]: the default adapters
//! - `routes`: one thin handler for each route of `docs/spec/wire.md`
//! - [`serve`]: starting and stopping it all
//! - [`witness`]: the process that co-signs the log of keys of somebody else's server
//! - [`ops`]: backup, restore and doctor of a data folder

mod auth;
pub mod conformance;
mod error;
mod events;
pub mod folder;
mod http;
mod limits;
pub mod logs;
mod metrics;
mod openapi;
pub mod ops;
pub mod ports;
mod routes;
pub mod rules;
pub mod serve;
pub mod sqlite;
pub mod witness;

pub use openapi::openapi_json;
pub use serve::{Config, Error, Running, Tls, WitnessAt, start};
