//! Signing in: what the client signs. It builds the message from what it knows; the server contributes a nonce and
//! nothing else, so no other signature can be had from it.

use holdfast_crypto::{SignKey, VerifyKey};
use minicbor::{Decode, Encode};

use crate::cbor;

/// The signature domain of sign-in.
pub const SIGNED_AS: &str = "login";
/// How far the client's clock may be from the server's, in milliseconds.
pub const CLOCK_TOLERANCE_MS: u64 = 10 * 60 * 1000;

/// The signed statement "I sign in to this server as this handle, now".
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignIn {
    /// The server's address as the client was given it: scheme, host and port.
    #[n(1)]
    pub origin: String,
    /// The handle.
    #[n(2)]
    pub handle: String,
    /// The server's nonce, 32 bytes.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: Vec<u8>,
    /// Milliseconds since 1970-01-01 UTC, by the client's clock.
    #[n(4)]
    pub time_ms: u64,
}

impl SignIn {
    /// Signs the statement.
    #[must_use]
    pub fn sign(&self, key: &SignKey) -> [u8; 64] {
        key.sign(SIGNED_AS, &cbor::encode(self))
    }

    /// Whether the signature is this key's.
    #[must_use]
    pub fn verifies(&self, key: &VerifyKey, signature: &[u8]) -> bool {
        key.verify(SIGNED_AS, &cbor::encode(self), signature).is_ok()
    }
}
