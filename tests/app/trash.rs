//! The trash: emptied by somebody's wish, or by time; and what is shown when the server is not there says as of when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_commands::view::{
    DoneView, DownloadView, EditView, IdView, ProjectView, PurgedView, SecretView, UploadView,
};
use holdfast_commands::{App, Command, FieldInput};
use holdfast_device::SystemClock;
use holdfast_engine::Error;
use holdfast_engine::ports::Clock;
use holdfast_protocol::item::{ItemKind, SecretType};
use holdfast_testkit::{Stage, phrase};

use crate::support::{Desk, hidden};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A clock that somebody sets forward.
#[derive(Default)]
struct Later(AtomicU64);

impl Clock for Later {
    fn now_ms(&self) -> u64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }
}

/// The profile of somebody, unlocked anew at another time.
async fn unlocked(stage: &Stage, handle: &str, clock: &Arc<Later>) -> Desk {
    let mut host = stage.device(handle).await;
    host.clock = clock.clone();
    let app = App::new(host, stage.spool(handle));
    app.unlock(&phrase(handle)).await.expect("unlocking");
    app.catch_up().await.expect("what is due");
    Desk(app)
}

async fn keep(desk: &Desk, project: Option<&str>, name: &str) {
    desk.ask::<IdView>(Command::SecretAdd {
        project: project.map(Into::into),
        secret_type: SecretType::Note,
        name: name.into(),
        note: String::new(),
        fields: vec![FieldInput {
            name: "text".into(),
            value: hidden("kept"),
        }],
        expires_ms: None,
    })
    .await;
}

async fn trash(desk: &Desk, project: Option<&str>, name: &str) {
    desk.ask::<DoneView>(Command::SecretRemove {
        project: project.map(Into::into),
        name: name.into(),
    })
    .await;
}

