//! What people are told to do next: a step that leads somewhere, wherever the usual one would not.

use holdfast_tests::{Answer, Person, Server};
use serde_json::{Value, json};

fn next(answer: Answer, exit: i32) -> String {
    answer.fails(exit)["next"].as_str().expect("a next step").to_owned()
}

#[test]
fn refusals_say_what_helps() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    ana.run(&["project", "create", "Open", "--standard"]).ok();

    let told = next(ana.run(&["project", "leave", "Scans"]), 13);
    assert!(told.contains("project role"), "{told}");
    let field = format!("token=@{}", ana.file("token", "x"));
    let add = |place: &str| {
        ana.run(&[
            "secret", "add", "--type", "git", "--name", "T", "--in", place, "--field", &field,
        ])
    };
    let told = next(add("Open"), 13);
    assert!(told.contains("encrypted project"), "{told}");

    // In the trash is not nowhere.
    ana.run(&["project", "delete", "Open"]).ok();
    let told = ana.run(&["project", "show", "Open"]).fails(12);
    assert_eq!(told["message"], "The project \"Open\" is in the trash.");
    assert_eq!(told["next"], "Take it out first: holdfast project restore \"Open\"");
    ana.run(&["project", "create", "Open"]).ok();
    let told = next(ana.run(&["project", "restore", "Open"]), 14);
    assert!(told.contains("holdfast project rename \"Open\""), "{told}");

    // What is in the way is renamed, because what comes back keeps its name.
    let file = ana.file("file", "content");
    let upload = || ana.run(&["dataset", "upload", "Scans", &file, "--name", "d"]).ok();
    upload();
    ana.run(&["dataset", "delete", "Scans/d"]).ok();
    upload();
    let told = next(ana.run(&["dataset", "restore", "Scans/d"]), 14);
    assert!(told.contains("holdfast dataset rename \"Scans/d\""), "{told}");
    add("Scans").ok();
    ana.run(&["secret", "remove", "T", "--in", "Scans"]).ok();
    add("Scans").ok();
    let told = next(ana.run(&["secret", "restore", "T", "--in", "Scans"]), 14);
    assert!(
        told.contains("holdfast secret edit \"T\" --in \"Scans\" --name"),
        "{told}"
    );

    // Name, note and expiry change without a new version.
    let described = ana.run(&[
        "secret",
        "edit",
        "T",
        "--in",
        "Scans",
        "--name",
        "U",
        "--note",
        "for CI",
        "--expires",
        "2027-01-31",
    ]);
    assert_eq!(described.ok()["name"], "U");
    ana.run(&["secret", "restore", "T", "--in", "Scans"]).ok();
    let told = ana
        .run(&["secret", "edit", "U", "--in", "Scans", "--name", "T"])
        .fails(14);
    assert_eq!(told["code"], "already-exists");
    let shown = ana.run(&["secret", "show", "U", "--in", "Scans"]).ok();
    assert_eq!((&shown["note"], &shown["versions"]), (&json!("for CI"), &json!(1)));
    assert_eq!(shown["secret"]["expires_ms"], 1_801_353_600_000_u64);
    ana.run(&["secret", "edit", "Scans/U", "--expires", "never"]).ok();
    let shown = ana.run(&["secret", "show", "U", "--in", "Scans"]).ok();
    assert_eq!(
        (&shown["note"], &shown["secret"]["expires_ms"]),
        (&json!("for CI"), &Value::Null)
    );

    // Several names with one that is not there: as for anything that is not there.
    let nowhere = ana.home().join("nowhere").display().to_string();
    ana.run(&["dataset", "upload", "Scans", &file, &nowhere, "--name", "e"])
        .fails(12);
}

