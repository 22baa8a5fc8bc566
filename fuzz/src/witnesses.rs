//! Witnesses of the log of keys: how their keys are told, what they say of a head, and how they are asked for it.
//! `docs/spec/transparency.md`, "Witnesses".

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_crypto::{Secret, SignKey, VerifyKey, sha256};
use holdfast_protocol::id::Hash;
use holdfast_protocol::limits;
use holdfast_protocol::transparency::{Head, Tree, leaf_hash, origin};
use holdfast_protocol::witness::{AddCheckpoint, Cosignature, LogKey, NotSigned, Witness};

use super::input::Input;
use super::keylog::log_key;

const ED25519: u8 = 1;
const COSIGNATURE: u8 = 4;
/// Leaves that the log here has at most.
const LEAVES: u64 = 40;

fn seeded(seed: u8) -> SignKey {
    SignKey::from_seed(Secret::fill_with(|bytes| bytes.fill(seed)))
}

/// The two witnesses of the vectors.
#[must_use]
pub fn witnesses() -> [SignKey; 2] {
    [21, 22].map(seeded)
}

/// How a key is told.
fn told(name: &str, kind: u8, key: &[u8; 32]) -> String {
    let id = sha256(&[name.as_bytes(), b"\n", &[kind], key]);
    let key = STANDARD.encode([&[kind], &key[..]].concat());
    format!("{name}+{}+{key}", hex::encode(&id[..4]))
}

/// The log that all is honest in, and one that differs from the seventh leaf on.
fn trees() -> &'static [Tree; 2] {
    static ONCE: OnceLock<[Tree; 2]> = OnceLock::new();
    ONCE.get_or_init(|| {
        [u64::MAX, 6].map(|other_from| {
            let mut tree = Tree::default();
            for number in 0..LEAVES {
                let leaf = if number < other_from { number } else { number + 1_000 };
                tree.push(leaf_hash(&leaf.to_be_bytes()));
            }
            tree
        })
    })
}

fn root(forked: bool, size: u64) -> Hash {
    trees()[usize::from(forked)].root(size).expect("it is in the tree")
}

/// Keys as they are told, lines in a checkpoint, and requests: as they are, or made anew with signatures that hold.
pub fn witness(bytes: &[u8]) {
    let mut input = Input(bytes);
    match input.byte() % 6 {
        0 => keys(&String::from_utf8_lossy(input.rest())),
        1 => request(&String::from_utf8_lossy(input.rest())),
        2 => lines(&String::from_utf8_lossy(input.rest())),
        3 => signed_lines(&mut input),
        4 => asked(&mut input),
        _ => named(&mut input),
    }
}

fn keys(text: &str) {
    let (log, by) = (text.parse::<LogKey>(), text.parse::<Witness>());
    assert!(log.is_err() || by.is_err(), "a log is no witness");
    if let Ok(log) = log {
        assert_eq!(log.to_string(), text, "there is one spelling of a log's key");
        assert_eq!(told(&origin(&log.0), ED25519, &log.0), text);
        assert!(VerifyKey::from_bytes(&log.0).is_ok());
    }
    if let Ok(by) = by {
        assert_eq!(by.to_string(), text, "there is one spelling of a witness's key");
        assert_eq!(told(by.name(), COSIGNATURE, by.key()), text);
        assert!(VerifyKey::from_bytes(by.key()).is_ok());
        assert!((1..=limits::KEY_NAME).contains(&by.name().len()));
        assert!(
            !by.name()
                .contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
        );
    }
}

/// A key under any name, with the id that belongs to it: read where the name and the kind are what they should be.
fn named(input: &mut Input<'_>) {
    let (kind, own) = (input.byte() % 6, input.byte() % 2 == 1);
    let key = *log_key().public().as_bytes();
    let given = String::from_utf8_lossy(input.rest()).into_owned();
    let name = if own { origin(&key) + &given } else { given };
    let text = told(&name, kind, &key);
    keys(&text);
    let log = kind == ED25519 && name == origin(&key);
    assert_eq!(text.parse::<LogKey>().is_ok(), log, "a log's name follows from its key");
    let plain =
        (1..=128).contains(&name.len()) && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
    assert_eq!(text.parse::<Witness>().is_ok(), kind == COSIGNATURE && plain);
}

/// What is read is within the limits and is written again as it came.
fn read(text: &str) -> Option<AddCheckpoint> {
    let request: AddCheckpoint = text.parse().ok()?;
    assert_eq!(request.to_string(), text, "there is one spelling of a request");
    assert!(request.proof.len() <= limits::PROOF_LINES && request.checkpoint.len() <= limits::CHECKPOINT);
    assert!(text.len() <= limits::ADD_CHECKPOINT);
    Some(request)
}

