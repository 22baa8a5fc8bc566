//! Secrets: where they may be handed over, and what moving one leaves behind.

use holdfast_commands::view::{EditView, IdView, MovedView, ProjectView, ShareView};
use holdfast_commands::{Command, FieldInput};
use holdfast_protocol::entry::Role;
use holdfast_protocol::item::{Audience, Content, SecretType};
use holdfast_testkit::Stage;

use crate::support::{Desk, hidden};

fn fields(all: &[(&str, &str)]) -> Vec<FieldInput> {
    all.iter()
        .map(|(name, value)| FieldInput {
            name: (*name).to_owned(),
            value: hidden(value),
        })
        .collect()
}

fn add(project: Option<&str>, name: &str, all: &[(&str, &str)]) -> Command {
    Command::SecretAdd {
        project: project.map(str::to_owned),
        secret_type: SecretType::Git,
        name: name.to_owned(),
        note: String::new(),
        fields: fields(all),
        expires_ms: None,
    }
}

async fn audience(desk: &Desk) -> Audience {
    let session = desk.0.session().await.expect("a session");
    let vault = session.vault().await.expect("the vault");
    let items = vault.space.contents().items();
    let item = items.values().find(|item| item.name == "GitHub").expect("the secret");
    match &item.versions.last().expect("a version").content {
        Content::Fields { audience, .. } => audience.clone(),
        _ => panic!("not a secret"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_moves_where_a_secret_may_go() {
    let stage = Stage::new().await;
    let ana = Desk::new(&stage, "ana@example.org").await;
    let all = [
        ("host", "a.example"),
        ("account", "ana"),
        ("purpose", "pull"),
        ("token", "t"),
    ];
    ana.ask::<IdView>(add(None, "GitHub", &all)).await;
    let edit = async |set: &[(&str, &str)], remove: &[&str]| {
        let command = Command::SecretEdit {
            project: None,
            name: "GitHub".into(),
            fields: fields(set),
            remove: remove.iter().map(|&name| name.to_owned()).collect(),
            seen: None,
        };
        ana.ask::<EditView>(command).await;
        let Audience { host, account, purpose } = audience(&ana).await;
        [host, account, purpose]
    };
    assert_eq!(edit(&[("token", "u")], &[]).await, ["a.example", "ana", "pull"]);
    assert_eq!(edit(&[("account", "ben")], &[]).await, ["a.example", "ben", "pull"]);
    assert_eq!(edit(&[("purpose", "push")], &["host"]).await, ["", "ben", "push"]);
    assert_eq!(
        edit(&[("host", "b.example")], &["account", "purpose"]).await,
        ["b.example", "", ""]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_says_who_can_still_read_it_where_it_was() {
    let stage = Stage::new().await;
    let (ana, _ben) = tokio::join!(
        Desk::new(&stage, "ana@example.org"),
        Desk::new(&stage, "ben@example.org")
    );
    for name in ["Old", "New"] {
        let command = Command::ProjectCreate {
            name: name.into(),
            standard: false,
        };
        ana.ask::<ProjectView>(command).await;
    }
    ana.ask::<ShareView>(Command::ProjectShare {
        project: "Old".into(),
        handle: "ben@example.org".into(),
        role: Role::Reader,
    })
    .await;
    let go = |from: Option<&str>, to: &str| Command::SecretMove {
        project: from.map(str::to_owned),
        name: "GitHub".into(),
        to: to.into(),
    };
    ana.ask::<IdView>(add(None, "GitHub", &[("token", "t")])).await;
    let view: MovedView = ana.ask(go(None, "Old")).await;
    assert_eq!(
        (view.from, view.readable_by.len(), view.change_secrets.len()),
        (None, 0, 0)
    );
    let view: MovedView = ana.ask(go(Some("Old"), "New")).await;
    assert_eq!(view.name, "GitHub");
    assert_eq!(view.from.as_deref(), Some("Old"));
    assert_eq!(view.readable_by, ["ben@example.org"]);
    assert_eq!(view.change_secrets, ["GitHub"]);
}
