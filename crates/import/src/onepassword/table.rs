//! 1Password's CSV. Versions differ in their headings; what is not known becomes a field of that name.

use holdfast_protocol::item::SecretType;

use crate::entry::{Draft, Import};
use crate::error::Error;
use crate::table::Table;
use crate::text;

use super::THIS;

const TITLE: &[&str] = &["title", "name"];
const URL: &[&str] = &["url", "urls", "website", "login url", "location"];
const USERNAME: &[&str] = &["username", "login", "login username"];
const PASSWORD: &[&str] = &["password", "login password"];
const TOTP: &[&str] = &["otpauth", "one-time password", "totp"];
const NOTES: &[&str] = &["notes", "notesplain"];
const TAGS: &[&str] = &["tags"];
/// About the entry in 1Password, of no use elsewhere.
const DROPPED: &[&str] = &[
    "favorite",
    "archived",
    "type",
    "uuid",
    "created date",
    "modified date",
    "scope",
];

pub(super) fn read(bytes: &[u8]) -> Result<Import, Error> {
    let table = Table::read(bytes, THIS)?;
    if !TITLE.iter().any(|title| table.has(title)) || !PASSWORD.iter().chain(NOTES).any(|name| table.has(name)) {
        return Err(Error::not_this(
            THIS,
            "the first line must name the columns, with a title and a password among them",
        ));
    }
    let known: Vec<&str> = [TITLE, URL, USERNAME, PASSWORD, TOTP, NOTES, TAGS, DROPPED].concat();
    let mut import = Import::in_clear();
    for (_, row) in table.rows() {
        let mut draft = Draft::new(SecretType::Credentials, row.first(TITLE));
        for tag in row.first(TAGS).split([',', ';']) {
            draft.tag(tag);
        }
        let username = row.secret(USERNAME);
        draft.field_if("username", username.as_ref());
        draft.account(username.as_ref());
        draft.field_if("password", row.secret(PASSWORD).as_ref());
        for url in row.first(URL).split_whitespace() {
            draft.url(Some(&text::secret(url)));
        }
        draft.field_if("totp", row.secret(TOTP).as_ref());
        for (heading, cell) in row.cells() {
            if !known.iter().any(|known| known.eq_ignore_ascii_case(heading)) {
                draft.field_if(heading, Some(&text::secret(cell)));
            }
        }
        let only_notes = draft.is_empty();
        if only_notes {
            draft.set_type(SecretType::Note);
        }
        draft.field_if(if only_notes { "text" } else { "notes" }, row.secret(NOTES).as_ref());
        import.take(draft)?;
    }
    Ok(import)
}
