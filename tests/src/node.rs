//! A computer that does runs: a process of its own user, with a profile of its own.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use crate::{Answer, Person};

/// Users that nobody else is: root gets around the limits that hold for everybody else, so nodes refuse to be root.
const FIRST_USER: u32 = 61_000;
static USERS: AtomicU32 = AtomicU32::new(0);

/// A node.
pub struct Node {
    name: String,
    /// Removed at the end, whoever owns what is in it.
    home: tempfile::TempDir,
    binary: PathBuf,
    user: Option<u32>,
    words: String,
    variables: Vec<(String, String)>,
    child: Option<Child>,
}

impl Node {
    /// Enrols a node that `operator` invites and checks, and that follows what `operator` authorises.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    pub fn enrol(operator: &Person, server: &str, name: &str) -> Self {
        let node = Self::enrol_unchecked(operator, server, name);
        operator.run(&["node", "verify", name, "--words", &node.words]).ok();
        node
    }

    /// The same, without the operator having compared its words.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    pub fn enrol_unchecked(operator: &Person, server: &str, name: &str) -> Self {
        let invited = operator.run(&["node", "invite"]).ok();
        let token = invited["token"].as_str().expect("a token");
        Self::enrol_with(operator, server, name, token)
    }

    /// The same with a token that was drawn already.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    pub fn enrol_with(operator: &Person, server: &str, name: &str, token: &str) -> Self {
        let mut node = Self::nobody(name);
        let words = operator.run(&["words"]).ok()["words"]
            .as_str()
            .expect("words")
            .to_owned();
        let secret = node.secret_file();
        let args = [
            "node",
            "enrol",
            "--server",
            server,
            "--token",
            token,
            "--name",
            name,
            "--generate",
            "--secret-file",
            secret.to_str().expect("a path"),
            "--operator",
            operator.handle(),
            "--operator-words",
            &words,
            "--bits",
            "2048",
            "--kdf-log2-n",
            "17",
        ];
        let made = node.run(&args).ok();
        made["words"].as_str().expect("words").clone_into(&mut node.words);
        node
    }

    fn nobody(name: &str) -> Self {
        let home = tempfile::tempdir().expect("a home folder");
        let user = rustix::process::geteuid()
            .is_root()
            .then(|| FIRST_USER + USERS.fetch_add(1, Ordering::Relaxed) + std::process::id() % 1000 * 4);
        let binary = match user {
            None => crate::binary(),
            // The folder that it was built in may be root's alone.
            Some(_) => {
                let copy = home.path().join("holdfast");
                std::fs::copy(crate::binary(), &copy).expect("a copy of the binary");
                std::fs::set_permissions(&copy, PermissionsExt::from_mode(0o755)).expect("its mode");
                copy
            }
        };
        for folder in ["", "run", "profile", "tmp"] {
            let folder = home.path().join(folder);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).expect("its mode");
            if let Some(user) = user {
                chown(&folder, Some(user), Some(user)).expect("its owner");
            }
        }
        Self {
            name: name.to_owned(),
            home,
            binary,
            user,
            words: String::new(),
            variables: Vec::new(),
            child: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own six words.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Its folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where its secret is.
    #[must_use]
    pub fn secret_file(&self) -> PathBuf {
        self.home.path().join("profile").join("node.secret")
    }

    /// Sets a variable for everything that is run on this computer from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a command on this computer.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Answer {
        let output = self.command(args).output().expect("the holdfast binary runs");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Answer {
            code: output.status.code().unwrap_or(-1),
            json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
            stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path().join("run"))
            .env("TMPDIR", self.home.path().join("tmp"))
            .env("HOLDFAST_PROFILE", self.home.path().join("profile"))
            .envs(self.variables.clone())
            .current_dir(self.home.path())
            .arg("--json")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    /// Begins to work.
    ///
    /// # Panics
    /// When it does not say that it works.
    pub fn start(&mut self, extra: &[&str]) {
        let secret = self.secret_file();
        let log = self.log_file();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log");
        let args = [
            &["node", "start", "--secret-file", secret.to_str().expect("a path")],
            extra,
        ]
        .concat();
        let mut child = self.command(&args).stderr(log).spawn().expect("the binary starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("its standard output");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let said: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        assert_eq!(said["running"], true, "{line}\n{}", self.log());
        self.child = Some(child);
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("log")
    }

    /// Its process, while it works.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it at once, as the loss of power would.
    ///
    /// # Panics
    /// When it does not work.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("a node that works");
        child.kill().expect("it can be ended");
        child.wait().expect("it ends");
    }

    /// Asks it to end, and waits.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("a node that works");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it can be asked");
        assert!(child.wait().expect("it ends").success(), "{}", self.log());
    }
}

impl Drop for Node {
    #[allow(clippy::print_stderr, reason = "what a node said is wanted when its test failed")]
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the log of the node {}:\n{}", self.name, self.log());
        }
    }
}
