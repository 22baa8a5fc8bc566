//! Parquet files, written here.

use std::sync::Arc;

use holdfast_preview::{ColumnType, Note};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::support::{As, names, page, row, view};

const SCHEMA: &str = "message m {
  required int64 id;
  optional double score;
  optional binary word (UTF8);
  required int32 day (DATE);
  required int64 at (TIMESTAMP(MILLIS,true));
  required boolean ok;
  required binary raw;
}";

/// Groups of so many rows each.
pub(crate) fn table(groups: &[usize], compression: Compression) -> Vec<u8> {
    written(groups, compression, true)
}

fn written(groups: &[usize], compression: Compression, dictionaries: bool) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_data_page_row_count_limit(500);
    let properties = properties
        .set_write_batch_size(100)
        .set_dictionary_enabled(dictionaries);
    let properties = Arc::new(properties.build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
    let mut next = 0i64;
    for rows in groups {
        let ids: Vec<i64> = (next..next + *rows as i64).collect();
        next += *rows as i64;
        let mut group = writer.next_row_group().unwrap();
        let mut number = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            let levels: Vec<i16> = ids.iter().map(|id| i16::from(id % 3 != 0)).collect();
            let some = ids.iter().filter(|id| *id % 3 != 0);
            match column.untyped() {
                ColumnWriter::Int64ColumnWriter(writer) => {
                    let values: Vec<i64> = if number == 0 {
                        ids.clone()
                    } else {
                        ids.iter().map(|id| id * 1000).collect()
                    };
                    writer.write_batch(&values, None, None).unwrap();
                }
                ColumnWriter::DoubleColumnWriter(writer) => {
                    let values: Vec<f64> = some.map(|id| *id as f64 / 4.0 - 1.0).collect();
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                ColumnWriter::Int32ColumnWriter(writer) => {
                    let values: Vec<i32> = ids.iter().map(|id| *id as i32).collect();
                    writer.write_batch(&values, None, None).unwrap();
                }
                ColumnWriter::BoolColumnWriter(writer) => {
                    let values: Vec<bool> = ids.iter().map(|id| id % 2 == 0).collect();
                    writer.write_batch(&values, None, None).unwrap();
                }
                ColumnWriter::ByteArrayColumnWriter(writer) if number == 2 => {
                    let values: Vec<ByteArray> = some.map(|id| format!("wört {id}").into_bytes().into()).collect();
                    writer.write_batch(&values, Some(&levels), None).unwrap();
                }
                ColumnWriter::ByteArrayColumnWriter(writer) => {
                    let values: Vec<ByteArray> = ids.iter().map(|id| vec![0xff, *id as u8].into()).collect();
                    writer.write_batch(&values, None, None).unwrap();
                }
                _ => unreachable!("not in the schema"),
            };
            column.close().unwrap();
            number += 1;
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
    bytes
}

#[test]
fn the_schema_and_the_first_rows_are_shown() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::ZSTD(parquet::basic::ZstdLevel::default()),
        Compression::GZIP(parquet::basic::GzipLevel::default()),
    ] {
        let view = view("x.parquet", &table(&[300, 50], compression));
        let table = view.table();
        assert_eq!(view.format, "parquet");
        assert_eq!(names(table), ["id", "score", "word", "day", "at", "ok", "raw"]);
        use ColumnType::{Binary, Boolean, Date, DateTime, Integer, Number, Text};
        let types: Vec<_> = table.columns.iter().map(|column| column.r#type).collect();
        assert_eq!(types, [Integer, Number, Text, Date, DateTime, Boolean, Binary]);
        assert_eq!(table.columns[1].nulls, 67);
        assert_eq!(row(table, 0)[..4], ["0", "~", "~", "1970-01-01"]);
        assert_eq!(row(table, 1)[..4], ["1", "-0.75", "wört 1", "1970-01-02"]);
        assert_eq!(row(table, 1)[5..], ["false", "ff01"]);
        assert!(
            row(table, 1)[4].starts_with("1970-01-01 00:00:01"),
            "{}",
            row(table, 1)[4]
        );
        assert_eq!((table.rows.len(), table.rows_total), (200, Some(350)));
        assert_eq!((view.truncated, view.next_offset), (true, Some(200)));
    }
}

#[test]
fn page_after_page_across_groups() {
    let bytes = table(&[700, 1, 1_300], Compression::SNAPPY);
    let (mut offset, mut next) = (None, 0);
    loop {
        let view = page("x", &bytes, 333, offset);
        for cells in &view.table().rows {
            assert_eq!(cells[0], Some(next.to_string()));
            next += 1;
        }
        offset = view.next_offset;
        if offset.is_none() {
            assert!(!view.truncated);
            break;
        }
    }
    assert_eq!(next, 2_001);
    let behind = page("x", &bytes, 10, Some(5_000));
    assert_eq!((behind.table().rows.len(), behind.next_offset), (0, None));
}

/// The end of the file and the first pages of each column, and not the rest.
#[test]
fn only_what_is_needed_is_read() {
    let bytes = written(&[120_000], Compression::UNCOMPRESSED, false);
    assert!(bytes.len() > 3 << 20, "{}", bytes.len());
    let view = page("x", &bytes, 20, None);
    assert_eq!(view.table().rows.len(), 20);
    assert!(
        view.bytes_read < bytes.len() as u64 * 3 / 4,
        "{} of {}",
        view.bytes_read,
        bytes.len()
    );
}

/// Any byte may be wrong: an answer comes, and it is one of those that are expected.
#[test]
fn damage_anywhere_is_survived() {
    let whole = table(&[40], Compression::SNAPPY);
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let shown = std::panic::catch_unwind(|| view("x.parquet", &bytes));
        if let Ok(view) = shown {
            assert!(
                view.notes.contains(&Note::NotDecoded) || view.format != "parquet" || view.table().rows.len() <= 200
            );
        }
    }
    for length in [4, 8, 12, whole.len() / 2, whole.len() - 1] {
        let view = view("x.parquet", &whole[..length]);
        assert!(view.notes.contains(&Note::NotDecoded), "{length}");
        assert!(view.binary().hex.contains("PAR1"));
    }
}
