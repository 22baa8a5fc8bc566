//! Secrets in files, in the window: imports by choice, with and without a passphrase, undone; exports, sealed and plain, read
//! back; and a list of two thousand.

use std::path::Path;

use holdfast_tests::{Person, Server, Window};
use serde_json::{Value, json};

use super::prepared::{folder, unlocked};
use super::secrets::{is_nowhere, keep, to_secrets};

const PASSWORD: &str = "canary#1 \"of\" ana";
const PASSPHRASE: &str = "granola unpaid debit skimmer jawline truffle bulge eel";
const KEEPASS: &str = "correct horse # \"battery\" é🔑";

// Keys as WebDriver names them.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";
const END: &str = "\u{e010}";

/// A name as it stands in a sentence.
fn said(name: &str) -> String {
    format!("\u{201c}\u{2068}{name}\u{2069}\u{201d}")
}

fn login(name: &str, password: &str) -> Value {
    json!({ "type": 1, "name": name, "login": {
        "uris": [{ "uri": "https://example.org/login" }], "username": "ana", "password": password,
    } })
}

fn bitwarden(person: &Person, items: &[Value]) -> String {
    let export = json!({ "encrypted": false, "folders": [], "items": items });
    person.file("bitwarden.json", &export.to_string())
}

fn names(person: &Person) -> Vec<String> {
    let list = person.run(&["secret", "list"]).ok();
    let rows = list.as_array().expect("rows").iter();
    let secrets = rows.filter(|row| row["type"] != "project-key");
    let mut names: Vec<String> = secrets
        .map(|row| row["name"].as_str().expect("a name").to_owned())
        .collect();
    names.sort();
    names
}

fn value_of(person: &Person, secret: &str, field: &str) -> String {
    let shown = person.run(&["secret", "show", secret, "--reveal"]).ok();
    let mut fields = shown["fields"].as_array().expect("fields").iter();
    let found = fields.find(|there| there["name"] == field).expect("the field");
    found["value"].as_str().expect("a value").to_owned()
}

