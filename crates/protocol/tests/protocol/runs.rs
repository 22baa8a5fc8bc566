//! What a run's capsule, streams and result are bound to, and what an adoption makes of them.

mod adoption;

use holdfast_crypto::{Key32, OVERHEAD_MIN, hkdf_expand, labelled, sha256};
use holdfast_protocol::id::{Hash, RunId, SpaceId, VersionId};
use holdfast_protocol::limits::STREAM_BOX;
use holdfast_protocol::run::{
    Attempt, Capsule, End, LogLine, LogSource, MetricPoint, Place, STREAMS, SignedResult, Stream, StreamHash, open_box,
    output_key, result_key, seal_box, stream_key,
};

use crate::support::people::{ana, ben, big_node, everybody, node};
use crate::support::rng::TestRng;
use crate::support::runs::{attempt, capsule, grant, place, result, spec};
use crate::support::things::key;

const SPACE: SpaceId = SpaceId([7; 32]);

#[test]
fn a_capsule_opens_for_its_node_and_in_its_place_and_nowhere_else() {
    let (by, to) = (ben().first(), node().first());
    let spec = spec(SPACE, to, 0x41);
    let sealed = capsule(&spec, by, to);
    let right = place(&spec, by, to);
    assert!(sealed.open(right, &to.rsa).unwrap() == grant(&spec));
    let (read, hash) = sealed.open(right, &to.rsa).unwrap().spec().unwrap();
    assert_eq!((read, hash), (spec.clone(), spec.hash()));
    let wrong = [
        Place {
            space: SpaceId([8; 32]),
            ..right
        },
        Place {
            run: RunId([0x42; 16]),
            ..right
        },
        Place {
            node: big_node().first().hash(),
            ..right
        },
        Place {
            author: ana().first().hash(),
            ..right
        },
        Place {
            node: right.author,
            author: right.node,
            ..right
        },
    ];
    for place in wrong {
        assert!(sealed.open(place, &to.rsa).is_err(), "{place:?}");
    }
    for keys in everybody().into_iter().flat_map(|person| &person.keys) {
        assert_eq!(sealed.open(right, &keys.rsa).is_ok(), keys.hash() == to.hash());
    }
    let bytes = sealed.to_bytes();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        let opens = Capsule::from_bytes(&altered).is_ok_and(|capsule| capsule.open(right, &to.rsa).is_ok());
        assert!(!opens, "byte {at}");
    }
}

fn elsewhere(of: Attempt) -> [Attempt; 3] {
    [
        Attempt {
            space: SpaceId([8; 32]),
            ..of
        },
        Attempt {
            run: RunId([0x42; 16]),
            ..of
        },
        Attempt { attempt: 2, ..of },
    ]
}

fn line(text: &str) -> LogLine {
    LogLine {
        at_ms: 12,
        source: LogSource::Out,
        bytes: text.as_bytes().to_vec().into(),
    }
}

#[test]
fn a_stream_box_opens_in_its_place_and_nowhere_else() {
    let of = attempt(&spec(SPACE, node().first(), 0x41));
    let log = stream_key(key(1).key(), Stream::Log);
    let lines = vec![line("one\n"), line("tw")];
    let sealed = seal_box(&lines, &log, of, Stream::Log, 3, &mut TestRng::new(1));
    let opens = |key: &Key32, of, stream, number| open_box::<LogLine>(&sealed, key, of, stream, number);
    assert_eq!(opens(&log, of, Stream::Log, 3).unwrap(), lines);
    for of in elsewhere(of) {
        assert!(opens(&log, of, Stream::Log, 3).is_err());
    }
    assert!(opens(&log, of, Stream::Metrics, 3).is_err());
    assert!(opens(&log, of, Stream::Log, 2).is_err());
    for other in [
        stream_key(key(1).key(), Stream::Metrics),
        stream_key(key(2).key(), Stream::Log),
        result_key(key(1).key()),
    ] {
        assert!(opens(&other, of, Stream::Log, 3).is_err());
    }
    // A list of something else, and a box that nobody should have to decode.
    assert!(open_box::<MetricPoint>(&sealed, &log, of, Stream::Log, 3).is_err());
    let huge = vec![line(&"x".repeat(STREAM_BOX))];
    let huge = seal_box(&huge, &log, of, Stream::Log, 3, &mut TestRng::new(1));
    assert!(open_box::<LogLine>(&huge, &log, of, Stream::Log, 3).is_err());
    // The largest that is opened, and one letter more.
    let boxed = |text: usize| {
        let lines = vec![line(&"x".repeat(text))];
        seal_box(&lines, &log, of, Stream::Log, 3, &mut TestRng::new(1))
    };
    let around = holdfast_protocol::cbor::encode(&vec![line(&"x".repeat(70_000))]).len() - 70_000;
    let most = STREAM_BOX - OVERHEAD_MIN - around;
    for (text, length, opens) in [(most, STREAM_BOX, true), (most + 1, STREAM_BOX + 16, false)] {
        let sealed = boxed(text);
        assert_eq!(sealed.len(), length);
        assert_eq!(open_box::<LogLine>(&sealed, &log, of, Stream::Log, 3).is_ok(), opens);
    }
    let point = MetricPoint {
        at_ms: 1,
        name: "loss".to_owned(),
        value: -0.5,
        step: Some(3),
    };
    let metrics = stream_key(key(1).key(), Stream::Metrics);
    let sealed = seal_box(
        &vec![point.clone()],
        &metrics,
        of,
        Stream::Metrics,
        0,
        &mut TestRng::new(1),
    );
    assert_eq!(
        open_box::<MetricPoint>(&sealed, &metrics, of, Stream::Metrics, 0).unwrap(),
        [point]
    );
}

