//! What verbs carry: hidden text, files to import and export, runs to order.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use zeroize::Zeroizing;

use holdfast_engine::OnClash;
use holdfast_import::Source as ImportSource;

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

/// What becomes of an account's second secret when its keys change. If nothing is said it stays, or after a leak is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum SecondChange {
    /// A new one.
    New,
    /// None from then on.
    Off,
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

/// When a secret stops working where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
pub enum Expiry {
    /// As far as is known, never.
    Never,
    /// Then, milliseconds since 1970-01-01 UTC.
    AtMs(u64),
}

/// A file to import, as it lies on the computer of the process that runs the command.
#[derive(Clone, Serialize, Deserialize, TS)]
pub struct ImportFile {
    /// Which program wrote it.
    #[ts(as = "types::ImportSource")]
    pub source: ImportSource,
    /// Where it is.
    pub path: PathBuf,
    /// What opens it, if it is encrypted.
    #[serde(default)]
    #[ts(type = "string | null")]
    pub passphrase: Option<Hidden>,
    /// What a set of environment variables is called; as the file if absent.
    #[serde(default)]
    pub name: Option<String>,
}

/// What happens to one entry of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ImportChoice {
    /// Its number in the preview.
    pub entry: usize,
    /// What happens if its name is taken. `skip` leaves it out in any case.
    #[ts(as = "types::OnClash")]
    pub on_clash: OnClash,
}

/// How an export is protected.
#[derive(Clone, Serialize, Deserialize, TS)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum ExportProtection {
    /// Under a passphrase of its own, strong enough to be a Master Key.
    Sealed {
        /// The passphrase.
        #[ts(type = "string")]
        passphrase: Hidden,
        /// Cost of a guess.
        log2_n: u8,
    },
    /// Not at all: the shell has made sure that this is meant.
    Plain,
}

/// A run to order, by names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RunOrder {
    /// Name or id of the project.
    pub project: String,
    /// Name or id of the task.
    pub task: String,
    /// Its version, by number or id; the newest if absent.
    #[serde(default)]
    #[ts(optional)]
    pub version: Option<String>,
    /// Name or id of the node.
    pub node: String,
    /// What it reads.
    #[serde(default)]
    pub inputs: Vec<RunInput>,
    /// Values, by the parameter's name.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Names or ids of secrets, by the name in the task.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// How often it may be begun when its node goes away, 1 to 10; once if absent.
    #[serde(default)]
    #[ts(optional)]
    pub attempts: Option<u32>,
    /// Seconds it may take; as the task says if absent.
    #[serde(default)]
    #[ts(optional)]
    pub seconds: Option<u64>,
}

/// An input of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RunInput {
    /// Its name in the task.
    pub name: String,
    /// Name or id of the project it is in: the run's own.
    #[serde(default)]
    #[ts(optional)]
    pub project: Option<String>,
    /// Name or id of the item.
    pub item: String,
    /// Its version, by number or id; the newest if absent.
    #[serde(default)]
    #[ts(optional)]
    pub version: Option<String>,
}
