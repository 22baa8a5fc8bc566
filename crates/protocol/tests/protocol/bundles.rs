//! Key bundles: the chain, and every way in which one could be forged or turned back.

use holdfast_crypto::rsa::Bits;
use holdfast_protocol::bundle::{
    Bundle, BundleError, PrincipalKind, SignedBundle, VerifiedBundle, since_seen, verify_chain,
};
use holdfast_protocol::id::{Hash, PrincipalId};

use crate::support::people::{Keys, ana, ben, carl, dora, node, unsigned};

fn signed_bytes(keys: &Keys) -> Vec<u8> {
    keys.signed.to_bytes()
}

/// A signed bundle put together by hand.
fn raw(bundle: &[u8], check: &[u8], succession: Option<&[u8]>) -> SignedBundle {
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.map(if succession.is_some() { 3 } else { 2 }).unwrap();
    encoder
        .u8(1)
        .unwrap()
        .bytes(bundle)
        .unwrap()
        .u8(2)
        .unwrap()
        .bytes(check)
        .unwrap();
    if let Some(succession) = succession {
        encoder.u8(3).unwrap().bytes(succession).unwrap();
    }
    SignedBundle::from_bytes(&bytes).unwrap()
}

/// The three fields of a signed bundle.
fn fields(signed: &SignedBundle) -> (Vec<u8>, Vec<u8>, Option<Vec<u8>>) {
    let bytes = signed.to_bytes();
    let mut decoder = minicbor::Decoder::new(&bytes);
    let count = decoder.map().unwrap().unwrap();
    let mut next = || {
        decoder.u8().unwrap();
        decoder.bytes().unwrap().to_vec()
    };
    (next(), next(), (count == 3).then(next))
}

/// Ben's second bundle with something changed, signed by both his keys all the same.
fn second(change: impl FnOnce(&mut Bundle)) -> Result<VerifiedBundle, BundleError> {
    let mut bundle = ben().second().bundle.bundle.clone();
    change(&mut bundle);
    let signed = bundle
        .sign(&ben().second().rsa, Some((&ben().first().rsa, ben().first().hash())))
        .unwrap();
    signed.verify(Some(&ben().first().bundle))
}

fn first(change: impl FnOnce(&mut Bundle)) -> Result<VerifiedBundle, BundleError> {
    let mut bundle = ben().first().bundle.bundle.clone();
    change(&mut bundle);
    bundle.sign(&ben().first().rsa, None).unwrap().verify(None)
}

#[test]
fn honest_chains_verify() {
    for person in [ana(), ben(), carl(), dora(), node()] {
        let chain: Vec<_> = person.keys.iter().map(signed_bytes).collect();
        let verified = verify_chain(&chain).unwrap();
        assert_eq!(verified, person.chain());
        assert!(
            verified
                .windows(2)
                .all(|pair| pair[0].fingerprint != pair[1].fingerprint)
        );
    }
    assert!(first(|_| {}).is_ok() && second(|_| {}).is_ok());
}

#[test]
fn a_flipped_bit_anywhere_in_a_bundle_is_refused() {
    for (keys, previous) in [(ben().first(), None), (ben().second(), Some(&ben().first().bundle))] {
        let bytes = signed_bytes(keys);
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << (at % 8);
            let verdict = SignedBundle::from_bytes(&altered).and_then(|signed| signed.verify(previous));
            assert!(verdict.is_err(), "byte {at}");
        }
    }
}

#[test]
fn the_check_signature_is_by_the_bundles_own_key() {
    let bundle = &ben().first().bundle.bundle;
    let by_other = bundle.sign(&carl().first().rsa, None).unwrap();
    assert_eq!(by_other.verify(None).err(), Some(BundleError::CheckSignature));
    // A succession signature is none, although the same key made it over the same bundle.
    let (bytes, check, succession) = fields(&ben().second().signed);
    assert!(
        raw(&bytes, &check, succession.as_deref())
            .verify(Some(&ben().first().bundle))
            .is_ok()
    );
    let swapped = raw(&bytes, &succession.unwrap(), Some(&check));
    assert_eq!(
        swapped.verify(Some(&ben().first().bundle)).err(),
        Some(BundleError::CheckSignature)
    );
    assert_eq!(
        raw(&bytes, &[], None).verify(None).err(),
        Some(BundleError::CheckSignature)
    );
}

