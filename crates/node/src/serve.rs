//! A node at work: asks for runs, does them, and says that it is there.
//!
//! ```text
//! lease -> accept (every check) -> note "begun" -> open task and inputs -> carry out --> outputs -> result
//!                                                        lines, metrics --> sealed boxes, in order
//! ```
//!
//! What must not be lost is noted before it is done or sent: that an attempt was begun, and its sealed result until the server has
//! it. A node that was ended in the middle says so at its next start, and the run may be begun again.

mod attempt;
mod card;
mod notes;
mod outputs;
mod streams;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holdfast_engine::{Error, Result, Session};
use holdfast_protocol::id::RunId;
use holdfast_protocol::run::Attempt;
use holdfast_protocol::wire::{Lease, RunAttempt, code};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::exec::{Executor, Workspaces};

/// How long the server is asked to wait for a run.
const WAIT_MS: u64 = 20_000;
/// How often the node says what it works on, and hears what to stop: a lease is good for 30 seconds, a person who waits for a
/// stop is not.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The same while there is nothing to say.
const IDLE_HEARTBEAT: Duration = Duration::from_secs(8);
/// First pause after the server did not answer; doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Choices {
    /// Runs at the same time.
    pub slots: u32,
    /// The most that one run may ask for.
    pub ceilings: holdfast_task::Limits,
    /// Whether runs may reach hosts in this computer's own network.
    pub private_hosts: bool,
    /// A private folder for sealed packs on their way.
    pub spool: PathBuf,
}

/// What happens, for the node's own log and console. No names, no contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The server answers again, or for the first time.
    Connected,
    /// It does not, and why.
    Disconnected(String),
    /// A run began.
    Began(RunId, u32),
    /// A run ended, as a word.
    Ended(RunId, u32, String),
    /// A run was refused: code and sentence.
    Refused(RunId, String, String),
    /// Something else went wrong.
    Trouble(String),
}

/// A node at work.
pub struct Node {
    pub(crate) session: Arc<Session>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) workspaces: Workspaces,
    pub(crate) choices: Choices,
    working: Mutex<HashMap<Attempt, CancellationToken>>,
    tell: Box<dyn Fn(Told) + Send + Sync>,
}

