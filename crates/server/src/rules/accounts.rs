//! Accounts: sign-up, key change, recovery boxes.

use holdfast_protocol::bundle::{PrincipalKind, SignedBundle, VerifiedBundle};
use holdfast_protocol::entry::{SignedEntry, SpaceKind};
use holdfast_protocol::id::Hash;
use holdfast_protocol::limits;
use holdfast_protocol::replay::{Authority, Bundles};
use holdfast_protocol::wire::{B64, KeyChange, LinkBox, Me, Recover, Recovered, RecoveryBox, SignUp};

use super::buckets::Limit;
use super::{Failure, Peer, Rules};
use crate::limits::SMALL_BOX;
use crate::ports::{NewAccount, NewBundle, NewKeys, NewSpace, Session, StoreError};

impl Rules {
    /// Makes an account with its vault. Repeating the very same request is no error: its first answer may have been lost.
    ///
    /// Says whether the account is new.
    ///
    /// # Errors
    /// [`Failure::AlreadyExists`] for a handle, id or locator that is taken; [`Failure::Refused`] or [`Failure::Log`] for
    /// bytes that don't verify; [`Failure::NotAllowed`] when sign-up is closed.
    pub async fn sign_up(&self, request: SignUp, peer: Peer) -> Result<bool, Failure> {
        let now_ms = self.now_ms();
        self.limiter.take_address(Limit::SignUp, peer.remote, now_ms)?;
        if !self.policy.open_signup {
            return Err(Failure::NotAllowed("this server takes no new accounts"));
        }
        let bundle = first_bundle(&request.bundle.0, PrincipalKind::User)?;
        let principal = bundle.bundle.principal;
        let vault = vault_of(&request.vault.0, std::slice::from_ref(&bundle))?;
        check_recovery(request.recovery.as_ref())?;
        let account = NewAccount {
            principal,
            handle: bundle.bundle.handle.clone(),
            bundle: new_bundle(&bundle, &request.bundle.0),
            later: Vec::new(),
            vault,
            recovery: request.recovery,
            now_ms,
        };
        self.create(account, &[request.bundle], &request.vault.0).await
    }

