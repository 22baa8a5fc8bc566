//! Golden vectors: pinned for ever. What was written by this version must be read, with the same result, by every later one.
//!
//! `cargo test -p holdfast-protocol --test protocol -- --ignored golden::generate` writes them; do so only for a new format.

use std::fs;
use std::path::{Path, PathBuf};

use holdfast_crypto::rsa::{Bits, PrivateKey};
use holdfast_protocol::bundle::{Bundle, SignedBundle, verify_chain};
use holdfast_protocol::entry::{Body, SignedEntry, epoch_commitment};
use holdfast_protocol::id::{ItemId, PrincipalId, SpaceId, VersionId};
use holdfast_protocol::limits::ENTRY;
use holdfast_protocol::manifest::{FileRecord, Manifest};
use holdfast_protocol::replay::{Space, UnwrapKeys, WrapFor};
use holdfast_protocol::{cbor, context};
use serde_json::{Value, json};

use crate::encoding::{manifest, records};
use crate::support::log::Log;
use crate::support::people::{
    CAST, Cast, NODES, Person, ana, ben, carl, directory, dora, everybody, kdf, prk, unsigned,
};
use crate::support::rng::TestRng;
use crate::support::story;
use crate::support::things::key;

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name)
}

pub(crate) fn load(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(path(name)).unwrap()).unwrap()
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex text")).unwrap()
}

pub(crate) fn save(name: &str, value: &Value) {
    fs::write(path(name), serde_json::to_string_pretty(value).unwrap() + "\n").unwrap();
}

/// Step one: the pairs, by the full search. Run twice on a new machine: the kit reads this file when it is compiled.
#[test]
#[ignore = "writes the golden vectors of people"]
fn generate_people() {
    save("people.json", &pairs_of(&CAST));
}

/// The same for those who came later.
#[test]
#[ignore = "writes the golden vectors of nodes"]
fn generate_nodes() {
    save("nodes.json", &pairs_of(&NODES));
}

fn pairs_of(cast: &[Cast]) -> Value {
    let mut people = serde_json::Map::new();
    for &(name, kind, roots) in cast {
        let mut list: Vec<Value> = Vec::new();
        let mut old: Option<(PrivateKey, holdfast_protocol::id::Hash)> = None;
        for (counter, &root) in roots.iter().enumerate() {
            let rsa = PrivateKey::derive(&prk(root).rsa_seed(Bits::B2048), Bits::B2048).unwrap();
            let previous = old.as_ref().map(|old| old.1);
            let bundle = unsigned(name, kind, roots, counter, rsa.public(), previous);
            let signed = bundle.sign(&rsa, old.as_ref().map(|(rsa, hash)| (rsa, *hash))).unwrap();
            list.push(json!({
                "prk": hex::encode(prk(root).expose()),
                "kdf": hex::encode(kdf(root).encode()),
                "spki": hex::encode(rsa.public().to_spki_der()),
                "bundle": hex::encode(cbor::encode(&bundle)),
                "signed": hex::encode(signed.to_bytes()),
                "hash": signed.hash().to_string(),
                "fingerprint": holdfast_protocol::bundle::fingerprint(
                    bundle.principal, &bundle.rsa_spki, &bundle.ed25519).to_string(),
            }));
            old = Some((rsa, signed.hash()));
        }
        people.insert(name.to_owned(), list.into());
    }
    people.into()
}

#[test]
#[ignore = "writes the golden vectors of logs and manifests"]
fn generate_logs() {
    save("project.json", &log_vector(&story::project()));
    save("vault.json", &log_vector(&story::vault()));
    let mut rng = TestRng::new(0x60_1d);
    let (space, item, version) = (SpaceId([1; 32]), ItemId([2; 16]), VersionId([3; 16]));
    let plain = cbor::encode(&manifest());
    let sealed = holdfast_crypto::seal(key(4).key(), &context::manifest(space, item, version), &plain, &mut rng);
    save(
        "manifest.json",
        &json!({
            "space": space.to_string(), "item": item.to_string(), "version": version.to_string(),
            "key": hex::encode(key(4).key().expose()),
            "manifest": hex::encode(&plain),
            "sealed": hex::encode(&sealed),
            "hash": holdfast_protocol::id::Hash::of(&sealed).to_string(),
            "records": records().iter().map(|record| hex::encode(cbor::encode(record))).collect::<Vec<_>>(),
        }),
    );
}

