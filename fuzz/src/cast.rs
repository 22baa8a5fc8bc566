//! Ana, Ben, Carl, Dora and two nodes with the keys of the vectors, so that a target can sign and seal what was mutated: a
//! fuzzer that stops at a signature has seen nothing. These keys are public.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use holdfast_crypto::rsa::{Bits, PrivateKey};
use holdfast_crypto::{Key32, Prk, SignKey, sha256};
use holdfast_protocol::KeyField;
use holdfast_protocol::bundle::{VerifiedBundle, verify_chain};
use holdfast_protocol::context;
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::replay::{Bundles, UnwrapKeys, WrapFor};
use minicbor::bytes::ByteVec;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

const PEOPLE: &str = include_str!("../../crates/protocol/tests/vectors/people.json");
const NODES: &str = include_str!("../../crates/protocol/tests/vectors/nodes.json");

/// One bundle, with the private halves.
pub struct Keys {
    root: u8,
    /// The RSA pair.
    pub rsa: PrivateKey,
    /// The Ed25519 key.
    pub sign: SignKey,
    /// As it is sent.
    pub signed: Vec<u8>,
    /// As it was checked.
    pub bundle: VerifiedBundle,
}

impl Keys {
    /// Whose.
    #[must_use]
    pub fn principal(&self) -> PrincipalId {
        self.bundle.bundle.principal
    }

    /// The bundle's name.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.bundle.hash
    }

    /// The root of its keys.
    #[must_use]
    pub fn prk(&self) -> Prk {
        Prk::from_key(Key32::fill_with(|bytes| bytes.fill(self.root)))
    }
}

/// Somebody with all bundles, oldest first.
pub struct Person(pub Vec<Keys>);

impl Person {
    /// Whose.
    #[must_use]
    pub fn principal(&self) -> PrincipalId {
        self.0[0].principal()
    }

    /// The chain as it is sent.
    #[must_use]
    pub fn chain(&self) -> Vec<Vec<u8>> {
        self.0.iter().map(|keys| keys.signed.clone()).collect()
    }
}

impl UnwrapKeys for Person {
    fn unwrap_epoch_key(&self, space: SpaceId, wrap: &WrapFor) -> Option<Key32> {
        let keys = self.0.iter().find(|keys| keys.hash() == wrap.wrap.bundle)?;
        let context = context::epoch_wrap(space, wrap.epoch, wrap.wrap.bundle, wrap.author_bundle);
        keys.rsa.unwrap_key(&context, &wrap.wrap.ciphertext).ok()
    }
}

fn person(all: &Value, name: &str) -> Person {
    let list = all[name].as_array().expect("the vector has them");
    let chain: Vec<Vec<u8>> = list.iter().map(|one| bytes(&one["signed"])).collect();
    let verified = verify_chain(&chain).expect("the vector's chain holds");
    let roots = list.iter().map(|one| bytes(&one["prk"])[0]);
    let keys = verified
        .into_iter()
        .zip(chain)
        .zip(roots)
        .map(|((bundle, signed), root)| {
            let prk = Prk::from_key(Key32::fill_with(|bytes| bytes.fill(root)));
            Keys {
                root,
                rsa: PrivateKey::unlock(&prk.rsa_seed(Bits::B2048), &bundle.rsa).expect("the root is this key's"),
                sign: prk.sign_key(),
                signed,
                bundle,
            }
        });
    Person(keys.collect())
}

/// Ana, Ben, Carl, Dora, the small node, the big one.
#[must_use]
pub fn people() -> &'static [Person; 6] {
    static ONCE: OnceLock<[Person; 6]> = OnceLock::new();
    ONCE.get_or_init(|| {
        let of = |text: &str, name: &str| person(&serde_json::from_str(text).expect("a vector is JSON"), name);
        let [ana, ben, carl, dora, node] = ["ana", "ben", "carl", "dora", "node"].map(|name| of(PEOPLE, name));
        [ana, ben, carl, dora, node, of(NODES, "big")]
    })
}

/// Ana.
#[must_use]
pub fn ana() -> &'static Person {
    &people()[0]
}

/// The small node's keys.
#[must_use]
pub fn node() -> &'static Keys {
    &people()[4].0[0]
}

/// Every bundle.
#[must_use]
pub fn everything() -> Vec<&'static Keys> {
    people().iter().flat_map(|person| &person.0).collect()
}

/// The keys of a bundle.
#[must_use]
pub fn keys_of(bundle: Hash) -> Option<&'static Keys> {
    everything().into_iter().find(|keys| keys.hash() == bundle)
}

/// What a client has read in the directory.
#[must_use]
pub fn directory() -> &'static Bundles {
    static ONCE: OnceLock<Bundles> = OnceLock::new();
    ONCE.get_or_init(|| {
        let mut bundles = Bundles::default();
        for person in people() {
            bundles.insert_chain(person.0.iter().map(|keys| keys.bundle.clone()));
        }
        bundles
    })
}

/// `[bytes, signature]`, as entries, results and cards are sent, signed by the node or whoever it is.
#[must_use]
pub fn signed_pair(keys: &Keys, domain: &str, message: &[u8]) -> Vec<u8> {
    let signature = keys.sign.sign(domain, message).to_vec();
    holdfast_protocol::cbor::encode(&(ByteVec::from(message.to_vec()), ByteVec::from(signature)))
}

/// A key that is this byte over and over.
#[must_use]
pub fn key(byte: u8) -> KeyField {
    KeyField::new(Key32::fill_with(|bytes| bytes.fill(byte)))
}

/// Bytes of a vector.
#[must_use]
pub fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex text")).expect("hex text")
}

/// One runtime for all that is asynchronous; the work that blocks has threads of its own.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    static ONCE: OnceLock<Arc<tokio::runtime::Runtime>> = OnceLock::new();
    let runtime = ONCE.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Arc::new(runtime.expect("a runtime starts"))
    });
    runtime.block_on(future)
}

/// A generator that repeats itself, so that an input always does the same.
pub struct Repeating(u64, u64);

impl Repeating {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed, 0)
    }
}

impl TryRng for Repeating {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for block in out.chunks_mut(32) {
            self.1 += 1;
            let digest = sha256(&[b"fuzz", &self.0.to_be_bytes(), &self.1.to_be_bytes()]);
            block.copy_from_slice(&digest[..block.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Repeating {}
