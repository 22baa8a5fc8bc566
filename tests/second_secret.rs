//! A short Master Key with a second secret beside it, by the program and over real HTTP: made, taken to another computer, refused
//! where it is missing, mistyped or another one, kept, renewed, turned off and on by key changes, recovered with the kit. And no
//! byte of it in anything that the server ever gets.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_crypto::{KdfRecord, MIN_LOG2_N, Phrase, SecondSecret};
use holdfast_engine::ports::{Change, Transport};
use holdfast_engine::{Error, Host, NewAccount, NewKeys, NewSecond, Second, Session};
use holdfast_testkit::{Stage, account};
use holdfast_tests::eye::{Canaries, Class, Found, Material, Searcher};
use holdfast_tests::layer::{Layer, Seen, answer, json, refusal, route};
use holdfast_tests::{Person, Proxy, Server, kit_words};
use serde_json::Value;

const ANA: &str = "ana@example.org";
/// Good enough beside a second secret, and not without.
const SHORT: &str = "vermilion tacos at 6 am";
const OTHER: &str = "saffron canoes under 9";
const LONG: &str = "plunder ninth gravel cosmic tulip marbled oven yonder";
const CHEAP: [&str; 2] = ["--kdf-log2-n", "17"];
/// Exit codes: something is missing or mistyped; the Master Key; not there; too weak; history.
const USAGE: i32 = 2;
const WRONG: i32 = 10;
const NOT_THERE: i32 = 12;
const WEAK: i32 = 17;
const HISTORY: i32 = 21;

fn code(answer: &Value) -> &str {
    answer["code"].as_str().unwrap_or_default()
}

fn second_of(answer: &Value) -> String {
    answer["second_secret"].as_str().expect("a second secret").to_owned()
}

fn drawn() -> String {
    SecondSecret::make(&mut holdfast_engine::rng()).text().to_string()
}

/// The bytes that the characters stand for, check and all.
fn bytes(text: &str) -> Vec<u8> {
    let values = text
        .bytes()
        .filter(|byte| *byte != b'-')
        .map(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".iter().position(|one| *one == byte));
    let bits: Vec<u8> = values
        .flat_map(|value| {
            (0..5)
                .rev()
                .map(move |bit| ((value.expect("a character") >> bit) & 1) as u8)
        })
        .collect();
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |byte, bit| (byte << 1) | bit))
        .collect()
}

/// A server behind a recorder.
struct Scene {
    root: tempfile::TempDir,
    proxy: Proxy,
    server: Server,
    canaries: Canaries,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let proxy = Proxy::start();
        let server = Server::start_with(&root.path().join("server"), &["--origin", &proxy.url()]);
        proxy.forward_to(server.port());
        Self {
            root,
            proxy,
            server,
            canaries: Canaries::new(),
        }
    }

    /// Looks for this one, too, in whatever a server gets.
    fn watch(&self, name: &str, second: &str) {
        let all = bytes(second);
        for (form, text) in [
            ("text", second.as_bytes().to_vec()),
            ("bare text", second.replace('-', "").into_bytes()),
            ("bytes", all[..16].to_vec()),
            ("bytes and check", all.clone()),
        ] {
            self.canaries.adopt(Class::Unsent, &format!("{name}: {form}"), &text);
        }
    }

    /// What of them is in some bytes.
    fn found(&self, material: &Material) -> Found {
        material.search(&Searcher::new(&self.canaries.all()))
    }

    fn person(&self, name: &str) -> Person {
        Person::nobody(self.root.path(), &self.proxy.url(), name)
    }

    fn signs_in(&self, who: &Person, handle: &str, more: &[&str]) -> holdfast_tests::Answer {
        let url = self.proxy.url();
        who.run(&[&["signin", "--server", &url, "--handle", handle], more].concat())
    }

    /// How many sign-ins were tried with a signature.
    fn tried(&self) -> usize {
        let proofs = |sent: &[u8]| {
            let line = b"POST /v1/signin HTTP";
            sent.windows(line.len()).filter(|window| window == line).count()
        };
        self.proxy.recorded().iter().map(|one| proofs(&one.sent)).sum()
    }
}

