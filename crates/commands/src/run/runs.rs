//! Verbs about tasks and their runs.

mod log;
mod order;
mod show;
mod task;

use std::path::Path;
use std::sync::Arc;

use holdfast_engine::ports::Progress;
use holdfast_engine::{Error, Result, RunStatus, Session, View, find_version};
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::replay::{Outcome as OfRun, Space};
use tokio_util::sync::CancellationToken;

use super::item::skipped;
use super::nodes::is_in;
use super::{Handles, find_project};
use crate::app::{App, done, ended};
use crate::command::Command;
use crate::view::{DoneView, Ending, Outcome, RunFilesView, RunView};

pub(crate) use log::Reading;
pub(super) use order::{Order, about as order_about, faults, input as order_input, plan};
pub(super) use show::{run_view, word};
pub(super) use task::{folder as task_folder, read_task};

/// How much of an id is needed to name a run.
const SHORTEST: usize = 8;

pub(super) async fn run(
    app: &App,
    command: Command,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<Outcome> {
    let session = app.session().await?;
    let session = session.as_ref();
    match command {
        Command::RunStart { order } => order::start(session, &order, &cancel).await,
        Command::RunCheck { order } => order::check(session, &order, &cancel).await,
        Command::TaskManifest { project, task, version } => {
            task::show(session, &project, &task, version.as_deref(), &cancel).await
        }
        Command::RunList { project } => {
            let view = find_project(session, &project, false).await?;
            let view = adopted(app, session, view.space.authority().space()).await?;
            let mut views: Vec<RunView> = Vec::new();
            let mut handles = Handles::new(session);
            for status in session.runs(&view.space).await? {
                views.push(run_view(&mut handles, &view.space, &status).await?);
            }
            done(&views)
        }
        Command::RunShow { run } => {
            let place = Place::adopted(app, session, &run).await?;
            done(&show::detail(session, &place).await?)
        }
        Command::RunLog {
            run,
            attempt,
            from,
            wait_ms,
        } => log::more(app, session, &run, attempt, from, wait_ms).await,
        Command::RunMetrics { run } => {
            let place = Place::adopted(app, session, &run).await?;
            done(&show::metrics(session, &place).await?)
        }
        Command::RunStop { run } => {
            let place = Place::adopted(app, session, &run).await?;
            if matches!(place.status.ordered.outcome, OfRun::Withdrawn(_)) {
                return done(&DoneView::YES);
            }
            if place.status.is_over() {
                let word = word(&place.status);
                return Err(Error::Conflict(format!(
                    "There is nothing to stop: the run is over ({word})."
                )));
            }
            session.withdraw_run(place.space(), place.status.ordered.run).await?;
            done(&DoneView::YES)
        }
        Command::RunArtifacts { run, to } => {
            let place = Place::adopted(app, session, &run).await?;
            artifacts(session, &place, &to, &progress, &cancel).await
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

/// A run, and the project it is in.
pub(super) struct Place {
    pub(super) view: View,
    pub(super) status: RunStatus,
}

impl Place {
    /// As the log and the server have it.
    async fn find(session: &Session, name: &str) -> Result<Self> {
        let (view, run) = find_run(session, name).await?;
        let status = session.run(&view.space, run).await?;
        Ok(Self { view, status })
    }

    /// The same, after its result was taken over if there is one.
    async fn adopted(app: &App, session: &Session, name: &str) -> Result<Self> {
        let place = Self::find(session, name).await?;
        if place.status.state() != holdfast_engine::RunState::Ended {
            return Ok(place);
        }
        let run = place.status.ordered.run;
        let view = adopted(app, session, place.space()).await?;
        let status = session.run(&view.space, run).await?;
        Ok(Self { view, status })
    }

    pub(super) fn space(&self) -> SpaceId {
        self.view.space.authority().space()
    }
}

/// Takes over what nodes have sent, so that nobody has to ask for it. A result that is not what it should be stays where it is,
/// and is told.
pub(crate) async fn adopt(app: &App, session: &Session, space: SpaceId) -> Result<()> {
    match session.adopt_results(space).await {
        Ok((_, trouble)) => {
            for (run, error) in trouble {
                app.alarm(Some(&format!("run {}", super::project::short(run))), &error);
            }
            Ok(())
        }
        // Looking at runs needs no server, and no right to write.
        Err(Error::Unreachable(_) | Error::NotAllowed(_)) => Ok(()),
        Err(other) => Err(other),
    }
}

/// The project as it is after that.
pub(super) async fn adopted(app: &App, session: &Session, space: SpaceId) -> Result<View> {
    adopt(app, session, space).await?;
    session.view(space).await
}

/// Finds a run by its id or the beginning of it, in all projects or, as `PROJECT/RUN`, in one.
async fn find_run(session: &Session, name: &str) -> Result<(View, RunId)> {
    // A run's id has no slash, a project's name may have.
    let (project, id) = match name.rsplit_once('/') {
        Some((project, id)) => (Some(project), id),
        None => (None, name),
    };
    let id = prefix(id)?;
    let views = match project {
        Some(project) => vec![find_project(session, project, false).await?],
        None => session.all_projects().await?.views,
    };
    let mut found = Vec::new();
    for view in views.into_iter().filter(|view| is_in(session, view)) {
        let runs = view.space.authority().runs().keys();
        let fitting: Vec<RunId> = runs.filter(|run| run.to_string().starts_with(&id)).copied().collect();
        found.extend(fitting.into_iter().map(|run| (view.clone(), run)));
    }
    only_one(found, "run", name)
}

/// What an id begins with, as it is compared.
pub(super) fn prefix(text: &str) -> Result<String> {
    let text = text.to_ascii_lowercase();
    if text.len() < SHORTEST || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Error::Invalid(format!(
            "\"{text}\" is no id: it takes the first {SHORTEST} characters or more."
        ))
        .advise("`holdfast run list PROJECT` lists runs with their ids."));
    }
    Ok(text)
}

pub(super) fn only_one<T>(mut found: Vec<(T, RunId)>, what: &'static str, name: &str) -> Result<(T, RunId)> {
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|(_, id)| id.to_string()).collect();
        return Err(Error::Ambiguous {
            name: name.to_owned(),
            candidates: ids.join(", "),
        });
    }
    found.pop().ok_or_else(|| Error::NotFound {
        what,
        name: name.to_owned(),
    })
}

