//! Our own exports: what was written comes back, sealed or plain.

use std::convert::Infallible;

use holdfast_crypto::{KdfRecord, Phrase, sha256};
use holdfast_import::{Error, Source, read, write_plain};
use holdfast_protocol::SecretText;
use holdfast_protocol::export::{Export, ExportedSecret};
use holdfast_protocol::item::{Audience, Field, SecretType};
use rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::support::{import, refused};

const PASSPHRASE: &str = "granola unpaid debit skimmer jawline truffle bulge eel";

struct Counting(u64);

impl TryRng for Counting {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0 += 1;
        Ok(u32::from_le_bytes(
            sha256(&[&self.0.to_le_bytes()])[..4].try_into().unwrap(),
        ))
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from(self.try_next_u32()?))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            *byte = self.try_next_u32()?.to_le_bytes()[0];
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}

fn export() -> Export {
    let field = |name: &str, value: &str| Field {
        name: name.into(),
        value: SecretText::new(Zeroizing::new(value.into())),
    };
    let secret = |kind, name: &str, fields| ExportedSecret {
        secret_type: kind,
        name: name.into(),
        description: "for the build\n".into(),
        tags: vec!["work".into()],
        fields,
        audience: Audience {
            host: "github.com".into(),
            account: "ana".into(),
            purpose: "ci".into(),
        },
        expires_ms: Some(1_900_000_000_000),
    };
    Export {
        created_ms: 1_795_392_345_678,
        secrets: vec![
            secret(
                SecretType::Git,
                "Token",
                vec![field("token", "p#\"'\\\r\n🔑"), field("empty", "")],
            ),
            secret(SecretType::Env, "shop .env", vec![field("LONG", &"x".repeat(10_240))]),
            secret(SecretType::ApiKey, "Key", vec![field("key", "k")]),
        ],
    }
}

fn same(import: &holdfast_import::Import, export: &Export) -> bool {
    import.skipped.is_empty()
        && import.entries.len() == export.secrets.len()
        && import.entries.iter().zip(&export.secrets).all(|(entry, secret)| {
            entry.secret_type == secret.secret_type
                && entry.name == secret.name
                && entry.note == secret.description
                && entry.tags == secret.tags
                && entry.fields == secret.fields
                && entry.audience == secret.audience
                && entry.expires_ms == secret.expires_ms
        })
}

#[test]
fn the_sealed_one_comes_back() {
    let record = KdfRecord::new(17, [7; 32]).unwrap();
    let bytes = export()
        .seal(&Phrase::new(PASSPHRASE).unwrap(), &record, &mut Counting(1))
        .unwrap();
    let opened = read(Source::Holdfast, &bytes, "file", Some(PASSPHRASE)).ok().unwrap();
    assert!(same(&opened, &export()) && !opened.in_clear);
    let without = read(Source::Holdfast, &bytes, "file", None);
    assert!(without.is_err_and(|error| error == Error::PassphraseNeeded));
    for wrong in ["another one", "", "tab\t"] {
        let opened = read(Source::Holdfast, &bytes, "file", Some(wrong));
        assert!(opened.is_err_and(|error| error == Error::PassphraseWrong), "{wrong:?}");
    }
    let cut = read(Source::Holdfast, &bytes[..bytes.len() - 1], "file", Some(PASSPHRASE));
    assert!(matches!(cut.err(), Some(Error::NotThis { .. })));
}

#[test]
fn the_plain_one_comes_back() {
    let bytes = write_plain(&export()).unwrap();
    assert!(bytes.ends_with(b"}\n") && bytes.capacity() == bytes.len());
    let opened = import(Source::Holdfast, &*bytes);
    assert!(same(&opened, &export()) && opened.in_clear);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    refused(Source::Holdfast, text.replace("holdfast-secrets", "other"));
    refused(Source::Holdfast, text.replace("\"version\": 1", "\"version\": 2"));
    refused(Source::Holdfast, text.replace("\"git\"", "\"spoon\""));
}
