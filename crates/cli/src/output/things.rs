//! What people are told about datasets, models, tasks and artifacts.

use holdfast_commands::view::{DownloadView, ItemView, SkippedView, UploadView, VersionView};

use super::clean;
use super::table::{Table, bytes, count, facts};
use super::when::minute;

pub(crate) fn uploaded(view: UploadView) -> String {
    if view.unchanged {
        return format!(
            "Nothing has changed since version {}: no new one was made.\n{}",
            view.version,
            left_out(&view.skipped)
        );
    }
    format!(
        "Version {}: {}, {}. {} were sent, {} were there already. Checked against the server.\n{}",
        view.version,
        count(view.files, "file"),
        bytes(view.bytes),
        bytes(view.bytes_sent),
        count(view.chunks_reused, "piece"),
        left_out(&view.skipped)
    )
}

pub(crate) fn downloaded(view: DownloadView) -> String {
    format!(
        "{}, {}. Every piece was checked.\n{}",
        count(view.files, "file"),
        bytes(view.bytes),
        left_out(&view.skipped)
    )
}

pub(super) fn left_out(skipped: &[SkippedView]) -> String {
    if skipped.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = skipped
        .iter()
        .map(|left| format!("  {}: {}\n", clean(&left.path), clean(&left.reason)))
        .collect();
    format!("Left out:\n{}", lines.concat())
}

pub(crate) fn items(views: Vec<ItemView>) -> String {
    listed(views, "Nothing here yet.")
}

pub(crate) fn trashed_items(views: Vec<ItemView>) -> String {
    listed(views, "Nothing is in the trash.")
}

fn listed(views: Vec<ItemView>, empty: &str) -> String {
    let mut table = Table::new(&["NAME", "VERSIONS", "FILES", "SIZE", "CHANGED", "BY", "ID"]);
    for view in views {
        let (versions, files) = (view.versions.to_string(), view.files.to_string());
        table.row([
            view.name,
            versions,
            files,
            bytes(view.bytes),
            minute(view.changed_ms),
            view.changed_by,
            view.id,
        ]);
    }
    table.text(empty)
}

pub(crate) fn item(view: ItemView) -> String {
    facts(&[
        (super::kind_word(view.kind), view.name),
        ("id", view.id),
        ("versions", view.versions.to_string()),
        (
            "newest",
            format!("{}, {}", count(view.files, "file"), bytes(view.bytes)),
        ),
        ("changed", format!("{} by {}", minute(view.changed_ms), view.changed_by)),
    ])
}

pub(crate) fn versions(views: Vec<VersionView>) -> String {
    let mut table = Table::new(&["VERSION", "MADE", "BY", "FILES", "SIZE", "NOTE", "ID"]);
    for view in views {
        let (number, files) = (view.version.to_string(), view.files.to_string());
        table.row([
            number,
            minute(view.created_ms),
            view.author,
            files,
            bytes(view.bytes),
            view.note,
            view.id,
        ]);
    }
    table.text("No versions.")
}
