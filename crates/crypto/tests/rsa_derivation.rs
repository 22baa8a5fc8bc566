//! Deriving RSA pairs: the published det-keygen vectors, and that speed never changes a key.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use holdfast_crypto::rsa::{Bits, PrivateKey, PublicKey, raw};
use holdfast_crypto::{Error, Secret};
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::traits::PrivateKeyParts;
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize, PartialEq)]
struct Vector {
    bits: u32,
    seed: String,
    private_key_pkcs8: String,
}

impl Vector {
    fn seed(&self) -> Vec<u8> {
        BASE64_STANDARD.decode(&self.seed).unwrap()
    }

    fn pkcs8(&self) -> Vec<u8> {
        BASE64_STANDARD.decode(&self.private_key_pkcs8).unwrap()
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str::<File>(include_str!("vectors/det-keygen-rsa.json"))
        .unwrap()
        .vectors
}

/// A seed for tests: 48 bytes that differ from number to number.
fn seed(number: u8) -> Secret<48> {
    Secret::fill_with(|bytes| {
        bytes
            .iter_mut()
            .enumerate()
            .for_each(|(index, byte)| *byte = number.wrapping_mul(31) ^ index as u8)
    })
}

#[test]
fn published_vectors_come_out_byte_for_byte() {
    let vectors = vectors();
    let count = |bits| vectors.iter().filter(|vector| vector.bits == bits).count();
    assert_eq!([2048, 2064, 3072, 4096, 8192].map(count), [7, 1, 1, 1, 1]);
    for vector in vectors {
        let ours = raw::components(&vector.seed(), vector.bits, None).unwrap();
        // p, q and d as another library reads them out of the published key.
        let published = rsa_numbers(&vector.pkcs8());
        assert_eq!(
            [ours.p.as_slice(), &ours.q, &ours.d],
            [published[0].as_slice(), &published[1], &published[2]],
            "{}",
            vector.seed
        );
        assert!(*ours.pkcs8 == vector.pkcs8(), "{}", vector.seed);
    }
}

/// `[p, q, d]` of a PKCS#8 key of up to 4096 bits by the `rsa` crate; above, by the DER layout, which has no optional parts.
fn rsa_numbers(pkcs8: &[u8]) -> [Vec<u8>; 3] {
    if let Ok(key) = rsa::RsaPrivateKey::from_pkcs8_der(pkcs8) {
        return [&key.primes()[0], &key.primes()[1], key.d()].map(rsa::BigUint::to_bytes_be);
    }
    let info = rsa::pkcs8::PrivateKeyInfo::try_from(pkcs8).unwrap();
    let key = rsa::pkcs1::RsaPrivateKey::try_from(info.private_key).unwrap();
    [key.prime1, key.prime2, key.private_exponent].map(|number| number.as_bytes().to_vec())
}

#[test]
fn the_plain_derivation_agrees_with_the_vectors_too() {
    // Everything at 2048 and 2064 bits, the rejected pairs included; the larger ones take too long one by one.
    let small: Vec<_> = vectors().into_iter().filter(|vector| vector.bits < 3072).collect();
    assert_eq!(small.len(), 8);
    for vector in small {
        assert!(
            *raw::plain_pkcs8(&vector.seed(), vector.bits).unwrap() == vector.pkcs8(),
            "{}",
            vector.seed
        );
    }
}

#[test]
fn the_number_of_workers_never_changes_a_key() {
    for number in 0..4 {
        let seed = seed(number);
        let alone = raw::components(seed.expose(), 2048, Some(1)).unwrap();
        for workers in [2, 3, 16] {
            let together = raw::components(seed.expose(), 2048, Some(workers)).unwrap();
            assert!(alone.pkcs8 == together.pkcs8, "seed {number}, {workers} workers");
        }
        assert!(
            *alone.pkcs8 == *raw::plain_pkcs8(seed.expose(), 2048).unwrap(),
            "seed {number}"
        );
    }
}

#[test]
fn each_of_the_384_seed_bits_changes_the_first_candidate() {
    let original = seed(1);
    let mut seen = std::collections::HashSet::new();
    seen.insert(raw::first_candidate(original.expose(), 2048).unwrap().to_vec());
    for bit in 0..384 {
        let mut flipped = *original.expose();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            seen.insert(raw::first_candidate(&flipped, 2048).unwrap().to_vec()),
            "bit {bit}"
        );
    }
    assert_eq!(seen.len(), 385);
}

