//! Puts a download in its place: everything is built in a folder of its own beside the destination, and moved only when
//! all of it is there and whole.
//!
//! Paths were judged before ([`super::names`]); `cap-std` holds each access inside the folder a second time, in the
//! kernel where it can. Links are made last, so that nothing is ever written through one.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use holdfast_protocol::manifest::{FileRecord, FileType};

use super::download::Overwrite;
use super::names::{folders_above, path_of};
use super::types::{Reason, Skipped};
use crate::error::{Error, Result};

/// The name of the folder in which a download into an existing folder is built. No listing can use it.
pub(super) const PARTIAL: &str = ".holdfast-partial";
const TREE: &str = "tree";
const LOCK: &str = "lock";

/// A download that is being built. Dropping it removes what was built and not published.
pub(super) struct Staging {
    to: PathBuf,
    outer: PathBuf,
    tree: Dir,
    /// Whether the destination is not there yet.
    fresh: bool,
    /// Held until the end: tells a download under way from what a crash left behind.
    _lock: File,
}

/// What stands at a path of the destination.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Nothing,
    Folder,
    Other,
}

impl Staging {
    /// Makes room beside or inside the destination. What an earlier download left there when it was killed is removed.
    pub(super) fn new(to: &Path) -> Result<Self> {
        let fail = |error| Error::io(to, &error);
        let fresh = match std::fs::metadata(to) {
            Ok(metadata) if metadata.is_dir() => false,
            Ok(_) => {
                return Err(Error::AlreadyExists(format!(
                    "{} is there and is not a folder.",
                    to.display()
                )));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && std::fs::symlink_metadata(to).is_err() => true,
            Err(error) => return Err(fail(error)),
        };
        let outer = if fresh {
            let name = to
                .file_name()
                .ok_or_else(|| Error::Invalid(format!("{} is no name.", to.display())))?;
            let parent = to
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            std::fs::create_dir_all(parent).map_err(fail)?;
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(PARTIAL);
            parent.join(hidden)
        } else {
            to.join(PARTIAL)
        };
        let lock = claim(&outer)?;
        let tree = outer.join(TREE);
        let opened = std::fs::create_dir(&tree).and_then(|()| Dir::open_ambient_dir(&tree, ambient_authority()));
        match opened {
            Ok(tree) => Ok(Self {
                to: to.to_path_buf(),
                outer,
                tree,
                fresh,
                _lock: lock,
            }),
            Err(error) => {
                let _ = std::fs::remove_dir_all(&outer);
                Err(fail(error))
            }
        }
    }

    /// Sorts out what can't be put where it belongs because something is there.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] when nothing may be left out.
    pub(super) fn sort_out(
        &self,
        records: Vec<FileRecord>,
        overwrite: Overwrite,
        skipped: &mut Vec<Skipped>,
    ) -> Result<Vec<FileRecord>> {
        if self.fresh {
            return Ok(records);
        }
        let to = self.destination()?;
        let mut folders: HashMap<Vec<u8>, Standing> = HashMap::new();
        let mut accepted = Vec::with_capacity(records.len());
        for record in records {
            let in_the_way = folders_above(&record.path).any(|folder| {
                *folders.entry(folder.to_vec()).or_insert_with(|| standing(&to, folder)) == Standing::Other
            });
            let reason = match (record.kind, standing(&to, &record.path)) {
                _ if in_the_way => Reason::NotInFolder,
                (_, Standing::Nothing) | (FileType::Directory, Standing::Folder) => {
                    accepted.push(record);
                    continue;
                }
                (FileType::File | FileType::Link, Standing::Other) if overwrite == Overwrite::Replace => {
                    accepted.push(record);
                    continue;
                }
                _ => Reason::Exists,
            };
            if overwrite == Overwrite::Refuse {
                let path = self.to.join(path_of(&record.path).unwrap_or_default());
                return Err(Error::AlreadyExists(format!("{} is there already.", path.display())));
            }
            skipped.push(Skipped {
                path: record.path,
                reason,
            });
        }
        Ok(accepted)
    }

    /// Makes a folder, and those above it.
    pub(super) fn folder(&self, path: &[u8]) -> Result<Option<Reason>> {
        let name = path_of(path).unwrap_or_default();
        self.made(&name, self.tree.create_dir_all(&name)).map(|made| made.err())
    }

    /// Makes an empty file.
    pub(super) fn file(&self, path: &[u8]) -> Result<std::result::Result<File, Reason>> {
        let name = path_of(path).unwrap_or_default();
        let above = name.parent().filter(|above| !above.as_os_str().is_empty());
        let made = above.map_or(Ok(()), |above| self.tree.create_dir_all(above));
        let made = made.and_then(|()| {
            self.tree
                .open_with(&name, OpenOptions::new().write(true).create_new(true))
        });
        self.made(&name, made.map(cap_std::fs::File::into_std))
    }

    /// Makes a link.
    #[cfg(unix)]
    pub(super) fn link(&self, path: &[u8], target: &[u8]) -> Result<Option<Reason>> {
        let name = path_of(path).unwrap_or_default();
        let above = name.parent().filter(|above| !above.as_os_str().is_empty());
        let made = above.map_or(Ok(()), |above| self.tree.create_dir_all(above));
        let made = made.and_then(|()| self.tree.symlink(path_of(target).unwrap_or_default(), &name));
        self.made(&name, made).map(|made| made.err())
    }

    /// Links need rights that people don't have there.
    #[cfg(not(unix))]
    pub(super) fn link(&self, _: &[u8], _: &[u8]) -> Result<Option<Reason>> {
        Ok(Some(Reason::NoLinks))
    }

    /// Tells what is wrong with one name from what ends the download.
    fn made<T>(&self, name: &Path, made: io::Result<T>) -> Result<std::result::Result<T, Reason>> {
        use io::ErrorKind::{AlreadyExists, InvalidFilename, InvalidInput, IsADirectory, NotADirectory};
        match made {
            Ok(made) => Ok(Ok(made)),
            Err(error) => match error.kind() {
                // Two names that this file system takes for one.
                AlreadyExists | IsADirectory | NotADirectory => Ok(Err(Reason::Exists)),
                InvalidFilename | InvalidInput => Ok(Err(Reason::UnsafeName)),
                _ => Err(Error::io(&self.to.join(name), &error)),
            },
        }
    }

    /// Moves everything to where it belongs; `placed` is what was made here and nothing else.
    pub(super) fn publish(&self, placed: &[FileRecord]) -> Result<()> {
        let fail = |error| Error::io(&self.to, &error);
        flush(&self.outer).map_err(fail)?;
        let folders: Vec<&FileRecord> = placed
            .iter()
            .filter(|record| record.kind == FileType::Directory)
            .collect();
        if self.fresh {
            dress(&self.tree, folders.into_iter()).map_err(fail)?;
            return std::fs::rename(self.outer.join(TREE), &self.to).map_err(fail);
        }
        let to = self.destination()?;
        let above = placed.iter().flat_map(|record| folders_above(&record.path));
        let wanted: BTreeSet<&[u8]> = above
            .chain(folders.iter().map(|folder| folder.path.as_slice()))
            .collect();
        let mut made = BTreeSet::new();
        for folder in wanted {
            if standing(&to, folder) == Standing::Nothing {
                to.create_dir(path_of(folder).unwrap_or_default()).map_err(fail)?;
                made.insert(folder);
            }
        }
        for record in placed.iter().filter(|record| record.kind != FileType::Directory) {
            let name = path_of(&record.path).unwrap_or_default();
            self.tree
                .rename(&name, &to, &name)
                .map_err(|error| Error::io(&self.to.join(&name), &error))?;
        }
        dress(
            &to,
            folders
                .into_iter()
                .filter(|folder| made.contains(folder.path.as_slice())),
        )
        .map_err(fail)
    }

    fn destination(&self) -> Result<Dir> {
        Dir::open_ambient_dir(&self.to, ambient_authority()).map_err(|error| Error::io(&self.to, &error))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.outer);
    }
}