/// A request as it is, to a witness who has seen nothing, and to one who has seen what it says.
fn request(text: &str) {
    let Some(request) = read(text) else { return };
    let log = LogKey(*log_key().public().as_bytes());
    let honest = (request.old <= LEAVES).then(|| Head::sign(request.old, root(false, request.old), &log_key()));
    for seen in [None, honest] {
        let Ok((by, head)) = request.judge(&[log], |_| seen.clone()) else {
            continue;
        };
        assert!(by == log && head.key == log.0 && head.verifies(), "the log signed it");
        assert!(
            request
                .checkpoint
                .starts_with(&format!("{}\n{}\n", origin(&log.0), head.size))
        );
        assert!(request.old <= head.size && request.old == seen.as_ref().map_or(0, |seen| seen.size));
        if head.size == request.old {
            assert!(request.proof.is_empty() && head.root == seen.map_or(root(false, 0), |seen| seen.root));
        }
        let none = request.judge(&[], |_| None);
        assert_eq!(none, Err(NotSigned::UnknownLog), "whoever knows no log signs nothing");
    }
}

/// A whole checkpoint, or lines by themselves, which are then about the head of the vectors.
fn lines(text: &str) {
    let log = log_key();
    let head = Head::from_checkpoint(text, log.public().as_bytes());
    let head = head.unwrap_or_else(|_| Head::sign(8, root(false, 8), &log));
    let lines = text.split_once("\n\n").map_or(text, |(_, lines)| lines);
    for key in witnesses() {
        found(lines, &head, &Witness::of(&key));
    }
}

/// What counts as a witness's word is its own, about this head and this time, and is spelled as a witness spells it.
fn found(lines: &str, head: &Head, by: &Witness) -> Option<Cosignature> {
    let taken = Cosignature::find(lines, head, by)?;
    let line = taken.line(by);
    let plain = line.strip_suffix('\n').expect("a line has an end");
    assert!(
        lines.split('\n').any(|one| one == plain),
        "another spelling of {plain:?} was taken"
    );
    let (start, bytes) = plain.rsplit_once(' ').expect("a name and a signature");
    assert_eq!(start, format!("\u{2014} {}", by.name()));
    let bytes = STANDARD.decode(bytes).expect("it is base64");
    let id = sha256(&[by.name().as_bytes(), b"\n", &[COSIGNATURE], by.key()]);
    let signature = bytes
        .strip_prefix(&id[..4])
        .and_then(|rest| rest.strip_prefix(&taken.time.to_be_bytes()))
        .expect("the key's id, and the time that it tells");
    let note = format!(
        "{}\n{}\n{}\n",
        origin(&head.key),
        head.size,
        STANDARD.encode(head.root.as_bytes())
    );
    let message = format!("cosignature/v1\ntime {}\n{note}", taken.time);
    let key = VerifyKey::from_bytes(by.key()).expect("a witness's key");
    assert!(
        key.verify_note(message.as_bytes(), signature).is_ok(),
        "nobody signed this"
    );
    assert!(taken.time <= u64::MAX / 2);
    // Neither of another head, nor another's, nor at another time.
    let log = log_key();
    let mut other_root = head.root;
    other_root.0[0] ^= 1;
    for other in [
        Head::sign(head.size ^ 1, head.root, &log),
        Head::sign(head.size, other_root, &log),
        Head::sign(head.size, head.root, &seeded(8)),
    ] {
        assert_eq!(
            Cosignature::find(&line, &other, by),
            None,
            "it was taken for another head"
        );
    }
    let other_key = *seeded(23).public().as_bytes();
    for other in [
        told("another", COSIGNATURE, by.key()),
        told(by.name(), COSIGNATURE, &other_key),
    ] {
        let other: Witness = other.parse().expect("a key as it is told");
        assert_eq!(
            Cosignature::find(&line, head, &other),
            None,
            "it was taken for another's"
        );
    }
    let moved = [&id[..4], &(taken.time ^ 1).to_be_bytes(), signature].concat();
    let moved = format!("{start} {}\n", STANDARD.encode(moved));
    assert_eq!(
        Cosignature::find(&moved, head, by),
        None,
        "it was taken at another time"
    );
    // The newest counts: without it there is none, or an older one.
    let others: Vec<_> = lines.split('\n').filter(|one| *one != plain).collect();
    let next = Cosignature::find(&others.join("\n"), head, by);
    assert!(
        next.is_none_or(|next| next.time <= taken.time),
        "a newer one was passed over"
    );
    Some(taken)
}

/// A line with a time that [`Cosignature::sign`] does not sign, or with more behind the signature.
fn signed_by_hand(head: &Head, time: u64, key: &SignKey, more: &[u8]) -> String {
    let root = STANDARD.encode(head.root.as_bytes());
    let note = format!("{}\n{}\n{root}\n", origin(&head.key), head.size);
    let signature = key.sign_note(format!("cosignature/v1\ntime {time}\n{note}").as_bytes());
    let by = Witness::of(key);
    let id = sha256(&[by.name().as_bytes(), b"\n", &[COSIGNATURE], by.key()]);
    let bytes = STANDARD.encode([&id[..4], &time.to_be_bytes(), &signature, more].concat());
    format!("\u{2014} {} {bytes}\n", by.name())
}

