//! Sets of secrets over the real programs: importing, taking back, exporting, versions, the trash, remarks.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_tests::{Moment, Person, Relay, Server, Verdict};
use serde_json::{Value, json};

const PASSPHRASE: &str = "granola unpaid debit skimmer jawline truffle bulge eel";
const AWKWARD: &str = "p#ss \"w\" 'x' \\n\nsecond line é🔑 ";

fn stage() -> (tempfile::TempDir, Server, Person) {
    let root = tempfile::tempdir().expect("a folder");
    let server = Server::start(&root.path().join("server"));
    let ana = Person::sign_up(root.path(), &server.url(), "ana@example.org");
    (root, server, ana)
}

fn names(list: &Value) -> Vec<&str> {
    let rows = list.as_array().expect("rows");
    rows.iter().map(|row| row["name"].as_str().expect("a name")).collect()
}

fn value(secret: &Value, field: &str) -> String {
    let fields = secret["fields"].as_array().expect("fields");
    let found = fields.iter().find(|there| there["name"] == field).expect("the field");
    found["value"].as_str().expect("a value").to_owned()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

#[test]
fn an_env_file_comes_in_and_goes_out_again() {
    let (_root, _server, ana) = stage();
    ana.run(&["project", "create", "Shop"]).ok();
    let file = ana.file(
        ".env",
        "# shop\nexport DB=\"pw#1 canary-one\" # x\nEMPTY=\nKEY='a\nb'\n",
    );

    let plan = ana.run(&[
        "secret",
        "import",
        "--from",
        "dotenv",
        &file,
        "--in",
        "Shop",
        "--preview",
    ]);
    assert!(!plan.stdout.contains("canary") && !plan.stderr.contains("canary"));
    let plan = plan.ok();
    assert_eq!(
        (&plan["makes"], &plan["replaces"], &plan["leaves"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!(plan["entries"][0]["fields"], json!(["DB", "EMPTY", "KEY"]));
    assert_eq!(plan["entries"][0]["will"], "make");
    assert_eq!(
        names(&ana.run(&["secret", "list", "--in", "Shop"]).ok()),
        Vec::<&str>::new()
    );

    let first = ana
        .run(&[
            "secret", "import", "--from", "dotenv", &file, "--in", "Shop", "--name", "prod",
        ])
        .ok();
    assert_eq!(
        (names(&first["made"]), &first["file_in_clear"]),
        (vec!["prod"], &json!(true))
    );
    let kept = ana.run(&["secret", "show", "prod", "--in", "Shop", "--reveal"]).ok();
    assert_eq!(kept["secret"]["type"], "env");
    assert_eq!(value(&kept, "DB"), "pw#1 canary-one");
    assert_eq!(
        (value(&kept, "EMPTY"), value(&kept, "KEY")),
        (String::new(), "a\nb".to_owned())
    );

    // The same once more does nothing, and says so.
    let again = ana
        .run(&[
            "secret", "import", "--from", "dotenv", &file, "--in", "Shop", "--name", "prod",
        ])
        .ok();
    assert_eq!(
        (&again["import"], again["left"][0]["what"].as_str()),
        (&Value::Null, Some("prod"))
    );

    let file = ana.file("new.env", "DB=other\n");
    let import = [
        "secret", "import", "--from", "dotenv", &file, "--in", "Shop", "--name", "prod",
    ];
    let both = ana.run(&import).ok();
    assert_eq!(names(&both["made"]), ["prod (2)"]);
    let skip = ana.run(&[&import[..], &["--on-clash", "skip"]].concat()).ok();
    assert_eq!(
        (&skip["made"], skip["left"][0]["reason"].as_str()),
        (&json!([]), Some("it was to be left out"))
    );
    let replace = ana.run(&[&import[..], &["--on-clash", "replace"]].concat()).ok();
    assert_eq!(names(&replace["replaced"]), ["prod"]);
    let shown = ana.run(&["secret", "show", "prod", "--in", "Shop", "--reveal"]).ok();
    assert_eq!((value(&shown, "DB"), &shown["number"]), ("other".to_owned(), &json!(2)));
    let history = ana.run(&["secret", "history", "prod", "--in", "Shop"]).ok();
    assert_eq!(history[1]["note"], "Imported from .env");

    // Back to before the replacement, then to before everything. The id alone says where it was.
    let undone = ana.run(&["secret", "import-undo", text(&replace["import"])]).ok();
    assert_eq!(
        (&undone["restored"], &undone["trashed"]),
        (&json!(["prod"]), &json!([]))
    );
    let shown = ana.run(&["secret", "show", "prod", "--in", "Shop", "--reveal"]).ok();
    assert_eq!(value(&shown, "DB"), "pw#1 canary-one");
    ana.run(&["secret", "import-undo", text(&replace["import"])]).fails(12);
    for import in [&first, &both] {
        let undone = ana.run(&["secret", "import-undo", text(&import["import"])]).ok();
        assert_eq!(undone["trashed"].as_array().map(Vec::len), Some(1));
    }
    assert_eq!(
        names(&ana.run(&["secret", "list", "--in", "Shop"]).ok()),
        Vec::<&str>::new()
    );
    assert_eq!(
        names(&ana.run(&["secret", "list", "--in", "Shop", "--trashed"]).ok()),
        ["prod", "prod (2)"]
    );
}

#[test]
fn bitwarden_comes_in_as_far_as_it_can_and_what_was_changed_since_stays() {
    let (_root, _server, ana) = stage();
    let note = ana.file("note", "mine");
    let field = format!("text=@{note}");
    ana.run(&["secret", "add", "--type", "note", "--name", "GitHub", "--field", &field])
        .ok();
    let export = json!({ "encrypted": false, "folders": [], "items": [
        { "type": 1, "name": "GitHub", "login": { "uris": [{ "uri": "https://github.com/login" }], "username": "ana",
          "password": AWKWARD, "fido2Credentials": [{}] } },
        { "type": 1, "name": "Bank", "login": { "username": "ana", "password": "x" } },
        { "type": 1, "name": "Bank", "login": { "username": "ben", "password": "y" } },
        { "type": 1, "name": "Bank", "login": { "username": "ana", "password": "x" } }
    ] });
    let file = ana.file("bitwarden.json", &export.to_string());
    let import = [
        "secret",
        "import",
        "--from",
        "bitwarden",
        &file,
        "--on-clash",
        "replace",
    ];
    let plan = ana.run(&[&import[..], &["--preview"]].concat()).ok();
    let wills: Vec<_> = plan["entries"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| text(&row["will"]))
        .collect();
    assert_eq!(wills, ["replace", "make", "make", "twice"]);
    let done = ana.run(&import).fails(15);
    assert_eq!(names(&done["made"]), ["GitHub", "Bank", "Bank (2)"]);
    assert_eq!(done["skipped"].as_array().map(Vec::len), Some(1));
    // Another type takes the old one's place; what need not be hidden is shown.
    let shown = ana.run(&["secret", "show", "GitHub"]).ok();
    assert_eq!(
        (&shown["secret"]["type"], &shown["host"]),
        (&json!("credentials"), &json!("github.com"))
    );
    assert_eq!(value(&shown, "username"), "ana");
    assert!(
        shown["fields"]
            .as_array()
            .expect("fields")
            .iter()
            .any(|field| field["name"] == "password" && field.get("value").is_none())
    );
    assert_eq!(
        value(&ana.run(&["secret", "show", "GitHub", "--reveal"]).ok(), "password"),
        AWKWARD
    );

    let undone = ana.run(&["secret", "import-undo", text(&done["import"])]).ok();
    assert_eq!(undone["restored"], json!(["GitHub"]));
    assert_eq!(undone["trashed"].as_array().map(Vec::len), Some(3));
    let shown = ana.run(&["secret", "show", "GitHub", "--reveal"]).ok();
    assert_eq!(
        (&shown["secret"]["type"], value(&shown, "text")),
        (&json!("note"), "mine".to_owned())
    );

    // A replaced secret that was edited after the import is left alone.
    let note = json!({ "encrypted": false, "items": [{ "type": 2, "name": "GitHub", "notes": "theirs" }] });
    let file = ana.file("note.json", &note.to_string());
    let done = ana
        .run(&[
            "secret",
            "import",
            "--from",
            "bitwarden",
            &file,
            "--on-clash",
            "replace",
        ])
        .ok();
    let edit = ana.file("edit", "edited");
    ana.run(&["secret", "edit", "GitHub", "--field", &format!("text=@{edit}")])
        .ok();
    let undone = ana.run(&["secret", "import-undo", text(&done["import"])]).ok();
    assert_eq!(undone["left"], json!(["GitHub"]));
    assert_eq!(
        value(&ana.run(&["secret", "show", "GitHub", "--reveal"]).ok(), "text"),
        "edited"
    );
}

#[test]
fn files_that_can_not_be_read_change_nothing_and_say_why() {
    let (_root, _server, ana) = stage();
    let import = |from: &str, file: &str| ana.run(&["secret", "import", "--from", from, file]);
    let file = ana.file("bad.env", "A=1\nB='never ends\n");
    let error = import("dotenv", &file).fails(1);
    assert_eq!(
        (&error["code"], error["message"].as_str()),
        (
            &json!("unreadable"),
            Some("Line 2: the quote that begins here never ends.")
        )
    );
    let file = ana.file("locked.json", r#"{"encrypted":true,"data":"2.x"}"#);
    let error = import("bitwarden", &file).fails(1);
    assert!(text(&error["message"]).contains("Export once more"));
    assert_eq!(
        import("bitwarden", &ana.file("a.csv", "a,b\n1,2\n")).fails(1)["code"],
        "unreadable"
    );
    assert_eq!(import("keepass", "/nowhere/x.kdbx").fails(1)["code"], "io");
    assert_eq!(import("dotenv", "/dev/zero").fails(1)["code"], "io");
    let kdbx = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/import/tests/fixtures/version3.kdbx"
    );
    assert_eq!(import("keepass", kdbx).fails(2)["code"], "passphrase-needed");
    let wrong = ana.file("wrong", "wrong\n");
    let right = ana.file("right", "correct horse # \"battery\" é🔑\n");
    let import = |passphrase: &str| {
        ana.run(&[
            "secret",
            "import",
            "--from",
            "keepass",
            kdbx,
            "--passphrase-file",
            passphrase,
        ])
    };
    assert_eq!(import(&wrong).fails(1)["code"], "passphrase-wrong");
    assert_eq!(names(&ana.run(&["secret", "list"]).ok()), Vec::<&str>::new());
    let done = import(&right).fails(15);
    assert_eq!(
        (names(&done["made"]), &done["file_in_clear"]),
        (vec!["GitHub", "after history"], &json!(false))
    );
    assert_eq!(
        value(
            &ana.run(&["secret", "show", "after history", "--reveal"]).ok(),
            "password"
        ),
        "still right é🔑"
    );
}

#[test]
fn an_export_opens_for_somebody_else_after_the_keys_have_changed() {
    let (root, server, ana) = stage();
    let secret = ana.file("secret", AWKWARD);
    let field = format!("token=@{secret}");
    ana.run(&[
        "secret",
        "add",
        "--type",
        "git",
        "--name",
        "GitHub",
        "--note",
        "for ci",
        "--expires",
        "2030-01-31",
        "--field",
        &field,
        "--field",
        "host=github.com",
    ])
    .ok();
    let env = ana.file(".env", &format!("LONG={}\n", "x".repeat(10_240)));
    ana.run(&["secret", "import", "--from", "dotenv", &env]).ok();
    let passphrase = ana.file("passphrase", &format!("{PASSPHRASE}\n"));
    let out = ana.home().join("secrets.holdfast").display().to_string();
    let export = [
        "secret",
        "export",
        "--out",
        &out,
        "--passphrase-file",
        &passphrase,
        "--kdf-log2-n",
        "17",
    ];

    let weak = ana.file("weak", "hunter2\n");
    ana.run(&["secret", "export", "--out", &out, "--passphrase-file", &weak])
        .fails(17);
    assert!(!std::path::Path::new(&out).exists());
    let done = ana.run(&export).ok();
    assert_eq!((&done["secrets"], &done["encrypted"]), (&json!(2), &json!(true)));
    let bytes = std::fs::read(&out).expect("the export");
    let mode = std::fs::metadata(&out).expect("the export").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    for canary in [&b"GitHub"[..], b"second line", b"for ci", b"xxxxxxxx"] {
        assert!(!bytes.windows(canary.len()).any(|window| window == canary));
    }
    ana.run(&export).fails(14);
    assert_eq!(std::fs::read(&out).expect("the export"), bytes);

    let new = ana.file(
        "new-key",
        "abacus jigsaw purveyor tinsel wobble quaintly remedy flatfoot\n",
    );
    ana.run(&[
        "key",
        "change",
        "--new-master-key-file",
        &new,
        "--bits",
        "2048",
        "--kdf-log2-n",
        "17",
    ])
    .ok();
    let ben = Person::sign_up(root.path(), &server.url(), "ben@example.org");
    let import = |passphrase: &str| {
        ben.run(&[
            "secret",
            "import",
            "--from",
            "holdfast",
            &out,
            "--passphrase-file",
            passphrase,
        ])
    };
    assert_eq!(import(&weak).fails(1)["code"], "passphrase-wrong");
    let came = import(&passphrase).ok();
    assert_eq!(names(&came["made"]), [".env", "GitHub"]);
    let shown = ben.run(&["secret", "show", "GitHub", "--reveal"]).ok();
    // One line end at the end of a file of several lines is part of the value; this one has none.
    assert_eq!(
        (value(&shown, "token").as_str(), &shown["note"]),
        (AWKWARD, &json!("for ci"))
    );
    assert_eq!(
        (&shown["secret"]["type"], &shown["host"]),
        (&json!("git"), &json!("github.com"))
    );
    assert_eq!(shown["secret"]["expires_ms"], json!(1_896_048_000_000_u64));
    assert_eq!(
        value(&ben.run(&["secret", "show", ".env", "--reveal"]).ok(), "LONG").len(),
        10_240
    );

    // For anybody to read only where that is said twice.
    let plain = ben.home().join("plain.json").display().to_string();
    let refused = ben.run(&["secret", "export", "--plain", "--out", &plain]).fails(2);
    assert!(text(&refused["message"]).contains("--yes-plain"));
    assert!(!std::path::Path::new(&plain).exists());
    let done = ben
        .run(&["secret", "export", "--plain", "--yes-plain", "--out", &plain])
        .ok();
    assert_eq!(done["encrypted"], false);
    let mode = std::fs::metadata(&plain).expect("the export").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let again = ben.run(&["secret", "import", "--from", "holdfast", &plain]).ok();
    assert_eq!(
        (&again["import"], again["left"].as_array().map(Vec::len)),
        (&Value::Null, Some(2))
    );
}

#[test]
fn twenty_versions_are_kept_and_any_of_them_comes_back() {
    let (_root, _server, ana) = stage();
    let mut file = ana.file("v", "value 0");
    let field = format!("text=@{file}");
    ana.run(&["secret", "add", "--type", "note", "--name", "N", "--field", &field])
        .ok();
    for number in 1..=24 {
        file = ana.file("v", &format!("value {number}"));
        ana.run(&["secret", "edit", "N", "--field", &format!("text=@{file}")])
            .ok();
    }
    let history = ana.run(&["secret", "history", "N"]).ok();
    assert_eq!(history.as_array().map(Vec::len), Some(20));
    let show = |version: &str| ana.run(&["secret", "show", "N", "--version", version, "--reveal"]).ok();
    assert_eq!(
        (value(&show("1"), "text").as_str(), value(&show("20"), "text").as_str()),
        ("value 5", "value 24")
    );
    let id = text(&history[1]["id"]).to_owned();
    assert_eq!(value(&show(&id), "text"), "value 6");
    let hidden = ana.run(&["secret", "show", "N", "--version", "1"]);
    assert!(!hidden.stdout.contains("value 5"));
    ana.run(&["secret", "show", "N", "--version", "21"]).fails(12);

    ana.run(&["secret", "restore", "N", "--version", "20"]).fails(14);
    ana.run(&["secret", "restore", "N", "--version", "3"]).ok();
    let history = ana.run(&["secret", "history", "N"]).ok();
    assert_eq!(
        (history.as_array().map(Vec::len), &history[19]["note"]),
        (Some(20), &json!("Version 3 again"))
    );
    assert_eq!(
        value(&ana.run(&["secret", "show", "N", "--reveal"]).ok(), "text"),
        "value 7"
    );

    // The trash: listed, and out of it again unless the name is taken.
    ana.run(&["secret", "remove", "N"]).ok();
    assert_eq!(names(&ana.run(&["secret", "list"]).ok()), Vec::<&str>::new());
    let trash = ana.run(&["secret", "list", "--trashed"]).ok();
    assert_eq!((names(&trash), trash[0]["trashed_ms"].is_u64()), (vec!["N"], true));
    ana.run(&["secret", "add", "--type", "note", "--name", "N", "--field", &field])
        .ok();
    ana.run(&["secret", "restore", "N"]).fails(14);
    ana.run(&["secret", "remove", "N"]).ok();
    ana.run(&["secret", "restore", "N"]).fails(2);
    ana.run(&["secret", "restore", text(&trash[0]["id"])]).ok();
    assert_eq!(
        value(&ana.run(&["secret", "show", "N", "--reveal"]).ok(), "text"),
        "value 7"
    );
}

#[test]
fn remarks_find_what_is_weak_reused_and_about_to_end() {
    let (_root, _server, ana) = stage();
    ana.run(&["project", "create", "Shop"]).ok();
    let weak = ana.file("weak", "Summer2024!");
    let strong = ana.file("strong", "xK7+pW3e.QmZ9rTbHn2v");
    let add = |name: &str, file: &str, more: &[&str]| {
        let field = format!("password=@{file}");
        ana.run(
            &[
                &[
                    "secret",
                    "add",
                    "--type",
                    "credentials",
                    "--name",
                    name,
                    "--field",
                    &field,
                ][..],
                more,
            ]
            .concat(),
        )
        .ok();
    };
    add("Mail", &weak, &["--field", "username=ana@example.org"]);
    add("Bank", &weak, &["--in", "Shop", "--field", "username=ana@example.org"]);
    add("Safe", &strong, &["--expires", "2001-01-01"]);
    let checked = ana.run(&["secret", "check"]);
    assert!(!checked.stdout.contains("Summer2024") && !checked.stdout.contains("xK7+"));
    let checked = checked.ok();
    assert_eq!(names(&checked), ["Mail", "Safe"]);
    let kinds: Vec<_> = checked[0]["notes"]
        .as_array()
        .expect("notes")
        .iter()
        .map(|note| text(&note["kind"]))
        .collect();
    assert_eq!(kinds, ["weak", "reused"]);
    assert_eq!(
        checked[0]["notes"][1]["also_in"],
        json!([{ "project": "Shop", "name": "Bank", "field": "password" }])
    );
    assert_eq!(checked[1]["notes"][0]["kind"], "expired");
    assert_eq!(
        names(&ana.run(&["secret", "check", "Bank", "--in", "Shop"]).ok()),
        ["Bank"]
    );
}

#[test]
fn a_thousand_secrets_come_in_with_a_handful_of_log_entries() {
    let (_root, _server, ana) = stage();
    ana.run(&["project", "create", "Shop"]).ok();
    let mut csv = String::from("title,username,password,notes\n");
    for number in 0..1_500 {
        csv.push_str(&format!(
            "Login {number},ana,\"p#,\"\"{number}\",{}\n",
            "n".repeat(1_000)
        ));
    }
    let file = ana.file("all.csv", &csv);
    let done = ana
        .run(&["secret", "import", "--from", "1password", &file, "--in", "Shop"])
        .ok();
    assert_eq!(done["made"].as_array().map(Vec::len), Some(1_500));
    let shown = ana
        .run(&["secret", "show", "Login 1499", "--in", "Shop", "--reveal"])
        .ok();
    assert_eq!(value(&shown, "password"), "p#,\"1499");
    let newest = |what: &Value| {
        let rows = what.as_array().expect("rows");
        rows.iter()
            .filter_map(|row| row["seq"].as_u64())
            .max()
            .expect("entries")
    };
    let entries = newest(&ana.run(&["project", "activity", "Shop"]).ok());
    assert!((2..=4).contains(&entries), "{entries} log entries");
    let undone = ana
        .run(&["secret", "import-undo", text(&done["import"]), "--in", "Shop"])
        .ok();
    assert_eq!(undone["trashed"].as_array().map(Vec::len), Some(1_500));
    let after = newest(&ana.run(&["project", "activity", "Shop"]).ok());
    assert!(after - entries <= 4, "{after} log entries");
    assert_eq!(
        names(&ana.run(&["secret", "list", "--in", "Shop"]).ok()),
        Vec::<&str>::new()
    );
}

/// The way to the server breaks between two log entries: what was made is whole, said, can be taken back, and the same line goes on.
#[test]
fn an_import_that_is_cut_off_goes_on_where_it_was() {
    let root = tempfile::tempdir().expect("a folder");
    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
    // So many appends still come through.
    let left = Arc::new(AtomicU64::new(u64::MAX));
    let judge = {
        let left = left.clone();
        move |event: &holdfast_tests::Event<'_>| {
            if !event.is_append() || event.moment != Moment::Arrived {
                return Verdict::Go;
            }
            match left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Ok(_) => Verdict::Go,
                Err(_) => Verdict::Cut,
            }
        }
    };
    relay.open(server.port(), Arc::new(judge));
    let ana = Person::sign_up(root.path(), &url, "ana@example.org");
    let mut csv = String::from("title,username,password,notes\n");
    for number in 0..1_500 {
        csv.push_str(&format!("Login {number},ana,p{number},{}\n", "n".repeat(1_000)));
    }
    let file = ana.file("all.csv", &csv);
    let import = ["secret", "import", "--from", "1password", &file];
    left.store(0, Ordering::SeqCst);
    ana.run(&import).fails(30);
    assert_eq!(names(&ana.run(&["secret", "list"]).ok()), Vec::<&str>::new());
    left.store(1, Ordering::SeqCst);
    let first = ana.run(&import).fails(15);
    let count = |view: &Value, list: &str| view[list].as_array().expect("a list").len();
    assert!(count(&first, "made") > 100 && count(&first, "skipped") > 100);
    assert_eq!(count(&first, "made") + count(&first, "skipped"), 1_500);
    assert!(text(&first["skipped"][0]["reason"]).starts_with("not reached"));
    left.store(u64::MAX, Ordering::SeqCst);
    let second = ana.run(&import).ok();
    assert_eq!(count(&second, "left"), count(&first, "made"));
    assert_eq!(count(&second, "made"), count(&first, "skipped"));
    let undone = ana.run(&["secret", "import-undo", text(&first["import"])]).ok();
    assert_eq!(count(&undone, "trashed"), count(&first, "made"));
    assert_eq!(names(&ana.run(&["secret", "list"]).ok()).len(), count(&second, "made"));
}
