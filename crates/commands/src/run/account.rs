//! Verbs about the user's own account and about other people's keys.

use std::path::{Path, PathBuf};

use holdfast_crypto::{Phrase, security_words};
use holdfast_engine::api::Api;
use holdfast_engine::ports::Progress;
use holdfast_engine::{Account, Error, NewKeys, Person, Result, Session};

use crate::app::{App, done};
use crate::command::Command;
use crate::kit_pdf::write_kit;
use crate::types::bits_of;
use crate::view::{
    CheckedView, DeviceView, DoneView, KeyChangeView, KitView, Outcome, StatusView, WhoamiView, WordsView,
};

pub(super) async fn run(app: &App, command: Command, progress: &dyn Progress) -> Result<Outcome> {
    match command {
        Command::Status => status(app).await,
        Command::Whoami => whoami(&*app.session().await?).await,
        Command::Words { handle } => words(&*app.session().await?, handle).await,
        Command::Verify { handle, words } => {
            let person = app.session().await?.verify_person(&handle, &words).await?;
            done(&words_view(&person))
        }
        Command::KeyChange {
            phrase,
            bits,
            log2_n,
            leaked,
            kit,
        } => {
            let new = NewKeys {
                bits: bits.map(bits_of).transpose()?,
                log2_n,
                leaked,
                kit: kit.is_some(),
            };
            let phrase = parse_phrase(phrase.expose())?;
            key_change(&*app.session().await?, &phrase, new, kit, progress).await
        }
        Command::KitNew { out } => {
            let session = app.session().await?;
            refuse_existing(&out)?;
            let kit = session.new_kit().await?;
            write_kit(&kit, &out)?;
            done(&KitView {
                path: out.display().to_string(),
            })
        }
        Command::KitTest { code } => {
            app.session().await?.test_kit(code.expose()).await?;
            done(&DoneView::YES)
        }
        Command::DeviceList => {
            let rows = app.session().await?.api().devices().await?;
            let views: Vec<DeviceView> = rows
                .into_iter()
                .map(|row| DeviceView {
                    id: row.id.to_string(),
                    created_ms: row.created_ms,
                    seen_ms: row.seen_ms,
                    current: row.current,
                })
                .collect();
            done(&views)
        }
        Command::DeviceRemove { device } => {
            let session = app.session().await?;
            let rows = session.api().devices().await?;
            let mut found = rows.iter().filter(|row| row.id.to_string().starts_with(&device));
            let row = found.next().filter(|_| !device.is_empty());
            let row = row.ok_or_else(|| Error::NotFound {
                what: "device",
                name: device.clone(),
            })?;
            if found.next().is_some() {
                return Err(Error::Ambiguous {
                    name: device,
                    candidates: "several devices".into(),
                });
            }
            session.api().remove_device(row.id).await?;
            done(&DoneView::YES)
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

async fn status(app: &App) -> Result<Outcome> {
    let account = Account::load(app.host().store.as_ref()).await?;
    let online = match &account {
        Some(_) => Api::anonymous(app.host().transport.clone()).info().await.is_ok(),
        None => false,
    };
    done(&StatusView {
        unlocked: app.is_unlocked(),
        handle: account.as_ref().map(|account| account.handle.clone()),
        server: account.map(|account| account.server),
        online,
    })
}

async fn whoami(session: &Session) -> Result<Outcome> {
    let account = session.account();
    let keyring = session.keyring();
    let bundle = keyring.current().bundle();
    done(&WhoamiView {
        handle: account.handle,
        name: session.display_name().await?,
        id: account.principal.to_string(),
        server: account.server,
        bits: bundle.rsa.bits().get(),
        words: security_words(&bundle.fingerprint.0).join(" "),
        key_changes: bundle.bundle.counter,
    })
}

async fn words(session: &Session, handle: Option<String>) -> Result<Outcome> {
    let person = match handle {
        None => session
            .known_person(session.principal())
            .await?
            .ok_or_else(|| Error::Internal("an account without keys".into()))?,
        Some(handle) => session.person(&handle).await?,
    };
    done(&words_view(&person))
}

fn words_view(person: &Person) -> WordsView {
    WordsView {
        handle: person.bundle.bundle.handle.clone(),
        words: person.words().join(" "),
        checked: CheckedView {
            state: person.state,
            since_ms: person.since_ms,
        },
    }
}

async fn key_change(
    session: &Session,
    phrase: &Phrase,
    new: NewKeys,
    out: Option<PathBuf>,
    progress: &dyn Progress,
) -> Result<Outcome> {
    if let Some(out) = &out {
        refuse_existing(out)?;
    }
    let kit = session.change_keys(phrase, new, progress).await?;
    if let (Some(kit), Some(out)) = (&kit, &out) {
        write_kit(kit, out)?;
    }
    let keyring = session.keyring();
    let bundle = keyring.current().bundle();
    done(&KeyChangeView {
        bits: bundle.rsa.bits().get(),
        spaces: session.known_spaces().await?.len(),
        words: security_words(&bundle.fingerprint.0).join(" "),
        kit: out.map(|path| path.display().to_string()),
    })
}

/// A phrase that is strong enough to be a Master Key.
fn parse_phrase(text: &str) -> Result<Phrase> {
    Phrase::check_strength(text).map_err(phrase_error)?;
    Phrase::new(text).map_err(phrase_error)
}

fn phrase_error(error: holdfast_crypto::Error) -> Error {
    match error {
        holdfast_crypto::Error::WeakPhrase(bits) => Error::WeakPhrase {
            bits,
            floor: holdfast_crypto::MIN_PHRASE_BITS,
        },
        holdfast_crypto::Error::Phrase(reason) => Error::BadPhrase(reason),
        other => Error::Internal(other.to_string()),
    }
}

fn refuse_existing(path: &Path) -> Result<()> {
    if path.exists() {
        return Err(Error::AlreadyExists(format!("{} is there already.", path.display())));
    }
    Ok(())
}
