//! A capsule: what a node needs for one run, and nothing that opens anything else.

use holdfast_crypto::rsa::{PrivateKey, PublicKey};
use holdfast_crypto::{Error, Key32, open, seal};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::RunSpec;
use crate::cbor::{self, Malformed};
use crate::context;
use crate::id::{Hash, ItemId, PackId, RunId, SpaceId};
use crate::item::{Audience, Field, ManifestRef};
use crate::limits;
use crate::secretvalue::KeyField;

/// What opens one version of an item, and the packs it lies in.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FileGrant {
    /// Where the manifest lies, and its key.
    #[n(1)]
    pub manifest: ManifestRef,
    /// Every pack that the manifest points into.
    #[n(2)]
    pub packs: Vec<PackId>,
}

/// A copy of a secret's value.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretGrant {
    /// Its fields.
    #[n(1)]
    pub fields: Vec<Field>,
    /// Where it may be handed over.
    #[n(2)]
    pub audience: Audience,
}

/// The key of chunk ids of an item that an output goes into.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct OutputKey {
    /// The item.
    #[n(0)]
    pub item: ItemId,
    /// Its key.
    #[n(1)]
    pub key: KeyField,
}

/// What a node is given for one run.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Grant {
    #[n(1)]
    spec: ByteVec,
    /// The run's key.
    #[n(2)]
    pub key: KeyField,
    /// The task, then the inputs in the spec's order.
    #[n(3)]
    pub files: Vec<FileGrant>,
    /// In the spec's order.
    #[n(4)]
    pub secrets: Vec<SecretGrant>,
    /// One for each item that an output goes into.
    #[n(5)]
    pub outputs: Vec<OutputKey>,
}

impl Grant {
    /// A grant for this spec.
    #[must_use]
    pub fn new(
        spec: &RunSpec,
        key: KeyField,
        files: Vec<FileGrant>,
        secrets: Vec<SecretGrant>,
        outputs: Vec<OutputKey>,
    ) -> Self {
        Self {
            spec: cbor::encode(spec).into(),
            key,
            files,
            secrets,
            outputs,
        }
    }

    /// The spec and its hash.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn spec(&self) -> Result<(RunSpec, Hash), Malformed> {
        Ok((RunSpec::from_bytes(&self.spec)?, Hash::of(&self.spec)))
    }
}

/// A sealed grant, as the server keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Capsule {
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    wrapped: Vec<u8>,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

/// Whose capsule it is: all of it is in both contexts.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The space.
    pub space: SpaceId,
    /// The run.
    pub run: RunId,
    /// The node's bundle.
    pub node: Hash,
    /// The bundle of the entry's author.
    pub author: Hash,
}

impl Capsule {
    /// Seals a grant to a node.
    ///
    /// # Errors
    /// As [`PublicKey::wrap_key`].
    pub fn seal(grant: &Grant, place: Place, node: &PublicKey, rng: &mut dyn CryptoRng) -> Result<Self, Error> {
        let Place {
            space,
            run,
            node: to,
            author,
        } = place;
        let key = Key32::random(rng);
        let wrapped = node.wrap_key(&context::capsule_wrap(space, run, to, author), &key, rng)?;
        let plain = Zeroizing::new(cbor::encode(grant));
        let sealed = seal(&key, &context::capsule(space, run, to, author), &plain, rng);
        Ok(Self { wrapped, sealed })
    }

    /// Opens a capsule with the node's private key.
    ///
    /// # Errors
    /// The one opaque open error, also when there is no grant in it.
    pub fn open(&self, place: Place, node: &PrivateKey) -> Result<Grant, Error> {
        let Place {
            space,
            run,
            node: to,
            author,
        } = place;
        let key = node.unwrap_key(&context::capsule_wrap(space, run, to, author), &self.wrapped)?;
        let plain = open(&key, &context::capsule(space, run, to, author), &self.sealed)?;
        cbor::decode(&plain, limits::CAPSULE).map_err(|_| Error::Open)
    }

    /// The bytes that are stored, and that an entry names by their hash.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads a capsule.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        cbor::decode(bytes, limits::CAPSULE)
    }
}
