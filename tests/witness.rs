//! Witnesses of the log of keys, as real processes: what they sign and refuse, what a client makes of it, and what goes on without them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use holdfast_crypto::{Secret, SignKey};
use holdfast_device::HttpTransport;
use holdfast_engine::ports::Response;
use holdfast_engine::{Error, Session};
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::transparency::{Head, Tree, leaf_hash};
use holdfast_protocol::wire::{AskProof, CosignedHead, Proof};
use holdfast_protocol::witness::{AddCheckpoint, Cosignature, LogKey, Witness as Key};
use holdfast_testkit::person_on;
use holdfast_tests::layer::{Layer, Seen, answer, json, route};
use holdfast_tests::{Dice, Person, Server, Witness};

const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until it is so.
fn wait_for(what: &str, mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A server on a folder, with so many witnesses that each know its log.
fn server_with(root: &Path, witnesses: usize) -> (Server, Vec<Witness>) {
    let data = root.join("server");
    let log = Server::start(&data).log_key().to_owned();
    let witnesses: Vec<Witness> = (0..witnesses)
        .map(|n| Witness::start(&root.join(format!("witness-{n}")), &log))
        .collect();
    let told: Vec<String> = witnesses
        .iter()
        .flat_map(|witness| ["--witness".to_owned(), witness.at()])
        .collect();
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    (Server::start_with(&data, &told), witnesses)
}

/// Relies on these witnesses once they have co-signed.
fn rely(person: &Person, witnesses: &[Witness], needed: &str) {
    let mut args = vec!["monitor", "--witnesses-needed", needed];
    for witness in witnesses {
        args.extend(["--witness", witness.key()]);
    }
    wait_for("the witnesses co-sign", || person.run(&args).code == 0);
}

/// Shares once the witnesses have seen the newcomer.
fn share(person: &Person, project: &str, with: &Person) {
    wait_for("somebody new is co-signed", || {
        let shared = person.run(&["project", "share", project, with.handle(), "--role", "reader"]);
        assert!([0, 21].contains(&shared.code), "{}", shared.stderr);
        shared.code == 0
    });
}

#[test]
fn somebody_new_is_taken_when_the_witnesses_have_seen_him() {
    let root = tempfile::tempdir().expect("a folder");
    let (server, witnesses) = server_with(root.path(), 2);
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    rely(&ana, &witnesses, "2");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    share(&ana, "Scans", &ben);
    ben.run(&["project", "show", "Scans"]).ok();
    let told = ana.run(&["monitor"]).ok();
    assert_eq!(told["size"], 2);
    assert_eq!(told["witnessing"]["needed"], 2);
    assert_eq!(told["witnessing"]["size"], 2);
    let rows = told["witnessing"]["witnesses"].as_array().expect("witnesses");
    for (row, witness) in rows.iter().zip(&witnesses) {
        assert_eq!((row["key"].as_str(), &row["size"]), (Some(witness.key()), &2.into()));
    }
    assert_eq!(told["log"], server.log_key());
    // What was remembered is forgotten when it is said, and not before.
    let told = ana.run(&["monitor", "--no-witnesses"]).ok();
    assert!(told["witnessing"].is_null());
    assert!(ana.run(&["monitor"]).ok()["witnessing"].is_null());
}

#[test]
fn a_witness_that_is_down_stops_nothing_but_taking_new_keys() {
    let root = tempfile::tempdir().expect("a folder");
    let (server, mut witnesses) = server_with(root.path(), 2);
    let url = server.url();
    let ana = Person::sign_up(root.path(), &url, "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    rely(&ana, &witnesses, "1");
    witnesses[1].kill();
    // One of two is enough.
    let ben = Person::sign_up(root.path(), &url, "ben@example.org");
    share(&ana, "Scans", &ben);
    // Both are asked for: Cem comes when one of them is down.
    let keys = [witnesses[0].key().to_owned(), witnesses[1].key().to_owned()];
    let both = ["monitor", "--witness", &keys[0], "--witness", &keys[1]];
    ana.run(&both).ok();
    let begun = Instant::now();
    let cem = Person::sign_up(root.path(), &url, "cem@example.org");
    wait_for("the other witness goes on", || {
        let told = ana.run(&["monitor"]).ok();
        told["witnessing"]["witnesses"][0]["size"] == 3
    });
    let told = ana
        .run(&["project", "share", "Scans", cem.handle(), "--role", "reader"])
        .fails(21);
    assert_eq!(told["code"], "directory-unwitnessed");
    assert!(
        told["message"]
            .as_str()
            .expect("a sentence")
            .contains("cem@example.org"),
        "{told}"
    );
    assert!(
        told["message"].as_str().expect("a sentence").contains("as of 20"),
        "{told}"
    );
    assert!(
        told["next"].as_str().expect("a step").contains("holdfast verify"),
        "{told}"
    );
    // Everything else goes on.
    let file = ana.file("file", "content");
    ana.run(&["dataset", "upload", "Scans", &file, "--name", "d"]).ok();
    ben.run(&["dataset", "list", "Scans"]).ok();
    ana.run(&["project", "role", "Scans", ben.handle(), "--role", "contributor"])
        .ok();
    ana.run(&["project", "create", "Second"]).ok();
    // Whose keys were taken before is shared with as before.
    ana.run(&["project", "share", "Second", ben.handle(), "--role", "reader"])
        .ok();
    ana.run(&["lock"]).ok();
    ana.run(&["unlock"]).ok();
    assert!(
        begun.elapsed() < Duration::from_secs(120),
        "nothing waits for a witness"
    );
    // The way out without it: words that were compared are worth more.
    let words = cem.run(&["words"]).ok()["words"].clone();
    ana.run(&["verify", cem.handle(), "--words", words.as_str().expect("words")])
        .ok();
    ana.run(&["project", "share", "Scans", cem.handle(), "--role", "reader"])
        .ok();
    // And the way out with it.
    let dora = Person::sign_up(root.path(), &url, "dora@example.org");
    ana.run(&["project", "share", "Scans", dora.handle(), "--role", "reader"])
        .fails(21);
    witnesses[1].restart();
    assert_eq!(witnesses[1].key(), keys[1], "it is the same one");
    let begun = Instant::now();
    while ana
        .run(&["project", "share", "Scans", dora.handle(), "--role", "reader"])
        .code
        != 0
    {
        assert!(begun.elapsed() < Duration::from_secs(90), "within the longest pause");
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn another_key_is_not_the_witness() {
    let root = tempfile::tempdir().expect("a folder");
    let (server, witnesses) = server_with(root.path(), 1);
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    rely(&ana, &witnesses, "1");
    let stranger = Key::of(&key(9)).to_string();
    let told = ana.run(&["monitor", "--witness", &stranger]).fails(21);
    assert_eq!(told["code"], "directory-unwitnessed");
    ana.run(&["project", "create", "Scans"]).ok();
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    let told = ana
        .run(&["project", "share", "Scans", ben.handle(), "--role", "reader"])
        .fails(21);
    assert_eq!(told["code"], "directory-unwitnessed");
    // A typing mistake is told, and changes nothing.
    for wrong in [
        vec!["--witness", "nonsense"],
        vec!["--witness", server.log_key()],
        vec!["--witness", &stranger, "--witnesses-needed", "2"],
        vec!["--witness", &stranger, "--witnesses-needed", "0"],
        vec!["--witness", &stranger, "--witness", &stranger],
        vec!["--witnesses-needed", "1"],
        vec!["--witness", &stranger, "--no-witnesses"],
    ] {
        ana.run(&[&["monitor"][..], &wrong[..]].concat()).fails(2);
    }
    ana.run(&["monitor"]).fails(21);
    ana.run(&["monitor", "--no-witnesses"]).ok();
    ana.run(&["project", "share", "Scans", ben.handle(), "--role", "reader"])
        .ok();
}

/// A request to a witness, without any client of ours in between. `None` where no whole answer came.
fn ask(url: &str, body: &str) -> Option<(u16, String)> {
    let host = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(host).ok()?;
    write!(
        stream,
        "POST /add-checkpoint HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

fn key(seed: u8) -> SignKey {
    SignKey::from_seed(Secret::fill_with(|bytes| bytes.fill(seed)))
}

/// Two histories with one beginning, and one key that signs both: what an operator can make.
struct Liar {
    trees: [Tree; 2],
    key: SignKey,
}

impl Liar {
    fn new(size: u64, common: u64) -> Self {
        let tree = |other: u64| {
            let mut tree = Tree::default();
            for n in 0..size {
                tree.push(leaf_hash(&(n + if n < common { 0 } else { other }).to_be_bytes()));
            }
            tree
        };
        Self {
            trees: [tree(0), tree(1_000)],
            key: key(7),
        }
    }

    fn log(&self) -> String {
        LogKey(*self.key.public().as_bytes()).to_string()
    }

    fn head(&self, which: usize, size: u64) -> Head {
        Head::sign(size, self.trees[which].root(size).expect("a size"), &self.key)
    }

    fn ask(&self, which: usize, old: u64, size: u64) -> String {
        let request = AddCheckpoint {
            old,
            proof: self.trees[which].consistency(old, size).expect("sizes"),
            checkpoint: self.head(which, size).checkpoint(),
        };
        request.to_string()
    }
}

#[test]
fn a_fork_is_refused_and_kept_as_proof() {
    let root = tempfile::tempdir().expect("a folder");
    let liar = Liar::new(12, 5);
    let mut witness = Witness::start(&root.path().join("witness"), &liar.log());
    let by: Key = witness.key().parse().expect("a key");
    let signed = |which: usize, size: u64, answer: &Option<(u16, String)>| {
        let (status, line) = answer.as_ref().expect("an answer");
        *status == 200 && Cosignature::find(line, &liar.head(which, size), &by).is_some()
    };
    let status = |url: &str, body: &str| ask(url, body).expect("an answer");
    let url = witness.url().to_owned();
    assert!(signed(0, 3, &ask(&url, &liar.ask(0, 0, 3))));
    assert!(signed(0, 8, &ask(&url, &liar.ask(0, 3, 8))));
    assert!(
        signed(0, 8, &ask(&url, &liar.ask(0, 8, 8))),
        "once more, for another day"
    );
    for _ in 0..2 {
        assert_eq!(status(&url, &liar.ask(1, 8, 8)), (409, "8\n".into()));
        assert_eq!(status(&url, &liar.ask(1, 8, 12)).0, 422);
        assert_eq!(status(&url, &liar.ask(1, 3, 12)), (409, "8\n".into()));
        assert_eq!(status(&url, &liar.ask(0, 0, 12)), (409, "8\n".into()));
        assert_eq!(status(&url, &liar.ask(0, 3, 5)), (409, "8\n".into()), "no way back");
        // The same after a restart.
        witness.kill();
        witness.restart();
    }
    assert!(signed(0, 12, &ask(&url, &liar.ask(0, 8, 12))));
    assert_eq!(status(&url, "old 1\n").0, 400);
    assert_eq!(
        status(&url, &liar.ask(0, 12, 12).replacen("\n12\n", "\n13\n", 1)).0,
        403
    );
    let stranger = Liar {
        key: key(8),
        ..Liar::new(12, 5)
    };
    assert_eq!(status(&url, &stranger.ask(0, 0, 5)).0, 404);
    // Both heads of one size are there to be shown.
    let files = std::fs::read_dir(witness.data()).expect("the folder");
    let proofs: Vec<_> = files
        .map(|file| file.expect("a file").path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("fork-"))
        })
        .collect();
    let [proof] = &proofs[..] else {
        panic!("{proofs:?}");
    };
    let proof = std::fs::read_to_string(proof).expect("the proof");
    assert_eq!(
        proof,
        format!("{}\n{}", liar.head(0, 8).checkpoint(), liar.head(1, 8).checkpoint())
    );
}

/// Killed at any moment, before whoever asked has his answer or after: what was signed is never contradicted.
#[test]
fn a_witness_that_is_killed_signs_one_history() {
    let root = tempfile::tempdir().expect("a folder");
    let rounds = 30_u64;
    let liar = Liar::new(4 + rounds, 3);
    let mut witness = Witness::start(&root.path().join("witness"), &liar.log());
    let by: Key = witness.key().parse().expect("a key");
    let url = witness.url().to_owned();
    let mut dice = Dice::new(14);
    let mut signed: Vec<(usize, u64)> = Vec::new();
    let note = |signed: &mut Vec<(usize, u64)>, which: usize, size: u64, answer: Option<(u16, String)>| {
        if let Some((200, line)) = answer {
            assert!(
                Cosignature::find(&line, &liar.head(which, size), &by).is_some(),
                "whole, or nothing"
            );
            signed.push((which, size));
        }
    };
    note(&mut signed, 0, 3, ask(&url, &liar.ask(0, 0, 3)));
    // Written down, and killed before anybody has read the answer.
    {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("a connection");
        let body = liar.ask(0, 3, 4);
        write!(
            stream,
            "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        let state = witness.data().join("witness.json");
        wait_for("the head is on the disk", || {
            std::fs::read_to_string(&state).is_ok_and(|text| text.contains("\\n4\\n"))
        });
        witness.kill();
    }
    witness.restart();
    assert_eq!(
        ask(&url, &liar.ask(1, 3, 4)).expect("an answer"),
        (409, "4\n".into()),
        "it is bound by what nobody has"
    );
    assert_eq!(ask(&url, &liar.ask(1, 4, 4)).expect("an answer"), (409, "4\n".into()));
    note(&mut signed, 0, 4, ask(&url, &liar.ask(0, 4, 4)));
    assert_eq!(signed.last(), Some(&(0, 4)));
    // At any other moment; afterwards the operator tries the other history first.
    for round in 0..rounds {
        let (old, size) = (4 + round, 5 + round);
        let asking = std::thread::spawn({
            let (url, body) = (url.clone(), liar.ask(0, old, size));
            move || ask(&url, &body)
        });
        std::thread::sleep(Duration::from_micros(dice.below(4_000)));
        witness.kill();
        note(&mut signed, 0, size, asking.join().expect("no panic"));
        witness.restart();
        for from in [old, size] {
            note(&mut signed, 1, size, ask(&url, &liar.ask(1, from, size)));
        }
        // It goes on with the one that it began with, wherever it was.
        for from in [old, size] {
            note(&mut signed, 0, size, ask(&url, &liar.ask(0, from, size)));
        }
        assert_eq!(signed.last(), Some(&(0, size)), "round {round}");
    }
    assert!(
        signed.iter().all(|(which, size)| *which == 0 || *size <= 3),
        "{signed:?}"
    );
}

#[test]
fn a_witness_that_forgot_does_not_start() {
    let root = tempfile::tempdir().expect("a folder");
    let liar = Liar::new(8, 5);
    let data = root.path().join("witness");
    let mut witness = Witness::start(&data, &liar.log());
    assert_eq!(ask(witness.url(), &liar.ask(0, 0, 8)).expect("an answer").0, 200);
    witness.kill();
    let nobody = Person::nobody(root.path(), "", "operator");
    let start = [
        "witness",
        "--data",
        data.to_str().expect("a path"),
        "--log",
        &liar.log(),
    ];
    let state = data.join("witness.json");
    let kept = std::fs::read(&state).expect("what it remembers");
    for wrong in [None, Some(&b"{}"[..]), Some(&kept[..kept.len() / 2])] {
        match wrong {
            None => std::fs::remove_file(&state).expect("removed"),
            Some(bytes) => std::fs::write(&state, bytes).expect("written"),
        }
        let told = nobody.run_without_key(&start).fails(1);
        assert!(
            told["next"].as_str().expect("a step").contains("empty folder"),
            "{told}"
        );
    }
    std::fs::write(&state, kept).expect("written");
    let shown = nobody
        .run_without_key(&["witness", "--data", data.to_str().expect("a path"), "--show-key"])
        .ok();
    assert_eq!(shown["key"], witness.key());
    witness.restart();
    assert_eq!(ask(witness.url(), &liar.ask(1, 8, 8)).expect("an answer").0, 409);
}

fn way(url: &str) -> Arc<HttpTransport> {
    Arc::new(HttpTransport::new(url).expect("a loopback address"))
}

async fn project(session: &Session) -> SpaceId {
    let project = session.create_project("Scans", true).await.expect("a project");
    project.authority().space()
}

fn code<T>(result: Result<T, Error>) -> (String, String) {
    let error = result.err().expect("a failure");
    (error.code().to_owned(), error.to_string())
}

async fn proof(session: &Session) -> Proof {
    let ask = AskProof {
        leaves: Vec::new(),
        sizes: Vec::new(),
    };
    session.api().prove(&ask).await.expect("a proof")
}

/// The operator shows Ana's circle one log, and Ben another one that his own server bears out in every way, but for the witness.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_all_proofs_bear_out_has_no_witness() {
    let root = tempfile::tempdir().expect("a folder");
    let (mut server, witnesses) = server_with(root.path(), 1);
    let url = server.url();
    let layer = Layer::new(way(&url));
    let ben = person_on(root.path(), "ben", "ben@example.org", layer.clone()).await;
    let dora = person_on(root.path(), "dora", "dora@example.org", layer.clone()).await;
    let keys = [witnesses[0].key().to_owned()];
    ben.rely_on_witnesses(&keys, None).await.expect("witnesses");
    let begun = Instant::now();
    while ben.monitor().await.is_err() {
        assert!(begun.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (bens, doras) = (project(&ben).await, project(&dora).await);
    let before = proof(&ben).await;

    // Two servers from now on, with one past and one key; both ask the witness.
    server.kill();
    let fork = root.path().join("fork");
    copy(server.data(), &fork);
    server.restart();
    let cem = person_on(root.path(), "cem", "cem@example.org", way(&url)).await;
    let begun = Instant::now();
    let after = loop {
        let after = proof(&cem).await;
        let sizes = after.cosigned.iter().filter_map(|one| one.checkpoint.lines().nth(1));
        if sizes.into_iter().any(|size| size == "3") {
            break after;
        }
        assert!(begun.elapsed() < PATIENCE, "{:?}", after.cosigned);
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let second = Server::start_with(&fork, &["--witness", &witnesses[0].at()]);
    let false_cem = person_on(root.path(), "false-cem", "cem@example.org", way(&second.url())).await;
    layer.lead_to(way(&second.url()));

    // Dora asks for no witness: the false log proves all that she asks.
    let shared = dora
        .share(doras, "cem@example.org", Role::Reader)
        .await
        .expect("sharing");
    assert_eq!(shared.bundle.hash, false_cem.keyring().current().bundle().hash);
    // Ben does; and the witness does not sign, however often it is asked.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let (what, sentence) = code(ben.share(bens, "cem@example.org", Role::Reader).await);
    assert_eq!(what, "directory-unwitnessed", "{sentence}");
    assert_eq!(code(ben.monitor().await).0, "directory-unwitnessed");
    assert!(
        proof(&ben).await.cosigned.is_empty(),
        "nothing that the witness signed is of this log"
    );
    let log = String::from_utf8_lossy(&second.log()).into_owned();
    assert!(log.contains("does not co-sign"), "{log}");

    // The operator takes what the witness signed before the fork. It is good, and Cem is not in it.
    let mut own = Tree::default();
    for leaf in dora.api().leaves(0).await.expect("the false log").leaves {
        own.push(leaf_hash(&leaf.0));
    }
    layer.attack(replays(before.cosigned, own.clone()));
    let (what, sentence) = code(ben.share(bens, "cem@example.org", Role::Reader).await);
    assert_eq!(what, "directory-unwitnessed", "{sentence}");
    assert!(
        sentence.contains("cem@example.org") && sentence.contains("as of 20"),
        "{sentence}"
    );
    // Or what it signed since. It is of another log.
    layer.attack(replays(after.cosigned, own));
    assert_eq!(
        code(ben.share(bens, "cem@example.org", Role::Reader).await).0,
        "directory-fork"
    );
    let kept = ben.known_person(false_cem.principal()).await.expect("an answer");
    assert!(kept.is_none(), "nothing of it was kept");

    // What is in the project is as it was.
    ben.view(bens).await.expect("reading goes on");
    // With the true log Ben hears that he saw another one; then he goes on.
    layer.honest();
    layer.lead_to(way(&url));
    assert_eq!(
        code(ben.share(bens, "cem@example.org", Role::Reader).await).0,
        "directory-fork"
    );
    ben.accept_directory().await.expect("a new beginning");
    let shared = ben
        .share(bens, "cem@example.org", Role::Reader)
        .await
        .expect("the witness saw him");
    assert_eq!(shared.bundle.hash, cem.keyring().current().bundle().hash);
    assert!(
        ben.witnessing().await.expect("an answer").is_some(),
        "it goes on to count"
    );
}

/// Shows these co-signed heads with whatever proof a log can make for them.
fn replays(cosigned: Vec<CosignedHead>, log: Tree) -> impl Fn(Seen<'_>) -> Response {
    move |seen: Seen<'_>| {
        if route(seen.request) != "POST /v1/directory/proof" {
            return seen.honest;
        }
        let mut proof: Proof = serde_json::from_value(json(&seen.honest.body)).expect("a proof");
        proof.cosigned.clone_from(&cosigned);
        for one in &mut proof.cosigned {
            let size = one.checkpoint.lines().nth(1).and_then(|size| size.parse().ok());
            one.path = log
                .consistency(size.expect("a size"), log.size())
                .expect("its own sizes");
        }
        answer(&serde_json::to_value(proof).expect("JSON"))
    }
}

/// Co-signs whatever it is sent, with a time of the test's choice. Ends with the process.
fn backdated(seed: u8, log: LogKey, ago: Duration) -> (Key, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut text = Vec::new();
            let mut piece = [0; 4096];
            // The checkpoint ends with a line of the log's signature.
            while !(text.ends_with(b"\n") && text.windows(3).any(|found| found == "\u{2014}".as_bytes())) {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break,
                    Ok(length) => text.extend_from_slice(&piece[..length]),
                }
            }
            let text = String::from_utf8_lossy(&text);
            let Some((_, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let request: AddCheckpoint = body.parse().expect("a request");
            let head = Head::from_checkpoint(&request.checkpoint, &log.0).expect("a head");
            let time = SystemTime::now() - ago;
            let time = time
                .duration_since(SystemTime::UNIX_EPOCH)
                .expect("after 1970")
                .as_secs();
            let line = Cosignature::sign(&head, time, &key(seed)).line(&Key::of(&key(seed)));
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{line}",
                line.len()
            );
        }
    });
    (Key::of(&key(seed)), url)
}

#[test]
fn a_cosignature_of_long_ago_is_not_counted() {
    let root = tempfile::tempdir().expect("a folder");
    let data = root.path().join("server");
    let log: LogKey = Server::start(&data).log_key().parse().expect("a key");
    let hour = Duration::from_secs(60 * 60);
    let (old, old_url) = backdated(31, log, 25 * hour);
    let (recent, recent_url) = backdated(32, log, 23 * hour);
    let at = [format!("{old}={old_url}"), format!("{recent}={recent_url}")];
    let server = Server::start_with(&data, &["--witness", &at[0], "--witness", &at[1]]);
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    wait_for("the recent one counts", || {
        ana.run(&["monitor", "--witness", &recent.to_string()]).code == 0
    });
    let told = ana.run(&["monitor", "--witness", &old.to_string()]).fails(21);
    assert_eq!(told["code"], "directory-unwitnessed");
    let both = [
        "monitor",
        "--witness",
        &old.to_string(),
        "--witness",
        &recent.to_string(),
    ];
    ana.run(&both).fails(21);
    let one = ana.run(&[&both[..], &["--witnesses-needed", "1"]].concat()).ok();
    assert!(one["witnessing"]["witnesses"][0]["size"].is_null());
    assert_eq!(one["witnessing"]["size"], 1);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
