//! The log of keys: known answers of RFC 6962, golden vectors, and everything that must not pass.

use holdfast_crypto::{Secret, SignKey};
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::transparency::{Head, Leaf, Tree, continues, empty_root, included, leaf_hash};
use holdfast_protocol::{cbor, limits};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::golden::{bytes, load, save};

/// The leaves of the reference implementation's tests (github.com/google/certificate-transparency, `merkle_tree_test`).
const INPUTS: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// The roots over the first 0, 1, ... 8 of them, as published there.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn known() -> Tree {
    let mut tree = Tree::default();
    for input in INPUTS {
        tree.push(leaf_hash(&hex::decode(input).unwrap()));
    }
    tree
}

fn key(seed: u8) -> SignKey {
    SignKey::from_seed(Secret::fill_with(|bytes| bytes.fill(seed)))
}

fn texts(path: &[Hash]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

fn hashes(value: &Value) -> Vec<Hash> {
    let list = value.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn roots_are_those_of_the_reference_implementation() {
    let tree = known();
    assert_eq!(tree.size(), 8);
    for (size, root) in (0..).zip(ROOTS) {
        assert_eq!(tree.root(size).unwrap().to_string(), root, "{size} leaves");
    }
    assert_eq!(tree.root(9), None);
    assert_eq!(empty_root().to_string(), ROOTS[0]);
}

#[test]
fn proofs_are_those_of_the_reference_implementation() {
    let tree = known();
    // Leaf 6 of 1..8, and the beginnings 1, 6 and 2 (of 8, 8 and 5), as published.
    assert_eq!(
        texts(&tree.inclusion(0, 8).unwrap()),
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ]
    );
    assert_eq!(
        texts(&tree.inclusion(1, 5).unwrap()),
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ]
    );
    assert_eq!(
        texts(&tree.consistency(6, 8).unwrap()),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(
        texts(&tree.consistency(2, 5).unwrap()),
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ]
    );
}

#[test]
#[ignore = "writes the golden vectors of the log of keys"]
fn generate_transparency() {
    let tree = known();
    let sizes = [0, 1, 2, 3, 7, 8];
    let heads: Vec<_> = sizes
        .iter()
        .map(|&size| json!({"size": size, "root": tree.root(size).unwrap().to_string()}))
        .collect();
    let mut inclusion = Vec::new();
    let mut consistency = Vec::new();
    for size in sizes {
        for index in 0..size {
            let path = texts(&tree.inclusion(index, size).unwrap());
            inclusion.push(json!({"index": index, "size": size, "path": path}));
        }
        for earlier in sizes.into_iter().filter(|&earlier| earlier <= size) {
            let path = texts(&tree.consistency(earlier, size).unwrap());
            consistency.push(json!({"earlier": earlier, "size": size, "path": path}));
        }
    }
    let leaves: Vec<_> = published()
        .map(|(handle, leaf)| {
            json!({"principal": leaf.principal.to_string(), "handle": handle, "counter": leaf.counter,
                "bundle": leaf.bundle.to_string(), "leaf": hex::encode(cbor::encode(&leaf)), "hash": leaf.hash().to_string()})
        })
        .collect();
    let head = Head::sign(8, tree.root(8).unwrap(), &key(7));
    save(
        "transparency.json",
        &json!({"inputs": INPUTS, "heads": heads, "inclusion": inclusion, "consistency": consistency, "leaves": leaves,
            "seed": hex::encode([7; 32]), "key": hex::encode(head.key), "head": hex::encode(cbor::encode(&head)),
            "checkpoint": head.checkpoint()}),
    );
}

/// Handle and leaf of every pinned bundle.
fn published() -> impl Iterator<Item = (String, Leaf)> {
    let people = load("people.json");
    let people: Vec<Value> = people.as_object().unwrap().values().cloned().collect();
    people.into_iter().flat_map(|chain| {
        let signed = chain.as_array().unwrap().iter().map(|row| bytes(&row["signed"]).into());
        let chain = holdfast_protocol::bundle::verify_chain(&signed.collect::<Vec<holdfast_protocol::wire::B64>>());
        chain
            .unwrap()
            .into_iter()
            .map(|verified| (verified.bundle.handle.clone(), Leaf::of(&verified)))
    })
}

