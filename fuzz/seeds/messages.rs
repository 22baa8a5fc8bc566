//! Messages of the protocol and of the API.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_crypto::{KdfRecord, Prk, seal, sha256};
use holdfast_fuzz::cast::{Repeating, ana, bytes, key, node, people, signed_pair};
use holdfast_fuzz::input::part;
use holdfast_fuzz::keylog::log_key;
use holdfast_fuzz::server::{MESSAGES, WORDS, honest_rows};
use holdfast_protocol::id::{ItemId, PrincipalId};
use holdfast_protocol::login::SignIn;
use holdfast_protocol::run::{Card, Feature, LogLine, LogSource, MetricPoint};
use holdfast_protocol::transparency::{Head, Leaf, origin};
use holdfast_protocol::{cbor, id::Hash};
use serde_json::{Value, json};

use crate::{Seeds, vector};

pub(crate) fn write(seeds: &mut Seeds) {
    bundles(seeds);
    runs(seeds);
    boxes(seeds);
    keys(seeds);
    witnesses(seeds);
    api(seeds);
    device(seeds);
}

fn bundles(seeds: &mut Seeds) {
    for (number, person) in people().iter().enumerate() {
        let mode = u8::try_from(number << 1).expect("a few");
        let parts = |parts: Vec<Vec<u8>>| parts.iter().flat_map(|one| part(one)).collect::<Vec<u8>>();
        seeds.with("bundle", mode, parts(person.chain()));
        let stated = person.0.iter().map(|keys| cbor::encode(&keys.bundle.bundle)).collect();
        seeds.with("bundle", mode | 1, parts(stated));
    }
}

fn runs(seeds: &mut Seeds) {
    let run = &vector("protocol/tests/vectors/run.json")["run"];
    seeds.add("run_spec", bytes(&run["spec"]));
    seeds.with("capsule", 0, bytes(&run["capsule"]));
    seeds.with("capsule", 1, bytes(&run["grant"]));
    let result = bytes(&run["result"]);
    seeds.with("result", 0, &result);
    let inner: (minicbor::bytes::ByteVec, minicbor::bytes::ByteVec) =
        cbor::decode(&result, result.len()).expect("a pair");
    seeds.with("result", 1, inner.0.as_slice());
    let lines = vec![
        LogLine {
            at_ms: 5,
            source: LogSource::Out,
            bytes: b"epoch 1\n".to_vec().into(),
        },
        LogLine {
            at_ms: 70_000,
            source: LogSource::Node,
            bytes: b"done".to_vec().into(),
        },
    ];
    seeds.add("stream", [&[1, 0][..], &cbor::encode(&lines)].concat());
    let points = [0.25, f64::NAN, f64::INFINITY].map(|value| MetricPoint {
        at_ms: 9,
        name: "loss".into(),
        value,
        step: Some(-3),
    });
    seeds.add("stream", [&[3, 1][..], &cbor::encode(&points.to_vec())].concat());
    seeds.add("stream", [&[0, 0][..], &[7; 64]].concat());
    let feature = |name: &str, there| Feature {
        name: name.into(),
        there,
        how: "/usr/bin".into(),
    };
    let card = Card {
        format: 1,
        node: node().principal(),
        time_ms: 1_700_000_000_000,
        version: "0.1.0".into(),
        system: "Linux x86-64".into(),
        cpus: 8,
        memory: 1 << 34,
        gpus: vec!["A100".into()],
        executor: "bubblewrap".into(),
        slots: 2,
        runtimes: vec![feature("python", true), feature("r", false)],
        limits: vec![feature("memory", true)],
        operators: vec!["ana@example.org".into()],
    };
    seeds.with("card", 1, cbor::encode(&card));
    seeds.with("card", 0, signed_pair(node(), "card", &cbor::encode(&card)));
    let said = SignIn {
        origin: "https://files.example.org".into(),
        handle: "ana@example.org".into(),
        nonce: vec![7; 32],
        time_ms: 1_700_000_000_000,
    };
    seeds.with("statement", 0, cbor::encode(&said));
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let proof = json!({
        "handle": said.handle, "origin": said.origin, "nonce": b64(&said.nonce), "time_ms": said.time_ms,
        "signature": b64(&said.sign(&ana().0[0].sign)),
    });
    seeds.with("statement", 1, proof.to_string());
}

