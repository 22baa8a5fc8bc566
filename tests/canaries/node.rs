//! A node and what it does: a run that succeeds, one whose task is killed, and one in the middle of which the node is.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use holdfast_engine::Session;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::item::Content;
use holdfast_tests::Node;
use holdfast_tests::eye::Class;
use holdfast_tests::scan::processes;
use rustix::process::{Pid, Signal, kill_process};

use crate::disk::{Expected, expect, lying, require};
use crate::stage::{Stage, has, leaves_no_core, may_look, soon};
use crate::watch::{Part, Where};

const MANIFEST: &str = r#"format = 1
name = "Copy"
runtime = "shell"
entry = "main.sh"
[parameters.word]
type = "text"
[parameters.wait]
type = "int"
default = 0
[inputs.data]
kind = "dataset"
[secrets.token]
purpose = "It is there to be found"
[secrets.shown]
purpose = "The same, in a variable"
env = "SHOWN"
field = "key"
[outputs.made]
kind = "artifact"
[limits]
memory = "64 MiB"
disk = "8 MiB"
time = "120 s"
"#;

/// What opened inputs are called where they lie for a run.
const OPENED: [&str; 3] = ["hidden: name of a file", "hidden: content", "hidden: printed"];

/// A project with a dataset, two secrets and a task, and a node that may work for it.
async fn lab(stage: &Stage) -> (Session, SpaceId, Node) {
    stage.done(&["unlock"]);
    let project = stage.done(&["project", "create", "Lab"])["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let data = stage.hers("data");
    std::fs::create_dir_all(&data).expect("a folder");
    let row = format!("first\n{}\n", stage.hidden("content of the input"));
    std::fs::write(data.join(stage.hidden("name of a file")), row).expect("a file");
    stage.done(&[
        "dataset",
        "upload",
        "Lab",
        &data.display().to_string(),
        "--name",
        "data",
    ]);
    let script = format!(
        "mkdir -p /out/made\nfind /in/data -type f -exec cat {{}} + > /out/made/copy\necho '{}'\n\
         cat /run/holdfast/secrets/token/key; echo\ncat \"$HOLDFAST_PARAMS\" >> /out/made/copy\n\
         sleep $(sed 's/.*\"wait\": *\\([0-9]*\\).*/\\1/' \"$HOLDFAST_PARAMS\")\n",
        stage.hidden("printed by the task"),
    );
    let task = stage.hers("task");
    std::fs::create_dir_all(&task).expect("a folder");
    std::fs::write(task.join("holdfast-task.toml"), MANIFEST).expect("a manifest");
    std::fs::write(task.join("main.sh"), script).expect("a script");
    let (manifest, script) = (task.join("holdfast-task.toml"), task.join("main.sh"));
    let (manifest, script) = (manifest.display().to_string(), script.display().to_string());
    stage.done(&["task", "upload", "Lab", &manifest, &script, "--name", "copy"]);
    for name in ["token", "shown"] {
        let field = stage.value("key", &format!("value of {name}"));
        stage.done(&[
            "secret", "add", "--type", "api-key", "--name", name, "--in", "Lab", "--field", &field,
        ]);
    }
    let mut node = Node::enrol(&stage.ana, &stage.server.url(), "box");
    stage.watch.also(node.home());
    node.set("RUST_LOG", "trace");
    stage.done(&["node", "authorise", "Lab", "box"]);
    let session = stage.keys(&project).await;
    stage.keys_of(&node).await;
    node.start(&[]);
    (session, project.parse().expect("an id"), node)
}

/// Orders a run; its key is a canary from here on, and that of its input.
async fn order(stage: &Stage, session: &Session, project: SpaceId, wait: u32) -> String {
    let word = format!("word={}", stage.typed("parameter"));
    let wait = format!("wait={wait}");
    let args = [
        "run",
        "start",
        "Lab/copy",
        "--node",
        "box",
        "--input",
        "data=Lab/data",
        "--param",
        &word,
        "--param",
        &wait,
    ];
    let secrets = ["--secret", "token", "--secret", "shown"];
    let id = stage.done(&[&args[..], &secrets].concat())["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let view = session.view(project).await.expect("the project");
    let contents = view.space.contents();
    for (run, known) in contents.runs() {
        stage.canaries.adopt(
            Class::Unsent,
            &format!("key of the run {run}"),
            known.key.key().expose(),
        );
    }
    for version in contents.items().values().flat_map(|item| &item.versions) {
        if let Content::Files { manifest, .. } = &version.content {
            let label = format!("key of the files {}", version.id);
            stage.canaries.adopt(Class::Unsent, &label, manifest.key.key().expose());
        }
    }
    id
}

fn until(stage: &Stage, run: &str, good: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    let mut shown = serde_json::Value::Null;
    soon("the run", || {
        shown = stage.done(&["run", "show", run]);
        good(&shown)
    });
    shown
}

fn over(stage: &Stage, run: &str) -> String {
    let shown = until(stage, run, |shown| shown["over"] == true);
    shown["state"].as_str().expect("a state").to_owned()
}

/// Where canaries may lie that the node's own work has nothing to do with.
fn hers(stage: &Stage, node: &Node) -> Vec<Expected> {
    let mut all = vec![
        expect(
            stage.ana.home().join("hers"),
            &["hidden"],
            "what she uploads, and values of secrets that she keeps in files",
        ),
        expect(stage.ana.key_file(), &["Master Key"], "she keeps it in a file"),
        expect(
            node.secret_file(),
            &["secret of the node"],
            "its operator keeps it there",
        ),
    ];
    all.extend(stage.her_second_secret());
    all
}

fn sweep(stage: &Stage, node: &Node, expected: &[Expected]) {
    let home = node.home();
    let folders = ["profile", "run", "tmp", "log"].map(|name| home.join(name));
    let mut all: Vec<&Path> = folders.iter().map(AsRef::as_ref).collect();
    all.extend([stage.root.path(), Path::new("/dev/shm")]);
    require(&lying(&all, &stage.canaries), expected);
}

/// Between runs a node's memory has its own keys, which shows that the look sees, and nothing of any run.
fn has_forgotten(stage: &Stage, node: &Node) {
    if !may_look() {
        return;
    }
    let pid = node.pid().expect("it works");
    let found = stage.memory_but(pid, &["key of the node"]);
    assert!(
        has(&found, "key of the node: root") && has(&found, "key of the node: prime p"),
        "{found:#?}"
    );
    assert_eq!(processes(pid).len(), 1, "{:?}", processes(pid));
    stage.server_has_none();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nodes_runs_leave_nothing_in_its_memory_and_on_its_disk() {
    if !holdfast_tests::walls() {
        return;
    }
    let look = may_look();
    let stage = Stage::new();
    let (session, project, mut node) = lab(&stage).await;
    let expected = hers(&stage, &node);
    let run = order(&stage, &session, project, 0).await;
    assert_eq!(over(&stage, &run), "succeeded", "{}", node.log());
    let log = stage.done(&["run", "logs", &run]).to_string();
    assert!(log.contains("***") && log.contains('é'), "{log}");
    has_forgotten(&stage, &node);
    sweep(&stage, &node, &expected);

    // While one goes on, they are there: what was given for it in memory, and its opened files in its folder.
    let run = order(&stage, &session, project, 90).await;
    until(&stage, &run, |shown| shown["state"] == "running");
    let pid = node.pid().expect("it works");
    let mut task = None;
    soon("the task", || {
        let all = processes(pid);
        task = all
            .iter()
            .find(|process| process.name == "sleep")
            .and(all.iter().find(|process| process.name == "sh"))
            .cloned();
        task.is_some()
    });
    if look {
        let found = stage.memory(pid);
        for label in [
            "hidden: value of token",
            "hidden: value of shown",
            "typed: parameter",
            &format!("key of the run {run}"),
        ] {
            assert!(has(&found, label), "no {label}: {found:#?}");
        }
        for process in processes(pid) {
            leaves_no_core(process.pid);
            // Not even the node's own user may look into the node, and tasks are no exception.
            if process.pid == pid || process.name == "holdfast-stage" {
                let whose = std::fs::metadata(format!("/proc/{}/mem", process.pid))
                    .expect("it lives")
                    .uid();
                assert_eq!(whose, 0, "{process:?}");
            }
        }
    }
    let with = |node: &Node, why| {
        let more = expect(node.home().join("profile/node/runs"), &OPENED, why);
        hers(&stage, node).into_iter().chain([more]).collect::<Vec<_>>()
    };
    sweep(&stage, &node, &with(&node, "opened for a run that goes on"));
    let task = i32::try_from(task.expect("a task").pid)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process");
    kill_process(task, Signal::KILL).expect("it can be killed");
    assert_eq!(over(&stage, &run), "failed");
    has_forgotten(&stage, &node);
    sweep(&stage, &node, &expected);

    // Of a node that was killed the opened files stay, until it is started again.
    let run = order(&stage, &session, project, 90).await;
    until(&stage, &run, |shown| shown["state"] == "running");
    soon("the task", || {
        processes(node.pid().expect("it works"))
            .iter()
            .any(|process| process.name == "sleep")
    });
    node.kill();
    sweep(&stage, &node, &with(&node, "nobody is there to wipe it"));
    node.start(&[]);
    assert_eq!(over(&stage, &run), "lost");
    has_forgotten(&stage, &node);
    node.stop();
    stage.done(&["lock"]);
    sweep(&stage, &node, &expected);
    stage.nothing_was_said();
    if look {
        nothing_in_arguments(&stage, &node);
    }
}

/// A command that was typed has what was typed; a task has the variable that it asked for; nothing else has anything.
fn nothing_in_arguments(stage: &Stage, node: &Node) {
    let seen = stage.watch.parts();
    let parts = [
        Part::Server,
        Part::Agent,
        Part::Node,
        Part::Walls,
        Part::Task,
        Part::Command,
    ];
    assert!(parts.iter().all(|part| seen.contains(part)), "{seen:?}");
    // Which arguments a task gives to programs of its own is the task's doing: here `cat` has the names of files.
    let mut found: Vec<_> = stage.watch.found(&stage.canaries.all()).into_iter().collect();
    found.retain(|(part, place, _)| (part, place) != (&Part::Task, &Where::Arguments));
    let expected = [
        (Part::Task, Where::Environment, "hidden: value of shown".to_owned()),
        (Part::Command, Where::Arguments, "typed: own name".to_owned()),
        (Part::Command, Where::Arguments, "typed: parameter".to_owned()),
    ];
    assert_eq!(found, expected);
    let elsewhere: Vec<_> = stage
        .watch
        .written()
        .into_iter()
        .filter(|path| !path.starts_with(stage.root.path()) && !path.starts_with(node.home()))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}
