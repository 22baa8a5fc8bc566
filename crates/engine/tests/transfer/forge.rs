//! Writes versions by hand, as a member with a client of his own could.

use holdfast_crypto::{Key32, seal, tag_of};
use holdfast_engine::rng;
use holdfast_engine::transfer::Stored;
use holdfast_protocol::id::{ChunkId, Hash, PackId, VersionId};
use holdfast_protocol::item::ManifestRef;
use holdfast_protocol::manifest::{ChunkRef, FORMAT, FileRecord, FileType, Manifest};
use holdfast_protocol::{KeyField, cbor, context};

use crate::fakes::World;

/// A pack in the making.
pub(crate) struct Forge<'a> {
    world: &'a World,
    pack: PackId,
    bytes: Vec<u8>,
}

impl<'a> Forge<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self {
            world,
            pack: PackId::random(&mut rng()),
            bytes: Vec::new(),
        }
    }

    /// Seals some content as a chunk.
    pub(crate) fn chunk(&mut self, plain: &[u8]) -> ChunkRef {
        let key = Key32::random(&mut rng());
        let id = ChunkId::random(&mut rng());
        let sealed = seal(
            &key,
            &context::chunk(self.world.target.space, self.world.target.item, id),
            plain,
            &mut rng(),
        );
        let offset = self.bytes.len() as u64;
        let tag = Hash(tag_of(&sealed).unwrap());
        self.bytes.extend_from_slice(&sealed);
        ChunkRef {
            pack: self.pack,
            offset,
            length: sealed.len() as u64,
            tag,
            key: KeyField::new(key),
            id,
            plain: Some(plain.len() as u64),
        }
    }

    pub(crate) fn file(&mut self, path: &[u8], plain: &[u8]) -> FileRecord {
        let chunks = if plain.is_empty() {
            Vec::new()
        } else {
            vec![self.chunk(plain)]
        };
        FileRecord {
            path: path.to_vec(),
            kind: FileType::File,
            size: plain.len() as u64,
            mode: 0o644,
            modified_ns: 0,
            target: None,
            chunks,
        }
    }

    /// A version of these records, in this order, as they are.
    pub(crate) fn version(mut self, records: &[FileRecord]) -> Stored {
        let files = records.iter().filter(|record| record.kind == FileType::File);
        let (count, bytes) = (files.clone().count() as u64, files.map(|file| file.size).sum());
        let plain: Vec<u8> = records.iter().flat_map(cbor::encode).collect();
        let listing: Vec<ChunkRef> = plain.chunks(32 << 10).map(|chunk| self.chunk(chunk)).collect();
        self.manifest(&Manifest {
            format: FORMAT,
            files: count,
            bytes,
            listing_bytes: plain.len() as u64,
            listing,
        })
    }

    /// A version of this manifest.
    pub(crate) fn manifest(mut self, manifest: &Manifest) -> Stored {
        let (space, item) = (self.world.target.space, self.world.target.item);
        let version = VersionId::random(&mut rng());
        let key = Key32::random(&mut rng());
        let sealed = seal(
            &key,
            &context::manifest(space, item, version),
            &cbor::encode(manifest),
            &mut rng(),
        );
        let manifest = ManifestRef {
            pack: self.pack,
            offset: self.bytes.len() as u64,
            length: sealed.len() as u64,
            hash: Hash::of(&sealed),
            key: KeyField::new(key),
        };
        self.bytes.extend_from_slice(&sealed);
        let pack = self.pack;
        self.world.memory.store(pack, self.bytes);
        Stored {
            space,
            item,
            version,
            manifest,
            packs: vec![pack],
        }
    }
}

pub(crate) fn folder(path: &[u8]) -> FileRecord {
    other(path, FileType::Directory, None)
}

pub(crate) fn link(path: &[u8], target: &[u8]) -> FileRecord {
    other(path, FileType::Link, Some(target.to_vec()))
}

fn other(path: &[u8], kind: FileType, target: Option<Vec<u8>>) -> FileRecord {
    FileRecord {
        path: path.to_vec(),
        kind,
        size: 0,
        mode: 0o755,
        modified_ns: 0,
        target,
        chunks: Vec::new(),
    }
}
