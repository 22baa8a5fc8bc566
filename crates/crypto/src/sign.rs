//! Ed25519 (RFC 8032) with a type in every signature and strict verification.
//!
//! What is signed is always `label("sig/" + type) || message`: a signature over one type of message is never one over
//! another. Weak (small-order) and non-canonical public keys are refused when they are read.

use core::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::error::Error;
use crate::label::labelled;
use crate::secret::Secret;

/// An Ed25519 private key; wiped when dropped.
pub struct SignKey(Box<SigningKey>);

impl SignKey {
    /// Makes the key from its RFC 8032 seed.
    #[must_use]
    pub fn from_seed(seed: Secret<32>) -> Self {
        Self(Box::new(SigningKey::from_bytes(seed.expose())))
    }

    /// The seed itself, where it lies: for keeping its memory out of the swap file and nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> VerifyKey {
        VerifyKey(self.0.verifying_key())
    }

    /// Signs a message of a type. The caller built the message from what it knows; nothing received is signed as it came.
    #[must_use]
    pub fn sign(&self, typ: &str, message: &[u8]) -> [u8; 64] {
        self.0.sign(&typed(typ, message)).to_bytes()
    }

    /// Signs the text of a note (C2SP signed-note), a form with types of its own. Only for a key that signs nothing else.
    #[must_use]
    pub fn sign_note(&self, text: &[u8]) -> [u8; 64] {
        self.0.sign(text).to_bytes()
    }
}

/// An Ed25519 public key that has been checked: on the curve, canonical, not of small order.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyKey(VerifyingKey);

impl VerifyKey {
    /// Reads the 32 bytes of a public key.
    ///
    /// # Errors
    /// [`Error::Key`] when they are not the one canonical encoding of a point that can carry signatures.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| Error::Key("an Ed25519 key is 32 bytes"))?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| Error::Key("not a point of Ed25519"))?;
        if key.is_weak() {
            return Err(Error::Key("an Ed25519 point of small order"));
        }
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(Error::Key("not the canonical encoding of an Ed25519 point"));
        }
        Ok(Self(key))
    }

    /// The key as 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Verifies a signature over a message of a type (`verify_strict`: no malleable forms).
    ///
    /// # Errors
    /// [`Error::Signature`] for every reason alike.
    pub fn verify(&self, typ: &str, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.verify_bare(&typed(typ, message), signature)
    }

    /// Verifies a signature over the text of a note (C2SP signed-note).
    ///
    /// # Errors
    /// [`Error::Signature`] for every reason alike.
    pub fn verify_note(&self, text: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.verify_bare(text, signature)
    }

    /// Verification without a type of ours.
    pub(crate) fn verify_bare(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        let signature = Signature::from_slice(signature).map_err(|_| Error::Signature)?;
        self.0.verify_strict(message, &signature).map_err(|_| Error::Signature)
    }
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerifyKey(")?;
        for byte in self.as_bytes() {
            write!(formatter, "{byte:02x}")?;
        }
        formatter.write_str(")")
    }
}

fn typed(typ: &str, message: &[u8]) -> Vec<u8> {
    labelled(&format!("sig/{typ}"), &[message])
}
