//! The port behind which a candidate is judged, and the fast portable judge.
//!
//! Which judge is used never changes a key, only its speed: every judge is right except with negligible probability, and the
//! search takes the first prime in candidate order.

use crypto_bigint::{BoxedUint, Odd};
use crypto_primes::hazmat::{LucasCheck, SelfridgeBase, lucas_test};
use sha2::{Digest, Sha256};

use super::mont::Modulus;
use super::numbers::Limbs;

/// Judges candidates. They come sieved: free of small factors, odd, with their two top bits set.
pub(super) trait Primality: Sync {
    /// How many candidates one call of [`Primality::judge`] tests for the price of one (the width of a vector kernel).
    fn lanes(&self) -> usize {
        1
    }

    /// One verdict per candidate, in the same order: is it prime?
    fn judge(&self, candidates: &[Limbs]) -> Vec<bool>;
}

/// Strong test to base 2 by [`Modulus`]; what passes (nearly always a prime) faces as many Miller-Rabin rounds with full-size
/// pseudo-random bases as FIPS 186-5 C.1 asks, and a strong Lucas test: BPSW and Miller-Rabin together.
pub(super) struct Portable;

impl Primality for Portable {
    fn judge(&self, candidates: &[Limbs]) -> Vec<bool> {
        candidates.iter().map(|candidate| is_prime(candidate)).collect()
    }
}

/// Runs `$body` with the number of limbs as the constant `$limbs`; `$otherwise` for a size that no key uses.
macro_rules! with_limbs {
    ($count:expr, $limbs:ident => $body:expr, else $otherwise:expr) => {{
        macro_rules! arm {
            ($number:literal) => {{
                const $limbs: usize = $number;
                $body
            }};
        }
        match $count {
            16 => arm!(16),
            17 => arm!(17),
            24 => arm!(24),
            32 => arm!(32),
            64 => arm!(64),
            _ => $otherwise,
        }
    }};
}
pub(super) use with_limbs;

fn is_prime(candidate: &[u64]) -> bool {
    with_limbs!(candidate.len(), L => Modulus::<L>::new(candidate).is_some_and(|n| n.strong_base_two() && confirm(&n, candidate)), else false)
}

/// The second opinion on a base-2 strong probable prime.
fn confirm<const L: usize>(n: &Modulus<L>, candidate: &[u64]) -> bool {
    (0..rounds(n.bits())).all(|round| n.strong(&base(n.bits(), candidate, round))) && strong_lucas(candidate)
}

/// Miller-Rabin rounds for a prime of this length, as det-keygen and FIPS 186-5 table B.1 have it.
fn rounds(prime_bits: u32) -> u8 {
    match prime_bits * 2 {
        0..2690 => 5,
        2690..7494 => 4,
        _ => 3,
    }
}

/// A base that the candidate can't have been made for, of fewer bits than the candidate. The hash stands for a random
/// source: nobody chooses candidates against it, because they come out of HMAC_DRBG.
fn base<const L: usize>(bits: u32, candidate: &[u64], round: u8) -> [u64; L] {
    let mut hash = Sha256::new_with_prefix([b"holdfast miller-rabin base".as_slice(), &[round]].concat());
    candidate.iter().for_each(|limb| hash.update(limb.to_le_bytes()));
    let mut base = [0; L];
    for (block, four) in base.chunks_mut(4).enumerate() {
        let digest = hash.clone().chain_update([block as u8]).finalize();
        for (limb, bytes) in four.iter_mut().zip(digest.chunks_exact(8)) {
            *limb = u64::from_le_bytes(bytes.try_into().expect("chunks of eight"));
        }
    }
    let top = bits - 1;
    base[top as usize / 64] &= (1 << (top % 64)) - 1;
    base[top as usize / 64 + 1..].fill(0);
    base
}

