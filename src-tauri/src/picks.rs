//! Files that a person chose in a dialog or dropped on the window. The page gets a number and names; paths stay here, so that
//! a page that went astray can't name any.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use holdfast_engine::{Error, Result};

use tauri::AppHandle;
#[cfg(not(feature = "e2e"))]
use tauri_plugin_dialog::DialogExt;
use tokio_util::sync::CancellationToken;

use crate::types::{Pick, Picked};

/// The newest picks that are remembered; a person who has chosen more often than this has forgotten the first.
const KEPT: usize = 64;

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
#[cfg(not(feature = "e2e"))]
pub(crate) async fn choose(app: &AppHandle, what: Pick) -> Vec<PathBuf> {
    let dialog = app.dialog().file();
    let ask = move || match what {
        Pick::Files => dialog.blocking_pick_files().unwrap_or_default(),
        Pick::Folder | Pick::Target => dialog.blocking_pick_folder().into_iter().collect(),
    };
    let chosen = tauri::async_runtime::spawn_blocking(ask).await.unwrap_or_default();
    chosen.into_iter().filter_map(|file| file.into_path().ok()).collect()
}

/// Lets the person say where a file is to go, under which name.
#[cfg(not(feature = "e2e"))]
pub(crate) async fn save_as(app: &AppHandle, name: &Path) -> Option<PathBuf> {
    let dialog = app.dialog().file().set_file_name(name.to_string_lossy());
    let chosen = tauri::async_runtime::spawn_blocking(move || dialog.blocking_save_file()).await;
    chosen.ok().flatten()?.into_path().ok()
}

/// What a test chose: one path a line in the file that HOLDFAST_E2E_PICK names. No dialog can be operated there.
#[cfg(feature = "e2e")]
pub(crate) async fn choose(_: &AppHandle, _: Pick) -> Vec<PathBuf> {
    let Some(list) = std::env::var_os("HOLDFAST_E2E_PICK") else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(list).unwrap_or_default();
    text.lines().map(PathBuf::from).collect()
}

/// The same, for a file that is to be written.
#[cfg(feature = "e2e")]
pub(crate) async fn save_as(app: &AppHandle, name: &Path) -> Option<PathBuf> {
    let folder = choose(app, Pick::Target).await.into_iter().next()?;
    Some(if folder.is_dir() { folder.join(name) } else { folder })
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
