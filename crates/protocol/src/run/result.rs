//! A run's result: what the node says at the end, signed, so that nobody else can say it.

use std::collections::BTreeSet;

use holdfast_crypto::{Error, Key32, SignKey, VerifyKey, open, seal};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::FORMAT;
use super::stream::{Attempt, Stream};
use crate::cbor::{self, Malformed};
use crate::context;
use crate::entry::PackSize;
use crate::id::{Hash, ItemId, PackId, RunId, SpaceId, VersionId};
use crate::limits;

/// The signature domain of results.
const SIGNED_AS: &str = "result";

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The task ended by itself and said that all is well.
    #[n(0)]
    Succeeded,
    /// It ended by itself and said that it is not, or its outputs could not be taken.
    #[n(1)]
    Failed,
    /// Somebody stopped it.
    #[n(2)]
    Stopped,
    /// It took more than it may.
    #[n(3)]
    OverLimit,
    /// The node could not go on; it may be begun again.
    #[n(4)]
    BrokenOff,
}

/// Where an output's manifest lies, without its key: that comes from the run's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MadeManifest {
    /// The pack.
    #[n(1)]
    pub pack: PackId,
    /// First byte.
    #[n(2)]
    pub offset: u64,
    /// Sealed bytes.
    #[n(3)]
    pub length: u64,
    /// SHA-256 of the sealed bytes.
    #[n(4)]
    pub hash: Hash,
}

/// An output.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Made {
    /// Its name in the spec.
    #[n(1)]
    pub name: String,
    /// The item it goes into.
    #[n(2)]
    pub item: ItemId,
    /// The version it becomes.
    #[n(3)]
    pub version: VersionId,
    /// Its manifest.
    #[n(4)]
    pub manifest: MadeManifest,
    /// How many files.
    #[n(5)]
    pub files: u64,
    /// Their plaintext bytes.
    #[n(6)]
    pub bytes: u64,
    /// The packs it lies in.
    #[n(7)]
    pub packs: Vec<PackSize>,
}

/// How long a stream became.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct StreamEnd {
    /// Its name.
    #[n(0)]
    pub stream: String,
    /// How many boxes.
    #[n(1)]
    pub boxes: u64,
    /// The running hash after the last.
    #[n(2)]
    pub hash: Hash,
}

/// What a node says about an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RunResult {
    /// [`crate::run::FORMAT`].
    #[n(1)]
    pub format: u32,
    /// The space.
    #[n(2)]
    pub space: SpaceId,
    /// The run.
    #[n(3)]
    pub run: RunId,
    /// Which attempt, from 1.
    #[n(4)]
    pub attempt: u32,
    /// Hash of the spec.
    #[n(5)]
    pub spec: Hash,
    /// Hashes of the inputs' sealed manifests, in the spec's order.
    #[n(6)]
    pub inputs: Vec<Hash>,
    /// Outputs.
    #[n(7)]
    pub made: Vec<Made>,
    /// How long the streams became.
    #[n(8)]
    pub streams: Vec<StreamEnd>,
    /// How it ended.
    #[n(9)]
    pub end: End,
    /// The task's exit code, if it ended by itself.
    #[n(10)]
    pub exit_code: Option<i32>,
    /// Milliseconds since 1970-01-01 UTC, by the node's clock.
    #[n(11)]
    pub started_ms: u64,
    /// Milliseconds since 1970-01-01 UTC, by the node's clock.
    #[n(12)]
    pub ended_ms: u64,
    /// One sentence for people.
    #[n(13)]
    pub sentence: String,
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    result: ByteVec,
    #[n(1)]
    signature: ByteVec,
}

/// A result with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedResult {
    /// What it says. Parsed, not yet verified.
    pub result: RunResult,
    bytes: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl RunResult {
    /// Signs the result with the node's key.
    #[must_use]
    pub fn sign(self, key: &SignKey) -> SignedResult {
        let message = cbor::encode(&self);
        let signature = key.sign(SIGNED_AS, &message).to_vec();
        let bytes = cbor::encode(&Signed {
            result: message.clone().into(),
            signature: signature.clone().into(),
        });
        SignedResult {
            result: self,
            bytes,
            message,
            signature,
        }
    }
}

impl SignedResult {
    /// Reads a signed result.
    ///
    /// # Errors
    /// [`Malformed`], also for a stream that there is not, or that comes twice.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let signed: Signed = cbor::decode(bytes, limits::RUN_RESULT)?;
        let result: RunResult = cbor::decode(&signed.result, limits::RUN_RESULT)?;
        let mut streams = BTreeSet::new();
        let each_once = result
            .streams
            .iter()
            .all(|end| Stream::named(&end.stream).is_some_and(|stream| streams.insert(stream)));
        if result.format != FORMAT || result.sentence.len() > limits::RESULT_SENTENCE || !each_once {
            return Err(Malformed);
        }
        Ok(Self {
            result,
            bytes: bytes.to_vec(),
            message: signed.result.to_vec(),
            signature: signed.signature.to_vec(),
        })
    }

    /// The bytes that are sealed and adopted.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the signature is this node's.
    #[must_use]
    pub fn verifies(&self, node: &VerifyKey) -> bool {
        node.verify(SIGNED_AS, &self.message, &self.signature).is_ok()
    }

    /// Seals the result for those who can read the run.
    pub fn seal(&self, result_key: &Key32, rng: &mut dyn CryptoRng) -> Vec<u8> {
        let RunResult {
            space, run, attempt, ..
        } = self.result;
        let place = context::run_result(space, run, attempt);
        seal(result_key, &place, &Zeroizing::new(self.bytes.clone()), rng)
    }

    /// Opens a sealed result of this attempt. The signature is still to be verified.
    ///
    /// # Errors
    /// The one opaque open error, also when there is no result in it.
    pub fn open(sealed: &[u8], result_key: &Key32, of: Attempt) -> Result<Self, Error> {
        let plain = open(result_key, &context::run_result(of.space, of.run, of.attempt), sealed)?;
        Self::from_bytes(&plain).map_err(|_| Error::Open)
    }
}
