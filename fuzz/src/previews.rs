//! The beginning of other people's files, and what the process that decodes them says of it. `crates/preview`.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use holdfast_preview::limits::{CELL, COLUMNS, FRAME, HEX, LINE, ROWS_MAX, TABLE, THUMBNAIL};
use holdfast_preview::{ColumnType, Frame, HEADER, Note, Request, Shown, Table, View, show};

use crate::input::Input;

/// Pages of one file that are looked at.
const PAGES: usize = 12;

thread_local!(static DECODING: Cell<bool> = const { Cell::new(false) });

/// A decoder of somebody else that gives up is what the wall is for: `work` in `worker.rs` catches it and says so, and so does
/// this. What our own code panics at is a fault all the same.
fn behind_the_wall(show: impl FnOnce() -> View) -> Option<View> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let theirs = info
                .location()
                .is_some_and(|at| !at.file().contains("crates/preview") && !at.file().contains("fuzz/src"));
            if !(DECODING.get() && theirs) {
                usual(info);
            }
        }));
    });
    DECODING.set(true);
    let shown = catch_unwind(AssertUnwindSafe(show));
    DECODING.set(false);
    shown.ok()
}

fn pages(bytes: &[u8], name: &str, rows: usize) {
    let mut offset = None;
    for _ in 0..PAGES {
        let request = Request {
            name: name.into(),
            rows,
            offset,
        };
        let file = Box::new(bytes.to_vec());
        let shown = behind_the_wall(|| show(file, &request).expect("bytes in memory can be read"));
        let Some(view) = shown else { return };
        check(&view, bytes, rows);
        let Some(next) = view.next_offset else { return };
        assert!(offset.is_none_or(|before| next > before), "the next page is further on");
        assert!(next > 0 && view.truncated);
        offset = Some(next);
    }
}

fn check(view: &View, bytes: &[u8], rows: usize) {
    let rows = rows.clamp(1, ROWS_MAX);
    assert_eq!(view.file_bytes, bytes.len() as u64);
    match &view.shown {
        Shown::Table(table) => check_table(table, rows, view),
        Shown::Text(text) => {
            let shown = text.text.split('\n');
            assert!(text.lines <= rows as u64 + 1 && shown.clone().count() as u64 == text.lines.max(1));
            assert!(shown.into_iter().all(|line| line.chars().count() <= LINE + 1));
            assert!(["utf-8", "utf-16le", "utf-16be", "latin-1"].contains(&text.encoding.as_str()));
        }
        Shown::Image(image) => {
            if let Some(png) = &image.thumbnail_png {
                let png = BASE64_STANDARD.decode(png).expect("it is base64");
                let size = (
                    image.thumbnail_width.expect("it has one"),
                    image.thumbnail_height.expect("it has one"),
                );
                assert!(size.0 <= THUMBNAIL && size.1 <= THUMBNAIL && png.starts_with(b"\x89PNG\r\n\x1a\n"));
                let dimension = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes"));
                assert_eq!((dimension(16), dimension(20)), size, "it is as large as is said");
            } else {
                assert!(
                    view.notes
                        .iter()
                        .any(|note| matches!(note, Note::TooLarge | Note::NotDecoded)),
                    "it is said why"
                );
            }
        }
        Shown::Binary(binary) => assert!(binary.hex.lines().count() <= HEX / 16),
    }
    let json = serde_json::to_vec(view).expect("a view is written");
    assert!(json.len() <= FRAME, "a view fits a frame");
    assert!(serde_json::from_slice::<View>(&json).is_ok_and(|again| again == *view));
}

/// "One cell for each column; `null` where there is no value" (`Table::rows`), and what is counted is what is shown.
fn check_table(table: &Table, rows: usize, view: &View) {
    let width = table.columns.len();
    assert!(width <= COLUMNS && table.columns_total >= width as u64 && table.rows.len() <= rows);
    assert!(
        table.rows.iter().all(|row| row.len() == width),
        "every row has every column"
    );
    let mut bytes = 0;
    for (at, column) in table.columns.iter().enumerate() {
        let cells = || table.rows.iter().map(|row| row[at].as_deref());
        assert_eq!(
            column.nulls,
            cells().filter(Option::is_none).count() as u64,
            "{}",
            column.name
        );
        assert!(cells().flatten().all(|cell| cell.chars().count() <= CELL + 1));
        assert!(column.name.chars().count() <= CELL + 12);
        let declared = column.declared.is_some();
        assert!(declared || (column.r#type == ColumnType::Empty) == cells().all(|cell| cell.is_none()));
        bytes += cells().flatten().map(str::len).sum::<usize>();
    }
    // One row may begin before the table is full.
    assert!(bytes <= TABLE + COLUMNS * 4 * (CELL + 1));
    for cut in &table.cut {
        let cell = table
            .rows
            .get(cut.row as usize)
            .and_then(|row| row.get(cut.column as usize));
        assert!(
            cell.is_some_and(|cell| cell.as_ref().is_none_or(|cell| cell.ends_with('\u{2026}'))),
            "a cut cell is there"
        );
    }
    assert_eq!(view.notes.contains(&Note::CellsCut), !table.cut.is_empty());
    assert_eq!(
        view.notes.contains(&Note::ColumnsLeftOut),
        table.columns_total > width as u64
    );
}

/// Tables in text, JSON and text.
pub fn text(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (name, rows) = (input.byte(), usize::from(input.byte()));
    let name = ["t.csv", "t.tsv", "t.psv", "t.jsonl", "t.json", "t.txt"][usize::from(name % 6)];
    pages(input.rest(), name, rows);
}

/// Pictures.
pub fn picture(bytes: &[u8]) {
    pages(bytes, "p", 1);
}

/// Parquet.
pub fn parquet(bytes: &[u8]) {
    let mut input = Input(bytes);
    let rows = usize::from(input.byte());
    pages(input.rest(), "t.parquet", rows);
}

/// What a worker says, or whoever started it.
pub fn frame(bytes: &[u8]) {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
        return;
    };
    if let Ok(length) = Frame::body_len(*header) {
        assert!(length <= FRAME);
    }
    let Ok(frame) = Frame::parse(*header, body.to_vec()) else {
        return;
    };
    let again = frame.to_bytes();
    let (header, body) = again.split_first_chunk::<HEADER>().expect("a frame has a header");
    assert_eq!(Frame::body_len(*header), Ok(body.len()));
    assert_eq!(
        Frame::parse(*header, body.to_vec()),
        Ok(frame),
        "what is read is what is written"
    );
}
