//! A second reader, in Python and from `docs/spec` alone (`tests/reader`), against the same servers as the program: it writes
//! the same files, and refuses what was tampered with for the same reason.
#![allow(clippy::print_stdout, reason = "a run says which code each fixture got")]

use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_tests::{Cell, Person, Server, Tamper, awkward_tree, difference, small_dataset};
use serde_json::Value;

/// Where the reader's own Python is: `cargo xtask test` makes it, and says where.
fn python() -> Command {
    let folder = std::env::current_exe().expect("a test knows its own path");
    let target = folder.ancestors().nth(3).expect("tests lie in target/PROFILE/deps");
    let python = std::env::var_os("HOLDFAST_READER_PYTHON").map_or_else(
        || target.join("tools").join("reader").join("bin").join("python"),
        PathBuf::from,
    );
    assert!(
        python.exists(),
        "{} is missing: `cargo xtask test reader` makes it",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg("-B");
    command
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reader")
}

/// What the reader says: its answer, or the code of its refusal.
fn reader(person: &Person, server: &str, args: &[&str]) -> Result<Value, String> {
    let output = python()
        .arg(folder())
        .args(["--server", server, "--handle", person.handle(), "--master-key-file"])
        .arg(person.key_file())
        .args(args)
        .output()
        .expect("the reader runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let answer: Value =
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}\n{}", String::from_utf8_lossy(&output.stderr)));
    if output.status.success() {
        Ok(answer)
    } else {
        Err(code_of(&answer))
    }
}

fn code_of(answer: &Value) -> String {
    answer["code"].as_str().unwrap_or("no code").to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of this test")
}

/// Makes a project, and gives its id.
fn create(person: &Person, args: &[&str]) -> String {
    let made = person.run(&[&["project", "create"], args].concat()).ok();
    made["id"].as_str().expect("an id").to_owned()
}

/// Uploads what is in a folder.
fn upload(person: &Person, project: &str, folder: &Path, name: &str) {
    person
        .run(&["dataset", "upload", project, text(folder), "--name", name])
        .ok();
}

/// Another Master Key.
fn change_key(person: &Person) {
    let new = person.file("new-key", "plunder ninth gravel cosmic tulip marbled oven yonder\n");
    person
        .run(&["key", "change", "--new-master-key-file", &new, "--kdf-log2-n", "17"])
        .ok();
    std::fs::copy(new, person.key_file()).expect("the new Master Key");
    person.run(&["unlock"]).ok();
}

#[test]
fn the_released_vectors_read_the_same_in_both() {
    let output = python()
        .args(["-m", "unittest"])
        .current_dir(folder())
        .output()
        .expect("the reader runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A short Master Key and a second secret: the other reader takes both, and refuses before any work where one is missing.
#[test]
fn an_account_with_a_second_secret_is_read_with_it() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let url = server.url();
    let ana = Person::nobody(root.path(), &url, "ana@example.org");
    ana.keep_key("vermilion tacos at 6 am");
    let made = ana.joins(&["--second-secret"]);
    let id = create(&ana, &["Scans"]);
    let small = small_dataset(root.path());
    upload(&ana, &id, &small, "penguins");
    let second = ana.file("second", made["second_secret"].as_str().expect("a second secret"));
    let to = root.path().join("got");
    let download = ["download", "Scans/penguins", text(&to)];
    let without = reader(&ana, &url, &download).err();
    assert_eq!(without.as_deref(), Some("second-secret-needed"));
    reader(
        &ana,
        &url,
        &[&["--second-secret-file", &second], &download[..]].concat(),
    )
    .expect("it reads");
    assert_eq!(difference(&small, &to), "");
}

#[test]
fn the_same_files_and_secrets_come_back() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    let (tree, small) = (awkward_tree(root.path(), 700), small_dataset(root.path()));
    let id = create(&ana, &["Scans"]);
    upload(&ana, &id, &tree, "tree");
    ana.run(&["project", "share", &id, ben.handle(), "--role", "contributor"])
        .ok();
    upload(&ben, &id, &small, "penguins");
    let token = "what nobody else knows, é 🦭";
    let field = format!("token=@{}", ana.file("token", token));
    for place in [&[][..], &["--in", &id]] {
        let args = [
            "secret", "add", "--type", "api-key", "--name", "Token", "--field", &field,
        ];
        ana.run(&[&args[..], place].concat()).ok();
    }
    let got = |name: &str| root.path().join("got").join(name);
    let reads = |person: &Person, item: &str, to: &str, source: &Path| {
        let said = reader(person, &server.url(), &["download", item, text(&got(to))]).expect("it reads");
        assert_eq!(said["left_out"], serde_json::json!([]));
        assert_eq!(difference(source, &got(to)), "");
    };
    reads(&ana, "Scans/tree", "as ana", &tree);
    reads(&ben, &format!("{id}/penguins"), "as ben", &small);

    // Behind a removal, under new keys of the project and of the person; and a second version that shares chunks with the first.
    ana.run(&["project", "remove", &id, ben.handle()]).ok();
    std::fs::write(tree.join("new"), "new").expect("a file");
    upload(&ana, &id, &tree, "tree");
    change_key(&ana);
    ana.run(&["project", "rename", &id, "Scans 2"]).ok();
    reads(&ana, "Scans 2/tree", "later", &tree);
    for secret in ["Token", "Scans 2/Token"] {
        let said = reader(&ana, &server.url(), &["secret", secret]).expect("it reads");
        assert_eq!(said["fields"]["token"], token);
    }
    // Whoever was removed still reads the log up to there, and no packs.
    let removed = reader(
        &ben,
        &server.url(),
        &["download", &format!("{id}/penguins"), text(&got("removed"))],
    );
    assert_eq!(removed.err().as_deref(), Some("not-found"));

    // A project that is not encrypted is read in the same way.
    let open = create(&ana, &["Open", "--standard"]);
    upload(&ana, &open, &small, "penguins");
    reads(&ana, "Open/penguins", "standard", &small);
}

/// A scene to spoil: Ana's project with Ben in it, whose keys changed, and a device of hers that knows her vault and nothing else.
struct Scene {
    root: tempfile::TempDir,
    server: Server,
    ana: Person,
    laptop: Person,
    ben: Person,
    project: String,
    other: String,
    count: usize,
    differ: Vec<String>,
}

/// Who reads in the program's place.
#[derive(Clone, Copy)]
enum Device {
    /// Ana's laptop, which signed in before there was a project.
    Known,
    /// One on which Ben signs in.
    New,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let mut server = Server::start(&root.path().join("server"));
        let url = server.url();
        let ana = Person::sign_up(root.path(), &url, "ana@example.org");
        let laptop = ana.second_device();
        laptop.run(&["signin", "--server", &url, "--handle", ana.handle()]).ok();
        let ben = Person::sign_up(root.path(), &url, "ben@example.org");
        let (project, other) = (create(&ana, &["Scans"]), create(&ben, &["Other"]));
        // Ana's vault pins the log up to here, and Ben's first keys.
        ana.run(&["project", "share", &project, ben.handle(), "--role", "contributor"])
            .ok();
        let small = small_dataset(root.path());
        upload(&ben, &project, &small, "d");
        upload(&ben, &other, &small, "d");
        ana.run(&["project", "rename", &project, "Scans 2"]).ok();
        change_key(&ben);
        upload(&ben, &project, &small, "e");
        for person in [&ana, &ben, &laptop] {
            person.run_without_key(&["lock"]).ok();
        }
        server.kill();
        copy(server.data(), &root.path().join("whole"));
        copy(&laptop.profile(), &root.path().join("profile"));
        Self {
            root,
            server,
            ana,
            laptop,
            ben,
            project,
            other,
            count: 0,
            differ: Vec::new(),
        }
    }

    /// The server's data as it was.
    fn whole(&self) -> Tamper {
        Tamper::new(&self.root.path().join("whole"))
    }

    /// Spoils the server's folder, asks both readers for an item, and notes where they don't agree. The code that both gave.
    fn both(&mut self, device: Device, name: &str, spoil: impl FnOnce(&Path, &mut Tamper)) -> String {
        copy(&self.root.path().join("whole"), self.server.data());
        spoil(self.server.data(), &mut Tamper::new(self.server.data()));
        self.server.restart();
        self.count += 1;
        let url = self.server.url();
        let to = |whose: &str| self.root.path().join(whose).join(self.count.to_string());
        let item = format!("{}/e", self.project);
        let (ours, theirs) = (to("ours"), to("theirs"));
        let download = ["dataset", "download", &item, "--to", text(&ours)];
        let (person, answer) = match device {
            Device::Known => {
                copy(&self.root.path().join("profile"), &self.laptop.profile());
                (&self.ana, self.laptop.run(&download))
            }
            Device::New => {
                let new = Person::nobody(self.root.path(), &url, &format!("new-{}", self.count));
                std::fs::copy(self.ben.key_file(), new.key_file()).expect("the Master Key");
                let signed_in = new.run(&["signin", "--server", &url, "--handle", self.ben.handle()]);
                let answer = if signed_in.code == 0 {
                    new.run(&download)
                } else {
                    signed_in
                };
                (&self.ben, answer)
            }
        };
        let code = if answer.code == 0 {
            "read".to_owned()
        } else {
            code_of(&answer.json)
        };
        let other = reader(person, &url, &["download", &item, text(&theirs)]);
        let other = other.map_or_else(|code| code, |_| "read".to_owned());
        self.server.kill();
        println!("{name:<44}{code:<24}{other}");
        assert_eq!(
            (ours.exists(), theirs.exists()),
            (code == "read", other == "read"),
            "{name}"
        );
        if code != other {
            self.differ.push(format!("{name}: {code}, but the reader says {other}"));
        }
        code
    }

    /// Turns a bit at some places of a cell.
    fn flip(&mut self, device: Device, name: &str, cell: &Cell, places: usize) {
        let length = self.whole().read(cell).len();
        for place in (5..length).step_by(length / places) {
            let code = self.both(device, &format!("{name}, byte {place} of {length}"), |_, tamper| {
                let mut bytes = tamper.read(cell);
                bytes[place] ^= 1 << (place % 8);
                tamper.write(cell, &bytes);
            });
            assert_ne!(code, "read", "{name}");
        }
    }
}

