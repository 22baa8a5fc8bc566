//! Project Wycheproof's RSA cases, when a copy of them lies beside the checkout; each test states how many it must have run.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::path::PathBuf;

use holdfast_crypto::Error;
use holdfast_crypto::rsa::{PublicKey, raw};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    sha: String,
    mgf_sha: Option<String>,
    key_size: u32,
    #[serde(default)]
    public_key_der: String,
    #[serde(default)]
    private_key_pkcs8: String,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    #[serde(default)]
    flags: Vec<String>,
    msg: String,
    #[serde(default)]
    sig: String,
    #[serde(default)]
    ct: String,
    #[serde(default)]
    label: String,
    result: String,
}

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn load(name: &str) -> Option<Vec<Group>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/vectors/wycheproof")
        .join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str::<File>(&text).unwrap().groups),
        Err(_) => {
            eprintln!("skipped: no {name} here");
            None
        }
    }
}

/// `(verified, refused, cases under a key that is refused)`
fn signatures(name: &str, expected: (usize, usize, usize)) {
    let Some(groups) = load(name) else { return };
    let mut counts = (0, 0, 0);
    for group in groups {
        assert_eq!(group.sha, "SHA-256");
        let public = match PublicKey::from_spki_der(&hex(&group.public_key_der)) {
            Ok(public) => public,
            Err(error) => {
                assert_eq!(error, Error::Key("exponent is not 65537"));
                counts.2 += group.tests.len();
                continue;
            }
        };
        assert_eq!(public.bits().get(), group.key_size);
        for case in group.tests {
            let verdict = public.verify(&hex(&case.msg), &hex(&case.sig));
            // The one acceptable case leaves out the NULL of the digest algorithm; RFC 8017 lets us be strict, so we are.
            match case.result.as_str() {
                "valid" => assert_eq!(verdict, Ok(()), "{name} {}", case.tc_id),
                "acceptable" => {
                    assert_eq!(
                        (verdict.clone(), case.flags),
                        (Err(Error::Signature), vec!["MissingNull".to_owned()]),
                        "{name} {}",
                        case.tc_id
                    );
                }
                _ => assert_eq!(verdict, Err(Error::Signature), "{name} {}", case.tc_id),
            }
            if verdict.is_ok() { counts.0 += 1 } else { counts.1 += 1 }
        }
    }
    assert_eq!(counts, expected, "{name}");
}

#[test]
fn signature_verification() {
    signatures("rsa_signature_2048_sha256_test.json", (7, 250, 2));
    signatures("rsa_signature_3072_sha256_test.json", (7, 251, 1));
    signatures("rsa_signature_4096_sha256_test.json", (7, 251, 0));
    signatures("rsa_signature_8192_sha256_test.json", (7, 251, 0));
}

/// `(signatures equal)` among the SHA-256 groups.
fn generation(name: &str, expected: usize) {
    let Some(groups) = load(name) else { return };
    let mut equal = 0;
    for group in groups.into_iter().filter(|group| group.sha == "SHA-256") {
        for case in group.tests {
            // Acceptable are those under the exponent 3, which we never make; the arithmetic is the same.
            assert!(
                case.result == "valid" || case.flags == ["SmallPublicKey"],
                "{name} {}",
                case.tc_id
            );
            assert_eq!(
                raw::sign(&hex(&group.private_key_pkcs8), &hex(&case.msg)).unwrap(),
                hex(&case.sig),
                "{name} {}",
                case.tc_id
            );
            equal += 1;
        }
    }
    assert_eq!(equal, expected, "{name}");
}

#[test]
fn signature_generation() {
    generation("rsa_pkcs1_2048_sig_gen_test.json", 10);
    generation("rsa_pkcs1_3072_sig_gen_test.json", 9);
    generation("rsa_pkcs1_4096_sig_gen_test.json", 8);
}

/// `(opened, refused, cases under a key that the library refuses)` among the groups with SHA-256 twice.
fn oaep(name: &str, expected: (usize, usize, usize)) {
    let Some(groups) = load(name) else { return };
    let mut counts = (0, 0, 0);
    for group in groups
        .into_iter()
        .filter(|group| group.sha == "SHA-256" && group.mgf_sha.as_deref() == Some("SHA-256"))
    {
        for case in group.tests {
            match (
                raw::oaep_open(&hex(&group.private_key_pkcs8), &hex(&case.label), &hex(&case.ct)),
                case.result.as_str(),
            ) {
                (Ok(message), "valid") => {
                    assert_eq!(*message, hex(&case.msg), "{name} {}", case.tc_id);
                    counts.0 += 1;
                }
                (Err(Error::Open), "invalid") => counts.1 += 1,
                // The ciphertext 1, its own plaintext: SP 800-56B rev. 2 (7.1.2.1) has it refused, as the library does.
                (Err(Error::Open), "acceptable") if case.flags.iter().any(|flag| flag == "SmallIntegerCiphertext") => {
                    counts.1 += 1
                }
                // Keys below 2048 bits are refused as a whole.
                (Err(Error::Key(_)), _) if group.key_size < 2048 => counts.2 += 1,
                (outcome, wanted) => panic!(
                    "{name} {}: {wanted}, got {:?}",
                    case.tc_id,
                    outcome.map(|_| "a message")
                ),
            }
        }
    }
    assert_eq!(counts, expected, "{name}");
}

#[test]
fn oaep_opening() {
    oaep("rsa_oaep_2048_sha256_mgf1sha256_test.json", (18, 19, 0));
    oaep("rsa_oaep_3072_sha256_mgf1sha256_test.json", (18, 19, 0));
    oaep("rsa_oaep_4096_sha256_mgf1sha256_test.json", (18, 19, 0));
    oaep("rsa_oaep_misc_test.json", (26, 2, 6));
}