/// Two words about a head, one of them maybe spoilt, among other lines.
fn signed_lines(input: &mut Input<'_>) {
    let size = u64::from(input.byte()) % (LEAVES + 1);
    let (spoilt, at) = (input.byte(), usize::from(input.byte()));
    let times = [input.long(), input.long()];
    let rest = String::from_utf8_lossy(input.rest()).into_owned();
    let others: Vec<_> = rest.split('\n').collect();
    let (before, after) = others.split_at(at % (others.len() + 1));
    let [key, stranger] = witnesses();
    let by = Witness::of(&key);
    let head = Head::sign(size, root(false, size), &log_key());
    let [first, second] = times.map(|time| Cosignature::sign(&head, time, &key));
    let good = first.line(&by);
    let (bad, holds) = match spoilt % 11 {
        0 => (Cosignature::sign(&head, times[1], &stranger).line(&by), false),
        1 => (
            Cosignature::sign(&Head::sign(size + 1, head.root, &log_key()), times[1], &key).line(&by),
            false,
        ),
        2 => (second.line(&Witness::of(&stranger)), false),
        3 => (second.line(&by).replacen('\u{2014}', "-", 1), false),
        4 => (second.line(&by).replace('\n', "\r\n"), false),
        5 => (second.line(&by).replace('\n', "=\n"), false),
        6 => (second.line(&by).replace('\n', " \n"), false),
        7 => (signed_by_hand(&head, times[1] | 1 << 63, &key, b""), false),
        8 => (signed_by_hand(&head, second.time, &key, b"more"), false),
        9 => (second.line(&by).replacen(by.name(), "another", 1), false),
        _ => (second.line(&by), true),
    };
    let text = [&before.join("\n"), "\n", &bad, &good, &after.join("\n")].concat();
    let taken = found(&text, &head, &by).expect("one that holds is found among others");
    let newest = if holds { first.time.max(second.time) } else { first.time };
    assert!(taken.time >= newest, "a newer one was passed over");
    // Nothing that others can write is newer than what the witness said: its key is not theirs.
    assert!(taken.time == newest || rest.contains(by.name()), "nobody said this");
    found(&text, &head, &Witness::of(&stranger));
}

/// What a log asks that signs whatever it likes: granted is what goes on from what was seen, and nothing else.
fn asked(input: &mut Input<'_>) {
    let (flags, size) = (input.byte(), u64::from(input.byte()) % (LEAVES + 1));
    let (old, seen) = (u64::from(input.byte()) % 48, u64::from(input.byte()) % (LEAVES + 1));
    let [forked, forked_seen, unknown, stranger] = [1, 2, 4, 8].map(|flag| flags & flag != 0);
    let old = if flags & 16 == 0 { seen } else { old };
    let tree = &trees()[usize::from(forked)];
    let honest = tree.consistency(old.min(size), size).expect("both are in the tree");
    // Hashes that a liar has at hand: those of the honest proof, of leaves, of roots.
    let pick = |by: u8| match by {
        0..=31 => honest.get(usize::from(by)).copied(),
        32..=127 => Some(leaf_hash(&u64::from(by - 32).to_be_bytes())),
        _ => tree.root(u64::from(by - 128)),
    };
    let proof: Vec<Hash> = match input.rest() {
        [] => honest.clone(),
        // A byte says which; more of them than a proof may have, too.
        by => by.iter().take(80).map(|by| pick(*by).unwrap_or(Hash::ZERO)).collect(),
    };
    let key = if stranger { seeded(8) } else { log_key() };
    let log = LogKey(*key.public().as_bytes());
    let head = Head::sign(size, root(forked, size), &key);
    let request = AddCheckpoint {
        old,
        proof,
        checkpoint: head.checkpoint(),
    };
    let back = read(&request.to_string());
    assert_eq!(
        back.is_some(),
        request.proof.len() <= limits::PROOF_LINES,
        "as long as it may be"
    );
    let Some(back) = back else { return };
    assert_eq!(back, request);
    let known = if unknown {
        Vec::new()
    } else {
        vec![LogKey([7; 32]), log]
    };
    let before = Head::sign(seen, root(forked_seen, seen), &key);
    let judged = back.judge(&known, |of| (*of == log).then(|| before.clone()));
    let one_history = tree.root(seen) == Some(before.root);
    let expected = if unknown {
        Err(NotSigned::UnknownLog)
    } else if old > size {
        Err(NotSigned::Malformed)
    } else if old != seen {
        Err(NotSigned::OldSize(seen))
    } else if size == seen && !one_history {
        Err(NotSigned::Fork(seen))
    } else if one_history && request.proof == honest {
        Ok((log, head.clone()))
    } else {
        Err(NotSigned::Inconsistent)
    };
    assert_eq!(judged, expected);
    if judged.is_ok() {
        let by = &witnesses()[0];
        let signed = Cosignature::sign(&head, u64::from(flags), by);
        let whole = request.checkpoint + &signed.line(&Witness::of(by));
        assert_eq!(
            Head::from_checkpoint(&whole, &log.0),
            Ok(head.clone()),
            "others' lines are passed over"
        );
        assert_eq!(Cosignature::find(&whole, &head, &Witness::of(by)), Some(signed));
    }
}
