//! What a file is turned into: entries, whose fields have names of their own, and a list of what was left out.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_protocol::SecretText;
use holdfast_protocol::item::{Audience, Field, SecretType};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::host::host_of;
use crate::{MAX_ENTRIES, MAX_ENTRY};

/// The longest name of an entry, in bytes: short enough that a number can be put behind it.
const MAX_NAME: usize = 900;
/// The longest name of a field, in bytes.
const MAX_FIELD_NAME: usize = 200;
/// The most fields of one entry.
const MAX_FIELDS: usize = 1_000;

/// A secret to be. It has no `Debug`: there are values in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its type.
    pub secret_type: SecretType,
    /// Its name: not empty, without control characters.
    pub name: String,
    /// About it; never a value.
    pub note: String,
    /// Labels to find it by.
    pub tags: Vec<String>,
    /// Names, each once, and values.
    pub fields: Vec<Field>,
    /// Where it may be handed over.
    pub audience: Audience,
    /// When it stops working, milliseconds since 1970-01-01 UTC.
    pub expires_ms: Option<u64>,
}

/// Something in the file that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What, by name or line.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// What was read.
#[derive(Default)]
pub struct Import {
    /// In the order of the file.
    pub entries: Vec<Entry>,
    /// What is not taken, and why.
    pub skipped: Vec<Skipped>,
    /// Whether whoever has the file can read it.
    pub in_clear: bool,
}

impl Import {
    pub(crate) fn in_clear() -> Self {
        Self {
            in_clear: true,
            ..Self::default()
        }
    }

    pub(crate) fn skip(&mut self, what: impl Into<String>, reason: impl Into<String>) {
        self.skipped.push(Skipped {
            what: what.into(),
            reason: reason.into(),
        });
    }

    /// Takes a draft over, unless there is nothing in it or too much.
    pub(crate) fn take(&mut self, draft: Draft) -> Result<(), Error> {
        if self.entries.len() + self.skipped.len() >= MAX_ENTRIES {
            return Err(Error::TooMany);
        }
        let Draft {
            entry, bytes, crowded, ..
        } = draft;
        if entry.fields.is_empty() {
            self.skip(entry.name, "there is nothing in it");
        } else if crowded {
            self.skip(entry.name, format!("it has more than {MAX_FIELDS} fields"));
        } else if bytes > MAX_ENTRY {
            self.skip(entry.name, format!("it is larger than {} KiB", MAX_ENTRY >> 10));
        } else {
            self.entries.push(entry);
        }
        Ok(())
    }
}

/// An entry in the making.
pub(crate) struct Draft {
    entry: Entry,
    bytes: usize,
    crowded: bool,
    names: BTreeSet<String>,
    /// The next number for a name that is taken.
    numbers: BTreeMap<String, u32>,
}

