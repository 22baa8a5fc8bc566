//! Content sealed anew: the versions of one item, opened chunk by chunk and sealed under a new upload key and new manifest keys.
//! Nothing of it lies on a disk in clear, and nothing but keys and places changes: bytes, names, modes and times stay.
//!
//! It leaves a trail like an upload, so that it goes on where it was stopped. Beside each pack the trail says which chunk of
//! the old packs (by its tag) became which of the new ones: what is not opened again is not taken for something else.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt as _;
use holdfast_protocol::cbor;
use holdfast_protocol::entry::PackSize;
use holdfast_protocol::id::{ChunkId, Hash, PackId, VersionId};
use holdfast_protocol::item::Content;
use holdfast_protocol::manifest::{ChunkRef, FORMAT, FileRecord, Manifest};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::fetch::{Fetch, Opened};
use super::journal::{FileDone, Journal};
use super::meter::Meter;
use super::pack::{Packer, Spool};
use super::produce::{seal_listing, seal_manifest};
use super::restore::{Restored, ask};
use super::seal::{Piece, Sealer};
use super::send::Sender;
use super::server::{JournalStore, PackServer};
use super::types::{Options, Stored, Target};
use super::upload::{begin_or_resume, blocking, lock_soon};
use super::walk::Stamp;
use crate::error::{Error, Result};
use crate::rng;

/// Requests under way.
const PARALLEL: usize = 2;
/// What is said of damage.
const CONTENT: &str = "A file of an earlier version";

/// Versions that were sealed anew, ready to take the place of those that they were.
pub(crate) struct Resealed {
    /// The old version, the new one's id, and its content.
    pub(crate) versions: Vec<(VersionId, VersionId, Content)>,
    /// The packs that a commit of them adds.
    pub(crate) added: Vec<PackSize>,
    journal: Journal,
    spool: Spool,
    // Held until all of it is done.
    _lock: Arc<File>,
}

impl Resealed {
    /// Removes the trail. To be called when the versions are committed.
    pub(crate) async fn finished(self) -> Result<()> {
        self.journal.remove().await?;
        self.spool.remove_lock();
        Ok(())
    }
}

/// Seals versions of one item anew, or goes on with it. `target.version` names the work, not a version.
///
/// # Errors
/// As [`upload`](super::upload()); [`Error::Damaged`] where what there is can't be read.
pub(crate) async fn reseal(
    server: &Arc<dyn PackServer>,
    journal: &Arc<dyn JournalStore>,
    target: &Target,
    versions: &[Stored],
    options: &Options,
    meter: &Arc<Meter>,
    cancel: &CancellationToken,
) -> Result<Resealed> {
    let stop = cancel.child_token();
    let _stops_threads = stop.clone().drop_guard();
    let journal = Journal::new(journal.clone(), target.version);
    let spool = Spool::new(&options.spool, target.version);
    spool.make()?;
    let lock = Arc::new(lock_soon(&spool).await?);
    let (upload_key, restored) = begin_or_resume(server, &journal, &spool, target, &[], options, &stop).await?;
    let Restored {
        known,
        files,
        complete,
        waiting,
    } = restored;
    // What became of which chunk, as far as it is there still.
    let became: HashMap<Hash, ChunkId> = files
        .into_values()
        .filter_map(|done| Some((Hash::from_slice(&done.path)?, *done.chunks.first()?)))
        .filter(|(_, id)| known.contains_key(id))
        .collect();
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
        complete: Mutex::new(complete),
    };
    let maker = Maker {
        sealer: Arc::new(Sealer {
            space: target.space,
            item: target.item,
            chunk_id_key: target.chunk_id_key.clone(),
            upload_key,
            packer: Mutex::new(Packer::new(spool.clone(), out)),
            stop: stop.clone(),
        }),
        known,
        became,
        meter: meter.clone(),
        lock: lock.clone(),
    };
    let fetch = Fetch::new(server, target.space, target.item, options.retry_after, &stop);
    let stopping = |failed: bool| {
        if failed {
            stop.cancel();
        }
    };
    let (sent, made) = tokio::join!(
        async {
            let sent = sender.send_all(waiting, incoming).await;
            stopping(sent.is_err());
            sent
        },
        async {
            let made = maker.all(&fetch, versions).await;
            stopping(made.is_err());
            made
        }
    );
    let made = match (sent, made) {
        // Whichever failed first made the other one stop.
        (Err(Error::Cancelled), Err(cause)) | (Err(cause), _) | (Ok(()), Err(cause)) => return Err(cause),
        (Ok(()), Ok(made)) => made,
    };
    let packs: BTreeSet<PackId> = made.iter().flat_map(|(_, _, content)| packs_of(content)).collect();
    let own = std::mem::take(&mut *sender.complete.lock().unwrap_or_else(PoisonError::into_inner));
    let ids: Vec<PackId> = own.iter().map(|pack| pack.id).collect();
    let states = ask(server, target.space, &ids, options.retry_after, &stop).await?;
    let (added, unused): (Vec<PackSize>, Vec<PackSize>) = own.into_iter().partition(|pack| packs.contains(&pack.id));
    let has = |pack: &PackSize| {
        let state = states.get(&pack.id);
        state.is_some_and(|state| state.complete && state.bytes == pack.bytes)
    };
    if added.len() != packs.len() || !added.iter().all(has) {
        return Err(Error::Server {
            code: "incomplete".into(),
            message: "it no longer has what it took a moment ago".into(),
        });
    }
    let unused: Vec<PackId> = unused.iter().map(|pack| pack.id).collect();
    for pack in &unused {
        // Else they would count against the quota until they go by themselves.
        let _ = server.abort(target.space, *pack).await;
    }
    if !unused.is_empty() {
        journal.forget(&unused).await?;
    }
    Ok(Resealed {
        versions: made,
        added,
        journal,
        spool,
        _lock: lock,
    })
}

