//! Packs: resumable parts on their way up, ranges on their way down.

use bytes::Bytes;
use futures_util::Stream;
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{PackId, SpaceId};
use holdfast_protocol::limits;
use holdfast_protocol::wire::{BeginPack, PackQuery, PackState, PackStates};

use super::{Failure, Rules, random, ranges};
use crate::ports::{BlobId, Blobs, NewPack, Session, StoreError, StoredPack};
use std::sync::Arc;

/// Ids in one query.
const QUERY: usize = 1_000;
/// Bytes that are read and sent at a time.
const STEP: u64 = 1 << 20;

/// A pack's bytes, or a range of them.
pub struct Reading {
    blobs: Arc<dyn Blobs>,
    blob: BlobId,
    /// Size of the whole pack.
    pub size: u64,
    /// Number of the first byte.
    pub from: u64,
    /// How many bytes.
    pub length: u64,
    /// Whether a range was asked for.
    pub partial: bool,
}

impl Reading {
    /// The bytes, read as they are sent. An error ends the answer before its announced length, so that no client takes it for whole.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, StoreError>> {
        let end = self.from + self.length;
        futures_util::stream::try_unfold(self.from, move |at| {
            let blobs = Arc::clone(&self.blobs);
            let blob = self.blob;
            async move {
                if at == end {
                    return Ok(None);
                }
                let (part, offset) = (at / limits::PART, at % limits::PART);
                let length = STEP.min(limits::PART - offset).min(end - at);
                let part = u32::try_from(part).map_err(|_| StoreError::Missing)?;
                let step = usize::try_from(length).map_err(|_| StoreError::Missing)?;
                Ok(Some((blobs.read(blob, part, offset, step).await?, at + length)))
            }
        })
    }
}

impl Rules {
    /// Begins a pack, or says how far it is.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`] for readers, [`Failure::Quota`], [`Failure::AlreadyExists`] for an id that is taken otherwise.
    pub async fn begin_pack(&self, caller: Session, space: SpaceId, request: BeginPack) -> Result<PackState, Failure> {
        self.may_write_packs(caller, space).await?;
        if request.bytes == 0 || request.bytes > limits::PACK || !request.bytes.is_multiple_of(limits::WINDOW) {
            return Err(Failure::Refused("the pack's size is not possible"));
        }
        let pack = NewPack {
            id: request.id,
            space,
            blob: BlobId(random()?),
            by: caller.principal,
            bytes: request.bytes,
            quota_bytes: self.policy.quota_bytes,
            now_ms: self.now_ms(),
        };
        match self.database.begin_pack(pack).await {
            Ok(stored) => Ok(state_of(stored)),
            Err(StoreError::Exists) => Err(Failure::AlreadyExists("a pack of this name exists")),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores a part. A part that is stored is not stored again.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when the pack is not begun, [`Failure::Refused`] for another size than the part has.
    pub async fn put_part(
        &self,
        caller: Session,
        space: SpaceId,
        pack: PackId,
        part: u32,
        bytes: Bytes,
    ) -> Result<(), Failure> {
        let role = self.may_write_packs(caller, space).await?;
        let stored = self.pack(space, pack).await?;
        if role.is_none() && stored.by != caller.principal {
            return Err(Failure::NotFound);
        }
        let (count, expected) = part_size(stored.bytes, part).ok_or(Failure::Refused("the pack has no such part"))?;
        if bytes.len() as u64 != expected {
            return Err(Failure::Refused("the part is not of its size"));
        }
        if stored.parts.contains(&part) {
            return Ok(());
        }
        self.blobs.write_part(stored.blob, part, bytes).await?;
        Ok(self
            .database
            .part_stored(pack, stored.blob, part, count, self.now_ms())
            .await?)
    }

    /// How far packs are.
    ///
    /// # Errors
    /// [`Failure::Refused`] for too many ids.
    pub async fn query_packs(&self, caller: Session, space: SpaceId, query: &PackQuery) -> Result<PackStates, Failure> {
        self.may_read_packs(caller, space).await?;
        if query.ids.len() > QUERY {
            return Err(Failure::Refused("at most 1,000 packs in one query"));
        }
        let packs = self.database.packs(space, &query.ids).await?;
        Ok(PackStates {
            packs: packs.into_iter().map(state_of).collect(),
        })
    }

    /// A pack's bytes, or the range of them that a `Range` header names.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for a pack that is not whole, [`Failure::Range`].
    pub async fn read_pack(
        &self,
        caller: Session,
        space: SpaceId,
        pack: PackId,
        range: Option<&str>,
    ) -> Result<Reading, Failure> {
        self.may_read_packs(caller, space).await?;
        let stored = self.pack(space, pack).await?;
        if !stored.complete {
            return Err(Failure::NotFound);
        }
        let size = stored.bytes;
        let asked = ranges::parse(range, size).map_err(|ranges::Unsatisfiable| Failure::Range { bytes: size })?;
        let (from, length) = asked.unwrap_or((0, size));
        Ok(Reading {
            blobs: Arc::clone(&self.blobs),
            blob: stored.blob,
            size,
            from,
            length,
            partial: asked.is_some(),
        })
    }

    /// Forgets a pack that no entry names.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`] for a pack that somebody else began, [`Failure::Conflict`] once an entry names it.
    pub async fn abort_pack(&self, caller: Session, space: SpaceId, pack: PackId) -> Result<(), Failure> {
        let role = self.may_write_packs(caller, space).await?;
        let stored = self.pack(space, pack).await?;
        if stored.by != caller.principal && role != Some(Role::Owner) {
            return Err(Failure::NotAllowed("somebody else began this pack"));
        }
        let blob = self
            .database
            .abort_pack(space, pack)
            .await
            .map_err(|error| match error {
                StoreError::Conflict => Failure::Conflict("the log names this pack"),
                other => other.into(),
            })?;
        self.delete_blob(blob).await;
        Ok(())
    }

    /// Deletes bytes that lost their row. Should it fail, the next clean-up does it.
    pub(super) async fn delete_blob(&self, blob: BlobId) {
        if let Err(error) = self.blobs.delete(blob).await {
            tracing::warn!(%error, "bytes of a pack were not deleted; the next clean-up tries again");
        }
    }

    async fn pack(&self, space: SpaceId, pack: PackId) -> Result<StoredPack, Failure> {
        self.database
            .packs(space, &[pack])
            .await?
            .pop()
            .ok_or(Failure::NotFound)
    }
}

/// How many parts a pack has, and the size of one of them.
pub(crate) fn part_size(bytes: u64, part: u32) -> Option<(u32, u64)> {
    let count = u32::try_from(bytes.div_ceil(limits::PART)).ok()?;
    let begin = u64::from(part) * limits::PART;
    (part < count).then(|| (count, limits::PART.min(bytes - begin)))
}

fn state_of(pack: StoredPack) -> PackState {
    PackState {
        id: pack.id,
        bytes: pack.bytes,
        parts: pack.parts,
        complete: pack.complete,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_full_but_the_last() {
        assert_eq!(part_size(1, 0), Some((1, 1)));
        assert_eq!(part_size(limits::PART, 0), Some((1, limits::PART)));
        assert_eq!(part_size(limits::PART, 1), None);
        assert_eq!(part_size(limits::PART + 5, 0), Some((2, limits::PART)));
        assert_eq!(part_size(limits::PART + 5, 1), Some((2, 5)));
        assert_eq!(part_size(limits::PACK, u32::MAX), None);
    }
}
