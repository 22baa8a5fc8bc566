//! Sign-up, one's own account, key change, recovery, directory.

use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::entry::{Body, SpaceKind};
use holdfast_protocol::id::{Locator, PrincipalId};
use holdfast_protocol::wire::{B64, DirectoryEntry, Lookup, Me, Recover, Recovered, RecoveryBox, SpaceHead};
use reqwest::StatusCode;

use crate::people::Person;
use crate::server::Server;
use crate::space::Space;

#[tokio::test]
async fn sign_up_sign_in_and_me() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana@example.org");
    let (client, vault) = server.join(&ana).await;
    let (status, body) = client.get("/v1/me").await;
    assert_eq!(status, StatusCode::OK);
    let me: Me = body.json();
    assert_eq!(
        me,
        Me {
            chain: vec![B64(ana.signed.clone())],
            links: vec![],
            vault: vault.id,
            recovery: false
        }
    );
    let heads: Vec<SpaceHead> = client.get("/v1/spaces").await.1.json();
    assert_eq!(
        heads,
        [SpaceHead {
            space: vault.id,
            seq: 0,
            hash: vault.genesis.hash
        }]
    );
    assert_eq!(server.client().get("/v1/me").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn names_are_taken_once_and_a_lost_answer_is_no_harm() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (_, vault) = server.join(&ana).await;
    let (status, _) = server.client().post("/v1/accounts", &vault.sign_up(&ana)).await;
    assert_eq!(status, StatusCode::OK, "the very same request again");
    for (person, what) in [
        (Person::new(2, "ana"), "the handle"),
        (
            Person::with(2, "other", ana.principal, PrincipalKind::User),
            "the principal",
        ),
    ] {
        let (status, body) = server
            .client()
            .post("/v1/accounts", &Space::vault(&person).sign_up(&person))
            .await;
        assert_eq!(
            (status, body.code().as_str()),
            (StatusCode::CONFLICT, "already-exists"),
            "{what}"
        );
    }
    let (status, _) = server
        .client()
        .post("/v1/accounts", &Space::vault(&ana).sign_up(&ana))
        .await;
    assert_eq!(status, StatusCode::CONFLICT, "another vault for the same person");
}

#[tokio::test]
async fn sign_up_takes_only_what_verifies() {
    let server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let node = Person::with(1, "node", PrincipalId([9; 16]), PrincipalKind::Node);
    let good = Space::vault(&ana).sign_up(&ana);
    let mut cases = vec![
        ("a node", Space::vault(&node).sign_up(&node)),
        ("somebody else's vault", Space::vault(&ben).sign_up(&ana)),
        ("a project for a vault", Space::project(&ana).sign_up(&ana)),
        (
            "a vault that is not encrypted",
            Space::begin(&ana, SpaceKind::Vault, false, Body::default()).sign_up(&ana),
        ),
        (
            "a second bundle",
            Space::vault(&ana.changed(2)).sign_up(&ana.changed(2)),
        ),
    ];
    for (what, place) in [("the bundle", 40), ("its signature", ana.signed.len() - 20)] {
        let mut forged = good.clone();
        forged.bundle.0[place] ^= 1;
        cases.push((what, forged));
    }
    let mut forged = good.clone();
    let last = forged.vault.0.len() - 1;
    forged.vault.0[last] ^= 1;
    cases.push(("the vault's signature", forged));
    let mut huge = good.clone();
    huge.recovery = Some(RecoveryBox {
        locator: Locator([1; 16]),
        sealed: B64(vec![0; 5_000]),
    });
    cases.push(("a huge recovery box", huge));
    for (what, request) in cases {
        let (status, _) = server.client().post("/v1/accounts", &request).await;
        assert!(matches!(status.as_u16(), 422 | 403), "{what}: {status}");
    }
    let (status, _) = server.client().post("/v1/accounts", &good).await;
    assert_eq!(status, StatusCode::CREATED, "nothing of all that was stored");
}

#[tokio::test]
async fn sign_up_can_be_closed() {
    let server = Server::start_with(|config| config.open_signup = false).await;
    let ana = Person::new(1, "ana");
    let (status, body) = server
        .client()
        .post("/v1/accounts", &Space::vault(&ana).sign_up(&ana))
        .await;
    assert_eq!((status, body.code().as_str()), (StatusCode::FORBIDDEN, "not-allowed"));
}

