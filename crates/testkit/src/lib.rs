//! A hermetic place to test in: a real server in this process, and devices that share nothing but its address.

#![deny(missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use holdfast_crypto::rsa::Bits;
use holdfast_crypto::{MIN_LOG2_N, Phrase};
use holdfast_device::{HttpTransport, SqliteStore, SystemClock};
use holdfast_engine::ports::Transport;
use holdfast_engine::{Host, Kit, NewAccount, Session};
use holdfast_server::{Config, Running};
use tempfile::TempDir;

/// A server and a folder for everything around it.
pub struct Stage {
    folder: TempDir,
    server: Running,
}

impl Stage {
    /// Starts a server on a new folder.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data: folder.path().join("server"),
            listen: ([127, 0, 0, 1], 0).into(),
            quota_bytes: 1 << 40,
            origin: None,
            open_signup: true,
            metrics: None,
            tls: None,
            witnesses: Vec::new(),
        };
        let server = holdfast_server::start(config).await.expect("the server starts");
        Self { folder, server }
    }

    /// The server's address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.local_addr())
    }

    /// The folder around everything.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A private folder for packs on their way.
    #[must_use]
    pub fn spool(&self, device: &str) -> PathBuf {
        self.folder().join(format!("{device}-spool"))
    }

    /// A device: the same name is the same device.
    ///
    /// # Panics
    /// When its store can't be opened.
    pub async fn device(&self, name: &str) -> Host {
        let transport = HttpTransport::new(&self.url()).expect("a loopback address");
        self.device_over(name, Arc::new(transport)).await
    }

    /// A device that reaches the server another way.
    ///
    /// # Panics
    /// When its store can't be opened.
    pub async fn device_over(&self, name: &str, transport: Arc<dyn Transport>) -> Host {
        device_in(self.folder(), name, transport).await
    }

    /// Somebody with a new account: 2048 bits, the lowest cost the product allows.
    ///
    /// # Panics
    /// When signing up fails.
    pub async fn person(&self, handle: &str) -> Session {
        self.person_with(handle, false).await.0
    }

    /// The same, with a Recovery Kit.
    ///
    /// # Panics
    /// When signing up fails.
    pub async fn person_with(&self, handle: &str, kit: bool) -> (Session, Option<Kit>) {
        let phrase = phrase(handle);
        let account = NewAccount {
            kit,
            ..account(handle, &phrase)
        };
        Session::sign_up(self.device(handle).await, account)
            .await
            .expect("signing up")
    }

    /// Stops the server.
    pub async fn stop(self) -> TempDir {
        self.server.stop().await;
        self.folder
    }
}

/// A device of this name, which keeps what it has in a folder.
///
/// # Panics
/// When its store can't be opened.
pub async fn device_in(folder: &Path, name: &str, transport: Arc<dyn Transport>) -> Host {
    let store = SqliteStore::open(&folder.join(format!("{name}.db")))
        .await
        .expect("a store");
    Host {
        transport,
        store: Arc::new(store),
        clock: Arc::new(SystemClock),
    }
}

/// What an account is made from that costs as little as the product allows: 2048 bits, no kit.
#[must_use]
pub fn account<'a>(handle: &'a str, phrase: &'a Phrase) -> NewAccount<'a> {
    NewAccount {
        handle,
        display_name: handle,
        phrase,
        bits: Bits::B2048,
        log2_n: MIN_LOG2_N,
        kit: false,
        second: None,
    }
}

/// Somebody with a new account, on a device that reaches its server some way. The Master Key is the device's: who has the same name
/// twice does not have the same keys twice.
///
/// # Panics
/// When signing up fails.
pub async fn person_on(folder: &Path, device: &str, handle: &str, transport: Arc<dyn Transport>) -> Session {
    let host = device_in(folder, device, transport).await;
    let signed_up = Session::sign_up(host, account(handle, &phrase(device))).await;
    signed_up.expect("signing up").0
}

/// The Master Key of a person of these tests.
///
/// # Panics
/// Never: the text is a usable phrase.
#[must_use]
pub fn phrase(handle: &str) -> Phrase {
    Phrase::new(&format!("the master key of {handle} in a test")).expect("a usable phrase")
}
