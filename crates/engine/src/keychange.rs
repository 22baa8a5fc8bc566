//! Changing the Master Key or the size of the key pair: one request, then every space learns of it in its own time.
//!
//! Killed at any point, any device of the user can finish: before the request nothing has changed; after it the new
//! phrase opens the account everywhere, and what is left (stating the new keys in each space) is done by
//! [`Session::upkeep_all`] after the next unlock, on whichever device that is.

use std::sync::Arc;

use holdfast_crypto::rsa::Bits;
use holdfast_crypto::{KdfRecord, Key32, Phrase, SecondSecret};
use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::wire::KeyChange;

use crate::account::{Account, PendingKeyChange};
use crate::error::{Error, Result};
use crate::identity::{Identity, Keyring, NewIdentity};
use crate::ports::{Progress, Silent, Stage, Step};
use crate::recovery::Kit;
use crate::rng;
use crate::second::{self, NewSecond};
use crate::session::{Session, derive_with};

/// How the new keys are made.
#[derive(Debug, Clone, Copy)]
pub struct NewKeys {
    /// Modulus size; the same as before if absent.
    pub bits: Option<Bits>,
    /// Cost of a guess.
    pub log2_n: u8,
    /// Somebody may have the old Master Key: renew the keys of every space this user owns, too.
    pub leaked: bool,
    /// Whether to make a new Recovery Kit. Without one, the old kit ends and none takes its place.
    pub kit: bool,
    /// What becomes of the second secret. A new one is kept on this device before anything is sent.
    pub second: NewSecond,
}

impl NewKeys {
    /// At this cost of a guess, and else as before: the size and the second secret stay, nothing has leaked, no kit is made.
    #[must_use]
    pub const fn at(log2_n: u8) -> Self {
        Self {
            bits: None,
            log2_n,
            leaked: false,
            kit: false,
            second: NewSecond::Keep,
        }
    }
}

/// A key change that the server has.
pub struct ChangedKeys {
    /// The new kit, if one was asked for.
    pub kit: Option<Kit>,
    /// The second secret, if there is a new one.
    pub second: Option<SecondSecret>,
    /// What did not work after the keys were changed, and is done by the next unlock.
    pub left: Option<Error>,
}

impl Session {
    /// Gives the account new keys. The session goes on with them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for the phrase the account has already, unless only the size changes; [`Error::Conflict`] when
    /// another device changed the keys at the same time.
    pub async fn change_keys(&self, phrase: &Phrase, new: NewKeys) -> Result<Option<Kit>> {
        let changed = self.change_keys_with(phrase, new, &Silent, |_| Ok(())).await?;
        match changed.left {
            Some(error) => Err(error),
            None => Ok(changed.kit),
        }
    }

