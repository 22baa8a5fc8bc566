//! Quick unlock with a real keychain: what it costs is said, what it keeps is not the Master Key, and the Master Key always opens.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_tests::{Person, Server, Window};

use super::bus::Bus;
use super::prepared::{folder, shown_words, unlock};

const ANA: &str = "ana@example.org";
const DO: &str = "Unlock with this computer's keychain";

/// The keychain of a desktop, opened as a login does it.
struct Keychain {
    child: Child,
    bus: String,
}

impl Keychain {
    fn open(bus: &Bus, home: &Path) -> Self {
        let mut child = Command::new("gnome-keyring-daemon")
            .args(["--foreground", "--unlock", "--components=secrets"])
            .env("DBUS_SESSION_BUS_ADDRESS", bus.address())
            .env("HOME", home)
            .env("XDG_DATA_HOME", home)
            .env("XDG_RUNTIME_DIR", home)
            .env_remove("DISPLAY")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("gnome-keyring-daemon is installed");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(b"a login's password").expect("the password");
        drop(stdin);
        let until = Instant::now() + Duration::from_secs(60);
        while !bus.knows("org.freedesktop.secrets") {
            assert!(Instant::now() < until, "no keychain on the bus");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            child,
            bus: bus.address().to_owned(),
        }
    }

    fn tool(&self, verb: &str) -> Vec<u8> {
        let output = Command::new("secret-tool")
            .args([verb, "service", "Holdfast quick unlock"])
            .env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
            .output();
        output.expect("secret-tool is installed").stdout
    }

    /// What is kept for Holdfast; nothing when there is nothing.
    fn kept(&self) -> Vec<u8> {
        self.tool("lookup")
    }

    fn clear(&self) {
        self.tool("clear");
    }
}

impl Drop for Keychain {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn settings(window: &Window) {
    window.click("Settings").await;
    window.part("Locking").await;
    window.sees("Every two weeks your Master Key is asked for once").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keychain_opens_it_and_the_master_key_always_does() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), ANA);
    ana.run_without_key(&["lock"]).ok();
    let bus = Bus::start();
    let environment = [("DBUS_SESSION_BUS_ADDRESS", bus.address())];

    // No keychain: that is said, and nothing else changes.
    let window = Window::open_with("keychain-none", &ana.profile(), &environment).await;
    unlock(&window, &ana).await;
    settings(&window).await;
    window.choose(DO).await;
    window.sees("Quick unlock stays off.").await;
    window.screen("stays-off").await;
    window.click("Lock now").await;
    window.sees("Welcome back").await;
    assert!(!window.text().await.contains(DO));
    window.close().await;

    let keychain = Keychain::open(&bus, &folder(root.path(), "login"));
    let window = Window::open_with("keychain", &ana.profile(), &environment).await;
    unlock(&window, &ana).await;
    settings(&window).await;
    window.choose(DO).await;
    window
        .until(|| keychain.kept().len() == 32, "a key in the keychain")
        .await;
    window.screen("on").await;
    window.click("Lock now").await;
    window.sees(DO).await;
    window.screen("door").await;
    window.click(DO).await;
    window.sees("New project").await;
    window.close().await;

    // After a new start as well.
    let window = Window::open_with("keychain-again", &ana.profile(), &environment).await;
    window.click(DO).await;
    window.sees("New project").await;

    // A keychain that lost it: the Master Key opens, and the keychain gets a new one.
    window.click("Lock now").await;
    window.sees(DO).await;
    let first = keychain.kept();
    keychain.clear();
    window.click(DO).await;
    window.sees("The keychain has no key for this profile any more.").await;
    window.screen("lost").await;
    unlock(&window, &ana).await;
    let second = keychain.kept();
    assert!(second.len() == 32 && second != first);
    window.click("Lock now").await;
    window.click(DO).await;
    window.sees("New project").await;

    // A new Master Key ends it.
    window.click("Settings").await;
    window.part("Master Key").await;
    window.click("Change the Master Key").await;
    let new = shown_words(&window).await;
    window.choose("I have written it down").await;
    window.choose("Make a new Recovery Kit").await;
    window.click("Change it now").await;
    window.sees("Your Master Key is changed").await;
    window.screen("changed-without-kit").await;
    assert!(keychain.kept().is_empty());
    window.click("Lock now").await;
    window.sees("Welcome back").await;
    assert!(!window.text().await.contains(DO));
    ana.keep_key(&new);
    unlock(&window, &ana).await;

    // Switched on and off again.
    settings(&window).await;
    window.choose(DO).await;
    window
        .until(|| !keychain.kept().is_empty(), "a key in the keychain")
        .await;
    window.choose(DO).await;
    window.until(|| keychain.kept().is_empty(), "an empty keychain").await;
    window.click("Lock now").await;
    window.sees("Welcome back").await;
    assert!(!window.text().await.contains(DO));
    window.close().await;
}
