//! Long work: uploads and downloads. Each runs in the background, says how far it is, and can be paused, gone on with and
//! given up. The page may come and go meanwhile.

mod speed;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use holdfast_commands::view::ErrorView;
use holdfast_commands::{App, Command};
use holdfast_engine::ports::{Progress, Step};
use holdfast_engine::{Error, Result};
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::types::{Event, JobRequest, JobState, JobView};
use speed::Speed;

/// How often the page is told how far a job is.
const TICK: Duration = Duration::from_millis(150);

/// All jobs since the program was started, without those that were put away.
#[derive(Default)]
pub(crate) struct Jobs {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u32,
    jobs: BTreeMap<u32, Job>,
}

struct Job {
    view: JobView,
    command: Command,
    cancel: CancellationToken,
    speed: Speed,
    told: Instant,
    /// To be put away as soon as it has stopped.
    given_up: bool,
}

impl Jobs {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How they all are, oldest first.
    pub(crate) fn list(&self) -> Vec<JobView> {
        self.inner().jobs.values().map(|job| job.view.clone()).collect()
    }

    /// Whether one is at work.
    pub(crate) fn any_running(&self) -> bool {
        self.inner()
            .jobs
            .values()
            .any(|job| job.view.state == JobState::Running)
    }

    /// Stops all of them where they can go on.
    pub(crate) fn pause_all(&self) {
        for job in self.inner().jobs.values() {
            job.cancel.cancel();
        }
    }

    /// Stops one where it can go on.
    pub(crate) fn pause(&self, id: u32) {
        if let Some(job) = self.inner().jobs.get(&id) {
            job.cancel.cancel();
        }
    }

    /// Puts one away; one at work stops first.
    pub(crate) fn give_up(&self, id: u32) {
        let mut inner = self.inner();
        let Some(job) = inner.jobs.get_mut(&id) else { return };
        if job.view.state == JobState::Running {
            job.given_up = true;
            job.cancel.cancel();
        } else {
            inner.jobs.remove(&id);
        }
    }
}

/// Begins a job.
pub(crate) fn start(desk: &Arc<Desk>, request: JobRequest) -> Result<JobView> {
    let app = desk.app().ok_or(Error::NoAccount)?;
    let (view, command) = prepare(desk, request)?;
    let mut inner = desk.jobs.inner();
    inner.last += 1;
    let view = JobView { id: inner.last, ..view };
    let job = Job {
        view: view.clone(),
        command,
        cancel: CancellationToken::new(),
        speed: Speed::default(),
        told: Instant::now(),
        given_up: false,
    };
    let (command, cancel) = (job.command.clone(), job.cancel.clone());
    inner.jobs.insert(view.id, job);
    drop(inner);
    spawn(desk, app, view.id, command, cancel);
    Ok(view)
}

/// Goes on with a job that was paused or failed.
pub(crate) fn resume(desk: &Arc<Desk>, id: u32) -> Result<JobView> {
    let app = desk.app().ok_or(Error::NoAccount)?;
    let mut inner = desk.jobs.inner();
    let missing = || Error::NotFound {
        what: "transfer",
        name: id.to_string(),
    };
    let job = inner.jobs.get_mut(&id).ok_or_else(missing)?;
    if !matches!(job.view.state, JobState::Paused | JobState::Failed) {
        return Ok(job.view.clone());
    }
    job.cancel = CancellationToken::new();
    job.speed = Speed::default();
    job.view.state = JobState::Running;
    job.view.error = None;
    let (view, command, cancel) = (job.view.clone(), job.command.clone(), job.cancel.clone());
    drop(inner);
    spawn(desk, app, id, command, cancel);
    Ok(view)
}

/// What is to run, and how it looks before it does.
fn prepare(desk: &Desk, request: JobRequest) -> Result<(JobView, Command)> {
    let (download, project, name, command) = match request {
        JobRequest::Upload {
            project,
            kind,
            name,
            note,
            pick,
        } => {
            let command = Command::Upload {
                kind,
                project: project.clone(),
                name: name.clone(),
                note,
                paths: desk.picks.get(pick)?,
            };
            (false, project, name, command)
        }
        JobRequest::Download {
            project,
            kind,
            item,
            name,
            version,
            pick,
        } => {
            let command = Command::Download {
                kind,
                project: project.clone(),
                item,
                version,
                to: desk.picks.one(pick)?,
            };
            (true, project, name, command)
        }
    };
    let view = JobView {
        id: 0,
        download,
        project,
        name,
        state: JobState::Running,
        step: None,
        rate: None,
        left: None,
        outcome: None,
        error: None,
    };
    Ok((view, command))
}

fn spawn(desk: &Arc<Desk>, app: Arc<App>, id: u32, command: Command, cancel: CancellationToken) {
    let desk = Arc::clone(desk);
    tauri::async_runtime::spawn(async move {
        let watcher = Arc::new(Watcher {
            desk: Arc::clone(&desk),
            id,
        });
        let result = app.run(command, watcher, cancel).await;
        let mut inner = desk.jobs.inner();
        let Some(job) = inner.jobs.get_mut(&id) else { return };
        job.view.rate = None;
        job.view.left = None;
        match result {
            Ok(outcome) => {
                job.view.state = JobState::Done;
                job.view.outcome = Some(outcome.into());
            }
            Err(Error::Cancelled | Error::Locked) => job.view.state = JobState::Paused,
            Err(error) => {
                job.view.state = JobState::Failed;
                job.view.error = Some(ErrorView::from(&error));
            }
        }
        let view = job.view.clone();
        if job.given_up {
            inner.jobs.remove(&id);
        }
        drop(inner);
        desk.tell(Event::Job { job: view });
    });
}

/// Passes progress on to the page, not more often than it can be read.
struct Watcher {
    desk: Arc<Desk>,
    id: u32,
}

impl Progress for Watcher {
    fn report(&self, step: Step) {
        let mut inner = self.desk.jobs.inner();
        let Some(job) = inner.jobs.get_mut(&self.id) else {
            return;
        };
        let changed = job.view.step.as_ref().is_none_or(|old| old.stage != step.stage.into());
        job.view.step = Some(step.into());
        let now = Instant::now();
        if !changed && now.duration_since(job.told) < TICK {
            return;
        }
        job.told = now;
        job.speed.note(now, step.done);
        job.view.rate = job.speed.rate();
        job.view.left = job.speed.left(step.total.saturating_sub(step.done));
        let view = job.view.clone();
        drop(inner);
        self.desk.tell(Event::Job { job: view });
    }
}
