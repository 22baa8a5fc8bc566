//! Uploading and downloading versions of items.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use holdfast_crypto::Key32;
use holdfast_protocol::KeyField;
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{ItemId, PrincipalId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, Item, ItemKind, Version};
use holdfast_protocol::replay::Space;
use holdfast_protocol::{Refusal, cbor, limits};
use minicbor::{Decode, Encode};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::account::SealedRows;
use crate::browse::{outside, stored};
use crate::error::{Error, Result};
use crate::find::find_item;
use crate::ports::{Change, Progress, Stage, Step, Store};
use crate::rng;
use crate::session::Session;
use crate::spaces::Draft;
use crate::transfer::{
    self, Downloaded, JournalStore, Options, Overwrite, PackServer, Previous, Report, Row, SoFar, Target,
};
use holdfast_protocol::entry::Body;

const JOURNAL: &str = "journal";
/// Times that an upload is put together again because packs that it was to point into were dropped.
const UPLOAD_TRIES: usize = 3;

/// What to upload, and as what.
pub struct UploadRequest {
    /// Dataset, model, task or artifact.
    pub kind: ItemKind,
    /// The item's name; a new version if there is one of this name.
    pub name: String,
    /// What to say about this version.
    pub note: String,
    /// Files and folders.
    pub sources: Vec<PathBuf>,
    /// A private folder for sealed packs on their way.
    pub spool: PathBuf,
    /// Whether names that begin with a dot are taken along.
    pub include_hidden: bool,
}

/// An upload that was begun on this device and is not finished.
pub struct WaitingUpload {
    /// Its name, and the version it will make.
    pub version: VersionId,
    /// The project.
    pub space: SpaceId,
    /// The item that it makes or adds to.
    pub item: ItemId,
    /// What kind.
    pub kind: ItemKind,
    /// The item's name.
    pub name: String,
    /// What is to be said about the version.
    pub note: String,
    /// Files and folders, as they were named.
    pub sources: Vec<PathBuf>,
    /// Whether hidden files are taken along.
    pub include_hidden: bool,
    /// When it was begun, milliseconds since 1970-01-01 UTC; absent for those from before that was noted.
    pub begun_ms: Option<u64>,
    /// How far it came.
    pub so_far: SoFar,
}

/// An upload that everybody in the project can see now.
pub struct UploadedItem {
    /// The item.
    pub item: ItemId,
    /// Number of the new version; 1 is the oldest.
    pub number: usize,
    /// There was nothing new: no version was made, and the number is that of the newest.
    pub unchanged: bool,
    /// What was done.
    pub report: Report,
}

/// What an interrupted upload must know to go on as the same version.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Memo {
    #[n(1)]
    item: ItemId,
    #[n(2)]
    kind: ItemKind,
    #[n(3)]
    name: String,
    #[n(4)]
    note: String,
    #[n(5)]
    chunk_id_key: KeyField,
    #[n(6)]
    begun_ms: Option<u64>,
    /// Absent where they are taken along.
    #[n(7)]
    without_hidden: Option<bool>,
}

impl Memo {
    fn read(bytes: &[u8]) -> Result<Self> {
        cbor::decode(bytes, holdfast_protocol::limits::ENTRY)
            .map_err(|_| Error::damaged("this device's own data (journal)"))
    }

    fn include_hidden(&self) -> bool {
        self.without_hidden != Some(true)
    }
}

/// The journal of uploads, in the device's sealed rows.
struct Journal {
    table: &'static str,
    rows: Arc<SealedRows>,
    store: Arc<dyn Store>,
}

#[async_trait]
impl JournalStore for Journal {
    async fn put(&self, rows: Vec<Row>) -> Result<()> {
        let changes = rows
            .into_iter()
            .map(|(key, value)| match value {
                Some(value) => self.rows.put(self.table, &key, &value),
                None => Change::Delete(self.table, key),
            })
            .collect();
        Ok(self.store.write(changes).await?)
    }

    async fn list(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>> {
        self.rows.list(self.table, prefix).await
    }
}

/// How many uploads were begun on this device and not finished. Needs no key.
pub(crate) async fn pending_uploads(store: &dyn Store) -> Result<u64> {
    Ok(store.list(JOURNAL, transfer::HEADS).await?.len() as u64)
}

impl Session {
    pub(crate) fn journal(&self) -> Arc<dyn JournalStore> {
        self.trails(JOURNAL)
    }

