//! Vectors of our own, pinned for ever: what a phrase, a key or a box gave once, it gives in every later version.
//!
//! The files in `tests/vectors` are only ever added to. `cargo test -p holdfast-crypto -- --ignored generate` writes those that are
//! missing and never touches one that exists.

use holdfast_crypto::rsa::{Bits, PrivateKey};
use holdfast_crypto::{
    KdfRecord, Key32, Phrase, Prk, RecoveryKey, SecondSecret, Secret, SignKey, VerifyKey, normalized, open, seal,
    second_secret_of, security_words, sha256,
};
use serde_json::{Value, json};

use crate::support::{FixedRng, TestRng, array, bytes, own, read, text};

fn hash(bytes: &[u8]) -> String {
    hex::encode(sha256(&[bytes]))
}

fn key(vector: &Value, field: &str) -> Key32 {
    Key32::from_slice(&bytes(vector, field)).unwrap()
}

/// Everything a phrase and a record give. Secrets by their hash, so that the file can't be mistaken for a key store.
fn derived(phrase: &Phrase, record: &KdfRecord) -> Value {
    derived_from(&Prk::derive(phrase, record).unwrap(), record)
}

fn derived_from(prk: &Prk, record: &KdfRecord) -> Value {
    let seeds: Vec<Value> = Bits::ALL
        .iter()
        .map(|&bits| json!({"bits": bits.get(), "sha256": hash(prk.rsa_seed(bits).expose())}))
        .collect();
    let pair = PrivateKey::derive(&prk.rsa_seed(Bits::B2048), Bits::B2048).unwrap();
    json!({
        "record": hex::encode(record.encode()),
        "prk_sha256": hash(prk.expose()),
        "rsa_seeds": seeds,
        "rsa_2048_spki_sha256": hash(pair.public().to_spki_der()),
        "sign_public": hex::encode(prk.sign_key().public().as_bytes()),
        "pins_sha256": hash(prk.pins_key().expose()),
        "local_sha256": hash(prk.local_key().expose()),
        "link_sha256": hash(prk.link_key().expose()),
    })
}

#[test]
fn phrase_to_keys() {
    for vector in read(&own("keys.json")) {
        let log2_n = u8::try_from(vector["log2_n"].as_u64().unwrap()).unwrap();
        let record = KdfRecord::new(log2_n, array(&vector, "salt")).unwrap();
        assert_eq!(
            derived(&Phrase::new(text(&vector, "phrase")).unwrap(), &record),
            vector["derived"],
            "{vector}"
        );
    }
}

/// Made by the reader in `tests/reader`, in another language from the page alone.
#[test]
fn phrase_and_second_secret_to_keys() {
    for vector in read(&own("second-secret.json")) {
        let log2_n = u8::try_from(vector["log2_n"].as_u64().unwrap()).unwrap();
        let record = KdfRecord::new(log2_n, array(&vector, "salt")).unwrap().with_second();
        let second = SecondSecret::parse(text(&vector, "text")).unwrap();
        assert!(second == second_secret_of(&array(&vector, "second")));
        assert_eq!(second.text().as_str(), text(&vector, "text"));
        let phrase = Phrase::new(text(&vector, "phrase")).unwrap();
        let root = Prk::derive_with(&phrase, Some(&second), &record).unwrap();
        assert_eq!(derived_from(&root, &record), vector["derived"], "{vector}");
    }
}

/// A root that came out of a box gives the same keys as the one that went in.
#[test]
fn a_root_from_a_box_is_the_root() {
    let root = Prk::from_key(Key32::from_slice(&[5; 32]).unwrap());
    let again = Prk::from_key(Key32::from_slice(root.expose()).unwrap());
    assert_eq!(root.sign_key().public(), again.sign_key().public());
    let keys = [root.pins_key(), root.local_key(), root.link_key()];
    for (n, one) in keys.iter().enumerate() {
        assert!(keys[..n].iter().all(|other| one != other), "one label per use");
    }
    let seeds = Bits::ALL.map(|bits| root.rsa_seed(bits));
    for (n, one) in seeds.iter().enumerate() {
        assert!(seeds[..n].iter().all(|other| one != other), "one seed per size");
    }
}

