//! Nonces of sign-in: good once, for one handle, for two minutes; bounded in number.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Failure, random};

/// How long a nonce is good.
const LIFETIME_MS: u64 = 2 * 60 * 1000;
/// How many are kept. The rate limits keep one address far below it.
const AT_MOST: usize = 16_384;

struct Issued {
    handle: String,
    until_ms: u64,
}

/// Nonces that were handed out and not yet used.
#[derive(Default)]
pub(super) struct Nonces(Mutex<HashMap<[u8; 32], Issued>>);

impl Nonces {
    /// Draws a nonce for a handle.
    pub(super) fn issue(&self, handle: &str, now_ms: u64) -> Result<[u8; 32], Failure> {
        let nonce = random()?;
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() >= AT_MOST {
            issued.retain(|_, nonce| nonce.until_ms > now_ms);
            if issued.len() >= AT_MOST {
                return Err(Failure::RateLimited { seconds: 60 });
            }
        }
        issued.insert(
            nonce,
            Issued {
                handle: handle.to_owned(),
                until_ms: now_ms + LIFETIME_MS,
            },
        );
        Ok(nonce)
    }

    /// Uses a nonce up, and says whether it was good.
    pub(super) fn spend(&self, nonce: &[u8], handle: &str, now_ms: u64) -> bool {
        let Ok(nonce) = <[u8; 32]>::try_from(nonce) else {
            return false;
        };
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&nonce);
        taken.is_some_and(|issued| issued.handle == handle && issued.until_ms > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_once_for_its_handle_and_for_two_minutes() {
        let nonces = Nonces::default();
        let nonce = nonces.issue("ana", 0).expect("room");
        assert!(nonces.spend(&nonce, "ana", 1));
        assert!(!nonces.spend(&nonce, "ana", 1), "used");
        let nonce = nonces.issue("ana", 0).expect("room");
        assert!(!nonces.spend(&nonce, "ben", 1), "another's");
        assert!(!nonces.spend(&nonce, "ana", 1), "a wrong try uses it up");
        let nonce = nonces.issue("ana", 0).expect("room");
        assert!(!nonces.spend(&nonce, "ana", LIFETIME_MS), "too late");
        assert!(!nonces.spend(&nonce[..31], "ana", 1), "too short");
    }

    #[test]
    fn the_table_is_bounded_and_recovers() {
        let nonces = Nonces::default();
        for _ in 0..AT_MOST {
            nonces.issue("a", 0).expect("room");
        }
        nonces.issue("a", 0).expect_err("full");
        nonces.issue("a", LIFETIME_MS).expect("the old ones ended");
    }
}
