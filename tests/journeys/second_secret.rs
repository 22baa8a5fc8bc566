//! A short Master Key with a second secret beside it: made in the first run, shown again in the settings, asked for on a computer
//! that knows nothing, begun with and given up at a change of the Master Key.

use holdfast_tests::{Person, Server, Window};

const SHORT: &str = "vermilion tacos at 6 am";
/// Good enough beside a second secret, too.
const OTHER: &str = "saffron canoes under 9";
const LONG: &str = "plunder ninth gravel cosmic tulip marbled oven yonder";

/// Opens the form for a new Master Key of one's own.
async fn wants_another_key(window: &Window) {
    window.click("Settings").await;
    window.part("Master Key").await;
    window.click("Change the Master Key").await;
    window.choose("Make a new Recovery Kit").await;
    window.choose("Type my own").await;
    window.click("Advanced").await;
}

/// Sends the form, locks, and comes back with the new one.
async fn takes_it(window: &Window, phrase: &str) {
    window.fill("Once more", phrase).await;
    window.screen("change").await;
    window.click("Change it now").await;
    window.sees("Your Master Key is changed").await;
    window.click("I have seen this").await;
    window.click("Lock now").await;
    window.fill("Master Key", phrase).await;
    window.click("Unlock").await;
    window.sees("New project").await;
}

async fn shows_it(window: &Window) -> String {
    window.click("Settings").await;
    window.part("Master Key").await;
    window.fill("Master Key", SHORT).await;
    window.click("Show it").await;
    window.read("//*[@data-test='second-secret']").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_master_key_is_taken_beside_a_second_secret() {
    let root = tempfile::tempdir().expect("a folder");
    let window = Window::open("second-secret", &root.path().join("ana")).await;
    window.click("Continue").await;
    window.gets_focus("Your name").await;
    window.fill("Your name", "Ana").await;
    window.fill("E-mail or name to sign in with", "ana@example.org").await;
    window.click("Continue").await;
    window.choose("Type my own").await;
    window.fill("Your phrase", SHORT).await;
    window.sees("That could be guessed").await;
    window.fill("Once more", SHORT).await;
    window.click("Advanced").await;
    window.choose("Keep a second secret on this computer").await;
    window.sees("A thief of this computer would need").await;
    window.select("Size of the key pair", "2048 bits").await;
    window.screen("first-run").await;
    window.click("Make my keys").await;
    window.click("Not now").await;
    window.click("Open Holdfast").await;
    window.click("Lock now").await;
    window.fill("Master Key", SHORT).await;
    window.click("Unlock").await;
    let shown = shows_it(&window).await;
    assert_eq!(shown.len(), 39, "{shown}");
    window.screen("shown").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_computer_that_knows_nothing_is_asked_for_both() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let url = server.url();
    let ben = Person::nobody(root.path(), &url, "ben@example.org");
    ben.keep_key(SHORT);
    let made = ben.joins(&["--second-secret"]);
    let second = made["second_secret"].as_str().expect("a second secret").to_owned();

    let window = Window::open("second-secret-elsewhere", &root.path().join("laptop")).await;
    window.click("I already have an account").await;
    window.gets_focus("Address of the server").await;
    window.fill("Address of the server", &url).await;
    window.fill("E-mail or name to sign in with", "ben@example.org").await;
    window.fill("Master Key", SHORT).await;
    window.click("Sign in").await;
    window.sees("This account has a second secret").await;
    window.screen("asked").await;
    window.fill("Second secret", "0000-0000").await;
    window.click("Sign in").await;
    window.sees("That is not a second secret").await;
    window.fill("Second secret", &second.to_lowercase()).await;
    window.click("Sign in").await;
    window.sees("Projects").await;
    assert_eq!(shows_it(&window).await, second);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_master_key_begins_with_one_and_gives_it_up() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), "ana@example.org");
    let window = Window::open("second-secret-changed", &ana.profile()).await;
    let key = std::fs::read_to_string(ana.key_file()).expect("the Master Key");
    window.sees("Welcome back").await;
    window.fill("Master Key", key.trim()).await;
    window.click("Unlock").await;
    window.sees("New project").await;

    wants_another_key(&window).await;
    window.fill("Your phrase", SHORT).await;
    window.sees("That could be guessed").await;
    window
        .select("Second secret from now on", "A new one, kept on this computer")
        .await;
    window.no_longer_sees("That could be guessed").await;
    takes_it(&window, SHORT).await;
    let first = shows_it(&window).await;
    assert_eq!(first.len(), 39, "{first}");

    wants_another_key(&window).await;
    window
        .select("Second secret from now on", "None; the Master Key has to be long")
        .await;
    window.fill("Your phrase", OTHER).await;
    window.sees("That could be guessed").await;
    window.fill("Your phrase", LONG).await;
    takes_it(&window, LONG).await;
    window.click("Settings").await;
    window.part("Master Key").await;
    window.sees("This account has none.").await;
    window.close().await;
}
