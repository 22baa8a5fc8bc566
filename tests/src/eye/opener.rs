//! Opens every box that a server has with keys that it has: from each one opened it takes the keys inside and goes on.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_crypto::{Key32, Phrase, Prk, open, rsa};
use holdfast_protocol::bundle::{SignedBundle, VerifiedBundle};
use holdfast_protocol::entry::{Body, SignedEntry};
use holdfast_protocol::id::{Hash, ItemId, PrincipalId, SpaceId};
use holdfast_protocol::item::Content;
use holdfast_protocol::manifest::{ChunkRef, FileRecord, Manifest};
use holdfast_protocol::{cbor, context};
use serde_json::Value;

use super::material::Material;
use super::search::{Found, Searcher};

type Key = [u8; 32];

/// What a server can read.
#[derive(Default)]
pub struct Opened {
    /// What was in the boxes that opened, files whole.
    pub plaintexts: Vec<Vec<u8>>,
    /// Boxes that opened.
    pub opened: usize,
    /// Boxes (bodies, link and recovery boxes) that stayed closed.
    pub closed: usize,
    /// Different keys that were tried.
    pub keys: usize,
}

impl Opened {
    /// Looks through what was opened.
    #[must_use]
    pub fn search(&self, searcher: &Searcher) -> Found {
        let mut found = Found::new();
        for plaintext in &self.plaintexts {
            searcher.search(plaintext, &mut found);
        }
        found
    }
}

/// A box whose context the server knows.
struct Sealed {
    context: Vec<u8>,
    bytes: Vec<u8>,
    space: Option<SpaceId>,
}

/// Tries keys on boxes.
pub struct Opener<'a> {
    packs: Vec<&'a [u8]>,
    closed: Vec<Sealed>,
    fresh: BTreeSet<Key>,
    tried: BTreeSet<Key>,
    result: Opened,
}

impl<'a> Opener<'a> {
    /// Collects the boxes and everything that might be a key: each byte string of 32 bytes in CBOR, each string of the
    /// API that stands for 32 bytes, and every window of 32 bytes in the clear parts of the logs.
    #[must_use]
    pub fn new(material: &'a Material) -> Self {
        let mut own = Self {
            packs: material.packs().collect(),
            closed: Vec::new(),
            fresh: BTreeSet::new(),
            tried: BTreeSet::new(),
            result: Opened::default(),
        };
        for piece in material.pieces() {
            own.take_keys(&piece.bytes);
            own.fresh.extend(Key::try_from(piece.bytes.as_slice()).ok());
        }
        let entries = entries(material);
        for entry in entries.values() {
            if let Some(bytes) = &entry.entry.body {
                let at = &entry.entry;
                let context = context::entry_body(at.space, at.epoch, at.seq, at.prev);
                own.closed.push(Sealed {
                    context,
                    bytes: bytes.clone(),
                    space: Some(at.space),
                });
            }
        }
        own.take_windows(&entries);
        let people: BTreeSet<PrincipalId> = entries.values().map(|entry| entry.entry.author).collect();
        for value in material.json() {
            own.take_account_boxes(value, &people);
        }
        own
    }

    /// Adds a key that the server does not have.
    #[must_use]
    pub fn with_keys(mut self, keys: &BTreeSet<Key>) -> Self {
        self.fresh.extend(keys);
        self
    }

    /// Opens whatever opens.
    #[must_use]
    pub fn run(mut self) -> Opened {
        while !self.fresh.is_empty() {
            let keys = std::mem::take(&mut self.fresh);
            for key in keys {
                if self.tried.insert(key) {
                    self.try_key(&key);
                }
            }
        }
        self.result.closed = self.closed.len();
        self.result.keys = self.tried.len();
        self.result
    }

    fn try_key(&mut self, bytes: &Key) {
        let key = Key32::from_slice(bytes).expect("32 bytes");
        for sealed in std::mem::take(&mut self.closed) {
            let Ok(plain) = open(&key, &sealed.context, &sealed.bytes) else {
                self.closed.push(sealed);
                continue;
            };
            self.keep(plain.to_vec());
            if let (Some(space), Ok(body)) = (sealed.space, cbor::decode::<Body>(&plain, plain.len())) {
                self.open_files(space, &body);
            }
        }
    }

