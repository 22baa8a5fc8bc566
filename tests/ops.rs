//! Looking after a server and a device from outside: backup while an upload runs, restore on a bare folder, and what a doctor
//! finds. All of it by the program.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_crypto::Phrase;
use holdfast_device::{HttpTransport, SqliteStore, SystemClock};
use holdfast_engine::{Host, Session};
use holdfast_tests::{Answer, Dice, Event, Moment, Person, Relay, Server, Verdict, difference, small_dataset};
use serde_json::Value;

const ANA: &str = "ana@example.org";

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// A server behind a relay that holds an upload up once it is armed.
struct Stage {
    root: tempfile::TempDir,
    server: Server,
    url: String,
}

impl Stage {
    fn new(judge: impl Fn(&Event) -> Verdict + Send + Sync + 'static) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let relay = Relay::bind();
        let url = relay.url();
        let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
        relay.open(server.port(), Arc::new(judge));
        Self { root, server, url }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

/// The 24 words of a new kit, made on a device of its own.
fn kit_of(ana: &Person, url: &str, store: &Path) -> String {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let key = std::fs::read_to_string(ana.key_file()).expect("the Master Key");
    runtime.block_on(async {
        let host = Host {
            transport: Arc::new(HttpTransport::new(url).expect("an address")),
            store: Arc::new(SqliteStore::open(store).await.expect("a store")),
            clock: Arc::new(SystemClock),
        };
        let phrase = Phrase::new(key.trim()).expect("a phrase");
        let session = Session::sign_in(host, ANA, &phrase).await.expect("signing in");
        let (kit, sealed) = session.make_kit().await.expect("a kit");
        session.replace_kit(&sealed).await.expect("a kit");
        kit.code.to_string()
    })
}

fn secret_of(who: &Person) -> Value {
    let shown = who.run(&["secret", "show", "GitHub", "--in", "Scans", "--reveal"]).ok();
    shown["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .find(|field| field["name"] == "token")
        .expect("a token")["value"]
        .clone()
}

/// Two people and a project; a backup while Ana uploads; the backup on a bare folder; Ana on a bare profile with nothing but
/// her kit. Then the backup, by now older than what people saw, in the place of the server's data.
#[test]
fn a_backup_brings_every_byte_back_and_an_older_one_is_noticed() {
    let armed = Arc::new(AtomicBool::new(false));
    let (reach, reached) = channel();
    let (go, gone) = channel::<()>();
    let (loaded, reach, gone) = (armed.clone(), Mutex::new(reach), Mutex::new(gone));
    let mut stage = Stage::new(move |event| {
        let here = event.moment == Moment::Arrived && event.part().is_some() && loaded.swap(false, Ordering::SeqCst);
        if here {
            reach.lock().expect("the way out").send(()).expect("the test waits");
            let _ = gone.lock().expect("the way in").recv();
        }
        Verdict::Go
    });
    let ana = Person::sign_up(stage.root.path(), &stage.url, ANA);
    let ben = Person::sign_up(stage.root.path(), &stage.url, "ben@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let sent = small_dataset(stage.root.path());
    ana.run(&["dataset", "upload", "Scans", text(&sent), "--name", "penguins"])
        .ok();
    let token = ana.file("token", "ghp_canary");
    let field = format!("token=@{token}");
    let add = [
        "secret",
        "add",
        "--type",
        "git",
        "--name",
        "GitHub",
        "--in",
        "Scans",
        "--field",
        "host=github.com",
        "--field",
        &field,
    ];
    ana.run(&add).ok();
    ana.run(&["project", "share", "Scans", ben.handle(), "--role", "contributor"])
        .ok();
    assert_eq!(secret_of(&ben), "ghp_canary");
    let code = kit_of(&ana, &stage.url, &stage.path("kit-device.db"));

    // While an upload is under way.
    let large = stage.path("large");
    Dice::new(5).file(&large.join("data.bin"), 20 << 20);
    armed.store(true, Ordering::SeqCst);
    let upload = ana.start(&["dataset", "upload", "Scans", text(&large), "--name", "large"]);
    reached
        .recv_timeout(Duration::from_secs(60))
        .expect("an upload that is held up");
    let data = stage.server.data().to_owned();
    let backup = stage.path("backup");
    let made = ben.run(&["backup", "--data", text(&data), "--out", text(&backup)]).ok();
    assert_eq!((&made["accounts"], &made["damaged"]), (&2.into(), &0.into()));
    go.send(()).expect("the upload waits");
    let ended = upload.wait_with_output().expect("the upload ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    // Again, with what came in since, into a folder of its own.
    let newer = stage.path("newer");
    ben.run(&["backup", "--data", text(&data), "--out", text(&newer)]).ok();
    let again = ben.run(&["backup", "--data", text(&data), "--out", text(&newer)]).ok();
    assert_eq!(again["copied_bytes"], 0);

    // The server's computer is gone. A bare folder, a bare profile, the kit.
    let bare = stage.path("bare");
    let restored = ben
        .run(&["restore", "--from", text(&newer), "--data", text(&bare)])
        .ok();
    assert!(
        restored["notice"]
            .as_str()
            .expect("a sentence")
            .contains("exit code 21")
    );
    assert_eq!(ben.run(&["doctor", "--data", text(&bare)]).ok()["bad"], 0);
    let other = Server::start(&bare);
    let found = Person::nobody(stage.root.path(), &other.url(), "found@example.org");
    let words = found.file("kit-code", &code);
    let recovered = found
        .run_without_key(&[
            "key",
            "recover",
            "--server",
            &other.url(),
            "--kit-code-file",
            &words,
            "--generate",
            "--kdf-log2-n",
            "17",
        ])
        .ok();
    assert_eq!(recovered["handle"], ANA);
    found.keep_key(recovered["master_key"].as_str().expect("a Master Key"));
    assert_eq!(secret_of(&found), "ghp_canary");
    for (name, folder) in [("penguins", &sent), ("large", &large)] {
        let got = stage.path(&format!("got-{name}"));
        found
            .run(&["dataset", "download", &format!("Scans/{name}"), "--to", text(&got)])
            .ok();
        assert_eq!(difference(folder, &got), "", "{name}");
    }

    // The older copy in the place of the data: Ana and Ben have seen more.
    ben.run(&["dataset", "list", "Scans"]).ok();
    stage.server.kill();
    std::fs::rename(&data, stage.path("set-aside")).expect("a folder");
    ben.run(&["restore", "--from", text(&backup), "--data", text(&data)])
        .ok();
    stage.server.restart();
    for person in [&ana, &ben] {
        let error = person.run(&["dataset", "list", "Scans"]).fails(21);
        assert_eq!(error["code"], "history", "{}", person.handle());
    }
    // Whoever has seen nothing takes it as it is.
    let fresh = ben.second_device();
    fresh
        .run(&["signin", "--server", &stage.url, "--handle", ben.handle()])
        .ok();
    assert_eq!(secret_of(&fresh), "ghp_canary");
}

fn codes(seen: &Answer) -> Vec<(String, String)> {
    let findings = seen.json["findings"].as_array().expect("findings").iter();
    let word = |finding: &Value, field: &str| finding[field].as_str().expect("a word").to_owned();
    let not_ok = findings.filter(|finding| finding["level"] != "ok");
    not_ok
        .map(|finding| (word(finding, "code"), word(finding, "level")))
        .collect()
}

#[test]
fn the_doctor_finds_what_is_wrong_with_a_server() {
    let stage = Stage::new(|_| Verdict::Go);
    let ana = Person::sign_up(stage.root.path(), &stage.url, ANA);
    ana.run(&["project", "create", "Scans"]).ok();
    let sent = small_dataset(stage.root.path());
    ana.run(&["dataset", "upload", "Scans", text(&sent), "--name", "penguins"])
        .ok();
    let data = stage.server.data();
    let look = |expected: &[(&str, &str)], exit: i32| {
        let seen = ana.run_without_key(&["doctor", "--data", text(data)]);
        let found = codes(&seen);
        let found: Vec<_> = found
            .iter()
            .map(|(code, level)| (code.as_str(), level.as_str()))
            .collect();
        assert_eq!((found.as_slice(), seen.code), (expected, exit), "{}", seen.stdout);
    };
    look(&[], 0);

    let packs = walkdir::WalkDir::new(data.join("packs"))
        .into_iter()
        .filter_map(Result::ok);
    let part = packs
        .filter(|found| found.file_type().is_file())
        .map(|found| found.into_path())
        .next()
        .expect("a part");
    let whole = std::fs::read(&part).expect("a part");
    std::fs::write(&part, &whole[..whole.len() - 1]).expect("a shorter part");
    look(&[("pack-size", "bad")], 1);
    std::fs::remove_file(&part).expect("no part");
    look(&[("pack-missing", "bad")], 1);
    std::fs::write(&part, &whole).expect("the part again");

    let orphan = data.join("packs/cd").join("cd".repeat(16));
    std::fs::create_dir(&orphan).expect("a folder");
    std::fs::write(orphan.join("0"), "left").expect("a file");
    look(&[("orphans", "warn")], 0);
    std::fs::remove_dir_all(&orphan).expect("no folder");

    let mode = |mode| std::fs::set_permissions(data, std::fs::Permissions::from_mode(mode)).expect("a mode");
    mode(0o755);
    look(&[("permissions", "bad")], 1);
    let report = ana
        .run_without_key(&["doctor", "--data", text(data), "--diagnostics"])
        .fails(1);
    let report = report["text"].as_str().expect("a text").to_owned();
    assert!(report.contains("bad  permissions\n"), "{report}");
    for name in [ANA, "Scans", text(stage.root.path()), stage.url.as_str(), "127.0.0.1"] {
        assert!(!report.contains(name), "{report}");
    }
    mode(0o700);
    look(&[], 0);

    let (copy, broken, data) = (stage.path("copy"), stage.path("broken"), stage.path("data"));
    ana.run_without_key(&["backup", "--data", text(stage.server.data()), "--out", text(&copy)])
        .ok();
    ana.run_without_key(&["restore", "--from", text(&copy), "--data", text(&broken)])
        .ok();
    let file = broken.join("holdfast.db");
    let mut bytes = std::fs::read(&file).expect("the database");
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..64].fill(0xff);
    }
    std::fs::write(&file, &bytes).expect("a damaged database");
    let seen = ana.run_without_key(&["doctor", "--data", text(&broken)]);
    assert_eq!((codes(&seen), seen.code), (vec![("database".into(), "bad".into())], 1));
    // The way back that it names.
    ana.run_without_key(&["restore", "--from", text(&copy), "--data", text(&data)])
        .ok();
    ana.run_without_key(&["doctor", "--data", text(&data)]).ok();
    let refused = ana
        .run_without_key(&["restore", "--from", text(&copy), "--data", text(&data)])
        .fails(14);
    assert_eq!(refused["code"], "already-exists");
}

#[test]
fn the_doctor_looks_at_a_device() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let nobody = Person::nobody(root.path(), &server.url(), "nobody");
    assert_eq!(
        codes(&nobody.run_without_key(&["doctor"])),
        [("account".into(), "warn".into())]
    );
    let ana = Person::sign_up(root.path(), &server.url(), ANA);
    let seen = ana.run_without_key(&["doctor"]);
    assert_eq!((codes(&seen), seen.code), (vec![], 0), "{}", seen.stdout);
    let said = seen.json["findings"].as_array().expect("findings").clone();
    let of = |code: &str| {
        said.iter()
            .find(|finding| finding["code"] == code)
            .unwrap_or_else(|| panic!("no {code}"))
    };
    assert!(of("agent")["message"].as_str().expect("text").contains("answers"));
    for code in [
        "permissions",
        "database",
        "disk-space",
        "account",
        "uploads",
        "spool",
        "server",
        "clock",
    ] {
        assert_eq!(of(code)["level"], "ok", "{code}");
    }
    let report = ana.run_without_key(&["doctor", "--diagnostics"]).ok()["text"]
        .as_str()
        .expect("a text")
        .to_owned();
    for name in [ANA, "ana", text(root.path()), "127.0.0.1"] {
        assert!(!report.contains(name), "{name}: {report}");
    }

    server.kill();
    let seen = ana.run_without_key(&["doctor"]);
    assert_eq!((codes(&seen), seen.code), (vec![("server".into(), "warn".into())], 0));
    ana.run(&["lock"]).ok();
    let spool = ana.profile().join("spool");
    std::fs::write(spool.join("left"), [1; 100]).expect("a file");
    assert!(codes(&ana.run_without_key(&["doctor"])).contains(&("spool".into(), "warn".into())));
    std::fs::set_permissions(&spool, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let seen = ana.run_without_key(&["doctor"]);
    assert!(
        seen.code == 1 && codes(&seen).contains(&("permissions".into(), "bad".into())),
        "{}",
        seen.stdout
    );
    std::fs::set_permissions(&spool, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    let file = ana.profile().join("profile.db");
    std::fs::write(&file, [7; 8192]).expect("a damaged database");
    let seen = ana.run_without_key(&["doctor"]);
    assert!(
        seen.code == 1 && codes(&seen).contains(&("database".into(), "bad".into())),
        "{}",
        seen.stdout
    );
}