#[test]
fn the_pinned_log_holds() {
    let pinned = load("transparency.json");
    let root_of = |size: &Value| -> Hash {
        let heads = pinned["heads"].as_array().unwrap();
        let head = heads.iter().find(|head| head["size"] == *size).unwrap();
        head["root"].as_str().unwrap().parse().unwrap()
    };
    for row in pinned["inclusion"].as_array().unwrap() {
        let index = row["index"].as_u64().unwrap();
        let leaf = leaf_hash(&bytes(&pinned["inputs"][usize::try_from(index).unwrap()]));
        let (size, root) = (row["size"].as_u64().unwrap(), root_of(&row["size"]));
        assert!(included(leaf, index, size, root, &hashes(&row["path"])), "{row}");
    }
    for row in pinned["consistency"].as_array().unwrap() {
        let [earlier, size] = ["earlier", "size"].map(|field| (row[field].as_u64().unwrap(), root_of(&row[field])));
        assert!(continues(earlier, size, &hashes(&row["path"])), "{row}");
    }
    let rows = pinned["leaves"].as_array().unwrap();
    assert_eq!(rows.len(), published().count());
    for (row, (handle, leaf)) in rows.iter().zip(published()) {
        assert_eq!(row["handle"], handle);
        assert_eq!(bytes(&row["leaf"]), cbor::encode(&leaf));
        assert_eq!(Leaf::from_bytes(&bytes(&row["leaf"])).unwrap(), leaf);
        assert_eq!(row["hash"], leaf.hash().to_string());
    }
    let head = Head::sign(8, root_of(&json!(8)), &key(7));
    assert_eq!(pinned["checkpoint"], head.checkpoint());
    assert_eq!(bytes(&pinned["head"]), cbor::encode(&head));
    let read = Head::from_checkpoint(pinned["checkpoint"].as_str().unwrap(), &head.key).unwrap();
    assert_eq!(read, head);
    assert!(read.verifies());
}

#[test]
fn every_proof_of_every_small_tree_holds_and_no_other() {
    let mut tree = Tree::default();
    let leaves: Vec<Hash> = (0..40_u8).map(|n| leaf_hash(&[n])).collect();
    for leaf in &leaves {
        tree.push(*leaf);
    }
    let root = |size: u64| tree.root(size).unwrap();
    for size in 1..=40_u64 {
        for (index, leaf) in (0..size).zip(&leaves) {
            let path = tree.inclusion(index, size).unwrap();
            for at in 0..=size {
                assert_eq!(
                    included(*leaf, at, size, root(size), &path),
                    at == index,
                    "{index} of {size} at {at}"
                );
            }
            assert!(!included(leaf_hash(b"?"), index, size, root(size), &path));
        }
        for earlier in 0..=size {
            let path = tree.consistency(earlier, size).unwrap();
            assert!(continues((earlier, root(earlier)), (size, root(size)), &path));
            assert!(!continues((earlier, Hash([1; 32])), (size, root(size)), &path));
            assert!(earlier == 0 || !continues((earlier, root(earlier)), (size, Hash([1; 32])), &path));
            assert!(earlier == size || !continues((size, root(size)), (earlier, root(earlier)), &path));
            let longer = [path, vec![Hash([2; 32])]].concat();
            assert!(!continues((earlier, root(earlier)), (size, root(size)), &longer));
        }
        assert_eq!(tree.inclusion(size, size), None);
        assert_eq!(tree.consistency(size, size - 1), None);
    }
    assert_eq!(tree.inclusion(0, 41), None);
    assert_eq!(tree.consistency(1, 41), None);
}

