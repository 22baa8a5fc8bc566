//! The public half: strict about what it accepts, able to verify and to wrap.

use std::fmt;

use rsa::pkcs1::{self, UintRef};
use rsa::pkcs8::der::asn1::BitStringRef;
use rsa::pkcs8::der::{Decode, Encode};
use rsa::pkcs8::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Oaep, Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest, Sha256};

use super::numbers::from_be_bytes;
use super::pair::EXPONENT_BYTES;
use super::sieve::{LARGEST, Sieve};
use super::{Bits, EXPONENT};
use crate::{Error, Key32};

/// The longest encoding looked at; an 8192-bit key takes 1062 bytes.
const LONGEST: usize = 1100;

/// The public half of an RSA pair: 2048, 3072, 4096 or 8192 bits, exponent 65537.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    bits: Bits,
    spki: Vec<u8>,
    key: RsaPublicKey,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` (RFC 5280, RFC 8017 A.1.1) in the one encoding that [`PublicKey::to_spki_der`] writes.
    ///
    /// Refused are: anything but canonical DER of rsaEncryption with NULL parameters, trailing bytes, another exponent than
    /// 65537, another size than [`Bits`] has, an even modulus, a modulus with a prime factor below 2^16.
    ///
    /// # Errors
    /// [`Error::Key`] with the reason.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, Error> {
        if der.len() > LONGEST {
            return Err(Error::Key("encoding too long"));
        }
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| Error::Key("not a public key"))?;
        if info.algorithm != pkcs1::ALGORITHM_ID {
            return Err(Error::Key("not an RSA key"));
        }
        let bytes = info
            .subject_public_key
            .as_bytes()
            .ok_or(Error::Key("not a public key"))?;
        let inner = pkcs1::RsaPublicKey::from_der(bytes).map_err(|_| Error::Key("not a public key"))?;
        if inner.public_exponent.as_bytes() != EXPONENT_BYTES {
            return Err(Error::Key("exponent is not 65537"));
        }
        let this = Self::from_modulus(inner.modulus.as_bytes())?;
        // Whatever leniency the decoder may have: there is one encoding per key.
        if this.spki != der {
            return Err(Error::Key("encoding is not canonical"));
        }
        Ok(this)
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn to_spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The size of the modulus.
    #[must_use]
    pub fn bits(&self) -> Bits {
        self.bits
    }

    /// Verifies an RSASSA-PKCS1-v1_5-SHA-256 signature, which must be exactly as long as the modulus.
    ///
    /// # Errors
    /// [`Error::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        if signature.len() != self.bits.bytes() {
            return Err(Error::Signature);
        }
        let scheme = Pkcs1v15Sign::new::<rsa::sha2::Sha256>();
        self.key
            .verify(scheme, &Sha256::digest(message), signature)
            .map_err(|_| Error::Signature)
    }

    /// Wraps a key to this pair with RSA-OAEP (SHA-256, MGF1 with SHA-256). The OAEP label is the SHA-256 of `context`, as 64
    /// lowercase hexadecimal characters, so a wrap opens only in the context it was made for.
    ///
    /// # Errors
    /// [`Error::Key`] if the library refuses, which it has no reason to.
    pub fn wrap_key(&self, context: &[u8], key: &Key32, rng: &mut dyn rand_core::CryptoRng) -> Result<Vec<u8>, Error> {
        let padding = Oaep::new_with_label::<rsa::sha2::Sha256, _>(label(context));
        let wrapped = self.key.encrypt(&mut Older(rng), padding, key.expose());
        wrapped.map_err(|_| Error::Key("the key was not wrapped"))
    }

    /// The key with this big-endian modulus.
    pub(super) fn from_modulus(modulus: &[u8]) -> Result<Self, Error> {
        let n = BigUint::from_bytes_be(modulus);
        let bits = u32::try_from(n.bits())
            .ok()
            .and_then(Bits::from_u32)
            .ok_or(Error::Key("size not allowed"))?;
        let limbs = from_be_bytes(modulus);
        if limbs[0] & 1 == 0 {
            return Err(Error::Key("modulus is even"));
        }
        if Sieve::get().has_factor(&limbs, LARGEST) {
            return Err(Error::Key("modulus has a small factor"));
        }
        let spki = encode(modulus).map_err(|_| Error::Key("public key could not be encoded"))?;
        // The library's plain constructor stops at 4096 bits.
        let key = RsaPublicKey::new_with_max_size(n, BigUint::from(EXPONENT), Bits::B8192.get() as usize);
        Ok(Self {
            bits,
            spki,
            key: key.map_err(|_| Error::Key("public key refused"))?,
        })
    }

    /// The modulus, big-endian.
    pub(super) fn modulus(&self) -> Vec<u8> {
        self.key.n().to_bytes_be()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PublicKey({:?}, SHA-256 {:x?})",
            self.bits,
            &Sha256::digest(&self.spki)[..8]
        )
    }
}

fn encode(modulus: &[u8]) -> Result<Vec<u8>, pkcs1::der::Error> {
    let inner = pkcs1::RsaPublicKey {
        modulus: UintRef::new(modulus)?,
        public_exponent: UintRef::new(&EXPONENT_BYTES)?,
    }
    .to_der()?;
    SubjectPublicKeyInfo {
        algorithm: pkcs1::ALGORITHM_ID,
        subject_public_key: BitStringRef::from_bytes(&inner)?,
    }
    .to_der()
}

/// The OAEP label of a context. Hexadecimal because the wrapping library takes its labels as text.
pub(super) fn label(context: &[u8]) -> String {
    Sha256::digest(context)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            for digit in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
            }
            text
        })
}

/// Today's random source in the shape of the older trait that `rsa` 0.9 asks for.
struct Older<'a>(&'a mut dyn rand_core::CryptoRng);

impl rsa::rand_core::CryptoRng for Older<'_> {}

impl rsa::rand_core::RngCore for Older<'_> {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rsa::rand_core::RngCore;

    use super::Older;

    /// A source whose every answer is known.
    struct Known;

    impl rand_core::TryRng for Known {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(32)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(64)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.fill(8);
            Ok(())
        }
    }

    impl rand_core::TryCryptoRng for Known {}

    /// Whichever way a library asks for randomness, it gets that of the source and never what the buffer held.
    #[test]
    fn the_older_shape_hands_on_what_the_source_gives() {
        let mut source = Known;
        let mut older = Older(&mut source);
        assert_eq!((older.next_u32(), older.next_u64()), (32, 64));
        let (mut filled, mut tried) = ([0; 4], [0; 4]);
        older.fill_bytes(&mut filled);
        assert!(older.try_fill_bytes(&mut tried).is_ok());
        assert_eq!((filled, tried), ([8; 4], [8; 4]));
    }
}
