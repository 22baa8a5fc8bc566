//! A server and a journal in memory that can be stopped, cut off and tampered with at any call.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_crypto::Key32;
use holdfast_engine::ports::{Progress, Silent, Unreachable};
use holdfast_engine::transfer::{
    Downloaded, JournalStore, Options, Overwrite, PackServer, Previous, Row, Stored, Target, Uploaded, download, upload,
};
use holdfast_engine::{Error, Result, rng};
use holdfast_protocol::KeyField;
use holdfast_protocol::id::{ItemId, PackId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, ManifestRef};
use holdfast_protocol::limits::{PACK, PART, WINDOW};
use holdfast_protocol::wire::PackState;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Stops the world at a chosen call, before or after the call has had its effect, like the end of a process does.
pub(crate) struct Trip {
    calls_left: AtomicI64,
    after_effect: AtomicBool,
    pub(crate) tripped: Notify,
}

impl Trip {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            calls_left: AtomicI64::new(i64::MAX),
            after_effect: AtomicBool::new(false),
            tripped: Notify::new(),
        })
    }

    pub(crate) fn set(&self, call: i64, after_effect: bool) {
        self.calls_left.store(call, SeqCst);
        self.after_effect.store(after_effect, SeqCst);
    }

    /// Runs a call; for ever, if the trip is set to it.
    async fn guard<T>(&self, effect: impl FnOnce() -> T) -> T {
        let left = self.calls_left.fetch_sub(1, SeqCst);
        if left > 0 {
            return effect();
        }
        if left == 0 && self.after_effect.load(SeqCst) {
            effect();
        }
        self.tripped.notify_one();
        pending().await
    }
}

#[derive(Default)]
pub(crate) struct Pack {
    pub(crate) bytes: u64,
    pub(crate) parts: BTreeMap<u32, Vec<u8>>,
}

/// A server's packs.
pub(crate) struct Server {
    pub(crate) packs: Mutex<HashMap<PackId, Pack>>,
    pub(crate) requests: AtomicU64,
    /// Bytes of packs that were read.
    pub(crate) read: AtomicU64,
    /// Fails that many calls, as if nobody answered.
    pub(crate) deaf: AtomicI64,
    /// Says that there is no room.
    pub(crate) full: AtomicBool,
    trip: Arc<Trip>,
}

impl Server {
    pub(crate) fn new(trip: &Arc<Trip>) -> Arc<Self> {
        Arc::new(Self {
            packs: Mutex::default(),
            requests: AtomicU64::new(0),
            read: AtomicU64::new(0),
            deaf: AtomicI64::new(0),
            full: AtomicBool::new(false),
            trip: trip.clone(),
        })
    }

    pub(crate) fn pack_ids(&self) -> HashSet<PackId> {
        self.packs.lock().unwrap().keys().copied().collect()
    }

    /// Changes the stored bytes of a pack.
    pub(crate) fn tamper(&self, pack: PackId, change: impl FnOnce(&mut Vec<u8>)) {
        let mut packs = self.packs.lock().unwrap();
        let pack = packs.get_mut(&pack).unwrap();
        let mut bytes = whole(pack);
        change(&mut bytes);
        pack.parts = bytes
            .chunks(PART as usize)
            .map(<[u8]>::to_vec)
            .enumerate()
            .map(|(n, part)| (n as u32, part))
            .collect();
    }

    pub(crate) fn contents(&self, pack: PackId) -> Vec<u8> {
        self.packs.lock().unwrap()[&pack]
            .parts
            .values()
            .flatten()
            .copied()
            .collect()
    }

    /// Stores a whole pack, as somebody else's client would.
    pub(crate) fn store(&self, pack: PackId, mut bytes: Vec<u8>) {
        bytes.resize(bytes.len().div_ceil(WINDOW as usize).max(1) * WINDOW as usize, 0);
        let stored = Pack {
            bytes: bytes.len() as u64,
            parts: BTreeMap::new(),
        };
        self.packs.lock().unwrap().insert(pack, stored);
        self.tamper(pack, |stored| *stored = bytes);
    }

