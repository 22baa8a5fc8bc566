//! The process behind `holdfast unlock`: it has the keys, runs commands for this user's other programs, several at once,
//! and forgets everything on `holdfast lock`, on SIGTERM, or when no command came for a while.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use holdfast_agent::Owner as Owns;
use holdfast_commands::{App, Command, Frame};
use holdfast_device::{AgentListener, Deadline, ProfileLock, forbid_new_privileges};
use holdfast_engine::{Error, ports::Silent};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::args::{Common, Unlock};
use crate::exit;
use crate::failure::{Failure, Result};
use crate::output::print;
use crate::phrase::PhraseText;
use crate::place::{Owner, Place};
use crate::{input, run};

/// How long commands may take to stop when the keys are to go.
const STOP: Duration = Duration::from_secs(5);

/// What all connections share.
struct Agent {
    /// For what outlives a call.
    itself: Weak<Self>,
    app: Arc<App>,
    /// When the keys are forgotten unless a command comes.
    deadline: Mutex<Deadline>,
    span: Duration,
    running: AtomicUsize,
    /// Stops commands.
    cancel: CancellationToken,
    /// Ends the process.
    end: CancellationToken,
}

/// Runs the agent. The Master Key comes by standard input; one line on standard output says how the start went.
pub(crate) fn run(common: &Common, args: &Unlock) -> u8 {
    // Away from the terminal, so that closing it ends nothing. It fails only for one who is away already.
    let _ = rustix::process::setsid();
    let hardened = forbid_new_privileges();
    run::log_to_stderr();
    if let Err(error) = hardened {
        tracing::warn!(%error, "privileges can't be given up");
    }
    match run::forgetful_runtime().and_then(|runtime| runtime.block_on(serve(common, args))) {
        Ok(()) => exit::DONE,
        Err(failure) => {
            let exit = exit::of_code(failure.code());
            report(&Frame::Failed(failure.0));
            exit
        }
    }
}

async fn serve(common: &Common, args: &Unlock) -> Result<()> {
    let phrase = PhraseText::from_bytes(&input::bytes(Path::new("-"))?)?;
    let place = Place::open(common)?;
    // No folder is kept from being unmounted or removed.
    std::env::set_current_dir("/").map_err(|error| Error::io(Path::new("/"), &error))?;
    let Owner::Me(lock) = place.owner().await? else {
        return Err(Failure::busy(""));
    };
    let app = place.app().await?.ok_or(Error::NoAccount)?;
    app.unlock(&phrase.phrase).await?;
    drop(phrase);
    match app.catch_up().await {
        // Told by the first status, and by each one after it.
        Ok(alarms) => alarms
            .iter()
            .for_each(|view| tracing::warn!(code = view.code, "this must be looked at")),
        Err(error) if run::is_alarm(&error) => return Err(error.into()),
        Err(error) => tracing::warn!(code = error.code(), "what was due is left for later"),
    }
    let listener = AgentListener::bind(&place.profile, &lock).await?;
    let status = app
        .run(Command::Status, Arc::new(Silent), CancellationToken::new())
        .await?;
    report(&Frame::Ended(status));
    let span = Duration::from_secs(args.auto_lock_minutes * 60);
    let agent = Arc::new_cyclic(|itself| Agent {
        itself: itself.clone(),
        app: Arc::new(app),
        deadline: Mutex::new(Deadline::after(span)),
        span,
        running: AtomicUsize::new(0),
        cancel: CancellationToken::new(),
        end: CancellationToken::new(),
    });
    agent.until_the_end(listener).await?;
    agent.forget().await;
    drop::<ProfileLock>(lock);
    Ok(())
}

/// One line for the process that started this one. Whether it still listens is its own business.
fn report(frame: &Frame) {
    if let Ok(line) = serde_json::to_string(frame) {
        let _ = print(&line);
    }
}

impl Agent {
    /// Serves until somebody or the time says that it is enough. The socket is gone afterwards.
    async fn until_the_end(self: &Arc<Self>, listener: AgentListener) -> Result<()> {
        let failed = |error: std::io::Error| Error::Internal(format!("signals can't be received: {error}"));
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
        let connections = tokio::spawn(holdfast_agent::serve(Arc::clone(self), listener));
        tokio::select! {
            () = self.idle() => tracing::info!("locked: no command came for a while"),
            () = self.end.cancelled() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
        // With the listener goes its socket: from here on nobody finds this process any more.
        connections.abort();
        let _ = connections.await;
        Ok(())
    }

    /// Comes back when nothing runs and the deadline has passed.
    async fn idle(&self) {
        loop {
            let deadline = self.deadline();
            deadline.wait().await;
            if self.is_over() {
                return;
            }
            if deadline == self.deadline() {
                // Something runs for longer than the whole span.
                self.used();
            }
        }
    }

    fn deadline(&self) -> Deadline {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command came or ended: the time starts anew.
    fn used(&self) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Deadline::after(self.span);
    }

    /// Whether the time is up.
    fn is_over(&self) -> bool {
        self.running.load(Ordering::SeqCst) == 0 && self.deadline().expired()
    }

    /// Stops commands and drops the keys; a command that does not stop keeps them until the process ends, which is now.
    async fn forget(&self) {
        self.cancel.cancel();
        self.app.lock();
        let deadline = Deadline::after(STOP);
        while self.running.load(Ordering::SeqCst) > 0 && !deadline.expired() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[async_trait]
impl Owns for Agent {
    fn app(&self) -> holdfast_engine::Result<Arc<App>> {
        Ok(Arc::clone(&self.app))
    }

    fn begin(&self, command: &Command) -> holdfast_engine::Result<Box<dyn Send>> {
        // The computer may have slept past the deadline and only just woken up.
        if self.is_over() {
            self.end.cancel();
            return Err(Error::Locked);
        }
        // Looking at the state, which a prompt may do all day, keeps nothing unlocked.
        if matches!(command, Command::Status) {
            return Ok(Box::new(()));
        }
        let running = self.itself.upgrade().ok_or(Error::Locked)?;
        Ok(Box::new(Running::begin(running)))
    }

    fn cancel(&self) -> CancellationToken {
        self.cancel.clone()
    }

    async fn lock(&self) {
        self.app.lock();
    }

    fn locked(&self) -> bool {
        // Not before the answer is on its way.
        self.end.cancel();
        true
    }

    fn show(&self) -> holdfast_engine::Result<()> {
        Err(Error::Conflict(
            "The process that keeps this profile unlocked has no window.".into(),
        ))
    }
}

/// Counts a command while it runs.
struct Running(Arc<Agent>);

impl Running {
    fn begin(agent: Arc<Agent>) -> Self {
        agent.running.fetch_add(1, Ordering::SeqCst);
        agent.used();
        Self(agent)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.used();
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
