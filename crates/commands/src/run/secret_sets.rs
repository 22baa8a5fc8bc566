//! Verbs about many secrets at once: import, export, remarks; and those that need no account.

mod export;
mod import;
mod notes;

use holdfast_engine::ports::Progress;
use holdfast_engine::{Error, Result};

use crate::app::{App, done};
use crate::command::Command;
use crate::generate::generate;
use crate::secret_types::SECRET_TYPES;
use crate::view::{FieldTypeView, Outcome, SecretTypeView};

pub(super) async fn run(app: &App, command: Command, progress: &dyn Progress) -> Result<Outcome> {
    match command {
        Command::SecretTypes => done(&types()),
        Command::SecretGenerate { recipe } => done(&generate(&recipe, &mut holdfast_engine::rng())?),
        Command::SecretNotes { project, name } => notes::run(&*app.session().await?, project, name).await,
        Command::SecretImportPreview {
            file,
            project,
            on_clash,
            choices,
        } => import::preview(&*app.session().await?, file, project, on_clash, &choices).await,
        Command::SecretImport {
            file,
            project,
            on_clash,
            choices,
            seen,
        } => {
            let session = app.session().await?;
            import::import(&session, file, project, on_clash, &choices, seen, progress).await
        }
        Command::SecretImportUndo { project, import } => import::undo(&*app.session().await?, project, &import).await,
        Command::SecretExport {
            project,
            out,
            protection,
        } => export::run(&*app.session().await?, project, out, protection).await,
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

fn types() -> Vec<SecretTypeView> {
    SECRET_TYPES
        .iter()
        .map(|info| SecretTypeView {
            r#type: info.name.to_owned(),
            label: info.label.to_owned(),
            fields: info
                .fields
                .iter()
                .map(|field| FieldTypeView {
                    name: field.name.to_owned(),
                    label: field.label.to_owned(),
                    hidden: field.hidden,
                    multiline: field.multiline,
                    password: field.password,
                    main: field.main,
                    example: field.example.to_owned(),
                })
                .collect(),
        })
        .collect()
}
