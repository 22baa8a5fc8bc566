//! Contexts, chunk keys and the size of packs.

use std::collections::BTreeSet;

use holdfast_protocol::context;
use holdfast_protocol::id::{ChunkId, Hash, ItemId, Locator, PrincipalId, RunId, SpaceId, VersionId};
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::manifest::{chunk_key, padded_pack_len};
use proptest::prelude::*;

use crate::support::things::key;

/// Each context with each of its fields changed alone.
fn contexts() -> Vec<Vec<u8>> {
    let (a, b) = (1u8, 2u8);
    let space = |byte| SpaceId([byte; 32]);
    let hash = |byte| Hash([byte; 32]);
    let (item, id) = (|byte| ItemId([byte; 16]), |byte| ChunkId([byte; 32]));
    let run = |byte| RunId([byte; 16]);
    let (version, who) = (|byte| VersionId([byte; 16]), |byte| PrincipalId([byte; 16]));
    vec![
        context::entry_body(space(a), 1, 1, hash(a)),
        context::entry_body(space(b), 1, 1, hash(a)),
        context::entry_body(space(a), 2, 1, hash(a)),
        context::entry_body(space(a), 1, 2, hash(a)),
        context::entry_body(space(a), 1, 1, hash(b)),
        context::chunk(space(a), item(a), id(a)),
        context::chunk(space(b), item(a), id(a)),
        context::chunk(space(a), item(b), id(a)),
        context::chunk(space(a), item(a), id(b)),
        context::manifest(space(a), item(a), version(a)),
        context::manifest(space(b), item(a), version(a)),
        context::manifest(space(a), item(b), version(a)),
        context::manifest(space(a), item(a), version(b)),
        context::link(who(a), hash(a), hash(b)),
        context::link(who(b), hash(a), hash(b)),
        context::link(who(a), hash(b), hash(a)),
        context::link(who(a), hash(a), hash(a)),
        context::recovery(Locator([a; 16])),
        context::recovery(Locator([b; 16])),
        context::local(who(a), "items", b"k"),
        context::local(who(b), "items", b"k"),
        context::local(who(a), "index", b"k"),
        context::local(who(a), "items", b"l"),
        context::local(who(a), "item", b"sk"),
        context::quick(who(a), hash(a), 1),
        context::quick(who(b), hash(a), 1),
        context::quick(who(a), hash(b), 1),
        context::quick(who(a), hash(a), 2),
        context::pins(who(a), "k"),
        context::pins(who(b), "k"),
        context::pins(who(a), "l"),
        context::export(b"r", 1, 2),
        context::export(b"s", 1, 2),
        context::export(b"r", 2, 2),
        context::export(b"r", 1, 1),
        context::epoch_wrap(space(a), 1, hash(a), hash(b)),
        context::epoch_wrap(space(b), 1, hash(a), hash(b)),
        context::epoch_wrap(space(a), 2, hash(a), hash(b)),
        context::epoch_wrap(space(a), 1, hash(b), hash(a)),
        context::epoch_wrap(space(a), 1, hash(a), hash(a)),
        context::capsule_wrap(space(a), run(a), hash(a), hash(b)),
        context::capsule_wrap(space(b), run(a), hash(a), hash(b)),
        context::capsule_wrap(space(a), run(b), hash(a), hash(b)),
        context::capsule_wrap(space(a), run(a), hash(b), hash(a)),
        context::capsule_wrap(space(a), run(a), hash(a), hash(a)),
        context::capsule(space(a), run(a), hash(a), hash(b)),
        context::capsule(space(b), run(a), hash(a), hash(b)),
        context::capsule(space(a), run(b), hash(a), hash(b)),
        context::capsule(space(a), run(a), hash(b), hash(a)),
        context::capsule(space(a), run(a), hash(a), hash(a)),
        context::run_stream(space(a), run(a), 1, "log", 0),
        context::run_stream(space(b), run(a), 1, "log", 0),
        context::run_stream(space(a), run(b), 1, "log", 0),
        context::run_stream(space(a), run(a), 2, "log", 0),
        context::run_stream(space(a), run(a), 1, "metrics", 0),
        context::run_stream(space(a), run(a), 1, "log", 1),
        context::run_result(space(a), run(a), 1),
        context::run_result(space(b), run(a), 1),
        context::run_result(space(a), run(b), 1),
        context::run_result(space(a), run(a), 2),
    ]
}

