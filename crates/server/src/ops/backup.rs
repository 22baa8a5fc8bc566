//! A copy of a server's data while it runs: the database first, then every part of a pack that it names.
//!
//! A folder is a backup when it has a manifest, which is written last. The next backup into the same folder copies the
//! database anew, beside the old one, and of the packs only what is not there yet; until its own manifest is in place the
//! old backup stays whole. A new folder is made under `NAME.partial` and renamed at the end.

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::copy::{copy_pack, lock, make};
use super::manifest::{self, FORMAT, Manifest};
use super::snapshot::Snapshot;
use super::{BackupReport, DATABASE, Error, PACKS, Phase, Result, Step, TOLD, Watch, blocking};
use crate::folder;
use crate::ports::{BlobId, Clock as _, SystemClock};

const LOCK: &str = "backup.lock";

/// Backs the data folder of a server up; the server may run. The same folder again copies only what is new.
///
/// # Errors
/// See [`Error`]. A part of a pack that the server has lost is no error: it is in the report.
pub async fn backup(data: &Path, out: &Path, watch: Watch<'_>, stop: &CancellationToken) -> Result<BackupReport> {
    let database = data.join(DATABASE);
    let data = fs::canonicalize(data).map_err(|_| Error::NoData(data.to_owned()))?;
    if !database.is_file() {
        return Err(Error::NoData(data));
    }
    let place = Place::find(&data, out)?;
    let _lock = lock(&place.work.join(LOCK), out)?;
    let earlier = manifest::read(&place.work)?;
    remove_other_databases(&place.work, earlier.as_ref())?;

    watch(step(Phase::Database, 0, 0));
    let mut made_ms = SystemClock.now_ms();
    if let Some(earlier) = &earlier {
        // Even if the clock was put back: names of databases must differ.
        made_ms = made_ms.max(earlier.made_ms + 1);
    }
    let name = manifest::database_name(made_ms);
    let file = place.work.join(&name);
    let mut live = Snapshot::read(&database).await?;
    let schema = live.known_schema().await?;
    empty_file(&file)?;
    live.copy_to(&file).await?;

    let mut copy = Snapshot::write(&file).await?;
    let job = Job {
        from: data.join(PACKS),
        to: place.work.join(PACKS),
    };
    make(&job.to)?;
    let mut done = job.packs(&mut copy, &mut live, watch, stop).await?;
    copy.forget(&done.vanished).await?;
    watch(step(Phase::Checking, 0, 0));
    let faults = copy.faults().await?;
    if let Some(fault) = faults.first() {
        return Err(Error::Damaged(fault.clone()));
    }
    let counts = copy.counts().await?;
    copy.close().await?;
    live.close().await?;
    let database_bytes = settle(&file)?;

    let written = Manifest {
        format: FORMAT,
        made_ms,
        program: env!("CARGO_PKG_VERSION").into(),
        schema,
        database: name,
        database_bytes,
        accounts: counts.accounts,
        spaces: counts.spaces,
        entries: counts.entries,
        packs: counts.packs,
        pack_bytes: counts.bytes,
        damaged: done.damaged,
    };
    manifest::write(&place.work, &written)?;
    // From here on the new backup is the one; what only the old one named is in the way.
    remove_other_databases(&place.work, Some(&written))?;
    let (packs, named) = (job.to.clone(), std::mem::take(&mut done.named));
    blocking(move || remove_unnamed(&packs, &named)).await?;
    place.finish()?;
    Ok(BackupReport {
        path: place.out.display().to_string(),
        made_ms,
        accounts: counts.accounts,
        spaces: counts.spaces,
        entries: counts.entries,
        packs: counts.packs,
        bytes: counts.bytes,
        copied_bytes: done.now,
        kept_bytes: done.before,
        damaged: done.damaged,
        damaged_parts: done.parts,
    })
}

/// Where a backup is made, and where it goes.
struct Place {
    work: PathBuf,
    out: PathBuf,
}