#[test]
fn boxes() {
    for vector in read(&own("boxes.json")) {
        let (key, context, plaintext) = (
            key(&vector, "key"),
            bytes(&vector, "context"),
            bytes(&vector, "plaintext"),
        );
        let sealed = seal(&key, &context, &plaintext, &mut FixedRng(bytes(&vector, "iv")));
        assert_eq!(sealed, bytes(&vector, "box"), "{vector}");
        assert_eq!(*open(&key, &context, &sealed).unwrap(), plaintext);
    }
}

#[test]
fn words() {
    for vector in read(&own("words.json")) {
        assert_eq!(
            security_words(&array(&vector, "fingerprint")).join(" "),
            text(&vector, "words")
        );
    }
}

#[test]
fn recovery() {
    for vector in read(&own("recovery.json")) {
        let key = RecoveryKey::from_words(text(&vector, "words")).unwrap();
        assert_eq!(key.words().as_str(), text(&vector, "words"));
        assert_eq!(hex::encode(key.box_key().expose()), text(&vector, "box_key"));
        assert_eq!(hex::encode(key.locator()), text(&vector, "locator"));
    }
}

#[test]
fn signatures() {
    for vector in read(&own("signatures.json")) {
        let signer = SignKey::from_seed(key(&vector, "seed"));
        let (typ, message, signature) = (
            text(&vector, "type"),
            bytes(&vector, "message"),
            bytes(&vector, "signature"),
        );
        assert_eq!(signer.sign(typ, &message)[..], signature, "{vector}");
        VerifyKey::from_bytes(&bytes(&vector, "public"))
            .unwrap()
            .verify(typ, &message, &signature)
            .unwrap();
    }
}

#[test]
fn wraps_open() {
    for vector in read(&own("wraps.json")) {
        let bits = Bits::from_u32(u32::try_from(vector["bits"].as_u64().unwrap()).unwrap()).unwrap();
        let pair = PrivateKey::derive(&Secret::from_slice(&bytes(&vector, "seed")).unwrap(), bits).unwrap();
        for wrap in vector["wraps"].as_array().unwrap() {
            let opened = pair.unwrap_key(&bytes(wrap, "context"), &bytes(wrap, "wrap")).unwrap();
            assert_eq!(hex::encode(opened.expose()), text(wrap, "key"));
        }
    }
}

