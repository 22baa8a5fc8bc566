//! Putting a backup back, into a folder that is new or empty.
//!
//! Everything is gathered in `.restoring` inside the folder and moved to its names at the end. While it is there no server
//! starts on the folder, and the same restore again goes on where it was.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::copy::{copy_file, copy_pack, lock, make};
use super::manifest::{self, Manifest};
use super::snapshot::Snapshot;
use super::{DATABASE, Error, LOCK, PACKS, Phase, RESTORING, RestoreReport, Result, Step, TOLD, Watch, blocking};
use crate::folder;

/// Makes a data folder from a backup.
///
/// # Errors
/// See [`Error`]. A part of a pack that the backup does not have is no error: it is in the report.
pub async fn restore(from: &Path, data: &Path, watch: Watch<'_>, stop: &CancellationToken) -> Result<RestoreReport> {
    let manifest = manifest::read(from)?.ok_or_else(|| Error::NoBackup(from.to_owned()))?;
    let from = fs::canonicalize(from).map_err(|error| Error::io(from, &error))?;
    make(data)?;
    let data = fs::canonicalize(data).map_err(|error| Error::io(data, &error))?;
    if data.starts_with(&from) || from.starts_with(&data) {
        return Err(Error::Nested);
    }
    require_empty(&data)?;
    fs::set_permissions(&data, Permissions::from_mode(0o700)).map_err(|error| Error::io(&data, &error))?;
    let _lock = lock(&data.join(LOCK), &data)?;
    // Again, with the lock: a server may have been quicker.
    require_empty(&data)?;
    let work = data.join(RESTORING);
    make(&work)?;

    watch(step(Phase::Database, 0, manifest.database_bytes));
    let database = work.join(DATABASE);
    let source = from.join(&manifest.database);
    blocking({
        let (source, database) = (source.clone(), database.clone());
        move || copy_file(&source, &database)
    })
    .await?;
    let mut rows = Snapshot::read(&database).await?;
    rows.known_schema().await?;
    if let Some(fault) = rows.faults().await?.first() {
        return Err(Error::Damaged(fault.clone()));
    }
    let report = packs(&mut rows, &manifest, &from, &work, watch, stop).await?;
    rows.close().await?;
    settle(&data, &work)?;
    Ok(RestoreReport {
        path: data.display().to_string(),
        ..report
    })
}

async fn packs(
    rows: &mut Snapshot,
    manifest: &Manifest,
    from: &Path,
    work: &Path,
    watch: Watch<'_>,
    stop: &CancellationToken,
) -> Result<RestoreReport> {
    let counts = rows.counts().await?;
    let mut report = RestoreReport {
        path: String::new(),
        made_ms: manifest.made_ms,
        accounts: counts.accounts,
        spaces: counts.spaces,
        packs: counts.packs,
        bytes: counts.bytes,
        damaged: 0,
        damaged_parts: Vec::new(),
        notice: NOTICE.into(),
    };
    make(&work.join(PACKS))?;
    let (mut last, mut passed) = (None, 0);
    loop {
        let page = rows.packs_after(last).await?;
        let Some(end) = page.last() else { return Ok(report) };
        last = Some(end.blob);
        for pack in page {
            if stop.is_cancelled() {
                return Err(Error::Stopped);
            }
            passed += pack.bytes;
            let (from, to) = (from.join(PACKS), work.join(PACKS));
            let copied = blocking(move || copy_pack(&from, &to, &pack)).await?;
            report.damaged += copied.damaged.len() as u64;
            let room = TOLD.saturating_sub(report.damaged_parts.len());
            report.damaged_parts.extend(copied.damaged.into_iter().take(room));
            watch(step(Phase::Packs, passed, counts.bytes));
        }
    }
}

/// What has to be said, whatever the backup's age.
const NOTICE: &str = "This is the server as it was when the backup was made. Whoever has seen more since then is told that the \
                      server went back in time, and Holdfast stops there (exit code 21). Tell people before you start it.";

/// Moves what was gathered to its names. Stopped in between, the same restore again finishes it.
fn settle(data: &Path, work: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(data, &error);
    folder::sync(work).map_err(failed)?;
    for name in [PACKS, DATABASE] {
        fs::rename(work.join(name), data.join(name)).map_err(failed)?;
    }
    folder::sync(data).map_err(failed)?;
    fs::remove_dir_all(work).map_err(failed)?;
    folder::sync(data).map_err(failed)
}

/// A folder with nothing in it but a lock file, or with what an earlier restore left.
fn require_empty(data: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(data, &error);
    let begun = data.join(RESTORING).is_dir();
    for found in fs::read_dir(data).map_err(failed)? {
        let name = found.map_err(failed)?.file_name();
        let known = name == LOCK || name == RESTORING || (begun && (name == PACKS || name == DATABASE));
        if !known {
            return Err(Error::NotEmpty(data.to_owned()));
        }
    }
    // Stopped among the renames: back to where it was, so that nothing is copied twice.
    for name in [PACKS, DATABASE] {
        let (there, before) = (data.join(name), data.join(RESTORING).join(name));
        if begun && there.exists() && !before.exists() {
            fs::rename(there, before).map_err(failed)?;
        }
    }
    Ok(())
}

fn step(phase: Phase, done: u64, total: u64) -> Step {
    Step { phase, done, total }
}
