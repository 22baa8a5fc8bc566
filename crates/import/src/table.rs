//! CSV with a line of headings: cells by the name of their column.

use csv::{ReaderBuilder, StringRecord};
use holdfast_protocol::SecretText;

use crate::error::Error;
use crate::{MAX_ENTRIES, text};

/// The most columns of a table.
const MAX_COLUMNS: usize = 200;

/// A table, read whole.
pub(crate) struct Table {
    /// As they are written.
    pub(crate) headings: Vec<String>,
    rows: Vec<(u64, StringRecord)>,
}

/// A row.
pub(crate) struct Row<'t> {
    headings: &'t [String],
    cells: &'t StringRecord,
}

impl Table {
    pub(crate) fn read(bytes: &[u8], expected: &'static str) -> Result<Self, Error> {
        let text = text::of(bytes)?;
        // Lines may be shorter than the headings: spreadsheets drop empty cells.
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
        let broken = |error: csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            Error::not_this(expected, format!("line {line} is not CSV"))
        };
        let headings: Vec<String> = reader
            .headers()
            .map_err(broken)?
            .iter()
            .map(|name| name.trim().to_owned())
            .collect();
        if headings.len() > MAX_COLUMNS {
            return Err(Error::not_this(expected, "it has more than 200 columns"));
        }
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(broken)?;
            if row.iter().all(str::is_empty) {
                continue;
            }
            let line = row.position().map_or(0, csv::Position::line);
            if row.len() > headings.len() {
                return Err(Error::At {
                    place: format!("Line {line}"),
                    reason: format!(
                        "there are {} cells under {} headings; a quote may be missing",
                        row.len(),
                        headings.len()
                    ),
                });
            }
            if rows.len() >= MAX_ENTRIES {
                return Err(Error::TooMany);
            }
            rows.push((line, row));
        }
        Ok(Self { headings, rows })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headings.iter().any(|heading| heading.eq_ignore_ascii_case(name))
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (u64, Row<'_>)> {
        self.rows.iter().map(|(line, cells)| {
            let headings = &self.headings;
            (*line, Row { headings, cells })
        })
    }
}

impl Row<'_> {
    /// The cell under this heading, in any case; empty if there is none.
    pub(crate) fn cell(&self, name: &str) -> &str {
        let column = self
            .headings
            .iter()
            .position(|heading| heading.eq_ignore_ascii_case(name));
        column.and_then(|column| self.cells.get(column)).unwrap_or_default()
    }

    /// The first of these that holds something.
    pub(crate) fn first(&self, names: &[&str]) -> &str {
        names
            .iter()
            .map(|name| self.cell(name))
            .find(|cell| !cell.is_empty())
            .unwrap_or_default()
    }

    pub(crate) fn secret(&self, names: &[&str]) -> Option<SecretText> {
        Some(self.first(names))
            .filter(|cell| !cell.is_empty())
            .map(text::secret)
    }

    /// Heading and cell, one after the other.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headings.iter().map(String::as_str).zip(self.cells.iter())
    }
}
