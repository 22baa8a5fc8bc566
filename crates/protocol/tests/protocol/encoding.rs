//! One encoding for each message: every other way to write it is refused, and one type is never read as another.

use holdfast_protocol::bundle::{Bundle, SignedBundle};
use holdfast_protocol::cbor;
use holdfast_protocol::entry::{Body, Core, Entry, Op, SignedEntry};
use holdfast_protocol::id::{ChunkId, Hash, PackId, SpaceId};
use holdfast_protocol::item::{Content, Item, Version};
use holdfast_protocol::limits::{self, ENTRY};
use holdfast_protocol::manifest::{ChunkRef, FORMAT, FileRecord, FileType, Manifest};

use holdfast_protocol::run::{AdoptBody, Capsule, End, Grant, RunBody, RunResult, RunSpec};

use crate::support::cbor::mutants;
use crate::support::people::{ana, ben, node};
use crate::support::things::{dataset, key, note, secret};
use crate::support::{runs, story};

pub(crate) fn chunk(byte: u8) -> ChunkRef {
    ChunkRef {
        pack: PackId([byte; 16]),
        offset: 262_144,
        length: 1_000_048,
        tag: Hash([byte; 32]),
        key: key(byte),
        id: ChunkId([byte; 32]),
        plain: None,
    }
}

/// What is said of its length comes last, and nothing else changes.
#[test]
fn a_chunk_may_say_how_long_it_is() {
    let bare = cbor::encode(&chunk(1));
    let says = ChunkRef {
        plain: Some(999_990),
        ..chunk(1)
    };
    let longer = cbor::encode(&says);
    assert_eq!((bare[0], longer[0]), (0x86, 0x87));
    assert_eq!(longer[1..bare.len()], bare[1..]);
    assert_eq!(longer[bare.len()..], [0x1a, 0x00, 0x0f, 0x42, 0x36]);
    assert!(cbor::decode::<ChunkRef>(&longer, ENTRY).unwrap() == says);
    // A box of 1,000,048 bytes holds 999,984 to 999,999.
    for (plain, fits) in [
        (None, true),
        (Some(999_984), true),
        (Some(999_999), true),
        (Some(999_983), false),
        (Some(1_000_000), false),
        (Some(0), false),
        (Some(u64::MAX), false),
    ] {
        assert_eq!(ChunkRef { plain, ..chunk(1) }.is_consistent(), fits, "{plain:?}");
    }
    // No chunk is empty, and what is longer than any box is not even compared.
    for (plain, fits) in [
        (0, false),
        (1, true),
        (limits::SEALED, true),
        (limits::SEALED + 1, false),
    ] {
        let length = holdfast_crypto::sealed_len(plain) as u64;
        let plain = Some(plain as u64);
        assert_eq!(
            ChunkRef {
                plain,
                length,
                ..chunk(1)
            }
            .is_consistent(),
            fits,
            "{plain:?}"
        );
    }
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        files: 2,
        bytes: 1_000_300,
        listing_bytes: 400,
        listing: vec![chunk(1), chunk(2)],
    }
}

pub(crate) fn records() -> Vec<FileRecord> {
    let file = |path: &[u8], chunks: Vec<ChunkRef>| FileRecord {
        path: path.to_vec(),
        kind: FileType::File,
        size: 1_000_000,
        mode: 0o644,
        modified_ns: 1_700_000_000_123_456_789,
        target: None,
        chunks,
    };
    let mut link = file(b"b", Vec::new());
    (link.kind, link.size, link.modified_ns, link.target) = (FileType::Link, 0, -1, Some(b"a/x".to_vec()));
    vec![
        file(b"a/x", vec![chunk(3), chunk(4)]),
        file(b"a/\xff", vec![chunk(5)]),
        link,
    ]
}

