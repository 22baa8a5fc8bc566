//! Sign-up, sign-in and recovery: what makes or opens an account on this device. The agent must be gone meanwhile.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_commands::view::{IdView, SkippedView, WhoamiView};
use holdfast_commands::{App, Command, Ending, Hidden, KitFile, draft_kit, phrase_floor, write_kit};
use holdfast_crypto::{RecoveryKey, SecondSecret};
use holdfast_device::{HttpTransport, ProfileLock};
use holdfast_engine::ports::{Silent, Transport};
use holdfast_engine::{Account, Error, Host, Invitation, Kit, NewAccount, NewKeys, NewSecond, Second, Session};
use holdfast_protocol::id::Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Answer;
use super::field::capital;
use super::job::catch_up;
use super::unlock::{done, ended};
use crate::args::{Common, KeyRecover, SignIn, SignUp, Trust};
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::{self, Bars, message, tell};
use crate::phrase::{self, PhraseText};
use crate::place::{Place, absolute};

/// An account that was made, or opened anew.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccountView {
    pub(crate) handle: String,
    pub(crate) id: String,
    pub(crate) server: String,
    /// The account's own six words.
    pub(crate) words: String,
    pub(crate) bits: u32,
    /// The Master Key, if it was made here: shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) master_key: Option<String>,
    /// The second secret, if there is a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) second_secret: Option<String>,
    /// Where the Recovery Kit is; none was made if absent.
    pub(crate) kit: Option<String>,
    /// Whose invitation was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invited_by: Option<String>,
    /// When the newest change was made that the server showed this new device: what it holds back can't be known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) newest_ms: Option<u64>,
    /// What could not be done after the account was there.
    pub(crate) skipped: Vec<SkippedView>,
}

pub(super) async fn sign_up(common: &Common, args: SignUp) -> Answer {
    let invitation = args.invitation_file.as_deref().map(input::text).transpose()?;
    let (server, invited) = server_of(args.server, invitation.as_deref().map(String::as_str))?;
    // What a person says now counts for more than what an invitation said some days ago.
    let trust = args.known.trust()?.or(invited.map(Trust::Pinned));
    let kit = args.kit.map(new_file).transpose()?;
    let place = Place::open(common)?;
    let (_lock, host) = new_profile(&place, &server, trust).await?;
    let phrase = match args.fresh.generate {
        true => PhraseText::generate(),
        false => phrase::fresh(
            common.master_key_file.as_deref(),
            phrase_floor(args.second_secret),
            "Name a file that holds it with --master-key-file, or let Holdfast make one with --generate.",
        )?,
    };
    let second = args
        .second_secret
        .then(|| SecondSecret::make(&mut holdfast_engine::rng()));
    let new = NewAccount {
        handle: &args.handle,
        display_name: &args.name,
        phrase: &phrase.phrase,
        bits: args.bits.into(),
        log2_n: args.fresh.kdf_log2_n,
        kit: kit.is_some(),
        second: second.as_ref(),
    };
    let shown = AtomicBool::new(false);
    // Before it is sent: stopped after the server made the account, this would be the only way in. But not before all that
    // can be known beforehand is right.
    let bars = Bars::new();
    let show = || {
        bars.clear();
        if args.fresh.generate {
            message(&output::master_key(phrase.expose()));
            shown.store(true, Ordering::Relaxed);
        }
        if let Some(second) = &second {
            message(&output::second_secret(&second.text()));
        }
    };
    bars.doing("making keys");
    let made = Session::sign_up_telling(host.clone(), new, show).await;
    bars.clear();
    let made = made.inspect_err(|error| {
        if shown.load(Ordering::Relaxed) && is_no_account(error) {
            message("The Master Key above belongs to no account: forget it.");
        }
    });
    let (session, made_kit) = args.known.told(made)?;
    let app = place.app_at(host);
    app.open_with(session);
    let mut view = view_of(&app).await?;
    // The account begins here: there was nothing before.
    view.newest_ms = None;
    // In text it was shown above.
    view.master_key = (args.fresh.generate && common.json).then(|| phrase.expose().to_owned());
    view.second_secret = second.filter(|_| common.json).map(|second| second.text().to_string());
    keep_kit(&mut view, made_kit.as_ref(), kit);
    if let Some(text) = invitation {
        match ask::<IdView>(
            &app,
            Command::InvitationAccept {
                text: Hidden::new(text),
            },
        )
        .await
        {
            Ok(inviter) => view.invited_by = Some(inviter.name),
            Err(failure) => skip(&mut view, "invitation", failure),
        }
    }
    answer(&view, output::new_keys)
}

