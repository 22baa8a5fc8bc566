//! The file of an import: read with a bound, opened off the async threads.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use holdfast_engine::{Error, Result};
use holdfast_import::{Error as ImportError, Import, MAX_FILE, Source};
use holdfast_protocol::item::Field;
use zeroize::Zeroizing;

use crate::command::{FieldInput, Hidden, ImportFile};

/// What was read, and the digest of the file.
pub(crate) struct ReadFile {
    pub(crate) import: Import,
    pub(crate) digest: String,
}

/// Whether a file opens only with a passphrase of its own, so that a shell can ask for it before the command is given.
///
/// # Errors
/// [`Error::Io`].
pub fn needs_passphrase(source: Source, path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    open(path)?
        .take(128)
        .read_to_end(&mut start)
        .map_err(|error| Error::io(path, &error))?;
    Ok(holdfast_import::needs_passphrase(source, &start))
}

/// The variables in lines of a `.env` file, read as an import reads them; `None` for a text that is something else.
#[must_use]
pub fn variables(text: &str) -> Option<Vec<FieldInput>> {
    let mut import = holdfast_import::read(Source::Dotenv, text.as_bytes(), "variables", None).ok()?;
    let fields = import.entries.pop()?.fields;
    let shown = |field: Field| FieldInput {
        name: field.name,
        value: Hidden::new(Zeroizing::new(field.value.expose().to_owned())),
    };
    Some(fields.into_iter().map(shown).collect())
}

pub(crate) async fn read(file: ImportFile) -> Result<ReadFile> {
    tokio::task::spawn_blocking(move || read_now(&file))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}

fn read_now(file: &ImportFile) -> Result<ReadFile> {
    let failed = |error: std::io::Error| Error::io(&file.path, &error);
    let opened = open(&file.path)?;
    let length = usize::try_from(opened.metadata().map_err(failed)?.len()).unwrap_or(usize::MAX);
    // Room from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length.min(MAX_FILE) + 2));
    opened
        .take(MAX_FILE as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = file.name.clone().or(name).unwrap_or_default();
    let passphrase = file.passphrase.as_ref().map(|passphrase| passphrase.expose());
    let import = holdfast_import::read(file.source, &bytes, &name, passphrase).map_err(|error| refusal(&error))?;
    Ok(ReadFile {
        import,
        digest: hex::encode(holdfast_crypto::sha256(&[&bytes])),
    })
}

/// Opens a file, and only a file: a pipe or a device could keep the reader waiting for ever.
fn open(path: &Path) -> Result<File> {
    let failed = |error: std::io::Error| Error::io(path, &error);
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Error::Io {
            path: path.display().to_string(),
            reason: "this is not a file".into(),
        });
    }
    File::open(path).map_err(failed)
}

fn refusal(error: &ImportError) -> Error {
    match error {
        ImportError::PassphraseNeeded => Error::PassphraseNeeded,
        ImportError::PassphraseWrong => Error::PassphraseWrong,
        other => Error::Unreadable(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_lines_are_variables_or_nothing() {
        let read = |text| {
            let found = variables(text)?;
            Some(
                found
                    .iter()
                    .map(|field| format!("{}={}", field.name, field.value.expose()))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(
            read("# a\r\nexport A=1#2 # no\r\nB=\"x\\ny\"\r\nC='k\nl'\r\n").unwrap(),
            ["A=1#2", "B=x\ny", "C=k\nl"]
        );
        assert_eq!(read("A=").unwrap(), ["A="]);
        for text in [
            "",
            "hello",
            "# only this",
            "A=1\nhello there",
            "A='open",
            "1A=2",
            "export A",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
