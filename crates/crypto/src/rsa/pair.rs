//! From two primes to a checked key: `n`, `d`, the CRT values and PKCS#8 (RFC 8017 A.1.2, RFC 5208).

use crypto_bigint::{BoxedUint, ConcatenatingMul, Gcd, NonZero, Odd};
use rsa::pkcs1::{self, UintRef};
use rsa::pkcs8::PrivateKeyInfo;
use rsa::pkcs8::der::SecretDocument;
use zeroize::Zeroizing;

use super::EXPONENT;
use super::numbers::{Limbs, bit_length, to_be_bytes};
use crate::Error;

type Number = Zeroizing<BoxedUint>;

/// A whole private key in numbers. `p` and `q` stay in the order of generation.
pub(super) struct Pair {
    pub(super) p: Number,
    pub(super) q: Number,
    pub(super) n: BoxedUint,
    pub(super) d: Number,
    dp: Number,
    dq: Number,
    qinv: Number,
}

impl Pair {
    /// Steps 19 to 24 of det-keygen. `None` refuses both primes: gcd(p-1, q-1) ≥ 2^32, or `e` has no inverse.
    pub(super) fn assemble(p: &Limbs, q: &Limbs) -> Option<Self> {
        let (p, q) = (number(p), number(q));
        let (p1, q1) = (Zeroizing::new(&*p - 1u8), Zeroizing::new(&*q - 1u8));
        let ratio = Zeroizing::new(p1.gcd_vartime(&q1));
        if ratio.bits_vartime() > 32 {
            return None;
        }
        let ratio = NonZero::new((*ratio).clone()).into_option()?;
        let lambda = Zeroizing::new(p1.div_rem_vartime(&ratio).0.concatenating_mul(&*q1));
        let d = inverse_of_e(&lambda)?;
        let (dp, dq) = (inverse_of_e(&p1)?, inverse_of_e(&q1)?);
        let q_mod_p = Zeroizing::new(q.rem_vartime(&nonzero(&p)?));
        let qinv = Zeroizing::new(
            q_mod_p
                .invert_odd_mod_vartime(&Odd::new((*p).clone()).into_option()?)
                .into_option()?,
        );
        let n = p.concatenating_mul(&*q);
        Some(Self {
            p,
            q,
            n,
            d,
            dp,
            dq,
            qinv,
        })
    }

    /// Proves the numbers against each other by other formulas than those that made them. A wrong CRT value would leak a prime
    /// with the first signature.
    pub(super) fn check(&self) -> Result<(), Error> {
        let sound = || {
            let (p1, q1) = (nonzero(&(&*self.p - 1u8))?, nonzero(&(&*self.q - 1u8))?);
            let (p, q) = (nonzero(&self.p)?, nonzero(&self.q)?);
            let (quotient, rest) = self.n.div_rem_vartime(&p);
            let factors = bool::from(rest.is_zero()) && quotient == *self.q && *self.p != *self.q;
            // e·d = 1 modulo p-1 and q-1 is e·d = 1 modulo their least common multiple.
            let ed = Zeroizing::new(self.d.concatenating_mul(BoxedUint::from(EXPONENT)));
            let inverse = [&p1, &q1].iter().all(|&order| is_one(&ed.rem_vartime(order)));
            let crt = self.d.rem_vartime(&p1) == *self.dp && self.d.rem_vartime(&q1) == *self.dq;
            let coefficient = Zeroizing::new(self.qinv.concatenating_mul(q.as_ref()));
            Some(factors && inverse && crt && is_one(&coefficient.rem_vartime(&p)))
        };
        if sound() == Some(true) {
            Ok(())
        } else {
            Err(Error::SelfCheck("the parts of the pair disagree"))
        }
    }

    /// The modulus, big-endian.
    pub(super) fn modulus(&self) -> Zeroizing<Vec<u8>> {
        to_be_bytes(self.n.as_words())
    }

