//! A profile at work: locked or unlocked, running one command after another (or several at once).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use holdfast_crypto::{Key32, Phrase};
use holdfast_engine::ports::{Cause, Progress, Transport};
use holdfast_engine::{Account, Error, Finding, Host, Relocated, Result, Session, staleness};
use holdfast_protocol::id::Hash;
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::command::Command;
use crate::doctor;
use crate::preview;
use crate::run::{self, Reading};
use crate::view::{CameView, Ending, ErrorView, Outcome};

/// Makes the way to another server's address, where only the key with that fingerprint is taken if there is one.
pub type Connect = Arc<dyn Fn(&str, Option<Hash>) -> Result<Arc<dyn Transport>> + Send + Sync>;

/// Keeps the memory on which bytes lie out of the swap file; says whether it could.
pub type Guard = fn(&[u8]) -> bool;

/// Previews under way at the same time.
const PREVIEWS: usize = 2;

/// A profile on its machine.
pub struct App {
    host: RwLock<Host>,
    spool: PathBuf,
    decoder: PathBuf,
    previews: Semaphore,
    session: RwLock<Option<Arc<Session>>>,
    connect: Option<Connect>,
    guard: Option<Guard>,
    /// Read by every command, written by a move to another server: nothing else runs meanwhile.
    moving: tokio::sync::RwLock<()>,
    alarms: Mutex<Vec<ErrorView>>,
    news: Mutex<Vec<CameView>>,
    readings: Mutex<Vec<Reading>>,
}

/// Logs of runs that are kept open between two answers.
const READINGS: usize = 8;

impl App {
    /// A locked profile. `spool` is a private folder for sealed packs on their way.
    #[must_use]
    pub fn new(host: Host, spool: PathBuf) -> Self {
        Self {
            host: RwLock::new(host),
            spool,
            decoder: preview::own_program(),
            previews: Semaphore::new(PREVIEWS),
            session: RwLock::new(None),
            connect: None,
            guard: None,
            moving: tokio::sync::RwLock::new(()),
            alarms: Mutex::default(),
            news: Mutex::default(),
            readings: Mutex::default(),
        }
    }

    /// Lets another program than this one decode previews. It has to call `holdfast_preview::worker_main` first thing in its
    /// `main`, as every shell does.
    #[must_use]
    pub fn with_decoder(mut self, program: PathBuf) -> Self {
        self.decoder = program;
        self
    }

    pub(crate) fn decoder(&self) -> &Path {
        &self.decoder
    }

