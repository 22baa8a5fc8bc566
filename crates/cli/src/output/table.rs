//! Columns that line up, and sizes as people say them.

use unicode_width::UnicodeWidthStr;

use super::clean;

/// Rows under headings. Every cell is cleaned; no row ends in spaces.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(headings: &[&str]) -> Self {
        Self {
            rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()],
        }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// The table, or `empty` if nothing is in it.
    pub(super) fn text(&self, empty: &str) -> String {
        if self.rows.len() == 1 {
            return format!("{empty}\n");
        }
        lay_out(&self.rows)
    }
}

/// Rows of cells as they are: they are clean already.
pub(super) fn lay_out_cells(rows: &[Vec<String>]) -> String {
    lay_out(rows)
}

/// What belongs to one thing, one line each: a word and its value. Empty values are left out.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let rows: Vec<Vec<String>> = facts
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(word, value)| vec![(*word).to_owned(), clean(value)])
        .collect();
    lay_out(&rows)
}

fn lay_out(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.width())
            .max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', (width + 2).saturating_sub(cell.width())));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Bytes as people say them, in powers of 1000.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(count: u64) -> String {
    let mut unit = "bytes";
    let mut shown = count as f64;
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if shown < 999.5 {
            break;
        }
        shown /= 1000.0;
        unit = next;
    }
    match unit {
        "bytes" if count == 1 => "1 byte".into(),
        "bytes" => format!("{count} bytes"),
        _ if shown < 9.995 => format!("{shown:.2} {unit}"),
        _ if shown < 99.95 => format!("{shown:.1} {unit}"),
        _ => format!("{shown:.0} {unit}"),
    }
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_what_is_seen() {
        let mut table = Table::new(&["NAME", "SIZE"]);
        table.row(["安娜".into(), "1".into()]);
        table.row(["a\u{301}".into(), "2".into()]);
        table.row(["evil\u{1b}[2J".into(), "3".into()]);
        assert_eq!(
            table.text(""),
            "NAME      SIZE\n安娜      1\na\u{301}         2\nevil\u{fffd}[2J  3\n"
        );
        assert_eq!(Table::new(&["NAME"]).text("Nothing."), "Nothing.\n");
    }

    #[test]
    fn facts_without_value_are_left_out() {
        assert_eq!(
            facts(&[("name", "Ana".into()), ("note", String::new()), ("id", "7".into())]),
            "name  Ana\nid    7\n"
        );
    }

    #[test]
    fn sizes_are_human() {
        for (count, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.00 kB"),
            (9_994, "9.99 kB"),
            (9_996, "10.0 kB"),
            (99_949, "99.9 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (80_200_000_000, "80.2 GB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
