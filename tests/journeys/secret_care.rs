//! Looking after secrets: with the keyboard alone; what ends soon; passwords made here; old versions; the trash.

use holdfast_tests::{Person, Server};

use super::prepared::unlocked;
use super::secrets::{is_nowhere, keep, to_secrets};

const TOKEN: &str = "ghp_canary-0123456789-token";
const NEWER: &str = "ghp_newer-9876543210-token";

// Keys as WebDriver names them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const SPACE: &str = " ";
const DOWN: &str = "\u{e015}";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_kept_shown_copied_and_found_with_the_keyboard_alone() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    keep(&ana, "Another", None, "not this one");
    let window = unlocked("secret-keyboard", &ana).await;

    window.control('k').await;
    window.keys("Secrets").await;
    window.keys(ENTER).await;
    window.sees("Choose a secret to see what is in it.").await;
    window.control('n').await;
    window.sees("What do you want to save?").await;
    window.tab_to("Git token To fetch and push code", None).await;
    window.keys(ENTER).await;
    window.sees("Save").await;
    window.tab_to("Name", None).await;
    window.keys("GitHub of the team").await;
    window.tab_to("Host", None).await;
    window.keys("github.com").await;
    window.tab_to("Token", None).await;
    window.keys(TOKEN).await;
    window.keys(ENTER).await;
    window.sees("is saved.").await;
    assert_eq!(window.focused().await, "GitHub of the team");
    is_nowhere(&window, TOKEN).await;

    window.tab_to("Show Token", None).await;
    window.keys(SPACE).await;
    window.sees(TOKEN).await;
    window.keys(SPACE).await;
    window.no_longer_sees(TOKEN).await;
    window.tab_to("Copy Token", None).await;
    window.keys(ENTER).await;
    window.sees("Copied. Cleared in 30 s.").await;
    window.clipboard_has(TOKEN).await;
    is_nowhere(&window, TOKEN).await;

    // Back in the list, and found again.
    window.keys(ESCAPE).await;
    window.sees("Choose a secret to see what is in it.").await;
    window.control('f').await;
    window.keys("gith").await;
    window.no_longer_sees("Another").await;
    window.keys(&[DOWN, ENTER].concat()).await;
    window.sees("github.com").await;
    window.copy_elsewhere("something else");
    window.control('c').await;
    window.clipboard_has(TOKEN).await;

    // Menus, the history and dialogs are reached, and give the focus back.
    window.tab_to("Edit", None).await;
    window.keys(TAB).await;
    assert_eq!(window.focused().await, "More");
    window.keys(ENTER).await;
    window.sees("Move to a project").await;
    window.keys(ESCAPE).await;
    window.no_longer_sees("Move to a project").await;
    window.tab_to("History", None).await;
    window.keys(ENTER).await;
    window.sees("Version 1").await;
    window.keys(ESCAPE).await;
    window.sees("Choose a secret to see what is in it.").await;
    window.control('f').await;
    window.keys(TAB).await;
    assert_eq!(window.focused().await, "Which secrets");
    window.tab_to("Import or export", None).await;
    window.keys(ENTER).await;
    window.sees("Import from a file").await;
    window.keys(ENTER).await;
    window.sees("Where does the file come from?").await;
    window.keys(ESCAPE).await;
    window.no_longer_sees("Where does the file come from?").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_what_was_and_what_was_thrown_away() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    keep(&ana, "Plain", None, TOKEN);
    let value = ana.file("value", TOKEN);
    let field = format!("token=@{value}");
    for (name, ends) in [("Far", "2199-01-31"), ("Over", "2020-01-31"), ("Older", "2019-01-31")] {
        let add = ["secret", "add", "--type", "git", "--name", name, "--field", &field];
        ana.run(&[&add[..], &["--expires", ends]].concat()).ok();
    }
    let window = unlocked("secret-care", &ana).await;
    to_secrets(&window).await;
    window.click("Plain").await;
    window.click("Edit").await;
    window.select("Expires", "In 30 days").await;
    window.click("Save changes").await;
    window.sees("expires in 30 days").await;
    window.screen("1-list").await;

    // What ends, in the order in which it does.
    window.select("Which secrets", "Expiring soon").await;
    window.no_longer_sees("Far").await;
    window.sees("Over").await;
    let rows =
        "return [...document.querySelectorAll('[role=option] strong')].map((row) => row.textContent.trim()).join()";
    assert_eq!(window.script(rows, Vec::new()).await, "Older,Over,Plain");
    window.screen("2-ending").await;
    window.select("Which secrets", "All secrets").await;
    window.sees("Far").await;

    // The same token everywhere: said, without the token.
    window.click("Plain").await;
    window.sees("the same is used in").await;
    is_nowhere(&window, TOKEN).await;
    window.screen("3-reused").await;

    // Another version, and back.
    window.click("Edit").await;
    window.click("Change Token").await;
    window.fill("Token", NEWER).await;
    window.click("Save changes").await;
    window.sees("Saved.").await;
    window.click("History").await;
    window.click("Look inside (Version 1)").await;
    window.click("Show Token (Version 1)").await;
    window.sees(TOKEN).await;
    window.screen("4-old-version").await;
    window.click("Make it the newest again").await;
    window.sees("Version 3").await;
    window.no_longer_sees(TOKEN).await;
    // It stands above the fields, and moves them when it comes.
    window.sees("the same is used in").await;
    window.click("Show Token").await;
    window.sees(TOKEN).await;
    window.click("Show Token").await;
    is_nowhere(&window, NEWER).await;

    // A password that is made here, of words.
    window.click("Add a secret").await;
    window.click("Name and password").await;
    window.fill("Name", "Intranet").await;
    window.click("Make a password").await;
    window.sees("Drawn on this computer just now").await;
    window.sees("How many words").await;
    window.click("Another one").await;
    window.click("Use it").await;
    window.no_longer_sees("Made of").await;
    let made = window.value("Password").await;
    assert_eq!(made.split(['-', ' ']).count(), 6, "{made}");
    window.click("Save").await;
    window.sees("is saved.").await;
    is_nowhere(&window, &made).await;

    // Into the trash, seen there, and put back.
    window.click("More").await;
    window.click("Delete").await;
    window.sees("is in the trash.").await;
    window.select("Which secrets", "In the trash").await;
    window.sees("in the trash since").await;
    window.no_longer_sees("Older").await;
    window.click("Intranet").await;
    window.sees("Put it back").await;
    window.screen("5-trash").await;
    window.click("Put it back").await;
    window.sees("The trash is empty").await;
    window.screen("6-trash-empty").await;
    window.select("Which secrets", "All secrets").await;
    window.click("Intranet").await;
    window.click("Show Password").await;
    window.sees(&made).await;
    window.close().await;
}
