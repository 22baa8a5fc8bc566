//! The golden vector of nodes and runs: `run.json`, pinned like the others in [`crate::golden`].

use holdfast_crypto::{Key32, open};
use holdfast_protocol::entry::SignedEntry;
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::replay::{Outcome, Space};
use holdfast_protocol::run::{
    Capsule, End, LogLine, MetricPoint, RunSpec, STREAMS, SignedResult, Stream, StreamHash, open_box, output_key,
    result_key, stream_key,
};
use holdfast_protocol::{KeyField, cbor, context};
use serde_json::{Value, json};

use crate::golden::{Pinned, bytes, load, save, summary};
use crate::support::log::Log;
use crate::support::people::{Person, ana, ben, big_node, directory, node};
use crate::support::rng::TestRng;
use crate::support::runs::{attempt, capsule, grant, place, result, spec};
use crate::support::story;
use crate::support::streams::{hash_of, lines, plain, points, sealed};

fn readers() -> [&'static Person; 4] {
    [ana(), ben(), node(), big_node()]
}

/// The first run of the story: Ben's on the small node.
fn first(space: SpaceId) -> RunSpec {
    spec(space, node().first(), 0x41)
}

#[test]
#[ignore = "writes the golden vector of nodes and runs"]
fn generate_runs() {
    let log = story::runs();
    let keys: Vec<_> = log.keys.iter().map(|key| hex::encode(key.key().expose())).collect();
    let entries: Vec<_> = log
        .entries
        .iter()
        .map(|signed| {
            let key = &log.keys[usize::try_from(signed.entry.epoch).unwrap()];
            json!({
                "signed": hex::encode(signed.as_bytes()),
                "hash": signed.hash.to_string(),
                "body": opened(signed, key.key()).map(hex::encode),
            })
        })
        .collect();
    let read_by: Vec<_> = readers().map(|reader| told(&log.read_as(reader).unwrap())).to_vec();
    save(
        "run.json",
        &json!({
            "space": log.space().to_string(),
            "epoch_keys": keys,
            "entries": entries,
            "read_by": read_by,
            "run": run_vector(&log),
        }),
    );
}

fn opened(signed: &SignedEntry, key: &Key32) -> Option<Vec<u8>> {
    let entry = &signed.entry;
    let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
    let body = entry.body.as_ref()?;
    Some(open(key, &place, body).unwrap().to_vec())
}

/// What a reader makes of nodes and runs, beside everything else.
fn told(space: &Space) -> Value {
    let authority = space.authority();
    let nodes = authority.nodes().values().map(|node| {
        json!({
            "principal": node.principal.to_string(),
            "bundle": node.bundle.to_string(),
            "scope": node.scope,
            "until": node.until_ms,
            "by": node.by.to_string(),
            "since": node.since_seq,
        })
    });
    let runs = authority.runs().values().map(|run| {
        let (became, at) = match run.outcome {
            Outcome::Open => ("open", None),
            Outcome::Withdrawn(seq) => ("withdrawn", Some(seq)),
            Outcome::Adopted(seq) => ("adopted", Some(seq)),
        };
        let read = space.contents().runs().get(&run.run);
        json!({
            "run": hex::encode(run.run.as_bytes()),
            "seq": run.seq,
            "author": run.author.to_string(),
            "node": run.node.to_string(),
            "spec": run.spec.to_string(),
            "capsule": run.capsule.map(|hash| hash.to_string()),
            "outcome": became,
            "outcome_seq": at,
            "key": read.map(|run| hex::encode(run.key.key().expose())),
            "result": read.and_then(|run| run.adopted.as_ref()).map(|adopted| hex::encode(cbor::encode(&adopted.result))),
        })
    });
    let items = space.contents().items().values();
    let made = items
        .flat_map(|item| item.versions.iter().map(move |version| (item.id, version.id)))
        .filter_map(|(item, version)| Some((version, space.contents().maker(&item, &version)?.0)))
        .map(
            |(version, run)| json!({ "version": hex::encode(version.as_bytes()), "run": hex::encode(run.as_bytes()) }),
        );
    json!({
        "log": summary(space),
        "nodes": nodes.collect::<Vec<_>>(),
        "runs": runs.collect::<Vec<_>>(),
        "made": made.collect::<Vec<_>>(),
    })
}

/// Capsule, streams and result of the first run, under the keys that come from the run's.
fn run_vector(log: &Log) -> Value {
    let spec = first(log.space());
    let (by, to) = (ben().first(), node().first());
    let (of, run_key) = (attempt(&spec), run_key(&spec));
    let key = run_key.key();
    let streams: Vec<_> = STREAMS
        .into_iter()
        .map(|stream| {
            let hash = hash_of(&spec, stream);
            json!({
                "name": stream.name(),
                "key": hex::encode(stream_key(key, stream).expose()),
                "start": StreamHash::start(of, stream).hash.to_string(),
                "boxes": sealed(&spec, stream).iter().map(hex::encode).collect::<Vec<_>>(),
                "plain": plain(stream),
                "hash": hash.hash.to_string(),
            })
        })
        .collect();
    let signed = result(&spec, End::Succeeded).sign(&to.sign);
    let sealed_result = signed.seal(&result_key(key), &mut TestRng::new(0x57_4e));
    json!({
        "run_key": hex::encode(key.expose()),
        "spec": hex::encode(cbor::encode(&spec)),
        "spec_hash": spec.hash().to_string(),
        "capsule": hex::encode(capsule(&spec, by, to).to_bytes()),
        "grant": hex::encode(cbor::encode(&grant(&spec))),
        "streams": streams,
        "output_key": hex::encode(output_key(key, spec.outputs[0].version).expose()),
        "result_key": hex::encode(result_key(key).expose()),
        "result": hex::encode(signed.as_bytes()),
        "sealed_result": hex::encode(&sealed_result),
    })
}

