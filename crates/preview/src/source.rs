//! Where the bytes come from, with a small memory of windows so that decoders which read a little at a time ask little.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::limits::{ASK, WINDOW};

/// A file that can be read anywhere.
pub trait ReadAt: Send {
    /// Its bytes.
    fn size(&self) -> u64;

    /// `length` bytes from `offset` on, or what of them lies before the end.
    ///
    /// # Errors
    /// When they can't be had; nothing is asked for again then.
    fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>>;
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        Ok(self[start..start.saturating_add(length).min(self.len())].to_vec())
    }
}

/// Windows that are kept.
const KEPT: usize = 16;

struct Inner {
    file: Box<dyn ReadAt>,
    windows: VecDeque<(u64, Bytes)>,
    read: u64,
}

/// A file, shared by whoever decodes it.
#[derive(Clone)]
pub(crate) struct Source {
    inner: Arc<Mutex<Inner>>,
    pub(crate) size: u64,
}

impl Source {
    pub(crate) fn new(file: Box<dyn ReadAt>) -> Self {
        let size = file.size();
        let inner = Inner {
            file,
            windows: VecDeque::new(),
            read: 0,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            size,
        }
    }

    /// Bytes that were read so far.
    pub(crate) fn read(&self) -> u64 {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).read
    }

    /// `length` bytes from `offset` on, fewer only at the end of the file.
    pub(crate) fn bytes(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let end = offset.saturating_add(length as u64).min(self.size);
        let mut bytes = Vec::new();
        while offset + (bytes.len() as u64) < end {
            let at = offset + bytes.len() as u64;
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            let window = self.window(at / WINDOW as u64)?;
            let within = usize::try_from(at % WINDOW as u64).unwrap_or(WINDOW);
            let part = window.get(within..).unwrap_or_default();
            if part.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend_from_slice(&part[..part.len().min(left)]);
        }
        Ok(bytes)
    }

    /// What of window `number` lies before the end of the file, from where it begins.
    fn window(&self, number: u64) -> io::Result<Bytes> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, bytes)) = inner.windows.iter().find(|(known, _)| *known == number) {
            return Ok(bytes.clone());
        }
        let offset = number * WINDOW as u64;
        let expected = usize::try_from(self.size - offset).unwrap_or(usize::MAX).min(WINDOW);
        let bytes = inner.file.read_at(offset, expected)?;
        if bytes.len() != expected {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        inner.read += bytes.len() as u64;
        let bytes = Bytes::from(bytes);
        inner.windows.push_back((number, bytes.clone()));
        if inner.windows.len() > KEPT {
            inner.windows.pop_front();
        }
        Ok(bytes)
    }

    /// A reader from `offset` on.
    pub(crate) fn reader(&self, offset: u64) -> Reader {
        Reader {
            source: self.clone(),
            position: offset,
        }
    }
}

const _: () = assert!(WINDOW <= ASK, "a window is one question");

/// Reads on from a position.
pub(crate) struct Reader {
    source: Source,
    position: u64,
}

impl io::Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.bytes(self.position, buffer.len().min(WINDOW))?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
}

impl io::Seek for Reader {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let position = match to {
            io::SeekFrom::Start(position) => Some(position),
            io::SeekFrom::End(by) => self.source.size.checked_add_signed(by),
            io::SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// A stretch of a file that grows until enough of it is there.
pub(crate) struct Stretch<'a> {
    source: &'a Source,
    pub(crate) start: u64,
    pub(crate) bytes: Vec<u8>,
    most: usize,
}

impl<'a> Stretch<'a> {
    /// From `start` on, at most `most` bytes.
    pub(crate) fn new(source: &'a Source, start: u64, most: usize) -> Self {
        Self {
            source,
            start: start.min(source.size),
            bytes: Vec::new(),
            most,
        }
    }

    /// Reads on; `false` when there is no more or no more is wanted.
    pub(crate) fn grow(&mut self) -> io::Result<bool> {
        // Doubling: whoever parses from the start each time parses everything about twice.
        let more = self.bytes.len().max(WINDOW).min(self.most - self.bytes.len());
        let at = self.start + self.bytes.len() as u64;
        let bytes = self.source.bytes(at, more)?;
        self.bytes.extend_from_slice(&bytes);
        Ok(!bytes.is_empty())
    }

    /// Whether the file ends with it.
    pub(crate) fn is_last(&self) -> bool {
        self.start + self.bytes.len() as u64 >= self.source.size
    }

    /// Whether nothing more will come.
    pub(crate) fn is_full(&self) -> bool {
        self.is_last() || self.bytes.len() >= self.most
    }
}
