//! Small files that want to become large, and large ones that want to be read: each gets a bounded answer.

use std::path::Path;

use holdfast_preview::{Note, limits};
use parquet::basic::Compression;

use crate::parquets;
use crate::support::{As, endless, page, view};

const GIB: u64 = 1 << 30;

#[test]
fn one_line_of_a_gigabyte() {
    for name in ["x.txt", "x.csv", "x.jsonl", "x.json"] {
        let (view, read) = endless(name, GIB, None, |_| b'a');
        assert!(view.truncated, "{name}");
        assert!(
            read <= limits::PAGE as u64 + (1 << 20),
            "{name}: {read} bytes were read"
        );
        assert!(!view.notes.is_empty(), "{name}: nothing is said");
    }
    // Text goes on from there.
    let (view, read) = endless("x.txt", GIB, Some(GIB / 2), |_| b'a');
    assert!(view.next_offset.unwrap() > GIB / 2 && read < 1 << 20);
}

#[test]
fn a_quote_that_never_ends_and_a_line_of_nothing_but_commas() {
    let (view, read) = endless(
        "x.csv",
        GIB,
        None,
        |at| if at == 0 { b'"' } else { b"a\n"[at as usize % 2] },
    );
    assert!(read <= limits::PAGE as u64 + (1 << 20) && view.notes.contains(&Note::RowCut));
    let (view, read) = endless("x.csv", GIB, None, |_| b',');
    assert!(read <= limits::PAGE as u64 + (1 << 20));
    assert_eq!(view.table().columns.len(), limits::COLUMNS);
}

#[test]
fn rows_of_the_widest_kind_end_when_the_answer_is_full() {
    let line = format!("{}\n", vec!["x".repeat(999); 400].join(","));
    let text = line.repeat(300);
    let view = page("x.csv", text.as_bytes(), 1_000, None);
    assert!(view.table().rows.len() < 20 && view.truncated && view.next_offset.is_some());
}

#[test]
fn cells_that_are_longer_in_an_answer_than_in_the_file() {
    // The mark at the front says that it is text, whatever comes.
    let row = vec!["\u{1}".repeat(1_000); 20].join(",");
    let text = format!("\u{feff}{}", format!("{row}\n").repeat(200));
    let view = page("x.csv", text.as_bytes(), 1_000, None);
    assert!(!view.table().rows.is_empty() && view.truncated && view.next_offset.is_some());
}

#[test]
fn json_that_is_nested_without_end() {
    for bytes in [
        "[".repeat(200_000),
        "{\"a\":".repeat(100_000),
        "[{\"a\":[".repeat(50_000),
    ] {
        for name in ["x.json", "x.jsonl", "x.ipynb"] {
            let view = view(name, bytes.as_bytes());
            assert!(view.text().text.len() < 256 << 10, "{name}");
        }
    }
    // Closed, so that it is JSON after all: no cell and no stack grows with it.
    let deep = format!("{{\"a\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let view = view("x.jsonl", deep.repeat(3).as_bytes());
    assert!(serde_json::to_string(&view).unwrap().len() < 1 << 20);
}

#[test]
fn a_json_line_of_many_members() {
    let members: Vec<String> = (0..100_000).map(|number| format!("\"k{number}\":1")).collect();
    let text = format!("{{{}}}\n", members.join(","));
    let view = view("x.jsonl", text.as_bytes());
    assert_eq!(view.table().columns.len(), limits::COLUMNS);
    assert_eq!(view.table().columns_total, 100_000);
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |kind: &[u8], body: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(body);
        [
            &u32::try_from(body.len()).unwrap().to_be_bytes()[..],
            kind,
            body,
            &crc.sum().to_be_bytes(),
        ]
        .concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let mut zeros = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zeros, &vec![0; 1 << 20]).unwrap();
    let data = zeros.finish().unwrap();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"IDAT", &data),
        chunk(b"IEND", b""),
    ]
    .concat()
}

#[test]
fn pictures_of_a_hundred_thousand_by_a_hundred_thousand() {
    let view = view("x.png", &png(100_000, 100_000));
    assert_eq!((view.image().width, view.image().height), (100_000, 100_000));
    assert!(view.image().thumbnail_png.is_none());
    assert!(view.notes.contains(&Note::TooLarge), "{:?}", view.notes);

    let mut gif =
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;".to_vec();
    gif.push(0);
    let view = crate::support::view("x.gif", &gif);
    assert_eq!((view.image().width, view.image().height), (65_535, 65_535));
    assert!(view.image().thumbnail_png.is_none() && !view.notes.is_empty());

    let mut bmp = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bmp.extend(100_000i32.to_le_bytes());
    bmp.extend(100_000i32.to_le_bytes());
    bmp.extend(b"\x01\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".iter());
    let view = crate::support::view("x.bmp", &bmp);
    assert!(view.image().thumbnail_png.is_none() && !view.notes.is_empty());
}

#[test]
fn a_picture_file_that_is_too_large_is_not_read() {
    let (view, read) = endless("x.png", 4 * GIB, None, |at| {
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x10\0\0\0\x08\0\x08\x06\0\0\0"
            .get(at as usize)
            .copied()
            .unwrap_or(0)
    });
    assert!(read <= 1 << 20 && view.image().thumbnail_png.is_none());
    assert!(view.notes.contains(&Note::TooLarge) || view.notes.contains(&Note::NotDecoded));
}

/// The footer's length, the number of rows, the sizes of pages: none of them is believed before it is looked at.
#[test]
fn parquet_with_sizes_that_lie() {
    let whole = parquets::table(&[40], Compression::SNAPPY);
    let end = whole.len();
    for footer in [u32::MAX, i32::MAX as u32, 0, 1 << 30] {
        let mut bytes = whole.clone();
        bytes[end - 8..end - 4].copy_from_slice(&footer.to_le_bytes());
        let view = view("x.parquet", &bytes);
        assert!(view.notes.contains(&Note::NotDecoded), "{footer}");
    }
}

/// Found by fuzzing. Its dictionary says that it has 2^31 values of eight bytes, in a page of some ten bytes.
#[test]
fn a_parquet_dictionary_that_says_it_takes_16_gb() {
    let corpus = "../../fuzz/corpus/preview_parquet/dictionary-of-16-gb";
    let input = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(corpus)).unwrap();
    // Before the file stands how many rows are asked for.
    let view = view("x.parquet", &input[1..]);
    assert!(view.notes.contains(&Note::NotDecoded), "{:?}", view.notes);
}

#[test]
fn texts_that_compress_well_are_not_decompressed() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &vec![b'a'; 4 << 20]).unwrap();
    let view = view("x.csv.gz", &gzip.finish().unwrap());
    assert_eq!(view.format, "gzip");
}
