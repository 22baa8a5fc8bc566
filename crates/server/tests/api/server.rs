//! A server on a folder of its own with a clock that tests move, and a small client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_protocol::wire::{ErrorBody, SignInChallenge, SignInStart, Tokens};
use holdfast_server::folder::Folder;
use holdfast_server::ports::{Clock, SystemClock};
use holdfast_server::serve::{Ports, start_on};
use holdfast_server::sqlite::Sqlite;
use holdfast_server::{Config, Running};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::people::Person;
use crate::space::Space;

/// The computer's clock, or the moment at which a test stopped it, and what a test added.
#[derive(Default)]
pub struct TestClock {
    added: AtomicU64,
    stopped: AtomicU64,
}

impl TestClock {
    pub fn add_ms(&self, ms: u64) {
        self.added.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn stop(&self) {
        self.stopped.store(SystemClock.now_ms(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> u64 {
        let begun = match self.stopped.load(Ordering::SeqCst) {
            0 => SystemClock.now_ms(),
            stopped => stopped,
        };
        begun + self.added.load(Ordering::SeqCst)
    }
}

pub const MINUTE: u64 = 60_000;
pub const DAY: u64 = 24 * 60 * MINUTE;

pub fn config(data: &Path) -> Config {
    Config {
        data: data.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        quota_bytes: 64 << 20,
        origin: None,
        open_signup: true,
        metrics: None,
        tls: None,
        witnesses: Vec::new(),
    }
}

/// A server under test.
pub struct Server {
    running: Option<Running>,
    folder: tempfile::TempDir,
    pub clock: Arc<TestClock>,
    pub database: Arc<Sqlite>,
    config: Config,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// Starts with a changed configuration.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&folder.path().join("data"));
        change(&mut config);
        let clock = Arc::new(TestClock::default());
        let (running, database) = Self::run(&config, &clock).await;
        Self {
            running: Some(running),
            folder,
            clock,
            database,
            config,
        }
    }

    async fn run(config: &Config, clock: &Arc<TestClock>) -> (Running, Arc<Sqlite>) {
        std::fs::create_dir_all(&config.data).unwrap();
        let database = Arc::new(Sqlite::open(&config.data.join("holdfast.db")).await.unwrap());
        let ports = Ports {
            database: database.clone(),
            blobs: Arc::new(Folder::open(config.data.join("packs")).unwrap()),
            clock: clock.clone(),
        };
        (start_on(config.clone(), ports).await.unwrap(), database)
    }

    /// Stops and starts again on the same folder (at another port).
    pub async fn restart(&mut self) {
        self.running.take().unwrap().stop().await;
        let (running, database) = Self::run(&self.config, &self.clock).await;
        (self.running, self.database) = (Some(running), database);
    }

    /// The same with a changed configuration.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        self.restart().await;
    }

    pub fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub fn take(mut self) -> (Running, tempfile::TempDir) {
        (self.running.take().unwrap(), self.folder)
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.running().local_addr())
    }

    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A client that is not signed in.
    pub fn client(&self) -> Client {
        Client::new(self.base())
    }

    /// Signs somebody up and in. The vault comes along.
    pub async fn join(&self, person: &Person) -> (Client, Space) {
        let vault = Space::vault(person);
        let (status, _) = self.client().post("/v1/accounts", &vault.sign_up(person)).await;
        assert_eq!(status, StatusCode::CREATED);
        (self.sign_in(person).await, vault)
    }

    pub async fn sign_in(&self, person: &Person) -> Client {
        let tokens = self.tokens(person).await;
        let mut client = self.client();
        client.token = Some(tokens.access);
        client
    }

    pub async fn tokens(&self, person: &Person) -> Tokens {
        self.client().sign_in(person, self.now_ms()).await
    }
}

/// One client with its token.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    http: reqwest::Client,
    pub token: Option<String>,
}

/// The body of an answer.
pub struct Body(pub Vec<u8>);

impl Body {
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.0).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.0)))
    }

    pub fn code(&self) -> String {
        self.json::<ErrorBody>().code
    }
}

impl Client {
    pub fn new(base: String) -> Self {
        Self {
            base,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            token: None,
        }
    }

    pub async fn sign_in(&self, person: &Person, now_ms: u64) -> Tokens {
        let nonce = self.challenge(&person.handle).await.nonce.0;
        let (status, body) = self.post("/v1/signin", &person.proof(&self.base, &nonce, now_ms)).await;
        assert_eq!(status, StatusCode::OK);
        body.json()
    }

    pub async fn challenge(&self, handle: &str) -> SignInChallenge {
        let (status, body) = self
            .post("/v1/signin/start", &SignInStart { handle: handle.into() })
            .await;
        assert_eq!(status, StatusCode::OK);
        body.json()
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> (StatusCode, Body) {
        let response = request.send().await.unwrap();
        let status = response.status();
        assert!(
            response.headers().contains_key("x-request-id"),
            "every answer has a request id"
        );
        let body = Body(response.bytes().await.unwrap().to_vec());
        if !status.is_success() {
            let error: ErrorBody = body.json();
            assert!(
                !error.message.is_empty() && !error.next.is_empty(),
                "every error says what and what next"
            );
        }
        (status, body)
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Body) {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn delete(&self, path: &str) -> (StatusCode, Body) {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub async fn post(&self, path: &str, body: &impl Serialize) -> (StatusCode, Body) {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &impl Serialize) -> (StatusCode, Body) {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn put_bytes(&self, path: &str, body: Vec<u8>) -> (StatusCode, Body) {
        self.send(self.request(Method::PUT, path).body(body)).await
    }
}
