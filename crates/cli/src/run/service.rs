//! What processes have in common that work until they are told to stop: `serve`, `witness`, `node start`.

use std::future::Future;

use holdfast_engine::Error;
use holdfast_server::logs;
use rustix::fs::Mode;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::{Failure, Result};

/// Whatever this process makes is for its user alone, also in a folder that was there before. To be said while there is one thread.
pub(super) fn make_private_files() {
    let _ = rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Writes the log to standard error, as much as `RUST_LOG` says.
pub(super) fn begin_log() -> Result<()> {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| logs::DEFAULT_FILTER.into());
    let log = logs::subscriber(&filter, std::io::stderr)
        .map_err(|why| Failure::usage(format!("RUST_LOG makes no sense: {why}."), "Leave it unset."))?;
    let _ = tracing::subscriber::set_global_default(log);
    Ok(())
}

/// SIGTERM and Ctrl-C. Made before anything else is, so that one that comes early leaves nothing half made.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(super) fn listen() -> Result<Self> {
        let failed = |error: std::io::Error| Error::Internal(format!("signals can't be received: {error}"));
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    /// Waits until this process is told to stop.
    pub(super) async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// The same, unless what works ends before.
    ///
    /// # Errors
    /// When it did.
    pub(super) async fn told_before(&mut self, end: impl Future<Output = ()>, what: &str) -> Result<()> {
        tokio::select! {
            () = self.told() => Ok(()),
            () = end => Err(Error::Internal(format!("the {what} ended by itself; see its log")).into()),
        }
    }
}
