//! What a listing says, for people: a folder at a time, and what changed between two versions. No content is read.

use std::collections::{BTreeMap, HashMap};

use holdfast_protocol::id::ChunkId;
use holdfast_protocol::manifest::{FileRecord, FileType};

use crate::error::{Error, Result};

/// What stands in a folder of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The last component of the path; the whole path in a flat list.
    pub name: Vec<u8>,
    /// Relative path in the item.
    pub path: Vec<u8>,
    /// File, directory or link.
    pub kind: FileType,
    /// Of a file its own bytes, of a folder those of all files below.
    pub bytes: u64,
    /// Of a folder: files below, however deep.
    pub files: u64,
    /// Permission bits; absent for a folder that is only named in paths.
    pub mode: Option<u32>,
    /// Nanoseconds since 1970-01-01 UTC; absent as the mode is.
    pub modified_ns: Option<i64>,
    /// Where a link points.
    pub target: Option<Vec<u8>>,
}

impl Entry {
    fn of(record: &FileRecord, name: &[u8]) -> Self {
        Self {
            name: name.to_vec(),
            path: record.path.clone(),
            kind: record.kind,
            bytes: record.size,
            files: 0,
            mode: Some(record.mode),
            modified_ns: Some(record.modified_ns),
            target: record.target.clone(),
        }
    }
}

/// Records below a folder, each with its path from there. The folder itself is not among them.
fn below<'a>(records: &'a [FileRecord], folder: &[u8]) -> impl Iterator<Item = (&'a FileRecord, &'a [u8])> {
    let prefix = if folder.is_empty() {
        Vec::new()
    } else {
        [folder, b"/"].concat()
    };
    let start = records.partition_point(|record| record.path < prefix);
    records[start..]
        .iter()
        .map_while(move |record| record.path.strip_prefix(&prefix[..]).map(|rest| (record, rest)))
}

/// What stands in the folder `path` of a sorted listing (the top one if it is empty): folders first, then by name.
/// `None` when there is no such folder.
#[must_use]
pub fn folder(records: &[FileRecord], path: &[u8]) -> Option<Vec<Entry>> {
    let mut folders: BTreeMap<&[u8], Entry> = BTreeMap::new();
    let mut others = Vec::new();
    for (record, rest) in below(records, path) {
        let (name, deeper) = match rest.iter().position(|byte| *byte == b'/') {
            Some(slash) => (&rest[..slash], true),
            None => (rest, false),
        };
        if !deeper && record.kind != FileType::Directory {
            others.push(Entry::of(record, name));
            continue;
        }
        let full = &record.path[..record.path.len() - rest.len() + name.len()];
        let entry = folders.entry(name).or_insert_with(|| Entry {
            name: name.to_vec(),
            path: full.to_vec(),
            kind: FileType::Directory,
            bytes: 0,
            files: 0,
            mode: None,
            modified_ns: None,
            target: None,
        });
        if !deeper {
            (entry.mode, entry.modified_ns) = (Some(record.mode), Some(record.modified_ns));
        } else if record.kind == FileType::File {
            entry.files += 1;
            entry.bytes = entry.bytes.saturating_add(record.size);
        }
    }
    let is_there = path.is_empty() || !folders.is_empty() || !others.is_empty() || {
        let own = records.binary_search_by(|record| record.path[..].cmp(path));
        own.is_ok_and(|index| records[index].kind == FileType::Directory)
    };
    is_there.then(|| folders.into_values().chain(others).collect())
}

/// All files and links below a folder in one list, each under its whole path.
#[must_use]
pub fn all_files(records: &[FileRecord], path: &[u8]) -> Vec<Entry> {
    let files = below(records, path).filter(|(record, _)| record.kind != FileType::Directory);
    files.map(|(record, _)| Entry::of(record, &record.path)).collect()
}

/// Finds a path by what people see of it: exactly, else by how it is shown where its bytes are no text.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ambiguous`].
pub fn find_record<'a>(records: &'a [FileRecord], path: &str) -> Result<&'a FileRecord> {
    if let Ok(index) = records.binary_search_by(|record| record.path[..].cmp(path.as_bytes())) {
        return Ok(&records[index]);
    }
    let mut alike = records
        .iter()
        .filter(|record| String::from_utf8_lossy(&record.path) == path);
    match (alike.next(), alike.next()) {
        (Some(record), None) => Ok(record),
        (Some(_), Some(_)) => Err(Error::Ambiguous {
            name: path.to_owned(),
            candidates: "several names that are no text are shown like that".into(),
        }),
        (None, _) => Err(Error::NotFound {
            what: "file",
            name: path.to_owned(),
        }),
    }
}

