//! Reads files: cuts and names what they hold, and hands on what nobody has sealed yet. One thread does this; memory is
//! bounded by the size of a block, not of a file.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::PoisonError;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use bytes::Bytes;
use holdfast_protocol::id::ChunkId;
use holdfast_protocol::manifest::{ChunkRef, FileType};

use super::cut::{FILES, WHOLE};
use super::journal::FileDone;
use super::meter::Meter;
use super::seal::{Piece, Sealer};
use super::types::{Reason, Report, Skipped};
use super::walk::{Found, Stamp};
use crate::error::{Error, Result};

/// Read at once. Chunks are slices of a block, so a batch holds whole blocks.
const BLOCK: usize = 12 << 20;
/// Memory after which a batch goes to the workers. Chunks are sealed side by side and differ in length up to sixteenfold: in
/// a small batch the longest would be left to itself for much of the time.
const BATCH: usize = 24 << 20;
/// Chunks after which it goes, however small they are.
const BATCH_PIECES: usize = 4096;
/// How old a change must be.
const SETTLED: Duration = Duration::from_millis(100);
/// How often a file is read that changes meanwhile.
const TRIES: usize = 3;

/// A path whose content is known.
pub(super) struct Recorded {
    pub(super) found: Found,
    pub(super) chunks: Vec<ChunkId>,
}

/// The chunks of a file, and those of them that need not be sealed.
struct Named {
    chunks: Vec<ChunkId>,
    reused: Reused,
}

/// What need not be sealed: how many chunks, and how many bytes of those that were known before this run.
#[derive(Clone, Copy, Default)]
struct Reused {
    chunks: u64,
    bytes: u64,
}

/// What one reading of a file gave.
enum Outcome {
    Whole(Stamp, Vec<ChunkId>, Reused),
    Changed,
    Unreadable(String),
}

/// Reads all files of an upload.
pub(super) struct Reader<'a> {
    pub(super) sealer: &'a Sealer,
    /// Chunks that the server has or that wait in the spool.
    pub(super) known: &'a HashMap<ChunkId, ChunkRef>,
    /// Files that an earlier run finished.
    pub(super) done: &'a HashMap<Vec<u8>, FileDone>,
    pub(super) meter: &'a Meter,
    pub(super) report: &'a mut Report,
    out: SyncSender<Vec<Piece>>,
    batch: Vec<Piece>,
    /// Bytes that the batch keeps in memory.
    weight: usize,
    /// Chunks handed on in this run.
    seen: HashSet<ChunkId>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        sealer: &'a Sealer,
        known: &'a HashMap<ChunkId, ChunkRef>,
        done: &'a HashMap<Vec<u8>, FileDone>,
        meter: &'a Meter,
        report: &'a mut Report,
        out: SyncSender<Vec<Piece>>,
    ) -> Self {
        Self {
            sealer,
            known,
            done,
            meter,
            report,
            out,
            batch: Vec::new(),
            weight: 0,
            seen: HashSet::new(),
        }
    }

    /// Reads everything and says what is to be listed.
    pub(super) fn read_all(mut self, found: Vec<Found>) -> Result<Vec<Recorded>> {
        let mut recorded = Vec::with_capacity(found.len());
        for mut found in found {
            if found.kind != FileType::File {
                recorded.push(Recorded {
                    found,
                    chunks: Vec::new(),
                });
            } else if let Some(chunks) = self.file(&mut found)? {
                recorded.push(Recorded { found, chunks });
            }
        }
        self.flush()?;
        Ok(recorded)
    }

    /// The chunks of a file; `None` when it is left out.
    fn file(&mut self, found: &mut Found) -> Result<Option<Vec<ChunkId>>> {
        if let Some(done) = self.done.get(&found.path)
            && done.stamp == found.stamp
            && done.chunks.iter().all(|id| self.known.contains_key(id))
        {
            self.report.files_resumed += 1;
            let all = Reused {
                chunks: done.chunks.len() as u64,
                bytes: found.stamp.size,
            };
            self.count(found.stamp.size, done.chunks.len(), all);
            self.meter.bytes(found.stamp.size);
            return Ok(Some(done.chunks.clone()));
        }
        let mut reason = Reason::Changed;
        for _ in 0..TRIES {
            match self.once(&found.source)? {
                Outcome::Whole(stamp, chunks, reused) => {
                    found.stamp = stamp;
                    self.count(stamp.size, chunks.len(), reused);
                    let file = FileDone {
                        path: found.path.clone(),
                        stamp,
                        chunks: chunks.clone(),
                    };
                    self.sealer
                        .packer
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .file_done(file)?;
                    return Ok(Some(chunks));
                }
                Outcome::Changed => {}
                Outcome::Unreadable(error) => {
                    reason = Reason::Unreadable(error);
                    break;
                }
            }
        }
        self.meter.fewer(found.stamp.size);
        self.report.skipped.push(Skipped {
            path: found.path.clone(),
            reason,
        });
        Ok(None)
    }

    fn count(&mut self, bytes: u64, chunks: usize, reused: Reused) {
        self.report.files += 1;
        self.report.bytes += bytes;
        self.report.chunks += chunks as u64;
        self.report.chunks_reused += reused.chunks;
        self.report.bytes_reused += reused.bytes;
        self.meter.file();
    }

    /// Reads a file once. What it holds counts only if nothing about it changed meanwhile.
    fn once(&mut self, path: &Path) -> Result<Outcome> {
        let opened = open(path).and_then(|file| {
            let looked = settled(
                || file.metadata(),
                |metadata| Stamp::of(metadata).is_older_than(SETTLED),
                || std::thread::sleep(SETTLED),
            );
            looked.map(|metadata| (file, metadata))
        });
        let (file, metadata) = match opened {
            Ok((file, Some(metadata))) => (file, metadata),
            // Somebody is writing to it: half of that would look like a whole file.
            Ok((_, None)) => return Ok(Outcome::Changed),
            Err(error) => return Ok(Outcome::Unreadable(error.to_string())),
        };
        if !metadata.is_file() {
            return Ok(Outcome::Unreadable("it is no longer a file".into()));
        }
        let before = Stamp::of(&metadata);
        let Named { chunks, reused } = match self.contents(&file, before.size)? {
            Ok(Some(chunks)) => chunks,
            Ok(None) => return Ok(Outcome::Changed),
            Err(error) => return Ok(Outcome::Unreadable(error.to_string())),
        };
        // The open file tells about writes, the path about another file put in its place.
        let after = [file.metadata(), path.symlink_metadata()];
        let same = after
            .iter()
            .all(|after| after.as_ref().is_ok_and(|after| Stamp::of(after) == before));
        Ok(if same {
            Outcome::Whole(before, chunks, reused)
        } else {
            Outcome::Changed
        })
    }

    /// Cuts and names `size` bytes of a file; `None` when there are fewer or more. The outer error ends the upload, the
    /// inner one is the file's own.
    fn contents(&mut self, file: &File, size: u64) -> Result<io::Result<Option<Named>>> {
        let (mut chunks, mut reused, mut left, mut carry) = (Vec::new(), Reused::default(), size, Bytes::new());
        while left > 0 || !carry.is_empty() {
            let block = match block(file, &carry, &mut left) {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(Ok(None)),
                Err(error) => return Ok(Err(error)),
            };
            let (mut start, mut weighed) = (0, false);
            while start < block.len() && (left == 0 || block.len() - start >= FILES.max) {
                let length = if size <= WHOLE {
                    block.len()
                } else {
                    FILES.first(&block[start..])
                };
                let piece = block.slice(start..start + length);
                start += length;
                let id = self.sealer.name(&piece);
                chunks.push(id);
                let known = self.known.contains_key(&id);
                if known || !self.seen.insert(id) {
                    // What repeats within this upload the server did not have before it.
                    reused.chunks += u64::from(known);
                    reused.bytes += if known { length as u64 } else { 0 };
                    self.meter.bytes(length as u64);
                    continue;
                }
                self.weight += if weighed { 0 } else { block.len() };
                weighed = true;
                self.batch.push(Piece {
                    id,
                    bytes: piece,
                    content: true,
                });
            }
            carry = block.slice(start..);
            if self.weight >= BATCH || self.batch.len() >= BATCH_PIECES {
                self.flush()?;
            }
            if self.sealer.stop.is_cancelled() {
                return Err(Error::Cancelled);
            }
        }
        let more = (&mut { file }).read(&mut [0]);
        Ok(more.map(|more| (more == 0).then_some(Named { chunks, reused })))
    }

    fn flush(&mut self) -> Result<()> {
        self.weight = 0;
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() || self.out.send(batch).is_ok() {
            Ok(())
        } else {
            Err(Error::Cancelled)
        }
    }
}