    /// Trails of work with packs, in a table of their own.
    pub(crate) fn trails(&self, table: &'static str) -> Arc<dyn JournalStore> {
        Arc::new(Journal {
            table,
            rows: self.rows.clone(),
            store: self.host.store.clone(),
        })
    }

    pub(crate) fn pack_server(&self) -> Arc<dyn PackServer> {
        self.api.clone()
    }

    /// Uploads files as a new item, or as a new version of the item of that name. An upload of the same files under the
    /// same name that was interrupted earlier is gone on with.
    ///
    /// # Errors
    /// See [`Error`]; whatever happens, nothing is visible to others before all of it is on the server.
    pub async fn upload(
        &self,
        space: SpaceId,
        request: UploadRequest,
        progress: &Arc<dyn Progress>,
        cancel: &CancellationToken,
    ) -> Result<UploadedItem> {
        let mut tries = 0;
        loop {
            match self.upload_once(space, &request, progress, cancel).await {
                // An owner dropped packs that the version was to point into. What was sealed for it is known, the rest is sent.
                Err(Error::Refused(Refusal::VersionPacks)) if tries < UPLOAD_TRIES => tries += 1,
                Err(error) => return Err(self.put_out_instead(space, error).await),
                done => return done,
            }
        }
    }

    async fn upload_once(
        &self,
        space: SpaceId,
        request: &UploadRequest,
        progress: &Arc<dyn Progress>,
        cancel: &CancellationToken,
    ) -> Result<UploadedItem> {
        let state = self.sync(space).await?;
        match state.authority().role(self.principal()) {
            None => return Err(outside()),
            Some(Role::Reader) => return Err(Error::NotAllowed("readers can't change a project".into())),
            Some(Role::Contributor | Role::Owner) => {}
        }
        let journal = self.journal();
        let (target, memo) = self.target(&state, request, &journal).await?;
        let newest = newest(&state, memo.item);
        let options = Options {
            include_hidden: request.include_hidden,
            refuse_empty: true,
            // What somebody else made is not compared with: see `previous`.
            skip_unchanged: newest.is_some_and(|(_, version)| version.author == self.principal()),
            ..Options::new(request.spool.clone())
        };
        if let Some((number, version)) = committed(&state, memo.item, target.version) {
            // The commit had reached the server before this device was stopped: what it says is what was done.
            let report = match version.content {
                Content::Files { files, bytes, .. } => Report {
                    files,
                    bytes,
                    ..Report::default()
                },
                _ => return Err(Error::damaged("an item")),
            };
            transfer::abandon(&self.pack_server(), &journal, target.version, &request.spool).await?;
            return Ok(UploadedItem {
                item: memo.item,
                number,
                unchanged: false,
                report,
            });
        }
        let id = target.version;
        let uploaded = transfer::upload(
            &self.pack_server(),
            &journal,
            &target,
            &request.sources,
            &options,
            progress,
            cancel,
        )
        .await?;
        if let (true, Some((number, _))) = (uploaded.unchanged, newest) {
            transfer::abandon(&self.pack_server(), &journal, id, &request.spool).await?;
            return Ok(UploadedItem {
                item: memo.item,
                number,
                unchanged: true,
                report: uploaded.report,
            });
        }
        progress.report(Step {
            stage: Stage::Committing,
            done: uploaded.report.bytes,
            total: uploaded.report.bytes,
            files: uploaded.report.files,
            files_total: uploaded.report.files,
        });
        let version = Version {
            id,
            author: self.principal(),
            created_ms: self.now_ms(),
            note: request.note.clone(),
            content: uploaded.content.clone(),
        };
        let after = self
            .append(space, |state| {
                let item = with_version(state, &memo, &version, self.now_ms())?;
                let body = Body {
                    put: vec![item],
                    ..Body::default()
                };
                Ok(Draft::commit(body, uploaded.added.clone(), Vec::new()))
            })
            .await?;
        uploaded.finished(&journal).await?;
        let (number, _) =
            committed(&after, memo.item, id).ok_or_else(|| Error::Internal("an upload that is not there".into()))?;
        Ok(UploadedItem {
            item: memo.item,
            number,
            unchanged: false,
            report: uploaded.report,
        })
    }

