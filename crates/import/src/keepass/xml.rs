//! The XML of a `KeePass` database: groups of entries, which hold named strings.
//!
//! Inside KDBX, values marked `Protected` are enciphered by one stream that runs through the document: each of them has to be
//! deciphered in its turn, old versions and attachments too, or all that follow come out wrong.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use holdfast_protocol::SecretText;
use holdfast_protocol::item::SecretType;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::THIS;
use super::kdbx::Stream;
use crate::entry::{Draft, Import};
use crate::error::Error;
use crate::text;

/// How deep groups may lie in groups.
const MAX_DEPTH: usize = 100;
/// Seconds from the year 1, where KDBX 4 begins to count, to 1970.
const FROM_YEAR_ONE: i64 = 62_135_596_800;

pub(super) fn read(xml: &str, import: Import, stream: Option<Stream>) -> Result<Import, Error> {
    let mut walk = Walk {
        import,
        stream,
        path: Vec::new(),
        text: Zeroizing::new(String::with_capacity(4096)),
        protected: false,
        groups: Vec::new(),
        bin: String::new(),
        entry: None,
        key: String::new(),
        value: None,
    };
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    loop {
        let at = reader.buffer_position();
        let broken = |why: &str| {
            let upto = usize::try_from(at).unwrap_or(usize::MAX).min(xml.len());
            let line = xml.as_bytes()[..upto].split(|byte| *byte == b'\n').count();
            Error::not_this(THIS, format!("line {line}: {why}"))
        };
        match reader.read_event().map_err(|_| broken("this is not XML"))? {
            Event::Start(start) => walk.start(&start).map_err(|why| broken(&why))?,
            Event::Empty(start) => {
                walk.start(&start).map_err(|why| broken(&why))?;
                walk.end().map_err(|why| broken(&why))??;
            }
            Event::End(_) => walk.end().map_err(|why| broken(&why))??,
            Event::Text(text) => walk.text.push_str(&text.xml10_content()),
            Event::CData(text) => walk.text.push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref() {
                    Ok(Some(character)) => Some(character),
                    // The five that XML has by itself; there are no others without a DTD.
                    Ok(None) => match &*reference.xml10_content() {
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "amp" => Some('&'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => None,
                    },
                    Err(_) => None,
                };
                walk.text.push(character.ok_or_else(|| broken("an unknown entity"))?);
            }
            // Entities that contain each other are a way to fill memory, and KeePass writes none.
            Event::DocType(_) => return Err(broken("a document type is not allowed")),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if !walk.path.is_empty() {
        return Err(Error::not_this(THIS, "the file ends too early"));
    }
    Ok(walk.import)
}

struct Group {
    id: String,
    name: String,
}

/// An entry on the way.
#[derive(Default)]
struct Open {
    strings: Vec<(String, SecretText)>,
    expires: bool,
    expiry_ms: Option<u64>,
    tags: String,
    attachments: usize,
}

struct Walk {
    import: Import,
    stream: Option<Stream>,
    path: Vec<String>,
    text: Zeroizing<String>,
    protected: bool,
    groups: Vec<Group>,
    /// Id of the group that is the trash.
    bin: String,
    entry: Option<Open>,
    key: String,
    value: Option<SecretText>,
}

impl Walk {
    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        let name = start.name();
        let name = name.as_ref().to_owned();
        let root_is_right = !self.path.is_empty() || name == "KeePassFile";
        if !root_is_right {
            return Err("the document is not a KeePassFile".into());
        }
        if self.path.len() >= 2 * MAX_DEPTH {
            return Err("groups lie too deep in each other".into());
        }
        self.protected = false;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| "an attribute is not XML")?;
            self.protected |= attribute.key.as_ref() == "Protected" && attribute.value.eq_ignore_ascii_case("True");
        }
        self.text.clear();
        let in_history = self.in_history();
        match name.as_str() {
            "Group" => self.groups.push(Group {
                id: String::new(),
                name: String::new(),
            }),
            "Entry" if !in_history => self.entry = Some(Open::default()),
            "String" => {
                self.key.clear();
                self.value = None;
            }
            _ => {}
        }
        self.path.push(name);
        Ok(())
    }

    fn in_history(&self) -> bool {
        self.path.iter().any(|name| name == "History")
    }

    fn end(&mut self) -> Result<Result<(), Error>, String> {
        let name = self.path.pop().ok_or("an element ends that never began")?;
        let mut text = std::mem::replace(&mut self.text, Zeroizing::new(String::with_capacity(4096)));
        if std::mem::take(&mut self.protected)
            && let Some(stream) = &mut self.stream
        {
            text = decipher(&text, stream)?;
        }
        if self.in_history() || name == "History" {
            return Ok(Ok(()));
        }
        let parent = self.path.last().map_or("", String::as_str);
        match (parent, name.as_str()) {
            ("Meta", "RecycleBinUUID") => text.trim().clone_into(&mut self.bin),
            ("Group", "UUID") => self.with_group(|group| text.trim().clone_into(&mut group.id)),
            ("Group", "Name") => self.with_group(|group| group.name.clone_from(&text)),
            ("String", "Key") => self.key.clone_from(&text),
            ("String", "Value") => self.value = Some(text::secret(&text)),
            ("Entry", "String") => {
                let (key, value) = (std::mem::take(&mut self.key), self.value.take());
                if let (Some(entry), Some(value)) = (&mut self.entry, value) {
                    entry.strings.push((key, value));
                }
            }
            ("Entry", "Tags") => self.with_entry(|entry| entry.tags.clone_from(&text)),
            ("Entry", "Binary") => self.with_entry(|entry| entry.attachments += 1),
            ("Times", "Expires") => self.with_entry(|entry| entry.expires = text.trim().eq_ignore_ascii_case("true")),
            ("Times", "ExpiryTime") => self.with_entry(|entry| entry.expiry_ms = moment(text.trim())),
            (_, "Entry") => {
                if let Some(entry) = self.entry.take() {
                    return Ok(self.take(entry));
                }
            }
            (_, "Group") => {
                self.groups.pop();
            }
            _ => {}
        }
        Ok(Ok(()))
    }

    fn with_group(&mut self, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.last_mut() {
            change(group);
        }
    }

    fn with_entry(&mut self, change: impl FnOnce(&mut Open)) {
        if let Some(entry) = &mut self.entry {
            change(entry);
        }
    }

    fn take(&mut self, entry: Open) -> Result<(), Error> {
        let of = |name: &str| {
            entry
                .strings
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        let title = of("Title").map(SecretText::expose).unwrap_or_default();
        if !self.bin.is_empty() && self.groups.iter().any(|group| group.id == self.bin) {
            self.import.skip(title, "it is in the recycle bin of KeePass");
            return Ok(());
        }
        let mut draft = Draft::new(SecretType::Credentials, title);
        // The outermost group is the database itself.
        let folder: Vec<&str> = self.groups.iter().skip(1).map(|group| group.name.as_str()).collect();
        draft.tag(&folder.join("/"));
        for tag in entry.tags.split([';', ',']) {
            draft.tag(tag);
        }
        draft.field_if("username", of("UserName"));
        draft.account(of("UserName").filter(|name| !name.expose().is_empty()));
        draft.field_if("password", of("Password"));
        draft.url(of("URL"));
        for (key, value) in &entry.strings {
            match key.as_str() {
                "Title" | "UserName" | "Password" | "URL" | "Notes" => {}
                "otp" => draft.field_if("totp", Some(value)),
                _ => draft.field(key, value.clone()),
            }
        }
        let only_notes = draft.is_empty();
        if only_notes {
            draft.set_type(SecretType::Note);
        }
        draft.field_if(if only_notes { "text" } else { "notes" }, of("Notes"));
        draft.expires(entry.expiry_ms.filter(|_| entry.expires));
        if entry.attachments > 0 {
            self.import.skip(draft.name(), "its attachments are not imported");
        }
        self.import.take(draft)
    }
}

