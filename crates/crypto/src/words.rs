//! The EFF word list, and the six words by which people compare keys.
//!
//! The six words are 77 bits of scrypt over a fingerprint, so that finding a second key with the same words costs a
//! memory-hard function per try. To check somebody you compare what your screen shows *for* them with what their screen
//! shows as *theirs*; there is never one short value over both (a birthday search would break it).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::kdf::scrypt_into;
use crate::label::label;

const COUNT: usize = 7776;
static LIST: [&str; COUNT] = split(include_bytes!("../data/eff_large_wordlist.txt"));

const LOG2_N: u8 = 14;
const BITS: u32 = 77;
/// Words of this many fingerprints are remembered.
const REMEMBERED: usize = 4096;

/// The EFF long list (CC BY 3.0 US, see `data/README.md`): 7,776 words in byte order.
#[must_use]
pub fn word_list() -> &'static [&'static str; COUNT] {
    &LIST
}

/// The six security words of a fingerprint: the top 77 bits of `scrypt(fingerprint, label "words", N=2^14, r=8, p=1)`,
/// written in base 7776, most significant digit first. Takes about 50 ms and 16 MiB the first time; what is asked for again is
/// remembered, because lists of people show the same words again and again. Neither side of it is a secret.
///
/// # Panics
/// Never: a digit is below 7776.
#[must_use]
pub fn security_words(fingerprint: &[u8; 32]) -> [&'static str; 6] {
    static KNOWN: Mutex<BTreeMap<[u8; 32], [&str; 6]>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(words) = known().get(fingerprint) {
        return *words;
    }
    let words = stretched(fingerprint);
    let mut known = known();
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(*fingerprint, words);
    words
}

fn stretched(fingerprint: &[u8; 32]) -> [&'static str; 6] {
    let mut hash = [0u8; 16];
    scrypt_into(fingerprint, &label("words"), LOG2_N, 8, 1, &mut hash[6..]);
    let mut number = u128::from_be_bytes(hash) >> (80 - BITS);
    let mut words = [""; 6];
    for word in words.iter_mut().rev() {
        let digit = usize::try_from(number % COUNT as u128).expect("a digit is below 7776");
        *word = LIST[digit];
        number /= COUNT as u128;
    }
    debug_assert_eq!(number, 0, "2^77 is below 7776^6");
    words
}

/// Reads six words as somebody types them: any case, anything but letters between them. `None` when they are not exactly six
/// words of the list.
#[must_use]
pub fn parse_words(text: &str) -> Option<[&'static str; 6]> {
    let mut parts = text.split(|c: char| !c.is_alphabetic()).filter(|part| !part.is_empty());
    let mut words = [""; 6];
    for word in &mut words {
        let part = parts.next()?;
        let at = match position(part) {
            Some(at) => at,
            // Four words have a hyphen of their own ("t-shirt"); the first half of none of them is a word.
            None => position(&format!("{part}-{}", parts.next()?))?,
        };
        *word = LIST[at];
    }
    parts.next().is_none().then_some(words)
}

/// The place of a word in the list, whatever its case.
pub(crate) fn position(word: &str) -> Option<usize> {
    // Nobody's phrase is left behind on the heap: callers also ask for words of secret phrases.
    let lower = Zeroizing::new(word.to_ascii_lowercase());
    LIST.binary_search(&lower.as_str()).ok()
}

/// Cuts the file into its lines at compile time; a list of another length does not build.
const fn split(mut rest: &'static [u8]) -> [&'static str; COUNT] {
    let mut words = [""; COUNT];
    let mut index = 0;
    while index < COUNT {
        let mut end = 0;
        while rest[end] != b'\n' {
            end += 1;
        }
        let (word, tail) = rest.split_at(end);
        words[index] = match str::from_utf8(word) {
            Ok(word) => word,
            Err(_) => panic!("the word list is not UTF-8"),
        };
        (_, rest) = tail.split_at(1);
        index += 1;
    }
    assert!(rest.is_empty(), "the word list is longer than 7776 lines");
    words
}
