//! From nothing to an open window: account, Recovery Kit, first project; then lock, a wrong Master Key, and the right one.

use std::path::Path;
use std::process::Command;

use holdfast_tests::Window;

use super::prepared::shown_words;

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_gets_in_and_back_in() {
    let root = tempfile::tempdir().expect("a folder");
    let window = Window::open("first-run", &root.path().join("ana")).await;
    window.sees("Where will your data live?").await;
    window.screen("1-where").await;
    window.click("Continue").await;
    window.sees("Who are you?").await;
    window.fill("Your name", "Ana Müller").await;
    window.fill("E-mail or name to sign in with", "ana@example.org").await;
    window.screen("2-who").await;
    window.click("Continue").await;
    let words = shown_words(&window).await;
    window.screen("3-master-key").await;
    window.choose("I have written it down").await;
    window.click("Advanced").await;
    window.select("Size of the key pair", "2048 bits").await;
    window.click("Make my keys").await;

    window.sees("Your Recovery Kit").await;
    window.screen("4-kit").await;
    window.will_pick(&[root.path()]);
    window.click("Save the kit as PDF").await;
    window.sees("type two of its words").await;
    let kit = words_of_kit(&root.path().join("Holdfast Recovery Kit ana@example.org.pdf"));
    let asked = asked_for(&window).await;
    window.screen("5-kit-test").await;
    for place in asked {
        window.fill(&format!("Word {place}"), "mistaken").await;
    }
    window.click("Continue").await;
    window.sees("Those are not the two words").await;
    for place in asked {
        window.fill(&format!("Word {place}"), &kit[place - 1]).await;
    }
    window.click("Continue").await;
    window.sees("The kit works.").await;
    window.fill("Name of your first project", "Brain scans").await;
    window.screen("6-ready").await;
    window.click("Open Holdfast").await;

    window.sees("Brain scans").await;
    window.screen("7-projects").await;
    window.click("Lock now").await;
    window.sees("Welcome back, ana@example.org").await;
    window.screen("8-unlock").await;
    window.fill("Master Key", "not the Master Key at all").await;
    window.click("Unlock").await;
    window.sees("That Master Key doesn't match.").await;
    window.sees("Nothing was sent anywhere.").await;
    window.screen("9-wrong-master-key").await;
    // With the keyboard alone: the field has the focus, Enter unlocks.
    window.keys(&words).await;
    window.enter().await;
    window.sees("Brain scans").await;
    window.control('l').await;
    window.sees("Welcome back, ana@example.org").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phrase_of_ones_own_is_judged_honestly() {
    let root = tempfile::tempdir().expect("a folder");
    let window = Window::open("own-phrase", &root.path().join("ben")).await;
    window.click("Continue").await;
    window.fill("Your name", "Ben").await;
    window.fill("E-mail or name to sign in with", "ben@example.org").await;
    window.click("Continue").await;
    window.choose("Type my own").await;
    window.fill("Your phrase", "password123").await;
    window.sees("That could be guessed").await;
    window.screen("weak").await;
    window
        .fill("Your phrase", "violet tractor hums beneath nine frozen lanterns softly")
        .await;
    window
        .sees("A skilled attacker with the server's data would need")
        .await;
    window.fill("Once more", "violet tractor").await;
    window.sees("The two are not the same.").await;
    window.screen("differ").await;
    window.close().await;
}

async fn asked_for(window: &Window) -> [usize; 2] {
    let script = "return [...document.querySelectorAll('label')].map((label) => label.textContent).filter((text) => text.startsWith('Word ')).map((text) => Number(text.slice(5)))";
    let places = window.script(script, Vec::new()).await;
    serde_json::from_value(places).expect("two places")
}

/// The 24 words as they are printed, in their order.
fn words_of_kit(pdf: &Path) -> Vec<String> {
    let out = Command::new("pdftotext")
        .arg("-layout")
        .arg(pdf)
        .arg("-")
        .output()
        .expect("pdftotext is installed");
    let text = String::from_utf8(out.stdout).expect("text");
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let word = |place: usize| {
        let label = [format!("{place}"), format!("{place}.")];
        tokens.windows(2).find_map(|pair| {
            let is_word = pair[1].chars().all(|letter| letter.is_ascii_lowercase());
            (label.iter().any(|label| label == pair[0]) && is_word).then(|| pair[1].to_owned())
        })
    };
    (1..=24)
        .map(|place| word(place).unwrap_or_else(|| panic!("no word {place} in:\n{text}")))
        .collect()
}
