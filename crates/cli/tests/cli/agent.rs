//! The agent and the way around it, against a real server: who has the keys, who is told what, and what is left behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::Bench;
use serde_json::Value;

/// A server, and an account with the cheapest keys that are allowed.
struct Scene {
    bench: Bench,
    server: Child,
    key: String,
}

impl Scene {
    fn new() -> Self {
        let bench = Bench::new();
        let mut server = bench
            .command(["serve", "--json", "--data", "server"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let url = ready["listening"].as_str().unwrap();
        let sign_up = [
            "signup",
            "--server",
            url,
            "--handle",
            "ana@example.org",
            "--bits",
            "2048",
            "--kdf-log2-n",
            "17",
        ];
        let account = bench
            .run(sign_up.into_iter().chain(["--generate", "--json", "--kit", "kit.pdf"]))
            .json();
        let key = account["master_key"].as_str().unwrap().to_owned();
        assert_eq!(account["words"].as_str().unwrap().split(' ').count(), 6);
        assert!(fs::read(bench.file("kit.pdf")).unwrap().starts_with(b"%PDF-"));
        fs::write(bench.file("key"), format!("{key}\n")).unwrap();
        Self { bench, server, key }
    }

    fn unlock(&self) {
        self.bench.run(["unlock", "--master-key-file", "key", "--json"]).json();
    }

    fn is_unlocked(&self) -> bool {
        self.bench.run(["status", "--json"]).json()["unlocked"] == true
    }

    /// The agent's process, as the profile's lock file names it.
    fn agent(&self) -> String {
        let note = fs::read_to_string(self.bench.file("profile/profile.lock")).unwrap();
        note.lines().next().unwrap().to_owned()
    }
}

/// Gone, or waiting for whoever started it to take note.
fn has_ended(process: &str) -> bool {
    let state = || match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(_) => true,
    };
    let until = Instant::now() + Duration::from_secs(5);
    while !state() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    state()
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.bench.run(["lock"]);
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn keys_come_and_go() {
    let scene = Scene::new();
    let bench = &scene.bench;

    // No agent: each command needs the Master Key, and there is nobody to ask.
    assert_eq!(bench.run(["whoami"]).exit, 11);
    assert_eq!(bench.run(["unlock"]).exit, 11);
    let wrong = bench.run_with(
        ["whoami", "--master-key-file", "-", "--json"],
        "correct horse battery staple",
    );
    assert_eq!(wrong.exit, 10, "{}", wrong.out);
    let wrong = bench.run_with(
        ["unlock", "--master-key-file", "-", "--json"],
        "correct horse battery staple",
    );
    assert_eq!(wrong.exit, 10, "{}", wrong.out);
    let me = bench
        .run_with(["whoami", "--master-key-file", "-", "--json"], &scene.key)
        .json();
    assert_eq!(me["handle"], "ana@example.org");
    assert!(!scene.is_unlocked());

    // With one, nothing is asked, and a second unlock is no second agent.
    scene.unlock();
    assert!(scene.is_unlocked());
    let agent = scene.agent();
    scene.unlock();
    assert_eq!(scene.agent(), agent);
    assert_eq!(bench.run(["whoami", "--json"]).json(), me);
    // It would answer for another account than the profile's.
    let other = [
        "signin",
        "--server",
        "http://127.0.0.1:9",
        "--handle",
        "ben@example.org",
    ];
    assert_eq!(bench.run(other).exit, 1);

    // The Master Key is nowhere to be seen.
    for file in ["cmdline", "environ"] {
        match fs::read(format!("/proc/{agent}/{file}")) {
            Ok(seen) => assert!(!String::from_utf8_lossy(&seen).contains(&scene.key), "{file}"),
            // To all but root it is as if it were somebody else's process: nothing of it can be read.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "{file}: {error}"),
        }
    }
    assert!(
        !fs::read_to_string(bench.file("profile/logs/agent.log"))
            .unwrap()
            .contains(&scene.key)
    );

    // Locked: the agent is gone, and so is its socket.
    assert_eq!(bench.run(["lock"]).exit, 0);
    assert!(has_ended(&agent));
    assert_eq!(bench.run(["whoami"]).exit, 11);
    assert_eq!(bench.run(["lock"]).exit, 0);

    // SIGTERM and being killed end it as well; a socket left behind is in nobody's way.
    for signal in ["-TERM", "-KILL"] {
        scene.unlock();
        let agent = scene.agent();
        assert!(
            std::process::Command::new("kill")
                .args([signal, &agent])
                .status()
                .unwrap()
                .success()
        );
        let until = Instant::now() + Duration::from_secs(10);
        while scene.is_unlocked() {
            assert!(Instant::now() < until, "{signal} did not end it");
        }
    }
    scene.unlock();
    assert!(scene.is_unlocked());
}

#[test]
fn names_fields_and_parallel_commands_go_through_the_agent() {
    let scene = Scene::new();
    let bench = &scene.bench;
    scene.unlock();
    let project = bench.run(["project", "create", "Köln/1", "--json"]).json();
    assert_eq!(
        (&project["name"], &project["encrypted"]),
        (&"Köln/1".into(), &true.into())
    );
    let again = bench.run(["project", "create", "Köln/1", "--json"]);
    assert_eq!(again.exit, 14);
    assert_eq!(
        serde_json::from_str::<Value>(&again.out).unwrap()["code"],
        "already-exists"
    );
    let id = project["id"].as_str().unwrap();
    assert_eq!(
        bench.run(["project", "show", id, "--json"]).json()["project"]["name"],
        "Köln/1"
    );
    assert_eq!(bench.run(["project", "show", "Bonn"]).exit, 12);

    // `A/B` is one's own secret of that name first, then `B` in the project `A`.
    let git = [
        "secret",
        "add",
        "--type",
        "git",
        "--field",
        "host=example.org",
        "--field",
        "token=-",
    ];
    assert_eq!(
        bench.run_with(git.into_iter().chain(["--name", "a/b"]), "own\n").exit,
        0
    );
    assert_eq!(
        bench
            .run_with(git.into_iter().chain(["--name", "b", "--in", id]), "theirs\n")
            .exit,
        0
    );
    let token = |name: &str, more: &[&str]| {
        let shown = bench
            .run(["secret", "show", name, "--reveal", "--json"].iter().chain(more))
            .json();
        shown["fields"][1]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(token("a/b", &[]), "own");
    assert_eq!(token(&format!("{id}/b"), &[]), "theirs");
    assert_eq!(token("b", &["--in", id]), "theirs");
    let nothing = bench.run(["secret", "show", "x/y"]);
    assert_eq!(nothing.exit, 12);
    assert!(nothing.err.contains("\"x/y\""), "{}", nothing.err);
    let list = bench.run(["secret", "list", "--in", id, "--json"]).out;
    assert!(!list.contains("theirs"), "{list}");

    // Several at once, all answered, none twice.
    let children: Vec<Child> = (0..8)
        .map(|n| {
            bench
                .command(["project", "create", &format!("p{n}"), "--json"])
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(
        bench
            .run(["project", "list", "--json"])
            .json()
            .as_array()
            .unwrap()
            .len(),
        9
    );
}
