//! What an earlier version has at the server already: its manifest is the only index there is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use holdfast_protocol::id::{ChunkId, PackId};
use holdfast_protocol::manifest::{ChunkRef, FileType};
use tokio_util::sync::CancellationToken;

use super::fetch::Fetch;
use super::server::PackServer;
use super::types::{Previous, Stored, Target};
use crate::error::{Error, Result};

/// What is known of an earlier version.
#[derive(Default)]
pub(super) struct Earlier {
    /// Every chunk, listing included, that lies in a live pack.
    pub(super) chunks: HashMap<ChunkId, ChunkRef>,
    /// Of its files; absent where some of their chunks lie in no live pack.
    pub(super) digest: Option<blake3::Hash>,
}

/// Reads the previous version. One that can't be read any more is no reason not to write the next one: then nothing is known.
pub(super) async fn read_earlier(
    server: &Arc<dyn PackServer>,
    target: &Target,
    previous: &Previous,
    pause: Duration,
    stop: &CancellationToken,
) -> Result<Earlier> {
    let stored = Stored {
        space: target.space,
        item: target.item,
        version: previous.version,
        manifest: previous.manifest.clone(),
        packs: previous.packs.clone(),
    };
    let fetch = Fetch::new(server, target.space, target.item, pause, stop);
    let (manifest, records) = match fetch.version(&stored).await {
        Ok(version) => version,
        Err(Error::Damaged { .. } | Error::NotFound { .. }) => return Ok(Earlier::default()),
        Err(error) => return Err(error),
    };
    let live: HashSet<PackId> = previous.live.iter().copied().collect();
    let is_live = |chunk: &ChunkRef| live.contains(&chunk.pack);
    let whole = records.iter().all(|record| record.chunks.iter().all(is_live));
    let digest = whole.then(|| {
        let mut digest = Digest::default();
        for record in &records {
            let target = record.target.as_deref();
            let chunks = record.chunks.iter().map(|chunk| &chunk.id);
            digest.add(&record.path, record.kind, record.mode, record.size, target, chunks);
        }
        digest.end()
    });
    let chunks = records
        .into_iter()
        .flat_map(|record| record.chunks)
        .chain(manifest.listing);
    Ok(Earlier {
        chunks: chunks.filter(is_live).map(|chunk| (chunk.id, chunk)).collect(),
        digest,
    })
}

/// Tells whether two listings of one item name the same files, whenever those were touched and wherever they lie. It never leaves
/// this process.
#[derive(Default)]
pub(super) struct Digest(blake3::Hasher);

impl Digest {
    /// The next path, in order.
    pub(super) fn add<'a>(
        &mut self,
        path: &[u8],
        kind: FileType,
        mode: u32,
        size: u64,
        target: Option<&[u8]>,
        chunks: impl Iterator<Item = &'a ChunkId>,
    ) {
        self.bytes(path);
        self.bytes(&[kind as u8]);
        self.bytes(&mode.to_be_bytes());
        self.bytes(&size.to_be_bytes());
        self.bytes(target.unwrap_or_default());
        let mut count = 0_u64;
        for id in chunks {
            self.0.update(id.as_bytes());
            count += 1;
        }
        self.0.update(&count.to_be_bytes());
    }

    /// With its length, so that the border to what comes next is part of it.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    pub(super) fn end(self) -> blake3::Hash {
        self.0.finalize()
    }
}
