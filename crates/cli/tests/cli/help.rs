//! Help, completions and manual pages: what people read first.

use std::fs;
use std::path::Path;

use crate::support::Bench;

/// Each verb by its path, `project share` say, read from the help itself.
fn verbs(bench: &Bench, path: &[String], found: &mut Vec<Vec<String>>) {
    found.push(path.to_vec());
    let help = bench.run(path.iter().map(String::as_str).chain(["--help"]));
    assert_eq!((help.exit, help.err.as_str()), (0, ""), "{path:?}");
    let Some(commands) = help.out.split("Commands:\n").nth(1) else {
        return;
    };
    for line in commands.lines().take_while(|line| line.starts_with("  ")) {
        let name = line.split_whitespace().next().unwrap_or_default();
        if !line.starts_with("   ") && name != "help" {
            verbs(bench, &[path, &[name.to_owned()]].concat(), found);
        }
    }
}

/// The whole help against `tests/cli/help.txt`. After a change that is meant: `HOLDFAST_BLESS=1 cargo test -p holdfast-cli`.
#[test]
fn the_help_is_as_it_was() {
    let bench = Bench::new();
    let mut paths = Vec::new();
    verbs(&bench, &[], &mut paths);
    assert!(paths.len() > 70, "only {} verbs", paths.len());
    let mut help = String::new();
    for path in paths {
        help += &format!("===== holdfast {}\n", path.join(" "));
        help += &bench.run(path.iter().map(String::as_str).chain(["--help"])).out;
        help += "\n";
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/help.txt");
    if std::env::var_os("HOLDFAST_BLESS").is_some() {
        fs::write(&file, &help).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap();
    let differs = kept.lines().zip(help.lines()).find(|(kept, now)| kept != now);
    assert!(kept == help, "the help changed, first here: {differs:?}");
}

#[test]
fn the_version_is_one_line() {
    let done = Bench::new().run(["--version"]);
    assert_eq!(done.out, format!("holdfast {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_verb_help_is_shown() {
    let output = Bench::new()
        .command::<&str>([])
        .env_remove("HOLDFAST_PROFILE")
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(err.contains("The main job"), "{err}");
}

#[test]
fn completions_know_the_verbs_and_hide_the_agent() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.run(["completions", shell]);
        assert_eq!(script.exit, 0, "{shell}");
        for word in ["signup", "kdf-log2-n", "auto-lock-minutes", "remove-field"] {
            assert!(script.out.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(bench.run(["completions", "tcsh"]).exit, 2);
}

#[test]
fn every_verb_has_a_manual_page() {
    let bench = Bench::new();
    let folder = bench.file("deep/man");
    assert_eq!(bench.run(["man", folder.to_str().unwrap()]).exit, 0);
    for page in [
        "holdfast.1",
        "holdfast-serve.1",
        "holdfast-secret-add.1",
        "holdfast-model-upload.1",
    ] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains("holdfast"), "{page}");
    }
    assert!(
        fs::read_to_string(folder.join("holdfast-model-upload.1"))
            .unwrap()
            .contains("holdfast model upload")
    );
    assert!(!folder.join("holdfast-agent.1").exists());
}
