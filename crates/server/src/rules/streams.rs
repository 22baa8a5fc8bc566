//! What runs print and measure: boxes that nodes append and members read while it goes on.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::limits;
use holdfast_protocol::run::Stream;
use holdfast_protocol::wire::{B64, Boxes, RunState};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::runs::{LOOK, WAIT_MS, over};
use super::{Failure, Rules};
use crate::events::Wake;
use crate::ports::{AskedBoxes, ChangedRun, NewBox, Session, StoreError};

/// Boxes in one answer.
const BOXES: usize = 256;
/// Bytes of boxes in one answer, but for the first.
const BYTES: usize = 4 << 20;
/// Members are told of new boxes of a run at most this often.
const TOLD_MS: u64 = 1_000;
/// Runs whose last telling is remembered.
const REMEMBERED: usize = 4_096;

/// When members were told of new boxes the last time.
#[derive(Default)]
pub(super) struct Told(Mutex<HashMap<(SpaceId, RunId), u64>>);

impl Told {
    /// Whether it is time to tell again; notes that it is done.
    fn again(&self, run: (SpaceId, RunId), now_ms: u64) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= REMEMBERED {
            told.retain(|_, last| now_ms < *last + TOLD_MS);
        }
        let due = told.get(&run).is_none_or(|last| now_ms >= *last + TOLD_MS);
        if due && told.len() < REMEMBERED {
            told.insert(run, now_ms);
        }
        due
    }
}

/// A piece of a stream: the space, the run, the attempt, the stream's name.
pub(crate) type Named = (SpaceId, RunId, u32, String);

impl Rules {
    /// Appends a box to a stream. The very same box again is no error.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when the run is not the caller's, [`Failure::Conflict`] for another number than the next or
    /// after the result, [`Failure::Quota`].
    pub async fn put_box(
        &self,
        caller: Session,
        (space, run, attempt, stream): Named,
        n: u64,
        bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        let stream = Stream::named(&stream).ok_or(Failure::NotFound)?;
        if bytes.is_empty() || bytes.len() > limits::STREAM_BOX {
            return Err(Failure::Refused("the box is of an impossible size"));
        }
        self.settle().await?;
        let of = self.attempted(caller, space, run, attempt);
        let new = NewBox {
            of,
            stream,
            n,
            sealed: bytes,
            quota_bytes: self.policy.quota_bytes,
        };
        self.database.put_box(new).await.map_err(|error| match error {
            StoreError::Quota => Failure::Quota,
            other => over(other),
        })?;
        self.events.wake(Wake::Run(space, run));
        if self.told.again((space, run), of.now_ms)
            && let Ok(Some(row)) = self.database.run(space, run).await
        {
            let same = ChangedRun {
                space,
                run,
                node: row.node,
                state: row.state,
            };
            // Whatever waits in the queue is not news.
            if same.state != RunState::Queued {
                self.tell(&[same]).await;
            }
        }
        Ok(())
    }

    /// Boxes of a stream from number `from` on; waits for one if there is none yet.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for an attempt that never began, or whoever is not a member.
    pub async fn boxes(
        &self,
        caller: Session,
        (space, run, attempt, stream): Named,
        from: u64,
        wait_ms: u64,
        stopping: &CancellationToken,
    ) -> Result<Boxes, Failure> {
        if wait_ms > WAIT_MS {
            return Err(Failure::Refused("no request waits that long"));
        }
        let asked = AskedBoxes {
            space,
            run,
            attempt,
            stream: Stream::named(&stream).ok_or(Failure::NotFound)?,
            from,
            limit: BOXES,
            bytes: BYTES,
        };
        let end = Instant::now() + Duration::from_millis(wait_ms);
        let mut waiting = self.events.wait();
        loop {
            // Somebody may be put out while he waits.
            self.role(caller, space).await?;
            self.settle().await?;
            let found = self.database.boxes(asked).await?.ok_or(Failure::NotFound)?;
            let next = from.saturating_add(found.boxes.len() as u64);
            let ended = found.over && next >= found.stored;
            if !found.boxes.is_empty() || ended || Instant::now() >= end || stopping.is_cancelled() {
                return Ok(Boxes {
                    boxes: found.boxes.into_iter().map(B64).collect(),
                    next,
                    ended,
                });
            }
            let fits = |wake| wake == Wake::Run(space, run) || wake == Wake::Device(caller.device);
            let woken = tokio::select! {
                woken = waiting.until(end.min(Instant::now() + LOOK), fits) => woken,
                () = stopping.cancelled() => None,
            };
            if woken == Some(Wake::Device(caller.device)) {
                return Err(Failure::SignedOut);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_second_for_each_run() {
        let told = Told::default();
        let (one, other) = ((SpaceId([1; 32]), RunId([1; 16])), (SpaceId([1; 32]), RunId([2; 16])));
        assert!(told.again(one, 5_000));
        assert!(!told.again(one, 5_999));
        assert!(told.again(other, 5_999), "of another run");
        assert!(told.again(one, 6_000));
        assert!(!told.again(one, 6_001));
    }
}
