//! A node's card: what it says about its computer, signed, so that a server can't say it.

use holdfast_crypto::{SignKey, VerifyKey};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::FORMAT;
use crate::cbor::{self, Malformed};
use crate::id::PrincipalId;

/// The signature domain of cards.
const SIGNED_AS: &str = "card";
/// A signed card, in bytes.
pub const CARD: usize = 4_096;

/// Something that a node has or has not: a runtime, a limit, a wall.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
pub struct Feature {
    /// What.
    #[n(0)]
    pub name: String,
    /// Whether it is there.
    #[n(1)]
    pub there: bool,
    /// Where or how; or why not.
    #[n(2)]
    pub how: String,
}

/// What a node says about its computer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Card {
    /// [`crate::run::FORMAT`].
    #[n(1)]
    pub format: u32,
    /// The node.
    #[n(2)]
    pub node: PrincipalId,
    /// Milliseconds since 1970-01-01 UTC, by the node's clock.
    #[n(3)]
    pub time_ms: u64,
    /// Version of its program.
    #[n(4)]
    pub version: String,
    /// Its operating system, with the kind of processor.
    #[n(5)]
    pub system: String,
    /// Processors.
    #[n(6)]
    pub cpus: u32,
    /// Bytes of memory.
    #[n(7)]
    pub memory: u64,
    /// Graphics processors, by name.
    #[n(8)]
    pub gpus: Vec<String>,
    /// What carries tasks out.
    #[n(9)]
    pub executor: String,
    /// Runs at the same time.
    #[n(10)]
    pub slots: u32,
    /// What it can start.
    #[n(11)]
    pub runtimes: Vec<Feature>,
    /// What holds each limit.
    #[n(12)]
    pub limits: Vec<Feature>,
    /// Handles of the people whose authorisations it follows.
    #[n(13)]
    pub operators: Vec<String>,
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    card: ByteVec,
    #[n(1)]
    signature: ByteVec,
}

impl Card {
    /// Signs the card with the node's key.
    #[must_use]
    pub fn sign(&self, key: &SignKey) -> Vec<u8> {
        let card = cbor::encode(self);
        let signature = key.sign(SIGNED_AS, &card).to_vec();
        cbor::encode(&Signed {
            card: card.into(),
            signature: signature.into(),
        })
    }

    /// Reads a card that this node signed.
    ///
    /// # Errors
    /// [`Malformed`], whatever was wrong.
    pub fn verified(bytes: &[u8], node: PrincipalId, key: &VerifyKey) -> Result<Self, Malformed> {
        let signed: Signed = cbor::decode(bytes, CARD)?;
        let card: Self = cbor::decode(&signed.card, CARD)?;
        let good = key.verify(SIGNED_AS, &signed.card, &signed.signature).is_ok();
        if good && card.node == node && card.format == FORMAT {
            Ok(card)
        } else {
            Err(Malformed)
        }
    }
}
