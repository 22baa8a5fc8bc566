//! Trial division by all odd primes up to 2^16 without a single division instruction.
//!
//! Consecutive primes are multiplied into moduli below 2^63. The Montgomery-style pass `r = (r + limb) / 2^64 mod m` over the limbs leaves
//! a number that is divisible by a prime of the group exactly when the integer is, and divisibility of one word by a fixed odd
//! prime is one multiplication and a comparison (Granlund and Montgomery, 1994).

use std::sync::OnceLock;

use super::mont::negative_inverse;

/// Primes are tabled up to here; also the smallest factor a public modulus may have is above it.
pub(super) const LARGEST: u32 = 1 << 16;

struct Prime {
    inverse: u64,
    /// The largest quotient: a word `w` is divisible exactly when `w * inverse` does not exceed it.
    limit: u64,
}

struct Group {
    modulus: u64,
    /// `-modulus⁻¹ mod 2^64`
    inverse: u64,
    largest: u32,
    primes: Vec<Prime>,
}

/// The table of small primes.
pub(super) struct Sieve(Vec<Group>);

impl Sieve {
    /// The table, built at the first use (well under a millisecond).
    pub(super) fn get() -> &'static Self {
        static TABLE: OnceLock<Sieve> = OnceLock::new();
        TABLE.get_or_init(Self::build)
    }

    fn build() -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let (mut members, mut product): (Vec<u32>, u64) = (Vec::new(), 1);
        for prime in odd_primes(LARGEST) {
            if product.saturating_mul(u64::from(prime)) >= 1 << 63 {
                groups.push(Group::new(product, &members));
                (members, product) = (Vec::new(), 1);
            }
            members.push(prime);
            product *= u64::from(prime);
        }
        groups.push(Group::new(product, &members));
        Self(groups)
    }

    /// Whether an odd prime up to about `bound` divides the integer (the last group is always finished).
    pub(super) fn has_factor(&self, limbs: &[u64], bound: u32) -> bool {
        for four in self.0.chunks(4) {
            if four[0].largest > bound {
                return false;
            }
            // Four independent chains keep the multiplier busy.
            let mut rests = [0u64; 4];
            if let [a, b, c, d] = four {
                for &limb in limbs {
                    rests = [
                        a.step(rests[0], limb),
                        b.step(rests[1], limb),
                        c.step(rests[2], limb),
                        d.step(rests[3], limb),
                    ];
                }
            } else {
                for (rest, group) in rests.iter_mut().zip(four) {
                    *rest = limbs.iter().fold(0, |rest, &limb| group.step(rest, limb));
                }
            }
            if four.iter().zip(rests).any(|(group, rest)| group.divides(rest)) {
                return true;
            }
        }
        false
    }
}

impl Group {
    fn new(modulus: u64, primes: &[u32]) -> Self {
        let member = |&prime: &u32| Prime {
            inverse: negative_inverse(u64::from(prime)).wrapping_neg(),
            limit: u64::MAX / u64::from(prime),
        };
        Self {
            modulus,
            inverse: negative_inverse(modulus),
            largest: primes.last().copied().unwrap_or(0),
            primes: primes.iter().map(member).collect(),
        }
    }

    /// `(rest + limb) / 2^64 mod m`, at most `m + 1`.
    #[inline(always)]
    fn step(&self, rest: u64, limb: u64) -> u64 {
        let (low, carry) = rest.overflowing_add(limb);
        let factor = low.wrapping_mul(self.inverse);
        let (_, high) = factor.carrying_mul_add(self.modulus, low, 0);
        high + u64::from(carry)
    }

    fn divides(&self, rest: u64) -> bool {
        self.primes
            .iter()
            .any(|prime| rest.wrapping_mul(prime.inverse) <= prime.limit)
    }
}

/// The odd primes up to `limit`, by Eratosthenes.
pub(super) fn odd_primes(limit: u32) -> impl Iterator<Item = u32> {
    let mut composite = vec![false; limit as usize + 1];
    let mut next = 3;
    while next * next <= limit as usize {
        if !composite[next] {
            (next * next..=limit as usize)
                .step_by(2 * next)
                .for_each(|multiple| composite[multiple] = true);
        }
        next += 2;
    }
    (3..=limit)
        .step_by(2)
        .filter(move |&number| !composite[number as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_every_odd_prime_up_to_the_bound() {
        let count: usize = Sieve::get().0.iter().map(|group| group.primes.len()).sum();
        assert_eq!(count, 6541); // pi(2^16) = 6542, less the 2
    }

    #[test]
    fn each_tabled_prime_is_found_and_nothing_else() {
        // 2^127 - 1 is prime; times a tabled prime it has exactly that small factor.
        let mersenne = (1u128 << 127) - 1;
        let split = |x: u128| [x as u64, (x >> 64) as u64];
        assert!(!Sieve::get().has_factor(&split(mersenne), LARGEST));
        for prime in odd_primes(LARGEST) {
            let (low, high) = (split(mersenne)[0], split(mersenne)[1]);
            let (a, carry) = low.carrying_mul(u64::from(prime), 0);
            let (b, c) = high.carrying_mul(u64::from(prime), carry);
            assert!(Sieve::get().has_factor(&[a, b, c], LARGEST), "{prime}");
        }
        // 65537 is the first prime beyond the table.
        assert!(!Sieve::get().has_factor(&[65537], LARGEST));
        assert!(Sieve::get().has_factor(&[0, 0, 65521], LARGEST));
    }
}
