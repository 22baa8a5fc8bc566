//! Servers that go away, and users who stop.

use std::process::Child;
use std::time::Duration;

use holdfast_tests::{Dice, Moment, Person, Verdict, difference};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{Scene, text};

const SIZE: u64 = 70 << 20;

fn ended(child: Child) -> (Option<i32>, Value) {
    let output = child.wait_with_output().expect("its end");
    let json = serde_json::from_slice(&output.stdout).or_else(|_| serde_json::from_slice(&output.stderr));
    (output.status.code(), json.unwrap_or(Value::Null))
}

/// Nothing of an upload that did not end is there, and the same command ends it.
fn goes_on(scene: &Scene, ana: &Person, root: &std::path::Path, args: &[&str]) {
    let before = scene.acknowledged();
    assert!(before >= 2, "{before} parts were sent");
    assert_eq!(ana.run(&["dataset", "list", "Scans"]).ok(), json!([]));
    let upload = ana.run(args).ok();
    assert_eq!(upload["version"], 1);
    assert_eq!(upload["bytes"], SIZE);
    let sent = upload["bytes_sent"].as_u64().expect("a number");
    assert!(sent < SIZE - (8 << 20), "{sent} bytes were sent after {before} parts");
    scene.nothing_twice();
    let got = root.join("got");
    ana.run(&["dataset", "download", "Scans/d", "--to", text(&got)]).ok();
    assert_eq!(difference(&root.join("source"), &got), "");
    assert_eq!(
        ana.run(&["dataset", "versions", "Scans/d"])
            .ok()
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

/// Code 30 after some patience, and what had arrived is not sent again.
#[test]
fn a_server_that_is_gone_in_mid_upload() {
    let root = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(&root.path().join("server"), |event, parts| {
        event.part().is_some() && event.moment == Moment::Half && parts.acknowledged.len() >= 2
    });
    let ana = Person::sign_up(root.path(), &scene.url, "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    Dice::new(1).file(&source.join("file"), SIZE);
    let args = ["dataset", "upload", "Scans", text(&source), "--name", "d"];
    scene.arm();
    let child = ana.start(&args);
    scene.wait();
    scene.kill_server();
    scene.go_on(Verdict::Cut);
    let (code, said) = ended(child);
    assert_eq!(code, Some(30), "{said}");
    assert_eq!(said["code"], "unreachable");
    assert!(said["next"].as_str().is_some_and(|next| !next.is_empty()));
    scene.server.restart();
    goes_on(&scene, &ana, root.path(), &args);
}

/// A server that comes back soon is not even noticed.
#[test]
fn a_server_that_is_back_in_a_moment() {
    let root = tempfile::tempdir().expect("a folder");
    let mut scene = Scene::new(&root.path().join("server"), |event, parts| {
        event.part().is_some() && event.moment == Moment::Answered && parts.acknowledged.len() >= 2
    });
    let ana = Person::locked(root.path(), &scene.url, "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    Dice::new(2).file(&source.join("file"), SIZE);
    scene.arm();
    let child = ana.start(&["dataset", "upload", "Scans", text(&source), "--name", "d"]);
    scene.wait();
    let gate = scene.gate.clone();
    let closed = gate.write().expect("the gate");
    scene.kill_server();
    scene.go_on(Verdict::Cut);
    scene.server.restart();
    // What was under way was cut off; how long the server took to come back is not what is tested here.
    drop(closed);
    let (code, said) = ended(child);
    assert_eq!(code, Some(0), "{said}");
    scene.nothing_twice();
}

/// Ctrl-C: code 130, and the same command goes on. Once with an agent that does the work, once without.
#[test]
fn somebody_who_stops_it_can_go_on() {
    for with_agent in [false, true] {
        let root = tempfile::tempdir().expect("a folder");
        let scene = Scene::new(&root.path().join("server"), |event, parts| {
            event.part().is_some() && event.moment == Moment::Arrived && parts.acknowledged.len() >= 2
        });
        let ana = Person::locked(root.path(), &scene.url, "ana@example.org");
        if with_agent {
            ana.run(&["unlock"]).ok();
        }
        ana.run(&["project", "create", "Scans"]).ok();
        let source = root.path().join("source");
        Dice::new(3).file(&source.join("file"), SIZE);
        let args = ["dataset", "upload", "Scans", text(&source), "--name", "d"];
        scene.arm();
        let child = ana.start(&args);
        scene.wait();
        kill_process(Pid::from_child(&child), Signal::INT).expect("it lives");
        let (code, said) = ended(child);
        assert_eq!(code, Some(130), "agent: {with_agent}: {said}");
        scene.go_on(Verdict::Go);
        // What was under way at that moment may still arrive, however long that takes. Had it gone on by itself, all of it
        // would be there.
        let mut then = scene.acknowledged();
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = scene.acknowledged();
            if now == then {
                break;
            }
            then = now;
        }
        assert!(
            then < SIZE.div_ceil(8 << 20) as usize,
            "agent: {with_agent}: it went on by itself"
        );
        goes_on(&scene, &ana, root.path(), &args);
    }
}

/// A download that was stopped leaves nothing, and works the next time.
#[test]
fn somebody_who_stops_a_download() {
    let root = tempfile::tempdir().expect("a folder");
    let scene = Scene::new(&root.path().join("server"), |event, _| {
        event.is_read() && event.moment == Moment::Answered
    });
    let ana = Person::sign_up(root.path(), &scene.url, "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    Dice::new(4).file(&source.join("file"), 20 << 20);
    ana.run(&["dataset", "upload", "Scans", text(&source), "--name", "d"])
        .ok();
    let got = root.path().join("to").join("got");
    let args = ["dataset", "download", "Scans/d", "--to", text(&got)];
    scene.arm();
    let child = ana.start(&args);
    scene.wait();
    kill_process(Pid::from_child(&child), Signal::INT).expect("it lives");
    let (code, said) = ended(child);
    assert_eq!(code, Some(130), "{said}");
    scene.go_on(Verdict::Go);
    assert!(!got.exists(), "something was written");
    ana.run(&args).ok();
    assert_eq!(difference(&source, &got), "");
}
