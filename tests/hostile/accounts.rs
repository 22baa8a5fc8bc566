//! Signing in, and the keys of an account.

use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_device::HttpTransport;
use holdfast_engine::Session;
use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::entry::{Op, SignedEntry};
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::login::SignIn;
use holdfast_protocol::wire::RecoveryBox;
use holdfast_protocol::{cbor, context};
use holdfast_testkit::phrase;
use holdfast_tests::layer::{Seen, answer, json, route};
use serde_json::Value;

use crate::scene::{Scene, b64, code, forge, from_b64, heard, on, secret};
use crate::tree::Tree;

const START: &str = "POST /v1/signin/start";
const PROVE: &str = "POST /v1/signin";

/// Tries to sign in on a new device while the key-derivation record is another one; says how it ended, how many requests
/// there were, and how long it took.
async fn sign_in_with(scene: &Scene, device: &str, handle: &str, kdf: Vec<u8>) -> (String, usize, Duration) {
    let (layer, host) = scene.device(device).await;
    layer.attack(on(START, move |_, mut challenge| {
        challenge["kdf"] = b64(&kdf);
        challenge
    }));
    let began = Instant::now();
    let ended = code(Session::sign_in(host, handle, &phrase(handle)).await);
    (ended, layer.record().len(), began.elapsed())
}

/// The account's record with some fields changed.
fn record(honest: &[u8], changes: &[(u64, u64)]) -> Vec<u8> {
    let mut tree = Tree::parse(honest).expect("a record");
    for &(key, value) in changes {
        *tree.field(key).expect("a field") = Tree::Number(0, value);
    }
    tree.write()
}

async fn records(cases: &[&[(u64, u64)]]) {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let honest = ana.session.keyring().current().bundle().kdf.encode();
    for (number, changes) in cases.iter().enumerate() {
        let device = format!("fresh-{number}");
        let (ended, requests, took) = sign_in_with(&scene, &device, &ana.handle, record(&honest, changes)).await;
        assert_eq!((ended.as_str(), requests), ("history", 1), "{changes:?}");
        assert!(took < Duration::from_secs(5), "{changes:?} was tried: {took:?}");
    }
    let mut other = Tree::parse(&honest).expect("a record");
    *other.field(1).expect("a field") = Tree::Text(b"pbkdf2".to_vec());
    let (ended, requests, _) = sign_in_with(&scene, "fresh-other", &ana.handle, other.write()).await;
    assert_eq!((ended.as_str(), requests), ("history", 1));
    scene.all_is_well(&[&ana]).await;
}

/// A server that asks for a cheap derivation is refused before anything is derived or said.
#[tokio::test(flavor = "multi_thread")]
async fn a02_a_cheaper_derivation_is_refused_before_it_runs() {
    let cases: [&[(u64, u64)]; 7] = [
        &[(2, 0)],
        &[(2, 1)],
        &[(2, 2)],
        &[(2, 1 << 10)],
        &[(2, 1 << 16)],
        &[(3, 1)],
        &[(4, 0)],
    ];
    records(&cases).await;
}

/// One that asks for a derivation that would take all memory is refused at once.
#[tokio::test(flavor = "multi_thread")]
async fn a03_a_derivation_that_takes_everything_is_refused_at_once() {
    let cases: [&[(u64, u64)]; 5] = [
        &[(2, 1 << 22)],
        &[(2, 1 << 40)],
        &[(2, u64::MAX)],
        &[(3, 1 << 20)],
        &[(4, 1 << 30)],
    ];
    records(&cases).await;
}

/// The salt of somebody else: the honest server refuses what comes out, and one that takes it is found out before
/// anything is kept. Equal phrases give unlike keys.
#[tokio::test(flavor = "multi_thread")]
async fn a04_a_salt_of_somebody_else_opens_nothing() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let other = ben.session.keyring().current().bundle().kdf.encode();
    let (ended, _, _) = sign_in_with(&scene, "fresh-1", &ana.handle, other.clone()).await;
    assert_eq!(ended, "sign-in-refused");

    let tokens = heard(&ana.layer.record(), PROVE);
    let (layer, host) = scene.device("fresh-2").await;
    layer.attack(move |seen: Seen<'_>| match route(seen.request).as_str() {
        START => on(START, {
            let other = other.clone();
            move |_, mut challenge| {
                challenge["kdf"] = b64(&other);
                challenge
            }
        })(seen),
        PROVE => holdfast_tests::layer::answer(&tokens),
        _ => seen.honest,
    });
    let tried = Session::sign_in(host.clone(), &ana.handle, &phrase(&ana.handle)).await;
    assert_eq!(code(tried), "history");
    // Nothing of it was kept: the device is free.
    layer.honest();
    Session::sign_in(host, &ana.handle, &phrase(&ana.handle))
        .await
        .expect("with an honest server it is her device");
    scene.all_is_well(&[&ana, &ben]).await;
}