fn log_vector(log: &Log) -> Value {
    let entries: Vec<_> = log
        .entries
        .iter()
        .map(|signed| {
            json!({
                "signed": hex::encode(signed.as_bytes()),
                "hash": signed.hash.to_string(),
                "body": opened(log, signed).map(|body| hex::encode(cbor::encode(&body))),
            })
        })
        .collect();
    let read_by: Vec<_> = [ana(), ben(), carl(), dora()]
        .iter()
        .map(|reader| summary(&log.read_as(reader).unwrap()))
        .collect();
    json!({
        "space": log.space().to_string(),
        "epoch_keys": log.keys.iter().map(|key| hex::encode(key.key().expose())).collect::<Vec<_>>(),
        "entries": entries,
        "read_by": read_by,
    })
}

fn opened(log: &Log, signed: &SignedEntry) -> Option<Body> {
    let entry = &signed.entry;
    let key = log.keys[usize::try_from(entry.epoch).unwrap()].key();
    entry
        .body
        .as_ref()
        .map(|body| Body::open(body, key, entry.space, entry.epoch, entry.seq, entry.prev).unwrap())
}

/// What a reader makes of a log.
pub(crate) fn summary(space: &Space) -> Value {
    let authority = space.authority();
    json!({
        "reader": space.me().to_string(),
        "seq": authority.seq(),
        "head": authority.head().to_string(),
        "authority_head": authority.auth_head().to_string(),
        "epoch": authority.epoch(),
        "rotation_due": authority.rotation_due(0),
        "live_bytes": authority.live_bytes(),
        "members": authority.members().values().map(|member| json!({
            "principal": member.principal.to_string(),
            "bundle": member.bundle.to_string(),
            "role": member.role,
            "since": member.since_seq,
        })).collect::<Vec<_>>(),
        "name": space.contents().name(),
        "items": space.contents().items().values().map(|item| hex::encode(cbor::encode(item))).collect::<Vec<_>>(),
        "events": space.contents().events().len(),
        "unread": space.unread_entries(),
    })
}

#[test]
fn people_derive_sign_and_verify_as_pinned() {
    for (person, (name, _, roots)) in everybody().into_iter().zip(CAST.into_iter().chain(NODES)) {
        let file = if CAST.iter().any(|cast| cast.0 == name) {
            "people.json"
        } else {
            "nodes.json"
        };
        let pinned = load(file);
        let chain: Vec<_> = (0..roots.len()).map(|at| bytes(&pinned[name][at]["signed"])).collect();
        let verified = verify_chain(&chain).unwrap();
        for (at, keys) in person.keys.iter().enumerate() {
            let pin = &pinned[name][at];
            assert_eq!(pin["prk"], hex::encode(prk(keys.root).expose()));
            assert_eq!(pin["kdf"], hex::encode(&verified[at].bundle.kdf));
            assert_eq!(pin["fingerprint"], verified[at].fingerprint.to_string());
            assert_eq!(pin["hash"], verified[at].hash.to_string());
            assert_eq!(pin["bundle"], hex::encode(cbor::encode(&verified[at].bundle)));
            // RSASSA-PKCS1-v1_5 is deterministic: made again it is the same to the last byte.
            assert_eq!(pin["signed"], hex::encode(keys.signed.to_bytes()));
            assert_eq!(verified[at].verify, prk(keys.root).sign_key().public());
            let read: Bundle = cbor::decode(&bytes(&pin["bundle"]), ENTRY).unwrap();
            assert_eq!(read, verified[at].bundle);
            assert!(SignedBundle::from_bytes(&chain[at]).is_ok());
        }
    }
}

