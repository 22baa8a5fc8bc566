//! Ana with a server, a device of the test's own that knows her keys, and everything that her programs said.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_crypto::rsa::raw;
use holdfast_crypto::{Phrase, SecondSecret};
use holdfast_device::{HttpTransport, SqliteStore, SystemClock};
use holdfast_engine::{Host, Keyring, Second, Session};
use holdfast_protocol::id::SpaceId;
use holdfast_tests::eye::{Canaries, Class, Found as Searched, Searcher};
use holdfast_tests::scan::{Found, process, processes, scan_for};
use holdfast_tests::{Answer, Node, Person, Server};
use serde_json::Value;

use crate::disk::{Expected, expect};
use crate::watch::Watch;

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Her second secret as it is shown, and kept on her computer.
pub(crate) const SECOND: &str = "second secret, as shown";

/// Where a session takes place.
pub(crate) struct Stage {
    pub(crate) watch: Watch,
    pub(crate) ana: Person,
    pub(crate) server: Server,
    pub(crate) canaries: Canaries,
    /// Ana's second secret.
    second: String,
    said: RefCell<Vec<u8>>,
    /// What only this test has: it is not looked through.
    own: tempfile::TempDir,
    // The last to go: until then Ana can lock.
    pub(crate) root: tempfile::TempDir,
}

