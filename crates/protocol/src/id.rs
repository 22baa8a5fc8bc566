//! Identifiers: fixed-length byte strings with their own types, written as lowercase hex wherever people or JSON see them.

use std::fmt;
use std::str::FromStr;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

/// The text is not the hex form of such an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Bytes in this identifier.
            pub const LEN: usize = $len;

            /// Draws a random identifier.
            pub fn random(rng: &mut dyn CryptoRng) -> Self {
                let mut bytes = [0; $len];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// Reads an identifier from exactly its length in bytes.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The identifier's bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let bytes = hex::decode(text).map_err(|_| NotAnId)?;
                if text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(NotAnId);
                }
                Self::from_slice(&bytes).ok_or(NotAnId)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, DecodeError> {
                Self::from_slice(d.bytes()?).ok_or_else(|| DecodeError::message("wrong length of an identifier"))
            }
        }
    };
}

id!(
    /// A SHA-256 digest: of an entry, a bundle, a sealed manifest.
    Hash, 32
);
id!(
    /// A space: the hash of its genesis core, so that the server can't substitute one for another.
    SpaceId, 32
);
id!(
    /// A user or a node: drawn at random on its own computer.
    PrincipalId, 16
);
id!(
    /// An item of a space (dataset, model, task, artifact, secret, note …).
    ItemId, 16
);
id!(
    /// One version of an item.
    VersionId, 16
);
id!(
    /// A pack of boxes on the server.
    PackId, 16
);
id!(
    /// A chunk: BLAKE3 of its plaintext, keyed with the item's own random key. Never sent to the server.
    ChunkId, 32
);
id!(
    /// Where the server keeps a recovery box.
    Locator, 16
);
id!(
    /// An invitation for somebody who has no account yet.
    InvitationId, 16
);
id!(
    /// A signed-in device, as the server lists it.
    DeviceId, 16
);
id!(
    /// A run of a task on a node; also a workflow, which is many of them.
    RunId, 16
);

impl Hash {
    /// Thirty-two zero bytes: "nothing before this".
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(holdfast_crypto::sha256(&[bytes]))
    }
}
