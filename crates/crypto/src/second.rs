//! The second secret: 16 random bytes that the account's devices keep and a server never sees. With it in the derivation,
//! whoever has the server's data and guesses phrases finds nothing.
//!
//! As text it is 32 characters without look-alikes, a fifth of them a check: typed from paper, a slip is noticed before any
//! work, and not taken for a wrong phrase.

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::label::{label, sha256};
use crate::secret::Secret;

/// Crockford's Base32: no I, L, O and U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Bytes of the secret itself.
pub(crate) const BYTES: usize = 16;
const CHECK: usize = 4;
const CHARACTERS: usize = (BYTES + CHECK) * 8 / 5;
const GROUP: usize = 4;
/// Ten times the honest text: enough for any layout, little enough to read.
const MAX_TEXT: usize = 10 * CHARACTERS;

/// What a device keeps beside the phrase that a person knows. It has no `Debug`, no `Clone` and no serde.
pub struct SecondSecret(Secret<BYTES>);

impl SecondSecret {
    /// Draws a new one.
    pub fn make(rng: &mut dyn CryptoRng) -> Self {
        Self(Secret::random(rng))
    }

    /// A second copy, spelled out because each copy is one more place to wipe.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    /// For paper and for typing: eight groups of four characters with hyphens between them.
    #[must_use]
    pub fn text(&self) -> Zeroizing<String> {
        let both = Secret::<{ BYTES + CHECK }>::fill_with(|bytes| {
            bytes[..BYTES].copy_from_slice(self.0.expose());
            bytes[BYTES..].copy_from_slice(&check(self.0.expose()));
        });
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + CHARACTERS / GROUP));
        let characters = both.expose().chunks_exact(5).flat_map(|five| {
            let bits = five.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
            (0..8).map(move |place| ALPHABET[((bits >> (35 - 5 * place)) & 31) as usize])
        });
        for (place, character) in characters.enumerate() {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(character));
        }
        text
    }

    /// Reads one as somebody types it: any case, with hyphens and white space anywhere, O for 0, I and L for 1.
    ///
    /// # Errors
    /// [`Error::SecondSecret`] says which of the three things is wrong: a character, the count, the check.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_TEXT {
            return Err(Error::SecondSecret("that is far more than 32 characters"));
        }
        let mut both = Zeroizing::new([0_u8; BYTES + CHECK]);
        let mut count = 0;
        for character in text.chars().filter(|one| !one.is_whitespace() && *one != '-') {
            let value = value(character).ok_or(Error::SecondSecret("it has a character that is never in one"))?;
            if count < CHARACTERS {
                for bit in 0..5 {
                    let at = count * 5 + bit;
                    both[at / 8] |= ((value >> (4 - bit)) & 1) << (7 - at % 8);
                }
            }
            count += 1;
        }
        if count != CHARACTERS {
            return Err(Error::SecondSecret("there must be 32 characters"));
        }
        let own = Secret::<BYTES>::fill_with(|bytes| bytes.copy_from_slice(&both[..BYTES]));
        if !bool::from(check(own.expose()).ct_eq(&both[BYTES..])) {
            return Err(Error::SecondSecret(
                "the characters do not belong together (one is another or out of place)",
            ));
        }
        Ok(Self(own))
    }

    /// The bytes themselves.
    pub(crate) fn expose(&self) -> &[u8; BYTES] {
        self.0.expose()
    }
}

impl PartialEq for SecondSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for SecondSecret {}

fn check(bytes: &[u8; BYTES]) -> [u8; CHECK] {
    let [a, b, c, d, ..] = sha256(&[&label("second-secret"), bytes]);
    [a, b, c, d]
}

fn value(character: char) -> Option<u8> {
    let upper = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|one| char::from(*one) == upper)?;
    u8::try_from(place).ok()
}

/// One from its bytes, for pinning test vectors.
#[doc(hidden)]
#[must_use]
pub fn second_secret_of(bytes: &[u8; BYTES]) -> SecondSecret {
    SecondSecret(Secret::fill_with(|own| own.copy_from_slice(bytes)))
}
