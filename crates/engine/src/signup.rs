//! Making an account, and signing in to one on a device that doesn't know it yet.

use holdfast_crypto::rsa::Bits;
use holdfast_crypto::{KdfRecord, Key32, Phrase, SecondSecret};
use holdfast_protocol::bundle::{PrincipalKind, valid_handle, verify_chain};
use holdfast_protocol::entry::{SignedEntry, SpaceKind};
use holdfast_protocol::id::PrincipalId;
use holdfast_protocol::replay::{Authority, Bundles};
use holdfast_protocol::wire::{self, SignUp};

use crate::account::{self, Account, PendingKeyChange};
use crate::api::Api;
use crate::error::{Error, Result};
use crate::identity::{Identity, Keyring, NewIdentity};
use crate::recovery::{Kit, Seen};
use crate::second::{self, Second};
use crate::session::{Host, Session, derive_with, newest, prove};
use crate::{genesis, rng};

/// What a new account is made from.
pub struct NewAccount<'a> {
    /// What the user will sign in with.
    pub handle: &'a str,
    /// The name people know the user by.
    pub display_name: &'a str,
    /// The Master Key.
    pub phrase: &'a Phrase,
    /// Modulus size.
    pub bits: Bits,
    /// Cost of a guess.
    pub log2_n: u8,
    /// Whether to make a Recovery Kit at once.
    pub kit: bool,
    /// What opens the account beside the Master Key, if anything does.
    pub second: Option<&'a SecondSecret>,
}

/// A root, the record it belongs to, and the second secret that went into it, if one did and it is known.
pub(crate) struct Derived {
    pub(crate) prk: holdfast_crypto::Prk,
    pub(crate) kdf: KdfRecord,
    pub(crate) second: Option<SecondSecret>,
}

impl Session {
    /// Makes an account and its vault. Nothing is uploaded before the key pair was derived twice and found equal.
    ///
    /// # Errors
    /// [`Error::ProfileTaken`], [`Error::AlreadyExists`] when the handle is taken, [`Error::Unreachable`].
    pub async fn sign_up(host: Host, new: NewAccount<'_>) -> Result<(Self, Option<Kit>)> {
        Self::sign_up_telling(host, new, || ()).await
    }

    /// As [`Session::sign_up`]. `before` is called when all that can be known beforehand is right and the keys are made, just
    /// before the server is asked for the account: what fails earlier has made none.
    ///
    /// # Errors
    /// See [`Session::sign_up`].
    pub async fn sign_up_telling(
        host: Host,
        new: NewAccount<'_>,
        before: impl FnOnce() + Send,
    ) -> Result<(Self, Option<Kit>)> {
        refuse_taken(&host).await?;
        if !valid_handle(new.handle) {
            return Err(Error::Invalid(
                "a handle is lowercase printable text without spaces, for example ana@example.org".into(),
            ));
        }
        let api = Api::anonymous(host.transport.clone());
        api.info().await?;

        let kdf = KdfRecord::make(new.log2_n, &mut rng()).map_err(|error| Error::Invalid(error.to_string()))?;
        let kdf = match new.second {
            Some(_) => kdf.with_second(),
            None => kdf,
        };
        let prk = derive_with(new.phrase, new.second, &kdf).await?;
        let principal = PrincipalId::random(&mut rng());
        let handle = new.handle.to_owned();
        let (bits, created_ms) = (new.bits, host.clock.now_ms());
        let record = kdf.clone();
        let (identity, signed) = tokio::task::spawn_blocking(move || {
            Identity::create(
                prk,
                &record,
                &NewIdentity {
                    kind: PrincipalKind::User,
                    principal,
                    handle: &handle,
                    bits,
                    created_ms,
                },
                None,
            )
        })
        .await
        .map_err(|error| Error::Internal(error.to_string()))??;

        let vault = genesis::create(&identity, SpaceKind::Vault, true, "Vault", created_ms)?;
        let seen = Seen {
            made_ms: created_ms,
            seq: 0,
            entry: vault.hash,
            directory: None,
        };
        let kit = new
            .kit
            .then(|| Kit::make(&identity, host.transport.origin(), new.second, seen));
        let message = SignUp {
            bundle: signed.to_bytes().into(),
            vault: vault.as_bytes().to_vec().into(),
            recovery: kit.as_ref().map(|(_, sealed)| sealed.clone()),
        };
        before();
        if let Some(second) = new.second {
            // Before it is sent: a server that falls silent may have made the account.
            host.store.write(vec![second::keep(&kdf, second)]).await?;
        }
        api.sign_up(&message).await?;

        let account = Account {
            format: account::format(host.transport.pin()),
            server: host.transport.origin().to_owned(),
            server_key: host.transport.pin(),
            handle: new.handle.to_owned(),
            principal,
            vault: vault.entry.space,
            chain: vec![message.bundle],
            links: Vec::new(),
        };
        let device_key = Key32::random(&mut rng());
        let mut changes = account.rows(identity.prk(), &device_key)?;
        changes.extend(second::keep_alone(host.store.as_ref(), &kdf, new.second).await?);
        host.store.write(changes).await?;
        let chain = account.bundles()?;
        let keyring = Keyring::open(identity, &chain, &account.links)?;
        let session = Self::assemble(host, account, keyring, device_key, chain);
        session.check_directory().await?;
        session.vault().await?;
        if !new.display_name.is_empty() {
            session.set_profile(new.display_name, None).await?;
        }
        Ok((session, kit.map(|(kit, _)| kit)))
    }

