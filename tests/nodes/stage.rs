//! What the tests of nodes have in common.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdfast_crypto::Phrase;
use holdfast_device::{HttpTransport, SqliteStore, SystemClock};
use holdfast_engine::{Host, Session};
use holdfast_protocol::id::SpaceId;
use holdfast_tests::{Node, Person, Server};
use serde_json::Value;

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// Somebody with a project, and her server.
pub(crate) struct Stage {
    pub(crate) root: tempfile::TempDir,
    pub(crate) server: Server,
    pub(crate) ana: Person,
}

/// Somebody on a device of this test's own: the engine itself, where the command line can't say what is wanted.
pub(crate) async fn on_another_device(server: &Server, root: &Path, person: &Person) -> Session {
    let host = Host {
        transport: Arc::new(HttpTransport::new(&server.url()).expect("an address")),
        store: Arc::new(
            SqliteStore::open(&root.join("another-device.db"))
                .await
                .expect("a store"),
        ),
        clock: Arc::new(SystemClock),
    };
    let phrase = std::fs::read_to_string(person.key_file()).expect("the Master Key");
    let session = Session::sign_in(
        host,
        person.handle(),
        &Phrase::new(phrase.trim()).expect("a Master Key"),
    )
    .await
    .expect("she signs in");
    session.vault().await.expect("her vault");
    session
}

/// Waits for something that comes by itself.
pub(crate) fn soon(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A project called Lab.
pub(crate) fn stage() -> Stage {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Lab"]).ok();
    Stage { root, server, ana }
}

impl Stage {
    /// A node that Ana authorised for the project and that works.
    pub(crate) fn node(&self, name: &str, options: &[&str]) -> Node {
        let mut node = Node::enrol(&self.ana, &self.server.url(), name);
        let args = [&["node", "authorise", "Lab", name], options].concat();
        self.ana.run(&args).ok();
        node.start(&[]);
        node
    }

    /// Puts a task of one shell script into the project.
    pub(crate) fn script(&self, name: &str, manifest: &str, script: &str) {
        let folder = self.root.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let manifest = format!("format = 1\nname = \"{name}\"\nruntime = \"shell\"\nentry = \"main.sh\"\n{manifest}");
        std::fs::write(folder.join("holdfast-task.toml"), manifest).expect("a manifest");
        std::fs::write(folder.join("main.sh"), script).expect("a script");
        self.upload("task", name, &folder);
    }

    /// Uploads the contents of a folder.
    pub(crate) fn upload(&self, kind: &str, name: &str, folder: &Path) {
        let mut args = vec![kind.to_owned(), "upload".into(), "Lab".into()];
        args.extend(entries(folder).iter().map(|path| path.display().to_string()));
        args.extend(["--name".to_owned(), name.to_owned()]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.ana.run(&args).ok();
    }

    /// The id of a project of Ana's.
    pub(crate) fn project(&self, name: &str) -> SpaceId {
        let listed = self.ana.run(&["project", "list"]).ok();
        let all = listed.as_array().expect("projects");
        let found = all.iter().find(|project| project["name"] == name);
        let id = found.expect("the project")["id"].as_str().expect("an id");
        id.parse().expect("an id")
    }

    /// Starts a run and gives its id.
    pub(crate) fn start(&self, args: &[&str]) -> String {
        let started = self.ana.run(&[&["run", "start"], args].concat()).ok();
        started["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until a run is over, and shows it.
    pub(crate) fn over(&self, run: &str) -> Value {
        self.until(run, is_over)
    }

    /// Waits until a run is as it should be, and shows it.
    pub(crate) fn until(&self, run: &str, good: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let shown = self.ana.run(&["run", "show", run]).ok();
            if good(&shown) {
                return shown;
            }
            assert!(begun.elapsed() < PATIENCE, "{shown:#}");
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    /// The whole log of a run as text.
    pub(crate) fn log(&self, run: &str) -> String {
        let output = self
            .ana
            .command(&["run", "logs", run])
            .env("HOLDFAST_MASTER_KEY_FILE", self.ana.key_file())
            .output()
            .expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn is_over(shown: &Value) -> bool {
    shown["over"] == true
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    all.sort();
    all
}

/// A folder of this repository.
pub(crate) fn of_ours(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every file below a folder.
pub(crate) fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            all.extend(files_of(&path));
        } else {
            all.push(path);
        }
    }
    all
}
