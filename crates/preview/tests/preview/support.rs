//! Files in memory, and what is shown of them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use holdfast_preview::{Binary, Image, ReadAt, Request, Shown, Table, Text, View, show};

pub(crate) fn page(name: &str, bytes: &[u8], rows: usize, offset: Option<u64>) -> View {
    let request = Request {
        name: name.into(),
        rows,
        offset,
    };
    let view = show(Box::new(bytes.to_vec()), &request).unwrap();
    let json = serde_json::to_string(&view).unwrap();
    assert!(json.len() < 8 << 20, "an answer of {} bytes", json.len());
    assert_eq!(
        serde_json::from_str::<View>(&json).unwrap(),
        view,
        "it survives the way to the shell"
    );
    assert_eq!(view.file_bytes, bytes.len() as u64);
    view
}

pub(crate) fn view(name: &str, bytes: &[u8]) -> View {
    page(name, bytes, 200, None)
}

pub(crate) trait As {
    fn table(&self) -> &Table;
    fn text(&self) -> &Text;
    fn image(&self) -> &Image;
    fn binary(&self) -> &Binary;
}

impl As for View {
    fn table(&self) -> &Table {
        match &self.shown {
            Shown::Table(table) => table,
            other => panic!("not a table: {other:?}"),
        }
    }

    fn text(&self) -> &Text {
        match &self.shown {
            Shown::Text(text) => text,
            other => panic!("not text: {other:?}"),
        }
    }

    fn image(&self) -> &Image {
        match &self.shown {
            Shown::Image(image) => image,
            other => panic!("not a picture: {other:?}"),
        }
    }

    fn binary(&self) -> &Binary {
        match &self.shown {
            Shown::Binary(binary) => binary,
            other => panic!("not bytes: {other:?}"),
        }
    }
}

/// The cells of a row, `~` for none.
pub(crate) fn row(table: &Table, number: usize) -> Vec<&str> {
    table.rows[number]
        .iter()
        .map(|cell| cell.as_deref().unwrap_or("~"))
        .collect()
}

pub(crate) fn names(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|column| column.name.as_str()).collect()
}

/// A file that goes on without end, made as it is read.
pub(crate) struct Endless {
    pub(crate) size: u64,
    pub(crate) read: Arc<AtomicU64>,
    pub(crate) byte: fn(u64) -> u8,
}

impl ReadAt for Endless {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.read.fetch_add(length as u64, SeqCst);
        let end = self.size.min(offset + length as u64);
        Ok((offset..end).map(self.byte).collect())
    }
}

/// What is shown of such a file, and how much of it was read.
pub(crate) fn endless(name: &str, size: u64, offset: Option<u64>, byte: fn(u64) -> u8) -> (View, u64) {
    let read = Arc::new(AtomicU64::new(0));
    let file = Endless {
        size,
        read: read.clone(),
        byte,
    };
    let request = Request {
        name: name.into(),
        rows: 200,
        offset,
    };
    let view = show(Box::new(file), &request).unwrap();
    assert!(serde_json::to_string(&view).unwrap().len() < 8 << 20);
    (view, read.load(SeqCst))
}
