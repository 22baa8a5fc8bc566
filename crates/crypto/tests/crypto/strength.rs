//! The floor for phrases that people make up, and that generated ones clear it.

use holdfast_crypto::{Error, Key32, MIN_PHRASE_BITS, Phrase, word_list};

use crate::support::TestRng;

#[test]
fn generated_phrases_pass() {
    let mut rng = TestRng::new(2);
    let mut least = u32::MAX;
    for _ in 0..300 {
        let (_, text) = Phrase::generate(&mut rng);
        let bits = Phrase::guess_bits(&text);
        least = least.min(bits);
        assert!(bits >= MIN_PHRASE_BITS, "{bits} bits: {}", *text);
        assert!(bits <= 103, "eight words are 103 bits, not {bits}");
    }
    eprintln!("least of 300: {least} bits");
}

/// The phrases that look worst to a meter: only the list's shortest words.
#[test]
fn eight_short_words_pass() {
    let mut rng = TestRng::new(3);
    let short: Vec<&str> = word_list().iter().copied().filter(|word| word.len() == 3).collect();
    for _ in 0..50 {
        // Every tenth word from somewhere on: far enough apart to count.
        let start = usize::from(Key32::random(&mut rng).expose()[0]) % 10;
        let words: Vec<&str> = short.iter().copied().skip(start).step_by(10).collect();
        let text = words.join(" ");
        assert!(
            words.len() >= 8 && Phrase::check_strength(&text).is_ok(),
            "{} {text}",
            Phrase::guess_bits(&text)
        );
    }
}

#[test]
fn weak_phrases_are_refused_with_their_bits() {
    for text in [
        "password",
        "Tr0ub4dor&3",
        "correct horse battery staple",
        "password password password password password password password password",
        "zoom zoom zoom zoom zoom zoom zoom zoom zoom zoom",
        "abacus abdomen abdominal abide abiding ability ablaze able abnormal abrasion",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "qwertyuiopasdfghjklzxcvbnm1234567890",
        "holdfastholdfastholdfast",
        "19.07.1978 Peter Schmidt Berlin",
        " ",
        "\u{301}\u{301}\u{301}",
    ] {
        let result = Phrase::check_strength(text);
        assert!(
            matches!(result, Err(Error::WeakPhrase(bits)) if bits < MIN_PHRASE_BITS),
            "{text:?}: {result:?}"
        );
    }
}

#[test]
fn words_of_the_list_count_what_a_random_draw_is_worth() {
    assert!(
        Phrase::guess_bits("granola unpaid debit skimmer jawline") <= 64,
        "five words"
    );
    assert!(
        Phrase::guess_bits("Granola UNPAID debit skimmer jawline") <= 64,
        "in any case"
    );
    let six = Phrase::guess_bits("granola unpaid debit skimmer jawline truffle");
    assert!(six <= 77, "six words: {six}");
    assert_eq!(
        Phrase::guess_bits("granola unpaid debit skimmer jawline truffle bulge"),
        90
    );
    let repeated = Phrase::guess_bits("granola unpaid debit skimmer jawline granola unpaid debit");
    assert!(repeated <= 64, "a repeated word counts once: {repeated}");
}

#[test]
fn disguises_do_not_help() {
    assert_eq!(
        Phrase::guess_bits("\u{ff50}\u{ff41}\u{ff53}\u{ff53}\u{ff57}\u{ff4f}\u{ff52}\u{ff44}"),
        Phrase::guess_bits("password")
    );
    assert_eq!(Phrase::guess_bits("p\u{e4}ssw\u{f6}rd"), Phrase::guess_bits("password"));
}

#[test]
fn a_random_string_passes() {
    assert_eq!(Phrase::check_strength("mW9#vR2!kQ7zLx4@Tb6N0h"), Ok(()));
    let long = "mW9#vR2!kQ7zLx4@Tb6N0h".repeat(3) + "Jd8$Yp5^";
    assert!(Phrase::guess_bits(&long) >= 70, "above what zxcvbn can count");
}

/// zxcvbn counts to 64 bits; adding up pieces must neither stop there nor invent anything where it did not.
#[test]
fn long_phrases_are_metered_piece_by_piece() {
    let piece = Phrase::guess_bits("mW9#vR2!kQ");
    let two = Phrase::guess_bits("mW9#vR2!kQ7zLx4@Tb6N");
    let four = Phrase::guess_bits("mW9#vR2!kQ7zLx4@Tb6N0hJd8$Yp5^Gs1&Xc3*Fe");
    assert!((31..=34).contains(&piece), "{piece}");
    assert!((2 * piece - 2..=2 * piece + 2).contains(&two), "{two}");
    assert!((4 * piece - 4..=4 * piece + 4).contains(&four), "{four}");
    for text in [
        "ab".repeat(50),
        "123456789".repeat(11),
        "password".repeat(12),
        "x".repeat(1000),
    ] {
        assert!(Phrase::guess_bits(&text) < 30, "{text}");
    }
    let sentence = "my mother always told me to never trust a stranger with candy";
    eprintln!("{} bits: {sentence}", Phrase::guess_bits(sentence));
}

#[test]
fn what_is_not_a_phrase_has_no_strength() {
    assert_eq!(Phrase::guess_bits("a\0b"), 0);
    assert!(matches!(Phrase::check_strength("a\0b"), Err(Error::Phrase(_))));
}
