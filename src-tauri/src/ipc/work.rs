//! Verbs of an unlocked profile.

use std::sync::Arc;
use std::time::Duration;

use holdfast_commands::Command;
use holdfast_commands::view::{ErrorView, SecretDetail};
use holdfast_engine::Error;
use tauri::{AppHandle, State};
use zeroize::Zeroizing;

use super::{Answer, told};
use crate::desk::Desk;
use crate::door::kit_name;
use crate::picks::save_as;
use crate::types::{Answered, Event};

/// Runs a verb that names no file of this computer: those go through picks and jobs.
#[tauri::command]
pub(super) async fn run(desk: State<'_, Arc<Desk>>, command: Command) -> Answer<Answered> {
    if command.names_files() {
        return Err(told(Error::Invalid("The page can't name files.".into())));
    }
    desk.idle.used();
    Ok(desk.run(command).await.map_err(told)?.into())
}

/// Copies a field of a secret. Its value does not pass through the page.
#[tauri::command]
pub(super) async fn copy_field(
    desk: State<'_, Arc<Desk>>,
    project: Option<String>,
    name: String,
    field: String,
) -> Answer<u32> {
    desk.idle.used();
    let command = Command::SecretShow {
        project,
        name,
        reveal: true,
    };
    let outcome = desk.run(command).await.map_err(told)?;
    let detail: SecretDetail =
        serde_json::from_value(outcome.value).map_err(|error| told(Error::Internal(error.to_string())))?;
    let value = detail.fields.into_iter().find(|known| known.name == field);
    let value = value.and_then(|field| field.value).map(Zeroizing::new).ok_or_else(|| {
        ErrorView::from(&Error::NotFound {
            what: "field",
            name: field,
        })
    })?;
    let turn = desk.clip.put_secret(&value).map_err(told)?;
    let seconds = desk.settings().clipboard_seconds;
    let desk = Arc::clone(&desk);
    tauri::async_runtime::spawn(async move {
        tokio::time::sleep(Duration::from_secs(seconds.into())).await;
        if desk.clip.clear(Some(turn)) {
            desk.tell(Event::ClipboardCleared);
        }
    });
    Ok(seconds)
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
