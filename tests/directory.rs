//! The log of keys against servers that lie: two copies of one server that show different people different keys, a copy that
//! was put back, a bundle that is not in the log, one that its owner did not make.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use holdfast_device::HttpTransport;
use holdfast_engine::ports::{Request, Response, Transport, Unreachable};
use holdfast_engine::{Error, Session, day};
use holdfast_protocol::entry::Role;
use holdfast_server::{Config, Running};
use holdfast_testkit::person_on;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tokio::sync::mpsc;

/// The way to a server, which may lead to another one for whatever is about the directory.
struct Split {
    home: HttpTransport,
    directory: RwLock<Option<Arc<HttpTransport>>>,
}

impl Split {
    fn new(url: &str) -> Arc<Self> {
        Arc::new(Self {
            home: HttpTransport::new(url).expect("a loopback address"),
            directory: RwLock::default(),
        })
    }

    fn lead(&self, url: Option<&str>) {
        let to = url.map(|url| Arc::new(HttpTransport::new(url).expect("a loopback address")));
        *self.directory.write().unwrap_or_else(PoisonError::into_inner) = to;
    }
}

#[async_trait]
impl Transport for Split {
    fn origin(&self) -> &str {
        self.home.origin()
    }
    async fn send(&self, request: Request) -> Result<Response, Unreachable> {
        let other = self.directory.read().unwrap_or_else(PoisonError::into_inner).clone();
        match other.filter(|_| request.path.starts_with("/v1/directory")) {
            Some(other) => other.send(request).await,
            None => self.home.send(request).await,
        }
    }
    async fn listen(&self, path: &str, token: &str) -> Result<mpsc::Receiver<String>, Unreachable> {
        self.home.listen(path, token).await
    }
}

async fn serve(data: &Path, port: u16) -> Running {
    let config = Config {
        data: data.to_owned(),
        listen: ([127, 0, 0, 1], port).into(),
        quota_bytes: 1 << 30,
        origin: None,
        open_signup: true,
        metrics: None,
        tls: None,
        witnesses: Vec::new(),
    };
    holdfast_server::start(config).await.expect("the server starts")
}

fn url(server: &Running) -> String {
    format!("http://{}", server.local_addr())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Changes the database of a server behind its back.
async fn tamper(data: &Path, statements: &[&str]) {
    let options = SqliteConnectOptions::new()
        .filename(data.join("holdfast.db"))
        .foreign_keys(false);
    let mut database = options.connect().await.expect("the server's database");
    for statement in statements {
        let changed = sqlx::query(AssertSqlSafe(*statement)).execute(&mut database).await;
        changed.expect("a change");
    }
    database.close().await.expect("closed");
}

/// A server, Ana and Ben, each over a way of their own.
struct Scene {
    folder: tempfile::TempDir,
    data: PathBuf,
    server: Running,
    ways: [Arc<Split>; 2],
    ana: Session,
    ben: Session,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("server");
        let server = serve(&data, 0).await;
        let ways = [(); 2].map(|()| Split::new(&url(&server)));
        let ana = person_on(folder.path(), "ana", "ana@example.org", ways[0].clone()).await;
        let ben = person_on(folder.path(), "ben", "ben@example.org", ways[1].clone()).await;
        Self {
            folder,
            data,
            server,
            ways,
            ana,
            ben,
        }
    }

    /// Does something with the data while the server is down.
    async fn while_down(&mut self, work: impl AsyncFnOnce(&Path)) {
        let port = self.server.local_addr().port();
        let spare = serve(&self.folder.path().join("spare"), 0).await;
        std::mem::replace(&mut self.server, spare).stop().await;
        work(&self.data).await;
        self.server = serve(&self.data, port).await;
    }
}

