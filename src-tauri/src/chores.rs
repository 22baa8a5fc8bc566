//! Looking after where the data lies: moving to another server, backing the built-in one up, and a look at both for faults.
//! One such work at a time; it says how far it is, can be stopped, and goes on where it was when it is begun again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_commands::types::{Stage, Step};
use holdfast_commands::view::{BackupView, DoctorView, ErrorView, RelocatedView};
use holdfast_commands::{App, Command};
use holdfast_device::examine;
use holdfast_engine::ports::{self, Progress};
use holdfast_engine::{Error, Result};
use holdfast_server::ops;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::builtin;
use crate::desk::Desk;
use crate::types::{Checkup, Event};

/// What a backup is called in the folder that a person chooses.
const BACKUP: &str = "Holdfast backup";

/// The work that is under way.
#[derive(Default)]
pub(crate) struct Chores {
    stop: Mutex<Option<CancellationToken>>,
}

impl Chores {
    fn begin(&self) -> Result<Turn<'_>> {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if stop.is_some() {
            return Err(Error::Conflict("Something like this is under way already.".into()));
        }
        let mine = CancellationToken::new();
        *stop = Some(mine.clone());
        Ok(Turn {
            chores: self,
            stop: mine,
        })
    }

    /// Stops it where it can go on.
    pub(crate) fn stop(&self) {
        let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stop) = stop.as_ref() {
            stop.cancel();
        }
    }
}

/// The right to be the one work that is under way.
struct Turn<'a> {
    chores: &'a Chores,
    stop: CancellationToken,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.chores.stop.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Moves the account to another server.
pub(crate) async fn relocate(
    desk: &Arc<Desk>,
    to: String,
    leave_behind: bool,
    fingerprint: Option<String>,
) -> Result<RelocatedView> {
    let app = open(desk)?;
    let turn = desk.chores.begin()?;
    let busy = desk.idle.busy();
    let quick = desk.has_quick_unlock().await;
    let command = Command::Relocate {
        to: to.trim().to_owned(),
        leave_behind,
        fingerprint,
    };
    let told = Arc::new(Told(Arc::clone(desk)));
    let outcome = app.run(command, told, turn.stop.clone()).await?;
    drop(busy);
    // The account's record was written anew, and quick unlock went with the old one.
    if quick
        && app.is_unlocked()
        && let Err(error) = desk.allow_quick_unlock().await
    {
        tracing::warn!(code = error.code(), "quick unlock did not come along");
    }
    // What waits for the old server's events waits for the new one's.
    desk.follow(&app);
    serde_json::from_value(outcome.value).map_err(|error| Error::Internal(error.to_string()))
}

/// Backs the built-in server up into a folder, or into that of the last time.
pub(crate) async fn back_up(desk: &Arc<Desk>, folder: Option<PathBuf>) -> std::result::Result<BackupView, ErrorView> {
    let told = |error: Error| ErrorView::from(&error);
    open(desk).map_err(told)?;
    let last = desk.settings().backup_path.map(PathBuf::from);
    let out = match (folder, last) {
        (Some(folder), last) => target(&folder, last.as_deref()),
        (None, Some(last)) => last,
        (None, None) => return Err(told(Error::Invalid("No folder was chosen.".into()))),
    };
    let turn = desk.chores.begin().map_err(told)?;
    let busy = desk.idle.busy();
    let watch = |step: ops::Step| {
        desk.tell(Event::Chore {
            step: in_words(step, Stage::Copying),
        });
    };
    let report = ops::backup(&builtin::data(&desk.profile), &out, &watch, &turn.stop).await;
    let report = report.map_err(|error| refused(&error))?;
    drop(busy);
    desk.change_settings(|settings| {
        settings.backup_ms = Some(report.made_ms);
        settings.backup_path = Some(report.path.clone());
    })
    .map_err(told)?;
    same_shape(&report).map_err(told)
}

/// Looks at the profile, and at the built-in server if the account lives there, for faults. Changes nothing.
pub(crate) async fn check_up(desk: &Arc<Desk>) -> Result<Checkup> {
    let app = open(desk)?;
    let mut findings = examine(&desk.profile).await;
    findings.extend(app.doctor().await);
    let server = if desk.look().await?.server.is_some_and(|server| server.built_in) {
        let watch = |step: ops::Step| {
            desk.tell(Event::Chore {
                step: in_words(step, Stage::Checking),
            });
        };
        Some(same_shape(&ops::doctor(&builtin::data(&desk.profile), &watch).await)?)
    } else {
        None
    };
    Ok(Checkup {
        profile: DoctorView::of(findings),
        server,
    })
}

fn open(desk: &Desk) -> Result<Arc<App>> {
    let app = desk.app().ok_or(Error::NoAccount)?;
    app.is_unlocked().then_some(app).ok_or(Error::Locked)
}

/// A folder of our own in the one that was chosen, or that one if it is the backup of the last time.
fn target(folder: &Path, last: Option<&Path>) -> PathBuf {
    if last == Some(folder) || folder.file_name().is_some_and(|name| name == BACKUP) {
        folder.to_owned()
    } else {
        folder.join(BACKUP)
    }
}

fn refused(error: &ops::Error) -> ErrorView {
    ErrorView {
        code: error.code().to_owned(),
        message: error.to_string(),
        next: error.next().to_owned(),
    }
}

/// What the server's crate returns has the shape of a view.
fn same_shape<T: DeserializeOwned>(report: &impl Serialize) -> Result<T> {
    let failed = |error: serde_json::Error| Error::Internal(error.to_string());
    serde_json::from_value(serde_json::to_value(report).map_err(failed)?).map_err(failed)
}

fn in_words(step: ops::Step, packs: Stage) -> Step {
    Step {
        stage: match step.phase {
            ops::Phase::Database => Stage::Reading,
            ops::Phase::Packs => packs,
            ops::Phase::Checking => Stage::Checking,
        },
        done: step.done,
        total: step.total,
        files: 0,
        files_total: 0,
    }
}

/// Tells the page how far it is.
struct Told(Arc<Desk>);

impl Progress for Told {
    fn report(&self, step: ports::Step) {
        self.0.tell(Event::Chore { step: step.into() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_stopped_where_it_can_go_on() {
        let chores = Chores::default();
        let turn = chores.begin().unwrap();
        assert!(chores.begin().is_err());
        chores.stop();
        assert!(turn.stop.is_cancelled());
        drop(turn);
        assert!(!chores.begin().unwrap().stop.is_cancelled());
    }

    #[test]
    fn a_backup_has_a_folder_of_its_own() {
        let disk = Path::new("/mnt/disk");
        let made = target(disk, None);
        assert_eq!(made, Path::new("/mnt/disk/Holdfast backup"));
        assert_eq!(target(&made, None), made);
        assert_eq!(target(disk, Some(disk)), disk);
    }
}
