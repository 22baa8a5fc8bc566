//! Witnesses: vectors of keys, cosignatures and requests, and everything that must not be co-signed or counted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_crypto::{Secret, SignKey, sha256};
use holdfast_protocol::id::Hash;
use holdfast_protocol::limits;
use holdfast_protocol::transparency::{Head, Tree, leaf_hash};
use holdfast_protocol::witness::{AddCheckpoint, Cosignature, LogKey, NotSigned, Witness};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::golden::{load, save};

const TIME: u64 = 1_790_000_000;

fn key(seed: u8) -> SignKey {
    SignKey::from_seed(Secret::fill_with(|bytes| bytes.fill(seed)))
}

fn log() -> LogKey {
    LogKey(*key(7).public().as_bytes())
}

/// A log of so many leaves, and another one with the same beginning.
fn tree(size: u64, other_from: u64) -> Tree {
    let mut tree = Tree::default();
    for n in 0..size {
        let leaf = if n < other_from { n } else { n + 1_000 };
        tree.push(leaf_hash(&leaf.to_be_bytes()));
    }
    tree
}

fn head(tree: &Tree, size: u64) -> Head {
    Head::sign(size, tree.root(size).unwrap(), &key(7))
}

fn request(tree: &Tree, old: u64, size: u64) -> AddCheckpoint {
    AddCheckpoint {
        old,
        proof: tree.consistency(old, size).unwrap(),
        checkpoint: head(tree, size).checkpoint(),
    }
}

fn lines(checkpoint: &str) -> &str {
    checkpoint.split_once("\n\n").unwrap().1
}

#[test]
#[ignore = "writes the golden vectors of witnesses"]
fn generate_witness() {
    let tree = tree(8, 8);
    let witnesses: Vec<Value> = [21, 22]
        .iter()
        .map(|&seed| {
            let (key, head) = (key(seed), head(&tree, 8));
            let (witness, cosignature) = (Witness::of(&key), Cosignature::sign(&head, TIME, &key));
            json!({"seed": hex::encode([seed; 32]), "verifier_key": witness.to_string(), "name": witness.name(),
                "key": hex::encode(witness.key()), "time": TIME, "line": cosignature.line(&witness)})
        })
        .collect();
    let all: String = witnesses.iter().map(|row| row["line"].as_str().unwrap()).collect();
    save(
        "witness.json",
        &json!({"log": log().to_string(), "log_key": hex::encode(log().0), "witnesses": witnesses,
            "checkpoint": head(&tree, 8).checkpoint() + &all,
            "requests": [request(&tree, 0, 5).to_string(), request(&tree, 5, 8).to_string(), request(&tree, 8, 8).to_string()]}),
    );
}

#[test]
fn the_pinned_witnesses_hold() {
    let pinned = load("witness.json");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(text(&pinned["log"]).parse(), Ok(log()));
    assert_eq!(log().to_string(), text(&pinned["log"]));
    let checkpoint = text(&pinned["checkpoint"]);
    let head = Head::from_checkpoint(&checkpoint, &log().0).unwrap();
    assert_eq!(head.size, 8);
    for (row, seed) in pinned["witnesses"].as_array().unwrap().iter().zip([21, 22]) {
        let witness: Witness = text(&row["verifier_key"]).parse().unwrap();
        assert_eq!(witness, Witness::of(&key(seed)));
        assert_eq!(witness.to_string(), text(&row["verifier_key"]));
        assert_eq!(
            (witness.name(), hex::encode(witness.key())),
            (row["name"].as_str().unwrap(), text(&row["key"]))
        );
        let made = Cosignature::sign(&head, row["time"].as_u64().unwrap(), &key(seed));
        assert_eq!(made.line(&witness), text(&row["line"]));
        assert_eq!(Cosignature::find(lines(&checkpoint), &head, &witness), Some(made));
    }
    let mut seen: Option<Head> = None;
    for row in pinned["requests"].as_array().unwrap() {
        let request: AddCheckpoint = text(row).parse().unwrap();
        assert_eq!(request.to_string(), text(row));
        seen = Some(request.judge(&[log()], |_| seen.clone()).unwrap().1);
    }
    assert_eq!(seen, Some(head));
}