fn strong_lucas(candidate: &[u64]) -> bool {
    let number = BoxedUint::from_words(candidate.iter().copied());
    Odd::new(number)
        .into_option()
        .is_some_and(|odd| lucas_test(odd, SelfridgeBase, LucasCheck::Strong).is_probably_prime())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::numbers::Limbs;
    use super::*;
    use zeroize::Zeroizing;

    /// `2^bits - less`: runs of ones, where every carry there is comes up.
    fn below_power(bits: u32, less: u64) -> Limbs {
        let mut limbs = Zeroizing::new(vec![u64::MAX; bits as usize / 64]);
        if !bits.is_multiple_of(64) {
            limbs.push((1 << (bits % 64)) - 1);
        }
        limbs[0] = limbs[0].wrapping_sub(less - 1);
        limbs
    }

    /// The largest primes below a power of two, by an independent program (2^4096 - 2549 and so on).
    const PRIMES: [(u32, u64); 5] = [(1024, 105), (1088, 89), (1536, 3453), (2048, 1557), (4096, 2549)];

    #[test]
    fn known_primes_are_prime_and_their_neighbours_not() {
        for (bits, less) in PRIMES {
            assert_eq!(Portable.judge(&[below_power(bits, less)]), [true], "{bits}");
            let neighbours = [less - 2, less + 2, less + 4].map(|less| below_power(bits, less));
            let prime = |limbs: &Limbs| {
                crypto_primes::is_prime(
                    crypto_primes::Flavor::Any,
                    &BoxedUint::from_words(limbs.iter().copied()),
                )
            };
            assert_eq!(Portable.judge(&neighbours), neighbours.each_ref().map(prime), "{bits}");
        }
    }

    /// A Mersenne number with a prime exponent passes the strong test to base 2 whether it is prime or not: only the second
    /// opinion sees that these are composite.
    #[test]
    fn strong_pseudoprimes_to_base_two_are_seen_through() {
        for exponent in [1019, 1021, 1031, 1511, 2039, 4093] {
            let number = below_power(exponent, 1);
            let fooled = with_limbs!(number.len(), L => Modulus::<L>::new(&number).is_some_and(|n| n.strong_base_two()), else false);
            assert!(fooled, "2^{exponent} - 1");
            assert_eq!(
                Portable.judge(std::slice::from_ref(&number)),
                [false],
                "2^{exponent} - 1"
            );
            // Each half of the second opinion alone sees it.
            let rounds = with_limbs!(number.len(), L => Modulus::<L>::new(&number).is_some_and(|n| n.strong(&base(n.bits(), &number, 0))), else true);
            assert!(!rounds && !strong_lucas(&number), "2^{exponent} - 1");
        }
    }

    #[test]
    fn a_number_divides_its_products_and_no_other() {
        for (bits, less) in PRIMES {
            let prime = below_power(bits, less);
            let number = BoxedUint::from_words(prime.iter().copied());
            for other in [
                &number,
                &BoxedUint::from_words(below_power(bits, less + 8).iter().copied()),
            ] {
                let product = crypto_bigint::ConcatenatingMul::concatenating_mul(&number, other);
                let divides = |x: &BoxedUint| with_limbs!(prime.len(), L => Modulus::<L>::new(&prime).is_some_and(|n| n.divides(x.as_words())), else false);
                assert!(divides(&product));
                assert!(!divides(&(&product - 1u8)) && !divides(&(&product - 2u8)));
            }
        }
    }

    #[test]
    fn even_and_odd_sized_numbers_are_nobodys_prime() {
        assert_eq!(
            Portable.judge(&[below_power(1024, 106), below_power(640, 305), Zeroizing::new(vec![7])]),
            [false; 3]
        );
    }

    #[test]
    fn bases_are_shorter_than_the_candidate_and_differ() {
        let candidate = below_power(1088, 89);
        let bases: Vec<[u64; 17]> = (0..5).map(|round| base(1032, &candidate, round)).collect();
        assert!(bases.iter().all(|base| base[16] < 1 << 7 && base[15] != 0));
        assert!((1..5).all(|round| bases[round] != bases[0]));
    }
}
