//! Secrets in the window: kept, found, shown, copied, changed, moved, deleted; and that no value is on the page before it is
//! asked for.

use std::path::Path;

use holdfast_tests::{Person, Server, Window};
use serde_json::Value;

use super::prepared::unlocked;

const TOKEN: &str = "ghp_canary-0123456789-token";
const NEWER: &str = "ghp_newer-9876543210-token";
const THEIRS: &str = "ghp_of-ben-5555555555-token";

// Keys as WebDriver names them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const HOME: &str = "\u{e011}";
const DOWN: &str = "\u{e015}";

/// Keeps a secret from the terminal.
pub(super) fn keep(person: &Person, name: &str, project: Option<&str>, value: &str) {
    let file = person.file("value", value);
    let field = format!("token=@{file}");
    let mut args = vec!["secret", "add", "--type", "git", "--name", name, "--field", &field];
    args.extend(["--field", "host=github.com"]);
    if let Some(project) = project {
        args.extend(["--in", project]);
    }
    person.run(&args).ok();
}

/// A value is neither in what is seen nor anywhere else on the page.
pub(super) async fn is_nowhere(window: &Window, value: &str) {
    let script = "const [value] = arguments; return document.documentElement.outerHTML.includes(value) || [...document.querySelectorAll('input, textarea')].some((field) => field.value.includes(value));";
    let found = window.script(script, vec![value.into()]).await;
    assert_eq!(
        found,
        Value::Bool(false),
        "{value} is on the page: {}",
        window.text().await
    );
}

pub(super) async fn to_secrets(window: &Window) {
    window.control('k').await;
    window.keys("Secrets").await;
    window.keys(ENTER).await;
    window.sees("which only you can open").await;
}