async fn artifacts(
    session: &Session,
    place: &Place,
    to: &Path,
    progress: &Arc<dyn Progress>,
    cancel: &CancellationToken,
) -> Result<Outcome> {
    let detail = show::detail(session, place).await?;
    if !detail.run.over {
        return Err(
            Error::Missing("The run has not ended yet, so there is nothing that it made.".into()).advise(format!(
                "Watch it: holdfast run logs {} --follow",
                place.status.ordered.run
            )),
        );
    }
    let mut view = RunFilesView {
        run: detail.run.id,
        node: detail.run.node,
        task: versioned(&detail.run.task, detail.run.task_version),
        inputs: detail
            .inputs
            .iter()
            .map(|input| versioned(&input.item, input.version))
            .collect(),
        artifacts: detail.artifacts,
        folders: Vec::new(),
        files: 0,
        bytes: 0,
        skipped: Vec::new(),
    };
    for artifact in &view.artifacts {
        let item = place.view.space.contents().items().values();
        let item = item.into_iter().find(|item| item.id.to_string() == artifact.item_id);
        let item = item.ok_or_else(|| Error::damaged("what the run made"))?;
        let version = find_version(item, Some(&artifact.version.to_string()))?;
        // A name of an output is letters, digits, - and _; whoever ordered the run may have used another program.
        let folder = to.join(folder_name(&artifact.name)?);
        let got = session
            .download(place.space(), item, version, &folder, progress, cancel)
            .await?;
        view.folders.push(folder.display().to_string());
        view.files += got.files;
        view.bytes += got.bytes;
        view.skipped.extend(skipped(got.skipped));
    }
    let ending = if view.skipped.is_empty() {
        Ending::Done
    } else {
        Ending::Partial
    };
    ended(ending, &view)
}

fn folder_name(name: &str) -> Result<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        return Err(Error::damaged("the name of what the run made"));
    }
    Ok(name)
}

fn versioned(name: &str, version: usize) -> String {
    format!("{name}@{version}")
}

/// Number of a version in a project; 0 where it is not there any more.
fn number(space: &Space, item: holdfast_protocol::id::ItemId, version: holdfast_protocol::id::VersionId) -> usize {
    let item = space.contents().items().get(&item);
    let index = item.and_then(|item| item.versions.iter().position(|known| known.id == version));
    index.map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_named_by_the_beginning_of_their_id() {
        assert_eq!(prefix("0123ABCD").ok().as_deref(), Some("0123abcd"));
        for wrong in ["0123abc", "", "0123abcx", "run 1234567"] {
            assert!(prefix(wrong).is_err(), "{wrong}");
        }
        let id = |byte| RunId([byte; 16]);
        assert_eq!(only_one(vec![((), id(1))], "run", "x").ok(), Some(((), id(1))));
        assert_eq!(
            only_one(Vec::<((), RunId)>::new(), "run", "x").unwrap_err().code(),
            "not-found"
        );
        let two = only_one(vec![((), id(1)), ((), id(2))], "run", "x").unwrap_err();
        assert!(two.to_string().contains(&id(2).to_string()));
    }

    #[test]
    fn a_name_never_leaves_its_folder() {
        assert!(folder_name("model-1_a").is_ok());
        for wrong in ["", "..", "a/b", "a\\b", "/etc", "a.b"] {
            assert!(folder_name(wrong).is_err(), "{wrong}");
        }
    }
}
