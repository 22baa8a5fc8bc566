//! Finds out what a file is, by its first bytes and then by its name, and lets that decoder show it.

use std::io;

use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;
use crate::limits::{ROWS_MAX, WINDOW};
use crate::source::{ReadAt, Source};
use crate::view::{Note, Shown, View};
use crate::{binary, delimited, json, parquet_table, picture, text};

/// What is to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The file's name; its ending tells apart what looks alike.
    pub name: String,
    /// Rows or lines, at most [`ROWS_MAX`](crate::limits::ROWS_MAX).
    pub rows: usize,
    /// Where to go on: [`View::next_offset`] of what was shown before.
    pub offset: Option<u64>,
}

/// What a decoder makes of a file.
pub(crate) struct Page {
    pub(crate) shown: Shown,
    pub(crate) format: &'static str,
    /// The file holds more than this.
    pub(crate) truncated: bool,
    pub(crate) next: Option<u64>,
    pub(crate) notes: Vec<Note>,
}

/// Shows the beginning of a file, or what comes after an offset. What can't be decoded is shown as bytes.
///
/// # Errors
/// Only those of reading.
pub fn show(file: Box<dyn ReadAt>, request: &Request) -> io::Result<View> {
    let source = Source::new(file);
    let request = Request {
        rows: request.rows.clamp(1, ROWS_MAX),
        ..request.clone()
    };
    let page = page(&source, &request)?;
    Ok(View {
        shown: page.shown,
        format: page.format.to_owned(),
        truncated: page.truncated,
        next_offset: page.next,
        bytes_read: source.read(),
        file_bytes: source.size,
        notes: page.notes,
    })
}

fn page(source: &Source, request: &Request) -> io::Result<Page> {
    let head = source.bytes(0, WINDOW)?;
    if let Some(format) = picture::format(&head) {
        return picture::show(source, &head, format);
    }
    if head.starts_with(b"PAR1") {
        return match parquet_table::show(source, request) {
            Ok(page) => Ok(page),
            Err(_) => binary::show(source, &head, request.offset, vec![Note::NotDecoded]),
        };
    }
    let Some((encoding, mark)) = Encoding::of(&head) else {
        return binary::show(source, &head, request.offset, Vec::new());
    };
    let text = text::Source {
        source,
        encoding,
        start: mark as u64,
        head: &head[mark..],
    };
    let name = request.name.to_ascii_lowercase();
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "csv" => delimited::show(&text, request, None),
        "tsv" | "tab" => delimited::show(&text, request, Some(b'\t')),
        "psv" => delimited::show(&text, request, Some(b'|')),
        "jsonl" | "ndjson" => json::lines(&text, request),
        "json" | "geojson" | "ipynb" => json::show(&text, request),
        _ => text::show(&text, request, "text"),
    }
}
