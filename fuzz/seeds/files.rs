//! Versions of files, and files for previews.

use std::io::Cursor;
use std::sync::Arc;

use holdfast_fuzz::cast::bytes;
use holdfast_fuzz::files::{Forge, file, other};
use holdfast_fuzz::input::part;
use holdfast_preview::{Binary, Frame, Request, Shown, View};
use holdfast_protocol::cbor;
use holdfast_protocol::manifest::FileType;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::{Seeds, vector};

pub(crate) fn write(seeds: &mut Seeds) {
    versions(seeds);
    downloads(seeds);
    pictures(seeds);
    tables(seeds);
}

fn versions(seeds: &mut Seeds) {
    let vector = vector("protocol/tests/vectors/manifest.json");
    seeds.add("manifest", bytes(&vector["manifest"]));
    let records: Vec<_> = vector["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(bytes)
        .collect();
    seeds.add("index", records.concat());
    let mut forge = Forge::new();
    let records = [
        file(&mut forge, b"a/one", b"first"),
        other(b"b", FileType::Directory, None),
    ];
    seeds.add("manifest", cbor::encode(&forge.manifest_of(&records)));
    let records = [
        file(&mut forge, b"a", b""),
        file(&mut forge, b"b/c", b"content"),
        file(&mut forge, b"b/d/e", b"more"),
        other(b"f", FileType::Directory, None),
        other(b"g", FileType::Link, Some(b"b/c")),
        other(b"\xff\xfe", FileType::File, None),
    ];
    seeds.add("index", records.iter().flat_map(cbor::encode).collect::<Vec<_>>());
    seeds.add("index", b"");
    seeds.add("pack", [0; 16]);
    for what in 0..8 {
        seeds.add(
            "pack",
            [2, 0, 0, 0, 1, what, 9, 0, 0, 2, 0, 0, 0, 200, 0, 0, 0, 80, 0x20, 0],
        );
    }
    seeds.add("pack", [1, 0, 0, 0, 1, 0, 0, 0, 50, 0x80, 0, 10, 1, 0]);
}

fn downloads(seeds: &mut Seeds) {
    let entry = |kind: u8, path: &str, target: Option<&str>| {
        let target = part(target.unwrap_or_default().as_bytes());
        [&[kind][..], &part(path.as_bytes()), &target].concat()
    };
    for (mode, entries) in [
        (
            0,
            vec![entry(3, "a/b", None), entry(1, "c", None), entry(2, "d", Some("a/b"))],
        ),
        (6, vec![entry(6, "a/b", None), entry(3, "a", None)]),
        (
            1,
            vec![
                entry(3, "../x", None),
                entry(3, "/x", None),
                entry(3, "a//b", None),
                entry(3, "", None),
            ],
        ),
        (
            2,
            vec![
                entry(2, "a", Some("../..")),
                entry(3, "a/b", None),
                entry(2, "l/m", Some("../n")),
            ],
        ),
        (
            5,
            vec![
                entry(3, ".holdfast-partial/x", None),
                entry(1, "a/b", None),
                entry(2, "z", Some("/etc")),
            ],
        ),
    ] {
        seeds.with("download", mode, entries.concat());
    }
}

fn pictures(seeds: &mut Seeds) {
    for format in [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
    ] {
        for (width, height) in [(3, 2), (40, 9)] {
            let pixels = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7) as u8, (y * 40) as u8, 90]));
            let mut bytes = Cursor::new(Vec::new());
            DynamicImage::from(pixels)
                .write_to(&mut bytes, format)
                .expect("it is written");
            seeds.add("preview_picture", bytes.into_inner());
        }
    }
    seeds.add("preview_picture", b"\x80\x04 a pickle");
}

fn parquet(schema: &str, rows: usize, compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    while let Some(mut column) = group.next_column().expect("a column") {
        match column.untyped() {
            ColumnWriter::Int64ColumnWriter(writer) => {
                let values: Vec<i64> = (0..rows as i64).collect();
                writer.write_batch(&values, None, None).expect("values");
            }
            ColumnWriter::DoubleColumnWriter(writer) => {
                let levels: Vec<i16> = (0..rows).map(|at| i16::from(at % 2 == 0)).collect();
                let values: Vec<f64> = (0..rows).filter(|at| at % 2 == 0).map(|at| at as f64 / 4.0).collect();
                writer.write_batch(&values, Some(&levels), None).expect("values");
            }
            ColumnWriter::ByteArrayColumnWriter(writer) => {
                let values: Vec<_> = (0..rows).map(|at| format!("word {at}").into_bytes().into()).collect();
                writer.write_batch(&values, None, None).expect("values");
            }
            _ => unreachable!("not in the schema"),
        };
        column.close().expect("it ends");
    }
    group.close().expect("it ends");
    writer.close().expect("it ends");
    bytes
}

fn tables(seeds: &mut Seeds) {
    let schema = "message m { required int64 id; optional double score; required binary word (UTF8); }";
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
        seeds.with("preview_parquet", 3, parquet(schema, 7, compression));
    }
    seeds.with(
        "preview_parquet",
        200,
        parquet(
            "message m { required int64 at (TIMESTAMP(MILLIS,true)); }",
            2,
            Compression::UNCOMPRESSED,
        ),
    );
    for (mode, text) in [
        (
            0,
            "id,name,when\n1,Ana,2026-05-01\n2,,NA\n3,\"a\nb\",2026-05-02 10:00\n",
        ),
        (0, "1;2;3\r\n4;5;6\r\n"),
        (0, "\u{feff}a|b\n007|true\n"),
        (1, "a\tb\n1\t2\n"),
        (3, "{\"a\": 1, \"b\": [1, {}]}\n{\"c\": null, \"a\": 1.5}\nno json\n"),
        (4, "{\"a\": {\"b\": [1, 2, \"\\\"x\"]}, \"c\": true}"),
        (4, "[\n 1,\n 2\n]\n"),
        (5, "line one\nline two\r\n\nlast"),
    ] {
        for rows in [2, 200] {
            seeds.add("preview_text", [&[mode, rows][..], text.as_bytes()].concat());
        }
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        seeds.add("preview_text", [&[mode, 3, 0xff, 0xfe][..], &wide].concat());
    }
    seeds.add("preview_text", b"\x05\x09caf\xe9 latin\n\x80uro\n");
    let view = View {
        shown: Shown::Binary(Binary {
            hex: "00000000  00".into(),
            about: Some("a ZIP archive".into()),
        }),
        format: "zip".into(),
        truncated: true,
        next_offset: Some(5),
        bytes_read: 5,
        file_bytes: 9,
        notes: Vec::new(),
    };
    let request = Request {
        name: "t.csv".into(),
        rows: 200,
        offset: Some(4),
    };
    for frame in [
        Frame::Show(request, 77),
        Frame::Bytes(b"abc".to_vec()),
        Frame::Ask {
            offset: 5,
            length: 1 << 20,
        },
        Frame::View(Box::new(view)),
        Frame::Failed("its decoder gave up".into()),
    ] {
        seeds.add("preview_frame", frame.to_bytes());
    }
}
