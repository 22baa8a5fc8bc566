//! The log of all key bundles: its tree (RFC 6962), proofs, and the signed heads of it (C2SP tlog-checkpoint).
//! `docs/spec/transparency.md`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use holdfast_crypto::{SignKey, VerifyKey, labelled, sha256};
use minicbor::{Decode, Encode};

use crate::bundle::VerifiedBundle;
use crate::cbor;
use crate::id::{Hash, PrincipalId};
use crate::limits;

const FORMAT: u32 = 1;
/// The type byte of Ed25519 in a signed note's key id.
pub(crate) const ED25519: u8 = 1;

/// What is said of one published bundle.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Leaf {
    #[n(1)]
    format: u32,
    /// Whose bundle.
    #[n(2)]
    pub principal: PrincipalId,
    /// [`handle_commitment`].
    #[n(3)]
    pub handle: Hash,
    /// The bundle's counter.
    #[n(4)]
    pub counter: u32,
    /// Hash of the signed bundle.
    #[n(5)]
    pub bundle: Hash,
}

impl Leaf {
    /// The leaf of a bundle.
    #[must_use]
    pub fn new(principal: PrincipalId, handle: &str, counter: u32, bundle: Hash) -> Self {
        Self {
            format: FORMAT,
            principal,
            handle: handle_commitment(principal, handle),
            counter,
            bundle,
        }
    }

    /// The leaf of a verified bundle.
    #[must_use]
    pub fn of(verified: &VerifiedBundle) -> Self {
        let bundle = &verified.bundle;
        Self::new(bundle.principal, &bundle.handle, bundle.counter, verified.hash)
    }

    /// Reads a leaf.
    ///
    /// # Errors
    /// [`cbor::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, cbor::Malformed> {
        let leaf: Self = cbor::decode(bytes, limits::LEAF)?;
        if leaf.format == FORMAT {
            Ok(leaf)
        } else {
            Err(cbor::Malformed)
        }
    }

    /// The hash by which the tree knows it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(&cbor::encode(self))
    }
}

/// Ties a leaf to a handle without showing it to somebody who doesn't know it.
#[must_use]
pub fn handle_commitment(principal: PrincipalId, handle: &str) -> Hash {
    Hash(sha256(&[&labelled(
        "handle",
        &[principal.as_bytes(), handle.as_bytes()],
    )]))
}

/// RFC 6962 section 2.1: the hash of a leaf's bytes.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Hash(sha256(&[&[0], leaf]))
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Hash(sha256(&[&[1], left.as_bytes(), right.as_bytes()]))
}

/// The root over no leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(sha256(&[]))
}