    /// The version to write: that of an interrupted upload of the same files, or a new one.
    async fn target(
        &self,
        state: &Space,
        request: &UploadRequest,
        journal: &Arc<dyn JournalStore>,
    ) -> Result<(Target, Memo)> {
        let space = state.authority().space();
        for pending in transfer::pending(journal).await? {
            let memo = Memo::read(&pending.memo)?;
            if pending.space == space
                && memo.kind == request.kind
                && memo.name == request.name
                && pending.sources == request.sources
                && memo.include_hidden() == request.include_hidden
            {
                let (item, version) = (memo.item, pending.version);
                if state.contents().is_purged(&item)
                    || committed(state, item, version).is_none() && was_committed(state, journal, version).await?
                {
                    // Its item is gone for good, and sealed chunks belong to their item: begun anew as another one. Or an owner
                    // forgot the version, or locked it again, before this device learned that it was there.
                    transfer::abandon(&self.pack_server(), journal, pending.version, &request.spool).await?;
                    continue;
                }
                let previous = previous(state, memo.item, self.principal());
                let target = Target {
                    space,
                    item: memo.item,
                    version: pending.version,
                    chunk_id_key: memo.chunk_id_key.clone(),
                    previous,
                    room: room(state, memo.item),
                    manifest_key: None,
                    memo: pending.memo.clone(),
                };
                return Ok((target, memo));
            }
        }
        let (item, chunk_id_key) = match find_item(state, &[request.kind], &request.name, false) {
            Ok(item) => (
                item.id,
                item.chunk_id_key.clone().ok_or_else(|| Error::damaged("an item"))?,
            ),
            Err(Error::NotFound { .. }) => (ItemId::random(&mut rng()), KeyField::new(Key32::random(&mut rng()))),
            Err(other) => return Err(other),
        };
        let memo = Memo {
            item,
            kind: request.kind,
            name: request.name.clone(),
            note: request.note.clone(),
            chunk_id_key: chunk_id_key.clone(),
            begun_ms: Some(self.now_ms()),
            without_hidden: (!request.include_hidden).then_some(true),
        };
        let target = Target {
            space,
            item,
            version: VersionId::random(&mut rng()),
            chunk_id_key,
            previous: previous(state, item, self.principal()),
            room: room(state, item),
            manifest_key: None,
            memo: cbor::encode(&memo),
        };
        Ok((target, memo))
    }

    /// The uploads that were begun on this device and are not finished, the newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn waiting_uploads(&self) -> Result<Vec<WaitingUpload>> {
        let journal = self.journal();
        let mut all = Vec::new();
        for pending in transfer::pending(&journal).await? {
            let memo = Memo::read(&pending.memo)?;
            all.push(WaitingUpload {
                version: pending.version,
                space: pending.space,
                item: pending.item,
                kind: memo.kind,
                include_hidden: memo.include_hidden(),
                name: memo.name,
                note: memo.note,
                sources: pending.sources,
                begun_ms: memo.begun_ms,
                so_far: transfer::so_far(&journal, pending.version).await?,
            });
        }
        all.sort_by_key(|waiting| (std::cmp::Reverse(waiting.begun_ms), waiting.version));
        Ok(all)
    }

    /// Gives an unfinished upload up: what it has at the server, in the spool and in the journal.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while it is under way.
    pub async fn abandon_upload(&self, version: VersionId, spool: &Path) -> Result<()> {
        let journal = self.journal();
        let known = transfer::pending(&journal).await?;
        if !known.iter().any(|pending| pending.version == version) {
            return Err(Error::NotFound {
                what: "unfinished upload",
                name: version.to_string(),
            });
        }
        transfer::abandon(&self.pack_server(), &journal, version, spool).await
    }

