//! The stream that enciphers protected values inside the document, so that they lie in memory as little as possible.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use salsa20::Salsa20;

use super::{sha256, sha512};
use crate::error::Error;

const SALSA20: u32 = 2;
const CHACHA20: u32 = 3;
const SALSA20_NONCE: [u8; 8] = *b"\xe8\x30\x09\x4b\x97\x20\x5d\x2a";

/// The stream at the place it has come to.
pub(crate) struct Stream(Kind);

enum Kind {
    None,
    Salsa20(Box<Salsa20>),
    ChaCha20(Box<ChaCha20>),
}

impl Stream {
    pub(super) fn new(id: u32, key: &[u8]) -> Result<Self, Error> {
        let wrong = |_| Error::Unsupported("its inner cipher is damaged".into());
        Ok(Self(match id {
            0 => Kind::None,
            SALSA20 => {
                let cipher = Salsa20::new_from_slices(&*sha256(&[key]), &SALSA20_NONCE).map_err(wrong)?;
                Kind::Salsa20(Box::new(cipher))
            }
            CHACHA20 => {
                let hash = sha512(&[key]);
                let cipher = ChaCha20::new_from_slices(&hash[..32], &hash[32..44]).map_err(wrong)?;
                Kind::ChaCha20(Box::new(cipher))
            }
            _ => return Err(Error::Unsupported("its inner cipher is not known".into())),
        }))
    }

    /// Deciphers what comes next in the document.
    pub(crate) fn apply(&mut self, bytes: &mut [u8]) {
        match &mut self.0 {
            Kind::None => {}
            Kind::Salsa20(cipher) => cipher.apply_keystream(bytes),
            Kind::ChaCha20(cipher) => cipher.apply_keystream(bytes),
        }
    }
}
