//! `holdfast secret generate`: passwords made here, kept nowhere.

use rand_core::Rng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Answer;
use super::unlock::done;
use crate::args::{GenerateWhat, SecretGenerate};
use crate::output::{self, tell};

/// Without `0O1lI|` and what shells, URLs and config files make something of.
const CHARACTERS: &[u8] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789+-_.:=@%";
const DIGITS: &[u8] = b"0123456789";

/// A password, and how hard it is to guess.
#[derive(Serialize, Deserialize)]
pub(crate) struct GeneratedView {
    pub(crate) value: String,
    /// log2 of how many there are, rounded down.
    pub(crate) bits: u32,
}

pub(super) fn generate(args: &SecretGenerate) -> Answer {
    let list = holdfast_crypto::word_list();
    let mut rng = holdfast_engine::rng();
    let (value, choices, length) = match args.what {
        GenerateWhat::Words => {
            let length = args.length.unwrap_or(6);
            let words: Vec<&str> = (0..length).map(|_| list[draw(&mut rng, list.len())]).collect();
            (words.join(" "), list.len(), length)
        }
        GenerateWhat::Characters => of(&mut rng, CHARACTERS, args.length.unwrap_or(20)),
        GenerateWhat::Pin => of(&mut rng, DIGITS, args.length.unwrap_or(6)),
    };
    let value = Zeroizing::new(value);
    let view = GeneratedView {
        value: value.to_string(),
        bits: bits(choices, length),
    };
    Ok((done(&view)?, tell(output::generated)))
}

fn of(rng: &mut impl Rng, alphabet: &[u8], length: u32) -> (String, usize, u32) {
    let text = (0..length)
        .map(|_| char::from(alphabet[draw(rng, alphabet.len())]))
        .collect();
    (text, alphabet.len(), length)
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
    use super::*;

    fn made(what: GenerateWhat, length: Option<u32>) -> GeneratedView {
        let (outcome, _) = generate(&SecretGenerate { what, length }).ok().unwrap();
        serde_json::from_value(outcome.value).unwrap()
    }

    #[test]
    fn each_sort_is_what_it_says() {
        let words = made(GenerateWhat::Words, None);
        assert_eq!((words.value.split(' ').count(), words.bits), (6, 77));
        let characters = made(GenerateWhat::Characters, None);
        assert_eq!((characters.value.len(), characters.bits), (20, 120));
        let pin = made(GenerateWhat::Pin, Some(8));
        assert!(pin.value.len() == 8 && pin.value.bytes().all(|byte| byte.is_ascii_digit()));
        assert_ne!(made(GenerateWhat::Characters, None).value, characters.value);
    }

    #[test]
    fn the_alphabet_has_no_doubles_and_all_of_it_is_drawn() {
        let mut seen = std::collections::BTreeMap::new();
        for character in made(GenerateWhat::Characters, Some(512))
            .value
            .bytes()
            .chain(CHARACTERS.iter().copied())
        {
            *seen.entry(character).or_insert(0) += 1;
        }
        assert_eq!(seen.len(), CHARACTERS.len());
        // 512 draws from 65: one that never came has a chance of 3 in 10,000 each.
        assert!(seen.values().filter(|count| **count == 1).count() < 5);
    }
}
