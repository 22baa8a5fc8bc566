//! The bare primitives exactly as this crate uses them, for test vectors made elsewhere. Not for applications.

use hkdf::Hkdf;
use hmac::Mac;
use sha2::Sha256;

use crate::error::Error;
use crate::kdf::scrypt_into;
use crate::seal::{cbc, hmac};
use crate::sign::VerifyKey;

/// AES-256-CBC with PKCS#7 padding.
#[must_use]
pub fn aes_256_cbc_encrypt(key: &[u8; 32], iv: &[u8; 16], plaintext: &[u8]) -> Vec<u8> {
    let padding = 16 - plaintext.len() % 16;
    let mut buffer = plaintext.to_vec();
    buffer.resize(
        plaintext.len() + padding,
        u8::try_from(padding).expect("between 1 and 16"),
    );
    cbc::encrypt(vec![cbc::Chain::new(key, iv, &mut buffer)]);
    buffer
}

/// The reverse.
///
/// # Errors
/// [`Error::Open`] for a length or padding that is not PKCS#7.
pub fn aes_256_cbc_decrypt(key: &[u8; 32], iv: &[u8; 16], ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
    let mut buffer = ciphertext.to_vec();
    let length = cbc::decrypt(key, iv, &mut buffer).ok_or(Error::Open)?;
    buffer.truncate(length);
    Ok(buffer)
}

/// HMAC-SHA-256, whole tag.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = hmac(key);
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// HKDF-SHA-256, extract and expand.
///
/// # Errors
/// [`Error::Kdf`] when the output is longer than 255 blocks.
pub fn hkdf_sha256(ikm: &[u8], salt: &[u8], info: &[u8], output: &mut [u8]) -> Result<(), Error> {
    let (_, hkdf) = Hkdf::<Sha256>::extract(Some(salt), ikm);
    hkdf.expand(info, output)
        .map_err(|_| Error::Kdf("the output is too long"))
}

/// scrypt with any parameters.
pub fn scrypt(password: &[u8], salt: &[u8], log2_n: u8, r: u32, p: u32, output: &mut [u8]) {
    scrypt_into(password, salt, log2_n, r, p, output);
}

/// Ed25519 without a type label, keys and signatures judged as [`VerifyKey`] does.
///
/// # Errors
/// [`Error::Key`] or [`Error::Signature`].
pub fn ed25519_verify(key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), Error> {
    VerifyKey::from_bytes(key)?.verify_bare(message, signature)
}