fn sign_up(scene: &Scene, who: &Person, handle: &str, more: &[&str]) -> holdfast_tests::Answer {
    let url = scene.proxy.url();
    let args = ["signup", "--server", &url, "--handle", handle, "--bits", "2048"];
    who.run(&[&args[..], &CHEAP, more].concat())
}

fn keep_token(who: &Person) {
    let token = format!("token=@{}", who.file("t", "my token"));
    who.run(&["secret", "add", "--type", "git", "--name", "GitHub", "--field", &token])
        .ok();
}

fn token(who: &Person) -> Value {
    let shown = who.run(&["secret", "show", "GitHub", "--reveal"]).ok();
    shown["fields"][0]["value"].clone()
}

fn kit(who: &Person, name: &str) -> String {
    who.home().join(name).display().to_string()
}

fn says(pdf: &str, text: &str) -> bool {
    let bytes = std::fs::read(pdf).expect("a kit");
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn new_phrase(who: &Person, text: &str) -> String {
    who.file("new-phrase", &format!("{text}\n"))
}

#[test]
fn from_sign_up_to_recovery_on_several_computers() {
    let scene = Scene::new();
    let ana = scene.person("ana");
    ana.keep_key(SHORT);
    // Alone the phrase is too short; beside a second secret it is not, and one of a few bits still is.
    assert_eq!(code(&sign_up(&scene, &ana, ANA, &[]).fails(WEAK)), "weak-phrase");
    ana.keep_key("hunter22");
    sign_up(&scene, &ana, ANA, &["--second-secret"]).fails(WEAK);
    ana.keep_key(SHORT);
    let first_kit = kit(&ana, "kit.pdf");
    let made = sign_up(&scene, &ana, ANA, &["--second-secret", "--kit", &first_kit]).ok();
    let second = second_of(&made);
    scene.watch("first", &second);
    assert!(says(&first_kit, &second) && kit_words(Path::new(&first_kit)).split(' ').count() == 24);
    let database = ana.profile().join("data").join("profile.db");
    let database = if database.exists() {
        database
    } else {
        ana.profile().join("profile.db")
    };
    let mode = database.metadata().expect("the profile").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The control of the search below: this computer has it, the text in full.
    let mut own = Material::default();
    own.add_folder(&ana.profile());
    assert!(!scene.found(&own).is_empty());

    ana.run(&["unlock"]).ok();
    assert_eq!(ana.run(&["whoami"]).ok()["second_secret"], true);
    keep_token(&ana);
    ana.run(&["lock"]).ok();
    assert_eq!(token(&ana), "my token");

    on_another_computer(&scene, &ana, &second);
    by_key_changes(&scene, &ana);
    with_the_kit(&scene, &ana);

    let mut material = Material::default();
    material.add_folder(scene.server.data());
    material.add("the server's log", scene.server.log());
    material.add_wire(&scene.proxy.recorded());
    assert!(material.len() > 100, "the wire and the folder were looked at");
    let found = scene.found(&material);
    let all = scene.canaries.all();
    let named: Vec<&str> = found.keys().map(|at| all[*at].label.as_str()).collect();
    assert!(named.is_empty(), "the server got {named:?}");
}

/// Without it, mistyped, another one, the right one; shown again to who types the Master Key.
fn on_another_computer(scene: &Scene, ana: &Person, second: &str) {
    let laptop = ana.second_device();
    let tried = scene.tried();
    let told = scene.signs_in(&laptop, ANA, &[]).fails(USAGE);
    assert_eq!(code(&told), "second-secret-needed");
    let mut typo = second.to_owned().into_bytes();
    typo[7] = if typo[7] == b'A' { b'B' } else { b'A' };
    let typo = laptop.file("typo", &String::from_utf8(typo).expect("text"));
    let told = scene
        .signs_in(&laptop, ANA, &["--second-secret-file", &typo])
        .fails(USAGE);
    assert_eq!(code(&told), "bad-second-secret");
    assert_eq!(scene.tried(), tried, "nothing was derived, signed or sent");

    let other = laptop.file("other", &drawn());
    let wrong = scene
        .signs_in(&laptop, ANA, &["--second-secret-file", &other])
        .fails(WRONG);
    let right = laptop.file("right", &format!("  {} \n", second.to_lowercase().replace('-', " ")));
    laptop.keep_key(OTHER);
    let told = scene
        .signs_in(&laptop, ANA, &["--second-secret-file", &right])
        .fails(WRONG);
    assert_eq!(code(&wrong), "sign-in-refused");
    assert_eq!(told, wrong, "which of the two is wrong can't be told");
    assert!(
        wrong["message"]
            .as_str()
            .is_some_and(|text| text.contains("second secret"))
    );

    laptop.keep_key(SHORT);
    scene.signs_in(&laptop, ANA, &["--second-secret-file", &right]).ok();
    assert_eq!(token(&laptop), "my token");
    assert_eq!(second_of(&laptop.run(&["key", "second-secret"]).ok()), second);
    laptop.run(&["unlock"]).ok();
    assert_eq!(second_of(&laptop.run(&["key", "second-secret"]).ok()), second);
    laptop.keep_key(OTHER);
    laptop.run(&["key", "second-secret"]).fails(WRONG);
    laptop.run_without_key(&["key", "second-secret"]).fails(11);
    laptop.run(&["lock"]).ok();
    laptop.run(&["key", "second-secret"]).fails(WRONG);
    laptop.keep_key(SHORT);
}

/// Kept, renewed under the same phrase, turned off, turned on again; the laptop follows.
fn by_key_changes(scene: &Scene, ana: &Person) {
    let laptop = Person::nobody(scene.root.path(), &scene.proxy.url(), "ana.device2");
    let laptop = if laptop.key_file().exists() {
        laptop
    } else {
        ana.second_device()
    };
    let change = |text: &str, more: &[&str]| {
        let file = new_phrase(ana, text);
        let args = ["key", "change", "--new-master-key-file", &file];
        let answer = ana.run(&[&args[..], &CHEAP, more].concat());
        if answer.code == 0 {
            ana.keep_key(text);
            laptop.keep_key(text);
        }
        answer
    };
    // The same two once more would change nothing.
    change(SHORT, &[]).fails(USAGE);
    let kept = change(OTHER, &[]).ok();
    assert!(kept.get("second_secret").is_none(), "{kept}");
    let same = second_of(&ana.run(&["key", "second-secret"]).ok());
    scene.signs_in(&laptop, ANA, &[]).ok();
    assert_eq!(
        second_of(&laptop.run(&["key", "second-secret"]).ok()),
        same,
        "it has it already"
    );

    let renewed = second_of(&change(OTHER, &["--second-secret"]).ok());
    assert_ne!(renewed, same);
    scene.watch("renewed", &renewed);
    scene.signs_in(&laptop, ANA, &[]).fails(WRONG);
    let file = laptop.file("renewed", &renewed);
    scene.signs_in(&laptop, ANA, &["--second-secret-file", &file]).ok();
    assert_eq!(token(&laptop), "my token");

    let leaked = second_of(&change(SHORT, &["--leaked"]).ok());
    assert_ne!(
        leaked, renewed,
        "whoever has the Master Key may have what stood beside it"
    );
    scene.watch("after a leak", &leaked);
    let file = laptop.file("leaked", &leaked);
    scene.signs_in(&laptop, ANA, &["--second-secret-file", &file]).ok();

    change(OTHER, &["--no-second-secret"]).fails(WEAK);
    change(LONG, &["--no-second-secret"]).ok();
    assert_eq!(ana.run(&["whoami"]).ok()["second_secret"], false);
    ana.run(&["key", "second-secret"]).fails(NOT_THERE);
    // From here a server that drops it and a person who did look the same: the person says it, or nothing is signed.
    let tried = scene.tried();
    let told = scene.signs_in(&laptop, ANA, &[]).fails(HISTORY);
    assert_eq!(code(&told), "second-secret-dropped");
    let told = scene
        .signs_in(&laptop, ANA, &["--second-secret-file", &file])
        .fails(HISTORY);
    assert_eq!(code(&told), "second-secret-dropped");
    assert_eq!(scene.tried(), tried, "nothing was derived, signed or sent");
    scene.signs_in(&laptop, ANA, &["--without-second-secret"]).ok();
    assert_eq!(token(&laptop), "my token");

    // A phrase that is long enough alone stays as it is.
    let paper = kit(ana, "kit-again.pdf");
    let again = second_of(&change(LONG, &["--second-secret", "--kit", &paper]).ok());
    scene.watch("on again", &again);
    assert!(says(&paper, &again));
    let next = kit(ana, "kit-newest.pdf");
    ana.run(&["kit", "new", "--out", &next]).ok();
    assert!(says(&next, &again), "a new kit says it, too");
}

/// A bare profile and the 24 words: neither phrase nor second secret is asked for, and a new one is made only if that is said.
fn with_the_kit(scene: &Scene, ana: &Person) {
    let bare = scene.person("bare");
    let words = bare.file("code", &kit_words(Path::new(&kit(ana, "kit-newest.pdf"))));
    let (url, file) = (scene.proxy.url(), new_phrase(&bare, SHORT));
    let args = [
        "key",
        "recover",
        "--server",
        &url,
        "--kit-code-file",
        &words,
        "--new-master-key-file",
        &file,
    ];
    bare.run_without_key(&[&args[..], &CHEAP].concat()).fails(WEAK);
    let recovered = bare
        .run_without_key(&[&args[..], &CHEAP, &["--second-secret"]].concat())
        .ok();
    let second = second_of(&recovered);
    scene.watch("recovered", &second);
    bare.keep_key(SHORT);
    assert_eq!(token(&bare), "my token");
    assert_eq!(second_of(&bare.run(&["key", "second-secret"]).ok()), second);
    let third = scene.person("third");
    third.keep_key(SHORT);
    scene.signs_in(&third, ANA, &[]).fails(USAGE);
    let file = third.file("second", &second);
    scene.signs_in(&third, ANA, &["--second-secret-file", &file]).ok();
    assert_eq!(token(&third), "my token");
    third.run(&["doctor"]).ok();
}

/// Somebody types a second secret, and the server shows a record without one: whether it lies or the account has none, no signature
/// under the phrase alone goes out.
#[test]
fn a_server_that_drops_it_gets_no_signature_under_the_phrase_alone() {
    let scene = Scene::new();
    let ben = scene.person("ben");
    ben.keep_key(LONG);
    sign_up(&scene, &ben, "ben@example.org", &[]).ok();
    let laptop = ben.second_device();
    let file = laptop.file("second", &drawn());
    let tried = scene.tried();
    let told = scene
        .signs_in(&laptop, "ben@example.org", &["--second-secret-file", &file])
        .fails(HISTORY);
    assert_eq!(code(&told), "second-secret-dropped");
    assert_eq!(scene.tried(), tried);
    scene.signs_in(&laptop, "ben@example.org", &[]).ok();
}

fn phrase(text: &str) -> Phrase {
    Phrase::new(text).expect("a phrase")
}

async fn made(host: &Host, second: &SecondSecret) -> Session {
    let short = phrase(SHORT);
    let new = NewAccount {
        second: Some(second),
        ..account(ANA, &short)
    };
    let signed_up = Session::sign_up(host.clone(), new).await;
    signed_up.expect("signing up").0
}

async fn row(host: &Host) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = host.store.list("account", b"second-secret/").await.expect("the rows");
    rows.into_iter().collect()
}

