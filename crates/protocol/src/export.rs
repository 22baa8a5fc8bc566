//! Export files: secrets outside of any space, under a passphrase that is the file's alone (`docs/spec/export.md`).
//!
//! The key comes from the file's own passphrase and record and from nothing of the account, so the file still opens after
//! every key change, and without a server.

use holdfast_crypto::{KdfRecord, Key32, Phrase, Prk, open, seal};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::item::{Audience, Field, SecretType};
use crate::{cbor, context, limits};

/// The version of the format.
pub const FORMAT: u32 = 1;
const MAGIC: &str = "holdfast-export";
/// The first bytes of every such file: a map of four, key 1, and [`MAGIC`] as text.
const START: &[u8] = b"\xa4\x01\x6fholdfast-export";

/// Why a file does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Not a file of this format, or larger than one may be. Nothing was derived.
    #[error("not an export file of Holdfast, or of a version this program does not know")]
    Malformed,
    /// The passphrase is wrong or the file was altered: one error, on purpose.
    #[error("the passphrase is wrong, or the file was altered")]
    Open,
    /// More than a file may hold.
    #[error("this is more than an export file can hold (64 MiB)")]
    TooLarge,
    /// The system refuses the memory that the derivation needs.
    #[error("there is not enough memory to derive the key")]
    Memory,
}

/// What is in a file. It has no `Debug`: there are secrets in it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Export {
    /// When it was written, milliseconds since 1970-01-01 UTC.
    #[n(1)]
    pub created_ms: u64,
    /// In the order in which they are shown.
    #[n(2)]
    pub secrets: Vec<ExportedSecret>,
}

/// A secret without its place, its id and its history.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ExportedSecret {
    /// Its type.
    #[n(1)]
    pub secret_type: SecretType,
    /// Its name.
    #[n(2)]
    pub name: String,
    /// Free text about it.
    #[n(3)]
    pub description: String,
    /// Labels to find it by.
    #[n(4)]
    pub tags: Vec<String>,
    /// Names and values.
    #[n(5)]
    pub fields: Vec<Field>,
    /// Where it may be handed over.
    #[n(6)]
    pub audience: Audience,
    /// When it stops working at its source, if known.
    #[n(7)]
    pub expires_ms: Option<u64>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct File {
    #[n(1)]
    magic: String,
    #[n(2)]
    format: u32,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    kdf: Vec<u8>,
    #[n(4)]
    boxes: Vec<ByteVec>,
}

impl Export {
    /// Whether these bytes, of which the first ones are enough, claim to be a sealed export.
    #[must_use]
    pub fn is_sealed(bytes: &[u8]) -> bool {
        bytes.starts_with(START)
    }

    /// Seals under a passphrase and a record that was made for this file. As slow as unlocking.
    ///
    /// # Errors
    /// [`ExportError::TooLarge`], [`ExportError::Memory`].
    pub fn seal(
        &self,
        passphrase: &Phrase,
        record: &KdfRecord,
        rng: &mut dyn CryptoRng,
    ) -> Result<Vec<u8>, ExportError> {
        // Room for the boxes' overhead is far less than one part.
        if cbor::encoded_len(self) > limits::EXPORT - limits::EXPORT_PART {
            return Err(ExportError::TooLarge);
        }
        let content = Zeroizing::new(cbor::encode(self));
        let key = Prk::derive(passphrase, record)
            .map_err(|_| ExportError::Memory)?
            .export_key();
        let kdf = record.encode();
        let parts: Vec<&[u8]> = content.chunks(limits::EXPORT_PART).collect();
        let count = number(parts.len())?;
        let mut boxes = Vec::with_capacity(parts.len());
        for (part, index) in parts.into_iter().zip(0..) {
            boxes.push(ByteVec::from(seal(
                &key,
                &context::export(&kdf, index, count),
                part,
                rng,
            )));
        }
        Ok(cbor::encode(&File {
            magic: MAGIC.into(),
            format: FORMAT,
            kdf,
            boxes,
        }))
    }

    /// Opens a file. Whatever can be refused without work is refused before the key is derived.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn open(bytes: &[u8], passphrase: &Phrase) -> Result<Self, ExportError> {
        Self::open_with(bytes, |record| {
            let derived = Prk::derive(passphrase, record);
            derived.map(|root| root.export_key()).map_err(|_| ExportError::Memory)
        })
    }

    /// The same, with whatever gives the key of a file with this record. It is asked once, and not before the form of the file
    /// is right.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn open_with(
        bytes: &[u8],
        key: impl FnOnce(&KdfRecord) -> Result<Key32, ExportError>,
    ) -> Result<Self, ExportError> {
        let file: File = cbor::decode(bytes, limits::EXPORT).map_err(|_| ExportError::Malformed)?;
        let record = KdfRecord::decode(&file.kdf).map_err(|_| ExportError::Malformed)?;
        // A file has to open where no device of anybody is.
        if record.takes_second() {
            return Err(ExportError::Malformed);
        }
        let most = limits::EXPORT / limits::EXPORT_PART;
        if file.magic != MAGIC || file.format != FORMAT || file.boxes.is_empty() || file.boxes.len() > most {
            return Err(ExportError::Malformed);
        }
        let count = number(file.boxes.len())?;
        let key = key(&record)?;
        // Room from the start: a buffer that grows leaves copies behind.
        let mut content = Zeroizing::new(Vec::with_capacity(file.boxes.iter().map(|sealed| sealed.len()).sum()));
        for (sealed, index) in file.boxes.iter().zip(0..) {
            let part = open(&key, &context::export(&file.kdf, index, count), sealed).map_err(|_| ExportError::Open)?;
            // There is one way to cut a content.
            let last = index + 1 == count;
            if part.is_empty() || part.len() > limits::EXPORT_PART || (!last && part.len() < limits::EXPORT_PART) {
                return Err(ExportError::Malformed);
            }
            content.extend_from_slice(&part);
        }
        cbor::decode(&content, limits::EXPORT).map_err(|_| ExportError::Malformed)
    }
}

fn number(count: usize) -> Result<u32, ExportError> {
    u32::try_from(count).map_err(|_| ExportError::TooLarge)
}
