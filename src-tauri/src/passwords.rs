//! Passwords of words, of characters, and PINs: made here, kept nowhere.

use holdfast_commands::Hidden;
use holdfast_engine::{Error, Result};
use rand_core::Rng;
use zeroize::Zeroizing;

use crate::types::{MadePassword, PasswordKind};

/// Without `0O1lI|` and what shells, URLs and config files make something of.
const CHARACTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789+-_.:=@%";
const DIGITS: &[u8] = b"0123456789";

/// The most words, characters or digits.
const LONGEST: u32 = 512;

/// Makes one of that many words, characters or digits, each drawn evenly.
///
/// # Errors
/// [`Error::Invalid`] for a length of 0 or above 512.
pub(crate) fn make(kind: PasswordKind, length: u32) -> Result<MadePassword> {
    if length == 0 || length > LONGEST {
        return Err(Error::Invalid(format!("A password has a length of 1 to {LONGEST}")));
    }
    let mut rng = holdfast_engine::rng();
    let list = holdfast_crypto::word_list();
    let (value, choices) = match kind {
        PasswordKind::Words => {
            let mut text = Zeroizing::new(String::with_capacity(length as usize * 10));
            for number in 0..length {
                if number > 0 {
                    text.push(' ');
                }
                text.push_str(list[draw(&mut rng, list.len())]);
            }
            (text, list.len())
        }
        PasswordKind::Characters => (of(&mut rng, CHARACTERS, length), CHARACTERS.len()),
        PasswordKind::Pin => (of(&mut rng, DIGITS, length), DIGITS.len()),
    };
    Ok(MadePassword {
        value: Hidden::new(value),
        bits: bits(choices, length),
    })
}

fn of(rng: &mut impl Rng, alphabet: &[u8], length: u32) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(length as usize));
    text.extend((0..length).map(|_| char::from(alphabet[draw(rng, alphabet.len())])));
    text
}

/// Evenly: the draws at the top that would make some more likely are thrown away.
fn draw(rng: &mut impl Rng, below: usize) -> usize {
    let below = u32::try_from(below).unwrap_or(u32::MAX);
    let even = u32::MAX - u32::MAX % below;
    loop {
        let drawn = rng.next_u32();
        if drawn < even {
            return (drawn % below) as usize;
        }
    }
}

/// log2 of how many there are, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small and positive"
)]
fn bits(choices: usize, length: u32) -> u32 {
    ((choices as f64).log2() * f64::from(length)) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn made(kind: PasswordKind, length: u32) -> (String, u32) {
        let made = make(kind, length).unwrap();
        (made.value.expose().to_owned(), made.bits)
    }

    #[test]
    fn each_kind_is_what_it_says() {
        let (words, bits) = made(PasswordKind::Words, 6);
        assert_eq!((words.split(' ').count(), bits), (6, 77));
        let (characters, bits) = made(PasswordKind::Characters, 20);
        assert_eq!((characters.len(), bits), (20, 120));
        let (pin, bits) = made(PasswordKind::Pin, 8);
        assert!(pin.len() == 8 && pin.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(bits, 26);
        assert_ne!(made(PasswordKind::Characters, 20).0, characters);
    }

    #[test]
    fn all_of_the_alphabet_is_drawn_and_nothing_that_looks_alike() {
        let drawn = (0..20).flat_map(|_| made(PasswordKind::Characters, LONGEST).0.into_bytes());
        let seen: BTreeSet<u8> = drawn.collect();
        // 10,240 draws from 65: that one never comes has a chance below 10^-60.
        assert_eq!(seen, CHARACTERS.iter().copied().collect());
        assert!(b"0O1lI".iter().all(|byte| !seen.contains(byte)));
    }

    #[test]
    fn lengths_that_make_no_sense_are_refused() {
        assert!(make(PasswordKind::Words, 0).is_err());
        assert!(make(PasswordKind::Pin, LONGEST + 1).is_err());
    }
}
