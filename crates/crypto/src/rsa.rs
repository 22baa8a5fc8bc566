//! The RSA pair: derived from a seed, never stored; it unwraps keys and makes one kind of signature.
//!
//! * **Derivation** is exactly <https://c2sp.org/det-keygen> (RSA): HMAC_DRBG-SHA-256 draws candidates of `bits / 16` bytes,
//!   the first two primes *in order* are `p` and `q`, `e` = 65537, `d` = `e`⁻¹ mod lcm(p-1, q-1). No library's generator
//!   is seeded anywhere: the same seed gives other keys in other releases of such libraries, and here the key *is* the account.
//! * **Unlock** needs no primality test. The modulus is known, so the first candidate that divides it is `p`.
//! * **Private operations** (signature, OAEP opening) are done by `aws-lc-rs`, blinded and in constant time; public
//!   operations (verification, OAEP wrapping) by the `rsa` crate. PKCS#1 v1.5 *decryption* does not exist here.
//!
//! What is *not* constant-time: searching, dividing and inverting while a key is derived or unlocked. That work happens
//! once per session on the owner's own device and answers nobody; the speed is worth more there. A guess at the seed can be tested
//! against a known modulus just as quickly by anybody, with or without this code: all slowness is scrypt's.
//!
//! One pair serves for two operations, so each object shows only its own: a [`PublicKey`] verifies and wraps, a
//! [`PrivateKey`] signs and unwraps, and neither offers the raw function.

mod drbg;
mod mont;
mod numbers;
mod pair;
mod plain;
mod primality;
mod private;
mod public;
#[doc(hidden)]
pub mod raw;
mod rows;
mod search;
mod sieve;

pub use private::PrivateKey;
pub use public::PublicKey;

/// The public exponent of every key, F4.
pub(crate) const EXPONENT: u64 = 65537;

/// The sizes of modulus that Holdfast makes and accepts; there are no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bits {
    /// 2048 bits.
    B2048,
    /// 3072 bits.
    B3072,
    /// 4096 bits.
    B4096,
    /// 8192 bits.
    B8192,
}

impl Bits {
    /// Every size, smallest first.
    pub const ALL: [Self; 4] = [Self::B2048, Self::B3072, Self::B4096, Self::B8192];

    /// The number of bits of the modulus.
    #[must_use]
    pub const fn get(self) -> u32 {
        match self {
            Self::B2048 => 2048,
            Self::B3072 => 3072,
            Self::B4096 => 4096,
            Self::B8192 => 8192,
        }
    }

    /// The number of bytes of the modulus, of a signature and of a wrapped key.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.get() as usize / 8
    }

    /// The size with exactly this many bits, if it is one of ours.
    #[must_use]
    pub fn from_u32(bits: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.get() == bits)
    }
}

impl From<Bits> for u32 {
    fn from(bits: Bits) -> Self {
        bits.get()
    }
}
