//! Uploads before they begin and when they did not end: what is looked at before Start, what waits after the program was
//! killed, what was left out and is tried again.

use std::os::unix::net::UnixListener;

use holdfast_tests::{Person, Server, difference};
use serde_json::json;

use super::moving::{Road, large, on_the_road, upload};
use super::prepared::{folder, unlocked};

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_after_the_program_was_killed() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let (_server, gate, ana) = on_the_road(root, "Scans");
    let scans = folder(root, "Left hemisphere");
    large(&scans, "left.nii", 1);
    large(&scans, "left-again.nii", 2);
    let other = folder(root, "Other");
    large(&other, "other.nii", 3);

    let window = unlocked("killed", &ana).await;
    window.click("Scans").await;
    window.sees("No datasets yet").await;
    gate.set(Road::After(2));
    upload(&window, &scans).await;
    window.sees("of 96 MB").await;
    window.sees("Nothing moves at the moment").await;
    window.kill();

    // It waits behind the lock, and says where it goes and since when.
    let window = unlocked("waiting", &ana).await;
    window.sees("1 not finished").await;
    window.sees("In “\u{2068}Scans\u{2069}”. Begun on").await;
    window.screen("1-waits").await;
    gate.set(Road::Open);
    window.click("Go on").await;
    window.sees("Checked against the server: all correct.").await;
    window.click("Show").await;
    window.sees("Version 1").await;
    assert!(!window.text().await.contains("Version 2"));
    let to = folder(root, "to");
    window.will_pick(&[&to]);
    window.click("Download").await;
    window.sees("Every piece was checked: all correct.").await;
    assert_eq!(difference(&scans, &to), "");

    // Another one, which nobody wants any more: given up here and at the server.
    window.click("Put away what has ended").await;
    window.no_longer_sees("Transfers").await;
    window.click("Back").await;
    window.sees("2 files · 96 MB · Version 1").await;
    gate.set(Road::After(1));
    upload(&window, &other).await;
    window.sees("Nothing moves at the moment").await;
    window.kill();
    gate.set(Road::Open);
    let window = unlocked("waiting", &ana).await;
    window.sees("Other").await;
    window.sees("1 not finished").await;
    window.click("Give up").await;
    window.sees("was given up").await;
    window.no_longer_sees("Transfers").await;
    // The terminal speaks through the window.
    assert_eq!(ana.run(&["upload", "list"]).ok(), json!([]));
    let made = ana.run(&["dataset", "list", "Scans"]).ok();
    assert_eq!(made.as_array().map(Vec::len), Some(1), "{made}");
    assert_eq!(made[0]["versions"], 1);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_up_is_looked_at_before_and_what_stayed_behind_is_tried_again() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let server = Server::start(&root.join("server"));
    let ana = Person::sign_up(root, &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = folder(root, "source");
    std::fs::write(source.join("data.bin"), vec![7; 100_000]).expect("a file");
    std::fs::write(source.join(".env"), "TOKEN=1").expect("a file");
    std::fs::write(source.join(".gitignore"), "build/\n").expect("a file");
    std::fs::write(folder(&source, "build").join("<b>out"), "0123456789").expect("a file");
    let socket = source.join("scanner.socket");
    let open = UnixListener::bind(&socket).expect("a socket");

    let window = unlocked("plan", &ana).await;
    window.click("Scans").await;
    window.sees("No datasets yet").await;
    window.drop_files(&[&source]).await;
    window.sees("4 files, 100 kB").await;
    window.sees("The largest:").await;
    window.sees("data.bin").await;
    window
        .click("1 file that version control ignores, 10 B, go along")
        .await;
    window.sees("build/<b>out").await;
    window.click("1 thing is left out").await;
    window.sees("neither a file nor a folder nor a link").await;
    window.screen("1-plan").await;
    window.choose("Hidden files, too").await;
    window.sees("2 files, 100 kB").await;
    window.sees("3 things are left out").await;
    window.screen("2-without-hidden").await;
    window.click("Start").await;
    window.sees("Done, but not all of it").await;
    window.sees("2 files").await;

    // What could not be read is a file now.
    drop(open);
    std::fs::remove_file(&socket).expect("removed");
    std::fs::write(&socket, "a file by now").expect("a file");
    window.click("3 things were left out").await;
    window.sees("Trying again makes one more version").await;
    window.screen("3-left-out").await;
    window.click("Try again").await;
    window.sees("3 files").await;
    window.sees("2 things were left out").await;
    window.no_longer_sees("not all of it").await;
    window.click("Show").await;
    window.sees("Version 2").await;
    window.sees("scanner.socket").await;
    assert!(!window.text().await.contains(".env"));
    window.screen("4-again").await;

    // An empty folder is nothing to upload.
    window.drop_files(&[&folder(root, "empty")]).await;
    window.sees("There is no file in what you chose.").await;
    let disabled = "return document.querySelector('dialog button[type=submit]').disabled";
    assert_eq!(window.script(disabled, Vec::new()).await, json!(true));
    window.close().await;
}
