//! Verbs about datasets, models, tasks and artifacts: the same verbs for each.

use std::sync::Arc;

use holdfast_engine::ports::Progress;
use holdfast_engine::transfer::{Reason, Skipped};
use holdfast_engine::{Error, Result, UploadRequest, find_item, find_version};
use holdfast_protocol::item::{Content, Item, ItemKind, Version};
use tokio_util::sync::CancellationToken;

use crate::app::{App, done, ended};
use crate::command::Command;
use crate::run::project::kind_word;
use crate::run::runs::task_folder;
use crate::run::{Handles, find_project};
use crate::view::{
    DoneView, DownloadView, Ending, IdView, ItemView, Outcome, PurgedView, SkippedView, UploadView, VersionView,
};

pub(super) async fn run(
    app: &App,
    command: Command,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<Outcome> {
    let session = app.session().await?;
    let session = session.as_ref();
    match command {
        Command::Upload {
            kind,
            project,
            name,
            note,
            paths,
            include_hidden,
        } => {
            if !kind.holds_files() {
                return Err(Error::Invalid("this kind of item holds no files".into()));
            }
            if kind == ItemKind::Task {
                task_folder(&paths).await?;
            }
            let view = find_project(session, &project, false).await?;
            let request = UploadRequest {
                kind,
                name,
                note,
                sources: paths,
                spool: app.spool(),
                include_hidden,
            };
            let space = view.space.authority().space();
            let uploaded = session.upload(space, request, &progress, &cancel).await?;
            let report = uploaded.report;
            // What was to be left out is not missing.
            let is_part = report.skipped.iter().any(|skipped| skipped.reason != Reason::Hidden);
            let view = UploadView {
                id: uploaded.item.to_string(),
                version: uploaded.number,
                unchanged: uploaded.unchanged,
                files: report.files,
                bytes: report.bytes,
                bytes_sent: report.bytes_sent,
                chunks_reused: report.chunks_reused,
                bytes_reused: report.bytes_reused,
                skipped: skipped(report.skipped),
            };
            ended(partial_if(is_part), &view)
        }
        Command::Download {
            kind,
            project,
            item,
            version,
            to,
        } => {
            let view = find_project(session, &project, false).await?;
            let item = find_item(&view.space, &[kind], &item, false)?;
            let version = find_version(item, version.as_deref())?;
            let space = view.space.authority().space();
            let got = session.download(space, item, version, &to, &progress, &cancel).await?;
            let view = DownloadView {
                files: got.files,
                bytes: got.bytes,
                skipped: skipped(got.skipped),
            };
            ended(partial_if(!view.skipped.is_empty()), &view)
        }
        Command::ItemList { kind, project, trashed } => {
            let trashed = trashed.unwrap_or(false);
            let view = find_project(session, &project, false).await?;
            let (mut views, mut handles) = (Vec::new(), Handles::new(session));
            for item in view.space.contents().items().values() {
                if item.kind == kind && item.trashed_ms.is_some() == trashed {
                    views.push(item_view(&mut handles, item).await?);
                }
            }
            views.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
            done(&views)
        }
        Command::ItemShow { kind, project, item } => {
            let view = find_project(session, &project, false).await?;
            done(
                &item_view(
                    &mut Handles::new(session),
                    find_item(&view.space, &[kind], &item, false)?,
                )
                .await?,
            )
        }
        Command::ItemVersions { kind, project, item } => {
            let view = find_project(session, &project, false).await?;
            let item = find_item(&view.space, &[kind], &item, false)?;
            let (mut views, mut handles) = (Vec::new(), Handles::new(session));
            for (index, version) in item.versions.iter().enumerate() {
                let (files, bytes) = size(version);
                views.push(VersionView {
                    version: index + 1,
                    id: version.id.to_string(),
                    author: handles.of(version.author).await?,
                    created_ms: version.created_ms,
                    note: version.note.clone(),
                    files,
                    bytes,
                });
            }
            done(&views)
        }
        Command::ItemRename {
            kind,
            project,
            item,
            name,
        } => {
            let view = find_project(session, &project, false).await?;
            let id = find_item(&view.space, &[kind], &item, false)?.id;
            refuse_taken(&view.space, kind, &name)?;
            session.rename_item(view.space.authority().space(), id, &name).await?;
            done(&IdView {
                id: id.to_string(),
                name,
            })
        }
        Command::ItemDelete { kind, project, item } => {
            let view = find_project(session, &project, false).await?;
            let id = find_item(&view.space, &[kind], &item, false)?.id;
            session.trash_item(view.space.authority().space(), id).await?;
            done(&DoneView::YES)
        }
        Command::ItemForget {
            kind,
            project,
            item,
            version,
        } => {
            let view = find_project(session, &project, false).await?;
            let found = find_item(&view.space, &[kind], &item, false)?;
            let version = find_version(found, Some(&version))?.id;
            let space = view.space.authority().space();
            let purged = session.forget_version(space, found.id, version).await?;
            done(&PurgedView {
                items: purged.items,
                bytes: purged.bytes,
                project: false,
            })
        }
        Command::ItemRestore { kind, project, item } => {
            let view = find_project(session, &project, false).await?;
            let found = find_item(&view.space, &[kind], &item, true)?;
            refuse_taken(&view.space, kind, &found.name).map_err(|error| {
                let (kind, name) = (kind_word(kind), &found.name);
                error.advise(format!(
                    "Rename the other one first: holdfast {kind} rename \"{project}/{name}\" NEW-NAME"
                ))
            })?;
            session.restore_item(view.space.authority().space(), found.id).await?;
            done(&DoneView::YES)
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

fn refuse_taken(space: &holdfast_protocol::replay::Space, kind: ItemKind, name: &str) -> Result<()> {
    match find_item(space, &[kind], name, false) {
        Err(Error::NotFound { .. }) => Ok(()),
        _ => Err(Error::AlreadyExists(format!(
            "There is already something called \"{name}\"."
        ))),
    }
}

fn partial_if(left_out: bool) -> Ending {
    if left_out { Ending::Partial } else { Ending::Done }
}

pub(super) fn skipped(skipped: Vec<Skipped>) -> Vec<SkippedView> {
    skipped
        .into_iter()
        .map(|left| SkippedView {
            path: String::from_utf8_lossy(&left.path).into_owned(),
            reason: left.reason.to_string(),
        })
        .collect()
}

fn size(version: &Version) -> (u64, u64) {
    match &version.content {
        Content::Files { files, bytes, .. } => (*files, *bytes),
        _ => (0, 0),
    }
}

async fn item_view(handles: &mut Handles<'_>, item: &Item) -> Result<ItemView> {
    let newest = item.versions.last().ok_or_else(|| Error::damaged("an item"))?;
    let (files, bytes) = size(newest);
    Ok(ItemView {
        id: item.id.to_string(),
        name: item.name.clone(),
        kind: item.kind,
        versions: item.versions.len(),
        files,
        bytes,
        changed_ms: newest.created_ms,
        changed_by: handles.of(newest.author).await?,
        trashed: item.trashed_ms.is_some(),
    })
}
