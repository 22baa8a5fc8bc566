//! One function for each verb, by what it is about.

mod account;
mod browse;
mod item;
mod nodes;
mod project;
mod relocate;
mod runs;
mod secret;
mod secret_sets;
mod uploads;
mod workflows;

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_engine::ports::Progress;
use holdfast_engine::{Error, Result, Session, View, day};
use holdfast_protocol::id::{PrincipalId, SpaceId};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::command::Command;
use crate::view::Outcome;

pub use account::phrase_floor;
pub(crate) use runs::{Reading, adopt};

/// Each area's work is on the heap: what waits for it, a thread of two megabytes perhaps, holds a pointer.
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
        | Command::Monitor { .. }
        | Command::PeopleList
        | Command::KeyChange { .. }
        | Command::SecondSecret { .. }
        | Command::KitNew { .. }
        | Command::KitTest { .. }
        | Command::DeviceList
        | Command::DeviceRemove { .. } => Box::pin(account::run(app, command, &*progress)).await,
        Command::RelocationPlan | Command::Relocate { .. } => {
            Box::pin(relocate::run(app, command, progress, cancel)).await
        }
        Command::ItemFiles { .. } | Command::ItemChanges { .. } | Command::Preview { .. } => {
            Box::pin(browse::run(app, command, progress, cancel)).await
        }
        Command::UploadPlan { .. } | Command::UploadsPending | Command::UploadAbandon { .. } => {
            Box::pin(uploads::run(app, command, cancel)).await
        }
        Command::Upload { .. }
        | Command::ItemList { .. }
        | Command::ItemShow { .. }
        | Command::ItemVersions { .. }
        | Command::Download { .. }
        | Command::ItemRename { .. }
        | Command::ItemDelete { .. }
        | Command::ItemForget { .. }
        | Command::ItemRestore { .. } => Box::pin(item::run(app, command, progress, cancel)).await,
        Command::SecretAdd { .. }
        | Command::SecretList { .. }
        | Command::SecretShow { .. }
        | Command::SecretEdit { .. }
        | Command::SecretDescribe { .. }
        | Command::SecretHistory { .. }
        | Command::SecretMove { .. }
        | Command::SecretRestore { .. }
        | Command::SecretUntrash { .. }
        | Command::SecretPurge { .. }
        | Command::SecretRemove { .. } => Box::pin(secret::run(app, command)).await,
        Command::SecretNotes { .. }
        | Command::SecretTypes
        | Command::SecretGenerate { .. }
        | Command::SecretImportPreview { .. }
        | Command::SecretImport { .. }
        | Command::SecretImportUndo { .. }
        | Command::SecretExport { .. } => Box::pin(secret_sets::run(app, command, &*progress)).await,
        Command::NodeInvite
        | Command::NodeList
        | Command::NodeWords { .. }
        | Command::NodeVerify { .. }
        | Command::NodeAuthorise { .. }
        | Command::NodeWithdraw { .. }
        | Command::NodeEnd { .. } => Box::pin(nodes::run(app, command)).await,
        Command::TaskManifest { .. }
        | Command::RunCheck { .. }
        | Command::RunStart { .. }
        | Command::RunList { .. }
        | Command::RunShow { .. }
        | Command::RunLog { .. }
        | Command::RunMetrics { .. }
        | Command::RunStop { .. }
        | Command::RunArtifacts { .. } => Box::pin(runs::run(app, command, progress, cancel)).await,
        Command::WorkflowAdvance { .. } | Command::WorkflowShow { .. } | Command::WorkflowStop { .. } => {
            Box::pin(workflows::run(app, command, cancel)).await
        }
        other => Box::pin(project::run(app, other, progress, cancel)).await,
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
    let (mut found, others): (Vec<View>, Vec<View>) = all
        .views
        .into_iter()
        .filter(|view| view.space.contents().name() == name && !view.space.contents().is_removed())
        .partition(|view| {
            view.space.authority().role(session.principal()).is_some()
                && view.space.contents().trashed_ms().is_some() == trashed
        });
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
        (None, _) => Err(not_there(session, name, &others).await?),
    }
}

/// Why there is no project of that name to work on, as far as this device knows: `others` have it, too.
async fn not_there(session: &Session, name: &str, others: &[View]) -> Result<Error> {
    let me = session.principal();
    let is_in = |view: &&View| view.space.authority().role(me).is_some();
    if let Some(view) = others.iter().find(is_in) {
        return Ok(match view.space.contents().trashed_ms() {
            Some(_) => Error::Missing(format!("The project \"{name}\" is in the trash."))
                .advise(format!("Take it out first: holdfast project restore \"{name}\"")),
            None => Error::NotFound {
                what: "project in the trash",
                name: name.to_owned(),
            },
        });
    }
    for view in others {
        if let Some(put_out) = put_out(session, view).await? {
            return Ok(Error::Missing(put_out.sentence).advise("Ask an owner of the project."));
        }
    }
    Ok(Error::NotFound {
        what: "project",
        name: name.to_owned(),
    })
}

/// How this user came to be out of a project.
pub(crate) struct PutOut {
    pub(crate) sentence: String,
    /// By the clock of whoever did it.
    pub(crate) time_ms: u64,
}

/// Whether somebody put this user out of a project that a device of his has seen.
pub(crate) async fn put_out(session: &Session, view: &View) -> Result<Option<PutOut>> {
    let Some((author, time_ms)) = view.space.put_out() else {
        return Ok(None);
    };
    let (name, who) = (view.space.contents().name(), handle_of(session, author).await?);
    Ok(Some(PutOut {
        sentence: format!(
            "You are no longer in \"{name}\": {who} removed you on {}.",
            day(time_ms)
        ),
        time_ms,
    }))
}

/// The names to show in one answer: whoever stands in many of its lines is looked up once.
struct Handles<'s> {
    session: &'s Session,
    known: BTreeMap<PrincipalId, String>,
}

impl<'s> Handles<'s> {
    fn new(session: &'s Session) -> Self {
        Self {
            session,
            known: BTreeMap::new(),
        }
    }

    async fn of(&mut self, principal: PrincipalId) -> Result<String> {
        if let Some(handle) = self.known.get(&principal) {
            return Ok(handle.clone());
        }
        let handle = handle_of(self.session, principal).await?;
        self.known.insert(principal, handle.clone());
        Ok(handle)
    }
}

/// The name to show for a principal.
async fn handle_of(session: &Session, principal: PrincipalId) -> Result<String> {
    Ok(match session.known_person(principal).await? {
        Some(person) => person.bundle.bundle.handle,
        None => principal.to_string(),
    })
}
