//! Somebody who was known starts over: the refusal leads to the six words, and the words to the account that has to go.

use holdfast_tests::{Person, Server};

use super::prepared::unlocked;
use super::sharing::{open_members, six_words};

const ANA: &str = "ana@example.org";
const BEN: &str = "ben@example.org";

#[tokio::test(flavor = "multi_thread")]
async fn ana_compares_words_with_ben_who_lost_everything() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let person = Person::sign_up(root.path(), &server.url(), ANA);
    let ben = Person::sign_up(root.path(), &server.url(), BEN);
    person.run(&["project", "create", "Scans"]).ok();
    let words = |of: &Person| of.run(&["words"]).ok()["words"].as_str().expect("words").to_owned();
    person.run(&["verify", BEN, "--words", &words(&ben)]).ok();
    person.run(&["project", "share", "Scans", BEN, "--role", "reader"]).ok();
    let data = server.data().display().to_string();
    person
        .run_without_key(&["reset-account", BEN, "--data", &data, "--yes"])
        .ok();
    let home = root.path().join("again");
    std::fs::create_dir_all(&home).expect("a folder");
    let again = Person::sign_up(&home, &server.url(), BEN);
    person.run(&["lock"]).ok();

    // He is in, and yet not he.
    let ana = unlocked("starting-over", &person).await;
    open_members(&ana, "Scans").await;
    ana.sees("Only these 2 people can open this.").await;
    ana.click("Add people").await;
    ana.fill("Their e-mail or name", BEN).await;
    ana.click("Look up").await;
    ana.sees("Another account has the name ben@example.org now").await;
    ana.sees("Nothing is shared before they match.").await;
    ana.screen("1-another").await;
    ana.click("Check words").await;
    assert_eq!(six_words(&ana, "Six words of ben@example.org").await, words(&again));
    ana.screen("2-check").await;
    ana.click("They match").await;
    ana.sees("Checked by you on").await;
    ana.choose("Contributor").await;
    ana.click("Share").await;
    ana.sees("ben@example.org is in, as Contributor.").await;
    ana.click("Done").await;

    // The account from before is marked, here and among people, and goes.
    ana.sees("This is the account of ben@example.org from before starting over")
        .await;
    ana.sees("Only these 3 people can open this.").await;
    ana.screen("3-replaced").await;
    ana.click("People").await;
    ana.sees("From before starting over").await;
    ana.screen("4-people").await;
    open_members(&ana, "Scans").await;
    ana.click("Remove from this project").await;
    ana.click("Remove").await;
    ana.sees("ben@example.org is out").await;
    ana.sees("Only these 2 people can open this.").await;
    ana.no_longer_sees("from before starting over").await;
    ana.screen("5-removed").await;
    let seen = again.run(&["project", "members", "Scans"]).ok();
    assert_eq!(seen.as_array().map(Vec::len), Some(2), "{seen}");
    ana.close().await;
}
