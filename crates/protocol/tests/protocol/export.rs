//! Export files: they open with their passphrase and with nothing else, and every part is bound to its place.

use std::fs;
use std::path::Path;

use holdfast_crypto::{KdfRecord, Key32, Phrase, seal};
use holdfast_protocol::export::{Export, ExportError, ExportedSecret};
use holdfast_protocol::item::{Audience, Field, SecretType};
use holdfast_protocol::{SecretText, cbor, context, limits};
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

/// An export whose content has this length, some megabytes.
fn export_of(length: usize) -> Export {
    let shorter = export(&[&"x".repeat(length - 1000)]);
    let more = length - cbor::encoded_len(&shorter);
    let all = export(&[&"x".repeat(length - 1000 + more)]);
    assert_eq!(cbor::encoded_len(&all), length);
    all
}

#[test]
fn a_file_holds_so_much_and_no_more() {
    let most = limits::EXPORT - limits::EXPORT_PART;
    let full = export_of(most);
    let bytes = sealed(&full);
    assert_eq!(raw(&bytes).boxes.len(), most / limits::EXPORT_PART);
    assert!(open(&bytes).is_ok_and(|opened| opened == full));
    let refused = export_of(most + 1).seal(&phrase(PASSPHRASE), &record(), &mut TestRng::new(1));
    assert_eq!(refused, Err(ExportError::TooLarge));
}

/// Opens a file whose content is cut into these parts, each in a box for its place, under a key that was not derived.
fn open_cut(parts: &[&[u8]]) -> Result<Export, ExportError> {
    let key = Key32::from_slice(&[9; 32]).unwrap();
    let (kdf, count) = (record().encode(), u32::try_from(parts.len()).unwrap());
    let mut rng = TestRng::new(2);
    let boxes = parts.iter().zip(0..).map(|(part, index)| {
        let sealed = seal(&key, &context::export(&kdf, index, count), part, &mut rng);
        ByteVec::from(sealed)
    });
    let file = Raw {
        magic: "holdfast-export".into(),
        format: 1,
        boxes: boxes.collect(),
        kdf: kdf.clone(),
    };
    Export::open_with(&cbor::encode(&file), |record| {
        assert_eq!(record.encode(), kdf);
        Ok(key.duplicate())
    })
}

#[test]
fn there_is_one_way_to_cut_a_content() {
    const PART: usize = limits::EXPORT_PART;
    for length in [PART - 1, PART, PART + 1, 2 * PART, 2 * PART + PART / 2] {
        let all = export_of(length);
        let content = cbor::encode(&all);
        let parts: Vec<&[u8]> = content.chunks(PART).collect();
        assert!(open_cut(&parts).is_ok_and(|opened| opened == all), "{length}");
        let with_nothing = [&parts[..], &[&[]]].concat();
        assert!(
            open_cut(&with_nothing).is_err_and(|error| error == ExportError::Malformed),
            "{length}"
        );
    }
    let content = cbor::encode(&export_of(2 * PART + PART / 2));
    let cut_at = |places: &[usize]| {
        let from = [&[0], places].concat();
        let to = [places, &[content.len()]].concat();
        let parts: Vec<&[u8]> = from.iter().zip(to).map(|(from, to)| &content[*from..to]).collect();
        open_cut(&parts).err()
    };
    // A part that is too long, the last one among them; one too short; nothing at all in the middle.
    for places in [
        &[PART + 1, 2 * PART][..],
        &[PART],
        &[PART - 1, 2 * PART],
        &[PART, 2 * PART - 1],
        &[PART, PART, 2 * PART],
        &[1],
    ] {
        assert_eq!(cut_at(places), Some(ExportError::Malformed), "{places:?}");
    }
    // As many parts as there can be, and one more.
    let content = cbor::encode(&export_of(15 * PART + 100));
    let parts: Vec<&[u8]> = content.chunks(PART).collect();
    assert_eq!(parts.len(), limits::EXPORT / PART);
    assert!(open_cut(&parts).is_ok());
    let short = vec![&[0_u8][..]; limits::EXPORT / PART + 1];
    assert!(open_cut(&short).is_err_and(|error| error == ExportError::Malformed));
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
