//! The small file that makes a folder a whole backup: written last, by a rename, and naming the database that counts.

use std::fs::{self, File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, Result};
use crate::folder;

/// Its name.
pub(super) const FILE: &str = "backup.json";
/// The format of backups that this program writes and reads.
pub(super) const FORMAT: u32 = 1;
/// Names of databases in a backup begin and end with these.
const DATABASE: (&str, &str) = ("holdfast-", ".db");

/// What is in a backup. Fields are added with a new format only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// [`FORMAT`].
    pub(super) format: u32,
    /// As of when it is, milliseconds since 1970-01-01 UTC.
    pub(super) made_ms: u64,
    /// Version of the program that made it.
    pub(super) program: String,
    /// Schema of the database.
    pub(super) schema: i64,
    /// File name of the database.
    pub(super) database: String,
    /// Its size.
    pub(super) database_bytes: u64,
    pub(super) accounts: u64,
    pub(super) spaces: u64,
    pub(super) entries: u64,
    pub(super) packs: u64,
    /// Bytes of packs that the database names.
    pub(super) pack_bytes: u64,
    /// Parts of packs that are not in it.
    pub(super) damaged: u64,
}

/// A name for the database of a moment.
pub(super) fn database_name(made_ms: u64) -> String {
    format!("{}{made_ms}{}", DATABASE.0, DATABASE.1)
}

/// Whether this is the name of a database in a backup: no path leads out of the folder.
pub(super) fn is_database_name(name: &str) -> bool {
    name.strip_prefix(DATABASE.0)
        .and_then(|rest| rest.strip_suffix(DATABASE.1))
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Reads the manifest; `None` where there is none.
pub(super) fn read(folder: &Path) -> Result<Option<Manifest>> {
    let path = folder.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(Error::io(&path, &error)),
    };
    // The format first: another one may have other fields.
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let nonsense = || Error::Damaged(format!("{} makes no sense", path.display()));
    let Format { format } = serde_json::from_slice(&bytes).map_err(|_| nonsense())?;
    if format > FORMAT {
        return Err(Error::Newer);
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| nonsense())?;
    if is_database_name(&manifest.database) {
        Ok(Some(manifest))
    } else {
        Err(nonsense())
    }
}

/// Puts the manifest in its place, durably and in one step.
pub(super) fn write(folder: &Path, manifest: &Manifest) -> Result<()> {
    let path = folder.join(FILE);
    let new = folder.join(".backup.json.new");
    let mut text = serde_json::to_vec_pretty(manifest).map_err(|error| Error::Damaged(error.to_string()))?;
    text.push(b'\n');
    let written = File::create(&new).and_then(|mut file| {
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(&text)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&new, &path))
        .and_then(|()| folder::sync(folder))
        .map_err(|error| Error::io(&path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_databases_lead_nowhere_else() {
        assert!(is_database_name(&database_name(1_795_000_000_000)));
        for name in [
            "holdfast.db",
            "holdfast-.db",
            "holdfast-1/../../x.db",
            "../holdfast-1.db",
            "holdfast-1.db-wal",
        ] {
            assert!(!is_database_name(name), "{name}");
        }
    }
}
