//! An operator frees a handle, with a server running on the folder.

use holdfast_protocol::id::{Hash, Locator};
use holdfast_protocol::transparency::{Head, Leaf, continues, included};
use holdfast_protocol::wire::{
    AskProof, B64, DirectoryEntry, Lookup, Me, MoveAccount, Proof, Recover, RecoveryBox, Refresh, SpaceHead,
};
use holdfast_server::ops::{self, Error, Level};
use holdfast_server::ports::Database as _;
use reqwest::StatusCode;
use tokio_util::sync::CancellationToken;

use crate::people::Person;
use crate::server::{Client, Server};
use crate::space::Space;

async fn prove(client: &Client, leaf: Hash, earlier: u64) -> (Head, Proof) {
    let ask = AskProof {
        leaves: vec![leaf],
        sizes: vec![earlier],
    };
    let (status, body) = client.post("/v1/directory/proof", &ask).await;
    assert_eq!(status, StatusCode::OK);
    let proof: Proof = body.json();
    (Head::from_checkpoint(&proof.checkpoint, &proof.key.0).unwrap(), proof)
}

fn sound(report: &ops::DoctorReport) {
    let wrong: Vec<_> = report
        .findings
        .iter()
        .filter(|found| found.level != Level::Ok && found.code != "disk-space" && found.code != "permissions")
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_freed_handle_goes_to_the_next_one_and_all_that_was_signed_stays() {
    let mut server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let (client, _) = server.join(&ana).await;
    let mut vault = Space::vault(&ben);
    let mut sign_up = vault.sign_up(&ben);
    let locator = Locator([7; 16]);
    sign_up.recovery = Some(RecoveryBox {
        locator,
        sealed: B64(vec![1; 80]),
    });
    assert_eq!(client.post("/v1/accounts", &sign_up).await.0, StatusCode::CREATED);
    let tokens = server.tokens(&ben).await;
    let mut his = server.client();
    his.token = Some(tokens.access.clone());
    vault.must(&his, &ben, vault.commit(&ben)).await;
    let leaf = Leaf::of(&ben.bundle).hash();
    let (before, _) = prove(&client, leaf, 0).await;
    // What was begun before must not end after it.
    let nonce = his.challenge("ben").await.nonce.0;

    let data = server.data();
    for unknown in ["nobody", "released 02020202020202020202020202020202", ""] {
        let refused = ops::reset_account(&data, unknown).await.unwrap_err();
        assert!(matches!(refused, Error::NoAccount(_)) && refused.code() == "not-found");
    }
    let report = ops::reset_account(&data, "ben").await.unwrap();
    assert_eq!((report.id, report.devices), (ben.principal.to_string(), 1));
    assert!(ops::reset_account(&data, "ben").await.is_err(), "it is free");

    // Nobody is let in as the old account: not by tokens, a signature, the kit, the first sign-up again, nor a move from elsewhere.
    let ended = StatusCode::UNAUTHORIZED;
    assert_eq!(his.get("/v1/me").await.0, ended);
    let refresh = Refresh {
        refresh: tokens.refresh,
    };
    assert_eq!(server.client().post("/v1/token", &refresh).await.0, ended);
    let (status, body) = his
        .post("/v1/signin", &ben.proof(&his.base, &nonce, server.now_ms()))
        .await;
    assert_eq!((status, body.code().as_str()), (ended, "sign-in-refused"));
    assert_eq!(
        his.post("/v1/recovery", &Recover { locator }).await.0,
        StatusCode::NOT_FOUND
    );
    let nonce = his.challenge("ben").await.nonce.0;
    let back = MoveAccount {
        chain: vec![B64(ben.signed.clone())],
        links: Vec::new(),
        vault: sign_up.vault.clone(),
        recovery: None,
        proof: ben.proof(&his.base, &nonce, server.now_ms()),
    };
    let (status, body) = his.post("/v1/accounts/move", &back).await;
    assert_eq!((status, body.code().as_str()), (ended, "sign-in-refused"));
    his.post("/v1/accounts", &sign_up).await;
    let lookup = Lookup { handle: "ben".into() };
    assert_eq!(client.post("/v1/directory", &lookup).await.0, StatusCode::NOT_FOUND);

    // The next one has it, with a vault of its own.
    let next = Person::new(3, "ben");
    let (newcomer, _) = server.join(&next).await;
    let me: Me = newcomer.get("/v1/me").await.1.json();
    assert_eq!(me.chain, [B64(next.signed.clone())]);
    let found: DirectoryEntry = client.post("/v1/directory", &lookup).await.1.json();
    assert_eq!(found.principal, next.principal);
    let heads: Vec<SpaceHead> = newcomer.get("/v1/spaces").await.1.json();
    assert!(heads.iter().all(|head| head.space != vault.id));
    assert_ne!(newcomer.get(&vault.path("entries")).await.0, StatusCode::OK);

    // By id the old chain is served, and the log of keys goes on from what was seen; also after a restart, which reads it anew.
    for restarted in [false, true] {
        if restarted {
            server.restart().await;
        }
        let client = server.sign_in(&ana).await;
        let path = format!("/v1/directory/{}", ben.principal);
        let old: DirectoryEntry = client.get(&path).await.1.json();
        assert_eq!(old.chain, [B64(ben.signed.clone())]);
        let (head, proof) = prove(&client, leaf, before.size).await;
        let there = proof.inclusion[0].as_ref().unwrap();
        assert!(included(leaf, there.number, head.size, head.root, &there.path));
        let path = proof.consistency[0].as_ref().unwrap();
        assert!(continues((before.size, before.root), (head.size, head.root), path));
        sound(&ops::doctor(&server.data(), &|_| ()).await);
    }
    let stored = server.database.entries(vault.id, 0, 10).await.unwrap();
    assert_eq!(stored.len(), 2, "his vault is as it was");
}

#[tokio::test]
async fn a_backup_knows_of_it_and_a_doctor_finds_a_half_freed_handle() {
    let server = Server::start().await;
    let ben = Person::new(2, "ben");
    server.join(&ben).await;
    ops::reset_account(&server.data(), "ben").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (out, back) = (folder.path().join("backup"), folder.path().join("data"));
    let stop = CancellationToken::new();
    ops::backup(&server.data(), &out, &|_| (), &stop).await.unwrap();
    ops::restore(&out, &back, &|_| (), &stop).await.unwrap();
    sound(&ops::doctor(&back, &|_| ()).await);
    assert!(matches!(
        ops::reset_account(&back, "ben").await,
        Err(Error::NoAccount(_))
    ));

    let change = async |statement: &'static str| {
        let file = back.join("holdfast.db");
        let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display()))
            .await
            .unwrap();
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        pool.close().await;
        ops::doctor(&back, &|_| ()).await
    };
    for half in [
        "UPDATE accounts SET handle = 'ben'",
        "UPDATE accounts SET handle = 'released ' || lower(hex(principal)); DELETE FROM released",
    ] {
        let seen = change(half).await;
        let found = seen.findings.iter().find(|found| found.code == "handles").unwrap();
        assert_eq!(found.level, Level::Bad, "{half}");
    }

    // What an older server may be running on is not touched; nor what is no server's.
    change("PRAGMA user_version = 4").await;
    let older = ops::reset_account(&back, "ben").await.unwrap_err();
    assert!(matches!(older, Error::Older) && older.code() == "invalid");
    assert!(matches!(
        ops::reset_account(folder.path(), "ben").await,
        Err(Error::NoData(_))
    ));
    std::fs::create_dir(back.join(".restoring")).unwrap();
    assert!(matches!(ops::reset_account(&back, "ben").await, Err(Error::Busy(_))));
}
