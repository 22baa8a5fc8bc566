//! The half of an upload that computes: reads, seals, packs, and at the end writes the listing and the manifest.
//! It runs on threads of its own and only ever waits for the other half, which sends.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use bytes::Bytes;
use holdfast_crypto::Key32;
use holdfast_protocol::KeyField;
use holdfast_protocol::id::{ChunkId, Hash, PackId, VersionId};
use holdfast_protocol::item::ManifestRef;
use holdfast_protocol::limits::SEALED;
use holdfast_protocol::manifest::{ChunkRef, FORMAT, FileRecord, FileType, Manifest};
use holdfast_protocol::{cbor, context};
use zeroize::Zeroizing;

use super::cut::LISTING;
use super::index::Digest;
use super::journal::FileDone;
use super::meter::Meter;
use super::read::{Reader, Recorded};
use super::seal::{Piece, Sealer};
use super::types::Report;
use super::walk::Found;
use crate::error::{Error, Result};
use crate::rng;

/// What there is to do.
pub(super) struct Job {
    pub(super) sealer: Sealer,
    pub(super) version: VersionId,
    pub(super) manifest_key: Option<KeyField>,
    pub(super) found: Vec<Found>,
    pub(super) known: HashMap<ChunkId, ChunkRef>,
    /// With files of this digest nothing is written.
    pub(super) unless: Option<blake3::Hash>,
    pub(super) done: HashMap<Vec<u8>, FileDone>,
    pub(super) workers: usize,
    pub(super) report: Report,
    /// The upload's lock. These threads outlive an upload that is dropped by a moment, and write into the spool: until they
    /// have ended, nobody else may begin.
    pub(super) lock: Arc<File>,
}

/// What came of it.
pub(super) struct Produced {
    /// Nothing where the files are those that there are already.
    pub(super) version: Option<Sealed>,
    pub(super) report: Report,
}

/// A sealed version.
pub(super) struct Sealed {
    pub(super) manifest: ManifestRef,
    /// Every pack that the manifest points into, and its own.
    pub(super) packs: BTreeSet<PackId>,
}

/// Does it all, except sending.
pub(super) fn produce(mut job: Job, meter: &Meter) -> Result<Produced> {
    let recorded = read_and_seal(&mut job, meter)?;
    let Job {
        sealer,
        version,
        manifest_key,
        mut known,
        unless,
        report,
        lock: _lock,
        ..
    } = job;
    if unless.is_some_and(|unless| digest(&recorded) == unless) {
        return Ok(Produced { version: None, report });
    }
    // From here on this thread is alone.
    let places = std::mem::take(&mut lock(&sealer.packer).places);
    known.extend(places.iter().map(|(id, place)| (*id, sealer.reference(place))));
    let mut packs = BTreeSet::new();
    let listing = write_listing(recorded, &known, &mut packs)?;
    let chunks = seal_listing(&sealer, &mut known, &listing)?;
    packs.extend(chunks.iter().map(|chunk| chunk.pack));
    let manifest = Manifest {
        format: FORMAT,
        files: report.files,
        bytes: report.bytes,
        listing_bytes: listing.len() as u64,
        listing: chunks,
    };
    let manifest = seal_manifest(&sealer, version, manifest_key, &manifest)?;
    packs.insert(manifest.pack);
    lock(&sealer.packer).finish()?;
    Ok(Produced {
        version: Some(Sealed { manifest, packs }),
        report,
    })
}

fn digest(recorded: &[Recorded]) -> blake3::Hash {
    let mut digest = Digest::default();
    for Recorded { found, chunks } in recorded {
        let target = found.target.as_deref();
        digest.add(&found.path, found.kind, found.mode, size(found), target, chunks.iter());
    }
    digest.end()
}

/// What stands in the listing as its size.
fn size(found: &Found) -> u64 {
    match found.kind {
        FileType::File => found.stamp.size,
        FileType::Directory | FileType::Link => 0,
    }
}