    fn keep(&mut self, plain: Vec<u8>) {
        self.take_keys(&plain);
        self.fresh.extend(Key::try_from(plain.as_slice()).ok());
        self.result.opened += 1;
        self.result.plaintexts.push(plain);
    }

    /// Byte strings of 32 bytes, as CBOR writes them.
    fn take_keys(&mut self, bytes: &[u8]) {
        for at in 0..bytes.len().saturating_sub(33) {
            if bytes[at] == 0x58 && bytes[at + 1] == 32 {
                self.fresh.extend(Key::try_from(&bytes[at + 2..at + 34]).ok());
            }
        }
    }

    /// Every 32 bytes in a row of what stands in clear in the first entries of each log: a key that is there in any other form.
    fn take_windows(&mut self, entries: &BTreeMap<Hash, SignedEntry>) {
        for entry in entries.values().filter(|entry| entry.entry.seq == 0) {
            let mut clear = entry.entry.clone();
            clear.body = None;
            self.fresh.extend(
                cbor::encode(&clear)
                    .windows(32)
                    .filter_map(|window| Key::try_from(window).ok()),
            );
        }
    }

    /// Link and recovery boxes, wherever they stand in a message.
    fn take_account_boxes(&mut self, value: &Value, people: &BTreeSet<PrincipalId>) {
        let field = |name: &str| value.get(name).and_then(Value::as_str);
        let sealed = field("sealed").and_then(|text| holdfast_protocol::wire::B64::try_from(text.to_owned()).ok());
        if let Some(sealed) = sealed {
            if let Some(Ok(locator)) = field("locator").map(str::parse) {
                self.closed.push(Sealed {
                    context: context::recovery(locator),
                    bytes: sealed.0.clone(),
                    space: None,
                });
            }
            if let (Some(Ok(old)), Some(Ok(new))) = (field("old").map(str::parse), field("new").map(str::parse)) {
                let boxes = people.iter().map(|&person| context::link(person, old, new));
                self.closed.extend(boxes.map(|context| Sealed {
                    context,
                    bytes: sealed.0.clone(),
                    space: None,
                }));
            }
        }
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.take_account_boxes(value, people)),
            Value::Object(fields) => fields.values().for_each(|value| self.take_account_boxes(value, people)),
            _ => {}
        }
    }

    /// Manifests, listings and files of every version in a body.
    fn open_files(&mut self, space: SpaceId, body: &Body) {
        for item in &body.put {
            for version in &item.versions {
                let Content::Files { manifest: at, .. } = &version.content else {
                    continue;
                };
                let found = self.cut(at.offset, at.length, |sealed| Hash::of(sealed) == at.hash);
                let context = context::manifest(space, item.id, version.id);
                let Some(plain) = found.and_then(|sealed| open(at.key.key(), &context, sealed).ok()) else {
                    continue;
                };
                if let Ok(manifest) = cbor::decode::<Manifest>(&plain, plain.len()) {
                    self.open_listing(space, item.id, &manifest);
                }
                self.keep(plain.to_vec());
            }
        }
    }

    fn open_listing(&mut self, space: SpaceId, item: ItemId, manifest: &Manifest) {
        let listing = self.join(space, item, &manifest.listing);
        let mut rest = listing.as_slice();
        while let Ok((record, used)) = cbor::decode_next::<FileRecord>(rest) {
            let file = self.join(space, item, &record.chunks);
            self.result.opened += record.chunks.len();
            self.result.plaintexts.push(file);
            rest = &rest[used..];
        }
        self.keep(listing);
    }

    /// The chunks that open, one after another.
    fn join(&self, space: SpaceId, item: ItemId, chunks: &[ChunkRef]) -> Vec<u8> {
        let mut whole = Vec::new();
        for chunk in chunks {
            let found = self.cut(chunk.offset, chunk.length, |sealed| {
                sealed.ends_with(chunk.tag.as_bytes())
            });
            let context = context::chunk(space, item, chunk.id);
            if let Some(plain) = found.and_then(|sealed| open(chunk.key.key(), &context, sealed).ok()) {
                whole.extend_from_slice(&plain);
            }
        }
        whole
    }

    /// The box at a place of the pack that has the right one there: which of the files is which pack is only in the database.
    fn cut(&self, offset: u64, length: u64, right: impl Fn(&[u8]) -> bool) -> Option<&'a [u8]> {
        let from = usize::try_from(offset).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        self.packs
            .iter()
            .filter_map(|pack| pack.get(from..to))
            .find(|sealed| right(sealed))
    }
}