/// Puts the focus on the row that fits, with the keyboard: from the field that finds into what it found.
async fn to_row(window: &Window, typed: &str) {
    window.control('f').await;
    window.keys(typed).await;
    window.keys(&[DOWN, HOME].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_kept_found_shown_changed_moved_and_deleted() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let window = unlocked("secrets", &ana).await;

    // With the keyboard alone, from the empty place to the secret that is saved.
    to_secrets(&window).await;
    window.sees("No secrets yet").await;
    window.screen("1-none").await;
    window.control('n').await;
    window.sees("What do you want to save?").await;
    window.screen("2-kinds").await;
    window.keys(ENTER).await;
    window.sees("Save").await;
    window.keys("GitHub of the team").await;
    window.keys(&[TAB, "github.com", TAB, "ana", TAB, TOKEN].concat()).await;
    assert_eq!(window.value("Token").await, TOKEN);
    window.screen("3-form").await;
    window.keys(ENTER).await;
    window.sees("is saved.").await;
    window.sees("github.com").await;
    is_nowhere(&window, TOKEN).await;

    // A password that is made here.
    window.click("Add a secret").await;
    window.click("Name and password").await;
    window.click("Save").await;
    window.sees("Give it a name to find it by.").await;
    window.sees("This is needed.").await;
    window.screen("4-form-wrong").await;
    window.fill("Name", "Intranet").await;
    window.fill("User name", "ana").await;
    window.click("Make a password").await;
    window.sees("Too many to be guessed by anybody.").await;
    window.screen("5-generator").await;
    window.select("Made of", "PIN").await;
    window.sees("Good enough only where guessing is stopped").await;
    window.select("Made of", "Characters").await;
    window.sees("How many characters").await;
    window.sees("Too many to be guessed by anybody.").await;
    window.click("Use it").await;
    window.no_longer_sees("Made of").await;
    let made = window.value("Password").await;
    assert_eq!(made.len(), 20, "{made}");
    window.select("Expires", "In 30 days").await;
    window.click("Save").await;
    window.sees("expires in 30 days").await;
    window.sees("Edit").await;
    is_nowhere(&window, &made).await;
    window.screen("6-two").await;

    // Found by its name, opened, shown, hidden again.
    window.keys(ESCAPE).await;
    window.sees("Choose a secret to see what is in it.").await;
    to_row(&window, "gith").await;
    window.no_longer_sees("Name and password").await;
    window.keys(ENTER).await;
    window.sees("Token").await;
    window.sees("github.com").await;
    is_nowhere(&window, TOKEN).await;
    window.click("Show Token").await;
    window.sees(TOKEN).await;
    let pressed = "return document.querySelector('[aria-label=\"Show Token\"]').getAttribute('aria-pressed')";
    assert_eq!(window.script(pressed, Vec::new()).await, "true");
    window.screen("7-shown").await;
    window.click("Show Token").await;
    window.no_longer_sees(TOKEN).await;
    is_nowhere(&window, TOKEN).await;
    assert_eq!(window.script(pressed, Vec::new()).await, "false");
    window.click("Show Token in big letters").await;
    window.sees("Digits are underlined").await;
    window.screen("8-big").await;
    window.keys(ESCAPE).await;
    window.no_longer_sees("Digits are underlined").await;
    is_nowhere(&window, TOKEN).await;

    // Copied: the value goes from Rust into the clipboard.
    window.control('c').await;
    window.sees("Copied. Cleared in 30 s.").await;
    window.clipboard_has(TOKEN).await;
    is_nowhere(&window, TOKEN).await;

    // Changed: the host stays, the token is new, the note and the name too.
    window.click("Edit").await;
    window.sees("not changed").await;
    is_nowhere(&window, TOKEN).await;
    window.click("Change Token").await;
    window.fill("Token", NEWER).await;
    window.fill("Note", "Given out by Ben. Reads only.").await;
    window.screen("9-edit").await;
    // What was typed is not thrown away without a word.
    window.click("Add a secret").await;
    window.sees("Leave without saving?").await;
    window.click("Go on typing").await;
    window.fill("Name", "GitHub of everybody").await;
    window.click("Save changes").await;
    window.sees("Renamed to").await;
    window.click("Undo").await;
    window.no_longer_sees("GitHub of everybody").await;
    window.sees("GitHub of the team").await;
    window.sees("Given out by Ben.").await;
    is_nowhere(&window, NEWER).await;
    window.click("Show Token").await;
    window.sees(NEWER).await;
    window.click("History").await;
    window.sees("Version 2").await;
    window.sees("Version 1").await;
    window.screen("10-history").await;

    moved_and_deleted(&window).await;
    window.close().await;
}

/// Goes on in Ana's secrets: into a project, back, there again, and away.
async fn moved_and_deleted(window: &Window) {
    window.click("More").await;
    window.click("Move to a project").await;
    window.sees("There is no encrypted project").await;
    window.keys(ESCAPE).await;
    window.click("Projects").await;
    window.click("New project").await;
    window.fill("Name", "Scans").await;
    window.click("Make the project").await;
    window.sees("Only you can open this.").await;
    window.part("Secrets").await;
    window
        .sees("Everybody in this project can open the secrets kept here.")
        .await;
    window.screen("11-none-in-project").await;

    window.click("Secrets").await;
    window.click("Project key of Scans").await;
    window.sees("This key opens everything in the project.").await;
    window.screen("12-project-key").await;
    window.click("GitHub of the team").await;
    window.click("More").await;
    window.screen("13-menu").await;
    window.click("Move to a project").await;
    window.sees("You are the only one in that project.").await;
    window.screen("14-move").await;
    window.click("Move it").await;
    window.sees("moved to").await;
    // It stands there still, as the project's.
    window.sees("Git token · \u{2068}Scans\u{2069}").await;
    window.click("Undo").await;
    window.no_longer_sees("Git token · \u{2068}Scans\u{2069}").await;
    window.click("GitHub of the team").await;
    window.click("More").await;
    window.click("Move to a project").await;
    window.click("Move it").await;
    window.sees("Git token · \u{2068}Scans\u{2069}").await;

    window.click("Projects").await;
    window.click("Scans").await;
    window.part("Secrets").await;
    window.click("GitHub of the team").await;
    window.click("Show Token").await;
    window.sees(NEWER).await;
    // Only one "Undo" at a time, so that it is clear which.
    window.no_longer_sees("moved to").await;
    window.click("More").await;
    window.click("Delete").await;
    window.sees("is in the trash").await;
    window.sees("No secrets yet").await;
    is_nowhere(window, NEWER).await;
    window.click("Undo").await;
    window.sees("Git token").await;
    window.click("GitHub of the team").await;
    window.click("More").await;
    window.click("Delete").await;
    window.sees("No secrets yet").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_projects_stand_beside_ones_own() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    ana.run(&["project", "create", "Passwords"]).ok();
    keep(&ana, "My own", None, NEWER);
    keep(&ana, "Deploy key", Some("Passwords"), TOKEN);
    ben.run(&["project", "create", "Of Ben"]).ok();
    keep(&ben, "Shown to Ana", Some("Of Ben"), THEIRS);
    ben.run(&["project", "share", "Of Ben", ana.handle(), "--role", "reader"])
        .ok();
    let window = unlocked("secrets-everywhere", &ana).await;

    // A project that holds secrets alone opens on them.
    window.click("Passwords").await;
    window.sees("Deploy key").await;
    window.no_longer_sees("No datasets yet").await;

    to_secrets(&window).await;
    for name in ["My own", "Deploy key", "Shown to Ana"] {
        window.sees(name).await;
    }
    window.screen("1-all").await;
    window.fill("Find a secret", "passwords").await;
    window.no_longer_sees("My own").await;
    window.click("Deploy key").await;
    window.sees("in “\u{2068}Passwords\u{2069}”").await;
    window.click("Show Token").await;
    window.sees(TOKEN).await;
    window.screen("2-of-a-project").await;
    window.click("More").await;
    window.click("Delete").await;
    window.sees("is in the trash.").await;
    window.click("Undo").await;
    window.no_longer_sees("is in the trash.").await;
    window.click("Deploy key").await;

    // What may not be changed there may not be changed here.
    window.fill("Find a secret", "of ben").await;
    window.click("Shown to Ana").await;
    window.sees("in “\u{2068}Of Ben\u{2069}”").await;
    window.no_longer_sees("Edit").await;

    window.fill("Find a secret", "").await;
    window.select("Which secrets", "In the trash").await;
    window.sees("The trash is empty").await;
    window.screen("3-empty-trash").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copied_value_leaves_the_clipboard_and_nothing_else_does() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    keep(&ana, "GitHub", None, TOKEN);
    let settings = ana.profile().join("window.json");
    std::fs::write(settings, r#"{"clipboard_seconds": 5}"#).expect("settings");
    let window = unlocked("secrets-clipboard", &ana).await;

    // From the list, without opening it.
    to_secrets(&window).await;
    to_row(&window, "git").await;
    window.control('c').await;
    window.sees("Copied. Cleared in 5 s.").await;
    window.sees("The clipboard was cleared.").await;
    window.clipboard_has("").await;
    is_nowhere(&window, TOKEN).await;

    // What somebody else copied meanwhile is theirs. The value on the screen goes after 30 seconds: by then the five are over.
    window.keys(ENTER).await;
    window.sees("github.com").await;
    window.control('c').await;
    window.clipboard_has(TOKEN).await;
    window.copy_elsewhere("a poem");
    window.click("Show Token").await;
    window.sees(TOKEN).await;
    window.no_longer_sees(TOKEN).await;
    assert_eq!(window.clipboard(), "a poem");

    // Locking does not wait.
    window.control('c').await;
    window.clipboard_has(TOKEN).await;
    window.click("Lock now").await;
    window.sees("Welcome back").await;
    window.clipboard_has("").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_at_once_are_both_kept_and_both_seen() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    keep(&ana, "GitHub", Some("Scans"), TOKEN);
    ana.run(&["project", "share", "Scans", ben.handle(), "--role", "contributor"])
        .ok();
    let window = unlocked("secrets-conflict", &ana).await;
    window.click("Scans").await;
    window.part("Secrets").await;
    window.click("GitHub").await;
    window.click("Edit").await;
    window.click("Change Token").await;
    window.fill("Token", NEWER).await;

    let file = ben.file("value", THEIRS);
    let field = format!("token=@{file}");
    ben.run(&["secret", "edit", "GitHub", "--in", "Scans", "--field", &field])
        .ok();
    window.sees("It was changed while you were editing.").await;
    window.screen("1-meanwhile").await;
    window.click("Save changes").await;
    window.sees("Somebody changed it at the same time; both are kept").await;
    window.sees("by ben@example.org").await;
    is_nowhere(&window, NEWER).await;
    window.click("Show Token (Theirs)").await;
    window.sees(THEIRS).await;
    window.click("Show Token (Yours)").await;
    window.sees(NEWER).await;
    window.screen("2-both").await;
    window.click("Use theirs").await;
    window.no_longer_sees("both are kept").await;
    is_nowhere(&window, NEWER).await;
    window.click("Show Token").await;
    window.sees(THEIRS).await;
    window.click("History").await;
    window.sees("Version 4").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_others_a_reader_and_a_server_that_is_away() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    ben.run(&["project", "create", "Of Ben"]).ok();
    let long = "many words without an end ".repeat(35);
    for name in [
        "<img src=x onerror=document.title='broken'><b>bold</b>",
        "\u{202e}drow rehto eht\u{202e} drowssap",
        long.trim(),
        "--help",
    ] {
        let argument = format!("--name={name}");
        let file = ben.file("value", TOKEN);
        let field = format!("<b>f</b>=@{file}");
        ben.run(&[
            "secret", "add", "--type", "git", &argument, "--in", "Of Ben", "--field", &field,
        ])
        .ok();
    }
    for number in 1..=40 {
        keep(&ben, &format!("Token {number}"), Some("Of Ben"), TOKEN);
    }
    ben.run(&["project", "share", "Of Ben", ana.handle(), "--role", "reader"])
        .ok();
    variables(&ana, root.path());

    let window = unlocked("secrets-others", &ana).await;
    window.click("Of Ben").await;
    window.part("Secrets").await;
    window.sees("Token 1").await;
    window.sees("onerror=document.title").await;
    window.screen("1-names").await;
    window
        .click("<img src=x onerror=document.title='broken'><b>bold</b>")
        .await;
    window.sees("<b>f</b>").await;
    window.screen("2-html").await;
    assert_ne!(window.script("return document.title", Vec::new()).await, "broken");
    // A list shows as much of a name as anybody reads.
    window.click(&format!("{}…", &long[..300])).await;
    window.sees("Git token").await;
    window.screen("3-long").await;
    let page = window.text().await;
    assert!(!page.contains("Add a secret") && !page.contains("Edit"), "{page}");

    // A narrow window shows one of the two, with a way back.
    window.resize(800, 700).await;
    window.shot("4-narrow-detail").await;
    window.click("Back to the list").await;
    window.sees("Token 2").await;
    window.shot("4-narrow-list").await;
    window.keys(&[DOWN, ENTER].concat()).await;
    window.sees("Back to the list").await;
    window.resize(1280, 800).await;

    // Without the server what is known is shown, and what was typed is not lost.
    to_secrets(&window).await;
    window.click("Shop").await;
    window.sees("DATABASE_URL").await;
    window.screen("5-variables").await;
    server.kill();
    window.click("Show DATABASE_URL").await;
    window.sees("postgres://").await;
    window.click("Edit").await;
    window.click("Change SMTP_PASSWORD").await;
    window.fill("SMTP_PASSWORD", "another").await;
    window.click("Add a variable").await;
    window.fill("Name of variable 1", "DEBUG").await;
    window.fill("Value of variable 1", "0").await;
    window.click("Save changes").await;
    window.sees("Check the network.").await;
    window.screen("6-away").await;
    server.restart();
    window.click("Save changes").await;
    window.sees("Saved.").await;
    window.sees("DEBUG").await;
    window.close().await;
}

/// An environment set of Ana's.
fn variables(ana: &Person, root: &Path) {
    let url = root.join("url");
    std::fs::write(&url, "postgres://ana:hunter2@db.example.org/shop").expect("a file");
    let password = ana.file("value", "hunter3");
    let args = [
        "secret",
        "add",
        "--type",
        "env",
        "--name",
        "Shop",
        "--note",
        "For the test shop",
    ];
    let fields = [
        "--field",
        &format!("DATABASE_URL=@{}", url.display()),
        "--field",
        &format!("SMTP_PASSWORD=@{password}"),
    ];
    ana.run(&[&args[..], &fields[..]].concat()).ok();
}
