//! The one box: everything Holdfast seals, it seals like this.
//!
//! ```text
//! box      = IV (16 random) || AES-256-CBC-PKCS7(Ke, IV, plaintext) || tag (32)
//! Ke || Km = HKDF-Expand(key, label "box" || SHA-256(context), 64)
//! tag      = HMAC-SHA-256(Km, label "tag" || u64 len(context) || context || IV || u64 len(ciphertext) || ciphertext)
//! ```
//!
//! Encrypt-then-MAC (AES: FIPS 197, CBC: SP 800-38A, padding: RFC 5652 6.3, HMAC: RFC 2104). The whole tag is checked in
//! constant time *before* anything is decrypted, and every failure is [`Error::Open`]. The context is never stored beside
//! the box: the reader must already know it. A box opens under one key and one context only.

pub(crate) mod cbc;

use hmac::{Hmac, KeyInit, Mac};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;
use crate::label::{expand, label, labelled, sha256};
use crate::secret::{Key32, Secret};

const IV: usize = 16;
const BLOCK: usize = 16;
const TAG: usize = 32;

/// What a box adds at least: IV, one byte of padding, tag.
pub const OVERHEAD_MIN: usize = IV + 1 + TAG;
/// What a box adds at most: IV, a whole block of padding, tag.
pub const OVERHEAD_MAX: usize = IV + BLOCK + TAG;
/// The longest box, 16 MiB; a longer one is refused unread.
pub const MAX_SEALED: usize = 16 << 20;
/// The longest plaintext that fits a box of [`MAX_SEALED`].
pub const MAX_PLAINTEXT: usize = MAX_SEALED - OVERHEAD_MIN;

/// The length of the box of a plaintext of this length (at most [`MAX_PLAINTEXT`]).
#[must_use]
pub const fn sealed_len(plain: usize) -> usize {
    IV + (plain / BLOCK + 1) * BLOCK + TAG
}

/// Seals a plaintext under a key, bound to a context. Each key has one role.
///
/// # Panics
/// When the plaintext is longer than [`MAX_PLAINTEXT`]: nobody could open that box. Callers cut content into chunks.
#[must_use]
pub fn seal(key: &Key32, context: &[u8], plaintext: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
    let mut sealed = [Vec::new()];
    seal_many_into(
        &[SealJob {
            key,
            context,
            plaintext,
        }],
        &mut sealed,
        rng,
    );
    let [sealed] = sealed;
    sealed
}

/// One box to seal with [`seal_many`].
#[derive(Clone, Copy)]
pub struct SealJob<'a> {
    /// The key, with one role.
    pub key: &'a Key32,
    /// What the box is bound to.
    pub context: &'a [u8],
    /// What goes in, at most [`MAX_PLAINTEXT`] bytes.
    pub plaintext: &'a [u8],
}