/// What every unlock asks: whether the pair that a phrase gave is the one that the bundle states.
#[test]
fn the_check_signature_comes_again_from_its_own_pair_alone() {
    let own = &ben().first().bundle;
    assert!(own.check_signature_is(&ben().first().rsa));
    for keys in [ben().second(), carl().first()] {
        assert!(!own.check_signature_is(&keys.rsa));
        assert!(keys.bundle.check_signature_is(&keys.rsa));
    }
    // The key that it states is another one, and so is what was signed, or the signature.
    let other = VerifiedBundle {
        rsa: carl().first().bundle.rsa.clone(),
        ..own.clone()
    };
    assert!(!other.check_signature_is(&ben().first().rsa));
    assert!(!other.check_signature_is(&carl().first().rsa));
    let mut altered = own.clone();
    altered.bundle.created_ms += 1;
    assert!(!altered.check_signature_is(&ben().first().rsa));
    let mut altered = own.clone();
    altered.check[0] ^= 1;
    assert!(!altered.check_signature_is(&ben().first().rsa));
}

#[test]
fn a_successor_needs_the_old_key() {
    let previous = Some(&ben().first().bundle);
    let (bytes, check, succession) = fields(&ben().second().signed);
    let forged = |key: &Keys, old: Hash| {
        ben()
            .second()
            .bundle
            .bundle
            .sign(&ben().second().rsa, Some((&key.rsa, old)))
            .unwrap()
            .verify(previous)
            .err()
    };
    let old = ben().first().hash();
    assert_eq!(forged(ben().first(), old), None);
    assert_eq!(
        forged(carl().first(), old),
        Some(BundleError::Succession),
        "signed by somebody else"
    );
    assert_eq!(
        forged(ben().second(), old),
        Some(BundleError::Succession),
        "signed by the new key itself"
    );
    assert_eq!(
        forged(ben().first(), carl().first().hash()),
        Some(BundleError::Succession),
        "over another old bundle"
    );
    // The old key's signature over another new bundle, or none at all.
    assert_eq!(
        raw(&bytes, &check, None).verify(previous).err(),
        Some(BundleError::Succession)
    );
    let other = fields(&ben().first().signed).1;
    assert_eq!(
        raw(&bytes, &check, Some(&other)).verify(previous).err(),
        Some(BundleError::Succession)
    );
    // A first bundle has nobody to be signed by.
    let (bytes, check, _) = fields(&ben().first().signed);
    assert_eq!(
        raw(&bytes, &check, succession.as_deref()).verify(None).err(),
        Some(BundleError::Succession)
    );
}

#[test]
fn who_somebody_is_never_changes() {
    type Change = fn(&mut Bundle);
    let changes: [(&str, Change); 8] = [
        ("handle", |bundle| bundle.handle = "benjamin@example.org".to_owned()),
        ("principal", |bundle| bundle.principal = PrincipalId([9; 16])),
        ("kind", |bundle| bundle.kind = PrincipalKind::Node),
        ("counter again", |bundle| bundle.counter = 0),
        ("counter gap", |bundle| bundle.counter = 2),
        ("counter at the end", |bundle| bundle.counter = u32::MAX),
        ("other previous", |bundle| bundle.previous = Some(Hash([1; 32]))),
        ("no previous", |bundle| bundle.previous = None),
    ];
    for (what, change) in changes {
        assert_eq!(second(change).err(), Some(BundleError::Succession), "{what}");
    }
}

#[test]
fn a_chain_begins_at_its_beginning_and_has_no_gaps() {
    let (one, two) = (signed_bytes(ben().first()), signed_bytes(ben().second()));
    assert!(verify_chain(&[&one, &two]).is_ok());
    for bad in [
        vec![&two],
        vec![&two, &one],
        vec![&one, &one],
        vec![&one, &two, &two],
        vec![&two, &two],
    ] {
        assert_eq!(verify_chain(&bad).err(), Some(BundleError::Succession));
    }
    let foreign = signed_bytes(carl().second());
    assert_eq!(verify_chain(&[&one, &foreign]).err(), Some(BundleError::Succession));
    assert_eq!(first(|bundle| bundle.counter = 1).err(), Some(BundleError::Succession));
    assert_eq!(
        first(|bundle| bundle.previous = Some(Hash::ZERO)).err(),
        Some(BundleError::Succession)
    );
}