#[test]
fn a_checkpoint_is_of_its_log_and_whole() {
    let head = Head::sign(8, Hash([9; 32]), &key(7));
    let text = head.checkpoint();
    assert!(
        Head::from_checkpoint(&text, key(8).public().as_bytes()).is_err(),
        "another log's key"
    );
    let other = Head::sign(8, Hash([9; 32]), &key(8));
    let line = |text: &str| text.lines().last().unwrap().to_owned();
    let foreign = text.replace(&line(&text), &line(&other.checkpoint()));
    assert!(
        Head::from_checkpoint(&foreign, &head.key).is_err(),
        "signed by somebody else alone"
    );
    // Cosignatures beside it do no harm, before it or behind it.
    let (note, own) = text.split_once("\n\n").unwrap();
    let more = format!("{note}\n\n\u{2014} witness.example/w AAAAAAAA\n{own}\u{2014} witness.example/v AAAAAAAB\n");
    assert_eq!(Head::from_checkpoint(&more, &head.key).unwrap(), head);
    for wrong in [
        text.replacen("\n8\n", "\n08\n", 1),
        text.replacen("\n8\n", "\n+8\n", 1),
        text.replacen("\n8\n", "\n9\n", 1),
        text.replacen("\n\n", "\nextension\n\n", 1),
        text.trim_end().to_owned(),
        format!("{note}\n\n"),
        note.to_owned(),
        format!("{text}{}", "x".repeat(limits::CHECKPOINT)),
    ] {
        assert!(Head::from_checkpoint(&wrong, &head.key).is_err(), "{wrong}");
    }
}

/// Filled up with somebody's cosignature: what is longer is not looked at.
#[test]
fn a_checkpoint_of_the_limit_is_read_and_one_byte_more_is_not() {
    let head = Head::sign(8, Hash([9; 32]), &key(7));
    let text = head.checkpoint();
    let filled = |length: usize| {
        let around = text.len() + "\u{2014}  AAAAAAAA\n".len();
        let filled = format!("{text}\u{2014} {} AAAAAAAA\n", "x".repeat(length - around));
        assert_eq!(filled.len(), length);
        Head::from_checkpoint(&filled, &head.key)
    };
    assert_eq!(filled(limits::CHECKPOINT), Ok(head.clone()));
    for length in [limits::CHECKPOINT + 1, 2 * limits::CHECKPOINT] {
        assert!(filled(length).is_err(), "{length}");
    }
}

#[test]
fn a_handle_is_tried_out_against_a_leaf_and_not_read_from_it() {
    let [a, b] = [1, 2].map(|n| Leaf::new(PrincipalId([n; 16]), "ana@example.org", 0, Hash([n; 32])));
    assert_ne!(a.handle, b.handle, "equal handles do not look equal");
    let same = holdfast_protocol::transparency::handle_commitment(PrincipalId([1; 16]), "ana@example.org");
    assert_eq!(a.handle, same);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_of_a_checkpoint_is_refused(place in 0_usize..10_000, bit in 0_u8..8) {
        let head = Head::sign(12_345, Hash([9; 32]), &key(7));
        let mut text = head.checkpoint().into_bytes();
        let place = place % text.len();
        text[place] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(text) {
            prop_assert!(Head::from_checkpoint(&text, &head.key).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_of_a_head_is_refused(place in 0_usize..10_000, bit in 0_u8..8) {
        let mut bytes = cbor::encode(&Head::sign(12_345, Hash([9; 32]), &key(7)));
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        let read: Result<Head, _> = cbor::decode(&bytes, 1024);
        prop_assert!(read.is_err() || !read.unwrap().verifies());
    }

    #[test]
    fn a_flipped_bit_of_a_proof_is_refused(size in 2_u64..200, index in 0_u64..200, earlier in 1_u64..200, place in 0_usize..10_000, bit in 0_u8..8) {
        let (index, earlier) = (index % size, 1 + earlier % (size - 1));
        let mut tree = Tree::default();
        for n in 0..size {
            tree.push(leaf_hash(&n.to_be_bytes()));
        }
        let root = |size| tree.root(size).unwrap();
        let flip = |mut path: Vec<Hash>| {
            let at = place % (path.len() * 32);
            path[at / 32].0[at % 32] ^= 1 << bit;
            path
        };
        let path = flip(tree.inclusion(index, size).unwrap());
        prop_assert!(!included(leaf_hash(&index.to_be_bytes()), index, size, root(size), &path));
        if earlier < size {
            let path = flip(tree.consistency(earlier, size).unwrap());
            prop_assert!(!continues((earlier, root(earlier)), (size, root(size)), &path));
        }
    }
}
