//! One process owns a profile: a lock on a file, which the system lets go of when the process ends, however it does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use holdfast_engine::{Error, Result};

use crate::Profile;

/// Holds a profile until dropped.
pub struct ProfileLock {
    /// The lock is the open file's (`flock`); closing lets it go. Programs started from here don't inherit it.
    _file: File,
}

/// Who holds a profile, as it wrote down itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Where it listens, if it does: it may have been started with another runtime folder than ours.
    pub socket: PathBuf,
}

impl ProfileLock {
    /// Takes the profile; `None` when somebody else has it. Does not wait.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Full`].
    pub fn acquire(profile: &Profile) -> Result<Option<Self>> {
        let path = profile.lock_file();
        let failed = |error: std::io::Error| Error::io(&path, &error);
        // Never removed: a lock on a file that another process just unlinked would hold nothing.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut note = format!("{}\n", std::process::id()).into_bytes();
        note.extend_from_slice(profile.socket().as_os_str().as_bytes());
        // In place, and no reason to fail: on a full disk the profile must still open, to make room.
        let length = u64::try_from(note.len()).unwrap_or(0);
        if let Err(error) = file
            .rewind()
            .and_then(|()| file.write_all(&note))
            .and_then(|()| file.set_len(length))
        {
            tracing::warn!(%error, "could not note who holds the profile");
        }
        Ok(Some(Self { _file: file }))
    }

    /// Who holds the profile, after [`ProfileLock::acquire`] gave `None` (else it is who held it last). `None` in
    /// the moment before the holder has written it down.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn holder(profile: &Profile) -> Result<Option<Holder>> {
        let path = profile.lock_file();
        let mut note = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(8192).read_to_end(&mut note));
        read.map_err(|error| Error::io(&path, &error))?;
        let Some(end) = note.iter().position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let socket = note.split_off(end + 1);
        let pid = std::str::from_utf8(&note)
            .ok()
            .and_then(|pid| pid.trim_end().parse().ok());
        Ok(pid.filter(|_| !socket.is_empty()).map(|pid| Holder {
            pid,
            socket: PathBuf::from(std::ffi::OsString::from_vec(socket)),
        }))
    }
}
