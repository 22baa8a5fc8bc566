//! How a worker and whoever started it talk: a letter, a length, and so many bytes. The worker's side is not trusted, so
//! a length is compared with its limit before anything is taken in.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::limits::{ASK, FRAME};
use crate::show::Request;
use crate::view::View;

/// Bytes before the body of a frame.
pub const HEADER: usize = 5;

/// What one says to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// To the worker, first: what to show, and how many bytes the file has.
    Show(Request, u64),
    /// To the worker: the bytes that it asked for.
    Bytes(Vec<u8>),
    /// From the worker: give me these.
    Ask {
        /// From where on.
        offset: u64,
        /// How many.
        length: usize,
    },
    /// From the worker, last.
    View(Box<View>),
    /// From the worker, last: it could not.
    Failed(String),
}

/// A frame that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame that makes no sense")]
pub struct FrameError;

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

#[derive(Serialize, Deserialize)]
struct Order {
    request: Request,
    size: u64,
}

impl Frame {
    /// The frame's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let json = |value: serde_json::Result<Vec<u8>>| value.expect("these types have nothing that JSON can't say");
        let (letter, body) = match self {
            Self::Show(request, size) => {
                let order = Order {
                    request: request.clone(),
                    size: *size,
                };
                (b'S', json(serde_json::to_vec(&order)))
            }
            Self::Bytes(bytes) => (b'B', bytes.clone()),
            Self::Ask { offset, length } => {
                let length = *length as u64;
                (b'A', [offset.to_le_bytes(), length.to_le_bytes()].concat())
            }
            Self::View(view) => (b'V', json(serde_json::to_vec(view))),
            Self::Failed(why) => (b'F', why.as_bytes().to_vec()),
        };
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let mut bytes = vec![letter];
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// How long the body is that follows a header.
    ///
    /// # Errors
    /// When it is longer than a frame may be.
    pub fn body_len(header: [u8; HEADER]) -> Result<usize, FrameError> {
        let length = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= FRAME)
            .ok_or(FrameError)
    }

    /// The frame of a header and its body.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(header: [u8; HEADER], body: Vec<u8>) -> Result<Self, FrameError> {
        match header[0] {
            b'S' => {
                let order: Order = serde_json::from_slice(&body).map_err(|_| FrameError)?;
                Ok(Self::Show(order.request, order.size))
            }
            b'B' => Ok(Self::Bytes(body)),
            b'A' => {
                let (offset, length) = body.split_first_chunk::<8>().ok_or(FrameError)?;
                let length: [u8; 8] = length.try_into().map_err(|_| FrameError)?;
                let length = usize::try_from(u64::from_le_bytes(length)).ok();
                Ok(Self::Ask {
                    offset: u64::from_le_bytes(*offset),
                    length: length.filter(|length| *length <= ASK).ok_or(FrameError)?,
                })
            }
            b'V' => Ok(Self::View(serde_json::from_slice(&body).map_err(|_| FrameError)?)),
            b'F' => Ok(Self::Failed(String::from_utf8_lossy(&body).into_owned())),
            _ => Err(FrameError),
        }
    }

    /// Reads a frame.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut header = [0; HEADER];
        from.read_exact(&mut header)?;
        let mut body = vec![0; Self::body_len(header)?];
        from.read_exact(&mut body)?;
        Ok(Self::parse(header, body)?)
    }

    /// Writes it.
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.to_bytes())?;
        to.flush()
    }
}
