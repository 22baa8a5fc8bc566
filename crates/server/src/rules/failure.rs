//! Why a request was not done: what rules report and routes translate.

use holdfast_protocol::Refusal;

use crate::ports::StoreError;

/// Code of an entry that names a pack which isn't wholly here (422): the client uploads again.
pub const PACK_MISSING: &str = "pack-missing";

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No or no longer valid token.
    #[error("this device is not signed in")]
    SignedOut,
    /// Sign-in refused, for whatever reason.
    #[error("the server refused the sign-in")]
    SignInRefused,
    /// Known, but not allowed.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// Not there, or nothing that this account may know of.
    #[error("there is nothing here for this account")]
    NotFound,
    /// Taken.
    #[error("{0}")]
    AlreadyExists(&'static str),
    /// Somebody was quicker.
    #[error("{0}")]
    Conflict(&'static str),
    /// More bytes than the route takes.
    #[error("the message is larger than this route takes")]
    TooLarge,
    /// Malformed or against a rule of the API.
    #[error("{0}")]
    Refused(&'static str),
    /// Against a rule of the log.
    #[error("{0}")]
    Log(Refusal),
    /// An entry names a pack that is not wholly here.
    #[error("the entry names a pack that is not completely uploaded")]
    PackMissing,
    /// The entry of a run names a capsule that is not here.
    #[error("the entry names a capsule that is not here")]
    CapsuleMissing,
    /// The range begins behind the pack's end.
    #[error("the range lies outside of the pack")]
    Range {
        /// Size of the pack in bytes.
        bytes: u64,
    },
    /// Too many tries.
    #[error("too many tries")]
    RateLimited {
        /// When to try again.
        seconds: u64,
    },
    /// Took too long.
    #[error("the request took too long")]
    TimedOut,
    /// The space's quota is used up.
    #[error("the space's quota is used up")]
    Quota,
    /// The server's disk is full.
    #[error("the server's disk is full")]
    DiskFull,
    /// A fault of the server. The text goes to the log only.
    #[error("the server has a fault")]
    Internal(String),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists => Self::AlreadyExists("the name is taken"),
            StoreError::Conflict => Self::Conflict("somebody was quicker"),
            StoreError::Missing => Self::NotFound,
            StoreError::Quota => Self::Quota,
            StoreError::DiskFull => Self::DiskFull,
            StoreError::Broken(why) => Self::Internal(why),
        }
    }
}
