//! The trail of an upload: who it is for, which packs were sealed, which of them the server has whole, which files were
//! read to their end. Rows stand under two prefixes, so that listing the uploads doesn't read all of their packs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use holdfast_protocol::KeyField;
use holdfast_protocol::cbor;
use holdfast_protocol::id::{ChunkId, Hash, ItemId, PackId, SpaceId, VersionId};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use super::server::{JournalStore, Row};
use super::walk::Stamp;
use crate::error::Result;

pub(crate) const HEADS: &[u8] = b"upload/";
const ROWS: &[u8] = b"upload-rows/";
/// No row comes near this.
const LIMIT: usize = 1 << 30;

/// What an upload is for.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Head {
    #[n(1)]
    pub(super) space: SpaceId,
    #[n(2)]
    pub(super) item: ItemId,
    #[n(3)]
    pub(super) version: VersionId,
    #[n(4)]
    pub(super) upload_key: KeyField,
    #[n(5)]
    pub(super) sources: Vec<ByteVec>,
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) memo: Vec<u8>,
}

/// A box in a pack. Its key follows from the upload key and the id.
#[derive(Clone, Copy, Encode, Decode)]
pub(super) struct Held {
    #[n(0)]
    pub(super) id: ChunkId,
    #[n(1)]
    pub(super) offset: u64,
    #[n(2)]
    pub(super) length: u64,
    #[n(3)]
    pub(super) tag: Hash,
    #[n(4)]
    pub(super) plain: Option<u64>,
}

/// A sealed pack.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct PackRow {
    #[n(1)]
    pub(super) id: PackId,
    /// Whole size, padding included.
    #[n(2)]
    pub(super) bytes: u64,
    /// Plaintext bytes of files in it.
    #[n(3)]
    pub(super) content: u64,
    #[n(4)]
    pub(super) held: Vec<Held>,
}

/// A file that was read to its end.
#[derive(Clone, Encode, Decode)]
pub(super) struct FileDone {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(super) path: Vec<u8>,
    #[n(1)]
    pub(super) stamp: Stamp,
    #[n(2)]
    pub(super) chunks: Vec<ChunkId>,
}

/// An upload that was begun and not finished.
pub struct PendingUpload {
    /// The version it makes, which is its name: give the same to go on with it.
    pub version: VersionId,
    /// The space.
    pub space: SpaceId,
    /// The item.
    pub item: ItemId,
    /// What is uploaded; has to be the same again.
    pub sources: Vec<PathBuf>,
    /// As the caller gave it.
    pub memo: Vec<u8>,
}

/// The uploads that were begun and not finished.
///
/// # Errors
/// The journal's.
pub async fn pending(journal: &Arc<dyn JournalStore>) -> Result<Vec<PendingUpload>> {
    let rows = journal.list(HEADS).await?;
    let heads = rows
        .values()
        .filter_map(|value| cbor::decode::<Head>(value, LIMIT).ok());
    Ok(heads
        .map(|head| PendingUpload {
            version: head.version,
            space: head.space,
            item: head.item,
            sources: head.sources.iter().map(|path| path_of(path)).collect(),
            memo: head.memo,
        })
        .collect())
}

/// How far an upload came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SoFar {
    /// Files that were read to their end.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of sealed packs that the server is known to have, padding included.
    pub bytes_sent: u64,
}

/// How far an upload came, as its trail says. Nobody is asked.
///
/// # Errors
/// The journal's.
pub async fn so_far(journal: &Arc<dyn JournalStore>, version: VersionId) -> Result<SoFar> {
    let trail = Journal::new(journal.clone(), version).trail().await?;
    let sent = trail.packs.iter().filter(|(_, complete)| *complete);
    Ok(SoFar {
        files: trail.files.len() as u64,
        bytes: trail.files.values().map(|file| file.stamp.size).sum(),
        bytes_sent: sent.map(|(pack, _)| pack.bytes).sum(),
    })
}

/// The packs that a trail knows of.
///
/// # Errors
/// The journal's.
pub(crate) async fn packs(journal: &Arc<dyn JournalStore>, version: VersionId) -> Result<Vec<PackId>> {
    let trail = Journal::new(journal.clone(), version).trail().await?;
    Ok(trail.packs.iter().map(|(pack, _)| pack.id).collect())
}

/// What was found of an upload.
#[derive(Default)]
pub(super) struct Trail {
    /// Each pack, and whether the server was known to have it whole.
    pub(super) packs: Vec<(PackRow, bool)>,
    pub(super) files: HashMap<Vec<u8>, FileDone>,
}

