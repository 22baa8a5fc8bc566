//! The recovery key: 32 random bytes that exist only on paper, as 24 words.
//!
//! The words are the standard English encoding of 256 bits with an 8-bit checksum (BIP-39). Only the encoding is used:
//! the key is the 32 bytes themselves, never the stretched seed that wallets make from such words.

use bip39::{Language, Mnemonic};
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;
use crate::label::{expand, hkdf_expand, label};
use crate::secret::Key32;

/// A recovery key. It opens the recovery box, which holds the principal's root; it knows where that box lies.
pub struct RecoveryKey(Key32);

const WORDS: usize = 24;

impl RecoveryKey {
    /// Makes a new recovery key.
    pub fn make(rng: &mut dyn CryptoRng) -> Self {
        Self(Key32::random(rng))
    }

    /// The key as 24 lower-case words with one space between them, for the paper.
    #[must_use]
    pub fn words(&self) -> Zeroizing<String> {
        let mnemonic =
            Mnemonic::from_entropy_in(Language::English, self.0.expose()).expect("32 bytes are a valid length");
        let mut words = Zeroizing::new(String::with_capacity(WORDS * 9));
        for word in mnemonic.words() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        words
    }

    /// Reads the 24 words as somebody types them: any case, any white space or line breaks between them.
    ///
    /// # Errors
    /// [`Error::Recovery`] says which of the three things is wrong: the count, a word that is not in the list, the checksum.
    pub fn from_words(text: &str) -> Result<Self, Error> {
        // Ten times the longest honest text: enough for any layout, little enough to hold.
        if text.len() > 10 * WORDS * 9 {
            return Err(Error::Recovery("that is far more than 24 words"));
        }
        let mut lower = Zeroizing::new(String::with_capacity(text.len()));
        for word in text.split_whitespace() {
            if !lower.is_empty() {
                lower.push(' ');
            }
            lower.extend(word.chars().map(|letter| letter.to_ascii_lowercase()));
        }
        if lower.split(' ').count() != WORDS {
            return Err(Error::Recovery("there must be 24 words"));
        }
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &lower).map_err(|error| match error {
            bip39::Error::InvalidChecksum => {
                Error::Recovery("the words do not belong together (one is another word or out of place)")
            }
            _ => Error::Recovery("a word is not in the list"),
        })?;
        let (mut entropy, _) = mnemonic.to_entropy_array();
        let key = Key32::from_slice(&entropy[..32]).expect("24 words hold 32 bytes");
        entropy.zeroize();
        Ok(Self(key))
    }

    /// The key of the recovery box.
    #[must_use]
    pub fn box_key(&self) -> Key32 {
        hkdf_expand(&self.0, &label("recovery-box"))
    }

    /// The name under which the server keeps the recovery box. It says nothing about the key or its owner.
    #[must_use]
    pub fn locator(&self) -> [u8; 16] {
        *expand::<16>(&self.0, &label("recovery-locator")).expose()
    }
}
