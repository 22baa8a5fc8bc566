//! Bitwarden's CSV: logins and notes only, custom fields as `name: value` lines in one cell.

use holdfast_protocol::item::SecretType;

use crate::entry::{Draft, Import};
use crate::error::Error;
use crate::table::Table;
use crate::text;

use super::THIS;

pub(super) fn read(bytes: &[u8]) -> Result<Import, Error> {
    let table = Table::read(bytes, THIS)?;
    for heading in ["type", "name", "login_password"] {
        if !table.has(heading) {
            return Err(Error::not_this(THIS, format!("there is no column called {heading}")));
        }
    }
    let mut import = Import::in_clear();
    for (line, row) in table.rows() {
        let name = row.cell("name");
        let mut draft = match row.cell("type") {
            "login" => Draft::new(SecretType::Credentials, name),
            "note" => Draft::new(SecretType::Note, name),
            _ => {
                import.skip(format!("Line {line}"), "its type is neither login nor note");
                continue;
            }
        };
        for folder in [row.cell("folder"), row.cell("collections")] {
            draft.tag(folder);
        }
        let username = row.secret(&["login_username"]);
        draft.field_if("username", username.as_ref());
        draft.account(username.as_ref());
        draft.field_if("password", row.secret(&["login_password"]).as_ref());
        // Several addresses stand in one cell; a comma inside an address is written %2C.
        for url in row.cell("login_uri").split(',') {
            draft.url(Some(&text::secret(url)));
        }
        draft.field_if("totp", row.secret(&["login_totp"]).as_ref());
        custom(&mut draft, row.cell("fields"));
        let notes = if row.cell("type") == "note" { "text" } else { "notes" };
        draft.field_if(notes, row.secret(&["notes"]).as_ref());
        import.take(draft)?;
    }
    Ok(import)
}

/// `name: value`, one on each line; a line without a colon goes on with the value before it.
fn custom(draft: &mut Draft, cell: &str) {
    let mut open: Option<(&str, zeroize::Zeroizing<String>)> = None;
    for line in cell.lines() {
        match (line.split_once(": "), &mut open) {
            (Some((name, value)), _) => {
                if let Some((name, value)) = open.take() {
                    draft.field(name, text::secret(&value));
                }
                open = Some((name, zeroize::Zeroizing::new(value.to_owned())));
            }
            (None, Some((_, value))) => {
                value.push('\n');
                value.push_str(line);
            }
            (None, None) => open = Some(("field", zeroize::Zeroizing::new(line.to_owned()))),
        }
    }
    if let Some((name, value)) = open {
        draft.field(name, text::secret(&value));
    }
}
