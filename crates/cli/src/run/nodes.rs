//! Jobs about nodes, as a user.

use holdfast_commands::Command;

use super::job::Job;
use crate::args::NodeVerb;
use crate::failure::Result;
use crate::output::{self, say, tell};

/// `None` for the verbs of the node itself.
pub(super) fn job(verb: NodeVerb) -> Result<Option<Job>> {
    Ok(Some(match verb {
        NodeVerb::Invite => Job::new(Command::NodeInvite, tell(output::node_invited)),
        NodeVerb::List => Job::new(Command::NodeList, tell(output::nodes)),
        NodeVerb::Words { node } => Job::new(Command::NodeWords { node }, tell(output::words)),
        NodeVerb::Verify { node, words } => Job::new(Command::NodeVerify { node, words }, tell(output::verified)),
        NodeVerb::Authorise {
            project,
            node,
            whole_project,
            until,
        } => {
            let place = project.clone();
            Job::new(
                Command::NodeAuthorise {
                    project,
                    node,
                    whole_project,
                    until_ms: until,
                },
                tell(move |view| output::node_authorised(&place, &view)),
            )
        }
        NodeVerb::Withdraw { project, node } => {
            let place = project.clone();
            Job::new(
                Command::NodeWithdraw { project, node },
                tell(move |view| output::node_withdrawn(&place, &view)),
            )
        }
        NodeVerb::End { node } => {
            let text = format!(
                "{node} is ended: it can't sign in any more. Withdraw it from projects that authorised it: \
                 holdfast node withdraw PROJECT {node}"
            );
            Job::new(Command::NodeEnd { node }, say(text))
        }
        NodeVerb::Enrol(_) | NodeVerb::Trust(_) | NodeVerb::Start(_) | NodeVerb::Status(_) => return Ok(None),
    }))
}
