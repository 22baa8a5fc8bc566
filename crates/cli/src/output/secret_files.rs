//! What people are told about imports and exports of secrets. Names, never values.

use holdfast_commands::view::{ExportView, ImportPlanView, ImportSkippedView, ImportUndoView, ImportView, ImportWill};

use super::clean;
use super::table::{Table, bytes, count};
use super::when::day;

pub(crate) fn import_plan(view: ImportPlanView) -> String {
    let mut table = Table::new(&["NAME", "TYPE", "FIELDS", "EXPIRES", "WHAT WILL HAPPEN"]);
    for entry in view.entries {
        let will = match entry.will {
            ImportWill::Make if entry.becomes == entry.name => "made".into(),
            ImportWill::Make => format!("made as \"{}\": the name is taken", entry.becomes),
            ImportWill::NewVersion => "a new version of the one that is there".into(),
            ImportWill::Replace => "made; the one that is there, of another type, goes into the trash".into(),
            ImportWill::LeaveOut => "left out".into(),
            ImportWill::AlreadyThere => "left out: there already, the same".into(),
            ImportWill::Twice => "left out: twice in the file".into(),
            ImportWill::Unclear => "left out: several secrets have this name".into(),
        };
        let expires = entry.expires_ms.map(day).unwrap_or_default();
        table.row([entry.name, entry.r#type, entry.fields.join(", "), expires, will]);
    }
    format!(
        "{}{}Nothing was changed. It would make {}, write {}, and leave out {}.\n",
        table.text("There is nothing in the file that can be imported."),
        left(&view.skipped, "Can't be taken"),
        count(view.makes as u64, "secret"),
        count(view.replaces as u64, "new version"),
        view.leaves
    )
}

pub(crate) fn imported(view: ImportView, file: &str) -> String {
    let mut text = format!(
        "{} made, {} replaced.\n",
        count(view.made.len() as u64, "secret"),
        view.replaced.len()
    );
    text.push_str(&left(&view.left, "Left out"));
    text.push_str(&left(&view.skipped, "Can't be taken"));
    if let Some(import) = view.import {
        text.push_str(&format!("Undo: holdfast secret import-undo {import}\n"));
    }
    if view.file_in_clear {
        text.push_str(&format!(
            "{} is not encrypted: delete it when you don't need it any more.\n",
            clean(file)
        ));
    }
    text
}

pub(crate) fn import_undone(view: ImportUndoView) -> String {
    let mut text = format!(
        "{} in the trash now, {} as before.\n",
        count(view.trashed.len() as u64, "secret"),
        view.restored.len()
    );
    if !view.left.is_empty() {
        text.push_str("Changed since the import, and left alone:\n");
        for name in &view.left {
            text.push_str(&format!("  {}\n", clean(name)));
        }
    }
    text
}

pub(crate) fn exported(view: ExportView) -> String {
    let how = if view.encrypted {
        "It opens with its passphrase and with nothing else."
    } else {
        "It is NOT encrypted: whoever has it has the secrets."
    };
    let secrets = count(view.secrets as u64, "secret");
    format!("{secrets} in {} ({}). {how}\n", clean(&view.path), bytes(view.bytes))
}

fn left(views: &[ImportSkippedView], heading: &str) -> String {
    if views.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = views
        .iter()
        .map(|view| format!("  {}: {}\n", clean(&view.what), clean(&view.reason)))
        .collect();
    format!("{heading}:\n{}", lines.concat())
}
