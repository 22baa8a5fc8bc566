//! Reads boxes out of packs: whole windows, neighbours in one request, hash or tag compared before anything is opened.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use holdfast_crypto::{open, open_in_place, sealed_len, tag_of};
use holdfast_protocol::id::{Hash, ItemId, PackId, SpaceId};
use holdfast_protocol::item::ManifestRef;
use holdfast_protocol::limits::{PACK, SEALED, WINDOW};
use holdfast_protocol::manifest::{ChunkRef, FORMAT, FileRecord, FileType, Manifest};
use holdfast_protocol::{cbor, context};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::cut::LISTING;
use super::send::patiently;
use super::server::PackServer;
use super::types::Stored;
use super::upload::blocking;
use crate::error::{Error, Result};

/// A request grows up to this many bytes.
const READ: u64 = 8 << 20;
/// Windows that are read for nothing rather than sending one more request.
const GAP: u64 = 2;
/// Boxes that are opened together, however small they are.
const BOXES: usize = 4096;
/// Bytes that are opened together: a box may be asked for many times in one request.
const OPENED: u64 = 16 << 20;
/// Requests under way.
const PARALLEL: usize = 4;
const LIST: &str = "The list of files";

/// The files of a version.
///
/// # Errors
/// [`Error::Damaged`] when it is not what was signed or breaks the rules of a listing; what a server answers.
pub async fn listing(
    server: &Arc<dyn PackServer>,
    stored: &Stored,
    cancel: &CancellationToken,
) -> Result<Vec<FileRecord>> {
    let fetch = Fetch::new(server, stored.space, stored.item, PAUSE, cancel);
    Ok(fetch.version(stored).await?.1)
}

/// Pause before asking a second time.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// Chunks that were opened together: those from `first` on.
pub(super) struct Opened {
    pub(super) first: usize,
    pub(super) plain: Vec<Vec<u8>>,
}

/// One request: windows of a pack, and which chunks are in them.
struct Request {
    pack: PackId,
    /// First and last window.
    windows: (u64, u64),
    chunks: Range<usize>,
    bytes: u64,
}

/// Reads from the packs of one item.
pub(super) struct Fetch {
    server: Arc<dyn PackServer>,
    space: SpaceId,
    item: ItemId,
    pause: Duration,
    stop: CancellationToken,
    received: AtomicU64,
}

impl Fetch {
    pub(super) fn new(
        server: &Arc<dyn PackServer>,
        space: SpaceId,
        item: ItemId,
        pause: Duration,
        stop: &CancellationToken,
    ) -> Self {
        Self {
            server: server.clone(),
            space,
            item,
            pause,
            stop: stop.clone(),
            received: AtomicU64::new(0),
        }
    }

    /// Bytes that the server sent so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// Manifest and listing of a version, with everything about them checked that can be.
    pub(super) async fn version(&self, stored: &Stored) -> Result<(Manifest, Vec<FileRecord>)> {
        let damaged = || Error::damaged(LIST);
        // Whoever purges keeps the packs that versions name: what lay in others would be gone with them.
        let named: HashSet<PackId> = stored.packs.iter().copied().collect();
        if !named.contains(&stored.manifest.pack) {
            return Err(damaged());
        }
        let manifest = self.manifest(stored).await?;
        if !manifest.listing.iter().all(|chunk| named.contains(&chunk.pack)) {
            return Err(damaged());
        }
        let parts = self.listing_parts(&manifest).await?;
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length as u64 != manifest.listing_bytes {
            return Err(damaged());
        }
        blocking(move || {
            let mut bytes = Zeroizing::new(Vec::with_capacity(length));
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
            drop(parts);
            let records = parse(&bytes)
                .filter(|records| adds_up(&manifest, records))
                .filter(|records| {
                    let mut chunks = records.iter().flat_map(|record| &record.chunks);
                    chunks.all(|chunk| named.contains(&chunk.pack))
                })
                .ok_or_else(damaged)?;
            Ok((manifest, records))
        })
        .await
    }

