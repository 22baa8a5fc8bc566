//! What is signed to sign in: every word of it counts, and it is good for nothing else.

use holdfast_protocol::login::{CLOCK_TOLERANCE_MS, SIGNED_AS, SignIn};

use crate::support::people::{ana, ben};

fn statement() -> SignIn {
    SignIn {
        origin: "https://holdfast.example.org".to_owned(),
        handle: "ana@example.org".to_owned(),
        nonce: vec![7; 32],
        time_ms: 1_700_000_000_000,
    }
}

#[test]
fn a_sign_in_is_of_one_server_one_handle_one_nonce_and_one_time() {
    type Change = fn(&mut SignIn);
    let (key, signed) = (&ana().first().sign, statement().sign(&ana().first().sign));
    assert!(statement().verifies(&key.public(), &signed));
    assert!(!statement().verifies(&ben().first().sign.public(), &signed));
    assert!(!statement().verifies(&key.public(), &signed[1..]));
    let changes: [(&str, Change); 4] = [
        ("origin", |one| one.origin.push('x')),
        ("handle", |one| one.handle = "ben@example.org".to_owned()),
        ("nonce", |one| one.nonce[31] ^= 1),
        ("time", |one| one.time_ms += 1),
    ];
    for (what, change) in changes {
        let mut other = statement();
        change(&mut other);
        assert!(!other.verifies(&key.public(), &signed), "{what}");
    }
    // The same bytes, signed as something else.
    let message = holdfast_protocol::cbor::encode(&statement());
    assert!(statement().verifies(&key.public(), &key.sign(SIGNED_AS, &message)));
    assert!(!statement().verifies(&key.public(), &key.sign("entry", &message)));
}

/// Servers and clients of different versions must agree on it.
#[test]
fn clocks_may_differ_by_ten_minutes() {
    assert_eq!(CLOCK_TOLERANCE_MS, 600_000);
}
