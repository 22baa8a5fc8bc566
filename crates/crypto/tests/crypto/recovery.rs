//! The recovery key on paper and back.

use holdfast_crypto::{Error, RecoveryKey};

use crate::support::{FixedRng, TestRng};

#[test]
fn comes_back_from_paper_however_it_is_typed() {
    let key = RecoveryKey::make(&mut TestRng::new(5));
    let words = key.words();
    assert_eq!(words.split(' ').count(), 24);
    let lines: String = words
        .split(' ')
        .enumerate()
        .map(|(n, w)| format!("{w}{}", if n % 6 == 5 { "\r\n" } else { "\t " }))
        .collect();
    for typed in [words.to_string(), words.to_uppercase(), format!("\n  {lines}")] {
        let read = RecoveryKey::from_words(&typed).unwrap();
        assert!(read.box_key() == key.box_key(), "{typed}");
        assert_eq!(read.locator(), key.locator());
        assert_eq!(*read.words(), *words);
    }
}

/// The standard's own vectors for 256 bits (all zeros, 0x7f, 0x80, all ones).
#[test]
fn words_are_the_standard_encoding() {
    for (byte, first, last) in [
        (0x00, "abandon", "art"),
        (0x7f, "legal", "title"),
        (0x80, "letter", "bless"),
        (0xff, "zoo", "vote"),
    ] {
        let words = RecoveryKey::make(&mut FixedRng(vec![byte; 32])).words();
        let words: Vec<&str> = words.split(' ').collect();
        assert_eq!((words[0], words[23]), (first, last));
    }
}

#[test]
fn says_what_is_wrong() {
    let words = RecoveryKey::make(&mut TestRng::new(6)).words();
    let list: Vec<&str> = words.split(' ').collect();
    let reason = |typed: &str| match RecoveryKey::from_words(typed) {
        Err(Error::Recovery(reason)) => reason,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted: {typed}"),
    };
    assert!(reason("").contains("24"));
    assert!(reason(&list[..23].join(" ")).contains("24"));
    assert!(reason(&list[..12].join(" ")).contains("24"));
    assert!(reason(&format!("{} zoo", *words)).contains("24"));
    assert!(reason(&words.replacen(list[4], "holdfast", 1)).contains("list"));
    assert!(reason(&"zoo ".repeat(100_000)).contains("more"));
    // Ten times the longest honest text is still read; a letter more is not.
    let room = 10 * 24 * 9 - words.len();
    assert!(RecoveryKey::from_words(&format!("{}{}", *words, " ".repeat(room))).is_ok());
    assert!(reason(&format!("{}{}", *words, " ".repeat(room + 1))).contains("more"));
    let mut swapped = list.clone();
    swapped.swap(0, 1);
    assert_ne!(swapped, list);
    assert!(reason(&swapped.join(" ")).contains("belong"));
}

#[test]
fn locator_and_box_key_are_unrelated_to_the_eye() {
    let key = RecoveryKey::make(&mut TestRng::new(7));
    assert_ne!(&key.box_key().expose()[..16], &key.locator());
}
