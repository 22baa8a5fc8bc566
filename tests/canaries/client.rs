//! Ana's command line and its agent: sign-up, secrets, files, sharing, an upload that is taken back and one that is killed, locking.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Child;

use holdfast_tests::{Answer, Dice, Person};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::disk::{Expected, expect, lying, require};
use crate::stage::{SECOND, Stage, has, leaves_no_core, lives, may_look, soon};
use crate::watch::{Part, Where};

/// Bytes of the upload that does not come to its end.
const BIG: u64 = 12 << 20;

fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, signal).expect("it hears it");
}

/// Files with canaries for names and contents, and one of several chunks.
fn dataset(stage: &Stage) -> PathBuf {
    let folder = stage.hers("data");
    let below = folder.join(stage.hidden("name of a folder"));
    std::fs::create_dir_all(&below).expect("a folder");
    let small = format!("first\n{}\nlast\n", stage.hidden("content of a small file"));
    std::fs::write(below.join(stage.hidden("name of a file")), small).expect("a file");
    let table = format!("name,value\n{},1\nother,2\n", stage.hidden("content of a table"));
    std::fs::write(folder.join("table.csv"), table).expect("a file");
    let large = folder.join("large");
    Dice::new(1).file(&large, 3 << 20);
    place(&large, 1 << 20, &stage.hidden("content across a border"));
    place(&large, 2_500_000, &stage.hidden("content of a large file"));
    folder
}

/// Writes a text over some bytes of a file, around a place in it.
fn place(file: &Path, at: usize, text: &str) {
    let mut bytes = std::fs::read(file).expect("a file");
    let from = at - text.len() / 2;
    bytes[from..from + text.len()].copy_from_slice(text.as_bytes());
    std::fs::write(file, bytes).expect("a file");
}

/// Sealed packs on their way.
fn packs(person: &Person) -> BTreeSet<PathBuf> {
    let all = std::fs::read_dir(person.profile().join("spool"))
        .into_iter()
        .flatten()
        .flatten();
    let paths = all.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|end| end == "pack"))
        .collect()
}

/// A large file to upload, with something in it that is to be found nowhere else.
fn big(stage: &Stage, number: u64) -> [String; 2] {
    let folder = stage.hers(&format!("big {number}"));
    let file = folder.join("file");
    Dice::new(number).file(&file, BIG);
    place(&file, 6 << 20, &stage.hidden(&format!("content of big file {number}")));
    [
        folder.display().to_string(),
        stage.typed(&format!("big dataset {number}")),
    ]
}

/// An upload that has a sealed pack waiting, at a server that has stopped to answer.
fn half_an_upload(stage: &Stage, args: &[&str]) -> Child {
    let before = packs(&stage.ana);
    let child = stage.ana.start(args);
    soon("a pack", || !packs(&stage.ana).is_subset(&before));
    signal(stage.server.pid(), Signal::STOP);
    assert!(!packs(&stage.ana).is_subset(&before), "it was sent already");
    child
}

