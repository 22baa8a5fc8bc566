//! People with real keys of 2048 bits, derived once in each process.

use std::sync::{Arc, Mutex, OnceLock};

use holdfast_crypto::rsa::{Bits, PrivateKey};
use holdfast_crypto::{KdfRecord, Key32, MIN_LOG2_N, Prk, Secret, SignKey};
use holdfast_protocol::bundle::{Bundle, PrincipalKind, SignedBundle, VerifiedBundle};
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::login::SignIn;
use holdfast_protocol::wire::{B64, KeyChange, LinkBox, SignInProof};

/// The system's randomness.
pub fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

struct Keys {
    rsa: PrivateKey,
    sign: SignKey,
}

/// Keys by the number of their root.
type Made = Vec<(u8, Arc<Keys>)>;

/// The keys that a root of thirty-two bytes `n` gives.
fn keys(n: u8) -> Arc<Keys> {
    static MADE: OnceLock<Mutex<Made>> = OnceLock::new();
    let mut made = MADE.get_or_init(Mutex::default).lock().unwrap();
    if let Some((_, keys)) = made.iter().find(|(number, _)| *number == n) {
        return Arc::clone(keys);
    }
    let prk = Prk::from_key(Key32::fill_with(|bytes| bytes.fill(n)));
    let rsa = PrivateKey::derive(&prk.rsa_seed(Bits::B2048), Bits::B2048).unwrap();
    let keys = Arc::new(Keys {
        rsa,
        sign: prk.sign_key(),
    });
    made.push((n, Arc::clone(&keys)));
    keys
}

/// A key that nobody here has.
pub fn strange_key() -> SignKey {
    SignKey::from_seed(Secret::fill_with(|bytes| bytes.fill(0xee)))
}

/// Somebody with the keys of one bundle.
#[derive(Clone)]
pub struct Person {
    keys: Arc<Keys>,
    pub handle: String,
    pub principal: PrincipalId,
    pub signed: Vec<u8>,
    pub bundle: VerifiedBundle,
}

impl Person {
    /// Somebody new with root `n`.
    pub fn new(n: u8, handle: &str) -> Self {
        Self::with(n, handle, PrincipalId([n; 16]), PrincipalKind::User)
    }

    pub fn with(n: u8, handle: &str, principal: PrincipalId, kind: PrincipalKind) -> Self {
        let bundle = Bundle {
            format: holdfast_protocol::bundle::FORMAT,
            kind,
            principal,
            handle: handle.into(),
            kdf: KdfRecord::new(MIN_LOG2_N, [n; 32]).unwrap().encode(),
            bits: 2048,
            counter: 0,
            rsa_spki: keys(n).rsa.public().to_spki_der().to_vec(),
            ed25519: keys(n).sign.public().as_bytes().to_vec(),
            created_ms: 1,
            previous: None,
        };
        let signed = bundle.sign(&keys(n).rsa, None).unwrap();
        Self::from(n, signed, None)
    }

    fn from(n: u8, signed: SignedBundle, previous: Option<&VerifiedBundle>) -> Self {
        let bundle = signed.verify(previous).unwrap();
        Self {
            keys: keys(n),
            handle: bundle.bundle.handle.clone(),
            principal: bundle.bundle.principal,
            signed: signed.to_bytes(),
            bundle,
        }
    }

    /// The same person after a key change to root `n`.
    pub fn changed(&self, n: u8) -> Self {
        let mut bundle = self.bundle.bundle.clone();
        bundle.kdf = KdfRecord::new(MIN_LOG2_N, [n; 32]).unwrap().encode();
        bundle.counter += 1;
        bundle.rsa_spki = keys(n).rsa.public().to_spki_der().to_vec();
        bundle.ed25519 = keys(n).sign.public().as_bytes().to_vec();
        bundle.previous = Some(self.bundle.hash);
        let signed = bundle
            .sign(&keys(n).rsa, Some((&self.keys.rsa, self.bundle.hash)))
            .unwrap();
        Self::from(n, signed, Some(&self.bundle))
    }

    /// The request of the change from `self` to `next`.
    pub fn change_to(&self, next: &Self) -> KeyChange {
        KeyChange {
            bundle: B64(next.signed.clone()),
            link: LinkBox {
                old: self.bundle.hash,
                new: next.bundle.hash,
                sealed: B64(vec![1; 80]),
            },
            recovery: None,
        }
    }

    pub fn sign_key(&self) -> &SignKey {
        &self.keys.sign
    }

    /// An epoch key wrapped to this person.
    pub fn wrap(&self, context: &[u8], key: &Key32) -> Vec<u8> {
        self.bundle.rsa.wrap_key(context, key, &mut rng()).unwrap()
    }

    /// A proof with this person's key.
    pub fn proof(&self, origin: &str, nonce: &[u8], time_ms: u64) -> SignInProof {
        let statement = SignIn {
            origin: origin.into(),
            handle: self.handle.clone(),
            nonce: nonce.to_vec(),
            time_ms,
        };
        SignInProof {
            handle: self.handle.clone(),
            origin: origin.into(),
            nonce: B64(nonce.to_vec()),
            time_ms,
            signature: B64(statement.sign(&self.keys.sign).to_vec()),
        }
    }

    pub fn bundle_hash(&self) -> Hash {
        self.bundle.hash
    }
}
