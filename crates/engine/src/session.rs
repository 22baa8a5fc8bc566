//! An unlocked account: keys in memory, the way to the server, and the spaces as this device knows them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use holdfast_crypto::{KdfRecord, Phrase, SecondSecret};
use holdfast_protocol::bundle::{SignedBundle, VerifiedBundle, verify_chain};
use holdfast_protocol::id::{PrincipalId, SpaceId};
use holdfast_protocol::login::SignIn;
use holdfast_protocol::replay::{Bundles, Space};
use holdfast_protocol::wire::{Me, SignInProof, Tokens};

use crate::account::{Account, PendingKeyChange, SealedRows};
use crate::api::{Api, Authenticate};
use crate::browse::Listings;
use crate::error::{Error, Result};
use crate::identity::{Identity, Keyring, stretch};
use crate::ports::{Change, Clock, Store, Transport};
use crate::second;

/// The machine an engine runs on.
#[derive(Clone)]
pub struct Host {
    /// The way to the server.
    pub transport: Arc<dyn Transport>,
    /// The device's own store.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// An unlocked account.
pub struct Session {
    pub(crate) host: Host,
    pub(crate) account: RwLock<Account>,
    pub(crate) keyring: SharedKeyring,
    pub(crate) rows: Arc<SealedRows>,
    pub(crate) api: Arc<Api>,
    pub(crate) bundles: RwLock<Bundles>,
    pub(crate) spaces: tokio::sync::Mutex<HashMap<SpaceId, Arc<Space>>>,
    /// Held while a space is fetched, and while a node notes that it begins a run there.
    pub(crate) turns: std::sync::Mutex<HashMap<SpaceId, Arc<tokio::sync::Mutex<()>>>>,
    /// When the server last answered for a space.
    pub(crate) heard: std::sync::Mutex<HashMap<SpaceId, u64>>,
    pub(crate) listings: Listings,
    /// Held while the log of keys is asked about, so that an older answer is never kept over a newer one.
    pub(crate) directory: tokio::sync::Mutex<()>,
}

/// The keyring of a session, which a key change replaces.
pub(crate) type SharedKeyring = Arc<RwLock<Arc<Keyring>>>;

pub(crate) const TOKENS: &str = "tokens";

/// Signs in with the keys of a session, and keeps the tokens between runs.
struct Credentials {
    keyring: SharedKeyring,
    rows: Arc<SealedRows>,
    host: Host,
    handle: String,
    /// The server signed this device out, and the Master Key has to be typed again.
    ended: AtomicBool,
}

#[async_trait]
impl Authenticate for Credentials {
    async fn stored(&self) -> Result<Option<Tokens>> {
        let row = self.rows.get(TOKENS, b"current").await?;
        Ok(row.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    async fn renew(&self, api: &Api, old: Option<&Tokens>) -> Result<Tokens> {
        if self.ended.load(Ordering::SeqCst) {
            return Err(Error::Locked);
        }
        let refreshed = match old {
            Some(old) => match api.refresh(&old.refresh).await {
                Ok(tokens) => Some(tokens),
                // Signed out from another device. Where a keychain opens this one, the Master Key has to be typed again.
                Err(Error::Server { code, .. })
                    if code == holdfast_protocol::wire::code::SIGNED_OUT
                        && crate::quick::is_set(self.host.store.as_ref()).await? =>
                {
                    self.ended.store(true, Ordering::SeqCst);
                    self.host.store.write(vec![crate::quick::end()]).await?;
                    return Err(Error::Locked);
                }
                Err(Error::Server { .. }) => None,
                Err(other) => return Err(other),
            },
            None => None,
        };
        let tokens = match refreshed {
            Some(tokens) => tokens,
            None => {
                let keyring = current(&self.keyring);
                sign_in(api, &self.host, &self.handle, keyring.current())
                    .await
                    .map_err(not_taken)?
            }
        };
        let row = serde_json::to_vec(&tokens).map_err(|error| Error::Internal(error.to_string()))?;
        self.host
            .store
            .write(vec![self.rows.put(TOKENS, b"current", &row)])
            .await?;
        Ok(tokens)
    }
}

/// A session's own keys that the server does not take any more were changed elsewhere.
fn not_taken(error: Error) -> Error {
    match error {
        Error::Server { code, .. } if code == holdfast_protocol::wire::code::SIGN_IN_REFUSED => Error::KeysChanged(
            "The server no longer takes this Master Key. If it was changed on another device, run `holdfast signin` with the new one. \
             If not, the account of this name on the server is another one now: ask whoever runs the server, and tell those you \
             work with, by voice, to compare the six words before they share anything."
                .into(),
        ),
        other => other,
    }
}

/// Proves to the server who this is. The challenge's KDF record is not used: the keys are already derived.
pub(crate) async fn sign_in(api: &Api, host: &Host, handle: &str, identity: &Identity) -> Result<Tokens> {
    let challenge = api.sign_in_start(handle).await?;
    prove(api, host, handle, identity.sign_key(), challenge.nonce.0).await
}

/// Signs the server's nonce inside a statement that this client built.
pub(crate) async fn prove(
    api: &Api,
    host: &Host,
    handle: &str,
    key: &holdfast_crypto::SignKey,
    nonce: Vec<u8>,
) -> Result<Tokens> {
    if nonce.len() != 32 {
        return Err(Error::Server {
            code: "not-understood".into(),
            message: "its sign-in makes no sense".into(),
        });
    }
    let statement = SignIn {
        origin: host.transport.origin().to_owned(),
        handle: handle.to_owned(),
        nonce,
        time_ms: host.clock.now_ms(),
    };
    let signature = statement.sign(key).to_vec().into();
    api.sign_in(&SignInProof {
        handle: statement.handle,
        origin: statement.origin,
        nonce: statement.nonce.into(),
        time_ms: statement.time_ms,
        signature,
    })
    .await
}

impl Session {
    /// Unlocks an account that this device knows. Sends nothing.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::WrongMasterKey`], [`Error::SecondSecretNeeded`], or [`Error::Damaged`] when the device's own record is.
    pub async fn unlock(host: Host, phrase: &Phrase) -> Result<Self> {
        let account = Account::load(host.store.as_ref()).await?.ok_or(Error::NoAccount)?;
        let chain = account.bundles()?;
        let newest = newest(&chain)?;
        let pending = Account::pending(host.store.as_ref()).await?;
        let second = second::kept(host.store.as_ref(), &newest.kdf).await?;
        let prk = derive_with(phrase, second.as_ref(), &newest.kdf).await?;
        match Identity::unlock(prk, newest.clone()) {
            Ok(identity) => {
                let device_key = account.open_device(host.store.as_ref(), identity.prk()).await?;
                account.fits(host.transport.as_ref())?;
                let keyring = Keyring::open(identity, &chain, &account.links)?;
                Ok(Self::assemble(host, account, keyring, device_key, chain))
            }
            Err(Error::WrongMasterKey) if pending.is_some() => match pending {
                Some(pending) => Self::unlock_pending(host, phrase, account, chain, pending).await,
                None => Err(Error::WrongMasterKey),
            },
            Err(other) => Err(other),
        }
    }

    /// The phrase of a key change that was begun here and may or may not have reached the server.
    async fn unlock_pending(
        host: Host,
        phrase: &Phrase,
        mut account: Account,
        mut chain: Vec<VerifiedBundle>,
        pending: PendingKeyChange,
    ) -> Result<Self> {
        let next = SignedBundle::from_bytes(&pending.change.bundle.0)?.verify(chain.last())?;
        let second = second::kept(host.store.as_ref(), &next.kdf).await?;
        let prk = derive_with(phrase, second.as_ref(), &next.kdf).await?;
        let identity = Identity::unlock(prk, next.clone())?;
        chain.push(next);
        account.chain.push(pending.change.bundle.clone());
        account.links.push(pending.change.link.clone());
        let keyring = Keyring::open(identity, &chain, &account.links)?;
        let old = keyring
            .of(pending.change.link.old)
            .ok_or(Error::WrongMasterKey)?
            .clone();
        let known = Account::load(host.store.as_ref()).await?.ok_or(Error::NoAccount)?;
        let device_key = known.open_device(host.store.as_ref(), old.prk()).await?;
        known.fits(host.transport.as_ref())?;
        let session = Self::assemble(host, account, keyring, device_key, chain);
        crate::keychange::finish(&session, &old, &pending).await?;
        Ok(session)
    }

    pub(crate) fn assemble(
        host: Host,
        account: Account,
        keyring: Keyring,
        device_key: holdfast_crypto::Key32,
        chain: Vec<VerifiedBundle>,
    ) -> Self {
        Self::assemble_over(host, account, Arc::new(keyring), device_key, chain)
    }

    /// The same over keys that are in memory already.
    pub(crate) fn assemble_over(
        host: Host,
        account: Account,
        keyring: Arc<Keyring>,
        device_key: holdfast_crypto::Key32,
        chain: Vec<VerifiedBundle>,
    ) -> Self {
        let keyring: SharedKeyring = Arc::new(RwLock::new(keyring));
        let rows = Arc::new(SealedRows::new(host.store.clone(), account.principal, device_key));
        let api = Arc::new(api_for(&host, &account.handle, &keyring, &rows));
        let mut bundles = Bundles::default();
        bundles.insert_chain(chain);
        Self {
            api,
            host,
            account: RwLock::new(account),
            keyring,
            rows,
            bundles: RwLock::new(bundles),
            spaces: tokio::sync::Mutex::default(),
            turns: std::sync::Mutex::default(),
            heard: std::sync::Mutex::default(),
            listings: Listings::default(),
            directory: tokio::sync::Mutex::default(),
        }
    }

    /// The server's API, signed in as this account.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Who this is.
    #[must_use]
    pub fn principal(&self) -> PrincipalId {
        self.account().principal
    }

    /// The account's record.
    #[must_use]
    pub fn account(&self) -> Account {
        self.account
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// The keys.
    #[must_use]
    pub fn keyring(&self) -> Arc<Keyring> {
        current(&self.keyring)
    }

    /// Shows where the keys lie that this session keeps for as long as it is unlocked, so that the machine can keep that memory
    /// out of its swap file: roots, signing keys, the device's key, the keys of all epochs of the spaces in memory. Not the RSA
    /// numbers: they are in the library's own memory.
    pub fn show_keys(&self, show: &mut dyn FnMut(&[u8])) {
        self.keyring().show_keys(show);
        show(self.rows.device_key().expose());
        // Somebody is at it: the next time will do.
        if let Ok(spaces) = self.spaces.try_lock() {
            for key in spaces.values().flat_map(|space| space.keys()) {
                show(key.key().expose());
            }
        }
    }

    /// Milliseconds since 1970-01-01 UTC, by this device's clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.host.clock.now_ms()
    }

    /// Applies changes to the device's store.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<()> {
        Ok(self.host.store.write(changes).await?)
    }

    pub(crate) async fn keep_tokens(&self, tokens: &Tokens) -> Result<()> {
        let row = serde_json::to_vec(tokens).map_err(|error| Error::Internal(error.to_string()))?;
        self.write(vec![self.rows.put(TOKENS, b"current", &row)]).await
    }

    /// Asks the server for the account and compares it with what this device pinned.
    ///
    /// # Errors
    /// [`Error::KeysChanged`] when the account's keys were changed on another device, [`Error::History`] when the server
    /// shows fewer or other keys than this device has.
    pub async fn check_account(&self) -> Result<Me> {
        let me = self.api.me().await?;
        let account = self.account();
        if me.vault != account.vault || !me.chain.starts_with(&account.chain) {
            return Err(Error::History(
                "The server shows other keys for your account than this computer has.".into(),
            ));
        }
        if me.chain.len() > account.chain.len() {
            verify_chain(&me.chain)?;
            return Err(Error::KeysChanged(
                "Your Master Key was changed on another device. Run `holdfast signin` with the new one.".into(),
            ));
        }
        Ok(me)
    }
}

pub(crate) fn api_for(host: &Host, handle: &str, keyring: &SharedKeyring, rows: &Arc<SealedRows>) -> Api {
    let credentials = Credentials {
        keyring: keyring.clone(),
        rows: rows.clone(),
        host: host.clone(),
        handle: handle.to_owned(),
        ended: AtomicBool::new(false),
    };
    Api::signed_in(host.transport.clone(), Arc::new(credentials))
}

fn current(keyring: &SharedKeyring) -> Arc<Keyring> {
    keyring
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .clone()
}

pub(crate) fn newest(chain: &[VerifiedBundle]) -> Result<&VerifiedBundle> {
    chain
        .last()
        .ok_or_else(|| Error::damaged("this device's account record"))
}

/// scrypt, off the async threads.
pub(crate) async fn derive(phrase: &Phrase, kdf: &KdfRecord) -> Result<holdfast_crypto::Prk> {
    derive_with(phrase, None, kdf).await
}

/// The same with a second secret, where the record takes one.
pub(crate) async fn derive_with(
    phrase: &Phrase,
    second: Option<&SecondSecret>,
    kdf: &KdfRecord,
) -> Result<holdfast_crypto::Prk> {
    let phrase = phrase.duplicate();
    let second = second.map(SecondSecret::duplicate);
    let kdf = kdf.clone();
    tokio::task::spawn_blocking(move || stretch(&phrase, second.as_ref(), &kdf))
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
}
