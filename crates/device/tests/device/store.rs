//! The store: all or nothing, in order, and still there after reopening.

use std::path::PathBuf;
use std::sync::Arc;

use holdfast_device::SqliteStore;
use holdfast_engine::Error;
use holdfast_engine::ports::{Change, Store};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

fn put(table: &'static str, key: &[u8], value: &[u8]) -> Change {
    Change::Put(table, key.to_vec(), value.to_vec())
}

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.db");
    (folder, path)
}

#[tokio::test]
async fn rows_are_kept_by_table_and_key() {
    let (_folder, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.get("a", b"k").await.unwrap(), None);
    store
        .write(vec![put("a", b"k", b"1"), put("b", b"k", b"2"), put("a", b"", b"")])
        .await
        .unwrap();
    assert_eq!(store.get("a", b"k").await.unwrap().unwrap(), b"1");
    assert_eq!(store.get("b", b"k").await.unwrap().unwrap(), b"2");
    assert_eq!(store.get("a", b"").await.unwrap().unwrap(), b"");
    // In the order given: the last one counts.
    let changes = vec![
        Change::Delete("a", b"k".to_vec()),
        put("a", b"k", b"3"),
        put("b", b"k", b"4"),
    ];
    store.write(changes).await.unwrap();
    store
        .write(vec![
            Change::Delete("b", b"k".to_vec()),
            Change::Delete("b", b"none".to_vec()),
        ])
        .await
        .unwrap();
    store.write(vec![]).await.unwrap();
    store.close().await;
    assert!(store.get("a", b"k").await.is_err());

    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.get("a", b"k").await.unwrap().unwrap(), b"3");
    assert_eq!(store.get("b", b"k").await.unwrap(), None);
}

#[tokio::test]
async fn lists_are_by_prefix_and_in_order_of_bytes() {
    let (_folder, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let keys: [&[u8]; 9] = [
        b"b",
        b"a\xff\xff",
        b"a",
        b"a\x00",
        b"a\xffb",
        b"A",
        b"\xff\xff",
        b"\xff",
        b"a'; DROP TABLE rows; --",
    ];
    store
        .write(keys.iter().map(|key| put("t", key, key)).collect())
        .await
        .unwrap();
    store.write(vec![put("other", b"a1", b"x")]).await.unwrap();
    let list = async |prefix: &[u8]| {
        let rows = store.list("t", prefix).await.unwrap();
        assert!(rows.iter().all(|(key, value)| key == value));
        rows.into_keys().collect::<Vec<_>>()
    };
    let a: [&[u8]; 5] = [b"a", b"a\x00", b"a'; DROP TABLE rows; --", b"a\xffb", b"a\xff\xff"];
    assert_eq!(list(b"a").await, a);
    assert_eq!(list(b"a\xff").await, a[3..]);
    assert_eq!(list(b"\xff").await, [b"\xff".as_slice(), b"\xff\xff"]);
    assert_eq!(list(b"").await.len(), keys.len());
    assert!(list(b"c").await.is_empty());
    assert!(store.list("none", b"").await.unwrap().is_empty());
}

#[tokio::test]
async fn big_values_come_back_whole() {
    let (_folder, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    let big: Vec<u8> = (0..24_u32 << 20).map(|n| u8::try_from(n % 251).unwrap()).collect();
    store.write(vec![put("t", b"big", &big)]).await.unwrap();
    assert!(store.get("t", b"big").await.unwrap().unwrap() == big);
}

#[tokio::test]
async fn a_write_that_fails_in_the_middle_leaves_nothing() {
    let (_folder, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    store.write(vec![put("t", b"a", b"old")]).await.unwrap();
    let mut other = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&path))
        .await
        .unwrap();
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON rows WHEN new.key = x'62' BEGIN SELECT RAISE(ABORT, 'trap'); END";
    sqlx::raw_sql(trap).execute(&mut other).await.unwrap();
    let changes = vec![
        put("t", b"a", b"new"),
        Change::Delete("t", b"a".to_vec()),
        put("t", b"b", b"x"),
        put("t", b"c", b"x"),
    ];
    let error = store.write(changes).await.unwrap_err();
    assert!(error.to_string().contains("trap"), "{error}");
    let left = store.list("t", b"").await.unwrap();
    assert_eq!(left, [(b"a".to_vec(), b"old".to_vec())].into());
    // And the next one goes through: nothing is left open.
    store.write(vec![put("t", b"c", b"x")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_writes_whole() {
    let (_folder, path) = file();
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    let writers = (0_u8..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for turn in 0_u8..50 {
                let value = [writer, turn];
                store
                    .write(vec![put("t", b"a", &value), put("t", b"b", &value)])
                    .await
                    .unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        let rows = store.list("t", b"").await.unwrap();
        assert_eq!(rows.get(b"a".as_slice()), rows.get(b"b".as_slice()));
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn databases_of_others_and_of_the_future_are_refused() {
    let (_folder, path) = file();
    let newer = SqliteStore::open(&path).await.unwrap();
    newer.write(vec![put("t", b"a", b"1")]).await.unwrap();
    newer.close().await;
    let change = async |path: &PathBuf, sql: &'static str| {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    };
    change(&path, "PRAGMA user_version = 999").await;
    let error = SqliteStore::open(&path).await.err().unwrap();
    assert!(
        matches!(&error, Error::Invalid(text) if text.contains("newer version") && text.contains("999")),
        "{error}"
    );
    change(&path, "PRAGMA user_version = 1").await;
    assert!(
        SqliteStore::open(&path)
            .await
            .unwrap()
            .get("t", b"a")
            .await
            .unwrap()
            .is_some(),
        "nothing was changed"
    );

    let (_folder, path) = file();
    change(&path, "CREATE TABLE mail (x)").await;
    let error = SqliteStore::open(&path).await.err().unwrap();
    assert!(
        matches!(&error, Error::Invalid(text) if text.contains("not the database")),
        "{error}"
    );

    let (_folder, path) = file();
    std::fs::write(&path, [7; 5000]).unwrap();
    let error = SqliteStore::open(&path).await.err().unwrap();
    assert!(
        matches!(&error, Error::Io { reason, .. } if reason.contains("not a database")),
        "{error}"
    );

    let (folder, _) = file();
    let error = SqliteStore::open(&folder.path().join("none/p.db")).await.err().unwrap();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}
