//! Export files: they open with their passphrase and with nothing else, and every part is bound to its place.

use std::fs;
use std::path::Path;

use holdfast_crypto::{KdfRecord, Phrase};
use holdfast_protocol::export::{Export, ExportError, ExportedSecret};
use holdfast_protocol::item::{Audience, Field, SecretType};
use holdfast_protocol::{SecretText, cbor, limits};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::support::rng::TestRng;

const PASSPHRASE: &str = "granola unpaid debit skimmer jawline truffle bulge eel";

/// The file's own form, written down once more.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Raw {
    #[n(1)]
    magic: String,
    #[n(2)]
    format: u32,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    kdf: Vec<u8>,
    #[n(4)]
    boxes: Vec<ByteVec>,
}

fn phrase(text: &str) -> Phrase {
    Phrase::new(text).unwrap()
}

fn record() -> KdfRecord {
    KdfRecord::new(17, [7; 32]).unwrap()
}

fn secret(name: &str, value: &str) -> ExportedSecret {
    ExportedSecret {
        secret_type: SecretType::Git,
        name: name.into(),
        description: "for the build".into(),
        tags: vec!["work".into()],
        fields: vec![
            Field {
                name: "host".into(),
                value: SecretText::new(Zeroizing::new("github.com".into())),
            },
            Field {
                name: "token".into(),
                value: SecretText::new(Zeroizing::new(value.into())),
            },
        ],
        audience: Audience {
            host: "github.com".into(),
            account: "ana".into(),
            purpose: String::new(),
        },
        expires_ms: Some(1_900_000_000_000),
    }
}

fn export(values: &[&str]) -> Export {
    Export {
        created_ms: 1_795_392_345_678,
        secrets: values
            .iter()
            .enumerate()
            .map(|(number, value)| secret(&format!("Token {number}"), value))
            .collect(),
    }
}

fn sealed(export: &Export) -> Vec<u8> {
    export
        .seal(&phrase(PASSPHRASE), &record(), &mut TestRng::new(1))
        .unwrap()
}

fn raw(bytes: &[u8]) -> Raw {
    minicbor::decode(bytes).unwrap()
}

fn open(bytes: &[u8]) -> Result<Export, ExportError> {
    Export::open(bytes, &phrase(PASSPHRASE))
}

#[test]
fn what_goes_in_comes_out() {
    let all = export(&["ghp_1", "", "line one\nline two # \"quoted\" 🔑"]);
    let bytes = sealed(&all);
    assert!(Export::is_sealed(&bytes) && Export::is_sealed(&bytes[..32]) && !Export::is_sealed(b"{\"format\""));
    assert!(open(&bytes).is_ok_and(|opened| opened == all));
    let nothing = export(&[]);
    assert!(open(&sealed(&nothing)).is_ok_and(|opened| opened == nothing));
}

#[test]
fn another_passphrase_or_record_does_not_open_it() {
    let bytes = sealed(&export(&["ghp_1"]));
    assert!(Export::open(&bytes, &phrase("another one")).is_err_and(|error| error == ExportError::Open));
    let mut other = raw(&bytes);
    other.kdf = KdfRecord::new(17, [8; 32]).unwrap().encode();
    assert!(open(&cbor::encode(&other)).is_err_and(|error| error == ExportError::Open));
}

#[test]
fn every_flipped_byte_is_seen() {
    let bytes = sealed(&export(&["ghp_1"]));
    // Each derivation costs a moment: every byte of the head, which is refused before it, one of the salt and some of the box.
    let head = bytes.len() - raw(&bytes).boxes[0].len();
    let salt = bytes.windows(32).position(|window| window == [7; 32]).unwrap();
    for at in (0..=salt)
        .chain(salt + 32..head)
        .chain([head, head + 16, bytes.len() - 33, bytes.len() - 1])
    {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        assert!(open(&altered).is_err(), "byte {at}");
    }
    for cut in [0, 1, 20, head, bytes.len() - 1] {
        assert!(open(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    assert!(open(&[&bytes[..], b"\0"].concat()).is_err_and(|error| error == ExportError::Malformed));
}

#[test]
fn parts_keep_their_place_and_their_number() {
    let long = "x".repeat(limits::EXPORT_PART);
    let bytes = sealed(&export(&[&long, &long]));
    assert_eq!(raw(&bytes).boxes.len(), 3);
    assert!(open(&bytes).is_ok());
    let mut swapped = raw(&bytes);
    swapped.boxes.swap(0, 1);
    let mut shorter = raw(&bytes);
    shorter.boxes.pop();
    let mut doubled = raw(&bytes);
    let last = doubled.boxes[2].clone();
    doubled.boxes.push(last);
    for altered in [swapped, shorter, doubled] {
        assert!(open(&cbor::encode(&altered)).is_err_and(|error| error == ExportError::Open));
    }
}

#[test]
fn what_can_be_refused_without_work_is_malformed() {
    let bytes = sealed(&export(&["ghp_1"]));
    let change = |change: fn(&mut Raw)| {
        let mut file = raw(&bytes);
        change(&mut file);
        open(&cbor::encode(&file)).err()
    };
    for altered in [
        change(|file| file.magic = "holdfast-exporT".into()),
        change(|file| file.format = 2),
        change(|file| file.kdf = vec![0xa0]),
        change(|file| file.boxes.clear()),
        change(|file| file.boxes = vec![ByteVec::from(Vec::new()); 17]),
    ] {
        assert_eq!(altered, Some(ExportError::Malformed));
    }
    let huge = vec![0; limits::EXPORT + 1];
    assert!(open(&huge).is_err_and(|error| error == ExportError::Malformed));
}

#[test]
fn more_than_a_file_holds_is_refused() {
    let long = "x".repeat(limits::EXPORT / 2);
    let all = export(&[&long, &long]);
    let refused = all.seal(&phrase(PASSPHRASE), &record(), &mut TestRng::new(1));
    assert_eq!(refused, Err(ExportError::TooLarge));
}

fn shown(export: &Export) -> Value {
    json!({
        "created_ms": export.created_ms,
        "secrets": export.secrets.iter().map(|secret| json!({
            "type": secret.secret_type,
            "name": secret.name,
            "description": secret.description,
            "tags": secret.tags,
            "fields": secret.fields.iter().map(|field| json!([field.name, field.value.expose()])).collect::<Vec<_>>(),
            "audience": [secret.audience.host, secret.audience.account, secret.audience.purpose],
            "expires_ms": secret.expires_ms,
        })).collect::<Vec<_>>(),
    })
}

fn vector() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/export.json")
}

/// Pinned for ever: a file that was written once opens with every later version.
#[test]
fn the_pinned_export_opens() {
    let pinned: Value = serde_json::from_str(&fs::read_to_string(vector()).unwrap()).unwrap();
    let file = hex::decode(pinned["file"].as_str().unwrap()).unwrap();
    let opened = Export::open(&file, &phrase(pinned["passphrase"].as_str().unwrap()))
        .ok()
        .unwrap();
    assert_eq!(shown(&opened), pinned["content"]);
    // And it is still written like that.
    assert_eq!(sealed(&opened), file);
}

#[test]
#[ignore = "writes the golden vector; only for a new format"]
fn generate_export() {
    assert!(!vector().exists(), "a pinned vector is never written again");
    let all = export(&["ghp_0123456789", "", "line one\nline two # \"quoted\" 🔑"]);
    let pinned = json!({
        "passphrase": PASSPHRASE,
        "file": hex::encode(sealed(&all)),
        "content": shown(&all),
    });
    fs::write(vector(), serde_json::to_string_pretty(&pinned).unwrap() + "\n").unwrap();
}
