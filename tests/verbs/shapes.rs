//! The exact keys of what `--json` prints: scripts rely on them, so that a change here is one of the major version.

use holdfast_tests::{Person, Server};
use serde_json::Value;

/// The keys of an object, or of the first row of a list, sorted.
fn keys(value: &Value) -> String {
    let object = value.as_array().map_or(Some(value), |rows| rows.first());
    let object = object.and_then(Value::as_object).expect("an object");
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys.join(" ")
}

#[test]
fn each_answer_has_its_keys() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    let bens = ben.run(&["words"]).ok()["words"].clone();
    let file = ana.file("file", "content");
    let field = format!("token=@{file}");
    let kit = ana.home().join("kit.pdf").display().to_string();
    let got = root.path().join("got").display().to_string();
    let laptop = ana.second_device();
    let url = server.url();
    let signed_in = laptop
        .run(&["signin", "--server", &url, "--handle", "ana@example.org"])
        .ok();
    assert_eq!(keys(&signed_in), "bits handle id kit newest_ms server skipped words");

    let project = "bytes changed_ms encrypted fresh id members name role trashed trouble";
    let member = "checked checked_ms handle id kind me replaced role since_ms words";
    let item = "bytes changed_by changed_ms files id kind name trashed versions";
    let version = "author bytes created_ms files id note version";
    let secret = "changed changed_ms expires_ms id name trashed_ms type";
    let in_order: [(&[&str], &str); 51] = [
        (&["status"], "alarms handle keys_held news online server unlocked"),
        (
            &["whoami"],
            "bits handle id key_changes name newest_ms second_secret server words",
        ),
        (&["words"], "another checked handle words"),
        (&["monitor"], "log published size witnessing"),
        (&["device", "list"], "created_ms current id seen_ms"),
        (&["kit", "new", "--out", &kit], "path"),
        (&["node", "invite"], "command expires_ms operator server token words"),
        (&["project", "create", "Scans"], project),
        (&["project", "create", "Other"], project),
        (&["project", "list"], project),
        (&["project", "show", "Scans"], "items key_epoch people project"),
        (
            &["project", "share", "Scans", "ben@example.org", "--role", "reader"],
            "checked handle id role since_ms words",
        ),
        (
            &["verify", "ben@example.org", "--words", bens.as_str().expect("words")],
            "another checked handle words",
        ),
        (&["people"], "checked handle id projects replaced since_ms words"),
        (&["project", "members", "Scans"], member),
        (
            &["project", "relock", "Scans", "--dry-run"],
            "bytes dropped_bytes items left versions",
        ),
        (
            &["project", "role", "Scans", "ben@example.org", "--role", "contributor"],
            member,
        ),
        (&["project", "activity", "Scans"], "seq text time_ms what who"),
        (
            &["project", "invite", "Scans", "dora@example.org"],
            "expires_ms handle has_account invitation",
        ),
        (&["project", "invitations", "Scans"], "expires_ms handle id role"),
        (&["project", "withdraw", "Scans", "dora@example.org"], "done"),
        (&["project", "rename", "Scans", "Scans 2"], "id name"),
        (
            &["dataset", "upload", "Scans 2", &file, "--name", "d"],
            "bytes bytes_reused bytes_sent chunks_reused files id skipped unchanged version",
        ),
        (&["dataset", "list", "Scans 2"], item),
        (&["dataset", "show", "Scans 2/d"], item),
        (&["dataset", "versions", "Scans 2/d"], version),
        (
            &["dataset", "download", "Scans 2/d", "--to", &got],
            "bytes files skipped",
        ),
        (&["dataset", "rename", "Scans 2/d", "e"], "id name"),
        (&["dataset", "delete", "Scans 2/e"], "done"),
        (&["dataset", "list", "Scans 2", "--trashed"], item),
        (&["dataset", "restore", "Scans 2/e"], "done"),
        (
            &[
                "secret", "add", "--type", "git", "--name", "s", "--in", "Scans 2", "--field", &field,
            ],
            "id name",
        ),
        (&["secret", "list", "--in", "Scans 2"], secret),
        (&["secret", "list"], secret),
        (
            &["secret", "show", "s", "--in", "Scans 2"],
            "account fields host note number purpose secret version versions",
        ),
        (
            &["secret", "edit", "s", "--in", "Scans 2", "--field", &field],
            "conflict id",
        ),
        (
            &["secret", "edit", "s", "--in", "Scans 2", "--note", "about it"],
            "id name",
        ),
        (
            &["secret", "history", "s", "--in", "Scans 2"],
            "author created_ms id note version",
        ),
        (
            &["secret", "move", "s", "--from", "Scans 2", "--in", "Other"],
            "change_secrets from id name readable_by",
        ),
        (&["secret", "remove", "s", "--in", "Other"], "done"),
        (&["secret", "generate"], "bits value"),
        (
            &["project", "remove", "Scans 2", "ben@example.org"],
            "change_secrets could_open handle new_key",
        ),
        (&["project", "purge", "Scans 2", "--yes"], "bytes items project"),
        (&["project", "delete", "Other"], "done"),
        (&["project", "restore", "Other"], "done"),
        (&["project", "delete", "Scans 2"], "done"),
        (&["project", "purge", "Scans 2", "--yes"], "bytes items project"),
        (&["project", "list"], project),
        (&["unlock"], "alarms handle keys_held news online server unlocked"),
        (&["lock"], "done"),
        (&["status"], "alarms handle keys_held news online server unlocked"),
    ];
    for (args, expected) in in_order {
        assert_eq!(keys(&ana.run(args).ok()), expected, "{args:?}");
    }
    let told = ana.run(&["project", "show", "Nothing"]).fails(12);
    assert_eq!(keys(&told), "code message next");

    // Another device is signed out by the beginning of its id, and says so.
    let devices = ana.run(&["device", "list"]).ok();
    let rows = devices.as_array().expect("rows");
    let other = rows.iter().find(|row| row["current"] == false).expect("the laptop");
    let id = other["id"].as_str().expect("an id");
    assert_eq!(keys(&ana.run(&["device", "remove", &id[..12]]).ok()), "done");
    ana.run(&["device", "remove", id]).fails(12);
    let left = ana.run(&["device", "list"]).ok();
    assert!(left.as_array().expect("rows").iter().all(|row| row["id"] != id));
}
