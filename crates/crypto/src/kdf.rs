//! The key-derivation record: which scrypt (RFC 7914) turns a phrase into a key, and the only limits under which it runs.
//!
//! The record reaches an unlocking device from a server, so it is hostile until proven otherwise: too little work would
//! hand an attacker a cheap dictionary, too much would hang the device. Both are refused while reading, before any work.

use core::convert::Infallible;

use minicbor::{Decoder, Encoder, encode};
use rand_core::CryptoRng;
use scrypt::Params;

use crate::error::Error;
use crate::phrase::Phrase;
use crate::secret::Secret;

/// log2 of scrypt's N in new records: 2^18, 256 MiB of memory, about a second.
pub const DEFAULT_LOG2_N: u8 = 18;
/// The floor for log2 of N: a record below it is refused.
pub const MIN_LOG2_N: u8 = 17;
/// The ceiling for log2 of N (2 GiB of memory): a record above it is refused.
pub const MAX_LOG2_N: u8 = 21;

const ALGORITHM: &str = "scrypt";
const WITH_SECOND: &str = "scrypt+second";
const R: u32 = 8;
const P: u32 = 1;
/// The longest encoding a valid record has; longer input is refused unread.
const MAX_ENCODED: usize = 64;

/// The scrypt parameters and salt of one principal: `{1: "scrypt", 2: N, 3: 8, 4: 1, 5: salt}` as deterministic CBOR. Its id is
/// `scrypt+second` where the root takes a [second secret](crate::SecondSecret), too.
///
/// A value of this type is always within the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KdfRecord {
    second: bool,
    log2_n: u8,
    salt: [u8; 32],
}

impl KdfRecord {
    /// Puts a record together.
    ///
    /// # Errors
    /// [`Error::Kdf`] when `log2_n` is not between [`MIN_LOG2_N`] and [`MAX_LOG2_N`].
    pub fn new(log2_n: u8, salt: [u8; 32]) -> Result<Self, Error> {
        if log2_n < MIN_LOG2_N {
            return Err(Error::Kdf("N is below the floor"));
        }
        if log2_n > MAX_LOG2_N {
            return Err(Error::Kdf("N is above the ceiling"));
        }
        Ok(Self {
            second: false,
            log2_n,
            salt,
        })
    }

    /// Makes a record with a new random salt, as every sign-up and every key change does.
    ///
    /// # Errors
    /// As [`KdfRecord::new`].
    pub fn make(log2_n: u8, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        Self::new(log2_n, salt)
    }

    /// The same, for a root that takes a second secret, too.
    #[must_use]
    pub fn with_second(self) -> Self {
        Self { second: true, ..self }
    }

    /// Whether the root takes a second secret, too.
    #[must_use]
    pub fn takes_second(&self) -> bool {
        self.second
    }

