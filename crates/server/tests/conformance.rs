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
    ] {
        sqlx::query(statement).execute(&pool).await.expect_err(statement);
    }
}
