//! Nodes and runs, as far as they can be judged without a key. `docs/spec/nodes.md`.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_crypto::VerifyKey;

use crate::bundle::PrincipalKind;
use crate::entry::{Entry, NodeScope, Op, Role};
use crate::id::{Hash, PrincipalId, RunId};
use crate::limits;
use crate::refusal::Refusal;
use crate::replay::authority::descends;
use crate::replay::{Authority, BundleSource};

/// A node that may do work for a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorisedNode {
    /// Which.
    pub principal: PrincipalId,
    /// The bundle that counts in this space.
    pub bundle: Hash,
    /// Its fingerprint.
    pub fingerprint: Hash,
    /// The key it signs results with.
    pub key: VerifyKey,
    /// What it is given.
    pub scope: NodeScope,
    /// When that ends, in milliseconds since 1970-01-01 UTC.
    pub until_ms: u64,
    /// Who authorised it.
    pub by: PrincipalId,
    /// Number of the entry that did.
    pub since_seq: u64,
    /// Time of that entry.
    pub since_ms: u64,
}

impl AuthorisedNode {
    /// Whether it is given the epoch key (where there is one).
    #[must_use]
    pub fn holds_key(&self) -> bool {
        self.scope == NodeScope::Project
    }
}

/// What became of a run, as far as the log knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet.
    Open,
    /// Taken back, or to be stopped, by the entry with this number.
    Withdrawn(u64),
    /// Its result was taken over by the entry with this number.
    Adopted(u64),
}

/// A run as its entry's clear fields tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedRun {
    /// Which.
    pub run: RunId,
    /// Number of its entry.
    pub seq: u64,
    /// Time of its entry.
    pub time_ms: u64,
    /// Who ordered it.
    pub author: PrincipalId,
    /// The bundle that he ordered it under.
    pub author_bundle: Hash,
    /// The node.
    pub node: PrincipalId,
    /// The node's bundle.
    pub node_bundle: Hash,
    /// The node's fingerprint.
    pub node_fingerprint: Hash,
    /// The key that the node signs its result with.
    pub node_key: VerifyKey,
    /// Hash of its spec.
    pub spec: Hash,
    /// Hash of its capsule.
    pub capsule: Option<Hash>,
    /// When it may no longer begin or go on, in milliseconds since 1970-01-01 UTC.
    pub until_ms: u64,
    /// How often it may be begun.
    pub attempts: u32,
    /// What became of it.
    pub outcome: Outcome,
}

