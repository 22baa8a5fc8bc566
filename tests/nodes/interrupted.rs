//! What goes away in the middle of a run: the server, the node, the laptop that ordered it. The run ends once, its log has neither
//! gap nor double, and what it made is what it would have made.

use std::path::Path;

use holdfast_crypto::sha256;
use holdfast_tests::{Person, Tamper};

use crate::stage::{Stage, files_of, soon, stage};

/// Lines that the task prints, one every tenth of a second.
const LINES: usize = 120;
const SLOW: &str =
    "[outputs.numbers]\nkind = \"artifact\"\n[limits]\nmemory = \"64 MiB\"\ndisk = \"8 MiB\"\ntime = \"120 s\"\n";

fn slow(stage: &Stage) {
    let script = format!(
        "for i in $(seq 1 {LINES}); do echo \"line $i\"; sleep 0.1; done\nmkdir -p /out/numbers\nseq 1 100000 > /out/numbers/all\nsha256sum < /out/numbers/all\n"
    );
    stage.script("slow", SLOW, &script);
}

/// All of the log, in order, and the bytes that the node made, for `person`.
fn is_whole(person: &Person, root: &Path, run: &str) {
    let shown = person.run(&["run", "logs", run]).ok();
    assert_eq!(shown["whole"], true, "{shown:#}");
    let pieces = shown["pieces"].as_array().expect("pieces");
    assert!(pieces.iter().all(|piece| piece["source"] == "out"), "{shown:#}");
    let log: String = pieces.iter().filter_map(|piece| piece["text"].as_str()).collect();
    let lines: Vec<String> = (1..=LINES).map(|number| format!("line {number}")).collect();
    let (printed, digest) = log
        .trim_end()
        .rsplit_once('\n')
        .unwrap_or_else(|| panic!("a short log:\n{log}"));
    assert_eq!(printed.lines().collect::<Vec<_>>(), lines, "{log}");
    let to = root.join("got");
    let to = to.to_str().expect("a path");
    person.run(&["run", "artifacts", run, "--to", to]).ok();
    let made = files_of(Path::new(to));
    let [all] = &made[..] else {
        panic!("{made:?}");
    };
    let bytes = std::fs::read(all).expect("the file");
    let numbers: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    assert!(bytes == numbers.as_bytes(), "{} bytes", bytes.len());
    assert!(digest.contains(&hex::encode(sha256(&[&bytes]))), "{digest}");
}

/// Twice, at another moment each.
#[test]
fn server_killed_in_the_middle_of_a_run() {
    if !holdfast_tests::walls() {
        return;
    }
    let mut stage = stage();
    let mut node = stage.node("box", &[]);
    node.stop();
    // The second one asks for work all the while: so the node's log says when the server is away.
    node.start(&["--slots", "2"]);
    slow(&stage);
    let run = stage.start(&["Lab/slow", "--node", "box"]);
    for boxes in [2, 8] {
        let data = stage.server.data().to_owned();
        let mut tamper = Tamper::new(&data);
        soon("some of the log", || tamper.run_state(&run).1 >= boxes);
        drop(tamper);
        let said = |what: &str| node.log().matches(what).count();
        let (missed, answered) = (said("does not answer"), said("The server answers."));
        stage.server.kill();
        // The node notices, so the server was away while it had something to say.
        soon("the node to miss its server", || said("does not answer") > missed);
        stage.server.restart();
        soon("the node to hear from its server", || {
            said("The server answers.") > answered
        });
    }
    let shown = stage.over(&run);
    assert_eq!(
        (&shown["state"], &shown["attempt"]),
        (&"succeeded".into(), &1.into()),
        "{shown:#}"
    );
    let said = |what: &str| node.log().matches(&format!("run {run} {what}")).count();
    assert_eq!((said("began"), said("ended")), (1, 1), "{}", node.log());
    is_whole(&stage.ana, stage.root.path(), &run);
}

/// The client is ended while it follows the run, and nothing of hers is left at work. The result waits at the server; another
/// laptop of hers takes it over, and so the first one has it, too.
#[test]
fn the_ordering_laptop_closed() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = stage();
    let _node = stage.node("box", &[]);
    slow(&stage);
    let mut following = stage
        .ana
        .start(&["run", "start", "Lab/slow", "--node", "box", "--follow"]);
    let mut run = String::new();
    soon("the run", || {
        let listed = stage.ana.run(&["run", "list", "Lab"]).ok();
        run = listed[0]["id"].as_str().unwrap_or_default().to_owned();
        listed[0]["state"] == "running"
    });
    following.kill().expect("it can be ended");
    following.wait().expect("it ends");
    stage.ana.run(&["lock"]).ok();
    let mut tamper = Tamper::new(stage.server.data());
    soon("the end of the run", || {
        // Nobody is there who could take it over.
        let state = tamper.run_state(&run).0;
        assert_ne!(state, "adopted");
        state == "ended"
    });
    let laptop = stage.ana.second_device();
    laptop
        .run(&[
            "signin",
            "--server",
            &stage.server.url(),
            "--handle",
            stage.ana.handle(),
        ])
        .ok();
    soon("the result to be taken over", || {
        laptop.run(&["run", "show", &run]).ok()["state"] == "succeeded"
    });
    assert_eq!(tamper.run_state(&run).0, "adopted");
    assert_eq!(stage.over(&run)["state"], "succeeded");
    is_whole(&laptop, stage.root.path(), &run);
}

/// Each attempt has a log of its own; the one that counts is whole.
#[test]
fn node_killed_in_the_middle_of_a_run() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = stage();
    let mut node = stage.node("box", &[]);
    slow(&stage);
    let run = stage.start(&["Lab/slow", "--node", "box", "--attempts", "2"]);
    let mut tamper = Tamper::new(stage.server.data());
    soon("some of the log", || tamper.run_state(&run).1 >= 2);
    node.kill();
    node.start(&[]);
    let shown = stage.over(&run);
    assert_eq!(
        (&shown["state"], &shown["attempt"]),
        (&"succeeded".into(), &2.into()),
        "{shown:#}"
    );
    is_whole(&stage.ana, stage.root.path(), &run);
}
