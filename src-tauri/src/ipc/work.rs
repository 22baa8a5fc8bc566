//! Verbs of an unlocked profile.

use std::sync::Arc;

use holdfast_commands::Command;
use holdfast_engine::Error;
use tauri::{AppHandle, State};

use super::{Answer, told};
use crate::desk::Desk;
use crate::door::kit_name;
use crate::picks::save_as;
use crate::types::Answered;

/// Runs a verb that names no file of this computer: those go through picks and jobs.
#[tauri::command]
pub(super) async fn run(desk: State<'_, Arc<Desk>>, command: Command) -> Answer<Answered> {
    if command.names_files() {
        return Err(told(Error::Invalid("The page can't name files.".into())));
    }
    desk.idle.used();
    Ok(desk.run(command).await.map_err(told)?.into())
}

/// Makes a new Recovery Kit and writes it where the person says; `None` when the dialog was closed.
#[tauri::command]
pub(super) async fn new_kit(app: AppHandle, desk: State<'_, Arc<Desk>>) -> Answer<Option<String>> {
    let handle = desk.look().await.map_err(told)?.handle.unwrap_or_default();
    let Some(out) = save_as(&app, &kit_name(&handle)).await else {
        return Ok(None);
    };
    desk.run(Command::KitNew { out: out.clone() }).await.map_err(told)?;
    desk.change_settings(|settings| settings.kit_kept = true)
        .map_err(told)?;
    Ok(Some(out.display().to_string()))
}
