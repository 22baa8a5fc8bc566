//! People whose account was made at a terminal, in front of their window.

use std::path::{Path, PathBuf};

use holdfast_tests::{Person, Window};

/// Opens the window on a person's profile and unlocks it.
pub(super) async fn unlocked(name: &str, person: &Person) -> Window {
    // The agent of the terminal lets go of the profile.
    person.run_without_key(&["lock"]).ok();
    let window = Window::open(name, &person.profile()).await;
    unlock(&window, person).await;
    window
}

/// Unlocks a window that is locked.
pub(super) async fn unlock(window: &Window, person: &Person) {
    window.sees("Welcome back").await;
    let phrase = std::fs::read_to_string(person.key_file()).expect("the Master Key");
    window.fill("Master Key", phrase.trim()).await;
    window.click("Unlock").await;
    window.sees("New project").await;
}

/// An empty folder.
pub(super) fn folder(root: &Path, name: &str) -> PathBuf {
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
