//! One file of a version, read here and there: only the chunks that cover what is asked for are fetched, checked and opened.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt as _;
use holdfast_protocol::manifest::{ChunkRef, FileRecord};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::fetch::{Fetch, PAUSE};
use super::server::PackServer;
use super::types::Stored;
use crate::error::{Error, Result};

/// Opened chunks that are kept, in bytes.
const CACHE: usize = 16 << 20;
/// Requests under way.
const PARALLEL: usize = 2;

/// A file of a version.
pub struct StoredFile {
    fetch: Fetch,
    record: FileRecord,
    /// Where each chunk begins, as far as it is known, and then where the last of these ends.
    starts: Vec<u64>,
    /// Chunks that were read last, the newest at the end.
    cache: VecDeque<(usize, Arc<Zeroizing<Vec<u8>>>)>,
    budget: u64,
}

impl StoredFile {
    /// A file of the version `stored`, as its listing describes it. Nothing is fetched yet, and never more than about
    /// `budget` bytes.
    #[must_use]
    pub fn new(
        server: &Arc<dyn PackServer>,
        stored: &Stored,
        record: FileRecord,
        budget: u64,
        cancel: &CancellationToken,
    ) -> Self {
        let mut starts = vec![0];
        for plain in record.chunks.iter().map_while(|chunk| chunk.plain) {
            starts.push(starts[starts.len() - 1] + plain);
        }
        Self {
            fetch: Fetch::new(server, stored.space, stored.item, PAUSE, cancel),
            record,
            starts,
            cache: VecDeque::new(),
            budget,
        }
    }

    /// What the listing says of it.
    #[must_use]
    pub fn record(&self) -> &FileRecord {
        &self.record
    }

    /// Bytes that the server sent for it so far, in whole windows.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.fetch.received()
    }

    /// `length` bytes from `offset` on, or what of them lies before the end of the file.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a chunk is not what was signed; [`Error::NotShown`] when the budget is used up; what a server
    /// answers.
    pub async fn read_at(&mut self, offset: u64, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        let end = offset.saturating_add(length as u64).min(self.record.size);
        let mut bytes = Zeroizing::new(Vec::new());
        if offset >= end {
            return Ok(bytes);
        }
        self.locate(end).await?;
        let holds = |starts: &[u64], position: u64| starts.partition_point(|start| *start <= position) - 1;
        let chunks = holds(&self.starts, offset)..holds(&self.starts, end - 1) + 1;
        if chunks.end >= self.starts.len() {
            return Err(self.damaged());
        }
        // Reserved once: a buffer that grows would leave copies behind.
        bytes.reserve_exact(usize::try_from(end - offset).unwrap_or(length));
        for (number, plain) in chunks.clone().zip(self.opened(chunks).await?) {
            let start = self.starts[number];
            let within = |position: u64| usize::try_from(position.saturating_sub(start)).unwrap_or(usize::MAX);
            let part = within(offset)..within(end).min(plain.len());
            bytes.extend_from_slice(plain.get(part).ok_or_else(|| self.damaged())?);
        }
        Ok(bytes)
    }

    /// Finds out where chunks begin up to `end`, where their references don't say it: by opening them.
    async fn locate(&mut self, end: u64) -> Result<()> {
        while self.starts[self.starts.len() - 1] < end {
            let next = self.starts.len() - 1;
            if next >= self.record.chunks.len() {
                return Err(self.damaged());
            }
            let opened = self.opened(next..next + 1).await?;
            let length: usize = opened.iter().map(|plain| plain.len()).sum();
            self.starts.push(self.starts[next] + length as u64);
        }
        Ok(())
    }

    /// The plaintext of chunks, from the cache or the server.
    async fn opened(&mut self, chunks: std::ops::Range<usize>) -> Result<Vec<Arc<Zeroizing<Vec<u8>>>>> {
        let cached = |cache: &VecDeque<(usize, Arc<Zeroizing<Vec<u8>>>)>, number: usize| {
            let found = cache.iter().find(|(cached, _)| *cached == number);
            found.map(|(_, plain)| plain.clone())
        };
        let mut all: Vec<_> = chunks.clone().map(|number| cached(&self.cache, number)).collect();
        let missing: Vec<usize> = chunks
            .clone()
            .filter(|number| all[number - chunks.start].is_none())
            .collect();
        if !missing.is_empty() {
            let wanted: Vec<&ChunkRef> = missing.iter().map(|number| &self.record.chunks[*number]).collect();
            let sealed: u64 = wanted.iter().map(|chunk| chunk.length).sum();
            if self.fetch.received().saturating_add(sealed) > self.budget {
                return Err(Error::NotShown(
                    "more of it would have to be read than a preview may".into(),
                ));
            }
            let name = |_: usize| String::from_utf8_lossy(&self.record.path).into_owned();
            let mut opened = std::pin::pin!(self.fetch.opened(&wanted, &name, PARALLEL)?);
            while let Some(batch) = opened.next().await {
                let batch = batch?;
                for (number, plain) in batch.plain.into_iter().enumerate() {
                    let chunk = missing[batch.first + number];
                    let plain = Arc::new(Zeroizing::new(plain));
                    all[chunk - chunks.start] = Some(plain.clone());
                    self.cache.push_back((chunk, plain));
                }
            }
        }
        let mut kept: usize = self.cache.iter().map(|(_, plain)| plain.len()).sum();
        while kept > CACHE
            && let Some((_, plain)) = self.cache.pop_front()
        {
            kept -= plain.len();
        }
        all.into_iter()
            .map(|plain| plain.ok_or_else(|| self.damaged()))
            .collect()
    }

    fn damaged(&self) -> Error {
        Error::damaged(String::from_utf8_lossy(&self.record.path).into_owned())
    }
}