fn boxes(seeds: &mut Seeds) {
    let plain = [
        part(b"other"),
        part(b"context"),
        b"sixteen bytes of it, and a few more".to_vec(),
    ]
    .concat();
    seeds.add("sealed", [&[1, 0, 40, 3][..], &plain].concat());
    for one in vector("crypto/tests/vectors/boxes.json").as_array().expect("a list") {
        let sealed = bytes(&one["box"]);
        if sealed.len() < 1_000 {
            seeds.with("sealed", 0, sealed);
        }
    }
    let export = vector("protocol/tests/vectors/export.json");
    seeds.add("export", [&[0, 0][..], &bytes(&export["file"])].concat());
    let secret = holdfast_protocol::export::ExportedSecret {
        secret_type: holdfast_protocol::item::SecretType::Git,
        name: "GitHub".into(),
        description: "the bot's".into(),
        tags: vec!["ci".into()],
        fields: vec![holdfast_protocol::item::Field {
            name: "token".into(),
            value: holdfast_protocol::SecretText::new("hunter2".to_owned().into()),
        }],
        audience: holdfast_protocol::item::Audience::default(),
        expires_ms: Some(1_800_000_000_000),
    };
    let content = holdfast_protocol::export::Export {
        created_ms: 1_700_000_000_000,
        secrets: vec![secret],
    };
    let content = cbor::encode(&content);
    for (mode, cut) in [(1, 0), (2, 0), (2, 1)] {
        seeds.add("export", [&[mode, cut][..], &content].concat());
    }
}

fn keys(seeds: &mut Seeds) {
    let log = vector("protocol/tests/vectors/transparency.json");
    let text = log["checkpoint"].as_str().expect("a checkpoint");
    seeds.with("checkpoint", 0, text);
    let other = "\u{2014} witness.example.org/w AAAAAQ==\n";
    let (note, rest) = text.split_once("\n\n").expect("a note");
    seeds.with("checkpoint", 0, format!("{note}\n\n{other}{rest}{other}"));
    let note = format!("{note}\n");
    seeds.with("checkpoint", 1, [part(note.as_bytes()), part(b""), part(b"")].concat());
    seeds.with(
        "checkpoint",
        1,
        [part(note.as_bytes()), part(other.as_bytes()), part(other.as_bytes())].concat(),
    );
    let large = format!(
        "{}\n18446744073709551615\n{}\n",
        origin(log_key().public().as_bytes()),
        "A".repeat(43) + "="
    );
    seeds.with("checkpoint", 1, [part(large.as_bytes()), part(b""), part(b"")].concat());
    seeds.with("checkpoint", 2, bytes(&log["head"]));
    seeds.with("checkpoint", 2, cbor::encode(&Head::sign(0, Hash([1; 32]), &log_key())));
    seeds.with(
        "checkpoint",
        3,
        cbor::encode(&Leaf::new(PrincipalId([1; 16]), "ana@example.org", 3, Hash([2; 32]))),
    );
    for (size, index, earlier) in [(8, 3, 5), (1, 0, 1), (0, 0, 0), (69, 68, 64), (7, 6, 6), (33, 32, 32)] {
        let honest: Vec<u8> = (0..8).collect();
        seeds.add("proofs", [&[size, index, earlier, 0, 0][..], &honest].concat());
        let consistent: Vec<u8> = (32..40).collect();
        seeds.add("proofs", [&[size, index, earlier, 0, 0][..], &consistent].concat());
    }
}

fn witnesses(seeds: &mut Seeds) {
    let vector = vector("protocol/tests/vectors/witness.json");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    seeds.with("witness", 0, text(&vector["log"]));
    seeds.with("witness", 2, text(&vector["checkpoint"]));
    for one in vector["witnesses"].as_array().expect("a list") {
        seeds.with("witness", 0, text(&one["verifier_key"]));
        seeds.with("witness", 0, text(&one["verifier_key"]).replacen('+', "+0", 1));
        seeds.with("witness", 2, text(&one["line"]));
    }
    for one in vector["requests"].as_array().expect("a list") {
        seeds.with("witness", 1, text(one));
        seeds.with("witness", 1, text(one).replacen("old ", "old 0", 1));
    }
    let times = [1_790_000_000_u64, 1_790_000_060].map(u64::to_be_bytes).concat();
    for spoilt in 0..11 {
        let others = "\u{2014} x AAAAAAAA\nno line";
        let place = [8, spoilt, spoilt % 3];
        seeds.with("witness", 3, [&place[..], &times, others.as_bytes()].concat());
    }
    for (kind, own, name) in [
        (1, 1, ""),
        (1, 1, "x"),
        (1, 0, "x"),
        (4, 0, "a b"),
        (4, 0, "w"),
        (4, 0, ""),
        (2, 0, "w"),
    ] {
        seeds.with("witness", 5, [&[kind, own][..], name.as_bytes()].concat());
    }
    seeds.with("witness", 5, [&[4, 0][..], &[b'n'; 129]].concat());
    // Granted; and each reason why not.
    for asked in [
        vec![0, 8, 0, 5],
        vec![0, 8, 0, 8],
        vec![0, 40, 0, 0],
        vec![0, 8, 0, 5, 0, 1, 2, 3],
        vec![0, 8, 0, 5, 0, 1, 2],
        vec![1, 8, 0, 5],
        vec![1, 8, 0, 8],
        vec![1, 12, 0, 8],
        vec![4, 8, 0, 5],
        vec![8, 8, 0, 5],
        vec![16, 8, 4, 5],
        vec![16, 8, 9, 9],
        [vec![0, 8, 0, 5], vec![32; 64]].concat(),
    ] {
        seeds.with("witness", 4, asked);
    }
}

