//! JSON-lines as a table, and JSON as text that can be read.

use std::fmt;
use std::io;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::columns::{Builder, Cell};
use crate::limits::{LINE, PAGE, TEXT_PAGE};
use crate::show::{Page, Request};
use crate::text::{self, Source};
use crate::view::{ColumnType, Note, Shown, Text};

/// Indents deeper than this are not drawn.
const DEPTH: usize = 24;

/// The members of an object in the order in which they stand, values as they are written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// What a value is, and as which text it is shown.
fn cell(raw: &str) -> (ColumnType, String) {
    let kind = match raw.as_bytes().first() {
        Some(b'"') => {
            let text = serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned());
            return (ColumnType::Text, text);
        }
        Some(b't' | b'f') => ColumnType::Boolean,
        Some(b'{' | b'[') => ColumnType::Nested,
        _ if raw.contains(['.', 'e', 'E']) => ColumnType::Number,
        _ => ColumnType::Integer,
    };
    (kind, raw.to_owned())
}

/// Puts a line into the table; `false` when it is no JSON.
fn add(builder: &mut Builder, line: &str) -> bool {
    let members = match serde_json::from_str::<Members<'_>>(line) {
        Ok(members) => members.0,
        Err(_) => match serde_json::from_str::<&RawValue>(line) {
            Ok(value) => vec![("value".to_owned(), value)],
            Err(_) => return false,
        },
    };
    let mut row: Vec<Option<(ColumnType, String)>> = Vec::new();
    for (name, raw) in members {
        let Some(index) = builder.index(&name) else { continue };
        if row.len() <= index {
            row.resize(index + 1, None);
        }
        row[index] = (raw.get() != "null").then(|| cell(raw.get()));
    }
    let cells = row.iter().map(|cell| match cell {
        Some((kind, text)) => Cell::Known(*kind, text),
        None => Cell::Null,
    });
    builder.row(cells);
    true
}

/// Shows JSON-lines.
pub(crate) fn lines(text: &Source<'_>, request: &Request) -> io::Result<Page> {
    let mut stretch = text.stretch(request.offset, PAGE);
    let utf8 = loop {
        stretch.grow()?;
        let utf8 = text.utf8(&stretch);
        if utf8.iter().filter(|byte| **byte == b'\n').count() >= request.rows || stretch.is_full() {
            break utf8;
        }
    };
    let mut builder = Builder::default();
    let (mut used, mut strange) = (0, 0);
    while used < utf8.len() && builder.len() < request.rows && !builder.is_full() {
        let rest = &utf8[used..];
        let length = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if stretch.is_last() => rest.len(),
            None => break,
        };
        used += length;
        let line = String::from_utf8_lossy(&rest[..length]);
        if !line.trim().is_empty() && !add(&mut builder, line.trim()) {
            strange += 1;
        }
    }
    // Not what its name says, or a line that is longer than a page.
    if builder.len() == 0 && (strange > 0 || used == 0) && !utf8.is_empty() {
        let mut page = text::show(text, request, "jsonl")?;
        page.notes.push(Note::NotDecoded);
        return Ok(page);
    }
    let rows = builder.len() as u64;
    let (mut table, mut notes) = builder.finish();
    if strange > 0 {
        notes.push(Note::LinesLeftOut);
    }
    let next = stretch.start + text.encoding.len_of(&utf8[..used]);
    let truncated = next < text.source.size;
    table.rows_total = (stretch.start <= text.start && !truncated).then_some(rows);
    table.encoding = Some(text.encoding.name().to_owned());
    Ok(Page {
        shown: Shown::Table(table),
        format: "jsonl",
        truncated,
        next: (truncated && used > 0).then_some(next),
        notes,
    })
}

/// Shows JSON: as a table if each line is a record, with line breaks put in if it has none, else as it is.
pub(crate) fn show(text: &Source<'_>, request: &Request) -> io::Result<Page> {
    let head = String::from_utf8_lossy(text.head);
    let mut first = head.lines().filter(|line| !line.trim().is_empty());
    let is_record = |line: Option<&str>| line.is_some_and(|line| serde_json::from_str::<Members<'_>>(line).is_ok());
    if is_record(first.next()) && is_record(first.next()) {
        return lines(text, request);
    }
    let has_long_lines = head.lines().next().is_some_and(|line| line.len() > LINE / 20) && head.lines().count() < 3;
    if !has_long_lines || request.offset.is_some() {
        return text::show(text, request, "json");
    }
    let mut stretch = text.stretch(None, TEXT_PAGE);
    stretch.grow()?;
    let utf8 = text.utf8(&stretch);
    let (indented, all) = indent(&String::from_utf8_lossy(&utf8), request.rows);
    let mut notes = Vec::new();
    let lines: Vec<String> = indented.lines().map(|line| text::shorten(line, &mut notes)).collect();
    Ok(Page {
        shown: Shown::Text(Text {
            lines: lines.len() as u64,
            text: lines.join("\n"),
            encoding: text.encoding.name().to_owned(),
            indented: true,
        }),
        format: "json",
        truncated: !all || !stretch.is_last(),
        next: None,
        notes,
    })
}

/// Breaks JSON into lines, at most `most` of them, and says whether that was all. Values stay as they are written, and
/// nothing has to be whole: this reads on through whatever comes.
fn indent(json: &str, most: usize) -> (String, bool) {
    let (mut out, mut depth, mut lines) = (String::new(), 0usize, 1);
    let (mut in_text, mut escaped) = (false, false);
    let break_line = |out: &mut String, depth: usize, lines: &mut usize| {
        *lines += 1;
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth.min(DEPTH)));
    };
    let mut rest = json.char_indices().peekable();
    while let Some((_, character)) = rest.next() {
        if in_text {
            out.push(character);
            (in_text, escaped) = (escaped || character != '"', !escaped && character == '\\');
            continue;
        }
        let next = rest.peek().map(|(_, next)| *next);
        match character {
            '"' => {
                in_text = true;
                out.push('"');
            }
            '{' | '[' => {
                out.push(character);
                depth += 1;
                if !matches!(next, Some('}' | ']')) {
                    break_line(&mut out, depth, &mut lines);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !out.ends_with(['{', '[']) {
                    break_line(&mut out, depth, &mut lines);
                }
                out.push(character);
            }
            ',' => {
                out.push(',');
                break_line(&mut out, depth, &mut lines);
            }
            ':' => out.push_str(": "),
            space if space.is_whitespace() => {}
            other => out.push(other),
        }
        if lines > most {
            out.truncate(out.trim_end().len());
            return (out, false);
        }
    }
    (out, true)
}
