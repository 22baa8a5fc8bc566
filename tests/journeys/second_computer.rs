//! A second computer: an account that exists is opened on it, with the Master Key or with the Recovery Kit alone.

use holdfast_tests::{Person, Server, Window, kit_words};

use super::prepared::{folder, shown_words};

const ANA: &str = "ana@example.org";

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_opened_on_a_second_computer() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), ANA);
    ana.run(&["project", "create", "Brain scans"]).ok();
    let kit = root.path().join("kit.pdf");
    ana.run(&["kit", "new", "--out", kit.to_str().expect("a path")]).ok();
    let phrase = std::fs::read_to_string(ana.key_file()).expect("the Master Key");

    let window = Window::open("second-computer", &root.path().join("laptop")).await;
    window.click("I already have an account").await;
    window.fill("Address of the server", &server.url()).await;
    window.fill("E-mail or name to sign in with", ANA).await;
    window
        .fill("Master Key", "violet tractor hums beneath nine frozen spoons")
        .await;
    window.click("Sign in").await;
    window.sees("Code: sign-in-refused").await;
    window.screen("1-refused").await;
    window.fill("Master Key", phrase.trim()).await;
    window.click("Sign in").await;
    // What is newer than this, this computer can't know; the kit can.
    window.sees("The newest change that the server shows is of").await;
    window.sees("Brain scans").await;
    window.screen("2-as-of").await;
    window.click("Test my kit").await;
    window.fill("The kit's 24 words", &kit_words(&kit)).await;
    window.click("Test it").await;
    window.sees("This kit opens your account.").await;
    window.click("I have seen this").await;
    window.no_longer_sees("The newest change that the server shows").await;
    window.close().await;

    // A third one, with the kit alone: the Master Key is new then, and so is the kit.
    let window = Window::open("third-computer", &root.path().join("bare")).await;
    window.click("I already have an account").await;
    window.click("Use my Recovery Kit").await;
    window.fill("Address of the server", &server.url()).await;
    window.fill("The kit's 24 words", &kit_words(&kit)).await;
    window.screen("1-kit").await;
    window.click("Continue").await;
    let new = shown_words(&window).await;
    window.choose("I have written it down").await;
    window.click("Recover my account").await;
    let kits = folder(root.path(), "kits");
    window.will_pick(&[&kits]);
    window.click("Save the kit as PDF").await;
    window.sees("Word").await;
    window.screen("2-kit-saved").await;
    let made = kits.join(format!("Holdfast Recovery Kit {ANA}.pdf"));
    assert_ne!(kit_words(&made), kit_words(&kit));
    window.close().await;
    ana.keep_key(&new);
    let desk = ana.second_device();
    desk.run(&["signin", "--server", &server.url(), "--handle", ANA]).ok();
    assert_eq!(desk.run(&["project", "list"]).ok()[0]["name"], "Brain scans");
}
