//! A kit that can't be written ends no other kit.

use std::fs;

use holdfast_commands::view::{DoneView, KeyChangeView, KitView};
use holdfast_commands::{Command, Ending};
use holdfast_crypto::MIN_LOG2_N;
use holdfast_engine::Error;
use holdfast_testkit::{Stage, phrase};

use crate::support::{Desk, hidden};

fn key_change(text: &str, kit: Option<std::path::PathBuf>) -> Command {
    Command::KeyChange {
        phrase: hidden(text),
        bits: None,
        log2_n: MIN_LOG2_N,
        leaked: false,
        kit,
        second: None,
    }
}

const NEXT: &str = "many plethora upward blah expediter wrongness enamel unshaved";

#[tokio::test(flavor = "multi_thread")]
async fn a_kit_that_can_not_be_written_ends_nothing() {
    let stage = Stage::new().await;
    let (ana, kit) = Desk::with_kit(&stage, "ana@example.org").await;
    let test = || Command::KitTest {
        code: hidden(&kit.code),
    };
    let missing = stage.folder().join("absent/kit.pdf");
    let there = stage.folder().join("there.pdf");
    fs::write(&there, "mine").expect("a file");
    for (out, code) in [(missing, "io"), (there.clone(), "already-exists")] {
        let told = ana.run(Command::KitNew { out: out.clone() }).await.err();
        assert_eq!(told.as_ref().map(Error::code), Some(code));
        ana.ask::<DoneView>(test()).await;
        let told = ana.run(key_change(NEXT, Some(out))).await.err();
        assert_eq!(told.as_ref().map(Error::code), Some(code));
        ana.ask::<DoneView>(test()).await;
    }
    assert_eq!(fs::read(&there).expect("the file"), b"mine");
    // Nothing has changed: neither the kit nor the keys.
    Desk::again(&stage, "ana@example.org").await;

    let out = stage.folder().join("kit.pdf");
    let view: KitView = ana.ask(Command::KitNew { out: out.clone() }).await;
    assert_eq!(view.path, out.display().to_string());
    assert!(fs::read(&out).expect("the kit").starts_with(b"%PDF"));
    let told = ana.run(test()).await.err().expect("the first kit ended");
    assert_eq!(told.code(), "not-found");
    assert_eq!(told.to_string(), "This Recovery Kit opens no account on this server.");

    let next = stage.folder().join("next.pdf");
    let outcome = ana
        .run(key_change(NEXT, Some(next.clone())))
        .await
        .expect("a key change");
    assert_eq!(outcome.ending, Ending::Done);
    let view: KeyChangeView = serde_json::from_value(outcome.value).expect("its view");
    assert_eq!(view.kit, Some(next.display().to_string()));
    assert!(view.skipped.is_empty() && next.exists());
    assert_eq!(unfinished(stage.folder()), 0);
}

/// A server that refuses, or is not there, leaves no file; one that falls silent may have acted, so the kit is kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_the_file_depends_on_what_the_server_said() {
    let stage = Stage::new().await;
    let (ana, _) = Desk::with_kit(&stage, "ana@example.org").await;
    let out = stage.folder().join("kit.pdf");
    let elsewhere = holdfast_engine::Session::sign_in(
        stage.device("laptop").await,
        "ana@example.org",
        &phrase("ana@example.org"),
    )
    .await
    .expect("signing in");
    let new = holdfast_engine::NewKeys::at(MIN_LOG2_N);
    elsewhere
        .change_keys(&phrase("ana, changed"), new)
        .await
        .expect("a key change");
    assert!(ana.run(key_change(NEXT, Some(out.clone()))).await.is_err());
    assert!(!out.exists() && unfinished(stage.folder()) == 0);

    let ben = Desk::new(&stage, "ben@example.org").await;
    let folder = stage.stop().await;
    let told = ben
        .run(Command::KitNew {
            out: folder.path().join("ben.pdf"),
        })
        .await
        .err();
    let kept = folder.path().join("ben.pdf").exists();
    assert!(
        matches!(&told, Some(Error::Unreachable(silent)) if silent.sent == kept),
        "{told:?}"
    );
    assert_eq!(unfinished(folder.path()), 0);
}

fn unfinished(folder: &std::path::Path) -> usize {
    let entries = fs::read_dir(folder).expect("the folder").filter_map(Result::ok);
    entries
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".part"))
        .count()
}
