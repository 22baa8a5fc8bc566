//! Phrase to public key at every size: the table that a release build made once, made again in this build.

use holdfast_crypto::rsa::{Bits, PrivateKey, PublicKey};
use holdfast_crypto::{KdfRecord, Phrase, Prk};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    phrase: String,
    kdf: String,
    bits: u32,
    rsa_spki: String,
    ed25519: String,
}

#[test]
fn every_phrase_gives_the_same_public_key_by_search_and_by_unlock() {
    let rows: Vec<Row> = serde_json::from_str(include_str!("vectors/phrase-to-key.json")).expect("the table");
    assert_eq!(rows.len(), 8);
    for (number, pair) in rows.chunks(4).enumerate() {
        let record = KdfRecord::decode(&hex::decode(&pair[0].kdf).expect("hex")).expect("a record");
        let prk = Prk::derive(&Phrase::new(&pair[0].phrase).expect("a phrase"), &record).expect("derivation");
        for row in pair {
            assert_eq!((&row.phrase, &row.kdf), (&pair[0].phrase, &pair[0].kdf));
            assert_eq!(hex::encode(prk.sign_key().public().as_bytes()), row.ed25519);
            let bits = Bits::from_u32(row.bits).expect("a size");
            let seed = prk.rsa_seed(bits);
            let public = PublicKey::from_spki_der(&hex::decode(&row.rsa_spki).expect("hex")).expect("a key");
            let unlocked = PrivateKey::unlock(&seed, &public).expect("the modulus guides to the same pair");
            assert_eq!(unlocked.public(), &public, "{} at {} bits", row.phrase, row.bits);
            // The search at 8192 bits takes most of a minute on a busy machine: once is enough.
            if row.bits == 8192 && number > 0 {
                continue;
            }
            let searched = PrivateKey::derive(&seed, bits).expect("derivation");
            assert_eq!(searched.public(), &public, "{} at {} bits", row.phrase, row.bits);
        }
    }
}
