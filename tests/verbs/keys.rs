//! The Master Key and the Recovery Kit: made, lost, found again, changed.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use holdfast_tests::{Event, Moment, Person, Relay, Server, Verdict, kit_words};
use serde_json::Value;

const CHEAP: [&str; 2] = ["--kdf-log2-n", "17"];

/// Signs somebody up with a kit, and gives the file of the kit's words.
fn with_kit(root: &Path, server: &Server, handle: &str) -> (Person, String) {
    let person = Person::with_kit(root, &server.url(), handle);
    let code = person.file("code", &kit_words(&person.kit()));
    (person, code)
}

fn keep_token(person: &Person) {
    let token = format!("token=@{}", person.file("t", "my token"));
    person
        .run(&["secret", "add", "--type", "git", "--name", "GitHub", "--field", &token])
        .ok();
}

fn token(person: &Person) -> Value {
    let shown = person.run(&["secret", "show", "GitHub", "--reveal"]).ok();
    shown["fields"][0]["value"].clone()
}

/// A profile that knows nothing, and a kit on paper: that is all that is left.
#[test]
fn a_kit_alone_opens_the_account_on_a_bare_profile() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let (ana, code) = with_kit(root.path(), &server, "ana@example.org");
    keep_token(&ana);
    let bare = Person::nobody(root.path(), &server.url(), "bare");
    let next = bare.home().join("next.pdf").display().to_string();
    let url = server.url();
    let args = [
        "key",
        "recover",
        "--server",
        &url,
        "--kit-code-file",
        &code,
        "--generate",
        "--kit",
        &next,
    ];
    let made = bare.run_without_key(&[&args[..], &CHEAP].concat()).ok();
    assert_eq!(made["handle"], "ana@example.org");
    assert_eq!(made["kit"], next.as_str());
    assert_eq!(made["skipped"], serde_json::json!([]));
    bare.keep_key(made["master_key"].as_str().expect("a Master Key"));
    assert_eq!(token(&bare), "my token");
    // The kit that was used has ended, and the next one counts.
    let told = bare.run(&["kit", "test", "--kit-code-file", &code]).fails(12);
    assert_eq!(told["message"], "This Recovery Kit opens no account on this server.");
    let code = bare.file("next", &kit_words(Path::new(&next)));
    bare.run(&["kit", "test", "--kit-code-file", &code]).ok();
    // The old device is told, and comes in with the new Master Key.
    ana.run(&["project", "list"]).fails(21);
    std::fs::copy(bare.key_file(), ana.key_file()).expect("the key");
    ana.run(&["signin", "--server", &server.url(), "--handle", "ana@example.org"])
        .ok();
    assert_eq!(token(&ana), "my token");
}

/// The Master Key is forgotten, the profile is there: it is kept with all it knew. Somebody else's is refused.
#[test]
fn recovery_works_in_the_profile_of_the_same_account() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let (ana, code) = with_kit(root.path(), &server, "ana@example.org");
    let (ben, bens) = with_kit(root.path(), &server, "ben@example.org");
    keep_token(&ana);
    ana.run(&["project", "create", "Scans"]).ok();
    let words = ben.run(&["words"]).ok()["words"].clone();
    ana.run(&["verify", "ben@example.org", "--words", words.as_str().expect("words")])
        .ok();
    let url = server.url();
    let recover = |code: &str| {
        let args = [
            "key",
            "recover",
            "--server",
            &url,
            "--kit-code-file",
            code,
            "--generate",
        ];
        ana.run_without_key(&[&args[..], &CHEAP].concat())
    };
    assert_eq!(recover(&bens).fails(14)["code"], "profile-taken");
    ben.run(&["kit", "test", "--kit-code-file", &bens]).ok();

    let made = recover(&code).ok();
    ana.keep_key(made["master_key"].as_str().expect("a Master Key"));
    assert_eq!(token(&ana), "my token");
    assert_eq!(
        ana.run(&["words", "ben@example.org"]).ok()["checked"]["state"],
        "checked"
    );
    // What this device had is still its own: it can be read without the server.
    server.kill();
    assert_eq!(token(&ana), "my token");
    assert_eq!(ana.run(&["project", "list"]).ok()[0]["name"], "Scans");
}