#[test]
fn sizes_exponents_and_records_outside_the_list_are_malformed() {
    type Change = fn(&mut Bundle);
    let changes: [(&str, Change); 12] = [
        ("format", |bundle| bundle.format = 2),
        ("stated size larger", |bundle| bundle.bits = 4096),
        ("stated size not on the list", |bundle| bundle.bits = 1024),
        ("exponent", |bundle| *bundle.rsa_spki.last_mut().unwrap() = 3),
        ("even modulus", |bundle| {
            let at = bundle.rsa_spki.len() - 6;
            bundle.rsa_spki[at] &= 0xfe;
        }),
        ("trailing DER", |bundle| bundle.rsa_spki.push(0)),
        ("no RSA key", |bundle| bundle.rsa_spki.clear()),
        ("small-order Ed25519", |bundle| {
            bundle.ed25519 = vec![0; 32];
            bundle.ed25519[0] = 1;
        }),
        ("short Ed25519", |bundle| bundle.ed25519.truncate(31)),
        ("cheaper scrypt", |bundle| bundle.kdf[10] ^= 1),
        ("no record", |bundle| bundle.kdf.clear()),
        ("handle", |bundle| bundle.handle = "Ben@example.org".to_owned()),
    ];
    for (what, change) in changes {
        assert_eq!(first(change).err(), Some(BundleError::Malformed), "{what}, first");
        assert_eq!(second(change).err(), Some(BundleError::Malformed), "{what}, successor");
    }
    assert_eq!(ben().first().bundle.rsa.bits(), Bits::B2048);
}

#[test]
fn handles_are_plain_and_lowercase() {
    use holdfast_protocol::bundle::valid_handle;
    for good in ["a", "ana@example.org", "ana+work_1", &"a".repeat(254)] {
        assert!(valid_handle(good), "{good}");
    }
    for bad in ["", "Ana", "a b", "ana\n", "änä", "a\u{0}", &"a".repeat(255)] {
        assert!(!valid_handle(bad), "{bad:?}");
    }
}

#[test]
fn two_successors_of_one_bundle_are_seen() {
    // Somebody who learned Ben's first key makes another second bundle, perfect in itself.
    let (name, kind, rsa) = ("ben", PrincipalKind::User, carl().second().bundle.rsa.clone());
    let mut bundle = unsigned(name, kind, &[0xB1, 0xC2], 1, &rsa, Some(ben().first().hash()));
    bundle.principal = ben().principal();
    let evil = bundle
        .sign(&carl().second().rsa, Some((&ben().first().rsa, ben().first().hash())))
        .unwrap();
    let fork = verify_chain(&[signed_bytes(ben().first()), evil.to_bytes()]).unwrap();

    let (chain, who, seen) = (ben().chain(), ben().principal(), ben().second().hash());
    assert_eq!(since_seen(&chain, who, 1, seen), Ok(false));
    assert_eq!(since_seen(&chain, who, 0, ben().first().hash()), Ok(true));
    assert_eq!(since_seen(&fork, who, 1, seen), Err(BundleError::Forked));
    assert_eq!(
        since_seen(&fork, who, 0, ben().first().hash()),
        Ok(true),
        "before the fork nobody can tell"
    );
    // The chain without the bundle that was seen, and another person's.
    assert_eq!(since_seen(&chain[..1], who, 1, seen), Err(BundleError::RolledBack));
    assert_eq!(since_seen(&chain[..0], who, 0, seen), Err(BundleError::RolledBack));
    assert_eq!(since_seen(&carl().chain(), who, 1, seen), Err(BundleError::RolledBack));
    assert_eq!(since_seen(&chain, who, u32::MAX, seen), Err(BundleError::RolledBack));
}
