//! What the engine needs from the machine it runs on. Small on purpose: a shell, a test or an evil server can stand in
//! for each of them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_protocol::id::Hash;
use tokio::sync::mpsc;

use crate::certificate::Distrust;

/// The way to a server: one request, one answer.
#[async_trait]
pub trait Transport: Send + Sync {
    /// The server's address: scheme, host and port, as the user gave it.
    fn origin(&self) -> &str;

    /// The fingerprint of the only key that this server may show; `None` where the computer's own roots decide, or nothing has to.
    fn pin(&self) -> Option<Hash> {
        None
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`Unreachable`] when no complete HTTP answer came back; every status is an answer.
    async fn send(&self, request: Request) -> Result<Response, Unreachable>;

    /// Listens to the server's events; each message is the `data` of one. The channel ends when the connection does.
    ///
    /// # Errors
    /// [`Unreachable`].
    async fn listen(&self, path: &str, token: &str) -> Result<mpsc::Receiver<String>, Unreachable>;
}

/// The server could not be reached, or the answer was cut short.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreachable {
    /// Why, in a few words.
    pub reason: String,
    /// Whether anything may have reached the server, which may then have acted on it. Not so where no connection came about.
    pub sent: bool,
    /// What kind of reason it is.
    pub cause: Cause,
}

/// Why nothing came back, as far as it decides what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The network, or a server that is down.
    Network,
    /// The server speaks TLS, and was spoken to without.
    NeedsTls,
    /// It was this device that did not go on: the server showed a key it does not trust.
    Distrust(Box<Distrust>),
}

impl Unreachable {
    /// The server may have got the request.
    #[must_use]
    pub fn silent(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            sent: true,
            cause: Cause::Network,
        }
    }

    /// The server speaks TLS. What it was sent was no TLS: it can't have acted on it.
    #[must_use]
    pub fn needs_tls() -> Self {
        Self {
            cause: Cause::NeedsTls,
            ..Self::unsent("it speaks https")
        }
    }

    /// Nothing was sent: the server can't have changed anything.
    #[must_use]
    pub fn unsent(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            sent: false,
            cause: Cause::Network,
        }
    }
}

/// HTTP methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes.
    Post,
    /// Sets.
    Put,
    /// Removes.
    Delete,
}

/// A request to the server.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Absolute path with query.
    pub path: String,
    /// Bearer token. Never logged.
    pub token: Option<String>,
    /// Body and whether it is JSON (else raw bytes).
    pub body: Option<(Bytes, bool)>,
    /// First and last byte wanted of the answer.
    pub range: Option<(u64, u64)>,
    /// The most bytes that the answer may have.
    pub limit: usize,
}

/// The server's answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// A change of the device's store.
#[derive(Clone)]
pub enum Change {
    /// Sets a row: table, key, value.
    Put(&'static str, Vec<u8>, Vec<u8>),
    /// Removes a row: table, key.
    Delete(&'static str, Vec<u8>),
}

/// The device's own store: rows of bytes by table and key. What is secret is boxed before it gets here.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads a row.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Reads the rows whose key begins with `prefix`, by key.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn list(&self, table: &'static str, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError>;

    /// Applies all changes or none.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError>;
}

/// The device's store failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No room left.
    #[error("the disk is full")]
    DiskFull,
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// The time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> u64;
}

/// What long work is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Deriving keys.
    Keys,
    /// Walking folders and reading files.
    Reading,
    /// Sealing and sending.
    Sending,
    /// Fetching and opening.
    Receiving,
    /// Copying what is sealed as it is.
    Copying,
    /// Comparing with the server or with disk.
    Checking,
    /// Writing the entry that makes it visible.
    Committing,
    /// Wrapping keys again.
    Rewrapping,
    /// Opening content and sealing it under new keys. Files are items here.
    Resealing,
}

/// How far long work is. Totals are 0 while they are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// Bytes (or things, where there are no bytes) done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
    /// Files done.
    pub files: u64,
    /// Of how many.
    pub files_total: u64,
}

impl Step {
    /// A stage in which there is nothing to count.
    #[must_use]
    pub const fn at(stage: Stage) -> Self {
        Self {
            stage,
            done: 0,
            total: 0,
            files: 0,
            files_total: 0,
        }
    }
}

/// Where long work reports to.
pub trait Progress: Send + Sync {
    /// Called often; must be cheap.
    fn report(&self, step: Step);
}

/// Nobody watches.
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Step) {}
}