/// Keys that the server made itself, in every place in which it hands keys to their owner.
#[tokio::test(flavor = "multi_thread")]
async fn a09_keys_the_server_made_are_not_taken() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let space = scene.project(&ana).await;
    ana.session
        .share(space, &ben.handle, holdfast_protocol::entry::Role::Contributor)
        .await
        .expect("sharing");

    // The key of the project, wrapped to Ben as it should be, but by the server and under its own key.
    let ben_now = ben.session.keyring().current().bundle().clone();
    ben.layer.attack(on("GET /v1/spaces/{}/entries", move |_, mut page| {
        for entry in page["entries"].as_array_mut().into_iter().flatten() {
            let bytes = from_b64(entry);
            let signed = SignedEntry::from_bytes(&bytes).expect("an entry");
            let Op::Add { wrap: Some(wrap), .. } = &signed.entry.op else {
                continue;
            };
            let evil = holdfast_crypto::Key32::fill_with(|key| key.fill(1));
            let place = context::epoch_wrap(
                signed.entry.space,
                signed.entry.epoch,
                wrap.bundle,
                signed.entry.author_bundle,
            );
            let ciphertext = ben_now
                .rsa
                .wrap_key(&place, &evil, &mut holdfast_engine::rng())
                .expect("a wrap");
            let at = find(&bytes, &wrap.ciphertext);
            let mut altered = bytes.clone();
            altered[at..at + ciphertext.len()].copy_from_slice(&ciphertext);
            *entry = b64(&altered);
        }
        page
    }));
    assert_eq!(code(ben.session.view(space).await), "log-signature");

    // His own account with other keys: at sign-in, and on a device that knows them.
    let forged = forge(PrincipalKind::User, ana.principal(), &ana.handle, None);
    let (layer, host) = scene.device("fresh").await;
    let me = forged.clone();
    layer.attack(on("GET /v1/me", move |_, mut answer| {
        answer["chain"] = Value::Array(vec![b64(&me)]);
        answer
    }));
    let tried = Session::sign_in(host, &ana.handle, &phrase(&ana.handle)).await;
    assert_eq!(code(tried), "history");
    let me = forged.clone();
    ana.layer.attack(on("GET /v1/me", move |_, mut answer| {
        answer["chain"] = Value::Array(vec![b64(&me)]);
        answer
    }));
    assert_eq!(code(ana.session.check_account().await), "history");

    // And the boxes that link keys to earlier ones, where the next device needs them.
    let new = holdfast_engine::NewKeys::at(holdfast_crypto::MIN_LOG2_N);
    ana.layer.honest();
    ana.session
        .change_keys(&phrase("ana after the change"), new)
        .await
        .expect("new keys");
    let (layer, host) = scene.device("fresh-2").await;
    layer.attack(on("GET /v1/me", |_, mut answer| {
        let mut sealed = from_b64(&answer["links"][0]["sealed"]);
        let middle = sealed.len() / 2;
        sealed[middle] ^= 1;
        answer["links"][0]["sealed"] = b64(&sealed);
        answer
    }));
    let tried = Session::sign_in(host, &ana.handle, &phrase("ana after the change")).await;
    assert_eq!(code(tried), "damaged");
    scene.all_is_well(&[&ana, &ben]).await;
}

fn find(all: &[u8], part: &[u8]) -> usize {
    all.windows(part.len())
        .position(|window| window == part)
        .expect("it is there")
}

