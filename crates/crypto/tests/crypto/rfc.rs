//! scrypt against RFC 7914 section 12, and the label format.

use holdfast_crypto::{Key32, hazmat, hkdf_expand, label, labelled, sha256};

#[test]
fn scrypt_rfc_7914() {
    let cases = [
        (
            "",
            "",
            4,
            1,
            1,
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
        ),
        (
            "password",
            "NaCl",
            10,
            8,
            16,
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
        ),
        (
            "pleaseletmein",
            "SodiumChloride",
            14,
            8,
            1,
            "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
        ),
    ];
    for (password, salt, log2_n, r, p, expected) in cases {
        let mut output = [0; 64];
        hazmat::scrypt(password.as_bytes(), salt.as_bytes(), log2_n, r, p, &mut output);
        assert_eq!(hex::encode(output), expected);
    }
}

#[test]
fn labels_are_prefix_name_zero() {
    assert_eq!(label("box"), b"holdfast/v1/box\0");
    assert_eq!(labelled("rsa", &[&[1, 2], &[3]]), b"holdfast/v1/rsa\0\x01\x02\x03");
}

#[test]
fn expanding_is_hkdf_with_the_key_as_prk() {
    // RFC 5869, test case 1, first 32 bytes.
    let prk =
        Key32::from_slice(&hex::decode("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5").unwrap())
            .unwrap();
    let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").unwrap();
    assert_eq!(
        hex::encode(hkdf_expand(&prk, &info).expose()),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    );
}

#[test]
fn hashing_parts_is_hashing_their_sum() {
    assert_eq!(
        hex::encode(sha256(&[b"a", b"", b"bc"])),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
