//! Copying packs from one folder to another: every part under its name only when whole, and never twice.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::snapshot::PackRow;
use super::{DamagedPart, Error, Result};
use crate::folder;
use crate::rules::part_size;

/// What became of a pack's parts.
#[derive(Default)]
pub(super) struct Copied {
    /// Bytes that were copied.
    pub(super) now: u64,
    /// Bytes that were there already.
    pub(super) before: u64,
    pub(super) damaged: Vec<DamagedPart>,
}

/// What is wrong with a part that should have this many bytes.
pub(super) fn fault(file: &Path, bytes: u64) -> io::Result<Option<&'static str>> {
    match fs::metadata(file) {
        Ok(found) if found.is_file() && found.len() == bytes => Ok(None),
        Ok(_) => Ok(Some("size")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some("missing")),
        Err(error) => Err(error),
    }
}

/// Copies those parts of a pack that are not there yet.
pub(super) fn copy_pack(from: &Path, to: &Path, pack: &PackRow) -> Result<Copied> {
    let mut copied = Copied::default();
    let (shard, place) = (folder::shard_of(to, pack.blob), folder::place_of(to, pack.blob));
    make(&shard)?;
    for part in &pack.parts {
        let Some((_, bytes)) = part_size(pack.bytes, *part) else {
            return Err(Error::Damaged("a pack has a part that can't be".into()));
        };
        let target = place.join(part.to_string());
        let failed = |error: io::Error| Error::io(&target, &error);
        if fault(&target, bytes).map_err(failed)?.is_none() {
            copied.before += bytes;
            continue;
        }
        let source = folder::place_of(from, pack.blob).join(part.to_string());
        let wrong = fault(&source, bytes).map_err(|error| Error::io(&source, &error))?;
        let wrong = match wrong {
            Some(why) => Some(why),
            None => copy_part(&source, &shard, &place, *part, bytes).map_err(failed)?,
        };
        match wrong {
            None => copied.now += bytes,
            Some(why) => copied.damaged.push(DamagedPart {
                pack: pack.id.to_string(),
                part: *part,
                why: why.into(),
            }),
        }
    }
    Ok(copied)
}

/// Copies a part; one that went away or changed its size meanwhile is told, and not stored.
fn copy_part(source: &Path, shard: &Path, place: &Path, part: u32, bytes: u64) -> io::Result<Option<&'static str>> {
    let mut file = match File::open(source) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some("missing")),
        Err(error) => return Err(error),
    };
    let mut short = false;
    let stored = folder::write_durably(shard, place, part, |target| {
        short = io::copy(&mut file, target)? != bytes;
        if short {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    });
    match stored {
        Err(_) if short => Ok(Some("size")),
        stored => stored.map(|()| None),
    }
}

/// Copies a file, durably and for its owner alone.
pub(super) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::io(to, &error);
    let mut source = File::open(from).map_err(|error| Error::io(from, &error))?;
    let mut target = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(to)
        .map_err(failed)?;
    io::copy(&mut source, &mut target)
        .and_then(|_| target.sync_all())
        .map_err(failed)
}

/// Makes a folder (and those it lies in) for this user alone, unless it is there.
pub(super) fn make(folder: &Path) -> Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::io(folder, &error)),
        _ => Ok(()),
    }
}

/// Takes a lock file, or says that somebody has it.
pub(super) fn lock(file: &Path, busy: &Path) -> Result<File> {
    let failed = |error: io::Error| Error::io(file, &error);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(Error::Busy(busy.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