    async fn listing_parts(&self, manifest: &Manifest) -> Result<Vec<Zeroizing<Vec<u8>>>> {
        // An honest listing has no larger chunks; this bounds what a dishonest one can make us hold.
        if manifest
            .listing
            .iter()
            .any(|chunk| chunk.length > sealed_len(LISTING.max) as u64)
        {
            return Err(Error::damaged(LIST));
        }
        let chunks: Vec<&ChunkRef> = manifest.listing.iter().collect();
        let mut parts = Vec::new();
        let name = |_: usize| LIST.to_owned();
        let mut opened = std::pin::pin!(self.opened(&chunks, &name, PARALLEL)?);
        while let Some(batch) = opened.next().await {
            parts.extend(batch?.plain.into_iter().map(Zeroizing::new));
        }
        Ok(parts)
    }

    async fn manifest(&self, stored: &Stored) -> Result<Manifest> {
        let damaged = || Error::damaged(LIST);
        let ManifestRef {
            pack,
            offset,
            length,
            hash,
            key,
        } = &stored.manifest;
        let windows = windows(*offset, *length).ok_or_else(damaged)?;
        let bytes = self.read(*pack, windows, LIST).await?;
        let sealed = slice(&bytes, windows, *offset, *length);
        if Hash::of(sealed) != *hash {
            return Err(damaged());
        }
        let context = context::manifest(stored.space, stored.item, stored.version);
        let plain = open(key.key(), &context, sealed).map_err(|_| damaged())?;
        let manifest: Manifest = cbor::decode(&plain, SEALED).map_err(|_| damaged())?;
        if manifest.format == FORMAT {
            Ok(manifest)
        } else {
            Err(damaged())
        }
    }

    /// The plaintext of chunks, in order, `parallel` requests under way. `name` says what a chunk is of, for errors.
    pub(super) fn opened<'a>(
        &'a self,
        chunks: &'a [&'a ChunkRef],
        name: &'a (dyn Fn(usize) -> String + Sync),
        parallel: usize,
    ) -> Result<impl Stream<Item = Result<Opened>> + 'a> {
        let requests = plan(chunks, name)?;
        Ok(stream::iter(requests)
            .map(move |request| self.open(request, chunks, name))
            .buffered(parallel))
    }

    async fn open(
        &self,
        request: Request,
        chunks: &[&ChunkRef],
        name: &(dyn Fn(usize) -> String + Sync),
    ) -> Result<Opened> {
        let Request {
            pack,
            windows,
            chunks: range,
            ..
        } = request;
        let first = range.start;
        let bytes = self.read(pack, windows, &name(first)).await?;
        let wanted: Vec<ChunkRef> = chunks[range].iter().map(|chunk| (*chunk).clone()).collect();
        let (space, item) = (self.space, self.item);
        let opened = blocking(move || {
            let open_one = |chunk: &ChunkRef| {
                let sealed = slice(&bytes, windows, chunk.offset, chunk.length);
                if tag_of(sealed).is_none_or(|tag| Hash(tag) != chunk.tag) {
                    return None;
                }
                let mut plain = sealed.to_vec();
                open_in_place(chunk.key.key(), &context::chunk(space, item, chunk.id), &mut plain).ok()?;
                let as_said = chunk.plain.is_none_or(|said| said == plain.len() as u64);
                as_said.then_some(plain)
            };
            Ok(wanted.iter().map(open_one).collect::<Vec<_>>())
        });
        let mut plain = Vec::new();
        for (number, opened) in opened.await?.into_iter().enumerate() {
            plain.push(opened.ok_or_else(|| Error::damaged(name(first + number)))?);
        }
        Ok(Opened { first, plain })
    }

    /// Whole windows of a pack.
    async fn read(&self, pack: PackId, (first, last): (u64, u64), what: &str) -> Result<Bytes> {
        let (first, end) = (first * WINDOW, (last + 1) * WINDOW);
        let ask = || self.server.read(self.space, pack, first, end - 1);
        match patiently(self.pause, &self.stop, ask).await {
            Ok(bytes) if bytes.len() as u64 == end - first => {
                self.received.fetch_add(end - first, Relaxed);
                Ok(bytes)
            }
            // Fewer bytes or none: what was signed is not all there.
            Ok(_) | Err(Error::NotFound { .. } | Error::Damaged { .. }) => Err(Error::damaged(what)),
            Err(error) => Err(error),
        }
    }
}

