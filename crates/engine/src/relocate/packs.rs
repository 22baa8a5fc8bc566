//! Packs from one server to the other, as they are, and read back.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use holdfast_protocol::id::{Hash, PackId, SpaceId};
use holdfast_protocol::limits::PART;
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::error::{Error, Result};
use crate::ports::{Progress, Stage, Step};
use crate::transfer::patiently;

/// Packs on their way at the same time.
const PARALLEL: usize = 2;
/// The first pause before a request is made again.
const PAUSE: Duration = Duration::from_millis(500);

/// Copies packs.
pub(super) struct Copier<'a> {
    here: &'a Api,
    there: &'a Api,
    total: u64,
    done: AtomicU64,
    checked: AtomicU64,
    progress: &'a Arc<dyn Progress>,
    cancel: &'a CancellationToken,
    /// What was read here, so that it need not be read again to be compared.
    read: Mutex<HashMap<(PackId, u32), Hash>>,
    /// Packs that were read back and compared.
    same: Mutex<HashSet<PackId>>,
}

impl<'a> Copier<'a> {
    pub(super) fn new(
        here: &'a Api,
        there: &'a Api,
        total: u64,
        progress: &'a Arc<dyn Progress>,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self {
            here,
            there,
            total,
            done: AtomicU64::new(0),
            checked: AtomicU64::new(0),
            progress,
            cancel,
            read: Mutex::default(),
            same: Mutex::default(),
        }
    }

    /// Copies packs (each with its size and whether the log there lacks it still), then reads all of them back.
    pub(super) async fn copy(&self, space: SpaceId, packs: &[(PackId, u64, bool)]) -> Result<()> {
        self.say(Stage::Copying, &self.done, 0);
        let mut work: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
        for &(pack, bytes, wanted) in packs {
            match wanted {
                true => work.push(self.copy_pack(space, pack, bytes).boxed()),
                false => self.say(Stage::Copying, &self.done, bytes),
            }
        }
        few_at_a_time(work).await?;
        let compare = packs
            .iter()
            .map(|&(pack, bytes, wanted)| self.compare(space, pack, bytes, wanted).boxed());
        few_at_a_time(compare.collect()).await
    }

    async fn copy_pack(&self, space: SpaceId, pack: PackId, bytes: u64) -> Result<()> {
        let begin = || self.there.begin_pack(space, pack, bytes);
        let mut state = patiently(PAUSE, self.cancel, begin).await?;
        for (part, first, last) in parts(bytes) {
            if !state.complete && !state.parts.contains(&part) {
                let content = self.read_here(space, pack, part, first, last).await?;
                let put = || self.there.put_part(space, pack, part, content.clone());
                patiently(PAUSE, self.cancel, put).await?;
            }
            self.say(Stage::Copying, &self.done, last - first + 1);
        }
        if !state.complete {
            state = patiently(PAUSE, self.cancel, begin).await?;
        }
        match state.complete {
            true => Ok(()),
            false => Err(Error::Server {
                code: "incomplete".into(),
                message: "it took every part of a pack and says that some are missing".into(),
            }),
        }
    }

    /// Reads a pack back and compares it with what is here.
    async fn compare(&self, space: SpaceId, pack: PackId, bytes: u64, unnamed: bool) -> Result<()> {
        if self.same.lock().unwrap_or_else(PoisonError::into_inner).contains(&pack) {
            return Ok(());
        }
        for (part, first, last) in parts(bytes) {
            let known = self
                .read
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&(pack, part))
                .copied();
            let here = match known {
                Some(hash) => hash,
                None => Hash::of(&self.read_here(space, pack, part, first, last).await?),
            };
            let read = || self.there.read_pack(space, pack, first, last);
            if Hash::of(&patiently(PAUSE, self.cancel, read).await?) != here {
                if unnamed {
                    // Copied anew the next time.
                    let _ = self.there.abort_pack(space, pack).await;
                }
                return Err(Error::damaged("a pack on the new server"));
            }
            self.say(Stage::Checking, &self.checked, last - first + 1);
        }
        self.same.lock().unwrap_or_else(PoisonError::into_inner).insert(pack);
        Ok(())
    }

    async fn read_here(&self, space: SpaceId, pack: PackId, part: u32, first: u64, last: u64) -> Result<Bytes> {
        let read = || self.here.read_pack(space, pack, first, last);
        let content = match patiently(PAUSE, self.cancel, read).await {
            Err(Error::NotFound { .. }) => return Err(Error::damaged("a pack on the old server")),
            answer => answer?,
        };
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert((pack, part), Hash::of(&content));
        Ok(content)
    }

    fn say(&self, stage: Stage, counter: &AtomicU64, more: u64) {
        let done = counter.fetch_add(more, Relaxed) + more;
        self.progress.report(Step {
            stage,
            done: done.min(self.total),
            total: self.total,
            files: 0,
            files_total: 0,
        });
    }
}

async fn few_at_a_time(work: Vec<BoxFuture<'_, Result<()>>>) -> Result<()> {
    stream::iter(work).buffer_unordered(PARALLEL).try_collect().await
}

/// Number, first and last byte of each part of a pack.
fn parts(bytes: u64) -> impl Iterator<Item = (u32, u64, u64)> {
    let count = u32::try_from(bytes.div_ceil(PART)).unwrap_or(u32::MAX);
    (0..count).map(move |part| {
        let first = u64::from(part) * PART;
        (part, first, (first + PART).min(bytes) - 1)
    })
}
