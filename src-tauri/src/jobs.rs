//! Long work: uploads and downloads. Each runs in the background, says how far it is, and can be paused, gone on with and
//! given up. The page may come and go meanwhile; what the program did not live to finish waits in the next one.

mod left_over;
mod speed;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use holdfast_commands::types::{Stage, Step};
use holdfast_commands::view::ErrorView;
use holdfast_commands::{App, Command, Ending, Outcome};
use holdfast_engine::ports::{self, Progress};
use holdfast_engine::{Error, Result};
use holdfast_protocol::item::ItemKind;
use tauri::async_runtime::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::types::{Answered, Event, JobRequest, JobState, JobView};
pub(crate) use left_over::{find_left_over, give_up};
use speed::Speed;

/// How often the page is told how far a job is.
const TICK: Duration = Duration::from_millis(150);
/// How often its speed is looked at while nothing moves.
const LOOK: Duration = Duration::from_secs(1);
/// How long the end of the program waits for jobs to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// All jobs since the program was started, without those that were put away.
#[derive(Default)]
pub(crate) struct Jobs {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    last: u32,
    jobs: BTreeMap<u32, Job>,
    /// Whether it was looked what earlier runs left.
    looked_back: bool,
}

struct Job {
    view: JobView,
    command: Command,
    cancel: CancellationToken,
    task: Option<JoinHandle<()>>,
    speed: Speed,
    told: Instant,
    /// It is to stop for good.
    given_up: bool,
    /// The version that an upload of an earlier run would make, until somebody goes on with it.
    version: Option<String>,
}

impl Job {
    fn new(view: JobView, command: Command) -> Self {
        Self {
            view,
            command,
            cancel: CancellationToken::new(),
            task: None,
            speed: Speed::default(),
            told: Instant::now(),
            given_up: false,
            version: None,
        }
    }

    /// Whether it left things out that another attempt could take along. That makes a further version, with all of them.
    fn left_out(&self) -> bool {
        let partial = |outcome: &Answered| outcome.ending == Ending::Partial;
        self.view.state == JobState::Done && !self.view.download && self.view.outcome.as_ref().is_some_and(partial)
    }

    /// How it is at that moment, speed included. Only bytes have one.
    fn look(&mut self, now: Instant) -> JobView {
        self.told = now;
        let moving = |step: &&Step| matches!(step.stage, Stage::Sending | Stage::Receiving);
        if let Some(step) = self.view.step.as_ref().filter(moving) {
            self.speed.note(now, step.done);
            self.view.rate = self.speed.rate();
            self.view.left = self.speed.left(step.total.saturating_sub(step.done));
        } else {
            (self.view.rate, self.view.left) = (None, None);
        }
        self.view.clone()
    }
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