impl Draft {
    pub(crate) fn new(secret_type: SecretType, name: &str) -> Self {
        let name = one_line(name, MAX_NAME);
        Self {
            entry: Entry {
                secret_type,
                name: if name.is_empty() { "Untitled".into() } else { name },
                note: String::new(),
                tags: Vec::new(),
                fields: Vec::new(),
                audience: Audience::default(),
                expires_ms: None,
            },
            bytes: 0,
            crowded: false,
            names: BTreeSet::new(),
            numbers: BTreeMap::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.entry.name
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entry.fields.is_empty()
    }

    pub(crate) fn set_type(&mut self, secret_type: SecretType) {
        self.entry.secret_type = secret_type;
    }

    /// A field; a name that is taken gets a number.
    pub(crate) fn field(&mut self, name: &str, value: SecretText) {
        if self.entry.fields.len() >= MAX_FIELDS {
            self.crowded = true;
            return;
        }
        let mut name = one_line(name, MAX_FIELD_NAME);
        if name.is_empty() {
            name = "field".into();
        }
        // Sets and a counter: a thousand fields of one name would be compared a million times.
        if self.names.contains(&name) {
            let next = self.numbers.entry(name.clone()).or_insert(2);
            let mut free = name.clone();
            while self.names.contains(&free) {
                free = format!("{name} {next}");
                *next += 1;
            }
            name = free;
        }
        self.names.insert(name.clone());
        self.bytes += name.len() + value.expose().len() + 16;
        self.entry.fields.push(Field { name, value });
    }

    /// A field, if there is something in it.
    pub(crate) fn field_if(&mut self, name: &str, value: Option<&SecretText>) {
        if let Some(value) = value.filter(|value| !value.expose().is_empty()) {
            self.field(name, value.clone());
        }
    }

    /// The value of a field that is there already is replaced; says whether it was there.
    pub(crate) fn set(&mut self, name: &str, value: SecretText) -> bool {
        self.bytes += value.expose().len();
        let there = self.names.contains(name);
        match self.entry.fields.iter_mut().find(|field| there && field.name == name) {
            Some(field) => {
                field.value = value;
                true
            }
            None => {
                self.field(name, value);
                false
            }
        }
    }

    /// An address: the first one says where the secret may be handed over.
    pub(crate) fn url(&mut self, url: Option<&SecretText>) {
        let Some(url) = url.filter(|url| !url.expose().trim().is_empty()) else {
            return;
        };
        if self.entry.audience.host.is_empty()
            && let Some(host) = host_of(url.expose())
        {
            self.entry.audience.host = host;
        }
        self.field("url", SecretText::new(Zeroizing::new(url.expose().trim().to_owned())));
    }

    pub(crate) fn account(&mut self, name: Option<&SecretText>) {
        if let Some(name) = name {
            self.entry.audience.account = one_line(name.expose(), MAX_NAME);
        }
    }

    pub(crate) fn audience(&mut self, audience: Audience) {
        self.bytes += audience.host.len() + audience.account.len() + audience.purpose.len();
        self.entry.audience = audience;
    }

    pub(crate) fn note(&mut self, note: &str) {
        note.clone_into(&mut self.entry.note);
        self.bytes += note.len();
    }

    pub(crate) fn tag(&mut self, tag: &str) {
        let tag = one_line(tag, MAX_FIELD_NAME);
        if !tag.is_empty() && !self.entry.tags.contains(&tag) && self.entry.tags.len() < 100 {
            self.bytes += tag.len();
            self.entry.tags.push(tag);
        }
    }

    pub(crate) fn expires(&mut self, ms: Option<u64>) {
        self.entry.expires_ms = ms;
    }
}

/// Text on one line, without control characters, and not longer than so many bytes.
fn one_line(text: &str, limit: usize) -> String {
    let clean: String = text
        .chars()
        .take(limit)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    let clean = clean.trim();
    let mut end = clean.len().min(limit);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    clean[..end].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> SecretText {
        SecretText::new(Zeroizing::new(text.into()))
    }

    #[test]
    fn names_are_one_line_and_never_empty() {
        assert_eq!(Draft::new(SecretType::Note, " a\nb\u{7}c ").name(), "a b c");
        assert_eq!(Draft::new(SecretType::Note, "\n\t").name(), "Untitled");
        let long = "é🔑".repeat(600);
        let name = Draft::new(SecretType::Note, &long).name().to_owned();
        assert!(name.len() <= MAX_NAME && long.starts_with(&name));
    }

    #[test]
    fn fields_have_names_of_their_own() {
        let mut draft = Draft::new(SecretType::Note, "x");
        for name in ["a", "a", "a", "", "a 2"] {
            draft.field(name, text("v"));
        }
        let names: Vec<_> = draft.entry.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["a", "a 2", "a 3", "field", "a 2 2"]);
    }

    #[test]
    fn too_much_and_nothing_are_left_out_and_said() {
        let mut import = Import::default();
        import.take(Draft::new(SecretType::Note, "empty")).unwrap();
        let mut draft = Draft::new(SecretType::Note, "large");
        draft.field("text", text(&"x".repeat(MAX_ENTRY)));
        import.take(draft).unwrap();
        let mut draft = Draft::new(SecretType::Note, "crowded");
        for number in 0..=MAX_FIELDS {
            draft.field(&number.to_string(), text("v"));
        }
        import.take(draft).unwrap();
        let names: Vec<_> = import.skipped.iter().map(|left| left.what.as_str()).collect();
        assert_eq!((import.entries.len(), names), (0, vec!["empty", "large", "crowded"]));
    }
}
