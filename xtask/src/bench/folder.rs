//! Bench of many small files: how many requests they take, and what a second version of them sends.
//!
//! The real release binary against a real server over HTTP. Requests are counted in the server's log, which has a line
//! for each; bytes on the wire, by a relay. Both numbers come from elsewhere than the client that they judge.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::{Value, json};

use super::Bout;
use super::room::{Room, random_file};
use super::wire::Wire;
use crate::process::{Exit, line_of, show_and_run};
use crate::workspace::cargo;

const FOLDERS: usize = 100;
const FILES_IN_EACH: usize = 100;
const FILE: u64 = 4096;
/// One file of each folder: the changes lie as far apart as they can, which is the worst case for the listing.
const CHANGED_IN_EACH: usize = 1;
/// "Fewer than 200".
const REQUESTS: f64 = 199.0;
const SECOND_PERCENT: f64 = 5.0;

/// What one upload took.
#[derive(Debug, Clone, Copy, Serialize)]
struct Taken {
    seconds: f64,
    requests: usize,
    /// Bytes of packs, as the client says.
    bytes_sent: u64,
    /// Bytes that the client put on the wire, as the relay saw.
    wire: u64,
}

/// Uploads a folder, changes a hundredth of its files, uploads it again.
pub(super) fn folder(bout: &mut Bout) -> Result<()> {
    let mut build = cargo("build");
    build.args(["--quiet", "--release", "-p", "holdfast-cli"]);
    if !show_and_run(&mut build)? {
        return Err(Exit::silent());
    }
    let stage = Stage::new(&bout.meta.release_file("holdfast"))?;
    let data = stage.room.join("data");
    for folder in 0..FOLDERS {
        fs::create_dir_all(data.join(format!("{folder:03}")))?;
        for file in 0..FILES_IN_EACH {
            random_file(&name(&data, folder, file), FILE)?;
        }
    }
    stage.ask(&["project", "create", "Bench"])?;
    let first = stage.upload(&data)?;
    for folder in 0..FOLDERS {
        for file in 0..CHANGED_IN_EACH {
            random_file(
                &name(&data, folder, file + folder % (FILES_IN_EACH - CHANGED_IN_EACH)),
                FILE,
            )?;
        }
    }
    let second = stage.upload(&data)?;
    for (name, taken) in [("first", first), ("second", second)] {
        println!(
            "  {name:<8}{:>4} requests, {:>9} bytes of packs, {:>9} bytes on the wire, {:.2} s",
            taken.requests, taken.bytes_sent, taken.wire, taken.seconds
        );
        bout.keep(name, serde_json::to_value(taken)?);
    }
    let percent = |of: fn(Taken) -> u64| 100.0 * of(second) as f64 / of(first) as f64;
    bout.gate("requests of the first upload", first.requests as f64, REQUESTS);
    bout.gate("requests of the second upload", second.requests as f64, REQUESTS);
    bout.gate(
        "second upload in % of packs",
        percent(|taken| taken.bytes_sent),
        SECOND_PERCENT,
    );
    bout.gate(
        "second upload in % of the wire",
        percent(|taken| taken.wire),
        SECOND_PERCENT,
    );
    Ok(())
}

fn name(data: &Path, folder: usize, file: usize) -> PathBuf {
    data.join(format!("{folder:03}/{file:03}.bin"))
}

/// A server, a relay, and somebody who has signed up and unlocked. Dropping it ends both processes.
struct Stage {
    wire: Wire,
    server: Child,
    log: PathBuf,
    profile: PathBuf,
    holdfast: PathBuf,
    // Last, so that the folder goes when everything in it has ended.
    room: Room,
}

impl Stage {
    fn new(holdfast: &Path) -> Result<Self> {
        let room = Room::inside(&std::env::temp_dir())?;
        let log = room.join("server.log");
        let wire = Wire::bind()?;
        let mut serve = Command::new(holdfast);
        serve.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]);
        serve.arg(room.join("server")).args(["--origin", &wire.url()]);
        serve.env_remove("RUST_LOG");
        let mut server = serve
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        if let Err(error) = address(&mut server).and_then(|address| wire.open(address)) {
            let _ = server.kill();
            let _ = server.wait();
            return Err(error);
        }
        let stage = Self {
            wire,
            server,
            log,
            profile: room.join("profile"),
            holdfast: holdfast.to_owned(),
            room,
        };
        fs::create_dir(&stage.profile)?;
        let url = stage.wire.url();
        let account = [
            "signup",
            "--server",
            &url,
            "--handle",
            "bench@example.org",
            "--generate",
        ];
        // The smallest keys and the cheapest derivation: neither is what is measured.
        let account = stage.ask(&[&account[..], &["--bits", "2048", "--kdf-log2-n", "17"]].concat())?;
        let key = stage.room.join("master-key");
        fs::write(&key, account["master_key"].as_str().context("no Master Key was made")?)?;
        stage.ask(&["unlock", "--master-key-file", &key.display().to_string()])?;
        Ok(stage)
    }

    /// Runs a command and reads its answer.
    fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.holdfast);
        command
            .env("HOLDFAST_PROFILE", &self.profile)
            .env_remove("HOLDFAST_MASTER_KEY_FILE")
            .stdin(Stdio::null())
            .args(arguments)
            .arg("--json");
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(
            output.status.success(),
            "{} ended with {}: {}",
            line_of(&command),
            output.status,
            String::from_utf8_lossy(&output.stdout)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn upload(&self, data: &Path) -> Result<Taken> {
        let (requests, wire) = (self.requests()?, self.wire.sent());
        let begun = Instant::now();
        let path = data.display().to_string();
        let said = self.ask(&["dataset", "upload", "Bench", &path, "--name", "Data"])?;
        let seconds = begun.elapsed().as_secs_f64();
        let files = FOLDERS * FILES_IN_EACH;
        ensure!(said["files"] == json!(files), "{} files were uploaded", said["files"]);
        Ok(Taken {
            seconds,
            requests: self.requests()? - requests,
            bytes_sent: said["bytes_sent"].as_u64().context("how much was sent?")?,
            wire: self.wire.sent() - wire,
        })
    }

    /// Requests that the server has answered so far.
    fn requests(&self) -> Result<usize> {
        let mut requests = 0;
        for line in fs::read_to_string(&self.log)?.lines() {
            let line: Value = serde_json::from_str(line).with_context(|| format!("the server logged: {line}"))?;
            requests += usize::from(line["fields"]["message"] == "answered");
        }
        Ok(requests)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.ask(&["lock"]);
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Where the server listens, once it does.
fn address(server: &mut Child) -> Result<std::net::SocketAddr> {
    let mut line = String::new();
    BufReader::new(server.stdout.take().context("no output")?).read_line(&mut line)?;
    let said: Value = serde_json::from_str(&line).context("the server did not start")?;
    let url = said["listening"].as_str().context("the server says nothing")?;
    Ok(url.trim_start_matches("http://").trim_end_matches('/').parse()?)
}
