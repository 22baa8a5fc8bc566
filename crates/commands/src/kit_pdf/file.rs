//! The file a kit is written to: whole or not at all, for its owner alone.

use std::io::Write;
use std::path::Path;

use holdfast_engine::{Error, Result};

/// Writes a file that only its owner can read, under its name only when all of it is written; never over another file.
///
/// # Errors
/// [`Error::AlreadyExists`]; [`Error::Full`] and [`Error::Io`] from the disk. Nothing is left behind then.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error: &std::io::Error| Error::io(path, error);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o600));
    }
    let mut file = builder
        .prefix(".holdfast-")
        .tempfile_in(folder)
        .map_err(|error| failed(&error))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| failed(&error))?;
    file.persist_noclobber(path)
        .map_err(|refused| match refused.error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::AlreadyExists(format!("{} is there already.", path.display())),
            _ => failed(&refused.error),
        })?;
    // The name must outlive a power cut too. Only Unix can sync a folder.
    #[cfg(unix)]
    std::fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed(&error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
