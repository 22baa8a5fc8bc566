//! Nodes: how they come in and end, and what standing they have in a space.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::entry::{NodeScope, Op, Role, SignedEntry};
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::wire::{EnrolNode, NodeCard, NodeRow, NodeToken};

use super::accounts::{first_bundle, new_bundle};
use super::buckets::Limit;
use super::{Failure, Peer, Rules, random};
use crate::limits::SMALL_BOX;
use crate::ports::{Membership, NewNode, NodeStanding, Session, StoreError, WorkChange};

/// How long a token for a node is good.
const TOKEN_MS: u64 = 24 * 60 * 60 * 1000;
/// Open tokens of one account.
const OPEN: u32 = 20;

/// What somebody is to a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A member, with this role.
    Member(Role),
    /// A node that does work there.
    Node(NodeScope),
    /// A member or a node until this entry.
    Former(u64),
}

impl Rules {
    /// Draws a token that lets one node register.
    ///
    /// # Errors
    /// [`Failure::RateLimited`], or [`Failure::Refused`] when too many are open.
    pub async fn draw_node_token(&self, caller: Session) -> Result<NodeToken, Failure> {
        let now_ms = self.now_ms();
        self.limiter
            .take(Limit::NodeToken, caller.principal.as_bytes(), now_ms)?;
        let token = format!("hfn_{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
        let expires_ms = now_ms + TOKEN_MS;
        self.database
            .create_node_token(caller.principal, Hash::of(token.as_bytes()), expires_ms, OPEN, now_ms)
            .await
            .map_err(|error| match error {
                StoreError::Quota => Failure::Refused("too many open tokens for nodes"),
                other => other.into(),
            })?;
        Ok(NodeToken { token, expires_ms })
    }

    /// Registers a node. Says whether it is new; the very same request again is no error.
    ///
    /// # Errors
    /// [`Failure::SignedOut`] for a token that is not good, [`Failure::AlreadyExists`] for a handle or id that is taken,
    /// [`Failure::Refused`] for a bundle that is not a node's first one, [`Failure::RateLimited`].
    pub async fn enrol_node(&self, request: EnrolNode, peer: Peer) -> Result<bool, Failure> {
        let now_ms = self.now_ms();
        self.limiter.take_address(Limit::Enrol, peer.remote, now_ms)?;
        let bundle = first_bundle(&request.bundle.0, PrincipalKind::Node)?;
        let node = NewNode {
            principal: bundle.bundle.principal,
            handle: bundle.bundle.handle.clone(),
            bundle: new_bundle(&bundle, &request.bundle.0),
            token: Hash::of(request.token.as_bytes()),
            now_ms,
        };
        self.database.enrol_node(node).await.map_err(|error| match error {
            StoreError::Missing => Failure::SignedOut,
            StoreError::Exists => Failure::AlreadyExists("the handle is taken"),
            other => other.into(),
        })
    }

    /// Counts a request of a node about its runs.
    ///
    /// # Errors
    /// [`Failure::RateLimited`].
    pub(crate) fn pace_node(&self, caller: Session) -> Result<(), Failure> {
        let now_ms = self.now_ms();
        self.limiter.take(Limit::Node, caller.principal.as_bytes(), now_ms)
    }

    /// Nodes that the caller enrolled, and those of the caller's projects.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn nodes(&self, caller: Session) -> Result<Vec<NodeRow>, Failure> {
        Ok(self.database.nodes(caller.principal, self.now_ms()).await?)
    }

    /// Keeps what a node says about its computer.
    ///
    /// # Errors
    /// [`Failure::Refused`] for what is too large.
    pub async fn set_card(&self, caller: Session, card: &NodeCard) -> Result<(), Failure> {
        if card.card.0.is_empty() || card.card.0.len() > SMALL_BOX {
            return Err(Failure::Refused("the card is of an impossible size"));
        }
        Ok(self.database.set_card(caller.principal, &card.card.0).await?)
    }

