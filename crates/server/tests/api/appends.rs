//! Logs: who appends what, and who reads.

use futures_util::future::join_all;
use holdfast_protocol::SecretText;
use holdfast_protocol::entry::{Body, Op, Role, SpaceKind};
use holdfast_protocol::id::{ItemId, VersionId};
use holdfast_protocol::item::{Content, Item, ItemKind, SecretType, Version};
use holdfast_protocol::wire::{Append, B64, Entries, SpaceHead};
use reqwest::StatusCode;

use crate::people::{Person, strange_key};
use crate::server::{Client, Server};
use crate::space::{Space, append, named};

async fn project(server: &Server, owner: &Person) -> (Client, Space) {
    let (client, _) = server.join(owner).await;
    let space = Space::project(owner);
    assert_eq!(space.create(&client).await.0, StatusCode::CREATED);
    (client, space)
}

async fn read(client: &Client, space: &Space, from: u64) -> Entries {
    let (status, body) = client.get(&space.path(&format!("entries?from={from}"))).await;
    assert_eq!(status, StatusCode::OK);
    body.json()
}

#[tokio::test]
async fn a_project_is_begun_by_its_creator() {
    let server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let (client, _) = server.join(&ana).await;
    let (other, _) = server.join(&ben).await;
    let space = Space::project(&ana);
    assert_eq!(
        space.create(&other).await.0,
        StatusCode::FORBIDDEN,
        "somebody else's entry"
    );
    let (status, body) = space.create(&client).await;
    let head = SpaceHead {
        space: space.id,
        seq: 0,
        hash: space.genesis.hash,
    };
    assert_eq!((status, body.json()), (StatusCode::CREATED, head.clone()));
    let (status, body) = space.create(&client).await;
    assert_eq!(
        (status, body.json()),
        (StatusCode::OK, head.clone()),
        "the very same request again"
    );
    let heads: Vec<SpaceHead> = client.get("/v1/spaces").await.1.json();
    assert!(heads.len() == 2 && heads.contains(&head));

    let vault = Space::vault(&ana);
    let (status, body) = vault.create(&client).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-vault-alone"),
        "no second vault"
    );
    let mut forged = append(&Space::project(&ana).genesis);
    let last = forged.entry.0.len() - 1;
    forged.entry.0[last] ^= 1;
    let (status, body) = client.post("/v1/spaces", &forged).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-signature")
    );
}

#[tokio::test]
async fn entries_come_back_in_order_and_in_pages() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, mut space) = project(&server, &ana).await;
    let mut expected = vec![B64(space.genesis.as_bytes().to_vec())];
    for _ in 0..3 {
        let signed = space.commit(&ana).sign(ana.sign_key()).unwrap();
        let (status, body) = space.send_signed(&client, &signed).await;
        let head = SpaceHead {
            space: space.id,
            seq: signed.entry.seq,
            hash: signed.hash,
        };
        assert_eq!((status, body.json()), (StatusCode::CREATED, head.clone()));
        let (status, body) = space.send_signed(&client, &signed).await;
        assert_eq!(
            (status, body.json()),
            (StatusCode::OK, head),
            "the very same entry again"
        );
        expected.push(B64(signed.as_bytes().to_vec()));
        space.follow(&signed);
    }
    let all = read(&client, &space, 0).await;
    assert_eq!(all.entries, expected);
    assert_eq!((all.head.seq, all.head.hash), (3, space.head));
    assert_eq!(read(&client, &space, 2).await.entries, expected[2..]);
    assert!(read(&client, &space, 4).await.entries.is_empty());
    assert_eq!(client.get(&space.path("entries")).await.1.json::<Entries>(), all);
    for odd in ["entries?from=-1", "entries?from=x", "entries?form=1"] {
        assert_eq!(client.get(&space.path(odd)).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn large_entries_make_short_pages() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, mut space) = project(&server, &ana).await;
    for _ in 0..10 {
        let mut entry = space.commit(&ana);
        entry.body = Some(vec![7; 1_000_000]);
        space.must(&client, &ana, entry).await;
    }
    let mut seen = 0;
    let mut pages = 0;
    while seen < 11 {
        seen += read(&client, &space, seen).await.entries.len() as u64;
        pages += 1;
    }
    assert_eq!(pages, 2);
    let mut entry = space.commit(&ana);
    entry.body = Some(vec![7; (1 << 20) - 200]);
    let signed = entry.sign(ana.sign_key());
    if let Ok(signed) = signed {
        assert_eq!(
            space.send_signed(&client, &signed).await.0,
            StatusCode::CREATED,
            "up to the limit of an entry"
        );
    }
    let (status, body) = client
        .post(
            &space.path("entries"),
            &Append {
                entry: B64(vec![0; 1_100_000]),
            },
        )
        .await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too-large")
    );
}

