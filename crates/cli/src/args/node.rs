//! Verbs about nodes: as a user, and on the node itself.

use clap::Subcommand;

pub(crate) use super::on_node::{NodeEnrol, NodeStart, NodeStatus, NodeTrust};
use crate::output::parse_until;

const INVITE: &str = "\
Examples:
  holdfast node invite
  holdfast node invite --json | jq -r .command

Prints one line to type on the computer that is to do the work. The token in it is good once and for a short
time, and lets that computer do nothing but enrol. Then compare its six words: `holdfast node verify`.";

const VERIFY: &str = "\
Examples:
  holdfast node verify gpu-box --words \"...\"

Type the words that the node's own console shows (`holdfast node status` there), not those that `holdfast
node words` shows: those came from the server.";

const AUTHORISE: &str = "\
Examples:
  holdfast node authorise \"Brain scans\" gpu-box
  holdfast node authorise \"Brain scans\" gpu-box --until 7d
  holdfast node authorise \"Brain scans\" gpu-box --whole-project --until 2027-01-31

The node is given, with each run, what that run needs and nothing else of the project. With --whole-project it
is given the project's key, and reads everything in it until it is withdrawn. Its words must have been compared
before: `holdfast node verify`.";

const WITHDRAW: &str = "\
Examples:
  holdfast node withdraw \"Brain scans\" gpu-box

Its runs are stopped. A node that is offline hears of it when it is next seen; new data is closed to it at
once. The answer says what it had read.";

#[derive(Subcommand)]
pub(crate) enum NodeVerb {
    /// Draw a token for one computer, and print the line to type there
    #[command(after_help = INVITE)]
    Invite,
    /// List nodes: yours, and those of your projects
    #[command(
        after_help = "Examples:\n  holdfast node list\n  holdfast node list --json | jq -r '.[] | select(.checked != \"checked\") | .name'"
    )]
    List,
    /// Show a node's six words as this device knows them
    #[command(after_help = "Examples:\n  holdfast node words gpu-box")]
    Words {
        /// Name or id
        node: String,
    },
    /// Compare the six words that a node's own console shows
    #[command(after_help = VERIFY)]
    Verify {
        /// Name or id
        node: String,
        /// The six words
        #[arg(long, value_name = "WORDS")]
        words: String,
    },
    /// Let a node work for a project, for a time
    #[command(after_help = AUTHORISE)]
    Authorise {
        /// Name or id of the project
        project: String,
        /// Name or id of the node
        node: String,
        /// Give it the project's key: it reads everything
        #[arg(long)]
        whole_project: bool,
        /// Until when: 12h, 7d, or a date like 2027-01-31 [default: 24h]
        #[arg(long, value_name = "TIME", value_parser = parse_until)]
        until: Option<u64>,
    },
    /// End what a node may do in a project
    #[command(after_help = WITHDRAW)]
    Withdraw {
        /// Name or id of the project
        project: String,
        /// Name or id of the node
        node: String,
    },
    /// End a node that you enrolled
    #[command(
        after_help = "Examples:\n  holdfast node end gpu-box\n\nIt can no longer sign in. What projects authorised it for is to be withdrawn there: `holdfast node withdraw`."
    )]
    End {
        /// Name or id
        node: String,
    },
    Enrol(NodeEnrol),
    Trust(NodeTrust),
    Start(NodeStart),
    Status(NodeStatus),
}
