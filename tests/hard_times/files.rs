//! Files that can't be read, vanish or change while they are uploaded, and folders that are there already.

use std::collections::BTreeSet;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast_tests::{Dice, Moment, Person, Server, Verdict, difference};
use serde_json::Value;

use super::{Scene, text};

fn skipped(answer: &Value) -> BTreeSet<String> {
    let rows = answer["skipped"].as_array().expect("a list");
    for row in rows {
        assert!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{row}");
    }
    rows.iter()
        .map(|row| row["path"].as_str().expect("a path").to_owned())
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn write(path: &Path, content: &str) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, content).expect("a file");
}

/// The same command for somebody who may read only what its modes allow. Root is not: it needs a capability less.
fn bound_by_modes(command: &Command) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        let mut same = Command::new(command.get_program());
        same.args(command.get_args());
        return Some(with_environment_of(same, command));
    }
    let without = "-dac_override,-dac_read_search";
    let mut less = Command::new("setpriv");
    less.args(["--bounding-set", without, "--inh-caps", without, "--"]);
    if !Command::new("setpriv")
        .args(["--bounding-set", without, "true"])
        .status()
        .is_ok_and(|s| s.success())
    {
        println!("skipped: root can read everything, and setpriv can't change that here");
        return None;
    }
    less.arg(command.get_program()).args(command.get_args());
    Some(with_environment_of(less, command))
}

fn with_environment_of(mut command: Command, other: &Command) -> Command {
    command.env_clear().stdin(Stdio::null());
    command.envs(other.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[test]
fn that_may_not_be_read_are_listed() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    for name in ["open", "closed", "folder/inside", "closed-folder/inside"] {
        write(&source.join(name), name);
    }
    let closed = [source.join("closed"), source.join("closed-folder")];
    for path in &closed {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o000)).expect("a mode");
    }
    let pipe = source.join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .is_ok_and(|status| status.success())
    );
    let mut command = ana.command(&["dataset", "upload", "Scans", text(&source), "--name", "d"]);
    command.env("HOLDFAST_MASTER_KEY_FILE", ana.key_file());
    let Some(mut command) = bound_by_modes(&command) else {
        return;
    };
    let output = command.output().expect("it runs");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_eq!(
        output.status.code(),
        Some(15),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(skipped(&said), set(&["closed", "closed-folder", "pipe"]));
    assert_eq!(said["files"], 2);
    for path in &closed {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("a mode");
    }
    let got = root.path().join("got");
    ana.run(&["dataset", "download", "Scans/d", "--to", text(&got)]).ok();
    assert_eq!(
        std::fs::read_to_string(got.join("folder/inside")).expect("a file"),
        "folder/inside"
    );
    assert!(!got.join("closed").exists());
    // What was named itself must be there.
    let nothing = root.path().join("nothing");
    let said = ana.run(&["dataset", "upload", "Scans", text(&nothing), "--name", "e"]);
    assert!(![0, 15].contains(&said.code), "{}", said.stdout);
}

/// Between the look at the folder and the reading of the files: one is removed, a folder is, one becomes a link, one a
/// folder, one grows. The point in time is exact: the client asks for the earlier version's list in between.
#[test]
fn that_vanish_are_listed() {
    let root = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(&root.path().join("server"), |event, _| {
        event.is_read() && event.moment == Moment::Arrived
    });
    let ana = Person::sign_up(root.path(), &scene.url, "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    for name in ["stays", "gone", "folder/inside", "a-link-now", "a-folder-now", "grows"] {
        write(&source.join(name), &format!("first {name}"));
    }
    let args = ["dataset", "upload", "Scans", text(&source), "--name", "d"];
    ana.run(&args).ok();
    let first = root.path().join("first");
    assert!(
        Command::new("cp")
            .arg("-a")
            .args([&source, &first])
            .status()
            .is_ok_and(|status| status.success())
    );
    let outside = root.path().join("outside");
    write(&outside, "nobody asked for this to be uploaded");
    for name in ["gone", "a-link-now", "a-folder-now", "folder/inside"] {
        write(&source.join(name), "second");
    }

    scene.arm();
    let child = ana.start(&args);
    scene.wait();
    std::fs::remove_file(source.join("gone")).expect("removing");
    std::fs::remove_dir_all(source.join("folder")).expect("removing");
    std::fs::remove_file(source.join("a-link-now")).expect("removing");
    symlink(&outside, source.join("a-link-now")).expect("a link");
    std::fs::remove_file(source.join("a-folder-now")).expect("removing");
    std::fs::create_dir(source.join("a-folder-now")).expect("a folder");
    write(&source.join("grows"), &"grown ".repeat(100_000));
    scene.go_on(Verdict::Go);
    let output = child.wait_with_output().expect("its end");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_eq!(
        output.status.code(),
        Some(15),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        skipped(&said),
        set(&["gone", "folder/inside", "a-link-now", "a-folder-now"])
    );
    assert_eq!(said["files"], 2);
    assert_eq!(said["version"], 2);

    let (one, two) = (root.path().join("one"), root.path().join("two"));
    ana.run(&["dataset", "download", "Scans/d@1", "--to", text(&one)]).ok();
    assert_eq!(difference(&first, &one), "");
    ana.run(&["dataset", "download", "Scans/d@2", "--to", text(&two)]).ok();
    assert_eq!(
        std::fs::read_to_string(two.join("stays")).expect("a file"),
        "first stays"
    );
    assert_eq!(
        std::fs::read(two.join("grows")).expect("a file"),
        "grown ".repeat(100_000).into_bytes()
    );
    for name in ["gone", "folder/inside", "a-link-now", "a-folder-now"] {
        assert!(!two.join(name).exists(), "{name}");
    }
}

