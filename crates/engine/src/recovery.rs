//! The Recovery Kit: a key on paper that opens the account without the Master Key.

use holdfast_crypto::{KdfRecord, Key32, Phrase, Prk, RecoveryKey, SecondSecret, open, seal};
use holdfast_protocol::context;
use holdfast_protocol::id::{Hash, Locator, PrincipalId};
use holdfast_protocol::transparency::Head;
use holdfast_protocol::wire::{Recover, RecoveryBox};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::account::Account;
use crate::api::Api;
use crate::directory::{KIT, day};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::keychange::{ChangedKeys, NewKeys};
use crate::ports::Silent;
use crate::rng;
use crate::second::{self, NewSecond};
use crate::session::{Host, Session, prove};
use crate::signup::Derived;
use crate::spaces::{ENTRIES, entry_key};

/// What is printed on a kit.
pub struct Kit {
    /// The server's address.
    pub server: String,
    /// What the user signs in with.
    pub handle: String,
    /// The principal's id.
    pub principal: PrincipalId,
    /// The user's own six words.
    pub words: [&'static str; 6],
    /// Salt of the key derivation.
    pub salt: [u8; 32],
    /// Its cost: log2 of N.
    pub log2_n: u8,
    /// The 24 words.
    pub code: Zeroizing<String>,
    /// The second secret, for signing in on another computer, if there is one.
    pub second: Option<Zeroizing<String>>,
    /// When it was made, milliseconds since 1970-01-01 UTC.
    pub made_ms: u64,
}

/// What the recovery key opens.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Contents {
    #[n(1)]
    format: u32,
    #[n(2)]
    key: holdfast_protocol::KeyField,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    kdf: Vec<u8>,
    #[n(4)]
    bundle: Hash,
    #[n(5)]
    principal: PrincipalId,
    #[n(6)]
    handle: String,
    /// In format 2 only.
    #[n(7)]
    seen: Option<Seen>,
}

/// What the device that made a kit had seen of the server: whoever opens the account with it must not be shown less.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Seen {
    /// Milliseconds since 1970-01-01 UTC.
    #[n(1)]
    pub(crate) made_ms: u64,
    /// Number and hash of the newest entry of the vault.
    #[n(2)]
    pub(crate) seq: u64,
    #[n(3)]
    pub(crate) entry: Hash,
    /// Head of the log of keys; at sign-up there is none yet.
    #[n(4)]
    pub(crate) directory: Option<Head>,
}

const FORMAT: u32 = 2;
/// Before a kit knew what its device had seen.
const FORMAT_BLIND: u32 = 1;

impl Kit {
    /// Makes a new recovery key, what is printed, and the box that the server keeps for it.
    pub(crate) fn make(
        identity: &Identity,
        server: &str,
        second: Option<&SecondSecret>,
        seen: Seen,
    ) -> (Self, RecoveryBox) {
        let key = RecoveryKey::make(&mut rng());
        let bundle = identity.bundle();
        let locator = Locator(key.locator());
        let own = Key32::fill_with(|bytes| bytes.copy_from_slice(identity.prk().expose()));
        let made_ms = seen.made_ms;
        let contents = Contents {
            format: FORMAT,
            key: holdfast_protocol::KeyField::new(own),
            kdf: bundle.bundle.kdf.clone(),
            bundle: bundle.hash,
            principal: bundle.bundle.principal,
            handle: bundle.bundle.handle.clone(),
            seen: Some(seen),
        };
        let plain = Zeroizing::new(holdfast_protocol::cbor::encode(&contents));
        let sealed = seal(&key.box_key(), &context::recovery(locator), &plain, &mut rng());
        let kit = Self {
            server: server.to_owned(),
            handle: bundle.bundle.handle.clone(),
            principal: bundle.bundle.principal,
            words: holdfast_crypto::security_words(&bundle.fingerprint.0),
            salt: *bundle.kdf.salt(),
            log2_n: bundle.kdf.log2_n(),
            code: key.words(),
            second: second.map(SecondSecret::text),
            made_ms,
        };
        (
            kit,
            RecoveryBox {
                locator,
                sealed: sealed.into(),
            },
        )
    }
}

/// Opens the account that a recovery key belongs to.
struct Opened {
    prk: Prk,
    kdf: KdfRecord,
    bundle: Hash,
    principal: PrincipalId,
    handle: String,
    seen: Option<Seen>,
}

async fn open_box(api: &Api, code: &str) -> Result<Opened> {
    let key = RecoveryKey::from_words(code)
        .map_err(|_| Error::Invalid("that is not a recovery code; it has 24 words, check their spelling".into()))?;
    let locator = Locator(key.locator());
    let answer = match api.recover(&Recover { locator }).await {
        Err(Error::NotFound { .. }) => return Err(Error::NoSuchKit),
        answer => answer?,
    };
    let damaged = || Error::damaged("the recovery box on the server");
    let plain = open(&key.box_key(), &context::recovery(locator), &answer.sealed.0).map_err(|_| damaged())?;
    let contents: Contents =
        holdfast_protocol::cbor::decode(&plain, holdfast_protocol::limits::BUNDLE).map_err(|_| damaged())?;
    if contents.format != contents.seen.as_ref().map_or(FORMAT_BLIND, |_| FORMAT) {
        return Err(damaged());
    }
    Ok(Opened {
        prk: Prk::from_key(contents.key.key().duplicate()),
        kdf: KdfRecord::decode(&contents.kdf).map_err(|_| damaged())?,
        bundle: contents.bundle,
        principal: contents.principal,
        handle: contents.handle,
        seen: contents.seen,
    })
}

