//! Secrets: their fields one at a time, copied without passing the page; what one's own secrets need beside the verbs.

use std::sync::Arc;
use std::time::Duration;

use holdfast_commands::Command;
use holdfast_commands::view::{IdView, SecretDetail};
use holdfast_engine::{Error, Result};
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::item::ItemKind;
use tauri::State;
use zeroize::Zeroizing;

use super::{Answer, told};
use crate::desk::Desk;
use crate::types::Event;

/// Shows a secret with the values of those fields that are named, and of no other.
#[tauri::command]
pub(super) async fn read_fields(
    desk: State<'_, Arc<Desk>>,
    project: Option<String>,
    name: String,
    fields: Vec<String>,
) -> Answer<SecretDetail> {
    desk.idle.used();
    let mut detail = detail(&desk, project, name).await.map_err(told)?;
    for field in &mut detail.fields {
        if !fields.contains(&field.name) {
            drop(field.value.take().map(Zeroizing::new));
        }
    }
    Ok(detail)
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
    let mut value = None;
    for known in detail(&desk, project, name).await.map_err(told)?.fields {
        let known_value = known.value.map(Zeroizing::new);
        if known.name == field {
            value = known_value;
        }
    }
    let value = value.ok_or_else(|| {
        told(Error::NotFound {
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

/// Gives a secret another name and note, and says when it stops working.
#[tauri::command]
pub(super) async fn describe_secret(
    desk: State<'_, Arc<Desk>>,
    project: Option<String>,
    secret: String,
    name: String,
    note: String,
    expires_ms: Option<u64>,
) -> Answer<()> {
    desk.idle.used();
    let app = desk.app().ok_or(Error::NoAccount).map_err(told)?;
    let session = app.session().await.map_err(told)?;
    let space = place(&desk, project).await.map_err(told)?;
    let id = secret
        .parse()
        .map_err(|_| told(Error::Invalid("that is not the id of a secret".into())))?;
    let described = session.describe_item(space, id, &name, &note, expires_ms).await;
    described.map_err(told)
}

/// Takes a secret out of the trash.
#[tauri::command]
pub(super) async fn restore_secret(desk: State<'_, Arc<Desk>>, project: Option<String>, secret: String) -> Answer<()> {
    let project = place(&desk, project).await.map_err(told)?.to_string();
    let restore = Command::ItemRestore {
        kind: ItemKind::Secret,
        project,
        item: secret,
    };
    desk.run(restore).await.map_err(told)?;
    Ok(())
}

/// Moves a secret out of a project to one's own; gives its id there.
#[tauri::command]
pub(super) async fn take_secret(desk: State<'_, Arc<Desk>>, project: String, secret: String) -> Answer<String> {
    let to = place(&desk, None).await.map_err(told)?.to_string();
    let take = Command::SecretMove {
        project: Some(project),
        name: secret,
        to,
    };
    let outcome = desk.run(take).await.map_err(told)?;
    let moved: IdView =
        serde_json::from_value(outcome.value).map_err(|error| told(Error::Internal(error.to_string())))?;
    Ok(moved.id)
}

async fn detail(desk: &Desk, project: Option<String>, name: String) -> Result<SecretDetail> {
    let show = Command::SecretShow {
        project,
        name,
        version: None,
        reveal: true,
    };
    let outcome = desk.run(show).await?;
    serde_json::from_value(outcome.value).map_err(|error| Error::Internal(error.to_string()))
}

/// The project, or the place of one's own secrets.
async fn place(desk: &Desk, project: Option<String>) -> Result<SpaceId> {
    match project {
        Some(project) => project
            .parse()
            .map_err(|_| Error::Invalid("that is not the id of a project".into())),
        None => {
            let session = desk.app().ok_or(Error::NoAccount)?.session().await?;
            Ok(session.vault().await?.space.authority().space())
        }
    }
}
