//! Every verb that an unlocked profile understands, as data: what a shell builds, a socket carries and [`App`](crate::App) runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use zeroize::Zeroizing;

use holdfast_protocol::entry::Role;
use holdfast_protocol::item::{ItemKind, SecretType};

use crate::types;

/// Text that only its owner may see, on its way from a person to the process that needs it.
///
/// It can be serialised because it crosses the owner-only socket of the profile's own process; it has no `Debug`, and
/// what is left of it is wiped.
#[derive(Clone)]
pub struct Hidden(Zeroizing<String>);

impl Serialize for Hidden {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hidden {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Hidden {
    /// Takes text over.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text itself. Search for this word in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A field of a secret, as it is typed in.
#[derive(Clone, Serialize, Deserialize, TS)]
pub struct FieldInput {
    /// For example `token`.
    pub name: String,
    /// The value.
    #[ts(type = "string")]
    pub value: Hidden,
}

/// A verb with its arguments. Paths are absolute: the process that runs it may be another one.
#[derive(Clone, Serialize, Deserialize, TS)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub enum Command {
    /// Who this profile belongs to and how it is.
    Status,
    /// Who is signed in.
    Whoami,
    /// One's own six words, or those of somebody this device knows.
    Words {
        /// Whose; one's own if absent.
        handle: Option<String>,
    },
    /// Compares the six words somebody told.
    Verify {
        /// Whose.
        handle: String,
        /// What was told.
        words: String,
    },
    /// Lists everybody this device knows.
    PeopleList,
    /// Gives the account a new Master Key, size or both.
    KeyChange {
        /// The new Master Key.
        #[ts(type = "string")]
        phrase: Hidden,
        /// Modulus size; as before if absent.
        bits: Option<u32>,
        /// Cost of a guess.
        log2_n: u8,
        /// Somebody may have the old one.
        leaked: bool,
        /// Where to write a new Recovery Kit.
        kit: Option<PathBuf>,
    },
    /// Makes a new Recovery Kit.
    KitNew {
        /// The PDF to write.
        out: PathBuf,
    },
    /// Tries a kit's code.
    KitTest {
        /// The 24 words.
        #[ts(type = "string")]
        code: Hidden,
    },
    /// Lists signed-in devices.
    DeviceList,
    /// Signs a device out.
    DeviceRemove {
        /// Its id, or the beginning of it.
        device: String,
    },
    /// Makes a project.
    ProjectCreate {
        /// Its name.
        name: String,
        /// Not encrypted.
        standard: bool,
    },
    /// Lists projects.
    ProjectList,
    /// Shows a project.
    ProjectShow {
        /// Name or id.
        project: String,
    },
    /// Renames a project.
    ProjectRename {
        /// Name or id.
        project: String,
        /// The new name.
        name: String,
    },
    /// Puts a project into the trash.
    ProjectDelete {
        /// Name or id.
        project: String,
    },
    /// Takes a project out of the trash.
    ProjectRestore {
        /// Name or id.
        project: String,
    },
    /// Removes for good what is in the trash.
    ProjectPurge {
        /// Name or id.
        project: String,
    },
    /// Lets somebody in.
    ProjectShare {
        /// Name or id.
        project: String,
        /// Who.
        handle: String,
        /// As what.
        #[ts(as = "types::Role")]
        role: Role,
    },
    /// Invites somebody who has no account yet.
    ProjectInvite {
        /// Name or id.
        project: String,
        /// The handle he is expected to take.
        address: String,
        /// As what.
        #[ts(as = "types::Role")]
        role: Role,
    },
    /// Changes what somebody may do.
    ProjectRole {
        /// Name or id.
        project: String,
        /// Who.
        handle: String,
        /// As what from now on.
        #[ts(as = "types::Role")]
        role: Role,
    },
    /// Lists who was invited and is not in yet.
    InvitationList {
        /// Name or id.
        project: String,
    },
    /// Takes an invitation back.
    InvitationWithdraw {
        /// Name or id.
        project: String,
        /// Its id, or the handle that was invited.
        invitation: String,
    },
    /// Answers an invitation.
    InvitationAccept {
        /// Its text.
        #[ts(type = "string")]
        text: Hidden,
    },
    /// Lists who is in.
    ProjectMembers {
        /// Name or id.
        project: String,
    },
    /// Puts somebody out.
    ProjectRemove {
        /// Name or id.
        project: String,
        /// Who.
        handle: String,
    },
    /// Leaves.
    ProjectLeave {
        /// Name or id.
        project: String,
    },
    /// What happened.
    ProjectActivity {
        /// Name or id.
        project: String,
    },
    /// Uploads files as a new item or a new version.
    Upload {
        /// Dataset, model, task or artifact.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// The item's name.
        name: String,
        /// What to say about this version.
        note: String,
        /// Files and folders.
        paths: Vec<PathBuf>,
    },
    /// Lists items.
    ItemList {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// What is in the trash, instead of what is not.
        #[ts(optional)]
        trashed: Option<bool>,
    },
    /// Shows an item.
    ItemShow {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
    },
    /// Lists an item's versions.
    ItemVersions {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
    },
    /// Downloads a version.
    Download {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
        /// Number or id; the newest if absent.
        version: Option<String>,
        /// The folder to write.
        to: PathBuf,
    },
    /// Renames an item.
    ItemRename {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
        /// The new name.
        name: String,
    },
    /// Puts an item into the trash.
    ItemDelete {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
    },
    /// Takes an item out of the trash.
    ItemRestore {
        /// Which kind.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// Name or id of the project.
        project: String,
        /// Name or id.
        item: String,
    },
    /// Keeps a secret.
    SecretAdd {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Its type.
        #[ts(as = "types::SecretType")]
        secret_type: SecretType,
        /// Its name.
        name: String,
        /// About it.
        note: String,
        /// Names and values.
        fields: Vec<FieldInput>,
        /// Milliseconds since 1970-01-01 UTC.
        expires_ms: Option<u64>,
    },
    /// Lists secrets, never their values.
    SecretList {
        /// The project; one's own secrets if absent.
        project: Option<String>,
    },
    /// Shows a secret.
    SecretShow {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
        /// With its values.
        reveal: bool,
    },
    /// Writes a new version of a secret.
    SecretEdit {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
        /// Fields to set; the others stay.
        fields: Vec<FieldInput>,
        /// Fields to take away.
        remove: Vec<String>,
        /// The version that was seen before the edit, by id; the newest if absent.
        seen: Option<String>,
    },
    /// Lists a secret's versions.
    SecretHistory {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
    },
    /// Moves a secret.
    SecretMove {
        /// From where; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
        /// To which project.
        to: String,
    },
    /// Puts a secret into the trash.
    SecretRemove {
        /// The project; one's own secrets if absent.
        project: Option<String>,
        /// Name or id.
        name: String,
    },
}

impl Command {
    /// Whether it names files of this computer. A page must not: it gets numbers for files that a person chose.
    #[must_use]
    pub fn names_files(&self) -> bool {
        matches!(
            self,
            Self::Upload { .. } | Self::Download { .. } | Self::KitNew { .. } | Self::KeyChange { kit: Some(_), .. }
        )
    }
}
