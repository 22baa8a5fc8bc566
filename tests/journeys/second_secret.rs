//! A short Master Key with a second secret beside it: made in the first run, shown again in the settings, and asked for on a computer
//! that knows nothing.

use holdfast_tests::{Person, Server, Window};

const SHORT: &str = "vermilion tacos at 6 am";

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
