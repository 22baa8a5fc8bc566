//! Before anybody is unlocked: accounts, the Master Key, the Recovery Kit.

use std::sync::Arc;

use holdfast_commands::{Command, Hidden};
use tauri::{AppHandle, State};

use super::{Answer, told};
use crate::desk::Desk;
use crate::door;
use crate::picks::save_as;
use crate::types::{Entered, InvitationLook, Judgement, NewAccountForm, RecoverForm, ServerCheck, SignInForm};

/// Draws a Master Key, to be shown once.
#[tauri::command]
pub(super) async fn make_phrase(desk: State<'_, Arc<Desk>>) -> Answer<Hidden> {
    Ok(Hidden::new(desk.door.make_phrase()))
}

/// Says how good a phrase is.
#[tauri::command]
pub(super) async fn judge_phrase(phrase: Hidden, beside_second: bool) -> Answer<Judgement> {
    Ok(door::judge(&phrase, beside_second))
}

/// Asks a server who it is.
#[tauri::command]
pub(super) async fn check_server(
    desk: State<'_, Arc<Desk>>,
    address: String,
    fingerprint: Option<String>,
) -> Answer<ServerCheck> {
    door::check_server(&desk, &address, fingerprint.as_deref())
        .await
        .map_err(told)
}

/// Reads an invitation.
#[tauri::command]
pub(super) async fn look_at_invitation(text: Hidden) -> Answer<InvitationLook> {
    door::look_at_invitation(&text).map_err(told)
}

/// Makes an account.
#[tauri::command]
pub(super) async fn sign_up(desk: State<'_, Arc<Desk>>, form: NewAccountForm) -> Answer<()> {
    door::sign_up(&desk, form).await.map_err(told)
}

/// Opens an account that exists.
#[tauri::command]
pub(super) async fn sign_in(desk: State<'_, Arc<Desk>>, form: SignInForm) -> Answer<()> {
    door::sign_in(&desk, form).await.map_err(told)
}

/// Opens an account with its Recovery Kit.
#[tauri::command]
pub(super) async fn recover(desk: State<'_, Arc<Desk>>, form: RecoverForm) -> Answer<()> {
    door::recover(&desk, form).await.map_err(told)
}

/// Writes the kit where the person says; `None` when the dialog was closed.
#[tauri::command]
pub(super) async fn save_kit(app: AppHandle, desk: State<'_, Arc<Desk>>) -> Answer<Option<String>> {
    let handle = desk.look().await.map_err(told)?.handle.unwrap_or_default();
    let Some(path) = save_as(&app, &door::kit_name(&handle)).await.map_err(told)? else {
        return Ok(None);
    };
    desk.door.write_kit(&path).map_err(told)?;
    Ok(Some(path.display().to_string()))
}

/// Which two words of the kit to type.
#[tauri::command]
pub(super) async fn kit_question(desk: State<'_, Arc<Desk>>) -> Answer<[usize; 2]> {
    desk.door.kit_question().map_err(told)
}

/// Whether those are the two words.
#[tauri::command]
pub(super) async fn kit_answer(desk: State<'_, Arc<Desk>>, words: [String; 2]) -> Answer<bool> {
    let right = desk.door.kit_answer(&words).map_err(told)?;
    if right {
        desk.change_settings(|settings| settings.kit_kept = true)
            .map_err(told)?;
    }
    Ok(right)
}

/// The person says that the kit is kept, or that no reminder is wanted.
#[tauri::command]
pub(super) async fn kit_kept(desk: State<'_, Arc<Desk>>) -> Answer<()> {
    desk.change_settings(|settings| settings.kit_kept = true)
        .map_err(told)?;
    Ok(())
}

/// The account is ready, with a first project if one was named: the page that saw the Master Key ends, a new one opens.
#[tauri::command]
pub(super) async fn enter(desk: State<'_, Arc<Desk>>, first_project: Option<String>) -> Answer<()> {
    // Asked once more by a page that is ending: it is done.
    if matches!(desk.door.entered(), None | Some(Entered::Arrived)) {
        return Ok(());
    }
    if let Some(name) = first_project {
        let create = Command::ProjectCreate { name, standard: false };
        desk.run(create).await.map_err(told)?;
    }
    desk.door.come_in();
    if let Some(app) = desk.app().filter(|app| app.is_unlocked()) {
        desk.enter(&app);
    }
    Ok(())
}

/// Opens the profile.
#[tauri::command]
pub(super) async fn unlock(desk: State<'_, Arc<Desk>>, phrase: Hidden) -> Answer<()> {
    let phrase = door::phrase(&phrase).map_err(told)?;
    desk.unlock(&phrase).await.map_err(told)
}

/// Opens the profile with what the system's keychain keeps.
#[tauri::command]
pub(super) async fn unlock_quickly(desk: State<'_, Arc<Desk>>) -> Answer<()> {
    desk.unlock_quickly().await.map_err(told)
}

/// Lets the system's keychain open the profile from now on, or no longer.
#[tauri::command]
pub(super) async fn set_quick_unlock(desk: State<'_, Arc<Desk>>, on: bool) -> Answer<()> {
    let done = if on {
        desk.allow_quick_unlock().await
    } else {
        desk.forbid_quick_unlock().await
    };
    done.map_err(told)
}

/// Forgets the keys.
#[tauri::command]
pub(super) async fn lock(desk: State<'_, Arc<Desk>>) -> Answer<()> {
    desk.lock();
    Ok(())
}
