//! The inner crates' enumerations as TypeScript sees them: the same words that serde writes, written down once more because
//! `protocol` and `engine` know nothing of TypeScript. A variant that is missing here does not compile.

use holdfast_crypto::rsa::Bits;
use holdfast_engine::{Error, Result, ports};
use holdfast_protocol::{entry, item};
use serde::Serialize;
use ts_rs::TS;

macro_rules! mirrors {
    ($($(#[$doc:meta])* $name:ident of $of:path { $($variant:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
        #[serde(rename_all = "kebab-case")]
        #[allow(missing_docs, reason = "said where the original is")]
        pub enum $name { $($variant,)* }

        impl From<$of> for $name {
            fn from(original: $of) -> Self {
                use $of as Original;
                match original { $(Original::$variant => Self::$variant,)* }
            }
        }
    )*};
}

mirrors! {
    /// What somebody may do in a project.
    Role of entry::Role { Owner, Contributor, Reader, }
    /// What an item is.
    ItemKind of item::ItemKind {
        Dataset, Model, Task, Artifact, Secret, Note, Person, SpaceHead, Invitation, Profile,
    }
    /// The types of secrets.
    SecretType of item::SecretType {
        Git, Aws, Credentials, ApiKey, Ssh, Database, Certificate, Env, Note,
    }
    /// How sure this user is of somebody's keys.
    PinState of item::PinState { NotChecked, Checked, Changed, }
    /// What happens to a secret whose name is taken.
    OnClash of holdfast_engine::OnClash { KeepBoth, Replace, Skip, }
    /// How bad something is.
    Level of holdfast_engine::Level { Ok, Warn, Bad, }
    /// What long work is doing.
    Stage of ports::Stage { Keys, Reading, Sending, Receiving, Checking, Committing, Rewrapping, Resealing, Copying, }
}

/// Which program wrote a file of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "said where the original is")]
pub enum ImportSource {
    Dotenv,
    Bitwarden,
    #[serde(rename = "1password")]
    OnePassword,
    Keepass,
    Holdfast,
}

/// What a doctor saw of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub struct Finding {
    /// Stable code.
    pub code: String,
    /// How bad it is.
    pub level: Level,
    /// A sentence.
    pub message: String,
    /// What to do next; empty when it is as it should be.
    pub next: String,
    /// A number that belongs to it.
    pub count: Option<u64>,
}

/// How far long work is. Totals are 0 while they are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct Step {
    /// The stage.
    pub stage: Stage,
    /// Bytes (or things, where there are no bytes) done.
    pub done: u64,
    /// Of how many.
    pub total: u64,
    /// Files done.
    pub files: u64,
    /// Of how many.
    pub files_total: u64,
}

impl From<ports::Step> for Step {
    fn from(step: ports::Step) -> Self {
        Self {
            stage: step.stage.into(),
            done: step.done,
            total: step.total,
            files: step.files,
            files_total: step.files_total,
        }
    }
}

/// A size that a key pair may have.
///
/// # Errors
/// [`Error::Invalid`].
pub fn bits_of(bits: u32) -> Result<Bits> {
    Bits::from_u32(bits).ok_or_else(|| Error::Invalid("A key has 2048, 3072, 4096 or 8192 bits.".into()))
}

#[cfg(test)]
mod tests {
    use serde_json::to_value;

    use super::*;

    /// Written by serde, an original and its mirror are the same word.
    #[test]
    fn mirrors_say_the_same_word() {
        macro_rules! same {
            ($($original:expr => $mirror:ty,)*) => {$(
                assert_eq!(to_value($original).unwrap(), to_value(<$mirror>::from($original)).unwrap());
            )*};
        }
        same! {
            entry::Role::Owner => Role,
            entry::Role::Contributor => Role,
            item::ItemKind::SpaceHead => ItemKind,
            item::ItemKind::Dataset => ItemKind,
            item::SecretType::ApiKey => SecretType,
            item::PinState::NotChecked => PinState,
            ports::Stage::Rewrapping => Stage,
        }
    }
}
