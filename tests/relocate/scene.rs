//! Ana at her first server, devices of hers, and a way to a server that can be cut.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use holdfast_crypto::{MIN_LOG2_N, Phrase};
use holdfast_device::{HttpTransport, SqliteStore, SystemClock};
use holdfast_engine::ports::{Method, Progress, Request, Response, Silent, Transport, Unreachable};
use holdfast_engine::{Host, NewKeys, NewSecret, Session, UploadRequest, find_item};
use holdfast_protocol::SecretText;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::item::{Audience, Content, Field, ItemKind, SecretType};
use holdfast_testkit::{Stage, phrase};
use holdfast_tests::{Dice, difference};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

pub(crate) const ANA: &str = "ana@example.org";

/// Cuts the n-th of all requests that are more than a look, whichever server it goes to.
pub(crate) struct Knife {
    pub(crate) sent: AtomicUsize,
    pub(crate) at: AtomicUsize,
    after: bool,
    pub(crate) reached: Notify,
}

impl Knife {
    pub(crate) fn new(at: usize, after: bool) -> Arc<Self> {
        Arc::new(Self {
            sent: AtomicUsize::new(0),
            at: AtomicUsize::new(at),
            after,
            reached: Notify::new(),
        })
    }
}

/// A way to a server that can be cut.
pub(crate) struct Cut {
    inner: HttpTransport,
    knife: Arc<Knife>,
}

pub(crate) fn way(stage: &Stage, knife: &Arc<Knife>) -> Arc<dyn Transport> {
    let inner = HttpTransport::new(&stage.url()).expect("an address");
    Arc::new(Cut {
        inner,
        knife: knife.clone(),
    })
}

#[async_trait]
impl Transport for Cut {
    fn origin(&self) -> &str {
        self.inner.origin()
    }

    async fn send(&self, request: Request) -> Result<Response, Unreachable> {
        let knife = &self.knife;
        let looks = request.method == Method::Get;
        let cut = !looks && knife.sent.fetch_add(1, Ordering::SeqCst) == knife.at.load(Ordering::SeqCst);
        if cut && !knife.after {
            knife.reached.notify_one();
            std::future::pending::<()>().await;
        }
        let response = self.inner.send(request).await;
        if cut {
            knife.reached.notify_one();
            std::future::pending::<()>().await;
        }
        response
    }

    async fn listen(&self, path: &str, token: &str) -> Result<mpsc::Receiver<String>, Unreachable> {
        self.inner.listen(path, token).await
    }
}

pub(crate) fn direct(stage: &Stage) -> Arc<dyn Transport> {
    Arc::new(HttpTransport::new(&stage.url()).expect("an address"))
}

pub(crate) async fn device(store: &Path, transport: Arc<dyn Transport>) -> Host {
    let store = SqliteStore::open(store).await.expect("a store");
    Host {
        transport,
        store: Arc::new(store),
        clock: Arc::new(SystemClock),
    }
}

pub(crate) fn secret(name: &str, value: &str) -> NewSecret {
    NewSecret {
        secret_type: SecretType::Note,
        name: name.into(),
        description: String::new(),
        fields: vec![Field {
            name: "text".into(),
            value: SecretText::new(Zeroizing::new(value.into())),
        }],
        audience: Audience::default(),
        tags: Vec::new(),
        expires_ms: None,
    }
}

pub(crate) async fn read(session: &Session, space: SpaceId) -> Option<String> {
    let view = session.view(space).await.ok()?;
    let item = find_item(&view.space, &[ItemKind::Secret], "kept", false).ok()?;
    match &item.versions.last()?.content {
        Content::Fields { fields, .. } => Some(fields.first()?.value.expose().to_owned()),
        _ => None,
    }
}

pub(crate) fn quiet() -> (Arc<dyn Progress>, CancellationToken) {
    (Arc::new(Silent), CancellationToken::new())
}

/// Ana at her first server: keys changed once, a kit, secrets, two projects, one pack that is gone for good.
pub(crate) struct Scene {
    pub(crate) old: Stage,
    pub(crate) phrase: Phrase,
    pub(crate) code: Zeroizing<String>,
    pub(crate) store: PathBuf,
    pub(crate) files: PathBuf,
    pub(crate) space: SpaceId,
    pub(crate) open: SpaceId,
    pub(crate) vault: SpaceId,
}

