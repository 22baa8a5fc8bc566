//! Passwords of words, of characters, and PINs: made here, kept nowhere.

use holdfast_engine::{Error, Result};
use rand_core::Rng;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use zeroize::Zeroizing;

use crate::view::GeneratedView;

/// The most words, characters or digits.
pub const MAX_LENGTH: u32 = 512;

const LOWER: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS: &[u8] = b"23456789";
/// Without what shells, URLs and config files make something of.
const SIGNS: &[u8] = b"+-_.:=@%";
/// What looks alike: `l`, `I` and `1`, `O` and `0`. Left out unless asked for.
const LOOK_ALIKES: [(CharacterClass, &[u8]); 3] = [
    (CharacterClass::Lower, b"l"),
    (CharacterClass::Upper, b"IO"),
    (CharacterClass::Digits, b"01"),
];

/// What to make it of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordKind {
    /// Words that are easy to read out.
    Words,
    /// Letters, digits and signs.
    Characters,
    /// Digits.
    Pin,
}

/// Sorts of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum CharacterClass {
    /// `a` to `z`.
    Lower,
    /// `A` to `Z`.
    Upper,
    /// `0` to `9`.
    Digits,
    /// `+-_.:=@%`
    Signs,
}

/// How to make a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Recipe {
    /// Of what.
    pub kind: PasswordKind,
    /// How many words, characters or digits; 6, 20 and 6 if absent.
    #[serde(default)]
    pub length: Option<u32>,
    /// Characters: at least one of each of these; all four if empty.
    #[serde(default)]
    pub classes: Vec<CharacterClass>,
    /// Characters: also those that look alike (`l I 1`, `O 0`).
    #[serde(default)]
    pub look_alikes: bool,
}

impl Recipe {
    /// The usual of its kind.
    #[must_use]
    pub fn of(kind: PasswordKind) -> Self {
        Self {
            kind,
            length: None,
            classes: Vec::new(),
            look_alikes: false,
        }
    }
}

/// Makes a password, and says how many bits it has: log2 of how many there are, rounded down.
///
/// # Errors
/// [`Error::Invalid`] for a length of 0, above [`MAX_LENGTH`], or too short for one character of each class.
pub fn generate(recipe: &Recipe, rng: &mut impl Rng) -> Result<GeneratedView> {
    let usual = match recipe.kind {
        PasswordKind::Words | PasswordKind::Pin => 6,
        PasswordKind::Characters => 20,
    };
    let length = recipe.length.unwrap_or(usual);
    if length == 0 || length > MAX_LENGTH {
        return Err(Error::Invalid(format!(
            "a password has 1 to {MAX_LENGTH} words or characters"
        )));
    }
    let (value, bits) = match recipe.kind {
        PasswordKind::Words => words(length, rng),
        PasswordKind::Characters => characters(recipe, length, rng)?,
        PasswordKind::Pin => {
            let digits = b"0123456789";
            (
                draw_all(&[digits.as_slice()], length, rng),
                bits(&[digits.as_slice()], length),
            )
        }
    };
    Ok(GeneratedView {
        value: value.to_string(),
        bits,
    })
}

fn words(length: u32, rng: &mut impl Rng) -> (Zeroizing<String>, u32) {
    let list = holdfast_crypto::word_list();
    let mut text = Zeroizing::new(String::with_capacity(length as usize * 10));
    for number in 0..length {
        if number > 0 {
            text.push(' ');
        }
        text.push_str(list[draw(rng, list.len())]);
    }
    (text, whole_bits(f64::from(length) * count(list.len()).log2()))
}

fn characters(recipe: &Recipe, length: u32, rng: &mut impl Rng) -> Result<(Zeroizing<String>, u32)> {
    let mut wanted = recipe.classes.clone();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        wanted = vec![
            CharacterClass::Lower,
            CharacterClass::Upper,
            CharacterClass::Digits,
            CharacterClass::Signs,
        ];
    }
    if (length as usize) < wanted.len() {
        return Err(Error::Invalid(format!(
            "{} sorts of characters need a password of at least {0} characters",
            wanted.len()
        )));
    }
    let classes: Vec<Vec<u8>> = wanted
        .iter()
        .map(|class| {
            let mut letters = match class {
                CharacterClass::Lower => LOWER,
                CharacterClass::Upper => UPPER,
                CharacterClass::Digits => DIGITS,
                CharacterClass::Signs => SIGNS,
            }
            .to_vec();
            let alike = LOOK_ALIKES.iter().filter(|(of, _)| recipe.look_alikes && of == class);
            letters.extend(alike.flat_map(|(_, more)| *more));
            letters
        })
        .collect();
    let classes: Vec<&[u8]> = classes.iter().map(Vec::as_slice).collect();
    // Sites ask for one of each. A draw that lacks one is thrown away whole: all that pass are as likely as each other.
    loop {
        let text = draw_all(&classes, length, rng);
        if classes
            .iter()
            .all(|class| text.bytes().any(|byte| class.contains(&byte)))
        {
            return Ok((text, bits(&classes, length)));
        }
    }
}

