//! Manifests: which files a version holds and where their chunks lie.
//!
//! The listing of files is itself content: a CBOR sequence (RFC 8742) of [`FileRecord`]s, cut and sealed into chunks
//! like any file, so that a small change re-sends a small part of it. The manifest proper is one box that names the
//! listing's chunks. A chunk is named by the 32-byte tag of its box: it is compared before the box is opened.

use minicbor::{Decode, Encode};

use crate::id::{ChunkId, Hash, PackId};
use crate::secretvalue::KeyField;

/// The version of the manifest format.
pub const FORMAT: u32 = 1;

/// Where a chunk lies and what opens it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct ChunkRef {
    /// The pack.
    #[n(0)]
    pub pack: PackId,
    /// First byte in the pack.
    #[n(1)]
    pub offset: u64,
    /// Sealed bytes.
    #[n(2)]
    pub length: u64,
    /// The box's tag.
    #[n(3)]
    pub tag: Hash,
    /// The chunk's key.
    #[n(4)]
    pub key: KeyField,
    /// BLAKE3 of the plaintext under the item's chunk-id key.
    #[n(5)]
    pub id: ChunkId,
    /// Plaintext bytes, so that a reader finds a place in a file without opening what stands before it. Writers always say
    /// it; where it is absent it is known only once the chunk is open.
    #[n(6)]
    pub plain: Option<u64>,
}

impl ChunkRef {
    /// Whether a box of this length can hold what is said about it.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.plain.is_none_or(|plain| {
            usize::try_from(plain).is_ok_and(|plain| {
                plain > 0 && plain <= crate::limits::SEALED && holdfast_crypto::sealed_len(plain) as u64 == self.length
            })
        })
    }
}

/// The sealed root of a version's content.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Manifest {
    /// [`FORMAT`].
    #[n(1)]
    pub format: u32,
    /// Files in the listing (directories and links not counted).
    #[n(2)]
    pub files: u64,
    /// Their plaintext bytes.
    #[n(3)]
    pub bytes: u64,
    /// Plaintext bytes of the listing.
    #[n(4)]
    pub listing_bytes: u64,
    /// The listing's chunks, in order.
    #[n(5)]
    pub listing: Vec<ChunkRef>,
}

/// What a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum FileType {
    /// A regular file.
    #[n(0)]
    File,
    /// A directory.
    #[n(1)]
    Directory,
    /// A symbolic link.
    #[n(2)]
    Link,
}

/// One path of a version. Records stand in the listing sorted by path, each path once.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FileRecord {
    /// Relative, components joined by `/`; bytes, since file names need not be text.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub path: Vec<u8>,
    /// File, directory or link.
    #[n(2)]
    pub kind: FileType,
    /// Plaintext bytes (files).
    #[n(3)]
    pub size: u64,
    /// Permission bits (lower 9 bits of the Unix mode).
    #[n(4)]
    pub mode: u32,
    /// Last change, in nanoseconds since 1970-01-01 UTC.
    #[n(5)]
    pub modified_ns: i64,
    /// Where a link points.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub target: Option<Vec<u8>>,
    /// The content's chunks, in order.
    #[n(7)]
    pub chunks: Vec<ChunkRef>,
}

/// The key of a chunk: `HKDF-Expand(upload key, label "chunk" || chunk id)`.
#[must_use]
pub fn chunk_key(upload_key: &holdfast_crypto::Key32, id: ChunkId) -> holdfast_crypto::Key32 {
    holdfast_crypto::hkdf_expand(upload_key, &holdfast_crypto::labelled("chunk", &[id.as_bytes()]))
}

/// How long a pack of `used` bytes is on the server: padded to a whole number of windows.
#[must_use]
pub fn padded_pack_len(used: u64) -> u64 {
    used.div_ceil(crate::limits::WINDOW).max(1) * crate::limits::WINDOW
}