#[tokio::test]
async fn off_the_head_is_a_conflict() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, mut space) = project(&server, &ana).await;
    let stale = space.clone();
    space.must(&client, &ana, space.commit(&ana)).await;
    let mut gap = space.commit(&ana);
    gap.seq += 1;
    let mut prev = space.commit(&ana);
    prev.prev = stale.head;
    let mut auth = space.commit(&ana);
    auth.auth = space.head;
    let mut zero = space.commit(&ana);
    zero.seq = 0;
    for (what, entry) in [
        ("stale", stale.commit(&ana)),
        ("gap", gap),
        ("prev", prev),
        ("auth", auth),
        ("zero", zero),
    ] {
        let (status, body) = space.send(&client, &ana, entry).await;
        assert_eq!(
            (status, body.code().as_str()),
            (StatusCode::CONFLICT, "conflict"),
            "{what}"
        );
    }
    assert_eq!(read(&client, &space, 0).await.entries.len(), 2);
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, space) = project(&server, &ana).await;
    let tries = (0..12).map(|n| {
        let mut entry = space.commit(&ana);
        entry.time_ms = n;
        let signed = entry.sign(ana.sign_key()).unwrap();
        let (client, space) = (client.clone(), space.clone());
        async move { space.send_signed(&client, &signed).await.0 }
    });
    let statuses = join_all(tries).await;
    assert_eq!(
        statuses.iter().filter(|status| **status == StatusCode::CREATED).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses
            .iter()
            .filter(|status| **status == StatusCode::CONFLICT)
            .count(),
        11,
        "{statuses:?}"
    );
    assert_eq!(read(&client, &space, 0).await.entries.len(), 2);
}

#[tokio::test]
async fn forged_entries_are_refused_by_their_rule() {
    let server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let (client, mut space) = project(&server, &ana).await;
    let (other, _) = server.join(&ben).await;
    space
        .must(&client, &ana, space.add(&ana, &ben, Role::Contributor))
        .await;

    let signed = space.commit(&ana).sign(&strange_key()).unwrap();
    let (status, body) = space.send_signed(&client, &signed).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-signature"),
        "another key"
    );
    let in_anas_name = space.commit(&ana).sign(ben.sign_key()).unwrap();
    let (status, _) = space.send_signed(&other, &in_anas_name).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "in somebody else's name");
    let genuine = space.commit(&ana).sign(ana.sign_key()).unwrap();
    let (status, _) = space.send_signed(&other, &genuine).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "somebody else's genuine entry");

    let mut bodiless = space.commit(&ana);
    bodiless.body = None;
    let mut epoch = space.commit(&ana);
    epoch.epoch = 1;
    let mut fingerprint = space.add(&ana, &Person::new(3, "cleo"), Role::Reader);
    if let Op::Add { bundle, .. } = &mut fingerprint.op {
        *bundle = ana.bundle_hash();
    }
    for (entry, code) in [
        (bodiless, "log-body-presence"),
        (epoch, "log-epoch"),
        (fingerprint, "log-fingerprint"),
        (space.add(&ana, &ben, Role::Reader), "log-member-exists"),
        (
            space.add(&ana, &Person::new(3, "cleo"), Role::Reader),
            "log-bundle-unknown",
        ),
    ] {
        let (status, body) = space.send(&client, &ana, entry).await;
        assert_eq!((status, body.code().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, code));
    }
    let elsewhere = Space::project(&ana);
    assert_eq!(elsewhere.create(&client).await.0, StatusCode::CREATED);
    let foreign = elsewhere.commit(&ana).sign(ana.sign_key()).unwrap();
    let (status, body) = space.send_signed(&client, &foreign).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-wrong-space")
    );
    let (status, _) = client
        .post(
            &space.path("entries"),
            &Append {
                entry: B64(vec![1, 2, 3]),
            },
        )
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "not an entry");
    assert_eq!(
        read(&client, &space, 0).await.head.seq,
        1,
        "nothing of all that was stored"
    );
}

