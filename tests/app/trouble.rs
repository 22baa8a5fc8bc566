//! What one member, or the server, does to one project stays with that project.

use holdfast_commands::view::{DoneView, IdView, InvitationView, ProjectView, SecretView, ShareView};
use holdfast_commands::{Command, Ending};
use holdfast_engine::{Invitation, rng};
use holdfast_protocol::entry::{Body, Entry, FORMAT, Op, Role};
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::wire::ClaimInvitation;
use holdfast_testkit::Stage;

use crate::support::Desk;

/// A commit that no client takes, with what only a member has: the key of the project.
async fn commit_what_no_client_takes(desk: &Desk, id: SpaceId) {
    let session = desk.0.session().await.expect("a session");
    let view = session.view(id).await.expect("the project");
    let (authority, key) = (view.space.authority(), view.space.current_key().expect("a key"));
    let (seq, prev) = (authority.seq() + 1, authority.head());
    let body = Body {
        name: Some("a\nb".into()),
        ..Body::default()
    };
    let keyring = session.keyring();
    let entry = Entry {
        format: FORMAT,
        space: id,
        seq,
        prev,
        auth: authority.auth_head(),
        epoch: authority.epoch(),
        author: session.principal(),
        author_bundle: keyring.current().bundle().hash,
        time_ms: session.now_ms(),
        op: Op::Commit {
            added: Vec::new(),
            dropped: Vec::new(),
        },
        body: Some(body.seal(key.key(), id, authority.epoch(), seq, prev, &mut rng())),
        head: None,
    };
    let signed = entry.sign(keyring.current().sign_key()).expect("a small entry");
    session
        .api()
        .append(id, signed.as_bytes())
        .await
        .expect("the server can't read it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_no_client_takes_hides_no_other_project() {
    let stage = Stage::new().await;
    let (ana, ben) = tokio::join!(
        Desk::new(&stage, "ana@example.org"),
        Desk::new(&stage, "ben@example.org")
    );
    let mut ids = Vec::new();
    for name in ["Other", "Scans"] {
        let view: ProjectView = ana
            .ask(Command::ProjectCreate {
                name: name.into(),
                standard: false,
            })
            .await;
        ids.push(view.id);
    }
    ana.ask::<ShareView>(Command::ProjectShare {
        project: "Scans".into(),
        handle: "ben@example.org".into(),
        role: Role::Contributor,
    })
    .await;
    commit_what_no_client_takes(&ben, ids[1].parse().expect("an id")).await;

    let outcome = ana.run(Command::ProjectList).await.expect("a list");
    assert_eq!(outcome.ending, Ending::Partial);
    let views: Vec<ProjectView> = serde_json::from_value(outcome.value).expect("its view");
    let told: Vec<_> = views
        .iter()
        .map(|view| (view.name.as_str(), view.trouble.as_ref().map(|view| view.code.as_str())))
        .collect();
    assert_eq!(told, [("Other", None), ("Scans", Some("log-name"))]);
    let secrets: Vec<SecretView> = ana
        .ask(Command::SecretList {
            project: None,
            trashed: false,
        })
        .await;
    assert_eq!(secrets.len(), 2, "the keys of both projects are still there");
    let alarms = ana.0.catch_up().await.expect("the rest is well");
    assert_eq!(alarms.len(), 1);
    assert!(alarms[0].message.starts_with("Scans: "), "{}", alarms[0].message);
    ana.ask::<IdView>(Command::ProjectRename {
        project: "Other".into(),
        name: "Another".into(),
    })
    .await;
    ana.ask::<DoneView>(Command::ProjectDelete {
        project: "Another".into(),
    })
    .await;
    assert!(
        ana.run(Command::ProjectRename {
            project: "Scans".into(),
            name: "x".into()
        })
        .await
        .is_err()
    );
}

/// Somebody answers an invitation without the code: he is not let in, it is said, and those who had it are let in.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_answer_to_an_invitation_stops_nobody_else() {
    let stage = Stage::new().await;
    let (ana, ben, mallory) = tokio::join!(
        Desk::new(&stage, "ana@example.org"),
        Desk::new(&stage, "ben@example.org"),
        Desk::new(&stage, "mallory@example.org")
    );
    ana.ask::<ProjectView>(Command::ProjectCreate {
        name: "Scans".into(),
        standard: false,
    })
    .await;
    let mut texts = Vec::new();
    for address in ["mallory@example.org", "ben@example.org"] {
        let view: InvitationView = ana
            .ask(Command::ProjectInvite {
                project: "Scans".into(),
                address: address.into(),
                role: Role::Reader,
            })
            .await;
        texts.push(view.invitation);
    }
    let forged = Invitation::parse(&texts[0]).expect("an invitation");
    let proof = vec![7; 32].into();
    let session = mallory.0.session().await.expect("a session");
    session
        .api()
        .claim_invitation(forged.id, &ClaimInvitation { proof })
        .await
        .expect("the server can't tell");
    let text = crate::support::hidden(&texts[1]);
    ben.ask::<IdView>(Command::InvitationAccept { text }).await;

    let alarms = ana.0.catch_up().await.expect("everything else is well");
    assert_eq!(alarms.len(), 1);
    assert_eq!(alarms[0].code, "keys-changed");
    assert_eq!(ana.0.alarms().len(), 1, "it is remembered until the profile is locked");
    let members: Vec<holdfast_commands::view::MemberView> = ana
        .ask(Command::ProjectMembers {
            project: "Scans".into(),
        })
        .await;
    let handles: Vec<_> = members.iter().map(|member| member.handle.as_str()).collect();
    assert_eq!(handles, ["ana@example.org", "ben@example.org"]);
    ana.0.lock();
    assert!(ana.0.alarms().is_empty());
}
