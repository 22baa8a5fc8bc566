//! Bitwarden and Vaultwarden: JSON, the same inside a zip, and CSV. Encrypted exports are refused with a way out.

mod table;

use holdfast_protocol::item::SecretType;
use serde::Deserialize;

use crate::entry::{Draft, Import};
use crate::error::Error;
use crate::text::{self, Value, or_default};
use crate::unzip;

const THIS: &str = "a Bitwarden export";
const ENCRYPTED: &str = "This Bitwarden export is encrypted, and only Bitwarden opens it. Export once more with the format \".json\" \
     (not \"encrypted\"), import that file, and delete it afterwards";

pub(crate) fn read(bytes: &[u8]) -> Result<Import, Error> {
    if unzip::is_zip(bytes) {
        let mut import = read_json(&unzip::file(bytes, "data.json", THIS)?)?;
        import.skip("Attachments", "files inside the export are not imported");
        return Ok(import);
    }
    let first = text::of(bytes)?.trim_start().chars().next();
    match first {
        Some('{' | '[') => read_json(bytes),
        Some(_) => table::read(bytes),
        None => Err(Error::not_this(THIS, "it is empty")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    encrypted: bool,
    #[serde(default, deserialize_with = "or_default")]
    folders: Vec<Folder>,
    #[serde(default, deserialize_with = "or_default")]
    collections: Vec<Folder>,
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Folder {
    id: Option<String>,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(default)]
    folder_id: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    collection_ids: Vec<String>,
    r#type: u32,
    #[serde(default)]
    name: Option<String>,
    notes: Option<Value>,
    login: Option<Login>,
    card: Option<Parts>,
    identity: Option<Parts>,
    ssh_key: Option<SshKey>,
    #[serde(default, deserialize_with = "or_default")]
    fields: Vec<Custom>,
    #[serde(default)]
    deleted_date: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Login {
    #[serde(default, deserialize_with = "or_default")]
    uris: Vec<Uri>,
    username: Option<Value>,
    password: Option<Value>,
    totp: Option<Value>,
    #[serde(default, deserialize_with = "or_default")]
    fido2_credentials: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Uri {
    uri: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SshKey {
    private_key: Option<Value>,
    public_key: Option<Value>,
    key_fingerprint: Option<Value>,
}

/// A card or an identity: names and values, in the order of the file.
struct Parts(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Parts {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> serde::de::Visitor<'de> for Pairs {
            type Value = Parts;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Parts, M::Error> {
                let mut parts = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Option<Value>>()? {
                    parts.extend(value.map(|value| (name, value)));
                }
                Ok(Parts(parts))
            }
        }
        from.deserialize_map(Pairs)
    }
}

#[derive(Deserialize)]
struct Custom {
    name: Option<String>,
    value: Option<Value>,
    /// Text, hidden, yes or no, linked.
    #[serde(default)]
    r#type: u32,
}

const LINKED: u32 = 3;

fn read_json(bytes: &[u8]) -> Result<Import, Error> {
    let file: File = text::json(bytes, THIS)?;
    if file.encrypted {
        return Err(Error::Encrypted(ENCRYPTED));
    }
    let items = file
        .items
        .ok_or_else(|| Error::not_this(THIS, "it has no list of items"))?;
    let folders: Vec<Folder> = file.folders.into_iter().chain(file.collections).collect();
    let mut import = Import::in_clear();
    for item in items {
        let name = item.name.clone().unwrap_or_default();
        if item.deleted_date.is_some() {
            import.skip(name, "it is in the trash of Bitwarden");
            continue;
        }
        let mut draft = match item.r#type {
            1 => Draft::new(SecretType::Credentials, &name),
            2..=4 => Draft::new(SecretType::Note, &name),
            5 => Draft::new(SecretType::Ssh, &name),
            other => {
                import.skip(name, format!("items of type {other} are not known here"));
                continue;
            }
        };
        let places = item.folder_id.iter().chain(&item.collection_ids);
        for folder in places.filter_map(|id| folders.iter().find(|folder| folder.id.as_ref() == Some(id))) {
            draft.tag(&folder.name);
        }
        fill(&mut draft, &item, &mut import);
        import.take(draft)?;
    }
    Ok(import)
}

fn fill(draft: &mut Draft, item: &Item, import: &mut Import) {
    let of = |value: &Option<Value>| value.as_ref().map(|value| value.0.clone());
    if let Some(login) = &item.login {
        draft.field_if("username", of(&login.username).as_ref());
        draft.account(of(&login.username).as_ref());
        draft.field_if("password", of(&login.password).as_ref());
        for uri in &login.uris {
            draft.url(of(&uri.uri).as_ref());
        }
        draft.field_if("totp", of(&login.totp).as_ref());
        if !login.fido2_credentials.is_empty() {
            import.skip(
                draft.name(),
                "its passkey can't be imported: make a new one at the site",
            );
        }
    }
    if let Some(key) = &item.ssh_key {
        draft.field_if("private_key", of(&key.private_key).as_ref());
        draft.field_if("public_key", of(&key.public_key).as_ref());
        draft.field_if("fingerprint", of(&key.key_fingerprint).as_ref());
    }
    for part in item.card.iter().chain(&item.identity) {
        for (name, value) in &part.0 {
            draft.field_if(name, Some(&value.0));
        }
    }
    for custom in item.fields.iter().filter(|custom| custom.r#type != LINKED) {
        let value = custom
            .value
            .as_ref()
            .map_or_else(|| text::secret(""), |value| value.0.clone());
        draft.field(custom.name.as_deref().unwrap_or_default(), value);
    }
    let notes = if item.r#type == 2 { "text" } else { "notes" };
    draft.field_if(notes, of(&item.notes).as_ref());
}
