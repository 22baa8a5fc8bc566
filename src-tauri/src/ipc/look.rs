//! What the page has to know, and what it may set.

use std::sync::Arc;

use tauri::State;
use tauri::ipc::Channel;

use super::{Answer, told};
use crate::desk::Desk;
use crate::settings::Settings;
use crate::types::{Event, Look};

/// How the program is.
#[tauri::command]
pub(super) async fn look(desk: State<'_, Arc<Desk>>) -> Answer<Look> {
    desk.look().await.map_err(told)
}

/// From now on the page hears of what happens.
#[tauri::command]
pub(super) async fn watch(desk: State<'_, Arc<Desk>>, events: Channel<Event>) -> Answer<()> {
    desk.listen(events);
    Ok(())
}

/// Somebody moved: locking by itself waits.
#[tauri::command]
pub(super) async fn alive(desk: State<'_, Arc<Desk>>) -> Answer<()> {
    desk.idle.used();
    Ok(())
}

/// Sets what a person may set. Where the built-in server listens and is backed up is not among it.
#[tauri::command]
pub(super) async fn set_settings(desk: State<'_, Arc<Desk>>, settings: Settings) -> Answer<Settings> {
    desk.change_settings(|old| {
        *old = Settings {
            here_port: old.here_port,
            kit_kept: old.kit_kept,
            backup_ms: old.backup_ms,
            backup_path: old.backup_path.clone(),
            ..settings
        };
    })
    .map_err(told)
}

/// Copies text that is not secret.
#[tauri::command]
pub(super) async fn copy_text(desk: State<'_, Arc<Desk>>, text: String) -> Answer<()> {
    desk.clip.put(&text).map_err(told)
}
