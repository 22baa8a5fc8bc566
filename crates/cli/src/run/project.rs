//! Jobs about projects and who is in them.

use holdfast_commands::view::IdView;
use holdfast_commands::{Command, Hidden};

use super::job::Job;
use crate::args::ProjectVerb;
use crate::failure::Result;
use crate::input;
use crate::output::{self, clean, say, tell};

pub(super) fn job(verb: ProjectVerb) -> Result<Job> {
    Ok(match verb {
        ProjectVerb::Create { name, standard } => {
            Job::new(Command::ProjectCreate { name, standard }, tell(output::project_created))
        }
        ProjectVerb::List => Job::new(Command::ProjectList, tell(output::projects)),
        ProjectVerb::Show { project } => Job::new(Command::ProjectShow { project }, tell(output::project)),
        ProjectVerb::Rename { project, name } => {
            let text = |view: IdView| format!("It is called \"{}\" now.", clean(&view.name));
            Job::new(Command::ProjectRename { project, name }, tell(text))
        }
        ProjectVerb::Delete { project } => {
            let text = format!("\"{project}\" is in the trash. Undo: holdfast project restore \"{project}\"");
            Job::new(Command::ProjectDelete { project }, say(text))
        }
        ProjectVerb::Share { project, handle, role } => Job::new(
            Command::ProjectShare {
                project,
                handle,
                role: role.into(),
            },
            tell(output::shared),
        ),
        ProjectVerb::Invite { project, address, role } => {
            let place = project.clone();
            Job::new(
                Command::ProjectInvite {
                    project,
                    address,
                    role: role.into(),
                },
                tell(move |view| output::invitation(&place, role.into(), &view)),
            )
        }
        ProjectVerb::Role { project, handle, role } => Job::new(
            Command::ProjectRole {
                project,
                handle,
                role: role.into(),
            },
            tell(output::role_changed),
        ),
        ProjectVerb::Invitations { project } => {
            Job::new(Command::InvitationList { project }, tell(output::invitations))
        }
        ProjectVerb::Withdraw { project, invitation } => Job::new(
            Command::InvitationWithdraw { project, invitation },
            say("It is taken back: nobody comes in by it.".into()),
        ),
        ProjectVerb::Join { invitation_file } => {
            let text = Hidden::new(input::text(&invitation_file)?);
            Job::new(Command::InvitationAccept { text }, tell(output::joined))
        }
        ProjectVerb::Members { project } => Job::new(Command::ProjectMembers { project }, tell(output::members)),
        ProjectVerb::Remove { project, handle } => {
            Job::new(Command::ProjectRemove { project, handle }, tell(output::removed))
        }
        ProjectVerb::Leave { project } => {
            let text = format!("You are out of \"{project}\".");
            Job::new(Command::ProjectLeave { project }, say(text))
        }
        ProjectVerb::Activity { project } => Job::new(Command::ProjectActivity { project }, tell(output::activity)),
        ProjectVerb::Restore { project } => {
            let text = format!("\"{project}\" is back.");
            Job::new(Command::ProjectRestore { project }, say(text))
        }
        ProjectVerb::Relock { project, dry_run } => Job::new(
            Command::ProjectRelock { project, dry_run },
            tell(move |view| output::relocked(dry_run, &view)),
        ),
        ProjectVerb::Purge { project, yes } => {
            if !yes {
                input::sure(&project, "Nothing was removed.")?;
            }
            Job::new(Command::ProjectPurge { project }, tell(output::purged))
        }
    })
}
