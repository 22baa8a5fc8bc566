//! How hard a phrase is to guess, by two meters.
//!
//! zxcvbn models people: names, dates, keyboard walks, common words. But it counts in 64 bits, and the floor is 70; so a long
//! phrase is metered piece by piece and the pieces are added up. And it does not know that somebody may try the words
//! of the very list that Holdfast draws from: a phrase made only of those is counted by the list instead.

use zeroize::Zeroizing;
use zxcvbn::matching::Match;
use zxcvbn::matching::patterns::MatchPattern;

use super::Phrase;
use crate::words::{position, word_list};

/// The floor in bits for a phrase that somebody made up.
pub const MIN_PHRASE_BITS: u32 = 70;
/// The same where a second secret stands beside it: whoever has the device has that, too, and this is what holds then.
pub const MIN_PHRASE_BITS_WITH_SECOND: u32 = 40;

/// zxcvbn is slow on long input and stops there itself.
const METERED_CHARS: usize = 100;
/// List words this close in the alphabet count once: "abacus abdomen abdominal" is one choice, not three.
const NEIGHBOURS: usize = 8;
/// From this many list words on, a phrase passes for drawn and not made up.
const DRAWN_WORDS: usize = 7;

/// The estimate in whole bits, rounded down.
pub(super) fn guess_bits(phrase: &Phrase) -> u32 {
    let bits = match list_words(phrase.as_str()) {
        Some(words) if words >= DRAWN_WORDS => by_list(words),
        Some(words) => by_list(words).min(by_people(phrase)),
        None => by_people(phrase),
    };
    // In range: zxcvbn looks at 100 characters, the list at 1,024 bytes.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = bits.max(0.0).floor() as u32;
    whole
}

/// Whether a drawn phrase will still pass for drawn when somebody types it in (one in 500 repeats itself too much).
pub(super) fn looks_drawn(text: &str) -> bool {
    list_words(text).is_some_and(|words| words >= DRAWN_WORDS)
}

/// 12.92 bits for each word.
fn by_list(words: usize) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let bits = words as f64 * (word_list().len() as f64).log2();
    bits
}

/// How many different words there are when all of them are in the list; `None` when one is not.
fn list_words(text: &str) -> Option<usize> {
    let mut counted: Vec<usize> = Vec::new();
    for word in text.split_whitespace() {
        let place = position(word)?;
        if counted.iter().all(|other| other.abs_diff(place) > NEIGHBOURS) {
            counted.push(place);
        }
    }
    (!counted.is_empty()).then_some(counted.len())
}

/// zxcvbn, piece by piece: as much text as it can count is metered at once; the last match of a piece may be cut short by
/// the end of the piece, so the next piece begins there.
fn by_people(phrase: &Phrase) -> f64 {
    let text = metered(phrase);
    let mut bits = 0.0;
    let mut start = 0;
    while start < text.len() {
        let (end, matches) = longest_piece(&text, start);
        let complete = match matches.as_slice() {
            [first @ .., _] if end < text.len() && !first.is_empty() => first,
            all => all,
        };
        bits += complete.iter().map(match_bits).sum::<f64>();
        start += complete.iter().map(|part| part.j + 1).max().unwrap_or(end - start);
    }
    bits
}

/// The text as the meter sees it: without accents, which would hide the word below them from the dictionaries, and each
/// word once, because saying a word again adds nothing.
fn metered(phrase: &Phrase) -> Zeroizing<Vec<char>> {
    let mut words: Vec<Zeroizing<String>> = Vec::new();
    let mut text = Zeroizing::new(Vec::with_capacity(METERED_CHARS));
    for word in phrase.as_str().split_whitespace() {
        let lower = Zeroizing::new(word.to_lowercase());
        if !words.contains(&lower) {
            words.push(lower);
            let separator = (!text.is_empty()).then_some(' ');
            let letters = word.chars().filter(|letter| !('\u{300}'..='\u{36f}').contains(letter));
            let room = METERED_CHARS - text.len();
            text.extend(separator.into_iter().chain(letters).take(room));
        }
    }
    text
}

/// The longest piece from `start` that zxcvbn can still count, with what it found there. At least one character.
fn longest_piece(text: &[char], start: usize) -> (usize, Vec<Match>) {
    let meter = |end: usize| {
        let piece: Zeroizing<String> = Zeroizing::new(text[start..end].iter().collect());
        let entropy = zxcvbn::zxcvbn(&piece, &["holdfast"]);
        (entropy.guesses() < u64::MAX, entropy.sequence().to_vec())
    };
    let (mut counted, mut best) = (start + 1, meter(start + 1).1);
    let mut too_long = text.len() + 1;
    // A whole text that fits, however long, must be found first: "aaaa..." is one match.
    let mut end = text.len();
    while counted + 1 < too_long {
        match meter(end) {
            (true, matches) => (counted, best) = (end, matches),
            (false, _) => too_long = end,
        }
        end = usize::midpoint(counted, too_long);
    }
    (counted, best)
}

/// What one match is worth. White space between words is no secret, and neither is the order of the matches: less than
/// zxcvbn itself would count, never more.
fn match_bits(part: &Match) -> f64 {
    let guesses = match part.pattern {
        MatchPattern::BruteForce => {
            let letters = part.token.chars().filter(|letter| !letter.is_whitespace()).count();
            10f64.powf(letters as f64)
        }
        #[allow(clippy::cast_precision_loss)]
        _ => part.guesses.unwrap_or(1) as f64,
    };
    guesses.log2().max(0.0)
}
