//! Numbers and bytes below the key types, for published test vectors and measurements only: other sizes, seeds and
//! labels than Holdfast itself ever uses. Not part of the API.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use zeroize::Zeroizing;

use super::drbg::Candidates;
use super::numbers::to_be_bytes;
use super::primality::Portable;
use super::{plain, private, search};
use crate::Error;

/// A derived pair in big-endian numbers without leading zeros, and its PKCS#8 encoding.
pub struct Components {
    /// The first prime in candidate order.
    pub p: Zeroizing<Vec<u8>>,
    /// The second one.
    pub q: Zeroizing<Vec<u8>>,
    /// The private exponent.
    pub d: Zeroizing<Vec<u8>>,
    /// `PrivateKeyInfo`, DER.
    pub pkcs8: Zeroizing<Vec<u8>>,
}

/// The first candidate that a seed draws.
///
/// # Errors
/// [`Error::Key`] if the seed or the size is out of det-keygen's range.
pub fn first_candidate(seed: &[u8], bits: u32) -> Result<Zeroizing<Vec<u8>>, Error> {
    Ok(to_be_bytes(&Candidates::new(seed, bits)?.draw()))
}

/// The pair of a seed of 16 bytes or more at 2048, 2064, 3072, 4096 or 8192 bits, tested on `workers` threads (`None`: all).
///
/// # Errors
/// [`Error::Key`] if the seed or the size is out of range; [`Error::SelfCheck`] if the numbers disagree.
pub fn components(seed: &[u8], bits: u32, workers: Option<usize>) -> Result<Components, Error> {
    let pair = search::search(seed, bits, workers, &Portable)?;
    pair.check()?;
    Ok(Components {
        p: to_be_bytes(pair.p.as_words()),
        q: to_be_bytes(pair.q.as_words()),
        d: to_be_bytes(pair.d.as_words()),
        pkcs8: pair.to_pkcs8()?.to_bytes(),
    })
}

/// The same pair by the plain sequential derivation, as PKCS#8.
///
/// # Errors
/// As [`components`].
pub fn plain_pkcs8(seed: &[u8], bits: u32) -> Result<Zeroizing<Vec<u8>>, Error> {
    Ok(plain::derive(seed, bits)?.to_bytes())
}

/// Opens an OAEP (SHA-256, MGF1 with SHA-256) ciphertext with any label.
///
/// # Errors
/// [`Error::Key`] if the library refuses the key, else [`Error::Open`].
pub fn oaep_open(pkcs8: &[u8], label: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    private::open(&private::load(pkcs8)?.1, label, ciphertext)
}

/// RSASSA-PKCS1-v1_5-SHA-256 with any key of 2048 to 8192 bits.
///
/// # Errors
/// [`Error::Key`] if the library refuses the key.
pub fn sign(pkcs8: &[u8], message: &[u8]) -> Result<Vec<u8>, Error> {
    let key = private::load(pkcs8)?.0;
    let mut signature = vec![0; key.public_modulus_len()];
    let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
    signed.map(|()| signature).map_err(|_| Error::Signature)
}
