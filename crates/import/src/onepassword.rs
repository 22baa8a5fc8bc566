//! 1Password: 1PUX (a zip with one JSON document) and CSV.

mod table;
mod value;

use holdfast_protocol::item::SecretType;
use serde::Deserialize;

use crate::entry::{Draft, Import};
use crate::error::Error;
use crate::text::{self, Value, or_default};
use crate::unzip;

use value::FieldValue;

const THIS: &str = "a 1Password export";

pub(crate) fn read(bytes: &[u8]) -> Result<Import, Error> {
    if unzip::is_zip(bytes) {
        return read_json(&unzip::file(bytes, "export.data", THIS)?);
    }
    let first = text::of(bytes)?.trim_start().chars().next();
    match first {
        Some('{') => read_json(bytes),
        Some(_) => table::read(bytes),
        None => Err(Error::not_this(THIS, "it is empty")),
    }
}

#[derive(Deserialize)]
struct File {
    accounts: Vec<Account>,
}

#[derive(Deserialize)]
struct Account {
    #[serde(default, deserialize_with = "or_default")]
    vaults: Vec<Vault>,
}

#[derive(Deserialize)]
struct Vault {
    #[serde(default, deserialize_with = "or_default")]
    attrs: VaultAttrs,
    #[serde(default, deserialize_with = "or_default")]
    items: Vec<Item>,
}

#[derive(Deserialize, Default)]
struct VaultAttrs {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    category_uuid: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    details: Details,
    #[serde(default, deserialize_with = "or_default")]
    overview: Overview,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Details {
    #[serde(default, deserialize_with = "or_default")]
    login_fields: Vec<LoginField>,
    notes_plain: Option<Value>,
    #[serde(default, deserialize_with = "or_default")]
    sections: Vec<Section>,
    /// Of items of the category Password.
    password: Option<Value>,
    document_attributes: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginField {
    value: Option<Value>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    designation: Option<String>,
    /// `T`, `E`, `U`, `N`, `P`, `A`, `TEL`: text of some sort; `C`, `B`, `I`: a choice or a button.
    #[serde(default)]
    field_type: Option<String>,
}

#[derive(Deserialize)]
struct Section {
    #[serde(default, deserialize_with = "or_default")]
    fields: Vec<SectionField>,
}

#[derive(Deserialize)]
struct SectionField {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    id: Option<String>,
    value: Option<FieldValue>,
}

#[derive(Deserialize, Default)]
struct Overview {
    #[serde(default)]
    title: Option<String>,
    url: Option<Value>,
    #[serde(default, deserialize_with = "or_default")]
    urls: Vec<Url>,
    #[serde(default, deserialize_with = "or_default")]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Url {
    url: Option<Value>,
}

fn read_json(bytes: &[u8]) -> Result<Import, Error> {
    let file: File = text::json(bytes, THIS)?;
    let mut import = Import::in_clear();
    for vault in file.accounts.into_iter().flat_map(|account| account.vaults) {
        for item in &vault.items {
            let title = item.overview.title.as_deref().unwrap_or_default();
            if matches!(item.state.as_deref(), Some("deleted" | "trashed")) {
                import.skip(title, "it is in the trash of 1Password");
                continue;
            }
            let mut draft = Draft::new(type_of(item.category_uuid.as_deref()), title);
            if let Some(name) = &vault.attrs.name {
                draft.tag(name);
            }
            for tag in &item.overview.tags {
                draft.tag(tag);
            }
            fill(&mut draft, item, &mut import);
            import.take(draft)?;
        }
    }
    Ok(import)
}

/// 1Password's categories by their numbers.
fn type_of(category: Option<&str>) -> SecretType {
    match category {
        Some("102") => SecretType::Database,
        Some("112") => SecretType::ApiKey,
        Some("114") => SecretType::Ssh,
        // Login, password, server, e-mail account, router, membership … : a name and a password.
        Some("001" | "005" | "110" | "111" | "109") | None => SecretType::Credentials,
        _ => SecretType::Note,
    }
}

fn fill(draft: &mut Draft, item: &Item, import: &mut Import) {
    let details = &item.details;
    for field in &details.login_fields {
        let value = field.value.as_ref().map(|value| &value.0);
        match field.designation.as_deref() {
            Some("username") => {
                draft.field_if("username", value);
                draft.account(value);
            }
            Some("password") => draft.field_if("password", value),
            // What else was on the page: texts, but not its buttons and ticks.
            _ if !matches!(field.field_type.as_deref(), Some("C" | "B" | "I")) => {
                draft.field_if(field.name.as_deref().unwrap_or_default(), value);
            }
            _ => {}
        }
    }
    draft.field_if("password", details.password.as_ref().map(|value| &value.0));
    let mut seen = Vec::new();
    let listed = item.overview.urls.iter().filter_map(|url| url.url.as_ref());
    for url in item.overview.url.iter().chain(listed) {
        if !seen.contains(&url.0.expose()) {
            seen.push(url.0.expose());
            draft.url(Some(&url.0));
        }
    }
    for field in details.sections.iter().flat_map(|section| &section.fields) {
        let title = field.title.as_deref().filter(|title| !title.is_empty());
        let title = title.or(field.id.as_deref()).unwrap_or_default();
        match &field.value {
            None => {}
            Some(FieldValue::Texts(kind, texts)) => {
                for (part, text) in texts {
                    let name = known_name(kind, title, field.id.as_deref(), part);
                    draft.field_if(&name, Some(text));
                }
            }
            Some(FieldValue::Left(kind)) => {
                import.skip(
                    format!("{}: {title}", draft.name()),
                    format!("a field of the kind {kind} is not imported"),
                );
            }
        }
    }
    if details.document_attributes.is_some() {
        import.skip(draft.name(), "the document itself is not imported");
    }
    let notes = if item.category_uuid.as_deref() == Some("003") {
        "text"
    } else {
        "notes"
    };
    draft.field_if(notes, details.notes_plain.as_ref().map(|value| &value.0));
}

/// The name a field has with us, where we have one for it; else its title, and which part of it.
fn known_name(kind: &str, title: &str, id: Option<&str>, part: &str) -> String {
    match (kind, id) {
        ("sshKey", _) => part.to_owned(),
        ("totp", _) => "totp".to_owned(),
        (_, Some("credential")) => "key".to_owned(),
        (_, Some("username")) => "username".to_owned(),
        (_, Some("password")) => "password".to_owned(),
        (_, Some("hostname")) => "host".to_owned(),
        _ if part.is_empty() => title.to_owned(),
        _ => format!("{title} {part}"),
    }
}
