//! What a bench looks at: the display as somebody in front of it sees it, a view's way onto it, and what all of it holds in memory.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConnectionExt, ImageFormat};
use x11rb::rust_connection::RustConnection;

use super::{Window, tools};

/// A display that can be looked at.
pub struct Screen {
    connection: RustConnection,
    number: usize,
    name: String,
    _server: tools::Ends,
}

impl Screen {
    /// Starts one that shows nothing.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let (server, name) = tools::display();
        let (connection, number) = x11rb::connect(Some(&name)).expect("the display answers");
        Self {
            connection,
            number,
            name,
            _server: server,
        }
    }

    /// What DISPLAY has to be.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many of its pixels are red, green and blue like this, or nearly so: what shines through is rounded now and then.
    ///
    /// # Panics
    /// When the display hangs up.
    #[must_use]
    pub fn pixels(&self, [red, green, blue]: [u8; 3]) -> usize {
        let screen = &self.connection.setup().roots[self.number];
        let (width, height) = (screen.width_in_pixels, screen.height_in_pixels);
        let asked = self
            .connection
            .get_image(ImageFormat::Z_PIXMAP, screen.root, 0, 0, width, height, u32::MAX);
        let image = asked.expect("the display is asked").reply().expect("a picture");
        let (pixels, _) = image.data.as_chunks::<4>();
        let alike = |pixel: &&[u8; 4]| {
            pixel
                .iter()
                .zip([blue, green, red])
                .all(|(is, wanted)| is.abs_diff(wanted) <= 3)
        };
        pixels.iter().filter(alike).count()
    }
}

impl Window {
    /// Milliseconds from a click on the button with that name, among those that the selector finds, until the text is in the view
    /// and two more frames are painted.
    ///
    /// # Panics
    /// When the view does not come.
    pub async fn time_to(&self, buttons: &str, name: &str, text: &str) -> f64 {
        let script = "const [buttons, name, text, done] = arguments;
            const words = (it) => it.getAttribute('aria-label') ?? it.textContent.trim();
            const button = [...document.querySelectorAll(buttons)].find((it) => words(it).startsWith(name));
            const begun = performance.now();
            const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
            const there = () => button.getAttribute('aria-current') === 'page'
                && document.querySelector('main').innerText.includes(text);
            const look = () => there() ? painted() : requestAnimationFrame(look);
            button.click();
            look();";
        let arguments = vec![json!(buttons), json!(name), json!(text)];
        let took = self.web.execute_async(script, arguments).await;
        let took = took.unwrap_or_else(|error| panic!("no {text:?} in {name:?}: {error}"));
        took.json().as_f64().expect("milliseconds")
    }
}

impl Window {
    /// Looks at the page's frames until the text is in it: the longest time between two of them, in milliseconds.
    ///
    /// # Panics
    /// When the text does not come within ten minutes.
    pub async fn longest_frame_until(&self, text: &str) -> f64 {
        // Since the last look, in this page or the one that has taken its place.
        let script = "if (!window.frames_seen) {
                window.frames_seen = { longest: 0, last: performance.now() };
                const look = (now) => {
                    const seen = window.frames_seen;
                    seen.longest = Math.max(seen.longest, now - seen.last);
                    seen.last = now;
                    requestAnimationFrame(look);
                };
                requestAnimationFrame(look);
            }
            const longest = window.frames_seen.longest;
            window.frames_seen.longest = 0;
            return [longest, document.body.innerText.includes(arguments[0])];";
        let until = Instant::now() + Duration::from_secs(600);
        let mut longest: f64 = 0.0;
        loop {
            // Between two pages there is nothing to look at.
            if let Ok(told) = self.web.execute(script, vec![json!(text)]).await {
                longest = longest.max(told.json()[0].as_f64().unwrap_or_default());
                if told.json()[1] == true {
                    return longest;
                }
            }
            assert!(Instant::now() < until, "no {text:?} on the page");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// What the window of a profile holds in memory: MiB of each of its programs, shared pages counted in parts.
///
/// # Panics
/// When it does not run.
#[must_use]
pub fn memory_of(profile: &Path) -> Value {
    let app = tools::running(profile).expect("the window runs");
    let mut told = Map::new();
    for pid in std::iter::once(app).chain(tools::children(app)) {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let kib = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib: Option<f64> = kib.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        told.insert(name.trim().to_owned(), json!(kib.map(|kib| kib / 1024.0)));
    }
    Value::Object(told)
}
