//! What a run prints and measures, in numbered boxes: a reader notices gaps, doubles and foreign ones.

use holdfast_crypto::{Error, Key32, labelled, open, seal, sha256};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::cbor;
use crate::context;
use crate::id::{Hash, RunId, SpaceId};
use crate::limits;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// What the task prints, and what the node says about it.
    Log,
    /// What the task measures.
    Metrics,
}

/// All of them.
pub const STREAMS: [Stream; 2] = [Stream::Log, Stream::Metrics];

impl Stream {
    /// Its name in contexts, labels and addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Metrics => "metrics",
        }
    }

    /// The stream of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        STREAMS.into_iter().find(|stream| stream.name() == name)
    }
}

/// Where a piece of the log came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum LogSource {
    /// Standard output.
    #[n(0)]
    Out,
    /// Error output.
    #[n(1)]
    Error,
    /// The node.
    #[n(2)]
    Node,
}

/// A piece of the log. Lines may be cut anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct LogLine {
    /// Milliseconds since the attempt began.
    #[n(0)]
    pub at_ms: u64,
    /// Where it came from.
    #[n(1)]
    pub source: LogSource,
    /// The bytes, whatever they are.
    #[n(2)]
    pub bytes: ByteVec,
}

/// A value that a task measured.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct MetricPoint {
    /// Milliseconds since the attempt began.
    #[n(0)]
    pub at_ms: u64,
    /// What.
    #[n(1)]
    pub name: String,
    /// The value.
    #[n(2)]
    pub value: f64,
    /// The task's own count, such as an epoch.
    #[n(3)]
    pub step: Option<i64>,
}

/// One attempt of a run: where a box belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// The space.
    pub space: SpaceId,
    /// The run.
    pub run: RunId,
    /// Which of its attempts, from 1.
    pub attempt: u32,
}

/// Seals box `number` of a stream: a list of [`LogLine`] or [`MetricPoint`].
pub fn seal_box<T: Encode<()>>(
    items: &Vec<T>,
    key: &Key32,
    of: Attempt,
    stream: Stream,
    number: u64,
    rng: &mut dyn CryptoRng,
) -> Vec<u8> {
    let plain = Zeroizing::new(cbor::encode(items));
    seal(
        key,
        &context::run_stream(of.space, of.run, of.attempt, stream.name(), number),
        &plain,
        rng,
    )
}

/// Opens box `number` of a stream.
///
/// # Errors
/// The one opaque open error, also when the plaintext is no such list.
pub fn open_box<T>(sealed: &[u8], key: &Key32, of: Attempt, stream: Stream, number: u64) -> Result<Vec<T>, Error>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    if sealed.len() > limits::STREAM_BOX {
        return Err(Error::Open);
    }
    let place = context::run_stream(of.space, of.run, of.attempt, stream.name(), number);
    let plain = open(key, &place, sealed)?;
    cbor::decode(&plain, limits::STREAM_BOX).map_err(|_| Error::Open)
}

/// The running hash of a stream's sealed boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamHash {
    /// Boxes so far.
    pub boxes: u64,
    /// The hash after the last one.
    pub hash: Hash,
}

impl StreamHash {
    /// Before the first box.
    #[must_use]
    pub fn start(of: Attempt, stream: Stream) -> Self {
        let Attempt { space, run, attempt } = of;
        let label = labelled(
            "run-stream",
            &[
                space.as_bytes(),
                run.as_bytes(),
                &attempt.to_be_bytes(),
                stream.name().as_bytes(),
            ],
        );
        Self {
            boxes: 0,
            hash: Hash(sha256(&[&label])),
        }
    }

    /// After one more box.
    pub fn take(&mut self, sealed: &[u8]) {
        self.hash = Hash(sha256(&[self.hash.as_bytes(), Hash::of(sealed).as_bytes()]));
        self.boxes += 1;
    }
}
