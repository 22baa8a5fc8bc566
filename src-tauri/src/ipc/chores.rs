//! Looking after where the data lies.

use std::sync::Arc;

use holdfast_commands::view::{BackupView, RelocatedView};
use tauri::State;

use super::{Answer, told};
use crate::chores;
use crate::desk::Desk;
use crate::types::Checkup;

/// Moves the account to another server.
#[tauri::command]
pub(super) async fn relocate(
    desk: State<'_, Arc<Desk>>,
    to: String,
    leave_behind: bool,
    fingerprint: Option<String>,
) -> Answer<RelocatedView> {
    chores::relocate(&desk, to, leave_behind, fingerprint)
        .await
        .map_err(told)
}

/// Backs the built-in server up: into a folder that was picked, or again where the last backup is.
#[tauri::command]
pub(super) async fn back_up(desk: State<'_, Arc<Desk>>, pick: Option<u32>) -> Answer<BackupView> {
    let folder = pick.map(|pick| desk.picks.one(pick)).transpose().map_err(told)?;
    chores::back_up(&desk, folder).await
}

/// Stops either where it can go on.
#[tauri::command]
pub(super) async fn stop_chore(desk: State<'_, Arc<Desk>>) -> Answer<()> {
    desk.chores.stop();
    Ok(())
}

/// Looks for faults.
#[tauri::command]
pub(super) async fn check_up(desk: State<'_, Arc<Desk>>) -> Answer<Checkup> {
    chores::check_up(&desk).await.map_err(told)
}