impl Session {
    /// Makes a kit that counts once the server has its box ([`Session::replace_kit`]): in between it is to be put where it
    /// outlives this process.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn make_kit(&self) -> Result<(Kit, RecoveryBox)> {
        let seen = self.seen_for_kit().await?;
        let second = self.kept_second().await?;
        let origin = self.host.transport.origin();
        Ok(Kit::make(self.keyring().current(), origin, second.as_ref(), seen))
    }

    /// What a kit that is made now is to know.
    pub(crate) async fn seen_for_kit(&self) -> Result<Seen> {
        let vault = self.vault().await?.space;
        Ok(Seen {
            made_ms: self.now_ms(),
            seq: vault.authority().seq(),
            entry: vault.authority().head(),
            directory: self.seen_directory().await?.map(|seen| seen.head),
        })
    }

    /// Requires that the server shows all that the device that made the kit had seen.
    async fn check_seen(&self, seen: &Seen) -> Result<()> {
        self.vault().await?;
        let vault = self.account().vault;
        let there = self.host.store.get(ENTRIES, &entry_key(vault, seen.seq)).await?;
        let how = match there.map(|bytes| Hash::of(&bytes)) {
            Some(entry) if entry == seen.entry => "",
            Some(_) => "does not fit",
            None => "is older than",
        };
        if !how.is_empty() {
            return Err(Error::History(format!(
                "The server's history of your account {how} what your Recovery Kit was made with on {}.",
                day(seen.made_ms)
            )));
        }
        if let Some(head) = seen.directory.clone().filter(Head::verifies) {
            self.write(vec![self.told_by_kit(head, seen.made_ms)]).await?;
            self.compare_told(KIT).await?;
        }
        Ok(())
    }

    /// Gives the server the box of a new kit; the kit before it opens nothing from then on.
    ///
    /// # Errors
    /// See [`Error`]; after [`Error::Unreachable`] either of the two kits may be the one that counts.
    pub async fn replace_kit(&self, sealed: &RecoveryBox) -> Result<()> {
        self.api.put_recovery(sealed).await
    }

    /// Whether this code opens this account, as the server keeps it now, and whether the server shows all that the kit was
    /// made with. Changes nothing.
    ///
    /// # Errors
    /// See [`Error`]; a kit of another account or of earlier keys is [`Error::Missing`]; an older or another history is
    /// [`Error::History`] or [`Error::Directory`].
    pub async fn test_kit(&self, code: &str) -> Result<()> {
        let opened = open_box(&Api::anonymous(self.host.transport.clone()), code).await?;
        let current = self.keyring().current().bundle().hash;
        if opened.principal != self.principal() || opened.bundle != current {
            return Err(
                Error::Missing("This kit belongs to another account, or to earlier keys of this one.".into())
                    .advise("Look for the newest kit of this account, or make one: `holdfast kit new`."),
            );
        }
        match &opened.seen {
            Some(seen) => self.check_seen(seen).await,
            None => Ok(()),
        }
    }

    /// Opens an account with its kit alone and gives it a new Master Key. It gets a new second secret or has none from then on: whoever
    /// recovers may have no device that has the one before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recover(host: Host, code: &str, phrase: &Phrase, new: NewKeys) -> Result<(Self, Option<Kit>)> {
        let (session, changed) = Self::recover_with(host, code, phrase, new, |_| Ok(())).await?;
        Ok((session, changed.kit))
    }

    /// As [`Session::recover`]; `keep` is as for [`Session::change_keys_with`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn recover_with(
        host: Host,
        code: &str,
        phrase: &Phrase,
        new: NewKeys,
        keep: impl FnOnce(&Kit) -> Result<()> + Send,
    ) -> Result<(Self, ChangedKeys)> {
        let known = Account::load(host.store.as_ref()).await?;
        let api = Api::anonymous(host.transport.clone());
        let opened = open_box(&api, code).await?;
        // A recovery that was stopped before its key change has left the account here: nobody knows its Master Key, so it
        // must be possible to come back with the kit.
        if let Some(known) = known
            .as_ref()
            .filter(|known| known.principal != opened.principal || known.server != host.transport.origin())
        {
            return Err(Error::ProfileTaken(known.handle.clone()));
        }
        let challenge = api.sign_in_start(&opened.handle).await?;
        let key = opened.prk.sign_key();
        let tokens = prove(&api, &host, &opened.handle, &key, challenge.nonce.0).await?;
        let keys = Derived {
            prk: opened.prk,
            second: second::kept(host.store.as_ref(), &opened.kdf).await?,
            kdf: opened.kdf,
        };
        let session = Self::adopt(host, &opened.handle, keys, tokens, known).await?;
        if session.principal() != opened.principal || session.keyring().current().bundle().hash != opened.bundle {
            return Err(Error::History(
                "The server shows keys that are not those of this kit.".into(),
            ));
        }
        if let Some(seen) = &opened.seen {
            session.check_seen(seen).await?;
        }
        let second = match new.second {
            NewSecond::New => NewSecond::New,
            NewSecond::Keep | NewSecond::Off => NewSecond::Off,
        };
        let changed = session.change_keys_with(phrase, NewKeys { second, ..new }, &Silent, keep);
        let changed = Box::pin(changed).await?;
        Ok((session, changed))
    }
}