#[test]
fn every_field_of_every_context_counts() {
    let all = contexts();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn contexts_are_the_tuples_of_the_table() {
    // 85 = array of 5; 6a/65/68... = text; 5820 = 32 bytes; 50 = 16 bytes.
    let expected = [
        b"\x85\x6aentry-body\x58\x20".as_slice(),
        &[1; 32],
        b"\x01\x18\x64\x58\x20",
        &[2; 32],
    ]
    .concat();
    assert_eq!(context::entry_body(SpaceId([1; 32]), 1, 100, Hash([2; 32])), expected);
    assert_eq!(context::export(b"rec", 0, 24), b"\x84\x66export\x43rec\x00\x18\x18");
    let expected = [
        b"\x84\x65chunk\x58\x20".as_slice(),
        &[1; 32],
        b"\x50",
        &[2; 16],
        b"\x58\x20",
        &[3; 32],
    ]
    .concat();
    assert_eq!(
        context::chunk(SpaceId([1; 32]), ItemId([2; 16]), ChunkId([3; 32])),
        expected
    );
    let expected = [
        b"\x84\x68manifest\x58\x20".as_slice(),
        &[1; 32],
        b"\x50",
        &[2; 16],
        b"\x50",
        &[3; 16],
    ]
    .concat();
    assert_eq!(
        context::manifest(SpaceId([1; 32]), ItemId([2; 16]), VersionId([3; 16])),
        expected
    );
    let expected = [
        b"\x84\x64link\x50".as_slice(),
        &[1; 16],
        b"\x58\x20",
        &[2; 32],
        b"\x58\x20",
        &[3; 32],
    ]
    .concat();
    assert_eq!(
        context::link(PrincipalId([1; 16]), Hash([2; 32]), Hash([3; 32])),
        expected
    );
    let expected = [b"\x82\x68recovery\x50".as_slice(), &[1; 16]].concat();
    assert_eq!(context::recovery(Locator([1; 16])), expected);
    let expected = [b"\x84\x65local\x50".as_slice(), &[1; 16], b"\x65items\x42\x00\xff"].concat();
    assert_eq!(context::local(PrincipalId([1; 16]), "items", &[0, 255]), expected);
    let expected = [
        b"\x84\x65quick\x50".as_slice(),
        &[1; 16],
        b"\x58\x20",
        &[2; 32],
        b"\x19\x01\x00",
    ]
    .concat();
    assert_eq!(context::quick(PrincipalId([1; 16]), Hash([2; 32]), 256), expected);
    let expected = [b"\x83\x64pins\x50".as_slice(), &[1; 16], b"\x65state"].concat();
    assert_eq!(context::pins(PrincipalId([1; 16]), "state"), expected);
    let expected = [
        b"\x85\x6aepoch-wrap\x58\x20".as_slice(),
        &[1; 32],
        b"\x07\x58\x20",
        &[2; 32],
        b"\x58\x20",
        &[3; 32],
    ]
    .concat();
    assert_eq!(
        context::epoch_wrap(SpaceId([1; 32]), 7, Hash([2; 32]), Hash([3; 32])),
        expected
    );
    contexts_of_runs();
}

fn contexts_of_runs() {
    let (space, run) = (SpaceId([1; 32]), RunId([2; 16]));
    let begin = |head: &[u8], rest: &[&[u8]]| {
        let mut all = [head, b"\x58\x20", &[1; 32], b"\x50", &[2; 16]].concat();
        rest.iter().for_each(|part| all.extend_from_slice(part));
        all
    };
    let two_hashes: [&[u8]; 4] = [b"\x58\x20", &[3; 32], b"\x58\x20", &[4; 32]];
    let (node, author) = (Hash([3; 32]), Hash([4; 32]));
    assert_eq!(
        context::capsule_wrap(space, run, node, author),
        begin(b"\x85\x6ccapsule-wrap", &two_hashes)
    );
    assert_eq!(
        context::capsule(space, run, node, author),
        begin(b"\x85\x67capsule", &two_hashes)
    );
    assert_eq!(
        context::run_stream(space, run, 2, "log", 256),
        begin(b"\x86\x6arun-stream", &[b"\x02\x63log\x19\x01\x00"])
    );
    assert_eq!(
        context::run_result(space, run, 3),
        begin(b"\x84\x6arun-result", &[b"\x03"])
    );
}

#[test]
fn a_chunk_key_belongs_to_one_upload_and_one_chunk() {
    let (one, two) = (key(1), key(2));
    let (a, b) = (ChunkId([1; 32]), ChunkId([2; 32]));
    assert!(chunk_key(one.key(), a) == chunk_key(one.key(), a));
    assert!(chunk_key(one.key(), a) != chunk_key(one.key(), b));
    assert!(chunk_key(one.key(), a) != chunk_key(two.key(), a));
    // HKDF-Expand(0x01 * 32, "holdfast/v1/chunk\0" || 0x01 * 32, 32), computed with HMAC by hand in another language.
    let expected = "6fe177b2a140d7f242289ae26a362d897e02523595dcbe85ebb469dbc98da7b4";
    assert_eq!(hex::encode(chunk_key(one.key(), a).expose()), expected);
}

#[test]
fn packs_end_on_a_window() {
    for (used, padded) in [
        (0, WINDOW),
        (1, WINDOW),
        (WINDOW - 1, WINDOW),
        (WINDOW, WINDOW),
        (WINDOW + 1, 2 * WINDOW),
        (32 << 20, 32 << 20),
    ] {
        assert_eq!(padded_pack_len(used), padded);
    }
}

proptest! {
    #[test]
    fn padding_is_less_than_a_window(used in 1..(1u64 << 40)) {
        let padded = padded_pack_len(used);
        prop_assert_eq!(padded % WINDOW, 0);
        prop_assert!(padded >= used && padded - used < WINDOW);
    }
}
