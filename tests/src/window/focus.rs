//! Where the keyboard is: what has the focus, as it is read out, and going from one thing to the next.

use std::time::Instant;

use super::{LOOK, PATIENCE, Window};

/// More than there are on any screen.
const STOPS: usize = 80;

/// The name and the role of what has the focus.
const READ_OUT: &str = "
const at = document.activeElement;
const name = at.getAttribute('aria-label') || at.labels?.[0]?.innerText || at.innerText || at.tagName;
const implied = { A: 'link', BUTTON: 'button', SELECT: 'combobox', SUMMARY: 'button', TEXTAREA: 'textbox' };
const inputs = { checkbox: 'checkbox', radio: 'radio', search: 'searchbox' };
const role = at.getAttribute('role') || implied[at.tagName] || (at.tagName === 'INPUT' ? inputs[at.type] || 'textbox' : '');
return [name.trim().replace(/\\s+/g, ' '), role];";

impl Window {
    async fn read_out(&self) -> (String, String) {
        let said = self.script(READ_OUT, Vec::new()).await;
        let part = |index: usize| said[index].as_str().unwrap_or_default().to_owned();
        (part(0), part(1))
    }

    /// The name of what has the focus.
    pub async fn focused(&self) -> String {
        self.read_out().await.0
    }

    /// Waits until something with exactly that name has the focus by itself.
    ///
    /// # Panics
    /// When it does not get it.
    pub async fn gets_focus(&self, name: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let at = self.focused().await;
            if at == name {
                return;
            }
            assert!(Instant::now() < until, "{name:?} should have the focus, and {at:?} has");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Presses Tab until something with exactly that name, and that role if one is given, has the focus.
    ///
    /// # Panics
    /// When nothing has.
    pub async fn tab_to(&self, name: &str, role: impl Into<Option<&str>>) {
        let role = role.into();
        let mut passed = Vec::new();
        for _ in 0..STOPS {
            let at = self.read_out().await;
            if at.0 == name && role.is_none_or(|role| at.1 == role) {
                return;
            }
            passed.push(at);
            self.keys("\u{e004}").await;
        }
        panic!("{name:?} is not reached with Tab; passed {passed:?}");
    }
}
