//! What other programs export, read as secrets. Bytes in, entries out: no files, no network, no clock.
//!
//! | source | what it is | room |
//! |---|---|---|
//! | [`Source::Dotenv`] | a file of `NAME=value` lines: one set of variables | `dotenv` |
//! | [`Source::Bitwarden`] | JSON, the same in a zip, CSV | `bitwarden` |
//! | [`Source::OnePassword`] | 1PUX (a zip), CSV | `onepassword` |
//! | [`Source::Keepass`] | XML, KDBX 3 and 4 under a passphrase | `keepass` |
//! | [`Source::Holdfast`] | our own export, sealed or plain | `holdfast` |
//!
//! The files are hostile until proven otherwise: each is bounded in size, in number of entries, in depth, in what it unpacks
//! to and in the work it asks for, before that work is done. Errors say where (line, entry) and never repeat a value.
//! What a file has and we can't take is listed in [`Import::skipped`], never silently dropped.

#![deny(missing_docs)]

mod bitwarden;
mod dotenv;
mod entry;
mod error;
mod holdfast;
mod host;
mod keepass;
mod onepassword;
mod table;
mod text;
mod unzip;

use serde::{Deserialize, Serialize};

pub use entry::{Entry, Import, Skipped};
pub use error::Error;
pub use holdfast::write_plain;
pub use host::host_of;

/// The most bytes a file may have.
pub const MAX_FILE: usize = 64 << 20;
/// The most entries that are taken from one file.
pub const MAX_ENTRIES: usize = 10_000;
/// The most bytes of one entry: with its fields and versions it has to fit a log entry of 1 MiB.
pub const MAX_ENTRY: usize = 256 << 10;

/// Which program wrote the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A file of environment variables.
    Dotenv,
    /// Bitwarden and Vaultwarden.
    Bitwarden,
    /// 1Password.
    #[serde(rename = "1password")]
    OnePassword,
    /// `KeePass` and `KeePassXC`.
    Keepass,
    /// Holdfast.
    Holdfast,
}

impl Source {
    /// The program's name, as people know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dotenv => ".env",
            Self::Bitwarden => "Bitwarden",
            Self::OnePassword => "1Password",
            Self::Keepass => "KeePass",
            Self::Holdfast => "Holdfast",
        }
    }
}

/// Whether a file that begins like this opens only with a passphrase of its own. A hundred bytes are enough.
#[must_use]
pub fn needs_passphrase(source: Source, start: &[u8]) -> bool {
    match source {
        Source::Keepass => keepass::is_kdbx(start),
        Source::Holdfast => holdfast_protocol::export::Export::is_sealed(start),
        Source::Dotenv | Source::Bitwarden | Source::OnePassword => false,
    }
}

/// Reads a file. `name` is what the file is called, which names a set of environment variables; `passphrase` opens KDBX and
/// sealed exports. Deriving a key from it may take seconds.
///
/// # Errors
/// See [`Error`].
pub fn read(source: Source, bytes: &[u8], name: &str, passphrase: Option<&str>) -> Result<Import, Error> {
    if bytes.len() > MAX_FILE {
        return Err(Error::TooLarge);
    }
    let import = match source {
        Source::Dotenv => dotenv::read(text::of(bytes)?, name),
        Source::Bitwarden => bitwarden::read(bytes),
        Source::OnePassword => onepassword::read(bytes),
        Source::Keepass => keepass::read(bytes, passphrase),
        Source::Holdfast => holdfast::read(bytes, passphrase),
    }?;
    // Several things may be left out of one entry; of a list like this nobody reads more.
    if import.skipped.len() > MAX_ENTRIES {
        return Err(Error::TooMany);
    }
    Ok(import)
}