/// Puts a copy of a folder in a place.
fn copy(from: &Path, to: &Path) {
    if to.exists() {
        std::fs::remove_dir_all(to).expect("removing");
    }
    let done = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(done.is_ok_and(|status| status.success()), "cp");
}

/// The files of all packs, by name.
fn packs(data: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(data.join("packs"))
        .sort_by_file_name()
        .into_iter();
    all.filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

#[test]
fn what_was_tampered_with_is_refused_for_the_same_reason() {
    use Device::{Known, New};
    let mut scene = Scene::new();
    let (project, other) = (scene.project.clone(), scene.other.clone());
    let (ana, ben) = (scene.ana.handle().to_owned(), scene.ben.handle().to_owned());
    assert_eq!(scene.both(Known, "nothing", |_, _| ()), "read");
    assert_eq!(scene.both(New, "nothing, on a new device", |_, _| ()), "read");

    let entry = |space: &str, seq| Tamper::entry(space, seq);
    let head = scene.whole().head(&project);
    for seq in [0, 2, head] {
        scene.flip(Known, &format!("entry {seq}"), &entry(&project, seq), 3);
    }
    for (name, one, two, code) in [
        (
            "two entries changed places",
            entry(&project, 2),
            entry(&project, 3),
            "log-sequence",
        ),
        (
            "the last two changed places",
            entry(&project, head - 1),
            entry(&project, head),
            "log-sequence",
        ),
        (
            "an entry of another log where one is pinned",
            entry(&project, 1),
            entry(&other, 1),
            "history",
        ),
        (
            "another log's beginning",
            entry(&project, 0),
            entry(&other, 0),
            "log-wrong-space",
        ),
    ] {
        let got = scene.both(Known, name, |_, tamper| {
            let (first, second) = (tamper.read(&one), tamper.read(&two));
            tamper.write(&one, &second);
            tamper.write(&two, &first);
        });
        assert_eq!(got, code, "{name}");
    }
    let got = scene.both(Known, "an entry is missing", |_, tamper| {
        tamper.remove_entry(&project, 2)
    });
    assert_eq!(got, "log-sequence");
    let got = scene.both(Known, "the log ends before what was seen", |_, tamper| {
        tamper.cut_log(&project, 0)
    });
    assert_eq!(got, "history");

    for counter in [0, 1] {
        let cell = Tamper::bundle_at(&ben, counter);
        scene.flip(Known, &format!("Ben's bundle {counter}"), &cell, 2);
        scene.flip(New, &format!("one's own bundle {counter}"), &cell, 1);
    }
    scene.flip(New, "a link box", &Tamper::link(&ben, 1), 1);
    let got = scene.both(Known, "somebody else's bundle", |_, tamper| {
        let others = tamper.read(&Tamper::bundle(&ana));
        tamper.write(&Tamper::bundle(&ben), &others);
    });
    assert_eq!(got, "keys-changed");
    let got = scene.both(Known, "older keys than the log names", |_, tamper| {
        tamper.cut_chain(&ben, 0)
    });
    assert_eq!(got, "log-bundle-unknown");
    let got = scene.both(New, "one's own older keys", |_, tamper| tamper.cut_chain(&ben, 0));
    assert_eq!(got, "sign-in-refused");
    scene.both(Known, "no keys", |_, tamper| tamper.cut_chain(&ben, -1));

    assert_eq!(
        packs(&scene.root.path().join("whole")).len(),
        3,
        "d, e and that of the other project"
    );
    for place in [0, 700, 15_000] {
        let got = scene.both(Known, &format!("byte {place} of the packs"), |data, _| {
            for path in packs(data) {
                let mut bytes = std::fs::read(&path).expect("a pack");
                bytes[place] ^= 1;
                std::fs::write(path, bytes).expect("a pack");
            }
        });
        assert_eq!(got, "damaged");
    }
    let got = scene.both(Known, "manifests, and all else, changed places", |data, _| {
        let packs = packs(data);
        let mut all: Vec<_> = packs.iter().map(|path| std::fs::read(path).expect("a pack")).collect();
        all.rotate_left(1);
        for (path, bytes) in packs.iter().zip(all) {
            std::fs::write(path, bytes).expect("a pack");
        }
    });
    assert_eq!(got, "damaged");
    scene.both(Known, "packs cut short", |data, _| {
        for path in packs(data) {
            let bytes = std::fs::read(&path).expect("a pack");
            std::fs::write(path, &bytes[..1000]).expect("a pack");
        }
    });
    assert!(scene.differ.is_empty(), "{:#?}", scene.differ);
}
