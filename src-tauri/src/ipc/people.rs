//! What this computer remembers about people beside their keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_engine::{Error, Session};
use tauri::State;

use super::{Answer, told};
use crate::desk::Desk;

async fn session(desk: &Desk) -> Answer<Arc<Session>> {
    let app = desk.app().ok_or_else(|| told(Error::NoAccount))?;
    app.session().await.map_err(told)
}

/// By handle, the six words that are not that person's.
#[tauri::command]
pub(super) async fn refused_words(desk: State<'_, Arc<Desk>>) -> Answer<BTreeMap<String, String>> {
    session(&desk).await?.refused_words().await.map_err(told)
}

/// These words are not that person's; without any it was a mistake.
#[tauri::command]
pub(super) async fn refuse_words(desk: State<'_, Arc<Desk>>, handle: String, words: Option<String>) -> Answer<()> {
    let session = session(&desk).await?;
    session.refuse_words(&handle, words.as_deref()).await.map_err(told)
}
