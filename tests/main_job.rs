//! The main job: two people, each on their own device folder, and one untrusted server process.

use holdfast_tests::{Person, Server, awkward_tree, difference, small_dataset};

const TOKEN: &str = "ghp_canary-0123456789-token";

/// Ana makes a project, uploads a folder, keeps a token, shares; Ben reads the token and downloads every byte.
#[test]
fn ana_shares_a_dataset_and_a_token_with_ben() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");

    let project = ana.run(&["project", "create", "Scans"]).ok();
    assert_eq!(project["encrypted"], true);
    let sent = small_dataset(root.path());
    let upload = ana
        .run(&[
            "dataset",
            "upload",
            "Scans",
            sent.to_str().expect("a path"),
            "--name",
            "penguins",
        ])
        .ok();
    assert_eq!(upload["files"], 2);
    assert_eq!(upload["version"], 1);
    let token = ana.file("token", TOKEN);
    let field = format!("token=@{token}");
    let args = [
        "secret",
        "add",
        "--type",
        "git",
        "--name",
        "GitHub",
        "--in",
        "Scans",
        "--field",
        "host=github.com",
    ];
    ana.run(&[&args[..], &["--field", &field]].concat()).ok();
    let shared = ana
        .run(&["project", "share", "Scans", ben.handle(), "--role", "reader"])
        .ok();
    assert_eq!(shared["checked"], "not-checked");

    // Each compares what the own screen shows for the other with what the other's screen shows.
    let words = ben.run(&["words"]).ok()["words"].as_str().expect("words").to_owned();
    assert_eq!(ana.run(&["words", ben.handle()]).ok()["words"], words.as_str());
    ana.run(&["verify", ben.handle(), "--words", &words]).ok();
    let members = ana.run(&["project", "members", "Scans"]).ok();
    let row = members
        .as_array()
        .expect("rows")
        .iter()
        .find(|row| row["handle"] == ben.handle())
        .expect("Ben")
        .clone();
    assert_eq!((&row["role"], &row["checked"]), (&"reader".into(), &"checked".into()));

    let secret = ben.run(&["secret", "show", "GitHub", "--in", "Scans", "--reveal"]).ok();
    let fields = secret["fields"].as_array().expect("fields");
    assert!(
        fields
            .iter()
            .any(|field| field["name"] == "token" && field["value"] == TOKEN)
    );
    let got = root.path().join("got");
    let download = ben
        .run(&[
            "dataset",
            "download",
            "Scans/penguins",
            "--to",
            got.to_str().expect("a path"),
        ])
        .ok();
    assert_eq!(download["files"], 2);
    assert_eq!(difference(&sent, &got), "");
    // A reader changes nothing, and the client says so itself.
    ben.run(&["project", "rename", "Scans", "Mine"]).fails(13);
}

/// Five thousand files with awkward names, bytes that are no UTF-8 among them, come back byte for byte, modes kept, at
/// somebody else's.
#[test]
fn five_thousand_awkward_files_come_back() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let sent = awkward_tree(root.path(), 5_000);
    let upload = ana
        .run(&[
            "dataset",
            "upload",
            "Scans",
            sent.to_str().expect("a path"),
            "--name",
            "tree",
        ])
        .ok();
    assert_eq!(upload["files"], 5_000);
    assert_eq!(upload["skipped"], serde_json::json!([]));

    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    ana.run(&["project", "share", "Scans", ben.handle(), "--role", "reader"])
        .ok();
    let got = root.path().join("got");
    let download = ben
        .run(&[
            "dataset",
            "download",
            "Scans/tree",
            "--to",
            got.to_str().expect("a path"),
        ])
        .ok();
    assert_eq!(
        (&download["files"], &download["skipped"]),
        (&5_000.into(), &serde_json::json!([]))
    );
    assert_eq!(difference(&sent, &got), "");
}

/// Nothing is shared with whoever has been removed, and the answer says what to change.
#[test]
fn removal_closes_the_project_and_names_the_secrets() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let token = ana.file("token", TOKEN);
    let field = format!("token=@{token}");
    ana.run(&[
        "secret", "add", "--type", "git", "--name", "GitHub", "--in", "Scans", "--field", &field,
    ])
    .ok();
    ana.run(&["project", "share", "Scans", ben.handle(), "--role", "contributor"])
        .ok();
    assert_eq!(ben.run(&["project", "list"]).ok().as_array().map(Vec::len), Some(1));

    let removed = ana.run(&["project", "remove", "Scans", ben.handle()]).ok();
    assert_eq!(removed["change_secrets"], serde_json::json!(["GitHub"]));
    assert_eq!(removed["new_key"], true);
    let field = format!("token=@{}", ana.file("token2", "a new token"));
    ana.run(&["secret", "edit", "GitHub", "--in", "Scans", "--field", &field])
        .ok();
    assert_eq!(ana.run(&["project", "show", "Scans"]).ok()["key_epoch"], 1);

    assert_eq!(ben.run(&["project", "list"]).ok().as_array().map(Vec::len), Some(0));
    ben.run(&["secret", "show", "GitHub", "--in", "Scans", "--reveal"])
        .fails(12);
}