    /// The record as deterministic CBOR (RFC 8949, 4.2). Its hash is the salt of the HKDF step.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(MAX_ENCODED));
        self.write(&mut encoder).expect("writing to a Vec cannot fail");
        encoder.into_writer()
    }

    fn write(&self, encoder: &mut Encoder<Vec<u8>>) -> Result<(), encode::Error<Infallible>> {
        encoder.map(5)?;
        encoder.u8(1)?.str(if self.second { WITH_SECOND } else { ALGORITHM })?;
        encoder.u8(2)?.u64(1 << self.log2_n)?;
        encoder.u8(3)?.u32(R)?;
        encoder.u8(4)?.u32(P)?;
        encoder.u8(5)?.bytes(&self.salt)?;
        Ok(())
    }

    /// Reads a record and refuses everything that this version would not write itself.
    ///
    /// # Errors
    /// [`Error::Kdf`], before any work, for another algorithm, parameters outside the limits, another encoding of the same
    /// values, unknown or missing fields, and bytes after the end.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_ENCODED {
            return Err(Error::Kdf("too long"));
        }
        let (second, log2_n, salt) = read_fields(bytes)?;
        let record = Self {
            second,
            ..Self::new(log2_n, salt)?
        };
        if record.encode() != bytes {
            return Err(Error::Kdf("not in the deterministic encoding"));
        }
        Ok(record)
    }

    /// log2 of scrypt's cost N.
    #[must_use]
    pub fn log2_n(&self) -> u8 {
        self.log2_n
    }

    /// The salt: 32 random bytes, new at every key change.
    #[must_use]
    pub fn salt(&self) -> &[u8; 32] {
        &self.salt
    }

    /// Memory in bytes that the derivation fills (128 N r).
    #[must_use]
    pub fn memory(&self) -> u64 {
        (128 * u64::from(R)) << self.log2_n
    }

    /// S = scrypt(phrase, salt, N, r=8, p=1, 64 bytes).
    ///
    /// # Errors
    /// [`Error::Kdf`] when the system refuses the memory up front, which would otherwise end the process.
    pub(crate) fn stretch(&self, phrase: &Phrase) -> Result<Secret<64>, Error> {
        reserve(self.memory())?;
        Ok(Secret::fill_with(|out| {
            scrypt_into(phrase.expose(), &self.salt, self.log2_n, R, P, out)
        }))
    }
}

/// scrypt (RFC 7914) with parameters that the caller has already judged.
pub(crate) fn scrypt_into(password: &[u8], salt: &[u8], log2_n: u8, r: u32, p: u32, output: &mut [u8]) {
    let params = Params::new(log2_n, r, p).expect("callers pass constants or checked values");
    scrypt::scrypt(password, salt, &params, output).expect("callers ask for between 1 and 2^32 bytes");
}

/// Asks for the memory once and gives it back, so that a refusal is an error and not an abort inside scrypt.
fn reserve(bytes: u64) -> Result<(), Error> {
    const REFUSED: Error = Error::Kdf("not enough memory for this N");
    let bytes = usize::try_from(bytes).map_err(|_| REFUSED)?;
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| REFUSED)
}

/// Reads the five fields in order and judges all but the range of N, which [`KdfRecord::new`] does.
fn read_fields(bytes: &[u8]) -> Result<(bool, u8, [u8; 32]), Error> {
    const MALFORMED: Error = Error::Kdf("not a key-derivation record");
    let mut decoder = Decoder::new(bytes);
    if decoder.map().map_err(|_| MALFORMED)? != Some(5) {
        return Err(MALFORMED);
    }
    key(&mut decoder, 1)?;
    let second = match decoder.str().map_err(|_| MALFORMED)? {
        ALGORITHM => false,
        WITH_SECOND => true,
        _ => return Err(Error::Kdf("not scrypt")),
    };
    key(&mut decoder, 2)?;
    let n = decoder.u64().map_err(|_| MALFORMED)?;
    if !n.is_power_of_two() {
        return Err(Error::Kdf("N is not a power of two"));
    }
    key(&mut decoder, 3)?;
    if decoder.u32().map_err(|_| MALFORMED)? != R {
        return Err(Error::Kdf("r is not 8"));
    }
    key(&mut decoder, 4)?;
    if decoder.u32().map_err(|_| MALFORMED)? != P {
        return Err(Error::Kdf("p is not 1"));
    }
    key(&mut decoder, 5)?;
    let salt = decoder.bytes().map_err(|_| MALFORMED)?;
    let salt = salt.try_into().map_err(|_| Error::Kdf("the salt is not 32 bytes"))?;
    let log2_n = u8::try_from(n.trailing_zeros()).map_err(|_| MALFORMED)?;
    Ok((second, log2_n, salt))
}

fn key(decoder: &mut Decoder<'_>, expected: u8) -> Result<(), Error> {
    match decoder.u8() {
        Ok(found) if found == expected => Ok(()),
        _ => Err(Error::Kdf("an unknown field or another order")),
    }
}
