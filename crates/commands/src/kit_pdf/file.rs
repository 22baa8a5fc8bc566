//! The file a kit is written to: whole or not at all, for its owner alone.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use holdfast_engine::{Error, Result};
use tempfile::NamedTempFile;

/// A file that is written and does not have its name yet; gone when dropped before.
pub struct KitFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl KitFile {
    /// Writes a file that only its owner can read, beside where it is to be. Its name says what it is, should the power fail
    /// before it has its own.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`]; [`Error::Full`] and [`Error::Io`] from the disk. Nothing is left behind then.
    pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<Self> {
        let failed = |error: &std::io::Error| Error::io(path, error);
        if path.symlink_metadata().is_ok() {
            return Err(there_already(path));
        }
        let mut prefix = path.file_name().map_or_else(|| OsString::from("kit"), OsString::from);
        prefix.push(".");
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o600));
        }
        let mut file = builder
            .prefix(&prefix)
            .suffix(".part")
            .tempfile_in(folder_of(path))
            .map_err(|error| failed(&error))?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(|error| failed(&error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Gives the file its name; never over another file.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] and [`Error::Io`]. The file stays where it is then, and the sentence says where.
    pub fn name(self) -> Result<()> {
        let path = self.path;
        if let Err(refused) = self.file.persist_noclobber(&path) {
            let reason = refused.error;
            let Ok((_, kept)) = refused.file.keep() else {
                return Err(Error::io(&path, &reason));
            };
            return Err(match reason.kind() {
                ErrorKind::AlreadyExists => Error::AlreadyExists(format!(
                    "{} is there already; the kit is in {}.",
                    path.display(),
                    kept.display()
                )),
                _ => Error::Io {
                    path: path.display().to_string(),
                    reason: format!("{reason}; the kit is in {}", kept.display()),
                },
            });
        }
        // The name must outlive a power cut too. Only Unix can sync a folder.
        #[cfg(unix)]
        std::fs::File::open(folder_of(&path))
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Error::io(&path, &error))?;
        Ok(())
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn there_already(path: &Path) -> Error {
    Error::AlreadyExists(format!("{} is there already.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
        KitFile::write(path, bytes)?.name()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn writes_for_the_owner_alone_and_never_over_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kit.pdf");
        write_private(&path, b"first").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        }
        assert!(matches!(write_private(&path, b"second"), Err(Error::AlreadyExists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["kit.pdf"]);
    }

    #[test]
    fn a_missing_folder_is_said_with_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent/kit.pdf");
        match write_private(&path, b"x") {
            Err(Error::Io { path: said, .. }) => assert_eq!(said, path.display().to_string()),
            _ => panic!("expected an I/O error"),
        }
    }

    #[test]
    #[cfg(unix)]
    fn does_not_follow_a_dangling_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kit.pdf");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(matches!(write_private(&path, b"x"), Err(Error::AlreadyExists(_))));
        assert_eq!(names(folder.path()), ["kit.pdf"]);
    }

    #[test]
    fn without_its_name_it_is_gone_and_a_taken_name_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kit.pdf");
        drop(KitFile::write(&path, b"x").unwrap());
        assert!(names(folder.path()).is_empty());

        let file = KitFile::write(&path, b"ours").unwrap();
        std::fs::write(&path, b"theirs").unwrap();
        let told = file.name().unwrap_err().to_string();
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
        let kept = names(folder.path())
            .into_iter()
            .find(|name| name.ends_with(".part"))
            .unwrap();
        assert!(told.contains(&kept), "{told}");
        assert_eq!(std::fs::read(folder.path().join(kept)).unwrap(), b"ours");
    }
}