pub(super) async fn sign_in(common: &Common, args: SignIn) -> Answer {
    let place = Place::open(common)?;
    let _lock = place.alone().await?;
    let store = place.store().await?;
    let host = place.host_for(store, &args.server, args.known.trust()?).await?;
    let mut second = args
        .second_secret_file
        .as_deref()
        .map(phrase::second_secret)
        .transpose()?;
    let named = second.is_some();
    // The one that this computer has may have been renewed on another one.
    let kept = match Account::load(host.store.as_ref()).await? {
        Some(known) => known.takes_second()?,
        None => false,
    };
    let mut given = phrase::current(common)?;
    let mut tried = 1;
    loop {
        let beside = match &second {
            Some(second) => Second::Given(second.duplicate()),
            None if args.without_second_secret => Second::GivenUp,
            None => Second::Kept,
        };
        let (phrase, asked) = (&given.0.phrase, given.1);
        let opened = Session::sign_in_with(host.clone(), &args.handle, phrase, beside);
        let opened = with_bar("unlocking", Box::pin(opened)).await;
        match args.known.told(opened) {
            // The server's record says so: the Master Key that was typed is still good.
            Err(failure) if failure.code() == "second-secret-needed" && output::is_terminal() && !named => {
                message("This account has a second secret: it stands on the Recovery Kit.");
                second = ask_second(false)?;
            }
            Err(failure) if phrase::try_again(&failure, asked, tried) => {
                tried += 1;
                given = phrase::current(common)?;
                if !named && !args.without_second_secret && (kept || second.is_some()) {
                    second = ask_second(kept)?;
                }
            }
            session => {
                let app = place.app_at(host);
                app.open_with(session?);
                catch_up(&app).await?;
                return answer(&view_of(&app).await?, output::account);
            }
        }
    }
}

/// What a person types from paper, with as many tries as for a phrase. Nothing stands for the one that this computer has.
fn ask_second(kept: bool) -> Result<Option<SecondSecret>> {
    for tried in 1.. {
        match phrase::ask_second_secret(kept) {
            Err(failure) if failure.code() == "bad-second-secret" && tried < phrase::TRIES => {
                message(&failure.0.message);
            }
            answer => return answer,
        }
    }
    Ok(None)
}