impl Place {
    fn find(data: &Path, out: &Path) -> Result<Self> {
        let out = std::path::absolute(out).map_err(|error| Error::io(out, &error))?;
        let parent = out.parent().ok_or(Error::Nested)?;
        make(parent)?;
        let parent = fs::canonicalize(parent).map_err(|error| Error::io(parent, &error))?;
        let out = match fs::canonicalize(&out) {
            Ok(real) => real,
            Err(_) => parent.join(out.file_name().ok_or(Error::Nested)?),
        };
        if out.starts_with(data) || data.starts_with(&out) {
            return Err(Error::Nested);
        }
        let work = match out.symlink_metadata() {
            Err(_) => {
                let mut name = out.file_name().unwrap_or_default().to_owned();
                name.push(".partial");
                let work = parent.join(name);
                make(&work)?;
                work
            }
            Ok(_) => {
                // Only what is a backup, or was begun as one, or is empty.
                let mut found = fs::read_dir(&out).map_err(|error| Error::io(&out, &error))?;
                let ours = out.join(manifest::FILE).exists() || out.join(LOCK).exists();
                if !ours && found.next().is_some() {
                    return Err(Error::NotEmpty(out));
                }
                out.clone()
            }
        };
        fs::set_permissions(&work, Permissions::from_mode(0o700)).map_err(|error| Error::io(&work, &error))?;
        Ok(Self { work, out })
    }

    fn finish(&self) -> Result<()> {
        if self.work == self.out {
            return Ok(());
        }
        let failed = |error: std::io::Error| Error::io(&self.out, &error);
        if self.out.symlink_metadata().is_ok() {
            return Err(Error::NotEmpty(self.out.clone()));
        }
        fs::rename(&self.work, &self.out).map_err(failed)?;
        folder::sync(self.out.parent().unwrap_or(Path::new("/"))).map_err(failed)
    }
}

struct Job {
    from: PathBuf,
    to: PathBuf,
}

#[derive(Default)]
struct Done {
    now: u64,
    before: u64,
    damaged: u64,
    parts: Vec<super::DamagedPart>,
    named: HashSet<BlobId>,
    /// Packs that the server gave up after the copy of the database was made.
    vanished: Vec<BlobId>,
}

impl Job {
    async fn packs(
        &self,
        copy: &mut Snapshot,
        live: &mut Snapshot,
        watch: Watch<'_>,
        stop: &CancellationToken,
    ) -> Result<Done> {
        let total = copy.counts().await?.bytes;
        let mut done = Done::default();
        let (mut last, mut passed) = (None, 0);
        loop {
            let page = copy.packs_after(last).await?;
            let Some(end) = page.last() else { return Ok(done) };
            last = Some(end.blob);
            for pack in page {
                if stop.is_cancelled() {
                    return Err(Error::Stopped);
                }
                let (blob, bytes) = (pack.blob, pack.bytes);
                let (from, to) = (self.from.clone(), self.to.clone());
                let copied = blocking(move || copy_pack(&from, &to, &pack)).await?;
                done.now += copied.now;
                done.before += copied.before;
                if !copied.damaged.is_empty() && !live.has_blob(blob).await? {
                    done.vanished.push(blob);
                } else {
                    done.named.insert(blob);
                    done.damaged += copied.damaged.len() as u64;
                    let room = TOLD.saturating_sub(done.parts.len());
                    done.parts.extend(copied.damaged.into_iter().take(room));
                }
                passed += bytes;
                watch(step(Phase::Packs, passed, total));
            }
        }
    }
}

fn step(phase: Phase, done: u64, total: u64) -> Step {
    Step { phase, done, total }
}

/// An empty file for its owner alone, so that what SQLite puts into it is never readable to others.
fn empty_file(file: &Path) -> Result<()> {
    File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .map(|_| ())
        .map_err(|error| Error::io(file, &error))
}

/// Puts a database on disk for good; gives its size.
fn settle(file: &Path) -> Result<u64> {
    File::open(file)
        .and_then(|open| open.sync_all().and_then(|()| open.metadata()))
        .map(|found| found.len())
        .map_err(|error| Error::io(file, &error))
}

/// Removes databases (and what SQLite left beside them) that the manifest does not name.
fn remove_other_databases(folder: &Path, keep: Option<&Manifest>) -> Result<()> {
    let failed = |error: std::io::Error| Error::io(folder, &error);
    for found in fs::read_dir(folder).map_err(failed)? {
        let found = found.map_err(failed)?;
        let name = found.file_name();
        let Some(name) = name.to_str() else { continue };
        let base = name
            .split_once(".db-")
            .map_or(name.to_owned(), |(base, _)| format!("{base}.db"));
        if manifest::is_database_name(&base) && keep.is_none_or(|keep| keep.database != base) {
            fs::remove_file(found.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn remove_unnamed(packs: &Path, named: &HashSet<BlobId>) -> Result<()> {
    let removed = folder::each_blob(packs, |blob, place| match named.contains(&blob) {
        true => Ok(()),
        false => fs::remove_dir_all(place),
    });
    removed.map_err(|error| Error::io(packs, &error))
}
