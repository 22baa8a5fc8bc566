//! Key bundles: how a principal states its public keys, and how a chain of them is checked.
//!
//! A bundle is signed with the RSA key it carries (RSASSA-PKCS1-v1_5, the "check signature"); every bundle after the
//! first is signed with the previous RSA key as well. Nothing else is ever signed with the RSA pair: daily authorship
//! is the Ed25519 key that the bundle certifies.

use holdfast_crypto::rsa::{Bits, PrivateKey, PublicKey};
use holdfast_crypto::{KdfRecord, VerifyKey, labelled, sha256};
use minicbor::{Decode, Encode};

use crate::cbor;
use crate::id::{Hash, PrincipalId};
use crate::limits;

/// The version of the bundle format.
pub const FORMAT: u32 = 1;

/// Whether a principal is a person or a computer that runs tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PrincipalKind {
    /// A person.
    #[n(0)]
    User,
    /// A compute node.
    #[n(1)]
    Node,
}

/// What a principal says about its keys.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Bundle {
    /// [`FORMAT`].
    #[n(1)]
    pub format: u32,
    /// Person or node.
    #[n(2)]
    pub kind: PrincipalKind,
    /// Drawn at random by the principal's own device.
    #[n(3)]
    pub principal: PrincipalId,
    /// What the principal signs in with, for example an e-mail address.
    #[n(4)]
    pub handle: String,
    /// The deterministic encoding of the key-derivation record.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub kdf: Vec<u8>,
    /// Modulus size in bits.
    #[n(6)]
    pub bits: u32,
    /// 0 for the first bundle, one more for each key change.
    #[n(7)]
    pub counter: u32,
    /// RSA public key, SubjectPublicKeyInfo in DER.
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    pub rsa_spki: Vec<u8>,
    /// Ed25519 public key.
    #[n(9)]
    #[cbor(with = "minicbor::bytes")]
    pub ed25519: Vec<u8>,
    /// Milliseconds since 1970-01-01 UTC, by the principal's clock.
    #[n(10)]
    pub created_ms: u64,
    /// Hash of the previous signed bundle; absent in the first.
    #[n(11)]
    pub previous: Option<Hash>,
}

/// A bundle with its signatures, as stored and sent.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignedBundle {
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    bundle: Vec<u8>,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    check: Vec<u8>,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    succession: Option<Vec<u8>>,
}

/// Why a bundle or a chain of them is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not a bundle of this version, or with a size, key or record outside the allow-list.
    #[error("the key bundle is malformed or uses something this version does not accept")]
    Malformed,
    /// The check signature does not verify under the bundle's own key.
    #[error("the key bundle's check signature does not verify")]
    CheckSignature,
    /// The bundle does not follow from the previous one.
    #[error("the key bundle does not follow from the previous one")]
    Succession,
    /// The chain ends before a bundle that was already seen, or is another principal's.
    #[error("the key bundles are older than those already seen")]
    RolledBack,
    /// Another bundle stands where one was already seen: two successors of one bundle, so somebody else holds the old key.
    #[error("there are two different successors of the same key bundle")]
    Forked,
}

/// A bundle whose signatures and chain were checked on this device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBundle {
    /// What the principal stated.
    pub bundle: Bundle,
    /// Hash of the signed bundle: how entries and wraps name it.
    pub hash: Hash,
    /// The RSA key, parsed and checked.
    pub rsa: PublicKey,
    /// The Ed25519 key, parsed and checked.
    pub verify: VerifyKey,
    /// The key-derivation record, parsed and checked.
    pub kdf: KdfRecord,
    /// The check signature, which every later unlock makes again and compares.
    pub check: Vec<u8>,
    /// Digest of the identity: what the security words are made of.
    pub fingerprint: Hash,
}

fn check_message(bundle: &[u8]) -> Vec<u8> {
    labelled("sig/bundle", &[bundle])
}

fn succession_message(old: Hash, bundle: &[u8]) -> Vec<u8> {
    labelled("sig/succession", &[old.as_bytes(), &sha256(&[bundle])])
}

/// The digest of an identity: `H(label "fingerprint" || principal || len(SPKI) || SPKI || Ed25519)`.
#[must_use]
pub fn fingerprint(principal: PrincipalId, spki: &[u8], ed25519: &[u8]) -> Hash {
    let len = u64::try_from(spki.len()).unwrap_or(u64::MAX).to_be_bytes();
    Hash(sha256(&[
        &labelled("fingerprint", &[]),
        principal.as_bytes(),
        &len,
        spki,
        ed25519,
    ]))
}

impl Bundle {
    /// Signs this bundle with its own key and, for a key change, with the previous one.
    ///
    /// # Errors
    /// Whatever the private-key operation reports.
    pub fn sign(
        &self,
        own: &PrivateKey,
        previous: Option<(&PrivateKey, Hash)>,
    ) -> Result<SignedBundle, holdfast_crypto::Error> {
        let bundle = cbor::encode(self);
        let check = own.sign(&check_message(&bundle))?;
        let succession = match previous {
            Some((key, old)) => Some(key.sign(&succession_message(old, &bundle))?),
            None => None,
        };
        Ok(SignedBundle {
            bundle,
            check,
            succession,
        })
    }
}

