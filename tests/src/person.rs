//! Somebody with a profile folder and a Master Key in a file, who types commands.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Somebody who uses the command line.
pub struct Person {
    handle: String,
    home: PathBuf,
    server: String,
}

/// What a command printed and how it ended.
pub struct Answer {
    /// Exit code.
    pub code: i32,
    /// The JSON document on standard output (null when there was none).
    pub json: Value,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Answer {
    /// The JSON document of a command that must have succeeded.
    ///
    /// # Panics
    /// When it ended with another code than 0.
    #[allow(clippy::must_use_candidate, reason = "often only the exit code matters")]
    pub fn ok(self) -> Value {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.json
    }

    /// Requires an exit code.
    ///
    /// # Panics
    /// When it ended otherwise.
    #[allow(clippy::must_use_candidate, reason = "often only the exit code matters")]
    pub fn fails(self, code: i32) -> Value {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.json
    }
}

impl Person {
    /// Signs up with 2048 bits at the lowest cost the product allows, and unlocks the agent.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    pub fn sign_up(root: &Path, server: &str, handle: &str) -> Self {
        let person = Self::locked(root, server, handle);
        person.run(&["unlock"]).ok();
        person
    }

    /// The same, without unlocking.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    pub fn locked(root: &Path, server: &str, handle: &str) -> Self {
        let person = Self::nobody(root, server, handle);
        person.joins(&["--name", handle]);
        person
    }

    /// Signs up with a Recovery Kit ([`Self::kit`]), without unlocking.
    ///
    /// # Panics
    /// When that does not work.
    #[must_use]
    pub fn with_kit(root: &Path, server: &str, handle: &str) -> Self {
        let person = Self::nobody(root, server, handle);
        person.joins(&["--kit", &person.kit().to_string_lossy()]);
        person
    }

    /// Makes an account for somebody who has none, with 2048 bits at the lowest cost the product allows: with the Master Key
    /// that was kept, or else with a generated one, which is kept. Returns what was said.
    ///
    /// # Panics
    /// When that does not work.
    #[allow(clippy::must_use_candidate, reason = "most want the account alone")]
    pub fn joins(&self, more: &[&str]) -> Value {
        let args = ["signup", "--server", &self.server, "--handle", &self.handle];
        let args = [&args[..], &["--bits", "2048", "--kdf-log2-n", "17"], more].concat();
        if self.key_file().exists() {
            return self.run(&args).ok();
        }
        let made = self.run_without_key(&[&args[..], &["--generate"]].concat()).ok();
        self.keep_key(made["master_key"].as_str().expect("a generated Master Key"));
        made
    }

    /// Somebody with a folder and no account.
    ///
    /// # Panics
    /// When the folder can't be made.
    #[must_use]
    pub fn nobody(root: &Path, server: &str, handle: &str) -> Self {
        let home = root.join(handle.replace(['@', '.'], "-"));
        std::fs::create_dir_all(&home).expect("a home folder");
        Self {
            handle: handle.to_owned(),
            home,
            server: server.to_owned(),
        }
    }

    /// A second, empty device of the same person (another folder, the same Master Key file).
    ///
    /// # Panics
    /// When the folder can't be made.
    #[must_use]
    pub fn second_device(&self) -> Self {
        let home = self.home.with_extension("device2");
        std::fs::create_dir_all(&home).expect("a home folder");
        std::fs::copy(self.key_file(), home.join("master-key")).expect("the Master Key file");
        Self {
            handle: self.handle.clone(),
            home,
            server: self.server.clone(),
        }
    }

    /// What this person signs in with.
    #[must_use]
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// Where the person's files are.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The Recovery Kit, where there is one.
    #[must_use]
    pub fn kit(&self) -> PathBuf {
        self.home.join("kit.pdf")
    }

    /// The profile folder.
    #[must_use]
    pub fn profile(&self) -> PathBuf {
        self.home.join("profile")
    }

    /// The file with the Master Key.
    #[must_use]
    pub fn key_file(&self) -> PathBuf {
        self.home.join("master-key")
    }

    /// Writes the Master Key file.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn keep_key(&self, phrase: &str) {
        std::fs::write(self.key_file(), format!("{phrase}\n")).expect("the Master Key file");
    }

    /// Writes a file in the person's folder and gives its path.
    ///
    /// # Panics
    /// When it can't be written.
    #[must_use]
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.home.join(name);
        std::fs::write(&path, content).expect("a file");
        path.display().to_string()
    }

    /// Runs a command with `--json` and the Master Key file at hand.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Answer {
        self.finish(self.command(args).env("HOLDFAST_MASTER_KEY_FILE", self.key_file()))
    }

    /// Runs a command with `--json` and no Master Key to be found.
    #[must_use]
    pub fn run_without_key(&self, args: &[&str]) -> Answer {
        self.finish(&mut self.command(args))
    }

    /// Starts a command and does not wait for it.
    ///
    /// # Panics
    /// When it can't be started.
    #[must_use]
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args)
            .env("HOLDFAST_MASTER_KEY_FILE", self.key_file())
            .spawn()
            .expect("the binary starts")
    }

    /// The command, hermetic: nothing of the machine's own profile or environment is seen.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(crate::binary());
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("TMPDIR", self.temporary())
            .env("HOLDFAST_PROFILE", self.profile())
            .args(["--json"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn temporary(&self) -> PathBuf {
        let path = self.home.join("tmp");
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        path
    }

    fn runtime(&self) -> PathBuf {
        let path = self.home.join("run");
        if !path.exists() {
            std::fs::create_dir_all(&path).expect("a runtime folder");
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(&path, mode).expect("its mode");
        }
        path
    }

    fn finish(&self, command: &mut Command) -> Answer {
        let output = command.output().expect("the holdfast binary runs");
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        Answer {
            code: output.status.code().unwrap_or(-1),
            json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
            stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.run_without_key(&["lock"]);
    }
}
