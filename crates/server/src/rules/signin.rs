//! Sign-in: by a signature, never by a password, and without saying which handles exist.

use holdfast_crypto::{DEFAULT_LOG2_N, KdfRecord, Secret, SignKey, VerifyKey, hkdf_expand, labelled};
use holdfast_protocol::limits;
use holdfast_protocol::login::{CLOCK_TOLERANCE_MS, SignIn};
use holdfast_protocol::wire::{B64, SignInChallenge, SignInProof, Tokens};

use super::buckets::Limit;
use super::{Failure, Peer, Rules};

impl Rules {
    /// Hands out what is needed to sign in. For unknown handles the record is made up, and always the same.
    ///
    /// # Errors
    /// [`Failure::RateLimited`], or [`Failure::Refused`] for what is too long to be a handle.
    pub async fn start_sign_in(&self, handle: &str, peer: Peer) -> Result<SignInChallenge, Failure> {
        let now_ms = self.now_ms();
        if handle.len() > limits::HANDLE {
            return Err(Failure::Refused("no handle is that long"));
        }
        self.limiter.take_address(Limit::SignIn, peer.remote, now_ms)?;
        self.limiter.take(Limit::Handle, handle.as_bytes(), now_ms)?;
        let fake = self.fake_record(handle)?;
        let account = self.database.account_by_handle(handle).await?;
        let kdf = account.map_or(fake, |account| account.kdf);
        let nonce = self.nonces.issue(handle, now_ms)?;
        Ok(SignInChallenge {
            kdf: B64(kdf),
            nonce: B64(nonce.to_vec()),
        })
    }

    /// Checks a proof and begins a session.
    ///
    /// # Errors
    /// [`Failure::SignInRefused`] whatever was wrong, or [`Failure::RateLimited`].
    pub async fn sign_in(&self, proof: SignInProof, peer: Peer) -> Result<Tokens, Failure> {
        let now_ms = self.now_ms();
        self.limiter.take_address(Limit::SignIn, peer.remote, now_ms)?;
        let account = self.database.account_by_handle(&proof.handle).await?;
        let (principal, key) = match &account {
            Some(account) => {
                let mut chain = self.chain(account.principal).await?;
                if chain.len() as u64 != u64::from(account.counter) + 1 {
                    // The keys were changed behind the cache's back.
                    chain = self.chain_now(account.principal).await?;
                }
                let newest = chain
                    .last()
                    .ok_or_else(|| Failure::Internal("an account without bundles".into()))?;
                (Some(account.principal), newest.verify.clone())
            }
            None => (None, self.fake_key()),
        };
        // A node that was ended; its tokens went with it.
        let ended = account.as_ref().is_some_and(|account| account.ended);
        let proven = self.proves(proof, &key, peer, now_ms);
        match principal {
            Some(principal) if proven && !ended => {
                self.begin_session(principal).await.map_err(|failure| match failure {
                    Failure::NotFound => Failure::SignInRefused,
                    other => other,
                })
            }
            _ => Err(Failure::SignInRefused),
        }
    }

    /// Whether a statement is this key's, for this server and now. Its nonce is spent in any case.
    pub(super) fn proves(&self, proof: SignInProof, key: &VerifyKey, peer: Peer, now_ms: u64) -> bool {
        let fresh = self.nonces.spend(&proof.nonce.0, &proof.handle, now_ms);
        let here = self.policy.origins.accept(&proof.origin, peer.local);
        let on_time = proof.time_ms.abs_diff(now_ms) <= CLOCK_TOLERANCE_MS;
        let statement = SignIn {
            origin: proof.origin,
            handle: proof.handle,
            nonce: proof.nonce.0,
            time_ms: proof.time_ms,
        };
        let signed = statement.verifies(key, &proof.signature.0);
        fresh && here && on_time && signed
    }

    /// The record that an unknown handle seems to have: of the default cost, with a salt that only this server can tell from
    /// a drawn one.
    fn fake_record(&self, handle: &str) -> Result<Vec<u8>, Failure> {
        let salt = hkdf_expand(&self.secret, &labelled("unknown-handle-salt", &[handle.as_bytes()]));
        let record = KdfRecord::new(DEFAULT_LOG2_N, *salt.expose());
        Ok(record
            .map_err(|_| Failure::Internal("the default cost is refused".into()))?
            .encode())
    }

    /// A key that nobody has, so that a try with an unknown handle costs as much time as any other.
    fn fake_key(&self) -> VerifyKey {
        let seed = hkdf_expand(&self.secret, &labelled("unknown-handle-key", &[]));
        SignKey::from_seed(Secret::fill_with(|own| own.copy_from_slice(seed.expose()))).public()
    }
}
