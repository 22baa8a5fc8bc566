//! Importing secrets: what would happen, doing it, and taking it back.

use std::collections::BTreeSet;

use holdfast_engine::ports::{Progress, Stage, Step};
use holdfast_engine::{
    Error, Imported, Incoming, NewSecret, OnClash, Planned, Result, Session, View, has_import, plan_import, rng,
};
use holdfast_import::Entry;
use holdfast_protocol::id::VersionId;
use holdfast_protocol::item::{Item, ItemKind};
use holdfast_protocol::replay::Space;

use crate::app::{done, ended};
use crate::command::{ImportChoice, ImportFile};
use crate::import_file::{ReadFile, read};
use crate::run::secret::place;
use crate::secret_types::type_info;
use crate::view::{
    Ending, IdView, ImportClashView, ImportEntryView, ImportPlanView, ImportSkippedView, ImportUndoView, ImportView,
    ImportWill, Outcome,
};

pub(super) async fn preview(
    session: &Session,
    file: ImportFile,
    project: Option<String>,
    on_clash: OnClash,
    choices: &[ImportChoice],
) -> Result<Outcome> {
    let view = place(session, project.as_deref()).await?;
    let ReadFile { import, digest } = read(file).await?;
    let skipped = skipped(&import.skipped);
    let incoming = incoming(import.entries, on_clash, choices)?;
    let planned = plan_import(&view.space, &incoming, &BTreeSet::new());
    let entries: Vec<ImportEntryView> = incoming
        .iter()
        .zip(&planned)
        .enumerate()
        .map(|(entry, (one, planned))| entry_view(&view.space, entry, &one.new, planned))
        .collect();
    let count = |wills: &[ImportWill]| entries.iter().filter(|entry| wills.contains(&entry.will)).count();
    let (makes, replaces) = (
        count(&[ImportWill::Make, ImportWill::Replace]),
        count(&[ImportWill::NewVersion]),
    );
    done(&ImportPlanView {
        digest,
        file_in_clear: import.in_clear,
        makes,
        replaces,
        leaves: entries.len() - makes - replaces,
        entries,
        skipped,
    })
}

