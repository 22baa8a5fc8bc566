//! A profile at work: locked or unlocked, running one command after another (or several at once).

use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use holdfast_crypto::Phrase;
use holdfast_engine::ports::Progress;
use holdfast_engine::{Account, Error, Host, Result, Session};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::command::Command;
use crate::run;
use crate::view::{Ending, Outcome};

/// A profile on its machine.
pub struct App {
    host: Host,
    spool: PathBuf,
    session: RwLock<Option<Arc<Session>>>,
}

impl App {
    /// A locked profile. `spool` is a private folder for sealed packs on their way.
    #[must_use]
    pub fn new(host: Host, spool: PathBuf) -> Self {
        Self {
            host,
            spool,
            session: RwLock::new(None),
        }
    }

    /// The machine.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.spool.clone()
    }

    /// Takes over a session that signing up, signing in or recovery opened.
    pub fn open_with(&self, session: Session) {
        *self.session.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Arc::new(session));
    }

    /// Opens the profile with its Master Key. Sends nothing when it doesn't match.
    ///
    /// # Errors
    /// [`Error::WrongMasterKey`], [`Error::NoAccount`].
    pub async fn unlock(&self, phrase: &Phrase) -> Result<()> {
        let session = Session::unlock(self.host.clone(), phrase).await?;
        self.open_with(session);
        Ok(())
    }

    /// Drops the keys. Commands that are running keep theirs until they end.
    pub fn lock(&self) {
        *self.session.write().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    /// Whether keys are in memory.
    #[must_use]
    pub fn is_unlocked(&self) -> bool {
        self.session
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .is_some()
    }

    /// The unlocked session.
    ///
    /// # Errors
    /// [`Error::Locked`], or [`Error::NoAccount`] where there is nothing to unlock.
    pub async fn session(&self) -> Result<Arc<Session>> {
        let session = self
            .session
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        match session {
            Some(session) => Ok(session),
            None if Account::load(self.host.store.as_ref()).await?.is_none() => Err(Error::NoAccount),
            None => Err(Error::Locked),
        }
    }

    /// Finishes what was due or interrupted: newer keys in every space, new keys after somebody left, invitations that
    /// were answered. Offline it does nothing. Called after each unlock.
    ///
    /// # Errors
    /// [`Error::KeysChanged`] and [`Error::History`]; what can wait is left for the next time.
    pub async fn catch_up(&self) -> Result<()> {
        let session = self.session().await?;
        match session.check_account().await {
            Ok(_) => {}
            Err(Error::Unreachable(_)) => return Ok(()),
            Err(other) => return Err(other),
        }
        session.upkeep_all().await?;
        session.complete_invitations().await?;
        Ok(())
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
        run::run(self, command, progress, cancel).await
    }
}

/// A command that did all it was asked.
pub(crate) fn done(view: &impl Serialize) -> Result<Outcome> {
    ended(Ending::Done, view)
}

pub(crate) fn ended(ending: Ending, view: &impl Serialize) -> Result<Outcome> {
    let value = serde_json::to_value(view).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Outcome { ending, value })
}
