//! What people are told about secrets. Values only where they were asked for.

use holdfast_commands::view::{
    EditView, GeneratedView, IdView, MovedView, SecretDetail, SecretNotesView, SecretVersionView, SecretView,
};

use super::clean;
use super::clean::clean_lines;
use super::table::{Table, facts};
use super::when::{day, minute};

pub(crate) fn secret_added(view: IdView) -> String {
    format!("\"{}\" is kept.\n", clean(&view.name))
}

pub(crate) fn secrets(views: Vec<SecretView>) -> String {
    let mut table = Table::new(&["NAME", "TYPE", "CHANGED", "EXPIRES", "ID"]);
    for view in views {
        let expires = view.expires_ms.map(day).unwrap_or_default();
        table.row([view.name, view.r#type, minute(view.changed_ms), expires, view.id]);
    }
    table.text("No secrets yet. Keep one: holdfast secret add --type git --name \"GitHub token\"")
}

pub(crate) fn trashed_secrets(views: Vec<SecretView>) -> String {
    let mut table = Table::new(&["NAME", "TYPE", "IN THE TRASH SINCE", "ID"]);
    for view in views {
        let since = view.trashed_ms.map(minute).unwrap_or_default();
        table.row([view.name, view.r#type, since, view.id]);
    }
    table.text("No secrets are in the trash.")
}

/// Remarks, under the secret they are about.
pub(crate) fn remarks(views: Vec<SecretNotesView>) -> String {
    if views.is_empty() {
        return "Nothing to remark: no weak, repeated or expiring value.\n".into();
    }
    let mut text = String::new();
    for view in views {
        text.push_str(&format!("{}\n", clean(&view.name)));
        for note in view.notes {
            let field = note
                .field
                .map(|field| format!("{}: ", clean(&field)))
                .unwrap_or_default();
            text.push_str(&format!("  {field}{}\n", clean(&note.text)));
        }
    }
    text
}

pub(crate) fn secret(view: SecretDetail) -> String {
    let mut text = facts(&[
        ("secret", view.secret.name),
        ("type", view.secret.r#type),
        ("id", view.secret.id),
        ("changed", minute(view.secret.changed_ms)),
        ("expires", view.secret.expires_ms.map(day).unwrap_or_default()),
        (
            "version",
            format!("{} of {} ({})", view.number, view.versions, view.version),
        ),
        ("for use at", view.host),
        ("note", view.note),
    ]);
    text.push('\n');
    let hides = view.fields.iter().any(|field| field.value.is_none());
    for field in view.fields {
        let name = clean(&field.name);
        text.push_str(&match field.value.as_deref().map(clean_lines) {
            None => format!("{name}: (hidden)\n"),
            // As it is, so that it can be copied, on lines of its own.
            Some(value) if value.contains('\n') => format!("{name}:\n{}\n", value.trim_end_matches('\n')),
            Some(value) => format!("{name}: {value}\n"),
        });
    }
    if hides {
        text.push_str("\nShow the values with --reveal.\n");
    }
    text
}

pub(crate) fn secret_edited(view: EditView) -> String {
    if view.conflict {
        return "Somebody else changed it at the same time. Both are kept: see `holdfast secret history`.\n".into();
    }
    "Changed. What was before is in its history.\n".into()
}

pub(crate) fn secret_described(view: IdView) -> String {
    format!("\"{}\" is changed.\n", clean(&view.name))
}

pub(crate) fn moved(to: &str, view: &MovedView) -> String {
    let mut text = format!("It is in \"{}\" now.", clean(to));
    let Some(from) = &view.from else {
        return text + " What you had among your own secrets is in the trash.\n";
    };
    let from = clean(from);
    text.push_str(&format!(
        " The old copy is in the trash of \"{from}\" until it is emptied: holdfast project purge \"{from}\"\n"
    ));
    if !view.readable_by.is_empty() {
        text.push_str(&format!(
            "What was seen can't be unseen: {} can read the values there until then, and may have kept them.\n",
            clean(&view.readable_by.join(", "))
        ));
    }
    for secret in &view.change_secrets {
        text.push_str(&format!("  secret {}: change it where it comes from\n", clean(secret)));
    }
    text
}

pub(crate) fn history(views: Vec<SecretVersionView>) -> String {
    let mut table = Table::new(&["VERSION", "MADE", "BY", "NOTE", "ID"]);
    for view in views {
        table.row([
            view.version.to_string(),
            minute(view.created_ms),
            view.author,
            view.note,
            view.id,
        ]);
    }
    table.text("No versions.")
}

pub(crate) fn generated(view: GeneratedView) -> String {
    format!("{}\n", view.value)
}