impl VerifiedBundle {
    /// Makes the check signature again and compares: proves that `key` is the pair this bundle states.
    /// The new signature goes nowhere.
    #[must_use]
    pub fn check_signature_is(&self, key: &PrivateKey) -> bool {
        let message = check_message(&cbor::encode(&self.bundle));
        key.public() == &self.rsa && key.sign(&message).is_ok_and(|made| made == self.check)
    }
}

impl SignedBundle {
    /// The bytes that are stored, sent and hashed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads a signed bundle; nothing is verified yet.
    ///
    /// # Errors
    /// [`BundleError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        cbor::decode(bytes, limits::BUNDLE).map_err(|_| BundleError::Malformed)
    }

    /// The hash by which entries, wraps and successors name this bundle.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.to_bytes())
    }

    /// Checks this bundle, and that it follows from `previous` (or is a first one).
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn verify(&self, previous: Option<&VerifiedBundle>) -> Result<VerifiedBundle, BundleError> {
        let bundle: Bundle = cbor::decode(&self.bundle, limits::BUNDLE).map_err(|_| BundleError::Malformed)?;
        let rsa = PublicKey::from_spki_der(&bundle.rsa_spki).map_err(|_| BundleError::Malformed)?;
        let verify = VerifyKey::from_bytes(&bundle.ed25519).map_err(|_| BundleError::Malformed)?;
        let kdf = KdfRecord::decode(&bundle.kdf).map_err(|_| BundleError::Malformed)?;
        if bundle.format != FORMAT || Bits::from_u32(bundle.bits) != Some(rsa.bits()) || !valid_handle(&bundle.handle) {
            return Err(BundleError::Malformed);
        }
        rsa.verify(&check_message(&self.bundle), &self.check)
            .map_err(|_| BundleError::CheckSignature)?;
        match (previous, bundle.previous, &self.succession) {
            (None, None, None) if bundle.counter == 0 => {}
            (Some(old), Some(named), Some(signature))
                if named == old.hash
                    && Some(bundle.counter) == old.bundle.counter.checked_add(1)
                    && bundle.principal == old.bundle.principal
                    && bundle.kind == old.bundle.kind
                    && bundle.handle == old.bundle.handle =>
            {
                old.rsa
                    .verify(&succession_message(old.hash, &self.bundle), signature)
                    .map_err(|_| BundleError::Succession)?;
            }
            _ => return Err(BundleError::Succession),
        }
        let fingerprint = fingerprint(bundle.principal, &bundle.rsa_spki, &bundle.ed25519);
        Ok(VerifiedBundle {
            hash: self.hash(),
            rsa,
            verify,
            kdf,
            check: self.check.clone(),
            fingerprint,
            bundle,
        })
    }
}

/// Checks a whole chain, oldest first.
///
/// # Errors
/// [`BundleError::Succession`] for an empty or overlong chain, else what the first bad bundle reports.
pub fn verify_chain<B: AsRef<[u8]>>(chain: &[B]) -> Result<Vec<VerifiedBundle>, BundleError> {
    if chain.is_empty() || chain.len() > limits::BUNDLE_CHAIN {
        return Err(BundleError::Succession);
    }
    let mut verified: Vec<VerifiedBundle> = Vec::with_capacity(chain.len());
    for bytes in chain {
        let next = SignedBundle::from_bytes(bytes.as_ref())?.verify(verified.last())?;
        verified.push(next);
    }
    Ok(verified)
}

/// Compares a verified chain with the bundle (`counter`, `hash`) of `principal` that was seen before, and says whether the
/// chain goes on after it.
///
/// # Errors
/// [`BundleError::RolledBack`] when the chain does not reach that bundle, [`BundleError::Forked`] when it holds another in its
/// place. Both block the identity: nothing is wrapped to it until a person decided.
pub fn since_seen(
    chain: &[VerifiedBundle],
    principal: PrincipalId,
    counter: u32,
    hash: Hash,
) -> Result<bool, BundleError> {
    let at = usize::try_from(counter).map_err(|_| BundleError::RolledBack)?;
    match chain.get(at) {
        Some(there) if there.bundle.principal != principal => Err(BundleError::RolledBack),
        Some(there) if there.hash != hash => Err(BundleError::Forked),
        Some(_) => Ok(chain.len() > at + 1),
        None => Err(BundleError::RolledBack),
    }
}

/// A handle is printable text without spaces, compared as it is written (lowercase only, so that two can't look alike by case).
#[must_use]
pub fn valid_handle(handle: &str) -> bool {
    !handle.is_empty()
        && handle.len() <= limits::HANDLE
        && handle.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
}
