//! Keys, boxes, wraps, signatures and security words of Holdfast: bytes in, bytes out. Nothing here touches files or the
//! network; randomness that shows in a result is handed in. (Inside libraries, RSA blinding draws its own, and the
//! phrase meter asks for the current year to judge dates.)
//!
//! # What do I need?
//!
//! | To ... | use | construction |
//! |---|---|---|
//! | take in what somebody typed | [`Phrase::new`], [`Phrase::from_file_bytes`] | NFKD, UTF-8 |
//! | make a Master Key | [`Phrase::generate`] | 8 words, 103 bits |
//! | judge a made-up one | [`Phrase::check_strength`] | at least [`MIN_PHRASE_BITS`] bits |
//! | let a device's own secret count beside it | [`SecondSecret`], [`Prk::derive_with`] | 16 random bytes, 32 characters |
//! | turn a phrase into keys | [`KdfRecord`], [`Prk`] | scrypt, HKDF |
//! | seal anything under a key | [`seal()`], [`seal_many`], [`open`], [`open_in_place`] | AES-256-CBC, HMAC-SHA-256 |
//! | hand a key to one recipient | [`rsa::PublicKey::wrap_key`], [`rsa::PrivateKey::unwrap_key`] | RSA-OAEP-SHA-256 |
//! | sign a log entry or any other message | [`SignKey`], [`VerifyKey`] | Ed25519, strict |
//! | sign a key bundle, and nothing else | [`rsa::PrivateKey::sign`] | RSASSA-PKCS1-v1_5-SHA-256 |
//! | compare keys by voice | [`security_words`], [`parse_words`] | 77 bits of scrypt, 6 words |
//! | print a way back in | [`RecoveryKey`] | 32 random bytes, 24 words |
//! | derive a key or hash of one's own | [`hkdf_expand`], [`labelled`], [`sha256`] | HKDF, SHA-256 |
//!
//! # The keys of a principal
//!
//! ```text
//!   phrase  +  kdf record {scrypt, N, 8, 1, salt}
//!       |           |
//!       +--scrypt---+--- HKDF-Extract ---- (second secret, if the record's id says so)
//!                  |
//!                 PRK ---- "rsa" || bits --> 48-byte seed --> RSA pair      the identity: unwraps keys, signs bundles
//!                  |------ "sign" ---------> 32-byte seed --> Ed25519 pair  signs everything else
//!                  |------ "pins" ---------> box key                        what this device has seen and checked
//!                  |------ "local" --------> box key                        journal, index, cache on this device
//!                  '------ "link" ---------> box key                        the PRK before a key change
//!
//!   recovery key -- "recovery-box" --------> box key                        PRK and record, for the Recovery Kit
//!                '- "recovery-locator" ----> 16 bytes                       where that box lies
//! ```
//!
//! # A short tour
//!
//! ```
//! use holdfast_crypto::{DEFAULT_LOG2_N, Error, KdfRecord, Key32, Phrase, open, seal};
//! # use holdfast_crypto::{Prk, rsa};
//! # struct Rng(u64);
//! # impl rand_core::TryRng for Rng {
//! #     type Error = std::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(self.try_next_u64()? as u32) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
//! #         self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
//! #         Ok(self.0 >> 32)
//! #     }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
//! #         for byte in out { *byte = self.try_next_u64()? as u8; }
//! #         Ok(())
//! #     }
//! # }
//! # impl rand_core::TryCryptoRng for Rng {}
//! # let mut rng = Rng(1);
//! // Sign-up: a phrase to write down, a salt of its own, and from the two every key there is.
//! let (phrase, words) = Phrase::generate(&mut rng);
//! assert_eq!(words.split(' ').count(), 8);
//! let record = KdfRecord::make(DEFAULT_LOG2_N, &mut rng)?;
//! # let derive = |phrase: &Phrase, record: &KdfRecord| -> Result<(), Error> {
//! let root = Prk::derive(phrase, record)?; // about a second
//! let pair = rsa::PrivateKey::derive_checked(&root.rsa_seed(rsa::Bits::B3072), rsa::Bits::B3072)?;
//! # Ok(()) };
//!
//! // A record from a server is refused before it can ask for too little work, or too much.
//! assert!(KdfRecord::decode(b"\xa0").is_err());
//! assert_eq!(KdfRecord::decode(&record.encode())?, record);
//!
//! // A box opens under one key and one context, and says nothing about why it does not.
//! let key = Key32::random(&mut rng);
//! let sealed = seal(&key, b"note 7 of Ana", b"milk, bread", &mut rng);
//! assert_eq!(*open(&key, b"note 7 of Ana", &sealed)?, b"milk, bread");
//! assert_eq!(open(&key, b"note 8 of Ana", &sealed), Err(Error::Open));
//! # Ok::<(), Error>(())
//! ```
//!
//! # House rules
//!
//! * Secrets are [`Secret`] or one of the key types: no `Debug`, no `Clone`, no serde, wiped when dropped.
//! * `derive_*` always gives the same, `make` and `generate` are random.
//! * Opening and unwrapping have **one** error, [`Error::Open`].
//! * A key has one role. Every derivation, MAC and signature begins with a [`label()`] of its own.
//! * What the libraries below allocate for themselves (scrypt's memory above all) is freed but not wiped; wiping it is not in
//!   this crate's power.
//!
//! The binding description is `docs/spec/keys.md` and `docs/spec/box.md`; the pinned vectors are in `tests/vectors`.

#![forbid(unsafe_code)]
#![deny(missing_docs, rustdoc::broken_intra_doc_links)]

mod error;
#[doc(hidden)]
pub mod hazmat;
mod kdf;
mod keys;
mod label;
mod phrase;
mod recovery;
pub mod rsa;
mod seal;
mod second;
mod secret;
mod sign;
mod words;

// Errors and secret bytes
pub use error::Error;
pub use secret::{Key32, Secret};

// From a phrase to keys
pub use kdf::{DEFAULT_LOG2_N, KdfRecord, MAX_LOG2_N, MIN_LOG2_N};
pub use keys::Prk;
#[doc(hidden)]
pub use phrase::normalized;
pub use phrase::{MAX_PHRASE_BYTES, MIN_PHRASE_BITS, MIN_PHRASE_BITS_WITH_SECOND, Phrase};
pub use recovery::RecoveryKey;
pub use second::SecondSecret;
#[doc(hidden)]
pub use second::second_secret_of;

// Using keys
pub use seal::{
    MAX_PLAINTEXT, MAX_SEALED, OVERHEAD_MAX, OVERHEAD_MIN, SealJob, open, open_in_place, seal, seal_many,
    seal_many_into, sealed_len, tag_of,
};
pub use sign::{SignKey, VerifyKey};

// For people
pub use words::{parse_words, security_words, word_list};

// For derivations of one's own
pub use label::{hkdf_expand, label, labelled, sha256};