/// A nonce that is no nonce: the client sends nothing that was made with its keys.
#[tokio::test(flavor = "multi_thread")]
async fn a11_a_sign_in_that_is_no_challenge_gets_no_answer() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let wrapped = ana
        .session
        .keyring()
        .current()
        .bundle()
        .rsa
        .wrap_key(
            b"anything",
            &holdfast_crypto::Key32::fill_with(|key| key.fill(3)),
            &mut holdfast_engine::rng(),
        )
        .expect("a wrap");
    for (number, nonce) in [vec![], vec![0; 31], vec![0; 33], wrapped, vec![0; 1 << 20]]
        .into_iter()
        .enumerate()
    {
        let (layer, host) = scene.device(&format!("fresh-{number}")).await;
        layer.attack(on(START, move |_, mut challenge| {
            challenge["nonce"] = b64(&nonce);
            challenge
        }));
        let tried = Session::sign_in(host, &ana.handle, &phrase(&ana.handle)).await;
        assert_eq!(code(tried), "not-understood");
        assert_eq!(layer.record().len(), 1, "something was sent");
    }
    scene.all_is_well(&[&ana]).await;
}

/// A nonce that is the hash of something else: what comes back is a sign-in and nothing else, whatever it is held against.
#[tokio::test(flavor = "multi_thread")]
async fn a12_a_sign_in_signs_nothing_but_a_sign_in() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let space = scene.project(&ana).await;
    let page = ana.session.api().entries(space, 0).await.expect("a page");
    let target = page.entries[0].0.clone();
    let nonce = Hash::of(&target).0.to_vec();
    let (layer, host) = scene.device("fresh").await;
    layer.attack(on(START, move |_, mut challenge| {
        challenge["nonce"] = b64(&nonce);
        challenge
    }));
    assert_eq!(
        code(Session::sign_in(host, &ana.handle, &phrase(&ana.handle)).await),
        "sign-in-refused"
    );
    let record = layer.record();
    let sent = record
        .iter()
        .find(|one| route(&one.request) == PROVE)
        .expect("a signature");
    let sent = json(&sent.request.body.as_ref().expect("a body").0);
    let signature = from_b64(&sent["signature"]);
    let statement = SignIn {
        origin: sent["origin"].as_str().expect("an origin").into(),
        handle: ana.handle.clone(),
        nonce: from_b64(&sent["nonce"]),
        time_ms: sent["time_ms"].as_u64().expect("a time"),
    };
    let key = &ana.session.keyring().current().bundle().verify.clone();
    assert!(statement.verifies(key, &signature));
    assert_eq!(statement.origin, scene.stage.url(), "it says to which server");
    for kind in ["entry", "result", "card", "bundle", "succession"] {
        for message in [statement.nonce.as_slice(), &target, &cbor::encode(&statement)] {
            assert!(key.verify(kind, message, &signature).is_err(), "it passes for a {kind}");
        }
    }
    scene.all_is_well(&[&ana]).await;
}

/// All that a client ever signs with its RSA pair is the statement of that pair: whatever else is signed in a life of an
/// account has the 64 bytes of the other key.
#[tokio::test(flavor = "multi_thread")]
async fn a15_the_pair_that_opens_signs_nothing_but_itself() {
    let scene = Scene::new().await;
    let (ana, ben) = tokio::join!(scene.desk("ana@example.org"), scene.desk("ben@example.org"));
    let space = scene.project(&ana).await;
    ana.session
        .share(space, &ben.handle, holdfast_protocol::entry::Role::Contributor)
        .await
        .expect("sharing");
    scene.upload(&ana, space, "data", b"some data").await;
    ana.session
        .remove_member(space, ben.principal())
        .await
        .expect("removing");
    let bundle = ana.session.keyring().current().bundle().clone();
    let mut signatures = 0;
    for exchange in ana.layer.record() {
        let Some((body, true)) = exchange.request.body else {
            continue;
        };
        for (name, value) in json(&body).as_object().into_iter().flatten() {
            match name.as_str() {
                "entry" | "vault" => {
                    let Some(Tree::Array(parts)) = Tree::parse(&from_b64(value)) else {
                        panic!("not an entry")
                    };
                    let [_, Tree::Bytes(signature)] = parts.as_slice() else {
                        panic!("not signed")
                    };
                    assert_eq!(signature.len(), 64);
                    signatures += 1;
                }
                "signature" => {
                    assert_eq!(from_b64(value).len(), 64);
                    signatures += 1;
                }
                "bundle" => assert!(find(&from_b64(value), &bundle.check) > 0),
                _ => {}
            }
        }
    }
    assert!(signatures > 6, "only {signatures} signatures");
    scene.all_is_well(&[&ana, &ben]).await;
}

