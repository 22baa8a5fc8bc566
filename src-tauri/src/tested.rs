//! The tests' hands (feature `e2e`, never in a release): the page comes from a folder, so that a change of it does not need the
//! program linked again; files are dropped without a hand that drags.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use tauri::utils::assets::{AssetKey, AssetsIter, CspHash};
use tauri::{Assets, Context, State, Wry};

use crate::desk::Desk;

/// Takes the page from the folder that HOLDFAST_E2E_UI names, if it is set.
pub(crate) fn with_page_from_disk(mut context: Context<Wry>) -> Context<Wry> {
    if let Some(folder) = std::env::var_os("HOLDFAST_E2E_UI") {
        context.set_assets(Box::new(Folder(folder.into())));
    }
    context
}

struct Folder(PathBuf);

impl Assets<Wry> for Folder {
    fn get(&self, key: &AssetKey) -> Option<Cow<'_, [u8]>> {
        let path = self.0.join(key.as_ref().trim_start_matches('/'));
        std::fs::read(path).ok().map(Cow::Owned)
    }

    fn iter(&self) -> Box<AssetsIter<'_>> {
        Box::new(std::iter::empty())
    }

    fn csp_hashes(&self, _: &AssetKey) -> Box<dyn Iterator<Item = CspHash<'_>> + '_> {
        // Nothing in the page is inline.
        Box::new(std::iter::empty())
    }
}

/// What a test chose: one path a line in the file that HOLDFAST_E2E_PICK names. Without one, dialogs are the system's.
pub(crate) fn picked() -> Option<Vec<PathBuf>> {
    let list = std::env::var_os("HOLDFAST_E2E_PICK").filter(|list| !list.is_empty())?;
    let text = std::fs::read_to_string(list).unwrap_or_default();
    Some(text.lines().map(PathBuf::from).collect())
}

/// Drops files on the window, as its own event does. Without any, some hang over it.
#[tauri::command]
pub(crate) async fn drop_files(desk: State<'_, Arc<Desk>>, paths: Vec<PathBuf>) -> Result<(), ()> {
    desk.hover(true);
    if !paths.is_empty() {
        desk.dropped(paths);
    }
    Ok(())
}
