//! Items: what people put into a space. An item travels whole, inside the sealed body of a commit.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::id::{Hash, InvitationId, ItemId, PackId, PrincipalId, SpaceId, VersionId};
use crate::secretvalue::{KeyField, SecretText};

/// What an item is. Numbers above 15 live in vaults only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// Files that tasks read.
    #[n(1)]
    Dataset,
    /// Trained weights and what belongs to them.
    #[n(2)]
    Model,
    /// A program that nodes run.
    #[n(3)]
    Task,
    /// Files that a run made.
    #[n(5)]
    Artifact,
    /// A token, password or key.
    #[n(6)]
    Secret,
    /// Text.
    #[n(7)]
    Note,
    /// Vault only: what this person knows of another principal's keys.
    #[n(16)]
    Person,
    /// Vault only: how far this person has seen a space.
    #[n(17)]
    SpaceHead,
    /// Vault only: an invitation that waits for its newcomer.
    #[n(18)]
    Invitation,
    /// Vault only: the person's own name and settings.
    #[n(19)]
    Profile,
}

impl ItemKind {
    /// Whether versions of this kind hold files.
    #[must_use]
    pub fn holds_files(self) -> bool {
        matches!(self, Self::Dataset | Self::Model | Self::Task | Self::Artifact)
    }

    /// Whether the kind is the owner's own bookkeeping, which belongs in a vault and nowhere else.
    #[must_use]
    pub fn vault_only(self) -> bool {
        matches!(self, Self::Person | Self::SpaceHead | Self::Invitation | Self::Profile)
    }
}

/// The types of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum SecretType {
    /// A token for a git host.
    #[n(1)]
    Git,
    /// An AWS access key.
    #[n(2)]
    Aws,
    /// A user name and a password.
    #[n(3)]
    Credentials,
    /// An API key.
    #[n(4)]
    ApiKey,
    /// An SSH private key.
    #[n(5)]
    Ssh,
    /// A database address with its password.
    #[n(6)]
    Database,
    /// A certificate with its key.
    #[n(7)]
    Certificate,
    /// A set of environment variables.
    #[n(8)]
    Env,
    /// Free text.
    #[n(9)]
    Note,
}

/// A dataset, a secret, a note …, with all its versions.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Item {
    /// Drawn at random by the client that made it.
    #[n(1)]
    pub id: ItemId,
    /// What it is; never changes.
    #[n(2)]
    pub kind: ItemKind,
    /// Its name.
    #[n(3)]
    pub name: String,
    /// Free text about it.
    #[n(4)]
    pub description: String,
    /// Labels to find it by.
    #[n(5)]
    pub tags: Vec<String>,
    /// Milliseconds since 1970-01-01 UTC.
    #[n(6)]
    pub created_ms: u64,
    /// When it was put into the trash, if it is there.
    #[n(7)]
    pub trashed_ms: Option<u64>,
    /// The random key of its chunk ids (items that hold files). Never changes.
    #[n(8)]
    pub chunk_id_key: Option<KeyField>,
    /// Oldest first.
    #[n(9)]
    pub versions: Vec<Version>,
    /// Which type of secret (secrets only). Never changes.
    #[n(10)]
    pub secret_type: Option<SecretType>,
    /// When a secret stops working at its source, if known.
    #[n(11)]
    pub expires_ms: Option<u64>,
}

/// One state of an item's content. Never changes once written, except that it may be forgotten.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Version {
    /// Drawn at random.
    #[n(1)]
    pub id: VersionId,
    /// Who wrote it: the author of the entry in which it appeared first.
    #[n(2)]
    pub author: PrincipalId,
    /// Milliseconds since 1970-01-01 UTC, by the author's clock.
    #[n(3)]
    pub created_ms: u64,
    /// What the author said about it.
    #[n(4)]
    pub note: String,
    /// The content.
    #[n(5)]
    pub content: Content,
}

