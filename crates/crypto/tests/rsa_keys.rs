//! Using RSA pairs: two libraries against each other, strict public keys, contexts, and one error for everything.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use holdfast_crypto::rsa::{Bits, PrivateKey, PublicKey, raw};
use holdfast_crypto::{Error, Key32, Secret};
use rand_core::{TryCryptoRng, TryRng};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use rsa::signature::{SignatureEncoding, Signer};
use rsa::{BigUint, Oaep, RsaPrivateKey, RsaPublicKey};
use sha2::{Digest, Sha256};
use std::convert::Infallible;

/// A counter through SHA-256: reproducible test randomness.
struct Counter(u64);

impl TryRng for Counter {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| number as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        Ok(u64::from_le_bytes(
            Sha256::digest(self.0.to_le_bytes())[..8].try_into().unwrap(),
        ))
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes
            .iter_mut()
            .try_for_each(|byte| self.try_next_u64().map(|number| *byte = number as u8))
    }
}

impl TryCryptoRng for Counter {}

fn seed(number: u8) -> Secret<48> {
    Secret::fill_with(|bytes| bytes.fill(number))
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::derive(&seed(number), Bits::B2048).unwrap()
}

/// The same pair inside the other library.
fn peer(number: u8, bits: u32) -> RsaPrivateKey {
    RsaPrivateKey::from_pkcs8_der(&raw::components(seed(number).expose(), bits, None).unwrap().pkcs8).unwrap()
}

#[test]
fn both_libraries_make_the_same_signature() {
    for (number, bits) in [(1, Bits::B2048), (2, Bits::B3072), (3, Bits::B4096)] {
        let key = PrivateKey::derive(&seed(number), bits).unwrap();
        let peer = SigningKey::<rsa::sha2::Sha256>::new(peer(number, bits.get()));
        for message in [&b""[..], b"bundle", &[0xA5; 5000]] {
            let signature = key.sign(message).unwrap();
            assert_eq!(signature, peer.sign(message).to_vec());
            assert_eq!(signature.len(), bits.bytes());
            key.public().verify(message, &signature).unwrap();
        }
    }
}

#[test]
fn oaep_opens_across_libraries_in_both_directions() {
    let (ours, theirs) = (key(4), peer(4, 2048));
    let secret = Key32::random(&mut Counter(1));
    let label = hex::encode(Sha256::digest(b"grant 7"));
    // rsa wraps, rsa opens; rsa wraps, aws-lc opens.
    let wrapped = ours.public().wrap_key(b"grant 7", &secret, &mut Counter(2)).unwrap();
    assert_eq!(
        theirs
            .decrypt(Oaep::new_with_label::<rsa::sha2::Sha256, _>(&label), &wrapped)
            .unwrap(),
        secret.expose()
    );
    assert!(ours.unwrap_key(b"grant 7", &wrapped).unwrap() == secret);
    // aws-lc wraps, both open.
    let public =
        OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(ours.public().to_spki_der()).unwrap()).unwrap();
    let mut buffer = vec![0; 256];
    let wrapped = public
        .encrypt(
            &OAEP_SHA256_MGF1SHA256,
            secret.expose(),
            &mut buffer,
            Some(label.as_bytes()),
        )
        .unwrap();
    assert!(ours.unwrap_key(b"grant 7", wrapped).unwrap() == secret);
    assert_eq!(
        theirs
            .decrypt(Oaep::new_with_label::<rsa::sha2::Sha256, _>(&label), wrapped)
            .unwrap(),
        secret.expose()
    );
}

#[test]
fn wrapping_uses_the_randomness_it_is_given() {
    let key = key(4);
    let secret = Key32::random(&mut Counter(1));
    let wrap = |start| key.public().wrap_key(b"c", &secret, &mut Counter(start)).unwrap();
    assert_eq!(wrap(1), wrap(1));
    assert_ne!(wrap(1), wrap(1000));
}

