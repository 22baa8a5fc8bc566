//! Which phrases are accepted, and that one phrase is one sequence of bytes however it was typed.

use holdfast_crypto::{Error, Phrase, normalized, word_list};

use crate::support::{TestRng, bytes, own, read, text};

fn same(one: &str, other: &str) -> bool {
    normalized(&Phrase::new(one).unwrap()) == normalized(&Phrase::new(other).unwrap())
}

fn refused(text: &str) -> bool {
    matches!(Phrase::new(text), Err(Error::Phrase(_)))
}

#[test]
fn pinned_phrases_normalize_as_pinned() {
    for vector in read(&own("phrases.json")) {
        let phrase = Phrase::new(text(&vector, "typed"));
        if vector["refused"].as_bool() == Some(true) {
            assert!(matches!(phrase, Err(Error::Phrase(_))), "accepted: {vector}");
        } else {
            assert_eq!(normalized(&phrase.unwrap()), bytes(&vector, "utf8"), "{vector}");
        }
    }
}

#[test]
fn keyboards_that_compose_differently_agree() {
    assert!(same("caf\u{e9}", "cafe\u{301}"), "NFC and NFD");
    assert!(same("\u{fb01}n", "fin"), "ligature");
    assert!(same("\u{ff28}\u{ff4f}\u{ff4c}\u{ff44}", "Hold"), "full width");
    assert!(same("a\u{a0}", "a "), "no-break space");
    assert!(same("\u{1e69}", "s\u{307}\u{323}"), "two marks in either order");
    assert!(
        same("\u{5d1}\u{5bc}\u{5b8}", "\u{5d1}\u{5b8}\u{5bc}"),
        "Hebrew points in either order"
    );
    assert!(same("\u{d55c}", "\u{1112}\u{1161}\u{11ab}"), "Hangul");
}

#[test]
fn what_differs_for_the_reader_stays_different() {
    for (one, other) in [
        ("a", "a "),
        ("a", "A"),
        ("a b", "a  b"),
        ("a", "\u{430}"),
        ("\u{1f469}\u{200d}\u{1f680}", "\u{1f469}\u{1f680}"),
    ] {
        assert!(!same(one, other), "{one:?} and {other:?}");
    }
}

#[test]
fn refuses_what_cannot_be_typed_the_same_everywhere() {
    for text in [
        "",
        "a\tb",
        "a\n",
        "\r",
        "\0",
        "\u{7f}",
        "\u{85}",
        "\u{378}",
        "\u{fdd0}",
        "\u{ffff}",
        "\u{10ffff}",
    ] {
        assert!(refused(text), "{text:?}");
    }
    assert!(refused("\u{2ffc}"), "Unicode 15.1");
    assert!(refused("\u{1c89}"), "Unicode 16.0");
    assert!(!refused("\u{1e030}\u{11f00}"), "Unicode 15.0");
}

/// Unicode 15.0 counts 149,186 characters and 137,468 code points for private use; nothing else is left.
#[test]
fn accepts_exactly_the_characters_of_unicode_15() {
    let accepted = ('\0'..=char::MAX)
        .filter(|c| Phrase::new(c.encode_utf8(&mut [0; 4])).is_ok())
        .count();
    assert_eq!(accepted, 149_186 + 137_468);
}

#[test]
fn length_counts_after_normalization() {
    assert!(!refused(&"a".repeat(1024)));
    assert!(refused(&"a".repeat(1025)));
    assert!(
        !refused(&"\u{1d400}".repeat(1024)),
        "4,096 bytes that normalize to 1,024"
    );
    assert!(refused(&"\u{1d400}".repeat(1025)));
    assert!(!refused(&"\u{fdfa}".repeat(31)), "33 bytes each");
    assert!(refused(&"\u{fdfa}".repeat(32)));
    assert!(refused(&"a".repeat(100_000_000)), "refused without reading it");
}

#[test]
fn a_file_loses_exactly_one_line_end() {
    let read = |bytes: &[u8]| Phrase::from_file_bytes(bytes).map(|phrase| normalized(&phrase).to_vec());
    assert_eq!(read(b"a b").unwrap(), b"a b");
    assert_eq!(read(b"a b\n").unwrap(), b"a b");
    assert_eq!(read(b"a b\r\n").unwrap(), b"a b");
    assert_eq!(read(b" a b \n").unwrap(), b" a b ");
    for bytes in [
        &b"a\n\n"[..],
        b"a\r",
        b"a\r\r\n",
        b"\na",
        b"\n",
        b"",
        b"\xff",
        b"\xef\xbb\xbfa\n",
    ] {
        assert!(matches!(read(bytes), Err(Error::Phrase(_))), "{bytes:?}");
    }
}

#[test]
fn generated_phrases_are_eight_words_drawn_evenly() {
    let mut rng = TestRng::new(1);
    let mut counts = vec![0u32; word_list().len()];
    let phrases = 12_500;
    for _ in 0..phrases {
        let (phrase, text) = Phrase::generate(&mut rng);
        assert_eq!(normalized(&phrase), text.as_bytes());
        let words: Vec<&str> = text.split(' ').collect();
        assert_eq!(words.len(), 8);
        for word in words {
            counts[word_list().binary_search(&word).expect("a word of the list")] += 1;
        }
    }
    // Chi-square with 7,775 degrees of freedom: mean 7,775, standard deviation 124.7.
    let expected = f64::from(phrases * 8) / 7776.0;
    let chi_square: f64 = counts
        .iter()
        .map(|&count| (f64::from(count) - expected).powi(2) / expected)
        .sum();
    assert!((chi_square - 7775.0).abs() < 5.0 * 124.7, "chi-square {chi_square}");
}
