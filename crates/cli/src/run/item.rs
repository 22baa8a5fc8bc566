//! Jobs about datasets, models, tasks and artifacts.

use holdfast_commands::Command;
use holdfast_commands::view::IdView;
use holdfast_protocol::item::ItemKind;

use super::job::Job;
use crate::args::{ItemName, ItemVerb, UploadVerb};
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::{self, clean, kind_word, say, tell};
use crate::place::absolute;

pub(super) fn job(kind: ItemKind, verb: ItemVerb) -> Result<Job> {
    Ok(match verb {
        ItemVerb::Upload {
            project,
            paths,
            name,
            note,
            skip_hidden,
            dry_run,
        } => {
            let paths = paths.into_iter().map(absolute).collect::<Result<_>>()?;
            let include_hidden = !skip_hidden;
            if dry_run {
                let command = Command::UploadPlan {
                    kind: Some(kind),
                    paths,
                    include_hidden,
                };
                return Ok(Job::new(command, tell(output::plan)));
            }
            Job::new(
                Command::Upload {
                    kind,
                    project,
                    name,
                    note,
                    paths,
                    include_hidden,
                },
                tell(output::uploaded),
            )
        }
        ItemVerb::List { project, trashed } => {
            let told = if trashed {
                tell(output::trashed_items)
            } else {
                tell(output::items)
            };
            let trashed = Some(trashed);
            Job::new(Command::ItemList { kind, project, trashed }, told)
        }
        ItemVerb::Show { name } => {
            let (project, item) = whole(name)?;
            Job::new(Command::ItemShow { kind, project, item }, tell(output::item))
        }
        ItemVerb::Versions { name } => {
            let (project, item) = whole(name)?;
            Job::new(Command::ItemVersions { kind, project, item }, tell(output::versions))
        }
        ItemVerb::Files {
            name,
            under,
            recursive,
            offset,
            limit,
        } => {
            let ItemName { project, item, version } = name;
            Job::new(
                Command::ItemFiles {
                    kind,
                    project,
                    item,
                    version,
                    under,
                    recursive,
                    offset,
                    limit: Some(limit),
                },
                tell(output::files),
            )
        }
        ItemVerb::Changes {
            name,
            from,
            to,
            offset,
            limit,
        } => {
            let (project, item) = whole(name)?;
            Job::new(
                Command::ItemChanges {
                    kind,
                    project,
                    item,
                    from,
                    to,
                    offset,
                    limit: Some(limit),
                },
                tell(output::changes),
            )
        }
        ItemVerb::Preview {
            name,
            file,
            rows,
            offset,
        } => {
            let ItemName { project, item, version } = name;
            let width = output::terminal_width();
            Job::new(
                Command::Preview {
                    kind,
                    project,
                    item,
                    version,
                    file,
                    rows,
                    offset,
                },
                tell(move |view| output::preview(&view, width)),
            )
        }
        ItemVerb::Download { name, to } => {
            let ItemName { project, item, version } = name;
            Job::new(
                Command::Download {
                    kind,
                    project,
                    item,
                    version,
                    to: absolute(to)?,
                },
                tell(output::downloaded),
            )
        }
        ItemVerb::Rename { name, to } => {
            let (project, item) = whole(name)?;
            let text = |view: IdView| format!("It is called \"{}\" now.", clean(&view.name));
            Job::new(
                Command::ItemRename {
                    kind,
                    project,
                    item,
                    name: to,
                },
                tell(text),
            )
        }
        ItemVerb::Delete { name } => {
            let (project, item) = whole(name)?;
            let kind_word = kind_word(kind);
            let text = format!("\"{item}\" is in the trash. Undo: holdfast {kind_word} restore \"{project}/{item}\"");
            Job::new(Command::ItemDelete { kind, project, item }, say(text))
        }
        ItemVerb::Forget { name, yes } => {
            let ItemName { project, item, version } = name;
            let Some(version) = version else {
                return Err(Failure::usage("Which version?", "Name it: PROJECT/ITEM@VERSION."));
            };
            if !yes {
                input::sure("forget", "Nothing was forgotten.")?;
            }
            let command = Command::ItemForget {
                kind,
                project,
                item,
                version,
            };
            Job::new(command, tell(output::forgotten))
        }
        ItemVerb::Restore { name } => {
            let (project, item) = whole(name)?;
            let text = format!("\"{item}\" is back.");
            Job::new(Command::ItemRestore { kind, project, item }, say(text))
        }
    })
}

/// About uploads that are not finished.
pub(super) fn unfinished(verb: UploadVerb) -> Job {
    match verb {
        UploadVerb::List => Job::new(Command::UploadsPending, tell(output::pending)),
        UploadVerb::Abandon { version } => Job::new(
            Command::UploadAbandon { version },
            say("It is given up. What the server had of it is gone.".into()),
        ),
    }
}

/// Verbs about the whole thing take no version.
fn whole(name: ItemName) -> Result<(String, String)> {
    match name.version {
        None => Ok((name.project, name.item)),
        Some(version) => Err(Failure::usage(
            format!("This is about all of it, not about version {version}."),
            "Leave the version out; if the name ends like that, use the id.",
        )),
    }
}
