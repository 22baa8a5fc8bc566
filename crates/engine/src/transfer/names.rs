//! Names come from other people: which paths of a listing may be written on this computer, and which links.

use std::collections::HashSet;
use std::path::PathBuf;

use holdfast_protocol::manifest::{FileRecord, FileType};

use super::types::{Reason, Skipped};

/// No file system that we write to takes longer names.
const LONGEST: usize = 255;

/// Splits records into those that may be written and those that must not be.
pub(super) fn judge(records: Vec<FileRecord>) -> (Vec<FileRecord>, Vec<Skipped>) {
    let not_folders: HashSet<Vec<u8>> = records
        .iter()
        .filter(|record| record.kind != FileType::Directory)
        .map(|record| record.path.clone())
        .collect();
    let mut skipped = Vec::new();
    let accepted = records
        .into_iter()
        .filter(|record| match refusal(record, &not_folders) {
            Some(reason) => {
                skipped.push(Skipped {
                    path: record.path.clone(),
                    reason,
                });
                false
            }
            None => true,
        })
        .collect();
    (accepted, skipped)
}

fn refusal(record: &FileRecord, not_folders: &HashSet<Vec<u8>>) -> Option<Reason> {
    if !safe_path(&record.path) {
        return Some(Reason::UnsafeName);
    }
    let slashes = record.path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    if slashes
        .into_iter()
        .any(|(at, _)| not_folders.contains(&record.path[..at]))
    {
        return Some(Reason::NotInFolder);
    }
    match &record.target {
        Some(target) if !stays_inside(&record.path, target) => Some(Reason::LinkOutside),
        _ => None,
    }
}

/// Whether a path is relative, made of plain names, and one that this system stores as it is.
fn safe_path(path: &[u8]) -> bool {
    let first = path.split(|byte| *byte == b'/').next().unwrap_or_default();
    // Where a download is built.
    if first.eq_ignore_ascii_case(super::place::PARTIAL.as_bytes()) {
        return false;
    }
    path.split(|byte| *byte == b'/')
        .all(|name| plain_name(name) && (!cfg!(windows) || windows_name(name)))
        && path_of(path).is_some()
}

fn plain_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && name.len() <= LONGEST && !name.contains(&0)
}

/// Whether Windows takes a name for a file and for nothing else.
fn windows_name(name: &[u8]) -> bool {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    if name.ends_with(['.', ' ']) || name.chars().any(|c| c < ' ' || "<>:\"/\\|?*".contains(c)) {
        return false;
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_uppercase();
    let port = |prefix: &str| {
        let digit = stem
            .strip_prefix(prefix)
            .and_then(|rest| rest.chars().next().filter(|c| rest.len() == c.len_utf8()));
        digit.is_some_and(|c| c.is_ascii_digit() || "¹²³".contains(c))
    };
    !DEVICES.contains(&stem.as_str()) && !port("COM") && !port("LPT")
}

/// Whether a link can't lead out of the folder.
///
/// A link may climb with leading `..` only, and only as far as its own depth: its folders are real folders, so that much
/// is exact. A `..` further on could follow another link first, and the two together could leave.
pub(super) fn stays_inside(path: &[u8], target: &[u8]) -> bool {
    if target.is_empty() || target.starts_with(b"/") || target.contains(&0) {
        return false;
    }
    if cfg!(windows) && target.iter().any(|byte| matches!(byte, b'\\' | b':')) {
        return false;
    }
    let depth = path.iter().filter(|byte| **byte == b'/').count();
    let names: Vec<&[u8]> = target
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty() && *name != b".")
        .collect();
    let climbs = names.iter().take_while(|name| **name == b"..").count();
    climbs <= depth && !names[climbs..].contains(&&b".."[..])
}

/// A path of a listing as a path of this system.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "fails where names are not bytes")]
pub(super) fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

#[cfg(not(unix))]
pub(super) fn path_of(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

/// The folders above a path, outermost first.
pub(super) fn folders_above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'/')
        .map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths() {
        for good in [
            "a",
            "a/b/c",
            "..a",
            "a..",
            "...",
            "a b",
            "a\nb",
            "-rf",
            "CON\u{1F600}",
            "~",
            "$HOME",
        ] {
            assert!(safe_path(good.as_bytes()), "{good:?}");
        }
        for bad in [
            "",
            "/",
            ".holdfast-partial/x",
            "/etc/passwd",
            "//a",
            "a//b",
            "a/",
            ".",
            "..",
            "a/..",
            "../a",
            "a/../b",
            "a/./b",
            "./a",
            "a\0b",
        ] {
            assert!(!safe_path(bad.as_bytes()), "{bad:?}");
        }
        assert!(safe_path(&[b'x'; 255]) && !safe_path(&[b'x'; 256]));
    }

    #[test]
    fn windows_devices_are_no_files() {
        for bad in [
            "CON", "nul", "Aux.txt", "COM1", "lpt9.log", "COM¹", "CON .txt", "a:b", "a\\b", "a.", "a ", "\x07",
            "CONIN$",
        ] {
            assert!(!windows_name(bad.as_bytes()), "{bad:?}");
        }
        for good in ["CONSOLE", "COM", "COM10", "nul_", "a.b", ".a", "LPT", "ü"] {
            assert!(windows_name(good.as_bytes()), "{good:?}");
        }
        assert!(!windows_name(b"\xff"));
    }

    #[test]
    fn links_stay_inside() {
        for (path, target) in [
            ("l", "a"),
            ("l", "a/b"),
            ("l", "."),
            ("d/l", ".."),
            ("d/l", "../x"),
            ("d/e/l", "../../x"),
            ("l", "..a"),
        ] {
            assert!(stays_inside(path.as_bytes(), target.as_bytes()), "{path} -> {target}");
        }
        for (path, target) in [
            ("l", ""),
            ("l", "/"),
            ("l", "/etc"),
            ("l", ".."),
            ("l", "../x"),
            ("d/l", "../.."),
            ("d/l", "x/../../.."),
            // Through another link that climbs: "d/up" -> "..", then "d/up/.." is above the folder.
            ("m", "d/up/.."),
            ("l", "a/.."),
            ("l", "./.."),
            ("l", "a\0"),
        ] {
            assert!(!stays_inside(path.as_bytes(), target.as_bytes()), "{path} -> {target}");
        }
    }
}
