//! Jobs about datasets, models, tasks and artifacts.

use holdfast_commands::Command;
use holdfast_commands::view::IdView;
use holdfast_protocol::item::ItemKind;

use super::job::Job;
use crate::args::{ItemName, ItemVerb};
use crate::failure::{Failure, Result};
use crate::output::{self, clean, kind_word, say, tell};
use crate::place::absolute;

pub(super) fn job(kind: ItemKind, verb: ItemVerb) -> Result<Job> {
    Ok(match verb {
        ItemVerb::Upload {
            project,
            paths,
            name,
            note,
        } => {
            let paths = paths.into_iter().map(absolute).collect::<Result<_>>()?;
            Job::new(
                Command::Upload {
                    kind,
                    project,
                    name,
                    note,
                    paths,
                },
                tell(output::uploaded),
            )
        }
        ItemVerb::List { project, trashed } => {
            let trashed = Some(trashed);
            Job::new(Command::ItemList { kind, project, trashed }, tell(output::items))
        }
        ItemVerb::Show { name } => {
            let (project, item) = whole(name)?;
            Job::new(Command::ItemShow { kind, project, item }, tell(output::item))
        }
        ItemVerb::Versions { name } => {
            let (project, item) = whole(name)?;
            Job::new(Command::ItemVersions { kind, project, item }, tell(output::versions))
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
        ItemVerb::Restore { name } => {
            let (project, item) = whole(name)?;
            let text = format!("\"{item}\" is back.");
            Job::new(Command::ItemRestore { kind, project, item }, say(text))
        }
    })
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
