//! Letting people in, checking them, putting them out: two windows with a profile each, and one server between them.

use std::path::Path;

use holdfast_tests::{Person, Server, Window, small_dataset};
use serde_json::{Value, json};

use super::prepared::{folder, unlocked};

const ANA: &str = "ana@example.org";
const BEN: &str = "ben@example.org";
/// Keys as WebDriver writes them.
const TAB: &str = "\u{E004}";
const ENTER: &str = "\u{E007}";
const DOWN: &str = "\u{E015}";
const ESCAPE: &str = "\u{E00C}";

/// Ana with a project that holds a dataset and a secret.
fn ana_with_scans(root: &Path, server: &Server) -> Person {
    let ana = Person::sign_up(root, &server.url(), ANA);
    ana.run(&["project", "create", "Scans"]).ok();
    let data = small_dataset(root);
    let data = data.to_str().expect("a path");
    ana.run(&["dataset", "upload", "Scans", data, "--name", "penguins"])
        .ok();
    let token = format!("token=@{}", ana.file("token", "ghp_0123456789"));
    let secret = [
        "secret",
        "add",
        "--type",
        "git",
        "--name",
        "GitHub token",
        "--in",
        "Scans",
    ];
    ana.run(&[&secret[..], &["--field", &token]].concat()).ok();
    ana
}

/// The six words in the list with that name.
pub(super) async fn six_words(window: &Window, label: &str) -> String {
    let text = window.read(&format!("//ol[@aria-label='{label}']")).await;
    // The numbers before them are for the eye.
    let words: Vec<&str> = text
        .split(|letter: char| letter.is_ascii_digit() || letter.is_whitespace())
        .filter(|part| !part.is_empty())
        .collect();
    assert_eq!(words.len(), 6, "{text}");
    words.join(" ")
}

pub(super) async fn open_members(window: &Window, project: &str) {
    window.click("Projects").await;
    window.click(project).await;
    window.part("Members").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ana_lets_ben_in_checks_him_and_puts_him_out() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = ana_with_scans(root.path(), &server);
    let ben = Person::locked(root.path(), &server.url(), BEN);
    let (ana, ben) = tokio::join!(unlocked("sharing-ana", &ana), unlocked("sharing-ben", &ben));

    // Ben reads his words out.
    ben.sees("No projects yet").await;
    ben.click("People").await;
    ben.sees("Nobody yet").await;
    let told = six_words(&ben, "My six words").await;
    ben.screen("people-empty").await;
    ben.click("Projects").await;

    // Ana looks him up, compares, and shares.
    open_members(&ana, "Scans").await;
    ana.sees("Only you can open this.").await;
    ana.screen("1-members-alone").await;
    ana.click("Add people").await;
    ana.fill("Their e-mail or name", BEN).await;
    ana.screen("2-who").await;
    ana.click("Look up").await;
    ana.sees("You haven't checked that this is really ben@example.org")
        .await;
    ana.screen("3-unchecked").await;
    ana.click("Check first").await;
    ana.sees("ask for their six words").await;
    assert_eq!(six_words(&ana, "Six words of ben@example.org").await, told);
    ana.screen("4-check").await;
    ana.click("They match").await;
    ana.sees("Checked by you on").await;
    ana.screen("5-checked").await;
    ana.choose("Contributor").await;
    ana.click("Share").await;
    ana.sees("ben@example.org is in, as Contributor.").await;
    ana.screen("6-shared").await;
    ana.click("Done").await;
    ana.sees("Only these 2 people can open this.").await;
    ana.screen("7-members").await;

    // Ben did nothing, and has the project.
    ben.sees("Scans").await;
    open_members(&ben, "Scans").await;
    ben.sees("Only these 2 people can open this.").await;
    ben.sees("Only owners add and remove people.").await;
    ben.screen("member").await;

    what_happened(&ana, root.path()).await;

    // Ben is in Ana's list of people, with the result of the check.
    ana.click("People").await;
    ana.click(BEN).await;
    assert_eq!(six_words(&ana, "Six words of ben@example.org").await, told);
    ana.screen("people").await;

    // Ana removes him; the first time she thinks better of it.
    open_members(&ana, "Scans").await;
    ana.click(BEN).await;
    ana.sees("Can open, add and change everything in the project.").await;
    ana.screen("8-member").await;
    ana.click("Remove from this project").await;
    ana.sees("They may keep copies of what they could open: 1 item, 1 secret.")
        .await;
    ana.screen("9-remove").await;
    ana.click("Remove").await;
    ana.sees("will be removed in a few seconds").await;
    ana.screen("10-undo").await;
    ana.click("Undo").await;
    ana.no_longer_sees("will be removed in a few seconds").await;
    ana.click(BEN).await;
    ana.click("Remove from this project").await;
    ana.click("Remove").await;
    ana.sees("ben@example.org is out").await;
    ana.sees("To change at the source: 1 secret").await;
    ana.sees("GitHub token").await;
    ana.sees("The project has a new key.").await;
    ana.sees("Only you can open this.").await;
    ana.screen("11-removed").await;
    ana.click("I have seen this").await;
    ana.no_longer_sees("ben@example.org is out").await;

    // Nothing new reaches Ben: neither the project nor what it is called from now on.
    ben.click("Projects").await;
    ben.sees("No projects yet").await;
    ben.screen("out").await;
    ana.close().await;
    ben.close().await;
}

