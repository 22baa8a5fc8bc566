//! Wycheproof against the bare primitives as this crate uses them. The counts are asserted, so that a file that shrinks or a
//! filter that skips too much is noticed.

use holdfast_crypto::hazmat;
use serde_json::Value;

use crate::support::{array, bytes, text, wycheproof};

fn each(file: &Value, mut check: impl FnMut(&Value, &Value)) {
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            check(group, test);
        }
    }
}

fn is_valid(test: &Value) -> bool {
    match text(test, "result") {
        "valid" => true,
        "invalid" => false,
        other => panic!("no opinion on {other}: {test}"),
    }
}

#[test]
fn aes_256_cbc_pkcs7() {
    let Some(file) = wycheproof("aes_cbc_pkcs5_test.json") else {
        return;
    };
    let (mut ran, mut other_sizes) = (0, 0);
    each(&file, |group, test| {
        if group["keySize"] != 256 {
            other_sizes += 1;
            return;
        }
        ran += 1;
        let (key, iv, message) = (array(test, "key"), array(test, "iv"), bytes(test, "msg"));
        let opened = hazmat::aes_256_cbc_decrypt(&key, &iv, &bytes(test, "ct"));
        if is_valid(test) {
            assert_eq!(
                hazmat::aes_256_cbc_encrypt(&key, &iv, &message),
                bytes(test, "ct"),
                "{test}"
            );
            assert_eq!(opened.unwrap(), message, "{test}");
        } else {
            assert!(opened.is_err(), "{test}");
        }
    });
    assert_eq!((ran, other_sizes), (72, 144));
}

#[test]
fn hmac_sha256() {
    let Some(file) = wycheproof("hmac_sha256_test.json") else {
        return;
    };
    let mut ran = 0;
    each(&file, |group, test| {
        ran += 1;
        let tag = hazmat::hmac_sha256(&bytes(test, "key"), &bytes(test, "msg"));
        let kept = usize::try_from(group["tagSize"].as_u64().unwrap()).unwrap() / 8;
        assert_eq!(tag[..kept] == bytes(test, "tag")[..], is_valid(test), "{test}");
    });
    assert_eq!(ran, 174);
}

#[test]
fn hkdf_sha256() {
    let Some(file) = wycheproof("hkdf_sha256_test.json") else {
        return;
    };
    let mut ran = 0;
    each(&file, |_, test| {
        ran += 1;
        let mut output = vec![0; usize::try_from(test["size"].as_u64().unwrap()).unwrap()];
        let result = hazmat::hkdf_sha256(
            &bytes(test, "ikm"),
            &bytes(test, "salt"),
            &bytes(test, "info"),
            &mut output,
        );
        if is_valid(test) {
            result.unwrap();
            assert_eq!(output, bytes(test, "okm"), "{test}");
        } else {
            assert!(result.is_err(), "{test}");
        }
    });
    assert_eq!(ran, 86);
}

#[test]
fn ed25519() {
    let Some(file) = wycheproof("ed25519_test.json") else {
        return;
    };
    let mut ran = 0;
    each(&file, |group, test| {
        ran += 1;
        let result = hazmat::ed25519_verify(
            &bytes(&group["publicKey"], "pk"),
            &bytes(test, "msg"),
            &bytes(test, "sig"),
        );
        assert_eq!(result.is_ok(), is_valid(test), "{test}");
    });
    assert_eq!(ran, 151);
}
