//! Files that a person chose in a dialog or dropped on the window. The page gets a number and names; paths stay here, so that
//! a page that went astray can't name any.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use holdfast_engine::{Error, Result};

use tauri::AppHandle;
use tauri_plugin_dialog::DialogExt;
use tokio_util::sync::CancellationToken;

use crate::types::{Pick, Picked};

/// The newest picks that are remembered; a person who has chosen more often than this has forgotten the first.
const KEPT: usize = 64;
/// Nobody sees a dialog and closes it in so short a time.
const NOBODY: Duration = Duration::from_millis(400);

/// Picks by number.
#[derive(Default)]
pub(crate) struct Picks {
    inner: Mutex<(u32, BTreeMap<u32, Vec<PathBuf>>)>,
    looking: Mutex<CancellationToken>,
}

impl Picks {
    /// Remembers files.
    pub(crate) fn add(&self, paths: Vec<PathBuf>) -> Picked {
        let names = paths.iter().map(|path| shown(path)).collect();
        let folder = matches!(paths.as_slice(), [path] if path.is_dir());
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 += 1;
        let pick = inner.0;
        inner.1.insert(pick, paths);
        while inner.1.len() > KEPT {
            inner.1.pop_first();
        }
        Picked { pick, names, folder }
    }

    /// The paths behind a number.
    pub(crate) fn get(&self, pick: u32) -> Result<Vec<PathBuf>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let paths = inner.1.get(&pick).cloned();
        paths.ok_or_else(|| Error::Invalid("Those files were chosen too long ago. Choose them again.".into()))
    }

    /// The one path behind a number.
    pub(crate) fn one(&self, pick: u32) -> Result<PathBuf> {
        let paths = self.get(pick)?;
        let path = paths.into_iter().next();
        path.ok_or_else(|| Error::Invalid("Nothing was chosen.".into()))
    }

    /// Somebody looks through picked files: what went through others until now stops.
    pub(crate) fn look_through(&self) -> CancellationToken {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        looking.cancel();
        *looking = CancellationToken::new();
        looking.clone()
    }

    /// Forgets everything, as locking does.
    pub(crate) fn clear(&self) {
        self.look_through().cancel();
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.clear();
    }
}

/// Lets the person choose in the system's dialog. Nothing chosen is no path.
///
/// # Errors
/// [`Error::NoDialog`].
pub(crate) async fn choose(app: &AppHandle, what: Pick) -> Result<Vec<PathBuf>> {
    #[cfg(feature = "e2e")]
    if let Some(picked) = crate::tested::picked() {
        return Ok(picked);
    }
    let dialog = app.dialog().file();
    let chosen = asked(move || match what {
        Pick::Files => dialog.blocking_pick_files(),
        Pick::Folder | Pick::Target => dialog.blocking_pick_folder().map(|folder| vec![folder]),
    });
    let chosen = chosen.await.map_err(|error| match what {
        Pick::Files | Pick::Folder => error.advise(
            "Drop the files onto the window instead, or use the command line: holdfast --help lists what it does.",
        ),
        Pick::Target => error,
    })?;
    let files = chosen.into_iter().flatten();
    Ok(files.filter_map(|file| file.into_path().ok()).collect())
}

/// Lets the person say where a file is to go, under which name.
///
/// # Errors
/// [`Error::NoDialog`].
pub(crate) async fn save_as(app: &AppHandle, name: &Path) -> Result<Option<PathBuf>> {
    #[cfg(feature = "e2e")]
    if let Some(picked) = crate::tested::picked() {
        let place = picked.into_iter().next();
        return Ok(place.map(|place| if place.is_dir() { place.join(name) } else { place }));
    }
    let dialog = app.dialog().file().set_file_name(name.to_string_lossy());
    let chosen = asked(move || dialog.blocking_save_file()).await?;
    Ok(chosen.and_then(|file| file.into_path().ok()))
}

/// Waits for what a person answers in a dialog. One that did not come up says the same as one that was closed, only sooner.
async fn asked<T: Send + 'static>(ask: impl FnOnce() -> Option<T> + Send + 'static) -> Result<Option<T>> {
    let begun = Instant::now();
    let chosen = tauri::async_runtime::spawn_blocking(ask).await.ok().flatten();
    if chosen.is_none() && begun.elapsed() < NOBODY {
        return Err(Error::NoDialog);
    }
    Ok(chosen)
}

fn shown(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_look_goes_on() {
        let picks = Picks::default();
        let (first, second) = (picks.look_through(), picks.look_through());
        assert!(first.is_cancelled() && !second.is_cancelled());
        picks.clear();
        assert!(second.is_cancelled());
    }

    #[test]
    fn the_page_knows_files_by_number() {
        let picks = Picks::default();
        let first = picks.add(vec!["/a/b c".into(), "/d".into()]);
        assert_eq!(first.names, ["b c", "d"]);
        assert!(!first.folder);
        assert!(picks.add(vec![std::env::temp_dir()]).folder);
        assert_eq!(picks.get(first.pick).unwrap().len(), 2);
        assert!(picks.get(first.pick + 2).is_err());
        for _ in 0..KEPT {
            picks.add(Vec::new());
        }
        assert!(picks.get(first.pick).is_err());
        picks.clear();
        assert!(picks.get(KEPT as u32 + 2).is_err());
    }
}
