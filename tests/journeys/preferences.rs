//! The settings: they apply at once and stick; devices, the Recovery Kit, a new Master Key, and locking with the computer.

use holdfast_tests::{Person, Server, Window, kit_words};
use serde_json::json;

use super::bus::Bus;
use super::prepared::{folder, shown_words, unlock, unlocked};

const ANA: &str = "ana@example.org";

async fn settings(window: &Window, part: &str) {
    window.click("Settings").await;
    window.part(part).await;
}

/// How the page looks: its theme, and the size of its letters.
async fn look(window: &Window) -> (serde_json::Value, serde_json::Value) {
    let theme = window.script("return document.documentElement.dataset.theme ?? null", Vec::new());
    let size = window.script("return getComputedStyle(document.documentElement).fontSize", Vec::new());
    (theme.await, size.await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_set_applies_at_once_and_sticks() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), ANA);
    let laptop = ana.second_device();
    laptop.run(&["signin", "--server", &server.url(), "--handle", ANA]).ok();
    let window = unlocked("settings", &ana).await;

    for (part, text) in [
        ("Master Key", "Made from your Master Key each time you unlock"),
        ("Recovery Kit", "Keep it like a passport."),
        ("Locking", "Lock when nobody is here for"),
        ("Devices", "This computer"),
        ("Clipboard", "Take it out after"),
        ("Look", "Size of everything"),
        ("Server", "It answers"),
        ("Transfers", "Every piece is checked"),
        ("About", "MIT or Apache 2.0"),
    ] {
        settings(&window, part).await;
        window.sees(text).await;
        window.screen(&part.to_lowercase().replace(' ', "-")).await;
    }

    settings(&window, "Look").await;
    window.choose("Dark").await;
    window.select("Size of everything", "150 %").await;
    settings(&window, "Locking").await;
    window.select("Lock when nobody is here for", "Never").await;
    window.sees("Anybody who finds this computer").await;
    settings(&window, "Clipboard").await;
    window.select("Take it out after", "1 minute").await;
    assert_eq!(look(&window).await, (json!("dark"), json!("24px")));
    window.shot("large").await;

    // The other device is signed out, ten seconds after it was said, unless somebody thinks better of it.
    settings(&window, "Devices").await;
    window.click("Sign out").await;
    window.sees("will be signed out in a few seconds").await;
    window.click("Undo").await;
    window.click("Sign out").await;
    window.sees("is signed out.").await;
    window.sees("You are signed in on this computer only.").await;
    window.close().await;

    // Another start: as it was left.
    let window = unlocked("settings-again", &ana).await;
    assert_eq!(look(&window).await, (json!("dark"), json!("24px")));
    settings(&window, "Locking").await;
    window.sees("Anybody who finds this computer").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_kit_works_and_a_new_master_key_ends_the_old() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), ANA);
    ana.run(&["project", "create", "Scans"]).ok();
    let window = unlocked("master-key", &ana).await;

    settings(&window, "Recovery Kit").await;
    let kits = folder(root.path(), "kits");
    window.will_pick(&[&kits]);
    window.click("Save a new kit as PDF").await;
    window.sees("Earlier kits no longer work.").await;
    let code = kit_words(&kits.join("Holdfast Recovery Kit ana@example.org.pdf"));
    let mut wrong: Vec<&str> = code.split(' ').collect();
    wrong.reverse();
    window.fill("The kit's 24 words", &wrong.join(" ")).await;
    window.sees("24 of 24 words").await;
    window.click("Test it").await;
    window.sees("Code:").await;
    window.screen("kit-wrong").await;
    window.fill("The kit's 24 words", &code).await;
    window.click("Test it").await;
    window.sees("This kit opens your account.").await;
    window.screen("kit-works").await;

    settings(&window, "Master Key").await;
    window.click("Change the Master Key").await;
    let new = shown_words(&window).await;
    window.choose("I have written it down").await;
    window.choose("Somebody may know the old one").await;
    window.screen("change").await;
    // No place for the kit, no change: the form is there as it was.
    window.will_pick(&[]);
    window.click("Change it now").await;
    window.sees("Nothing was changed").await;
    window.screen("no-place").await;
    let second = folder(root.path(), "second");
    window.will_pick(&[&second]);
    window.click("Change it now").await;
    window.sees("Your Master Key is changed").await;
    let kit = second.join("Holdfast Recovery Kit ana@example.org.pdf");
    window.sees(kit.to_str().expect("a path")).await;
    window.screen("changed").await;
    window.click("Test my kit").await;
    window.fill("The kit's 24 words", &code).await;
    window.click("Test it").await;
    window.sees("Code:").await;
    window.fill("The kit's 24 words", &kit_words(&kit)).await;
    window.click("Test it").await;
    window.sees("This kit opens your account.").await;
    window.click("I have seen this").await;
    window.no_longer_sees("Your Master Key is changed").await;
    window.click("Projects").await;
    window.click("Scans").await;
    // It was said that the old key is known: the project has a new key.
    window.part("Settings").await;
    window.sees("Its key was renewed 1 time").await;

    window.click("Lock now").await;
    window.sees("Welcome back").await;
    let old = std::fs::read_to_string(ana.key_file()).expect("the old key");
    window.fill("Master Key", old.trim()).await;
    window.click("Unlock").await;
    window.sees("That Master Key doesn't match.").await;
    ana.keep_key(&new);
    unlock(&window, &ana).await;
    settings(&window, "Master Key").await;
    window.sees("You have changed it 1 time.").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_locks_when_the_computer_sleeps() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), ANA);
    ana.run_without_key(&["lock"]).ok();
    let bus = Bus::start();
    let environment = [
        ("DBUS_SYSTEM_BUS_ADDRESS", bus.address()),
        ("DBUS_SESSION_BUS_ADDRESS", bus.address()),
    ];
    let window = Window::open_with("sleep", &ana.profile(), &environment).await;
    unlock(&window, &ana).await;
    // Waking up locks nothing; what comes after it on the same bus is heard after it.
    bus.sleeps(false);
    settings(&window, "Locking").await;
    window.choose("Lock with the computer").await;
    bus.sleeps(true);
    window.click("Look").await;
    window.sees("Size of everything").await;
    settings(&window, "Locking").await;
    window.choose("Lock with the computer").await;
    bus.sleeps(true);
    window.sees("Welcome back").await;
    window.close().await;
}