#[tokio::test]
async fn a_key_change_is_whole_compared_and_signs_others_out() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, vault) = server.join(&ana).await;
    let other = server.sign_in(&ana).await;
    let next = ana.changed(2);

    let mut wrong = ana.change_to(&next);
    wrong.link.old = next.bundle_hash();
    assert_eq!(
        client.put("/v1/me/bundle", &wrong).await.0,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a foreign link box"
    );
    let stranger = Person::with(2, "ana", ana.principal, PrincipalKind::User);
    let (status, _) = client.put("/v1/me/bundle", &ana.change_to(&stranger)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "not signed with the old key");
    assert_eq!(other.get("/v1/me").await.0, StatusCode::OK, "nothing happened yet");

    let mut change = ana.change_to(&next);
    change.recovery = Some(RecoveryBox {
        locator: Locator([4; 16]),
        sealed: B64(vec![5; 60]),
    });
    assert_eq!(client.put("/v1/me/bundle", &change).await.0, StatusCode::NO_CONTENT);
    assert_eq!(
        client.put("/v1/me/bundle", &change).await.0,
        StatusCode::NO_CONTENT,
        "the very same request again"
    );
    assert_eq!(
        other.get("/v1/me").await.0,
        StatusCode::UNAUTHORIZED,
        "every other device is signed out"
    );
    let me: Me = client.get("/v1/me").await.1.json();
    assert_eq!(me.chain, [B64(ana.signed.clone()), B64(next.signed.clone())]);
    assert_eq!((me.links, me.vault, me.recovery), (vec![change.link], vault.id, true));

    let rival = ana.changed(3);
    let (status, body) = client.put("/v1/me/bundle", &ana.change_to(&rival)).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::CONFLICT, "conflict"),
        "a second successor"
    );

    let challenge = server.client().challenge("ana").await;
    assert_eq!(challenge.kdf.0, next.bundle.bundle.kdf, "the newest record");
    let proof = ana.proof(&server.base(), &challenge.nonce.0, server.now_ms());
    assert_eq!(
        server.client().post("/v1/signin", &proof).await.0,
        StatusCode::UNAUTHORIZED,
        "the old key is over"
    );
    let client = server.sign_in(&next).await;

    let (mut log, mut early) = (vault.clone(), vault);
    let (status, body) = early.send(&client, &next, early.commit(&next)).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-author-bundle"),
        "before the rewrap"
    );
    log.must(&client, &next, log.rewrap(&next)).await;
    log.must(&client, &next, log.commit(&next)).await;
}

#[tokio::test]
async fn recovery_answers_by_locator_alone() {
    let server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let (client, _) = server.join(&ana).await;
    let (other, _) = server.join(&ben).await;
    let kept = |n: u8| RecoveryBox {
        locator: Locator([n; 16]),
        sealed: B64(vec![n; 60]),
    };
    let ask = async |n: u8| {
        server
            .client()
            .post(
                "/v1/recovery",
                &Recover {
                    locator: Locator([n; 16]),
                },
            )
            .await
    };

    assert_eq!(ask(1).await.0, StatusCode::NOT_FOUND);
    assert_eq!(client.put("/v1/me/recovery", &kept(1)).await.0, StatusCode::NO_CONTENT);
    let (status, body) = ask(1).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(body.json::<Recovered>().sealed, kept(1).sealed);
    assert!(!String::from_utf8_lossy(&body.0).contains("ana"), "no handle");
    let (status, body) = other.put("/v1/me/recovery", &kept(1)).await;
    assert_eq!((status, body.code().as_str()), (StatusCode::CONFLICT, "already-exists"));
    assert_eq!(client.put("/v1/me/recovery", &kept(2)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(ask(1).await.0, StatusCode::NOT_FOUND, "the old one is gone");
    assert_eq!(client.delete("/v1/me/recovery").await.0, StatusCode::NO_CONTENT);
    assert_eq!(ask(2).await.0, StatusCode::NOT_FOUND);

    let mut last = ask(3).await;
    for _ in 0..30 {
        last = ask(3).await;
    }
    assert_eq!(
        (last.0, last.1.code().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "rate-limited")
    );
}

#[tokio::test]
async fn the_directory_is_for_people_who_are_signed_in() {
    let server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let (client, _) = server.join(&ana).await;
    server.join(&ben).await;
    let lookup = Lookup { handle: "ben".into() };
    assert_eq!(
        server.client().post("/v1/directory", &lookup).await.0,
        StatusCode::UNAUTHORIZED
    );
    let expected = DirectoryEntry {
        principal: ben.principal,
        chain: vec![B64(ben.signed.clone())],
    };
    let (status, body) = client.post("/v1/directory", &lookup).await;
    assert_eq!((status, body.json()), (StatusCode::OK, expected.clone()));
    let (status, body) = client.get(&format!("/v1/directory/{}", ben.principal)).await;
    assert_eq!((status, body.json()), (StatusCode::OK, expected));
    assert_eq!(
        client
            .post(
                "/v1/directory",
                &Lookup {
                    handle: "nobody".into()
                }
            )
            .await
            .0,
        StatusCode::NOT_FOUND
    );
    for odd in ["00".repeat(16), "x".into(), "AA".repeat(16)] {
        assert_eq!(
            client.get(&format!("/v1/directory/{odd}")).await.0,
            StatusCode::NOT_FOUND
        );
    }
}
