//! What people are told about the files of versions, and about uploads that are not done.

use holdfast_commands::view::{ChangesView, FilesView, PendingView, PlanView, SkippedView};

use super::clean;
use super::table::{Table, bytes, count};
use super::when::minute;

pub(crate) fn files(view: FilesView) -> String {
    let mut table = Table::new(&["NAME", "FILES", "SIZE", "CHANGED"]);
    for entry in view.entries {
        let is_folder = entry.r#type == "folder";
        let name = match (is_folder, entry.target) {
            (true, _) => format!("{}/", entry.name),
            (false, Some(target)) => format!("{} -> {target}", entry.name),
            (false, None) => entry.name,
        };
        let changed = entry.modified_ms.and_then(|ms| u64::try_from(ms).ok()).map(minute);
        let files = if is_folder {
            entry.files.to_string()
        } else {
            String::new()
        };
        table.row([name, files, bytes(entry.bytes), changed.unwrap_or_default()]);
    }
    let all = format!(
        "Version {}: {}, {}.",
        view.version,
        count(view.files, "file"),
        bytes(view.bytes)
    );
    let here = if view.under.is_empty() {
        String::new()
    } else {
        let (files, size) = (count(view.folder_files, "file"), bytes(view.folder_bytes));
        format!(" In {}: {files}, {size}.", clean(&view.under))
    };
    format!(
        "{}{all}{here}{}\n",
        table.text("Nothing in here."),
        more(view.next, view.total)
    )
}

pub(crate) fn changes(view: ChangesView) -> String {
    let mut table = Table::new(&["CHANGE", "PATH", "BEFORE", "NOW"]);
    for entry in view.entries {
        let path = match entry.was {
            Some(was) => format!("{was} -> {}", entry.path),
            None => entry.path,
        };
        let size = |size: Option<u64>| size.map(bytes).unwrap_or_default();
        table.row([entry.change, path, size(entry.bytes_before), size(entry.bytes)]);
    }
    format!(
        "{}From version {} to {}: {} added, {} removed, {} changed, {} renamed, {} as they were. {} before, {} now.{}\n",
        table.text("Nothing changed."),
        view.from,
        view.to,
        view.added,
        view.removed,
        view.changed,
        view.renamed,
        view.unchanged,
        bytes(view.bytes_before),
        bytes(view.bytes),
        more(view.next, view.total)
    )
}

fn more(next: Option<u64>, total: u64) -> String {
    match next {
        Some(next) => format!(
            " {} in all; go on with --offset {next}.",
            if total == 1 {
                "1 entry".into()
            } else {
                format!("{total} entries")
            }
        ),
        None => String::new(),
    }
}

pub(crate) fn plan(view: PlanView) -> String {
    let mut text = format!(
        "{} in {}, and {}: {}.\n",
        count(view.files, "file"),
        count(view.folders, "folder"),
        count(view.links, "link"),
        bytes(view.bytes)
    );
    if let Some(largest) = view.largest {
        text.push_str(&format!(
            "Largest: {}, {}.\n",
            clean(&largest.path),
            bytes(largest.bytes)
        ));
    }
    if view.ignored_total > 0 {
        let (files, size) = (count(view.ignored_total, "file"), bytes(view.ignored_bytes));
        text.push_str(&format!(
            "Taken along although .gitignore names them: {files}, {size}.\n"
        ));
        text.push_str(&listed(view.ignored.iter().map(|path| clean(path)), view.ignored_total));
    }
    if view.skipped_total > 0 {
        text.push_str("Would be left out:\n");
        let line = |left: &SkippedView| format!("{}: {}", clean(&left.path), clean(&left.reason));
        text.push_str(&listed(view.skipped.iter().map(line), view.skipped_total));
    }
    text.push_str("Nothing was uploaded.\n");
    text
}

/// The first lines of a list.
fn listed(lines: impl Iterator<Item = String>, total: u64) -> String {
    const SHOWN: usize = 20;
    let mut text: String = lines.take(SHOWN).map(|line| format!("  {line}\n")).collect();
    if let Some(more) = total.checked_sub(SHOWN as u64).filter(|more| *more > 0) {
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

pub(crate) fn pending(views: Vec<PendingView>) -> String {
    let mut table = Table::new(&[
        "PROJECT",
        "KIND",
        "NAME",
        "BEGUN",
        "READ",
        "AT THE SERVER",
        "FROM",
        "ID",
    ]);
    for view in views {
        table.row([
            view.project_name.unwrap_or(view.project),
            super::kind_word(view.kind).to_owned(),
            view.name,
            view.begun_ms.map(minute).unwrap_or_default(),
            format!("{}, {}", count(view.files, "file"), bytes(view.bytes)),
            bytes(view.bytes_sent),
            view.paths.join(" "),
            view.version,
        ]);
    }
    table.text("Every upload is finished.")
}
