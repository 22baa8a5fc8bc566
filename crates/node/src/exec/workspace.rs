//! What a run needs on disk: one folder for each, for the node's user alone, and wiped.
//!
//! What a task writes is not here: it goes to memory inside its walls and is gone with them. Here lie the task's own files
//! and its inputs, opened. Put the root on a file system in memory, or on an encrypted disk, if others may get hold of the disk:
//! removing a file leaves its bytes there until they are written over.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, flock, statfs};

use super::ended::Unavailable;

const LOCK: &str = ".lock";

/// The folders of all runs on this computer.
#[derive(Clone)]
pub struct Workspaces {
    root: PathBuf,
    /// Held as long as anybody works here.
    _lock: Arc<File>,
}

impl Workspaces {
    /// Takes the folder, makes it where it is not there, and wipes what an earlier process left in it.
    ///
    /// # Errors
    /// [`Unavailable::Busy`] if another process has it, [`Unavailable::Io`].
    pub fn open(root: &Path) -> Result<Self, Unavailable> {
        let io = |error: &io::Error| Unavailable::io(root, error);
        private_folder(root).map_err(|error| io(&error))?;
        let root = root.canonicalize().map_err(|error| io(&error))?;
        let lock = File::create(root.join(LOCK)).map_err(|error| io(&error))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Unavailable::Busy(root.display().to_string()));
        }
        let workspaces = Self {
            root,
            _lock: Arc::new(lock),
        };
        workspaces.sweep()?;
        Ok(workspaces)
    }

    /// Wipes everything that lies here, and says how many runs that was. Not while one goes on.
    ///
    /// # Errors
    /// [`Unavailable::Io`] for the first thing that stays.
    pub fn sweep(&self) -> Result<usize, Unavailable> {
        let mut swept = 0;
        for entry in fs::read_dir(&self.root).map_err(|error| Unavailable::io(&self.root, &error))? {
            let entry = entry.map_err(|error| Unavailable::io(&self.root, &error))?;
            if entry.file_name() != LOCK {
                wipe(&entry.path()).map_err(|error| Unavailable::io(&entry.path(), &error))?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Makes a folder for one run.
    ///
    /// # Errors
    /// [`Unavailable::Io`].
    pub fn create(&self) -> Result<Workspace, Unavailable> {
        for number in 1.. {
            let root = self.root.join(format!("run-{number}"));
            match DirBuilder::new().mode(0o700).create(&root) {
                Ok(()) => {
                    let workspace = Workspace {
                        root,
                        _all: self.clone(),
                    };
                    for folder in [workspace.task(), workspace.inputs(), workspace.scratch()] {
                        private_folder(&folder).map_err(|error| Unavailable::io(&folder, &error))?;
                    }
                    return Ok(workspace);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Unavailable::io(&root, &error)),
            }
        }
        unreachable!("there are more numbers than runs")
    }

    /// Whether what lies here is in memory only.
    #[must_use]
    pub fn in_memory(&self) -> bool {
        const TMPFS: u64 = 0x0102_1994;
        const RAMFS: u64 = 0x8584_58f6;
        #[expect(clippy::cast_sign_loss, reason = "a magic number")]
        statfs(&self.root).is_ok_and(|found| [TMPFS, RAMFS].contains(&(found.f_type as u64)))
    }
}

/// The folder of one run. Wiped when dropped.
pub struct Workspace {
    root: PathBuf,
    _all: Workspaces,
}

impl Workspace {
    /// Where the task's files go.
    #[must_use]
    pub fn task(&self) -> PathBuf {
        self.root.join("task")
    }

    /// Where inputs go, each under its name.
    #[must_use]
    pub fn inputs(&self) -> PathBuf {
        self.root.join("in")
    }

    /// Room for whoever carries the run out: what is on its way in or out.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Wipes it, and says if that did not work. The next [`Workspaces::open`] tries again.
    ///
    /// # Errors
    /// [`Unavailable::Io`].
    pub fn wipe(self) -> Result<(), Unavailable> {
        wipe(&self.root).map_err(|error| Unavailable::io(&self.root, &error))
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Err(error) = wipe(&self.root) {
            tracing::error!(%error, "a run's folder could not be wiped");
        }
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Removes a tree, also folders that say that they may not be changed. Follows no link.
pub(crate) fn wipe(path: &Path) -> io::Result<()> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !metadata.is_dir() {
        return fs::remove_file(path);
    }
    match fs::remove_dir_all(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => {}
    }
    // Nobody but this process is in there any more: what a name stands for does not change under it.
    let mut open = vec![path.to_path_buf()];
    while let Some(folder) = open.pop() {
        fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
        }
    }
    fs::remove_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_one_user_and_gone_afterwards() {
        let root = tempfile::tempdir().unwrap();
        let workspaces = Workspaces::open(&root.path().join("runs")).unwrap();
        let run = workspaces.create().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&run.root), mode(&run.task()), mode(&run.inputs())),
            (0o700, 0o700, 0o700)
        );
        let deep = run.task().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("f"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", run.task().join("link")).unwrap();
        fs::set_permissions(&deep, Permissions::from_mode(0o000)).unwrap();
        let gone = run.root.clone();
        drop(run);
        assert!(!gone.exists() && Path::new("/etc").exists());
    }

    #[test]
    fn what_a_process_left_is_wiped_by_the_next_and_only_by_one() {
        let root = tempfile::tempdir().unwrap();
        let workspaces = Workspaces::open(root.path()).unwrap();
        std::mem::forget(workspaces.create().unwrap());
        let _run = workspaces.create().unwrap();
        assert!(matches!(Workspaces::open(root.path()), Err(Unavailable::Busy(_))));
        fs::write(root.path().join("stray"), "x").unwrap();
        assert_eq!(workspaces.sweep().unwrap(), 3);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "the lock stays");
    }
}