pub(super) async fn recover(common: &Common, args: KeyRecover) -> Answer {
    let kit = args.kit.map(new_file).transpose()?;
    let place = Place::open(common)?;
    // The profile may be that of the account itself, whose Master Key is lost: it is kept, with all it knows.
    let _lock = place.alone().await?;
    let store = place.store().await?;
    let host = place.host_for(store, &args.server, args.known.trust()?).await?;
    let code = kit_code(args.kit_code_file.as_deref())?;
    let phrase = match args.fresh.generate {
        true => PhraseText::generate(),
        false => phrase::fresh(
            args.new_master_key_file.as_deref(),
            phrase_floor(args.second_secret),
            "Name a file that holds it with --new-master-key-file, or let Holdfast make one with --generate.",
        )?,
    };
    if args.fresh.generate {
        // Before it is sent: the kit ends with the change, so cut off in the middle this would be the only way in.
        message(&output::master_key(phrase.expose()));
    }
    let new = NewKeys {
        bits: args.bits.map(Into::into),
        log2_n: args.fresh.kdf_log2_n,
        leaked: false,
        kit: kit.is_some(),
        second: match args.second_secret {
            true => NewSecond::New,
            false => NewSecond::Off,
        },
    };
    let mut file = None;
    // Written before the keys change, because with that the kit in hand ends.
    let keep = |made: &Kit| {
        file = kit.as_deref().map(|kit| draft_kit(made, kit)).transpose()?;
        Ok(())
    };
    let recovered = with_bar(
        "making keys",
        Box::pin(Session::recover_with(
            host.clone(),
            code.expose(),
            &phrase.phrase,
            new,
            keep,
        )),
    )
    .await;
    let (session, changed) = match recovered {
        Ok(recovered) => recovered,
        Err(error) => {
            // A server that fell silent may have acted: then this kit is the only one.
            if let (Error::Unreachable(silent), Some(file), Some(kit)) = (&error, file, &kit)
                && silent.sent
            {
                match file.name() {
                    Ok(()) => message(&format!(
                        "If the keys were changed, the new Recovery Kit is {}.",
                        kit.display()
                    )),
                    Err(other) => message(&other.to_string()),
                }
            }
            return args.known.told(Err(error));
        }
    };
    let app = place.app_at(host);
    app.open_with(session);
    let mut view = view_of(&app).await?;
    // In text it was shown above.
    view.master_key = (args.fresh.generate && common.json).then(|| phrase.expose().to_owned());
    if let Some(second) = &changed.second {
        let text = second.text();
        match common.json {
            true => view.second_secret = Some(text.to_string()),
            false => message(&output::second_secret(&text)),
        }
    }
    match file.map(KitFile::name) {
        Some(Ok(())) => view.kit = kit.map(|path| path.display().to_string()),
        Some(Err(error)) => skip(&mut view, "Recovery Kit", error.into()),
        None => {}
    }
    if let Some(error) = changed.left {
        skip(&mut view, "rest", error.into());
    }
    answer(&view, output::new_keys)
}

/// The 24 words of a kit: from a file, or asked for. Misspelt ones are told before anything else is asked or sent.
pub(super) fn kit_code(file: Option<&Path>) -> Result<Hidden> {
    let code = match file {
        Some(path) => input::text(path)?,
        None if output::is_terminal() => input::starred("The kit's 24 words: ")?,
        None => {
            return Err(Failure::usage(
                "There is no terminal to ask for the kit's 24 words.",
                "Use --kit-code-file.",
            ));
        }
    };
    match RecoveryKey::from_words(&code) {
        Ok(_) => Ok(Hidden::new(code)),
        Err(error) => Err(Failure::new(
            "invalid",
            format!("{}.", capital(&error.to_string())),
            "Look at the kit again.",
        )),
    }
}

/// An invitation holds the server's address, and its fingerprint if need be; an address that is given as well must be the same.
fn server_of(server: Option<String>, invitation: Option<&str>) -> Result<(String, Option<Hash>)> {
    let Some(text) = invitation else {
        let server = server.ok_or_else(|| Failure::usage("Which server?", "Use --server URL."))?;
        return Ok((server, None));
    };
    let invitation = Invitation::parse(text)?;
    let invited = invitation.server;
    if let Some(server) = server
        && HttpTransport::new(&server)?.origin() != HttpTransport::new(&invited)?.origin()
    {
        return Err(Failure::usage(
            format!("The invitation is for {invited}."),
            "Leave --server out.",
        ));
    }
    Ok((invited, invitation.server_key))
}

/// Whether a sign-up that failed has certainly made no account: the server said no, or heard nothing.
fn is_no_account(error: &Error) -> bool {
    match error.bare() {
        Error::NotAllowed(_) | Error::AlreadyExists(_) | Error::Full(_) => true,
        Error::Unreachable(silent) => !silent.sent,
        _ => false,
    }
}