/// A tree in memory: the hashes of all its full subtrees, so that roots and proofs of any size so far take a few hashes.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// `levels[l][i]` is the root over leaves `i << l .. (i + 1) << l`.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if row.len() % 2 == 1 {
                return;
            }
            hash = node(&row[row.len() - 2], &row[row.len() - 1]);
        }
    }

    /// The root over the first `size` leaves; `None` when there are not so many.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<Hash> {
        match size {
            _ if size > self.size() => None,
            0 => Some(empty_root()),
            _ => Some(self.over(0, size)),
        }
    }

    /// The root over leaves `from..to`, at least one, where `from` is a multiple of a power of two that is not less than their
    /// number: what recursion by RFC 6962 asks for.
    fn over(&self, from: u64, to: u64) -> Hash {
        let count = to - from;
        if count.is_power_of_two() {
            let level = count.trailing_zeros() as usize;
            return self.levels[level][usize::try_from(from >> level).expect("it is in memory")];
        }
        let split = from + split(count);
        node(&self.over(from, split), &self.over(split, to))
    }

    /// The proof that leaf `index` is in the tree of the first `size` leaves.
    #[must_use]
    pub fn inclusion(&self, index: u64, size: u64) -> Option<Vec<Hash>> {
        if index >= size || size > self.size() {
            return None;
        }
        let (mut from, mut to, mut path) = (0, size, Vec::new());
        while to - from > 1 {
            let middle = from + split(to - from);
            if index < middle {
                path.push(self.over(middle, to));
                to = middle;
            } else {
                path.push(self.over(from, middle));
                from = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// The proof that the tree of the first `size` leaves begins with that of the first `earlier`.
    #[must_use]
    pub fn consistency(&self, earlier: u64, size: u64) -> Option<Vec<Hash>> {
        if earlier > size || size > self.size() {
            return None;
        }
        if earlier == 0 || earlier == size {
            return Some(Vec::new());
        }
        let (mut from, mut to, mut path) = (0, size, Vec::new());
        // Down to the subtree that ends where the earlier tree ends.
        while to != earlier {
            let middle = from + split(to - from);
            if earlier <= middle {
                path.push(self.over(middle, to));
                to = middle;
            } else {
                path.push(self.over(from, middle));
                from = middle;
            }
        }
        // Where it is the whole earlier tree, the verifier knows it.
        if from != 0 {
            path.push(self.over(from, to));
        }
        path.reverse();
        Some(path)
    }
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// Verifies that leaf `index` is in the tree of `size` leaves with this root (RFC 9162 section 2.1.3.2).
#[must_use]
pub fn included(leaf: Hash, index: u64, size: u64, root: Hash, path: &[Hash]) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for step in path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            hash = node(step, &hash);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == root
}

/// Verifies that the tree of `size` leaves begins with the earlier one (RFC 9162 section 2.1.4.2).
#[must_use]
pub fn continues(earlier: (u64, Hash), (size, root): (u64, Hash), path: &[Hash]) -> bool {
    let (first, first_root) = earlier;
    if first > size {
        return false;
    }
    if first == 0 {
        return path.is_empty() && first_root == empty_root();
    }
    if first == size {
        return path.is_empty() && first_root == root;
    }
    // A whole subtree is its own beginning.
    let (start, steps) = match path.split_first() {
        _ if first.is_power_of_two() => (first_root, path),
        Some((start, steps)) => (*start, steps),
        None => return false,
    };
    let (mut at, mut last) = (first - 1, size - 1);
    while at % 2 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut old, mut new) = (start, start);
    for step in steps {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            old = node(step, &old);
            new = node(step, &new);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new = node(&new, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && old == first_root && new == root
}

/// A head of the log, signed by the log: what members show each other.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    /// Number of leaves.
    #[n(1)]
    pub size: u64,
    /// Root over them.
    #[n(2)]
    pub root: Hash,
    /// The log's Ed25519 key.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    signature: [u8; 64],
}

/// The name of the log with this key: the origin line of its checkpoints and the name in its signatures.
#[must_use]
pub fn origin(key: &[u8; 32]) -> String {
    format!("holdfast-directory/{}", hex::encode(&sha256(&[key])[..16]))
}

/// The first four bytes of a signature line, which say by which key it is (C2SP signed-note).
pub(crate) fn key_id(name: &str, kind: u8, key: &[u8; 32]) -> [u8; 4] {
    let digest = sha256(&[name.as_bytes(), b"\n", &[kind], key]);
    [digest[0], digest[1], digest[2], digest[3]]
}

impl Head {
    /// Signs a head.
    #[must_use]
    pub fn sign(size: u64, root: Hash, key: &SignKey) -> Self {
        let mut head = Self {
            size,
            root,
            key: *key.public().as_bytes(),
            signature: [0; 64],
        };
        head.signature = key.sign_note(head.note().as_bytes());
        head
    }

    /// The signed text.
    pub(crate) fn note(&self) -> String {
        let root = STANDARD.encode(self.root.as_bytes());
        format!("{}\n{}\n{root}\n", origin(&self.key), self.size)
    }

    /// Whether the signature is that of the key in it.
    #[must_use]
    pub fn verifies(&self) -> bool {
        VerifyKey::from_bytes(&self.key)
            .is_ok_and(|key| key.verify_note(self.note().as_bytes(), &self.signature).is_ok())
    }

    /// As a checkpoint (C2SP tlog-checkpoint).
    #[must_use]
    pub fn checkpoint(&self) -> String {
        let name = origin(&self.key);
        let line = STANDARD.encode([&key_id(&name, ED25519, &self.key)[..], &self.signature].concat());
        format!("{}\n\u{2014} {name} {line}\n", self.note())
    }

    /// Reads the checkpoint of the log with this key; signatures of others beside the log's are passed over.
    ///
    /// # Errors
    /// [`cbor::Malformed`] also when the log's signature is missing or does not verify.
    pub fn from_checkpoint(text: &str, key: &[u8; 32]) -> Result<Self, cbor::Malformed> {
        let malformed = cbor::Malformed;
        if text.len() > limits::CHECKPOINT {
            return Err(malformed);
        }
        let (note, signatures) = text.split_once("\n\n").ok_or(malformed)?;
        let name = origin(key);
        let mut lines = note.split('\n');
        let (Some(first), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(malformed);
        };
        if first != name {
            return Err(malformed);
        }
        let size: u64 = size.parse().map_err(|_| malformed)?;
        let root = STANDARD.decode(root).map_err(|_| malformed)?;
        let root = Hash::from_slice(&root).ok_or(malformed)?;
        for line in signatures.strip_suffix('\n').ok_or(malformed)?.split('\n') {
            let (by, bytes) = line
                .strip_prefix("\u{2014} ")
                .and_then(|rest| rest.split_once(' '))
                .ok_or(malformed)?;
            let bytes = STANDARD.decode(bytes).map_err(|_| malformed)?;
            let Some((id, signature)) = bytes.split_first_chunk::<4>() else {
                return Err(malformed);
            };
            if by != name || *id != key_id(&name, ED25519, key) {
                continue;
            }
            let head = Self {
                size,
                root,
                key: *key,
                signature: signature.try_into().map_err(|_| malformed)?,
            };
            // The text is made anew: a size like +07 or another spelling of the root was not signed.
            if head.note().strip_suffix('\n') == Some(note) && head.verifies() {
                return Ok(head);
            }
            return Err(malformed);
        }
        Err(malformed)
    }
}
