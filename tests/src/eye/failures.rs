//! Plants canaries in commands that fail: what was typed for nothing must not be sent either.

use holdfast_crypto::word_list;

use super::canary::Class;
use super::plant::Planter;
use crate::{Person, Server};

/// Exit codes of the command line.
const OTHER_OR_USAGE: [i32; 2] = [1, 2];
const WRONG_KEY: i32 = 10;
const NOT_FOUND: i32 = 12;
const EXISTS: i32 = 14;
const CHANGED: i32 = 21;
const UNREACHABLE: i32 = 30;

impl Planter<'_> {
    /// Wrong names, missing files, wrong words and values where none belong, while unlocked.
    ///
    /// # Panics
    /// When a command does something else than fail as it should.
    pub fn failures(&self, project: &str, other: &Person) {
        let make = |label: &str| self.canaries.make(Class::Unsent, &format!("failure: {label}"));
        let folder = self.person.home().join(make("folder"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(make("file name")), make("content")).expect("a file");
        let folder = folder.display().to_string();

        let missing = self.person.home().join(make("missing path")).display().to_string();
        let note = make("note of a missing path");
        let code = self
            .run(&["dataset", "upload", project, &missing, "--name", "X", "--note", &note])
            .code;
        assert!([1, NOT_FOUND, 15].contains(&code), "{code}");
        self.run(&["dataset", "upload", &make("project"), &folder, "--name", &make("item")])
            .fails(NOT_FOUND);
        let to = self.person.home().join(make("where to")).display().to_string();
        let absent = make("missing item");
        self.run(&["dataset", "download", &format!("{project}/{absent}"), "--to", &to])
            .fails(NOT_FOUND);
        self.run(&["secret", "show", &make("missing secret"), "--in", project, "--reveal"])
            .fails(NOT_FOUND);
        let value = self.field("token", &make("value for a missing project"));
        let secret = [
            "secret",
            "add",
            "--type",
            "git",
            "--name",
            "X",
            "--in",
            &make("missing project"),
            "--field",
            &value,
        ];
        self.run(&secret).fails(NOT_FOUND);
        let shown = format!("token={}", make("value on a command line"));
        let code = self
            .run(&["secret", "add", "--type", "git", "--name", "X", "--field", &shown])
            .code;
        assert!(OTHER_OR_USAGE.contains(&code), "{code}");
        let code = self
            .run(&[
                "project",
                "rename",
                project,
                &format!("two\nlines {}", make("bad name")),
            ])
            .code;
        assert!(OTHER_OR_USAGE.contains(&code), "{code}");

        let words = self.six_words();
        self.run(&["verify", other.handle(), "--words", &words]).fails(CHANGED);
    }

    /// A Master Key that is not the right one, on a device that knows the account and on one that does not; a handle that is taken.
    ///
    /// # Panics
    /// When a command does something else than fail as it should.
    pub fn wrong_keys(&self, server: &str) {
        let make = |label: &str| self.canaries.make(Class::Unsent, &format!("failure: {label}"));
        let wrong = self.person.file("wrong", &make("wrong Master Key"));
        self.run(&["lock"]).ok();
        self.heard(
            self.person
                .run_without_key(&["--master-key-file", &wrong, "project", "list"]),
        )
        .fails(WRONG_KEY);
        let laptop = self.person.second_device();
        let wrong = self.person.file("wrong", &make("wrong Master Key of a new device"));
        let sign_in = [
            "signin",
            "--server",
            server,
            "--handle",
            self.person.handle(),
            "--master-key-file",
            &wrong,
        ];
        self.heard(laptop.run_without_key(&sign_in)).fails(WRONG_KEY);
        let taken = self
            .person
            .file("taken", &make("Master Key for a handle that is taken"));
        let name = make("name for a handle that is taken");
        let sign_up = [
            "signup",
            "--server",
            server,
            "--handle",
            self.person.handle(),
            "--bits",
            "2048",
        ];
        let more = ["--kdf-log2-n", "17", "--name", &name, "--master-key-file", &taken];
        self.heard(laptop.run_without_key(&[&sign_up[..], &more].concat()))
            .fails(EXISTS);
        self.run(&["unlock"]).ok();
    }

    /// Names and files for a server that is down, and comes back.
    ///
    /// # Panics
    /// When a command does something else than fail as it should.
    pub fn without_server(&self, project: &str, server: &mut Server) {
        let make = |label: &str| self.canaries.make(Class::Unsent, &format!("no server: {label}"));
        let folder = self.person.home().join(make("folder"));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(make("file name")), make("content")).expect("a file");
        server.kill();
        self.run(&["project", "create", &make("project")]).fails(UNREACHABLE);
        let folder = folder.display().to_string();
        self.run(&[
            "model",
            "upload",
            project,
            &folder,
            "--name",
            &make("item"),
            "--note",
            &make("note"),
        ])
        .fails(UNREACHABLE);
        let value = self.field("text", &make("value"));
        self.run(&[
            "secret",
            "add",
            "--type",
            "note",
            "--name",
            &make("secret"),
            "--field",
            &value,
        ])
        .fails(UNREACHABLE);
        server.restart();
    }

    /// Six words that are nobody's.
    fn six_words(&self) -> String {
        let list = word_list();
        let digest = holdfast_crypto::sha256(&[b"six words", &self.canaries.seed().to_be_bytes()]);
        let word = |pair: &[u8]| list[usize::from(u16::from_be_bytes([pair[0], pair[1]])) % list.len()];
        let words = digest.chunks(2).take(6).map(word).collect::<Vec<_>>().join(" ");
        self.canaries
            .adopt(Class::Unsent, "failure: six words", words.as_bytes());
        words
    }
}