/// One thread reads, the workers seal.
fn read_and_seal(job: &mut Job, meter: &Meter) -> Result<Vec<Recorded>> {
    // Handed over, not queued: what waits is memory.
    let (out, pieces) = mpsc::sync_channel(0);
    let pieces = Arc::new(Mutex::new(pieces));
    let found = std::mem::take(&mut job.found);
    let (sealer, workers) = (&job.sealer, job.workers.max(1));
    let reader = Reader::new(sealer, &job.known, &job.done, meter, &mut job.report, out);
    std::thread::scope(|scope| {
        let worker = |pieces: Arc<_>| scope.spawn(move || sealer.work(&pieces));
        let workers: Vec<_> = (0..workers).map(|_| worker(pieces.clone())).collect();
        // Now the workers alone hold the receiving end: the reader does not wait for ever should all of them be gone.
        drop(pieces);
        let recorded = reader.read_all(found);
        let sealed: Vec<Result<()>> = workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(Error::Internal("a worker stopped".into())))
            })
            .collect();
        // A worker's failure stops the reader, so it is the cause and comes first; among workers, one that was merely
        // stopped is not.
        let cause = |error: &Error| !matches!(error, Error::Cancelled);
        let mut failures: Vec<Error> = sealed.into_iter().filter_map(Result::err).collect();
        failures.sort_by_key(|error| !cause(error));
        match failures.into_iter().next() {
            Some(error) if cause(&error) || recorded.is_ok() => Err(error),
            _ => recorded,
        }
    })
}

/// The listing's plaintext. Notes the packs that it points into.
fn write_listing(
    recorded: Vec<Recorded>,
    known: &HashMap<ChunkId, ChunkRef>,
    packs: &mut BTreeSet<PackId>,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut records = Vec::with_capacity(recorded.len());
    for Recorded { found, chunks } in recorded {
        let chunks: Option<Vec<ChunkRef>> = chunks.iter().map(|id| known.get(id).cloned()).collect();
        let chunks = chunks.ok_or_else(|| Error::Internal("a chunk was not packed".into()))?;
        packs.extend(chunks.iter().map(|chunk| chunk.pack));
        let record = FileRecord {
            size: size(&found),
            path: found.path,
            kind: found.kind,
            mode: found.mode,
            modified_ns: found.stamp.modified_ns,
            target: found.target,
            chunks,
        };
        records.push(Zeroizing::new(cbor::encode(&record)));
    }
    // One allocation: a buffer that grows would leave copies of the keys behind.
    let length = records.iter().map(|record| record.len()).sum();
    let mut listing = Zeroizing::new(Vec::with_capacity(length));
    records.iter().for_each(|record| listing.extend_from_slice(record));
    Ok(listing)
}

/// Cuts the listing, seals those of its chunks that are new, and refers to all of them.
pub(super) fn seal_listing(
    sealer: &Sealer,
    known: &mut HashMap<ChunkId, ChunkRef>,
    listing: &[u8],
) -> Result<Vec<ChunkRef>> {
    let chunks: Vec<(ChunkId, &[u8])> = LISTING
        .all(listing)
        .into_iter()
        .map(|chunk| (sealer.name(chunk), chunk))
        .collect();
    let mut seen = HashSet::new();
    let fresh: Vec<Piece> = chunks
        .iter()
        .filter(|(id, _)| !known.contains_key(id) && seen.insert(*id))
        .map(|(id, chunk)| Piece {
            id: *id,
            bytes: Bytes::copy_from_slice(chunk),
            content: false,
        })
        .collect();
    for batch in fresh.chunks(512) {
        sealer.seal(batch, &mut Vec::new())?;
    }
    let places = std::mem::take(&mut lock(&sealer.packer).places);
    known.extend(places.iter().map(|(id, place)| (*id, sealer.reference(place))));
    let references: Option<Vec<ChunkRef>> = chunks.iter().map(|(id, _)| known.get(id).cloned()).collect();
    references.ok_or_else(|| Error::Internal("a chunk of the listing was not packed".into()))
}

pub(super) fn seal_manifest(
    sealer: &Sealer,
    version: VersionId,
    key: Option<KeyField>,
    manifest: &Manifest,
) -> Result<ManifestRef> {
    let plain = Zeroizing::new(cbor::encode(manifest));
    if holdfast_crypto::sealed_len(plain.len()) > SEALED {
        return Err(Error::Invalid(
            "That is more than one version can hold; split it into several items.".into(),
        ));
    }
    let key = key.unwrap_or_else(|| KeyField::new(Key32::random(&mut rng())));
    let context = context::manifest(sealer.space, sealer.item, version);
    let sealed = holdfast_crypto::seal(key.key(), &context, &plain, &mut rng());
    let hash = Hash::of(&sealed);
    let (pack, offset) = lock(&sealer.packer).append(&sealed, 0)?;
    Ok(ManifestRef {
        pack,
        offset,
        length: sealed.len() as u64,
        hash,
        key,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
