//! Names and seals chunks, many at a time, and puts the boxes into packs.

use std::sync::mpsc::Receiver;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use holdfast_crypto::{Key32, SealJob, seal_many_into, tag_of};
use holdfast_protocol::KeyField;
use holdfast_protocol::context;
use holdfast_protocol::id::{ChunkId, Hash, ItemId, SpaceId};
use holdfast_protocol::manifest::{ChunkRef, chunk_key};
use tokio_util::sync::CancellationToken;

use super::pack::{Packer, Place};
use crate::error::{Error, Result};
use crate::rng;

/// A chunk to seal.
pub(super) struct Piece {
    pub(super) id: ChunkId,
    pub(super) bytes: Bytes,
    /// Whether it is of a file (else of a listing).
    pub(super) content: bool,
}

/// Seals for one upload. Threads share it.
pub(super) struct Sealer {
    pub(super) space: SpaceId,
    pub(super) item: ItemId,
    pub(super) chunk_id_key: KeyField,
    pub(super) upload_key: KeyField,
    pub(super) packer: Mutex<Packer>,
    pub(super) stop: CancellationToken,
}

impl Sealer {
    /// The name of a chunk within its item.
    pub(super) fn name(&self, bytes: &[u8]) -> ChunkId {
        ChunkId(*blake3::keyed_hash(self.chunk_id_key.key().expose(), bytes).as_bytes())
    }

    /// Seals what comes until nothing comes any more. After a failure it goes on taking, so that the sender never waits
    /// for somebody who has left, and stops everybody else.
    pub(super) fn work(&self, pieces: &Mutex<Receiver<Vec<Piece>>>) -> Result<()> {
        let mut outcome = Ok(());
        let mut boxes = Vec::new();
        loop {
            let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(batch) = next else { return outcome };
            if outcome.is_ok() && !self.stop.is_cancelled() {
                outcome = self.seal(&batch, &mut boxes);
                if outcome.is_err() {
                    self.stop.cancel();
                }
            }
        }
    }

    /// Seals a batch and packs it. `boxes` is room that is used again.
    pub(super) fn seal(&self, batch: &[Piece], boxes: &mut Vec<Vec<u8>>) -> Result<()> {
        let keys: Vec<Key32> = batch
            .iter()
            .map(|piece| chunk_key(self.upload_key.key(), piece.id))
            .collect();
        let contexts: Vec<Vec<u8>> = batch
            .iter()
            .map(|piece| context::chunk(self.space, self.item, piece.id))
            .collect();
        let jobs: Vec<SealJob<'_>> = batch
            .iter()
            .zip(&keys)
            .zip(&contexts)
            .map(|((piece, key), context)| SealJob {
                key,
                context,
                plaintext: &piece.bytes,
            })
            .collect();
        boxes.clear();
        boxes.resize_with(jobs.len(), Vec::new);
        seal_many_into(&jobs, boxes, &mut rng());
        let mut packer = self.packer.lock().unwrap_or_else(PoisonError::into_inner);
        for (piece, sealed) in batch.iter().zip(boxes) {
            if self.stop.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let tag = Hash(tag_of(sealed).expect("a box was sealed here"));
            let content = if piece.content { piece.bytes.len() as u64 } else { 0 };
            packer.append_chunk(piece.id, tag, sealed, (piece.bytes.len() as u64, content))?;
        }
        Ok(())
    }

    /// How a chunk that was put somewhere is referred to.
    pub(super) fn reference(&self, place: &Place) -> ChunkRef {
        reference(self.upload_key.key(), place)
    }
}

/// How a chunk that was sealed under this upload key is referred to.
pub(super) fn reference(upload_key: &Key32, place: &Place) -> ChunkRef {
    let Place { pack, held } = *place;
    let key = KeyField::new(chunk_key(upload_key, held.id));
    ChunkRef {
        pack,
        offset: held.offset,
        length: held.length,
        tag: held.tag,
        key,
        id: held.id,
        plain: held.plain,
    }
}
