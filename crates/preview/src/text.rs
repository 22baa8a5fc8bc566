//! Text, line by line.

use std::io;

use crate::encoding::{Encoding, cut};
use crate::limits::{LINE, TEXT_PAGE};
use crate::show::{Page, Request};
use crate::source::Stretch;
use crate::view::{Note, Shown, Text};

/// A file of which it is known that it is text.
pub(crate) struct Source<'a> {
    pub(crate) source: &'a crate::source::Source,
    pub(crate) encoding: Encoding,
    /// Where it begins: behind its mark.
    pub(crate) start: u64,
    /// Its first bytes.
    pub(crate) head: &'a [u8],
}

impl Source<'_> {
    /// The stretch that a page begins with.
    pub(crate) fn stretch(&self, offset: Option<u64>, most: usize) -> Stretch<'_> {
        let mut start = offset.unwrap_or(0).max(self.start);
        if matches!(self.encoding, Encoding::Utf16Le | Encoding::Utf16Be) {
            start -= start % 2;
        }
        Stretch::new(self.source, start, most)
    }

    /// What a stretch holds, as UTF-8.
    pub(crate) fn utf8(&self, stretch: &Stretch<'_>) -> Vec<u8> {
        self.encoding.to_utf8(&stretch.bytes, stretch.is_last())
    }
}

/// Shows lines.
pub(crate) fn show(text: &Source<'_>, request: &Request, format: &'static str) -> io::Result<Page> {
    let mut stretch = text.stretch(request.offset, TEXT_PAGE);
    let utf8 = loop {
        stretch.grow()?;
        let utf8 = text.utf8(&stretch);
        let lines = utf8.iter().filter(|byte| **byte == b'\n').count();
        if lines >= request.rows || stretch.is_full() {
            break utf8;
        }
    };
    // Whole lines, unless there is not a single one; of the last page all that is there.
    let ends = utf8
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at + 1);
    let ends: Vec<usize> = ends.take(request.rows).collect();
    let end = match ends.last() {
        Some(end) if ends.len() >= request.rows || !stretch.is_last() => *end,
        _ => utf8.len(),
    };
    let shown = String::from_utf8_lossy(&utf8[..end]);
    let mut notes = Vec::new();
    let lines: Vec<String> = shown.lines().map(|line| shorten(line, &mut notes)).collect();
    let next = stretch.start + text.encoding.len_of(&utf8[..end]);
    let truncated = next < text.source.size;
    Ok(Page {
        shown: Shown::Text(Text {
            lines: lines.len() as u64,
            text: lines.join("\n"),
            encoding: text.encoding.name().to_owned(),
            indented: false,
        }),
        format,
        truncated,
        next: (truncated && next > stretch.start).then_some(next),
        notes,
    })
}

/// A line as it is shown.
pub(crate) fn shorten(line: &str, notes: &mut Vec<Note>) -> String {
    match cut(line, LINE) {
        (shown, true) => {
            if !notes.contains(&Note::LinesCut) {
                notes.push(Note::LinesCut);
            }
            format!("{shown}\u{2026}")
        }
        (shown, false) => shown.to_owned(),
    }
}
