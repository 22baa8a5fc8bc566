//! A run's spec: everything that decides what is executed, in one signed-for message.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};

use super::FORMAT;
use crate::cbor::{self, Malformed};
use crate::id::{Hash, ItemId, RunId, SpaceId, VersionId};
use crate::item::ItemKind;
use crate::limits;

/// A version of an item that a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Granted {
    /// The item.
    #[n(1)]
    pub item: ItemId,
    /// The version.
    #[n(2)]
    pub version: VersionId,
    /// Hash of its sealed manifest, which names every chunk: the bytes are fixed.
    #[n(3)]
    pub manifest: Hash,
}

/// A parameter with its value in the one way to write it (`docs/spec/task.md`).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Parameter {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its value.
    #[n(1)]
    pub value: String,
}

/// An input under the name by which the task knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NamedInput {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// What it is.
    #[n(1)]
    pub granted: Granted,
}

/// An environment variable that a task asks for by name, and the field of the secret that goes into it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SecretEnv {
    /// The variable.
    #[n(0)]
    pub variable: String,
    /// The secret's field.
    #[n(1)]
    pub field: String,
}

/// A secret that a task may use.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretUse {
    /// The name by which the task knows it.
    #[n(1)]
    pub name: String,
    /// The secret.
    #[n(2)]
    pub item: ItemId,
    /// Its version.
    #[n(3)]
    pub version: VersionId,
    /// Where it goes besides its files, if the task asks for that.
    #[n(4)]
    pub env: Vec<SecretEnv>,
}

/// What an output becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum OutputKind {
    /// A model.
    #[n(2)]
    Model = 2,
    /// An artifact.
    #[n(5)]
    Artifact = 5,
}

impl OutputKind {
    /// The kind of item.
    #[must_use]
    pub fn item_kind(self) -> ItemKind {
        match self {
            Self::Model => ItemKind::Model,
            Self::Artifact => ItemKind::Artifact,
        }
    }
}

/// Something that a run makes, and the place in the space that is kept for it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Output {
    /// Its name.
    #[n(1)]
    pub name: String,
    /// What it becomes.
    #[n(2)]
    pub kind: OutputKind,
    /// Where the task leaves it, under its folder for outputs.
    #[n(3)]
    pub path: String,
    /// The item it becomes a version of.
    #[n(4)]
    pub item: ItemId,
    /// That version.
    #[n(5)]
    pub version: VersionId,
}

/// What a run may take at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Limits {
    /// Seconds from its start.
    #[n(1)]
    pub seconds: u64,
    /// Bytes of memory of all its processes together.
    #[n(2)]
    pub memory: u64,
    /// Thousandths of a CPU.
    #[n(3)]
    pub milli_cpus: u64,
    /// Processes and threads.
    #[n(4)]
    pub processes: u64,
    /// Bytes it may write.
    #[n(5)]
    pub disk: u64,
    /// Bytes of what it prints that are kept.
    #[n(6)]
    pub log: u64,
}

/// The workflow that a run is part of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WorkflowStep {
    /// Which workflow.
    #[n(0)]
    pub workflow: RunId,
    /// Which step of it.
    #[n(1)]
    pub step: String,
}

/// Everything that decides what a node executes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RunSpec {
    /// [`crate::run::FORMAT`].
    #[n(1)]
    pub format: u32,
    /// The space.
    #[n(2)]
    pub space: SpaceId,
    /// The run.
    #[n(3)]
    pub run: RunId,
    /// Fingerprint of the node.
    #[n(4)]
    pub node: Hash,
    /// The task.
    #[n(5)]
    pub task: Granted,
    /// `python`, `shell`, `r`, `notebook` or `container`.
    #[n(6)]
    pub runtime: String,
    /// What is started, a path within the task.
    #[n(7)]
    pub entry: String,
    /// Container image with its digest.
    #[n(8)]
    pub image: Option<String>,
    /// Parameters.
    #[n(9)]
    pub parameters: Vec<Parameter>,
    /// Inputs.
    #[n(10)]
    pub inputs: Vec<NamedInput>,
    /// Secrets.
    #[n(11)]
    pub secrets: Vec<SecretUse>,
    /// Outputs.
    #[n(12)]
    pub outputs: Vec<Output>,
    /// What it may take.
    #[n(13)]
    pub limits: Limits,
    /// Hosts it may reach, `host:port`; none: no network at all.
    #[n(14)]
    pub hosts: Vec<String>,
    /// When it may no longer begin or go on, in milliseconds since 1970-01-01 UTC.
    #[n(15)]
    pub until_ms: u64,
    /// How often it may be begun.
    #[n(16)]
    pub attempts: u32,
    /// The workflow it is part of.
    #[n(17)]
    pub workflow: Option<WorkflowStep>,
}

impl RunSpec {
    /// Reads a spec.
    ///
    /// # Errors
    /// [`Malformed`], also for names that come twice, and for outputs that could never be adopted together: the same version, or
    /// one item of two kinds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let spec: Self = cbor::decode(bytes, limits::RUN_SPEC)?;
        let unique = is_a_set(spec.parameters.iter().map(|parameter| &parameter.name))
            && is_a_set(spec.inputs.iter().map(|input| &input.name))
            && is_a_set(spec.secrets.iter().map(|secret| &secret.name))
            && is_a_set(spec.outputs.iter().map(|output| &output.name))
            && is_a_set(spec.outputs.iter().map(|output| output.version));
        let mut kinds = BTreeMap::new();
        let one_kind = spec
            .outputs
            .iter()
            .all(|output| *kinds.entry(output.item).or_insert(output.kind) == output.kind);
        if spec.format == FORMAT && unique && one_kind {
            Ok(spec)
        } else {
            Err(Malformed)
        }
    }

    /// How entries and results name it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&cbor::encode(self))
    }
}

fn is_a_set<T: Ord>(names: impl IntoIterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    names.into_iter().all(|name| seen.insert(name))
}
