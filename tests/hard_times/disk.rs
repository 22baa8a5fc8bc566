//! Full disks: code 16, nothing half done, and with more room it goes on. Small disks are made with `mount`, so these
//! need root; without it they say that they were skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_tests::{Dice, Person, Server, difference};
use serde_json::json;

use super::{Scene, text};

/// A file system in memory of a given size, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None`, and a line that says so, where nothing may be mounted.
    fn new(at: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&at).expect("a folder");
        let made = mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"], &at);
        if !made {
            println!("skipped: no small disk can be mounted here (not root?)");
        }
        made.then_some(Self(at))
    }

    fn grow(&self, size: &str) {
        assert!(
            mount(&["-o", &format!("remount,size={size}")], &self.0),
            "the disk can't be made larger"
        );
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(args: &[&str], at: &Path) -> bool {
    Command::new("mount")
        .args(args)
        .arg(at)
        .output()
        .is_ok_and(|output| output.status.success())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder").filter_map(Result::ok);
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn of_the_client_that_uploads() {
    let root = tempfile::tempdir().expect("a folder");
    let Some(disk) = Disk::new(root.path().join("small"), "20m") else {
        return;
    };
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(&disk.0, &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    Dice::new(11).file(&source.join("file"), 60 << 20);
    let args = ["dataset", "upload", "Scans", text(&source), "--name", "d"];
    for _ in 0..2 {
        let said = ana.run(&args).fails(16);
        assert!(
            said["message"]
                .as_str()
                .is_some_and(|text| text.contains("this computer")),
            "{said}"
        );
        assert_eq!(ana.run(&["dataset", "list", "Scans"]).ok(), json!([]));
    }
    disk.grow("400m");
    assert_eq!(ana.run(&args).ok()["version"], 1);
    let got = root.path().join("got");
    ana.run(&["dataset", "download", "Scans/d", "--to", text(&got)]).ok();
    assert_eq!(difference(&source, &got), "");
    let spool = names(&ana.profile().join("spool"));
    assert!(!spool.iter().any(|name| name.ends_with(".pack")), "{spool:?}");
}

#[test]
fn of_the_server() {
    let root = tempfile::tempdir().expect("a folder");
    let Some(disk) = Disk::new(root.path().join("server"), "44m") else {
        return;
    };
    let scene = Scene::new(&disk.0, |_, _| false);
    let ana = Person::locked(root.path(), &scene.url, "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    Dice::new(12).file(&source.join("file"), 100 << 20);
    let args = ["dataset", "upload", "Scans", text(&source), "--name", "d"];
    for _ in 0..2 {
        let said = ana.run(&args).fails(16);
        assert!(said["next"].as_str().is_some_and(|next| !next.is_empty()), "{said}");
        // It still answers, and nothing is there.
        assert_eq!(ana.run(&["project", "list"]).ok()[0]["fresh"], true);
        assert_eq!(ana.run(&["dataset", "list", "Scans"]).ok(), json!([]));
    }
    assert!(scene.acknowledged() > 0);
    disk.grow("400m");
    assert_eq!(ana.run(&args).ok()["version"], 1);
    scene.nothing_twice();
    let got = root.path().join("got");
    ana.run(&["dataset", "download", "Scans/d", "--to", text(&got)]).ok();
    assert_eq!(difference(&source, &got), "");
}

/// The operator's quota: as a full disk, but said by the server's rules.
#[test]
fn of_a_project_by_quota() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start_with(&root.path().join("server"), &["--quota", "10M"]);
    let ana = Person::locked(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    Dice::new(13).file(&source.join("file"), 20 << 20);
    ana.run(&["dataset", "upload", "Scans", text(&source), "--name", "d"])
        .fails(16);
    assert_eq!(ana.run(&["dataset", "list", "Scans"]).ok(), json!([]));
}

#[test]
fn of_the_client_that_downloads() {
    let root = tempfile::tempdir().expect("a folder");
    let Some(disk) = Disk::new(root.path().join("small"), "20m") else {
        return;
    };
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    for file in 0..6 {
        Dice::new(file).file(&source.join(format!("file-{file}")), 6 << 20);
    }
    ana.run(&["dataset", "upload", "Scans", text(&source), "--name", "d"])
        .ok();
    // Into a folder that is new, and into one that is there.
    let there = disk.0.join("there");
    std::fs::create_dir(&there).expect("a folder");
    std::fs::write(there.join("mine"), "mine").expect("a file");
    for (to, left) in [(disk.0.join("new"), vec!["there"]), (there.clone(), vec!["there"])] {
        ana.run(&["dataset", "download", "Scans/d", "--to", text(&to)])
            .fails(16);
        assert_eq!(names(&disk.0), left);
        assert_eq!(names(&there), ["mine"]);
    }
    disk.grow("400m");
    let got = disk.0.join("new");
    ana.run(&["dataset", "download", "Scans/d", "--to", text(&got)]).ok();
    assert_eq!(difference(&source, &got), "");
}
