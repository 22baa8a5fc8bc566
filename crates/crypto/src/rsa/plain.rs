//! The second, independent derivation for the self-check: sequential, slow and plain, with a different library at every step.
//!
//! Only the candidate generator is shared. Trial division, Miller-Rabin, Lucas, the private exponent, the CRT values and the encoding
//! come from `num-bigint-dig` and `rsa`; the fast path has its own kernel, `crypto-primes` and `crypto-bigint`.

use num_bigint_dig::BigUint;
use num_bigint_dig::prime::probably_prime;
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::pkcs8::der::SecretDocument;
use zeroize::Zeroizing;

use super::EXPONENT;
use super::drbg::Candidates;
use super::numbers::to_be_bytes;
use super::search::TRIES;
use super::sieve::odd_primes;
use crate::Error;

/// Rounds of Miller-Rabin with pseudo-random bases, besides base 2 and a Lucas test.
const ROUNDS: usize = 4;

/// Divide by primes up to here before anything dear.
const BOUND: u32 = 2048;

/// Derives the pair of `seed` once more and returns its PKCS#8 encoding.
pub(super) fn derive(seed: &[u8], bits: u32) -> Result<SecretDocument, Error> {
    let mut candidates = Candidates::new(seed, bits)?;
    let small: Vec<u32> = odd_primes(BOUND).collect();
    loop {
        let p = next_prime(&mut candidates, bits, &small)?;
        let q = next_prime(&mut candidates, bits, &small)?;
        let (p1, q1) = (Zeroizing::new(&*p - 1u32), Zeroizing::new(&*q - 1u32));
        let coprime = [&p1, &q1].iter().all(|order| (&***order % EXPONENT).bits() != 0);
        if !coprime || gcd(&p1, &q1).bits() > 32 {
            continue;
        }
        let key = RsaPrivateKey::from_p_q((*p).clone(), (*q).clone(), BigUint::from(EXPONENT));
        let key = key.map_err(|_| Error::SelfCheck("the second derivation made no key"))?;
        return key
            .to_pkcs8_der()
            .map_err(|_| Error::SelfCheck("the second derivation made no key"));
    }
}

fn next_prime(candidates: &mut Candidates, bits: u32, small: &[u32]) -> Result<Zeroizing<BigUint>, Error> {
    for _ in 0..TRIES * bits as usize {
        let number = Zeroizing::new(BigUint::from_bytes_be(&to_be_bytes(&candidates.draw())));
        if small.iter().all(|&prime| (&*number % prime).bits() != 0) && probably_prime(&number, ROUNDS) {
            return Ok(number);
        }
    }
    Err(Error::SelfCheck("no prime among the candidates"))
}

/// Euclid's algorithm.
fn gcd(a: &BigUint, b: &BigUint) -> Zeroizing<BigUint> {
    let (mut a, mut b) = (Zeroizing::new(a.clone()), Zeroizing::new(b.clone()));
    while b.bits() != 0 {
        let rest = Zeroizing::new(&*a % &*b);
        a = b;
        b = rest;
    }
    a
}