#[test]
fn what_is_not_there_names_the_command_that_lists_what_is() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    for (line, lists) in [
        (&["project", "show", "Nothing"][..], "`holdfast project list`"),
        (&["dataset", "show", "Scans/nothing"], "`holdfast dataset list PROJECT`"),
        (&["task", "show", "Scans/nothing"], "`holdfast task list PROJECT`"),
        (&["secret", "show", "Nothing"], "`holdfast secret list`"),
        (&["run", "show", "01234567"], "`holdfast run list PROJECT`"),
        (&["node", "words", "nothing"], "`holdfast node list`"),
        (&["device", "remove", "0123"], "`holdfast device list`"),
    ] {
        let told = next(ana.run(line), 12);
        assert!(told.contains(lists), "{line:?}: {told}");
    }
}

#[test]
fn words_that_differ_say_what_that_means() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    let own = ana.run(&["words"]).ok()["words"].as_str().expect("words").to_owned();
    ana.run(&["words", ben.handle()]).ok();
    let told = ana.run(&["verify", ben.handle(), "--words", &own]).fails(21);
    assert_eq!(told["code"], "keys-changed");
    let said = told["message"].as_str().expect("a sentence");
    assert!(
        said.contains("a word was misheard") && said.contains("pretending"),
        "{said}"
    );
    let next = told["next"].as_str().expect("a next step");
    assert!(
        next.starts_with("Share nothing with ben@example.org") && next.contains("`holdfast words ben@example.org`"),
        "{next}"
    );
}

#[test]
fn nothing_and_nothing_new_make_no_version() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let source = root.path().join("source");
    std::fs::create_dir_all(source.join("deep/empty")).expect("a folder");
    let upload = || {
        let source = source.to_str().expect("a path");
        ana.run(&["dataset", "upload", "Scans", source, "--name", "d", "--skip-hidden"])
    };
    let versions = || {
        ana.run(&["dataset", "versions", "Scans/d"])
            .ok()
            .as_array()
            .map_or(0, Vec::len)
    };

    // Folders are not files, and what is left out is not there.
    let told = upload().fails(2);
    assert_eq!(told["code"], "invalid");
    assert!(
        told["message"]
            .as_str()
            .is_some_and(|said| said.starts_with("There is no file in "))
    );
    std::fs::write(source.join(".hidden"), "x").expect("a file");
    let told = next(upload(), 2);
    assert!(told.contains("hidden"), "{told}");
    ana.run(&["dataset", "show", "Scans/d"]).fails(12);
    assert_eq!(ana.run(&["upload", "list"]).ok(), json!([]));

    std::fs::write(source.join("a"), "one").expect("a file");
    let first = upload().ok();
    assert_eq!((&first["version"], &first["unchanged"]), (&json!(1), &json!(false)));
    let bytes = || ana.run(&["project", "show", "Scans"]).ok()["project"]["bytes"].clone();
    let kept = bytes();
    // Touched is not changed.
    std::fs::File::open(source.join("a"))
        .and_then(|file| file.set_modified(std::time::UNIX_EPOCH))
        .expect("another time");
    let again = upload().ok();
    assert_eq!((&again["version"], &again["unchanged"]), (&json!(1), &json!(true)));
    assert_eq!((&again["bytes_sent"], versions(), bytes()), (&json!(0), 1, kept));
    assert_eq!(ana.run(&["upload", "list"]).ok(), json!([]));

    // Anything else is: content, a name, a folder without files, what may be done with it.
    std::fs::write(source.join("a"), "two").expect("a file");
    assert_eq!(upload().ok()["version"], 2);
    std::fs::rename(source.join("a"), source.join("b")).expect("another name");
    assert_eq!(upload().ok()["version"], 3);
    std::fs::create_dir(source.join("other")).expect("a folder");
    assert_eq!(upload().ok()["version"], 4);
    assert_eq!(upload().ok()["unchanged"], true);

    // As before, but not as the newest.
    std::fs::rename(source.join("b"), source.join("a")).expect("the name before");
    assert_eq!(upload().ok()["version"], 5);
}