#[tokio::test]
async fn roles_and_strangers() {
    let server = Server::start().await;
    let (ana, ben, cleo) = (Person::new(1, "ana"), Person::new(2, "ben"), Person::new(3, "cleo"));
    let (owner, mut space) = project(&server, &ana).await;
    let (reader, _) = server.join(&ben).await;
    let (stranger, _) = server.join(&cleo).await;

    for path in ["entries", "usage"] {
        assert_eq!(stranger.get(&space.path(path)).await.0, StatusCode::NOT_FOUND);
    }
    let (status, _) = space.clone().send(&stranger, &cleo, space.commit(&cleo)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "a stranger learns nothing");
    assert_eq!(
        stranger.get(&format!("/v1/spaces/{}/entries", "ab".repeat(32))).await.0,
        StatusCode::NOT_FOUND
    );

    space.must(&owner, &ana, space.add(&ana, &ben, Role::Reader)).await;
    assert_eq!(read(&reader, &space, 0).await.entries.len(), 2, "a reader reads all");
    let (status, body) = space.clone().send(&reader, &ben, space.commit(&ben)).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::FORBIDDEN, "not-allowed"),
        "and writes nothing"
    );
    let promotion = Op::SetRole {
        principal: ben.principal,
        role: Role::Owner,
    };
    let (status, _) = space
        .clone()
        .send(&reader, &ben, space.next(&ben, promotion.clone(), None))
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN, "nor promotes himself");

    let role = Op::SetRole {
        principal: ben.principal,
        role: Role::Contributor,
    };
    space.must(&owner, &ana, space.next(&ana, role, None)).await;
    space.must(&reader, &ben, space.commit(&ben)).await;
    let (status, _) = space
        .clone()
        .send(&reader, &ben, space.add(&ben, &cleo, Role::Reader))
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN, "a contributor adds nobody");
    let (status, body) = space
        .clone()
        .send(&owner, &ana, space.next(&ana, Op::Leave {}, None))
        .await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-last-owner")
    );
}

#[tokio::test]
async fn who_is_put_out_reads_up_to_that_and_no_further() {
    let server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let (owner, mut space) = project(&server, &ana).await;
    let (former, _) = server.join(&ben).await;
    space.must(&owner, &ana, space.add(&ana, &ben, Role::Contributor)).await;
    let removal = space.remove(&ana, &ben, &[&ana]);
    space.must(&owner, &ana, removal).await;
    let ended = (space.seq, space.head);
    for _ in 0..2 {
        space.must(&owner, &ana, space.commit(&ana)).await;
    }
    let seen = read(&former, &space, 0).await;
    assert_eq!(seen.entries.len(), 3);
    assert_eq!(
        (seen.head.seq, seen.head.hash),
        ended,
        "not even the head of what came later"
    );
    assert!(read(&former, &space, 3).await.entries.is_empty());
    assert_eq!(read(&owner, &space, 0).await.entries.len(), 5);
    let heads: Vec<SpaceHead> = former.get("/v1/spaces").await.1.json();
    assert!(heads.iter().all(|head| head.space != space.id));
    assert_eq!(former.get(&space.path("usage")).await.0, StatusCode::NOT_FOUND);
    let (status, _) = space.clone().send(&former, &ben, space.commit(&ben)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);

    space.must(&owner, &ana, space.add(&ana, &ben, Role::Reader)).await;
    assert_eq!(read(&former, &space, 0).await.entries.len(), 6, "back in");
    space.must(&former, &ben, space.next(&ben, Op::Leave {}, None)).await;
    space.must(&owner, &ana, space.commit(&ana)).await;
    assert_eq!(read(&former, &space, 0).await.head.seq, 6, "who leaves, too");
}

#[tokio::test]
async fn a_standard_project_takes_no_secrets() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, _) = server.join(&ana).await;
    let mut space = Space::begin(&ana, SpaceKind::Project, false, named("open"));
    assert_eq!(space.create(&client).await.0, StatusCode::CREATED);
    let item = |kind, secret_type, content| Item {
        id: ItemId([1; 16]),
        kind,
        name: "token".into(),
        description: String::new(),
        tags: vec![],
        created_ms: 1,
        trashed_ms: None,
        chunk_id_key: None,
        versions: vec![Version {
            id: VersionId([2; 16]),
            author: ana.principal,
            created_ms: 1,
            note: String::new(),
            content,
        }],
        secret_type,
        expires_ms: None,
    };
    let op = Op::Commit {
        added: vec![],
        dropped: vec![],
    };
    let fields = Content::Text {
        text: SecretText::new("a token".to_owned().into()),
    };
    let secret = Body {
        put: vec![item(ItemKind::Secret, Some(SecretType::Git), fields)],
        ..Body::default()
    };
    let (status, body) = space
        .send(&client, &ana, space.next(&ana, op.clone(), Some(secret)))
        .await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-secret-in-standard")
    );
    let mut closed = space.next(&ana, op.clone(), Some(Body::default()));
    closed.body = Some(vec![9; 100]);
    let (status, body) = space.send(&client, &ana, closed).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-body-open"),
        "nor a closed body"
    );
    space
        .must(&client, &ana, space.next(&ana, op, Some(named("renamed"))))
        .await;
}
