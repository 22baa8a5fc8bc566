//! Bad input, a full disk, a panic, a damaged folder: what each gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_protocol::id::PackId;
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::wire::{BeginPack, Entries, PackQuery, PackStates};
use holdfast_server::folder::Folder;
use holdfast_server::ports::{BlobId, Blobs, Result, StoreError};
use holdfast_server::serve::{Ports, start_on};
use holdfast_server::sqlite::Sqlite;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::packs::content;
use crate::people::Person;
use crate::server::{Client, Server, TestClock, config};
use crate::space::Space;

#[tokio::test]
async fn malformed_messages_get_an_error_body() {
    let server = Server::start().await;
    let client = server.client();
    for body in [
        "",
        "{",
        "[]",
        "null",
        r#"{"handle":1}"#,
        r#"{"handle":"a","more":1}"#,
        "{\"handle\":\"\u{0}",
    ] {
        let (status, answer) = client
            .send(client.request(Method::POST, "/v1/signin/start").body(body))
            .await;
        assert_eq!(
            (status, answer.code().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
            "{body}"
        );
    }
    let big = client
        .request(Method::POST, "/v1/signin/start")
        .body(vec![b' '; 70_000]);
    let (status, answer) = client.send(big).await;
    assert_eq!(
        (status, answer.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "too-large")
    );
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/v1"),
        (Method::GET, "/v2/me"),
        (Method::PATCH, "/v1/me"),
        (Method::GET, "/v1/accounts"),
        (Method::GET, "/v1/../healthz/.."),
    ] {
        let (status, answer) = client.send(client.request(method, path)).await;
        assert_eq!(
            (status, answer.code().as_str()),
            (StatusCode::NOT_FOUND, "not-found"),
            "{path}"
        );
    }
}

