//! The eye itself: it must see what is there, in whatever form, and nothing else.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use holdfast_crypto::{Key32, Secret, SignKey};
use holdfast_protocol::cbor;
use holdfast_protocol::entry::{Body, Entry, FORMAT, Op};
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};

use super::canary::{Canaries, Canary, Class};
use super::material::Material;
use super::opener::Opener;
use super::search::{Found, Searcher};
use crate::proxy::Connection;

fn planted() -> (String, Vec<Canary>) {
    let canaries = Canaries::with_seed(7);
    canaries.make(Class::Project, "another");
    let text = canaries.make(Class::Project, "the one");
    canaries.make_plain(Class::Project, "third");
    (text, canaries.all())
}

/// Looks through some bytes with noise around them, and requires that exactly the one is found.
fn sees(what: &str, bytes: &[u8]) {
    let mut material = Material::default();
    material.add(what, [&[0xff; 13][..], bytes, &[0xff; 5]].concat());
    sees_in(what, &material);
}

fn sees_in(what: &str, material: &Material) {
    let (_, all) = planted();
    let found = material.search(&Searcher::new(&all));
    let labels: Vec<&str> = found.keys().map(|&at| all[at].label.as_str()).collect();
    assert_eq!(labels, ["the one"], "{what}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn response(head: &str, body: &[u8]) -> Material {
    let received = [head.as_bytes(), b"\r\n\r\n", body].concat();
    let mut material = Material::default();
    material.add_wire(&[Connection {
        sent: Vec::new(),
        received,
    }]);
    material
}

#[test]
fn text_is_seen_in_every_encoding() {
    let (text, _) = planted();
    let bytes = text.as_bytes();
    sees("raw", bytes);
    sees("hex", hex::encode(bytes).as_bytes());
    sees("HEX", hex::encode_upper(bytes).as_bytes());
    for before in 0..3 {
        let longer = [&b"abc"[..before], bytes, b"d"].concat();
        sees("base64", STANDARD.encode(&longer).as_bytes());
        sees("base64url", URL_SAFE_NO_PAD.encode(&longer).as_bytes());
    }
    sees(
        "utf-16 le",
        &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    );
    sees(
        "utf-16 be",
        &text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>(),
    );
    sees("url", text.replace(' ', "%20").replace('é', "%C3%A9").as_bytes());
    sees("form", text.replace(' ', "+").replace('é', "%c3%a9").as_bytes());
    sees(
        "all of it in percent",
        bytes
            .iter()
            .map(|byte| format!("%{byte:02X}"))
            .collect::<String>()
            .as_bytes(),
    );
    sees("json", text.replace('é', "\\u00e9").as_bytes());
    sees("turned around", &bytes.iter().rev().copied().collect::<Vec<_>>());
    sees("an array", serde_json::to_string(bytes).unwrap().as_bytes());
    sees("debug output", format!("{bytes:?}").as_bytes());
    sees("the first half", &bytes[..16]);
    sees("the second half", &bytes[bytes.len() - 16..]);
}

#[test]
fn words_are_seen_in_every_encoding() {
    let canaries = Canaries::with_seed(7);
    canaries.adopt(Class::Unsent, "words", b"anvil maple quiet river");
    let all = canaries.all();
    for form in [
        "anvil maple quiet river",
        "anvil+maple+quiet+river",
        "anvil%20maple%20quiet%20river",
    ] {
        let mut found = Found::new();
        Searcher::new(&all).search(form.as_bytes(), &mut found);
        assert_eq!(found.len(), 1, "{form}");
    }
}

#[test]
fn text_is_seen_through_compression() {
    let (text, _) = planted();
    let long = format!("{}{text}{}", "before ".repeat(100), " after".repeat(100)).into_bytes();
    sees("gzip", &gzip(&long));
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&long).unwrap();
    sees("zlib", &encoder.finish().unwrap());
    sees("zstd", &zstd::encode_all(&long[..], 3).unwrap());
    sees("zstd in gzip", &gzip(&zstd::encode_all(&long[..], 19).unwrap()));
    sees("base64 in gzip", &gzip(STANDARD.encode(&long).as_bytes()));
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&long).unwrap();
    let deflated = encoder.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}", deflated.len());
    sees_in("deflate", &response(&head, &deflated));
    let json = format!("{{\"x\":[\"{}\"]}}", URL_SAFE_NO_PAD.encode(gzip(&long)));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}", json.len());
    sees_in("gzip in base64 in JSON", &response(&head, json.as_bytes()));
}

#[test]
fn text_is_seen_across_chunks_and_escapes() {
    let (text, _) = planted();
    let (first, second) = text.as_bytes().split_at(9);
    let (second, third) = second.split_at(20);
    let mut body = Vec::new();
    for chunk in [first, second, third, b""] {
        body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    sees_in(
        "chunked",
        &response("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked", &body),
    );
    let escaped: String = text
        .chars()
        .map(|letter| format!("\\u{:04x}", u32::from(letter)))
        .collect();
    let json = format!("[\"{escaped}\"]");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}", json.len());
    sees_in("escapes", &response(&head, json.as_bytes()));
}

#[test]
fn nothing_is_seen_where_nothing_is() {
    let (text, all) = planted();
    let searcher = Searcher::new(&all);
    for other in [
        text.to_uppercase(),
        text[..15].to_owned(),
        text[1..16].to_owned(),
        STANDARD.encode("other text"),
    ] {
        let mut found = Found::new();
        searcher.search(other.as_bytes(), &mut found);
        assert!(found.is_empty(), "{other}");
    }
}

/// A body opens when its key is anywhere: in another message, or across the fields of its log; and not else.
#[test]
fn a_box_opens_when_its_key_is_about() {
    let (text, all) = planted();
    let sign = SignKey::from_seed(Secret::fill_with(|seed| seed.fill(1)));
    let mut entry = Entry {
        format: FORMAT,
        space: SpaceId([2; 32]),
        seq: 0,
        prev: Hash::ZERO,
        auth: Hash::ZERO,
        epoch: 0,
        author: PrincipalId([3; 16]),
        author_bundle: Hash([4; 32]),
        time_ms: 1_795_000_000_000,
        op: Op::Leave {},
        body: None,
        head: None,
    };
    let hidden = [9; 32];
    let across: [u8; 32] = cbor::encode(&entry)[20..52].try_into().unwrap();
    for (key, about, opens) in [
        (hidden, None, false),
        (hidden, Some(hidden), true),
        (across, None, true),
    ] {
        let body = Body {
            name: Some(text.clone()),
            ..Body::default()
        };
        let key = Key32::from_slice(&key).unwrap();
        entry.body = Some(body.seal(&key, entry.space, 0, 0, entry.prev, &mut holdfast_engine::rng()));
        let signed = entry.clone().sign(&sign).unwrap();
        let mut material = Material::default();
        material.add("an entry", signed.as_bytes().to_vec());
        if let Some(key) = about {
            material.add("elsewhere", [&[0x83, 0x58, 0x20][..], &key, &[0]].concat());
        }
        let opened = Opener::new(&material).run();
        assert_eq!((opened.opened, opened.closed), if opens { (1, 0) } else { (0, 1) });
        assert_eq!(opened.search(&Searcher::new(&all)).len(), usize::from(opens));
    }
}
