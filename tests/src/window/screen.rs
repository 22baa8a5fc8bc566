//! Pictures of a window, light and dark, narrow and wide; what an accessibility checker says of it; and all pictures on one sheet.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{Window, tools};

/// Pictures are taken at these sizes.
const SIZES: [(u32, u32); 2] = [(1280, 800), (900, 700)];

fn folder() -> PathBuf {
    let folder = tools::screens();
    std::fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

impl Window {
    /// One picture of the page as it is now.
    ///
    /// # Panics
    /// When it can't be taken.
    pub async fn shot(&self, name: &str) {
        self.settle().await;
        let picture = self.web.screenshot_as_png().await.expect("a picture");
        let path = folder().join(format!("{}-{name}.png", self.name));
        std::fs::write(path, picture).expect("a picture is kept");
    }

    /// Pictures of a screen in both themes and both sizes, and a check of its accessibility in both themes.
    ///
    /// # Panics
    /// When the checker finds something serious.
    pub async fn screen(&self, name: &str) {
        for theme in ["light", "dark"] {
            self.theme(Some(theme)).await;
            for (width, height) in SIZES {
                self.resize(width, height).await;
                self.shot(&format!("{name}-{theme}-{width}")).await;
            }
            self.resize(SIZES[0].0, SIZES[0].1).await;
            self.accessible(&format!("{name} ({theme})")).await;
        }
        self.theme(None).await;
    }

    async fn theme(&self, theme: Option<&str>) {
        let script = "const [theme] = arguments; if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;";
        self.script(script, vec![json!(theme)]).await;
    }

    /// Two frames later everything is painted.
    async fn settle(&self) {
        let script = "const done = arguments[arguments.length - 1]; setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => done(true))), 160);";
        let _ = self.web.execute_async(script, Vec::new()).await;
    }

    /// Nothing serious is wrong for those who don't see or don't use a mouse.
    ///
    /// # Panics
    /// When something is.
    pub async fn accessible(&self, place: &str) {
        let axe = std::fs::read_to_string(tools::axe()).expect("axe-core is installed");
        let script = format!(
            "const done = arguments[arguments.length - 1]; {axe}; axe.run(document, {{ resultTypes: ['violations'] }}).then((found) => done(found.violations.filter((one) => one.impact === 'serious' || one.impact === 'critical').map((one) => [one.id, one.help, one.nodes.slice(0, 4).map((node) => node.html + ' :: ' + node.failureSummary)])), (error) => done(String(error)));"
        );
        let found = self.web.execute_async(&script, Vec::new()).await.expect("a check");
        let found = found.json().clone();
        assert_eq!(found, Value::Array(Vec::new()), "{place}: {found:#}");
    }
}

/// Puts all pictures there are on one sheet, if the program for it is installed.
pub fn sheet() {
    let folder = folder();
    let pattern = folder.join("*-1280.png");
    let _ = Command::new("montage")
        .arg(pattern)
        .args(["-resize", "560x", "-tile", "4x", "-geometry", "+8+8", "-label", "%t"])
        .arg(folder.join("contact-sheet.png"))
        .status();
}