async fn begin_import(window: &Window) {
    window.click("Import or export").await;
    window.click("Import from a file").await;
    window.sees("Where does the file come from?").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bitwarden_wrote_comes_in_by_choice_and_is_taken_back() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let window = unlocked("secret-import", &ana).await;
    let file = bitwarden(
        &ana,
        &[
            login("Bank", "x"),
            login("Bank", "x"),
            login("GitHub", PASSWORD),
            login("Not wanted", "y"),
            json!({ "type": 2, "name": "<b>bold</b>", "notes": "a note" }),
            json!({ "type": 3, "name": "Visa", "card": { "number": "4111" } }),
            json!({ "type": 1, "name": "Passkey", "login":
                { "username": "ana", "password": "z", "fido2Credentials": [{}] } }),
        ],
    );

    // From the empty place.
    to_secrets(&window).await;
    window.sees("No secrets yet").await;
    window.click("Import from a file").await;
    window.screen("1-where-from").await;
    // The dialog of the system is closed, then a file is chosen that is gone.
    window.will_pick(&[]);
    window.click("Choose the file").await;
    window.sees("Where does the file come from?").await;
    window.will_pick(&[Path::new("/nowhere/at/all.json")]);
    window.click("Choose the file").await;
    window.sees("all.json").await;
    window.screen("2-not-there").await;
    window.will_pick(&[Path::new(&file)]);
    window.click("Choose the file").await;
    window.sees("Nothing has changed yet.").await;
    window.sees("is in the file twice").await;
    window.sees("Can't be taken").await;
    is_nowhere(&window, PASSWORD).await;
    window.screen("3-all-new").await;
    window.choose("Not wanted").await;
    window.sees("is left out").await;
    window.click("Bring in 5 secrets").await;
    window.sees("5 secrets were brought in.").await;
    window.sees("The file is not encrypted").await;
    window.screen("4-done").await;
    window.click("Done").await;
    window.no_longer_sees("The file is not encrypted").await;
    window.sees("Passkey").await;
    is_nowhere(&window, PASSWORD).await;
    assert_eq!(value_of(&ana, "GitHub", "password"), PASSWORD);

    // Once more, with another password in it: both are kept, or it is left out and the import taken back.
    let file = bitwarden(
        &ana,
        &[login("Bank", "x"), login("GitHub", "newer"), login("Third", "t")],
    );
    begin_import(&window).await;
    window.will_pick(&[Path::new(&file)]);
    window.click("Choose the file").await;
    window.sees("Names that are taken").await;
    window.sees("is there already, with the same content").await;
    window.sees(&format!("is brought in as {}", said("GitHub (2)"))).await;
    window.screen("5-clash").await;
    window.select("For all of them", "Leave out").await;
    window.click("Bring in 1 secret").await;
    window.sees("1 secret was brought in.").await;
    window.sees("Left out: 2 secrets.").await;
    window.click("Undo this import").await;
    window.sees("The import was undone.").await;
    window.sees("In the trash: 1 secret.").await;
    window.click("Done").await;
    window.no_longer_sees("Third").await;

    // And one becomes the newest version of the other.
    begin_import(&window).await;
    window.click("Choose the file").await;
    window
        .select(&format!("{}: what to do", said("GitHub")), "Replace")
        .await;
    window.sees("becomes the newest version").await;
    window.click("Bring in 2 secrets").await;
    window.sees("Newest version of one that was there: 1 secret.").await;
    window.screen("6-replaced").await;
    window.click("Delete the file now").await;
    window.sees("The file is deleted.").await;
    assert!(!Path::new(&file).exists());
    assert_eq!(value_of(&ana, "GitHub", "password"), "newer");
    window.click("Undo this import").await;
    window.sees("As before: 1 secret.").await;
    window.screen("7-undone").await;
    window.click("Done").await;
    assert_eq!(value_of(&ana, "GitHub", "password"), PASSWORD);
    assert_eq!(names(&ana), ["<b>bold</b>", "Bank", "GitHub", "Passkey", "Visa"]);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_asks_for_its_passphrase_and_variables_are_pasted() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let window = unlocked("secret-locked-file", &ana).await;
    let kdbx = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/import/tests/fixtures/argon2.kdbx");
    window.click("Scans").await;
    window.part("Secrets").await;
    window.sees("No secrets yet").await;
    window.click("Import from a file").await;
    window.choose("KeePass").await;
    window.will_pick(&[&kdbx]);
    window.click("Choose the file").await;
    window.sees("opens with a passphrase of its own").await;
    window.screen("1-passphrase").await;
    window.fill("Passphrase of the file", "wrong").await;
    window.click("Open the file").await;
    window.sees("It does not open the file.").await;
    assert_eq!(window.value("Passphrase of the file").await, "");
    window.screen("2-wrong").await;
    // What WebDriver can't type is pasted, as a person would.
    window.copy_elsewhere(KEEPASS);
    window.keys("x").await;
    window.control('a').await;
    window.control('v').await;
    window.click("Open the file").await;
    window.sees("where everybody will be able to open it").await;
    window.sees("it is in the recycle bin of KeePass").await;
    is_nowhere(&window, "battery").await;
    is_nowhere(&window, "newer # password").await;
    window.screen("3-plan").await;
    // A choice asks Rust again, which still knows what opens the file.
    window.choose("Only notes").await;
    window.sees("is left out").await;
    window.click("Bring in 2 secrets").await;
    window.sees("2 secrets were brought in.").await;
    let page = window.text().await;
    assert!(!page.contains("The file is not encrypted"), "{page}");
    window.screen("4-done").await;
    window.click("Done").await;
    window.click("GitHub").await;
    window.sees("Website").await;
    window.sees("Expires on").await;

    // An environment set: lines of a .env file go into a name, and are read by the reader of imports.
    window.click("Add a secret").await;
    window.click("Environment set").await;
    window.copy_elsewhere("# shop\nexport DB='a#b' # no\nKEY=\"x\\ny\"\n");
    window.fill("Name", "Shop").await;
    window.keys(TAB).await;
    window.control('v').await;
    window.sees("Name of variable 2").await;
    assert_eq!(window.value("Name of variable 1").await, "DB");
    assert_eq!(window.value("Value of variable 1").await, "a#b");
    assert_eq!(window.value("Value of variable 2").await, "x\ny");
    // Keys of several lines are dots, too.
    let dots = "return getComputedStyle(document.querySelector('textarea')).webkitTextSecurity";
    assert_eq!(window.script(dots, Vec::new()).await, "disc");
    window.screen("5-pasted").await;
    window.click("Save").await;
    window.sees("is saved.").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_opens_elsewhere_with_its_own_passphrase() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    keep(&ana, "GitHub", None, PASSWORD);
    keep(&ana, "Robot", Some("Scans"), "canary of the project");
    let window = unlocked("secret-export", &ana).await;
    let out = folder(root.path(), "out");

    to_secrets(&window).await;
    window.sees("GitHub").await;
    window.click("Import or export").await;
    window.click("Export to a file").await;
    window.sees("The file will hold 1 secret of your own").await;
    window.fill("Passphrase of the file", "hunter2").await;
    window.sees("That could be guessed").await;
    window.screen("1-weak").await;
    window.fill("Passphrase of the file", PASSPHRASE).await;
    window.fill("Once more", "something else").await;
    window.sees("The two are not the same.").await;
    window.fill("Once more", PASSPHRASE).await;
    window.sees("to guess it").await;
    window.screen("2-strong").await;
    // The dialog of the system is closed: what was typed stays.
    window.will_pick(&[]);
    window.click("Choose where, and write it").await;
    assert_eq!(window.value("Once more").await, PASSPHRASE);
    window.will_pick(&[&out]);
    window.click("Choose where, and write it").await;
    window.sees("1 secret is in the file.").await;
    window.screen("3-written").await;
    is_nowhere(&window, "granola").await;
    window.click("Done").await;
    let file = out.join("Secrets.holdfast");
    let bytes = std::fs::read(&file).expect("the export");
    assert!(!String::from_utf8_lossy(&bytes).contains("GitHub"));

    // Ben has the file and is told the passphrase.
    let passphrase = ben.file("passphrase", PASSPHRASE);
    let file = file.display().to_string();
    let import = ["secret", "import", "--from", "holdfast", &file];
    ben.run(&[&import[..], &["--passphrase-file", &passphrase]].concat())
        .ok();
    assert_eq!(value_of(&ben, "GitHub", "token"), PASSWORD);

    // Those of a project, for anybody to read: only after typing it.
    window.click("Projects").await;
    window.click("Scans").await;
    window.part("Secrets").await;
    window.sees("Robot").await;
    window.click("Import or export").await;
    window.click("Export to a file").await;
    window.sees("1 secret of this project").await;
    window.choose("Not at all").await;
    window.fill("Type EXPORT to go on", "export").await;
    let off = "return [...document.querySelectorAll('dialog button')].find((button) => button.textContent.includes('Choose where')).disabled";
    assert_eq!(window.script(off, Vec::new()).await, Value::Bool(true));
    window.fill("Type EXPORT to go on", "EXPORT").await;
    window.screen("4-plain").await;
    window.click("Choose where, and write it").await;
    window.sees("It is not encrypted. Delete it as soon as you can.").await;
    window.screen("5-plain-written").await;
    window.click("Done").await;
    let text = std::fs::read_to_string(out.join("Secrets.json")).expect("the export");
    assert!(text.contains("canary of the project"));
    // Never over a file that is there.
    window.click("Import or export").await;
    window.click("Export to a file").await;
    window.choose("Not at all").await;
    window.fill("Type EXPORT to go on", "EXPORT").await;
    window.click("Choose where, and write it").await;
    window.sees("Choose another name.").await;
    window.screen("6-there").await;
    window.keys(ESCAPE).await;
    window.no_longer_sees("Choose another name.").await;

    // In the window, too, it comes in again: what is there already is said.
    begin_import(&window).await;
    window.choose("wrote").await;
    window.will_pick(&[&out.join("Secrets.json")]);
    window.click("Choose the file").await;
    window.sees("is there already, with the same content").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_secrets_are_found_and_their_values_are_not() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let window = unlocked("secret-many", &ana).await;
    let items: Vec<Value> = (1..=2000)
        .map(|n| login(&format!("Account {n}"), &format!("canary-{n}")))
        .collect();
    let file = bitwarden(&ana, &items);

    to_secrets(&window).await;
    window.click("Import from a file").await;
    window.will_pick(&[Path::new(&file)]);
    window.click("Choose the file").await;
    window.sees("Bring in 2,000 secrets").await;
    window.sees("Account 50").await;
    window.click("Show 200 more").await;
    window.sees("Account 250").await;
    window.screen("1-plan").await;
    window.click("Bring in 2,000 secrets").await;
    window.sees("2,000 secrets were brought in.").await;
    window.click("Done").await;
    window.sees("Account 1").await;
    window.screen("2-list").await;
    // Of two thousand rows only those in sight exist.
    let rows = "return document.querySelectorAll('[role=option]').length";
    let there = window.script(rows, Vec::new()).await.as_u64().expect("a number");
    assert!((5..60).contains(&there), "{there} rows");
    is_nowhere(&window, "canary").await;

    window.control('f').await;
    window.keys(&[DOWN, END].concat()).await;
    window.sees("Account 2000").await;
    window.control('f').await;
    window.keys("account 1234").await;
    window.sees("Account 1234").await;
    window.no_longer_sees("Account 2000").await;
    // By value nothing is found.
    window.control('f').await;
    window.keys("canary-77").await;
    window.sees("Nothing fits").await;
    window.control('f').await;
    window.keys("account 1777").await;
    window.sees("Account 1777").await;
    window.keys(&[DOWN, ENTER].concat()).await;
    window.sees("https://example.org/login").await;
    is_nowhere(&window, "canary").await;
    window.click("Show Password").await;
    window.sees("canary-1777").await;
    window.screen("3-one").await;
    window.close().await;
}