/// What it is, its bytes, and whether the reader of its type takes some bytes.
type Sample = (&'static str, Vec<u8>, fn(&[u8]) -> bool);

/// Each message in this crate that is signed, sealed or stored.
fn samples() -> Vec<Sample> {
    let reads_item: fn(&[u8]) -> bool = |bytes| cbor::decode::<Item>(bytes, ENTRY).is_ok();
    let reads_entry: fn(&[u8]) -> bool = |bytes| cbor::decode::<Entry>(bytes, ENTRY).is_ok();
    let mut all: Vec<Sample> = vec![
        ("bundle", cbor::encode(&ben().second().bundle.bundle), |bytes| {
            cbor::decode::<Bundle>(bytes, ENTRY).is_ok()
        }),
        ("signed bundle", ben().second().signed.to_bytes(), |bytes| {
            SignedBundle::from_bytes(bytes).is_ok()
        }),
        ("manifest", cbor::encode(&manifest()), |bytes| {
            cbor::decode::<Manifest>(bytes, ENTRY).is_ok()
        }),
        (
            "item with files",
            cbor::encode(&dataset(1, ana().principal(), 1)),
            reads_item,
        ),
        (
            "item with a secret",
            cbor::encode(&secret(2, ana().principal())),
            reads_item,
        ),
    ];
    let mut longer = records()[0].clone();
    longer.chunks[1].plain = Some(999_990);
    for record in records().into_iter().chain([longer]) {
        all.push(("file record", cbor::encode(&record), |bytes| {
            cbor::decode::<FileRecord>(bytes, ENTRY).is_ok()
        }));
    }
    let mut body = Body {
        previous_key: Some(key(1)),
        name: Some("Scans".to_owned()),
        ..Body::default()
    };
    body.put = vec![note(1, ana().principal()), dataset(2, ana().principal(), 2)];
    body.put[0].tags = vec!["raw".to_owned(), "2024".to_owned()];
    body.put[0].trashed_ms = Some(1 << 40);
    body.purged = vec![body.put[0].id];
    body.trashed_ms = Some(0);
    all.push(("body", cbor::encode(&body), |bytes| {
        cbor::decode::<Body>(bytes, ENTRY).is_ok()
    }));
    let log = story::project();
    for signed in log.entries.iter().take(9) {
        all.push(("entry", cbor::encode(&signed.entry), reads_entry));
    }
    let runs = story::runs();
    for signed in runs.entries.iter().skip(4) {
        all.push(("entry", cbor::encode(&signed.entry), reads_entry));
    }
    all.extend(samples_of_runs());
    let signed = log.entries[1].as_bytes().to_vec();
    all.push(("signed entry", signed, |bytes| SignedEntry::from_bytes(bytes).is_ok()));
    all
}

fn samples_of_runs() -> [Sample; 6] {
    let (by, to) = (ben().first(), node().first());
    let spec = runs::spec(SpaceId([1; 32]), to, 0x41);
    let signed = runs::result(&spec, End::Succeeded).sign(&to.sign);
    let item = dataset(1, ana().principal(), 1);
    let adoption = AdoptBody {
        result: signed.as_bytes().to_vec().into(),
        put: vec![item],
    };
    [
        ("spec", cbor::encode(&spec), |bytes| RunSpec::from_bytes(bytes).is_ok()),
        ("order", cbor::encode(&RunBody::new(&spec, key(1))), |bytes| {
            cbor::decode::<RunBody>(bytes, ENTRY).is_ok()
        }),
        ("grant", cbor::encode(&runs::grant(&spec)), |bytes| {
            cbor::decode::<Grant>(bytes, ENTRY).is_ok()
        }),
        ("capsule", runs::capsule(&spec, by, to).to_bytes(), |bytes| {
            Capsule::from_bytes(bytes).is_ok()
        }),
        ("result", cbor::encode(&signed.result), |bytes| {
            cbor::decode::<RunResult>(bytes, ENTRY).is_ok()
        }),
        ("adoption", cbor::encode(&adoption), |bytes| {
            cbor::decode::<AdoptBody>(bytes, ENTRY).is_ok()
        }),
    ]
}

#[test]
fn every_other_encoding_of_every_message_is_refused() {
    let mut tried = 0;
    for (name, bytes, reads) in samples() {
        assert!(reads(&bytes), "{name}");
        for (how, mutant) in mutants(&bytes) {
            assert!(!reads(&mutant), "{name}: {how}");
            tried += 1;
        }
    }
    assert!(tried > 10_000, "{tried} mutants");
}

#[test]
fn an_entry_inside_its_signature_has_one_encoding_too() {
    let log = story::project();
    let message = cbor::encode(&log.entries[3].entry);
    let signature = &log.entries[3].as_bytes()[log.entries[3].as_bytes().len() - 64..];
    let wrap = |entry: &[u8]| {
        let mut bytes = Vec::new();
        minicbor::Encoder::new(&mut bytes)
            .array(2)
            .unwrap()
            .bytes(entry)
            .unwrap()
            .bytes(signature)
            .unwrap();
        bytes
    };
    assert_eq!(wrap(&message), log.entries[3].as_bytes());
    for (how, mutant) in mutants(&message) {
        assert!(SignedEntry::from_bytes(&wrap(&mutant)).is_err(), "{how}");
    }
}

/// Each message under each reader: only its own type reads it.
#[test]
fn no_message_is_read_as_another_type() {
    let samples = samples();
    for (name, bytes, _) in &samples {
        for (other, _, reads) in &samples {
            // Two byte strings look like two byte strings. Signature domains, contexts and hashes keep these apart.
            let two_strings = ["order", "capsule"].contains(name) && ["capsule", "signed bundle"].contains(other);
            let kin = name == other || (name.starts_with("item") && other.starts_with("item")) || two_strings;
            assert_eq!(reads(bytes), kin, "{name} read as {other}");
        }
    }
}

#[test]
fn another_format_number_is_refused() {
    let log = story::project();
    for format in [0, 2, u32::MAX] {
        let entry = Entry {
            format,
            ..log.entries[1].entry.clone()
        };
        let signed = entry.sign(&ana().first().sign).unwrap();
        assert!(SignedEntry::from_bytes(signed.as_bytes()).is_err(), "format {format}");
    }
}

/// Op 12 (checkpoint) is kept free, and so is everything above; those of nodes and runs have fields.
#[test]
fn reserved_ops_are_not_read() {
    let op = |number: u8| {
        let mut bytes = Vec::new();
        minicbor::Encoder::new(&mut bytes)
            .array(2)
            .unwrap()
            .u8(number)
            .unwrap()
            .map(0)
            .unwrap();
        cbor::decode::<Op>(&bytes, ENTRY).is_ok()
    };
    assert!(
        op(3),
        "leave has no fields, so the same bytes with a known number are an op"
    );
    for number in [7, 8, 10, 11, 12, 13, 14, 255] {
        assert!(!op(number), "op {number}");
    }
}

#[test]
fn a_sequence_of_records_is_read_one_by_one_and_strictly() {
    let records = records();
    let listing: Vec<u8> = records.iter().flat_map(cbor::encode).collect();
    let mut rest = listing.as_slice();
    for record in &records {
        let (read, used) = cbor::decode_next::<FileRecord>(rest).unwrap();
        assert!(read == *record);
        rest = &rest[used..];
    }
    assert!(rest.is_empty());
    for end in 0..cbor::encode(&records[0]).len() {
        assert!(
            cbor::decode_next::<FileRecord>(&listing[..end]).is_err(),
            "cut at {end}"
        );
    }
    for (how, mutant) in mutants(&cbor::encode(&records[0])) {
        let whole = cbor::decode_next::<FileRecord>(&mutant).is_ok_and(|(_, used)| used == mutant.len());
        assert!(!whole, "{how}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let item = dataset(1, ana().principal(), 1);
    let bytes = cbor::encode(&item);
    assert!(cbor::decode::<Item>(&bytes, bytes.len()).unwrap() == item);
    let version: Version = cbor::decode(&cbor::encode(&item.versions[0]), ENTRY).unwrap();
    assert!(matches!(version.content, Content::Files { files: 3, .. }));
    let log = story::project();
    for signed in &log.entries {
        let read = SignedEntry::from_bytes(signed.as_bytes()).unwrap();
        assert!(read.entry == signed.entry && read.hash == signed.hash);
        if let Op::Genesis { core, .. } = &read.entry.op {
            let again: Core = cbor::decode(&cbor::encode(core), ENTRY).unwrap();
            assert_eq!(again.space_id(), log.space());
        }
    }
}