impl Stage {
    /// Signs Ana up. Her own name is a canary, and so are her Master Key and her second secret.
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let watch = Watch::begin(root.path());
        let server = Server::start_saying(&root.path().join("server"), &[], Some("trace"));
        let ana = Person::nobody(root.path(), &server.url(), "ana@example.org");
        let mut stage = Self {
            watch,
            ana,
            server,
            canaries: Canaries::new(),
            second: String::new(),
            said: RefCell::default(),
            own: tempfile::tempdir().expect("a folder"),
            root,
        };
        let name = stage.typed("own name");
        let made = stage.sign_up(&stage.ana, &name, &["--second-secret"]);
        stage.second = made["second_secret"].as_str().expect("a second secret").to_owned();
        let bare = stage.second.replace('-', "");
        for (label, text) in [(SECOND, &stage.second), ("second secret, bare", &bare)] {
            stage.canaries.adopt(Class::Unsent, label, text.as_bytes());
        }
        stage
    }

    /// Signs somebody up, whose Master Key is a canary.
    pub(crate) fn sign_up(&self, person: &Person, name: &str, more: &[&str]) -> Value {
        let kit = person.kit();
        // It shows the Master Key, and nothing else ever does.
        let made = person.joins(&[&["--name", name, "--kit", &kit.to_string_lossy()], more].concat());
        let phrase = made["master_key"].as_str().expect("a Master Key");
        self.canaries.adopt(
            Class::Unsent,
            &format!("Master Key of {}", person.handle()),
            phrase.as_bytes(),
        );
        made
    }

    /// Where it may lie.
    pub(crate) fn her_second_secret(&self) -> [Expected; 2] {
        [
            expect(self.ana.kit(), &[SECOND], "it is there for the next computer"),
            expect(
                self.ana.profile(),
                &[SECOND],
                "in the database or its log: unlocking takes it before anything opens",
            ),
        ]
    }

    /// A name that is typed on a command line.
    pub(crate) fn typed(&self, label: &str) -> String {
        self.canaries.make(Class::Project, &format!("typed: {label}"))
    }

    /// What is never typed: contents, names of files, values.
    pub(crate) fn hidden(&self, label: &str) -> String {
        self.canaries.make(Class::Sealed, &format!("hidden: {label}"))
    }

    /// A path of Ana's own, where she keeps what she uploads.
    pub(crate) fn hers(&self, name: &str) -> PathBuf {
        let path = self.ana.home().join("hers").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        path
    }

    /// A value in a file of hers, as an argument names it.
    pub(crate) fn value(&self, field: &str, label: &str) -> String {
        let path = self.hers(&format!("value of {label}").replace(' ', "-"));
        std::fs::write(&path, self.hidden(label)).expect("a file");
        format!("{field}=@{}", path.display())
    }

    /// Runs a command of somebody's that must succeed, as talkative as it can be made.
    pub(crate) fn run(&self, who: &Person, args: &[&str]) -> Value {
        let output = who
            .command(args)
            .env("HOLDFAST_MASTER_KEY_FILE", who.key_file())
            .env("RUST_LOG", "trace")
            .output()
            .expect("the binary runs");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let answer = Answer {
            code: output.status.code().unwrap_or(-1),
            json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
            stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        self.heard(answer).ok()
    }

    /// Keeps what a command said beside its answer.
    pub(crate) fn heard(&self, answer: Answer) -> Answer {
        self.said.borrow_mut().extend_from_slice(answer.stderr.as_bytes());
        answer
    }

    /// Ana's command.
    pub(crate) fn done(&self, args: &[&str]) -> Value {
        self.run(&self.ana, args)
    }

    /// What programs said to a person beside their answers repeats names that were typed at most.
    pub(crate) fn nothing_was_said(&self) {
        let all = self.canaries.all();
        let mut found = Searched::new();
        Searcher::new(&all).search(&self.said.borrow(), &mut found);
        let labels: Vec<_> = found
            .keys()
            .map(|&at| &all[at].label)
            .filter(|label| !label.starts_with("typed"))
            .collect();
        assert!(labels.is_empty(), "{labels:?}");
    }

    /// The process that keeps Ana's keys.
    pub(crate) fn agent(&self) -> u32 {
        let lock = std::fs::read_to_string(self.ana.profile().join("profile.lock")).expect("who has the profile");
        lock.lines()
            .next()
            .and_then(|line| line.parse().ok())
            .expect("a process")
    }

    /// Ana on a device of this test's own. Her keys are canaries from here on.
    pub(crate) async fn keys(&self, project: &str) -> Session {
        let session = self.session("looker").await;
        adopt_keyring(&self.canaries, "key of Ana", &session.keyring());
        let view = session
            .view(project.parse::<SpaceId>().expect("an id"))
            .await
            .expect("the project");
        let epoch = view.space.current_key().expect("its key");
        self.canaries
            .adopt(Class::Unsent, "key of the project", epoch.key().expose());
        session
    }

    async fn session(&self, store: &str) -> Session {
        let text = std::fs::read_to_string(self.ana.key_file()).expect("the Master Key");
        let phrase = Phrase::new(text.trim()).expect("a Master Key");
        let second = Second::Given(SecondSecret::parse(&self.second).expect("a second secret"));
        let host = self.host(&self.own.path().join(store)).await;
        Session::sign_in_with(host, self.ana.handle(), &phrase, second)
            .await
            .expect("she signs in")
    }

    async fn host(&self, store: &Path) -> Host {
        Host {
            transport: Arc::new(HttpTransport::new(&self.server.url()).expect("an address")),
            store: Arc::new(SqliteStore::open(store).await.expect("a store")),
            clock: Arc::new(SystemClock),
        }
    }

    /// Makes the keys of a node canaries, and its secret, which opens a copy of its store.
    pub(crate) async fn keys_of(&self, node: &Node) {
        let text = std::fs::read_to_string(node.secret_file()).expect("its secret");
        self.canaries
            .adopt(Class::Unsent, "secret of the node", text.trim().as_bytes());
        let copy = self.own.path().join("node");
        for end in ["", "-wal"] {
            let from = node.home().join(format!("profile/profile.db{end}"));
            if from.exists() {
                std::fs::copy(from, format!("{}{end}", copy.display())).expect("a copy");
            }
        }
        let phrase = Phrase::new(text.trim()).expect("its secret");
        let session = Session::unlock(self.host(&copy).await, &phrase)
            .await
            .expect("it opens");
        adopt_keyring(&self.canaries, "key of the node", &session.keyring());
    }

    /// Which canaries lie in the memory of a process and of all below it.
    pub(crate) fn memory(&self, pid: u32) -> Vec<Found> {
        let clock = Instant::now();
        let all = self.canaries.all();
        let searcher = Searcher::new(&all);
        let mut found: Vec<Found> = processes(pid)
            .iter()
            .flat_map(|process| scan_for(process, &searcher, &all))
            .collect();
        found.sort();
        eprintln!("looked through the memory of {pid} in {:.1?}", clock.elapsed());
        found
    }

    /// The same, where nothing is to be but labels that begin so. Threads that worked for the last command end a second later.
    pub(crate) fn memory_but(&self, pid: u32, but: &[&str]) -> Vec<Found> {
        for _ in 0..6 {
            let found = self.memory(pid);
            if besides(&found, but).is_empty() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        let found = self.memory(pid);
        assert!(besides(&found, but).is_empty(), "{:#?}", besides(&found, but));
        found
    }

    /// The server never has anything.
    pub(crate) fn server_has_none(&self) {
        let found = self.memory(self.server.pid());
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// Keys that come of a Master Key or a node's secret. Of long ones, pieces.
fn adopt_keyring(canaries: &Canaries, whose: &str, keyring: &Keyring) {
    let current = keyring.current();
    let (prk, bits) = (current.prk(), current.bundle().rsa.bits());
    let parts = raw::components(prk.rsa_seed(bits).expose(), bits.get(), None).expect("a pair");
    let adopt = |what: &str, bytes: &[u8]| canaries.adopt(Class::Unsent, &format!("{whose}: {what}"), bytes);
    adopt("root", prk.expose());
    adopt("RSA seed", prk.rsa_seed(bits).expose());
    adopt("signing seed", prk.sign_key().expose());
    adopt("for this device", prk.local_key().expose());
    adopt("for links", prk.link_key().expose());
    for (name, number) in [
        ("prime p", &parts.p),
        ("prime q", &parts.q),
        ("private exponent", &parts.d),
    ] {
        adopt(&format!("{name}, its beginning"), &number[..32]);
        adopt(&format!("{name}, its end"), &number[number.len() - 32..]);
    }
}

/// Labels of what was found, without those that begin so.
fn besides<'f>(found: &'f [Found], but: &[&str]) -> Vec<&'f Found> {
    let known = |found: &&Found| !but.iter().any(|label| found.what.starts_with(label));
    found.iter().filter(known).collect()
}

/// Whether something with such a label was found.
pub(crate) fn has(found: &[Found], label: &str) -> bool {
    found.iter().any(|found| found.what.starts_with(label))
}

/// Waits for something that comes by itself.
pub(crate) fn soon(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether there is such a process.
pub(crate) fn lives(pid: u32) -> bool {
    !process(pid).name.is_empty()
}

/// Whether other processes can be looked into at all: only root may.
pub(crate) fn may_look() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: only root may look into other processes");
    }
    root
}

/// What the system would write down of a process that crashes: nothing.
pub(crate) fn leaves_no_core(pid: u32) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).expect("its limits");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .expect("that limit");
    let both: Vec<&str> = core.split_whitespace().skip(4).take(2).collect();
    assert_eq!(both, ["0", "0"], "{core}");
}
