//! An upload from its first look at a folder to the content that is ready to be committed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holdfast_crypto::Key32;
use holdfast_protocol::KeyField;
use holdfast_protocol::entry::PackSize;
use holdfast_protocol::id::{PackId, VersionId};
use holdfast_protocol::item::Content;
use holdfast_protocol::limits::PACK_TARGET;
use holdfast_protocol::manifest::FileType;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::index::read_earlier;
use super::journal::{Head, Journal, path_bytes};
use super::meter::Meter;
use super::pack::{Packer, Spool};
use super::produce::{Job, Produced, Sealed, produce};
use super::restore::{Restored, ask, restore};
use super::seal::Sealer;
use super::send::Sender;
use super::server::{JournalStore, PackServer};
use super::types::{Options, Previous, Report, Skipped, Target, Uploaded};
use super::walk::walk;
use crate::error::{Error, Result};
use crate::ports::{Progress, Stage, Step};
use crate::rng;

/// How often, and how long each time, an upload waits for one that is just ending.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Uploads files and folders as the content of a new version, or goes on with that if it was begun earlier.
///
/// Nothing that the server has acknowledged is sent twice. The caller commits [`Uploaded::content`] and then calls
/// [`Uploaded::finished`]. Dropping the future stops everything, like the end of the process would.
///
/// # Errors
/// [`Error::Unreachable`], [`Error::Full`] and [`Error::Cancelled`] leave everything so that it can be resumed;
/// [`Error::Io`] when a source can't be read; [`Error::Invalid`] when two paths would be one or a resumed upload is asked
/// for something else; [`Error::Conflict`] when it is under way in another process.
pub async fn upload(
    server: &Arc<dyn PackServer>,
    journal: &Arc<dyn JournalStore>,
    target: &Target,
    sources: &[PathBuf],
    options: &Options,
    progress: &Arc<dyn Progress>,
    cancel: &CancellationToken,
) -> Result<Uploaded> {
    let stop = cancel.child_token();
    let _stops_threads = stop.clone().drop_guard();
    let journal = Journal::new(journal.clone(), target.version);
    let spool = Spool::new(&options.spool, target.version);
    progress.report(Step {
        stage: Stage::Reading,
        done: 0,
        total: 0,
        files: 0,
        files_total: 0,
    });
    let (found, skipped) = {
        let (sources, hidden, stop) = (sources.to_vec(), options.include_hidden, stop.clone());
        blocking(move || walk(&sources, hidden, &stop)).await?
    };
    if options.refuse_empty && found.iter().all(|found| found.kind == FileType::Directory) {
        return Err(nothing_in(sources, &skipped));
    }
    let bytes: u64 = found.iter().map(|found| found.stamp.size).sum();
    if bytes.div_ceil(PACK_TARGET) >= target.room as u64 {
        return Err(Error::Full(
            "so large a version does not fit beside those there are: forget old versions first (`forget`), or make a new item"
                .into(),
        ));
    }
    spool.make()?;
    let lock = Arc::new(lock_soon(&spool).await?);
    let (upload_key, restored) = begin_or_resume(server, &journal, &spool, target, sources, options, &stop).await?;
    let Restored {
        mut known,
        files: done,
        complete: earlier,
        waiting,
    } = restored;
    let mut unless = None;
    if let Some(previous) = &target.previous {
        let earlier = read_earlier(server, target, previous, options.retry_after, &stop).await?;
        // What this upload has sealed itself goes first: fewer old packs to keep.
        for (id, chunk) in earlier.chunks {
            known.entry(id).or_insert(chunk);
        }
        unless = earlier.digest.filter(|_| options.skip_unchanged);
    }

    let spooled: u64 = waiting.iter().map(|pack| pack.content).sum();
    let files = || found.iter().filter(|found| found.kind == FileType::File);
    let total = files().map(|found| found.stamp.size).sum();
    let meter = Arc::new(Meter::new(progress, Stage::Sending, total, files().count() as u64));
    // One that waits here, one being filled, two on their way: four packs in the spool.
    let (out, incoming) = mpsc::channel(1);
    let sender = Sender {
        server: server.clone(),
        journal: journal.clone(),
        spool: spool.clone(),
        space: target.space,
        pause: options.retry_after,
        stop: stop.clone(),
        meter: meter.clone(),
        bytes_sent: AtomicU64::new(0),
        complete: Mutex::new(earlier),
    };
    let job = Job {
        sealer: Sealer {
            space: target.space,
            item: target.item,
            chunk_id_key: target.chunk_id_key.clone(),
            upload_key,
            packer: Mutex::new(Packer::new(spool.clone(), out)),
            stop: stop.clone(),
        },
        lock: lock.clone(),
        version: target.version,
        manifest_key: target.manifest_key.clone(),
        found,
        known,
        unless,
        done,
        workers: options.workers,
        report: Report {
            skipped,
            ..Report::default()
        },
    };
    let produced = tokio::task::spawn_blocking(move || produce(job, &meter));
    let sent = sender.send_all(waiting, incoming).await;
    if sent.is_err() {
        stop.cancel();
    }
    let produced = produced
        .await
        .unwrap_or_else(|_| Err(Error::Internal("sealing stopped".into())));
    let mut produced = match (sent, produced) {
        // Whichever failed first made the other one stop.
        (Err(Error::Cancelled), Err(cause)) | (Err(cause), _) | (Ok(()), Err(cause)) => return Err(cause),
        (Ok(()), Ok(produced)) => produced,
    };
    // What waited in the spool was known, but not to the server.
    produced.report.bytes_reused = produced.report.bytes_reused.saturating_sub(spooled);
    conclude(&sender, produced, target, options, progress).await
}