/// Writes the vector files that do not exist yet.
#[test]
#[ignore = "writes missing vector files"]
fn generate() {
    let phrases = [
        ("plain", "granola unpaid debit skimmer jawline truffle bulge eel"),
        ("composed", "caf\u{e9}"),
        ("decomposed", "cafe\u{301}"),
        ("ligature", "\u{fb01}ne"),
        ("full width", "\u{ff28}\u{ff4f}\u{ff4c}\u{ff44}\u{3000}\u{ff11}"),
        ("emoji with joiners", "\u{1f469}\u{200d}\u{1f680} \u{1f1ea}\u{1f1fa}"),
        (
            "right to left, points out of order",
            "\u{5e9}\u{5c1}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd}",
        ),
        ("Arabic ligature", "\u{fdfa}"),
        ("Hangul", "\u{d55c}\u{ae00}"),
        ("two marks", "\u{1e69}"),
        ("no-break space at the end", "open sesame\u{a0}"),
        ("spaces kept", "  two  spaces "),
        ("mathematical letters", "\u{1d400}\u{1d7d8}"),
        ("empty", ""),
        ("tab", "a\tb"),
        ("line end", "a\n"),
        ("C1 control", "a\u{85}"),
        ("unassigned", "a\u{378}"),
        ("Unicode 15.1", "a\u{2ffc}"),
        ("Unicode 16.0", "a\u{1c89}"),
        ("noncharacter", "a\u{fdd0}"),
    ];
    write(
        "phrases.json",
        phrases.iter().map(|(name, typed)| match Phrase::new(typed) {
            Ok(phrase) => {
                json!({"name": name, "typed": typed, "utf8": hex::encode(normalized(&phrase))})
            }
            Err(_) => json!({"name": name, "typed": typed, "refused": true}),
        }),
    );

    let salts = [[0x11; 32], sha256(&[b"salt"])];
    write(
        "keys.json",
        [phrases[0].1, "caf\u{e9} \u{1f469}\u{200d}\u{1f680}"]
            .iter()
            .zip(salts)
            .map(|(phrase, salt)| {
                let record = KdfRecord::new(17, salt).unwrap();
                let derived = derived(&Phrase::new(phrase).unwrap(), &record);
                json!({"phrase": phrase, "log2_n": 17, "salt": hex::encode(salt), "derived": derived})
            }),
    );

    let mut rng = TestRng::new(100);
    write(
        "boxes.json",
        [0usize, 1, 15, 16, 17, 64, 257].iter().map(|&length| {
            let key = Key32::random(&mut rng);
            let context = format!("context {length}").repeat(length % 3).into_bytes();
            let plaintext: Vec<u8> = (0..length).map(|n| u8::try_from(n % 256).unwrap()).collect();
            let iv = Secret::<16>::random(&mut rng).expose().to_vec();
            let sealed = seal(&key, &context, &plaintext, &mut FixedRng(iv.clone()));
            json!({
                "key": hex::encode(key.expose()), "context": hex::encode(context), "iv": hex::encode(iv),
                "plaintext": hex::encode(plaintext), "box": hex::encode(sealed),
            })
        }),
    );

    let fingerprints = [[0; 32], [0xff; 32], sha256(&[b"Ana"]), sha256(&[b"Ben"])];
    write("words.json", fingerprints.iter().map(|fingerprint| {
        json!({"fingerprint": hex::encode(fingerprint), "words": security_words(fingerprint).join(" ")})
    }));

    write(
        "recovery.json",
        fingerprints.iter().map(|bytes| {
            let key = RecoveryKey::make(&mut FixedRng(bytes.to_vec()));
            let box_key = hex::encode(key.box_key().expose());
            json!({"words": *key.words(), "box_key": box_key, "locator": hex::encode(key.locator())})
        }),
    );

    write(
        "signatures.json",
        [("entry", &b""[..]), ("entry", b"message"), ("bundle", b"message")]
            .iter()
            .map(|(typ, message)| {
                let seed = Key32::random(&mut rng);
                let signer = SignKey::from_seed(seed.duplicate());
                json!({
                    "seed": hex::encode(seed.expose()), "public": hex::encode(signer.public().as_bytes()), "type": typ,
                    "message": hex::encode(message), "signature": hex::encode(signer.sign(typ, message)),
                })
            }),
    );

    write(
        "wraps.json",
        [Bits::B2048, Bits::B3072].iter().map(|&bits| {
            let seed = Secret::<48>::random(&mut rng);
            let pair = PrivateKey::derive(&seed, bits).unwrap();
            let wraps: Vec<Value> = [&b""[..], b"context", &[0xff; 100]].iter().map(|context| {
            let key = Key32::random(&mut rng);
            let wrap = pair.public().wrap_key(context, &key, &mut rng).unwrap();
            json!({"context": hex::encode(context), "key": hex::encode(key.expose()), "wrap": hex::encode(wrap)})
        }).collect();
            json!({"seed": hex::encode(seed.expose()), "bits": bits.get(), "wraps": wraps})
        }),
    );
}

fn write(name: &str, vectors: impl Iterator<Item = Value>) {
    let path = own(name);
    // Collected first: the generators of later files draw from the same source.
    let vectors: Vec<Value> = vectors.collect();
    if path.exists() {
        eprintln!("kept: {name}");
        return;
    }
    std::fs::write(&path, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    eprintln!("written: {name}");
}
