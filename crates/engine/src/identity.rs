//! A principal's private keys in memory, derived from a phrase and never stored.

use std::sync::Arc;

use holdfast_crypto::rsa::{Bits, PrivateKey};
use holdfast_crypto::{KdfRecord, Key32, Phrase, Prk, SecondSecret, SignKey};
use holdfast_protocol::bundle::{Bundle, FORMAT, PrincipalKind, SignedBundle, VerifiedBundle};
use holdfast_protocol::context;
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::replay::{UnwrapKeys, WrapFor};
use holdfast_protocol::wire::LinkBox;
use rand_core::CryptoRng;

use crate::error::{Error, Result};

/// The private side of one key bundle.
pub struct Identity {
    prk: Prk,
    rsa: PrivateKey,
    sign: SignKey,
    bundle: VerifiedBundle,
}

/// What a new bundle says beside its keys.
pub struct NewIdentity<'a> {
    /// A person or a node.
    pub kind: PrincipalKind,
    /// Who.
    pub principal: PrincipalId,
    /// What the principal signs in with.
    pub handle: &'a str,
    /// Modulus size.
    pub bits: Bits,
    /// Milliseconds since 1970-01-01 UTC.
    pub created_ms: u64,
}

impl Identity {
    /// Derives a pair that did not exist before, twice by different code, and signs its bundle.
    ///
    /// # Errors
    /// What derivation or the self-check reports.
    pub fn create(
        prk: Prk,
        kdf: &KdfRecord,
        new: &NewIdentity<'_>,
        previous: Option<&Self>,
    ) -> Result<(Self, SignedBundle)> {
        let rsa = PrivateKey::derive_checked(&prk.rsa_seed(new.bits), new.bits).map_err(internal)?;
        let sign = prk.sign_key();
        let bundle = Bundle {
            format: FORMAT,
            kind: new.kind,
            principal: new.principal,
            handle: new.handle.to_owned(),
            kdf: kdf.encode(),
            bits: new.bits.get(),
            counter: previous.map_or(0, |old| old.bundle.bundle.counter + 1),
            rsa_spki: rsa.public().to_spki_der().to_vec(),
            ed25519: sign.public().as_bytes().to_vec(),
            created_ms: new.created_ms,
            previous: previous.map(|old| old.bundle.hash),
        };
        let signed = bundle
            .sign(&rsa, previous.map(|old| (&old.rsa, old.bundle.hash)))
            .map_err(internal)?;
        let bundle = signed.verify(previous.map(|old| &old.bundle))?;
        Ok((Self { prk, rsa, sign, bundle }, signed))
    }

    /// Derives the pair of a bundle that is already known and verified.
    ///
    /// The Ed25519 key is compared first (it costs nothing), then the modulus guides the RSA search, then the check
    /// signature is made again and compared. Nothing is sent, whatever comes out.
    ///
    /// # Errors
    /// [`Error::WrongMasterKey`] when the key material is not this bundle's.
    pub fn unlock(prk: Prk, bundle: VerifiedBundle) -> Result<Self> {
        let sign = prk.sign_key();
        if sign.public() != bundle.verify {
            return Err(Error::WrongMasterKey);
        }
        let rsa =
            PrivateKey::unlock(&prk.rsa_seed(bundle.rsa.bits()), &bundle.rsa).map_err(|_| Error::WrongMasterKey)?;
        if !bundle.check_signature_is(&rsa) {
            return Err(Error::WrongMasterKey);
        }
        Ok(Self { prk, rsa, sign, bundle })
    }

    /// The public side.
    #[must_use]
    pub fn bundle(&self) -> &VerifiedBundle {
        &self.bundle
    }

    /// Opens what was wrapped to this bundle.
    pub(crate) fn rsa(&self) -> &PrivateKey {
        &self.rsa
    }

    /// Signs entries, sign-ins and results.
    #[must_use]
    pub fn sign_key(&self) -> &SignKey {
        &self.sign
    }

