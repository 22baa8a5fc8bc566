//! The candidate sequence: HMAC_DRBG-SHA-256 (SP 800-90A rev. 1, 10.1.2) instantiated as c2sp.org/det-keygen prescribes.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::numbers::{Limbs, from_be_bytes};
use crate::Error;

/// The shortest seed that det-keygen allows. Holdfast's own seeds are always 48 bytes.
const SHORTEST_SEED: usize = 16;

/// The endless, strictly ordered sequence of candidates for `p` and `q`.
pub(super) struct Candidates {
    key: Hmac<Sha256>,
    v: Zeroizing<[u8; 32]>,
    /// The bytes of the current candidate, kept to reuse the allocation.
    buffer: Zeroizing<Vec<u8>>,
    /// Bytes of one candidate.
    length: usize,
    /// Whether the state has to be updated before the next candidate is drawn.
    drawn: bool,
}

impl Candidates {
    /// Steps 1 to 7. `bits` is the size of the modulus: a multiple of 16 of at least 2048.
    pub(super) fn new(seed: &[u8], bits: u32) -> Result<Self, Error> {
        let tag = u16::try_from(bits).map_err(|_| Error::Key("size out of range"))?;
        if seed.len() < SHORTEST_SEED || bits < 2048 || !bits.is_multiple_of(16) {
            return Err(Error::Key("seed or size out of range"));
        }
        let mut this = Self {
            key: keyed(&[0; 32]),
            v: Zeroizing::new([1; 32]),
            buffer: Zeroizing::new(Vec::with_capacity(bits as usize / 16 + 32)),
            length: bits as usize / 16,
            drawn: false,
        };
        let personalization = [b"det RSA key gen".as_slice(), &tag.to_be_bytes()].concat();
        this.update(0, &[seed, &personalization]);
        this.update(1, &[seed, &personalization]);
        Ok(this)
    }

    /// Steps 8 to 12, preceded by 13.1 and 13.2 for every candidate but the first.
    pub(super) fn draw(&mut self) -> Limbs {
        if self.drawn {
            self.update(0, &[]);
        }
        self.drawn = true;
        self.buffer.clear();
        while self.buffer.len() < self.length {
            self.step();
            self.buffer.extend_from_slice(&*self.v);
        }
        // Two top bits: the product has exactly `bits` bits. Three low bits: odd, (t - 1) / 2 odd, FIPS 186-5 A.1.3.
        self.buffer[0] |= 0b1100_0000;
        self.buffer[self.length - 1] |= 0b0000_0111;
        from_be_bytes(&self.buffer[..self.length])
    }

    /// `K = HMAC(K, V || tag || data)`, then `V = HMAC(K, V)`.
    fn update(&mut self, tag: u8, data: &[&[u8]]) {
        let mut mac = self.key.clone();
        mac.update(&*self.v);
        mac.update(&[tag]);
        data.iter().for_each(|part| mac.update(part));
        let key: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
        self.key = keyed(&key);
        self.step();
    }

    /// `V = HMAC(K, V)`.
    fn step(&mut self) {
        let mut mac = self.key.clone();
        mac.update(&*self.v);
        *self.v = mac.finalize().into_bytes().into();
    }
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}
