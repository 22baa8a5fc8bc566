//! Nodes of a project: letting one do work, and taking that back.

use holdfast_protocol::entry::{NodeScope, Op};
use holdfast_protocol::id::{PrincipalId, RunId, SpaceId};
use holdfast_protocol::item::PinState;
use holdfast_protocol::replay::{AuthorisedNode, Outcome, Space};
use holdfast_protocol::wire::{NodeRow, NodeToken};

use crate::error::{Error, Result};
use crate::people::Person;
use crate::session::Session;
use crate::sharing::{CouldOpen, could_open_in};
use crate::spaces::Draft;

/// How a node stands with a project.
#[derive(Debug, Clone)]
pub struct Withdrawn {
    /// What it was given.
    pub scope: NodeScope,
    /// Runs that had not ended.
    pub stopped: Vec<RunId>,
    /// What it could read: everything, where it had the whole project.
    pub could_open: CouldOpen,
    /// Runs whose task, inputs and secrets it was given.
    pub given: Vec<RunId>,
}

impl Session {
    /// Draws a token with which one computer can be enrolled as a node.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn invite_node(&self) -> Result<NodeToken> {
        self.api.node_token().await
    }

    /// The nodes that the server has for this user: enrolled by him, or authorised in one of his projects.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn nodes(&self) -> Result<Vec<NodeRow>> {
        self.api.nodes().await
    }

    /// Ends a node that this user enrolled. What projects authorised it for is to be withdrawn there.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn end_node(&self, principal: PrincipalId) -> Result<()> {
        self.api.end_node(principal).await
    }

    /// Lets a node do work for a project until a time. Its words must have been compared: whoever shows another computer's
    /// keys here would be given the data.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] when its words were not compared, or for whoever is no owner.
    pub async fn authorise_node(&self, space: SpaceId, name: &str, scope: NodeScope, until_ms: u64) -> Result<Person> {
        let node = self.node(name).await?;
        if node.state != PinState::Checked {
            return Err(Error::NotAllowed(format!("the words of {name} were not compared yet")).advise(format!(
                "Read the six words on that computer (`holdfast node status`), then run `holdfast node verify {name} --words \"…\"`."
            )));
        }
        if until_ms <= self.now_ms() {
            return Err(Error::Invalid("that time is over already".into()));
        }
        self.insert(vec![node.bundle.clone()]);
        let after = self
            .append(space, |state| {
                let encrypted = state.authority().core().encrypted;
                let wrap = match scope {
                    NodeScope::Project if encrypted => Some(self.wrap_current(state, &node.bundle)?),
                    _ => None,
                };
                Ok(Draft::authority(Op::AuthoriseNode {
                    principal: node.bundle.bundle.principal,
                    bundle: node.bundle.hash,
                    fingerprint: node.bundle.fingerprint,
                    scope,
                    until_ms,
                    wrap,
                }))
            })
            .await?;
        self.remember_head(&after).await?;
        Ok(node)
    }

    /// Ends what a node may do in a project. If it had the project's key, the next epoch is opened in the same entry.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn withdraw_node(&self, space: SpaceId, principal: PrincipalId) -> Result<Withdrawn> {
        let mut withdrawn = None;
        let after = self
            .append(space, |state| {
                let node = authorised(state, principal)?;
                withdrawn = Some(what_it_had(state, node));
                if !(node.holds_key() && state.authority().core().encrypted) {
                    return Ok(Draft::authority(Op::WithdrawNode { principal, epoch: None }));
                }
                let mut draft = self.next_epoch(state, Some(principal))?;
                let epoch = draft.op.next_epoch().cloned();
                draft.op = Op::WithdrawNode { principal, epoch };
                Ok(draft)
            })
            .await?;
        self.remember_head(&after).await?;
        withdrawn.ok_or_else(|| Error::Internal("a withdrawal that was never judged".into()))
    }
}

/// The node as the log has it.
///
/// # Errors
/// [`Error::Missing`].
pub fn authorised(space: &Space, principal: PrincipalId) -> Result<&AuthorisedNode> {
    space.authority().nodes().get(&principal).ok_or_else(|| {
        Error::Missing("This node is not authorised in this project.".into())
            .advise("Authorise it first: `holdfast node authorise PROJECT NODE`.")
    })
}

fn what_it_had(space: &Space, node: &AuthorisedNode) -> Withdrawn {
    let runs = space.authority().runs().values();
    let of_node = runs.filter(|run| run.node == node.principal);
    let (mut stopped, mut given) = (Vec::new(), Vec::new());
    for run in of_node {
        given.push(run.run);
        if run.outcome == Outcome::Open {
            stopped.push(run.run);
        }
    }
    Withdrawn {
        scope: node.scope,
        stopped,
        could_open: match node.scope {
            NodeScope::Project => could_open_in(space),
            NodeScope::Runs => CouldOpen::default(),
        },
        given,
    }
}
