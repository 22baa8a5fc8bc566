//! The private half: made from a seed, held only in memory, able to sign and to unwrap.

use std::convert::Infallible;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

use super::drbg::Candidates;
use super::mont::Modulus;
use super::numbers::{Limbs, from_be_bytes};
use super::pair::{Pair, quotient};
use super::primality::{Portable, with_limbs};
use super::public::{PublicKey, label};
use super::search::{TRIES, search};
use super::sieve::Sieve;
use super::{Bits, plain};
use crate::{Error, Key32, Secret};

/// The private half of an RSA pair.
///
/// It has neither `Debug`, `Clone` nor an encoding: what can be derived again need not be written down. The numbers it was
/// made of are wiped, and `aws-lc-rs` wipes its copy when it frees it; what big-number divisions leave behind on the way is
/// beyond reach.
pub struct PrivateKey {
    public: PublicKey,
    signing: RsaKeyPair,
    opening: OaepPrivateDecryptingKey,
}

impl PrivateKey {
    /// Derives the pair of `seed` by searching for its primes on all processors: a fraction of a second at 2048 bits, seconds
    /// at 8192. With the public key at hand, [`PrivateKey::unlock`] is far quicker.
    ///
    /// # Errors
    /// [`Error::SelfCheck`] if the result contradicts itself (faulty hardware).
    pub fn derive(seed: &Secret<48>, bits: Bits) -> Result<Self, Error> {
        Self::from_pair(&search(seed.expose(), bits.get(), None, &Portable)?)
    }

    /// Derives the pair twice, the second time sequentially with other libraries, compares, and tries the result out: one
    /// signature, one wrapped key. For sign-up and key change, where a wrong key would lock its owner out for good.
    /// Several times slower than [`PrivateKey::derive`] (around half a minute at 8192 bits).
    ///
    /// # Errors
    /// [`Error::SelfCheck`] if the two results differ or the key fails its trial.
    pub fn derive_checked(seed: &Secret<48>, bits: Bits) -> Result<Self, Error> {
        let pair = search(seed.expose(), bits.get(), None, &Portable)?;
        let again = plain::derive(seed.expose(), bits.get())?;
        if again.as_bytes() != pair.to_pkcs8()?.as_bytes() {
            return Err(Error::SelfCheck("two derivations differ"));
        }
        let key = Self::from_pair(&pair)?;
        key.try_out()?;
        Ok(key)
    }

    /// Finds the pair of `seed` again with the help of its public key: the first candidate that divides the modulus is
    /// `p`, and `q` must follow.
    /// Milliseconds, at 8192 bits a few tens.
    ///
    /// # Errors
    /// [`Error::WrongPhrase`] if the seed does not derive this key: none of the first `10 * bits` candidates divides the
    /// modulus, or the other factor does not follow.
    pub fn unlock(seed: &Secret<48>, public: &PublicKey) -> Result<Self, Error> {
        let (p, q) = factor(seed, public)?;
        let pair = Pair::assemble(&p, &q).ok_or(Error::WrongPhrase)?;
        let key = Self::from_pair(&pair)?;
        if key.public != *public {
            return Err(Error::SelfCheck("the factors give another modulus"));
        }
        Ok(key)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 8.2): deterministic, as long as the modulus. The signature is verified by other
    /// code before it leaves: a fault while signing would give a prime away.
    ///
    /// # Errors
    /// [`Error::SelfCheck`] if the signature does not verify.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.signing.public_modulus_len()];
        let signed = self
            .signing
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map_err(|_| Error::SelfCheck("the signature was not made"))?;
        match self.public.verify(message, &signature) {
            Ok(()) => Ok(signature),
            Err(_) => Err(Error::SelfCheck("the signature does not verify")),
        }
    }

    /// Opens a key that was wrapped to this pair with RSA-OAEP (RFC 8017 7.1; SHA-256, MGF1 with SHA-256) for this `context`.
    ///
    /// # Errors
    /// [`Error::Open`], the same for every cause: another key, another context, altered bytes, not a 32-byte key inside.
    pub fn unwrap_key(&self, context: &[u8], wrapped: &[u8]) -> Result<Key32, Error> {
        let opened = open(&self.opening, label(context).as_bytes(), wrapped)?;
        Key32::from_slice(&opened).ok_or(Error::Open)
    }

    fn from_pair(pair: &Pair) -> Result<Self, Error> {
        pair.check()?;
        let public = PublicKey::from_modulus(&pair.modulus())?;
        let pkcs8 = pair.to_pkcs8()?;
        let (signing, opening) = load(pkcs8.as_bytes())?;
        Ok(Self {
            public,
            signing,
            opening,
        })
    }

    fn try_out(&self) -> Result<(), Error> {
        let context = b"self-check";
        self.public.verify(context, &self.sign(context)?)?;
        let key = Key32::fill_with(|bytes| bytes.fill(0xA5));
        let wrapped = self.public.wrap_key(context, &key, &mut LibraryRandom)?;
        match self.unwrap_key(context, &wrapped) {
            Ok(opened) if opened == key => Ok(()),
            _ => Err(Error::SelfCheck("a wrapped key does not open")),
        }
    }
}