impl From<&Previous> for Sealed {
    fn from(previous: &Previous) -> Self {
        Self {
            manifest: previous.manifest.clone(),
            packs: previous.packs.iter().copied().collect(),
        }
    }
}

/// The upload key, and what an earlier run has left.
pub(super) async fn begin_or_resume(
    server: &Arc<dyn PackServer>,
    journal: &Journal,
    spool: &Spool,
    target: &Target,
    sources: &[PathBuf],
    options: &Options,
    stop: &CancellationToken,
) -> Result<(KeyField, Restored)> {
    let paths: Vec<_> = sources.iter().map(|source| path_bytes(source)).collect();
    let (key, restored) = match journal.head().await? {
        Some(head) => {
            if (head.space, head.item, head.version) != (target.space, target.item, target.version)
                || head.sources != paths
            {
                return Err(Error::Invalid("That upload was begun with other files.".into()));
            }
            let whose = (target.space, target.item, &head.upload_key);
            let restored = restore(server, journal, spool, whose, options.retry_after, stop).await?;
            (head.upload_key, restored)
        }
        None => {
            let head = Head {
                space: target.space,
                item: target.item,
                version: target.version,
                upload_key: KeyField::new(Key32::random(&mut rng())),
                sources: paths,
                memo: target.memo.clone(),
            };
            journal.begin(&head).await?;
            (head.upload_key, Restored::default())
        }
    };
    let keep: Vec<PackId> = restored.waiting.iter().map(|pack| pack.id).collect();
    spool.tidy(&keep, &journal.versions().await?)?;
    Ok((key, restored))
}

/// Why an upload of these is refused.
fn nothing_in(sources: &[PathBuf], skipped: &[Skipped]) -> Error {
    let named: Vec<String> = sources.iter().map(|source| source.display().to_string()).collect();
    let next = match skipped.is_empty() {
        true => "Name a file, or a folder that has some.",
        false => "All that is in it was left out, because it is hidden or can't be read.",
    };
    Error::Invalid(format!("There is no file in {}. Nothing was made.", named.join(", "))).advise(next)
}

/// Compares with the server, gives up packs that nothing points into, and puts the outcome together.
async fn conclude(
    sender: &Sender,
    produced: Produced,
    target: &Target,
    options: &Options,
    progress: &Arc<dyn Progress>,
) -> Result<Uploaded> {
    let Produced { version, mut report } = produced;
    let unchanged = version.is_none();
    let Sealed { manifest, packs } = version
        .or_else(|| target.previous.as_ref().map(Sealed::from))
        .ok_or_else(|| Error::Internal("the same as no version".into()))?;
    report.bytes_sent = sender.bytes_sent.load(Relaxed);
    let own = std::mem::take(&mut *sender.complete.lock().unwrap_or_else(PoisonError::into_inner));
    let total = own.len() as u64;
    let checking = |done| {
        progress.report(Step {
            stage: Stage::Checking,
            done,
            total,
            files: 0,
            files_total: 0,
        })
    };
    checking(0);
    let ids: Vec<PackId> = own.iter().map(|pack| pack.id).collect();
    let states = ask(&sender.server, target.space, &ids, options.retry_after, &sender.stop).await?;
    let (added, unused): (Vec<PackSize>, Vec<PackSize>) = own.into_iter().partition(|pack| packs.contains(&pack.id));
    let has = |pack: &PackSize| {
        states
            .get(&pack.id)
            .is_some_and(|state| state.complete && state.bytes == pack.bytes)
    };
    if !added.iter().all(has) {
        let message = "it no longer has what it took a moment ago".into();
        return Err(Error::Server {
            code: "incomplete".into(),
            message,
        });
    }
    let unused: Vec<PackId> = unused.iter().map(|pack| pack.id).collect();
    for pack in &unused {
        // Else they would count against the quota until they go by themselves.
        let _ = sender.server.abort(target.space, *pack).await;
    }
    if !unused.is_empty() {
        sender.journal.forget(&unused).await?;
    }
    checking(total);
    let content = Content::Files {
        manifest,
        files: report.files,
        bytes: report.bytes,
        packs: packs.into_iter().collect(),
    };
    Ok(Uploaded {
        content,
        added,
        unchanged,
        report,
        version: target.version,
        spool: options.spool.clone(),
    })
}

/// Gives an upload up: its packs at the server, its files in the spool, its trail.
///
/// # Errors
/// The journal's; [`Error::Conflict`] when it is under way. Packs that the server does not take back now go by themselves.
pub async fn abandon(
    server: &Arc<dyn PackServer>,
    journal: &Arc<dyn JournalStore>,
    version: VersionId,
    spool: &Path,
) -> Result<()> {
    let journal = Journal::new(journal.clone(), version);
    let spool = Spool::new(spool, version);
    spool.make()?;
    let _lock = lock_soon(&spool).await?;
    if let Some(head) = journal.head().await? {
        for (pack, _) in journal.trail().await?.packs {
            let _ = server.abort(head.space, pack.id).await;
            spool.remove(pack.id);
        }
    }
    journal.remove().await?;
    spool.tidy(&[], &journal.versions().await?)?;
    spool.remove_lock();
    Ok(())
}

/// Takes the upload for this process. One that was stopped a moment ago holds it until its last thread has ended: that is
/// worth waiting for.
pub(super) async fn lock_soon(spool: &Spool) -> Result<File> {
    let mut tries = 0;
    loop {
        match spool.lock() {
            Err(Error::Conflict(_)) if tries < LOCK_TRIES => {
                tries += 1;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// Runs what would hold up other tasks on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Error::Internal("a worker stopped".into())))
}
