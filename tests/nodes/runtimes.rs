//! One task of each kind, carried out by what this computer has for it. Where there is nothing, the test says what is missing, and
//! holds the node to saying the same.

use std::path::Path;

use crate::stage::{files_of, stage};

const LIMITS: &str = "[limits]\nmemory = \"1 GiB\"\ndisk = \"64 MiB\"\nprocesses = 128\ntime = \"90 s\"\n";

/// Puts a task of a kind into the project, runs it, and gives its log and the one file that it made; nothing where this computer
/// can't.
#[allow(clippy::print_stderr, reason = "says what it did not do")]
fn made(runtime: &str, entry: &str, program: &str, path: &str, file: &str) -> Option<(String, String)> {
    let stage = stage();
    let node = stage.node("box", &[]);
    let folder = stage.root.path().join(runtime);
    std::fs::create_dir_all(&folder).expect("a folder");
    let outputs = format!("[outputs.made]\nkind = \"artifact\"\npath = \"{path}\"\n");
    let manifest =
        format!("format = 1\nname = \"{runtime}\"\nruntime = \"{runtime}\"\nentry = \"{entry}\"\n{outputs}{LIMITS}");
    std::fs::write(folder.join("holdfast-task.toml"), manifest).expect("a manifest");
    std::fs::write(folder.join(entry), file).expect("a file");
    stage.upload("task", runtime, &folder);
    let run = stage.start(&[&format!("Lab/{runtime}"), "--node", "box"]);
    let shown = stage.over(&run);
    let here = ["/usr/local/bin", "/usr/bin", "/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).exists());
    let card = stage.ana.run(&["node", "list"]).ok()[0]["card"].clone();
    let offered = card["runtimes"].as_array().expect("runtimes").contains(&runtime.into());
    assert_eq!(offered, here, "{card:#}");
    if !here {
        assert_eq!(
            (&shown["state"], &shown["sentence"]),
            (&"refused".into(), &"run-runtime".into()),
            "{shown:#}"
        );
        let log = node.log();
        let why = log.lines().find(|line| line.contains("(run-runtime)"));
        eprintln!("skipped: no {runtime} on this computer: {}", why.expect("a reason"));
        return None;
    }
    let log = stage.log(&run);
    assert_eq!(shown["state"], "succeeded", "{shown:#}\n{log}");
    let to = stage.root.path().join("got");
    stage
        .ana
        .run(&["run", "artifacts", &run, "--to", to.to_str().expect("a path")])
        .ok();
    let files = files_of(&to);
    let [file] = &files[..] else {
        panic!("{files:?}");
    };
    Some((log, std::fs::read_to_string(file).expect("text")))
}

#[test]
fn python() {
    if !holdfast_tests::walls() {
        return;
    }
    let program = "import os, sys\nos.makedirs('/out/made')\nprint('hello from', sys.executable)\nopen('/out/made/sum', 'w').write(str(sum(range(11))))\n";
    if let Some((log, file)) = made("python", "main.py", "python3", "made", program) {
        assert!(log.contains("hello from"), "{log}");
        assert_eq!(file, "55");
    }
}

#[test]
fn r() {
    if !holdfast_tests::walls() {
        return;
    }
    let program = "cat('hello from', R.version.string, '\\n')\ndir.create('/out/made')\nfit <- lm(dist ~ speed, data = cars)\nwriteLines(format(coef(fit)[['speed']], digits = 5), '/out/made/slope')\n";
    if let Some((log, file)) = made("r", "main.R", "Rscript", "made", program) {
        assert!(log.contains("hello from R version"), "{log}");
        // What R's own documentation of `cars` has.
        assert_eq!(file.trim(), "3.9324");
    }
}

/// The notebook comes back with what its cells said.
#[test]
fn notebook() {
    if !holdfast_tests::walls() {
        return;
    }
    let cell = serde_json::json!({
        "cell_type": "code", "execution_count": null, "id": "one", "metadata": {}, "outputs": [],
        "source": ["print('the sum is', sum(range(11)))"],
    });
    let book = serde_json::json!({
        "cells": [cell], "nbformat": 4, "nbformat_minor": 5,
        "metadata": {
            "kernelspec": { "display_name": "Python 3", "language": "python", "name": "python3" },
            "language_info": { "name": "python" },
        },
    });
    if let Some((_, file)) = made("notebook", "book.ipynb", "jupyter", "book.ipynb", &book.to_string()) {
        assert!(file.contains("the sum is 55"), "{file}");
    }
}

/// Without an engine that holds limits for the node's user the task is refused with the reason. With one, this test has no image to
/// give it, and sees that an image which is nowhere is not carried out.
#[test]
#[allow(clippy::print_stderr, reason = "says what it did not do")]
fn container() {
    if !holdfast_tests::walls() {
        return;
    }
    let stage = stage();
    let node = stage.node("box", &[]);
    let folder = stage.root.path().join("container");
    std::fs::create_dir_all(&folder).expect("a folder");
    let image = format!("localhost/nowhere@sha256:{}", "0".repeat(64));
    let manifest = format!("format = 1\nname = \"container\"\nruntime = \"container\"\nimage = \"{image}\"\n{LIMITS}");
    std::fs::write(folder.join("holdfast-task.toml"), manifest).expect("a manifest");
    stage.upload("task", "container", &folder);
    let run = stage.start(&["Lab/container", "--node", "box"]);
    let shown = stage.over(&run);
    let card = stage.ana.run(&["node", "list"]).ok()[0]["card"].clone();
    if card["runtimes"]
        .as_array()
        .expect("runtimes")
        .contains(&"container".into())
    {
        assert_eq!(shown["state"], "failed", "{shown:#}");
        eprintln!("skipped: containers work here, and there is no image to try them with");
        return;
    }
    assert_eq!(
        (&shown["state"], &shown["sentence"]),
        (&"refused".into(), &"run-runtime".into()),
        "{shown:#}"
    );
    let log = node.log();
    let why = log
        .lines()
        .find(|line| line.contains("(run-runtime)"))
        .expect("a reason");
    assert!(why.contains("Needs Podman or Docker: "), "{why}");
    eprintln!("skipped: no containers on this computer: {why}");
}