fn hex_of(bytes: usize) -> String {
    "ab".repeat(bytes)
}

/// One honest example of each message.
pub(crate) fn example(name: &str) -> Value {
    let (id, hash, b64) = (hex_of(16), hex_of(32), "AQIDBA");
    let recovery = json!({ "locator": id, "sealed": b64 });
    let link = json!({ "old": hash, "new": hash, "sealed": b64 });
    let proof = json!({ "handle": "ana", "origin": "https://x.example", "nonce": b64, "time_ms": 5, "signature": b64 });
    let head = json!({ "space": hash, "seq": 3, "hash": hash });
    let pack = json!({ "id": id, "bytes": 262_144, "parts": [0, 1], "complete": true });
    let attempt = json!({ "space": hash, "run": id, "attempt": 1 });
    let lease = json!({ "space": hash, "run": id, "attempt": 1, "seq": 5, "until_ms": 9 });
    match name {
        "ServerInfo" => json!({ "api": 1, "version": "0.1.0", "time_ms": 1_700_000_000_000_u64 }),
        "SignUp" => json!({ "bundle": b64, "vault": b64, "recovery": recovery }),
        "RecoveryBox" => recovery,
        "SignInStart" | "Lookup" => json!({ "handle": "ana" }),
        "SignInChallenge" => json!({ "kdf": b64, "nonce": b64 }),
        "SignInProof" => proof,
        "Tokens" => {
            json!({ "access": "hfa_x", "access_expires_ms": 1, "refresh": "hfr_x", "refresh_expires_ms": 2, "principal": id, "device": id })
        }
        "Refresh" => json!({ "refresh": "hfr_x" }),
        "DeviceRow" => json!({ "id": id, "created_ms": 1, "seen_ms": 2, "current": true }),
        "Me" => json!({ "chain": [b64], "links": [link], "vault": hash, "recovery": false }),
        "LinkBox" => link,
        "KeyChange" => json!({ "bundle": b64, "link": link, "recovery": null }),
        "Recover" => json!({ "locator": id }),
        "Recovered" => json!({ "sealed": b64 }),
        "MoveAccount" => json!({ "chain": [b64], "links": [], "vault": b64, "recovery": recovery, "proof": proof }),
        "MoveEntries" => json!({ "from": 0, "entries": [b64, b64] }),
        "Moving" => json!({ "next": 7 }),
        "DirectoryEntry" => json!({ "principal": id, "chain": [b64] }),
        "AskProof" => json!({ "leaves": [hash], "sizes": [3] }),
        "Proof" => {
            json!({ "key": hash, "checkpoint": "x", "inclusion": [{ "number": 1, "path": [hash] }, null], "consistency": [[hash], null] })
        }
        "Inclusion" => json!({ "number": 1, "path": [hash, hash] }),
        "Leaves" => json!({ "leaves": [b64] }),
        "SpaceHead" => head,
        "Append" => json!({ "entry": b64 }),
        "Entries" => json!({ "entries": [b64], "head": head }),
        "Usage" => json!({ "live_bytes": 1, "pending_bytes": 2, "quota_bytes": 3 }),
        "BeginPack" => json!({ "id": id, "bytes": 262_144 }),
        "PackState" => pack,
        "PackQuery" => json!({ "ids": [id] }),
        "PackStates" => json!({ "packs": [pack] }),
        "NewInvitation" => json!({ "id": id, "expires_ms": 1 }),
        "ClaimInvitation" => json!({ "proof": b64 }),
        "InvitationRow" => json!({ "id": id, "expires_ms": 1, "claimed_by": id, "proof": b64 }),
        "SpaceEvent" => json!({ "space": hash, "seq": 1 }),
        "ErrorBody" => json!({ "code": "conflict", "message": "the log moved on", "next": "again" }),
        "RunEvent" => json!({ "space": hash, "run": id, "state": "queued" }),
        "NodeToken" => json!({ "token": "hfn_x", "expires_ms": 1 }),
        "EnrolNode" => json!({ "token": "hfn_x", "bundle": b64 }),
        "NodeRow" => {
            json!({ "principal": id, "handle": "gpu", "enrolled_ms": 1, "seen_ms": 2, "mine": true, "card": b64 })
        }
        "NodeCard" => json!({ "card": b64 }),
        "AskLease" => json!({ "wait_ms": 25_000 }),
        "Leased" => json!({ "lease": lease }),
        "Lease" => lease,
        "Heartbeat" => json!({ "runs": [attempt] }),
        "RunAttempt" => attempt,
        "Heard" => json!({ "until_ms": 5, "stop": [attempt] }),
        "RunRow" => {
            json!({ "run": id, "seq": 1, "node": id, "state": "ended", "stopping": false, "attempt": 1, "queued_ms": 1, "started_ms": 2,
            "ended_ms": 3, "refused": "run-input", "log": 4, "metrics": 5 })
        }
        "RefuseRun" => json!({ "attempt": 1, "code": "run-expired" }),
        "Boxes" => json!({ "boxes": [b64], "next": 1, "ended": true }),
        "RunResult" => json!({ "attempt": 1, "sealed": b64 }),
        other => panic!("{other} has no example"),
    }
}

