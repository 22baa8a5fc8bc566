//! Runs: what a member orders, what a node is given for it, and what it says of it. `docs/spec/nodes.md`.

mod capsule;
mod card;
mod result;
mod spec;
mod stream;

pub use capsule::{Capsule, FileGrant, Grant, OutputKey, Place, SecretGrant};
pub use card::{CARD, Card, Feature};
pub use result::{End, Made, MadeManifest, RunResult, SignedResult, StreamEnd};
pub use spec::{
    Granted, Limits, NamedInput, Output, OutputKind, Parameter, RunSpec, SecretEnv, SecretUse, WorkflowStep,
};
pub use stream::{Attempt, LogLine, LogSource, MetricPoint, STREAMS, Stream, StreamHash, open_box, seal_box};

use holdfast_crypto::{Key32, hkdf_expand, labelled, sha256};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::cbor;
use crate::id::{Hash, ItemId, SpaceId, VersionId};
use crate::item::Item;
use crate::secretvalue::KeyField;

/// The version of the formats of specs and results.
pub const FORMAT: u32 = 1;

/// The sealed part of an entry that orders a run.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RunBody {
    #[n(1)]
    spec: ByteVec,
    /// The run's key: from it come the keys of its streams, result and outputs.
    #[n(2)]
    pub key: KeyField,
}

impl RunBody {
    /// The sealed part for this spec.
    #[must_use]
    pub fn new(spec: &RunSpec, key: KeyField) -> Self {
        Self {
            spec: cbor::encode(spec).into(),
            key,
        }
    }

    /// The spec and its hash.
    ///
    /// # Errors
    /// [`cbor::Malformed`].
    pub fn spec(&self) -> Result<(RunSpec, Hash), cbor::Malformed> {
        Ok((RunSpec::from_bytes(&self.spec)?, Hash::of(&self.spec)))
    }
}

/// The sealed part of an entry that takes a run over.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AdoptBody {
    /// The signed result as the node sent it.
    #[n(1)]
    pub result: ByteVec,
    /// The items that hold the outputs, as they are from now on.
    #[n(2)]
    pub put: Vec<Item>,
}

/// The key of a run's result.
#[must_use]
pub fn result_key(run: &Key32) -> Key32 {
    hkdf_expand(run, &labelled("run-result", &[]))
}

/// The key of one of a run's streams.
#[must_use]
pub fn stream_key(run: &Key32, stream: Stream) -> Key32 {
    hkdf_expand(run, &labelled("run-stream", &[stream.name().as_bytes()]))
}

/// The manifest key of one of a run's outputs.
#[must_use]
pub fn output_key(run: &Key32, version: VersionId) -> Key32 {
    hkdf_expand(run, &labelled("run-output", &[version.as_bytes()]))
}

/// The key of chunk ids of an item that is new with this run.
#[must_use]
pub fn item_key(run: &Key32, item: ItemId) -> Key32 {
    hkdf_expand(run, &labelled("run-item", &[item.as_bytes()]))
}

/// The item that holds what a task makes under one name, by convention of the clients.
#[must_use]
pub fn output_item(space: SpaceId, task: ItemId, kind: OutputKind, name: &str) -> ItemId {
    let kind = [kind as u8];
    let label = labelled("run-item", &[space.as_bytes(), task.as_bytes(), &kind, name.as_bytes()]);
    let digest = sha256(&[&label]);
    let mut id = [0; ItemId::LEN];
    id.copy_from_slice(&digest[..ItemId::LEN]);
    ItemId(id)
}