fn packs_of(content: &Content) -> Vec<PackId> {
    match content {
        Content::Files { packs, .. } => packs.clone(),
        _ => Vec::new(),
    }
}

/// The half that opens and seals.
struct Maker {
    sealer: Arc<Sealer>,
    known: HashMap<ChunkId, ChunkRef>,
    became: HashMap<Hash, ChunkId>,
    meter: Arc<Meter>,
    lock: Arc<File>,
}

impl Maker {
    /// Consumes itself: with the last sealer the way to the sender is closed.
    async fn all(mut self, fetch: &Fetch, versions: &[Stored]) -> Result<Vec<(VersionId, VersionId, Content)>> {
        let mut made = Vec::with_capacity(versions.len());
        for stored in versions {
            let (manifest, records) = fetch.version(stored).await?;
            self.chunks(fetch, &manifest, &records).await?;
            let (id, content, back) = self.version(manifest, records).await?;
            self = back;
            made.push((stored.version, id, content));
        }
        let Self { sealer, lock, .. } = self;
        blocking(move || {
            let _lock = lock;
            packer(&sealer).finish()
        })
        .await?;
        Ok(made)
    }

    /// Opens and seals what is not known yet.
    async fn chunks(&mut self, fetch: &Fetch, manifest: &Manifest, records: &[FileRecord]) -> Result<()> {
        let mut seen = HashSet::new();
        let mut fresh: Vec<&ChunkRef> = records
            .iter()
            .flat_map(|record| &record.chunks)
            .filter(|chunk| !self.became.contains_key(&chunk.tag) && seen.insert(chunk.tag))
            .collect();
        // In the order in which they lie in the packs, so that each window is read once.
        fresh.sort_by_key(|chunk| (chunk.pack, chunk.offset));
        let mut expected = 0_u64;
        let name = |_: usize| CONTENT.to_owned();
        {
            let mut opened = std::pin::pin!(fetch.opened(&fresh, &name, PARALLEL)?);
            while let Some(batch) = opened.next().await {
                let Opened { first, plain } = batch?;
                let tags = fresh[first..first + plain.len()].iter().map(|chunk| chunk.tag);
                let tags: Vec<Hash> = tags.collect();
                // By what they hold and by nothing that anybody says of them.
                let sealer = self.sealer.clone();
                let pieces = blocking(move || Ok(name_all(&sealer, plain))).await?;
                let named: Vec<(Hash, ChunkId)> = tags.into_iter().zip(pieces.iter().map(|piece| piece.id)).collect();
                let mut new = HashSet::new();
                let pieces: Vec<Piece> = pieces
                    .into_iter()
                    .filter(|piece| !self.known.contains_key(&piece.id) && new.insert(piece.id))
                    .collect();
                expected += pieces.iter().map(|piece| piece.bytes.len() as u64).sum::<u64>();
                let (sealer, lock) = (self.sealer.clone(), self.lock.clone());
                let named = blocking(move || {
                    let _lock = lock;
                    seal_batch(&sealer, &pieces, named)
                })
                .await?;
                self.take_places();
                self.became.extend(named);
            }
        }
        // What is in several versions, or was there already, is not sealed again.
        self.meter.fewer(manifest.bytes.saturating_sub(expected));
        Ok(())
    }

