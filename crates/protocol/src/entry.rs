//! Entries of a space's log: what is in clear, what is sealed, and how both are signed.
//!
//! The op is in clear: it says who may do what (authority) and which packs exist (routing). Everything that has a
//! name or a content is in the body, a box under the epoch's key.

use holdfast_crypto::{Key32, SignKey, VerifyKey, labelled, open, seal, sha256};
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::cbor::{self, Malformed};
use crate::context;
use crate::id::{Hash, ItemId, PackId, PrincipalId, RunId, SpaceId};
use crate::item::Item;
use crate::limits;
use crate::secretvalue::KeyField;
use crate::transparency::Head;

/// The version of the core, and of entries without a head of the log of keys.
pub const FORMAT: u32 = 1;
/// The version of entries with one.
pub const FORMAT_WITH_HEAD: u32 = 2;
/// The signature domain of entries.
pub const SIGNED_AS: &str = "entry";

/// A private box of one person, or something people share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum SpaceKind {
    /// One person's own secrets, pins and settings.
    #[n(0)]
    Vault,
    /// A project.
    #[n(1)]
    Project,
}

/// What a member may do. Ordered: a later role may do all an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads everything, changes nothing.
    #[n(0)]
    Reader,
    /// Reads, adds and changes content.
    #[n(1)]
    Contributor,
    /// All of that, and decides who is in.
    #[n(2)]
    Owner,
}

/// What a space is; its hash is the space's name.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Core {
    /// [`FORMAT`].
    #[n(1)]
    pub format: u32,
    /// Vault or project.
    #[n(2)]
    pub kind: SpaceKind,
    /// Whether bodies and content are locked against the server. Never changes.
    #[n(3)]
    pub encrypted: bool,
    /// Who made the space.
    #[n(4)]
    pub creator: PrincipalId,
    /// The creator's fingerprint at that moment.
    #[n(5)]
    pub creator_fingerprint: Hash,
    /// Randomness that makes every space different.
    #[n(6)]
    pub random: Hash,
    /// Milliseconds since 1970-01-01 UTC.
    #[n(7)]
    pub created_ms: u64,
    /// The key of a space that is not encrypted: in clear, so that one code path serves both kinds.
    #[n(8)]
    pub open_key: Option<KeyField>,
}

impl Core {
    /// The space's name: `H(label "space" || core)`.
    #[must_use]
    pub fn space_id(&self) -> SpaceId {
        SpaceId(sha256(&[&labelled("space", &[]), &cbor::encode(self)]))
    }
}

/// An epoch key for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Wrap {
    /// Whom it is for.
    #[n(1)]
    pub recipient: PrincipalId,
    /// The recipient's bundle whose RSA key it was wrapped to.
    #[n(2)]
    pub bundle: Hash,
    /// RSA-OAEP ciphertext.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub ciphertext: Vec<u8>,
}

/// The key material that a new epoch states in clear: a commitment to its key, and the key wrapped to everybody in it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EpochStart {
    /// `HKDF-Expand(key, label "epoch-commit" || space || epoch)`: no two keys fit.
    #[n(1)]
    pub commitment: Hash,
    /// One wrap for each remaining person.
    #[n(2)]
    pub wraps: Vec<Wrap>,
}

/// A pack and its size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PackSize {
    /// The pack.
    #[n(0)]
    pub id: PackId,
    /// Its size in bytes, padding included.
    #[n(1)]
    pub bytes: u64,
}

/// What a node is given of a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum NodeScope {
    /// With each run the capsule of that run, and nothing else.
    #[n(0)]
    Runs,
    /// The epoch key, like a teammate: it reads everything.
    #[n(1)]
    Project,
}