/// The row is lost or spoiled: that is told as what it is, and a sign-in brings it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_lost_it_says_so_and_signs_in_again() {
    let stage = Stage::new().await;
    let host = stage.device("ana").await;
    let second = SecondSecret::make(&mut holdfast_engine::rng());
    drop(made(&host, &second).await);
    let kept = row(&host).await;
    assert_eq!(kept.len(), 1);
    let (key, text) = kept.into_iter().next().expect("a row");
    assert_eq!(text, second.text().as_bytes());
    let mut spoiled = text.clone();
    spoiled[0] = if spoiled[0] == b'A' { b'B' } else { b'A' };
    for (value, expected) in [(Some(spoiled), "damaged"), (None, "second-secret-needed")] {
        let change = match value {
            Some(value) => Change::Put("account", key.clone(), value),
            None => Change::Delete("account", key.clone()),
        };
        host.store.write(vec![change]).await.expect("a write");
        let told = Session::unlock(host.clone(), &phrase(SHORT))
            .await
            .err()
            .expect("it stays locked");
        assert_eq!(told.code(), expected);
    }
    let told = Session::sign_in(host.clone(), ANA, &phrase(SHORT)).await.err();
    assert!(matches!(told, Some(Error::SecondSecretNeeded)));
    let given = Second::Given(second.duplicate());
    Session::sign_in_with(host.clone(), ANA, &phrase(SHORT), given)
        .await
        .expect("signing in");
    assert!(Session::unlock(host.clone(), &phrase(SHORT)).await.is_ok());
    let wrong = Session::unlock(host.clone(), &phrase(OTHER)).await.err();
    assert!(matches!(wrong, Some(Error::WrongMasterKey)));
}

