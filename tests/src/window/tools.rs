//! What a window needs around it here: a display that nobody looks at, and the program that drives the page.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program under test.
pub(super) fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("HOLDFAST_APP") {
        return path.into();
    }
    root().join("target").join("debug").join("holdfast-app")
}

/// Where pictures go.
pub(super) fn screens() -> PathBuf {
    std::env::var_os("HOLDFAST_SCREENS").map_or_else(|| root().join("target").join("screens"), PathBuf::from)
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
pub(super) fn display() -> (Ends, String) {
    // It starts anew when its last client hangs up, and refuses everybody meanwhile: whoever looks for the window would keep the
    // window from opening.
    let mut child = Command::new("Xvfb")
        .args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1400x1000x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ])
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

/// The window's program that has this profile.
pub(super) fn running(profile: &Path) -> Option<u32> {
    let profile = profile.as_os_str().as_encoded_bytes();
    processes().find(|pid| {
        let line = command_line(*pid);
        line.first().is_some_and(|program| program.ends_with(b"holdfast-app")) && line.iter().any(|arg| arg == profile)
    })
}

fn processes() -> impl Iterator<Item = u32> {
    let all = std::fs::read_dir("/proc").expect("a list of processes").flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn command_line(pid: u32) -> Vec<Vec<u8>> {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

/// Its state and its parent, as the system says it; nothing when it is gone.
fn state(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
    Some((rest.next()?.chars().next()?, rest.next()?.parse().ok()?))
}

fn threads(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// Kills the window's program that has this profile, and waits until it is gone.
pub(super) fn kill_program(profile: &Path) -> bool {
    let Some(pid) = running(profile) else { return false };
    kill(pid);
    // Its sockets close when the last of its threads has ended.
    while state(pid).is_some_and(|(state, _)| state != 'Z') || threads(pid) > 1 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    true
}

/// The processes that it started.
pub(super) fn children(parent: u32) -> impl Iterator<Item = u32> {
    processes().filter(move |pid| state(*pid).is_some_and(|(_, of)| of == parent))
}

/// How many threads each decoder of the program has that has this profile.
pub(super) fn decoders(profile: &Path) -> Vec<usize> {
    let Some(parent) = running(profile) else {
        return Vec::new();
    };
    let is_decoder = |pid: &u32| {
        command_line(*pid)
            .get(1)
            .is_some_and(|arg| arg == b"holdfast-preview-worker")
    };
    children(parent).filter(is_decoder).map(threads).collect()
}

/// The processes of the page of the program `app`.
pub(super) fn pages(app: u32) -> Vec<u32> {
    let is_page = |pid: &u32| {
        let program = command_line(*pid).into_iter().next().unwrap_or_default();
        program.ends_with(b"WebKitWebProcess") && state(*pid).is_some_and(|(state, of)| state != 'Z' && of == app)
    };
    processes().filter(is_page).collect()
}

/// Ends a process at once.
pub(super) fn kill(pid: u32) {
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.expect("kill runs").success());
}

/// A child that ends with what holds it.
pub(super) struct Ends(pub(super) Child);

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
    display: String,
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
            .env("DISPLAY", &display)
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
            display,
            port,
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn xclip(&self) -> Command {
        let mut command = Command::new("xclip");
        command.args(["-selection", "clipboard"]).env("DISPLAY", &self.display);
        command
    }

    /// What is in the clipboard; nothing when nobody offers text.
    pub(super) fn clipboard(&self) -> String {
        let output = self.xclip().arg("-o").output().expect("xclip is installed");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Puts text in, as another program does. That program holds it until its display ends.
    pub(super) fn copy_elsewhere(&self, text: &str) {
        let mut child = self
            .xclip()
            .arg("-i")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("xclip is installed");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(text.as_bytes()).expect("text is written");
        drop(stdin);
        // It goes on in the background once the text is offered.
        assert!(child.wait().expect("it ends").success());
    }
}
