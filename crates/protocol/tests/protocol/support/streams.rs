//! What a run of the story prints and measures.

use holdfast_protocol::cbor;
use holdfast_protocol::run::{LogLine, LogSource, MetricPoint, RunSpec, Stream, StreamHash, seal_box, stream_key};

use super::rng::TestRng;
use super::runs::{attempt, run_key};

pub(crate) fn lines() -> [Vec<LogLine>; 2] {
    let line = |at_ms, source, bytes: &[u8]| LogLine {
        at_ms,
        source,
        bytes: bytes.to_vec().into(),
    };
    [
        vec![
            line(0, LogSource::Node, b"begun"),
            line(250, LogSource::Out, b"epoch 1\n\xff"),
        ],
        vec![line(70_000, LogSource::Error, b"")],
    ]
}

pub(crate) fn points() -> [Vec<MetricPoint>; 1] {
    let point = |at_ms, value, step| MetricPoint {
        at_ms,
        name: "loss".to_owned(),
        value,
        step,
    };
    [vec![point(1, 0.1, Some(1)), point(2, -1.5e300, None)]]
}

/// The boxes of a run's first attempt, as its node sends them.
pub(crate) fn sealed(spec: &RunSpec, stream: Stream) -> Vec<Vec<u8>> {
    let (run, of) = (run_key(spec.run), attempt(spec));
    let key = stream_key(run.key(), stream);
    let mut rng = TestRng::new(0x57_4e);
    match stream {
        Stream::Log => (0..)
            .zip(lines())
            .map(|(number, list)| seal_box(&list, &key, of, stream, number, &mut rng))
            .collect(),
        Stream::Metrics => (0..)
            .zip(points())
            .map(|(number, list)| seal_box(&list, &key, of, stream, number, &mut rng))
            .collect(),
    }
}

/// After the last of them.
pub(crate) fn hash_of(spec: &RunSpec, stream: Stream) -> StreamHash {
    let mut hash = StreamHash::start(attempt(spec), stream);
    sealed(spec, stream).iter().for_each(|sealed| hash.take(sealed));
    hash
}

/// What is in them.
pub(crate) fn plain(stream: Stream) -> Vec<String> {
    match stream {
        Stream::Log => lines().iter().map(|list| hex::encode(cbor::encode(list))).collect(),
        Stream::Metrics => points().iter().map(|list| hex::encode(cbor::encode(list))).collect(),
    }
}
