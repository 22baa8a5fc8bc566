//! Exporting secrets into a file: sealed under its own passphrase, or plain.

use std::path::PathBuf;

use holdfast_crypto::{KdfRecord, Phrase};
use holdfast_engine::{Error, Result, Session, rng};
use holdfast_import::write_plain;
use holdfast_protocol::export::{Export, ExportError, ExportedSecret};
use holdfast_protocol::item::{Content, Item, ItemKind};
use zeroize::Zeroizing;

use crate::app::done;
use crate::command::ExportProtection;
use crate::kit_pdf::write_private;
use crate::run::account::{parse_phrase, phrase_floor, refuse_existing};
use crate::run::secret::place;
use crate::view::{ExportView, Outcome};

pub(super) async fn run(
    session: &Session,
    project: Option<String>,
    out: PathBuf,
    protection: ExportProtection,
) -> Result<Outcome> {
    refuse_existing(&out)?;
    let sealed = match protection {
        ExportProtection::Plain => None,
        ExportProtection::Sealed { passphrase, log2_n } => {
            let record = KdfRecord::make(log2_n, &mut rng()).map_err(|error| Error::Invalid(error.to_string()))?;
            Some((parse_phrase(passphrase.expose(), phrase_floor(false))?, record))
        }
    };
    let view = place(session, project.as_deref()).await?;
    let items = view.space.contents().items().values();
    let mut secrets = items
        .filter(|item| item.kind == ItemKind::Secret && item.trashed_ms.is_none())
        .map(exported)
        .collect::<Result<Vec<_>>>()?;
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    let export = Export {
        created_ms: session.now_ms(),
        secrets,
    };
    let (count, encrypted) = (export.secrets.len(), sealed.is_some());
    // Deriving a key takes a second, and the disk may be slow: off the async threads.
    let path = out.clone();
    let bytes = tokio::task::spawn_blocking(move || write(&export, sealed, &path))
        .await
        .map_err(|error| Error::Internal(error.to_string()))??;
    done(&ExportView {
        path: out.display().to_string(),
        secrets: count,
        bytes: bytes as u64,
        encrypted,
    })
}

fn write(export: &Export, sealed: Option<(Phrase, KdfRecord)>, path: &std::path::Path) -> Result<usize> {
    let failed = |error: ExportError| match error {
        ExportError::TooLarge => Error::Invalid("this is more than one export file can hold (64 MiB)".into()),
        other => Error::Internal(other.to_string()),
    };
    let bytes = match sealed {
        Some((phrase, record)) => Zeroizing::new(export.seal(&phrase, &record, &mut rng()).map_err(failed)?),
        None => write_plain(export).map_err(failed)?,
    };
    write_private(path, &bytes)?;
    Ok(bytes.len())
}

/// The newest version, without what imports wrote on the item for themselves.
fn exported(item: &Item) -> Result<ExportedSecret> {
    let newest = item.versions.last().ok_or_else(|| Error::damaged("a secret"))?;
    let (Content::Fields { fields, audience }, Some(secret_type)) = (&newest.content, item.secret_type) else {
        return Err(Error::damaged("a secret"));
    };
    Ok(ExportedSecret {
        secret_type,
        name: item.name.clone(),
        description: item.description.clone(),
        tags: holdfast_engine::own_tags(item).map(str::to_owned).collect(),
        fields: fields.clone(),
        audience: audience.clone(),
        expires_ms: item.expires_ms,
    })
}
