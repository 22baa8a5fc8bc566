//! The log of all keys: checkpoints with cosignatures, heads, leaves, and proofs from a server that lies.
//! `docs/spec/transparency.md`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_crypto::{Secret, SignKey, sha256};
use holdfast_protocol::id::Hash;
use holdfast_protocol::transparency::{Head, Leaf, Tree, continues, empty_root, included, leaf_hash, origin};
use holdfast_protocol::{cbor, limits};

use crate::input::Input;

/// The key of the log in the vectors.
#[must_use]
pub fn log_key() -> SignKey {
    SignKey::from_seed(Secret::fill_with(|bytes| bytes.fill(7)))
}

/// A checkpoint as it is, or its note signed anew between lines of others; a head; a leaf.
pub fn checkpoint(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let log = log_key();
    let key = *log.public().as_bytes();
    let text = match mode % 4 {
        0 => String::from_utf8_lossy(input.rest()).into_owned(),
        1 => {
            let (note, before, after) = (input.part(), input.part(), input.part());
            let note = String::from_utf8_lossy(note);
            let name = origin(&key);
            let id = &sha256(&[name.as_bytes(), b"\n\x01", &key])[..4];
            let line = STANDARD.encode([id, &log.sign_note(note.as_bytes())].concat());
            let [before, after] = [before, after].map(String::from_utf8_lossy);
            format!("{note}\n{before}\u{2014} {name} {line}\n{after}")
        }
        2 => {
            let given = input.rest();
            if let Ok(head) = cbor::decode::<Head>(given, limits::LEAF) {
                assert!(cbor::encode(&head) == given);
                let back = Head::from_checkpoint(&head.checkpoint(), &head.key);
                assert_eq!(back.is_ok(), head.verifies());
                assert!(back.is_err() || back == Ok(head));
            }
            return;
        }
        _ => {
            let given = input.rest();
            if let Ok(leaf) = Leaf::from_bytes(given) {
                assert!(given.len() <= limits::LEAF && cbor::encode(&leaf) == given);
                assert_eq!(leaf.hash(), leaf_hash(given));
            }
            return;
        }
    };
    let Ok(head) = Head::from_checkpoint(&text, &key) else {
        return;
    };
    assert!(text.len() <= limits::CHECKPOINT && head.key == key && head.verifies());
    let note = text.split_once("\n\n").expect("a note ends with an empty line").0;
    let root = STANDARD.encode(head.root.as_bytes());
    assert_eq!(
        note,
        format!("{}\n{}\n{root}", origin(&key), head.size),
        "there is one spelling of a note"
    );
    assert_eq!(Head::from_checkpoint(&head.checkpoint(), &key), Ok(head.clone()));
    assert_eq!(
        cbor::decode::<Head>(&cbor::encode(&head), limits::LEAF),
        Ok(head.clone())
    );
    let stranger = *SignKey::from_seed(Secret::fill_with(|bytes| bytes.fill(8)))
        .public()
        .as_bytes();
    assert!(
        Head::from_checkpoint(&text, &stranger).is_err(),
        "another log's key reads nothing in it"
    );
}

/// Proofs: what a server says of a tree whose leaves are known here. Verified is what is true, and nothing else.
pub fn proofs(bytes: &[u8]) {
    let mut input = Input(bytes);
    let size = u64::from(input.byte() % 70);
    let (index, earlier) = (u64::from(input.byte()), u64::from(input.byte() % 80));
    let (odd_leaf, odd_root) = (input.byte(), input.byte());
    let mut tree = Tree::default();
    let leaf = |number: u64| leaf_hash(&number.to_be_bytes());
    (0..size).for_each(|number| tree.push(leaf(number)));
    let root = |size: u64| tree.root(size).unwrap_or(Hash::ZERO);
    // Hashes that a liar has at hand: those of the honest proofs, of leaves, of roots.
    let honest = tree.inclusion(index, size).unwrap_or_default();
    let consistent = tree.consistency(earlier, size).unwrap_or_default();
    let pick = |by: u8| match by {
        0..=31 => honest.get(usize::from(by)).copied(),
        32..=63 => consistent.get(usize::from(by - 32)).copied(),
        64..=159 => Some(leaf(u64::from(by - 64))),
        _ => tree.root(u64::from(by - 160)),
    };
    let path: Vec<Hash> = input
        .rest()
        .iter()
        .take(80)
        .map(|by| pick(*by).unwrap_or(Hash::ZERO))
        .collect();

    let claimed = if odd_leaf < 128 {
        index
    } else {
        u64::from(odd_leaf - 128)
    };
    if included(leaf(claimed), index, size, root(size), &path) {
        assert!(
            claimed == index && index < size && path == honest,
            "a leaf that is not there was proven"
        );
    }
    assert_eq!(index < size, included(leaf(index), index, size, root(size), &honest));
    let earlier_root = if odd_root < 128 {
        root(earlier)
    } else {
        root(u64::from(odd_root - 128))
    };
    if continues((earlier, earlier_root), (size, root(size)), &path) {
        let said = tree.root(earlier).expect("no larger tree was proven");
        assert!(
            earlier <= size && earlier_root == said,
            "a log that is another was proven to be the same"
        );
    }
    let holds = continues((earlier, root(earlier)), (size, root(size)), &consistent);
    assert_eq!(earlier <= size, holds);
    assert!(size > 0 || root(0) == empty_root());
}
