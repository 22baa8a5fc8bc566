//! The trash, and names that are taken.

use holdfast_commands::Command;
use holdfast_commands::view::{DoneView, IdView, ProjectView, PurgedView};
use holdfast_engine::Error;
use holdfast_testkit::Stage;

use crate::support::Desk;

async fn create(desk: &Desk, name: &str) -> String {
    let command = Command::ProjectCreate {
        name: name.into(),
        standard: false,
    };
    desk.ask::<ProjectView>(command).await.id
}

fn delete(project: &str) -> Command {
    Command::ProjectDelete {
        project: project.into(),
    }
}

fn restore(project: &str) -> Command {
    Command::ProjectRestore {
        project: project.into(),
    }
}

fn purge(project: &str) -> Command {
    Command::ProjectPurge {
        project: project.into(),
    }
}

async fn names(desk: &Desk) -> Vec<String> {
    let views: Vec<ProjectView> = desk.ask(Command::ProjectList).await;
    views.into_iter().map(|view| view.name).collect()
}

async fn code(desk: &Desk, command: Command) -> Option<String> {
    desk.run(command)
        .await
        .err()
        .map(|error: Error| error.code().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_project_in_the_trash_can_be_removed_for_good() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    let id = create(&ana, "Scans").await;
    create(&ana, "Kept").await;
    ana.ask::<DoneView>(delete("Scans")).await;
    assert_eq!(names(&ana).await, ["Kept", "Scans"], "what is in the trash is listed");
    assert_eq!(code(&ana, delete(&id)).await.as_deref(), Some("already-exists"));
    ana.ask::<DoneView>(restore("Scans")).await;
    assert_eq!(code(&ana, restore(&id)).await.as_deref(), Some("not-found"));
    ana.ask::<DoneView>(delete("Scans")).await;

    let purged: PurgedView = ana.ask(purge("Scans")).await;
    assert!(purged.project && purged.items.is_empty() && purged.bytes == 0);
    assert_eq!(names(&ana).await, ["Kept"]);
    assert_eq!(code(&ana, restore("Scans")).await.as_deref(), Some("not-found"));
    assert_eq!(code(&ana, purge("Scans")).await.as_deref(), Some("not-found"));
    // Of a project that is not in the trash, nothing but its trash is removed.
    let purged: PurgedView = ana.ask(purge("Kept")).await;
    assert!(!purged.project && purged.items.is_empty());
    assert_eq!(names(&ana).await, ["Kept"]);
    // Its name is free again, and another device sees the same.
    create(&ana, "Scans").await;
    drop(ana);
    assert_eq!(
        names(&Desk::again(&stage, "ana@example.org").await).await,
        ["Kept", "Scans"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_not_taken_twice() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    let id = create(&ana, "Scans").await;
    ana.ask::<DoneView>(delete("Scans")).await;
    create(&ana, "Scans").await;
    create(&ana, "Other").await;
    let rename = |project: &str, name: &str| Command::ProjectRename {
        project: project.into(),
        name: name.into(),
    };
    assert_eq!(code(&ana, restore("Scans")).await.as_deref(), Some("already-exists"));
    assert_eq!(code(&ana, restore(&id)).await.as_deref(), Some("already-exists"));
    assert_eq!(
        code(&ana, rename("Other", "Scans")).await.as_deref(),
        Some("already-exists")
    );
    ana.ask::<IdView>(rename("Scans", "Scans 2")).await;
    ana.ask::<DoneView>(restore("Scans")).await;
    assert_eq!(names(&ana).await, ["Other", "Scans", "Scans 2"]);
}