#[test]
fn every_failure_to_open_is_the_same_error() {
    let (ours, other) = (key(4), key(5));
    let secret = Key32::random(&mut Counter(3));
    let wrapped = ours.public().wrap_key(b"right", &secret, &mut Counter(4)).unwrap();
    let refused = |key: &PrivateKey, context: &[u8], bytes: &[u8]| {
        assert_eq!(key.unwrap_key(context, bytes).err(), Some(Error::Open))
    };
    refused(&ours, b"wrong", &wrapped);
    refused(&ours, b"", &wrapped);
    refused(&other, b"right", &wrapped);
    for bit in [0, 1, 1000, 2047] {
        let mut altered = wrapped.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        refused(&ours, b"right", &altered);
    }
    for length in [0, 1, 255] {
        refused(&ours, b"right", &wrapped[..length]);
    }
    refused(&ours, b"right", &[&[0], wrapped.as_slice()].concat());
    refused(&ours, b"right", &[0xFF; 256]);
    refused(&ours, b"right", &[0; 256]);
    // A plaintext of another length, an absent label, and the raw digest as label, all rightly encrypted.
    let public = RsaPublicKey::from(&peer(4, 2048));
    let label = hex::encode(Sha256::digest(b"right"));
    for length in [0, 16, 31, 33, 64] {
        let padding = Oaep::new_with_label::<rsa::sha2::Sha256, _>(&label);
        let bytes = public
            .encrypt(&mut Older(Counter(5)), padding, &vec![1; length])
            .unwrap();
        refused(&ours, b"right", &bytes);
    }
    let unlabelled = public
        .encrypt(&mut Older(Counter(5)), Oaep::new::<rsa::sha2::Sha256>(), &[1; 32])
        .unwrap();
    refused(&ours, b"right", &unlabelled);
    let padding = Oaep::new_with_label::<rsa::sha2::Sha256, _>(label.to_uppercase());
    refused(
        &ours,
        b"right",
        &public.encrypt(&mut Older(Counter(5)), padding, &[1; 32]).unwrap(),
    );
}

/// The test generator for the older trait of the peer library.
struct Older(Counter);

impl rsa::rand_core::CryptoRng for Older {}