/// What a version holds.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub enum Content {
    /// Files, listed by a manifest in a pack.
    #[n(1)]
    #[cbor(map)]
    Files {
        /// Where the manifest lies and what opens it.
        #[n(1)]
        manifest: ManifestRef,
        /// How many files there are.
        #[n(2)]
        files: u64,
        /// Their plaintext bytes.
        #[n(3)]
        bytes: u64,
        /// Every pack that the manifest points into.
        #[n(4)]
        packs: Vec<PackId>,
    },
    /// A secret's fields.
    #[n(2)]
    #[cbor(map)]
    Fields {
        /// Name and value, in the order they are shown.
        #[n(1)]
        fields: Vec<Field>,
        /// Where the secret may be sent.
        #[n(2)]
        audience: Audience,
    },
    /// Text of a note.
    #[n(3)]
    #[cbor(map)]
    Text {
        /// The text.
        #[n(1)]
        text: SecretText,
    },
    /// What is known of another principal.
    #[n(16)]
    #[cbor(map)]
    Person {
        /// The pin.
        #[n(1)]
        pin: PersonPin,
    },
    /// How far a space was seen.
    #[n(17)]
    #[cbor(map)]
    SpaceHead {
        /// The pin.
        #[n(1)]
        pin: SpacePin,
    },
    /// An invitation on its way.
    #[n(18)]
    #[cbor(map)]
    Invitation {
        /// The invitation as the server knows it.
        #[n(1)]
        id: InvitationId,
        /// The code that the newcomer was told.
        #[n(2)]
        code: SecretText,
        /// The space he is invited to.
        #[n(3)]
        space: SpaceId,
        /// As what.
        #[n(4)]
        role: crate::entry::Role,
        /// The handle he is expected to take.
        #[n(5)]
        handle: String,
        /// When it ends.
        #[n(6)]
        expires_ms: u64,
    },
    /// The person's own settings.
    #[n(19)]
    #[cbor(map)]
    Profile {
        /// The name people know him by.
        #[n(1)]
        display_name: String,
        /// After a leak: every epoch that was opened before the bundle with this counter counted is renewed, by whichever
        /// device gets to it.
        #[n(2)]
        renew_from: Option<u32>,
    },
}

/// Where a sealed manifest lies, what it must hash to, and its key.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ManifestRef {
    /// The pack it lies in.
    #[n(1)]
    pub pack: PackId,
    /// First byte.
    #[n(2)]
    pub offset: u64,
    /// Sealed bytes.
    #[n(3)]
    pub length: u64,
    /// SHA-256 of the sealed bytes, compared before opening.
    #[n(4)]
    pub hash: Hash,
    /// Its own random key.
    #[n(5)]
    pub key: KeyField,
}

/// A named value of a secret.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Field {
    /// For example `token`.
    #[n(0)]
    pub name: String,
    /// The value.
    #[n(1)]
    pub value: SecretText,
}

/// Where a secret may be handed over; empty fields mean "anywhere".
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Audience {
    /// Host name, for example `github.com`.
    #[n(1)]
    pub host: String,
    /// Account at that host.
    #[n(2)]
    pub account: String,
    /// What it is for, in words.
    #[n(3)]
    pub purpose: String,
}

/// How sure this person is of somebody's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum PinState {
    /// Pinned at first use.
    #[n(0)]
    NotChecked,
    /// The security words were compared.
    #[n(1)]
    Checked,
    /// Was checked; the keys were then changed with the old key's signature.
    #[n(2)]
    Changed,
}

/// What this person knows of another principal's keys.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PersonPin {
    /// Who.
    #[n(1)]
    pub principal: PrincipalId,
    /// The handle.
    #[n(2)]
    pub handle: String,
    /// Counter of the newest bundle seen.
    #[n(3)]
    pub counter: u32,
    /// Hash of that bundle.
    #[n(4)]
    pub bundle: Hash,
    /// Its fingerprint.
    #[n(5)]
    pub fingerprint: Hash,
    /// How sure.
    #[n(6)]
    pub state: PinState,
    /// When the state was reached, in milliseconds since 1970-01-01 UTC.
    #[n(7)]
    pub since_ms: u64,
}

/// How far this person has seen a space. Only ever moves forward.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SpacePin {
    /// The space.
    #[n(1)]
    pub space: SpaceId,
    /// The last entry seen.
    #[n(2)]
    pub seq: u64,
    /// Its hash.
    #[n(3)]
    pub head: Hash,
    /// The epoch after it.
    #[n(4)]
    pub epoch: u32,
    /// When, in milliseconds since 1970-01-01 UTC.
    #[n(5)]
    pub seen_ms: u64,
}
