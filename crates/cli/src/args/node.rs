//! Verbs about nodes: as a user, and on the node itself.

use clap::Subcommand;

pub(crate) use super::on_node::{NodeEnrol, NodeStart, NodeStatus, NodeTrust};

#[derive(Subcommand)]
pub(crate) enum NodeVerb {
    Enrol(NodeEnrol),
    Trust(NodeTrust),
    Start(NodeStart),
    Status(NodeStatus),
}
