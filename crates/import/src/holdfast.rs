//! Our own exports: sealed (`docs/spec/export.md`), and plain JSON for other programs.

use holdfast_crypto::Phrase;
use holdfast_protocol::SecretText;
use holdfast_protocol::export::{Export, ExportError};
use holdfast_protocol::item::{Audience, SecretType};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::entry::{Draft, Import};
use crate::error::Error;
use crate::text::{Value, json};

const THIS: &str = "a Holdfast export";
const FORMAT: &str = "holdfast-secrets";

pub(crate) fn read(bytes: &[u8], passphrase: Option<&str>) -> Result<Import, Error> {
    if Export::is_sealed(bytes) {
        let passphrase = passphrase.ok_or(Error::PassphraseNeeded)?;
        let phrase = Phrase::new(passphrase).map_err(|_| Error::PassphraseWrong)?;
        return read_sealed(bytes, &phrase);
    }
    read_plain(bytes)
}

fn read_sealed(bytes: &[u8], phrase: &Phrase) -> Result<Import, Error> {
    let export = Export::open(bytes, phrase).map_err(|error| match error {
        ExportError::Open => Error::PassphraseWrong,
        ExportError::TooLarge => Error::TooLarge,
        ExportError::Memory => Error::Unsupported(error.to_string()),
        ExportError::Malformed => Error::not_this(THIS, "it is damaged, or was written by a later version"),
    })?;
    let mut import = Import::default();
    for secret in export.secrets {
        let mut draft = Draft::new(secret.secret_type, &secret.name);
        draft.note(&secret.description);
        for tag in &secret.tags {
            draft.tag(tag);
        }
        for field in secret.fields {
            draft.field(&field.name, field.value);
        }
        draft.audience(secret.audience);
        draft.expires(secret.expires_ms);
        import.take(draft)?;
    }
    Ok(import)
}

#[derive(Deserialize)]
struct PlainFile {
    format: String,
    version: u32,
    secrets: Vec<PlainSecret>,
}

#[derive(Deserialize)]
struct PlainSecret {
    name: String,
    r#type: SecretType,
    #[serde(default)]
    note: String,
    #[serde(default)]
    labels: Vec<String>,
    fields: Vec<PlainField>,
    #[serde(default)]
    host: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    expires_ms: Option<u64>,
}

#[derive(Deserialize)]
struct PlainField {
    name: String,
    value: Value,
}

fn read_plain(bytes: &[u8]) -> Result<Import, Error> {
    let file: PlainFile = json(bytes, THIS)?;
    if file.format != FORMAT || file.version != 1 {
        return Err(Error::not_this(THIS, "it says that it is something else"));
    }
    let mut import = Import::in_clear();
    for secret in file.secrets {
        let mut draft = Draft::new(secret.r#type, &secret.name);
        draft.note(&secret.note);
        for label in &secret.labels {
            draft.tag(label);
        }
        for field in secret.fields {
            draft.field(&field.name, field.value.0);
        }
        draft.audience(Audience {
            host: secret.host,
            account: secret.account,
            purpose: secret.purpose,
        });
        draft.expires(secret.expires_ms);
        import.take(draft)?;
    }
    Ok(import)
}

/// An export that anybody can read, as JSON.
///
/// # Errors
/// [`ExportError::TooLarge`].
pub fn write_plain(export: &Export) -> Result<Zeroizing<Vec<u8>>, ExportError> {
    #[derive(Serialize)]
    struct File<'e> {
        format: &'static str,
        version: u32,
        exported_ms: u64,
        secrets: Vec<Secret<'e>>,
    }
    #[derive(Serialize)]
    struct Secret<'e> {
        name: &'e str,
        r#type: SecretType,
        note: &'e str,
        labels: &'e [String],
        fields: Vec<Field<'e>>,
        host: &'e str,
        account: &'e str,
        purpose: &'e str,
        expires_ms: Option<u64>,
    }
    #[derive(Serialize)]
    struct Field<'e> {
        name: &'e str,
        value: &'e str,
    }
    let file = File {
        format: FORMAT,
        version: 1,
        exported_ms: export.created_ms,
        secrets: export
            .secrets
            .iter()
            .map(|secret| Secret {
                name: &secret.name,
                r#type: secret.secret_type,
                note: &secret.description,
                labels: &secret.tags,
                fields: secret
                    .fields
                    .iter()
                    .map(|field| Field {
                        name: &field.name,
                        value: SecretText::expose(&field.value),
                    })
                    .collect(),
                host: &secret.audience.host,
                account: &secret.audience.account,
                purpose: &secret.audience.purpose,
                expires_ms: secret.expires_ms,
            })
            .collect(),
    };
    // Written twice, the first time only to learn how long it is: a buffer that grows leaves copies behind.
    let mut length = Length(0);
    serde_json::to_writer_pretty(&mut length, &file).map_err(|_| ExportError::TooLarge)?;
    if length.0 > crate::MAX_FILE - 1 {
        return Err(ExportError::TooLarge);
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.0 + 1));
    serde_json::to_writer_pretty(&mut *bytes, &file).map_err(|_| ExportError::TooLarge)?;
    bytes.push(b'\n');
    Ok(bytes)
}

struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