/// Opens wraps with the epoch keys of a vector, after comparing with what the private key says.
pub(crate) struct Pinned<'a> {
    pub(crate) person: &'a Person,
    pub(crate) keys: Vec<Vec<u8>>,
}

impl UnwrapKeys for Pinned<'_> {
    fn unwrap_epoch_key(&self, space: SpaceId, wrap: &WrapFor) -> Option<holdfast_crypto::Key32> {
        let key = self.person.unwrap_epoch_key(space, wrap)?;
        assert_eq!(key.expose().as_slice(), self.keys[usize::try_from(wrap.epoch).unwrap()]);
        Some(key)
    }
}

fn replays(file: &str) {
    let vector = load(file);
    let space: SpaceId = vector["space"].as_str().unwrap().parse().unwrap();
    let keys: Vec<_> = vector["epoch_keys"].as_array().unwrap().iter().map(bytes).collect();
    let list = vector["entries"].as_array().unwrap();
    let entries: Vec<_> = list
        .iter()
        .map(|one| SignedEntry::from_bytes(&bytes(&one["signed"])).unwrap())
        .collect();
    for (one, signed) in list.iter().zip(&entries) {
        let entry = &signed.entry;
        assert_eq!(one["hash"], signed.hash.to_string());
        let key = &keys[usize::try_from(entry.epoch).unwrap()];
        let key = holdfast_crypto::Key32::from_slice(key).unwrap();
        let body = entry.body.as_ref().map(|body| {
            let body = Body::open(body, &key, entry.space, entry.epoch, entry.seq, entry.prev).unwrap();
            hex::encode(cbor::encode(&body))
        });
        assert_eq!(one["body"], json!(body));
    }
    let readers = vector["read_by"].as_array().unwrap();
    assert_eq!(readers.len(), 4);
    for (expected, person) in readers.iter().zip([ana(), ben(), carl(), dora()]) {
        let me: PrincipalId = expected["reader"].as_str().unwrap().parse().unwrap();
        let state = Space::replay(
            space,
            me,
            &entries,
            directory(),
            &Pinned {
                person,
                keys: keys.clone(),
            },
        )
        .unwrap();
        assert_eq!(summary(&state), *expected);
        for (epoch, key) in (0..).zip(&keys) {
            let key = holdfast_crypto::Key32::from_slice(key).unwrap();
            assert_eq!(
                state.authority().commitment(epoch),
                Some(epoch_commitment(&key, space, epoch))
            );
        }
    }
}

#[test]
fn the_pinned_project_replays() {
    replays("project.json");
}

#[test]
fn the_pinned_vault_replays() {
    replays("vault.json");
}

#[test]
fn the_pinned_manifest_opens() {
    let vector = load("manifest.json");
    let id = |name: &str| vector[name].as_str().unwrap();
    let place = context::manifest(
        id("space").parse().unwrap(),
        id("item").parse().unwrap(),
        id("version").parse().unwrap(),
    );
    let sealed = bytes(&vector["sealed"]);
    assert_eq!(vector["hash"], holdfast_protocol::id::Hash::of(&sealed).to_string());
    let key = holdfast_crypto::Key32::from_slice(&bytes(&vector["key"])).unwrap();
    let plain = holdfast_crypto::open(&key, &place, &sealed).unwrap();
    assert_eq!(vector["manifest"], hex::encode(&*plain));
    assert!(cbor::decode::<Manifest>(&plain, ENTRY).unwrap() == manifest());
    let list = vector["records"].as_array().unwrap();
    let read: Vec<FileRecord> = list
        .iter()
        .map(|one| cbor::decode(&bytes(one), ENTRY).unwrap())
        .collect();
    assert!(read == records());
}