/// The two factors of the modulus, found by dividing; no primality test. The second one must come later in the same sequence:
/// then the whole modulus, not half of it, is proven to be this seed's.
fn factor(seed: &Secret<48>, public: &PublicKey) -> Result<(Limbs, Limbs), Error> {
    let bits = public.bits().get();
    let modulus = from_be_bytes(&public.modulus());
    let tries = TRIES * bits as usize;
    let mut candidates = Candidates::new(seed.expose(), bits)?;
    let p = (0..tries)
        .map(|_| candidates.draw())
        .find(|candidate| divides(candidate, &modulus))
        .ok_or(Error::WrongPhrase)?;
    let q = quotient(&modulus, &p).ok_or(Error::WrongPhrase)?;
    if (0..tries).any(|_| candidates.draw() == q) {
        Ok((p, q))
    } else {
        Err(Error::WrongPhrase)
    }
}

/// Whether the candidate divides the modulus. The modulus has no small factors, so what has one can't: a cheap way past two
/// thirds of the candidates.
fn divides(candidate: &Limbs, modulus: &Limbs) -> bool {
    !Sieve::get().has_factor(candidate, SMALLEST)
        && with_limbs!(candidate.len(), L => Modulus::<L>::new(candidate).is_some_and(|p| p.divides(modulus)), else false)
}

/// A bound that makes the sieve stop after its first four groups.
const SMALLEST: u32 = 64;

/// Hands a PKCS#8 key to the constant-time library, once per operation.
pub(super) fn load(pkcs8: &[u8]) -> Result<(RsaKeyPair, OaepPrivateDecryptingKey), Error> {
    let signing = RsaKeyPair::from_pkcs8(pkcs8).map_err(|_| Error::Key("private key refused"))?;
    let opening = PrivateDecryptingKey::from_pkcs8(pkcs8).map_err(|_| Error::Key("private key refused"))?;
    let opening = OaepPrivateDecryptingKey::new(opening).map_err(|_| Error::Key("private key refused"))?;
    Ok((signing, opening))
}

/// OAEP with any label; every failure is [`Error::Open`].
pub(super) fn open(key: &OaepPrivateDecryptingKey, label: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    if wrapped.len() != key.key_size_bytes() {
        return Err(Error::Open);
    }
    let mut plaintext = Zeroizing::new(vec![0; key.min_output_size()]);
    let opened = key.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped, &mut plaintext, Some(label));
    let length = opened.map_err(|_| Error::Open)?.len();
    plaintext.truncate(length);
    Ok(plaintext)
}

/// The random source of `aws-lc-rs`, for the trial of a new key.
struct LibraryRandom;

impl rand_core::TryRng for LibraryRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        aws_lc_rs::rand::fill(bytes).expect("the library aborts rather than return without randomness");
        Ok(())
    }
}

impl rand_core::TryCryptoRng for LibraryRandom {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn key(number: u8) -> PrivateKey {
        PrivateKey::derive(&Secret::fill_with(|bytes| bytes.fill(number)), Bits::B2048).unwrap()
    }

    /// What a fault while signing amounts to: a signature that does not fit the public key. Nothing may leave.
    #[test]
    fn a_signature_that_does_not_verify_is_kept_back() {
        let faulty = PrivateKey {
            public: key(2).public,
            ..key(1)
        };
        assert_eq!(
            faulty.sign(b"message"),
            Err(Error::SelfCheck("the signature does not verify"))
        );
        assert!(matches!(faulty.try_out(), Err(Error::SelfCheck(_))));
        assert_eq!(key(1).try_out(), Ok(()));
    }

    #[test]
    fn opening_with_the_wrong_half_fails_the_trial() {
        let faulty = PrivateKey {
            opening: key(2).opening,
            ..key(1)
        };
        assert_eq!(faulty.try_out(), Err(Error::SelfCheck("a wrapped key does not open")));
    }

    /// Only the trial draws from it, but whoever asks gets randomness and not what the buffer held.
    #[test]
    fn the_librarys_source_draws_anew_each_time() {
        use rand_core::TryRng;
        use std::collections::BTreeSet;

        let mut source = LibraryRandom;
        let longs: BTreeSet<u64> = (0..4).map(|_| source.try_next_u64().unwrap()).collect();
        let shorts: BTreeSet<u32> = (0..4).map(|_| source.try_next_u32().unwrap()).collect();
        assert_eq!((longs.len(), shorts.len()), (4, 4));
        let mut bytes = [0; 32];
        source.try_fill_bytes(&mut bytes).unwrap();
        assert_ne!(bytes, [0; 32]);
    }
}