/// How a path differs between two versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only in the later one.
    Added,
    /// Only in the earlier one.
    Removed,
    /// In both, with other content, another link target or as something else.
    Content,
    /// In both, with other permissions only.
    Mode,
    /// The same content under another path.
    Renamed,
}

/// A path that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// How.
    pub change: Change,
    /// The path in the later version; of what was removed, in the earlier one.
    pub path: Vec<u8>,
    /// The earlier path of what was renamed.
    pub was: Option<Vec<u8>>,
    /// What it is (of what was removed: was).
    pub kind: FileType,
    /// Bytes in the earlier version.
    pub bytes_before: Option<u64>,
    /// Bytes in the later one.
    pub bytes: Option<u64>,
}

/// What changed between two versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Sorted by path.
    pub changed: Vec<Changed>,
    /// Files and links that are as they were. A file that was only touched is among them.
    pub unchanged: u64,
}

/// The content of a file, as far as it can be known without reading it: names of chunks mean the same in all versions of
/// one item.
fn content(record: &FileRecord) -> (u64, Vec<ChunkId>) {
    (record.size, record.chunks.iter().map(|chunk| chunk.id).collect())
}

/// Compares two sorted listings of one item. Folders count only where they are empty.
#[must_use]
pub fn changes(from: &[FileRecord], to: &[FileRecord]) -> Changes {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let mut all = Changes::default();
    let (mut old, mut new) = (from.iter().peekable(), to.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.path.cmp(&new.path),
        };
        let before = if order.is_le() { old.next() } else { None };
        let after = if order.is_ge() { new.next() } else { None };
        match (before, after) {
            (Some(before), Some(after)) => all.both(before, after),
            (Some(before), None) => removed.extend(counts(before, from).then_some(before)),
            (None, Some(after)) => added.extend(counts(after, to).then_some(after)),
            (None, None) => {}
        }
    }
    // Of several files with the same content, those that kept their name belong together.
    let mut gone: HashMap<(u64, Vec<ChunkId>), Vec<&FileRecord>> = HashMap::new();
    for record in removed.iter().filter(|record| !record.chunks.is_empty()) {
        gone.entry(content(record)).or_default().push(record);
    }
    let mut moved: Vec<&[u8]> = Vec::new();
    for after in added {
        let alike = gone
            .get_mut(&content(after))
            .filter(|alike| !after.chunks.is_empty() && !alike.is_empty());
        let before = alike.map(|alike| {
            let same_name = alike.iter().position(|before| last(&before.path) == last(&after.path));
            alike.remove(same_name.unwrap_or(0))
        });
        moved.extend(before.map(|before| &before.path[..]));
        all.changed.push(Changed {
            change: if before.is_some() {
                Change::Renamed
            } else {
                Change::Added
            },
            path: after.path.clone(),
            was: before.map(|before| before.path.clone()),
            kind: after.kind,
            bytes_before: before.map(|before| before.size),
            bytes: Some(after.size),
        });
    }
    moved.sort_unstable();
    for before in removed
        .into_iter()
        .filter(|before| moved.binary_search(&&before.path[..]).is_err())
    {
        all.changed.push(Changed {
            change: Change::Removed,
            path: before.path.clone(),
            was: None,
            kind: before.kind,
            bytes_before: Some(before.size),
            bytes: None,
        });
    }
    all.changed.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

impl Changes {
    fn both(&mut self, before: &FileRecord, after: &FileRecord) {
        let folders = before.kind == FileType::Directory && after.kind == FileType::Directory;
        let same = before.kind == after.kind && before.target == after.target && content(before) == content(after);
        if same && before.mode == after.mode {
            self.unchanged += u64::from(!folders);
            return;
        }
        self.changed.push(Changed {
            change: if same { Change::Mode } else { Change::Content },
            path: after.path.clone(),
            was: None,
            kind: after.kind,
            bytes_before: Some(before.size),
            bytes: Some(after.size),
        });
    }
}

/// Folders that hold something are named by what they hold.
fn counts(record: &FileRecord, records: &[FileRecord]) -> bool {
    record.kind != FileType::Directory || below(records, &record.path).next().is_none()
}

fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
