//! The window with nothing in it that drives it: keys go to its display as from a keyboard. Slower and blinder than WebDriver, but
//! the program is the one that people run, down to its web processes, which end at unlock and at lock.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::tools::{self, Ends};

/// How long the window may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
/// How long a page is there before it counts as started.
const SETTLED: Duration = Duration::from_secs(4);

/// A window and a keyboard.
pub struct Hands {
    app: Ends,
    display: String,
    _screen: Ends,
}

impl Hands {
    /// Starts the program on a profile and waits for its window.
    ///
    /// # Panics
    /// When the window does not come up.
    #[must_use]
    pub fn open(profile: &Path) -> Self {
        let (screen, display) = tools::display();
        let app = Command::new(tools::program())
            .arg("--profile")
            .arg(profile)
            .env("DISPLAY", &display)
            .env("GDK_BACKEND", "x11")
            .env("NO_AT_BRIDGE", "1")
            .env("HOLDFAST_E2E_UI", tools::page())
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .spawn()
            .expect("the window's program starts");
        let hands = Self {
            app: Ends(app),
            display,
            _screen: screen,
        };
        let until = Instant::now() + PATIENCE;
        while !hands.xdotool(&["search", "--onlyvisible", "--name", "^Holdfast$", "windowfocus"]) {
            assert!(Instant::now() < until, "no window");
            std::thread::sleep(LOOK);
        }
        hands
    }

    /// The program's process; those of its page are below it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.app.0.id()
    }

    /// Types text into whatever has the focus.
    ///
    /// # Panics
    /// When that does not work.
    pub fn types(&self, text: &str) {
        assert!(self.xdotool(&["type", "--delay", "12", text]), "typed");
    }

    /// Presses a key, or several at once (`ctrl+k`).
    ///
    /// # Panics
    /// When that does not work.
    pub fn press(&self, key: &str) {
        assert!(self.xdotool(&["key", key]), "{key} pressed");
    }

    /// Ends the process of its page, as a crash does. Not before it has been there for some seconds: one that dies while it is being
    /// started takes the whole program of WebKit with it, and later none does.
    ///
    /// # Panics
    /// When there is none.
    pub fn kill_page(&self) {
        self.waits_for_page();
        let mut pages = tools::pages(self.pid());
        let mut since = Instant::now();
        let until = Instant::now() + PATIENCE;
        while pages.is_empty() || since.elapsed() < SETTLED {
            std::thread::sleep(LOOK);
            let now = tools::pages(self.pid());
            if now != pages {
                (pages, since) = (now, Instant::now());
            }
            assert!(Instant::now() < until, "no page stays");
        }
        pages.into_iter().for_each(tools::kill);
    }

    /// Waits until a process has its page.
    ///
    /// # Panics
    /// When none comes.
    pub fn waits_for_page(&self) {
        let until = Instant::now() + PATIENCE;
        while tools::pages(self.pid()).is_empty() {
            assert!(Instant::now() < until, "no page");
            std::thread::sleep(LOOK);
        }
    }

    /// A picture of the display, for whoever looks for what went wrong.
    pub fn shot(&self, name: &str) {
        let folder = tools::screens();
        let _ = std::fs::create_dir_all(&folder);
        let _ = Command::new("import")
            .args(["-window", "root"])
            .arg(folder.join(format!("{name}.png")))
            .env("DISPLAY", &self.display)
            .status();
    }

    fn xdotool(&self, args: &[&str]) -> bool {
        let mut command = Command::new("xdotool");
        command
            .args(args)
            .env("DISPLAY", &self.display)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().expect("xdotool is installed").success()
    }
}
