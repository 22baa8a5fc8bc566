//! Puts canaries where people put their things, with the real command line.

use std::cell::RefCell;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use super::canary::{Canaries, Canary, Class};
use crate::{Answer, Person};

/// Item kinds that hold files, as the command line calls them.
const KINDS: [&str; 4] = ["dataset", "model", "task", "artifact"];

/// Somebody who types canaries, and keeps what the programs said.
pub struct Planter<'a> {
    /// Who.
    pub person: &'a Person,
    /// The canaries.
    pub canaries: &'a Canaries,
    /// What every program said on standard error, and those that failed on standard output.
    said: RefCell<Vec<u8>>,
}

impl<'a> Planter<'a> {
    /// Somebody with an account and an agent.
    #[must_use]
    pub fn new(person: &'a Person, canaries: &'a Canaries) -> Self {
        Self {
            person,
            canaries,
            said: RefCell::default(),
        }
    }

    /// Everything that the programs said to this person beside their answers.
    #[must_use]
    pub fn said(&self) -> Vec<u8> {
        self.said.borrow().clone()
    }

    /// Runs a command and keeps what it says.
    pub fn run(&self, args: &[&str]) -> Answer {
        self.heard(self.person.run(args))
    }

    /// Runs a command that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub fn done(&self, args: &[&str]) -> Value {
        self.run(args).ok()
    }

    /// Keeps what a command said.
    pub fn heard(&self, answer: Answer) -> Answer {
        let mut said = self.said.borrow_mut();
        said.extend_from_slice(answer.stderr.as_bytes());
        if answer.code != 0 {
            said.extend_from_slice(answer.stdout.as_bytes());
        }
        answer
    }

    /// Makes a project with everything that both sorts of project can hold. Returns its name.
    ///
    /// # Panics
    /// When a command does not do what it should.
    pub fn project(&self, standard: bool) -> String {
        let make = |label: &str| self.canaries.make(Class::Project, label);
        let sort: &[&str] = if standard { &["--standard"] } else { &[] };
        let before = make("project: name before");
        assert_eq!(
            self.done(&[&["project", "create", &before], sort].concat())["encrypted"],
            !standard
        );
        let name = make("project: name");
        self.done(&["project", "rename", &before, &name]);
        for kind in KINDS {
            self.files(kind, &name);
        }
        self.done(&["project", "purge", &name, "--yes"]);
        for kind in KINDS {
            let folder = self.folder(&format!("{kind} in the trash"), 1);
            let trashed = make(&format!("{kind}: name in the trash"));
            self.done(&[kind, "upload", &name, &folder, "--name", &trashed]);
            self.done(&[kind, "delete", &format!("{name}/{trashed}")]);
        }
        let trashed = make("project: name in the trash");
        self.done(&[&["project", "create", &trashed], sort].concat());
        self.done(&["project", "delete", &trashed]);
        name
    }

    /// Two versions of an item, renamed in between, and another that is removed for good.
    fn files(&self, kind: &str, project: &str) {
        let make = |label: &str| self.canaries.make(Class::Project, &format!("{kind}: {label}"));
        let folder = self.folder(kind, 6);
        let (before, name) = (make("name before"), make("name"));
        let (first, second) = (make("note of version 1"), make("note of version 2"));
        self.done(&[kind, "upload", project, &folder, "--name", &before, "--note", &first]);
        self.done(&[kind, "rename", &format!("{project}/{before}"), &name]);
        std::fs::write(Path::new(&folder).join("added"), make("content of version 2")).expect("a file");
        self.done(&[kind, "upload", project, &folder, "--name", &name, "--note", &second]);
        let gone = make("name purged");
        let folder = self.folder(&format!("{kind} purged"), 1);
        self.done(&[kind, "upload", project, &folder, "--name", &gone]);
        self.done(&[kind, "delete", &format!("{project}/{gone}")]);
    }

    /// A folder with canaries for names of files, folders and links, in small files, and all over a file of many chunks.
    fn folder(&self, label: &str, count: usize) -> String {
        let make = |what: String| self.canaries.make(Class::Project, &format!("{label}: {what}"));
        let top = self.person.home().join(format!("to send {label}"));
        for index in 0..count {
            let folder = top.join(make(format!("folder {index}")));
            std::fs::create_dir_all(&folder).expect("a folder");
            let content = format!("first line\n{}\nlast line\n", make(format!("content {index}")));
            std::fs::write(folder.join(make(format!("file name {index}"))), content).expect("a file");
        }
        // Only a task is uploaded as one.
        let manifest = format!(
            "# {}\nformat = 1\nname = \"It\"\nruntime = \"shell\"\nentry = \"main.sh\"\n",
            make("manifest".into())
        );
        std::fs::write(top.join("holdfast-task.toml"), manifest).expect("a manifest");
        std::fs::write(top.join("main.sh"), "true\n").expect("a script");
        symlink(make("target of a link".into()), top.join("link")).expect("a link");
        if count > 1 {
            std::fs::write(top.join("large"), large(&|place| make(format!("content at {place}")))).expect("a file");
        }
        top.display().to_string()
    }

    /// Puts strings into files of a dataset: what no project but an encrypted one holds in its own place.
    ///
    /// # Panics
    /// When a file can't be written.
    pub fn as_content(&self, project: &str, strings: &[&Canary]) {
        let folder = self.person.home().join("strings");
        std::fs::create_dir_all(&folder).expect("a folder");
        for (index, canary) in strings.iter().enumerate() {
            std::fs::write(folder.join(index.to_string()), &canary.text).expect("a file");
        }
        self.done(&[
            "dataset",
            "upload",
            project,
            &folder.display().to_string(),
            "--name",
            "Strings",
        ]);
    }
}

/// 1.75 MiB of noise with canaries at the beginning, in the middle, across the border of a MiB and at the end.
fn large(make: &dyn Fn(&str) -> String) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise: Vec<u8> = Vec::with_capacity(7 << 18);
    while noise.len() < 7 << 18 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    let end = noise.len();
    for (place, at) in [
        ("the beginning", 0),
        ("the middle", 1_300_001),
        ("a border", (1 << 20) - 10),
        ("the end", end),
    ] {
        let text = make(place);
        let at = at.min(end - text.len());
        noise[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    noise
}
