//! Verbs that look into a version without downloading it.

use std::sync::Arc;

use holdfast_engine::ports::{Progress, Stage, Step};
use holdfast_engine::transfer::{self, Change, Changed, Entry};
use holdfast_engine::{Error, Result, View, find_item, find_version};
use holdfast_preview::{Request, limits};
use holdfast_protocol::item::{Item, ItemKind, Version};
use holdfast_protocol::manifest::{FileRecord, FileType};
use tokio_util::sync::CancellationToken;

use super::find_project;
use crate::app::{App, done};
use crate::command::Command;
use crate::preview;
use crate::view::{ChangeView, ChangesView, FileView, FilesView, Outcome, PreviewView};

/// Entries on a page if nothing else is asked for, and at most.
const PAGE: u64 = 1_000;
const PAGE_MAX: u64 = 10_000;
/// Bytes of names on a page.
const NAMES: usize = 2 << 20;
/// Sealed bytes that may be fetched for one preview.
const BUDGET: u64 = 160 << 20;

pub(super) async fn run(
    app: &App,
    command: Command,
    progress: Arc<dyn Progress>,
    cancel: CancellationToken,
) -> Result<Outcome> {
    // Nothing to count: it is said that something is fetched.
    progress.report(Step {
        stage: Stage::Receiving,
        done: 0,
        total: 0,
        files: 0,
        files_total: 0,
    });
    match command {
        Command::ItemFiles {
            kind,
            project,
            item,
            version,
            under,
            recursive,
            offset,
            limit,
        } => {
            let place = Place::find(app, kind, &project, &item).await?;
            let version = place.version(version.as_deref())?;
            let records = place.listing(app, version, &cancel).await?;
            let under = under.unwrap_or_default();
            let page = Page::new(offset, limit);
            done(&files(
                &records,
                place.number(version),
                under.trim_end_matches('/'),
                recursive,
                page,
            )?)
        }
        Command::ItemChanges {
            kind,
            project,
            item,
            from,
            to,
            offset,
            limit,
        } => {
            let place = Place::find(app, kind, &project, &item).await?;
            let (from, to) = (place.version(Some(&from))?, place.version(to.as_deref())?);
            let before = place.listing(app, from, &cancel).await?;
            let after = place.listing(app, to, &cancel).await?;
            let numbers = (place.number(from), place.number(to));
            done(&changes(&before, &after, numbers, Page::new(offset, limit)))
        }
        Command::Preview {
            kind,
            project,
            item,
            version,
            file,
            rows,
            offset,
        } => {
            let place = Place::find(app, kind, &project, &item).await?;
            let version = place.version(version.as_deref())?;
            let records = place.listing(app, version, &cancel).await?;
            let record = transfer::find_record(&records, &file)?.clone();
            if record.kind != FileType::File {
                return Err(Error::Invalid(format!("\"{file}\" is no file.")));
            }
            let rows = rows.map_or(limits::ROWS, |rows| usize::try_from(rows).unwrap_or(limits::ROWS_MAX));
            let path = text(&record.path);
            let request = Request {
                name: path.rsplit('/').next().unwrap_or_default().to_owned(),
                rows: rows.clamp(1, limits::ROWS_MAX),
                offset,
            };
            let session = app.session().await?;
            let mut stored = session.stored_file(place.space(), &place.item, version, record, BUDGET, &cancel)?;
            let _turn = app.preview_turn().await?;
            let view = preview::show(app.decoder(), request, &mut stored, &cancel).await?;
            done(&PreviewView {
                file: path,
                version: place.number(version),
                view,
            })
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

/// An item, and the project that it is in.
struct Place {
    view: View,
    item: Item,
}

impl Place {
    async fn find(app: &App, kind: ItemKind, project: &str, item: &str) -> Result<Self> {
        let session = app.session().await?;
        let view = find_project(session.as_ref(), project, false).await?;
        let item = find_item(&view.space, &[kind], item, false)?.clone();
        Ok(Self { view, item })
    }

    fn space(&self) -> holdfast_protocol::id::SpaceId {
        self.view.space.authority().space()
    }

    fn version(&self, version: Option<&str>) -> Result<&Version> {
        find_version(&self.item, version)
    }

    fn number(&self, version: &Version) -> usize {
        let index = self.item.versions.iter().position(|known| known.id == version.id);
        index.map_or(0, |index| index + 1)
    }

    async fn listing(&self, app: &App, version: &Version, cancel: &CancellationToken) -> Result<Arc<Vec<FileRecord>>> {
        let session = app.session().await?;
        session.listing(self.space(), &self.item, version, cancel).await
    }
}

/// Which entries are shown.
#[derive(Clone, Copy)]
struct Page {
    offset: u64,
    limit: u64,
}

impl Page {
    fn new(offset: u64, limit: Option<u64>) -> Self {
        Self {
            offset,
            limit: limit.unwrap_or(PAGE).clamp(1, PAGE_MAX),
        }
    }

    /// The entries of the page, and where the next one begins. Fewer than asked for where names are very long.
    fn cut<T>(self, all: Vec<T>, weight: impl Fn(&T) -> usize) -> (Vec<T>, Option<u64>) {
        let total = all.len() as u64;
        let [offset, limit] = [self.offset, self.limit].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        let mut weighed = 0;
        let mut page = Vec::new();
        for entry in all.into_iter().skip(offset).take(limit) {
            weighed += weight(&entry);
            if weighed > NAMES && !page.is_empty() {
                break;
            }
            page.push(entry);
        }
        let end = self.offset.saturating_add(page.len() as u64);
        (page, (end < total).then_some(end))
    }
}

fn files(records: &[FileRecord], version: usize, under: &str, recursive: bool, page: Page) -> Result<FilesView> {
    let sum = |entries: &[Entry]| {
        let sums = entries
            .iter()
            .map(|entry| (entry.files + u64::from(entry.kind == FileType::File), entry.bytes));
        sums.fold((0, 0u64), |(files, bytes), one| {
            (files + one.0, bytes.saturating_add(one.1))
        })
    };
    let (files, bytes) = sum(&transfer::folder(records, b"").unwrap_or_default());
    let path = folder_path(records, under)?;
    let not_found = || Error::NotFound {
        what: "folder",
        name: under.to_owned(),
    };
    let entries = transfer::folder(records, &path).ok_or_else(not_found)?;
    let (folder_files, folder_bytes) = sum(&entries);
    let entries = if recursive {
        transfer::all_files(records, &path)
    } else {
        entries
    };
    let total = entries.len() as u64;
    let (entries, next) = page.cut(entries, |entry| {
        entry.name.len() + entry.path.len() + entry.target.as_ref().map_or(0, Vec::len)
    });
    Ok(FilesView {
        version,
        files,
        bytes,
        under: text(&path),
        folder_files,
        folder_bytes,
        entries: entries.iter().map(file_view).collect(),
        total,
        next,
    })
}

/// The bytes of a folder's path, also where they are no text and only shown as such.
fn folder_path(records: &[FileRecord], under: &str) -> Result<Vec<u8>> {
    if transfer::folder(records, under.as_bytes()).is_some() {
        return Ok(under.as_bytes().to_vec());
    }
    match transfer::find_record(records, under) {
        Ok(record) => Ok(record.path.clone()),
        Err(Error::NotFound { name, .. }) => Err(Error::NotFound { what: "folder", name }),
        Err(other) => Err(other),
    }
}

fn file_view(entry: &Entry) -> FileView {
    FileView {
        name: text(&entry.name),
        path: text(&entry.path),
        r#type: type_word(entry.kind),
        bytes: entry.bytes,
        files: entry.files,
        modified_ms: entry.modified_ns.map(|ns| ns.div_euclid(1_000_000)),
        mode: entry.mode,
        target: entry.target.as_deref().map(text),
    }
}

fn changes(before: &[FileRecord], after: &[FileRecord], (from, to): (usize, usize), page: Page) -> ChangesView {
    let all = transfer::changes(before, after);
    let count = |wanted: &[Change]| all.changed.iter().filter(|one| wanted.contains(&one.change)).count() as u64;
    let bytes = |records: &[FileRecord]| records.iter().fold(0u64, |sum, record| sum.saturating_add(record.size));
    let (added, removed) = (count(&[Change::Added]), count(&[Change::Removed]));
    let (changed, renamed) = (count(&[Change::Content, Change::Mode]), count(&[Change::Renamed]));
    let total = all.changed.len() as u64;
    let (entries, next) = page.cut(all.changed, |one| one.path.len() + one.was.as_ref().map_or(0, Vec::len));
    ChangesView {
        from,
        to,
        added,
        removed,
        changed,
        renamed,
        unchanged: all.unchanged,
        bytes_before: bytes(before),
        bytes: bytes(after),
        entries: entries.iter().map(change_view).collect(),
        total,
        next,
    }
}

fn change_view(changed: &Changed) -> ChangeView {
    let word = match changed.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Content => "content",
        Change::Mode => "permissions",
        Change::Renamed => "renamed",
    };
    ChangeView {
        change: word.to_owned(),
        path: text(&changed.path),
        was: changed.was.as_deref().map(text),
        r#type: type_word(changed.kind),
        bytes_before: changed.bytes_before,
        bytes: changed.bytes,
    }
}

fn type_word(kind: FileType) -> String {
    let word = match kind {
        FileType::File => "file",
        FileType::Directory => "folder",
        FileType::Link => "link",
    };
    word.to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_end() {
        let all: Vec<u32> = (0..2_500).collect();
        let mut seen = Vec::new();
        let mut offset = 0;
        loop {
            let (page, next) = Page::new(offset, None).cut(all.clone(), |_| 10);
            seen.extend(page);
            match next {
                Some(next) => offset = next,
                None => break,
            }
        }
        assert_eq!(seen, all);
        assert_eq!(Page::new(9_999, Some(0)).cut(all.clone(), |_| 10), (vec![], None));
        // One name that is longer than a page comes alone.
        let (page, next) = Page::new(5, Some(u64::MAX)).cut(all, |_| NAMES + 1);
        assert_eq!((page, next), (vec![5], Some(6)));
    }
}