#[test]
fn a_flipped_seed_bit_and_another_size_change_the_key() {
    let original = seed(2);
    let mut keys = std::collections::HashSet::new();
    keys.insert(
        PrivateKey::derive(&original, Bits::B2048)
            .unwrap()
            .public()
            .to_spki_der()
            .to_vec(),
    );
    for bit in [0, 7, 128, 255, 383] {
        let mut bytes = *original.expose();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let key = PrivateKey::derive(&Secret::take(&mut bytes), Bits::B2048).unwrap();
        assert!(keys.insert(key.public().to_spki_der().to_vec()), "bit {bit}");
    }
    // The size is part of what the generator is made of: no candidate is a piece of another size's candidate.
    let candidates = [2048, 3072, 4096, 8192].map(|bits| raw::first_candidate(original.expose(), bits).unwrap());
    for (index, one) in candidates.iter().enumerate() {
        for other in &candidates[index + 1..] {
            assert_ne!(one[8..40], other[8..40]);
        }
    }
}

#[test]
fn candidates_have_the_prescribed_shape() {
    for bits in [2048, 2064, 3072, 4096, 8192] {
        let candidate = raw::first_candidate(&[7; 48], bits).unwrap();
        assert_eq!(candidate.len(), bits as usize / 16);
        assert_eq!((candidate[0] >> 6, candidate[candidate.len() - 1] & 7), (3, 7));
    }
    for (length, bits) in [(15, 2048), (48, 1024), (48, 2047), (48, 2056), (48, 65536)] {
        assert!(
            matches!(raw::first_candidate(&vec![7; length], bits), Err(Error::Key(_))),
            "{length} {bits}"
        );
    }
    assert_eq!(Bits::ALL.map(|bits| Bits::from_u32(bits.get())), Bits::ALL.map(Some));
    assert_eq!([0, 1024, 2047, 2064, 16384].map(Bits::from_u32), [None; 5]);
}

#[test]
fn unlock_finds_the_derived_pair_again() {
    for (number, bits) in [(3, Bits::B2048), (4, Bits::B2048), (5, Bits::B3072), (6, Bits::B4096)] {
        let seed = seed(number);
        let derived = PrivateKey::derive(&seed, bits).unwrap();
        let public = PublicKey::from_spki_der(derived.public().to_spki_der()).unwrap();
        let unlocked = PrivateKey::unlock(&seed, &public).unwrap();
        assert_eq!(unlocked.public(), derived.public());
        assert_eq!(unlocked.sign(b"check").unwrap(), derived.sign(b"check").unwrap());
    }
}

#[test]
fn unlock_with_another_seed_or_modulus_is_a_wrong_phrase() {
    let (mine, other) = (seed(7), seed(8));
    let key = PrivateKey::derive(&mine, Bits::B2048).unwrap();
    assert_eq!(PrivateKey::unlock(&other, key.public()).err(), Some(Error::WrongPhrase));
    let mut bytes = *mine.expose();
    bytes[47] ^= 1;
    assert_eq!(
        PrivateKey::unlock(&Secret::take(&mut bytes), key.public()).err(),
        Some(Error::WrongPhrase)
    );
    let larger = PrivateKey::derive(&mine, Bits::B3072).unwrap();
    assert_eq!(
        PrivateKey::unlock(&other, larger.public()).err(),
        Some(Error::WrongPhrase)
    );
}