/// The list of what happened: found by person, exported, and what the server sees of it.
async fn what_happened(ana: &Window, root: &Path) {
    ana.part("Activity").await;
    ana.sees("let ben@example.org in as contributor").await;
    ana.sees("Today").await;
    ana.screen("activity").await;
    ana.fill("Find in what happened", "penguins").await;
    ana.no_longer_sees("let ben@example.org in").await;
    ana.sees("penguins").await;
    ana.fill("Find in what happened", "nothing like it").await;
    ana.sees("Nothing fits").await;
    ana.screen("activity-nothing").await;
    ana.fill("Find in what happened", " ").await;
    ana.click("What the server sees").await;
    ana.sees("how big the locked boxes are").await;
    ana.screen("server-sees").await;
    ana.keys(ESCAPE).await;
    let exports = folder(root, "exports");
    ana.will_pick(&[&exports]);
    ana.click("Export").await;
    ana.sees("Saved: ").await;
    let text = std::fs::read(exports.join("Holdfast activity.json")).expect("the export");
    let events: Vec<Value> = serde_json::from_slice(&text).expect("JSON");
    let added = events
        .iter()
        .find(|event| event["what"] == "added")
        .expect("Ben's coming");
    assert_eq!(
        added["text"],
        json!("ana@example.org let ben@example.org in as contributor")
    );
}

/// Words that differ stop the sharing, and everything goes without a mouse.
#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_is_enough_and_other_words_stop_it() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let person = ana_with_scans(root.path(), &server);
    let ben = Person::sign_up(root.path(), &server.url(), BEN);
    let ana = unlocked("sharing-keys", &person).await;

    ana.tab_to("Projects", None).await;
    ana.keys(ENTER).await;
    ana.tab_to("New project", None).await;
    // The field to find one, then the list.
    ana.keys(TAB).await;
    ana.keys(TAB).await;
    ana.keys(ENTER).await;
    ana.sees("Only you can open this.").await;
    ana.tab_to("Members 1", None).await;
    ana.keys(ENTER).await;
    ana.sees("Only you can open this.").await;
    ana.tab_to("Add people", None).await;
    ana.keys(ENTER).await;
    ana.gets_focus("Their e-mail or name").await;
    ana.keys(BEN).await;
    ana.keys(ENTER).await;
    ana.gets_focus("Check first").await;
    ana.keys(ENTER).await;
    ana.sees("ask for their six words").await;

    // Whoever answers the phone has other words: it stops here.
    ana.tab_to("They don't match", None).await;
    ana.keys(ENTER).await;
    ana.sees("Those are not the words of ben@example.org").await;
    ana.gets_focus("Compare once more").await;
    ana.screen("refused").await;
    ana.tab_to("Back", None).await;
    ana.keys(ENTER).await;
    ana.no_longer_sees("Compare once more").await;
    let text = ana.text().await;
    assert!(!text.contains("Share anyway"), "{text}");
    ana.screen("refused-person").await;

    // Neither locking nor another start forgets it.
    ana.close().await;
    let ana = unlocked("sharing-keys-again", &person).await;
    open_members(&ana, "Scans").await;
    ana.click("Add people").await;
    ana.fill("Their e-mail or name", BEN).await;
    ana.click("Look up").await;
    ana.sees("Those are not the words of ben@example.org").await;
    assert!(!ana.text().await.contains("Share anyway"));

    // It was a word misheard.
    ana.gets_focus("Check words").await;
    ana.keys(ENTER).await;
    ana.gets_focus("Compare once more").await;
    ana.keys(ENTER).await;
    let words = ben.run(&["words"]).ok()["words"].as_str().expect("words").to_owned();
    assert_eq!(six_words(&ana, "Six words of ben@example.org").await, words);
    ana.tab_to("They match", None).await;
    ana.keys(ENTER).await;
    ana.gets_focus("Share").await;
    ana.keys(ENTER).await;
    ana.gets_focus("Done").await;
    ana.keys(ENTER).await;
    // The focus is back at what opened the dialog.
    ana.gets_focus("Add people").await;
    let projects = ben.run(&["project", "list"]).ok();
    assert_eq!(projects[0]["role"], "contributor");

    // A member's card opens from the list and closes again.
    ana.sees("Only these 2 people can open this.").await;
    ana.tab_to("Members", None).await;
    ana.keys(DOWN).await;
    ana.keys(ENTER).await;
    ana.sees("Can open, add and change everything in the project.").await;
    ana.keys(ESCAPE).await;
    ana.gets_focus("Members").await;
    ana.close().await;
}

