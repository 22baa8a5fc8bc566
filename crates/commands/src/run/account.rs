//! Verbs about the user's own account and about other people's keys.

use std::path::{Path, PathBuf};

use holdfast_crypto::{MIN_PHRASE_BITS, MIN_PHRASE_BITS_WITH_SECOND, Phrase, security_words};
use holdfast_engine::api::Api;
use holdfast_engine::ports::{Progress, Unreachable};
use holdfast_engine::{Account, Error, NewKeys, NewSecond, Person, Result, Session, Witnessing};
use holdfast_protocol::item::PinState;

use crate::app::{App, done, ended};
use crate::command::{Command, SecondChange};
use crate::kit_pdf::{KitFile, draft_kit};
use crate::types::bits_of;
use crate::view::{
    CheckedView, DeviceView, DoneView, Ending, KeyChangeView, KitView, MonitorView, Outcome, PersonView, PublishedView,
    SecondSecretView, SkippedView, StatusView, WhoamiView, WitnessView, WitnessingView, WordsView,
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
        Command::Monitor {
            accept,
            witnesses,
            witnesses_needed,
        } => {
            let session = app.session().await?;
            if let Some(witnesses) = witnesses {
                session.rely_on_witnesses(&witnesses, witnesses_needed).await?;
            }
            monitor(&session, accept).await
        }
        Command::PeopleList => people(app, &*app.session().await?).await,
        Command::KeyChange {
            phrase,
            bits,
            log2_n,
            leaked,
            kit,
            second,
        } => {
            let session = app.session().await?;
            let second = match second {
                None => NewSecond::Keep,
                Some(SecondChange::New) => NewSecond::New,
                Some(SecondChange::Off) => NewSecond::Off,
            };
            let beside = match second {
                NewSecond::Keep => session.takes_second(),
                NewSecond::New => true,
                NewSecond::Off => false,
            };
            let phrase = parse_phrase(phrase.expose(), phrase_floor(beside))?;
            let new = NewKeys {
                bits: bits.map(bits_of).transpose()?,
                log2_n,
                leaked,
                kit: kit.is_some(),
                second,
            };
            key_change(&session, &phrase, new, kit, progress).await
        }
        Command::SecondSecret { phrase } => {
            let phrase = Phrase::new(phrase.expose()).map_err(|error| phrase_error(error, 0))?;
            let second = app.session().await?.second_secret(&phrase).await?;
            done(&SecondSecretView {
                second_secret: second.text().to_string(),
            })
        }
        Command::KitNew { out } => kit_new(&*app.session().await?, &out).await,
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
        keys_held: app.guard_keys(),
        alarms: app.alarms(),
        news: app.came(),
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
        newest_ms: session.newest_ms().await?,
        second_secret: session.takes_second(),
    })
}

async fn words(session: &Session, handle: Option<String>) -> Result<Outcome> {
    let (person, contested) = match handle {
        None => {
            let own = session.known_person(session.principal()).await?;
            (
                own.ok_or_else(|| Error::Internal("an account without keys".into()))?,
                false,
            )
        }
        Some(handle) => match session.person_to_compare(&handle).await {
            // What this device knows it knows without the server.
            Err(Error::Unreachable(reason)) => {
                let (people, _) = session.known_people().await?;
                let known = people.into_iter().find(|person| {
                    let bundle = &person.bundle.bundle;
                    (bundle.handle == handle && !person.replaced) || bundle.principal.to_string() == handle
                });
                (known.ok_or(Error::Unreachable(reason))?, false)
            }
            answer => answer?,
        },
    };
    let mut view = words_view(&person);
    if contested {
        // Whatever this account was once, the name is not known to be its own now.
        view.another = true;
        view.checked.state = PinState::Changed;
    }
    done(&view)
}

/// Everybody whose keys this device has. What is wrong with one of them is an alarm, and hides nobody else.
async fn people(app: &App, session: &Session) -> Result<Outcome> {
    let (people, trouble) = session.known_people().await?;
    trouble.iter().for_each(|error| app.alarm(None, error));
    let projects = session.all_projects().await?.views;
    let views: Vec<PersonView> = people
        .iter()
        .map(|person| {
            let id = person.bundle.bundle.principal;
            let mut common: Vec<String> = projects
                .iter()
                .filter(|view| !view.space.contents().is_removed())
                .filter(|view| {
                    let authority = view.space.authority();
                    authority.role(id).is_some() && authority.role(session.principal()).is_some()
                })
                .map(|view| view.space.contents().name().to_owned())
                .collect();
            common.sort();
            PersonView {
                id: id.to_string(),
                handle: person.bundle.bundle.handle.clone(),
                checked: person.state,
                since_ms: person.since_ms,
                words: person.words().join(" "),
                projects: common,
                replaced: person.replaced,
            }
        })
        .collect();
    ended(
        if trouble.is_empty() {
            Ending::Done
        } else {
            Ending::Partial
        },
        &views,
    )
}

async fn monitor(session: &Session, accept: bool) -> Result<Outcome> {
    if accept {
        session.accept_directory().await?;
    }
    let monitored = session.monitor().await?;
    let published: Vec<_> = monitored
        .published
        .into_iter()
        .map(|found| PublishedView {
            number: found.number,
            id: found.principal.to_string(),
            counter: found.counter,
            bundle: found.hash.to_string(),
            created_ms: found.bundle.as_ref().map(|bundle| bundle.bundle.created_ms),
            words: found
                .bundle
                .map(|bundle| security_words(&bundle.fingerprint.0).join(" ")),
            known: found.known,
        })
        .collect();
    let ending = if published.iter().all(|found| found.known) {
        Ending::Done
    } else {
        Ending::Alarm
    };
    let view = MonitorView {
        size: monitored.size,
        published,
        log: monitored.log.to_string(),
        witnessing: monitored.witnessing.and_then(witnessing),
    };
    ended(ending, &view)
}