    /// The key material everything is derived from.
    #[must_use]
    pub fn prk(&self) -> &Prk {
        &self.prk
    }

    /// Boxes the key material of `old` for whoever has this identity.
    pub fn link_to(&self, old: &Self, rng: &mut dyn CryptoRng) -> LinkBox {
        let context = context::link(self.bundle.bundle.principal, old.bundle.hash, self.bundle.hash);
        let sealed = holdfast_crypto::seal(&self.prk.link_key(), &context, old.prk.expose(), rng);
        LinkBox {
            old: old.bundle.hash,
            new: self.bundle.hash,
            sealed: sealed.into(),
        }
    }
}

/// All private keys of a principal: the current ones first, then those before each key change.
pub struct Keyring(Vec<Arc<Identity>>);

impl Keyring {
    /// Opens the earlier identities through the link boxes.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a link box does not open, or the chain and the boxes do not fit together.
    pub fn open(current: Identity, chain: &[VerifiedBundle], links: &[LinkBox]) -> Result<Self> {
        let mut keys = vec![Arc::new(current)];
        for older in chain.iter().rev().skip(1) {
            let newer = keys.last().ok_or_else(|| Error::Internal("an empty keyring".into()))?;
            let wanted = (older.hash, newer.bundle.hash);
            let link = links.iter().find(|link| (link.old, link.new) == wanted);
            let link = link.ok_or_else(|| Error::damaged("the box that links your keys to the earlier ones"))?;
            let context = context::link(older.bundle.principal, older.hash, newer.bundle.hash);
            let opened = holdfast_crypto::open(&newer.prk.link_key(), &context, &link.sealed.0)
                .ok()
                .and_then(|plain| Key32::from_slice(&plain))
                .ok_or_else(|| Error::damaged("the box that links your keys to the earlier ones"))?;
            keys.push(Arc::new(Identity::unlock(Prk::from_key(opened), older.clone())?));
        }
        Ok(Self(keys))
    }

    /// A keyring with one identity.
    pub(crate) fn open_single(identity: Arc<Identity>) -> Self {
        Self(vec![identity])
    }

    /// Shows where keys lie.
    pub(crate) fn show_keys(&self, show: &mut dyn FnMut(&[u8])) {
        for identity in &self.0 {
            show(identity.prk.expose());
            show(identity.sign.expose());
        }
    }

    /// The identity that counts.
    #[must_use]
    pub fn current(&self) -> &Arc<Identity> {
        &self.0[0]
    }

    /// The identity of a bundle.
    #[must_use]
    pub fn of(&self, bundle: Hash) -> Option<&Arc<Identity>> {
        self.0.iter().find(|identity| identity.bundle.hash == bundle)
    }
}

impl UnwrapKeys for Keyring {
    fn unwrap_epoch_key(&self, space: SpaceId, wrap: &WrapFor) -> Option<Key32> {
        let identity = self.of(wrap.wrap.bundle)?;
        let context = context::epoch_wrap(space, wrap.epoch, wrap.wrap.bundle, wrap.author_bundle);
        identity.rsa.unwrap_key(&context, &wrap.wrap.ciphertext).ok()
    }
}

/// Runs scrypt. Takes most of a second and `128 * N * 8` bytes: call it off the async threads.
///
/// # Errors
/// [`Error::SecondSecretNeeded`] and [`Error::SecondSecretDropped`] before any work; [`Error::Internal`] for a record that was not
/// checked before.
pub(crate) fn stretch(phrase: &Phrase, second: Option<&SecondSecret>, kdf: &KdfRecord) -> Result<Prk> {
    Prk::derive_with(phrase, second, kdf).map_err(|error| match error {
        holdfast_crypto::Error::SecondSecretNeeded => Error::SecondSecretNeeded,
        holdfast_crypto::Error::SecondSecretDropped => Error::SecondSecretDropped,
        other => internal(other),
    })
}

/// A fault that no input of a user explains.
pub(crate) fn internal(error: holdfast_crypto::Error) -> Error {
    Error::Internal(error.to_string())
}
