//! How things are named on the command line: `PROJECT`, `PROJECT/ITEM`, `PROJECT/ITEM@VERSION`.
//!
//! Names are people's own and may hold anything, slashes and at signs too. So only the first slash splits, and an at sign
//! only when what follows looks like a version. Ids work wherever names do; they hold neither.

use std::str::FromStr;

/// `PROJECT/ITEM`, with `@VERSION` where it makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ItemName {
    pub(crate) project: String,
    pub(crate) item: String,
    pub(crate) version: Option<String>,
}

impl FromStr for ItemName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (project, item) = split(text).ok_or("expected PROJECT/ITEM, for example \"Brain scans/Scans\"")?;
        let (item, version) = match item.rsplit_once('@') {
            Some((item, version)) if !item.is_empty() && is_version(version) => (item, Some(version.to_owned())),
            _ => (item, None),
        };
        Ok(Self {
            project: project.to_owned(),
            item: item.to_owned(),
            version,
        })
    }
}

/// Splits `PROJECT/ITEM` at its first slash.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    text.split_once('/')
        .filter(|(project, item)| !project.is_empty() && !item.is_empty())
}

/// A number, `v` and a number, or an id.
fn is_version(text: &str) -> bool {
    let number = text.strip_prefix('v').unwrap_or(text);
    let is_number = !number.is_empty() && number.len() <= 9 && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_id = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_number || is_id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(String, String, Option<String>)> {
        text.parse::<ItemName>()
            .ok()
            .map(|name| (name.project, name.item, name.version))
    }

    #[track_caller]
    fn reads(text: &str, project: &str, item: &str, version: Option<&str>) {
        assert_eq!(
            parts(text),
            Some((project.into(), item.into(), version.map(str::to_owned))),
            "{text}"
        );
    }

    #[test]
    fn names_and_versions_are_split() {
        reads("Scans/Set", "Scans", "Set", None);
        reads("Scans/Set@3", "Scans", "Set", Some("3"));
        reads("Scans/Set@v3", "Scans", "Set", Some("v3"));
        let id = "0123456789abcdef0123456789abcdef";
        reads(&format!("{id}/{id}@{id}"), id, id, Some(id));
    }

    #[test]
    fn names_may_hold_slashes_at_signs_and_backslashes() {
        reads("Scans/2026/May@7", "Scans", "2026/May", Some("7"));
        reads("Scans/ana@example.org", "Scans", "ana@example.org", None);
        reads("Scans/ana@example.org@2", "Scans", "ana@example.org", Some("2"));
        reads("Scans/set@", "Scans", "set@", None);
        reads("Scans/set@v", "Scans", "set@v", None);
        reads("Scans/set@version", "Scans", "set@version", None);
        reads("Scans/@3", "Scans", "@3", None);
        reads(r"Scans\/x", r"Scans\", "x", None);
        reads("Köln 1/Übung @ home", "Köln 1", "Übung @ home", None);
        // 31 and 33 characters, and capitals, are names.
        reads(
            "P/s@0123456789abcdef0123456789abcde",
            "P",
            "s@0123456789abcdef0123456789abcde",
            None,
        );
        reads(
            "P/s@0123456789ABCDEF0123456789ABCDEF",
            "P",
            "s@0123456789ABCDEF0123456789ABCDEF",
            None,
        );
    }

    #[test]
    fn both_parts_must_be_there() {
        for text in ["", "Scans", "/Set", "Scans/", "/"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
