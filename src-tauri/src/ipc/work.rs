//! Verbs of an unlocked profile.

use std::path::Path;
use std::sync::Arc;

use holdfast_commands::Command;
use holdfast_engine::Error;
use tauri::{AppHandle, State};

use super::{Answer, told};
use crate::desk::Desk;
use crate::door::kit_name;
use crate::picks::save_as;
use crate::types::{Answered, KeyChangeForm};
use crate::{door, whole};

/// Runs a verb that names no file of this computer: those go through picks and jobs. What the page has already, under the name
/// `known`, is not sent to it again.
#[tauri::command]
pub(super) async fn run(desk: State<'_, Arc<Desk>>, command: Command, known: Option<String>) -> Answer<Answered> {
    if command.names_files() {
        return Err(told(Error::Invalid("The page can't name files.".into())));
    }
    desk.idle.used();
    let answered: Answered = desk.run(command).await.map_err(told)?.into();
    match known {
        Some(known) => answered.unless(&known).map_err(told),
        None => Ok(answered),
    }
}

/// Makes a new Recovery Kit and writes it where the person says; `None` when the dialog was closed.
#[tauri::command]
pub(super) async fn new_kit(app: AppHandle, desk: State<'_, Arc<Desk>>) -> Answer<Option<String>> {
    let handle = desk.look().await.map_err(told)?.handle.unwrap_or_default();
    let Some(out) = save_as(&app, &kit_name(&handle)).await.map_err(told)? else {
        return Ok(None);
    };
    desk.run(Command::KitNew { out: out.clone() }).await.map_err(told)?;
    desk.change_settings(|settings| settings.kit_kept = true)
        .map_err(told)?;
    Ok(Some(out.display().to_string()))
}

/// Gives the account a new Master Key. `false` when a kit was wanted and the dialog for it was closed: then nothing changed.
#[tauri::command]
pub(super) async fn change_key(app: AppHandle, desk: State<'_, Arc<Desk>>, form: KeyChangeForm) -> Answer<bool> {
    if !desk.door.is_new(form.turn) {
        return Ok(true);
    }
    let handle = desk.look().await.map_err(told)?.handle.unwrap_or_default();
    let kit = if form.kit {
        let Some(out) = save_as(&app, &kit_name(&handle)).await.map_err(told)? else {
            return Ok(false);
        };
        Some(out)
    } else {
        None
    };
    door::change_key(&desk, form, kit).await.map_err(told)?;
    Ok(true)
}

/// Writes what happened in a project, as JSON, where the person says; `None` when the dialog was closed.
#[tauri::command]
pub(super) async fn export_activity(
    app: AppHandle,
    desk: State<'_, Arc<Desk>>,
    project: String,
) -> Answer<Option<String>> {
    // Before the dialog: what can't be told is said at once.
    let outcome = desk.run(Command::ProjectActivity { project }).await.map_err(told)?;
    let Some(out) = save_as(&app, Path::new("Holdfast activity.json")).await.map_err(told)? else {
        return Ok(None);
    };
    let text = serde_json::to_vec_pretty(&outcome.value).map_err(|error| told(Error::Internal(error.to_string())))?;
    whole::write(&out, &text).map_err(told)?;
    Ok(Some(out.display().to_string()))
}