/// A profile that belongs to nobody yet, and the way to the server.
async fn new_profile(place: &Place, server: &str, trust: Option<Trust>) -> Result<(ProfileLock, Host)> {
    let lock = place.alone().await?;
    let host = place.host_for(place.store().await?, server, trust).await?;
    match Account::load(host.store.as_ref()).await? {
        Some(account) => Err(Error::ProfileTaken(account.handle).into()),
        None => Ok((lock, host)),
    }
}

/// A file that is to be written, and is not there yet.
pub(super) fn new_file(path: PathBuf) -> Result<PathBuf> {
    let path = absolute(path)?;
    if path.symlink_metadata().is_ok() {
        return Err(Error::AlreadyExists(format!("{} is there already.", path.display())).into());
    }
    let folder = path.parent().unwrap_or(&path);
    // As the system says it, in the words that other commands repeat.
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(path),
        Ok(_) => Err(Error::Io {
            path: folder.display().to_string(),
            reason: "Not a directory".into(),
        }
        .into()),
        Err(error) => Err(Error::io(folder, &error).into()),
    }
}

fn keep_kit(view: &mut AccountView, kit: Option<&Kit>, path: Option<PathBuf>) {
    let (Some(kit), Some(path)) = (kit, path) else { return };
    match write_kit(kit, &path) {
        Ok(()) => view.kit = Some(path.display().to_string()),
        Err(error) => skip(view, "Recovery Kit", error.into()),
    }
}

/// The account is there, so what failed afterwards is told beside it.
fn skip(view: &mut AccountView, what: &str, failure: Failure) {
    message(&format!(
        "The {what} is not done: {} {}",
        failure.0.message, failure.0.next
    ));
    view.skipped.push(SkippedView {
        path: what.into(),
        reason: failure.0.message,
    });
}

async fn ask<T: DeserializeOwned>(app: &App, command: Command) -> Result<T> {
    let outcome = app.run(command, Arc::new(Silent), CancellationToken::new()).await?;
    serde_json::from_value(outcome.value).map_err(|error| Error::Internal(error.to_string()).into())
}

async fn view_of(app: &App) -> Result<AccountView> {
    let me: WhoamiView = ask(app, Command::Whoami).await?;
    Ok(AccountView {
        handle: me.handle,
        id: me.id,
        server: me.server,
        words: me.words,
        bits: me.bits,
        master_key: None,
        second_secret: None,
        kit: None,
        invited_by: None,
        newest_ms: Some(me.newest_ms),
        skipped: Vec::new(),
    })
}

fn answer(view: &AccountView, words: fn(AccountView) -> String) -> Answer {
    let outcome = if view.skipped.is_empty() {
        done(view)
    } else {
        ended(Ending::Partial, view)
    };
    Ok((outcome?, tell(words)))
}

async fn with_bar<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    let bars = Bars::new();
    bars.doing(what);
    let result = work.await;
    bars.clear();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_engine::ports::Unreachable;

    #[test]
    fn a_master_key_is_forgotten_only_where_no_account_can_be() {
        let taken = Error::AlreadyExists("taken".into());
        assert!(is_no_account(&taken) && is_no_account(&taken.advise("x")));
        assert!(is_no_account(&Error::Unreachable(Unreachable::unsent("refused"))));
        assert!(!is_no_account(&Error::Unreachable(Unreachable::silent("cut off"))));
        assert!(!is_no_account(&Error::Internal("made, but not kept".into())));
    }

    #[test]
    fn a_missing_folder_is_said_as_the_system_says_it() {
        let folder = tempfile::tempdir().unwrap();
        let told = |path: &str| new_file(folder.path().join(path)).err().unwrap().0.message;
        assert!(
            told("nope/kit.pdf").contains("No such file or directory"),
            "{}",
            told("nope/kit.pdf")
        );
        std::fs::write(folder.path().join("file"), "x").unwrap();
        assert!(
            told("file/kit.pdf").contains("Not a directory"),
            "{}",
            told("file/kit.pdf")
        );
        assert!(new_file(folder.path().join("kit.pdf")).is_ok());
    }
}