    /// Writes a version's files into a folder.
    ///
    /// # Errors
    /// [`Error::Damaged`] when anything does not fit what was signed; nothing is under its name then.
    pub async fn download(
        &self,
        space: SpaceId,
        item: &Item,
        version: &Version,
        to: &Path,
        progress: &Arc<dyn Progress>,
        cancel: &CancellationToken,
    ) -> Result<Downloaded> {
        let downloaded = transfer::download(
            &self.pack_server(),
            &stored(space, item, version)?,
            to,
            None,
            Overwrite::Refuse,
            progress,
            cancel,
        )
        .await;
        match downloaded {
            Err(error) => Err(self.put_out_instead(space, error).await),
            done => done,
        }
    }
}

/// This user's newest version of an item, as an index of what the server has.
///
/// Only his own: whoever has the item's key could list the id of one content over a box with another, and this user
/// would then sign a version that points at it.
fn previous(state: &Space, item: ItemId, me: PrincipalId) -> Option<Previous> {
    let versions = &state.contents().items().get(&item)?.versions;
    let version = versions.iter().rev().find(|version| version.author == me)?;
    let Content::Files { manifest, packs, .. } = &version.content else {
        return None;
    };
    let seq = state.authority().seq();
    let live = packs
        .iter()
        .filter(|id| state.authority().pack_live_at(id, seq))
        .copied()
        .collect();
    Some(Previous {
        version: version.id,
        manifest: manifest.clone(),
        packs: packs.clone(),
        live,
    })
}

/// A version that is in the log, and its number.
fn committed(state: &Space, item: ItemId, version: VersionId) -> Option<(usize, &Version)> {
    let item = state.contents().items().get(&item)?;
    let index = item.versions.iter().position(|known| known.id == version)?;
    Some((index + 1, &item.versions[index]))
}

/// Whether a log names a pack of a trail: what the trail is of was committed then, whatever became of it since. A pack can't be named
/// again, and its keys stand in a body that others have.
pub(crate) async fn was_committed(state: &Space, trails: &Arc<dyn JournalStore>, trail: VersionId) -> Result<bool> {
    let packs = transfer::packs(trails, trail).await?;
    let named = state.authority().packs();
    Ok(packs.iter().any(|pack| named.contains_key(pack)))
}

/// The newest version of an item that is not in the trash, and its number.
fn newest(state: &Space, item: ItemId) -> Option<(usize, &Version)> {
    let item = state.contents().items().get(&item)?;
    let version = item.versions.last().filter(|_| item.trashed_ms.is_none())?;
    Some((item.versions.len(), version))
}

/// How many packs a new version of this item may name: the item travels whole, in one entry, and each takes 17 bytes.
fn room(state: &Space, item: ItemId) -> usize {
    /// For all else that is in the entry.
    const REST: usize = 64 << 10;
    const PER_PACK: usize = 18;
    let used = state.contents().items().get(&item).map_or(0, cbor::encoded_len);
    (limits::ENTRY.saturating_sub(REST + used) / PER_PACK).min(limits::PACKS_PER_COMMIT)
}

/// The item with its new version, in the light of the newest state: both are kept when somebody else added one, too.
fn with_version(state: &Space, memo: &Memo, version: &Version, now_ms: u64) -> Result<Item> {
    if state.contents().is_purged(&memo.item) {
        return Err(Error::Conflict(format!(
            "\"{}\" was removed for good while this was uploaded. The same command uploads it as a new item.",
            memo.name
        )));
    }
    if let Some(item) = state.contents().items().get(&memo.item) {
        let mut item = item.clone();
        item.trashed_ms = None;
        item.versions.push(version.clone());
        return Ok(item);
    }
    // Somebody else may have taken the name since: content can't move to another item, so this one gets a number.
    let mut name = memo.name.clone();
    let mut number = 2;
    while !matches!(
        find_item(state, &[memo.kind], &name, false),
        Err(Error::NotFound { .. })
    ) {
        name = format!("{} ({number})", memo.name);
        number += 1;
    }
    Ok(Item {
        id: memo.item,
        kind: memo.kind,
        name,
        description: String::new(),
        tags: Vec::new(),
        created_ms: now_ms,
        trashed_ms: None,
        chunk_id_key: Some(memo.chunk_id_key.clone()),
        versions: vec![version.clone()],
        secret_type: None,
        expires_ms: None,
    })
}