fn witnessing(said: Witnessing) -> Option<WitnessingView> {
    let (size, as_of_ms) = said.enough()?;
    let rows = said.witnesses.into_iter().map(|row| WitnessView {
        name: row.witness.name().to_owned(),
        key: row.witness.to_string(),
        size: row.signed.map(|(size, _)| size),
        signed_ms: row.signed.map(|(_, time_ms)| time_ms),
    });
    Some(WitnessingView {
        needed: said.needed,
        size,
        as_of_ms,
        witnesses: rows.collect(),
    })
}

pub(super) fn words_view(person: &Person) -> WordsView {
    WordsView {
        handle: person.bundle.bundle.handle.clone(),
        words: person.words().join(" "),
        checked: CheckedView {
            state: person.state,
            since_ms: person.since_ms,
        },
        another: false,
    }
}

/// The file is written before the server hears of the kit, because with that the one before it ends.
async fn kit_new(session: &Session, out: &Path) -> Result<Outcome> {
    let (kit, sealed) = session.make_kit().await?;
    let file = draft_kit(&kit, out)?;
    match session.replace_kit(&sealed).await {
        Ok(()) => file.name()?,
        Err(error) => return Err(kept_if_unsure(error, Some(file), out)),
    }
    done(&KitView {
        path: out.display().to_string(),
    })
}

/// A server that fell silent may have acted: then the kit that was written may be the only one that counts.
fn kept_if_unsure(error: Error, file: Option<KitFile>, out: &Path) -> Error {
    let (Error::Unreachable(silent), Some(file)) = (&error, file) else {
        return error;
    };
    if !silent.sent {
        // The kit before it counts as it did; the draft goes with its owner.
        return error;
    }
    let place = match file.name() {
        Ok(()) => format!("the new kit is in {}", out.display()),
        Err(other) => other.to_string(),
    };
    Error::Unreachable(Unreachable::silent(format!(
        "{silent}; it is not known whether the new Recovery Kit counts: {place}, and `holdfast kit test` tells"
    )))
}

async fn key_change(
    session: &Session,
    phrase: &Phrase,
    new: NewKeys,
    out: Option<PathBuf>,
    progress: &dyn Progress,
) -> Result<Outcome> {
    let mut file = None;
    let changed = session
        .change_keys_with(phrase, new, progress, |kit| {
            file = out.as_deref().map(|out| draft_kit(kit, out)).transpose()?;
            Ok(())
        })
        .await;
    let changed = match changed {
        Ok(changed) => changed,
        Err(error) => return Err(kept_if_unsure(error, file, out.as_deref().unwrap_or(Path::new("")))),
    };
    let mut skipped = Vec::new();
    let mut skip = |what: &str, error: &Error| {
        skipped.push(SkippedView {
            path: what.into(),
            reason: error.to_string(),
        });
    };
    let mut kit = out;
    if let Some(error) = file.and_then(|file| file.name().err()) {
        skip("Recovery Kit", &error);
        kit = None;
    }
    if let Some(error) = &changed.left {
        skip("projects", error);
    }
    let keyring = session.keyring();
    let bundle = keyring.current().bundle();
    let ending = if skipped.is_empty() {
        Ending::Done
    } else {
        Ending::Partial
    };
    ended(
        ending,
        &KeyChangeView {
            bits: bundle.rsa.bits().get(),
            spaces: session.known_spaces().await.map_or(0, |spaces| spaces.len()),
            words: security_words(&bundle.fingerprint.0).join(" "),
            kit: kit.map(|path| path.display().to_string()),
            second_secret: changed.second.map(|second| second.text().to_string()),
            skipped,
        },
    )
}

/// A phrase that is strong enough to be a Master Key.
pub(super) fn parse_phrase(text: &str, floor: u32) -> Result<Phrase> {
    let refused = |error| phrase_error(error, floor);
    Phrase::check_at_least(text, floor).map_err(refused)?;
    Phrase::new(text).map_err(refused)
}

/// How many bits a new Master Key has to have.
#[must_use]
pub fn phrase_floor(beside_second: bool) -> u32 {
    match beside_second {
        true => MIN_PHRASE_BITS_WITH_SECOND,
        false => MIN_PHRASE_BITS,
    }
}

fn phrase_error(error: holdfast_crypto::Error, floor: u32) -> Error {
    match error {
        holdfast_crypto::Error::WeakPhrase(bits) => Error::WeakPhrase { bits, floor },
        holdfast_crypto::Error::Phrase(reason) => Error::BadPhrase(reason),
        other => Error::Internal(other.to_string()),
    }
}

pub(super) fn refuse_existing(path: &Path) -> Result<()> {
    if path.exists() {
        return Err(Error::AlreadyExists(format!("{} is there already.", path.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_stays_only_where_the_server_may_have_acted() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("kit.pdf");
        let draft = || Some(KitFile::write(&out, b"kit").unwrap());
        let there = || std::fs::read_dir(folder.path()).unwrap().count();

        let unsent = Error::Unreachable(Unreachable::unsent("connection refused"));
        let told = kept_if_unsure(unsent, draft(), &out);
        assert!(!told.to_string().contains("kit.pdf") && there() == 0, "{told}");

        let silent = Error::Unreachable(Unreachable::silent("it does not answer"));
        let told = kept_if_unsure(silent, draft(), &out);
        assert!(
            told.to_string().contains("kit.pdf") && out.exists() && there() == 1,
            "{told}"
        );
    }
}
