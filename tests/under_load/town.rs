//! A server that is killed and comes back, ten people on devices of their own, and three computers that do runs.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use holdfast_crypto::Phrase;
use holdfast_device::{HttpTransport, SqliteStore, SystemClock};
use holdfast_engine::{Host, Session};
use holdfast_protocol::id::PrincipalId;
use holdfast_testkit::{account, phrase};
use holdfast_tests::{Dice, Node, Person, Server};

/// The second owner, those who may write, those who read. Ana, the first owner, is number 0.
const OTHERS: [&str; 9] = ["olga", "carl", "cleo", "cyra", "cody", "cass", "rita", "rolf", "rosa"];
/// How long a device that was started again may take to unlock.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that outlives a round.
pub(crate) struct Town {
    pub(crate) root: tempfile::TempDir,
    pub(crate) server: Arc<Mutex<Server>>,
    pub(crate) url: String,
    /// Two owners, five contributors, three readers, in this order.
    pub(crate) people: Vec<Arc<Resident>>,
    pub(crate) nodes: Vec<Node>,
    /// Whether tasks can be carried out on this computer at all.
    pub(crate) runs: bool,
    /// The first owner with her terminal, who enrolled the nodes.
    _ana: Person,
}

/// Somebody with a device.
pub(crate) struct Resident {
    pub(crate) handle: String,
    pub(crate) store: PathBuf,
    pub(crate) spool: PathBuf,
    phrase: Phrase,
    url: String,
    session: RwLock<Arc<Session>>,
}

impl Resident {
    /// The unlocked account.
    pub(crate) fn session(&self) -> Arc<Session> {
        self.session.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn principal(&self) -> PrincipalId {
        self.session().principal()
    }

    /// The program was ended and is started again: nothing is left but what is on the disk.
    pub(crate) async fn start_again(&self) {
        let host = host(&self.url, &self.store).await;
        let session = Session::unlock(host, &self.phrase).await.expect("it unlocks");
        *self.session.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(session);
    }

    /// The same person on a device that has never been used.
    pub(crate) async fn on_new_device(&self, store: &Path) -> Session {
        let host = host(&self.url, store).await;
        Session::sign_in(host, &self.handle, &self.phrase)
            .await
            .expect("signing in")
    }
}

pub(crate) async fn host(url: &str, store: &Path) -> Host {
    Host {
        transport: Arc::new(HttpTransport::new(url).expect("an address")),
        store: Arc::new(SqliteStore::open(store).await.expect("a store")),
        clock: Arc::new(SystemClock),
    }
}

impl Town {
    pub(crate) async fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let server = Server::start(&root.path().join("server"));
        let url = server.url();
        // The terminal is another device of Ana's: what follows works through her session here.
        let (ana, nodes) = tokio::task::block_in_place(|| {
            let ana = Person::sign_up(root.path(), &url, "ana@example.org");
            let nodes = ["box-1", "box-2", "box-3"].map(|name| Node::enrol(&ana, &url, name));
            (ana, nodes)
        });
        let key = std::fs::read_to_string(ana.key_file()).expect("the Master Key");
        let first = Resident::sign_in(root.path(), &url, ana.handle(), &key).await;
        let mut people = vec![Arc::new(first)];
        let signing_up: Vec<_> = OTHERS
            .iter()
            .map(|name| {
                let (root, url, name) = (root.path().to_owned(), url.clone(), *name);
                tokio::spawn(async move { Resident::sign_up(&root, &url, name).await })
            })
            .collect();
        for other in signing_up {
            people.push(Arc::new(other.await.expect("signing up")));
        }
        let mut nodes = Vec::from(nodes);
        let runs = holdfast_tests::walls();
        if runs {
            tokio::task::block_in_place(|| nodes.iter_mut().for_each(|node| node.start(&["--slots", "2"])));
        }
        Self {
            root,
            server: Arc::new(Mutex::new(server)),
            url,
            people,
            nodes,
            runs,
            _ana: ana,
        }
    }

    /// A node's own keys over a copy of what is on its disk: whoever has its computer has that.
    pub(crate) async fn as_node(&self, number: usize, copy: &Path) -> Session {
        let node = &self.nodes[number];
        let database = walkdir::WalkDir::new(node.home().join("profile"))
            .into_iter()
            .filter_map(Result::ok)
            .find(|entry| entry.path().extension().is_some_and(|ending| ending == "db"))
            .expect("its database")
            .into_path();
        for suffix in ["", "-wal"] {
            let from = PathBuf::from(format!("{}{suffix}", database.display()));
            if from.exists() {
                std::fs::copy(&from, format!("{}{suffix}", copy.display())).expect("a copy");
            }
        }
        let secret = std::fs::read_to_string(node.secret_file()).expect("its secret");
        let secret = Phrase::new(secret.trim()).expect("a phrase");
        Session::unlock(host(&self.url, copy).await, &secret)
            .await
            .expect("it opens")
    }
}

impl Resident {
    async fn sign_up(root: &Path, url: &str, name: &str) -> Self {
        let handle = format!("{name}@example.org");
        let store = root.join(format!("{name}.db"));
        let phrase = phrase(&handle);
        let account = account(&handle, &phrase);
        let (session, _) = Session::sign_up(host(url, &store).await, account)
            .await
            .expect("signing up");
        Self {
            spool: root.join(format!("{name}-spool")),
            url: url.to_owned(),
            session: RwLock::new(Arc::new(session)),
            handle,
            store,
            phrase,
        }
    }

    async fn sign_in(root: &Path, url: &str, handle: &str, key: &str) -> Self {
        let store = root.join("ana.db");
        let phrase = Phrase::new(key.trim()).expect("a Master Key");
        let session = Session::sign_in(host(url, &store).await, handle, &phrase)
            .await
            .expect("signing in");
        session.vault().await.expect("her vault");
        Self {
            handle: handle.to_owned(),
            spool: root.join("ana-spool"),
            url: url.to_owned(),
            session: RwLock::new(Arc::new(session)),
            store,
            phrase,
        }
    }
}

/// Kills the server again and again, at moments that are drawn, and starts it again on the same folder and port.
pub(crate) struct Killer {
    stop: Arc<AtomicBool>,
    kills: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Killer {
    pub(crate) fn start(server: &Arc<Mutex<Server>>, mut dice: Dice) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let kills = Arc::new(AtomicUsize::new(0));
        let (server, stopped, counted) = (server.clone(), stop.clone(), kills.clone());
        let thread = std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(60 + dice.below(1_400)));
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let mut server = server.lock().unwrap_or_else(PoisonError::into_inner);
                server.kill();
                counted.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(dice.below(500)));
                server.restart();
            }
        });
        Self {
            stop,
            kills,
            thread: Some(thread),
        }
    }

    /// How often so far.
    pub(crate) fn kills(&self) -> usize {
        self.kills.load(Ordering::SeqCst)
    }

    /// Lets the server live from now on; gives how often it was killed.
    pub(crate) async fn stop(mut self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        let thread = self.thread.take().expect("it is stopped once");
        let ended = tokio::task::spawn_blocking(move || thread.join());
        tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("the server comes back")
            .expect("the thread is waited for")
            .expect("the server comes back");
        self.kills()
    }
}

impl Drop for Killer {
    /// A round that failed leaves a server behind that runs.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
