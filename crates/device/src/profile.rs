//! Where this device keeps its things: folders that only their owner may enter.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use holdfast_engine::{Error, Result};

/// The longest path of a Unix socket: `sun_path` has 108 bytes on Linux, 104 elsewhere, and a zero ends it.
const SOCKET_PATH: usize = 103;

/// The folders of one profile.
#[derive(Debug, Clone)]
pub struct Profile {
    config: PathBuf,
    data: PathBuf,
    state: PathBuf,
    socket: PathBuf,
}

impl Profile {
    /// Opens a profile, making its folders (0700) where they are missing. With `folder`, everything is inside it;
    /// without, in `holdfast` under the XDG folders for config, data and state.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a folder belongs to somebody else, or others may write to it and it is not ours to
    /// close (it is neither empty nor a profile already); [`Error::Io`].
    pub fn open(folder: Option<&Path>) -> Result<Self> {
        Self::open_for(
            folder,
            std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from),
            &std::env::temp_dir(),
        )
    }

    /// As [`Profile::open`], with the places for sockets given.
    ///
    /// # Errors
    /// As [`Profile::open`].
    pub fn open_for(folder: Option<&Path>, runtime: Option<PathBuf>, temporary: &Path) -> Result<Self> {
        let (config, data, state) = match folder {
            Some(folder) => (folder.to_owned(), folder.to_owned(), folder.to_owned()),
            None => {
                let folders = directories::ProjectDirs::from("", "", "holdfast").ok_or_else(|| {
                    Error::Invalid("This user has no home folder. Name a folder with --profile.".into())
                })?;
                let data = folders.data_local_dir().to_owned();
                let state = folders.state_dir().map_or_else(|| data.clone(), Path::to_owned);
                (folders.config_dir().to_owned(), data, state)
            }
        };
        // The real path: however the folder is named, it is one profile with one lock and one socket.
        let (config, data, state) = (claim(&config)?, claim(&data)?, claim(&state)?);
        let socket = socket_folder(runtime, temporary)?.join(format!("{}.sock", short_hash(&data)));
        if socket.as_os_str().len() > SOCKET_PATH {
            return Err(Error::Invalid(format!(
                "{} is too long for a socket. Set XDG_RUNTIME_DIR or TMPDIR to a shorter one.",
                socket.display()
            )));
        }
        let profile = Self {
            config,
            data,
            state,
            socket,
        };
        for folder in [profile.spool(), profile.logs()] {
            make(&folder)?;
        }
        Ok(profile)
    }

    /// The folder for settings.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The folder for what must be kept.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The profile's database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.join("profile.db")
    }

    /// The file whose lock is the profile's.
    #[must_use]
    pub fn lock_file(&self) -> PathBuf {
        self.data.join("profile.lock")
    }

    /// The folder for sealed packs on their way; can be made anew from what they were made of.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.state.join("spool")
    }

    /// The folder for logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    /// Where the agent of this profile listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

/// `$XDG_RUNTIME_DIR/holdfast`, else `holdfast-UID` in the temp folder; 0700 and ours.
fn socket_folder(runtime: Option<PathBuf>, temporary: &Path) -> Result<PathBuf> {
    // The specification: relative paths are to be ignored, and the folder must be the user's own.
    let usable = |folder: &PathBuf| {
        folder.is_absolute() && fs::metadata(folder).is_ok_and(|found| found.is_dir() && ours(&found))
    };
    let folder = match runtime.filter(usable) {
        Some(runtime) => runtime.join("holdfast"),
        None => temporary.join(format!("holdfast-{}", rustix::process::geteuid().as_raw())),
    };
    make(&folder)?;
    // Anybody may have put something under this name in the temp folder before: not through a link, and strictly.
    let found = fs::symlink_metadata(&folder).map_err(|error| Error::io(&folder, &error))?;
    if !found.is_dir() || !ours(&found) || found.mode() & 0o077 != 0 {
        return Err(Error::Invalid(format!(
            "{} is not a folder of yours that only you may enter. Remove it, or set XDG_RUNTIME_DIR.",
            folder.display()
        )));
    }
    Ok(folder)
}

/// Makes sure of a folder that holds a profile; gives its real path.
fn claim(folder: &Path) -> Result<PathBuf> {
    make(folder)?;
    let failed = |error: std::io::Error| Error::io(folder, &error);
    let folder = fs::canonicalize(folder).map_err(failed)?;
    let found = fs::metadata(&folder).map_err(failed)?;
    if !ours(&found) {
        return Err(Error::Invalid(format!("{} belongs to another user.", folder.display())));
    }
    if found.mode() & 0o077 != 0 {
        // A folder that holds other things as well is not ours to close; what lies in it is closed by itself.
        let empty = fs::read_dir(&folder).map_err(failed)?.next().is_none();
        if empty || folder.join("profile.lock").exists() {
            fs::set_permissions(&folder, Permissions::from_mode(0o700)).map_err(failed)?;
        } else if found.mode() & 0o022 != 0 {
            return Err(Error::Invalid(format!(
                "Others may write to {0}. Choose another folder, or run: chmod 700 {0}",
                folder.display()
            )));
        }
    }
    Ok(folder)
}

fn make(folder: &Path) -> Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Error::io(folder, &error)),
        _ => Ok(()),
    }
}

fn ours(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

/// 64 bits are plenty to tell one user's profiles apart, and leave room in a socket's path.
fn short_hash(path: &Path) -> String {
    blake3::hash(path.as_os_str().as_bytes())
        .to_hex()
        .chars()
        .take(16)
        .collect()
}