/// Seals several boxes at once, each exactly as [`seal`] would, several times faster per byte than one after the other.
/// IVs are drawn in the order of the jobs.
///
/// # Panics
/// As [`seal`].
#[must_use]
pub fn seal_many(jobs: &[SealJob<'_>], rng: &mut dyn CryptoRng) -> Vec<Vec<u8>> {
    let mut out = vec![Vec::new(); jobs.len()];
    seal_many_into(jobs, &mut out, rng);
    out
}

/// [`seal_many`] into buffers that are used again: box `n` replaces what `out[n]` held.
///
/// # Panics
/// As [`seal`], and when `out` is not as long as `jobs`.
pub fn seal_many_into(jobs: &[SealJob<'_>], out: &mut [Vec<u8>], rng: &mut dyn CryptoRng) {
    assert_eq!(jobs.len(), out.len(), "one buffer for each job");
    let keys: Vec<BoxKeys> = jobs.iter().map(|job| BoxKeys::derive(job.key, job.context)).collect();
    let mut chains = Vec::with_capacity(jobs.len());
    for ((job, keys), buffer) in jobs.iter().zip(&keys).zip(&mut *out) {
        assert!(
            job.plaintext.len() <= MAX_PLAINTEXT,
            "a box holds at most MAX_PLAINTEXT bytes"
        );
        lay_out(buffer, job.plaintext, rng);
        let (iv, rest) = buffer.split_first_chunk_mut::<IV>().expect("laid out");
        let padded = rest.len() - TAG;
        chains.push(cbc::Chain::new(keys.encryption(), iv, &mut rest[..padded]));
    }
    cbc::encrypt(chains);
    for ((job, keys), buffer) in jobs.iter().zip(&keys).zip(out) {
        let end = buffer.len() - TAG;
        let (body, tag) = buffer.split_at_mut(end);
        tag.copy_from_slice(&keys.mac(job.context, body).finalize().into_bytes());
    }
}

/// Opens a box.
///
/// # Errors
/// [`Error::Open`] for a wrong key, a wrong context and any change to the box; nothing of the plaintext is released.
pub fn open(key: &Key32, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let keys = verify(key, context, sealed)?;
    let mut plaintext = Zeroizing::new(sealed[IV..sealed.len() - TAG].to_vec());
    let length = cbc::decrypt(keys.encryption(), &sealed[..IV], &mut plaintext).ok_or(Error::Open)?;
    plaintext.truncate(length);
    Ok(plaintext)
}

/// Opens a box in its own memory: `buffer` holds the box before and the plaintext after. For chunks, which are large.
///
/// # Errors
/// [`Error::Open`] as [`open`]; `buffer` is then wiped and empty.
pub fn open_in_place(key: &Key32, context: &[u8], buffer: &mut Vec<u8>) -> Result<(), Error> {
    let opened = decrypt_in_place(key, context, buffer);
    if opened.is_err() {
        buffer.zeroize();
    }
    opened
}

fn decrypt_in_place(key: &Key32, context: &[u8], buffer: &mut Vec<u8>) -> Result<(), Error> {
    let keys = verify(key, context, buffer)?;
    let end = buffer.len() - TAG;
    let (iv, body) = buffer[..end].split_at_mut(IV);
    let length = cbc::decrypt(keys.encryption(), iv, body).ok_or(Error::Open)?;
    buffer.copy_within(IV..IV + length, 0);
    // What lies behind the plaintext now is a second copy of its end.
    buffer[length..].zeroize();
    buffer.truncate(length);
    Ok(())
}

/// The tag of a box, its last 32 bytes, by which a manifest names it. `None` when this is too short to be a box.
#[must_use]
pub fn tag_of(sealed: &[u8]) -> Option<[u8; 32]> {
    if sealed.len() < sealed_len(0) {
        None
    } else {
        sealed.last_chunk().copied()
    }
}

/// Puts IV, padded plaintext and room for the tag into a buffer, with one allocation at most.
fn lay_out(buffer: &mut Vec<u8>, plaintext: &[u8], rng: &mut dyn CryptoRng) {
    let padding = BLOCK - plaintext.len() % BLOCK;
    let padding_byte = u8::try_from(padding).expect("padding is between 1 and 16 bytes");
    buffer.clear();
    buffer.reserve(sealed_len(plaintext.len()));
    buffer.resize(IV, 0);
    rng.fill_bytes(buffer);
    buffer.extend_from_slice(plaintext);
    buffer.resize(IV + plaintext.len() + padding, padding_byte);
    buffer.resize(sealed_len(plaintext.len()), 0);
}

/// Checks length and tag, and only then hands out the keys to decrypt with.
fn verify(key: &Key32, context: &[u8], sealed: &[u8]) -> Result<BoxKeys, Error> {
    if sealed.len() < sealed_len(0) || sealed.len() > MAX_SEALED || !sealed.len().is_multiple_of(BLOCK) {
        return Err(Error::Open);
    }
    let (body, tag) = sealed.split_at(sealed.len() - TAG);
    let keys = BoxKeys::derive(key, context);
    keys.mac(context, body).verify_slice(tag).map_err(|_| Error::Open)?;
    Ok(keys)
}

/// Ke || Km of one box.
struct BoxKeys(Secret<64>);

impl BoxKeys {
    fn derive(key: &Key32, context: &[u8]) -> Self {
        Self(expand(key, &labelled("box", &[&sha256(&[context])])))
    }

    fn encryption(&self) -> &[u8; 32] {
        self.0.expose().first_chunk().expect("64 bytes have a first half")
    }

    fn authentication(&self) -> &[u8; 32] {
        self.0.expose().last_chunk().expect("64 bytes have a second half")
    }

    /// The MAC over a context and a body (IV || ciphertext).
    fn mac(&self, context: &[u8], body: &[u8]) -> Hmac<Sha256> {
        let (iv, ciphertext) = body.split_at(IV);
        let mut mac = hmac(self.authentication());
        mac.update(&label("tag"));
        mac.update(&length(context));
        mac.update(context);
        mac.update(iv);
        mac.update(&length(ciphertext));
        mac.update(ciphertext);
        mac
    }
}

/// HMAC-SHA-256 with a key of any length.
pub(crate) fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn length(bytes: &[u8]) -> [u8; 8] {
    // usize is never wider than 64 bits.
    (bytes.len() as u64).to_be_bytes()
}