    /// Waits until those that were told to stop have stopped, but not for ever.
    pub(crate) async fn stopped(&self) {
        let tasks: Vec<_> = self
            .inner()
            .jobs
            .values_mut()
            .filter_map(|job| job.task.take())
            .collect();
        let all = async {
            for task in tasks {
                let _ = task.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }

    /// Stops one where it can go on.
    pub(crate) fn pause(&self, id: u32) {
        if let Some(job) = self.inner().jobs.get(&id) {
            job.cancel.cancel();
        }
    }

    /// Gives one up: one at work stops, one that waits will not go on, and both stay listed. One that has ended is put away:
    /// then there is nothing left to show.
    fn end(&self, id: u32) -> Option<JobView> {
        let mut inner = self.inner();
        let job = inner.jobs.get_mut(&id)?;
        match job.view.state {
            JobState::Running => {
                job.given_up = true;
                job.cancel.cancel();
            }
            JobState::Paused => job.view.state = JobState::Cancelled,
            JobState::Done | JobState::Failed | JobState::Cancelled => {
                inner.jobs.remove(&id);
                return None;
            }
        }
        Some(job.view.clone())
    }
}

/// Begins a job.
pub(crate) fn start(desk: &Arc<Desk>, request: JobRequest) -> Result<JobView> {
    let app = desk.app().ok_or(Error::NoAccount)?;
    let (view, command) = prepare(desk, request)?;
    let mut inner = desk.jobs.inner();
    inner.last += 1;
    let view = JobView { id: inner.last, ..view };
    let mut job = Job::new(view.clone(), command);
    job.task = Some(spawn(desk, app, view.id, job.command.clone(), job.cancel.clone()));
    inner.jobs.insert(view.id, job);
    Ok(view)
}

/// Goes on with a job that was paused or failed, or again with an upload that left things out; with a pick, a download goes
/// into that folder.
pub(crate) fn resume(desk: &Arc<Desk>, id: u32, pick: Option<u32>) -> Result<JobView> {
    let app = desk.app().ok_or(Error::NoAccount)?;
    let other = pick.map(|pick| desk.picks.one(pick)).transpose()?;
    let mut inner = desk.jobs.inner();
    let missing = || Error::NotFound {
        what: "transfer",
        name: id.to_string(),
    };
    let job = inner.jobs.get_mut(&id).ok_or_else(missing)?;
    if !matches!(job.view.state, JobState::Paused | JobState::Failed) && !job.left_out() {
        return Ok(job.view.clone());
    }
    if let (Some(other), Command::Download { to, .. } | Command::RunArtifacts { to, .. }) = (other, &mut job.command) {
        job.view.to = Some(other.display().to_string());
        *to = other;
    }
    job.cancel = CancellationToken::new();
    job.speed = Speed::default();
    job.version = None;
    job.view = JobView {
        state: JobState::Running,
        step: None,
        left_over: None,
        outcome: None,
        error: None,
        ..job.view.clone()
    };
    job.task = Some(spawn(desk, app, id, job.command.clone(), job.cancel.clone()));
    Ok(job.view.clone())
}

/// What is to run, and how it looks before it does.
fn prepare(desk: &Desk, request: JobRequest) -> Result<(JobView, Command)> {
    let (download, to, project, kind, name, command) = match request {
        JobRequest::Upload {
            project,
            kind,
            name,
            note,
            pick,
            include_hidden,
        } => {
            let command = Command::Upload {
                kind,
                project: project.clone(),
                name: name.clone(),
                note,
                paths: desk.picks.get(pick)?,
                include_hidden,
            };
            (false, None, project, kind, name, command)
        }
        JobRequest::Download {
            project,
            kind,
            item,
            name,
            version,
            pick,
        } => {
            let to = desk.picks.one(pick)?;
            let shown = Some(to.display().to_string());
            let command = Command::Download {
                kind,
                project: project.clone(),
                item,
                version,
                to,
            };
            (true, shown, project, kind, name, command)
        }
        JobRequest::Artifacts {
            project,
            run,
            name,
            pick,
        } => {
            let to = desk.picks.one(pick)?;
            let shown = Some(to.display().to_string());
            let command = Command::RunArtifacts { run, to };
            (true, shown, project, ItemKind::Artifact, name, command)
        }
    };
    let view = JobView {
        download,
        project,
        kind,
        name,
        to,
        ..blank()
    };
    Ok((view, command))
}

/// One that begins, before anything is known of it.
fn blank() -> JobView {
    JobView {
        id: 0,
        download: false,
        project: String::new(),
        kind: ItemKind::Dataset,
        name: String::new(),
        to: None,
        left_over: None,
        state: JobState::Running,
        step: None,
        rate: None,
        left: None,
        outcome: None,
        error: None,
    }
}

fn spawn(desk: &Arc<Desk>, app: Arc<App>, id: u32, command: Command, cancel: CancellationToken) -> JoinHandle<()> {
    let desk = Arc::clone(desk);
    tauri::async_runtime::spawn(async move {
        let watcher = Arc::new(Watcher {
            desk: Arc::clone(&desk),
            id,
        });
        let mut work = std::pin::pin!(app.run(command, watcher, cancel));
        let mut looks = tokio::time::interval(LOOK);
        let result = loop {
            tokio::select! {
                biased;
                result = &mut work => break result,
                _ = looks.tick() => look(&desk, id),
            }
        };
        ended(&desk, id, result);
    })
}

/// Tells the page how a job is although nothing moved: that, too, is to be seen.
fn look(desk: &Desk, id: u32) {
    let mut inner = desk.jobs.inner();
    let Some(job) = inner.jobs.get_mut(&id) else { return };
    let view = job.look(Instant::now());
    drop(inner);
    desk.tell(Event::Job { job: Box::new(view) });
}

fn ended(desk: &Desk, id: u32, result: Result<Outcome>) {
    let mut inner = desk.jobs.inner();
    let Some(job) = inner.jobs.get_mut(&id) else { return };
    (job.view.rate, job.view.left) = (None, None);
    match result {
        // Given up too late: what is done is done, and said.
        Ok(outcome) => {
            job.view.state = JobState::Done;
            job.view.outcome = Some(outcome.into());
        }
        Err(_) if job.given_up => job.view.state = JobState::Cancelled,
        Err(Error::Cancelled | Error::Locked) => job.view.state = JobState::Paused,
        Err(error) => {
            job.view.state = JobState::Failed;
            job.view.error = Some(ErrorView::from(&error));
        }
    }
    let view = job.view.clone();
    drop(inner);
    desk.tell(Event::Job { job: Box::new(view) });
}

/// Passes progress on to the page, not more often than it can be read.
struct Watcher {
    desk: Arc<Desk>,
    id: u32,
}

impl Progress for Watcher {
    fn report(&self, step: ports::Step) {
        let mut inner = self.desk.jobs.inner();
        let Some(job) = inner.jobs.get_mut(&self.id) else {
            return;
        };
        let step = Step::from(step);
        let changed = job.view.step.as_ref().is_none_or(|old| old.stage != step.stage);
        job.view.step = Some(step);
        let now = Instant::now();
        if !changed && now.duration_since(job.told) < TICK {
            return;
        }
        let view = job.look(now);
        drop(inner);
        self.desk.tell(Event::Job { job: Box::new(view) });
    }
}