/// What an entry does, in clear. Number 12 is kept for checkpoints.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum Op {
    /// Begins the space (entry 0).
    #[n(0)]
    #[cbor(map)]
    Genesis {
        /// What the space is.
        #[n(1)]
        core: Core,
        /// Epoch 0, when the space is encrypted.
        #[n(2)]
        epoch: Option<EpochStart>,
    },
    /// Lets somebody in.
    #[n(1)]
    #[cbor(map)]
    Add {
        /// Who.
        #[n(1)]
        principal: PrincipalId,
        /// The bundle that counts for this person from now on.
        #[n(2)]
        bundle: Hash,
        /// The fingerprint the author saw.
        #[n(3)]
        fingerprint: Hash,
        /// As what.
        #[n(4)]
        role: Role,
        /// The current epoch's key, when the space is encrypted.
        #[n(5)]
        wrap: Option<Wrap>,
    },
    /// Puts somebody out; opens the next epoch when the space is encrypted.
    #[n(2)]
    #[cbor(map)]
    Remove {
        /// Who.
        #[n(1)]
        principal: PrincipalId,
        /// The next epoch.
        #[n(2)]
        epoch: Option<EpochStart>,
    },
    /// Leaves. The next owner's client opens a new epoch.
    #[n(3)]
    #[cbor(map)]
    Leave {},
    /// Changes what somebody may do.
    #[n(4)]
    #[cbor(map)]
    SetRole {
        /// Who.
        #[n(1)]
        principal: PrincipalId,
        /// The new role.
        #[n(2)]
        role: Role,
    },
    /// Says that the author's newer bundle counts from now on (signed with that bundle's key), and wraps the current key to it.
    #[n(5)]
    #[cbor(map)]
    Rewrap {
        /// The current epoch's key for the new bundle, when the space is encrypted.
        #[n(1)]
        wrap: Option<Wrap>,
    },
    /// Opens the next epoch with the same members.
    #[n(6)]
    #[cbor(map)]
    Rotate {
        /// The next epoch.
        #[n(1)]
        epoch: EpochStart,
    },
    /// Lets a node do work for the space until a time (`docs/spec/nodes.md`, as all about nodes and runs).
    #[n(7)]
    #[cbor(map)]
    AuthoriseNode {
        /// Which node.
        #[n(1)]
        principal: PrincipalId,
        /// Its bundle.
        #[n(2)]
        bundle: Hash,
        /// The fingerprint the author saw.
        #[n(3)]
        fingerprint: Hash,
        /// What it is given.
        #[n(4)]
        scope: NodeScope,
        /// When that ends, in milliseconds since 1970-01-01 UTC.
        #[n(5)]
        until_ms: u64,
        /// The current epoch's key, when the space is encrypted and the scope is the whole project.
        #[n(6)]
        wrap: Option<Wrap>,
    },
    /// Ends what a node may do; opens the next epoch when it held the key of this one.
    #[n(8)]
    #[cbor(map)]
    WithdrawNode {
        /// Which node.
        #[n(1)]
        principal: PrincipalId,
        /// The next epoch.
        #[n(2)]
        epoch: Option<EpochStart>,
    },
    /// Changes content.
    #[n(9)]
    #[cbor(map)]
    Commit {
        /// Packs that hold content of this space from now on.
        #[n(1)]
        added: Vec<PackSize>,
        /// Packs that no longer do.
        #[n(2)]
        dropped: Vec<PackId>,
    },
    /// Orders one execution of a task on a node. The sealed part is a [`crate::run::RunBody`].
    #[n(10)]
    #[cbor(map)]
    Run {
        /// Drawn at random.
        #[n(1)]
        run: RunId,
        /// Which node.
        #[n(2)]
        node: PrincipalId,
        /// The bundle that the node was authorised with.
        #[n(3)]
        node_bundle: Hash,
        /// Hash of the run's spec.
        #[n(4)]
        spec: Hash,
        /// Hash of the capsule, for a node that has nothing else.
        #[n(5)]
        capsule: Option<Hash>,
        /// When the run may no longer begin or go on, in milliseconds since 1970-01-01 UTC.
        #[n(6)]
        until_ms: u64,
        /// How often it may be begun.
        #[n(7)]
        attempts: u32,
    },
    /// Takes a run back, or stops it.
    #[n(11)]
    #[cbor(map)]
    WithdrawRun {
        /// Which run.
        #[n(1)]
        run: RunId,
    },
    /// Takes a run's result and outputs over into the space. The sealed part is a [`crate::run::AdoptBody`].
    #[n(13)]
    #[cbor(map)]
    Adopt {
        /// Which run.
        #[n(1)]
        run: RunId,
        /// Packs that hold its outputs.
        #[n(2)]
        added: Vec<PackSize>,
    },
}