/// The server takes a key change, and its answer is lost: the new second secret was kept before the request went out, and whoever
/// types the new phrase here finishes. Afterwards the old one is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_change_whose_answer_is_lost_is_finished_with_the_new_one() {
    let stage = Stage::new().await;
    let plain = stage.device("plain").await;
    let layer = Layer::new(plain.transport.clone());
    let host = stage
        .device_over("ana", layer.clone() as std::sync::Arc<dyn Transport>)
        .await;
    let second = SecondSecret::make(&mut holdfast_engine::rng());
    let ana = made(&host, &second).await;
    layer.attack(|seen: Seen<'_>| match route(seen.request).as_str() {
        "PUT /v1/me/bundle" => refusal(500, "internal"),
        _ => seen.honest,
    });
    let new = NewKeys {
        second: NewSecond::New,
        ..NewKeys::at(MIN_LOG2_N)
    };
    let cut = ana.change_keys(&phrase(OTHER), new).await;
    assert!(cut.is_err());
    drop(ana);
    layer.honest();
    assert_eq!(row(&host).await.len(), 2, "the old one and the new one");
    let ana = Session::unlock(host.clone(), &phrase(OTHER))
        .await
        .expect("it is finished");
    let now = ana.second_secret(&phrase(OTHER)).await.expect("the new one");
    assert!(now != second);
    assert_eq!(row(&host).await.len(), 1);
    drop(ana);
    let given = Second::Given(now);
    Session::sign_in_with(stage.device("laptop").await, ANA, &phrase(OTHER), given)
        .await
        .expect("the new two open the account elsewhere");
    let old = Session::sign_in_with(stage.device("old").await, ANA, &phrase(SHORT), Second::Given(second)).await;
    assert!(matches!(old.err(), Some(Error::SecondSignInRefused)));
}