impl rsa::rand_core::RngCore for Older {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }
    fn next_u64(&mut self) -> u64 {
        self.0.try_next_u64().unwrap()
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.try_fill_bytes(bytes).unwrap();
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

#[test]
fn altered_signatures_do_not_verify() {
    let key = key(4);
    let signature = key.sign(b"message").unwrap();
    let refused = |message: &[u8], bytes: &[u8]| assert_eq!(key.public().verify(message, bytes), Err(Error::Signature));
    refused(b"Message", &signature);
    refused(b"message", &[]);
    refused(b"message", &signature[1..]);
    refused(b"message", &[&[0], signature.as_slice()].concat());
    for byte in [0, 1, 128, 255] {
        let mut altered = signature.clone();
        altered[byte] ^= 1;
        refused(b"message", &altered);
    }
    // The same residue, written as signature + modulus, where it fits.
    let modulus = BigUint::from_bytes_be(&modulus_of(key.public()));
    let shifted = (BigUint::from_bytes_be(&signature) + modulus).to_bytes_be();
    refused(b"message", &shifted);
    assert_eq!(key_of(5).verify(b"message", &signature), Err(Error::Signature));
}

fn key_of(number: u8) -> PublicKey {
    key(number).public().clone()
}

fn modulus_of(public: &PublicKey) -> Vec<u8> {
    use rsa::pkcs8::DecodePublicKey;
    use rsa::traits::PublicKeyParts;
    RsaPublicKey::from_public_key_der(public.to_spki_der())
        .unwrap()
        .n()
        .to_bytes_be()
}

/// Encodes any numbers as a public key.
fn spki(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let inner = sequence(&[integer(modulus), integer(exponent)].concat());
    let algorithm = sequence(&hex::decode("06092a864886f70d0101010500").unwrap());
    sequence(&[algorithm, tlv(3, &[&[0], inner.as_slice()].concat())].concat())
}

fn sequence(content: &[u8]) -> Vec<u8> {
    tlv(0x30, content)
}

fn integer(magnitude: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if magnitude.first().is_some_and(|&byte| byte < 0x80) {
        &[]
    } else {
        &[0]
    };
    tlv(2, &[sign, magnitude].concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        0..128 => vec![tag, length as u8],
        128..256 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [header.as_slice(), content].concat()
}

const F4: [u8; 3] = [1, 0, 1];

#[test]
fn a_good_public_key_has_one_encoding() {
    let public = key_of(4);
    let der = public.to_spki_der();
    assert_eq!(spki(&modulus_of(&public), &F4), der);
    let again = PublicKey::from_spki_der(der).unwrap();
    assert_eq!((&again, again.bits(), again.to_spki_der()), (&public, Bits::B2048, der));
    // The peer library writes the same bytes.
    assert_eq!(
        RsaPublicKey::from(&peer(4, 2048))
            .to_public_key_der()
            .unwrap()
            .as_bytes(),
        der
    );
    assert!(format!("{public:?}").starts_with("PublicKey(B2048"));
}

#[test]
fn weak_and_odd_sized_public_keys_are_refused() {
    let modulus = modulus_of(&key_of(4));
    let mut corpus: Vec<(String, Vec<u8>)> = Vec::new();
    for exponent in [
        &[0][..],
        &[1],
        &[2],
        &[3],
        &[17],
        &[1, 0, 0],
        &[1, 0, 3],
        &[1, 0, 1, 0, 1],
        &[0xFF; 32],
    ] {
        corpus.push((format!("e = {exponent:x?}"), spki(&modulus, exponent)));
    }
    let mut even = modulus.clone();
    even[255] ^= 1;
    // By us: whether a library would refuse it, too, is its own matter.
    let even = spki(&even, &F4);
    assert_eq!(PublicKey::from_spki_der(&even), Err(Error::Key("modulus is even")));
    corpus.push(("even modulus".into(), even));
    // Multiples of a small prime that are exactly 2048 bits long and odd.
    let n = BigUint::from_bytes_be(&modulus);
    for prime in [3u32, 5, 7, 257, 8191, 65521] {
        let mut quotient = &n / prime;
        if (&quotient % 2u32).bits() == 0 {
            quotient += 1u32;
        }
        let multiple = quotient * prime;
        if multiple.bits() == 2048 {
            corpus.push((format!("factor {prime}"), spki(&multiple.to_bytes_be(), &F4)));
        }
    }
    assert!(corpus.len() >= 15, "{}", corpus.len());
    // Odd, without small factors most likely; only the size is wrong.
    for bits in [
        512usize, 1024, 2040, 2047, 2049, 2056, 3071, 4104, 6144, 8184, 8193, 16384,
    ] {
        let number =
            (BigUint::from(1u32) << (bits - 1)) + &n % (BigUint::from(1u32) << 500) + (BigUint::from(1u32) << 501);
        corpus.push((format!("{bits} bits"), spki(&number.to_bytes_be(), &F4)));
    }
    corpus.push(("zero modulus".into(), spki(&[0], &F4)));
    corpus.push(("empty".into(), Vec::new()));
    for (what, der) in corpus {
        assert!(matches!(PublicKey::from_spki_der(&der), Err(Error::Key(_))), "{what}");
    }
}

#[test]
fn the_small_factor_rule_ends_at_two_to_the_sixteen() {
    // 65537 times a prime-free rest is beyond the rule; whether a key is strong can't be seen, only obvious trash is refused.
    let p = raw::components(seed(4).expose(), 2048, None).unwrap().p;
    let p = BigUint::from_bytes_be(&p);
    let modulus = |factor: &BigUint| (factor * &p).to_bytes_be();
    let other = BigUint::from_bytes_be(&raw::components(seed(5).expose(), 2048, None).unwrap().p);
    assert!(PublicKey::from_spki_der(&spki(&modulus(&other), &F4)).is_ok());
    // 2047 bits of odd number without factors below 2^16, then exactly one bit more: only the size differs.
    assert_eq!(
        PublicKey::from_spki_der(&spki(&modulus(&(other >> 1)), &F4)).err(),
        Some(Error::Key("size not allowed"))
    );
}

#[test]
fn other_encodings_of_a_good_key_are_refused() {
    let modulus = modulus_of(&key_of(4));
    let good = spki(&modulus, &F4);
    PublicKey::from_spki_der(&good).unwrap();
    let inner = |modulus: &[u8], exponent: &[u8]| sequence(&[tlv(2, modulus), tlv(2, exponent)].concat());
    let wrap = |algorithm: &str, inner: &[u8], unused: u8| {
        sequence(
            &[
                sequence(&hex::decode(algorithm).unwrap()),
                tlv(3, &[&[unused], inner].concat()),
            ]
            .concat(),
        )
    };
    const RSA: &str = "06092a864886f70d0101010500";
    let positive = [&[0], modulus.as_slice()].concat();
    let plain = inner(&positive, &F4);
    assert_eq!(wrap(RSA, &plain, 0), good, "the encoder of this test");
    let corpus = [
        ("trailing byte", [good.as_slice(), &[0]].concat()),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing byte inside", sequence(&[&good[4..], &[5, 0]].concat())),
        (
            "trailing byte in the key",
            wrap(RSA, &[plain.as_slice(), &[0]].concat(), 0),
        ),
        (
            "extra element in the key",
            wrap(RSA, &sequence(&[&plain[4..], &integer(&[1])[..]].concat()), 0),
        ),
        ("no parameters", wrap("06092a864886f70d010101", &plain, 0)),
        ("other parameters", wrap("06092a864886f70d0101010401ff", &plain, 0)),
        ("PSS", wrap("06092a864886f70d01010a0500", &plain, 0)),
        ("OAEP", wrap("06092a864886f70d0101070500", &plain, 0)),
        ("sha256WithRSA", wrap("06092a864886f70d01010b0500", &plain, 0)),
        ("unused bits", wrap(RSA, &plain, 1)),
        ("negative modulus", wrap(RSA, &inner(&modulus, &F4), 0)),
        (
            "padded modulus",
            wrap(RSA, &inner(&[&[0, 0], modulus.as_slice()].concat(), &F4), 0),
        ),
        ("padded exponent", wrap(RSA, &inner(&positive, &[0, 1, 0, 1]), 0)),
        ("bare PKCS#1", plain.clone()),
        ("BER length", [&[0x30, 0x83, 0, good[2], good[3]], &good[4..]].concat()),
        ("indefinite length", [&[0x30, 0x80], &good[4..], &[0, 0]].concat()),
        ("set for sequence", [&[0x31], &good[1..]].concat()),
        ("beyond the bound", vec![0x30; 1 << 20]),
    ];
    for (what, der) in corpus {
        assert!(matches!(PublicKey::from_spki_der(&der), Err(Error::Key(_))), "{what}");
    }
    for length in 0..good.len() {
        assert!(PublicKey::from_spki_der(&good[..length]).is_err());
    }
    // What is longer than any key is not even parsed.
    for (length, reason) in [
        (1100, "not a public key"),
        (1101, "encoding too long"),
        (2000, "encoding too long"),
    ] {
        assert_eq!(PublicKey::from_spki_der(&vec![0x30; length]), Err(Error::Key(reason)));
    }
    // One flipped bit anywhere: refused, or (inside the modulus) another key; never the same key from other bytes.
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(public) = PublicKey::from_spki_der(&flipped) {
            assert_eq!(public.to_spki_der(), flipped);
        }
    }
}