/// Bytes that are announced and never come don't hold the server's stop up for longer than its limit, and harm nobody else.
#[tokio::test]
async fn half_a_request_harms_nobody() {
    let server = Server::start().await;
    let address = server.running().local_addr();
    let mut half = tokio::net::TcpStream::connect(address).await.unwrap();
    half.write_all(b"POST /v1/signin/start HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
        .await
        .unwrap();
    let mut garbage = tokio::net::TcpStream::connect(address).await.unwrap();
    garbage
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(5), garbage.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 400"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(server.client().get("/healthz").await.0, StatusCode::OK);
    drop(half);
}

/// A folder whose disk is full, or whose code panics, when a test says so.
struct Broken {
    inner: Folder,
    full: AtomicBool,
    panics: AtomicBool,
}

#[async_trait]
impl Blobs for Broken {
    async fn write_part(&self, blob: BlobId, part: u32, bytes: Bytes) -> Result<()> {
        assert!(!self.panics.load(Ordering::SeqCst), "as the test asked");
        if self.full.load(Ordering::SeqCst) {
            return Err(StoreError::DiskFull);
        }
        self.inner.write_part(blob, part, bytes).await
    }
    async fn read(&self, blob: BlobId, part: u32, offset: u64, length: usize) -> Result<Bytes> {
        self.inner.read(blob, part, offset, length).await
    }
    async fn delete(&self, blob: BlobId) -> Result<()> {
        self.inner.delete(blob).await
    }
    async fn list(&self) -> Result<Vec<BlobId>> {
        self.inner.list().await
    }
    async fn tidy(&self, older_than: Duration) -> Result<()> {
        self.inner.tidy(older_than).await
    }
}

#[tokio::test]
async fn a_full_disk_and_a_panic_are_answered_and_pass() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Arc::new(Broken {
        inner: Folder::open(folder.path().join("packs")).unwrap(),
        full: AtomicBool::new(false),
        panics: AtomicBool::new(false),
    });
    let database = Arc::new(Sqlite::open(&folder.path().join("holdfast.db")).await.unwrap());
    let ports = Ports {
        database: database.clone(),
        blobs: blobs.clone(),
        clock: Arc::new(TestClock::default()),
    };
    let running = start_on(config(folder.path()), ports).await.unwrap();
    let ana = Person::new(1, "ana");
    let mut client = Client::new(format!("http://{}", running.local_addr()));
    client.post("/v1/accounts", &Space::vault(&ana).sign_up(&ana)).await;
    let now = holdfast_server::ports::Clock::now_ms(&holdfast_server::ports::SystemClock);
    client.token = Some(client.sign_in(&ana, now).await.access);
    let mut space = Space::project(&ana);
    assert_eq!(space.create(&client).await.0, StatusCode::CREATED);
    let id = PackId([3; 16]);
    client
        .post(&space.path("packs"), &BeginPack { id, bytes: WINDOW })
        .await;
    let part = space.path(&format!("packs/{id}/parts/0"));

    blobs.full.store(true, Ordering::SeqCst);
    let (status, body) = client.put_bytes(&part, content(WINDOW)).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::INSUFFICIENT_STORAGE, "disk-full")
    );
    blobs.full.store(false, Ordering::SeqCst);
    blobs.panics.store(true, Ordering::SeqCst);
    let (status, body) = client.put_bytes(&part, content(WINDOW)).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal")
    );
    assert!(
        !String::from_utf8_lossy(&body.0).contains("as the test asked"),
        "a panic's words stay inside"
    );
    blobs.panics.store(false, Ordering::SeqCst);
    let query = PackQuery { ids: vec![id] };
    let (_, body) = client.post(&space.path("packs/query"), &query).await;
    assert!(body.json::<PackStates>().packs[0].parts.is_empty(), "nothing half done");
    assert_eq!(
        client.put_bytes(&part, content(WINDOW)).await.0,
        StatusCode::NO_CONTENT,
        "and on it goes"
    );

    for _ in 0..3 {
        database.limit_pages(8).await.unwrap();
        let before = space.seq;
        let full = loop {
            let mut entry = space.commit(&ana);
            entry.body = Some(vec![1; 16 << 10]);
            let (status, body) = space.send(&client, &ana, entry).await;
            if status != StatusCode::CREATED {
                break (status, body.code());
            }
            assert!(space.seq < before + 20, "the database never was full");
        };
        assert_eq!(full, (StatusCode::INSUFFICIENT_STORAGE, "disk-full".into()));
        let (_, body) = client.get(&space.path(&format!("entries?from={before}"))).await;
        let stored: Entries = body.json();
        assert_eq!(
            (stored.head.seq, stored.head.hash),
            (space.seq, space.head),
            "what was acknowledged, and no more"
        );
        database.limit_pages(1_000).await.unwrap();
        space.must(&client, &ana, space.commit(&ana)).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn damaged_bytes_never_look_whole() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, _) = server.join(&ana).await;
    let space = Space::project(&ana);
    space.create(&client).await;
    let id = PackId([3; 16]);
    client
        .post(&space.path("packs"), &BeginPack { id, bytes: 8 * WINDOW })
        .await;
    client
        .put_bytes(&space.path(&format!("packs/{id}/parts/0")), content(8 * WINDOW))
        .await;
    let find = |folder: std::path::PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let part = find(server.data().join("packs"))
        .flat_map(find)
        .flat_map(find)
        .next()
        .unwrap();
    std::fs::File::options()
        .write(true)
        .open(part)
        .unwrap()
        .set_len(5 * WINDOW)
        .unwrap();
    let request = client.request(Method::GET, &space.path(&format!("packs/{id}/bytes")));
    let response = request.send().await.unwrap();
    response
        .bytes()
        .await
        .expect_err("the answer is cut off before its announced length");
}

#[tokio::test]
async fn a_damaged_log_is_not_served_on() {
    let mut server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, _) = server.join(&ana).await;
    let mut space = Space::project(&ana);
    space.create(&client).await;
    space.must(&client, &ana, space.commit(&ana)).await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", server.data().join("holdfast.db").display()))
        .await
        .unwrap();
    sqlx::query("DROP TRIGGER entries_stay").execute(&pool).await.unwrap();
    sqlx::query("UPDATE entries SET signed = x'00' WHERE seq = 1")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    server.restart().await;
    let client = server.sign_in(&ana).await;
    let (status, body) = space.clone().send(&client, &ana, space.commit(&ana)).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        "nothing is built on it"
    );
}