impl Authority {
    /// Nodes that may do work here. Those whose time is over stay until they are withdrawn.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<PrincipalId, AuthorisedNode> {
        &self.nodes
    }

    /// Every run that was ordered.
    #[must_use]
    pub fn runs(&self) -> &BTreeMap<RunId, OrderedRun> {
        &self.runs
    }

    pub(super) fn change_nodes(&mut self, entry: &Entry, bundles: &impl BundleSource) -> Result<(), Refusal> {
        match &entry.op {
            Op::AuthoriseNode {
                principal,
                bundle,
                fingerprint,
                scope,
                until_ms,
                wrap,
            } => {
                let stated = bundles.bundle(bundle).ok_or(Refusal::BundleUnknown)?;
                if stated.fingerprint != *fingerprint || stated.bundle.principal != *principal {
                    return Err(Refusal::Fingerprint);
                }
                if stated.bundle.kind != PrincipalKind::Node {
                    return Err(Refusal::NotANode);
                }
                // Once withdrawn or not: never back under keys that it had already given up.
                if let Some(counted) = self.node_bundles.get(principal)
                    && counted != bundle
                    && !descends(bundles, counted, stated)
                {
                    return Err(Refusal::NotASuccessor);
                }
                if *until_ms <= entry.time_ms {
                    return Err(Refusal::NodeUntil);
                }
                let before = self.nodes.get(principal);
                // It has read what it has read: less is had by withdrawing it, which opens a new epoch.
                if before.is_some_and(|before| before.scope == NodeScope::Project) && *scope == NodeScope::Runs {
                    return Err(Refusal::NodeScope);
                }
                if before.is_none() && self.nodes.len() >= limits::NODES {
                    return Err(Refusal::TooManyMembers);
                }
                if *scope == NodeScope::Project {
                    if !before.is_some_and(AuthorisedNode::holds_key) {
                        self.check_room_for_a_wrap()?;
                    }
                    self.check_single_wrap(wrap.as_ref(), *principal, *bundle)?;
                } else if wrap.is_some() {
                    return Err(Refusal::EpochMaterial);
                }
                let node = AuthorisedNode {
                    principal: *principal,
                    bundle: *bundle,
                    fingerprint: *fingerprint,
                    key: stated.verify.clone(),
                    scope: *scope,
                    until_ms: *until_ms,
                    by: entry.author,
                    since_seq: entry.seq,
                    since_ms: entry.time_ms,
                };
                self.node_bundles.insert(*principal, *bundle);
                self.nodes.insert(*principal, node);
            }
            Op::WithdrawNode { principal, epoch } => {
                let node = self.nodes.remove(principal).ok_or(Refusal::NodeUnknown)?;
                match epoch {
                    Some(start) if node.holds_key() && self.core().encrypted => {
                        self.start_epoch(start, entry.time_ms)?;
                    }
                    None if !(node.holds_key() && self.core().encrypted) => {}
                    _ => return Err(Refusal::EpochMaterial),
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn change_runs(&mut self, entry: &Entry, role: Role) -> Result<(), Refusal> {
        match &entry.op {
            Op::Run {
                run,
                node,
                node_bundle,
                spec,
                capsule,
                until_ms,
                attempts,
            } => {
                let authorised = self.nodes.get(node).ok_or(Refusal::NodeUnknown)?;
                if authorised.bundle != *node_bundle {
                    return Err(Refusal::NodeUnknown);
                }
                if *until_ms <= entry.time_ms || *until_ms > authorised.until_ms {
                    return Err(Refusal::NodeUntil);
                }
                if capsule.is_some() == authorised.holds_key() {
                    return Err(Refusal::RunCapsule);
                }
                if !(1..=limits::ATTEMPTS).contains(attempts) {
                    return Err(Refusal::RunAttempts);
                }
                if self.runs.contains_key(run) {
                    return Err(Refusal::RunRepeated);
                }
                let ordered = OrderedRun {
                    run: *run,
                    seq: entry.seq,
                    time_ms: entry.time_ms,
                    author: entry.author,
                    author_bundle: entry.author_bundle,
                    node: *node,
                    node_bundle: *node_bundle,
                    node_fingerprint: authorised.fingerprint,
                    node_key: authorised.key.clone(),
                    spec: *spec,
                    capsule: *capsule,
                    until_ms: *until_ms,
                    attempts: *attempts,
                    outcome: Outcome::Open,
                };
                Arc::make_mut(&mut self.runs).insert(*run, ordered);
            }
            Op::WithdrawRun { run } => {
                let ordered = self.runs.get(run).ok_or(Refusal::RunUnknown)?;
                if ordered.author != entry.author && role != Role::Owner {
                    return Err(Refusal::RoleDenied);
                }
                if ordered.outcome != Outcome::Open {
                    return Err(Refusal::RunOver);
                }
                self.end_run(run, Outcome::Withdrawn(entry.seq));
            }
            _ => {}
        }
        Ok(())
    }

    /// A run that was withdrawn is adopted all the same when it has a result: "stopped" is one.
    pub(super) fn adopt(&mut self, seq: u64, run: &RunId) -> Result<(), Refusal> {
        let ordered = self.runs.get(run).ok_or(Refusal::RunUnknown)?;
        if matches!(ordered.outcome, Outcome::Adopted(_)) {
            return Err(Refusal::RunOver);
        }
        self.end_run(run, Outcome::Adopted(seq));
        Ok(())
    }

    fn end_run(&mut self, run: &RunId, outcome: Outcome) {
        if let Some(ordered) = Arc::make_mut(&mut self.runs).get_mut(run) {
            ordered.outcome = outcome;
        }
    }
}
