//! Randomness of the operating system: the one place the engine takes it from.

use getrandom::SysRng;
use rand_core::{CryptoRng, UnwrapErr};

/// The operating system's generator. It aborts the program rather than give weak randomness.
#[must_use]
pub fn rng() -> impl CryptoRng {
    UnwrapErr(SysRng)
}
