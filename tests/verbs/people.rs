//! People: who is known, who may do what, who is invited, who leaves.

use holdfast_tests::{Person, Server};
use serde_json::{Value, json};

fn column<'a>(rows: &'a Value, name: &str) -> Vec<&'a Value> {
    let rows = rows.as_array().expect("rows");
    rows.iter().map(|row| &row[name]).collect()
}

#[test]
fn roles_people_and_leaving() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    assert_eq!(ana.run(&["people"]).ok(), json!([]));
    ana.run(&["project", "share", "Scans", "ben@example.org", "--role", "reader"])
        .ok();
    let words = ben.run(&["words"]).ok()["words"].clone();

    // A role goes up and down; who has none can't change it, and the last owner stays.
    ben.run(&["project", "rename", "Scans", "Mine"]).fails(13);
    let role =
        |person: &Person, handle: &str, role: &str| person.run(&["project", "role", "Scans", handle, "--role", role]);
    let changed = role(&ana, "ben@example.org", "contributor").ok();
    assert_eq!(
        (&changed["handle"], &changed["role"]),
        (&json!("ben@example.org"), &json!("contributor"))
    );
    ben.run(&["project", "rename", "Scans", "Scans"]).ok();
    role(&ben, "ana@example.org", "reader").fails(13);
    role(&ana, "ana@example.org", "reader").fails(13);
    role(&ana, "zoe@example.org", "reader").fails(12);

    let people = ana.run(&["people"]).ok();
    assert_eq!(column(&people, "handle"), [&json!("ben@example.org")]);
    assert_eq!(people[0]["checked"], "not-checked");
    assert_eq!(people[0]["words"], words);
    assert_eq!(people[0]["projects"], json!(["Scans"]));
    ana.run(&["verify", "ben@example.org", "--words", words.as_str().expect("words")])
        .ok();

    // The server is away: what this device knows, it knows.
    server.kill();
    let known = ana.run(&["words", "ben@example.org"]).ok();
    assert_eq!(
        (&known["words"], &known["checked"]["state"]),
        (&words, &json!("checked"))
    );
    assert_eq!(ana.run(&["people"]).ok()[0]["checked"], "checked");
    ana.run(&["words", "zoe@example.org"]).fails(30);
    server.restart();

    ben.run(&["project", "leave", "Scans"]).ok();
    assert_eq!(ben.run(&["project", "list"]).ok(), json!([]));
    ben.run(&["project", "show", "Scans"]).fails(12);
    ana.run(&["project", "leave", "Scans"]).fails(13);
    let members = ana.run(&["project", "members", "Scans"]).ok();
    assert_eq!(column(&members, "handle"), [&json!("ana@example.org")]);
    let happened = ana.run(&["project", "activity", "Scans"]).ok();
    let what: Vec<_> = column(&happened, "what")
        .into_iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(what.starts_with(&["created", "added", "role-changed"]), "{what:?}");
    assert!(what.contains(&"left"), "{what:?}");
    assert_eq!(ana.run(&["people"]).ok()[0]["projects"], json!([]));
}

#[test]
fn an_invitation_is_listed_and_taken_back() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    ana.run(&["project", "create", "Other"]).ok();
    let invite = |handle: &str| {
        let made = ana
            .run(&["project", "invite", "Scans", handle, "--role", "contributor"])
            .ok();
        made["invitation"].as_str().expect("its text").to_owned()
    };
    let (dora, emil) = (invite("dora@example.org"), invite("emil@example.org"));
    let listed = ana.run(&["project", "invitations", "Scans"]).ok();
    let mut handles = column(&listed, "handle");
    handles.sort_by_key(|handle| handle.to_string());
    assert_eq!(handles, [&json!("dora@example.org"), &json!("emil@example.org")]);
    assert_eq!(listed[0]["role"], "contributor");
    assert_eq!(ana.run(&["project", "invitations", "Other"]).ok(), json!([]));

    ana.run(&["project", "withdraw", "Other", "dora@example.org"]).fails(12);
    ana.run(&["project", "withdraw", "Scans", "dora@example.org"]).ok();
    ana.run(&["project", "withdraw", "Scans", "dora@example.org"]).fails(12);
    let left = ana.run(&["project", "invitations", "Scans"]).ok();
    assert_eq!(column(&left, "handle"), [&json!("emil@example.org")]);

    // Who answers the one that was taken back is told, and is not let in; the other one is.
    let join = |handle: &str, text: &str| {
        let person = Person::sign_up(root.path(), &server.url(), handle);
        let file = person.file("invitation", text);
        let answer = person.run(&["project", "join", "--invitation-file", &file]);
        (person, answer)
    };
    let (_dora, answer) = join("dora@example.org", &dora);
    answer.fails(12);
    let (_emil, answer) = join("emil@example.org", &emil);
    answer.ok();
    let members = ana.run(&["project", "members", "Scans"]).ok();
    assert_eq!(
        column(&members, "handle"),
        [&json!("ana@example.org"), &json!("emil@example.org")]
    );
    assert_eq!(ana.run(&["project", "invitations", "Scans"]).ok(), json!([]));
}