/// The judge of a relay that holds a request until the test has looked.
struct Held {
    reached: Receiver<()>,
    go: SyncSender<Verdict>,
}

fn hold(server: &Server, relay: Relay, at: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Held {
    let (tell, reached) = sync_channel(1);
    let (go, wait) = sync_channel(1);
    let wait = Mutex::new(wait);
    relay.open(
        server.port(),
        Arc::new(move |event: &Event| {
            if !at(event) {
                return Verdict::Go;
            }
            let _ = tell.send(());
            let wait = wait.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            wait.recv().unwrap_or(Verdict::Cut)
        }),
    );
    Held { reached, go }
}

/// The power fails while the server makes the account: the Master Key was shown before.
#[test]
fn a_generated_master_key_is_shown_before_the_account_is_made() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let relay = Relay::bind();
    let url = relay.url();
    let held = hold(&server, relay, |event| {
        event.path == "/v1/accounts" && event.moment == Moment::Answered
    });
    let ana = Person::nobody(root.path(), &url, "ana@example.org");
    let args = [
        "signup",
        "--server",
        &url,
        "--handle",
        "ana@example.org",
        "--generate",
        "--bits",
        "2048",
    ];
    let mut child = ana.start(&[&args[..], &CHEAP].concat());
    held.reached.recv().expect("the server made it");
    child.kill().expect("it runs");
    let output = child.wait_with_output().expect("its end");
    let _ = held.go.send(Verdict::Cut);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("Your Master Key:"), "{said}");
    // And it is the one that opens the account.
    let phrase = said
        .lines()
        .map(str::trim)
        .find(|line| line.split(' ').count() == 8)
        .expect("eight words");
    let other = Person::nobody(root.path(), &server.url(), "other");
    other.keep_key(phrase);
    other
        .run(&["signin", "--server", &server.url(), "--handle", "ana@example.org"])
        .ok();
}

/// The Master Key is changed on one device; the other one, which knows the account, is told and signs in with the new one.
#[test]
fn a_known_profile_signs_in_after_a_key_change_elsewhere() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), "ana@example.org");
    keep_token(&ana);
    let laptop = ana.second_device();
    let sign_in = |person: &Person| person.run(&["signin", "--server", &server.url(), "--handle", "ana@example.org"]);
    sign_in(&laptop).ok();
    assert_eq!(token(&laptop), "my token");

    let next = ana.file(
        "next",
        "many plethora upward blah expediter wrongness enamel unshaved\n",
    );
    let args = ["key", "change", "--new-master-key-file", &next];
    let changed = ana.run(&[&args[..], &CHEAP].concat()).ok();
    assert_eq!(
        (&changed["kit"], &changed["skipped"]),
        (&Value::Null, &serde_json::json!([]))
    );
    laptop.run(&["project", "list"]).fails(21);
    sign_in(&laptop).fails(10);
    std::fs::copy(&next, laptop.key_file()).expect("the key");
    laptop.run(&["project", "list"]).fails(10);
    assert_eq!(sign_in(&laptop).ok()["words"], changed["words"]);
    assert_eq!(token(&laptop), "my token");
}

#[test]
fn an_unlocked_agent_keeps_its_keys_out_of_the_swap_file() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), "ana@example.org");
    assert_eq!(ana.run_without_key(&["status"]).ok()["keys_held"], Value::Null);
    ana.run(&["unlock"]).ok();
    ana.run(&["project", "create", "Scans"]).ok();
    assert_eq!(ana.run_without_key(&["status"]).ok()["keys_held"], true);
    let lock = std::fs::read_to_string(ana.profile().join("profile.lock")).expect("who has the profile");
    let pid = lock.lines().next().expect("a process");
    // As the system counts it: of the process, and of each of its mappings (which only root may read).
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the agent");
    let locked = |text: &str, name: &str| -> u64 {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines
            .filter_map(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok())
            .sum()
    };
    assert!(locked(&status, "VmLck:") > 0, "{status}");
    if rustix::process::geteuid().is_root() {
        let mappings = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("its mappings");
        assert!(locked(&mappings, "Locked:") > 0);
    }
}
