//! Signatures are bound to their type; public keys that could carry other people's signatures are refused.

use holdfast_crypto::{Error, Secret, SignKey, VerifyKey};

use crate::support::TestRng;

fn key(seed: u64) -> SignKey {
    SignKey::from_seed(Secret::random(&mut TestRng::new(seed)))
}

#[test]
fn verifies_what_was_signed_and_nothing_else() {
    let (signer, other) = (key(1), key(2));
    let public = signer.public();
    let signature = signer.sign("entry", b"message");
    assert_eq!(public.verify("entry", b"message", &signature), Ok(()));
    assert_eq!(public.verify("entries", b"message", &signature), Err(Error::Signature));
    assert_eq!(public.verify("entry", b"massage", &signature), Err(Error::Signature));
    assert_eq!(public.verify("entry", b"", &signature), Err(Error::Signature));
    assert_eq!(
        other.public().verify("entry", b"message", &signature),
        Err(Error::Signature)
    );
    for length in [0, 63, 65, 128] {
        assert_eq!(
            public.verify("entry", b"message", &vec![1; length]),
            Err(Error::Signature)
        );
    }
    for bit in 0..512 {
        let mut flipped = signature;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            public.verify("entry", b"message", &flipped),
            Err(Error::Signature),
            "bit {bit}"
        );
    }
}

/// The end of a type can't move into the message: the label ends in a zero byte.
#[test]
fn type_and_message_do_not_run_into_each_other() {
    let signer = key(1);
    let signature = signer.sign("entry", b"ab");
    assert!(signer.public().verify("entrya", b"b", &signature).is_err());
}

/// Notes carry no type of ours, so what was signed as one form is never the other.
#[test]
fn a_note_verifies_as_it_was_signed_and_as_nothing_else() {
    let (signer, other) = (key(1), key(2));
    let public = signer.public();
    let signature = signer.sign_note(b"a text\n");
    assert_eq!(public.verify_note(b"a text\n", &signature), Ok(()));
    for (key, text) in [
        (&public, &b"a test\n"[..]),
        (&public, b""),
        (&other.public(), b"a text\n"),
    ] {
        assert_eq!(key.verify_note(text, &signature), Err(Error::Signature));
    }
    assert_eq!(public.verify_note(b"a text\n", &signature[..63]), Err(Error::Signature));
    assert_eq!(public.verify("entry", b"a text\n", &signature), Err(Error::Signature));
    let typed = signer.sign("entry", b"a text\n");
    assert_eq!(public.verify_note(b"a text\n", &typed), Err(Error::Signature));
}

/// Whoever keeps the seed out of the swap file must be shown where it lies.
#[test]
fn the_seed_is_the_one_that_the_key_was_made_from() {
    let seed = Secret::random(&mut TestRng::new(4));
    assert_eq!(SignKey::from_seed(seed.duplicate()).expose(), seed.expose());
}

#[test]
fn public_keys_round_trip() {
    let public = key(3).public();
    let read = VerifyKey::from_bytes(public.as_bytes()).unwrap();
    assert_eq!(read, public);
    assert_eq!(
        format!("{public:?}"),
        format!("VerifyKey({})", hex::encode(public.as_bytes()))
    );
}

#[test]
fn refuses_bad_public_keys() {
    let small_order = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    ];
    for encoded in small_order {
        let refused = VerifyKey::from_bytes(&hex::decode(encoded).unwrap());
        assert!(matches!(refused, Err(Error::Key(_))), "{encoded}");
    }
    for length in [0, 31, 33, 64] {
        assert!(matches!(VerifyKey::from_bytes(&vec![1; length]), Err(Error::Key(_))));
    }
}

/// y + p for every y below 19: where y is on the curve, this is a second spelling of the same point.
#[test]
fn refuses_second_spellings_of_a_point() {
    let mut second_spellings = 0;
    for y in 0..19u8 {
        for sign in [0, 0x80] {
            let mut first = [0; 32];
            first[0] = y;
            first[31] = sign;
            let mut second = [0xff; 32];
            second[0] = 0xed + y;
            second[31] = 0x7f | sign;
            assert!(VerifyKey::from_bytes(&second).is_err(), "y = {y}");
            second_spellings += usize::from(VerifyKey::from_bytes(&first).is_ok());
        }
    }
    assert!(
        second_spellings > 0,
        "none of them was on the curve: this tested nothing"
    );
}
