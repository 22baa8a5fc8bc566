//! Datasets in the window: a folder is dropped, looked at, uploaded, found again, downloaded whole, given a second version,
//! renamed, deleted and brought back; what is in the way of a download is said; names can be anything.

use std::os::unix::net::UnixListener;

use holdfast_tests::{Person, Server, awkward_tree, difference, small_dataset};

use super::prepared::{folder, unlocked};

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_folder_goes_up_and_comes_back_whole() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let server = Server::start(&root.join("server"));
    let ana = Person::sign_up(root, &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Brain scans"]).ok();
    let window = unlocked("data", &ana).await;

    window.drop_files(&[root]).await;
    window.sees("Open a project's datasets").await;
    window.click("Brain scans").await;
    window.sees("No datasets yet").await;
    window.screen("1-empty").await;
    window.drop_files(&[]).await;
    window.sees("Drop to add to Datasets").await;
    window.screen("2-hover").await;

    let tree = awkward_tree(root, 600);
    window.drop_files(&[&tree]).await;
    window.sees("Upload a dataset").await;
    window.fill("What is new", "As they came from the scanner").await;
    window.screen("3-review").await;
    window.keys("\u{e007}").await;
    window.sees("600 files").await;
    window.sees("Checked against the server: all correct.").await;
    window.screen("4-uploaded").await;

    window.click("tree").await;
    window.sees("As they came from the scanner").await;
    window.screen("5-item").await;
    let first = folder(root, "first");
    window.will_pick(&[&first]);
    window.click("Download").await;
    window.sees("Every piece was checked: all correct.").await;
    assert_eq!(difference(&tree, &first), "");
    window.screen("6-downloaded").await;

    // A second version: the same folder, one file more, and something that is no file. What is there already is not sent again.
    std::fs::write(tree.join("added.txt"), "new in the second version\n").expect("a file");
    let _socket = UnixListener::bind(tree.join("scanner.socket")).expect("a socket");
    window.will_pick(&[&tree]);
    window.control('u').await;
    window.sees("Upload a new version of").await;
    window.screen("7-choose").await;
    window.click("Choose a folder").await;
    window.fill("What is new", "One file more").await;
    window.click("Start").await;
    window.sees("601 files").await;
    window.sees("were already there").await;
    window.sees("One file more").await;
    window.screen("8-two-versions").await;
    window.sees("Done, but not all of it").await;
    window.click("1 thing was left out").await;
    window.sees("scanner.socket").await;
    window.sees("neither a file nor a folder nor a link").await;
    window.screen("8b-left-out").await;
    window.click("Close").await;

    // The older version, into a folder of its own; then into one where its files are.
    window.click("Version 1").await;
    window.sees("As they came from the scanner").await;
    let again = folder(root, "again");
    window.will_pick(&[&again]);
    window.click("Download").await;
    window.sees(&again.display().to_string()).await;
    window.sees("4 ended").await;
    window.click("Put away what has ended").await;
    window.no_longer_sees("Transfers").await;
    assert_eq!(difference(&first, &again), "");

    window.will_pick(&[&first]);
    window.click("Download").await;
    window.sees("is there already").await;
    window.sees("Nothing was written, and nothing was replaced").await;
    window.screen("9-in-the-way").await;
    let third = folder(root, "third");
    window.will_pick(&[&third]);
    window.click("Choose another folder").await;
    window.sees("Every piece was checked: all correct.").await;
    assert_eq!(difference(&first, &third), "");
    window.click("Put away").await;

    // Another name, taken back; then deleted, and brought back.
    window.click("More").await;
    window.click("Rename").await;
    window.sees("Rename the dataset").await;
    window.fill("Name", "Scans of 2026").await;
    window.screen("10-rename").await;
    window.keys("\u{e007}").await;
    window.sees("It is called").await;
    window.click("Undo").await;
    window.no_longer_sees("Scans of 2026").await;
    window.click("More").await;
    window.click("Delete").await;
    window.sees("No datasets yet").await;
    window.sees("was deleted").await;
    // Ten seconds are left: for one picture, and no more.
    window.shot("11-deleted").await;
    window.click("Undo").await;
    window.no_longer_sees("No datasets yet").await;
    window.click("tree").await;
    window.sees("One file more").await;
    window.close().await;
}

