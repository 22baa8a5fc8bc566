//! Wrong input, a damaged or lying server, and what each gets: the exit codes that scripts rely on.

use holdfast_tests::{Person, Server, Tamper, small_dataset};

/// A wrong Master Key on a known device: code 10, and the server never hears of it.
#[test]
fn a_wrong_master_key_sends_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let ana = Person::locked(root.path(), &server.url(), "ana@example.org");
    ana.keep_key("alpha bravo charlie delta echo foxtrot golf hotel");
    // With the server gone, any request would end in code 30.
    server.kill();
    ana.run(&["unlock"]).fails(10);
    ana.run(&["project", "list"]).fails(10);
    server.restart();
    let before = server.log().len();
    ana.run(&["unlock"]).fails(10);
    assert_eq!(server.log().len(), before, "the server heard of a wrong Master Key");
}

/// Locked, missing, twice, not yet there.
#[test]
fn plain_mistakes_have_their_codes() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let nobody = Person::nobody(root.path(), &server.url(), "zoe@example.org");
    nobody.run_without_key(&["project", "list"]).fails(11);
    let ana = Person::locked(root.path(), &server.url(), "ana@example.org");
    ana.run_without_key(&["project", "list"]).fails(11);
    ana.run(&["unlock"]).ok();
    let error = ana.run(&["project", "show", "Nothing"]).fails(12);
    assert_eq!(error["code"], "not-found");
    assert!(error["next"].as_str().is_some_and(|next| !next.is_empty()));
    ana.run(&["project", "create", "Scans"]).ok();
    ana.run(&["project", "create", "Scans"]).fails(14);
    ana.run(&["frobnicate"]).fails(2);
    let weak = nobody.file("weak", "password123\n");
    nobody
        .run_without_key(&[
            "signup",
            "--server",
            &server.url(),
            "--handle",
            "zoe@example.org",
            "--master-key-file",
            &weak,
        ])
        .fails(17);
    // The handle is taken; nothing of the second account exists anywhere.
    let again = Person::nobody(root.path(), &server.url(), "second");
    let args = [
        "signup",
        "--server",
        &server.url(),
        "--handle",
        "ana@example.org",
        "--generate",
        "--bits",
        "2048",
    ];
    again
        .run_without_key(&[&args[..], &["--kdf-log2-n", "17"]].concat())
        .fails(14);
    ana.run(&[
        "secret", "add", "--type", "git", "--name", "x", "--in", "Open", "--field", "host=h",
    ])
    .fails(12);
    ana.run(&["project", "create", "Open", "--standard"]).ok();
    let token = format!("token=@{}", ana.file("t", "token"));
    ana.run(&[
        "secret", "add", "--type", "git", "--name", "x", "--in", "Open", "--field", &token,
    ])
    .fails(13);
}

/// One flipped byte anywhere in a pack: code 20, and no file under its name.
#[test]
fn an_altered_pack_is_seen() {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let sent = small_dataset(root.path());
    ana.run(&[
        "dataset",
        "upload",
        "Scans",
        sent.to_str().expect("a path"),
        "--name",
        "penguins",
    ])
    .ok();
    let pack = walkdir::WalkDir::new(server.data())
        .into_iter()
        .filter_map(Result::ok)
        .find(|entry| {
            entry
                .metadata()
                .is_ok_and(|data| data.is_file() && data.len() == 256 << 10)
        })
        .expect("the pack on the server's disk")
        .into_path();
    let mut bytes = std::fs::read(&pack).expect("the pack");
    bytes[100] ^= 1;
    std::fs::write(&pack, &bytes).expect("the pack");
    let got = root.path().join("got");
    ana.run(&[
        "dataset",
        "download",
        "Scans/penguins",
        "--to",
        got.to_str().expect("a path"),
    ])
    .fails(20);
    assert!(!got.exists(), "something was written");
    let left: Vec<_> = std::fs::read_dir(root.path())
        .expect("the folder")
        .filter_map(Result::ok)
        .map(|entry| entry.file_name())
        .filter(|name| name.to_string_lossy().contains("partial"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// An older copy of the server's folder under a client that saw more: code 21.
#[test]
fn an_older_copy_of_the_server_is_seen() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    server.kill();
    let copy = root.path().join("copy");
    assert!(
        std::process::Command::new("cp")
            .arg("-a")
            .args([server.data(), &copy])
            .status()
            .is_ok_and(|s| s.success())
    );
    server.restart();
    ana.run(&["project", "rename", "Scans", "Scans 2"]).ok();
    server.kill();
    std::fs::remove_dir_all(server.data()).expect("the server's folder");
    std::fs::rename(&copy, server.data()).expect("the older copy");
    server.restart();
    ana.run(&["project", "show", "Scans 2"]).fails(21);
    ana.run(&["project", "rename", "Scans 2", "Scans 3"]).fails(21);
}

/// A history that does not fit in one project: said loudly, refused there, and everything else can be used.
#[test]
fn one_alarm_does_not_shut_the_house() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    let id = ana.run(&["project", "create", "Scans"]).ok()["id"].clone();
    let id = id.as_str().expect("an id");
    ana.run(&["project", "create", "Other"]).ok();
    ana.run(&["project", "rename", "Scans", "Scans 2"]).ok();
    ana.run(&["lock"]).ok();
    server.kill();
    let head = Tamper::new(server.data()).head(id);
    Tamper::new(server.data()).cut_log(id, head - 1);
    server.restart();

    // Without an agent, and then with one.
    let alone = ana.run(&["project", "show", "Other"]);
    assert!(alone.stderr.contains("Scans 2: "), "{}", alone.stderr);
    alone.ok();
    let unlocked = ana.run(&["unlock"]);
    assert!(unlocked.stderr.contains("Scans 2: "), "{}", unlocked.stderr);
    assert_eq!(unlocked.ok()["alarms"][0]["code"], "history");
    assert_eq!(ana.run(&["status"]).ok()["alarms"][0]["code"], "history");
    ana.run(&["project", "rename", "Other", "Another"]).ok();
    let token = format!("token=@{}", ana.file("t", "token"));
    ana.run(&["secret", "add", "--type", "git", "--name", "GitHub", "--field", &token])
        .ok();
    assert_eq!(ana.run(&["secret", "list"]).ok().as_array().map(Vec::len), Some(3));
    let listed = ana.run(&["project", "list"]).fails(15);
    assert_eq!(listed[0]["name"], "Another");
    assert_eq!(listed[0]["trouble"], serde_json::Value::Null);
    assert_eq!(listed[1]["name"], "Scans 2");
    assert_eq!(listed[1]["trouble"]["code"], "history");
    ana.run(&["project", "show", "Scans 2"]).fails(21);
    ana.run(&["project", "rename", id, "Scans 3"]).fails(21);
}

/// Without a server: what was seen can be read, what needs it says 30.
#[test]
fn without_a_server_reading_goes_on() {
    let root = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    ana.run(&["project", "create", "Scans"]).ok();
    let token = format!("token=@{}", ana.file("t", "offline token"));
    ana.run(&["secret", "add", "--type", "git", "--name", "GitHub", "--field", &token])
        .ok();
    server.kill();
    assert_eq!(ana.run(&["project", "list"]).ok()[0]["fresh"], false);
    let secret = ana.run(&["secret", "show", "GitHub", "--reveal"]).ok();
    assert!(
        secret["fields"]
            .as_array()
            .expect("fields")
            .iter()
            .any(|field| field["value"] == "offline token")
    );
    ana.run(&["project", "create", "More"]).fails(30);
    assert_eq!(ana.run(&["status"]).ok()["online"], false);
}