/// Its end, which does not wait for the server. What it said is kept.
fn over(stage: &Stage, child: Child) {
    let output = child.wait_with_output().expect("it ends");
    signal(stage.server.pid(), Signal::CONT);
    let answer = Answer {
        code: output.status.code().unwrap_or(-1),
        json: Value::Null,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert_ne!(stage.heard(answer).code, 0);
}

/// Where Ana and Ben put something themselves.
fn theirs(stage: &Stage, ben: &Person) -> Vec<Expected> {
    let mut all = vec![expect(
        stage.ana.home().join("hers"),
        &["hidden: name of a f", "hidden: content", "hidden: value"],
        "what she uploads, and values of secrets that she keeps in files",
    )];
    all.extend(stage.her_second_secret());
    for person in [&stage.ana, ben] {
        all.push(expect(
            person.key_file(),
            &["Master Key"],
            "the user keeps it in a file",
        ));
        all.push(expect(
            person.home().join("got"),
            &["hidden: name of a f", "hidden: content of a", "hidden: content across"],
            "downloaded to where the user said",
        ));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_leaves_canaries_only_where_its_user_put_them() {
    let look = may_look();
    let stage = Stage::new();
    let project = stage.typed("project");
    stage.done(&["unlock"]);
    let id = stage.done(&["project", "create", &project])["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    drop(stage.keys(&id).await);
    let agent = stage.agent();
    for pid in [agent, stage.server.pid()] {
        leaves_no_core(pid);
    }

    // Unlocked, the keys are there. Not the Master Key, though it was the agent that derived them. Of the second secret the page of
    // the database that it lies on.
    let keys = ["key of Ana", "key of the project", "typed", SECOND];
    let found = stage.memory_but(agent, &keys);
    for key in [
        "key of Ana: root",
        "key of Ana: prime p",
        "key of Ana: prime q",
        "key of the project",
    ] {
        assert!(!look || has(&found, key), "no {key}: {found:#?}");
    }

    let secret = stage.typed("name of a secret");
    let field = stage.value("key", "value in the project");
    stage.done(&[
        "secret", "add", "--type", "api-key", "--name", &secret, "--in", &project, "--field", &field,
    ]);
    let field = stage.value("key", "value of her own");
    stage.done(&[
        "secret", "add", "--type", "api-key", "--name", "Hers", "--field", &field,
    ]);
    for place in [&["Hers"][..], &[&secret, "--in", &project]] {
        let shown = stage.done(&[&["secret", "show", "--reveal"], place].concat());
        assert!(shown.to_string().contains('é'), "{shown}");
    }
    // Values of secrets are part of what their projects hold beside files, and as long in memory.
    let values = [&keys[..], &["hidden: value"]].concat();
    stage.memory_but(agent, &values);

    let data = dataset(&stage);
    let item = stage.typed("dataset");
    let named = format!("{project}/{item}");
    let note = stage.typed("note");
    let path = data.display().to_string();
    stage.done(&["dataset", "upload", &project, &path, "--name", &item, "--note", &note]);
    stage.memory_but(agent, &values);
    let shown = stage.done(&["dataset", "preview", &named, "table.csv"]);
    assert!(shown["rows"].to_string().contains('é'), "{shown}");
    // Lists of files are kept once they were fetched. Contents are not.
    let lists = [&values[..], &["hidden: name of a f"]].concat();
    stage.memory_but(agent, &lists);
    let got = stage.ana.home().join("got").display().to_string();
    stage.done(&["dataset", "download", &named, "--to", &got]);
    stage.memory_but(agent, &lists);
    stage.server_has_none();

    let ben = Person::nobody(stage.root.path(), &stage.server.url(), "ben@example.org");
    stage.sign_up(&ben, "Ben", &[]);
    stage.run(&ben, &["unlock"]);
    stage.done(&["project", "share", &project, ben.handle(), "--role", "reader"]);
    let got = ben.home().join("got").display().to_string();
    stage.run(&ben, &["dataset", "download", &named, "--to", &got]);
    stage.run(&ben, &["lock"]);

    let [path, item] = big(&stage, 1);
    let child = half_an_upload(&stage, &["dataset", "upload", &project, &path, "--name", &item]);
    signal(child.id(), Signal::INT);
    over(&stage, child);
    stage.memory_but(agent, &lists);
    let [path, item] = big(&stage, 2);
    let upload = ["dataset", "upload", &project, &path, "--name", &item];
    let child = half_an_upload(&stage, &upload);
    signal(agent, Signal::KILL);
    over(&stage, child);
    soon("the end of the agent", || !lives(agent));
    assert!(packs(&stage.ana).len() > 1);
    let her = theirs(&stage, &ben);
    require(
        &lying(&[stage.root.path(), Path::new("/dev/shm")], &stage.canaries),
        &her,
    );

    // It is gone on with, and then everything is locked; a last command brings its own key.
    stage.done(&["unlock"]);
    let agent = stage.agent();
    stage.done(&upload);
    stage.done(&["lock"]);
    soon("the end of the agent", || !lives(agent));
    stage.done(&["secret", "show", "--reveal", "Hers"]);
    require(
        &lying(&[stage.root.path(), Path::new("/dev/shm")], &stage.canaries),
        &her,
    );
    stage.server_has_none();
    stage.nothing_was_said();
    if look {
        nothing_typed_but_names(&stage, &[Part::Server, Part::Agent, Part::Decoder, Part::Command]);
    }
}

/// Of all processes, only commands that a person typed have canaries among their arguments: the names that were typed.
fn nothing_typed_but_names(stage: &Stage, parts: &[Part]) {
    let seen = stage.watch.parts();
    assert!(parts.iter().all(|part| seen.contains(part)), "{seen:?}");
    let found = stage.watch.found(&stage.canaries.all());
    let (typed, others): (Vec<_>, Vec<_>) = found.iter().partition(|(part, place, label)| {
        (*part, *place) == (Part::Command, Where::Arguments) && label.starts_with("typed")
    });
    assert!(others.is_empty(), "{others:#?}");
    assert!(!typed.is_empty());
    let elsewhere: Vec<_> = stage
        .watch
        .written()
        .into_iter()
        .filter(|path| !path.starts_with(stage.root.path()))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}