/// Those who were invited are listed; an invitation is taken back, unless somebody thinks better of it.
async fn waiting(ana: &Window) {
    ana.click("Add people").await;
    ana.fill("Their e-mail or name", "dora@example.org").await;
    ana.click("Look up").await;
    ana.click("Invite them").await;
    ana.click("Make an invitation").await;
    ana.click("Done").await;
    // Hers is there, and moves nobody's any more.
    ana.read("//section[@aria-labelledby='waiting']//*[normalize-space(.)='dora@example.org']")
        .await;
    ana.click("Take back the invitation of cleo@example.org").await;
    ana.sees("The invitation of cleo@example.org ends in a few seconds.")
        .await;
    ana.screen("waiting").await;
    ana.click("Undo").await;
    ana.click("Take back the invitation of dora@example.org").await;
    ana.sees("The invitation of dora@example.org opens nothing any more.")
        .await;
    let list = ana.read("//section[@aria-labelledby='waiting']").await;
    // Cleo's, as a reader, is the one that is left.
    assert!(list.contains("Reader") && !list.contains("Contributor"), "{list}");
}

/// Whoever has no account gets a line of text; the last owner stays; the project goes to the trash and comes back.
#[tokio::test(flavor = "multi_thread")]
async fn invitations_leaving_and_the_trash() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let person = ana_with_scans(root.path(), &server);
    let ana = unlocked("sharing-more", &person).await;
    open_members(&ana, "Scans").await;
    ana.click("Add people").await;
    ana.fill("Their e-mail or name", ANA).await;
    ana.click("Look up").await;
    ana.sees("That is you.").await;
    ana.fill("Their e-mail or name", "cleo@example.org").await;
    ana.click("Look up").await;
    ana.sees("Nobody here is called cleo@example.org").await;
    ana.screen("1-unknown").await;
    ana.click("Invite them").await;
    ana.choose("Reader").await;
    ana.screen("2-invite").await;
    ana.click("Make an invitation").await;
    ana.sees("The server never sees it.").await;
    let line = ana.read("//*[@data-test='invitation']").await;
    assert!(line.starts_with("holdfast-invitation:"), "{line}");
    ana.screen("3-invited").await;
    ana.click("Copy").await;
    ana.sees("Copied.").await;
    ana.click("Done").await;
    waiting(&ana).await;

    // Cleo makes an account with that line alone, and is in.
    let cleo = Person::sign_up(root.path(), &server.url(), "cleo@example.org");
    let line = cleo.file("invitation", &line);
    cleo.run(&["project", "join", "--invitation-file", &line]).ok();
    ana.part("Datasets").await;
    ana.part("Members").await;
    ana.sees("Only these 2 people can open this.").await;
    ana.no_longer_sees("Invited, and not in yet").await;

    // Another role, and the old one back.
    ana.click("cleo@example.org").await;
    ana.choose("Contributor").await;
    ana.screen("role").await;
    ana.click("Change the role").await;
    ana.sees("cleo@example.org is Contributor now.").await;
    assert_eq!(cleo.run(&["project", "list"]).ok()[0]["role"], "contributor");
    ana.click("Undo").await;
    ana.sees("cleo@example.org is Reader now.").await;
    assert_eq!(cleo.run(&["project", "list"]).ok()[0]["role"], "reader");

    // The only owner can't leave.
    ana.click(ANA).await;
    ana.sees("Read yours out").await;
    ana.screen("4-me").await;
    ana.click("Leave this project").await;
    ana.sees("You are the only owner").await;
    ana.screen("5-last-owner").await;
    ana.click("Cancel").await;

    // A new name, and the old one back.
    ana.part("Settings").await;
    ana.sees("The server stores boxes it can't open.").await;
    ana.fill("Name", "Scans of 2026").await;
    ana.click("Rename").await;
    ana.sees("The project is called").await;
    ana.screen("6-project-settings").await;
    ana.click("Undo").await;
    ana.no_longer_sees("Scans of 2026").await;

    // Into the trash and out of it, by the toast and by the list.
    ana.click("Move to the trash").await;
    ana.sees("is in the trash.").await;
    ana.sees("No projects yet").await;
    ana.click("Undo").await;
    ana.click("Scans").await;
    ana.part("Settings").await;
    ana.click("Move to the trash").await;
    ana.click("Trash (1)").await;
    ana.sees("Nothing is removed by itself.").await;
    ana.screen("7-trash").await;
    ana.click("Take out").await;
    ana.no_longer_sees("Take out").await;
    ana.click("Close").await;
    ana.click("Scans").await;

    // What is removed for good is gone, with its name.
    ana.part("Settings").await;
    ana.click("Move to the trash").await;
    ana.click("Trash (1)").await;
    ana.click("Remove for good").await;
    ana.sees("Nobody can bring them back").await;
    ana.screen("8-purge").await;
    ana.fill("Type Scans to confirm", "Scans").await;
    ana.click("Remove for good").await;
    ana.sees("Removed for good: 2 items").await;
    ana.sees("The trash is empty.").await;
    ana.screen("9-purged").await;
    ana.click("Close").await;
    ana.sees("No projects yet").await;
    ana.close().await;
}
