//! The account at the new server: found there from an earlier try, or brought with its whole chain of keys.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use holdfast_protocol::login::SignIn;
use holdfast_protocol::wire::{KeyChange, MoveAccount, SignInProof, Tokens, code};

use crate::api::{Api, Authenticate};
use crate::error::{Error, Result};
use crate::identity::Identity;
use crate::session::{Host, Session, sign_in};
use crate::spaces::ENTRIES;

/// Signs in for the time of the move; keeps nothing.
struct Visitor {
    host: Host,
    handle: String,
    identity: Arc<Identity>,
    first: Mutex<Option<Tokens>>,
}

#[async_trait]
impl Authenticate for Visitor {
    async fn stored(&self) -> Result<Option<Tokens>> {
        Ok(self.first.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    async fn renew(&self, api: &Api, old: Option<&Tokens>) -> Result<Tokens> {
        if let Some(old) = old {
            match api.refresh(&old.refresh).await {
                Err(Error::Server { .. }) => {}
                answer => return answer,
            }
        }
        sign_in(api, &self.host, &self.handle, &self.identity).await
    }
}

impl Session {
    /// Makes sure that the account is at the new server, with these very keys, and signs in there.
    pub(super) async fn arrive(&self, there: &Host) -> Result<Api> {
        let anonymous = Api::anonymous(there.transport.clone());
        let newest = self.keyring().current().clone();
        let handle = self.account().handle;
        let tokens = match sign_in(&anonymous, there, &handle, &newest).await {
            Err(error) if is_refused(&error) => match self.bring(there, &anonymous, &newest).await {
                Err(Error::AlreadyExists(_)) => {
                    self.bring_newer_keys(there, &anonymous).await?;
                    sign_in(&anonymous, there, &handle, &newest).await?
                }
                answer => answer?,
            },
            answer => answer?,
        };
        let visitor = Visitor {
            host: there.clone(),
            handle,
            identity: newest,
            first: Mutex::new(Some(tokens)),
        };
        let api = Api::signed_in(there.transport.clone(), Arc::new(visitor));
        let (me, account) = (api.me().await?, self.account());
        if me.chain != account.chain || me.links != account.links || me.vault != account.vault {
            return Err(Error::History(
                "The new server shows other keys for your account than this computer has.".into(),
            ));
        }
        Ok(api)
    }

    /// Brings the account: all bundles and link boxes, the beginning of the vault, the recovery box.
    async fn bring(&self, there: &Host, anonymous: &Api, newest: &Identity) -> Result<Tokens> {
        let account = self.account();
        let vault = self
            .host
            .store
            .get(ENTRIES, &crate::spaces::entry_key(account.vault, 0))
            .await?;
        let vault = vault.ok_or_else(|| Error::damaged("this device's copy of your vault"))?;
        let recovery = self.api.own_recovery().await?;
        let challenge = anonymous.sign_in_start(&account.handle).await?;
        let statement = SignIn {
            origin: there.transport.origin().to_owned(),
            handle: account.handle.clone(),
            nonce: challenge.nonce.0,
            time_ms: there.clock.now_ms(),
        };
        let proof = SignInProof {
            signature: statement.sign(newest.sign_key()).to_vec().into(),
            handle: statement.handle,
            origin: statement.origin,
            nonce: statement.nonce.into(),
            time_ms: statement.time_ms,
        };
        let message = MoveAccount {
            chain: account.chain,
            links: account.links,
            vault: vault.into(),
            recovery,
            proof,
        };
        anonymous.move_account(&message).await
    }

    /// The account is there with earlier keys (they were changed after a move that was stopped), or it is somebody else's.
    async fn bring_newer_keys(&self, there: &Host, anonymous: &Api) -> Result<()> {
        let account = self.account();
        let chain = account.bundles()?;
        for (place, bundle) in chain.iter().enumerate().rev().skip(1) {
            let keyring = self.keyring();
            let Some(identity) = keyring.of(bundle.hash) else {
                continue;
            };
            let tokens = match sign_in(anonymous, there, &account.handle, identity).await {
                Err(error) if is_refused(&error) => continue,
                answer => answer?,
            };
            let api = Api::with_tokens(there.transport.clone(), tokens);
            let recovery = self.api.own_recovery().await?;
            for next in place + 1..chain.len() {
                let (Some(bundle), Some(link)) = (account.chain.get(next), account.links.get(next - 1)) else {
                    return Err(Error::damaged("this device's account record"));
                };
                let change = KeyChange {
                    bundle: bundle.clone(),
                    link: link.clone(),
                    recovery: recovery.clone().filter(|_| next + 1 == chain.len()),
                };
                api.change_keys(&change).await?;
            }
            return Ok(());
        }
        Err(Error::CannotMove(format!(
            "{} is taken at {}. The handle is part of your signed keys and can't be changed. Ask whoever runs that server; if it \
             is your own account with newer keys, sign in there with a new profile.",
            account.handle,
            there.transport.origin()
        )))
    }

    /// Makes sure that the Recovery Kit opens the account there as it does here. Says whether there is one.
    pub(super) async fn bring_recovery(&self, api: &Api) -> Result<bool> {
        let Some(here) = self.api.own_recovery().await? else {
            return Ok(false);
        };
        if api.own_recovery().await?.as_ref() != Some(&here) {
            api.put_recovery(&here).await?;
        }
        Ok(true)
    }
}

fn is_refused(error: &Error) -> bool {
    matches!(error, Error::Server { code, .. } if code == code::SIGN_IN_REFUSED)
}