fn run_key(spec: &RunSpec) -> KeyField {
    crate::support::runs::run_key(spec.run)
}

#[test]
fn the_pinned_runs_replay() {
    let vector = load("run.json");
    let space: SpaceId = vector["space"].as_str().unwrap().parse().unwrap();
    let keys: Vec<_> = vector["epoch_keys"].as_array().unwrap().iter().map(bytes).collect();
    let list = vector["entries"].as_array().unwrap();
    let read = |one: &Value| SignedEntry::from_bytes(&bytes(&one["signed"])).unwrap();
    let entries: Vec<_> = list.iter().map(read).collect();
    for (one, signed) in list.iter().zip(&entries) {
        assert_eq!(one["hash"], signed.hash.to_string());
        let key = Key32::from_slice(&keys[usize::try_from(signed.entry.epoch).unwrap()]).unwrap();
        assert_eq!(one["body"], json!(opened(signed, &key).map(hex::encode)));
    }
    let expected = vector["read_by"].as_array().unwrap();
    assert_eq!(expected.len(), readers().len());
    for (expected, person) in expected.iter().zip(readers()) {
        let pinned = Pinned {
            person,
            keys: keys.clone(),
        };
        let state = Space::replay(space, person.principal(), &entries, directory(), &pinned).unwrap();
        assert_eq!(told(&state), *expected);
    }
}

#[test]
fn the_pinned_capsule_streams_and_result_open() {
    let vector = load("run.json");
    let space: SpaceId = vector["space"].as_str().unwrap().parse().unwrap();
    let run = &vector["run"];
    let spec = RunSpec::from_bytes(&bytes(&run["spec"])).unwrap();
    assert_eq!(
        (&spec, run["spec_hash"].as_str().unwrap()),
        (&first(space), spec.hash().to_string().as_str())
    );
    let (by, to) = (ben().first(), node().first());
    let capsule = bytes(&run["capsule"]);
    let ordered = &vector["read_by"][2]["runs"][0];
    assert_eq!(ordered["capsule"], Hash::of(&capsule).to_string());
    let grant = Capsule::from_bytes(&capsule)
        .unwrap()
        .open(place(&spec, by, to), &to.rsa)
        .unwrap();
    assert_eq!(run["grant"], hex::encode(cbor::encode(&grant)));
    assert_eq!(run["run_key"], hex::encode(grant.key.key().expose()));

    let (key, of) = (grant.key.key(), attempt(&spec));
    let output = output_key(key, spec.outputs[0].version);
    assert_eq!(run["output_key"], hex::encode(output.expose()));
    let sealed = bytes(&run["sealed_result"]);
    assert_eq!(run["result_key"], hex::encode(result_key(key).expose()));
    let signed = SignedResult::open(&sealed, &result_key(key), of).unwrap();
    assert_eq!(run["result"], hex::encode(signed.as_bytes()));
    assert!(signed.verifies(&to.bundle.verify));
    assert_eq!(
        vector["read_by"][0]["runs"][0]["result"],
        hex::encode(cbor::encode(&signed.result)),
        "the one that is adopted"
    );

    for (end, (stream, pinned)) in signed
        .result
        .streams
        .iter()
        .zip(STREAMS.into_iter().zip(run["streams"].as_array().unwrap()))
    {
        assert_eq!(
            (stream.name(), stream.name()),
            (pinned["name"].as_str().unwrap(), end.stream.as_str())
        );
        let under = stream_key(key, stream);
        assert_eq!(pinned["key"], hex::encode(under.expose()));
        let mut hash = StreamHash::start(of, stream);
        assert_eq!(pinned["start"], hash.hash.to_string());
        let boxes = pinned["boxes"].as_array().unwrap();
        assert_eq!(pinned["plain"], json!(plain(stream)));
        for (number, sealed) in (0..).zip(boxes.iter().map(bytes)) {
            hash.take(&sealed);
            let at = usize::try_from(number).unwrap();
            match stream {
                Stream::Log => assert_eq!(
                    open_box::<LogLine>(&sealed, &under, of, stream, number).unwrap(),
                    lines()[at]
                ),
                Stream::Metrics => {
                    assert_eq!(
                        open_box::<MetricPoint>(&sealed, &under, of, stream, number).unwrap(),
                        points()[at]
                    );
                }
            }
        }
        assert_eq!((hash.boxes, hash.hash), (end.boxes, end.hash));
        assert_eq!(pinned["hash"], hash.hash.to_string());
    }
}
