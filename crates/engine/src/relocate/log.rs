//! A log at the new server: begun, then everything after it put aside there page by page, then counted at once.

use holdfast_protocol::id::SpaceId;
use holdfast_protocol::limits;
use holdfast_protocol::replay::Space;
use holdfast_protocol::wire::SpaceHead;
use tokio_util::sync::CancellationToken;

use super::packs::Copier;
use super::{RelocationPlan, live_packs};
use crate::api::Api;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::spaces::{ENTRIES, entry_key};

/// Bytes of entries in one request, beside its last entry.
const PAGE_BYTES: usize = 4 << 20;

impl Session {
    /// Copies everything that is not there yet.
    pub(super) async fn copy_all(
        &self,
        plan: &RelocationPlan,
        there: &Api,
        copier: &Copier<'_>,
        cancel: &CancellationToken,
    ) -> Result<()> {
        for space in &plan.moving {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            self.copy_space(space, there, copier).await?;
        }
        Ok(())
    }

    async fn copy_space(&self, space: &Space, there: &Api, copier: &Copier<'_>) -> Result<()> {
        let authority = space.authority();
        let id = authority.space();
        let end = head_of(space);
        let begun = match head_there(there, id).await? {
            Some(head) => head,
            None => there.create_space(&self.entry(id, 0).await?).await?,
        };
        if begun.seq > end.seq {
            // Another device of this user moved before and went on there: then it must be a continuation.
            let page = there.entries(id, end.seq).await?;
            let ours = self.entry(id, end.seq).await?;
            return match page.entries.first().is_some_and(|entry| entry.0 == ours) {
                true => Ok(()),
                false => Err(other_history()),
            };
        }
        if self
            .entry(id, begun.seq)
            .await
            .map(|entry| holdfast_protocol::id::Hash::of(&entry))?
            != begun.hash
        {
            return Err(other_history());
        }
        let missing: Vec<_> = live_packs(space)
            .map(|(pack, row)| (*pack, row.bytes, row.added_seq > begun.seq))
            .collect();
        copier.copy(id, &missing).await?;
        if begun.seq == end.seq {
            return Ok(());
        }
        self.send_entries(id, begun.seq + 1, end.seq, there).await?;
        there.finish_move(&end).await?;
        Ok(())
    }

    /// Puts the entries `first..=last` aside there, beginning with the first one that is not.
    async fn send_entries(&self, id: SpaceId, first: u64, last: u64, there: &Api) -> Result<()> {
        let mut next = there.move_entries(id, first, &[]).await?;
        if next < first || next > last + 1 {
            next = first;
        }
        while next <= last {
            let (mut page, mut bytes) = (Vec::new(), 0);
            while next + (page.len() as u64) <= last && page.len() < limits::ENTRIES_PER_PAGE && bytes < PAGE_BYTES {
                let entry = self.entry(id, next + page.len() as u64).await?;
                bytes += entry.len();
                page.push(entry);
            }
            let after = there.move_entries(id, next, &page).await?;
            if after != next + page.len() as u64 {
                return Err(Error::Conflict(
                    "Something else is moving this project at the same time.".into(),
                ));
            }
            next = after;
        }
        Ok(())
    }

    /// An entry as this device has verified and kept it.
    async fn entry(&self, id: SpaceId, seq: u64) -> Result<Vec<u8>> {
        let kept = self.host.store.get(ENTRIES, &entry_key(id, seq)).await?;
        kept.ok_or_else(|| Error::damaged("this device's copy of a project"))
    }

    /// Requires that every log at the new server ends where it does here, or goes on from there.
    pub(super) async fn compare_heads(&self, plan: &RelocationPlan, there: &Api) -> Result<()> {
        let heads = there.spaces().await?;
        for space in &plan.moving {
            let end = head_of(space);
            let found = heads.iter().find(|head| head.space == end.space);
            let same = found.is_some_and(|head| head.seq > end.seq || *head == end);
            if !same {
                return Err(Error::History(
                    "The new server does not have all that it took a moment ago. Nothing was changed here.".into(),
                ));
            }
        }
        Ok(())
    }
}

fn head_of(space: &Space) -> SpaceHead {
    let authority = space.authority();
    SpaceHead {
        space: authority.space(),
        seq: authority.seq(),
        hash: authority.head(),
    }
}

async fn head_there(there: &Api, id: SpaceId) -> Result<Option<SpaceHead>> {
    Ok(there.spaces().await?.into_iter().find(|head| head.space == id))
}

fn other_history() -> Error {
    Error::History(
        "The new server has another history of one of your projects than this computer. Nothing was changed here."
            .into(),
    )
}
