//! Jobs about secrets.

use holdfast_commands::Command;
use holdfast_commands::view::MovedView;

use super::field::{given, read};
use super::job::Job;
use super::secret_file;
use crate::args::{SecretEdit, SecretVerb, split};
use crate::failure::Result;
use crate::input;
use crate::output::{self, clean, say, tell};

pub(super) fn job(verb: SecretVerb) -> Result<Job> {
    Ok(match verb {
        SecretVerb::Add(args) => {
            let command = Command::SecretAdd {
                project: args.project,
                secret_type: args.kind.into(),
                name: args.name,
                note: args.note,
                fields: read(&args.fields, args.kind)?,
                expires_ms: args.expires,
            };
            Job::new(command, tell(output::secret_added))
        }
        SecretVerb::List { project, trashed } => {
            let told = if trashed {
                tell(output::trashed_secrets)
            } else {
                tell(output::secrets)
            };
            Job::new(Command::SecretList { project, trashed }, told)
        }
        SecretVerb::Show {
            name,
            project,
            reveal,
            version,
        } => {
            let command = |project, name| Command::SecretShow {
                project,
                name,
                reveal,
                version: version.clone(),
            };
            named(project, name, command, tell(output::secret))
        }
        SecretVerb::Edit(args) if args.fields.is_empty() && args.remove.is_empty() => {
            let SecretEdit {
                rename, note, expires, ..
            } = args;
            let command = |project, name| Command::SecretDescribe {
                project,
                name,
                rename: rename.clone(),
                note: note.clone(),
                expires,
            };
            named(args.project, args.name, command, tell(output::secret_described))
        }
        SecretVerb::Edit(args) => {
            let fields = given(&args.fields, None)?;
            let (remove, seen) = (args.remove, args.seen);
            let command = |project, name| Command::SecretEdit {
                project,
                name,
                fields: fields.clone(),
                remove: remove.clone(),
                seen: seen.clone(),
            };
            named(args.project, args.name, command, tell(output::secret_edited))
        }
        SecretVerb::History { name, project } => named(
            project,
            name,
            |project, name| Command::SecretHistory { project, name },
            tell(output::history),
        ),
        SecretVerb::Restore { name, project, version } => {
            let text = match &version {
                Some(version) => format!(
                    "Version {} of \"{}\" is the newest again.",
                    clean(version),
                    clean(&name)
                ),
                None => format!("\"{}\" is back.", clean(&name)),
            };
            let command = |project, name| match &version {
                Some(version) => Command::SecretRestore {
                    project,
                    name,
                    version: version.clone(),
                },
                None => Command::SecretUntrash { project, name },
            };
            named(project, name, command, say(text))
        }
        SecretVerb::Check { name, project } => Job::new(Command::SecretNotes { project, name }, tell(output::remarks)),
        SecretVerb::Import(args) => secret_file::import(args)?,
        SecretVerb::ImportUndo { import, project } => Job::new(
            Command::SecretImportUndo { project, import },
            tell(output::import_undone),
        ),
        SecretVerb::Export(args) => secret_file::export(args)?,
        SecretVerb::Move { name, to, from } => {
            let place = to.clone();
            let command = |project, name| Command::SecretMove {
                project,
                name,
                to: to.clone(),
            };
            named(
                from,
                name,
                command,
                tell(move |view: MovedView| output::moved(&place, &view)),
            )
        }
        SecretVerb::Remove { name, project } => {
            let place = project
                .as_deref()
                .map(|project| format!(" --in \"{}\"", clean(project)));
            let text = format!(
                "\"{0}\" is in the trash. Undo: holdfast secret restore \"{0}\"{1}",
                clean(&name),
                place.unwrap_or_default()
            );
            named(
                project,
                name,
                |project, name| Command::SecretRemove { project, name },
                say(text),
            )
        }
        SecretVerb::Purge { name, project, yes } => {
            if !yes {
                input::sure(name.as_deref().unwrap_or("all of it"), "Nothing was removed.")?;
            }
            Job::new(Command::SecretPurge { project, name }, tell(output::purged))
        }
        SecretVerb::Generate(_) => {
            return Err(holdfast_engine::Error::Internal("a verb in the wrong room".into()).into());
        }
    })
}

/// `A/B` without a project may be a name among one's own secrets, or `B` in the project `A`.
fn named(
    project: Option<String>,
    name: String,
    command: impl Fn(Option<String>, String) -> Command,
    tell: output::Tell,
) -> Job {
    let instead = match project {
        Some(_) => None,
        None => split(&name).map(|(project, name)| command(Some(project.to_owned()), name.to_owned())),
    };
    Job {
        instead,
        ..Job::new(command(project, name), tell)
    }
}