impl Scene {
    pub(crate) async fn new(bytes: u64) -> Self {
        let old = Stage::new().await;
        let ana = old.person(ANA).await;
        let project = async |name, encrypted| {
            let space = ana.create_project(name, encrypted).await.expect("a project");
            space.authority().space()
        };
        let (space, open) = (project("Scans", true).await, project("Open", false).await);
        let vault = ana.account().vault;
        for id in [space, vault] {
            ana.add_secret(id, secret("kept", "a secret")).await.expect("a secret");
        }
        let files = old.folder().join("files");
        std::fs::create_dir(&files).expect("a folder");
        let mut dice = Dice::new(7);
        dice.file(&files.join("large.bin"), bytes);
        std::fs::write(files.join("small.txt"), "small").expect("a file");
        let upload = async |space, name: &str| {
            let request = UploadRequest {
                kind: ItemKind::Dataset,
                name: name.into(),
                note: String::new(),
                sources: vec![files.clone()],
                include_hidden: true,
                spool: old.spool("ana"),
            };
            let (progress, cancel) = quiet();
            ana.upload(space, request, &progress, &cancel)
                .await
                .expect("an upload")
                .item
        };
        upload(space, "data").await;
        upload(open, "open data").await;
        let gone = upload(space, "gone").await;
        ana.trash_item(space, gone).await.expect("the trash");
        ana.purge(space).await.expect("purging");
        let new = NewKeys {
            leaked: true,
            kit: true,
            ..NewKeys::at(MIN_LOG2_N)
        };
        let phrase = phrase("ana after her key change");
        let kit = ana.change_keys(&phrase, new).await.expect("new keys").expect("a kit");
        // Thirty days later: what was dropped is there no more.
        let dropped: Vec<_> = {
            let view = ana.view(space).await.expect("a view");
            let packs = view.space.authority().packs().iter();
            packs
                .filter(|(_, pack)| pack.dropped_seq.is_some())
                .map(|(id, _)| *id)
                .collect()
        };
        assert!(!dropped.is_empty());
        let database = old.folder().join("server/holdfast.db");
        let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", database.display()))
            .await
            .expect("the database");
        let forgotten = sqlx::query("DELETE FROM packs WHERE dropped_ms IS NOT NULL")
            .execute(&pool)
            .await
            .expect("rows");
        assert_eq!(forgotten.rows_affected(), dropped.len() as u64);
        pool.close().await;
        drop(ana);
        let store = old.folder().join(format!("{ANA}.db"));
        Self {
            old,
            phrase,
            code: kit.code,
            store,
            files,
            space,
            open,
            vault,
        }
    }

    /// A device of Ana's, as it was before any move.
    pub(crate) fn fresh_device(&self, name: &str) -> PathBuf {
        let copy = self.old.folder().join(name);
        for end in ["", "-wal"] {
            let from = PathBuf::from(format!("{}{end}", self.store.display()));
            if from.exists() {
                std::fs::copy(from, format!("{}{end}", copy.display())).expect("a copy");
            }
        }
        copy
    }

    pub(crate) async fn all_is_there(&self, session: &Session, what: &str) {
        for id in [self.space, self.vault] {
            assert_eq!(read(session, id).await.as_deref(), Some("a secret"), "{what}");
        }
        assert_eq!(session.projects().await.expect("projects").len(), 2, "{what}");
        let (progress, cancel) = quiet();
        for (id, name) in [(self.space, "data"), (self.open, "open data")] {
            let view = session.view(id).await.expect("a view");
            let item = find_item(&view.space, &[ItemKind::Dataset], name, false).expect("the dataset");
            let to = tempfile::tempdir().expect("a folder");
            let version = item.versions.last().expect("a version");
            let into = to.path().join("got");
            session
                .download(id, item, version, &into, &progress, &cancel)
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(difference(&self.files, &into), "", "{what}");
        }
    }
}
