//! Limits: exactly as large passes, one byte more does not, and a claimed length is not believed.

use holdfast_protocol::bundle::{SignedBundle, verify_chain};
use holdfast_protocol::cbor;
use holdfast_protocol::entry::{Body, Entry, EpochStart, Op, SignedEntry, Wrap};
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::limits::{BUNDLE, BUNDLE_CHAIN, CAPSULE, ENTRY, MEMBERS, RESULT_SENTENCE, RUN_RESULT, RUN_SPEC};
use holdfast_protocol::manifest::{FileRecord, Manifest};
use holdfast_protocol::run::{Capsule, End, RunResult, RunSpec, SignedResult};

use crate::support::log::Log;
use crate::support::people::{ana, node};
use crate::support::runs;

/// A commit whose signed form is exactly this long.
fn entry_of(len: usize) -> Result<SignedEntry, cbor::Malformed> {
    let log = Log::project(ana().first());
    let draft = log.commit(ana().first(), Body::default());
    let with = |body: usize| {
        Entry {
            body: Some(vec![7; body]),
            ..draft.entry.clone()
        }
        .sign(&ana().first().sign)
    };
    let around = with(1 << 19).unwrap().as_bytes().len() - (1 << 19);
    with(len - around)
}

#[test]
fn an_entry_of_the_limit_is_read_and_one_byte_more_is_not() {
    let largest = entry_of(ENTRY).unwrap();
    assert_eq!(largest.as_bytes().len(), ENTRY);
    assert!(SignedEntry::from_bytes(largest.as_bytes()).is_ok());
    assert!(entry_of(ENTRY + 1).is_err());
    let mut longer = largest.as_bytes().to_vec();
    longer.push(0);
    assert!(SignedEntry::from_bytes(&longer).is_err());
}

/// Or else a full space could never put anybody out again.
#[test]
fn a_new_epoch_for_as_many_members_as_there_can_be_fits_an_entry() {
    let wrap = Wrap {
        recipient: PrincipalId([1; 16]),
        bundle: Hash([2; 32]),
        ciphertext: vec![3; 1_024],
    };
    let start = EpochStart {
        commitment: Hash([4; 32]),
        wraps: vec![wrap; MEMBERS],
    };
    let log = Log::project(ana().first());
    let draft = log.commit(ana().first(), Body::default());
    let op = Op::Remove {
        principal: PrincipalId([5; 16]),
        epoch: Some(start),
    };
    let entry = Entry {
        op,
        body: Some(vec![6; 256]),
        head: None,
        ..draft.entry
    };
    assert!(entry.sign(&ana().first().sign).is_ok());
}

/// `{1: bytes(n), 2: bytes(0)}` in deterministic form.
fn raw_bundle(len: usize) -> Vec<u8> {
    let mut raw = vec![0xa2, 0x01, 0x59];
    let inner = len - raw.len() - 2 - 2;
    raw.extend_from_slice(&u16::try_from(inner).unwrap().to_be_bytes());
    raw.resize(raw.len() + inner, 7);
    raw.extend_from_slice(&[0x02, 0x40]);
    raw
}

#[test]
fn a_bundle_of_the_limit_is_read_and_one_byte_more_is_not() {
    assert_eq!(raw_bundle(BUNDLE).len(), BUNDLE);
    assert!(SignedBundle::from_bytes(&raw_bundle(BUNDLE)).is_ok());
    assert!(SignedBundle::from_bytes(&raw_bundle(BUNDLE + 1)).is_err());
}

#[test]
fn a_chain_is_neither_empty_nor_endless() {
    assert!(verify_chain::<Vec<u8>>(&[]).is_err());
    let bytes = ana().first().signed.to_bytes();
    assert!(verify_chain(&[&bytes]).is_ok());
    // Refused before a single one is looked at: whoever sends a million costs nobody anything.
    struct Bundle<'a>(&'a std::cell::Cell<usize>);
    impl AsRef<[u8]> for Bundle<'_> {
        fn as_ref(&self) -> &[u8] {
            self.0.set(self.0.get() + 1);
            &[]
        }
    }
    let looked = std::cell::Cell::new(0);
    let chain = |length: usize| (0..length).map(|_| Bundle(&looked)).collect::<Vec<_>>();
    assert!(verify_chain(&chain(BUNDLE_CHAIN + 1)).is_err());
    assert_eq!(looked.get(), 0);
    assert!(verify_chain(&chain(BUNDLE_CHAIN)).is_err());
    assert!(looked.get() > 0, "one that is not too long is looked at");
}

