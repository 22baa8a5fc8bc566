//! Rate limits: token buckets in memory, of bounded number.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::Failure;

/// How many buckets are kept. A bucket that is full again is forgotten first.
const AT_MOST: usize = 65_536;

/// What is limited: `burst` tries at once, then one every `refill_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Limit {
    /// Sign-in tries for one handle.
    Handle,
    /// Sign-in tries from one address.
    SignIn,
    /// New accounts from one address.
    SignUp,
    /// Tries of recovery keys from one address.
    Recovery,
    /// Look-ups by one account.
    Directory,
    /// Proofs about the log of keys, and pages of it, for one account.
    Proof,
    /// Claims of invitations by one account.
    Claim,
    /// Tokens for nodes that one account draws.
    NodeToken,
    /// Nodes that are registered from one address.
    Enrol,
    /// Requests of one node about its runs. A node at its busiest stays far below; one that runs wild does not take the server
    /// along.
    Node,
}

impl Limit {
    fn burst(self) -> u32 {
        match self {
            Self::Handle => 30,
            Self::SignIn => 120,
            Self::SignUp => 60,
            Self::Recovery | Self::Claim | Self::NodeToken | Self::Enrol => 20,
            Self::Directory => 300,
            Self::Node => 1_000,
            Self::Proof => 600,
        }
    }

    fn refill_ms(self) -> u64 {
        match self {
            Self::Handle => 2_000,
            Self::SignIn => 500,
            Self::SignUp => 1_000,
            Self::Recovery | Self::Claim | Self::NodeToken | Self::Enrol => 10_000,
            Self::Directory => 200,
            Self::Node => 10,
            Self::Proof => 100,
        }
    }
}

struct Bucket {
    /// When the bucket will be full again; it holds `burst` less one for each `refill_ms` until then.
    full_at_ms: u64,
}

/// All buckets. Keys are hashed: what is kept says nothing about handles.
#[derive(Default)]
pub(super) struct Limiter {
    hasher: RandomState,
    buckets: Mutex<HashMap<u64, Bucket>>,
}

impl Limiter {
    /// Takes one try.
    ///
    /// # Errors
    /// [`Failure::RateLimited`] when there is none left.
    pub(super) fn take(&self, limit: Limit, key: &[u8], now_ms: u64) -> Result<(), Failure> {
        let key = self.hasher.hash_one((limit, key));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= AT_MOST && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| bucket.full_at_ms > now_ms);
            if buckets.len() >= AT_MOST {
                return Err(Failure::RateLimited { seconds: 60 });
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { full_at_ms: now_ms });
        let after = bucket.full_at_ms.max(now_ms) + limit.refill_ms();
        let capacity = u64::from(limit.burst()) * limit.refill_ms();
        if after - now_ms > capacity {
            let wait = after - now_ms - capacity;
            return Err(Failure::RateLimited {
                seconds: wait.div_ceil(1_000).max(1),
            });
        }
        bucket.full_at_ms = after;
        Ok(())
    }

    /// Takes one try of an address. Of an IPv6 address the network counts: whoever has one has all in it.
    pub(super) fn take_address(&self, limit: Limit, address: IpAddr, now_ms: u64) -> Result<(), Failure> {
        match address {
            IpAddr::V4(address) => self.take(limit, &address.octets(), now_ms),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => self.take(limit, &address.octets(), now_ms),
                None => self.take(limit, &address.octets()[..8], now_ms),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time_and_keys_apart() {
        let limiter = Limiter::default();
        for _ in 0..Limit::Recovery.burst() {
            limiter.take(Limit::Recovery, b"a", 1_000).expect("within the burst");
        }
        assert_eq!(
            limiter.take(Limit::Recovery, b"a", 1_000),
            Err(Failure::RateLimited { seconds: 10 })
        );
        limiter.take(Limit::Recovery, b"b", 1_000).expect("another key");
        limiter.take(Limit::Directory, b"a", 1_000).expect("another limit");
        assert_eq!(
            limiter.take(Limit::Recovery, b"a", 10_999),
            Err(Failure::RateLimited { seconds: 1 })
        );
        limiter.take(Limit::Recovery, b"a", 11_000).expect("one came back");
        limiter.take(Limit::Recovery, b"a", 11_000).expect_err("and only one");
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let limiter = Limiter::default();
        for last in 0..Limit::SignUp.burst() {
            let address = format!("2001:db8::{last:x}").parse().expect("an address");
            limiter
                .take_address(Limit::SignUp, address, 0)
                .expect("within the burst");
        }
        let address = "2001:db8::ffff".parse().expect("an address");
        limiter
            .take_address(Limit::SignUp, address, 0)
            .expect_err("the same network");
        let address = "2001:db8:0:1::1".parse().expect("an address");
        limiter
            .take_address(Limit::SignUp, address, 0)
            .expect("another network");
    }
}
