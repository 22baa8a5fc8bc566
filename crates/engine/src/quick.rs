//! Quick unlock: the root of the keys, sealed on this device under a random key that the system's keychain keeps.
//!
//! The keychain never gets the Master Key, nor anything that opens more than this one box on this one disk. The box ends with
//! the keys it holds: a key change, signing in or recovery on this device writes a new account record and takes it along; so
//! does a server that says that this device was signed out. After two weeks the Master Key is asked for once, because one
//! that is never typed is forgotten.

use holdfast_crypto::{Key32, Prk, open, seal};
use holdfast_protocol::context;

use crate::account::Account;
use crate::error::{Error, Result};
use crate::identity::{Identity, Keyring};
use crate::ports::{Change, Store};
use crate::rng;
use crate::session::{Host, Session, newest};

const TABLE: &str = "account";
const ROW: &[u8] = b"quick-unlock";
/// How long it works before the Master Key is asked for again.
const GOOD_FOR_MS: u64 = 14 * 24 * 3600 * 1000;

/// Whether this device opens without the Master Key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quick {
    /// It does not.
    Off,
    /// It does.
    Ready,
    /// It does again after the Master Key was typed once.
    Due,
}

/// How it stands with quick unlock on a device.
///
/// # Errors
/// What the store reports.
pub async fn quick_unlock(host: &Host) -> Result<Quick> {
    Ok(match read(host.store.as_ref()).await? {
        None => Quick::Off,
        Some((until_ms, _)) if host.clock.now_ms() < until_ms => Quick::Ready,
        Some(_) => Quick::Due,
    })
}

/// Ends quick unlock on a device. What the keychain still has then opens nothing.
///
/// # Errors
/// What the store reports.
pub async fn forbid_quick_unlock(host: &Host) -> Result<()> {
    Ok(host.store.write(vec![end()]).await?)
}

/// The change that ends it.
pub(crate) fn end() -> Change {
    Change::Delete(TABLE, ROW.to_vec())
}

/// Whether there is a box.
pub(crate) async fn is_set(store: &dyn Store) -> Result<bool> {
    Ok(store.get(TABLE, ROW).await?.is_some())
}

/// Until when, and the box. A row that makes no sense is none.
async fn read(store: &dyn Store) -> Result<Option<(u64, Vec<u8>)>> {
    let row = store.get(TABLE, ROW).await?;
    Ok(row.and_then(|row| {
        let (until_ms, sealed) = row.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*until_ms), sealed.to_vec()))
    }))
}

impl Session {
    /// Lets this device be opened with a new random key, and gives that key. An earlier one opens nothing from then on.
    ///
    /// # Errors
    /// What the store reports.
    pub async fn allow_quick_unlock(&self) -> Result<Key32> {
        let keyring = self.keyring();
        let identity = keyring.current();
        let until_ms = self.now_ms() + GOOD_FOR_MS;
        let context = context::quick(self.principal(), identity.bundle().hash, until_ms);
        let key = Key32::random(&mut rng());
        let sealed = seal(&key, &context, identity.prk().expose(), &mut rng());
        let row = [until_ms.to_be_bytes().as_slice(), &sealed].concat();
        self.write(vec![Change::Put(TABLE, ROW.to_vec(), row)]).await?;
        Ok(key)
    }

    /// Opens this device with the key of [`Session::allow_quick_unlock`]. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Keychain`] when the Master Key is needed, [`Error::NoAccount`], [`Error::Damaged`].
    pub async fn unlock_quickly(host: Host, key: &Key32) -> Result<Self> {
        let account = Account::load(host.store.as_ref()).await?.ok_or(Error::NoAccount)?;
        let Some((until_ms, sealed)) = read(host.store.as_ref()).await? else {
            return Err(Error::Keychain("Quick unlock is off on this computer.".into()));
        };
        if host.clock.now_ms() >= until_ms {
            return Err(Error::Keychain(
                "It is two weeks since your Master Key was typed here.".into(),
            ));
        }
        let chain = account.bundles()?;
        let newest = newest(&chain)?.clone();
        let context = context::quick(account.principal, newest.hash, until_ms);
        let root = open(key, &context, &sealed)
            .ok()
            .and_then(|root| Key32::from_slice(&root))
            .ok_or_else(|| Error::Keychain("What the keychain has does not open this profile.".into()))?;
        let opened = tokio::task::spawn_blocking(move || Identity::unlock(Prk::from_key(root), newest)).await;
        let identity = opened.map_err(|error| Error::Internal(error.to_string()))??;
        let device_key = account.open_device(host.store.as_ref(), identity.prk()).await?;
        account.fits(host.transport.as_ref())?;
        let keyring = Keyring::open(identity, &chain, &account.links)?;
        Ok(Self::assemble(host, account, keyring, device_key, chain))
    }
}