    /// Waits for a turn: each preview is a process with memory of its own.
    pub(crate) async fn preview_turn(&self) -> Result<SemaphorePermit<'_>> {
        let turn = self.previews.acquire().await;
        turn.map_err(|error| Error::Internal(error.to_string()))
    }

    /// The same, and able to move to another server's address.
    #[must_use]
    pub fn connecting_with(mut self, connect: Connect) -> Self {
        self.connect = Some(connect);
        self
    }

    /// The same, with its keys kept in memory.
    #[must_use]
    pub fn guarded_by(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Keeps the keys that are in memory now out of the swap file. Says whether all of them are; `None` while there are none, or
    /// where nobody guards.
    pub(crate) fn guard_keys(&self) -> Option<bool> {
        let guard = self.guard?;
        let session = self.session.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let mut all = true;
        session.show_keys(&mut |key| all &= guard(key));
        Some(all)
    }

    /// The machine; after a move with the way to the new server.
    #[must_use]
    pub fn host(&self) -> Host {
        self.host
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Moves to the server at the other end. Nothing else may run meanwhile; afterwards everything goes to the new server.
    ///
    /// # Errors
    /// [`Error::Conflict`] when other commands are running; see [`Session::relocate`].
    pub async fn relocate(
        &self,
        to: Arc<dyn Transport>,
        leave_behind: bool,
        progress: &Arc<dyn Progress>,
        cancel: &CancellationToken,
    ) -> Result<Relocated> {
        let _alone = self.moving.try_write().map_err(|_| {
            Error::Conflict("Other commands of this profile are running. Let them end, then move.".into())
        })?;
        let session = self.session().await?;
        let (moved, done) = session.relocate(to.clone(), leave_behind, progress, cancel).await?;
        self.host
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .transport = to;
        // Locked in the meantime: then it stays locked.
        let mut kept = self.session.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.is_some() {
            *kept = Some(Arc::new(moved));
        }
        Ok(done)
    }

    pub(crate) fn connect(&self, address: &str, pin: Option<Hash>) -> Result<Arc<dyn Transport>> {
        let connect = self.connect.as_ref();
        connect.ok_or_else(|| Error::Internal("this program can't reach another server".into()))?(address, pin)
    }

    /// What a doctor sees of the account, of what waits to be sent, and of the server. Needs no key.
    pub async fn doctor(&self) -> Vec<Finding> {
        doctor::examine(&self.host(), &self.spool).await
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.spool.clone()
    }

    /// Takes over a session that signing up, signing in or recovery opened.
    pub fn open_with(&self, session: Session) {
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(session));
        self.guard_keys();
    }

    /// Opens the profile with its Master Key. Sends nothing when it doesn't match.
    ///
    /// # Errors
    /// [`Error::WrongMasterKey`], [`Error::NoAccount`].
    pub async fn unlock(&self, phrase: &Phrase) -> Result<()> {
        let session = Session::unlock(self.host(), phrase).await?;
        self.open_with(session);
        Ok(())
    }

    /// Opens the profile with the key that the system's keychain keeps. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Keychain`] when the Master Key is needed, [`Error::NoAccount`].
    pub async fn unlock_quickly(&self, key: &Key32) -> Result<()> {
        let session = Session::unlock_quickly(self.host(), key).await?;
        self.open_with(session);
        Ok(())
    }

    /// Drops the keys. Commands that are running keep theirs until they end.
    pub fn lock(&self) {
        self.known_alarms().clear();
        self.kept_readings().clear();
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether keys are in memory.
    #[must_use]
    pub fn is_unlocked(&self) -> bool {
        self.session.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The unlocked session.
    ///
    /// # Errors
    /// [`Error::Locked`], or [`Error::NoAccount`] where there is nothing to unlock.
    pub async fn session(&self) -> Result<Arc<Session>> {
        let session = self.session.read().unwrap_or_else(PoisonError::into_inner).clone();
        match session {
            Some(session) => Ok(session),
            None if Account::load(self.host().store.as_ref()).await?.is_none() => Err(Error::NoAccount),
            None => Err(Error::Locked),
        }
    }

    /// Finishes what was due or interrupted: newer keys in every space, new keys after somebody left, invitations that
    /// were answered. Offline it does nothing. Called after each unlock.
    ///
    /// Returns what must be looked at: a project whose history does not fit, an invitation with a wrong answer. Each is
    /// refused where it is used; everything else goes on, or whoever runs the server could shut people out at will.
    ///
    /// # Errors
    /// [`Error::KeysChanged`] and [`Error::History`] about the account itself; what can wait is left for the next time.
    pub async fn catch_up(&self) -> Result<Vec<ErrorView>> {
        let session = self.session().await?;
        match session.check_account().await {
            Ok(_) => {}
            // What is known is shown as on any day without the server; but that somebody else answers for it is said.
            Err(error @ Error::Unreachable(_)) => {
                self.alarm(None, &error);
                return Ok(self.alarms());
            }
            Err(other) => return Err(other),
        }
        // It stops nothing but taking keys from the directory.
        match session.check_directory().await {
            Err(error @ (Error::Directory { .. } | Error::Unreachable(_))) => self.alarm(None, &error),
            answer => answer?,
        }
        let (_, trouble) = session.upkeep_each().await?;
        for trouble in trouble.iter().filter(|trouble| trouble.seen) {
            self.alarm(trouble.name.as_deref(), &trouble.error);
        }
        self.adopt_all(&session).await?;
        let answered = session.answered_invitations().await?;
        for came in answered.came {
            let view = session.view(came.project).await?;
            self.news().push(CameView {
                handle: came.handle,
                project: came.project.to_string(),
                project_name: view.space.contents().name().to_owned(),
                role: came.role,
            });
        }
        for error in answered.failed {
            self.alarm(None, &error);
        }
        Ok(self.alarms())
    }

    /// Takes over what nodes have sent for runs that were open when this device last looked.
    async fn adopt_all(&self, session: &Session) -> Result<()> {
        for space in session.waiting_for_results().await? {
            // One project's trouble is none of the others'.
            if let Err(error) = run::adopt(self, session, space).await {
                self.alarm(None, &error);
            }
        }
        Ok(())
    }

    /// Takes out the reading of a log that goes on where it is asked to.
    pub(crate) fn reading(&self, fits: impl Fn(&Reading) -> bool) -> Option<Reading> {
        let mut kept = self.kept_readings();
        let index = kept.iter().position(fits)?;
        Some(kept.remove(index))
    }

    /// Keeps it for the next time.
    pub(crate) fn keep_reading(&self, reading: Reading) {
        let mut kept = self.kept_readings();
        if kept.len() >= READINGS {
            kept.remove(0);
        }
        kept.push(reading);
    }

    fn kept_readings(&self) -> MutexGuard<'_, Vec<Reading>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who answered an invitation and came in, since the profile was unlocked.
    #[must_use]
    pub fn came(&self) -> Vec<CameView> {
        self.news().clone()
    }

    fn news(&self) -> MutexGuard<'_, Vec<CameView>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What must be looked at, since the profile was unlocked.
    #[must_use]
    pub fn alarms(&self) -> Vec<ErrorView> {
        self.known_alarms().clone()
    }

    /// Remembers what must be looked at: nobody was there to be told, or one time is not enough.
    pub(crate) fn alarm(&self, project: Option<&str>, error: &Error) {
        let looked_at = match error.bare() {
            Error::Refused(_)
            | Error::Damaged { .. }
            | Error::History(_)
            | Error::KeysChanged(_)
            | Error::Directory { .. } => true,
            Error::Unreachable(silent) => matches!(silent.cause, Cause::Distrust(_)),
            _ => false,
        };
        if !looked_at {
            return;
        }
        let mut view = ErrorView::from(error);
        if let Some(project) = project {
            view.message = format!("{project}: {}", view.message);
        }
        let mut alarms = self.known_alarms();
        if !alarms.contains(&view) {
            alarms.push(view);
        }
    }

    fn known_alarms(&self) -> MutexGuard<'_, Vec<ErrorView>> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a command.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn run(
        &self,
        command: Command,
        progress: Arc<dyn Progress>,
        cancel: CancellationToken,
    ) -> Result<Outcome> {
        let alone = matches!(command, Command::Relocate { .. } | Command::Status);
        let _together = match alone {
            true => None,
            false => Some(self.moving.try_read().map_err(|_| {
                Error::Conflict("This profile is moving to another server. Do it again when that has ended.".into())
            })?),
        };
        let (outcome, as_of_ms) = staleness::noting(run::run(self, command, progress, cancel)).await;
        // Those of spaces that were opened for it.
        self.guard_keys();
        outcome.map(|outcome| Outcome { as_of_ms, ..outcome })
    }
}

/// A command that did all it was asked.
pub(crate) fn done(view: &impl Serialize) -> Result<Outcome> {
    ended(Ending::Done, view)
}

pub(crate) fn ended(ending: Ending, view: &impl Serialize) -> Result<Outcome> {
    let value = serde_json::to_value(view).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Outcome {
        ending,
        value,
        as_of_ms: None,
        notes: Vec::new(),
    })
}
