//! Files of this computer: chosen by the person, moved by jobs.

use std::sync::Arc;

use tauri::{AppHandle, State};

use super::{Answer, told};
use crate::desk::Desk;
use crate::jobs;
use crate::picks::choose;
use crate::types::{JobRequest, JobView, Pick, Picked};

/// Lets the person choose; `None` when the dialog was closed.
#[tauri::command]
pub(super) async fn pick(app: AppHandle, desk: State<'_, Arc<Desk>>, what: Pick) -> Answer<Option<Picked>> {
    let paths = choose(&app, what).await;
    Ok((!paths.is_empty()).then(|| desk.picks.add(paths)))
}

/// Begins to move files.
#[tauri::command]
pub(super) async fn start_job(desk: State<'_, Arc<Desk>>, request: JobRequest) -> Answer<JobView> {
    jobs::start(&desk, request).map_err(told)
}

/// How all jobs are. Their names are nobody's business while the profile is locked.
#[tauri::command]
pub(super) async fn jobs(desk: State<'_, Arc<Desk>>) -> Answer<Vec<JobView>> {
    let unlocked = desk.app().is_some_and(|app| app.is_unlocked());
    Ok(if unlocked { desk.jobs.list() } else { Vec::new() })
}

/// Stops a job where it can go on.
#[tauri::command]
pub(super) async fn pause_job(desk: State<'_, Arc<Desk>>, id: u32) -> Answer<()> {
    desk.jobs.pause(id);
    Ok(())
}

/// Goes on with a job; a download into another folder if one was picked.
#[tauri::command]
pub(super) async fn resume_job(desk: State<'_, Arc<Desk>>, id: u32, pick: Option<u32>) -> Answer<JobView> {
    jobs::resume(&desk, id, pick).map_err(told)
}

/// Gives a job up that is under way, or puts one away that has ended: then there is nothing left to show.
#[tauri::command]
pub(super) async fn give_up_job(desk: State<'_, Arc<Desk>>, id: u32) -> Answer<Option<JobView>> {
    Ok(desk.jobs.give_up(id))
}