#[test]
fn a_witness_signs_one_history_and_says_why_it_does_not() {
    let (honest, forked) = (tree(12, 12), tree(12, 6));
    let judge = |request: &AddCheckpoint, seen: Option<u64>| {
        let seen = seen.map(|size| head(&honest, size));
        request.judge(&[log()], |_| seen.clone()).map(|(_, head)| head.size)
    };
    assert_eq!(judge(&request(&honest, 0, 8), None), Ok(8));
    assert_eq!(
        judge(&request(&honest, 8, 8), Some(8)),
        Ok(8),
        "once more, with another time"
    );
    assert_eq!(judge(&request(&honest, 8, 12), Some(8)), Ok(12));
    // The fork begins behind leaf 5.
    assert_eq!(judge(&request(&forked, 8, 8), Some(8)), Err(NotSigned::Fork(8)));
    assert_eq!(judge(&request(&forked, 8, 12), Some(8)), Err(NotSigned::Inconsistent));
    assert_eq!(judge(&request(&forked, 5, 12), Some(8)), Err(NotSigned::OldSize(8)));
    assert_eq!(judge(&request(&forked, 0, 12), Some(8)), Err(NotSigned::OldSize(8)));
    assert_eq!(
        judge(&request(&forked, 5, 12), Some(5)),
        Ok(12),
        "who saw no more than the beginning can't know"
    );
    // A log that went back.
    assert_eq!(judge(&request(&honest, 5, 7), Some(8)), Err(NotSigned::OldSize(8)));
    let back = AddCheckpoint {
        old: 8,
        ..request(&honest, 5, 7)
    };
    assert_eq!(judge(&back, Some(8)), Err(NotSigned::Malformed));
    let mut longer = request(&honest, 8, 8);
    longer.proof.push(Hash([1; 32]));
    assert_eq!(judge(&longer, Some(8)), Err(NotSigned::Inconsistent));
    // Somebody else's log, and a head that nobody signed.
    let all = |request: &AddCheckpoint, logs: &[LogKey]| request.judge(logs, |_| None).map(|_| ());
    let stranger = LogKey(*key(8).public().as_bytes());
    assert_eq!(all(&request(&honest, 0, 8), &[stranger]), Err(NotSigned::UnknownLog));
    assert_eq!(all(&request(&honest, 0, 8), &[]), Err(NotSigned::UnknownLog));
    let mut unsigned = request(&honest, 0, 8);
    unsigned.checkpoint = unsigned.checkpoint.replacen("\n8\n", "\n9\n", 1);
    assert_eq!(all(&unsigned, &[log()]), Err(NotSigned::Unsigned));
    // An empty log has one root.
    let made_up = AddCheckpoint {
        old: 0,
        proof: Vec::new(),
        checkpoint: Head::sign(0, Hash([1; 32]), &key(7)).checkpoint(),
    };
    assert_eq!(all(&made_up, &[log()]), Err(NotSigned::Fork(0)));
}

#[test]
fn a_cosignature_is_of_one_head_one_time_and_one_witness() {
    let tree = tree(12, 12);
    let (head, by) = (head(&tree, 8), Witness::of(&key(21)));
    let line = Cosignature::sign(&head, TIME, &key(21)).line(&by);
    assert!(Cosignature::find(&line, &head, &by).is_some());
    assert!(Cosignature::find(&line, &Head::sign(12, tree.root(12).unwrap(), &key(7)), &by).is_none());
    assert!(Cosignature::find(&line, &head, &Witness::of(&key(22))).is_none());
    // Another one's signature under this name, and with this id.
    let others = Cosignature::sign(&head, TIME, &key(22)).line(&by);
    assert!(Cosignature::find(&others, &head, &by).is_none());
    // Neither takes the place of the good one, and the newest of several counts.
    let newer = Cosignature::sign(&head, TIME + 60, &key(21)).line(&by);
    let together = [others.as_str(), &newer, &line, "\u{2014} x AAAAAAAA\n", "no line\n"].concat();
    assert_eq!(Cosignature::find(&together, &head, &by).unwrap().time, TIME + 60);
    // One spelling, as of the lines of a note.
    assert!(Cosignature::find(&line.replace('\n', "\r\n"), &head, &by).is_none());
    // The log's own signature is none, whatever it is called.
    assert!(Cosignature::find(lines(&head.checkpoint()), &head, &by).is_none());
}

#[test]
fn keys_have_one_spelling() {
    let witness = Witness::of(&key(21)).to_string();
    assert!(log().to_string().parse::<Witness>().is_err(), "a log is no witness");
    assert!(witness.parse::<LogKey>().is_err(), "a witness is no log");
    let named = witness.replacen("holdfast-witness/", "elsewhere/", 1);
    assert!(named.parse::<Witness>().is_err(), "the id is that of name and key");
    for wrong in [
        String::new(),
        witness.replace('+', " "),
        witness.to_uppercase(),
        format!("{witness}="),
        format!("{witness}\n"),
        format!(" {witness}"),
        "+00000000+BA==".to_owned(),
        format!("x+00000000+{}", "A".repeat(44)),
    ] {
        assert!(wrong.parse::<Witness>().is_err(), "{wrong:?}");
    }
}