/// Files that are rewritten all the time. Each state is one byte over and over, so a mixture shows. What is stored is one
/// of the states, or the file is listed as left out.
#[test]
fn that_keep_changing_are_never_half_stored() {
    const FILES: usize = 12;
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    write(&source.join("quiet"), "quiet");
    let sizes: Vec<usize> = (0..FILES).map(|number| [700, 300 << 10, 3 << 20][number % 3]).collect();
    let paths: Vec<_> = (0..FILES).map(|number| source.join(format!("busy-{number}"))).collect();
    for (path, size) in paths.iter().zip(&sizes) {
        std::fs::write(path, vec![b'a'; *size]).expect("a file");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|half| {
            let (stop, sizes, paths) = (stop.clone(), sizes.clone(), paths.clone());
            std::thread::spawn(move || {
                let mut dice = Dice::new(half as u64);
                let mut files: Vec<_> = paths
                    .iter()
                    .skip(half)
                    .step_by(2)
                    .map(|path| std::fs::File::options().write(true).open(path).expect("a file"))
                    .collect();
                let mut state = 0u8;
                while !stop.load(Ordering::SeqCst) {
                    state = state.wrapping_add(1);
                    for (number, file) in files.iter_mut().enumerate() {
                        file.seek(SeekFrom::Start(0)).expect("seeking");
                        file.write_all(&vec![state; sizes[half + 2 * number]]).expect("writing");
                        std::thread::sleep(Duration::from_micros(dice.below(3_000)));
                    }
                }
            })
        })
        .collect();
    let (mut left_out, mut stored) = (0, 0);
    for run in 0..8 {
        let answer = ana.run(&["dataset", "upload", "Scans", text(&source), "--name", "d"]);
        assert!([0, 15].contains(&answer.code), "{} {}", answer.code, answer.stderr);
        let skipped = skipped(&answer.json);
        assert_eq!(answer.code == 15, !skipped.is_empty());
        assert!(!skipped.contains("quiet"));
        let got = root.path().join(format!("got-{run}"));
        ana.run(&["dataset", "download", "Scans/d", "--to", text(&got)]).ok();
        assert!(got.join("quiet").exists());
        for (number, size) in sizes.iter().enumerate() {
            let name = format!("busy-{number}");
            assert_eq!(skipped.contains(&name), !got.join(&name).exists(), "{name}");
            if skipped.contains(&name) {
                left_out += 1;
                continue;
            }
            stored += 1;
            let content = std::fs::read(got.join(&name)).expect("a file");
            assert_eq!(content.len(), *size);
            let mixed = content.iter().position(|byte| *byte != content[0]);
            assert_eq!(
                mixed, None,
                "run {run}: {name} is half of one state and half of another"
            );
        }
    }
    stop.store(true, Ordering::SeqCst);
    writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
    println!("{stored} times stored, {left_out} times left out");
    // Left alone, everything is taken.
    ana.run(&["dataset", "upload", "Scans", text(&source), "--name", "d"])
        .ok();
}

/// What is there already is never written over, nor mixed with what comes.
#[test]
fn that_are_there_already_stay() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    write(&source.join("a"), "sent a");
    write(&source.join("b/c"), "sent c");
    ana.run(&["dataset", "upload", "Scans", text(&source), "--name", "d"])
        .ok();
    let got = root.path().join("got");
    let args = ["dataset", "download", "Scans/d", "--to", text(&got)];
    // The same file, a folder in the place of a file, a file in the place of a folder, a file in the place of it all.
    let cases: [(&str, Option<&str>); 4] = [
        ("got/a", Some("mine")),
        ("got/a/mine", Some("mine")),
        ("got/b", Some("mine")),
        ("got", Some("mine")),
    ];
    for (path, content) in cases {
        write(&root.path().join(path), content.unwrap_or_default());
        let said = ana.run(&args).fails(14);
        assert_eq!(said["code"], "already-exists", "{path}");
        let left: Vec<_> = walkdir::WalkDir::new(&got)
            .into_iter()
            .map(|entry| entry.expect("an entry"))
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.into_path())
            .collect();
        assert_eq!(left, [root.path().join(path)]);
        assert_eq!(std::fs::read_to_string(&left[0]).expect("a file"), "mine");
        if got.is_dir() {
            std::fs::remove_dir_all(&got)
        } else {
            std::fs::remove_file(&got)
        }
        .expect("removing");
    }
    // Nothing in the way: what is there and what comes stand side by side.
    write(&got.join("other"), "mine");
    ana.run(&args).ok();
    std::fs::remove_file(got.join("other")).expect("it stayed");
    assert_eq!(difference(&source, &got), "");
    // A link in the place of the folder is not followed out of it by what is inside.
    let outside = root.path().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::remove_dir_all(&got).expect("removing");
    std::fs::create_dir(&got).expect("a folder");
    symlink(&outside, got.join("b")).expect("a link");
    ana.run(&args).fails(14);
    assert_eq!(std::fs::read_dir(&outside).expect("the folder").count(), 0);
}