impl Op {
    /// Whether this op is part of the authority chain.
    #[must_use]
    pub fn is_authority(&self) -> bool {
        !matches!(
            self,
            Self::Commit { .. } | Self::Run { .. } | Self::WithdrawRun { .. } | Self::Adopt { .. }
        )
    }

    /// The epoch that this op opens after the first one.
    #[must_use]
    pub fn next_epoch(&self) -> Option<&EpochStart> {
        match self {
            Self::Rotate { epoch } => Some(epoch),
            Self::Remove { epoch, .. } | Self::WithdrawNode { epoch, .. } => epoch.as_ref(),
            _ => None,
        }
    }

    /// Every wrap of an epoch key that this op carries.
    #[must_use]
    pub fn wraps(&self) -> &[Wrap] {
        match self {
            Self::Genesis { epoch, .. } => epoch.as_ref().map_or(&[], |start| &start.wraps),
            Self::Add { wrap, .. } | Self::Rewrap { wrap } | Self::AuthoriseNode { wrap, .. } => wrap.as_slice(),
            op => op.next_epoch().map_or(&[], |start| &start.wraps),
        }
    }

    /// The packs that this op adds to the space.
    #[must_use]
    pub fn added_packs(&self) -> &[PackSize] {
        match self {
            Self::Commit { added, .. } | Self::Adopt { added, .. } => added,
            _ => &[],
        }
    }

    /// Whether an entry with this op has a sealed body. (Removal and withdrawal have one when they open an epoch.)
    #[must_use]
    pub fn has_body(&self) -> bool {
        match self {
            Self::Genesis { .. }
            | Self::Rotate { .. }
            | Self::Commit { .. }
            | Self::Run { .. }
            | Self::Adopt { .. } => true,
            Self::Remove { epoch, .. } | Self::WithdrawNode { epoch, .. } => epoch.is_some(),
            Self::Add { .. }
            | Self::Leave {}
            | Self::SetRole { .. }
            | Self::Rewrap { .. }
            | Self::AuthoriseNode { .. }
            | Self::WithdrawRun { .. } => false,
        }
    }
}

/// The sealed part of an entry.
#[derive(Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Body {
    /// The previous epoch's key (in the entry that opens the next one).
    #[n(1)]
    pub previous_key: Option<KeyField>,
    /// The space's name, when it is set or changed.
    #[n(2)]
    pub name: Option<String>,
    /// Items as they are from now on, each whole.
    #[n(3)]
    pub put: Vec<Item>,
    /// Items that are gone for good.
    #[n(4)]
    pub purged: Vec<ItemId>,
    /// Puts the whole space into the trash (milliseconds since 1970-01-01 UTC), or takes it out again (0). Owners only.
    #[n(5)]
    pub trashed_ms: Option<u64>,
}

impl Body {
    /// Seals the body for its place in the log.
    pub fn seal(
        &self,
        key: &Key32,
        space: SpaceId,
        epoch: u32,
        seq: u64,
        prev: Hash,
        rng: &mut dyn CryptoRng,
    ) -> Vec<u8> {
        seal_body(self, key, &context::entry_body(space, epoch, seq, prev), rng)
    }

    /// Opens a body at its place in the log.
    ///
    /// # Errors
    /// The one opaque open error, also when the plaintext is not a body.
    pub fn open(
        sealed: &[u8],
        key: &Key32,
        space: SpaceId,
        epoch: u32,
        seq: u64,
        prev: Hash,
    ) -> Result<Self, holdfast_crypto::Error> {
        open_body(sealed, key, &context::entry_body(space, epoch, seq, prev))
    }
}

/// Seals any op's body under an epoch's key.
pub fn seal_body<B: Encode<()>>(body: &B, key: &Key32, place: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
    seal(key, place, &Zeroizing::new(cbor::encode(body)), rng)
}