#[test]
fn people_go_by_their_ids_too_and_hear_when_they_are_out() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start_with(&root.path().join("server"), &[]);
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    let me = ben.run(&["whoami"]).ok();
    let (id, words) = (me["id"].as_str().expect("an id"), me["words"].as_str().expect("words"));
    ana.run(&["project", "create", "Scans"]).ok();

    // Words may be told with anything between them.
    let dashed = words.replace(' ', "-");
    assert_eq!(
        ana.run(&["verify", id, "--words", &dashed]).ok()["handle"],
        "ben@example.org"
    );
    let shared = ana.run(&["project", "share", "Scans", id, "--role", "reader"]).ok();
    assert_eq!(
        (&shared["handle"], &shared["id"]),
        (&json!("ben@example.org"), &json!(id))
    );
    assert_eq!(ana.run(&["words", id]).ok()["handle"], "ben@example.org");
    assert_eq!(ana.run(&["people"]).ok()[0]["id"], id);
    let role = ana.run(&["project", "role", "Scans", id, "--role", "contributor"]).ok();
    assert_eq!(
        (&role["handle"], &role["role"]),
        (&json!("ben@example.org"), &json!("contributor"))
    );

    // Nobody is invited who is in, or by a name that nobody can have.
    assert_eq!(
        ana.run(&["project", "invite", "Scans", "ben@example.org"]).fails(14)["code"],
        "already-exists"
    );
    ana.run(&["project", "invite", "Scans", "Two Words"]).fails(2);
    let cem = Person::sign_up(root.path(), &server.url(), "cem@example.org");
    // Whom this computer has heard of; the server is not asked about anybody who is invited.
    ana.run(&["words", "cem@example.org"]).ok();
    let invited = ana.run(&["project", "invite", "Scans", "cem@example.org"]).ok();
    assert_eq!(invited["has_account"], true);
    let invited = ana.run(&["project", "invite", "Scans", "dora@example.org"]).ok();
    assert_eq!(invited["has_account"], false);
    ana.run(&["project", "withdraw", "Scans", "dora@example.org"]).ok();
    let text = cem.file("invitation", invited["invitation"].as_str().expect("its text"));
    let told = cem.run(&["project", "join", "--invitation-file", &text]).fails(12);
    let message = told["message"].as_str().expect("a sentence");
    assert!(message.starts_with("This invitation has ended"), "{message}");

    // One thing in the trash and one with its name are one line.
    let file = ana.file("file", "content");
    for _ in 0..2 {
        ana.run(&["dataset", "upload", "Scans", &file, "--name", "d"]).ok();
        ana.run(&["dataset", "delete", "Scans/d"]).ok();
    }
    ben.run(&["project", "list"]).ok();
    let removed = ana.run(&["project", "remove", "Scans", id]).ok();
    assert_eq!(removed["handle"], "ben@example.org");
    assert_eq!(
        removed["could_open"],
        json!([{ "kind": "dataset", "name": "d", "trashed": true }])
    );

    let listed = ben.run(&["project", "list"]);
    assert!(
        listed.stderr.contains("ana@example.org removed you on"),
        "{}",
        listed.stderr
    );
    assert_eq!(listed.ok(), json!([]));
    let told = ben.run(&["dataset", "list", "Scans"]).fails(12);
    let message = told["message"].as_str().expect("a sentence");
    assert!(
        message.starts_with("You are no longer in \"Scans\": ana@example.org"),
        "{message}"
    );
}

#[test]
fn a_server_that_takes_no_accounts_says_whom_to_ask() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start_with(&root.path().join("server"), &["--no-signup"]);
    let person = Person::nobody(root.path(), &server.url(), "ana@example.org");
    let url = server.url();
    let sign_up = ["signup", "--server", &url, "--handle", "ana@example.org", "--generate"];
    let cheap = ["--bits", "2048", "--kdf-log2-n", "17"];
    let refused = person.run_without_key(&[&sign_up[..], &cheap].concat());
    assert!(refused.stderr.contains("belongs to no account"), "{}", refused.stderr);
    assert_eq!(next(refused, 13), "Ask whoever runs the server.");
}