/// Every signed entry, by its hash.
fn entries(material: &Material) -> BTreeMap<Hash, SignedEntry> {
    let read = material
        .pieces()
        .iter()
        .filter_map(|piece| SignedEntry::from_bytes(&piece.bytes).ok());
    read.map(|entry| (entry.hash, entry)).collect()
}

/// What somebody holds who knows a Master Key.
#[derive(Default)]
pub struct Leaked {
    /// The roots of all keys.
    pub roots: BTreeSet<Key>,
    /// The keys of the link boxes.
    pub links: BTreeSet<Key>,
    /// The keys of all epochs of all spaces.
    pub epochs: BTreeSet<Key>,
}

/// The keys that whoever knows all Master Keys of a handle finds in the material. No server does: it shows that what the server
/// could not open was there, and that a key is all that was missing.
///
/// # Panics
/// When a phrase is none.
#[must_use]
pub fn leaked(material: &Material, handle: &str, phrases: &[String]) -> Leaked {
    let entries = entries(material);
    let bundles: Vec<_> = bundles(material)
        .into_iter()
        .filter(|bundle| bundle.bundle.handle == handle)
        .collect();
    let mut found = Leaked::default();
    for phrase in phrases {
        let phrase = Phrase::new(phrase).expect("a Master Key");
        for (bundle, root) in bundles
            .iter()
            .filter_map(|bundle| Some((bundle, root(&phrase, bundle)?)))
        {
            found.roots.insert(*root.expose());
            found.links.insert(*root.link_key().expose());
            let seed = root.rsa_seed(bundle.rsa.bits());
            let pair = rsa::PrivateKey::unlock(&seed, &bundle.rsa).expect("the Ed25519 key was the same");
            for at in entries.values().map(|signed| &signed.entry) {
                for wrap in at.op.wraps().iter().filter(|wrap| wrap.bundle == bundle.hash) {
                    let label = context::epoch_wrap(at.space, at.epoch, bundle.hash, at.author_bundle);
                    found
                        .epochs
                        .extend(pair.unwrap_key(&label, &wrap.ciphertext).map(|key| *key.expose()));
                }
            }
        }
    }
    found
}

/// The root of a bundle's keys, when this is its phrase.
fn root(phrase: &Phrase, bundle: &VerifiedBundle) -> Option<Prk> {
    let root = Prk::derive(phrase, &bundle.kdf).ok()?;
    (root.sign_key().public() == bundle.verify).then_some(root)
}

fn bundles(material: &Material) -> Vec<VerifiedBundle> {
    let signed: Vec<SignedBundle> = material
        .pieces()
        .iter()
        .filter_map(|piece| SignedBundle::from_bytes(&piece.bytes).ok())
        .collect();
    let mut found: BTreeMap<Hash, VerifiedBundle> = BTreeMap::new();
    loop {
        let fits = |one: &SignedBundle| {
            let first = one.verify(None).ok();
            first.or_else(|| found.values().find_map(|previous| one.verify(Some(previous)).ok()))
        };
        let new: Vec<_> = signed
            .iter()
            .filter(|one| !found.contains_key(&one.hash()))
            .filter_map(fits)
            .collect();
        if new.is_empty() {
            return found.into_values().collect();
        }
        found.extend(new.into_iter().map(|bundle| (bundle.hash, bundle)));
    }
}
