//! Devices that do not know the account which they take over: what they hear until they have it.
//!
//! By the Master Key, scrypt runs in every case, so this subject alters only what a sign-in hears before the account itself.
//! By the kit the root of the keys comes out of a box, and all that follows is the same code: this one alters everything. It
//! stops where the key change would begin that follows a recovery, and what counts is what the device has kept by then.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use holdfast_crypto::{Key32, MIN_LOG2_N};
use holdfast_engine::ports::{Request, Response, Transport, Unreachable};
use holdfast_engine::{Error, Host, NewKeys, Session};
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::Hash;
use holdfast_testkit::phrase;
use holdfast_tests::layer::{Exchange, route};
use tokio::sync::mpsc;

use super::story::{Device, Does, Subject, begin, reads};
use crate::rows::Rows;
use crate::scene::{Desk, Scene};

const EMIL: &str = "emil@example.org";
const SIGN_IN: [&str; 2] = ["POST /v1/signin/start", "POST /v1/signin"];

/// What opens the account.
pub(super) enum By {
    MasterKey,
    /// The code of the kit.
    Kit(String),
}

impl By {
    /// Whether an answer is altered.
    pub(super) fn hears(&self, request: &Request) -> bool {
        match self {
            Self::MasterKey => SIGN_IN.contains(&route(request).as_str()),
            Self::Kit(_) => true,
        }
    }
}

/// His keys after he changed them once, so that there is a chain, and a box that links its two ends.
fn master_key() -> holdfast_crypto::Phrase {
    phrase("emil, the second")
}

fn new_keys(kit: bool) -> NewKeys {
    NewKeys {
        bits: None,
        kit,
        ..NewKeys::at(MIN_LOG2_N)
    }
}

/// Comes to the account, and says what the device has then.
pub(super) async fn comes(by: &By, device: &Device, folder: &Path) -> Result<Vec<String>, Error> {
    let code = match by {
        By::MasterKey => {
            let key = master_key();
            let signed_in = device
                .session
                .get_or_try_init(|| Session::sign_in(device.host.clone(), EMIL, &key));
            return reads(Box::pin(signed_in).await?, folder).await;
        }
        By::Kit(code) => code,
    };
    let way = Arc::new(UntilTaken {
        way: device.host.transport.clone(),
        asked: AtomicUsize::new(0),
    });
    let host = Host {
        transport: way.clone(),
        ..device.host.clone()
    };
    let key = phrase("never in use");
    match Box::pin(Session::recover(host, code, &key, new_keys(false))).await {
        Ok(_) => panic!("the keys were changed without a server"),
        Err(_) if way.asked.load(Ordering::SeqCst) > 1 => Ok(kept(&device.rows)),
        Err(error) => Err(error),
    }
}

/// What is in a device's rows: of those that lie in clear what they say, of the others that they are there.
fn kept(rows: &Rows) -> Vec<String> {
    let rows = rows.all().into_iter();
    let lines = rows.map(|((table, key), value)| {
        let clear = table == "entries" || (table, key.as_slice()) == ("account", b"record");
        let content = if clear {
            Hash::of(&value).to_string()
        } else {
            String::new()
        };
        format!("{table} {} {content}", hex::encode(key))
    });
    lines.collect()
}

/// A way that ends where a recovery has taken the account over: the key change asks for the account once more.
struct UntilTaken {
    way: Arc<dyn Transport>,
    asked: AtomicUsize,
}

#[async_trait]
impl Transport for UntilTaken {
    fn origin(&self) -> &str {
        self.way.origin()
    }

    async fn send(&self, request: Request) -> Result<Response, Unreachable> {
        if route(&request) == "GET /v1/me" && self.asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return Err(Unreachable::unsent("as far as it goes"));
        }
        self.way.send(request).await
    }

    async fn listen(&self, path: &str, token: &str) -> Result<mpsc::Receiver<String>, Unreachable> {
        self.way.listen(path, token).await
    }
}

/// An account with a past, to which devices will come.
pub(super) struct Newcomers {
    kit: String,
    /// His device as it is, and what opens it.
    rows: Arc<Rows>,
    quick: Key32,
    older: Vec<Exchange>,
}

impl Newcomers {
    pub(super) async fn begin(scene: &Scene, friend: &Desk) -> Self {
        let (emil, rows) = begin(scene, EMIL).await;
        let space = scene.project(&emil).await;
        emil.session
            .share(space, &friend.handle, Role::Reader)
            .await
            .expect("sharing");
        emil.session.check_account().await.expect("the account");
        let kit = Box::pin(emil.session.change_keys(&master_key(), new_keys(true))).await;
        let kit = kit.expect("a key change").expect("a kit");
        let quick = emil.session.allow_quick_unlock().await.expect("a key");
        Self {
            kit: kit.code.to_string(),
            rows,
            quick,
            older: emil.layer.record(),
        }
    }

    pub(super) async fn subjects(self, scene: &Scene) -> Vec<Arc<Subject>> {
        let Self {
            kit,
            rows,
            quick,
            older,
        } = self;
        let nothing = Rows::default();
        let by_key = Does::Comes(By::MasterKey);
        let by_kit = Does::Comes(By::Kit(kit));
        let returning = rows.copy();
        returning.forget("tokens", b"current");
        let subjects = vec![
            Subject::new("sign-in", scene, &nothing, None, by_key, older.clone()).await,
            Subject::new("kit", scene, &nothing, None, by_kit, older.clone()).await,
            Subject::new("returning", scene, &returning, Some(quick), Does::Returns, older).await,
        ];
        // What the kit's device has kept is all of the account: it opens by the Master Key, and reads.
        let device = subjects[1].device(subjects[1].server.clone());
        let folder = scene.stage.folder().join("kit-opened");
        subjects[1].run(&device, &folder).await.expect("the account");
        let opened = Box::pin(Session::unlock(device.host.clone(), &master_key())).await;
        let read = reads(&opened.expect("his device"), &folder).await.expect("everything");
        assert_eq!(read, subjects[0].honest, "the kit came to another account");
        subjects
    }
}