#[test]
fn unlock_wants_both_primes_from_the_one_seed_and_in_their_order() {
    let (a, b) = (seed(9), seed(10));
    let (ours, theirs) = (
        raw::components(a.expose(), 2048, None).unwrap(),
        raw::components(b.expose(), 2048, None).unwrap(),
    );
    let number = |bytes: &[u8]| rsa::BigUint::from_bytes_be(bytes);
    // A sound pair of which only one prime is ours: half a match is none.
    for (one, other) in [(&ours.p, &theirs.q), (&ours.q, &theirs.p)] {
        let public = spki(&(number(one) * number(other)));
        for seed in [&a, &b] {
            assert_eq!(PrivateKey::unlock(seed, &public).err(), Some(Error::WrongPhrase));
        }
    }
    assert!(PrivateKey::unlock(&a, &spki(&(number(&ours.q) * number(&ours.p)))).is_ok());
}

fn spki(modulus: &rsa::BigUint) -> PublicKey {
    let key = rsa::RsaPublicKey::new(modulus.clone(), 65537u32.into()).unwrap();
    PublicKey::from_spki_der(key.to_public_key_der().unwrap().as_bytes()).unwrap()
}

#[test]
fn a_checked_derivation_is_the_same_key() {
    let seed = seed(11);
    let (plain, checked) = (
        PrivateKey::derive(&seed, Bits::B2048).unwrap(),
        PrivateKey::derive_checked(&seed, Bits::B2048).unwrap(),
    );
    assert_eq!(plain.public(), checked.public());
}

#[derive(Deserialize)]
struct OwnFile {
    vectors: Vec<OwnVector>,
}

#[derive(Deserialize)]
struct OwnVector {
    bits: u32,
    seed: String,
    spki_sha256: String,
}

fn derive_own(vector: &OwnVector) -> (Secret<48>, PrivateKey) {
    let seed = Secret::from_slice(&hex::decode(&vector.seed).unwrap()).unwrap();
    let key = PrivateKey::derive(&seed, Bits::from_u32(vector.bits).unwrap()).unwrap();
    let hash = hex::encode(Sha256::digest(key.public().to_spki_der()));
    assert_eq!(hash, vector.spki_sha256, "{} {}", vector.bits, vector.seed);
    (seed, key)
}

fn own_vectors(size: impl Fn(u32) -> bool) -> Vec<OwnVector> {
    let file: OwnFile = serde_json::from_str(include_str!("vectors/rsa-own.json")).unwrap();
    file.vectors.into_iter().filter(|vector| size(vector.bits)).collect()
}

/// If this fails, existing accounts can no longer be opened: never edit the file.
#[test]
fn our_own_vectors_stay_as_they_are() {
    let vectors = own_vectors(|bits| bits < 8192);
    assert_eq!(vectors.len(), 20);
    vectors.iter().for_each(|vector| drop(derive_own(vector)));
}

/// The largest size once more: derived, unlocked and used. (A seed whose primes come early.)
#[test]
fn the_largest_size_derives_unlocks_and_works() {
    let vectors = own_vectors(|bits| bits == 8192);
    assert_eq!(vectors.len(), 1);
    let (seed, key) = derive_own(&vectors[0]);
    let unlocked = PrivateKey::unlock(&seed, key.public()).unwrap();
    let signature = unlocked.sign(b"message").unwrap();
    assert_eq!(signature.len(), 1024);
    key.public().verify(b"message", &signature).unwrap();
    let secret = Secret::fill_with(|bytes| bytes.fill(9));
    let wrapped = key.public().wrap_key(b"context", &secret, &mut Fixed).unwrap();
    assert!(unlocked.unwrap_key(b"context", &wrapped).unwrap() == secret);
}

/// A constant in the place of randomness.
struct Fixed;

impl rand_core::TryRng for Fixed {
    type Error = std::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0x5A5A_5A5A)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0x5A5A_5A5A_5A5A_5A5A)
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(0x5A);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Fixed {}
