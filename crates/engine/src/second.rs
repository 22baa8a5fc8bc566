//! The second secret of an account, as this device keeps it: in clear beside the account's record, because unlocking takes it before
//! anything opens, and by the key-derivation record that it is for, so that a key change that was cut off finds its own.

use holdfast_crypto::{KdfRecord, Phrase, SecondSecret, sha256};

use crate::account::Account;
use crate::error::{Error, Result};
use crate::ports::{Change, Store};
use crate::session::{Session, derive_with, newest};

const TABLE: &str = "account";
const PREFIX: &[u8] = b"second-secret/";

/// What is known of a second secret where somebody signs in.
#[derive(Default)]
pub enum Second {
    /// Nobody says: the one that this device has for the account, if it has one.
    #[default]
    Kept,
    /// This one: a record that takes none is refused.
    Given(SecondSecret),
    /// It was given up on another device: also a record that takes none is believed.
    GivenUp,
}

/// What becomes of the second secret when the keys change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewSecond {
    /// If there is one, it stays; after a leak it is renewed.
    Keep,
    /// A new one.
    New,
    /// None from then on.
    Off,
}

impl Second {
    /// The one to derive with from the record that the server shows; `known` is the account as this device has it.
    pub(crate) async fn of(
        self,
        store: &dyn Store,
        shown: &KdfRecord,
        known: Option<&Account>,
    ) -> Result<Option<SecondSecret>> {
        match self {
            Self::Given(second) => return Ok(Some(second)),
            Self::GivenUp => return Ok(None),
            Self::Kept => {}
        }
        match (kept(store, shown).await?, known) {
            // Also of a sign-up whose answer this device never saw.
            (Some(second), _) => Ok(Some(second)),
            (None, Some(known)) => kept(store, &newest(&known.bundles()?)?.kdf).await,
            (None, None) => Ok(None),
        }
    }
}

impl Account {
    /// Whether this account is opened with a second secret beside the Master Key.
    ///
    /// # Errors
    /// As [`Account::bundles`].
    pub fn takes_second(&self) -> Result<bool> {
        Ok(newest(&self.bundles()?)?.kdf.takes_second())
    }
}

impl Session {
    /// Whether this account is opened with a second secret beside the Master Key.
    #[must_use]
    pub fn takes_second(&self) -> bool {
        self.keyring().current().bundle().kdf.takes_second()
    }

    /// Shows the second secret again to who types the Master Key.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is none, [`Error::WrongMasterKey`], [`Error::SecondSecretNeeded`] where this device has lost it.
    pub async fn second_secret(&self, phrase: &Phrase) -> Result<SecondSecret> {
        let keyring = self.keyring();
        let identity = keyring.current();
        let record = &identity.bundle().kdf;
        if !record.takes_second() {
            return Err(Error::Missing("This account has no second secret.".into())
                .advise("Make one with a key change: `holdfast key change --second-secret`."));
        }
        let second = self.kept_second().await?.ok_or(Error::SecondSecretNeeded)?;
        let root = derive_with(phrase, Some(&second), record).await?;
        // Public keys: no need to compare in constant time.
        if root.sign_key().public() != identity.bundle().verify {
            return Err(Error::WrongMasterKey);
        }
        Ok(second)
    }

    /// The one for the newest keys.
    pub(crate) async fn kept_second(&self) -> Result<Option<SecondSecret>> {
        kept(self.host.store.as_ref(), &self.keyring().current().bundle().kdf).await
    }
}

/// The second secret that this device has for a record.
pub(crate) async fn kept(store: &dyn Store, record: &KdfRecord) -> Result<Option<SecondSecret>> {
    if !record.takes_second() {
        return Ok(None);
    }
    let Some(row) = store.get(TABLE, &key(record)).await? else {
        return Ok(None);
    };
    let row = zeroize::Zeroizing::new(row);
    let second = str::from_utf8(&row)
        .ok()
        .and_then(|text| SecondSecret::parse(text).ok());
    second
        .map(Some)
        .ok_or_else(|| Error::damaged("this device's second secret"))
}

/// The change that keeps one for a record.
pub(crate) fn keep(record: &KdfRecord, second: &SecondSecret) -> Change {
    Change::Put(TABLE, key(record), second.text().as_bytes().to_vec())
}

/// The changes after which this device has the one for this record and no other.
pub(crate) async fn keep_alone(
    store: &dyn Store,
    record: &KdfRecord,
    second: Option<&SecondSecret>,
) -> Result<Vec<Change>> {
    let own = key(record);
    let rows = store.list(TABLE, PREFIX).await?;
    let others = rows.into_keys().filter(|other| second.is_none() || *other != own);
    let mut changes: Vec<Change> = others.map(|other| Change::Delete(TABLE, other)).collect();
    changes.extend(second.map(|second| keep(record, second)));
    Ok(changes)
}

fn key(record: &KdfRecord) -> Vec<u8> {
    [PREFIX, &sha256(&[&record.encode()])].concat()
}