    fn hears(&self) -> Result<()> {
        self.requests.fetch_add(1, SeqCst);
        if self.deaf.load(SeqCst) > 0 {
            self.deaf.fetch_sub(1, SeqCst);
            return Err(Error::Unreachable(Unreachable::silent("nobody answers")));
        }
        Ok(())
    }
}

fn whole(pack: &Pack) -> Vec<u8> {
    pack.parts.values().map(Vec::as_slice).collect::<Vec<_>>().concat()
}

fn state(id: PackId, pack: &Pack) -> PackState {
    let complete = pack.parts.len() as u64 == pack.bytes.div_ceil(PART);
    PackState {
        id,
        bytes: pack.bytes,
        parts: pack.parts.keys().copied().collect(),
        complete,
    }
}

#[async_trait]
impl PackServer for Server {
    async fn begin(&self, _: SpaceId, id: PackId, bytes: u64) -> Result<PackState> {
        let effect = || {
            self.hears()?;
            if self.full.load(SeqCst) {
                return Err(Error::Full("the quota is used up".into()));
            }
            assert!(
                bytes > 0 && bytes.is_multiple_of(WINDOW) && bytes <= PACK,
                "a pack of {bytes} bytes"
            );
            let mut packs = self.packs.lock().unwrap();
            let pack = packs.entry(id).or_insert(Pack {
                bytes,
                parts: BTreeMap::new(),
            });
            assert_eq!(pack.bytes, bytes, "a pack changed its size");
            Ok(state(id, pack))
        };
        self.trip.guard(effect).await
    }

    async fn put_part(&self, _: SpaceId, id: PackId, number: u32, bytes: Bytes) -> Result<()> {
        let effect = || {
            self.hears()?;
            let mut packs = self.packs.lock().unwrap();
            let pack = packs.get_mut(&id).expect("a part of a pack that was not begun");
            let expected = PART.min(pack.bytes - u64::from(number) * PART);
            assert_eq!(bytes.len() as u64, expected, "a part of the wrong size");
            assert!(
                pack.parts.insert(number, bytes.to_vec()).is_none(),
                "part {number} of {id} was sent twice"
            );
            Ok(())
        };
        self.trip.guard(effect).await
    }

    async fn query(&self, _: SpaceId, ids: &[PackId]) -> Result<Vec<PackState>> {
        let effect = || {
            self.hears()?;
            assert!(ids.len() <= 1_000);
            let packs = self.packs.lock().unwrap();
            Ok(ids
                .iter()
                .filter_map(|id| packs.get(id).map(|pack| state(*id, pack)))
                .collect())
        };
        self.trip.guard(effect).await
    }

    async fn read(&self, _: SpaceId, id: PackId, first: u64, last: u64) -> Result<Bytes> {
        let effect = || {
            self.hears()?;
            assert!(
                first.is_multiple_of(WINDOW) && (last + 1).is_multiple_of(WINDOW),
                "not whole windows"
            );
            assert!(last - first < 17 << 20, "a request for {} bytes", last - first + 1);
            let packs = self.packs.lock().unwrap();
            let missing = || Error::NotFound {
                what: "such thing on the server",
                name: id.to_string(),
            };
            let pack = packs.get(&id).ok_or_else(missing)?;
            let mut bytes = Vec::new();
            for (number, part) in &pack.parts {
                let start = u64::from(*number) * PART;
                let within = |position: u64| (position.max(start) - start).min(part.len() as u64) as usize;
                bytes.extend_from_slice(&part[within(first)..within(last + 1)]);
            }
            self.read.fetch_add(bytes.len() as u64, SeqCst);
            Ok(bytes.into())
        };
        self.trip.guard(effect).await
    }

    async fn abort(&self, _: SpaceId, id: PackId) -> Result<()> {
        let effect = || {
            self.hears()?;
            self.packs.lock().unwrap().remove(&id);
            Ok(())
        };
        self.trip.guard(effect).await
    }
}

/// Rows in memory.
pub(crate) struct Journal {
    pub(crate) rows: Mutex<BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>>,
    trip: Arc<Trip>,
}