impl Node {
    /// A node over an unlocked session, an executor and its folders. `tell` hears what happens.
    pub fn new(
        session: Arc<Session>,
        executor: Arc<dyn Executor>,
        workspaces: Workspaces,
        choices: Choices,
        tell: impl Fn(Told) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            session,
            executor,
            workspaces,
            choices,
            working: Mutex::default(),
            tell: Box::new(tell),
        })
    }

    /// Works until `stop`: what goes on then is ended, and said to be broken off.
    ///
    /// # Errors
    /// What makes working impossible: keys that the server no longer takes, a store that fails.
    pub async fn run(self: &Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut pause = PAUSE;
        loop {
            match self.begin(&stop).await {
                Ok(()) => break,
                Err(error @ (Error::Unreachable(_) | Error::Server { .. })) => {
                    self.tell(Told::Disconnected(error.to_string()));
                    if !rest(&mut pause, &stop).await {
                        return Ok(());
                    }
                }
                Err(other) => return Err(other),
            }
        }
        self.tell(Told::Connected);
        let heartbeat = tokio::spawn(self.clone().beat(stop.clone()));
        let outcome = self.work(&stop).await;
        heartbeat.abort();
        outcome
    }

    /// What an earlier process left, and the card.
    async fn begin(&self, stop: &CancellationToken) -> Result<()> {
        if stop.is_cancelled() {
            return Ok(());
        }
        self.session.forget_unsent(&self.choices.spool).await?;
        self.send_left_over().await?;
        self.send_card().await
    }

    async fn work(self: &Arc<Self>, stop: &CancellationToken) -> Result<()> {
        let slots = Arc::new(Semaphore::new(self.choices.slots.max(1) as usize));
        let mut runs = JoinSet::new();
        let (mut pause, mut answers) = (PAUSE, true);
        loop {
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot.map_err(|error| Error::Internal(error.to_string()))?,
                () = stop.cancelled() => break,
            };
            while runs.try_join_next().is_some() {}
            let asked = tokio::select! {
                asked = self.session.api().lease(WAIT_MS) => asked,
                () = stop.cancelled() => break,
            };
            match asked {
                Ok(lease) => {
                    pause = PAUSE;
                    if !std::mem::replace(&mut answers, true) {
                        self.tell(Told::Connected);
                    }
                    let Some(lease) = lease else { continue };
                    let (node, stop) = (self.clone(), stop.child_token());
                    runs.spawn(async move {
                        node.take(lease, stop).await;
                        drop(slot);
                    });
                }
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => {
                    if std::mem::replace(&mut answers, false) {
                        self.tell(Told::Disconnected(error.to_string()));
                    }
                    if !rest(&mut pause, stop).await {
                        break;
                    }
                }
            }
        }
        // Each hears `stop`, ends its task, and says that it was broken off.
        while runs.join_next().await.is_some() {}
        Ok(())
    }

    async fn take(&self, lease: Lease, stop: CancellationToken) {
        let of = Attempt {
            space: lease.space,
            run: lease.run,
            attempt: lease.attempt,
        };
        let withdrawn = CancellationToken::new();
        self.working().insert(of, withdrawn.clone());
        let outcome = self.attempt(of, &withdrawn, &stop).await;
        self.working().remove(&of);
        if let Err(error) = outcome {
            self.tell(Told::Trouble(error.to_string()));
        }
    }

    /// Says what is worked on, and ends what the server says is not this node's any more.
    async fn beat(self: Arc<Self>, stop: CancellationToken) {
        let mut quiet = Duration::ZERO;
        loop {
            tokio::select! {
                () = tokio::time::sleep(HEARTBEAT) => quiet += HEARTBEAT,
                () = stop.cancelled() => return,
            }
            let runs: Vec<RunAttempt> = self.working().keys().map(|of| named(*of)).collect();
            if runs.is_empty() && quiet < IDLE_HEARTBEAT {
                continue;
            }
            quiet = Duration::ZERO;
            let Ok(heard) = self.session.api().heartbeat(runs).await else {
                continue;
            };
            let working = self.working();
            for gone in heard.stop {
                let RunAttempt { space, run, attempt } = gone;
                if let Some(withdrawn) = working.get(&Attempt { space, run, attempt }) {
                    withdrawn.cancel();
                }
            }
        }
    }

    fn working(&self) -> std::sync::MutexGuard<'_, HashMap<Attempt, CancellationToken>> {
        self.working.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, what: Told) {
        (self.tell)(what);
    }
}

fn named(of: Attempt) -> RunAttempt {
    let Attempt { space, run, attempt } = of;
    RunAttempt { space, run, attempt }
}

/// Errors that do not pass by themselves.
fn is_final(error: &Error) -> bool {
    matches!(
        error,
        Error::KeysChanged(_) | Error::Locked | Error::NotAllowed(_) | Error::Internal(_)
    )
}

/// Errors that may pass by themselves: no answer, too much asked at once, or trouble that the server has with itself.
fn passes(error: &Error) -> bool {
    match error.bare() {
        Error::Unreachable(_) => true,
        Error::Server { code, .. } => {
            [code::RATE_LIMITED, code::INTERNAL, "timed-out", "http-429"].contains(&code.as_str())
                || code.starts_with("http-5")
        }
        _ => false,
    }
}

/// Asks again, less and less often, while what goes wrong may pass by itself.
///
/// # Errors
/// [`Error::Cancelled`] on `stop`; else the error that does not pass.
async fn persist<T, F>(stop: &CancellationToken, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut pause = PAUSE;
    loop {
        match ask().await {
            Err(error) if passes(&error) => {
                if !rest(&mut pause, stop).await {
                    return Err(Error::Cancelled);
                }
            }
            other => return other,
        }
    }
}

/// Waits, longer each time. False when it is time to stop.
async fn rest(pause: &mut Duration, stop: &CancellationToken) -> bool {
    let wait = *pause;
    *pause = (wait * 2).min(LONGEST_PAUSE);
    tokio::select! {
        () = tokio::time::sleep(wait) => true,
        () = stop.cancelled() => false,
    }
}
