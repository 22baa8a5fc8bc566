//! The file that is being imported. The page gets to know it by number, and gives its passphrase once: it waits here, so that
//! the page need not keep it between looking and doing.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use holdfast_commands::Hidden;
use holdfast_engine::{Error, Result};

/// At most one file at a time: there is one page.
#[derive(Default)]
pub(crate) struct Imports {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    passphrase: Option<(u32, Hidden)>,
    /// The file that was imported last, if anybody can read it.
    in_clear: Option<(u32, PathBuf)>,
}

impl Imports {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What opens the file behind a pick, if it is known.
    pub(crate) fn passphrase(&self, pick: u32) -> Option<Hidden> {
        let inner = self.inner();
        let known = inner.passphrase.as_ref().filter(|(of, _)| *of == pick);
        known.map(|(_, passphrase)| passphrase.clone())
    }

    /// It opened the file.
    pub(crate) fn remember(&self, pick: u32, passphrase: Hidden) {
        self.inner().passphrase = Some((pick, passphrase));
    }

    /// The import is over: its passphrase is not needed any more. A file that anybody can read may be deleted.
    pub(crate) fn imported(&self, pick: u32, in_clear: Option<PathBuf>) {
        *self.inner() = Inner {
            passphrase: None,
            in_clear: in_clear.map(|path| (pick, path)),
        };
    }

    /// Deletes the file that was imported last, and no other.
    pub(crate) fn delete(&self, pick: u32) -> Result<()> {
        let mut inner = self.inner();
        let Some((_, path)) = inner.in_clear.as_ref().filter(|(of, _)| *of == pick) else {
            return Err(Error::Invalid("That is not the file that was imported last.".into()));
        };
        std::fs::remove_file(path).map_err(|error| Error::io(path, &error))?;
        inner.in_clear = None;
        Ok(())
    }

    /// Forgets everything, as locking and closing the dialog do.
    pub(crate) fn clear(&self) {
        *self.inner() = Inner::default();
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn a_passphrase_opens_its_own_file_until_the_import_is_over() {
        let imports = Imports::default();
        imports.remember(3, Hidden::new(Zeroizing::new("open".to_owned())));
        assert_eq!(imports.passphrase(3).unwrap().expose(), "open");
        assert!(imports.passphrase(4).is_none());
        imports.imported(3, None);
        assert!(imports.passphrase(3).is_none());
    }

    #[test]
    fn only_a_file_that_was_imported_in_clear_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("export.json");
        std::fs::write(&path, "{}").unwrap();
        let imports = Imports::default();
        assert!(imports.delete(1).is_err());
        imports.imported(1, None);
        assert!(imports.delete(1).is_err());
        imports.imported(1, Some(path.clone()));
        assert!(imports.delete(2).is_err() && path.exists());
        imports.delete(1).unwrap();
        assert!(!path.exists());
        assert!(imports.delete(1).is_err());
        imports.imported(1, Some(path));
        imports.clear();
        assert!(imports.delete(1).is_err());
    }
}
