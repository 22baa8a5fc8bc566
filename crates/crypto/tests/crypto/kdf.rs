//! The key-derivation record refuses everything outside its limits while it is read: there is no value of the type that scrypt
//! could be run with outside them.

use holdfast_crypto::{DEFAULT_LOG2_N, Error, KdfRecord, MAX_LOG2_N, MIN_LOG2_N};
use minicbor::Encoder;

use crate::support::TestRng;

/// A record with any content.
fn record(algorithm: &str, n: u64, r: u64, p: u64, salt: &[u8]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    encoder
        .map(5)
        .unwrap()
        .u8(1)
        .unwrap()
        .str(algorithm)
        .unwrap()
        .u8(2)
        .unwrap()
        .u64(n)
        .unwrap();
    encoder
        .u8(3)
        .unwrap()
        .u64(r)
        .unwrap()
        .u8(4)
        .unwrap()
        .u64(p)
        .unwrap()
        .u8(5)
        .unwrap()
        .bytes(salt)
        .unwrap();
    encoder.into_writer()
}

fn refusal(bytes: &[u8]) -> String {
    match KdfRecord::decode(bytes) {
        Err(Error::Kdf(reason)) => reason.to_owned(),
        other => panic!("not refused as a record: {other:?}"),
    }
}

#[test]
fn round_trip_at_every_cost() {
    for log2_n in MIN_LOG2_N..=MAX_LOG2_N {
        let made = KdfRecord::make(log2_n, &mut TestRng::new(u64::from(log2_n))).unwrap();
        assert_eq!(made.encode(), record("scrypt", 1 << log2_n, 8, 1, made.salt()));
        assert_eq!(KdfRecord::decode(&made.encode()).unwrap(), made);
        assert_eq!(made.memory(), 1024 << log2_n);
    }
    assert!((MIN_LOG2_N..=MAX_LOG2_N).contains(&DEFAULT_LOG2_N));
}

#[test]
fn every_record_has_a_salt_of_its_own() {
    let mut rng = TestRng::new(4);
    let one = KdfRecord::make(DEFAULT_LOG2_N, &mut rng).unwrap();
    let other = KdfRecord::make(DEFAULT_LOG2_N, &mut rng).unwrap();
    assert_ne!(one.salt(), other.salt());
}

#[test]
fn refuses_costs_outside_the_limits() {
    for n in [
        0,
        1,
        2,
        1 << 10,
        1 << 16,
        (1 << 17) - 1,
        (1 << 17) + 1,
        3 << 17,
        1 << 22,
        1 << 40,
        1 << 63,
        u64::MAX,
    ] {
        let reason = refusal(&record("scrypt", n, 8, 1, &[7; 32]));
        assert!(reason.starts_with('N'), "N = {n}: {reason}");
    }
    for log2_n in [0, 1, 16, 22, 40, 64, 255] {
        assert!(
            matches!(KdfRecord::new(log2_n, [7; 32]), Err(Error::Kdf(_))),
            "2^{log2_n}"
        );
    }
}

#[test]
fn refuses_other_parameters_and_algorithms() {
    for r in [0, 1, 7, 9, 1 << 20, 8 + (1 << 32)] {
        refusal(&record("scrypt", 1 << 18, r, 1, &[7; 32]));
    }
    for p in [0, 2, 4, 1 << 30, 1 + (1 << 32)] {
        refusal(&record("scrypt", 1 << 18, 8, p, &[7; 32]));
    }
    for algorithm in [
        "",
        "scrypt+",
        "scrypt+Second",
        "scrypt+second ",
        "second+scrypt",
        "scrypt+second+third",
        "pbkdf2",
        "argon2id",
        "Scrypt",
        "scrypt ",
        "scrypt\0",
    ] {
        refusal(&record(algorithm, 1 << 18, 8, 1, &[7; 32]));
    }
    for length in [0, 16, 31, 33] {
        refusal(&record("scrypt", 1 << 18, 8, 1, &vec![7; length]));
    }
}

#[test]
fn refuses_other_encodings_of_the_same_values() {
    let good = KdfRecord::new(18, [7; 32]).unwrap().encode();
    for end in 0..good.len() {
        refusal(&good[..end]);
    }
    refusal(&[&good[..], &[0]].concat());
    refusal(&vec![0xa5; 1 << 20]);

    let long_map = [&[0xb8, 5][..], &good[1..]].concat();
    refusal(&long_map);
    let endless_map = [&[0xbf][..], &good[1..], &[0xff]].concat();
    refusal(&endless_map);
    let long_key = [&good[..1], &[0x18, 1], &good[2..]].concat();
    refusal(&long_key);
    let six = [&[0xa6][..], &good[1..], &[6, 0]].concat();
    refusal(&six);
    let wide_n = {
        let mut encoder = Encoder::new(Vec::new());
        encoder
            .map(5)
            .unwrap()
            .u8(1)
            .unwrap()
            .str("scrypt")
            .unwrap()
            .u8(2)
            .unwrap();
        let mut bytes = encoder.into_writer();
        bytes.push(0x1b);
        bytes.extend_from_slice(&(1u64 << 18).to_be_bytes());
        bytes.extend_from_slice(&good[good.len() - 39..]);
        bytes
    };
    refusal(&wide_n);
}

/// Every single-bit change either is refused or is another valid record (a salt, or a cost in range).
#[test]
fn a_flipped_bit_is_refused_or_is_salt_or_cost() {
    let good = KdfRecord::new(18, [7; 32]).unwrap();
    let bytes = good.encode();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(read) = KdfRecord::decode(&flipped) {
            assert_eq!(read.log2_n(), 18, "one bit never turns a power of two into another");
            assert_ne!(read.salt(), good.salt());
        }
    }
}
