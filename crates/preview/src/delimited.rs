//! CSV and its like: what parts cells and whether the first line holds names is guessed from the first lines.

use std::collections::HashSet;
use std::io;

use csv::{ByteRecord, ReaderBuilder};

use crate::columns::{Builder, Cell, guess};
use crate::limits::{PAGE, WINDOW};
use crate::show::{Page, Request};
use crate::source::Stretch;
use crate::text::Source;
use crate::view::{ColumnType, Note, Shown};

/// What may part cells, the likeliest first.
const DELIMITERS: [u8; 4] = *b",;\t|";
/// Lines that a guess is made from.
const SAMPLE: usize = 30;

/// How the file is written.
struct Dialect {
    delimiter: u8,
    header: Option<ByteRecord>,
}

/// Shows a table.
pub(crate) fn show(text: &Source<'_>, request: &Request, delimiter: Option<u8>) -> io::Result<Page> {
    let at_the_start = request.offset.is_none_or(|offset| offset <= text.start);
    let head = text
        .encoding
        .to_utf8(text.head, (text.head.len() as u64) + text.start >= text.source.size);
    let dialect = Dialect::guess(&head[..head.len().min(WINDOW)], delimiter);
    let mut stretch = text.stretch(request.offset, PAGE);
    // One row more than is shown: the first may be the header, and the last may be cut off.
    let parsed = loop {
        stretch.grow()?;
        let parsed = Parsed::new(text.utf8(&stretch), &dialect, request.rows + 1, &stretch);
        if parsed.records.len() > request.rows || stretch.is_full() {
            break parsed;
        }
    };
    let names = dialect.header.as_ref().map(names).unwrap_or_default();
    let mut builder = Builder::new(names);
    let skip = usize::from(at_the_start && dialect.header.is_some());
    let mut used = if skip > 0 {
        parsed.records.first().map_or(0, |(_, end)| *end)
    } else {
        0
    };
    let mut notes = Vec::new();
    for (record, end) in parsed.records.iter().skip(skip).take(request.rows) {
        let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        builder.row(cells.iter().map(|cell| Cell::Guess(cell)));
        used = *end;
        if builder.is_full() {
            break;
        }
    }
    if parsed.cut_row {
        notes.push(Note::RowCut);
    }
    let rows = builder.len() as u64;
    let next = stretch.start + text.encoding.len_of(&parsed.utf8[..used]);
    let is_rest_empty = stretch.is_last() && parsed.utf8[used..].iter().all(|byte| matches!(byte, b'\r' | b'\n'));
    let truncated = !is_rest_empty;
    let (mut table, more) = builder.finish();
    notes.extend(more);
    table.rows_total = (at_the_start && !truncated).then_some(rows);
    table.delimiter = Some(char::from(dialect.delimiter).to_string());
    table.header = Some(dialect.header.is_some());
    table.encoding = Some(text.encoding.name().to_owned());
    Ok(Page {
        shown: Shown::Table(table),
        format: if dialect.delimiter == b'\t' { "tsv" } else { "csv" },
        truncated,
        next: (truncated && used > 0 && !parsed.cut_row).then_some(next),
        notes,
    })
}

/// Names of columns; those without one are called by number.
fn names(header: &ByteRecord) -> Vec<String> {
    let named = |(number, name): (usize, &[u8])| match String::from_utf8_lossy(name).trim() {
        "" => format!("column {}", number + 1),
        name => name.to_owned(),
    };
    header.iter().enumerate().map(named).collect()
}

/// Rows, and where in the text each ends.
struct Parsed {
    utf8: Vec<u8>,
    records: Vec<(ByteRecord, usize)>,
    /// The one row that there is goes on after the stretch.
    cut_row: bool,
}

impl Parsed {
    fn new(utf8: Vec<u8>, dialect: &Dialect, most: usize, stretch: &Stretch<'_>) -> Self {
        let mut records = Vec::new();
        let mut reader = reader(&utf8, dialect.delimiter);
        let mut record = ByteRecord::new();
        let mut cut_row = false;
        while records.len() < most && matches!(reader.read_byte_record(&mut record), Ok(true)) {
            let end = usize::try_from(reader.position().byte())
                .unwrap_or(utf8.len())
                .min(utf8.len());
            // The last row of a stretch may go on behind it.
            if end >= utf8.len() && !stretch.is_last() {
                cut_row = records.is_empty() && stretch.is_full();
                if !cut_row {
                    break;
                }
            }
            records.push((record.clone(), end));
        }
        Self { utf8, records, cut_row }
    }
}

fn reader(utf8: &[u8], delimiter: u8) -> csv::Reader<&[u8]> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(utf8)
}

impl Dialect {
    fn guess(head: &[u8], delimiter: Option<u8>) -> Self {
        let sample = |delimiter| {
            let records = reader(head, delimiter).into_byte_records().map_while(Result::ok);
            records.take(SAMPLE).collect::<Vec<_>>()
        };
        // The same number of cells in as many lines as possible, and then as many cells as possible.
        let score = |delimiter: u8| {
            let sample = sample(delimiter);
            let width = sample.first().map_or(0, ByteRecord::len);
            let alike = sample.iter().filter(|record| record.len() == width).count();
            (width > 1, alike * 100 / sample.len().max(1), width)
        };
        let best = || {
            DELIMITERS
                .into_iter()
                .rev()
                .max_by_key(|delimiter| score(*delimiter))
                .unwrap_or(b',')
        };
        let delimiter = delimiter.unwrap_or_else(best);
        let mut sample = sample(delimiter);
        let header = (!sample.is_empty())
            .then(|| sample.remove(0))
            .filter(|first| is_header(first, &sample));
        Self { delimiter, header }
    }
}

/// Names are text, differ from each other, and are no values of the columns below.
fn is_header(first: &ByteRecord, rows: &[ByteRecord]) -> bool {
    let cells: Vec<_> = first.iter().map(String::from_utf8_lossy).collect();
    let distinct: HashSet<_> = cells.iter().filter(|cell| !cell.is_empty()).collect();
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    let all_text = cells.iter().all(|cell| guess(cell) == ColumnType::Text);
    let is_value = |(column, cell): (usize, &std::borrow::Cow<'_, str>)| {
        !cell.is_empty() && rows.iter().any(|row| row.get(column) == Some(cell.as_bytes()))
    };
    filled > 0 && distinct.len() == filled && all_text && !cells.iter().enumerate().any(is_value)
}
