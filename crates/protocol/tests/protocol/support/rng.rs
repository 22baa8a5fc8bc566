//! A random number generator that repeats itself: SHA-256 of (seed, counter), block after block.

use std::convert::Infallible;

use holdfast_crypto::{Key32, sha256};
use holdfast_protocol::KeyField;
use rand_core::{TryCryptoRng, TryRng};

/// The same bytes in every run and every release, so that golden vectors can be made again.
pub(crate) struct TestRng {
    seed: u64,
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl TestRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            counter: 0,
            block: [0; 32],
            used: 32,
        }
    }

    pub(crate) fn key(&mut self) -> KeyField {
        KeyField::new(Key32::random(self))
    }
}

impl TryRng for TestRng {
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

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            if self.used == self.block.len() {
                self.block = sha256(&[
                    b"protocol test rng",
                    &self.seed.to_be_bytes(),
                    &self.counter.to_be_bytes(),
                ]);
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
        Ok(())
    }
}

impl TryCryptoRng for TestRng {}
