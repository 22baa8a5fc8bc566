//! What a window needs around it here: a display that nobody looks at, and the program that drives the page.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program under test.
pub(super) fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("HOLDFAST_APP") {
        return path.into();
    }
    target().join("debug").join("holdfast-app")
}

/// Where things are built, and pictures go.
pub(super) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The page as it was built last.
pub(super) fn page() -> PathBuf {
    root().join("ui").join("dist")
}

/// The accessibility checker.
pub(super) fn axe() -> PathBuf {
    root().join("ui/node_modules/axe-core/axe.min.js")
}

/// A display of its own for each window, as on a computer of its own: clipboards are not shared.
fn display() -> (Ends, String) {
    let mut child = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb is installed");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    out.read_line(&mut line).expect("the number of a display");
    // It goes on writing there; nobody must hang up.
    std::thread::spawn(move || out.read_to_end(&mut Vec::new()));
    (Ends(child), format!(":{}", line.trim()))
}

/// A child that ends with what holds it.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program that drives a page, by WebDriver.
pub(super) struct Driver {
    _child: Ends,
    _display: Ends,
    port: u16,
}

impl Driver {
    pub(super) fn start(picks: &Path, environment: &[(&str, &str)]) -> Self {
        let (screen, display) = display();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a free port")
            .port();
        let child = Command::new("WebKitWebDriver")
            .arg(format!("--port={port}"))
            .env("DISPLAY", display)
            .env("GDK_BACKEND", "x11")
            .env("TAURI_AUTOMATION", "true")
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("NO_AT_BRIDGE", "1")
            .env("HOLDFAST_E2E_PICK", picks)
            .env("HOLDFAST_E2E_UI", page())
            .env_remove("WAYLAND_DISPLAY")
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .expect("WebKitWebDriver is installed");
        Self {
            _child: Ends(child),
            _display: screen,
            port,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
