//! Two results of one build, byte for byte; and where they part.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{output_of, which};

/// So many stretches are shown.
const SHOWN: usize = 5;
/// Differences that lie closer than this are one stretch.
const GAP: usize = 64;

/// What of two files differs, one line each; nothing when they are equal.
pub(crate) fn files(one: &Path, other: &Path) -> Result<Vec<String>> {
    let read = |file: &Path| fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    let (left, right) = (read(one)?, read(other)?);
    if left == right {
        return Ok(Vec::new());
    }
    let sections = sections(one);
    let stretches = stretches(&left, &right);
    let mut lines = vec![format!(
        "{} and {} bytes, {} stretches differ",
        left.len(),
        right.len(),
        stretches.len()
    )];
    for (start, end) in stretches.iter().take(SHOWN) {
        let section = section_of(&sections, *start).unwrap_or("no section");
        lines.push(format!("{start:#x}, {} bytes, {section}", end - start));
        lines.push(format!("  {}", shown(&left, *start)));
        lines.push(format!("  {}", shown(&right, *start)));
    }
    Ok(lines)
}

/// What of two folders differs: files that only one has, or that are not the same.
pub(crate) fn folders(one: &Path, other: &Path) -> Result<Vec<String>> {
    let (left, right) = (names(one)?, names(other)?);
    let mut lines: Vec<String> = left
        .symmetric_difference(&right)
        .map(|name| format!("{} is in one only", name.display()))
        .collect();
    for name in left.intersection(&right) {
        for line in files(&one.join(name), &other.join(name))? {
            lines.push(format!("{}: {line}", name.display()));
        }
    }
    Ok(lines)
}

/// The files below a folder, by their paths in it.
pub(crate) fn names(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut names = BTreeSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        let place = folder.join(&inner);
        let entries = fs::read_dir(&place).with_context(|| format!("cannot read {}", place.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = inner.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                open.push(name);
            } else {
                names.insert(name);
            }
        }
    }
    Ok(names)
}

/// Where the two differ: `(start, end)`. What one has more counts.
fn stretches(left: &[u8], right: &[u8]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    let mut add = |start: usize, end: usize| match found.last_mut() {
        Some(last) if start < last.1 + GAP => last.1 = end,
        _ => found.push((start, end)),
    };
    for (place, (one, other)) in left.iter().zip(right).enumerate() {
        if one != other {
            add(place, place + 1);
        }
    }
    if left.len() != right.len() {
        add(left.len().min(right.len()), left.len().max(right.len()));
    }
    found
}

/// Some bytes from there on, as hexadecimal digits and as text.
fn shown(bytes: &[u8], start: usize) -> String {
    let part = &bytes[start.min(bytes.len())..bytes.len().min(start + 24)];
    let digits: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = part
        .iter()
        .map(|byte| {
            if byte.is_ascii_graphic() {
                char::from(*byte)
            } else {
                '.'
            }
        })
        .collect();
    format!("{digits:<48} {text}")
}

/// Name, start and length of the sections of an ELF file, as far as `readelf` is there to say.
fn sections(file: &Path) -> Vec<(String, usize, usize)> {
    if which("readelf").is_none() {
        return Vec::new();
    }
    let said = output_of(Command::new("readelf").args(["--section-headers", "--wide"]).arg(file));
    said.unwrap_or_default().lines().filter_map(read_section).collect()
}

/// `  [16] .rodata  PROGBITS  0000000000123000 123000 0a1b2c 00  A 0 0 64`
fn read_section(line: &str) -> Option<(String, usize, usize)> {
    let (_, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| usize::from_str_radix(words.get(index)?, 16).ok();
    Some(((*words.first()?).to_owned(), number(3)?, number(4)?))
}

fn section_of(sections: &[(String, usize, usize)], place: usize) -> Option<&str> {
    sections
        .iter()
        .find(|(_, start, length)| (*start..start + length).contains(&place))
        .map(|(name, _, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_differences_are_one_stretch_and_a_tail_counts() {
        let left = vec![0; 400];
        let mut right = left.clone();
        assert!(stretches(&left, &right).is_empty());
        right[10] = 1;
        right[20] = 1;
        right[300] = 1;
        assert_eq!(stretches(&left, &right), [(10, 21), (300, 301)]);
        right.resize(500, 0);
        assert_eq!(stretches(&left, &right), [(10, 21), (300, 301), (400, 500)]);
    }

    #[test]
    fn reads_what_readelf_prints() {
        let line = "  [16] .rodata           PROGBITS        0000000000123000 123000 000a1b 00   A  0   0 64";
        let section = read_section(line).unwrap();
        assert_eq!(section, (".rodata".to_owned(), 0x12_3000, 0xa1b));
        assert_eq!(section_of(&[section], 0x12_3001), Some(".rodata"));
        assert_eq!(
            read_section("  [Nr] Name              Type            Address          Off"),
            None
        );
    }

    #[test]
    fn folders_that_differ_are_told_by_file() {
        let room = std::env::temp_dir().join(format!("holdfast-compare-{}", std::process::id()));
        let (one, other) = (room.join("one"), room.join("other"));
        for (folder, text) in [(&one, "same"), (&other, "sama")] {
            fs::create_dir_all(folder.join("in")).unwrap();
            fs::write(folder.join("in/a"), text).unwrap();
        }
        fs::write(other.join("b"), "").unwrap();
        let lines = folders(&one, &other).unwrap();
        assert_eq!(lines[0], "b is in one only");
        assert_eq!(lines[1], "in/a: 4 and 4 bytes, 1 stretches differ");
        assert!(folders(&one, &one).unwrap().is_empty());
        fs::remove_dir_all(room).unwrap();
    }
}
