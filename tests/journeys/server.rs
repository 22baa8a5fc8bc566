//! Where the data lies: on this computer with a backup, looked at for faults, and moved to a team's server with everything.

use std::path::Path;

use holdfast_tests::{Person, Server, Window, small_dataset};
use serde_json::json;

use super::prepared::{at_home, folder, unlock};

const ANA: &str = "ana@example.org";

async fn settings(window: &Window) {
    window.click("Settings").await;
    window.part("Server").await;
}

/// The first file of a pack below a folder.
fn a_part(folder: &Path) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
        {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                return entry;
            }
        }
    }
    panic!("no pack");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_this_computer_to_a_team_with_a_backup_on_the_way() {
    let root = tempfile::tempdir().expect("a folder");
    let ana = Person::nobody(root.path(), "", ANA);
    let window = Window::open("server", &ana.profile()).await;
    let words = at_home(&window, ANA, "Scans").await;
    ana.keep_key(&words);
    let data = small_dataset(root.path());
    let data = data.to_str().expect("a path");
    ana.run_without_key(&["dataset", "upload", "Scans", data, "--name", "penguins"])
        .ok();

    // A backup, and once more into the same folder.
    settings(&window).await;
    window.sees("There is no backup yet.").await;
    window.screen("1-none").await;
    let disk = folder(root.path(), "disk");
    window.will_pick(&[&disk]);
    window.click("Choose a folder and back up").await;
    window.sees("All your secrets and 1 project are in it").await;
    window.click("How to put a backup back").await;
    window.screen("2-backed-up").await;
    let backup = disk.join("Holdfast backup");
    window.click("Back up again").await;
    window.sees("Nothing new had to be copied.").await;
    // It is one: a bare folder gets everything back.
    let out = folder(root.path(), "bare").join("server");
    ana.run_without_key(&[
        "restore",
        "--from",
        backup.to_str().expect("a path"),
        "--data",
        out.to_str().expect("a path"),
    ])
    .ok();

    // Nothing is wrong, until something is.
    window.click("Look now").await;
    window.sees("All is well.").await;
    window.screen("3-well").await;
    let part = a_part(&ana.profile().join("server").join("packs"));
    let kept = std::fs::read(&part).expect("a part");
    std::fs::remove_file(&part).expect("a part is lost");
    window.click("Look again").await;
    window.sees("In order: ").await;
    window.no_longer_sees("All is well.").await;
    window.screen("4-amiss").await;
    std::fs::write(&part, kept).expect("it is back");
    window.click("Look again").await;
    window.sees("All is well.").await;

    // To the team's server: what comes along, and then it is there.
    let team = Server::start(&root.path().join("team"));
    window.click("Move").await;
    window.fill("Address of the new server", "http://127.0.0.1:9").await;
    window.click("See what would move").await;
    window.sees("Code: unreachable").await;
    window.screen("5-nobody-there").await;
    window.fill("Address of the new server", &team.url()).await;
    window.click("See what would move").await;
    window.sees("Your own secrets").await;
    window.sees("Nothing changes before all of it has arrived").await;
    window.screen("6-plan").await;
    window.click("Move now").await;
    window.sees(&format!("You are at {} now", team.url())).await;
    window.screen("7-moved").await;
    window.sees("A server that several people use").await;
    window.click("I have seen this").await;

    window.click("Projects").await;
    window.click("Scans").await;
    window.sees("penguins").await;
    window.click("Lock now").await;
    unlock(&window, &ana).await;
    settings(&window).await;
    window.sees(&team.url()).await;
    let status = ana.run_without_key(&["status"]).ok();
    assert_eq!(status["server"], json!(team.url()), "{status}");
    window.close().await;
}
