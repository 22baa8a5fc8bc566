//! What other programs export, as it comes out: one file per program, and one for files that mean harm.
#![allow(clippy::unwrap_used, missing_docs)]

mod bitwarden;
mod dotenv;
mod holdfast;
mod hostile;
mod keepass;
mod onepassword;
mod support;
