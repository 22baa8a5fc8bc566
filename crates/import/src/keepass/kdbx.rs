//! KDBX, the database file of `KeePass`, versions 3.1 and 4: opened here with the usual primitives, so that what a file may
//! cost is bounded before it is paid.
//!
//! ```text
//! composite   = SHA-256(SHA-256(passphrase))
//! transformed = AES-KDF or Argon2 (composite, seed)                  kdf.rs, bounded
//! key         = SHA-256(master seed || transformed)
//! 4:   header || SHA-256(header) || HMAC(header) || blocks, each with an HMAC; then decrypted, then unpacked
//! 3.1: header || ciphertext; decrypted: start bytes || blocks, each with a hash; then unpacked
//! ```
//!
//! Key files and hardware keys are not supported, nor Twofish; that is said, with what to do.

mod blocks;
mod header;
mod kdf;
mod stream;

use std::io::Read;

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, StreamCipher};
use chacha20::ChaCha20;
use flate2::read::GzDecoder;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::THIS;
use crate::error::Error;
use crate::{MAX_FILE, text};
use header::{Cipher, Header};

pub(super) use stream::Stream;

/// Bytes that are wiped.
type Bytes = Zeroizing<Vec<u8>>;
/// A key of this format.
type Key = Zeroizing<[u8; 32]>;

/// Whether this is such a file, of any version.
pub(crate) fn is_kdbx(bytes: &[u8]) -> bool {
    bytes.starts_with(&header::SIGNATURE)
}

/// What was inside.
pub(super) struct Opened {
    body: Bytes,
    xml_at: usize,
    stream_id: u32,
    stream_key: Bytes,
}

impl Opened {
    pub(super) fn xml(&self) -> Result<&str, Error> {
        text::of(&self.body[self.xml_at..])
    }

    pub(super) fn stream(&self) -> Result<Stream, Error> {
        Stream::new(self.stream_id, &self.stream_key)
    }
}

pub(super) fn open(bytes: &[u8], passphrase: &str) -> Result<Opened, Error> {
    let header = Header::read(bytes)?;
    let composite = sha256(&[&*sha256(&[passphrase.as_bytes()])]);
    if header.major == 4 {
        // A damaged header is said before the work; the hash is no secret.
        let stored = bytes.get(header.end..header.end + 32).ok_or_else(cut_short)?;
        if stored != sha256(&[&bytes[..header.end]]).as_slice() {
            return Err(Error::not_this(THIS, "its header is damaged"));
        }
    }
    let transformed = kdf::transform(&header.kdf, &composite)?;
    let key = sha256(&[&header.master_seed, &*transformed]);
    if header.major == 4 {
        open_4(bytes, &header, &transformed, &key)
    } else {
        open_3(bytes, header, &key)
    }
}

fn open_4(bytes: &[u8], header: &Header, transformed: &Key, key: &Key) -> Result<Opened, Error> {
    let mac_key = sha512(&[&header.master_seed, &**transformed, &[1]]);
    let stored = bytes.get(header.end + 32..header.end + 64).ok_or_else(cut_short)?;
    let mac = blocks::mac(&mac_key, u64::MAX, &[&bytes[..header.end]]);
    if !bool::from(mac.ct_eq(stored)) {
        return Err(Error::PassphraseWrong);
    }
    let sealed = blocks::join_4(&bytes[header.end + 64..], &mac_key)?;
    let body = unpack(header, decrypt(header, key, sealed)?)?;
    let (stream_id, stream_key, xml_at) = header::inner(&body)?;
    Ok(Opened {
        body,
        xml_at,
        stream_id,
        stream_key,
    })
}

fn open_3(bytes: &[u8], header: Header, key: &Key) -> Result<Opened, Error> {
    let sealed = Zeroizing::new(bytes[header.end..].to_vec());
    let plain = decrypt(&header, key, sealed)?;
    let begins = plain.get(..32).ok_or(Error::PassphraseWrong)?;
    if header.stream_start.len() != 32 || !bool::from(begins.ct_eq(&header.stream_start)) {
        return Err(Error::PassphraseWrong);
    }
    let packed = blocks::join_3(&plain[32..])?;
    let body = unpack(&header, packed)?;
    Ok(Opened {
        body,
        xml_at: 0,
        stream_id: header.stream_id,
        stream_key: Zeroizing::new(header.stream_key),
    })
}

fn decrypt(header: &Header, key: &Key, mut sealed: Bytes) -> Result<Bytes, Error> {
    match header.cipher {
        Cipher::Aes256 => {
            let cipher = cbc::Decryptor::<Aes256>::new_from_slices(&**key, &header.iv).map_err(|_| damaged())?;
            let length = cipher
                .decrypt_padded::<Pkcs7>(&mut sealed)
                // Version 3 has no other sign of a wrong passphrase than what comes out.
                .map_err(|_| Error::PassphraseWrong)?
                .len();
            sealed.truncate(length);
        }
        Cipher::ChaCha20 => {
            let mut cipher = ChaCha20::new_from_slices(&**key, &header.iv).map_err(|_| damaged())?;
            cipher.try_apply_keystream(&mut sealed).map_err(|_| damaged())?;
        }
    }
    Ok(sealed)
}

fn unpack(header: &Header, packed: Bytes) -> Result<Bytes, Error> {
    if !header.packed {
        return Ok(packed);
    }
    let mut body = Zeroizing::new(Vec::with_capacity(packed.len().saturating_mul(4).min(MAX_FILE + 1)));
    GzDecoder::new(packed.as_slice())
        .take(MAX_FILE as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|_| damaged())?;
    if body.len() > MAX_FILE {
        return Err(Error::TooLarge);
    }
    Ok(body)
}

fn sha256(parts: &[&[u8]]) -> Key {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    Zeroizing::new(hash.finalize().into())
}

fn sha512(parts: &[&[u8]]) -> Zeroizing<[u8; 64]> {
    let mut hash = Sha512::new();
    parts.iter().for_each(|part| hash.update(part));
    Zeroizing::new(hash.finalize().into())
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn damaged() -> Error {
    Error::not_this(THIS, "it is damaged")
}

fn cut_short() -> Error {
    Error::not_this(THIS, "it ends too early")
}
