//! Files of this computer: chosen by the person, moved by jobs.

use std::sync::Arc;

use holdfast_commands::Command;
use holdfast_engine::Error;
use holdfast_engine::ports::Silent;
use holdfast_protocol::item::ItemKind;
use tauri::{AppHandle, State};

use super::{Answer, told};
use crate::desk::Desk;
use crate::jobs;
use crate::picks::choose;
use crate::types::{Answered, JobRequest, JobView, Pick, Picked};

/// Lets the person choose; `None` when the dialog was closed.
#[tauri::command]
pub(super) async fn pick(app: AppHandle, desk: State<'_, Arc<Desk>>, what: Pick) -> Answer<Option<Picked>> {
    let paths = choose(&app, what).await.map_err(told)?;
    Ok((!paths.is_empty()).then(|| desk.picks.add(paths)))
}

/// What an upload of picked files would take along. The newest question is answered; the one before is no longer asked.
#[tauri::command]
pub(super) async fn upload_plan(
    desk: State<'_, Arc<Desk>>,
    kind: ItemKind,
    pick: u32,
    include_hidden: bool,
) -> Answer<Answered> {
    let paths = desk.picks.get(pick).map_err(told)?;
    let app = desk.app().ok_or(Error::NoAccount).map_err(told)?;
    let command = Command::UploadPlan {
        kind: Some(kind),
        paths,
        include_hidden,
    };
    let outcome = app.run(command, Arc::new(Silent), desk.picks.look_through()).await;
    Ok(outcome.map_err(told)?.into())
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

/// Goes on with a job, or takes along what an upload left out; a download into another folder if one was picked.
#[tauri::command]
pub(super) async fn resume_job(desk: State<'_, Arc<Desk>>, id: u32, pick: Option<u32>) -> Answer<JobView> {
    jobs::resume(&desk, id, pick).map_err(told)
}

/// Gives a job up that is under way or was left, or puts one away that has ended: then there may be nothing left to show.
#[tauri::command]
pub(super) async fn give_up_job(desk: State<'_, Arc<Desk>>, id: u32) -> Answer<Option<JobView>> {
    jobs::give_up(&desk, id).await.map_err(told)
}
