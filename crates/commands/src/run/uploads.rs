//! Verbs about uploads that are not begun yet, or not finished.

use holdfast_engine::{Error, Result, Session, transfer};
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::item::ItemKind;
use tokio_util::sync::CancellationToken;

use super::item::skipped;
use super::runs::task_folder;
use crate::app::{App, done};
use crate::command::Command;
use crate::view::{DoneView, Outcome, PendingView, PlanView, SizedView};

/// Paths of a kind that a plan lists.
const LISTED: usize = 1_000;

pub(super) async fn run(app: &App, command: Command, cancel: CancellationToken) -> Result<Outcome> {
    match command {
        Command::UploadPlan {
            kind,
            paths,
            include_hidden,
        } => {
            if kind == Some(ItemKind::Task) {
                task_folder(&paths).await?;
            }
            let mut plan = transfer::plan(&paths, include_hidden, &cancel).await?;
            let (skipped_total, ignored_total) = (plan.skipped.len() as u64, plan.ignored.len() as u64);
            plan.skipped.truncate(LISTED);
            plan.ignored.truncate(LISTED);
            let largest = plan.largest.map(|(path, bytes)| SizedView {
                path: text(&path),
                bytes,
            });
            done(&PlanView {
                files: plan.files,
                folders: plan.folders,
                links: plan.links,
                bytes: plan.bytes,
                largest,
                skipped: skipped(plan.skipped),
                skipped_total,
                ignored: plan.ignored.iter().map(|path| text(path)).collect(),
                ignored_total,
                ignored_bytes: plan.ignored_bytes,
            })
        }
        Command::UploadsPending => {
            let session = app.session().await?;
            let session = session.as_ref();
            let mut views = Vec::new();
            for waiting in session.waiting_uploads().await? {
                views.push(PendingView {
                    version: waiting.version.to_string(),
                    project: waiting.space.to_string(),
                    project_name: project_name(session, waiting.space).await,
                    item: waiting.item.to_string(),
                    kind: waiting.kind,
                    name: waiting.name,
                    note: waiting.note,
                    paths: waiting.sources.iter().map(|path| path.display().to_string()).collect(),
                    include_hidden: waiting.include_hidden,
                    begun_ms: waiting.begun_ms,
                    files: waiting.so_far.files,
                    bytes: waiting.so_far.bytes,
                    bytes_sent: waiting.so_far.bytes_sent,
                });
            }
            done(&views)
        }
        Command::UploadAbandon { version } => {
            let not_found = |_| Error::NotFound {
                what: "unfinished upload",
                name: version.clone(),
            };
            let id = version.parse().map_err(not_found)?;
            app.session().await?.abandon_upload(id, &app.spool()).await?;
            done(&DoneView::YES)
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

/// What this device calls the project; a list of one's own uploads needs no server and fails for no project's trouble.
async fn project_name(session: &Session, space: SpaceId) -> Option<String> {
    let view = session.view(space).await.ok()?;
    Some(view.space.contents().name().to_owned())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
