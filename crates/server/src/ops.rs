//! Looking after a server's data folder: backup, restore, doctor, and freeing a handle.
//!
//! All of them work on the files alone. A server may run meanwhile, but not on a folder that is being restored. What they
//! return can be serialised as it is: the shapes are those of `holdfast_commands::view`.

mod backup;
mod copy;
mod doctor;
mod findings;
mod look;
mod manifest;
mod reset;
mod restore;
mod runs;
mod snapshot;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use backup::backup;
pub use doctor::doctor;
pub use findings::{DoctorReport, Finding, Level};
pub use reset::reset_account;
pub use restore::restore;

pub(crate) use look::{Rights, rights};

/// The database, in a data folder.
pub(crate) const DATABASE: &str = "holdfast.db";
/// The private key of a self-signed certificate, in a data folder.
pub(crate) const TLS_KEY: &str = "tls-key.pem";
/// That certificate.
pub(crate) const TLS_CERTIFICATE: &str = "tls-certificate.pem";
/// The packs, in a data folder and in a backup.
pub(crate) const PACKS: &str = "packs";
/// Held by whoever works on a data folder.
pub(crate) const LOCK: &str = "server.lock";
/// Where a restore gathers everything; there only until it is finished.
pub(crate) const RESTORING: &str = ".restoring";
/// Damaged parts that are told one by one.
const TOLD: usize = 100;
/// What is done about a database that is not whole.
const RESTORE: &str = "Keep this folder, and put the newest backup back into a new one with `holdfast restore`.";

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The database.
    Database,
    /// The packs.
    Packs,
    /// Comparing.
    Checking,
}

/// How far it is. Totals are 0 while they are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What is being done.
    pub phase: Phase,
    /// Bytes done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
}

/// Where progress is reported to. Called often; must be cheap.
pub type Watch<'a> = &'a (dyn Fn(Step) + Send + Sync);

/// How a backup ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupReport {
    /// The backup's folder.
    pub path: String,
    /// As of when it is, milliseconds since 1970-01-01 UTC.
    pub made_ms: u64,
    /// Accounts in it.
    pub accounts: u64,
    /// Projects and vaults in it.
    pub spaces: u64,
    /// Entries of their logs.
    pub entries: u64,
    /// Packs in it.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of packs that were copied now.
    pub copied_bytes: u64,
    /// Bytes of packs that were in the backup already.
    pub kept_bytes: u64,
    /// Parts of packs that the server should have and does not.
    pub damaged: u64,
    /// The first of them.
    pub damaged_parts: Vec<DamagedPart>,
}

/// How a restore ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// The new data folder.
    pub path: String,
    /// As of when the backup is, milliseconds since 1970-01-01 UTC.
    pub made_ms: u64,
    /// Accounts in it.
    pub accounts: u64,
    /// Projects and vaults in it.
    pub spaces: u64,
    /// Packs in it.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Parts of packs that the backup should have and does not.
    pub damaged: u64,
    /// The first of them.
    pub damaged_parts: Vec<DamagedPart>,
    /// What people will notice, to be told before the server is started.
    pub notice: String,
}

/// How a handle was freed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetReport {
    /// The handle, which is free now.
    pub handle: String,
    /// Id of the account that had it.
    pub id: String,
    /// Devices of that account that were signed out.
    pub devices: u64,
    /// What follows, to be told.
    pub notice: String,
}

/// A part of a pack that is not as its row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DamagedPart {
    /// The pack.
    pub pack: String,
    /// Number of the part.
    pub part: u32,
    /// `missing`, or `size` when it is shorter or longer than it should be.
    pub why: String,
}

/// Why it was not done. Nothing is left half done under a final name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No server has its data there.
    #[error("There is no server's data in {0}.")]
    NoData(PathBuf),
    /// Not a backup, or not a whole one.
    #[error("There is no whole backup of a server in {0}.")]
    NoBackup(PathBuf),
    /// The folder that is to be written holds something else.
    #[error("{0} is not empty.")]
    NotEmpty(PathBuf),
    /// The two folders lie in each other.
    #[error("The backup and the server's data can't lie in each other.")]
    Nested,
    /// Somebody else is at work.
    #[error("Another process is at work on {0}.")]
    Busy(PathBuf),
    /// The database is damaged.
    #[error("The database is damaged: {0}.")]
    Damaged(String),
    /// Made by a newer version.
    #[error("It was made by a newer version of Holdfast.")]
    Newer,
    /// Of an earlier form, which only a server brings up to date.
    #[error("The database is of an earlier form than this version's.")]
    Older,
    /// No person has this handle.
    #[error("Nobody on this server has the handle {0:?}.")]
    NoAccount(String),
    /// No room.
    #[error("The disk is full.")]
    Full,
    /// Stopped from outside.
    #[error("Stopped. It can be resumed.")]
    Stopped,
    /// A file.
    #[error("{path}: {reason}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
}

/// What these functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The stable code, as in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoData(_) | Self::NoBackup(_) | Self::NoAccount(_) => "not-found",
            Self::NotEmpty(_) => "already-exists",
            Self::Nested | Self::Newer | Self::Older => "invalid",
            Self::Busy(_) => "busy",
            Self::Damaged(_) => "damaged",
            Self::Full => "full",
            Self::Stopped => "cancelled",
            Self::Io { .. } => "io",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::NoData(_) => "Name the folder that `holdfast serve --data` uses.",
            Self::NoBackup(_) => {
                "Name a folder that `holdfast backup --out` has finished; one that was stopped can be finished by running it again."
            }
            Self::NotEmpty(_) => "Name a folder that is new or empty. Nothing was changed.",
            Self::Nested => "Name another folder for the backup, best on another disk.",
            Self::Busy(_) => "Wait until it ends, or stop it.",
            Self::Damaged(_) => "Run `holdfast doctor --data` on the folder; restore an earlier backup if it stays.",
            Self::Newer => "Update Holdfast.",
            Self::Older => {
                "Start this version's `holdfast serve` on it, then run the same command again. Nothing was changed."
            }
            Self::NoAccount(_) => {
                "Check how the handle is written; after a reset it is free until somebody signs up. A node is ended with `holdfast node end`. Nothing was changed."
            }
            Self::Full => "Make room and run the same command again.",
            Self::Stopped => "Run the same command again to go on.",
            Self::Io { .. } => "Check the path and its permissions.",
        }
    }

    fn io(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io {
                path: path.display().to_string(),
                reason: error.to_string(),
            },
        }
    }
}

/// Runs file work beside the tasks that answer.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Error::Io {
            path: String::new(),
            reason: "a file operation panicked".into(),
        })
    })
}