    /// Signs in on a device that doesn't know the account, or whose account got a new Master Key elsewhere.
    ///
    /// The order matters: before the signature only the KDF record is known, and it is checked before scrypt runs; the
    /// bundle chain is required to fit the keys that came out before the guided search; nothing is created.
    ///
    /// # Errors
    /// [`Error::SignInRefused`] when the server refuses the signature (it does not say whether the handle exists).
    pub async fn sign_in(host: Host, handle: &str, phrase: &Phrase) -> Result<Self> {
        Box::pin(Self::sign_in_with(host, handle, phrase, Second::Kept)).await
    }

    /// As [`Session::sign_in`], with what is known of a second secret.
    ///
    /// # Errors
    /// [`Error::SecondSecretNeeded`] and [`Error::SecondSecretDropped`], before anything is derived or signed;
    /// [`Error::SecondSignInRefused`] when the server refuses the signature.
    pub async fn sign_in_with(host: Host, handle: &str, phrase: &Phrase, second: Second) -> Result<Self> {
        let known = Account::load(host.store.as_ref()).await?;
        if let Some(known) = &known
            && (known.handle != handle || known.server != host.transport.origin())
        {
            return Err(Error::ProfileTaken(known.handle.clone()));
        }
        let api = Api::anonymous(host.transport.clone());
        let challenge = api.sign_in_start(handle).await?;
        let kdf = KdfRecord::decode(&challenge.kdf.0).map_err(|error| {
            Error::History(format!(
                "The server asks for a key derivation that is not acceptable: {error}."
            ))
        })?;
        let second = second.of(host.store.as_ref(), &kdf, known.as_ref()).await?;
        let prk = derive_with(phrase, second.as_ref(), &kdf).await?;
        let tokens = match prove(&api, &host, handle, &prk.sign_key(), challenge.nonce.0).await {
            Err(Error::Server { code, .. }) if code == wire::code::SIGN_IN_REFUSED => {
                return Err(match second {
                    Some(_) => Error::SecondSignInRefused,
                    None => Error::SignInRefused,
                });
            }
            answer => answer?,
        };
        let keys = Derived { prk, kdf, second };
        Self::adopt(host, handle, keys, tokens, known).await
    }

    /// Takes over the account that a fresh sign-in opened.
    pub(crate) async fn adopt(
        host: Host,
        handle: &str,
        keys: Derived,
        tokens: wire::Tokens,
        known: Option<Account>,
    ) -> Result<Self> {
        let Derived { prk, kdf, second } = keys;
        let api = Api::with_tokens(host.transport.clone(), tokens.clone());
        let me = api.me().await?;
        let chain = verify_chain(&me.chain)?;
        let last = newest(&chain)?;
        if last.bundle.handle != handle
            || last.bundle.principal != tokens.principal
            || last.kdf != kdf
            || last.verify != prk.sign_key().public()
        {
            return Err(Error::History(
                "The server shows keys that are not this account's.".into(),
            ));
        }
        // Before anything is kept: a profile that was bound to a wrong vault could not be signed in to again.
        let mut own = Bundles::default();
        own.insert_chain(chain.clone());
        let wrong_vault = || Error::History("The server shows another vault than yours.".into());
        let log = api.entries(me.vault, 0).await?;
        let first = log
            .entries
            .first()
            .and_then(|bytes| SignedEntry::from_bytes(&bytes.0).ok())
            .ok_or_else(wrong_vault)?;
        let vault = Authority::genesis(me.vault, &first, &own).map_err(|_| wrong_vault())?;
        if vault.core().kind != SpaceKind::Vault || vault.core().creator != last.bundle.principal {
            return Err(wrong_vault());
        }
        let bundle = last.clone();
        let identity = tokio::task::spawn_blocking(move || Identity::unlock(prk, bundle))
            .await
            .map_err(|error| Error::Internal(error.to_string()))??;
        let account = Account {
            format: account::format(host.transport.pin()),
            server: host.transport.origin().to_owned(),
            server_key: host.transport.pin(),
            handle: handle.to_owned(),
            principal: tokens.principal,
            vault: me.vault,
            chain: me.chain,
            links: me.links,
        };
        let keyring = Keyring::open(identity, &chain, &account.links)?;
        let device_key = match known {
            Some(known) => known_device_key(&host, &known, &account, &keyring).await?,
            None => Key32::random(&mut rng()),
        };
        let mut changes = account.rows(keyring.current().prk(), &device_key)?;
        changes.push(PendingKeyChange::forget());
        changes.extend(second::keep_alone(host.store.as_ref(), &kdf, second.as_ref()).await?);
        host.store.write(changes).await?;
        let session = Self::assemble(host, account, keyring, device_key, chain);
        session.keep_tokens(&tokens).await?;
        session.check_directory().await?;
        session.vault().await?;
        Ok(session)
    }
}

/// The device's key from before a key change elsewhere, opened with the earlier keys, so that pins are kept.
async fn known_device_key(host: &Host, known: &Account, now: &Account, keyring: &Keyring) -> Result<Key32> {
    if known.principal != now.principal || known.vault != now.vault || !now.chain.starts_with(&known.chain) {
        return Err(Error::History(
            "The server shows other keys for your account than this computer has.".into(),
        ));
    }
    let before = known.bundles()?;
    let identity = keyring.of(newest(&before)?.hash).ok_or(Error::WrongMasterKey)?;
    known.open_device(host.store.as_ref(), identity.prk()).await
}

/// A profile belongs to one account.
pub(crate) async fn refuse_taken(host: &Host) -> Result<()> {
    match Account::load(host.store.as_ref()).await? {
        Some(account) => Err(Error::ProfileTaken(account.handle)),
        None => Ok(()),
    }
}
