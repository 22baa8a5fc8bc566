//! Files without readable content: their first bytes, and what such files usually are.

use std::fmt::Write as _;
use std::io;

use crate::limits::HEX;
use crate::show::Page;
use crate::source::Source;
use crate::view::{Binary, Note, Shown};

/// Where it stands, which bytes, a short name, and what it is.
const KNOWN: [(usize, &[u8], &str, &str); 19] = [
    (0, b"PK\x03\x04", "zip", "a ZIP archive (also .docx, .xlsx, .npz, .pt)"),
    (0, b"\x1f\x8b", "gzip", "compressed with gzip"),
    (0, b"\x28\xb5\x2f\xfd", "zstd", "compressed with Zstandard"),
    (0, b"BZh", "bzip2", "compressed with bzip2"),
    (0, b"\xfd7zXZ\0", "xz", "compressed with xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z", "a 7-Zip archive"),
    (257, b"ustar", "tar", "a tar archive"),
    (0, b"%PDF-", "pdf", "a PDF document"),
    (0, b"\x93NUMPY", "npy", "a NumPy array"),
    (0, b"\x89HDF\r\n\x1a\n", "hdf5", "an HDF5 file"),
    (0, b"SQLite format 3\0", "sqlite", "an SQLite database"),
    (0, b"GGUF", "gguf", "a GGUF model"),
    (0, b"ARROW1", "arrow", "an Arrow file"),
    (0, b"\x7fELF", "elf", "a program for Linux"),
    (0, b"MZ", "exe", "a program for Windows"),
    (0, b"II*\0", "tiff", "a TIFF picture"),
    (0, b"MM\0*", "tiff", "a TIFF picture"),
    (128, b"DICM", "dicom", "a DICOM picture"),
    (0, b"\x80", "pickle", "a Python pickle"),
];

/// Shows bytes.
pub(crate) fn show(source: &Source, head: &[u8], offset: Option<u64>, mut notes: Vec<Note>) -> io::Result<Page> {
    let start = offset.unwrap_or(0).min(source.size);
    let bytes = source.bytes(start, HEX)?;
    let found = KNOWN.iter().find(|(at, magic, name, _)| {
        let fits = head.get(*at..).is_some_and(|rest| rest.starts_with(magic));
        // One byte alone says little: the protocol's number follows.
        fits && (*name != "pickle" || head.get(1).is_some_and(|version| (2..=5).contains(version)))
    });
    let format = found.map_or("unknown", |(_, _, name, _)| *name);
    if format == "pickle" {
        notes.push(Note::RunsCode);
    }
    let next = start + bytes.len() as u64;
    let truncated = next < source.size;
    Ok(Page {
        shown: Shown::Binary(Binary {
            hex: hex(start, &bytes),
            about: found.map(|(_, _, _, about)| (*about).to_owned()),
        }),
        format,
        truncated,
        next: truncated.then_some(next),
        notes,
    })
}

fn hex(start: u64, bytes: &[u8]) -> String {
    let mut out = String::new();
    for (number, line) in bytes.chunks(16).enumerate() {
        // Writing to a string has no way to fail.
        let _ = write!(out, "{:08x} ", start + 16 * number as u64);
        for at in 0..16 {
            let gap = if at == 8 { " " } else { "" };
            let _ = match line.get(at) {
                Some(byte) => write!(out, "{gap} {byte:02x}"),
                None => write!(out, "{gap}   "),
            };
        }
        let shown = |byte: &u8| {
            if matches!(byte, b' '..=b'~') {
                char::from(*byte)
            } else {
                '.'
            }
        };
        let _ = writeln!(out, "  {}", line.iter().map(shown).collect::<String>());
    }
    out
}
