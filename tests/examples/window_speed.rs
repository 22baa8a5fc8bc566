//! How fast the window is, for `cargo xtask bench window`: from the start of the program to the unlock screen on the display, and
//! from a click to the view it asks for, for somebody who keeps ten thousand things. Prints one JSON object.
//!
//! The program is the one that `HOLDFAST_APP` names; the account and its server are made with the binaries of a debug build,
//! whose speed is not measured.
#![allow(clippy::print_stdout, reason = "what it was asked for")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_tests::window::{Screen, Window, memory_of};
use holdfast_tests::{Dice, Person, Server};
use serde_json::{Map, Value, json};

const THINGS: usize = 10_000;
const STARTS: usize = 9;
const ROUNDS: usize = 9;
/// The colour of the one button that the unlock screen is there for, in the light theme, before anything is typed.
const BUTTON: [u8; 3] = [0x7c, 0xa6, 0xa2];
/// It has some 2,500 pixels, letters aside; nothing else there has its colour.
const ENOUGH: usize = 2000;

/// What is clicked, and what is there once the view is. They lead from one to the next, and from the last to the first.
const HOUSE: [(&str, &str); 4] = [
    ("Secrets", "Account 1"),
    ("People", "Nobody yet"),
    ("Settings", "Recovery Kit"),
    ("Projects", "Scans"),
];
const PROJECT: [(&str, &str); 4] = [
    ("Secrets", "Account 1"),
    ("Activity", "Export"),
    ("Members", "ana@example.org"),
    ("Datasets", "Ten thousand files"),
];

#[tokio::main]
async fn main() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let items: Vec<Value> = (1..=THINGS).map(login).collect();
    let export = json!({ "encrypted": false, "folders": [], "items": items });
    let file = ana.file("bitwarden.json", &export.to_string());
    for place in [&[][..], &["--in", "Scans"]] {
        let import = ["secret", "import", "--from", "bitwarden", &file];
        ana.run(&[&import, place].concat()).ok();
    }
    let files = root.path().join("Ten thousand files");
    std::fs::create_dir(&files).expect("a folder");
    for n in 0..THINGS {
        std::fs::write(files.join(format!("{n:05}.txt")), n.to_string()).expect("a file");
    }
    let files = files.to_str().expect("a path");
    ana.run(&["dataset", "upload", "Scans", files, "--name", "Ten thousand files"])
        .ok();
    ana.run_without_key(&["lock"]).ok();

    let starts: Vec<f64> = (0..=STARTS).map(|_| start(&ana.profile())).collect();
    let (views, memory) = views(&ana).await;
    let told = json!({
        "longest_frame_ms": { "making 8192-bit keys": making_keys(root.path()).await, "uploading 2 GB": uploading(&ana, root.path()).await },
        // The first one warmed the disk.
        "start_ms": &starts[1..],
        "views_ms": views,
        "memory_mib": memory,
    });
    println!("{told}");
}

fn login(n: usize) -> Value {
    json!({ "type": 1, "name": format!("Account {n}"), "login": {
        "uris": [{ "uri": "https://example.org/login" }], "username": "ana", "password": format!("secret {n}"),
    } })
}

/// Milliseconds from the start of the program until its button is on the display.
fn start(profile: &Path) -> f64 {
    let screen = Screen::start();
    let begun = Instant::now();
    let mut app = program(profile, &screen);
    while screen.pixels(BUTTON) < ENOUGH {
        assert!(begun.elapsed() < Duration::from_secs(60), "no unlock screen");
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = begun.elapsed();
    app.kill().and_then(|()| app.wait()).expect("the program ends");
    took.as_secs_f64() * 1000.0
}

fn program(profile: &Path, screen: &Screen) -> Child {
    Command::new(std::env::var_os("HOLDFAST_APP").expect("HOLDFAST_APP names the program"))
        .arg("--profile")
        .arg(profile)
        .env("DISPLAY", screen.name())
        .env("GDK_BACKEND", "x11")
        .env_remove("WAYLAND_DISPLAY")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts")
}

/// Milliseconds from a click to the frame after the view is there, for each way through the house; and what the program and its
/// page hold in memory, in MiB, after all of it.
async fn views(ana: &Person) -> (Value, Value) {
    let window = Window::open("speed", &ana.profile()).await;
    unlock(&window, ana).await;
    let mut took = Map::new();
    rounds(&window, ".house > nav button", &HOUSE, "", &mut took).await;
    window.click("Scans").await;
    window.sees("Ten thousand files").await;
    rounds(&window, "main nav button", &PROJECT, "project: ", &mut took).await;
    let memory = memory_of(&ana.profile());
    window.close().await;
    (Value::Object(took), memory)
}

/// The longest frame while the largest keys are made.
async fn making_keys(root: &Path) -> f64 {
    let window = Window::open("speed-keys", &root.join("new")).await;
    window.click("Continue").await;
    window.fill("Your name", "Cid").await;
    window.fill("E-mail or name to sign in with", "cid@example.org").await;
    window.click("Continue").await;
    window.sees("Write it down now").await;
    window.choose("I have written it down").await;
    window.click("Advanced").await;
    window.select("Size of the key pair", "8192 bits").await;
    window.click("Make my keys").await;
    let longest = window.longest_frame_until("Not now").await;
    window.close().await;
    longest
}

/// The longest frame while a large file is locked and sent.
async fn uploading(ana: &Person, root: &Path) -> f64 {
    let folder = root.join("Large");
    std::fs::create_dir(&folder).expect("a folder");
    Dice::new(1).file(&folder.join("large.bin"), 2_000_000_000);
    let window = Window::open("speed-upload", &ana.profile()).await;
    unlock(&window, ana).await;
    window.click("Scans").await;
    window.sees("Ten thousand files").await;
    window.drop_files(&[&folder]).await;
    window.sees("What is new").await;
    window.click("Start").await;
    let longest = window
        .longest_frame_until("Checked against the server: all correct.")
        .await;
    window.close().await;
    longest
}

async fn unlock(window: &Window, person: &Person) {
    window.sees("Welcome back").await;
    let phrase = std::fs::read_to_string(person.key_file()).expect("the Master Key");
    window.fill("Master Key", phrase.trim()).await;
    window.click("Unlock").await;
    window.sees("New project").await;
}

async fn rounds(window: &Window, buttons: &str, ways: &[(&str, &str)], place: &str, took: &mut Map<String, Value>) {
    for round in 0..=ROUNDS {
        for (name, seen) in ways {
            let ms = window.time_to(buttons, name, seen).await;
            // Each view is read from the disk once.
            let group = if round == 0 { "first" } else { "again" };
            let rows = took
                .entry(format!("{place}{name}, {group}"))
                .or_insert_with(|| json!([]));
            rows.as_array_mut().expect("rows").push(json!(ms));
        }
    }
}
