//! The real window, driven as a person uses it: the program under Xvfb, its page through WebDriver, everything found by the
//! words that are on the screen or read out.

mod focus;
mod hands;
mod screen;
mod speed;
mod tools;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;

pub use hands::Hands;
pub use screen::sheet;
pub use speed::{Screen, memory_of};
use tools::Driver;

/// How long something may take to appear. Keys are derived in between, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// How long something may move before it is clicked all the same.
const SETTLES: Duration = Duration::from_secs(5);

/// A window with its profile.
pub struct Window {
    web: WebDriver,
    name: String,
    profile: PathBuf,
    picks: PathBuf,
    driver: Driver,
}

impl Window {
    /// Starts the program on a profile. `name` begins the names of its pictures.
    ///
    /// # Panics
    /// When the window does not come up.
    pub async fn open(name: &str, profile: &Path) -> Self {
        Self::open_with(name, profile, &[]).await
    }

    /// The same, with more in its environment.
    ///
    /// # Panics
    /// When the window does not come up.
    pub async fn open_with(name: &str, profile: &Path, environment: &[(&str, &str)]) -> Self {
        let picks = profile.with_extension("picks");
        std::fs::write(&picks, "").expect("a file for what is picked");
        let driver = Driver::start(&picks, environment);
        let mut capabilities = Capabilities::new();
        let options = json!({
            "binary": tools::program(),
            "args": ["--profile", profile],
        });
        capabilities
            .set("webkitgtk:browserOptions", options)
            .expect("options are JSON");
        let until = Instant::now() + PATIENCE;
        let web = loop {
            match WebDriver::new(driver.url(), capabilities.clone()).await {
                Ok(web) => break web,
                Err(error) if Instant::now() > until => panic!("no window: {error}"),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        };
        let window = Self {
            web,
            name: name.to_owned(),
            profile: profile.to_owned(),
            picks,
            driver,
        };
        window.resize(1280, 800).await;
        window
    }

    /// Closes it as a person does.
    ///
    /// # Panics
    /// When it does not close.
    pub async fn close(self) {
        let profile = self.profile.clone();
        self.leave().await;
        let until = Instant::now() + PATIENCE;
        while tools::running(&profile).is_some() {
            assert!(Instant::now() < until, "the program stays");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The same, without waiting until the program is gone.
    ///
    /// # Panics
    /// When the window does not close.
    pub async fn leave(self) {
        self.web.quit().await.expect("the window closes");
    }

    /// Ends the program at once, as a power cut does: it gets to do nothing more.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(self) {
        assert!(tools::kill_program(&self.profile), "the program does not run");
        // Its session is gone with it.
        std::mem::forget(self.web);
    }

    /// The processes that decode a file for it at the moment: how many threads each has.
    #[must_use]
    pub fn decoders(&self) -> Vec<usize> {
        tools::decoders(&self.profile)
    }

    /// Sets its size.
    ///
    /// # Panics
    /// When that does not work.
    pub async fn resize(&self, width: u32, height: u32) {
        self.web
            .set_window_rect(0, 0, width, height)
            .await
            .expect("another size");
    }

    /// Runs a script in the page, as no person can: for what is looked at, never for what is done.
    ///
    /// # Panics
    /// When it fails.
    pub async fn script(&self, script: &str, args: Vec<Value>) -> Value {
        let done = self.web.execute(script, args).await;
        done.unwrap_or_else(|error| panic!("{error}: {script}")).json().clone()
    }

    async fn find(&self, xpath: &str) -> WebElement {
        let until = Instant::now() + PATIENCE;
        loop {
            // A page that ends just now has no elements.
            if let Ok(found) = self.web.find_all(By::XPath(xpath)).await {
                for element in found {
                    if element.is_displayed().await.unwrap_or(false) {
                        return element;
                    }
                }
            }
            if Instant::now() > until {
                self.shot("missing").await;
                panic!("nothing is {xpath}; the page says:\n{}", self.text().await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// All text on the page.
    pub async fn text(&self) -> String {
        let text = self.web.execute("return document.body.innerText", Vec::new()).await;
        text.ok()
            .and_then(|text| text.json().as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// Waits until text is on the page.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn sees(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let page = self.text().await;
            if page.contains(text) {
                return;
            }
            if Instant::now() > until {
                self.shot("missing").await;
                panic!("no {text:?} on the page:\n{page}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until text is gone from the page.
    ///
    /// # Panics
    /// When it stays.
    pub async fn no_longer_sees(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while self.text().await.contains(text) {
            assert!(Instant::now() < until, "{text:?} stays on the page");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until something is so outside of the page.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn until(&self, so: impl Fn() -> bool, what: &str) {
        let until = Instant::now() + PATIENCE;
        while !so() {
            assert!(
                Instant::now() < until,
                "no {what}; the page says:\n{}",
                self.text().await
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Clicks the button (or link, menu entry, or row) with that name.
    ///
    /// # Panics
    /// When there is none.
    pub async fn click(&self, name: &str) {
        let name = quoted(name);
        let xpath = format!(
            "//*[self::button or self::a or self::summary or @role='menuitem' or @role='option'][not(@disabled)][normalize-space(.)={name} or @aria-label={name} or starts-with(@aria-label,concat({name},',')) or ((self::button or @role='option') and .//*[normalize-space(.)={name}])]"
        );
        self.press(&xpath).await;
    }

    async fn press(&self, xpath: &str) {
        let until = Instant::now() + PATIENCE;
        let settled = Instant::now() + SETTLES;
        let mut before = None;
        loop {
            let element = self.find(xpath).await;
            // What an answer is moving just now would be missed, and what comes into its place be hit.
            let place = element.rect().await.ok().map(|rect| (rect.x, rect.y));
            if place.is_none() {
                // Below what is to be seen of its page, it has no place yet.
                let _ = element.scroll_into_view().await;
            }
            if place.is_some() && place == before || Instant::now() > settled {
                match element.click().await {
                    Ok(()) => return,
                    // It went away or something lay over it: look again.
                    Err(error) => assert!(Instant::now() < until, "{error}: {xpath}"),
                }
            }
            before = place;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Chooses the radio button, check box or switch with that label.
    ///
    /// # Panics
    /// When there is none.
    pub async fn choose(&self, label: &str) {
        let label = quoted(label);
        self.press(&format!(
            "//label[contains(normalize-space(.),{label})]//input | //input[@id=//label[normalize-space(.)={label}]/@for]"
        ))
        .await;
    }

    /// Puts text into the field with that label, in place of what was there.
    ///
    /// # Panics
    /// When there is none.
    pub async fn fill(&self, label: &str, text: &str) {
        let name = quoted(label);
        let xpath = format!(
            "//*[self::input or self::textarea][@id=//label[normalize-space(.)={name}]/@for or @aria-label={name}]"
        );
        // Nothing can't be typed: everything is taken away.
        let keys = if text.is_empty() {
            "\u{e009}a\u{e000}\u{e003}"
        } else {
            text
        };
        let until = Instant::now() + PATIENCE;
        loop {
            let field = self.find(&xpath).await;
            if !text.is_empty() {
                let _ = field.clear().await;
            }
            match field.send_keys(keys).await {
                Ok(()) => return,
                Err(error) => assert!(Instant::now() < until, "{error}: {label}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What stands in the field with that label.
    ///
    /// # Panics
    /// When there is none.
    pub async fn value(&self, label: &str) -> String {
        let name = quoted(label);
        let xpath = format!("//*[self::input or self::textarea][@id=//label[normalize-space(.)={name}]/@for]");
        let until = Instant::now() + PATIENCE;
        loop {
            match self.find(&xpath).await.prop("value").await {
                Ok(value) => return value.unwrap_or_default(),
                // It went away: look again.
                Err(error) => assert!(Instant::now() < until, "{error}: {label}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Goes to a tab, whatever its count is.
    ///
    /// # Panics
    /// When there is none.
    pub async fn press_tab(&self, name: &str) {
        let name = quoted(name);
        self.press(&format!("//nav//button[starts-with(normalize-space(.),{name})]"))
            .await;
    }

    /// Chooses an entry of the list with that label.
    ///
    /// # Panics
    /// When there is none.
    pub async fn select(&self, label: &str, entry: &str) {
        let (label, entry) = (quoted(label), quoted(entry));
        self.press(&format!(
            "//select[@id=//label[normalize-space(.)={label}]/@for]/option[normalize-space(.)={entry}]"
        ))
        .await;
    }

    /// Goes to a part of the project or of the settings, whatever its count is.
    ///
    /// # Panics
    /// When there is none.
    pub async fn part(&self, name: &str) {
        let name = quoted(name);
        self.press(&format!(
            "//nav[starts-with(@aria-label,'Parts of')]//button[starts-with(normalize-space(.),{name})]"
        ))
        .await;
    }

    /// Types into whatever has the focus, as on a keyboard.
    ///
    /// # Panics
    /// When that does not work.
    pub async fn keys(&self, keys: &str) {
        let actions = self.web.action_chain().send_keys(keys);
        actions.perform().await.expect("keys");
    }

    /// Presses Enter.
    ///
    /// # Panics
    /// When that does not work.
    pub async fn enter(&self) {
        let actions = self.web.action_chain().send_keys(Key::Enter);
        actions.perform().await.expect("keys");
    }

    /// Presses a key while Control is held.
    ///
    /// # Panics
    /// When that does not work.
    pub async fn control(&self, key: char) {
        let actions = self.web.action_chain().key_down(Key::Control).send_keys(key);
        actions.key_up(Key::Control).perform().await.expect("keys");
    }

    /// What reads out as that name: its text.
    pub async fn read(&self, xpath: &str) -> String {
        self.find(xpath).await.text().await.unwrap_or_default()
    }

    /// What the next dialog of the system answers with.
    ///
    /// # Panics
    /// When it can't be written down.
    pub fn will_pick(&self, paths: &[&Path]) {
        let lines: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        std::fs::write(&self.picks, lines.join("\n")).expect("what is picked");
    }

    /// What is in the clipboard of the display; nothing when it is empty.
    ///
    /// # Panics
    /// When it can't be read.
    #[must_use]
    pub fn clipboard(&self) -> String {
        self.driver.clipboard()
    }

    /// Waits until that is in the clipboard.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn clipboard_has(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while self.clipboard() != text {
            assert!(Instant::now() < until, "the clipboard has {:?}", self.clipboard());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Another program copies text.
    ///
    /// # Panics
    /// When it can't.
    pub fn copy_elsewhere(&self, text: &str) {
        self.driver.copy_elsewhere(text);
    }

    /// Drops files on the window; without any, some hang over it.
    ///
    /// # Panics
    /// When that does not work.
    pub async fn drop_files(&self, paths: &[&Path]) {
        let script = "const [paths, done] = arguments; window.__TAURI_INTERNALS__.invoke('drop_files', { paths }).then(() => done(true), (error) => done(String(error)));";
        let done = self.web.execute_async(script, vec![json!(paths)]).await;
        assert_eq!(done.expect("a drop").json(), &json!(true));
    }
}

/// A text as XPath writes it.
fn quoted(text: &str) -> String {
    if !text.contains('\'') {
        return format!("'{text}'");
    }
    let parts: Vec<String> = text.split('\'').map(|part| format!("'{part}'")).collect();
    format!("concat({})", parts.join(",\"'\","))
}
