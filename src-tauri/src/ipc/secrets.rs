//! Secrets: their fields one at a time, copied without passing the page; what one's own secrets need beside the verbs.

use std::sync::Arc;
use std::time::Duration;

use holdfast_commands::Command;
use holdfast_commands::view::{MovedView, SecretDetail};
use holdfast_engine::{Error, Result};
use holdfast_protocol::id::SpaceId;
use tauri::State;
use zeroize::Zeroizing;

use super::{Answer, told};
use crate::desk::Desk;
use crate::types::Event;

/// Shows a version of a secret, the newest if none is named, with the hidden values that are asked for by name and no other.
#[tauri::command]
pub(super) async fn read_fields(
    desk: State<'_, Arc<Desk>>,
    project: Option<String>,
    name: String,
    version: Option<String>,
    fields: Vec<String>,
) -> Answer<SecretDetail> {
    desk.idle.used();
    let mut detail = detail(&desk, project, name, version).await.map_err(told)?;
    for field in &mut detail.fields {
        if field.hidden && !fields.contains(&field.name) {
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
    for known in detail(&desk, project, name, None).await.map_err(told)?.fields {
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

/// Moves a secret out of a project to one's own, which has no name that the verb could be told; gives its id there.
#[tauri::command]
pub(super) async fn take_secret(desk: State<'_, Arc<Desk>>, project: String, secret: String) -> Answer<String> {
    let to = place(&desk, None).await.map_err(told)?.to_string();
    let take = Command::SecretMove {
        project: Some(project),
        name: secret,
        to,
    };
    let outcome = desk.run(take).await.map_err(told)?;
    let moved: MovedView =
        serde_json::from_value(outcome.value).map_err(|error| told(Error::Internal(error.to_string())))?;
    Ok(moved.id)
}

async fn detail(desk: &Desk, project: Option<String>, name: String, version: Option<String>) -> Result<SecretDetail> {
    let show = Command::SecretShow {
        project,
        name,
        version,
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
