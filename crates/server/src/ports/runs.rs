//! The queue of runs: what waits for which node, who has the lease, what was said.

use async_trait::async_trait;
use holdfast_protocol::entry::NodeScope;
use holdfast_protocol::id::{Hash, PrincipalId, RunId, SpaceId};
use holdfast_protocol::run::Stream;
use holdfast_protocol::wire::{Lease, RunAttempt, RunResult, RunRow, RunState};

use super::Result;

/// What an entry does to nodes and runs, in the transaction that appends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkChange {
    /// A node may do work, until then.
    Authorise {
        /// Which.
        node: PrincipalId,
        /// What it is given.
        scope: NodeScope,
        /// When that ends.
        until_ms: u64,
    },
    /// A node may not any more: its leases end, and what waits for it is withdrawn.
    WithdrawNode(PrincipalId),
    /// A run is ordered. [`super::StoreError::Missing`] when its capsule is not here.
    Order {
        /// Which.
        run: RunId,
        /// For which node.
        node: PrincipalId,
        /// Hash of its capsule.
        capsule: Option<Hash>,
        /// When it may no longer begin.
        until_ms: u64,
        /// How often it may be begun.
        attempts: u32,
    },
    /// A run is taken back.
    WithdrawRun(RunId),
    /// A run's result is taken over.
    Adopt(RunId),
}

/// A run that has another state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedRun {
    /// Its space.
    pub space: SpaceId,
    /// The run.
    pub run: RunId,
    /// Its node.
    pub node: PrincipalId,
    /// Where it stands now.
    pub state: RunState,
}

/// A capsule to keep until an entry names it.
#[derive(Debug, Clone)]
pub struct NewCapsule {
    /// The run's space.
    pub space: SpaceId,
    /// The run.
    pub run: RunId,
    /// Who made it.
    pub author: PrincipalId,
    /// Its hash.
    pub hash: Hash,
    /// Its bytes.
    pub sealed: Vec<u8>,
    /// [`super::StoreError::Quota`] when the space would hold more.
    pub quota_bytes: u64,
    /// Now.
    pub now_ms: u64,
}

/// An attempt of a run, as its node names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempted {
    /// The node.
    pub node: PrincipalId,
    /// The run's space.
    pub space: SpaceId,
    /// The run.
    pub run: RunId,
    /// Which attempt.
    pub attempt: u32,
    /// Now.
    pub now_ms: u64,
}

/// A box of a stream to append.
#[derive(Debug, Clone)]
pub struct NewBox {
    /// Of what.
    pub of: Attempted,
    /// Which stream.
    pub stream: Stream,
    /// Its number.
    pub n: u64,
    /// Its bytes.
    pub sealed: Vec<u8>,
    /// [`super::StoreError::Quota`] when the space would hold more.
    pub quota_bytes: u64,
}

/// A result to keep.
#[derive(Debug, Clone)]
pub struct NewResult {
    /// Of what.
    pub of: Attempted,
    /// Its bytes.
    pub sealed: Vec<u8>,
    /// The attempt was broken off: the run is queued again while it has attempts left.
    pub broken_off: bool,
    /// Until when packs stay that the result may name.
    pub hold_until_ms: u64,
}

/// What a heartbeat did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// What the node has to stop.
    pub stop: Vec<RunAttempt>,
    /// Runs whose lease had run out and that go on.
    pub revived: Vec<ChangedRun>,
}

/// Boxes of a stream that somebody wants to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedBoxes {
    /// The run's space.
    pub space: SpaceId,
    /// The run.
    pub run: RunId,
    /// Which attempt.
    pub attempt: u32,
    /// Which stream.
    pub stream: Stream,
    /// Number of the first one.
    pub from: u64,
    /// How many at most.
    pub limit: usize,
    /// How many bytes of them at most, but for the first.
    pub bytes: usize,
}

/// Boxes of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredBoxes {
    /// In order, from the number that was asked for.
    pub boxes: Vec<Vec<u8>>,
    /// Whether no more is to be expected after all that are stored.
    pub over: bool,
    /// How many are stored.
    pub stored: u64,
}

/// Runs, their capsules, streams and results.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Keeps a capsule in the place of the one that the same author left for the same run. [`super::StoreError::Conflict`]
    /// when an entry names another one.
    async fn put_capsule(&self, capsule: NewCapsule) -> Result<()>;
    /// The capsule of a run that the node has leased in this moment; the node was heard of.
    async fn capsule(&self, space: SpaceId, run: RunId, node: PrincipalId, now_ms: u64) -> Result<Option<Vec<u8>>>;
    /// Whether the node has a lease in the space in this moment.
    async fn has_lease(&self, space: SpaceId, node: PrincipalId, now_ms: u64) -> Result<bool>;
    /// Leases a run to its node, to one asker alone: the oldest of that one of the node's spaces which waited longest.
    async fn lease(&self, node: PrincipalId, until_ms: u64, now_ms: u64) -> Result<Option<Lease>>;
    /// Keeps leases until `until_ms`. A lease that ran out is one again when nothing came of its attempt and no later one began.
    async fn heartbeat(&self, node: PrincipalId, runs: &[RunAttempt], until_ms: u64, now_ms: u64) -> Result<Beat>;
    /// Does what is due: leases that ran out, runs that did not begin in time, nodes whose time is over.
    async fn settle(&self, now_ms: u64) -> Result<Vec<ChangedRun>>;

    /// At most `limit` runs, newest first, of those before entry `before`.
    async fn runs(&self, space: SpaceId, before: u64, limit: usize) -> Result<Vec<RunRow>>;
    /// A run.
    async fn run(&self, space: SpaceId, run: RunId) -> Result<Option<RunRow>>;
    /// Notes why a node does not begin. [`super::StoreError::Missing`] for no such run of this node,
    /// [`super::StoreError::Conflict`] when the attempt is not under way. The very same again changes nothing.
    async fn refuse_run(&self, of: Attempted, code: &str) -> Result<Option<ChangedRun>>;
    /// Appends a box. [`super::StoreError::Conflict`] when it is not the next one, or nothing more may come. The very same
    /// again changes nothing.
    async fn put_box(&self, new: NewBox) -> Result<()>;
    /// At most `limit` boxes, and `bytes` in them unless the first alone is more. `None` for an attempt that never began.
    async fn boxes(&self, asked: AskedBoxes) -> Result<Option<StoredBoxes>>;
    /// Keeps a result. Errors as [`Self::put_box`].
    async fn put_result(&self, new: NewResult) -> Result<Option<ChangedRun>>;
    /// The newest attempt's result.
    async fn result(&self, space: SpaceId, run: RunId) -> Result<Option<RunResult>>;
    /// Forgets capsules stored before this time whose run neither waits nor runs, and tokens of nodes that are over.
    async fn sweep_runs(&self, capsules_before_ms: u64, now_ms: u64) -> Result<()>;
    /// Forgets what was said of runs that were over before this time: their boxes, and their results unless somebody may still
    /// adopt them.
    async fn sweep_said(&self, over_before_ms: u64) -> Result<()>;
}
