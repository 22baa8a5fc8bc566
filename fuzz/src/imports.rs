//! Files that other programs export, in which anything may stand. `crates/import`.

mod kdbx;

use std::collections::BTreeSet;

use holdfast_import::{
    Entry, Error, Import, MAX_ENTRIES, MAX_ENTRY, Source, host_of, needs_passphrase, read, write_plain,
};
use holdfast_protocol::cbor;
use holdfast_protocol::export::{Export, ExportedSecret};

use crate::input::Input;
pub use kdbx::{PASSPHRASE, version_3};

fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

fn check(source: Source, outcome: Result<Import, Error>) {
    let import = match outcome {
        Ok(import) => import,
        Err(error) => {
            let said = error.to_string();
            assert!(is_line(&said) && said.chars().count() < 500, "{said:?}");
            return;
        }
    };
    assert!(import.entries.len() <= MAX_ENTRIES && import.skipped.len() <= MAX_ENTRIES);
    assert!(import.skipped.iter().all(|left| !left.reason.is_empty()));
    for entry in &import.entries {
        assert!(is_line(&entry.name) && entry.name.len() <= 900 && !entry.fields.is_empty());
        let names: BTreeSet<_> = entry.fields.iter().map(|field| &field.name).collect();
        assert!(
            names.len() == entry.fields.len() && names.iter().all(|name| is_line(name)),
            "each name once"
        );
        assert!(entry.tags.iter().all(|tag| is_line(tag)) && entry.tags.len() <= 100);
        let values: usize = entry
            .fields
            .iter()
            .map(|field| field.name.len() + field.value.expose().len())
            .sum();
        assert!(values + entry.note.len() <= MAX_ENTRY, "it fits");
        let host = &entry.audience.host;
        assert!(
            source == Source::Holdfast
                || host.is_empty()
                || host_of(&format!("https://{}/", bracketed(host))).is_some()
        );
    }
    back_again(&import.entries);
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// What was read, written as our own export and read again, is the same: nothing of it was in a form that is changed later.
fn back_again(entries: &[Entry]) {
    let secrets: Vec<_> = entries
        .iter()
        .map(|entry| ExportedSecret {
            secret_type: entry.secret_type,
            name: entry.name.clone(),
            description: entry.note.clone(),
            tags: entry.tags.clone(),
            fields: entry.fields.clone(),
            audience: entry.audience.clone(),
            expires_ms: entry.expires_ms,
        })
        .collect();
    let export = Export { created_ms: 1, secrets };
    if cbor::encoded_len(&export) > MAX_ENTRY / 2 {
        return;
    }
    let plain = write_plain(&export).expect("it is small");
    let again = read(Source::Holdfast, &plain, "file", None).expect("our own export is read");
    assert!(
        again.entries == entries && again.skipped.is_empty(),
        "what was written is read again"
    );
}

/// `.env` files.
pub fn dotenv(bytes: &[u8]) {
    let outcome = read(Source::Dotenv, bytes, "file.env", None);
    if let Ok(import) = &outcome {
        // One file is one set, and nothing is brought in from the environment.
        assert!(import.entries.len() <= 1 && import.in_clear);
    }
    check(Source::Dotenv, outcome);
}

/// Bitwarden: JSON, a zip, CSV.
pub fn bitwarden(bytes: &[u8]) {
    check(Source::Bitwarden, read(Source::Bitwarden, bytes, "file", None));
}

/// 1Password: 1PUX, CSV.
pub fn onepassword(bytes: &[u8]) {
    check(Source::OnePassword, read(Source::OnePassword, bytes, "file", None));
}

/// Our own export in clear.
pub fn holdfast(bytes: &[u8]) {
    check(Source::Holdfast, read(Source::Holdfast, bytes, "file", None));
}

/// `KeePass`: XML; a database as it is; a database of version 3 whose content was enciphered anew, as blocks and before that.
pub fn keepass(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    let file = match mode % 4 {
        0 => given.to_vec(),
        1 if kdbx::asks_for_little(given) => given.to_vec(),
        1 => return,
        2 => version_3(&kdbx::blocks(given)),
        _ => version_3(given),
    };
    let outcome = read(Source::Keepass, &file, "file", Some(PASSPHRASE));
    if mode % 4 == 2 && !needs_passphrase(Source::Keepass, given) {
        let plain = read(Source::Keepass, given, "file", Some(PASSPHRASE));
        // The same document in clear: protected values are the one difference.
        assert!(outcome.is_ok() || plain.is_err() || given.windows(9).any(|at| at.eq_ignore_ascii_case(b"protected")));
    }
    check(Source::Keepass, outcome);
}
