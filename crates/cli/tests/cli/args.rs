//! What needs no server: arguments that make no sense, exit codes, and what is said about them.

use std::fs;

use crate::support::Bench;
use serde_json::Value;

#[test]
fn usage_errors_end_with_2() {
    let bench = Bench::new();
    for line in [
        "frobnicate",
        "project",
        "project share Scans ben@example.org",
        "project share Scans ben@example.org --role king",
        "signup --server https://example.org",
        "signup --handle ana@example.org",
        "signup --server https://example.org --handle ana --bits 1024",
        "signup --server https://example.org --handle ana --kdf-log2-n 16",
        "signup --server https://example.org --handle ana --kdf-log2-n 22",
        "dataset upload Scans --name S",
        "dataset show Scans",
        "dataset show Scans/S@3",
        "secret add --type spoon --name x",
        "secret edit x",
        "unlock --auto-lock-minutes 0",
        "words a b",
        "serve",
    ] {
        let done = bench.run(line.split(' '));
        assert_eq!(done.exit, 2, "{line}: {}{}", done.out, done.err);
        assert!(done.out.is_empty() && !done.err.is_empty(), "{line}");
    }
}

#[test]
fn with_json_a_usage_error_is_a_document_too() {
    let bench = Bench::new();
    for line in [
        "frobnicate --json",
        "--json dataset show Scans",
        "secret add --type git --json --name x --field token=hunter2",
    ] {
        let done = bench.run(line.split(' '));
        assert_eq!(done.exit, 2, "{line}");
        let error: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(error["code"], "usage", "{line}");
        for part in ["message", "next"] {
            assert!(
                error[part].as_str().is_some_and(|text| !text.is_empty()),
                "{line}: {part}"
            );
        }
        assert!(done.err.is_empty(), "{line}: {}", done.err);
    }
}

#[test]
fn a_secret_on_the_command_line_is_refused_and_not_repeated() {
    let bench = Bench::new();
    let done = bench.run([
        "secret",
        "add",
        "--type",
        "git",
        "--name",
        "x",
        "--field",
        "token=hunter2",
    ]);
    assert_eq!(done.exit, 2);
    assert!(
        done.err.contains("token=@FILE") && !done.err.contains("hunter2"),
        "{}",
        done.err
    );
}

