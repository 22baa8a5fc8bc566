//! What somebody could open who has every key that a device ever held, and everything that the server has.

use std::collections::BTreeSet;
use std::path::Path;

use holdfast_crypto::{Key32, open};
use holdfast_engine::Session;
use holdfast_protocol::entry::SignedEntry;
use holdfast_protocol::id::{ItemId, SpaceId};
use holdfast_protocol::item::{Content, Item, ManifestRef, Version};
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::manifest::{ChunkRef, FileRecord, Manifest, chunk_key};
use holdfast_protocol::replay::{Space, UnwrapKeys as _, WrapFor};
use holdfast_protocol::run::output_key;
use holdfast_protocol::{cbor, context};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

/// The bytes of a box key.
pub type Key = [u8; 32];

/// The log of a project as the server has it.
pub async fn raw_log(reader: &Session, space: SpaceId) -> Vec<SignedEntry> {
    let mut all = Vec::new();
    loop {
        let page = reader.api().entries(space, all.len() as u64).await.expect("the log");
        if page.entries.is_empty() {
            return all;
        }
        let read = |bytes: &holdfast_protocol::wire::B64| SignedEntry::from_bytes(&bytes.0).expect("an entry");
        all.extend(page.entries.iter().map(read));
    }
}

/// A version of files with all that its manifest names.
pub struct Laid {
    /// Of which item.
    pub item: ItemId,
    /// The version.
    pub version: Version,
    /// Its manifest, as it lies at the server.
    pub sealed: Vec<u8>,
    /// All chunks of its files.
    pub chunks: Vec<ChunkRef>,
}

impl Laid {
    /// Where its manifest lies.
    ///
    /// # Panics
    /// For what is no version of files.
    #[must_use]
    pub fn at(&self) -> &ManifestRef {
        match &self.version.content {
            Content::Files { manifest, .. } => manifest,
            _ => unreachable!("only versions of files are laid out"),
        }
    }
}

/// Every version of files in a project.
pub async fn laid_out(reader: &Session, space: &Space) -> Vec<Laid> {
    let id = space.authority().space();
    let mut all = Vec::new();
    for item in space.contents().items().values() {
        for version in &item.versions {
            let Content::Files { manifest, .. } = &version.content else {
                continue;
            };
            let sealed = sealed(reader, id, manifest).await;
            let place = context::manifest(id, item.id, version.id);
            let plain = open(manifest.key.key(), &place, &sealed).expect("the manifest");
            let root: Manifest = cbor::decode(&plain, plain.len()).expect("a manifest");
            let records = listing(reader, id, item, version).await;
            let mut chunks = root.listing;
            chunks.extend(records.iter().flat_map(|record| record.chunks.clone()));
            all.push(Laid {
                item: item.id,
                version: version.clone(),
                sealed,
                chunks,
            });
        }
    }
    all
}

async fn listing(reader: &Session, space: SpaceId, item: &Item, version: &Version) -> Vec<FileRecord> {
    let stop = tokio_util::sync::CancellationToken::new();
    let found = reader.listing(space, item, version, &stop).await.expect("the listing");
    found.to_vec()
}

/// A manifest's box as the server has it.
async fn sealed(reader: &Session, space: SpaceId, at: &ManifestRef) -> Vec<u8> {
    let first = at.offset / WINDOW * WINDOW;
    let last = (at.offset + at.length).div_ceil(WINDOW) * WINDOW - 1;
    let windows = reader
        .api()
        .read_pack(space, at.pack, first, last)
        .await
        .expect("a pack");
    let from = usize::try_from(at.offset - first).expect("a small number");
    windows[from..from + usize::try_from(at.length).expect("a small number")].to_vec()
}

/// Keys of one device, and of all that could be opened with them.
pub struct Keys {
    all: BTreeSet<Key>,
    /// Bodies and manifests that opened.
    pub opened: usize,
}