fn decipher(text: &str, stream: &mut Stream) -> Result<Zeroizing<String>, String> {
    // Base64 may be broken into lines.
    let packed: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let mut bytes = Zeroizing::new(
        STANDARD
            .decode(packed.as_bytes())
            .map_err(|_| "a protected value is not Base64")?,
    );
    stream.apply(&mut bytes);
    let text = str::from_utf8(&bytes).unwrap_or_default();
    Ok(Zeroizing::new(text.to_owned()))
}

/// A time as XML exports write it, or as KDBX 4 does: milliseconds since 1970.
fn moment(text: &str) -> Option<u64> {
    let seconds = match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(time) => time.unix_timestamp(),
        Err(_) => {
            let bytes: [u8; 8] = STANDARD.decode(text).ok()?.try_into().ok()?;
            i64::from_le_bytes(bytes).checked_sub(FROM_YEAR_ONE)?
        }
    };
    u64::try_from(seconds).ok()?.checked_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_time_are_read() {
        assert_eq!(moment("2026-11-23T00:25:45Z"), Some(1_795_393_545_000));
        let packed = STANDARD.encode((1_795_393_545_i64 + FROM_YEAR_ONE).to_le_bytes());
        assert_eq!(moment(&packed), Some(1_795_393_545_000));
        for text in ["", "never", "0001-01-01T00:00:00Z", "AAAA", "//////////8="] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