/// Each with the id that belongs to it: what is wrong is the name or the key itself.
#[test]
fn names_are_plain_and_keys_can_carry_signatures() {
    let spelled = |name: &str, kind: u8, key: &[u8]| {
        let id = hex::encode(&sha256(&[name.as_bytes(), b"\n", &[kind], key])[..4]);
        format!("{name}+{id}+{}", STANDARD.encode([&[kind], key].concat()))
    };
    let own = *key(21).public().as_bytes();
    let reads = |text: String| text.parse::<Witness>().is_ok_and(|witness| witness.to_string() == text);
    let longest = "n".repeat(limits::KEY_NAME);
    for name in ["witness.example/w", "w", longest.as_str()] {
        assert!(reads(spelled(name, 4, &own)), "{name}");
    }
    let longer = "n".repeat(limits::KEY_NAME + 1);
    for name in ["", "a b", "a\u{a0}b", "a\u{7f}b", "a\nb", longer.as_str()] {
        assert!(!reads(spelled(name, 4, &own)), "{name:?}");
    }
    for kind in [0, 1, 5] {
        assert!(!reads(spelled("w", kind, &own)), "{kind}");
    }
    let mut small_order = [0; 32];
    small_order[0] = 1;
    assert!(!reads(spelled("w", 4, &small_order)));
    assert!(!reads(spelled("w", 4, &own[1..])));
    assert!(!reads(spelled("w", 4, &[&own[..], &[0]].concat())));
    // A log's name follows from its key.
    assert!(spelled("holdfast-directory/0", 1, &own).parse::<LogKey>().is_err());
}

#[test]
fn requests_have_one_form() {
    let text = request(&tree(12, 12), 5, 12).to_string();
    assert!(text.parse::<AddCheckpoint>().is_ok());
    let hash = text.lines().nth(1).unwrap().to_owned() + "\n";
    for wrong in [
        text.replacen("old 5\n", "old 05\n", 1),
        text.replacen("old 5\n", "old +5\n", 1),
        text.replacen("old 5\n", "old  5\n", 1),
        text.replacen("old 5\n", "old 18446744073709551616\n", 1),
        text.replacen("old 5\n", "5\n", 1),
        text.replacen("old 5\n", "old 5\r\n", 1),
        text.replacen(&hash, &hash[4..], 1),
        text.replacen(&hash, &hash.repeat(limits::PROOF_LINES), 1),
        text.replacen("\n\n", "\n", 2),
        text.lines().next().unwrap().to_owned(),
        String::new(),
        format!("{text}{}", "x".repeat(limits::CHECKPOINT)),
    ] {
        assert!(wrong.parse::<AddCheckpoint>().is_err(), "{wrong:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_of_a_cosignature_is_not_counted(place in 0_usize..10_000, bit in 0_u8..8) {
        let (head, by) = (head(&tree(8, 8), 8), Witness::of(&key(21)));
        let mut line = Cosignature::sign(&head, TIME, &key(21)).line(&by).into_bytes();
        // But for the line feed, behind which nothing comes.
        let place = place % (line.len() - 1);
        line[place] ^= 1 << bit;
        if let Ok(line) = String::from_utf8(line) {
            prop_assert!(Cosignature::find(&line, &head, &by).is_none());
        }
    }

    #[test]
    fn whatever_is_asked_two_histories_are_never_signed(
        asked in proptest::collection::vec((any::<bool>(), 0_u64..13, 0_u64..13, any::<bool>()), 1..40)
    ) {
        let trees = [tree(12, 12), tree(12, 6)];
        let mut seen: Option<Head> = None;
        let mut signed: Vec<Head> = Vec::new();
        for (forked, old, size, honest_size) in asked {
            let tree = &trees[usize::from(forked)];
            // Whoever lies can say any size, and the right one.
            let old = if honest_size { seen.as_ref().map_or(0, |head| head.size) } else { old };
            let request = AddCheckpoint {
                old,
                proof: tree.consistency(old.min(size), size).unwrap(),
                checkpoint: head(tree, size).checkpoint(),
            };
            if let Ok((_, head)) = request.judge(&[log()], |_| seen.clone()) {
                signed.push(head.clone());
                seen = Some(head);
            }
        }
        let of = |tree: &Tree| signed.iter().all(|head| tree.root(head.size) == Some(head.root));
        prop_assert!(of(&trees[0]) || of(&trees[1]), "{signed:?}");
        prop_assert!(signed.is_sorted_by_key(|head| head.size));
    }
}