impl Keys {
    /// Everything in the memory of an unlocked device and in its rows, and then, again and again, what stands in the boxes that
    /// these keys open: bodies of the log and manifests, up to entry `until`. `laid` is what the server let its owner read until then.
    pub async fn of(session: &Session, store: &Path, log: &[SignedEntry], laid: &[&Laid]) -> Self {
        let mut all = BTreeSet::new();
        session.show_keys(&mut |key| all.extend(Key::try_from(key).ok()));
        let mut keys = Self { all, opened: 0 };
        for (table, key, sealed) in rows(store).await {
            let place = context::local(session.principal(), &table, &key);
            if let Some(plain) = keys.open(&place, &sealed) {
                keys.take(&plain);
            }
        }
        loop {
            let before = keys.all.len();
            keys.opened = 0;
            for entry in log.iter().map(|signed| &signed.entry) {
                let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
                if let Some(plain) = entry.body.as_ref().and_then(|sealed| keys.open(&place, sealed)) {
                    keys.opened += 1;
                    keys.take(&plain);
                }
            }
            for version in laid {
                let Some(space) = log.first().map(|signed| signed.entry.space) else {
                    continue;
                };
                if keys.opens_manifest(space, version) {
                    keys.opened += 1;
                    let chunks = version.chunks.iter().map(|chunk| *chunk.key.key().expose());
                    keys.all.extend(chunks);
                }
            }
            if keys.all.len() == before {
                return keys;
            }
        }
    }

    /// Byte strings of 32 bytes, as CBOR writes them.
    fn take(&mut self, bytes: &[u8]) {
        for at in 0..bytes.len().saturating_sub(33) {
            if bytes[at] == 0x58 && bytes[at + 1] == 32 {
                self.all.extend(Key::try_from(&bytes[at + 2..at + 34]).ok());
            }
        }
    }

    fn keys(&self) -> impl Iterator<Item = Key32> {
        self.all.iter().filter_map(|key| Key32::from_slice(key))
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.keys()
            .find_map(|key| open(&key, place, sealed).ok())
            .map(|plain| plain.to_vec())
    }

    /// How many different ones there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Whether the body of an entry opens.
    pub fn opens_body(&self, signed: &SignedEntry) -> bool {
        let entry = &signed.entry;
        let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
        entry
            .body
            .as_ref()
            .is_some_and(|sealed| self.open(&place, sealed).is_some())
    }

    /// Whether a version's manifest opens, be it with a key that follows from that of a run.
    pub fn opens_manifest(&self, space: SpaceId, version: &Laid) -> bool {
        let place = context::manifest(space, version.item, version.version.id);
        let opens = |key: &Key32| open(key, &place, &version.sealed).is_ok();
        self.keys()
            .any(|key| opens(&key) || opens(&output_key(&key, version.version.id)))
    }

    /// Whether a chunk opens: its key is there, or follows from one that is. A box opens under one key alone.
    pub fn opens_chunk(&self, chunk: &ChunkRef) -> bool {
        let right = chunk.key.key().expose();
        self.all.contains(right) || self.keys().any(|key| chunk_key(&key, chunk.id).expose() == right)
    }
}

/// Whether a wrap in an entry opens with somebody's private keys, whomever it is addressed to.
pub fn opens_wrap(session: &Session, signed: &SignedEntry) -> bool {
    let (entry, keyring) = (&signed.entry, session.keyring());
    entry.op.wraps().iter().cloned().any(|mut wrap| {
        wrap.bundle = keyring.current().bundle().hash;
        let tried = WrapFor {
            epoch: entry.epoch,
            author_bundle: entry.author_bundle,
            wrap,
        };
        keyring.unwrap_epoch_key(entry.space, &tried).is_some()
    })
}

/// All rows of a device's store.
async fn rows(store: &Path) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let options = SqliteConnectOptions::new().filename(store).read_only(true);
    let mut connection = options.connect().await.expect("the device's store");
    // The log lies there as the server has it.
    let rows = sqlx::query("SELECT tbl, key, value FROM rows WHERE tbl <> 'entries'")
        .fetch_all(&mut connection)
        .await
        .expect("rows");
    connection.close().await.expect("it closes");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}
