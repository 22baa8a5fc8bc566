//! The derivation tree: every key that comes out of a phrase, on one screen.
//!
//! ```text
//! S        = scrypt(phrase, salt, N, r=8, p=1, 64 bytes)            kdf.rs
//! PRK      = HKDF-Extract(salt = SHA-256(kdf record), ikm = S)      or ikm = S || second secret, by the record's id
//! rsa seed = HKDF-Expand(PRK, label "rsa" || bits as u32, 48)       -> rsa::PrivateKey::derive
//! sign     = HKDF-Expand(PRK, label "sign", 32)                     -> SignKey
//! pins     = HKDF-Expand(PRK, label "pins", 32)                     -> box key: what this device has seen
//! local    = HKDF-Expand(PRK, label "local", 32)                    -> box key: journal, index, cache
//! link     = HKDF-Expand(PRK, label "link", 32)                     -> box key: the PRK before a key change
//! ```
//!
//! An export file has a passphrase and a record of its own, and from their PRK comes one key and nothing else:
//!
//! ```text
//! export   = HKDF-Expand(PRK, label "export", 32)                   -> box key: what is in the file
//! ```

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroize;

use crate::error::Error;
use crate::kdf::KdfRecord;
use crate::label::{expand, label, labelled, sha256};
use crate::phrase::Phrase;
use crate::rsa;
use crate::second::{self, SecondSecret};
use crate::secret::{Key32, Secret};
use crate::sign::SignKey;

/// The root of a principal's keys, derived from the phrase and the key-derivation record. Whoever holds it is that principal.
pub struct Prk(Key32);

impl Prk {
    /// Derives the root from a phrase alone. At the default N this takes about a second and 256 MiB.
    ///
    /// # Errors
    /// As [`Prk::derive_with`].
    pub fn derive(phrase: &Phrase, record: &KdfRecord) -> Result<Self, Error> {
        Self::derive_with(phrase, None, record)
    }

    /// Derives the root, with a second secret exactly where the record takes one.
    ///
    /// # Errors
    /// Before any work: [`Error::SecondSecretNeeded`], and [`Error::SecondSecretDropped`] where there is one and the record takes
    /// none (whoever shows such a record may be after the phrase). [`Error::Kdf`] when the system refuses the memory.
    pub fn derive_with(phrase: &Phrase, second: Option<&SecondSecret>, record: &KdfRecord) -> Result<Self, Error> {
        match (second, record.takes_second()) {
            (None, true) => return Err(Error::SecondSecretNeeded),
            (Some(_), false) => return Err(Error::SecondSecretDropped),
            _ => {}
        }
        let stretched = record.stretch(phrase)?;
        let salt = sha256(&[&record.encode()]);
        let (mut prk, _) = match second {
            None => Hkdf::<Sha256>::extract(Some(&salt), stretched.expose()),
            Some(second) => {
                // Both of fixed length: no two pairs give the same bytes.
                let both = Secret::<{ 64 + second::BYTES }>::fill_with(|bytes| {
                    bytes[..64].copy_from_slice(stretched.expose());
                    bytes[64..].copy_from_slice(second.expose());
                });
                Hkdf::<Sha256>::extract(Some(&salt), both.expose())
            }
        };
        let key = Secret::fill_with(|own| own.copy_from_slice(&prk));
        prk.as_mut_slice().zeroize();
        Ok(Self(key))
    }

    /// Takes a root that came out of a link box or a recovery box.
    #[must_use]
    pub fn from_key(key: Key32) -> Self {
        Self(key)
    }

    /// The root itself, for sealing it into a link box or a recovery box and nothing else.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The seed of the RSA pair of this size. Each size has a seed of its own.
    #[must_use]
    pub fn rsa_seed(&self, bits: rsa::Bits) -> Secret<48> {
        expand(&self.0, &labelled("rsa", &[&bits.get().to_be_bytes()]))
    }

    /// The Ed25519 key that signs everything but the key bundle.
    #[must_use]
    pub fn sign_key(&self) -> SignKey {
        SignKey::from_seed(expand(&self.0, &label("sign")))
    }

    /// The key of the boxes that hold what this device has seen and checked.
    #[must_use]
    pub fn pins_key(&self) -> Key32 {
        expand(&self.0, &label("pins"))
    }

    /// The key of the boxes that hold this device's journal, index and cache.
    #[must_use]
    pub fn local_key(&self) -> Key32 {
        expand(&self.0, &label("local"))
    }

    /// The key of the link box, in which the newest root carries the one before it.
    #[must_use]
    pub fn link_key(&self) -> Key32 {
        expand(&self.0, &label("link"))
    }

    /// The key of the boxes of an export file. Only for a root of the file's own passphrase and record.
    #[must_use]
    pub fn export_key(&self) -> Key32 {
        expand(&self.0, &label("export"))
    }
}
