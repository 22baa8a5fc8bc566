//! A node of its own for each test: another user's process, whatever user the tests are. What it left behind is looked for after each of its ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

#[path = "../../../../tests/src/walls.rs"]
#[allow(unreachable_pub, reason = "it is public where the file belongs")]
mod walls;

pub(crate) use walls::walls;

pub(crate) struct Node {
    folder: tempfile::TempDir,
    program: PathBuf,
    /// None where the tests are no root themselves.
    pub(crate) user: Option<u32>,
}

/// What a run showed.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) metrics: Vec<Value>,
    pub(crate) notes: Vec<String>,
    pub(crate) end: Value,
}

impl Node {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().unwrap();
        let root = rustix::process::geteuid().is_root();
        let number = std::process::id() * 64 + NUMBER.fetch_add(1, Ordering::Relaxed);
        let user = root.then_some(100_000 + number % 400_000);
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if let Some(user) = user {
            chown(folder.path(), Some(user), Some(user)).unwrap();
        }
        let built = Path::new(env!("CARGO_BIN_EXE_holdfast-node-trial"));
        let program = if built
            .ancestors()
            .skip(1)
            .all(|above| above.metadata().unwrap().mode() & 0o1 != 0)
        {
            built.to_path_buf()
        } else {
            // Below somebody's private folder.
            let copy = folder.path().join("trial");
            fs::copy(built, &copy).unwrap();
            copy
        };
        Self { folder, program, user }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file of this computer's, which the node's user may read and write.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        path
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.current_dir("/");
        command
    }

    /// Starts it with a trial, and lets it be.
    pub(crate) fn start(&self, trial: &Trial) -> (Running, BufReader<ChildStdout>) {
        let mut trial = trial.0.clone();
        trial["state"] = json!(self.folder().join("state"));
        let mut command = self.command(&self.program);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(trial.to_string().as_bytes())
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        (Running(child), lines)
    }

    /// Carries a trial out to its end. Afterwards nothing is left, and the executor works as before.
    pub(crate) fn run(&self, trial: &Trial) -> Shown {
        let (mut child, lines) = self.start(trial);
        let mut shown = Shown::default();
        let mut healthy = false;
        for line in lines.lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let text = |key: &str| {
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(line[key].as_str()?)
                    .unwrap();
                Some(String::from_utf8_lossy(&bytes).into_owned())
            };
            shown.out.extend(text("out"));
            shown.err.extend(text("err"));
            if line["metric"].is_array() {
                shown.metrics.push(line["metric"].clone());
            }
            shown.notes.extend(line["note"].as_str().map(str::to_owned));
            if line["how"].is_string() {
                shown.end = line.clone();
            }
            healthy |= line["healthy"] == true;
            assert!(line["error"].is_null(), "{line}");
        }
        assert!(child.0.wait().unwrap().success(), "{shown:?}");
        assert_eq!(shown.end["clean"], true, "{shown:?}");
        assert!(healthy, "the next run works: {shown:?}");
        self.assert_nothing_left();
        shown
    }

    /// No process, and no file of a run.
    pub(crate) fn assert_nothing_left(&self) {
        let left: Vec<_> = fs::read_dir(self.folder().join("state/runs"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != ".lock")
            .collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(self.processes(), Vec::<String>::new());
    }

    /// Processes of this node's user, or those that name its folder.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let path = entry.path();
            let Ok(words) = fs::read(path.join("cmdline")) else {
                continue;
            };
            let words = String::from_utf8_lossy(&words).replace('\0', " ");
            let theirs = match self.user {
                Some(user) => path.metadata().is_ok_and(|metadata| metadata.uid() == user),
                // What is inside has its folders from here.
                None => {
                    let folder = self.folder().to_string_lossy();
                    let mounts = fs::read_to_string(path.join("mountinfo")).unwrap_or_default();
                    words.contains(&*folder) || mounts.contains(&*folder)
                }
            };
            if theirs && !words.contains("a-neighbour") {
                found.push(words);
            }
        }
        found
    }
}

/// A node at work. A test that fails does not leave it behind.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for something.
pub(crate) fn soon(what: &str, done: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A task and how it is run.
pub(crate) struct Trial(pub(crate) Value);

impl Trial {
    /// A Python program, with more lines for its manifest.
    pub(crate) fn python(manifest: &str, program: &str) -> Self {
        Self::of("python", manifest, program)
    }

    pub(crate) fn shell(manifest: &str, program: &str) -> Self {
        Self::of("shell", manifest, program)
    }

    pub(crate) fn of(runtime: &str, manifest: &str, program: &str) -> Self {
        let manifest = format!("format = 1\nname = \"Trial\"\nruntime = \"{runtime}\"\nentry = \"main\"\n{manifest}");
        Self(json!({ "files": { "holdfast-task.toml": manifest, "main": program } }))
    }

    pub(crate) fn with(mut self, key: &str, value: Value) -> Self {
        self.0[key] = value;
        self
    }
}

impl Shown {
    pub(crate) fn how(&self) -> &str {
        self.end["how"].as_str().unwrap_or_default()
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.end[key].as_u64().unwrap()
    }
}
