//! Secrets in files: importing what other programs wrote, exporting into a file of one's own. The page never names a path.

use std::path::Path;
use std::sync::Arc;

use holdfast_commands::types::Step;
use holdfast_commands::view::{ExportView, ImportPlanView, ImportView};
use holdfast_commands::{Command, ExportProtection, FieldInput, Hidden, ImportFile, Outcome, variables};
use holdfast_crypto::DEFAULT_LOG2_N;
use holdfast_engine::ports::{self, Progress, Silent};
use holdfast_engine::{Error, Result};
use serde::de::DeserializeOwned;
use tauri::ipc::Channel;
use tauri::{AppHandle, State};
use tokio_util::sync::CancellationToken;

use super::{Answer, told};
use crate::desk::Desk;
use crate::picks::save_as;
use crate::types::{ExportForm, ImportForm};

/// Variables in lines of a `.env` file; `None` when the text is something else.
#[tauri::command]
pub(super) async fn read_variables(text: Hidden) -> Answer<Option<Vec<FieldInput>>> {
    Ok(variables(text.expose()))
}

/// Says what importing the picked file would do. A passphrase is given once and kept here until the import is over.
#[tauri::command]
pub(super) async fn preview_import(
    desk: State<'_, Arc<Desk>>,
    form: ImportForm,
    passphrase: Option<Hidden>,
) -> Answer<ImportPlanView> {
    desk.idle.used();
    let command = Command::SecretImportPreview {
        file: file(&desk, &form, passphrase.clone()).map_err(told)?,
        project: form.project,
        on_clash: form.on_clash,
        choices: form.choices,
    };
    let plan = view(desk.run(command).await.map_err(told)?).map_err(told)?;
    if let Some(passphrase) = passphrase {
        desk.imports.remember(form.pick, passphrase);
    }
    Ok(plan)
}

/// Imports the picked file, as it was in the preview with that digest.
#[tauri::command]
pub(super) async fn import_secrets(
    desk: State<'_, Arc<Desk>>,
    form: ImportForm,
    seen: String,
    steps: Channel<Step>,
) -> Answer<ImportView> {
    desk.idle.used();
    let file = file(&desk, &form, None).map_err(told)?;
    let path = file.path.clone();
    let command = Command::SecretImport {
        file,
        project: form.project,
        on_clash: form.on_clash,
        choices: form.choices,
        seen: Some(seen),
    };
    let done: ImportView = run(&desk, command, Arc::new(Watcher(steps))).await.map_err(told)?;
    desk.imports.imported(form.pick, done.file_in_clear.then_some(path));
    Ok(done)
}

/// The import's dialog was closed: nothing of it waits any longer.
#[tauri::command]
pub(super) async fn forget_import(desk: State<'_, Arc<Desk>>) -> Answer<()> {
    desk.imports.clear();
    Ok(())
}

/// Deletes the file that was imported just now, which anybody can read.
#[tauri::command]
pub(super) async fn delete_import_file(desk: State<'_, Arc<Desk>>, pick: u32) -> Answer<()> {
    desk.idle.used();
    desk.imports.delete(pick).map_err(told)
}

/// Writes secrets into a file where the person says; `None` when the dialog was closed.
#[tauri::command]
pub(super) async fn export_secrets(
    app: AppHandle,
    desk: State<'_, Arc<Desk>>,
    form: ExportForm,
) -> Answer<Option<ExportView>> {
    desk.idle.used();
    let (name, protection) = match form.passphrase {
        Some(passphrase) => (
            "Secrets.holdfast",
            ExportProtection::Sealed {
                passphrase,
                log2_n: DEFAULT_LOG2_N,
            },
        ),
        None if form.plain => ("Secrets.json", ExportProtection::Plain),
        None => return Err(told(Error::Invalid("An export has a passphrase or is plain.".into()))),
    };
    let Some(out) = save_as(&app, Path::new(name)).await.map_err(told)? else {
        return Ok(None);
    };
    let command = Command::SecretExport {
        project: form.project,
        out,
        protection,
    };
    run(&desk, command, Arc::new(Silent)).await.map(Some).map_err(told)
}

fn file(desk: &Desk, form: &ImportForm, passphrase: Option<Hidden>) -> Result<ImportFile> {
    Ok(ImportFile {
        source: form.source,
        path: desk.picks.one(form.pick)?,
        passphrase: passphrase.or_else(|| desk.imports.passphrase(form.pick)),
        name: None,
    })
}

async fn run<T: DeserializeOwned>(desk: &Desk, command: Command, progress: Arc<dyn Progress>) -> Result<T> {
    let app = desk.app().ok_or(Error::NoAccount)?;
    view(app.run(command, progress, CancellationToken::new()).await?)
}

fn view<T: DeserializeOwned>(outcome: Outcome) -> Result<T> {
    serde_json::from_value(outcome.value).map_err(|error| Error::Internal(error.to_string()))
}

/// Passes progress on to the dialog that waits for it.
struct Watcher(Channel<Step>);

impl Progress for Watcher {
    fn report(&self, step: ports::Step) {
        let _ = self.0.send(Step::from(step));
    }
}
