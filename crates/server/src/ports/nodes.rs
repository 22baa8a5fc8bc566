//! Nodes: how they come in, where they stand, how they end.

use async_trait::async_trait;
use holdfast_protocol::entry::NodeScope;
use holdfast_protocol::id::{DeviceId, Hash, PrincipalId, SpaceId};
use holdfast_protocol::wire::{NodeRow, SpaceHead};

use super::{ChangedRun, NewBundle, Result};

/// A node to register.
#[derive(Debug, Clone)]
pub struct NewNode {
    /// Which.
    pub principal: PrincipalId,
    /// Unique, among people's as well.
    pub handle: String,
    /// The first bundle.
    pub bundle: NewBundle,
    /// SHA-256 of the token that lets it in.
    pub token: Hash,
    /// Now.
    pub now_ms: u64,
}

/// A node's standing in a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeStanding {
    /// Does work there.
    Active(NodeScope),
    /// Did, and reads up to this entry.
    Ended(u64),
}

/// What ended with a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndedNode {
    /// Its devices.
    pub devices: Vec<DeviceId>,
    /// Its runs that were waiting or under way.
    pub runs: Vec<ChangedRun>,
}

/// Nodes, and where they stand.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Stores a token for one node. [`super::StoreError::Quota`] when the person has `at_most` that are open.
    async fn create_node_token(
        &self,
        by: PrincipalId,
        token: Hash,
        expires_ms: u64,
        at_most: u32,
        now_ms: u64,
    ) -> Result<()>;
    /// Registers a node and spends its token; says whether it is new, or this very one was registered with this very token.
    /// [`super::StoreError::Missing`] for a token that is unknown, over or spent; [`super::StoreError::Exists`] when the
    /// handle or id is taken.
    async fn enrol_node(&self, node: NewNode) -> Result<bool>;
    /// Nodes that this person enrolled, and those of the person's spaces; none that was ended.
    async fn nodes(&self, person: PrincipalId, now_ms: u64) -> Result<Vec<NodeRow>>;
    /// Keeps what a node says about its computer.
    async fn set_card(&self, node: PrincipalId, card: &[u8]) -> Result<()>;
    /// Ends a node: its devices, its leases, what waits for it. [`super::StoreError::Missing`] when this person did not enrol
    /// it, or it was ended before.
    async fn end_node(&self, by: PrincipalId, node: PrincipalId, now_ms: u64) -> Result<EndedNode>;
    /// A node's standing in a space. One whose time is over has ended, at the entry that was the last one then.
    async fn node_standing(&self, space: SpaceId, node: PrincipalId, now_ms: u64) -> Result<Option<NodeStanding>>;
    /// Where all spaces stand that a node does work for.
    async fn node_heads(&self, node: PrincipalId, now_ms: u64) -> Result<Vec<SpaceHead>>;
}
