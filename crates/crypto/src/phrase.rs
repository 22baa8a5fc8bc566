//! The phrase: the one secret a person remembers (Master Key) or a node is given (node secret).
//!
//! A phrase must give the same bytes on every keyboard, system and later version. So it is normalized (Unicode NFKD,
//! UTF-8), and whatever could come out differently somewhere is refused: control characters, and code points that
//! Unicode 15.0 does not assign (a later Unicode may still decide how those normalize).

mod strength;
mod unicode;

use rand_core::CryptoRng;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;
use crate::words::word_list;

pub use strength::{MIN_PHRASE_BITS, MIN_PHRASE_BITS_WITH_SECOND};

/// The longest phrase in bytes, after normalization.
pub const MAX_PHRASE_BYTES: usize = 1024;

/// Words in a generated phrase: 8 x 12.92 = 103 bits.
const GENERATED_WORDS: usize = 8;

/// A normalized phrase; wiped when dropped.
pub struct Phrase(Zeroizing<Vec<u8>>);

impl Phrase {
    /// Normalizes a phrase exactly as typed: nothing is trimmed, case counts.
    ///
    /// # Errors
    /// [`Error::Phrase`] when it is empty, longer than [`MAX_PHRASE_BYTES`], or holds a character that is refused.
    pub fn new(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::Phrase("it is empty"));
        }
        // No code point of four bytes normalizes to less than one, so this refuses early what would be refused below.
        if text.len() > 4 * MAX_PHRASE_BYTES {
            return Err(Error::Phrase("it is too long"));
        }
        unicode::check(text)?;
        // Enough room from the start: growing would leave copies behind that nobody wipes.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_PHRASE_BYTES));
        for character in text.nfkd() {
            if bytes.len() + character.len_utf8() > MAX_PHRASE_BYTES {
                return Err(Error::Phrase("it is too long"));
            }
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(Self(bytes))
    }

    /// A second copy, spelled out because each copy is one more place to wipe.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Reads a phrase from the bytes of a file: exactly one LF or CRLF at the end is removed, nothing else.
    ///
    /// # Errors
    /// As [`Phrase::new`]; also when the bytes are not UTF-8 or begin with a byte-order mark, which nobody can type.
    pub fn from_file_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let text = bytes
            .strip_suffix(b"\n")
            .map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let text = str::from_utf8(text).map_err(|_| Error::Phrase("the file is not UTF-8"))?;
        if text.starts_with('\u{feff}') {
            return Err(Error::Phrase("the file begins with a byte-order mark"));
        }
        Self::new(text)
    }

    /// Makes a phrase of eight words, each drawn evenly from the 7,776 of the EFF long list, with one space between
    /// them. The text is for showing it once. It always passes [`Phrase::check_strength`]: one draw in about 500, which says a
    /// word or its neighbour twice, is thrown away whole and costs less than a hundredth of a bit.
    pub fn generate(rng: &mut dyn CryptoRng) -> (Self, Zeroizing<String>) {
        let mut text = draw_words(rng);
        while !strength::looks_drawn(&text) {
            text = draw_words(rng);
        }
        let phrase = Self::new(&text).expect("words of the list are lower-case ASCII");
        (phrase, text)
    }

    /// Estimates how many bits of guessing a phrase withstands, rounded down. 0 for one that [`Phrase::new`] refuses.
    #[must_use]
    pub fn guess_bits(text: &str) -> u32 {
        Self::new(text).map_or(0, |phrase| strength::guess_bits(&phrase))
    }

    /// Refuses a phrase that is easier to guess than [`MIN_PHRASE_BITS`]. For new phrases only: unlocking never asks.
    ///
    /// # Errors
    /// [`Error::WeakPhrase`] with the estimate; [`Error::Phrase`] as [`Phrase::new`].
    pub fn check_strength(text: &str) -> Result<(), Error> {
        Self::check_at_least(text, MIN_PHRASE_BITS)
    }

    /// The same with another floor: [`MIN_PHRASE_BITS_WITH_SECOND`] where a second secret stands beside the phrase.
    ///
    /// # Errors
    /// As [`Phrase::check_strength`].
    pub fn check_at_least(text: &str, floor: u32) -> Result<(), Error> {
        let bits = strength::guess_bits(&Self::new(text)?);
        if bits < floor {
            Err(Error::WeakPhrase(bits))
        } else {
            Ok(())
        }
    }

    /// The normalized bytes.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The normalized text.
    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("it was built from characters")
    }
}

fn draw_words(rng: &mut dyn CryptoRng) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(GENERATED_WORDS * 10));
    for count in 0..GENERATED_WORDS {
        if count > 0 {
            text.push(' ');
        }
        text.push_str(word_list()[draw_index(rng)]);
    }
    text
}

/// Draws a place in the word list: 13 random bits, again until they are below 7,776 (95 % of draws).
fn draw_index(rng: &mut dyn CryptoRng) -> usize {
    let mut draw = [0u8; 2];
    loop {
        rng.fill_bytes(&mut draw);
        let index = usize::from(u16::from_be_bytes(draw) & 0x1fff);
        if index < word_list().len() {
            draw.zeroize();
            return index;
        }
    }
}

/// The normalized bytes of a phrase, for pinning test vectors.
#[doc(hidden)]
#[must_use]
pub fn normalized(phrase: &Phrase) -> &[u8] {
    phrase.expose()
}
