//! The server's eye: finds canaries in what a server stored and what crossed its wire.
//!
//! - [`Canaries`]: unique strings, each planted in one known place
//! - [`Searcher`]: greps for them raw and in every encoding that a program might have put them in
//! - [`Material`]: all bytes that a server gets, taken apart (HTTP, JSON, base64, gzip, deflate, zstd)
//! - [`Opener`]: opens every box of it with keys found in it
//! - [`Planter`]: puts canaries where people put their things, with the real command line
//! - [`Watch`] and [`Sent`]: the names of everything that a server kept and was sent

mod canary;
mod failures;
mod http;
mod inflate;
mod material;
mod observed;
mod opener;
mod plant;
mod search;
mod secrets;
#[cfg(test)]
mod tests;

pub use canary::{Canaries, Canary, Class};
pub use material::{Material, Piece};
pub use observed::{Sent, Watch};
pub use opener::{Leaked, Opened, Opener, leaked};
pub use plant::Planter;
pub use search::{Found, Searcher};