pub(super) async fn import(
    session: &Session,
    file: ImportFile,
    project: Option<String>,
    on_clash: OnClash,
    choices: &[ImportChoice],
    seen: Option<String>,
    progress: &dyn Progress,
) -> Result<Outcome> {
    progress.report(Step::at(Stage::Reading));
    let view = place(session, project.as_deref()).await?;
    let from = file.source.name();
    let ReadFile { import, digest } = read(file).await?;
    if seen.is_some_and(|seen| seen != digest) {
        return Err(Error::Conflict("The file is another one than in the preview.".into()));
    }
    let space = view.space.authority().space();
    let mut skipped = skipped(&import.skipped);
    let incoming = incoming(import.entries, on_clash, choices)?;
    let planned = plan_import(&view.space, &incoming, &BTreeSet::new());
    // Drawn like the id of a version: 128 bits, so that it means one import in all spaces.
    let id = VersionId::random(&mut rng()).to_string();
    let note = format!("Imported from {from}");
    let (results, stopped) = session.import_secrets(space, &incoming, &id, &note, progress).await;
    let wrote = |done: &Imported| matches!(done, Imported::Made(_) | Imported::Replaced(_));
    if let Some(error) = stopped.clone().filter(|_| !results.iter().any(wrote)) {
        return Err(error);
    }
    // What was made before something stopped it is there, and has an id to take it back.
    if let Some(error) = stopped {
        skipped.extend(incoming[results.len()..].iter().map(|one| ImportSkippedView {
            what: one.new.name.clone(),
            reason: format!("not reached, import once more: {error}"),
        }));
    }
    let after = session.view(space).await?;
    let name_of = |item| after.space.contents().items().get(&item).map(|item| item.name.clone());
    let (mut made, mut replaced, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for ((one, planned), result) in incoming.iter().zip(&planned).zip(results) {
        let name = one.new.name.clone();
        match result {
            Imported::Made(item) => made.push(IdView {
                id: item.to_string(),
                name: name_of(item).unwrap_or(name),
            }),
            Imported::Replaced(item) => replaced.push(IdView {
                id: item.to_string(),
                name,
            }),
            Imported::TooLarge => skipped.push(ImportSkippedView {
                what: name,
                reason: "it is too large for one change, with the versions that are kept".into(),
            }),
            Imported::Nothing => left.push(ImportSkippedView {
                what: name,
                reason: why(planned).into(),
            }),
        }
    }
    let nothing = made.is_empty() && replaced.is_empty();
    let ending = if skipped.is_empty() {
        Ending::Done
    } else {
        Ending::Partial
    };
    ended(
        ending,
        &ImportView {
            import: (!nothing).then_some(id),
            file_in_clear: import.in_clear,
            made,
            replaced,
            left,
            skipped,
        },
    )
}

pub(super) async fn undo(session: &Session, project: Option<String>, import: &str) -> Result<Outcome> {
    let not_found = || Error::NotFound {
        what: "import",
        name: import.to_owned(),
    };
    // What is not an id would be looked for as a part of one.
    let id = import.parse::<VersionId>().map_err(|_| not_found())?.to_string();
    let mut view = place(session, project.as_deref()).await?;
    if project.is_none() && !has_import(&view.space, &id) {
        let all: Vec<View> = session.all_projects().await?.views;
        view = all
            .into_iter()
            .find(|view| has_import(&view.space, &id))
            .ok_or_else(not_found)?;
    }
    let taken = session.undo_import(view.space.authority().space(), &id).await?;
    done(&ImportUndoView {
        trashed: taken.trashed,
        restored: taken.restored,
        left: taken.left,
    })
}

fn incoming(entries: Vec<Entry>, on_clash: OnClash, choices: &[ImportChoice]) -> Result<Vec<Incoming>> {
    if let Some(wrong) = choices.iter().find(|choice| choice.entry >= entries.len()) {
        return Err(Error::Invalid(format!("there is no entry {} in the file", wrong.entry)));
    }
    let chosen = |index: usize| {
        choices
            .iter()
            .rev()
            .find(|choice| choice.entry == index)
            .map(|choice| choice.on_clash)
    };
    Ok(entries
        .into_iter()
        .enumerate()
        .map(|(index, entry)| Incoming {
            on_clash: chosen(index).unwrap_or(on_clash),
            leave_out: chosen(index) == Some(OnClash::Skip),
            new: NewSecret {
                secret_type: entry.secret_type,
                name: entry.name,
                description: entry.note,
                tags: entry.tags,
                fields: entry.fields,
                audience: entry.audience,
                expires_ms: entry.expires_ms,
            },
        })
        .collect())
}

fn entry_view(space: &Space, entry: usize, new: &NewSecret, planned: &Planned) -> ImportEntryView {
    let there = |item: &&Item| item.kind == ItemKind::Secret && item.trashed_ms.is_none() && item.name == new.name;
    let type_name = |item: &Item| item.secret_type.map_or("", |secret_type| type_info(secret_type).name);
    let (will, becomes) = match planned {
        Planned::Make(name) => (ImportWill::Make, name.clone()),
        Planned::NewVersion(_) => (ImportWill::NewVersion, new.name.clone()),
        Planned::InsteadOf(_) => (ImportWill::Replace, new.name.clone()),
        Planned::Same(_) => (ImportWill::AlreadyThere, new.name.clone()),
        Planned::Twin => (ImportWill::Twice, new.name.clone()),
        Planned::LeftOut => (ImportWill::LeaveOut, new.name.clone()),
        Planned::Unclear => (ImportWill::Unclear, new.name.clone()),
    };
    ImportEntryView {
        entry,
        name: new.name.clone(),
        r#type: type_info(new.secret_type).name.to_owned(),
        fields: new.fields.iter().map(|field| field.name.clone()).collect(),
        host: new.audience.host.clone(),
        expires_ms: new.expires_ms,
        clashes: space
            .contents()
            .items()
            .values()
            .filter(there)
            .map(|item| ImportClashView {
                id: item.id.to_string(),
                r#type: type_name(item).to_owned(),
            })
            .collect(),
        will,
        becomes,
    }
}

fn why(planned: &Planned) -> &'static str {
    match planned {
        Planned::Same(_) => "it is there already with the same content",
        Planned::Twin => "it stands twice in the file",
        Planned::Unclear => "there are several secrets of this name that it could replace",
        _ => "it was to be left out",
    }
}

fn skipped(skipped: &[holdfast_import::Skipped]) -> Vec<ImportSkippedView> {
    skipped
        .iter()
        .map(|left| ImportSkippedView {
            what: left.what.clone(),
            reason: left.reason.clone(),
        })
        .collect()
}
