//! What is left in memory after locking: the program as people run it, with its web processes, is looked through for the Master
//! Key, the private key, a project's key and the value of a secret. Unlocked, the same look finds some: so it sees.
//!
//! Another process's memory is root's to read: without root there is nothing to look at.
#![allow(clippy::print_stderr, reason = "says what it did not do")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_crypto::Phrase;
use holdfast_crypto::rsa::raw;
use holdfast_device::{HttpTransport, SqliteStore, SystemClock};
use holdfast_engine::{Host, Session};
use holdfast_protocol::id::SpaceId;
use holdfast_tests::scan::{Canary, Found, processes, scan};
use holdfast_tests::window::Hands;
use holdfast_tests::{Person, Server};

const VALUE: &str = "ghp_memorycanary7Qm2ZxW41kLr";
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon after locking nothing may be left.
const GONE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn after_locking_no_key_is_left_and_no_page_has_the_secret() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root may read another process's memory");
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let project = ana.run(&["project", "create", "Scans"]).ok()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let value = ana.file("value", VALUE);
    ana.run(&[
        "secret",
        "add",
        "--type",
        "git",
        "--name",
        "ci-token",
        "--field",
        "host=git.example.org",
        "--field",
        &format!("token=@{value}"),
    ])
    .ok();
    ana.run_without_key(&["lock"]).ok();

    let phrase = std::fs::read_to_string(ana.key_file()).expect("the Master Key");
    let phrase = phrase.trim();
    let canaries = canaries(&server, root.path(), phrase, &project).await;

    let window = Hands::open(&ana.profile());
    let typed = type_key(&window, phrase, &canaries);
    assert!(
        typed.iter().any(|found| found.process.starts_with("WebKitWeb")),
        "{typed:#?}"
    );
    window.press("Return");
    until(&ana, true, &window);

    // Web processes have heaps of their own: what wipes the program's is not for them.
    for process in processes(window.pid())
        .iter()
        .filter(|process| process.pid != window.pid())
    {
        let environment = std::fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        for variable in ["Malloc=", "GLIBC_TUNABLES="] {
            let mut set = environment.split(|byte| *byte == 0);
            assert!(
                !set.any(|one| one.starts_with(variable.as_bytes())),
                "{variable} in {process:?}"
            );
        }
    }

    // Unlocked, keys are in the program, and what was revealed is in its page. The page that took the Master Key is gone.
    let open = reveal(&window, &canaries);
    window.shot("memory-revealed");
    for (what, process) in [
        ("prime p", "holdfast-app"),
        ("prime q", "holdfast-app"),
        ("project key", "holdfast-app"),
        ("secret", "WebKitWeb"),
    ] {
        let seen = |found: &Found| found.what == what && found.process.starts_with(process);
        assert!(open.iter().any(seen), "no {what} in {process}: {open:#?}");
    }
    assert!(open.iter().all(|found| found.what != "Master Key"), "{open:#?}");

    window.press("ctrl+l");
    until(&ana, false, &window);
    // The page that showed it goes with its process, which a busy machine takes a moment for.
    let end = Instant::now() + GONE;
    let left = loop {
        let left = look(&window, &canaries);
        if left.is_empty() || Instant::now() > end {
            break left;
        }
    };
    window.shot("memory-locked");
    assert!(left.is_empty(), "{left:#?}");
}

/// Types the Master Key into the page; again if it came before the page was there.
fn type_key(window: &Hands, phrase: &str, canaries: &[Canary]) -> Vec<Found> {
    for _ in 0..10 {
        window.press("ctrl+a");
        window.types(phrase);
        let found = look(window, canaries);
        if !found.is_empty() {
            return found;
        }
    }
    window.shot("memory-missing");
    panic!("the Master Key does not reach the page");
}

/// Goes to the one secret there is with the keyboard, reveals its token and copies it; again if the page was slower than the hands.
fn reveal(window: &Hands, canaries: &[Canary]) -> Vec<Found> {
    let to_the_palette: &[&str] = &["Escape", "Escape", "ctrl+k"];
    // Search, which ones, the button to add one, what else there is, the list.
    let to_the_secret: &[&str] = &["Return", "Tab", "Tab", "Tab", "Tab", "Tab", "Return"];
    // Edit, the menu, copying the host, the eye.
    let to_the_eye: &[&str] = &["Tab", "Tab", "Tab", "Tab", "Return"];
    // In large letters, copying.
    let to_copying: &[&str] = &["Tab", "Tab", "Return"];
    for pause in [400, 800, 1600, 3200] {
        let pause = Duration::from_millis(pause);
        let walk = |keys: &[&str]| {
            for key in keys {
                window.press(key);
                std::thread::sleep(pause);
            }
        };
        walk(to_the_palette);
        window.types("Secrets");
        std::thread::sleep(pause);
        for part in [to_the_secret, to_the_eye, to_copying] {
            walk(part);
        }
        let found = look(window, canaries);
        if found
            .iter()
            .any(|found| found.what == "secret" && found.process.starts_with("WebKitWeb"))
        {
            return found;
        }
    }
    window.shot("memory-missing");
    panic!("the secret is not revealed");
}

/// Everything that must not stay.
async fn canaries(server: &Server, root: &std::path::Path, phrase: &str, project: &str) -> Vec<Canary> {
    let host = Host {
        transport: Arc::new(HttpTransport::new(&server.url()).expect("an address")),
        store: Arc::new(SqliteStore::open(&root.join("looker")).await.expect("a store")),
        clock: Arc::new(SystemClock),
    };
    let typed = Phrase::new(phrase).expect("a Master Key");
    let session = Session::sign_in(host, "ana@example.org", &typed)
        .await
        .expect("she signs in");
    let keyring = session.keyring();
    let prk = keyring.current().prk();
    let bits = keyring.current().bundle().rsa.bits();
    let parts = raw::components(prk.rsa_seed(bits).expose(), bits.get(), None).expect("her pair");
    let space = session
        .view(project.parse::<SpaceId>().expect("an id"))
        .await
        .expect("the project");
    let epoch = space.space.current_key().expect("its key");
    vec![
        Canary::text("Master Key", phrase),
        Canary::bytes("root key", prk.expose()),
        Canary::bytes("prime p", &parts.p),
        Canary::bytes("prime q", &parts.q),
        Canary::bytes("private exponent", &parts.d),
        Canary::bytes("project key", epoch.key().expose()),
        Canary::text("secret", VALUE),
    ]
}

fn look(window: &Hands, canaries: &[Canary]) -> Vec<Found> {
    let clock = Instant::now();
    let all = processes(window.pid());
    let found = all.iter().flat_map(|process| scan(process, canaries)).collect();
    eprintln!(
        "looked through {} processes in {:.1?}: {all:?}",
        all.len(),
        clock.elapsed()
    );
    found
}

/// Waits until the window is unlocked, or locked.
fn until(person: &Person, unlocked: bool, window: &Hands) {
    let end = Instant::now() + PATIENCE;
    while person.run_without_key(&["status"]).ok()["unlocked"] != unlocked {
        if Instant::now() > end {
            window.shot("memory-missing");
            panic!("it does not become unlocked = {unlocked}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    // The page comes anew.
    std::thread::sleep(Duration::from_secs(2));
}