/// The public table, as a model: the same screens for each kind. One file gives its name without its ending.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_refused_and_nothing_new_makes_no_version() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let server = Server::start(&root.join("server"));
    let ana = Person::sign_up(root, &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let window = unlocked("data-nothing-new", &ana).await;
    window.click("Scans").await;
    window.sees("No datasets yet").await;
    window.drop_files(&[&folder(root, "empty")]).await;
    window.sees("There is no file in what you chose.").await;
    window.screen("1-empty").await;
    window.keys("\u{e007}").await;
    window.click("Cancel").await;
    window.sees("No datasets yet").await;

    let penguins = small_dataset(root);
    for said in [
        "Checked against the server: all correct.",
        "Nothing has changed since version 1",
    ] {
        window.drop_files(&[&penguins]).await;
        window.sees("Upload a dataset").await;
        window.click("Start").await;
        window.sees(said).await;
    }
    window.screen("2-nothing-new").await;
    assert_eq!(ana.run(&["dataset", "list", "Scans"]).ok()[0]["versions"], 1);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_has_the_same_screens() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let server = Server::start(&root.join("server"));
    let ana = Person::sign_up(root, &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Birds"]).ok();
    let sent = small_dataset(root);
    let table = sent.join("penguins.csv");
    let task = folder(root, "code").join("penguins");
    std::fs::create_dir(&task).expect("a folder");
    let manifest = "format = 1\nname = \"Count\"\nruntime = \"shell\"\nentry = \"main.sh\"\n";
    std::fs::write(task.join("holdfast-task.toml"), manifest).expect("a manifest");
    std::fs::write(task.join("main.sh"), "true\n").expect("a script");
    let window = unlocked("kinds", &ana).await;
    window.click("Birds").await;
    for (tab, none, title, what, files) in [
        ("Models", "No models yet", "Upload a model", &table, "1 file · "),
        ("Tasks", "No tasks yet", "Upload a task", &task, "2 files · "),
        (
            "Artifacts",
            "No artifacts yet",
            "Upload an artifact",
            &table,
            "1 file · ",
        ),
    ] {
        window.press_tab(tab).await;
        window.sees(none).await;
        window.drop_files(&[what]).await;
        window.sees(title).await;
        assert_eq!(window.value("Name").await, "penguins");
        window.click("Start").await;
        window.no_longer_sees(none).await;
        window.sees(files).await;
    }
    window.press_tab("Models").await;
    window.click("penguins").await;
    let back = folder(root, "back");
    window.will_pick(&[&back]);
    window.click("Download").await;
    window.sees("Every piece was checked: all correct.").await;
    let got = std::fs::read(back.join("penguins.csv")).expect("the table");
    assert!(got == std::fs::read(table).expect("the table"));
    window.close().await;
}

/// Names that somebody else chose are text, whatever they say; a reader looks and adds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_names_that_mean_harm_as_text() {
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let server = Server::start(&root.join("server"));
    let ana = Person::sign_up(root, &server.url(), "ana@example.org");
    let ben = Person::sign_up(root, &server.url(), "ben@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    ana.run(&["project", "share", "Scans", ben.handle(), "--role", "reader"])
        .ok();
    let sent = small_dataset(root);
    let long = "a very long name that goes on and on ".repeat(20);
    let names = [
        "<img src=x onerror=\"document.title='taken'\"><b>bold</b>",
        "\u{202e}txt.exe\u{202e} harmless",
        "مجموعة الصور",
        long.trim(),
        "file 10",
        "file 2",
    ];
    for name in names {
        let path = sent.to_str().expect("a path");
        let note = format!("<i>{name}</i>");
        ana.run(&["dataset", "upload", "Scans", path, "--name", name, "--note", &note])
            .ok();
    }
    let window = unlocked("reader", &ben).await;
    window.click("Scans").await;
    window.sees("file 10").await;
    window.sees("<img src=x onerror=").await;
    window.screen("1-names").await;
    window.fill("Find a dataset", "VERY long").await;
    window.no_longer_sees("file 10").await;
    window.keys("\u{e00c}").await;
    window.sees("file 10").await;
    window.fill("Find a dataset", "no such thing").await;
    window.sees("Nothing fits").await;
    window.screen("2-nothing-fits").await;
    window.keys("\u{e00c}").await;
    window.drop_files(&[&sent]).await;
    window.sees("You are a reader in this project").await;
    assert!(!window.text().await.contains("Upload"));

    window.click(names[0]).await;
    window.sees("<i><img src=x").await;
    window.screen("3-hostile").await;
    assert!(!window.text().await.contains("New version"));
    window.click("Back").await;
    window.fill("Find a dataset", "very long").await;
    let shown: String = long.chars().take(300).collect();
    window.click(&format!("{shown}…")).await;
    window.sees("Version 1").await;
    window.screen("4-long").await;
    let title = window.script("return document.title", Vec::new()).await;
    assert_eq!(title, "Holdfast");
    window.close().await;
}
