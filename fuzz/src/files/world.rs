//! A pack in the making, and a server that gives it out.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_crypto::{seal, tag_of};
use holdfast_engine::transfer::{PackServer, Stored};
use holdfast_engine::{Error, Result};
use holdfast_protocol::id::{ChunkId, Hash, ItemId, PackId, SpaceId, VersionId};
use holdfast_protocol::item::ManifestRef;
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::manifest::{ChunkRef, FORMAT, FileRecord, FileType, Manifest};
use holdfast_protocol::wire::PackState;
use holdfast_protocol::{cbor, context};

use crate::cast::{self, Repeating};

const SPACE: SpaceId = SpaceId([1; 32]);
const ITEM: ItemId = ItemId([2; 16]);
const VERSION: VersionId = VersionId([3; 16]);

/// A pack and what is in it. The same calls make the same bytes.
pub struct Forge {
    /// The pack.
    pub pack: PackId,
    bytes: Vec<u8>,
    rng: Repeating,
    chunks: u8,
}

impl Default for Forge {
    fn default() -> Self {
        Self::new()
    }
}

impl Forge {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pack: PackId([4; 16]),
            bytes: Vec::new(),
            rng: Repeating::new(8),
            chunks: 0,
        }
    }

    /// Bytes of it so far.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Seals some content as a chunk.
    pub fn chunk(&mut self, plain: &[u8]) -> ChunkRef {
        self.chunks += 1;
        let (key, id) = (cast::key(self.chunks), ChunkId([self.chunks; 32]));
        let sealed = seal(key.key(), &context::chunk(SPACE, ITEM, id), plain, &mut self.rng);
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&sealed);
        ChunkRef {
            pack: self.pack,
            offset,
            length: sealed.len() as u64,
            tag: Hash(tag_of(&sealed).expect("a box has a tag")),
            key,
            id,
            plain: Some(plain.len() as u64),
        }
    }

    /// The manifest of these records, in this order, as they are.
    pub fn manifest_of(&mut self, records: &[FileRecord]) -> Manifest {
        let listing: Vec<u8> = records.iter().flat_map(cbor::encode).collect();
        self.manifest_over(&listing, records)
    }

    /// The manifest of a listing that may be none.
    pub fn manifest_over(&mut self, listing: &[u8], records: &[FileRecord]) -> Manifest {
        let files = records.iter().filter(|record| record.kind == FileType::File);
        Manifest {
            format: FORMAT,
            files: files.clone().count() as u64,
            bytes: files.fold(0, |sum, file| sum.wrapping_add(file.size)),
            listing_bytes: listing.len() as u64,
            listing: listing.chunks(32 << 10).map(|part| self.chunk(part)).collect(),
        }
    }

    /// A version of this manifest, which may be none.
    #[must_use]
    pub fn version(self, manifest: &[u8]) -> (Arc<dyn PackServer>, Stored) {
        self.version_with(manifest, |_| {})
    }

    /// The same in a pack that was changed on the way. The manifest lies in front of nothing.
    #[must_use]
    pub fn version_with(mut self, manifest: &[u8], change: impl FnOnce(&mut [u8])) -> (Arc<dyn PackServer>, Stored) {
        let key = cast::key(0xEE);
        let sealed = seal(
            key.key(),
            &context::manifest(SPACE, ITEM, VERSION),
            manifest,
            &mut self.rng,
        );
        // Chunks are changed, not the manifest: its hash would say so at once.
        change(&mut self.bytes);
        let reference = ManifestRef {
            pack: self.pack,
            offset: self.bytes.len() as u64,
            length: sealed.len() as u64,
            hash: Hash::of(&sealed),
            key,
        };
        self.bytes.extend_from_slice(&sealed);
        let window = usize::try_from(WINDOW).expect("small");
        self.bytes.resize(self.bytes.len().div_ceil(window) * window, 0);
        let stored = Stored {
            space: SPACE,
            item: ITEM,
            version: VERSION,
            manifest: reference,
            packs: vec![self.pack],
        };
        (Arc::new(Server(self.pack, self.bytes.into())), stored)
    }
}

/// A file with this content.
pub fn file(forge: &mut Forge, path: &[u8], plain: &[u8]) -> FileRecord {
    let chunks = if plain.is_empty() {
        Vec::new()
    } else {
        vec![forge.chunk(plain)]
    };
    FileRecord {
        size: plain.len() as u64,
        chunks,
        ..other(path, FileType::File, None)
    }
}

/// A folder or a link.
#[must_use]
pub fn other(path: &[u8], kind: FileType, target: Option<&[u8]>) -> FileRecord {
    FileRecord {
        path: path.to_vec(),
        kind,
        size: 0,
        mode: 0o644,
        modified_ns: 1_700_000_000_000_000_000,
        target: target.map(<[u8]>::to_vec),
        chunks: Vec::new(),
    }
}

/// A folder that is memory, where there is one: a disk would be most of the time.
pub(crate) fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

struct Server(PackId, Bytes);

#[async_trait]
impl PackServer for Server {
    async fn begin(&self, _: SpaceId, _: PackId, _: u64) -> Result<PackState> {
        Err(Error::Cancelled)
    }

    async fn put_part(&self, _: SpaceId, _: PackId, _: u32, _: Bytes) -> Result<()> {
        Err(Error::Cancelled)
    }

    async fn query(&self, _: SpaceId, _: &[PackId]) -> Result<Vec<PackState>> {
        Err(Error::Cancelled)
    }

    async fn read(&self, _: SpaceId, pack: PackId, first: u64, last: u64) -> Result<Bytes> {
        let none = || Error::NotFound {
            what: "such thing on the server",
            name: String::new(),
        };
        let number = |number: u64| usize::try_from(number).map_err(|_| none());
        let (first, end) = (number(first)?, number(last)?.saturating_add(1).min(self.1.len()));
        if pack != self.0 || first >= end {
            return Err(none());
        }
        Ok(self.1.slice(first..end))
    }

    async fn abort(&self, _: SpaceId, _: PackId) -> Result<()> {
        Err(Error::Cancelled)
    }
}
