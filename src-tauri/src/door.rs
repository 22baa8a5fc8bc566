//! Making, opening and recovering an account: what happens before anybody is unlocked.
//!
//! A new Master Key is made here and shown once; its text is handed to the page only for that. The Recovery Kit never is: it
//! is written to a file the person chooses, and tested by asking for two of its words.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_commands::types::bits_of;
use holdfast_commands::view::KeyChangeView;
use holdfast_commands::{App, Command, Hidden, phrase_floor, write_kit};
use holdfast_crypto::{Phrase, SecondSecret};
use holdfast_engine::api::Api;
use holdfast_engine::ports::{Cause, Progress, Step, Unreachable};
use holdfast_engine::{
    Account, Error, Host, Invitation, Kit, NewAccount, NewKeys, NewSecond, Result, Second, Session, fingerprint_text,
    parse_fingerprint, rng,
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::desk::Desk;
use crate::types::{
    Entered, Event, InvitationLook, Judgement, KeyChangeForm, NewAccountForm, Place, RecoverForm, ServerCheck,
    SignInForm,
};

/// Cost of a guess: log2 of scrypt's N.
const LOG2_N: u8 = 18;
/// Guesses a second of somebody with a rack of machines, at that cost (a quarter of a gigabyte and most of a second each).
const GUESSES_A_SECOND: f64 = 100_000.0;

/// What is under way before anybody is unlocked.
#[derive(Default)]
pub(crate) struct Door {
    inner: Mutex<Inner>,
    /// The key change that was asked for last.
    turn: Mutex<Option<u32>>,
}

#[derive(Default)]
struct Inner {
    generated: Option<Zeroizing<String>>,
    kit: Option<Kit>,
    entered: Option<Entered>,
    new_kit: Option<String>,
    asked: [usize; 2],
}

impl Door {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything.
    pub(crate) fn forget(&self) {
        *self.inner() = Inner::default();
    }

    /// Draws a new Master Key and keeps it until an account is made with it.
    pub(crate) fn make_phrase(&self) -> Zeroizing<String> {
        let (_, text) = Phrase::generate(&mut rng());
        self.inner().generated = Some(text.clone());
        text
    }

    /// The page that took the Master Key is done. That it was a sign-in is kept for the page after it.
    pub(crate) fn come_in(&self) {
        let entered = (self.entered() == Some(Entered::SignedIn)).then_some(Entered::Arrived);
        *self.inner() = Inner {
            entered,
            ..Inner::default()
        };
    }

    /// The text for new keys: what was typed, or what was drawn.
    fn new_text(&self, typed: Option<Hidden>) -> Result<Hidden> {
        match (typed, &self.inner().generated) {
            (Some(typed), _) => Ok(typed),
            (None, Some(drawn)) => Ok(Hidden::new(drawn.clone())),
            (None, None) => Err(Error::Invalid("There is no Master Key yet.".into())),
        }
    }

    /// The phrase for new keys: the one that was typed, strong enough, or the one that was drawn.
    fn new_phrase(&self, typed: Option<&Hidden>, beside_second: bool) -> Result<Phrase> {
        match typed {
            Some(typed) => {
                let floor = phrase_floor(beside_second);
                Phrase::check_at_least(typed.expose(), floor).map_err(|error| weak(error, floor))?;
                Phrase::new(typed.expose()).map_err(refusal)
            }
            None => {
                let inner = self.inner();
                let text = inner.generated.as_ref();
                let text = text.ok_or_else(|| Error::Invalid("There is no Master Key yet.".into()))?;
                Phrase::new(text).map_err(refusal)
            }
        }
    }

    /// There are new keys, and maybe a kit that waits to be written. What they were made from is forgotten.
    fn new_keys(&self, entered: Entered, kit: Option<Kit>) {
        *self.inner() = Inner {
            entered: Some(entered),
            kit,
            ..Inner::default()
        };
    }

    /// The open account has a new Master Key, and maybe a kit in that file.
    fn key_changed(&self, new_kit: Option<String>) {
        *self.inner() = Inner {
            entered: Some(Entered::KeyChanged),
            new_kit,
            ..Inner::default()
        };
    }

    /// Whether this key change is asked for the first time.
    pub(crate) fn is_new(&self, turn: u32) -> bool {
        let mut last = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(turn) != Some(turn)
    }

    /// Where the kit of the new keys was written.
    pub(crate) fn new_kit(&self) -> Option<String> {
        self.inner().new_kit.clone()
    }

    /// What went just before.
    pub(crate) fn entered(&self) -> Option<Entered> {
        self.inner().entered
    }

    /// Whether a kit waits to be written.
    pub(crate) fn kit_waits(&self) -> bool {
        self.inner().kit.is_some()
    }

    /// Writes the kit that waits as a PDF for its owner alone, never over another file.
    pub(crate) fn write_kit(&self, path: &Path) -> Result<()> {
        let inner = self.inner();
        write_kit(inner.kit.as_ref().ok_or_else(no_kit)?, path)
    }

    /// Which two words of the kit to ask for, counted from 1.
    pub(crate) fn kit_question(&self) -> Result<[usize; 2]> {
        use rand_core::Rng as _;
        let mut inner = self.inner();
        let count = inner.kit.as_ref().ok_or_else(no_kit)?.code.split(' ').count();
        let draw = || rng().next_u32() as usize % count + 1;
        let first = draw();
        let mut second = draw();
        while second == first {
            second = draw();
        }
        inner.asked = [first.min(second), first.max(second)];
        Ok(inner.asked)
    }

    /// Whether those are the two words.
    pub(crate) fn kit_answer(&self, words: &[String; 2]) -> Result<bool> {
        let inner = self.inner();
        let code: Vec<&str> = inner.kit.as_ref().ok_or_else(no_kit)?.code.split(' ').collect();
        Ok(inner
            .asked
            .iter()
            .zip(words)
            .all(|(place, word)| code.get(place - 1).copied() == Some(word.trim().to_lowercase().as_str())))
    }
}

fn no_kit() -> Error {
    Error::Invalid("There is no Recovery Kit waiting. Make a new one in the settings.".into())
}

/// A phrase as it was typed.
pub(crate) fn phrase(typed: &Hidden) -> Result<Phrase> {
    Phrase::new(typed.expose()).map_err(refusal)
}

/// A second secret as it was typed.
fn second(typed: &Hidden) -> Result<SecondSecret> {
    SecondSecret::parse(typed.expose()).map_err(refusal)
}

fn refusal(error: holdfast_crypto::Error) -> Error {
    weak(error, phrase_floor(false))
}

fn weak(error: holdfast_crypto::Error, floor: u32) -> Error {
    match error {
        holdfast_crypto::Error::WeakPhrase(bits) => Error::WeakPhrase { bits, floor },
        holdfast_crypto::Error::SecondSecret(reason) => Error::BadSecondSecret(reason),
        holdfast_crypto::Error::Phrase(reason) => Error::BadPhrase(reason),
        other => Error::Internal(other.to_string()),
    }
}

/// How good a phrase of one's own is, alone or beside a second secret. The years are those of who has all that there is to have
/// but the phrase.
pub(crate) fn judge(typed: &Hidden, beside_second: bool) -> Judgement {
    let floor = phrase_floor(beside_second);
    let refused = match Phrase::new(typed.expose()) {
        Err(holdfast_crypto::Error::Phrase(reason)) => Some(reason.to_owned()),
        _ => None,
    };
    let bits = Phrase::guess_bits(typed.expose());
    Judgement {
        bits,
        floor,
        enough: refused.is_none() && bits >= floor,
        refused,
        years: f64::from(bits).exp2() / 2.0 / GUESSES_A_SECOND / (365.25 * 24.0 * 3600.0),
    }
}

/// Asks a server who it is. Where it is not trusted yet, nothing is asked: its fingerprint is what there is to see.
pub(crate) async fn check_server(desk: &Desk, address: &str, fingerprint: Option<&str>) -> Result<ServerCheck> {
    let host = host(desk, address, fingerprint).await?;
    let address = host.transport.origin().to_owned();
    let (version, distrust) = match Api::anonymous(host.transport.clone()).info().await {
        Ok(info) => (Some(info.version), None),
        Err(Error::Unreachable(Unreachable {
            cause: Cause::Distrust(distrust),
            ..
        })) => (None, Some(distrust)),
        Err(other) => return Err(other),
    };
    Ok(ServerCheck {
        address,
        version,
        to_confirm: distrust.as_ref().map(|distrust| fingerprint_text(distrust.seen)),
        changed: distrust.is_some_and(|distrust| distrust.changed),
    })
}

/// The way to a server as it was confirmed just now, else as this computer knows it.
async fn host(desk: &Desk, address: &str, fingerprint: Option<&str>) -> Result<Host> {
    let pin = match fingerprint {
        Some(confirmed) => Some(parse_fingerprint(confirmed)?),
        None => {
            let open = desk.host(address.trim(), None)?;
            let known = Account::load(open.store.as_ref()).await?;
            known
                .filter(|known| known.server == open.transport.origin())
                .and_then(|known| known.server_key)
        }
    };
    desk.host(address.trim(), pin)
}

/// Reads an invitation; nothing is sent.
pub(crate) fn look_at_invitation(text: &Hidden) -> Result<InvitationLook> {
    let invitation = Invitation::parse(text.expose())?;
    Ok(InvitationLook {
        fingerprint: invitation.server_key.map(fingerprint_text),
        inviter_words: holdfast_crypto::security_words(&invitation.inviter_fingerprint.0).join(" "),
        server: invitation.server,
    })
}

/// Makes an account, and a Recovery Kit that waits to be written.
pub(crate) async fn sign_up(desk: &Arc<Desk>, form: NewAccountForm) -> Result<()> {
    let phrase = desk.door.new_phrase(form.phrase.as_ref(), form.second)?;
    let second = form.second.then(|| SecondSecret::make(&mut rng()));
    let bits = bits_of(form.bits)?;
    let invitation = match &form.invitation {
        Some(text) => Some(Invitation::parse(text.expose())?),
        None => None,
    };
    let (address, fingerprint) = match (&invitation, form.place) {
        (Some(invitation), _) => (
            invitation.server.clone(),
            invitation.server_key.map(|key| key.to_string()),
        ),
        (None, Place::Server { address, fingerprint }) => (address, fingerprint),
        (None, Place::Here) => (desk.serve_here().await?, None),
    };
    let host = host(desk, &address, fingerprint.as_deref()).await?;
    let new = NewAccount {
        handle: form.handle.trim(),
        display_name: form.name.trim(),
        phrase: &phrase,
        bits,
        log2_n: LOG2_N,
        kit: true,
        second: second.as_ref(),
    };
    let (session, kit) = Session::sign_up(host.clone(), new).await?;
    let app = opened(desk, host, session);
    desk.door.new_keys(Entered::SignedUp, kit);
    desk.change_settings(|settings| settings.kit_kept = false)?;
    if let Some(text) = form.invitation {
        // The account is there whatever comes of this; the inviter hears of it when the answer arrives.
        if let Err(error) = run(&app, Command::InvitationAccept { text }).await {
            tracing::warn!(code = error.code(), "the invitation could not be answered");
        }
    }
    Ok(())
}

/// Opens an account that exists on this device.
pub(crate) async fn sign_in(desk: &Arc<Desk>, form: SignInForm) -> Result<()> {
    let phrase = phrase(&form.phrase)?;
    let beside = match &form.second {
        Some(typed) => Second::Given(second(typed)?),
        None if form.without_second => Second::GivenUp,
        None => Second::Kept,
    };
    let host = host(desk, &form.address, form.fingerprint.as_deref()).await?;
    let quick = desk.has_quick_unlock().await;
    let session = Session::sign_in_with(host.clone(), form.handle.trim(), &phrase, beside).await?;
    if quick {
        desk.forget_in_keychain().await;
    }
    opened(desk, host, session);
    desk.server_is_known();
    desk.door.new_keys(Entered::SignedIn, None);
    Ok(())
}

/// Opens an account with its Recovery Kit and gives it a new Master Key.
pub(crate) async fn recover(desk: &Arc<Desk>, form: RecoverForm) -> Result<()> {
    let phrase = desk.door.new_phrase(form.phrase.as_ref(), form.second)?;
    let host = host(desk, &form.address, form.fingerprint.as_deref()).await?;
    let new = NewKeys {
        kit: true,
        second: match form.second {
            true => NewSecond::New,
            false => NewSecond::Off,
        },
        ..NewKeys::at(LOG2_N)
    };
    let quick = desk.has_quick_unlock().await;
    let recovered = Session::recover_with(host.clone(), form.code.expose(), &phrase, new, |_| Ok(()));
    let (session, changed) = Box::pin(recovered).await?;
    if quick {
        desk.forget_in_keychain().await;
    }
    opened(desk, host, session);
    desk.door.new_keys(Entered::Recovered, changed.kit);
    desk.change_settings(|settings| settings.kit_kept = false)?;
    Ok(())
}

/// Gives the account a new Master Key. A new kit is written before the old one ends. The page that held the key ends after it.
pub(crate) async fn change_key(desk: &Arc<Desk>, form: KeyChangeForm, kit: Option<PathBuf>) -> Result<()> {
    let app = desk.app().ok_or(Error::NoAccount)?;
    let command = Command::KeyChange {
        phrase: desk.door.new_text(form.phrase)?,
        bits: form.bits,
        log2_n: LOG2_N,
        leaked: form.leaked,
        kit,
        second: form.second,
    };
    let busy = desk.idle.busy();
    let quick = desk.has_quick_unlock().await;
    let told = Arc::new(Told(Arc::clone(desk)));
    let outcome = app.run(command, told, CancellationToken::new()).await?;
    drop(busy);
    if quick {
        desk.forget_in_keychain().await;
    }
    let changed: KeyChangeView =
        serde_json::from_value(outcome.value).map_err(|error| Error::Internal(error.to_string()))?;
    // The keys are new whatever comes of this: it only reminds.
    if let Err(error) = desk.change_settings(|settings| settings.kit_kept = changed.kit.is_some()) {
        tracing::warn!(code = error.code(), "whether there is a kit was not noted");
    }
    desk.door.key_changed(changed.kit);
    if app.is_unlocked() {
        desk.enter(&app);
    } else {
        // Locked meanwhile.
        desk.door.forget();
    }
    Ok(())
}

/// Tells the page how far a key change is.
struct Told(Arc<Desk>);

impl Progress for Told {
    fn report(&self, step: Step) {
        self.0.tell(Event::Keys { step: step.into() });
    }
}

fn opened(desk: &Arc<Desk>, host: holdfast_engine::Host, session: Session) -> Arc<App> {
    let app = desk.account_at(host);
    app.open_with(session);
    desk.take(app)
}

async fn run(app: &App, command: Command) -> Result<holdfast_commands::Outcome> {
    app.run(
        command,
        Arc::new(holdfast_engine::ports::Silent),
        tokio_util::sync::CancellationToken::new(),
    )
    .await
}

/// The name under which a kit is offered.
pub(crate) fn kit_name(handle: &str) -> PathBuf {
    let plain: String = handle
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() || "-_.@".contains(letter) {
                letter
            } else {
                '-'
            }
        })
        .collect();
    PathBuf::from(format!("Holdfast Recovery Kit {plain}.pdf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_phrase_is_good_and_a_short_one_is_not() {
        let door = Door::default();
        assert!(door.new_phrase(None, false).is_err());
        let text = door.make_phrase();
        let good = judge(&Hidden::new(text), false);
        assert!(good.enough && good.years > 1e9, "{} bits", good.bits);
        assert!(door.new_phrase(None, false).is_ok());
        let weak = judge(&Hidden::new(Zeroizing::new("password1".into())), false);
        assert!(!weak.enough && weak.years < 1.0, "{} bits", weak.bits);
        let short = Hidden::new(Zeroizing::new("vermilion tacos at 6 am".into()));
        assert!(!judge(&short, false).enough && judge(&short, true).enough);
        assert!(door.new_phrase(Some(&short), false).is_err() && door.new_phrase(Some(&short), true).is_ok());
        let empty = judge(&Hidden::new(Zeroizing::new(String::new())), false);
        assert!(empty.refused.is_some());
        door.new_keys(Entered::KeyChanged, None);
        assert!(
            door.new_phrase(None, false).is_err(),
            "no key is made twice from what was drawn once"
        );
        assert_eq!(door.entered(), Some(Entered::KeyChanged));
        door.make_phrase();
        door.forget();
        assert!(door.new_phrase(None, false).is_err());
        assert_eq!(door.entered(), None);
    }

    #[test]
    fn a_key_change_is_asked_for_once() {
        let door = Door::default();
        assert!(door.is_new(7));
        door.forget();
        assert!(!door.is_new(7));
        assert!(door.is_new(8));
    }

    #[test]
    fn names_of_kits_are_plain() {
        assert_eq!(kit_name("a/../b"), PathBuf::from("Holdfast Recovery Kit a-..-b.pdf"));
    }
}
