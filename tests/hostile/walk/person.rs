//! Somebody in the walk, with one device at a time.

use std::path::PathBuf;
use std::sync::Arc;

use holdfast_crypto::{MIN_LOG2_N, Phrase};
use holdfast_device::SystemClock;
use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::{Error, Host, NewKeys, Session, UploadRequest, UploadedItem, find_item};
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::item::ItemKind;
use holdfast_testkit::phrase;
use holdfast_tests::layer::Layer;
use tokio_util::sync::CancellationToken;

use super::model::{Shown, World};
use crate::rows::Rows;

/// Cheap to copy: all copies are the same person.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) number: usize,
    pub(super) handle: String,
    pub(super) layer: Arc<Layer>,
    pub(super) rows: Arc<Rows>,
    pub(super) session: Arc<Session>,
    /// How often the Master Key was changed.
    pub(super) changes: usize,
    /// A folder for everything of theirs.
    pub(super) folder: PathBuf,
}

/// New keys of the size and the cost of the old ones.
pub(super) fn same_cost(leaked: bool) -> NewKeys {
    NewKeys {
        bits: None,
        leaked,
        ..NewKeys::at(MIN_LOG2_N)
    }
}

impl Person {
    /// A device without anything, on a way of its own.
    pub(super) fn host(layer: &Arc<Layer>, rows: &Arc<Rows>) -> Host {
        Host {
            transport: layer.clone(),
            store: rows.clone(),
            clock: Arc::new(SystemClock),
        }
    }

    pub(super) fn own_host(&self) -> Host {
        Self::host(&self.layer, &self.rows)
    }

    /// The Master Key after some changes.
    pub(super) fn key(&self, changes: usize) -> Phrase {
        match changes {
            0 => phrase(&self.handle),
            _ => phrase(&format!("{} after {changes}", self.handle)),
        }
    }

    fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }

    /// The keys that count for this person now.
    pub(super) fn bundle(&self) -> Hash {
        self.session.keyring().current().bundle().hash
    }

    pub(super) async fn upload(&self, space: SpaceId, name: &str, version: usize, content: &[u8]) -> Result<(), Error> {
        let folder = self.folder.join(format!("up {}-{version}", Hash::of(name.as_bytes())));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("data.bin");
        std::fs::write(&file, content).expect("a file");
        self.send(space, name, file).await.map(drop)
    }

    async fn send(&self, space: SpaceId, name: &str, file: PathBuf) -> Result<UploadedItem, Error> {
        let request = UploadRequest {
            kind: ItemKind::Dataset,
            name: name.to_owned(),
            note: String::new(),
            sources: vec![file],
            spool: self.spool(),
            include_hidden: false,
        };
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        self.session
            .upload(space, request, &progress, &CancellationToken::new())
            .await
    }

    /// Ends what uploads were begun here and not finished: goes on with them, or gives them up. Whether any was gone on with.
    pub(super) async fn end_uploads(&self, go_on: bool) -> Result<bool, Error> {
        let waiting = self.session.waiting_uploads().await?;
        let any = !waiting.is_empty();
        for upload in waiting {
            match go_on {
                true => {
                    let file = upload.sources[0].clone();
                    self.send(upload.space, &upload.name, file).await?;
                }
                false => self.session.abandon_upload(upload.version, &self.spool()).await?,
            }
        }
        Ok(any && go_on)
    }

    /// What is in one version of a dataset.
    pub(super) async fn download(&self, shown: &Shown, name: &str, version: usize) -> Result<Vec<u8>, Error> {
        let space = shown.space.authority().space();
        let item = find_item(&shown.space, &[ItemKind::Dataset], name, false)?;
        let to = tempfile::tempdir_in(&self.folder).expect("a folder");
        let got = to.path().join("got");
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        let stop = CancellationToken::new();
        let came = self
            .session
            .download(space, item, &item.versions[version], &got, &progress, &stop)
            .await;
        let file = got.join("data.bin");
        match came {
            Ok(_) => Ok(std::fs::read(file).expect("the file")),
            Err(error) => {
                assert!(!file.exists(), "something was written");
                Err(error)
            }
        }
    }

    pub(super) async fn relock(&self, space: SpaceId) -> Result<(), Error> {
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        let done = self
            .session
            .relock(space, &self.spool(), &progress, &CancellationToken::new())
            .await?;
        match done.left.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }

    /// Opens this device again after anything: with the Master Key there was, or with one to which a change was begun.
    pub(super) async fn open_again(&mut self) -> Result<(), Error> {
        for changes in [self.changes + 1, self.changes] {
            match Box::pin(Session::unlock(self.own_host(), &self.key(changes))).await {
                Ok(session) => {
                    (self.session, self.changes) = (Arc::new(session), changes);
                    return Ok(());
                }
                Err(Error::WrongMasterKey) => {}
                Err(other) => return Err(other),
            }
        }
        Err(Error::WrongMasterKey)
    }

    /// Comes to the account on a device that has nothing of it, or a part.
    pub(super) async fn sign_in(&self, rows: &Arc<Rows>) -> Result<Arc<Session>, Error> {
        let (host, key) = (Self::host(&self.layer, rows), self.key(self.changes));
        Box::pin(Session::sign_in(host, &self.handle, &key)).await.map(Arc::new)
    }

    /// Whether everything is there of what a member can read of the datasets named, by an honest server.
    pub(super) async fn reads(&self, world: &World, shown: &Shown, names: &[String]) {
        let project = &world.projects[&shown.space.authority().space()];
        for name in names.iter().filter(|name| !project.trashed.contains(*name)) {
            let Some(versions) = project.data.get(name) else {
                continue;
            };
            for (number, content) in versions.iter().enumerate() {
                let got = Box::pin(self.download(shown, name, number)).await;
                let got = got.unwrap_or_else(|error| panic!("{} reads version {number}: {error}", self.handle));
                assert!(got == **content, "{}: version {number} is another", self.handle);
            }
        }
    }
}