/// A key to recover with, an administrator, a policy, in every answer: nobody asked, and nothing is done with it.
#[tokio::test(flavor = "multi_thread")]
async fn k07_a_server_that_announces_a_way_back_in_is_not_listened_to() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let escrow = forge(PrincipalKind::User, PrincipalId([7; 16]), "recovery@server", None);
    let announced = b64(&escrow);
    ana.layer.attack(move |seen: Seen<'_>| {
        let Value::Object(mut fields) = json(&seen.honest.body) else {
            return seen.honest;
        };
        for name in ["recovery_key", "escrow", "admin", "policy", "reset"] {
            fields.insert(name.into(), announced.clone());
        }
        let status = seen.honest.status;
        holdfast_engine::ports::Response {
            status,
            ..holdfast_tests::layer::answer(&Value::Object(fields))
        }
    });
    ana.layer.take_record();
    for tried in [
        code(ana.session.check_account().await),
        code(ana.session.vault().await),
        code(ana.session.create_project("Scans", true).await),
    ] {
        assert_eq!(tried, "not-understood");
    }
    let routes: Vec<_> = ana.layer.record().iter().map(|one| route(&one.request)).collect();
    let usual = ["GET /v1/me", "GET /v1/spaces/{}/entries", "POST /v1/spaces"];
    assert!(routes.iter().all(|one| usual.contains(&one.as_str())), "{routes:?}");
    scene.all_is_well(&[&ana]).await;
}

const RECOVERY: &str = "POST /v1/recovery";

/// A new device knows nothing of the server; the kit knows what it was made with.
#[tokio::test(flavor = "multi_thread")]
async fn o07_a_kit_tells_a_new_device_what_there_was() {
    let scene = Scene::new().await;
    let ana = scene.desk("ana@example.org").await;
    let old = scene.fork("old").await;
    let ben = scene.desk("ben@example.org").await;
    ana.session.check_directory().await.expect("the log with Ben's keys");
    let (later_keys, sealed) = ana.session.make_kit().await.expect("a kit");
    let later_keys = (later_keys.code, sealed);
    let vault = ana.session.account().vault;
    let kept = secret("kept", &scene.canary("in the vault"));
    ana.session
        .add_secret(vault, kept)
        .await
        .expect("a change of the vault");
    let (later_vault, sealed) = ana.session.make_kit().await.expect("a kit");
    let later_vault = (later_vault.code, sealed);
    ana.session.replace_kit(&later_vault.1).await.expect("the kit counts");

    // An older copy of everything, but for the box that the kit opens.
    let bare = async |name: &str, sealed: &RecoveryBox| {
        let (layer, host) = scene.device(name).await;
        layer.lead_to(old.way());
        let sealed = answer(&serde_json::json!({ "sealed": b64(&sealed.sealed.0) }));
        layer.attack(move |seen: Seen<'_>| match route(seen.request).as_str() {
            RECOVERY => sealed.clone(),
            _ => seen.honest,
        });
        (layer, host)
    };
    for ((kit, sealed), said) in [(&later_keys, "directory-rollback"), (&later_vault, "history")] {
        let (layer, host) = bare(said, sealed).await;
        let new = holdfast_engine::NewKeys::at(holdfast_crypto::MIN_LOG2_N);
        let ended = Session::recover(host, kit, &phrase("another one"), new).await;
        let error = ended.map(|_| ()).expect_err("an older copy");
        assert_eq!(error.code(), said, "{error}");
        assert!(error.to_string().contains("Recovery Kit"), "{error}");
        let sent = layer.take_record();
        let changed = sent
            .iter()
            .any(|exchange| route(&exchange.request) == "PUT /v1/me/bundle");
        assert!(!changed, "keys were changed on an older copy");
    }

    // Signed in with the Master Key there is nothing to hold it against, until the kit is asked.
    let (layer, host) = bare("signed in", &later_vault.1).await;
    let session = Session::sign_in(host, &ana.handle, &phrase(&ana.handle))
        .await
        .expect("signing in");
    assert_eq!(code(session.test_kit(&later_vault.0).await), "history");
    layer.honest();
    layer.lead_to(Arc::new(HttpTransport::new(&scene.stage.url()).expect("an address")));
    session.test_kit(&later_vault.0).await.expect("all that there was");
    scene.all_is_well(&[&ana, &ben]).await;
}