/// What a look at a file gives, once its last change is old enough to tell the next one from it; `None` when it keeps
/// changing.
///
/// File systems stamp with a clock that moves in ticks of some milliseconds, and stamp a write when it begins: a second
/// write in the same tick, or the end of one under way, would not be seen. (git calls such files "racily clean".)
fn settled<T>(
    mut look: impl FnMut() -> io::Result<T>,
    is_old: impl Fn(&T) -> bool,
    mut wait: impl FnMut(),
) -> io::Result<Option<T>> {
    for _ in 0..TRIES {
        let seen = look()?;
        if is_old(&seen) {
            return Ok(Some(seen));
        }
        wait();
    }
    Ok(Some(look()?).filter(is_old))
}

/// What was left of the last block, and the next bytes of the file. `None` when it ends too early.
fn block(file: &File, carry: &[u8], left: &mut u64) -> io::Result<Option<Bytes>> {
    let more = usize::try_from(*left).unwrap_or(usize::MAX).min(BLOCK - carry.len());
    let mut block = Vec::with_capacity(carry.len() + more);
    block.extend_from_slice(carry);
    file.take(more as u64).read_to_end(&mut block)?;
    *left -= more as u64;
    Ok((block.len() == carry.len() + more).then(|| Bytes::from(block)))
}

/// Opens a file to read, but neither what a link points at nor a pipe that would wait for its other end.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_once_it_is_still_and_never_before() {
        for still_after in 0..6 {
            let (mut looks, mut waits) = (0, 0);
            let seen = settled(
                || {
                    looks += 1;
                    Ok(looks)
                },
                |look| *look > still_after,
                || waits += 1,
            );
            let seen = seen.unwrap();
            assert_eq!(seen, (still_after <= TRIES).then_some(still_after + 1));
            assert_eq!(waits, still_after.min(TRIES));
        }
    }
}
