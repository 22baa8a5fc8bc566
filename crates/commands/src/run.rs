//! One function for each verb, by what it is about.

mod account;
mod browse;
mod item;
mod project;
mod relocate;
mod secret;
mod secret_sets;
mod uploads;

use std::sync::Arc;

use holdfast_engine::ports::Progress;
use holdfast_engine::{Error, Result, Session, View};
use holdfast_protocol::id::{PrincipalId, SpaceId};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::command::Command;
use crate::view::Outcome;

pub(crate) async fn run(
    app: &App,
    command: Command,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<Outcome> {
    match command {
        Command::Status
        | Command::Whoami
        | Command::Words { .. }
        | Command::Verify { .. }
        | Command::PeopleList
        | Command::KeyChange { .. }
        | Command::KitNew { .. }
        | Command::KitTest { .. }
        | Command::DeviceList
        | Command::DeviceRemove { .. } => account::run(app, command, &*progress).await,
        Command::RelocationPlan | Command::Relocate { .. } => relocate::run(app, command, progress, cancel).await,
        Command::ItemFiles { .. } | Command::ItemChanges { .. } | Command::Preview { .. } => {
            browse::run(app, command, progress, cancel).await
        }
        Command::UploadPlan { .. } | Command::UploadsPending | Command::UploadAbandon { .. } => {
            uploads::run(app, command, cancel).await
        }
        Command::Upload { .. }
        | Command::ItemList { .. }
        | Command::ItemShow { .. }
        | Command::ItemVersions { .. }
        | Command::Download { .. }
        | Command::ItemRename { .. }
        | Command::ItemDelete { .. }
        | Command::ItemRestore { .. } => item::run(app, command, progress, cancel).await,
        Command::SecretAdd { .. }
        | Command::SecretList { .. }
        | Command::SecretShow { .. }
        | Command::SecretEdit { .. }
        | Command::SecretHistory { .. }
        | Command::SecretMove { .. }
        | Command::SecretRestore { .. }
        | Command::SecretUntrash { .. }
        | Command::SecretRemove { .. } => secret::run(app, command).await,
        Command::SecretNotes { .. }
        | Command::SecretTypes
        | Command::SecretGenerate { .. }
        | Command::SecretImportPreview { .. }
        | Command::SecretImport { .. }
        | Command::SecretImportUndo { .. }
        | Command::SecretExport { .. } => secret_sets::run(app, command, &*progress).await,
        other => project::run(app, other).await,
    }
}

/// Finds a project by name or id. Those in the trash are found by name only when asked for, by id always.
async fn find_project(session: &Session, name: &str, trashed: bool) -> Result<View> {
    if let Ok(id) = name.parse::<SpaceId>() {
        return session.view(id).await;
    }
    let all = session.all_projects().await?;
    // Another project's trouble is none of this one's; its own is said instead of "there is no such project".
    if let Some(trouble) = all
        .trouble
        .into_iter()
        .find(|trouble| trouble.name.as_deref() == Some(name))
    {
        return Err(trouble.error);
    }
    let mut found: Vec<View> = all
        .views
        .into_iter()
        .filter(|view| view.space.authority().role(session.principal()).is_some())
        .filter(|view| view.space.contents().trashed_ms().is_some() == trashed && !view.space.contents().is_removed())
        .filter(|view| view.space.contents().name() == name)
        .collect();
    match (found.pop(), found.is_empty()) {
        (Some(view), true) => Ok(view),
        (Some(view), false) => {
            found.push(view);
            let ids: Vec<String> = found
                .iter()
                .map(|view| view.space.authority().space().to_string())
                .collect();
            Err(Error::Ambiguous {
                name: name.to_owned(),
                candidates: ids.join(", "),
            })
        }
        (None, _) => Err(Error::NotFound {
            what: "project",
            name: name.to_owned(),
        }),
    }
}

/// The name to show for a principal.
async fn handle_of(session: &Session, principal: PrincipalId) -> Result<String> {
    Ok(match session.known_person(principal).await? {
        Some(person) => person.bundle.bundle.handle,
        None => principal.to_string(),
    })
}