/// Opens any op's body at its `place` ([`context::entry_body`]).
///
/// # Errors
/// The one opaque open error, also when the plaintext is not such a body.
pub fn open_body<B>(sealed: &[u8], key: &Key32, place: &[u8]) -> Result<B, holdfast_crypto::Error>
where
    B: Encode<()> + for<'b> Decode<'b, ()>,
{
    let plain = open(key, place, sealed)?;
    cbor::decode(&plain, limits::ENTRY).map_err(|_| holdfast_crypto::Error::Open)
}

/// One entry of a log, before it is signed.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entry {
    /// [`FORMAT`] or [`FORMAT_WITH_HEAD`].
    #[n(1)]
    pub format: u32,
    /// The space it belongs to.
    #[n(2)]
    pub space: SpaceId,
    /// Its place: 0, 1, 2 …
    #[n(3)]
    pub seq: u64,
    /// Hash of the signed entry before it; zero in entry 0.
    #[n(4)]
    pub prev: Hash,
    /// Hash of the last authority entry before it; zero in entry 0.
    #[n(5)]
    pub auth: Hash,
    /// The epoch its body is sealed under.
    #[n(6)]
    pub epoch: u32,
    /// Who wrote it.
    #[n(7)]
    pub author: PrincipalId,
    /// The author's bundle whose Ed25519 key signed it.
    #[n(8)]
    pub author_bundle: Hash,
    /// Milliseconds since 1970-01-01 UTC, by the author's clock.
    #[n(9)]
    pub time_ms: u64,
    /// What it does.
    #[n(10)]
    pub op: Op,
    /// The sealed [`Body`].
    #[n(11)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Option<Vec<u8>>,
    /// The log of keys as its author's device saw it last.
    #[n(12)]
    pub head: Option<Head>,
}

#[derive(Encode, Decode)]
struct Signed {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    entry: Vec<u8>,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    signature: Vec<u8>,
}

/// An entry with its signature, as stored and sent. Parsed, not yet verified.
#[derive(Clone)]
pub struct SignedEntry {
    /// What it says.
    pub entry: Entry,
    /// Hash of the bytes, signature included: how the next entry names this one.
    pub hash: Hash,
    bytes: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Entry {
    /// Signs the entry.
    ///
    /// # Errors
    /// [`Malformed`] when it is larger than [`limits::ENTRY`].
    pub fn sign(self, key: &SignKey) -> Result<SignedEntry, Malformed> {
        let message = cbor::encode(&self);
        let signature = key.sign(SIGNED_AS, &message).to_vec();
        let bytes = cbor::encode(&Signed {
            entry: message.clone(),
            signature: signature.clone(),
        });
        if bytes.len() > limits::ENTRY {
            return Err(Malformed);
        }
        Ok(SignedEntry {
            hash: Hash::of(&bytes),
            entry: self,
            bytes,
            message,
            signature,
        })
    }
}

impl SignedEntry {
    /// Reads a signed entry of at most [`limits::ENTRY`] bytes. The signature is checked by replay.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let signed: Signed = cbor::decode(bytes, limits::ENTRY)?;
        let entry: Entry = cbor::decode(&signed.entry, limits::ENTRY)?;
        let format = if entry.head.is_some() { FORMAT_WITH_HEAD } else { FORMAT };
        if entry.format != format {
            return Err(Malformed);
        }
        Ok(Self {
            entry,
            hash: Hash::of(bytes),
            bytes: bytes.to_vec(),
            message: signed.entry,
            signature: signed.signature,
        })
    }

    /// The bytes that are stored, sent and hashed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a head in it was signed by the log that it names.
    #[must_use]
    pub fn head_holds(&self) -> bool {
        self.entry.head.as_ref().is_none_or(Head::verifies)
    }

    /// Whether the signature is this key's.
    #[must_use]
    pub fn verifies(&self, key: &VerifyKey) -> bool {
        key.verify(SIGNED_AS, &self.message, &self.signature).is_ok()
    }
}

/// The commitment to an epoch's key.
#[must_use]
pub fn epoch_commitment(key: &Key32, space: SpaceId, epoch: u32) -> Hash {
    let info = labelled("epoch-commit", &[space.as_bytes(), &epoch.to_be_bytes()]);
    Hash(*holdfast_crypto::hkdf_expand(key, &info).expose())
}