/// The windows that a box lies in; `None` when no box can lie there.
fn windows(offset: u64, length: u64) -> Option<(u64, u64)> {
    let end = offset.checked_add(length)?;
    let possible = length >= sealed_len(0) as u64 && length <= SEALED as u64 && end <= PACK;
    possible.then(|| (offset / WINDOW, (end - 1) / WINDOW))
}

/// A box within its windows.
fn slice(bytes: &[u8], windows: (u64, u64), offset: u64, length: u64) -> &[u8] {
    let within = |position: u64| usize::try_from(position - windows.0 * WINDOW).expect("a pack fits into memory");
    &bytes[within(offset)..within(offset + length)]
}

/// Puts chunks that lie close to each other into one request.
fn plan(chunks: &[&ChunkRef], name: &(dyn Fn(usize) -> String + Sync)) -> Result<Vec<Request>> {
    let mut requests: Vec<Request> = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let (first, last) = windows(chunk.offset, chunk.length).ok_or_else(|| Error::damaged(name(number)))?;
        if let Some(open) = requests.last_mut() {
            let both = (open.windows.0.min(first), open.windows.1.max(last));
            let near = first <= open.windows.1 + 1 + GAP && last + 1 + GAP >= open.windows.0;
            let fits = (both.1 - both.0 + 1) * WINDOW <= READ && open.bytes + chunk.length <= OPENED;
            if open.pack == chunk.pack && near && fits && open.chunks.len() < BOXES {
                open.windows = both;
                open.chunks.end += 1;
                open.bytes += chunk.length;
                continue;
            }
        }
        let chunks = number..number + 1;
        requests.push(Request {
            pack: chunk.pack,
            windows: (first, last),
            chunks,
            bytes: chunk.length,
        });
    }
    Ok(requests)
}

fn parse(mut bytes: &[u8]) -> Option<Vec<FileRecord>> {
    let mut records: Vec<FileRecord> = Vec::new();
    while !bytes.is_empty() {
        let (record, used): (FileRecord, usize) = cbor::decode_next(bytes).ok()?;
        if records.last().is_some_and(|last| last.path >= record.path) {
            return None;
        }
        let consistent = match record.kind {
            FileType::File => record.target.is_none() && (record.size == 0) == record.chunks.is_empty(),
            FileType::Directory => record.target.is_none() && record.size == 0 && record.chunks.is_empty(),
            FileType::Link => record.target.is_some() && record.size == 0 && record.chunks.is_empty(),
        };
        if !consistent || !lengths_add_up(&record) {
            return None;
        }
        records.push(record);
        bytes = &bytes[used..];
    }
    Some(records)
}

/// Whether what is said of a file's chunks fits their boxes and the file.
fn lengths_add_up(record: &FileRecord) -> bool {
    let said = record
        .chunks
        .iter()
        .try_fold(0u64, |sum, chunk| sum.checked_add(chunk.plain?));
    record.chunks.iter().all(ChunkRef::is_consistent) && said.is_none_or(|sum| sum == record.size)
}

/// Whether the manifest counted right.
fn adds_up(manifest: &Manifest, records: &[FileRecord]) -> bool {
    let files = records.iter().filter(|record| record.kind == FileType::File);
    let bytes = files.clone().try_fold(0u64, |sum, record| sum.checked_add(record.size));
    files.count() as u64 == manifest.files && bytes == Some(manifest.bytes)
}