#[test]
fn an_empty_profile_is_told_what_to_do() {
    let bench = Bench::new();
    let status = bench.run(["status", "--json"]);
    let nobody = serde_json::json!({
        "unlocked": false, "handle": null, "keys_held": null, "server": null, "online": false, "alarms": [], "news": []
    });
    assert_eq!(
        (status.exit, serde_json::from_str(&status.out).ok()),
        (0, Some(nobody)),
        "{}",
        status.out
    );
    for line in [
        "whoami",
        "unlock",
        "project list",
        "dataset list P",
        "secret list",
        "device list",
        "words",
    ] {
        let done = bench.run(line.split(' '));
        assert_eq!(done.exit, 11, "{line}");
        assert!(
            done.err.contains("holdfast signup") && done.err.contains("(no-account)"),
            "{line}: {}",
            done.err
        );
    }
    assert_eq!(bench.run(["lock", "--json"]).out.trim(), r#"{"done":true}"#);
}

#[test]
fn weak_and_impossible_phrases_end_with_17() {
    let bench = Bench::new();
    for phrase in ["password123", "", "tab\tin it is long enough for anybody"] {
        fs::write(bench.file("phrase"), phrase).unwrap();
        // Nobody listens at this address: the phrase is judged before anything is sent.
        let line = "signup --server http://127.0.0.1:9 --handle ana@example.org --json --master-key-file";
        let done = bench.run(line.split(' ').chain([bench.file("phrase").to_str().unwrap()]));
        assert_eq!(done.exit, 17, "{phrase:?}: {}", done.out);
    }
}

#[test]
fn an_unreachable_server_ends_with_30_and_leaves_nothing() {
    let bench = Bench::new();
    let kit = bench.file("kit.pdf");
    let line = "signup --server http://127.0.0.1:9 --handle ana@example.org --generate --json --kit";
    let done = bench.run(line.split(' ').chain([kit.to_str().unwrap()]));
    assert_eq!(done.exit, 30, "{}", done.out);
    assert!(!kit.exists());
    assert_eq!(bench.run(["whoami"]).exit, 11);
}

#[test]
fn a_kit_never_overwrites_a_file() {
    let bench = Bench::new();
    fs::write(bench.file("kit.pdf"), "precious").unwrap();
    let line = "signup --server http://127.0.0.1:9 --handle ana@example.org --generate --kit";
    let done = bench.run(line.split(' ').chain([bench.file("kit.pdf").to_str().unwrap()]));
    assert_eq!(done.exit, 14);
    assert_eq!(fs::read(bench.file("kit.pdf")).unwrap(), b"precious");
}

#[test]
fn plain_http_goes_to_this_computer_only() {
    let bench = Bench::new();
    let done = bench.run("signin --server http://example.org --handle ana@example.org".split(' '));
    assert_eq!(done.exit, 2);
    assert!(done.err.contains("use https"), "{}", done.err);
}

#[test]
fn what_serve_can_not_do_yet_is_said() {
    let bench = Bench::new();
    for option in ["--database-url=postgres://x", "--objects=s3://x"] {
        let done = bench.run(["serve", "--data", bench.file("data").to_str().unwrap(), option]);
        assert_eq!(done.exit, 2, "{option}");
        assert!(done.err.contains("not available yet"), "{option}: {}", done.err);
        assert!(!bench.file("data").exists(), "{option}");
    }
}

#[test]
fn standard_input_is_read_once() {
    let bench = Bench::new();
    let line = "secret add --type aws --name x --field access_key_id=- --field secret_access_key=-";
    let done = bench.run_with(line.split(' '), "value");
    assert_eq!(done.exit, 2);
    assert!(done.err.contains("named twice"), "{}", done.err);
}

#[test]
fn passwords_are_made_without_a_profile() {
    let bench = Bench::new();
    let done = bench.run("secret generate characters --length 32 --json".split(' '));
    let made: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(made["value"].as_str().unwrap().len(), 32);
    assert_eq!(bench.run("secret generate pin".split(' ')).out.trim().len(), 6);
    assert!(fs::read_dir(bench.file("profile")).is_err(), "a profile was made");
}

/// A script with a wrong name must not destroy what it did not mean.
#[test]
fn nothing_is_purged_without_being_asked() {
    let bench = Bench::new();
    let done = bench.run(["project", "purge", "Scans"]);
    assert_eq!(done.exit, 2);
    assert!(done.err.contains("--yes"), "{}", done.err);
    // Meant, it goes on to look for an account.
    assert_eq!(bench.run(["project", "purge", "Scans", "--yes"]).exit, 11);
}

#[test]
fn without_a_terminal_the_option_is_named() {
    let bench = Bench::new();
    let done = bench.run("signup --server http://127.0.0.1:9 --handle ana@example.org".split(' '));
    assert!(done.exit == 2 && done.err.contains("--master-key-file"), "{}", done.err);
    let done = bench.run("key change".split(' '));
    assert!(
        done.exit == 2 && done.err.contains("--new-master-key-file"),
        "{}",
        done.err
    );
}

/// Eight words that belong to no account must not be shown.
#[test]
fn a_master_key_is_shown_only_for_an_account_that_can_be() {
    let bench = Bench::new();
    for (handle, exit) in [("Bad Handle", 2), ("ana@example.org", 30)] {
        let server = "http://127.0.0.1:9";
        let done = bench.run(["signup", "--server", server, "--handle", handle, "--generate"]);
        assert_eq!(done.exit, exit, "{}", done.err);
        assert!(!done.err.contains("Your Master Key"), "{}", done.err);
    }
}

#[test]
fn what_describes_a_secret_is_changed_by_itself() {
    let bench = Bench::new();
    let edit = |more: &str| bench.run("secret edit x".split(' ').chain(more.split(' '))).exit;
    for more in [
        "--name y",
        "--note z",
        "--expires 2027-01-31",
        "--expires never --name y",
    ] {
        assert_eq!(edit(more), 11, "{more}");
    }
    for more in [
        "--seen 1",
        "--name y --remove-field token",
        "--expires soon",
        "--note z --seen 1",
    ] {
        assert_eq!(edit(more), 2, "{more}");
    }
}