fn api(seeds: &mut Seeds) {
    for (number, name) in MESSAGES.iter().enumerate() {
        let number = u8::try_from(number).expect("a few");
        seeds.with("wire", number, example(name).to_string());
    }
    let calls = [
        "ServerInfo",
        "SignInChallenge",
        "Me",
        "DeviceRow[]",
        "DirectoryEntry",
        "DirectoryEntry",
        "Leaves",
        "SpaceHead[]",
        "Entries",
        "SpaceHead",
        "Usage",
        "PackStates",
        "InvitationRow[]",
        "RecoveryBox",
        "NodeRow[]",
        "Leased",
        "Heard",
        "RunRow[]",
        "Boxes",
        "RunResult",
        "Moving",
    ];
    let answer = |which: usize, status: u16, body: &[u8], second: &[u8]| {
        let which = u8::try_from(which).expect("a few");
        [&[which][..], &status.to_be_bytes(), &part(body), second].concat()
    };
    for (which, name) in calls.into_iter().enumerate() {
        let body = match name.strip_suffix("[]") {
            Some(name) => json!([example(name)]),
            None => example(name),
        };
        seeds.add("answers", answer(which, 200, body.to_string().as_bytes(), b""));
    }
    seeds.add("answers", answer(21, 206, b"0123456789", b""));
    let codes = [
        "signed-out",
        "not-found",
        "conflict",
        "log-epoch",
        "quota",
        "made-up",
        "",
        "wrong-master-key",
        "rate-limited",
    ];
    for (which, code) in codes.into_iter().enumerate() {
        let body = json!({ "code": code, "message": "a sentence", "next": "" }).to_string();
        seeds.add("answers", answer(which, 409, body.as_bytes(), b"{}"));
    }
}

#[derive(minicbor::Encode)]
#[cbor(map)]
struct Contents {
    #[n(1)]
    format: u32,
    #[n(2)]
    key: holdfast_protocol::KeyField,
    #[n(3)]
    kdf: minicbor::bytes::ByteVec,
    #[n(4)]
    bundle: Hash,
    #[n(5)]
    principal: PrincipalId,
    #[n(6)]
    handle: String,
}

fn device(seeds: &mut Seeds) {
    seeds.with("kit", 0, WORDS);
    for one in vector("crypto/tests/vectors/recovery.json").as_array().expect("a list") {
        let words = one["words"].as_str().expect("words");
        seeds.with("kit", 0, words);
        seeds.with("kit", 0, words.to_uppercase().replace(' ', "\n  "));
    }
    let newest = &ana().0[1];
    let contents = Contents {
        format: 1,
        key: key(0xA2),
        kdf: newest.bundle.bundle.kdf.clone().into(),
        bundle: newest.hash(),
        principal: ana().principal(),
        handle: "ana@example.org".into(),
    };
    seeds.with("kit", 2, cbor::encode(&contents));
    seeds.with("kit", 1, [3; 160]);
    let until = 1_700_000_000_001_u64.to_be_bytes();
    let row = |name: &str| {
        honest_rows()
            .iter()
            .find(|(known, _)| *known == name)
            .expect("it is there")
            .1
            .clone()
    };
    for (mode, given) in [
        (0, Vec::new()),
        (0, [&until[..], &[5; 80]].concat()),
        (1, newest.prk().expose().to_vec()),
        (2, row("record")),
        (3, row("record")),
        (4, vec![0xDD; 32]),
        (5, Vec::new()),
    ] {
        seeds.add("quick", [&[mode][..], &until, &given].concat());
    }
    let record = KdfRecord::new(18, [4; 32]).expect("within the limits").encode();
    seeds.with("typed", 3, record);
    seeds.with("typed", 3, Hash(sha256(&[b"x"])).to_string());
    seeds.with("typed", 3, ItemId([7; 16]).to_string());
    // A box that nothing else here makes: that of a link.
    let link = seal(
        &newest.prk().link_key(),
        b"",
        Prk::expose(&newest.prk()),
        &mut Repeating::new(1),
    );
    seeds.with("sealed", 0, link);
}