    /// PKCS#8 `PrivateKeyInfo` around a two-prime PKCS#1 `RSAPrivateKey`, wiped when dropped.
    pub(super) fn to_pkcs8(&self) -> Result<SecretDocument, Error> {
        let parts =
            [&self.p, &self.q, &self.d, &self.dp, &self.dq, &self.qinv].map(|part| to_be_bytes(part.as_words()));
        let modulus = self.modulus();
        let encode = || -> Result<SecretDocument, pkcs1::der::Error> {
            let key = pkcs1::RsaPrivateKey {
                modulus: UintRef::new(&modulus)?,
                public_exponent: UintRef::new(&EXPONENT_BYTES)?,
                private_exponent: UintRef::new(&parts[2])?,
                prime1: UintRef::new(&parts[0])?,
                prime2: UintRef::new(&parts[1])?,
                exponent1: UintRef::new(&parts[3])?,
                exponent2: UintRef::new(&parts[4])?,
                coefficient: UintRef::new(&parts[5])?,
                other_prime_infos: None,
            };
            let inner = SecretDocument::encode_msg(&key)?;
            SecretDocument::encode_msg(&PrivateKeyInfo::new(pkcs1::ALGORITHM_ID, inner.as_bytes()))
        };
        encode().map_err(|_| Error::Key("private key could not be encoded"))
    }
}

/// 65537, big-endian.
pub(super) const EXPONENT_BYTES: [u8; 3] = [1, 0, 1];

/// `e⁻¹ mod m`: with `k = -m⁻¹ mod e`, `(k·m + 1) / e` is an integer below `m`. `None` when `e` divides `m` (`e` is prime).
fn inverse_of_e(m: &BoxedUint) -> Option<Number> {
    let exponent = NonZero::new(crypto_bigint::Limb::from(EXPONENT)).into_option()?;
    let rest = m.rem_limb(exponent).0;
    if rest == 0 {
        return None;
    }
    // Fermat: rest^(e - 2) is the inverse of rest modulo the prime e, and e - 2 is sixteen ones less the second last.
    let mut inverse = 1;
    for bit in (0..17).rev() {
        inverse = inverse * inverse % EXPONENT;
        if (EXPONENT - 2) >> bit & 1 == 1 {
            inverse = inverse * rest % EXPONENT;
        }
    }
    let mut product = Zeroizing::new(m.concatenating_mul(BoxedUint::from(EXPONENT - inverse)));
    *product += BoxedUint::one();
    let (quotient, remainder) = product.div_rem_limb(exponent);
    (remainder.0 == 0).then(|| Zeroizing::new(quotient))
}

fn number(limbs: &[u64]) -> Number {
    Zeroizing::new(BoxedUint::from_words(limbs.iter().copied()))
}

fn nonzero(value: &BoxedUint) -> Option<NonZero<BoxedUint>> {
    NonZero::new(value.clone()).into_option()
}

fn is_one(value: &BoxedUint) -> bool {
    value.is_one().into()
}

/// `n / p` if that leaves no rest and has as many bits as `p`.
pub(super) fn quotient(n: &Limbs, p: &Limbs) -> Option<Limbs> {
    let (quotient, rest) = number(n).div_rem_vartime(&nonzero(&number(p))?);
    let quotient = Zeroizing::new(quotient);
    let words: Limbs = Zeroizing::new(quotient.as_words().iter().copied().take(p.len()).collect());
    let exact = bool::from(rest.is_zero())
        && bit_length(&words) == quotient.bits_vartime()
        && bit_length(&words) == bit_length(p);
    exact.then_some(words)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::primality::Portable;
    use super::super::search::search;
    use super::*;

    #[test]
    fn every_altered_part_is_noticed() {
        let pair = || search(&[3; 48], 2048, None, &Portable).unwrap();
        assert_eq!(pair().check(), Ok(()));
        let parts: [fn(&mut Pair) -> &mut BoxedUint; 7] = [
            |k| &mut k.p,
            |k| &mut k.q,
            |k| &mut k.n,
            |k| &mut k.d,
            |k| &mut k.dp,
            |k| &mut k.dq,
            |k| &mut k.qinv,
        ];
        for (index, part) in parts.into_iter().enumerate() {
            let mut altered = pair();
            part(&mut altered).as_mut_words()[3] ^= 1 << 17;
            assert_eq!(
                altered.check(),
                Err(Error::SelfCheck("the parts of the pair disagree")),
                "part {index}"
            );
        }
    }

    #[test]
    fn the_inverse_of_the_exponent() {
        assert!(inverse_of_e(&BoxedUint::from(65537u64 * 12)).is_none());
        for m in [2u64, 10, 65536, 65538, 1 << 40, (1 << 40) + 1] {
            let d = inverse_of_e(&BoxedUint::from(m)).unwrap();
            assert_eq!(
                u128::from(d.as_words()[0]) * 65537 % u128::from(m),
                1 % u128::from(m),
                "{m}"
            );
        }
    }
}
