//! Trash and history of what is in a project, and two edits that meet.

use holdfast_tests::{Person, Server};
use serde_json::{Value, json};

fn names(rows: &Value) -> Vec<&str> {
    let rows = rows.as_array().expect("rows");
    rows.iter().filter_map(|row| row["name"].as_str()).collect()
}

#[test]
fn an_item_goes_to_the_trash_and_comes_back() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let file = ana.file("weights", "0.5");
    ana.run(&["model", "upload", "Scans", &file, "--name", "net"]).ok();
    ana.run(&["model", "delete", "Scans/net"]).ok();
    assert_eq!(ana.run(&["model", "list", "Scans"]).ok(), json!([]));
    let trashed = ana.run(&["model", "list", "Scans", "--trashed"]).ok();
    assert_eq!((names(&trashed), &trashed[0]["trashed"]), (vec!["net"], &json!(true)));
    assert_eq!(ana.run(&["dataset", "list", "Scans", "--trashed"]).ok(), json!([]));
    ana.run(&["model", "show", "Scans/net"]).fails(12);
    ana.run(&["model", "restore", "Scans/net"]).ok();
    ana.run(&["model", "restore", "Scans/net"]).fails(12);
    assert_eq!(names(&ana.run(&["model", "list", "Scans"]).ok()), ["net"]);
    assert_eq!(ana.run(&["model", "list", "Scans", "--trashed"]).ok(), json!([]));

    ana.run(&["project", "delete", "Scans"]).ok();
    ana.run(&["project", "show", "Scans"]).fails(12);
    ana.run(&["project", "restore", "Scans"]).ok();
    assert_eq!(ana.run(&["model", "show", "Scans/net"]).ok()["versions"], 1);
}

/// Ana and Ben change the same secret, each from what was there before: both versions are kept, and Ben is told (22).
#[test]
fn two_edits_of_a_secret_are_both_kept() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let field = |person: &Person, value: &str| format!("certificate=@{}", person.file("value", value));
    let first = field(&ana, "one");
    ana.run(&[
        "secret",
        "add",
        "--type",
        "certificate",
        "--name",
        "TLS",
        "--in",
        "Scans",
        "--field",
        &first,
    ])
    .ok();
    ana.run(&["project", "share", "Scans", "ben@example.org", "--role", "contributor"])
        .ok();
    let shown = ben.run(&["secret", "show", "TLS", "--in", "Scans"]).ok();
    assert_eq!(shown["secret"]["type"], "certificate");
    let seen = shown["version"].as_str().expect("a version").to_owned();
    let edit = |person: &Person, value: &str| {
        let field = field(person, value);
        person.run(&[
            "secret", "edit", "TLS", "--in", "Scans", "--field", &field, "--seen", &seen,
        ])
    };
    assert_eq!(edit(&ana, "by ana").ok()["conflict"], false);
    assert_eq!(edit(&ben, "by ben").fails(22)["conflict"], true);
    let history = ana.run(&["secret", "history", "TLS", "--in", "Scans"]).ok();
    let authors: Vec<_> = history
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| &row["author"])
        .collect();
    assert_eq!(authors, ["ana@example.org", "ana@example.org", "ben@example.org"]);
    let now = ana.run(&["secret", "show", "TLS", "--in", "Scans", "--reveal"]).ok();
    assert_eq!(now["fields"][0]["value"], "by ben");
}