/// The trail of one upload.
#[derive(Clone)]
pub(super) struct Journal {
    store: Arc<dyn JournalStore>,
    version: VersionId,
}

impl Journal {
    pub(super) fn new(store: Arc<dyn JournalStore>, version: VersionId) -> Self {
        Self { store, version }
    }

    /// Versions of all uploads that have a trail.
    pub(super) async fn versions(&self) -> Result<Vec<VersionId>> {
        let rows = self.store.list(HEADS).await?;
        Ok(rows
            .keys()
            .filter_map(|key| VersionId::from_slice(key.strip_prefix(HEADS)?))
            .collect())
    }

    pub(super) async fn head(&self) -> Result<Option<Head>> {
        let rows = self.store.list(&self.head_key()).await?;
        Ok(rows.values().next().and_then(|value| cbor::decode(value, LIMIT).ok()))
    }

    pub(super) async fn begin(&self, head: &Head) -> Result<()> {
        self.store
            .put(vec![(self.head_key(), Some(sealed_by_store(head)))])
            .await
    }

    /// Notes a sealed pack, and files that were read to their end meanwhile.
    pub(super) async fn packed(&self, pack: Option<&PackRow>, files: &[FileDone]) -> Result<()> {
        let mut rows: Vec<Row> = Vec::new();
        if let Some(pack) = pack {
            rows.push((self.key(b'p', pack.id.as_bytes()), Some(sealed_by_store(pack))));
        }
        if let Some(first) = files.first() {
            // Named by its first file: unique, and a second run writes the same row again.
            let name = Hash::of(&first.path);
            rows.push((self.key(b'f', name.as_bytes()), Some(sealed_by_store(&files))));
        }
        if rows.is_empty() {
            Ok(())
        } else {
            self.store.put(rows).await
        }
    }

    /// Notes that the server has all of a pack.
    pub(super) async fn complete(&self, pack: PackId) -> Result<()> {
        self.store
            .put(vec![(self.key(b'c', pack.as_bytes()), Some(Zeroizing::new(vec![1])))])
            .await
    }

    /// Forgets packs.
    pub(super) async fn forget(&self, packs: &[PackId]) -> Result<()> {
        let keys = packs
            .iter()
            .flat_map(|pack| [self.key(b'p', pack.as_bytes()), self.key(b'c', pack.as_bytes())]);
        self.store.put(keys.map(|key| (key, None)).collect()).await
    }

    pub(super) async fn trail(&self) -> Result<Trail> {
        let mut trail = Trail::default();
        let prefix = self.key(b'p', b"");
        let rows = self.store.list(&prefix[..prefix.len() - 1]).await?;
        for (key, value) in &rows {
            match key.get(prefix.len() - 1) {
                Some(b'p') => {
                    if let Ok(pack) = cbor::decode::<PackRow>(value, LIMIT) {
                        let complete = rows.contains_key(&self.key(b'c', pack.id.as_bytes()));
                        trail.packs.push((pack, complete));
                    }
                }
                Some(b'f') => {
                    let files = cbor::decode::<Vec<FileDone>>(value, LIMIT).unwrap_or_default();
                    trail
                        .files
                        .extend(files.into_iter().map(|file| (file.path.clone(), file)));
                }
                _ => {}
            }
        }
        Ok(trail)
    }

    /// Forgets everything, the head last, so that a trail without a head can't stay behind.
    pub(super) async fn remove(&self) -> Result<()> {
        let prefix = self.key(b'p', b"");
        let rows = self.store.list(&prefix[..prefix.len() - 1]).await?;
        let keys = rows.into_keys().chain([self.head_key()]);
        self.store.put(keys.map(|key| (key, None)).collect()).await
    }

    fn head_key(&self) -> Vec<u8> {
        [HEADS, self.version.as_bytes()].concat()
    }

    fn key(&self, kind: u8, name: &[u8]) -> Vec<u8> {
        [ROWS, self.version.as_bytes(), b"/", &[kind], name].concat()
    }
}

fn sealed_by_store<T: Encode<()>>(row: &T) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(cbor::encode(row))
}

/// A path of this computer as bytes, for the head of the trail.
pub(super) fn path_bytes(path: &std::path::Path) -> ByteVec {
    ByteVec::from(path.as_os_str().as_encoded_bytes().to_vec())
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