/// A sign-up whose answer is lost: the account is there, and this device can sign in to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_whose_answer_is_lost_leaves_it_here() {
    let stage = Stage::new().await;
    let plain = stage.device("plain").await;
    let layer = Layer::new(plain.transport.clone());
    let host = stage
        .device_over("ana", layer.clone() as std::sync::Arc<dyn Transport>)
        .await;
    layer.attack(|seen: Seen<'_>| match route(seen.request).as_str() {
        "POST /v1/accounts" => refusal(500, "internal"),
        _ => seen.honest,
    });
    let second = SecondSecret::make(&mut holdfast_engine::rng());
    let short = phrase(SHORT);
    let new = NewAccount {
        second: Some(&second),
        ..account(ANA, &short)
    };
    let cut = Session::sign_up(host.clone(), new).await;
    assert!(cut.is_err());
    layer.honest();
    let ana = Session::sign_in(host.clone(), ANA, &phrase(SHORT))
        .await
        .expect("signing in");
    assert!(ana.second_secret(&phrase(SHORT)).await.is_ok_and(|kept| kept == second));
    assert!(Session::unlock(host, &phrase(SHORT)).await.is_ok());
}

/// The server shows a record of the other id, with the same salt, for an account that has a second secret. Whoever has one, on a
/// device that knows the account or typed anew, sends no signature. Who is not asked and has none at hand can't know.
#[tokio::test(flavor = "multi_thread")]
async fn another_id_in_the_servers_record_gets_no_signature() {
    let stage = Stage::new().await;
    let plain = stage.device("plain").await;
    let layer = Layer::new(plain.transport.clone());
    let way = || layer.clone() as std::sync::Arc<dyn Transport>;
    let known = stage.device_over("ana", way()).await;
    let second = SecondSecret::make(&mut holdfast_engine::rng());
    drop(made(&known, &second).await);
    layer.attack(|seen: Seen<'_>| match route(seen.request).as_str() {
        "POST /v1/signin/start" => {
            let mut body = json(&seen.honest.body);
            let shown = URL_SAFE_NO_PAD
                .decode(body["kdf"].as_str().expect("a record"))
                .expect("base64");
            let record = KdfRecord::decode(&shown).expect("a record");
            assert!(record.takes_second());
            let other = KdfRecord::new(record.log2_n(), *record.salt()).expect("a record");
            body["kdf"] = URL_SAFE_NO_PAD.encode(other.encode()).into();
            answer(&body)
        }
        _ => seen.honest,
    });
    layer.take_record();
    let new = stage.device_over("new", way()).await;
    let tries = [
        (known.clone(), Second::Kept),
        (known.clone(), Second::Given(second.duplicate())),
        (new, Second::Given(second.duplicate())),
    ];
    for (host, beside) in tries {
        let told = Session::sign_in_with(host, ANA, &phrase(SHORT), beside).await.err();
        assert!(matches!(told, Some(Error::SecondSecretDropped)));
    }
    let said: Vec<String> = layer.take_record().iter().map(|one| route(&one.request)).collect();
    assert_eq!(said, ["POST /v1/signin/start"; 3]);
    let unasked = Session::sign_in(stage.device_over("other", way()).await, ANA, &phrase(SHORT)).await;
    assert!(
        matches!(unasked.err(), Some(Error::SignInRefused)),
        "the phrase alone opens nothing"
    );
    layer.honest();
    assert!(Session::sign_in(known, ANA, &phrase(SHORT)).await.is_ok());
}

/// Quick unlock keeps a root: neither phrase nor second secret is asked for, and it ends with the keys it holds.
#[tokio::test(flavor = "multi_thread")]
async fn quick_unlock_works_unchanged() {
    let stage = Stage::new().await;
    let host = stage.device("ana").await;
    let second = SecondSecret::make(&mut holdfast_engine::rng());
    let ana = made(&host, &second).await;
    let key = ana.allow_quick_unlock().await.expect("a key");
    drop(ana);
    let ana = Session::unlock_quickly(host.clone(), &key).await.expect("it opens");
    assert!(ana.second_secret(&phrase(SHORT)).await.is_ok_and(|kept| kept == second));
    let new = NewKeys {
        second: NewSecond::Off,
        ..NewKeys::at(MIN_LOG2_N)
    };
    ana.change_keys(&phrase(LONG), new).await.expect("a key change");
    assert!(row(&host).await.is_empty());
    assert!(Session::unlock_quickly(host.clone(), &key).await.is_err());
    assert!(Session::unlock(host, &phrase(LONG)).await.is_ok());
}