#[async_trait]
impl JournalStore for Journal {
    async fn put(&self, rows: Vec<Row>) -> Result<()> {
        let effect = || {
            let mut stored = self.rows.lock().unwrap();
            for (key, value) in rows {
                match value {
                    Some(value) => stored.insert(key, value),
                    None => stored.remove(&key),
                };
            }
            Ok(())
        };
        self.trip.guard(effect).await
    }

    async fn list(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>> {
        let rows = self.rows.lock().unwrap();
        Ok(rows
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }
}

/// Everything around one item: server, journal, folders, keys.
pub(crate) struct World {
    pub(crate) trip: Arc<Trip>,
    pub(crate) memory: Arc<Server>,
    pub(crate) server: Arc<dyn PackServer>,
    pub(crate) rows: Arc<Journal>,
    pub(crate) journal: Arc<dyn JournalStore>,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) cancel: CancellationToken,
    pub(crate) target: Target,
    pub(crate) options: Options,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let trip = Trip::new();
        let memory = Server::new(&trip);
        let rows = Arc::new(Journal {
            rows: Mutex::default(),
            trip: trip.clone(),
        });
        // In memory where there is such a place: what is tested is not the disk.
        let shm = Path::new("/dev/shm");
        let folder = if shm.is_dir() {
            tempfile::tempdir_in(shm)
        } else {
            tempfile::tempdir()
        }
        .unwrap();
        let mut options = Options::new(folder.path().join("spool"));
        options.workers = 2;
        options.retry_after = Duration::from_millis(1);
        let target = Target {
            space: SpaceId([7; 32]),
            item: ItemId::random(&mut rng()),
            version: VersionId::random(&mut rng()),
            chunk_id_key: KeyField::new(Key32::random(&mut rng())),
            previous: None,
            room: 1_000,
            manifest_key: None,
            memo: b"memo".to_vec(),
        };
        Self {
            server: memory.clone(),
            memory,
            journal: rows.clone(),
            rows,
            progress: Arc::new(Silent),
            cancel: CancellationToken::new(),
            target,
            options,
            folder,
            trip,
        }
    }

    /// A path of this world's own folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) async fn upload(&self, sources: &[PathBuf]) -> Result<Uploaded> {
        upload(
            &self.server,
            &self.journal,
            &self.target,
            sources,
            &self.options,
            &self.progress,
            &self.cancel,
        )
        .await
    }

    /// Uploads and ends it as a commit does.
    pub(crate) async fn commit(&self, sources: &[PathBuf]) -> Uploaded {
        let uploaded = self.upload(sources).await.unwrap();
        uploaded.finished(&self.journal).await.unwrap();
        assert!(self.rows.rows.lock().unwrap().is_empty(), "the trail is gone");
        assert_eq!(
            std::fs::read_dir(&self.options.spool).unwrap().count(),
            0,
            "the spool is empty"
        );
        uploaded
    }

    /// The next version is to be based on this one.
    pub(crate) fn next_version(&mut self, uploaded: &Uploaded) {
        let (manifest, packs) = files_of(&uploaded.content);
        self.target.previous = Some(Previous {
            version: self.target.version,
            manifest,
            packs: packs.clone(),
            live: packs,
        });
        self.target.version = VersionId::random(&mut rng());
    }

    pub(crate) fn stored(&self, uploaded: &Uploaded) -> Stored {
        let Target {
            space, item, version, ..
        } = self.target;
        Stored {
            space,
            item,
            version,
            manifest: files_of(&uploaded.content).0,
            packs: files_of(&uploaded.content).1,
        }
    }

    pub(crate) async fn download(&self, stored: &Stored, to: &Path) -> Result<Downloaded> {
        self.download_over(stored, to, Overwrite::Refuse).await
    }

    pub(crate) async fn download_over(&self, stored: &Stored, to: &Path, overwrite: Overwrite) -> Result<Downloaded> {
        download(&self.server, stored, to, None, overwrite, &self.progress, &self.cancel).await
    }
}

pub(crate) fn files_of(content: &Content) -> (ManifestRef, Vec<PackId>) {
    match content {
        Content::Files { manifest, packs, .. } => (manifest.clone(), packs.clone()),
        _ => panic!("not files"),
    }
}
