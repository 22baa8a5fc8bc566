//! The word list and the six security words.

use std::collections::HashSet;

use holdfast_crypto::{parse_words, security_words, sha256, word_list};

#[test]
fn the_list_is_the_eff_list() {
    let list = word_list();
    assert_eq!((list[0], list[7775]), ("abacus", "zoom"));
    assert!(list.is_sorted());
    assert_eq!(list.iter().collect::<HashSet<_>>().len(), 7776);
    let file = list.join("\n") + "\n";
    assert_eq!(
        hex::encode(sha256(&[file.as_bytes()])),
        "6d557f0693958fb5e650b68b5bee585eb82cf4da32965505c789e924743bc522"
    );
}

#[test]
fn words_are_read_as_people_type_them() {
    let words = security_words(&[7; 32]);
    assert_eq!(parse_words(&words.join(" ")), Some(words));
    assert_eq!(
        parse_words(&format!("  {}\n", words.join(",\t").to_uppercase())),
        Some(words)
    );
    assert_eq!(parse_words(&words[..5].join(" ")), None);
    assert_eq!(parse_words(&[&words.join(" "), " zoom"].concat()), None);
    assert_eq!(parse_words(&words.join("-")), Some(words));
    assert_eq!(parse_words(&format!("1. {}.", words.join("; 2. "))), Some(words));
    assert_eq!(parse_words(&words.concat()), None);
    assert_eq!(parse_words(&words.join(" ").replacen(words[2], "holdfast", 1)), None);
    assert_eq!(parse_words(""), None);
    assert_eq!(parse_words(",,,,,,"), None);
    let hyphens = Some(["yo-yo", "drop-down", "t-shirt", "felt-tip", "zoom", "down"]);
    assert_eq!(parse_words("yo-yo Drop-Down T-shirt felt-tip zoom down"), hyphens);
    assert_eq!(parse_words("yo-yo-drop-down-t-shirt-felt-tip-zoom-down"), hyphens);
    assert_eq!(parse_words("yo-yo drop-down t-shirt felt-tip zoom felt"), None);
}

#[test]
fn a_flipped_bit_changes_the_words() {
    let words = security_words(&[0; 32]);
    let mut seen = HashSet::from([words]);
    for bit in [0, 1, 127, 255] {
        let mut fingerprint = [0; 32];
        fingerprint[bit / 8] ^= 1 << (bit % 8);
        assert!(seen.insert(security_words(&fingerprint)), "bit {bit}");
    }
}