fn draw_all(classes: &[&[u8]], length: u32, rng: &mut impl Rng) -> Zeroizing<String> {
    let alphabet = classes.concat();
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

/// log2 of the texts of this length in which every class occurs, by inclusion and exclusion.
fn bits(classes: &[&[u8]], length: u32) -> u32 {
    let all = count(classes.iter().map(|class| class.len()).sum());
    let exponent = i32::try_from(length).unwrap_or(i32::MAX);
    let mut share = 0.0;
    for missing in 0..1_u32 << classes.len() {
        let without = |index: usize| missing & (1 << index) != 0;
        let absent: usize = (0..classes.len())
            .filter(|&index| without(index))
            .map(|index| classes[index].len())
            .sum();
        let part = ((all - count(absent)) / all).powi(exponent);
        share += if missing.count_ones() % 2 == 0 { part } else { -part };
    }
    whole_bits(f64::from(length) * all.log2() + share.log2())
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
fn count(number: usize) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small, and never below zero"
)]
fn whole_bits(bits: f64) -> u32 {
    // What should be whole may come out a hair below.
    (bits + 1e-9).max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn made(recipe: &Recipe) -> GeneratedView {
        generate(recipe, &mut holdfast_engine::rng()).unwrap()
    }

    fn of(kind: PasswordKind, length: Option<u32>) -> Recipe {
        Recipe {
            length,
            ..Recipe::of(kind)
        }
    }

    #[test]
    fn each_kind_is_what_it_says() {
        let words = made(&of(PasswordKind::Words, None));
        assert_eq!((words.value.split(' ').count(), words.bits), (6, 77));
        let characters = made(&of(PasswordKind::Characters, None));
        assert_eq!((characters.value.len(), characters.bits), (20, 120));
        let pin = made(&of(PasswordKind::Pin, Some(8)));
        assert!(pin.value.len() == 8 && pin.value.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(pin.bits, 26);
        assert_ne!(made(&of(PasswordKind::Characters, None)).value, characters.value);
    }

    #[test]
    fn each_class_that_was_asked_for_is_there_and_no_other() {
        let recipe = Recipe {
            classes: vec![CharacterClass::Digits, CharacterClass::Lower, CharacterClass::Digits],
            ..of(PasswordKind::Characters, Some(2))
        };
        for _ in 0..200 {
            let value = made(&recipe).value;
            assert_eq!(value.len(), 2);
            assert!(
                value.bytes().any(|byte| LOWER.contains(&byte)) && value.bytes().any(|byte| DIGITS.contains(&byte))
            );
        }
        // 25 letters and 8 digits in two places: 2 * 25 * 8 = 400.
        assert_eq!(made(&recipe).bits, 8);
        let all = made(&of(PasswordKind::Characters, Some(4))).value;
        for class in [LOWER, UPPER, DIGITS, SIGNS] {
            assert!(all.bytes().any(|byte| class.contains(&byte)), "{all}");
        }
    }

    #[test]
    fn look_alikes_come_only_when_asked_for_and_everything_is_drawn() {
        let seen = |look_alikes| {
            let recipe = Recipe {
                look_alikes,
                ..of(PasswordKind::Characters, Some(MAX_LENGTH))
            };
            (0..20)
                .flat_map(|_| made(&recipe).value.into_bytes())
                .collect::<BTreeSet<u8>>()
        };
        let (without, with) = (seen(false), seen(true));
        assert!(b"lIO01".iter().all(|byte| !without.contains(byte)));
        // 10,240 draws from 70: that one never comes has a chance below 10^-60.
        assert_eq!((without.len(), with.len()), (65, 70));
    }

    #[test]
    fn bits_are_counted_exactly() {
        let (ab, c): (&[u8], &[u8]) = (b"ab", b"c");
        // Of the 27 texts of 3 letters, 8 lack c and 1 lacks a and b: 18.
        assert_eq!(bits(&[ab, c], 3), 4);
        assert_eq!(bits(&[b"01"], 10), 10);
        assert_eq!(bits(&[c], 5), 0);
    }

    #[test]
    fn lengths_that_make_no_sense_are_refused() {
        let mut rng = holdfast_engine::rng();
        for (kind, length) in [
            (PasswordKind::Words, 0),
            (PasswordKind::Pin, MAX_LENGTH + 1),
            (PasswordKind::Characters, 3),
        ] {
            assert!(matches!(
                generate(&of(kind, Some(length)), &mut rng),
                Err(Error::Invalid(_))
            ));
        }
    }
}