fn code<T>(result: Result<T, Error>) -> (String, String) {
    let error = result.err().expect("a failure");
    (error.code().to_owned(), error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_were_shown_different_keys_find_out() {
    let mut scene = Scene::new().await;
    let project = scene.ana.create_project("Joint", true).await.expect("a project");
    let project = project.authority().space();
    let shared = scene.ana.share(project, "ben@example.org", Role::Contributor).await;
    shared.expect("sharing");
    scene.ben.view(project).await.expect("Ben is in");
    let other = scene
        .ana
        .create_project("Ana's and Cid's", true)
        .await
        .expect("a project");

    // Two servers from now on, with one past and one key.
    let fork = scene.folder.path().join("fork");
    scene.while_down(async |data: &Path| copy(data, &fork)).await;
    let second = serve(&fork, 0).await;
    let way = |server| Split::new(&url(server));
    let cid = person_on(scene.folder.path(), "cid", "cid@example.org", way(&scene.server)).await;
    let false_cid = person_on(scene.folder.path(), "false-cid", "cid@example.org", way(&second)).await;
    scene.ways[1].lead(Some(&url(&second)));
    let (ana, ben) = (&scene.ana, &scene.ben);

    let given = ana
        .share(other.authority().space(), "cid@example.org", Role::Reader)
        .await;
    assert_eq!(
        given.expect("sharing").bundle.hash,
        cid.keyring().current().bundle().hash
    );
    let given = ben
        .person("cid@example.org")
        .await
        .expect("a log of its own bears it out");
    assert_eq!(given.bundle.hash, false_cid.keyring().current().bundle().hash);
    ben.view(project).await.expect("nothing new, nothing to see");

    // Anything that Ana writes where Ben reads.
    ana.rename_project(project, "Joint work").await.expect("a new name");
    let (what, sentence) = code(ben.view(project).await);
    assert_eq!(what, "directory-fork");
    assert!(sentence.contains("ana@example.org"), "{sentence}");
    assert!(sentence.contains(&day(ben.now_ms())), "{sentence}");

    // What is in the project is as it was; nobody's keys are taken any more.
    let view = ben.view(project).await.expect("reading goes on");
    assert_eq!(view.space.contents().name(), "Joint work");
    assert_eq!(code(ben.person("cid@example.org").await).0, "directory-fork");
    assert_eq!(code(ben.person("ana@example.org").await).0, "directory-fork");
    assert_eq!(code(ben.monitor().await).0, "directory-fork");

    // And Ana hears of it from what Ben writes.
    ben.rename_project(project, "Our work").await.expect("writing goes on");
    let (what, sentence) = code(ana.view(project).await);
    assert_eq!(what, "directory-fork");
    assert!(sentence.contains("ben@example.org"), "{sentence}");
    assert_eq!(code(ana.person("cid@example.org").await).0, "directory-fork");

    // The way out: with the one true log, and nothing lost.
    scene.ways[1].lead(None);
    ben.accept_directory().await.expect("a new beginning");
    let given = ben.person("cid@example.org").await.expect("Cid himself");
    assert_eq!(given.bundle.hash, cid.keyring().current().bundle().hash);
    ben.view(project).await.expect("the project is there");
    ana.accept_directory().await.expect("a new beginning");
    ana.person("ben@example.org").await.expect("Ben is known");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_put_back_is_named() {
    let mut scene = Scene::new().await;
    let earlier = scene.folder.path().join("earlier");
    scene.while_down(async |data: &Path| copy(data, &earlier)).await;
    let way = Split::new(&url(&scene.server));
    let cid = person_on(scene.folder.path(), "cid", "cid@example.org", way).await;
    scene.ana.person("cid@example.org").await.expect("Cid");
    drop(cid);
    scene
        .while_down(async |data: &Path| {
            std::fs::remove_dir_all(data).expect("removed");
            copy(&earlier, data);
        })
        .await;
    let (what, sentence) = code(scene.ana.person("ben@example.org").await);
    assert_eq!(what, "directory-rollback");
    assert!(sentence.contains(&day(scene.ana.now_ms())), "{sentence}");
    assert!(sentence.contains("3 keys then, and 2 now"), "{sentence}");
    // Ben never saw the later one.
    scene.ben.person("ana@example.org").await.expect("Ana");
    scene.ana.accept_directory().await.expect("a new beginning");
    scene.ana.person("ben@example.org").await.expect("Ben");
    assert_eq!(code(scene.ana.person("cid@example.org").await).0, "not-found");
    assert!(scene.ana.monitor().await.expect("the log").published[0].known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_was_left_out_of_the_log_is_not_taken() {
    let mut scene = Scene::new().await;
    let way = Split::new(&url(&scene.server));
    let cid = person_on(scene.folder.path(), "cid", "cid@example.org", way).await;
    let leave_out = ["DROP TRIGGER leaves_remain", "DELETE FROM leaves WHERE number = 2"];
    scene
        .while_down(async |data: &Path| tamper(data, &leave_out).await)
        .await;
    let (what, sentence) = code(scene.ana.person("cid@example.org").await);
    assert_eq!(what, "directory-unlogged");
    assert!(sentence.contains("cid@example.org"), "{sentence}");
    let known = scene.ana.known_person(cid.principal()).await.expect("an answer");
    assert!(known.is_none(), "nothing of it was kept");
    let project = scene.ana.create_project("Scans", true).await.expect("a project");
    let shared = scene
        .ana
        .share(project.authority().space(), "cid@example.org", Role::Reader);
    assert_eq!(code(shared.await).0, "directory-unlogged");
    scene
        .ana
        .person("ben@example.org")
        .await
        .expect("all others are as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_its_owner_did_not_make_is_found() {
    let scene = Scene::new().await;
    let monitored = scene.ana.monitor().await.expect("the log");
    let own = &monitored.published[0];
    assert_eq!((monitored.size, monitored.published.len()), (2, 1));
    assert!(own.known && own.bundle.is_some());
    assert_eq!(own.principal, scene.ana.principal());

    let make_up = format!(
        "INSERT INTO bundles (principal, counter, hash, kdf, signed) VALUES (x'{}', 1, randomblob(32), x'00', x'00')",
        scene.ana.principal()
    );
    let publish = "INSERT INTO leaves SELECT 2, hash FROM bundles WHERE counter = 1";
    tamper(&scene.data, &[&make_up, publish]).await;
    let monitored = scene.ana.monitor().await.expect("the log");
    assert_eq!((monitored.size, monitored.published.len()), (3, 2));
    let (own, made_up) = (&monitored.published[0], &monitored.published[1]);
    assert!(own.known);
    assert!(!made_up.known && made_up.bundle.is_none() && made_up.counter == 1);
    // It is none of Ben's business.
    assert_eq!(scene.ben.monitor().await.expect("the log").published.len(), 1);
}
