//! Reading a file and looking at what came out.

use std::io::{Cursor, Write};

use holdfast_import::{Entry, Error, Import, Source, read};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

#[track_caller]
pub(crate) fn import(source: Source, bytes: impl AsRef<[u8]>) -> Import {
    match read(source, bytes.as_ref(), "file", None) {
        Ok(import) => import,
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
pub(crate) fn refused(source: Source, bytes: impl AsRef<[u8]>) -> Error {
    match read(source, bytes.as_ref(), "file", None) {
        Ok(import) => panic!("{} entries were read", import.entries.len()),
        Err(error) => error,
    }
}

#[track_caller]
pub(crate) fn entry<'i>(import: &'i Import, name: &str) -> &'i Entry {
    let names: Vec<_> = import.entries.iter().map(|entry| entry.name.as_str()).collect();
    let found = import.entries.iter().find(|entry| entry.name == name);
    found.unwrap_or_else(|| panic!("no {name} among {names:?}"))
}

pub(crate) fn fields(entry: &Entry) -> Vec<(&str, &str)> {
    entry
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.value.expose()))
        .collect()
}

/// What was left out: name and reason.
pub(crate) fn left_out(import: &Import) -> Vec<(&str, &str)> {
    import
        .skipped
        .iter()
        .map(|left| (left.what.as_str(), left.reason.as_str()))
        .collect()
}

pub(crate) fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