    /// Ends a node that the caller enrolled.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when the caller did not, or it was ended before.
    pub async fn end_node(&self, caller: Session, node: PrincipalId) -> Result<(), Failure> {
        let ended = self.database.end_node(caller.principal, node, self.now_ms()).await?;
        for device in ended.devices {
            self.events.device_ended(device);
        }
        self.tell(&ended.runs).await;
        Ok(())
    }

    /// What the caller is to a space.
    pub(super) async fn standing(&self, caller: Session, space: SpaceId) -> Result<Standing, Failure> {
        let standing = match caller.kind {
            PrincipalKind::User => {
                let membership = self.database.membership(space, caller.principal).await?;
                membership.map(|membership| match membership {
                    Membership::Member(role) => Standing::Member(role),
                    Membership::Former(last) => Standing::Former(last),
                })
            }
            PrincipalKind::Node => {
                let standing = self
                    .database
                    .node_standing(space, caller.principal, self.now_ms())
                    .await?;
                standing.map(|standing| match standing {
                    NodeStanding::Active(scope) => Standing::Node(scope),
                    NodeStanding::Ended(last) => Standing::Former(last),
                })
            }
        };
        standing.ok_or(Failure::NotFound)
    }

    /// What a member may do in a space now.
    pub(super) async fn role(&self, caller: Session, space: SpaceId) -> Result<Role, Failure> {
        match self.standing(caller, space).await? {
            Standing::Member(role) => Ok(role),
            Standing::Node(_) | Standing::Former(_) => Err(Failure::NotFound),
        }
    }

    /// Whether the caller reads packs of a space now: a member, a node with a lease there, or one with the whole project.
    pub(super) async fn may_read_packs(&self, caller: Session, space: SpaceId) -> Result<(), Failure> {
        match self.standing(caller, space).await? {
            Standing::Member(_) | Standing::Node(NodeScope::Project) => Ok(()),
            Standing::Node(NodeScope::Runs) => self.has_lease(caller, space).await,
            Standing::Former(_) => Err(Failure::NotFound),
        }
    }

    /// Whether the caller brings packs here now: a contributor, or a node with a lease there. `None`: a node.
    pub(super) async fn may_write_packs(&self, caller: Session, space: SpaceId) -> Result<Option<Role>, Failure> {
        match self.standing(caller, space).await? {
            Standing::Member(Role::Reader) => Err(Failure::NotAllowed("your role does not allow this")),
            Standing::Member(role) => Ok(Some(role)),
            Standing::Node(_) => self.has_lease(caller, space).await.map(|()| None),
            Standing::Former(_) => Err(Failure::NotFound),
        }
    }

    async fn has_lease(&self, caller: Session, space: SpaceId) -> Result<(), Failure> {
        let has = self.database.has_lease(space, caller.principal, self.now_ms()).await?;
        if has { Ok(()) } else { Err(Failure::NotFound) }
    }
}

/// What an entry does to nodes and runs.
pub(super) fn work_change(signed: &SignedEntry) -> Option<WorkChange> {
    match &signed.entry.op {
        Op::AuthoriseNode {
            principal,
            scope,
            until_ms,
            ..
        } => Some(WorkChange::Authorise {
            node: *principal,
            scope: *scope,
            until_ms: *until_ms,
        }),
        Op::WithdrawNode { principal, .. } => Some(WorkChange::WithdrawNode(*principal)),
        Op::Run {
            run,
            node,
            capsule,
            until_ms,
            attempts,
            ..
        } => Some(WorkChange::Order {
            run: *run,
            node: *node,
            capsule: *capsule,
            until_ms: *until_ms,
            attempts: *attempts,
        }),
        Op::WithdrawRun { run } => Some(WorkChange::WithdrawRun(*run)),
        Op::Adopt { run, .. } => Some(WorkChange::Adopt(*run)),
        _ => None,
    }
}