    /// As [`Session::change_keys`]. `keep` is given the new kit before anything is sent, and puts it where it outlives this
    /// process: from the change on the old kit opens nothing. What fails after the change is no error but told beside it.
    ///
    /// # Errors
    /// What `keep` says, [`Error::SecondSecretNeeded`] where one is to stay that this device has lost, and [`Error::Conflict`] when
    /// another device changed the keys at the same time: nothing has changed then. After [`Error::Unreachable`] they may have changed.
    pub async fn change_keys_with(
        &self,
        phrase: &Phrase,
        new: NewKeys,
        progress: &dyn Progress,
        keep: impl FnOnce(&Kit) -> Result<()> + Send,
    ) -> Result<ChangedKeys> {
        progress.report(Step::at(Stage::Keys));
        self.check_account().await?;
        let old = self.keyring().current().clone();
        let had = self.kept_second().await?;
        let beside = match new.second {
            // Whoever has the Master Key may have what stood beside it.
            NewSecond::Keep if new.leaked && self.takes_second() => NewSecond::New,
            NewSecond::Keep if self.takes_second() && had.is_none() => return Err(Error::SecondSecretNeeded),
            other => other,
        };
        // A size or the second secret may change under the phrase there is; a phrase that somebody may have must not come back.
        let same_size = new.bits.is_none_or(|bits| bits == old.bundle().rsa.bits());
        let same_second = beside == NewSecond::Keep || (beside == NewSecond::Off && !self.takes_second());
        if is_phrase_of(&old, phrase, had.as_ref()).await? && (new.leaked || (same_size && same_second)) {
            return Err(Error::Invalid(
                "that is the Master Key the account has already: choose another one".into(),
            ));
        }
        let kdf = KdfRecord::make(new.log2_n, &mut rng()).map_err(|error| Error::Invalid(error.to_string()))?;
        let made = (beside == NewSecond::New).then(|| SecondSecret::make(&mut rng()));
        let second = match beside {
            NewSecond::Keep => had.as_ref(),
            NewSecond::New | NewSecond::Off => made.as_ref(),
        };
        let kdf = match second {
            Some(_) => kdf.with_second(),
            None => kdf,
        };
        let prk = derive_with(phrase, second, &kdf).await?;
        let record = kdf.clone();
        let (handle, principal, created_ms) = (self.account().handle, self.principal(), self.now_ms());
        let bits = new.bits.unwrap_or(old.bundle().rsa.bits());
        let before = old.clone();
        let (identity, signed) = tokio::task::spawn_blocking(move || {
            let new = NewIdentity {
                kind: PrincipalKind::User,
                principal,
                handle: &handle,
                bits,
                created_ms,
            };
            Identity::create(prk, &record, &new, Some(&before))
        })
        .await
        .map_err(|error| Error::Internal(error.to_string()))??;
        let link = identity.link_to(&old, &mut rng());
        let kit = match new.kit {
            true => {
                let seen = self.seen_for_kit().await?;
                Some(Kit::make(&identity, self.host.transport.origin(), second, seen))
            }
            false => None,
        };
        if let Some((kit, _)) = &kit {
            keep(kit)?;
        }
        let pending = PendingKeyChange {
            change: KeyChange {
                bundle: signed.to_bytes().into(),
                link,
                recovery: kit.as_ref().map(|(_, sealed)| sealed.clone()),
            },
        };
        if new.leaked {
            // Said in the vault before the keys change, so that any device finishes the renewal.
            let name = self.display_name().await?.unwrap_or_default();
            self.set_profile(&name, Some(identity.bundle().bundle.counter)).await?;
        }
        // Kept before it is sent: if this device dies in between, whoever types the new phrase here can finish.
        progress.report(Step::at(Stage::Committing));
        let mut begun = vec![pending.row()?];
        begun.extend(second.map(|second| second::keep(&kdf, second)));
        self.write(begun).await?;
        self.api.change_keys(&pending.change).await?;

        let mut account = self.account();
        account.chain.push(pending.change.bundle.clone());
        account.links.push(pending.change.link.clone());
        let chain = account.bundles()?;
        let keyring = Arc::new(Keyring::open(identity, &chain, &account.links)?);
        self.insert(chain);
        *self.account.write().unwrap_or_else(std::sync::PoisonError::into_inner) = account;
        *self.keyring.write().unwrap_or_else(std::sync::PoisonError::into_inner) = keyring.clone();
        let kept = match self.keep().await {
            Ok(()) => self.check_directory().await,
            failed => failed,
        };
        let left = match kept {
            Ok(()) => match self.upkeep_telling(progress).await {
                Ok((_, trouble)) => trouble.into_iter().find(|one| one.seen).map(|one| one.error),
                Err(error) => Some(error),
            },
            Err(error) => Some(error),
        };
        Ok(ChangedKeys {
            kit: kit.map(|(kit, _)| kit),
            second: made,
            left,
        })
    }

    /// Writes the account's new record, sealed for the new keys.
    async fn keep(&self) -> Result<()> {
        let mut changes = self
            .account()
            .rows(self.keyring().current().prk(), self.rows.device_key())?;
        changes.push(PendingKeyChange::forget());
        let keyring = self.keyring();
        let record = &keyring.current().bundle().kdf;
        let second = self.kept_second().await?;
        changes.extend(second::keep_alone(self.host.store.as_ref(), record, second.as_ref()).await?);
        self.write(changes).await
    }
}

/// Whether these keys come from this phrase.
async fn is_phrase_of(keys: &Identity, phrase: &Phrase, second: Option<&SecondSecret>) -> Result<bool> {
    match derive_with(phrase, second, &keys.bundle().kdf).await {
        Ok(root) => Ok(Key32::from_slice(root.expose()) == Key32::from_slice(keys.prk().expose())),
        // Recovered with the kit on a device that never had the second secret: what the phrase was can't be told.
        Err(Error::SecondSecretNeeded) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Finishes a key change that was kept on this device but whose answer it never saw.
pub(crate) async fn finish(session: &Session, old: &Arc<Identity>, pending: &PendingKeyChange) -> Result<()> {
    let known = Account::load(session.host.store.as_ref())
        .await?
        .ok_or(Error::NoAccount)?;
    let me = match session.api.me().await {
        // The server still has the old keys.
        Err(Error::KeysChanged(_) | Error::Server { .. }) => earlier_api(session, old, &known).me().await?,
        answer => answer?,
    };
    if me.chain == known.chain {
        earlier_api(session, old, &known).change_keys(&pending.change).await?;
    } else if me.chain != session.account().chain {
        return Err(Error::KeysChanged(
            "Your Master Key was changed again on another device.".into(),
        ));
    }
    session.keep().await?;
    session.upkeep_all().await.map(|_| ())
}

/// The server's API as the account was before the change.
fn earlier_api(session: &Session, old: &Arc<Identity>, known: &Account) -> crate::api::Api {
    let keyring = Arc::new(std::sync::RwLock::new(Arc::new(Keyring::open_single(old.clone()))));
    crate::session::api_for(&session.host, &known.handle, &keyring, &session.rows)
}