    fn take_places(&mut self) {
        let places = std::mem::take(&mut packer(&self.sealer).places);
        let refer = |(id, place): (&ChunkId, &_)| (*id, self.sealer.reference(place));
        self.known.extend(places.iter().map(refer));
    }

    /// Writes listing and manifest anew.
    async fn version(self, manifest: Manifest, records: Vec<FileRecord>) -> Result<(VersionId, Content, Self)> {
        blocking(move || {
            let Self {
                sealer,
                mut known,
                became,
                meter,
                lock,
            } = self;
            let mut packs = BTreeSet::new();
            let mut encoded = Vec::with_capacity(records.len());
            for mut record in records {
                for chunk in &mut record.chunks {
                    let new = became.get(&chunk.tag).and_then(|id| known.get(id));
                    *chunk = new
                        .ok_or_else(|| Error::Internal("a chunk was not packed".into()))?
                        .clone();
                    packs.insert(chunk.pack);
                }
                encoded.push(Zeroizing::new(cbor::encode(&record)));
            }
            // One allocation: a buffer that grows would leave copies of the keys behind.
            let length = encoded.iter().map(|record| record.len()).sum();
            let mut listing = Zeroizing::new(Vec::with_capacity(length));
            encoded.iter().for_each(|record| listing.extend_from_slice(record));
            let chunks = seal_listing(&sealer, &mut known, &listing)?;
            packs.extend(chunks.iter().map(|chunk| chunk.pack));
            let manifest = Manifest {
                format: FORMAT,
                listing_bytes: listing.len() as u64,
                listing: chunks,
                ..manifest
            };
            let id = VersionId::random(&mut rng());
            let sealed = seal_manifest(&sealer, id, None, &manifest)?;
            packs.insert(sealed.pack);
            let content = Content::Files {
                manifest: sealed,
                files: manifest.files,
                bytes: manifest.bytes,
                packs: packs.into_iter().collect(),
            };
            let back = Self {
                sealer,
                known,
                became,
                meter,
                lock,
            };
            Ok((id, content, back))
        })
        .await
    }
}

fn name_all(sealer: &Sealer, plain: Vec<Vec<u8>>) -> Vec<Piece> {
    let piece = |plain: Vec<u8>| Piece {
        id: sealer.name(&plain),
        bytes: Bytes::from(plain),
        content: true,
    };
    plain.into_iter().map(piece).collect()
}

/// Seals and packs chunks, and notes for the trail which of the old ones became which.
fn seal_batch(sealer: &Sealer, pieces: &[Piece], named: Vec<(Hash, ChunkId)>) -> Result<Vec<(Hash, ChunkId)>> {
    sealer.seal(pieces, &mut Vec::new())?;
    let mut packer = packer(sealer);
    for (tag, id) in &named {
        packer.file_done(FileDone {
            path: tag.as_bytes().to_vec(),
            stamp: Stamp::default(),
            chunks: vec![*id],
        })?;
    }
    Ok(named)
}

fn packer(sealer: &Sealer) -> std::sync::MutexGuard<'_, Packer> {
    sealer.packer.lock().unwrap_or_else(PoisonError::into_inner)
}
