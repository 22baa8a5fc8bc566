//! The beginning of a file on a terminal: tables cut to its width, text as it is, pictures in words.

use holdfast_commands::view::PreviewView;
use holdfast_preview::{ColumnType, Note, Shown, Table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::clean::{clean, clean_lines};
use super::table::{bytes, count, lay_out_cells};

/// Characters of a cell on a terminal.
const CELL: usize = 32;

pub(crate) fn preview(view: &PreviewView, width: Option<usize>) -> String {
    let (mut text, mut about) = match &view.view.shown {
        Shown::Table(table) => (rows(table, width), told_of_table(table)),
        Shown::Text(text) => (format!("{}\n", clean_lines(&text.text)), count(text.lines, "line")),
        Shown::Image(image) => (
            String::new(),
            format!("A picture of {} x {} pixels", image.width, image.height),
        ),
        Shown::Binary(binary) => {
            let what = binary.about.as_deref().unwrap_or("no text");
            (binary.hex.clone(), format!("It is {what}"))
        }
    };
    about.push_str(&format!(
        " ({}, {}).",
        clean(&view.view.format),
        bytes(view.view.file_bytes)
    ));
    for note in &view.view.notes {
        about.push_str(&format!(" {}", sentence(*note)));
    }
    match view.view.next_offset {
        Some(next) => about.push_str(&format!(" Go on with --offset {next}.")),
        None if view.view.truncated => about.push_str(" There is more in the file than can be shown."),
        None => {}
    }
    text.push_str(&about);
    text.push('\n');
    text
}

fn told_of_table(table: &Table) -> String {
    let shown = count(table.rows.len() as u64, "row");
    let missing = table.columns.iter().map(|column| column.nulls).sum::<u64>();
    let of = match table.rows_total {
        Some(total) if total > table.rows.len() as u64 => format!(" of {total}"),
        _ => String::new(),
    };
    let missing = if missing > 0 {
        format!(", {missing} without value")
    } else {
        String::new()
    };
    let columns = count(table.columns_total, "column");
    format!("{shown}{of}, {columns}{missing}")
}

/// As many columns as fit.
fn rows(table: &Table, width: Option<usize>) -> String {
    let cell = |cell: &str| match width {
        Some(_) => fit(&clean(cell), CELL),
        None => clean(cell),
    };
    let heads = table.columns.iter().map(|column| cell(&column.name));
    let types = table.columns.iter().map(|column| word(column.r#type).to_owned());
    let mut lines = vec![heads.collect::<Vec<_>>(), types.collect()];
    lines.extend(table.rows.iter().map(|row| {
        row.iter()
            .map(|value| value.as_deref().map(cell).unwrap_or_default())
            .collect()
    }));
    let Some(width) = width else {
        return lay_out_cells(&lines);
    };
    let widest = |column: usize| {
        lines
            .iter()
            .filter_map(|line| line.get(column))
            .map(|cell| cell.width())
            .max()
    };
    let mut used = 0;
    let fits = (0..table.columns.len()).take_while(|column| {
        used += widest(*column).unwrap_or_default() + 2;
        used <= width + 2
    });
    let fits = fits.count().max(1);
    let left_out = table.columns.len().saturating_sub(fits);
    lines.iter_mut().for_each(|line| line.truncate(fits));
    let mut text = lay_out_cells(&lines);
    if left_out > 0 {
        text.push_str(&format!(
            "({} more to the right; --json shows them.)\n",
            count(left_out as u64, "column")
        ));
    }
    text
}

/// The beginning of a text, if it is wider than that.
fn fit(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut used = 1;
    let begin = text.chars().take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= most
    });
    begin.chain(['\u{2026}']).collect()
}

fn word(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Empty => "(empty)",
        ColumnType::Boolean => "(yes/no)",
        ColumnType::Integer => "(integer)",
        ColumnType::Number => "(number)",
        ColumnType::Date => "(date)",
        ColumnType::DateTime => "(date, time)",
        ColumnType::Time => "(time)",
        ColumnType::Text => "(text)",
        ColumnType::Binary => "(bytes)",
        ColumnType::Nested => "(nested)",
        ColumnType::Mixed => "(mixed)",
    }
}

fn sentence(note: Note) -> &'static str {
    match note {
        Note::CellsCut => "Long cells are cut.",
        Note::ColumnsLeftOut => "There are more columns than are shown.",
        Note::LinesCut => "Long lines are cut.",
        Note::RowCut => "A row is too long to be shown whole.",
        Note::LinesLeftOut => "Lines that don't belong into the table are left out.",
        Note::FirstFrame => "It moves.",
        Note::TooLarge => "It is too large to be opened here.",
        Note::NotDecoded => "It is not what it says it is, or damaged.",
        Note::TooFar => "Rows that far into the file need a download.",
        Note::RunsCode => "Loading it in Python can run code of whoever made it.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_preview::{Request, show};

    fn shown(name: &str, bytes: &[u8], width: Option<usize>) -> String {
        let request = Request {
            name: name.into(),
            rows: 2,
            offset: None,
        };
        let view = PreviewView {
            file: name.into(),
            version: 1,
            view: show(Box::new(bytes.to_vec()), &request).expect("bytes in memory"),
        };
        preview(&view, width)
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let text = format!(
            "name,n,long,last\nAna,1,{},x\nBen\u{1b}[2J,NA,b,y\nCem,3,c,z\n",
            "w".repeat(100)
        );
        let narrow = shown("t.csv", text.as_bytes(), Some(55));
        let expected = format!(
            "name     n          long\n(text)   (integer)  (text)\nAna      1          {}\u{2026}\nBen\u{fffd}[2J             b\n",
            "w".repeat(31)
        );
        assert!(narrow.starts_with(&expected), "{narrow}");
        assert!(narrow.contains("(1 column more to the right"), "{narrow}");
        assert!(
            narrow.contains("2 rows, 4 columns, 1 without value (csv,") && narrow.contains("--offset "),
            "{narrow}"
        );
        let wide = shown("t.csv", text.as_bytes(), None);
        assert!(wide.contains(&"w".repeat(100)) && wide.contains("last"), "{wide}");
    }

    #[test]
    fn text_bytes_and_hostile_lines() {
        let text = shown("x.txt", b"one\x1b]0;title\x07\ntwo\nthree\n", Some(80));
        assert!(
            text.starts_with("one\u{fffd}]0;title\u{fffd}\ntwo\n2 lines (text, "),
            "{text}"
        );
        let bytes = shown("x", b"PK\x03\x04\0\0", Some(80));
        assert!(
            bytes.contains("It is a ZIP archive") && bytes.contains("50 4b 03 04"),
            "{bytes}"
        );
    }
}
