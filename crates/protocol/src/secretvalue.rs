//! Keys and secret text inside messages: shared, never copied, wiped when the last holder lets go.

use std::sync::Arc;

use holdfast_crypto::Key32;
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

/// A 256-bit key as a field of a sealed message. Cloning shares the one copy.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyField(Arc<Key32>);

impl KeyField {
    /// Wraps a key as a field.
    #[must_use]
    pub fn new(key: Key32) -> Self {
        Self(Arc::new(key))
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Key32 {
        &self.0
    }
}

impl<C> Encode<C> for KeyField {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.bytes(self.0.expose())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for KeyField {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Key32::from_slice(d.bytes()?)
            .map(Self::new)
            .ok_or_else(|| DecodeError::message("a key of the wrong length"))
    }
}

/// Text that only its owner may see: a password, a token. Cloning shares the one copy.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Arc<Zeroizing<String>>);

impl SecretText {
    /// Takes text over.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(Arc::new(text))
    }

    /// The text itself. Search for this word in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<C> Encode<C> for SecretText {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SecretText {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
        Ok(Self::new(Zeroizing::new(d.str()?.to_owned())))
    }
}