/// Makes the folder to build in, for nobody else to look into, and locks it.
fn claim(outer: &Path) -> Result<File> {
    let fail = |error| Error::io(outer, &error);
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(outer) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let stranger = || Error::AlreadyExists(format!("{} is in the way.", outer.display()));
            if !std::fs::symlink_metadata(outer).map_err(fail)?.is_dir() {
                return Err(stranger());
            }
            let lock = File::open(outer.join(LOCK)).map_err(|_| stranger())?;
            if lock.try_lock().is_err() {
                return Err(Error::Conflict(
                    "A download to this folder is already under way.".into(),
                ));
            }
            std::fs::remove_dir_all(outer)
                .and_then(|()| builder.create(outer))
                .map_err(fail)?;
        }
        made => made.map_err(fail)?,
    }
    let lock = File::create_new(outer.join(LOCK)).map_err(fail)?;
    lock.lock().map_err(fail)?;
    Ok(lock)
}

fn standing(to: &Dir, path: &[u8]) -> Standing {
    match to.symlink_metadata(path_of(path).unwrap_or_default()) {
        Ok(metadata) if metadata.is_dir() => Standing::Folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Standing::Nothing,
        _ => Standing::Other,
    }
}

/// Gives folders their modes and times, innermost first: a folder may forbid to change what is in it.
fn dress<'a>(root: &Dir, folders: impl DoubleEndedIterator<Item = &'a FileRecord>) -> io::Result<()> {
    for folder in folders.rev() {
        // Opened as a file: what `open_dir` gives is a mere name to Linux, which takes neither mode nor time.
        dress_file(
            &root.open(path_of(&folder.path).unwrap_or_default())?.into_std(),
            folder,
        )?;
    }
    Ok(())
}

/// Gives an open file its mode and its time. Only the nine permission bits: never set-user-id from somebody else's list.
pub(super) fn dress_file(file: &File, record: &FileRecord) -> io::Result<()> {
    if let Some(modified) = time_of(record.modified_ns) {
        // Some file systems keep no times; that is no reason to have nothing.
        let _ = file.set_modified(modified);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(record.mode & 0o777))?;
    }
    Ok(())
}

fn time_of(ns: i64) -> Option<SystemTime> {
    let distance = Duration::from_nanos(ns.unsigned_abs());
    if ns < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    }
}

/// Everything onto the disk before the first rename, so that a loss of power leaves no empty file under a real name.
#[cfg(target_os = "linux")]
fn flush(outer: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(outer)?)?)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "there is no such call here")]
fn flush(_: &Path) -> io::Result<()> {
    Ok(())
}