async fn trashed(desk: &Desk, project: Option<&str>) -> Vec<String> {
    let list: Vec<SecretView> = desk
        .ask(Command::SecretList {
            project: project.map(Into::into),
            trashed: true,
        })
        .await;
    list.into_iter().map(|secret| secret.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lay_there_for_thirty_days_goes() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    ana.ask::<ProjectView>(Command::ProjectCreate {
        name: "Scans".into(),
        standard: false,
    })
    .await;
    for place in [None, Some("Scans")] {
        for name in ["old", "back", "stays"] {
            keep(&ana, place, name).await;
        }
        trash(&ana, place, "old").await;
        trash(&ana, place, "back").await;
    }
    drop(ana);

    let clock = Arc::new(Later::default());
    // The first look is what counts from: whatever the entry says of its own time, nothing goes the first time it is seen.
    clock.0.store(300 * DAY_MS, Ordering::SeqCst);
    let ana = unlocked(&stage, "ana@example.org", &clock).await;
    for place in [None, Some("Scans")] {
        assert_eq!(trashed(&ana, place).await, ["back", "old"]);
        ana.ask::<IdView>(Command::SecretUntrash {
            project: place.map(Into::into),
            name: "back".into(),
        })
        .await;
    }
    drop(ana);
    clock.0.store(329 * DAY_MS, Ordering::SeqCst);
    let ana = unlocked(&stage, "ana@example.org", &clock).await;
    for place in [None, Some("Scans")] {
        assert_eq!(trashed(&ana, place).await, ["old"]);
        // Deleted anew: its days begin anew.
        trash(&ana, place, "back").await;
    }
    drop(ana);
    clock.0.store(331 * DAY_MS, Ordering::SeqCst);
    let ana = unlocked(&stage, "ana@example.org", &clock).await;
    for place in [None, Some("Scans")] {
        assert_eq!(trashed(&ana, place).await, ["back"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_secret_or_all_go_by_somebodys_wish() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    for name in ["a", "b", "c", "stays"] {
        keep(&ana, None, name).await;
    }
    for name in ["a", "b", "c"] {
        trash(&ana, None, name).await;
    }
    let purge = |name: Option<&str>| Command::SecretPurge {
        project: None,
        name: name.map(Into::into),
    };
    let stays = ana.run(purge(Some("stays"))).await;
    assert!(matches!(stays, Err(Error::NotFound { .. })), "it is not in the trash");
    let one: PurgedView = ana.ask(purge(Some("b"))).await;
    assert_eq!(one.items, ["b"]);
    assert_eq!(trashed(&ana, None).await, ["a", "c"]);
    let mut rest: PurgedView = ana.ask(purge(None)).await;
    rest.items.sort();
    assert_eq!(rest.items, ["a", "c"]);
    assert!(ana.ask::<PurgedView>(purge(None)).await.items.is_empty());
    let left: Vec<SecretView> = ana
        .ask(Command::SecretList {
            project: None,
            trashed: false,
        })
        .await;
    assert_eq!(left.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_answer_says_as_of_when() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    keep(&ana, None, "token").await;
    let list = || Command::SecretList {
        project: None,
        trashed: false,
    };
    let before = SystemClock.now_ms();
    assert_eq!(ana.run(list()).await.expect("a list").as_of_ms, None);
    let after = SystemClock.now_ms();
    let _folder = stage.stop().await;
    let as_of = ana.run(list()).await.expect("a list").as_of_ms.expect("it is old");
    assert!((before..=after).contains(&as_of), "{before} {as_of} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_forgotten_with_what_only_it_needed() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    ana.ask::<ProjectView>(Command::ProjectCreate {
        name: "Scans".into(),
        standard: false,
    })
    .await;
    let source = stage.folder().join("source");
    std::fs::create_dir(&source).expect("a folder");
    let upload = || Command::Upload {
        kind: ItemKind::Dataset,
        project: "Scans".into(),
        name: "d".into(),
        note: String::new(),
        paths: vec![source.clone()],
        include_hidden: true,
    };
    let forget = |version: &str| Command::ItemForget {
        kind: ItemKind::Dataset,
        project: "Scans".into(),
        item: "d".into(),
        version: version.into(),
    };
    std::fs::write(source.join("first"), "only in the first").expect("a file");
    ana.ask::<UploadView>(upload()).await;
    let only = ana.run(forget("1")).await;
    assert!(matches!(only, Err(Error::NotAllowed(_))), "it is the only one");
    std::fs::remove_file(source.join("first")).expect("it goes");
    std::fs::write(source.join("second"), "only in the second").expect("a file");
    ana.ask::<UploadView>(upload()).await;
    let gone: PurgedView = ana.ask(forget("1")).await;
    assert!(gone.bytes > 0);
    let to = stage.folder().join("got");
    ana.ask::<DownloadView>(Command::Download {
        kind: ItemKind::Dataset,
        project: "Scans".into(),
        item: "d".into(),
        version: None,
        to: to.clone(),
    })
    .await;
    assert_eq!(
        std::fs::read_to_string(to.join("second")).expect("it"),
        "only in the second"
    );
    let missing = ana.run(forget("2")).await;
    assert!(
        matches!(missing, Err(Error::NotFound { .. })),
        "there is one version now"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_can_be_changed_as_often_as_one_likes() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    let text = |bytes: usize| {
        vec![FieldInput {
            name: "text".into(),
            value: hidden(&"x".repeat(bytes)),
        }]
    };
    let add = |bytes| Command::SecretAdd {
        project: None,
        secret_type: SecretType::Note,
        name: "note".into(),
        note: String::new(),
        fields: text(bytes),
        expires_ms: None,
    };
    assert!(
        matches!(ana.run(add(60_000)).await, Err(Error::Invalid(_))),
        "too large"
    );
    ana.ask::<IdView>(add(47_000)).await;
    for turn in 0..24 {
        let edit = |bytes| Command::SecretEdit {
            project: None,
            name: "note".into(),
            fields: text(bytes),
            remove: Vec::new(),
            seen: None,
        };
        ana.ask::<EditView>(edit(47_000 + turn)).await;
        assert!(
            matches!(ana.run(edit(60_000)).await, Err(Error::Invalid(_))),
            "too large"
        );
    }
}
