//! Uploads that are gone on with when the world has changed meanwhile.

use std::sync::Arc;

use holdfast_commands::Command;
use holdfast_commands::view::{DoneView, ProjectView, PurgedView, UploadView};
use holdfast_engine::Error;
use holdfast_engine::ports::{Progress, Stage as Doing, Step};
use holdfast_protocol::item::ItemKind;
use holdfast_testkit::Stage;
use tokio_util::sync::CancellationToken;

use crate::support::Desk;

/// Stops an upload when all of it is at the server and nothing is committed.
struct StopBeforeTheCommit(CancellationToken);

impl Progress for StopBeforeTheCommit {
    fn report(&self, step: Step) {
        if step.stage == Doing::Checking {
            self.0.cancel();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_was_removed_meanwhile_is_begun_anew() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    ana.ask::<ProjectView>(Command::ProjectCreate {
        name: "Scans".into(),
        standard: false,
    })
    .await;
    let source = stage.folder().join("source");
    std::fs::create_dir(&source).expect("a folder");
    std::fs::write(source.join("a"), "one").expect("a file");
    let upload = || Command::Upload {
        kind: ItemKind::Dataset,
        project: "Scans".into(),
        name: "d".into(),
        note: String::new(),
        paths: vec![source.clone()],
        include_hidden: true,
    };
    let first: UploadView = ana.ask(upload()).await;
    std::fs::write(source.join("b"), "two").expect("a file");
    let cancel = CancellationToken::new();
    let progress = Arc::new(StopBeforeTheCommit(cancel.clone()));
    let stopped = ana.0.run(upload(), progress, cancel).await;
    assert!(matches!(stopped, Err(Error::Cancelled)), "it was stopped in the middle");

    ana.ask::<DoneView>(Command::ItemDelete {
        kind: ItemKind::Dataset,
        project: "Scans".into(),
        item: "d".into(),
    })
    .await;
    ana.ask::<PurgedView>(Command::ProjectPurge {
        project: "Scans".into(),
    })
    .await;
    let again: UploadView = ana.ask(upload()).await;
    assert_ne!(again.id, first.id);
    assert_eq!((again.version, again.files), (1, 2));
    let third: UploadView = ana.ask(upload()).await;
    assert_eq!((third.id, third.version, third.unchanged), (again.id, 1, true));
}
