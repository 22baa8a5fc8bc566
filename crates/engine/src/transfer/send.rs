//! The half of an upload that sends: two packs at a time, the parts of each in order, each noted in the journal before
//! its first byte leaves and when its last one has arrived.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use holdfast_protocol::entry::PackSize;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::limits::PART;
use holdfast_protocol::wire::code;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::journal::{Journal, PackRow};
use super::meter::Meter;
use super::pack::{Packed, Spool};
use super::server::PackServer;
use crate::error::{Error, Result};
use crate::ports::Cause;

/// Packs on their way at the same time.
const PARALLEL: usize = 2;
/// Tries in all.
const TRIES: u32 = 5;

/// Asks again when the server did not answer or stumbled, with pauses that double.
pub(crate) async fn patiently<T, F, Fut>(pause: Duration, stop: &CancellationToken, mut ask: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let mut tries = 0;
    loop {
        let answer = tokio::select! {
            biased;
            () = stop.cancelled() => return Err(Error::Cancelled),
            answer = ask() => answer,
        };
        tries += 1;
        match answer {
            Err(error) if tries < TRIES && passing(&error) => {
                tracing::debug!(code = error.code(), tries, "asking the server again");
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Err(Error::Cancelled),
                    () = tokio::time::sleep(pause * 2u32.pow(tries - 1)) => {}
                }
            }
            answer => return answer,
        }
    }
}

/// Whether the same request may well succeed a moment later.
fn passing(error: &Error) -> bool {
    match error {
        // A key that is not trusted does not become so by waiting, nor a wrong address right.
        Error::Unreachable(silent) => silent.cause == Cause::Network,
        Error::Server { code, .. } => {
            code == code::INTERNAL || code == code::RATE_LIMITED || code.starts_with("http-5")
        }
        _ => false,
    }
}

/// Sends packs of one upload.
pub(super) struct Sender {
    pub(super) server: Arc<dyn PackServer>,
    pub(super) journal: Journal,
    pub(super) spool: Spool,
    pub(super) space: SpaceId,
    pub(super) pause: Duration,
    pub(super) stop: CancellationToken,
    pub(super) meter: Arc<Meter>,
    pub(super) bytes_sent: AtomicU64,
    /// Packs that the server has whole.
    pub(super) complete: Mutex<Vec<PackSize>>,
}

impl Sender {
    /// Sends what waits from earlier and everything that comes, until nothing comes any more.
    pub(super) async fn send_all(&self, earlier: Vec<PackRow>, mut incoming: mpsc::Receiver<Packed>) -> Result<()> {
        let mut waiting: VecDeque<Packed> = earlier.into_iter().map(Packed::again).collect();
        let mut running = FuturesUnordered::new();
        let mut more = true;
        loop {
            while running.len() < PARALLEL
                && let Some(next) = waiting.pop_front()
            {
                running.push(self.send(next));
            }
            if running.is_empty() && !more {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Error::Cancelled),
                Some(sent) = running.next() => sent?,
                next = incoming.recv(), if more && running.len() < PARALLEL => match next {
                    Some(packed) => waiting.push_back(packed),
                    None => more = false,
                },
            }
        }
    }

    async fn send(&self, packed: Packed) -> Result<()> {
        let Packed { pack, files, noted } = packed;
        if !noted {
            self.journal.packed(pack.as_ref(), &files).await?;
        }
        match pack {
            Some(pack) => self.send_pack(&pack).await,
            None => Ok(()),
        }
    }

    async fn send_pack(&self, pack: &PackRow) -> Result<()> {
        let (space, id, bytes) = (self.space, pack.id, pack.bytes);
        let mut state = patiently(self.pause, &self.stop, || self.server.begin(space, id, bytes)).await?;
        let mut settled = 0;
        for number in 0..u32::try_from(bytes.div_ceil(PART)).unwrap_or(u32::MAX) {
            let length = PART.min(bytes - u64::from(number) * PART);
            if !state.complete && !state.parts.contains(&number) {
                let part = self.part(pack, number).await?;
                let put = || self.server.put_part(space, id, number, part.clone());
                patiently(self.pause, &self.stop, put).await?;
                self.bytes_sent.fetch_add(length, Relaxed);
            }
            let share = pack.content * length / bytes;
            self.meter.bytes(share);
            settled += share;
        }
        // The same announcement again answers how far the pack is.
        if !state.complete {
            state = patiently(self.pause, &self.stop, || self.server.begin(space, id, bytes)).await?;
        }
        if !state.complete {
            let message = "it took every part of a pack and says that some are missing".into();
            return Err(Error::Server {
                code: "incomplete".into(),
                message,
            });
        }
        self.meter.bytes(pack.content - settled);
        self.journal.complete(id).await?;
        self.spool.remove(id);
        self.complete
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(PackSize { id, bytes });
        Ok(())
    }

    async fn part(&self, pack: &PackRow, number: u32) -> Result<Bytes> {
        let (spool, id, bytes) = (self.spool.clone(), pack.id, pack.bytes);
        let part = tokio::task::spawn_blocking(move || spool.part(id, bytes, number)).await;
        Ok(part
            .map_err(|_| Error::Internal("reading a sealed file stopped".into()))??
            .into())
    }
}
