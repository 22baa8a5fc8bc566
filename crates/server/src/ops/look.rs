//! What a doctor sees of the files: folders and their rights, room, the lock, parts of packs.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::copy::fault;
use super::snapshot::PackRow;
use super::{DATABASE, Error, LOCK, PACKS, Result, TLS_KEY};
use crate::folder;
use crate::ports::BlobId;
use crate::rules::part_size;

/// Rights that others have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// None.
    Closed,
    /// Its group may look into it.
    Group,
    /// Everybody may look, or others may write.
    Open,
}

/// Who may enter a folder, by its mode.
pub(crate) fn rights(folder: &Path) -> Result<(Rights, u32)> {
    let mode = fs::metadata(folder).map_err(|error| Error::io(folder, &error))?.mode() & 0o777;
    let rights = match mode & 0o077 {
        0 => Rights::Closed,
        others if others & 0o027 == 0 => Rights::Group,
        _ => Rights::Open,
    };
    Ok((rights, mode))
}

/// Whether the key of a self-signed certificate is open to others; `None` where there is none.
pub(super) fn key_rights(data: &Path) -> Option<Rights> {
    rights(&data.join(TLS_KEY)).ok().map(|(rights, _)| rights)
}

/// Those of a server's own files that belong to somebody else than the folder does.
pub(super) fn foreign(data: &Path) -> Result<Vec<PathBuf>> {
    let owner = fs::metadata(data).map_err(|error| Error::io(data, &error))?.uid();
    let names = [DATABASE, "holdfast.db-wal", "holdfast.db-shm", LOCK, PACKS, TLS_KEY];
    let files = names.map(|name| data.join(name));
    let foreign = |file: &PathBuf| fs::metadata(file).is_ok_and(|found| found.uid() != owner);
    Ok(files.into_iter().filter(foreign).collect())
}

/// Free and all bytes of the disk under a folder, for this user.
pub(super) fn room(folder: &Path) -> Result<(u64, u64)> {
    let found = rustix::fs::statvfs(folder).map_err(|error| Error::io(folder, &error.into()))?;
    Ok((
        found.f_bavail.saturating_mul(found.f_frsize),
        found.f_blocks.saturating_mul(found.f_frsize),
    ))
}

/// Whether a process works on the folder.
pub(super) fn in_use(data: &Path) -> Result<bool> {
    let path = data.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io(&path, &error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io(&path, &error)),
    }
}

/// The blobs that have files, and how many writes among them never ended.
pub(super) fn blobs(packs: &Path) -> Result<(HashSet<BlobId>, u64)> {
    let (mut found, mut unfinished) = (HashSet::new(), 0);
    let listed = folder::each_blob(packs, |blob, place| {
        found.insert(blob);
        match fs::read_dir(place) {
            Ok(files) => {
                for file in files {
                    unfinished += u64::from(file?.file_name().to_string_lossy().starts_with(folder::TEMPORARY));
                }
                Ok(())
            }
            // Given up meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    });
    listed.map_err(|error| Error::io(packs, &error))?;
    Ok((found, unfinished))
}

/// What is wrong with the parts that a row names, by part.
pub(super) fn faults(packs: &Path, pack: &PackRow) -> Result<BTreeMap<u32, &'static str>> {
    let place = folder::place_of(packs, pack.blob);
    let mut faults = BTreeMap::new();
    for part in &pack.parts {
        let Some((_, bytes)) = part_size(pack.bytes, *part) else {
            faults.insert(*part, "size");
            continue;
        };
        let file = place.join(part.to_string());
        if let Some(why) = fault(&file, bytes).map_err(|error| Error::io(&file, &error))? {
            faults.insert(*part, why);
        }
    }
    Ok(faults)
}