#[test]
fn the_running_hash_names_the_place_the_number_and_the_order_of_boxes() {
    let of = attempt(&spec(SPACE, node().first(), 0x41));
    let start = StreamHash::start(of, Stream::Log);
    let message = [
        labelled("run-stream", &[]).as_slice(),
        of.space.as_bytes(),
        of.run.as_bytes(),
        &[0, 0, 0, 1],
        b"log",
    ]
    .concat();
    assert_eq!((start.boxes, start.hash), (0, Hash(sha256(&[&message]))));
    for other in elsewhere(of) {
        assert_ne!(StreamHash::start(other, Stream::Log).hash, start.hash);
    }
    assert_ne!(StreamHash::start(of, Stream::Metrics).hash, start.hash);
    let after = |boxes: &[&[u8]]| {
        let mut hash = start;
        boxes.iter().for_each(|sealed| hash.take(sealed));
        hash
    };
    let one = after(&[b"a"]);
    assert_eq!(one.hash, Hash(sha256(&[start.hash.as_bytes(), &sha256(&[b"a"])])));
    let two = after(&[b"a", b"b"]);
    assert_eq!(two.boxes, 2);
    for other in [
        after(&[b"b", b"a"]),
        one,
        after(&[b"ab"]),
        after(&[b"a", b"b", b"b"]),
        after(&[b"a", b"a"]),
    ] {
        assert_ne!(other.hash, two.hash);
    }
}

#[test]
fn a_result_is_its_nodes_and_opens_for_its_attempt_only() {
    let to = node().first();
    let spec = spec(SPACE, to, 0x41);
    let signed = result(&spec, End::Succeeded).sign(&to.sign);
    let (of, key) = (attempt(&spec), result_key(key(1).key()));
    let sealed = signed.seal(&key, &mut TestRng::new(1));
    let opened = SignedResult::open(&sealed, &key, of).unwrap();
    assert!(opened == signed && opened.verifies(&to.bundle.verify));
    for of in elsewhere(of) {
        assert!(SignedResult::open(&sealed, &key, of).is_err());
    }
    assert!(SignedResult::open(&sealed, &result_key(crate::support::things::key(2).key()), of).is_err());
    for keys in everybody().into_iter().flat_map(|person| &person.keys) {
        assert_eq!(signed.verifies(&keys.bundle.verify), keys.hash() == to.hash());
    }
    for at in 0..signed.as_bytes().len() {
        let mut altered = signed.as_bytes().to_vec();
        altered[at] ^= 1 << (at % 8);
        let passes = SignedResult::from_bytes(&altered).is_ok_and(|altered| altered.verifies(&to.bundle.verify));
        assert!(!passes, "byte {at}");
    }
    // A signature over the same bytes for something else is none.
    let other = to
        .sign
        .sign("entry", &holdfast_protocol::cbor::encode(&signed.result))
        .to_vec();
    let mut bytes = signed.as_bytes().to_vec();
    let end = bytes.len() - 64;
    bytes[end..].copy_from_slice(&other);
    assert!(!SignedResult::from_bytes(&bytes).unwrap().verifies(&to.bundle.verify));
}

#[test]
fn every_key_of_a_run_is_another_one() {
    let run = key(1);
    let (one, two) = (VersionId([1; 16]), VersionId([2; 16]));
    assert!(output_key(run.key(), one) == hkdf_expand(run.key(), &labelled("run-output", &[&[1; 16]])));
    assert!(stream_key(run.key(), Stream::Log) == hkdf_expand(run.key(), &labelled("run-stream", &[b"log"])));
    assert!(result_key(run.key()) == hkdf_expand(run.key(), &labelled("run-result", &[])));
    let mut keys = vec![
        output_key(run.key(), one),
        output_key(run.key(), two),
        result_key(run.key()),
    ];
    keys.extend(STREAMS.map(|stream| stream_key(run.key(), stream)));
    keys.extend([output_key(key(2).key(), one), result_key(key(2).key())]);
    for (at, one) in keys.iter().enumerate() {
        assert!(keys[..at].iter().all(|other| other != one), "key {at}");
    }
    for stream in STREAMS {
        assert_eq!(Stream::named(stream.name()), Some(stream));
    }
    assert_eq!(Stream::named("logs"), None);
}