#[test]
fn claimed_lengths_are_not_believed() {
    // A head that promises 2^63 elements or bytes with nothing behind it: reserving them first would abort the process.
    for major in [0x40u8, 0x60, 0x80, 0xa0] {
        let mut huge = vec![major | 27];
        huge.extend_from_slice(&(u64::MAX >> 1).to_be_bytes());
        let nested = [[0x84, 0x00].as_slice(), &huge].concat();
        let in_map = [[0xa1, 0x01].as_slice(), &huge].concat();
        let third = [[0xa1, 0x03].as_slice(), &huge].concat();
        let fifth = [[0xa1, 0x05].as_slice(), &huge].concat();
        for bytes in [&huge, &nested, &in_map, &third, &fifth] {
            assert!(SignedEntry::from_bytes(bytes).is_err());
            assert!(SignedBundle::from_bytes(bytes).is_err());
            assert!(cbor::decode::<Entry>(bytes, ENTRY).is_err());
            assert!(cbor::decode::<Body>(bytes, ENTRY).is_err());
            assert!(cbor::decode::<Manifest>(bytes, ENTRY).is_err());
            assert!(cbor::decode::<FileRecord>(bytes, ENTRY).is_err());
            assert!(cbor::decode_next::<FileRecord>(bytes).is_err());
        }
    }
}

#[test]
fn the_limit_of_decode_is_inclusive() {
    let bytes = cbor::encode(&Body::default());
    assert!(cbor::decode::<Body>(&bytes, bytes.len()).is_ok());
    assert!(cbor::decode::<Body>(&bytes, bytes.len() - 1).is_err());
}

#[test]
fn deep_nesting_ends_in_an_error() {
    for byte in [0x81u8, 0xd8, 0x9f] {
        let deep = vec![byte; ENTRY];
        assert!(cbor::decode::<Body>(&deep, ENTRY).is_err());
        // As the value of a field that nobody knows, which the decoder skips.
        let unknown = [[0xa1, 0x18, 0x63].as_slice(), &deep[4..]].concat();
        assert!(cbor::decode::<Body>(&unknown, ENTRY).is_err());
        assert!(cbor::decode::<Manifest>(&unknown, ENTRY).is_err());
    }
}

/// Nothing of a run is decoded that is larger than it may be.
#[test]
fn what_belongs_to_a_run_has_its_limits() {
    let spec = runs::spec(SpaceId([1; 32]), node().first(), 0x41);
    let padded = |len: usize| RunSpec {
        entry: "x".repeat(len),
        ..spec.clone()
    };
    // One text of more than 65,535 bytes: its head is as long in both.
    let around = cbor::encoded_len(&padded(70_000)) - 70_000;
    let reads = |len: usize| RunSpec::from_bytes(&cbor::encode(&padded(len - around))).is_ok();
    assert!(reads(RUN_SPEC) && !reads(RUN_SPEC + 1));

    let said = |len: usize| RunResult {
        sentence: "x".repeat(len),
        ..runs::result(&spec, End::Failed)
    };
    let reads = |result: RunResult| SignedResult::from_bytes(result.sign(&node().first().sign).as_bytes()).is_ok();
    assert!(reads(said(RESULT_SENTENCE)) && !reads(said(RESULT_SENTENCE + 1)));
    let long = |inputs: usize| RunResult {
        inputs: vec![Hash([1; 32]); inputs],
        ..said(1)
    };
    assert!(reads(long(15_000)) && !reads(long(RUN_RESULT / 34 + 1)));

    let capsule = runs::capsule(&spec, node().first(), node().first()).to_bytes();
    let longer = |len: usize| {
        let mut bytes = capsule.clone();
        bytes.resize(len, 0);
        bytes
    };
    assert!(Capsule::from_bytes(&capsule).is_ok() && Capsule::from_bytes(&longer(CAPSULE + 1)).is_err());
    for major in [0x40u8, 0x60, 0x80, 0xa0] {
        let mut huge = vec![0xa1, 0x01, major | 27];
        huge.extend_from_slice(&(u64::MAX >> 1).to_be_bytes());
        assert!(RunSpec::from_bytes(&huge).is_err() && RunSpec::from_bytes(&huge[2..]).is_err());
        assert!(SignedResult::from_bytes(&huge).is_err() && SignedResult::from_bytes(&huge[2..]).is_err());
        assert!(Capsule::from_bytes(&huge).is_err() && Capsule::from_bytes(&huge[2..]).is_err());
    }
}
