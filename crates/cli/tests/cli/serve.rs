//! The server that runs: what it leaves on the disk, and what it tells an operator.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::process::Child;

use serde_json::Value;

use crate::support::Bench;

/// Ends with the test.
struct Serving {
    child: Child,
    told: Value,
}

impl Serving {
    fn start(bench: &Bench, more: &[&str]) -> Self {
        let data = bench.file("data");
        let mut arguments = vec!["serve", "--json", "--data", data.to_str().unwrap()];
        arguments.extend(more);
        let mut child = bench.command(arguments).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told = serde_json::from_str(&line).unwrap();
        Self { child, told }
    }

    fn get(url: &str) -> String {
        let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn stop(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

/// In standard projects it has contents, and everywhere handles.
#[test]
fn what_it_makes_is_for_its_user_alone() {
    let bench = Bench::new();
    let data = bench.file("data");
    fs::DirBuilder::new().mode(0o755).create(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    let said = Serving::start(&bench, &[]).stop();
    for name in ["holdfast.db", "server.lock", "packs"] {
        let mode = data.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is {mode:o}");
    }
    assert!(said.contains("chmod 700"), "{said}");

    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    let said = Serving::start(&bench, &[]).stop();
    assert!(!said.contains("chmod"), "{said}");
}

#[test]
fn metrics_are_told_on_a_listener_of_their_own() {
    let bench = Bench::new();
    let serving = Serving::start(&bench, &["--metrics", "127.0.0.1:0"]);
    let api = serving.told["listening"].as_str().unwrap();
    let metrics = serving.told["metrics"].as_str().unwrap();
    assert!(Serving::get(&format!("{api}/healthz")).starts_with("HTTP/1.1 200"));
    assert!(Serving::get(&format!("{api}/metrics")).starts_with("HTTP/1.1 404"));
    let told = Serving::get(metrics);
    assert!(
        told.starts_with("HTTP/1.1 200") && told.contains("text/plain; version=0.0.4"),
        "{told}"
    );
    for line in [
        "holdfast_requests_total{method=\"GET\",route=\"/healthz\",status=\"200\"} 1",
        "holdfast_spaces 0",
        "holdfast_live_bytes 0",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    let root = metrics.replace("/metrics", "/v1/server");
    assert!(Serving::get(&root).starts_with("HTTP/1.1 404"), "nothing else is there");
    serving.stop();
}

#[test]
fn metrics_are_for_this_computer_alone() {
    let bench = Bench::new();
    let data = bench.file("data");
    let done = bench.run(["serve", "--data", data.to_str().unwrap(), "--metrics", "0.0.0.0:0"]);
    assert_eq!(done.exit, 2);
    assert!(done.err.contains("this computer alone"), "{}", done.err);
}
