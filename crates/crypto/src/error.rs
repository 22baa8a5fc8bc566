//! What can go wrong in this crate. Opening and unwrapping have exactly one error, [`Error::Open`], for every cause.

use thiserror::Error;

/// The errors of `holdfast-crypto`.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A box or a wrap did not open: wrong key, wrong context, altered or truncated bytes. Deliberately one error for all.
    #[error("the sealed data could not be opened")]
    Open,
    /// The phrase holds something that can't be typed the same way everywhere.
    #[error("the phrase is not usable: {0}")]
    Phrase(&'static str),
    /// The phrase is easier to guess than the floor allows.
    #[error("the phrase is too easy to guess ({0} bits)")]
    WeakPhrase(u32),
    /// The scrypt parameters lie outside what this version accepts; nothing was computed.
    #[error("the key-derivation record is not acceptable: {0}")]
    Kdf(&'static str),
    /// What was typed for a second secret is none.
    #[error("this is not a second secret: {0}")]
    SecondSecret(&'static str),
    /// The record takes a second secret, and there is none. Nothing was computed.
    #[error("the key-derivation record takes a second secret")]
    SecondSecretNeeded,
    /// There is a second secret, and the record takes none. Nothing was computed.
    #[error("the key-derivation record takes no second secret")]
    SecondSecretDropped,
    /// The words typed for a recovery key are not one.
    #[error("these are not the words of a recovery key: {0}")]
    Recovery(&'static str),
    /// A public key, signature or size that this version does not accept.
    #[error("the key is not acceptable: {0}")]
    Key(&'static str),
    /// The derived pair is not the pinned one.
    #[error("the phrase does not derive this key")]
    WrongPhrase,
    /// A signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// Two independent computations of the same value differ: a hardware or compiler fault.
    #[error("a self-check failed: {0}")]
    SelfCheck(&'static str),
}
