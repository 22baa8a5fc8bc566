//! Runs that end badly: each ends by its name, and the node goes on.

use crate::stage::{Stage, stage};

const SMALL: &str =
    "[limits]\nmemory = \"64 MiB\"\ndisk = \"8 MiB\"\nprocesses = 32\ntime = \"20 s\"\nlog = \"64 KiB\"\n";

/// One that is fine, to see that the node is healthy.
fn works(stage: &Stage) {
    let id = stage.start(&["Lab/fine", "--node", "box"]);
    let shown = stage.over(&id);
    assert_eq!(
        (&shown["state"], &shown["exit_code"]),
        (&"succeeded".into(), &0.into()),
        "{shown:#}"
    );
}

#[test]
fn what_a_task_does_wrong_is_contained_and_named() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = stage();
    let node = stage.node("box", &[]);
    stage.script("fine", SMALL, "exit 0\n");
    let cases = [
        ("fails", "echo wrong >&2\nexit 7\n", "failed"),
        ("hangs", "sleep 1000\n", "over-limit"),
        // What it can't have it does not get; whether it minds is its own affair.
        ("forks", "f() { f | f & }; f; sleep 5\n", "failed|over-limit|succeeded"),
        ("fills", "yes > /out/big\n", "failed|over-limit"),
        ("prints", "yes | head -c 1073741824\n", "succeeded|over-limit"),
        ("writes", "echo x > /usr/x || exit 3\n", "failed"),
        ("calls", "exec 3<>/dev/tcp/1.1.1.1/80 || exit 4\n", "failed"),
    ];
    for (name, script, end) in cases {
        let limits = match name {
            "hangs" => SMALL.replace("20 s", "2 s"),
            _ => SMALL.to_owned(),
        };
        stage.script(name, &limits, script);
        let id = stage.start(&[&format!("Lab/{name}"), "--node", "box"]);
        let shown = stage.over(&id);
        let got = shown["state"].as_str().unwrap_or_default();
        assert!(end.split('|').any(|end| end == got), "{name}: {shown:#}");
        works(&stage);
    }
    drop(node);
}

#[test]
fn a_node_that_dies_in_the_middle_begins_again_as_often_as_it_may() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = stage();
    let mut node = stage.node("box", &[]);
    stage.script("slow", SMALL, "echo begun\nsleep 4\necho over\n");
    let once = stage.start(&["Lab/slow", "--node", "box"]);
    stage.until(&once, |shown| shown["state"] == "running");
    std::thread::sleep(std::time::Duration::from_secs(1));
    node.kill();
    node.start(&[]);
    assert_eq!(stage.over(&once)["state"], "lost");

    let twice = stage.start(&["Lab/slow", "--node", "box", "--attempts", "2"]);
    stage.until(&twice, |shown| shown["state"] == "running");
    std::thread::sleep(std::time::Duration::from_secs(1));
    node.kill();
    node.start(&[]);
    let shown = stage.over(&twice);
    assert_eq!(
        (&shown["state"], &shown["exit_code"]),
        (&"succeeded".into(), &0.into()),
        "{shown:#}"
    );
    assert!(stage.log(&twice).contains("over"));
}

#[test]
fn a_run_that_is_stopped_ends_and_says_so() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = stage();
    let _node = stage.node("box", &[]);
    stage.script("slow", SMALL, "echo begun\nsleep 15\n");
    let id = stage.start(&["Lab/slow", "--node", "box"]);
    stage.until(&id, |shown| shown["state"] == "running");
    stage.ana.run(&["run", "stop", &id]).ok();
    let shown = stage.over(&id);
    assert!(
        shown["state"] == "stopped" || shown["state"] == "withdrawn",
        "{shown:#}"
    );
    let fresh = stage.start(&["Lab/slow", "--node", "box"]);
    stage.until(&fresh, |shown| shown["state"] == "running");
}
