//! People whose account was made at a terminal, in front of their window.

use std::path::{Path, PathBuf};

use holdfast_tests::{Person, Window};

/// Opens the window on a person's profile and unlocks it.
pub(super) async fn unlocked(name: &str, person: &Person) -> Window {
    // The agent of the terminal lets go of the profile. A window that was closed just now may hang up instead: it does, too.
    let answer = person.run_without_key(&["lock"]);
    assert!(answer.code == 0 || answer.json["code"] == "agent", "{}", answer.stdout);
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

/// Makes an account whose data lives on this computer, with a first project and no Recovery Kit. Gives the Master Key.
pub(super) async fn at_home(window: &Window, handle: &str, project: &str) -> String {
    window.click("Continue").await;
    window.fill("Your name", handle).await;
    window.fill("E-mail or name to sign in with", handle).await;
    window.click("Continue").await;
    let words = shown_words(window).await;
    window.choose("I have written it down").await;
    window.click("Advanced").await;
    window.select("Size of the key pair", "2048 bits").await;
    window.click("Make my keys").await;
    window.click("Not now").await;
    window.fill("Name of your first project", project).await;
    window.click("Open Holdfast").await;
    window.sees(project).await;
    words
}

/// The Master Key that was drawn, once it is shown.
pub(super) async fn shown_words(window: &Window) -> String {
    window.sees("Write it down now").await;
    // The last of the eight.
    window.read("//*[@data-test='master-key']/li[8]").await;
    let script = "return [...document.querySelectorAll('[data-test=master-key] li')].map((word) => word.lastChild.textContent).join(' ')";
    let words = window.script(script, Vec::new()).await;
    let words = words.as_str().expect("words").to_owned();
    assert_eq!(words.split(' ').count(), 8, "{words}");
    words
}

/// An empty folder.
pub(super) fn folder(root: &Path, name: &str) -> PathBuf {
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}
