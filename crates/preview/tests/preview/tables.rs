//! CSV and JSON-lines.

use holdfast_preview::{ColumnType, Note};

use crate::support::{As, names, page, row, view};

const PENGUINS: &str = "species,island,bill_length_mm,sex,year,seen,code,when
Adelie,Torgersen,39.1,male,2007,true,007,2007-11-11
Adelie,Torgersen,NA,,2007,false,008,2007-11-12
Gentoo,Biscoe,50,female,2008,true,NA,2007-11-13
";

#[test]
fn a_table_has_names_types_and_missing_values() {
    let view = view("penguins.csv", PENGUINS.as_bytes());
    let table = view.table();
    assert_eq!(view.format, "csv");
    assert_eq!(names(table)[..3], ["species", "island", "bill_length_mm"]);
    let types: Vec<_> = table
        .columns
        .iter()
        .map(|column| (column.r#type, column.nulls))
        .collect();
    use ColumnType::{Boolean, Date, Integer, Number, Text};
    assert_eq!(
        types,
        [
            (Text, 0),
            (Text, 0),
            (Number, 1),
            (Text, 1),
            (Integer, 0),
            (Boolean, 0),
            // Codes are no numbers, and in text NA may be Namibia.
            (Text, 0),
            (Date, 0),
        ]
    );
    assert_eq!(
        row(table, 1),
        ["Adelie", "Torgersen", "~", "~", "2007", "false", "008", "2007-11-12"]
    );
    assert_eq!(row(table, 2)[6], "NA");
    assert_eq!(
        (table.rows_total, view.truncated, view.next_offset),
        (Some(3), false, None)
    );
    assert_eq!((table.header, table.delimiter.as_deref()), (Some(true), Some(",")));
}

#[test]
fn what_parts_cells_is_guessed() {
    for (delimiter, name) in [
        (",", "a.csv"),
        (";", "b.csv"),
        ("\t", "c.csv"),
        ("|", "d.csv"),
        ("\t", "e.tsv"),
    ] {
        let lines = ["name;x", "\"a; b, c\";1,5", "d;2,5", "e;3,5"].map(|line| match delimiter {
            "," => line.replace(',', ".").replace(';', ","),
            other => line.replace(';', other),
        });
        let view = view(name, lines.join("\r\n").as_bytes());
        let table = view.table();
        assert_eq!(table.delimiter.as_deref(), Some(delimiter), "{name}");
        assert_eq!(names(table), ["name", "x"], "{name}");
        assert_eq!(table.rows.len(), 3, "{name}");
    }
    let one = view("one.csv", b"word\nalpha\nbeta\n");
    assert_eq!(names(one.table()), ["word"]);
}

#[test]
fn a_first_line_of_values_is_no_header() {
    for text in ["1,2\n3,4\n", "a,1\nb,2\n", "x,x\ny,z\n", "yes,b\nno,c\nyes,d\n"] {
        let view = view("x.csv", text.as_bytes());
        assert_eq!(view.table().header, Some(false), "{text}");
        assert_eq!(names(view.table()), ["column 1", "column 2"]);
        assert_eq!(view.table().rows.len(), text.lines().count());
    }
}

#[test]
fn quotes_uneven_rows_and_empty_names_are_taken_as_they_come() {
    let text = "a,,c\n\"x\ny\",\"say \"\"hi\"\"\",3\n1\n1,2,3,4,5\n";
    let view = view("x.csv", text.as_bytes());
    let table = view.table();
    assert_eq!(names(table), ["a", "column 2", "c", "column 4", "column 5"]);
    assert_eq!(row(table, 0), ["x\ny", "say \"hi\"", "3", "~", "~"]);
    assert_eq!(row(table, 1), ["1", "~", "~", "~", "~"]);
    assert_eq!(table.columns[4].nulls, 2);
}

fn many(count: usize, encode: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let mut text = String::from("n,word\n");
    for number in 0..count {
        text += &format!("{number},wört \u{20ac} \"{number}\"\n");
    }
    encode(&text)
}

#[test]
fn page_after_page_every_row_comes_once() {
    let utf8 = |text: &str| text.as_bytes().to_vec();
    let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let utf16 = |text: &str| {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [b"\xff\xfe".to_vec(), units].concat()
    };
    let big = |text: &str| {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        [b"\xfe\xff".to_vec(), units].concat()
    };
    let latin = |text: &str| {
        text.chars()
            .map(|c| if c == '\u{20ac}' { 0x80 } else { c as u8 })
            .collect()
    };
    let all: [(&str, Vec<u8>); 5] = [
        ("utf-8", many(12_000, utf8)),
        ("utf-8", many(12_000, marked)),
        ("utf-16le", many(12_000, utf16)),
        ("utf-16be", many(12_000, big)),
        ("latin-1", many(12_000, latin)),
    ];
    for (encoding, bytes) in all {
        let (mut offset, mut next, mut pages) = (None, 0, 0);
        loop {
            let view = page("many.csv", &bytes, 1_000, offset);
            let table = view.table();
            assert_eq!(table.encoding.as_deref(), Some(encoding));
            assert_eq!(names(table), ["n", "word"], "{encoding}");
            for cells in &table.rows {
                assert_eq!(cells[0], Some(next.to_string()), "{encoding}");
                assert_eq!(cells[1], Some(format!("wört \u{20ac} \"{next}\"")), "{encoding}");
                next += 1;
            }
            assert!(view.bytes_read <= 768 << 10, "{} bytes for a page", view.bytes_read);
            pages += 1;
            offset = view.next_offset;
            assert_eq!(view.truncated, offset.is_some());
            if offset.is_none() {
                break;
            }
        }
        assert_eq!((next, pages), (12_000, 12), "{encoding}");
    }
}

#[test]
fn json_lines_become_a_table() {
    let text = r#"{"z": 1, "name": "ana", "nested": {"a": [1, 2]}, "n": null}
{"z": 2.5, "name": "b\u00e9n\n", "late": true, "big": 123456789012345678901234567890}

not json
{"name": 5}
[1, 2]
"#;
    let view = view("x.jsonl", text.as_bytes());
    let table = view.table();
    assert_eq!(
        names(table),
        ["z", "name", "nested", "n", "late", "big", "value"],
        "in the order of their first appearance"
    );
    use ColumnType::{Boolean, Empty, Integer, Mixed, Nested, Number};
    let types: Vec<_> = table.columns.iter().map(|column| column.r#type).collect();
    assert_eq!(types, [Number, Mixed, Nested, Empty, Boolean, Integer, Nested]);
    assert_eq!(row(table, 0), ["1", "ana", r#"{"a": [1, 2]}"#, "~", "~", "~", "~"]);
    assert_eq!(row(table, 1)[5], "123456789012345678901234567890", "no digit is lost");
    assert_eq!(row(table, 1)[1], "bén\n");
    assert_eq!(table.columns[0].nulls, 2);
    assert!(view.notes.contains(&Note::LinesLeftOut));
    assert_eq!(table.rows_total, Some(4));

    let text: String = (0..5_000).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    let (mut offset, mut next) = (None, 0);
    loop {
        let view = page("many.ndjson", text.as_bytes(), 300, offset);
        for cells in &view.table().rows {
            assert_eq!(cells[0], Some(next.to_string()));
            next += 1;
        }
        offset = view.next_offset;
        if offset.is_none() {
            break;
        }
    }
    assert_eq!(next, 5_000);
    let wrong = crate::support::view("x.jsonl", b"this is\nno JSON\n");
    assert_eq!(wrong.text().lines, 2);
    assert!(wrong.notes.contains(&Note::NotDecoded));
}

#[test]
fn empty_files_are_empty() {
    for name in ["a.csv", "a.jsonl"] {
        let view = view(name, b"");
        assert_eq!((view.table().rows.len(), view.truncated), (0, false), "{name}");
    }
    for name in ["a.json", "a.txt", "a.parquet", "a.png", "a"] {
        let view = view(name, b"");
        assert_eq!((view.text().text.as_str(), view.truncated), ("", false), "{name}");
    }
    assert_eq!(names(view("h.csv", b"only,names\n").table()), ["only", "names"]);
}

#[test]
fn long_cells_and_many_columns_are_cut_and_it_is_said() {
    let text = format!("a,b\n{},1\n", "é".repeat(5_000));
    let cut = view("x.csv", text.as_bytes());
    let table = cut.table();
    let cell = table.rows[0][0].as_deref().unwrap();
    assert!(cell.chars().count() == 1_001 && cell.ends_with('\u{2026}'));
    assert_eq!(
        (table.cut[0].row, table.cut[0].column, table.cut[0].bytes),
        (0, 0, 10_000)
    );
    assert!(cut.notes.contains(&Note::CellsCut));

    let wide: String = (0..3_000).map(|number| format!("c{number},")).collect();
    let wide = view("wide.csv", format!("{wide}\n{wide}\n").as_bytes());
    assert_eq!((wide.table().columns.len(), wide.table().columns_total), (500, 3_001));
    assert!(wide.notes.contains(&Note::ColumnsLeftOut));
}
