//! A team's server whose certificate nobody vouches for: its code is compared once, at first run, and when it shows another one.

use holdfast_tests::{Server, Window};

use super::prepared::shown_words;

/// As it stands on the screen, in groups of four.
fn groups(fingerprint: &str) -> Vec<&str> {
    (0..fingerprint.len())
        .step_by(4)
        .map(|place| &fingerprint[place..place + 4])
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_team_server_is_confirmed_by_its_code() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start_with(&root.path().join("server"), &["--tls-self-signed"]);
    let window = Window::open("certificates", &root.path().join("ana")).await;
    window.choose("My team's server").await;
    window.click("Continue").await;
    window
        .fill("Address of the server", &server.url().replace("https", "http"))
        .await;
    window.click("Test the address").await;
    window.sees("This server speaks https.").await;
    window.screen("0-plain").await;
    window.fill("Address of the server", &server.url()).await;
    window.click("Test the address").await;
    window.sees(&format!("Is this really {}?", server.url())).await;
    for group in groups(server.fingerprint()) {
        window.sees(group).await;
    }
    window.screen("1-code").await;
    assert!(!window.text().await.contains("It answers."), "nothing was asked of it");
    window.choose("The code is the same").await;
    window.click("Continue").await;
    window.sees("It answers.").await;
    window.screen("2-confirmed").await;
    window.click("Continue").await;
    window.fill("Your name", "Ana").await;
    window.fill("E-mail or name to sign in with", "ana@example.org").await;
    window.click("Continue").await;
    let words = shown_words(&window).await;
    window.choose("I have written it down").await;
    window.click("Advanced").await;
    window.select("Size of the key pair", "2048 bits").await;
    window.click("Make my keys").await;
    window.click("Not now").await;
    window.fill("Name of your first project", "Brain scans").await;
    window.click("Open Holdfast").await;
    window.sees("Brain scans").await;
    window.click("Lock now").await;
    window.sees("Welcome back, ana@example.org").await;

    // Another key in its place: said as soon as somebody is there, and what is known is still shown.
    server.kill();
    std::fs::remove_file(root.path().join("server/tls-key.pem")).expect("the key");
    server.restart();
    window.fill("Master Key", &words).await;
    window.click("Unlock").await;
    window.sees("Somebody else may be answering for your server").await;
    window.sees("Brain scans").await;
    window.screen("3-changed").await;
    window.click("Lock now").await;
    window.click("It has a new one: sign in again").await;
    window.fill("Master Key", &words).await;
    window.click("Sign in").await;
    for group in groups(server.fingerprint()) {
        window.sees(group).await;
    }
    window.screen("4-new-code").await;
    window.choose("The code is the same").await;
    window.click("Sign in").await;
    window.sees("Brain scans").await;
    window.no_longer_sees("Somebody else may be answering").await;
    window.close().await;
}
