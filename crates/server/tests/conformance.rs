//! The default adapters do what the ports say.

#![allow(clippy::unwrap_used)]

use holdfast_server::ports::{BlobId, Blobs as _, Database as _, StoreError};
use holdfast_server::{conformance, folder::Folder, sqlite::Sqlite};

#[tokio::test]
async fn sqlite() {
    let data = tempfile::tempdir().unwrap();
    let database = Sqlite::open(&data.path().join("holdfast.db")).await.unwrap();
    conformance::database(&database).await;
    database.close().await;
}

#[tokio::test]
async fn folder() {
    let data = tempfile::tempdir().unwrap();
    conformance::blobs(&Folder::open(data.path().join("packs")).unwrap()).await;
}

#[tokio::test]
async fn a_folder_forgets_writes_that_never_ended() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::open(data.path()).unwrap();
    let blob = BlobId([7; 16]);
    folder.write_part(blob, 0, "whole".into()).await.unwrap();
    let unfinished = data.path().join("07").join(hex::encode(blob.0)).join(".part-x");
    std::fs::write(&unfinished, "ha").unwrap();
    folder.tidy(std::time::Duration::from_secs(3600)).await.unwrap();
    assert!(unfinished.exists(), "it may still be under way");
    folder.tidy(std::time::Duration::ZERO).await.unwrap();
    assert!(!unfinished.exists());
    assert_eq!(folder.read(blob, 0, 0, 5).await.unwrap(), "whole");
}

#[tokio::test]
async fn sqlite_stays_and_knows_its_version() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("holdfast.db");
    let database = Sqlite::open(&file).await.unwrap();
    let secret = database.secret().await.unwrap();
    database.close().await;
    let database = Sqlite::open(&file).await.unwrap();
    assert_eq!(database.secret().await.unwrap(), secret);
    database.close().await;

    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
    sqlx::query("PRAGMA user_version = 99").execute(&pool).await.unwrap();
    pool.close().await;
    let Err(StoreError::Broken(why)) = Sqlite::open(&file).await else {
        panic!("a newer database was opened")
    };
    assert!(why.contains("newer"), "{why}");
}

#[tokio::test]
async fn logs_and_chains_only_grow() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("holdfast.db");
    let database = Sqlite::open(&file).await.unwrap();
    conformance::database(&database).await;
    database.close().await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    for statement in [
        "DELETE FROM entries",
        "UPDATE entries SET signed = x'00'",
        "DELETE FROM bundles",
        "UPDATE bundles SET kdf = x'00'",
        "UPDATE run_boxes SET sealed = x'00'",
        "UPDATE run_results SET sealed = x'00'",
    ] {
        sqlx::query(statement).execute(&pool).await.expect_err(statement);
    }
}

/// A database that was there before nodes were keeps its people, and whatever refers to them.
#[tokio::test]
async fn an_earlier_database_is_brought_up_to_date() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("holdfast.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}?mode=rwc", file.display()))
        .await
        .unwrap();
    for migration in [
        include_str!("../migrations/0001_begin.sql"),
        include_str!("../migrations/0002_staged.sql"),
    ] {
        sqlx::raw_sql(migration).execute(&pool).await.unwrap();
    }
    sqlx::raw_sql(
        "INSERT INTO accounts VALUES (zeroblob(16), 'ana', zeroblob(32), 7);
         INSERT INTO bundles VALUES (zeroblob(16), 0, zeroblob(32), x'01', x'02');
         INSERT INTO devices VALUES (zeroblob(16), zeroblob(16), 1, 1, zeroblob(32), 9);
         INSERT INTO spaces VALUES (zeroblob(32), 0, zeroblob(32));
         INSERT INTO members VALUES (zeroblob(32), zeroblob(16), 2, NULL);
         INSERT INTO packs VALUES (zeroblob(16), zeroblob(32), zeroblob(16), zeroblob(16), 5, 1, 1, 0, NULL);",
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;
    let database = Sqlite::open(&file).await.unwrap();
    let ana = database.account_by_handle("ana").await.unwrap().unwrap();
    assert_eq!((ana.vault.map(|vault| vault.0), ana.ended), (Some([0; 32]), false));
    assert_eq!(database.heads_of(ana.principal).await.unwrap().len(), 1);
    assert_eq!(database.usage(ana.vault.unwrap()).await.unwrap().live_bytes, 5);
    database.close().await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", file.display()))
        .await
        .unwrap();
    let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(&pool).await.unwrap();
    assert!(dangling.is_empty());
    let created: i64 = sqlx::query_scalar("SELECT created_ms FROM accounts")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(created, 7);
    sqlx::query("INSERT INTO bundles VALUES (x'01010101010101010101010101010101', 0, randomblob(32), x'01', x'02')")
        .execute(&pool)
        .await
        .expect_err("bundles refer to accounts still");
}