    /// Stores an account, unless this very one is stored; says whether it is new.
    pub(super) async fn create(&self, account: NewAccount, chain: &[B64], genesis: &[u8]) -> Result<bool, Failure> {
        let (principal, vault) = (account.principal, account.vault.space);
        match self.database.create_account(account).await {
            Ok(()) => Ok(true),
            Err(StoreError::Exists) => {
                let stored = self.database.chain(principal).await?;
                let entry = self.database.entries(vault, 0, 1).await?.into_iter().next();
                let same = stored.len() >= chain.len()
                    && stored.iter().zip(chain).all(|(stored, sent)| *stored == sent.0)
                    && entry.is_some_and(|entry| entry.signed == genesis);
                if same {
                    Ok(false)
                } else {
                    Err(Failure::AlreadyExists("the handle is taken"))
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a signed-in device needs to unlock.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn me(&self, caller: Session) -> Result<Me, Failure> {
        let account = self
            .database
            .account(caller.principal)
            .await?
            .ok_or(Failure::SignedOut)?;
        Ok(Me {
            chain: self
                .database
                .chain(caller.principal)
                .await?
                .into_iter()
                .map(B64)
                .collect(),
            links: self.database.links(caller.principal).await?,
            vault: account.vault.ok_or(Failure::NotFound)?,
            recovery: self.database.has_recovery(caller.principal).await?,
        })
    }

    /// Stores a key change and signs all other devices out. Repeating the very same request is no error.
    ///
    /// # Errors
    /// [`Failure::Conflict`] when the bundle follows an earlier one than the newest.
    pub async fn change_keys(&self, caller: Session, request: KeyChange) -> Result<(), Failure> {
        let chain = self.chain_now(caller.principal).await?;
        let newest = chain
            .last()
            .ok_or_else(|| Failure::Internal("an account without bundles".into()))?;
        let signed =
            SignedBundle::from_bytes(&request.bundle.0).map_err(|_| Failure::Refused("the bundle is malformed"))?;
        if signed.hash() == newest.hash {
            return Ok(());
        }
        if chain.len() >= limits::BUNDLE_CHAIN {
            return Err(Failure::Refused("the keys were changed as often as they can be"));
        }
        let next = match signed.verify(Some(newest)) {
            Ok(next) => next,
            Err(_) if chain.iter().any(|earlier| signed.verify(Some(earlier)).is_ok()) => {
                return Err(Failure::Conflict("the keys were changed from another device"));
            }
            Err(_) => return Err(Failure::Refused("the bundle does not follow from the newest one")),
        };
        check_link(&request.link, newest.hash, next.hash)?;
        check_recovery(request.recovery.as_ref())?;
        let ended = self.database.devices(caller.principal).await?;
        let keys = NewKeys {
            principal: caller.principal,
            bundle: new_bundle(&next, &request.bundle.0),
            link: request.link,
            recovery: request.recovery,
            keep: caller.device,
        };
        self.database.change_keys(keys).await.map_err(locator_taken)?;
        self.keys.forget(caller.principal);
        for device in ended.iter().filter(|device| device.id != caller.device) {
            self.events.device_ended(device.id);
        }
        Ok(())
    }

    /// Sets or removes the caller's recovery box.
    ///
    /// # Errors
    /// [`Failure::Refused`] for a box that is too large.
    pub async fn set_recovery(&self, caller: Session, recovery: Option<RecoveryBox>) -> Result<(), Failure> {
        check_recovery(recovery.as_ref())?;
        self.database
            .set_recovery(caller.principal, recovery)
            .await
            .map_err(locator_taken)
    }

    /// The caller's own recovery box, to take it to another server.
    ///
    /// # Errors
    /// [`Failure::NotFound`] where none is kept.
    pub async fn own_recovery(&self, caller: Session) -> Result<RecoveryBox, Failure> {
        self.database
            .recovery_of(caller.principal)
            .await?
            .ok_or(Failure::NotFound)
    }

    /// Gives out the box under a locator, to whoever knows the locator.
    ///
    /// # Errors
    /// [`Failure::NotFound`] or [`Failure::RateLimited`].
    pub async fn recover(&self, request: Recover, peer: Peer) -> Result<Recovered, Failure> {
        self.limiter.take_address(Limit::Recovery, peer.remote, self.now_ms())?;
        let sealed = self
            .database
            .recovery(request.locator)
            .await?
            .ok_or(Failure::NotFound)?;
        Ok(Recovered { sealed: B64(sealed) })
    }
}

/// A bundle that verifies as the first one of a person, or of a node.
pub(super) fn first_bundle(bytes: &[u8], kind: PrincipalKind) -> Result<VerifiedBundle, Failure> {
    let signed = SignedBundle::from_bytes(bytes).map_err(|_| Failure::Refused("the bundle is malformed"))?;
    let bundle = signed
        .verify(None)
        .map_err(|_| Failure::Refused("the bundle does not verify as a first one"))?;
    match (bundle.bundle.kind == kind, kind) {
        (true, _) => Ok(bundle),
        (false, PrincipalKind::User) => Err(Failure::Refused("the bundle is not a person's")),
        (false, PrincipalKind::Node) => Err(Failure::Refused("the bundle is not a node's")),
    }
}

/// A bundle as it is stored.
pub(super) fn new_bundle(verified: &VerifiedBundle, signed: &[u8]) -> NewBundle {
    NewBundle {
        counter: verified.bundle.counter,
        hash: verified.hash,
        kdf: verified.bundle.kdf.clone(),
        signed: signed.to_vec(),
    }
}

/// The vault that an entry begins, which must be made under one of these bundles.
pub(super) fn vault_of(bytes: &[u8], chain: &[VerifiedBundle]) -> Result<NewSpace, Failure> {
    let entry = SignedEntry::from_bytes(bytes).map_err(|_| Failure::Refused("the entry is malformed"))?;
    let owner = entry.entry.author;
    if chain.iter().any(|bundle| bundle.bundle.principal != owner) {
        return Err(Failure::NotAllowed("the vault was made by somebody else"));
    }
    let mut bundles = Bundles::default();
    bundles.insert_chain(chain.iter().cloned());
    let state = Authority::genesis(entry.entry.space, &entry, &bundles).map_err(Failure::Log)?;
    if state.core().kind != SpaceKind::Vault {
        return Err(Failure::Refused("the space is not a vault"));
    }
    Ok(NewSpace {
        space: state.space(),
        hash: entry.hash,
        signed: bytes.to_vec(),
        owner,
    })
}

pub(super) fn check_link(link: &LinkBox, old: Hash, new: Hash) -> Result<(), Failure> {
    if link.old != old || link.new != new {
        return Err(Failure::Refused("the link box is for other bundles"));
    }
    if link.sealed.0.is_empty() || link.sealed.0.len() > SMALL_BOX {
        return Err(Failure::Refused("the link box is of an impossible size"));
    }
    Ok(())
}

pub(super) fn check_recovery(recovery: Option<&RecoveryBox>) -> Result<(), Failure> {
    if recovery.is_some_and(|kept| kept.sealed.0.is_empty() || kept.sealed.0.len() > SMALL_BOX) {
        return Err(Failure::Refused("the recovery box is of an impossible size"));
    }
    Ok(())
}

fn locator_taken(error: StoreError) -> Failure {
    match error {
        StoreError::Exists => Failure::AlreadyExists("the locator of the recovery box is taken"),
        StoreError::Conflict => Failure::Conflict("the keys were changed from another device"),
        other => other.into(),
    }
}
