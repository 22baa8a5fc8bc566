//! Builds a table: cells cut to a length, types and missing values counted as rows come in, and never more than fits an answer.

use crate::encoding::cut;
use crate::limits::{CELL, COLUMNS, TABLE};
use crate::view::{Column, ColumnType, CutCell, Note, Table};

/// A cell before it is kept.
pub(crate) enum Cell<'a> {
    /// No value.
    Null,
    /// Text whose type has to be guessed.
    Guess(&'a str),
    /// Text of a known type.
    Known(ColumnType, &'a str),
}

/// What a column has held so far.
#[derive(Default, Clone)]
struct Seen {
    types: Vec<ColumnType>,
    nulls: u64,
    /// Types were told, not guessed: then text among numbers is no accident of writing.
    told: bool,
    /// Rows with words such as `NA`, which mean "no value" unless the column turns out to be text.
    words: Vec<usize>,
}

/// A table in the making.
#[derive(Default)]
pub(crate) struct Builder {
    names: Vec<String>,
    seen: Vec<Seen>,
    rows: Vec<Vec<Option<String>>>,
    cut: Vec<CutCell>,
    total: usize,
    bytes: usize,
}

impl Builder {
    /// Columns of these names; more can come with rows.
    pub(crate) fn new(names: Vec<String>) -> Self {
        let mut builder = Self {
            total: names.len(),
            ..Self::default()
        };
        for name in names.into_iter().take(COLUMNS) {
            builder.column(cut(&name, CELL).0.to_owned());
        }
        builder
    }

    fn column(&mut self, name: String) {
        self.bytes += in_json(&name);
        self.names.push(name);
        // Rows that came before it have no value there.
        let nulls = self.rows.len() as u64;
        self.seen.push(Seen {
            nulls,
            ..Seen::default()
        });
    }

    /// The column of this name; a new one if there is none yet and there is room.
    pub(crate) fn index(&mut self, name: &str) -> Option<usize> {
        let (name, _) = cut(name, CELL);
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return Some(index);
        }
        self.total += 1;
        if self.names.len() >= COLUMNS {
            return None;
        }
        self.column(name.to_owned());
        Some(self.names.len() - 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no further row fits.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= TABLE
    }

    /// Adds a row, cell by cell from the left.
    pub(crate) fn row<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>) {
        let mut row = Vec::with_capacity(self.names.len());
        for (number, cell) in cells.enumerate() {
            if number >= self.names.len() {
                self.total = self.total.max(number + 1);
                if self.names.len() >= COLUMNS {
                    continue;
                }
                self.column(format!("column {}", number + 1));
            }
            let kept = self.keep(number, &cell);
            row.push(kept);
        }
        for seen in &mut self.seen[row.len()..] {
            seen.nulls += 1;
        }
        self.rows.push(row);
    }

    fn keep(&mut self, column: usize, cell: &Cell<'_>) -> Option<String> {
        let row = self.rows.len();
        let seen = &mut self.seen[column];
        let (kind, text) = match *cell {
            Cell::Null | Cell::Guess("") => {
                seen.nulls += 1;
                return None;
            }
            Cell::Guess(text) if is_word_for_nothing(text) => {
                seen.words.push(row);
                (None, text)
            }
            Cell::Guess(text) => (Some(guess(text)), text),
            Cell::Known(kind, text) => {
                seen.told = true;
                (Some(kind), text)
            }
        };
        if let Some(kind) = kind
            && !seen.types.contains(&kind)
        {
            seen.types.push(kind);
        }
        let (shown, is_cut) = cut(text, CELL);
        self.bytes += in_json(shown) + 8;
        if is_cut {
            self.cut.push(CutCell {
                row: u32::try_from(row).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
                bytes: text.len() as u64,
            });
            return Some(format!("{shown}\u{2026}"));
        }
        Some(shown.to_owned())
    }

    /// The table, and what is to be said about it.
    pub(crate) fn finish(mut self) -> (Table, Vec<Note>) {
        let width = self.names.len();
        for row in &mut self.rows {
            row.resize(width, None);
        }
        let mut columns = Vec::with_capacity(width);
        for (index, (name, mut seen)) in self.names.into_iter().zip(self.seen).enumerate() {
            let r#type = join(&seen.types, seen.told);
            if !matches!(r#type, ColumnType::Text | ColumnType::Mixed) {
                seen.nulls += seen.words.len() as u64;
                for row in seen.words {
                    self.rows[row][index] = None;
                }
            }
            columns.push(Column {
                name,
                r#type,
                declared: None,
                nulls: seen.nulls,
            });
        }
        let mut notes = Vec::new();
        if !self.cut.is_empty() {
            notes.push(Note::CellsCut);
        }
        if self.total > width {
            notes.push(Note::ColumnsLeftOut);
        }
        let table = Table {
            columns,
            columns_total: self.total as u64,
            rows: self.rows,
            cut: self.cut,
            ..Table::default()
        };
        (table, notes)
    }
}

/// Bytes that a text takes in an answer, which is JSON: most control characters take six there.
fn in_json(text: &str) -> usize {
    let length = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(length).sum()
}

/// One type for all that were seen.
fn join(types: &[ColumnType], told: bool) -> ColumnType {
    use ColumnType::{Date, DateTime, Empty, Integer, Mixed, Number, Text};
    match types {
        [] => Empty,
        [one] => *one,
        some if some.iter().all(|kind| matches!(kind, Integer | Number)) => Number,
        some if some.iter().all(|kind| matches!(kind, Date | DateTime)) => DateTime,
        some if !told && some.contains(&Text) => Text,
        _ => Mixed,
    }
}

fn is_word_for_nothing(text: &str) -> bool {
    matches!(
        text,
        "NA" | "N/A" | "n/a" | "#N/A" | "NaN" | "nan" | "NULL" | "null" | "None" | "none" | "-" | "?"
    )
}

/// What a piece of text is. A leading zero makes it a code (a postcode, an account), not a number.
pub(crate) fn guess(text: &str) -> ColumnType {
    let trimmed = text.trim();
    let digits = trimmed.trim_start_matches(['-', '+']);
    let number_like = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let is_code = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    if matches!(trimmed, "true" | "false" | "True" | "False" | "TRUE" | "FALSE") {
        return ColumnType::Boolean;
    }
    if number_like && trimmed.len() < 64 {
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return if is_code { ColumnType::Text } else { ColumnType::Integer };
        }
        if trimmed.parse::<f64>().is_ok() && !is_code {
            return ColumnType::Number;
        }
        if let Some(kind) = date(trimmed) {
            return kind;
        }
    }
    ColumnType::Text
}

/// `2026-05-01`, alone or with a time behind `T` or a space.
fn date(text: &str) -> Option<ColumnType> {
    let day = text.get(..10)?.as_bytes();
    let shaped = day.iter().enumerate().all(|(at, byte)| {
        if matches!(at, 4 | 7) {
            matches!(byte, b'-' | b'/')
        } else {
            byte.is_ascii_digit()
        }
    });
    if !shaped {
        return None;
    }
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(ColumnType::Date);
    }
    let time = rest.strip_prefix(['T', ' '])?.as_bytes();
    let is_time = time.len() >= 5 && time[2] == b':' && time[..2].iter().chain(&time[3..5]).all(u8::is_ascii_digit);
    is_time.then_some(ColumnType::DateTime)
}
