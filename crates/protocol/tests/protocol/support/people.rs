//! Ana, Ben, Carl, Dora and two nodes: fixed roots, RSA pairs found again from pinned public keys (milliseconds each).

use std::sync::OnceLock;

use holdfast_crypto::rsa::{Bits, PrivateKey, PublicKey};
use holdfast_crypto::{KdfRecord, Key32, Prk, SignKey};
use holdfast_protocol::bundle::{Bundle, FORMAT, PrincipalKind, SignedBundle, VerifiedBundle};
use holdfast_protocol::context;
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::replay::{Bundles, UnwrapKeys, WrapFor};
use serde_json::Value;

/// SPKI of every pair below, in hex. Written by `golden::generate`.
const PINNED: &str = include_str!("../../vectors/people.json");
/// The same of the pairs of [`NODES`]. Written by `golden::generate_nodes`.
const PINNED_NODES: &str = include_str!("../../vectors/nodes.json");

/// One bundle of a person, with the private halves.
pub(crate) struct Keys {
    pub(crate) root: u8,
    pub(crate) rsa: PrivateKey,
    pub(crate) sign: SignKey,
    pub(crate) signed: SignedBundle,
    pub(crate) bundle: VerifiedBundle,
}

impl Keys {
    pub(crate) fn principal(&self) -> PrincipalId {
        self.bundle.bundle.principal
    }

    pub(crate) fn hash(&self) -> Hash {
        self.bundle.hash
    }
}

/// A person with all bundles, oldest first.
pub(crate) struct Person {
    pub(crate) keys: Vec<Keys>,
}

impl Person {
    pub(crate) fn principal(&self) -> PrincipalId {
        self.keys[0].principal()
    }

    pub(crate) fn first(&self) -> &Keys {
        &self.keys[0]
    }

    /// After the key change.
    pub(crate) fn second(&self) -> &Keys {
        &self.keys[1]
    }

    pub(crate) fn chain(&self) -> Vec<VerifiedBundle> {
        self.keys.iter().map(|keys| keys.bundle.clone()).collect()
    }
}

impl UnwrapKeys for Person {
    fn unwrap_epoch_key(&self, space: SpaceId, wrap: &WrapFor) -> Option<Key32> {
        let keys = self.keys.iter().find(|keys| keys.hash() == wrap.wrap.bundle)?;
        let context = context::epoch_wrap(space, wrap.epoch, wrap.wrap.bundle, wrap.author_bundle);
        keys.rsa.unwrap_key(&context, &wrap.wrap.ciphertext).ok()
    }
}

/// Name, kind and the root of each bundle: the definition of everybody here.
pub(crate) type Cast = (&'static str, PrincipalKind, &'static [u8]);

pub(crate) const CAST: [Cast; 5] = [
    ("ana", PrincipalKind::User, &[0xA1, 0xA2]),
    ("ben", PrincipalKind::User, &[0xB1, 0xB2]),
    ("carl", PrincipalKind::User, &[0xC1, 0xC2]),
    ("dora", PrincipalKind::User, &[0xD1]),
    ("node", PrincipalKind::Node, &[0xE1]),
];

/// Who came later: released vectors are not edited.
pub(crate) const NODES: [Cast; 1] = [("big", PrincipalKind::Node, &[0xE2, 0xE3])];

pub(crate) fn prk(root: u8) -> Prk {
    Prk::from_key(Key32::fill_with(|bytes| bytes.fill(root)))
}

/// The record that a fixed root pretends to come from.
pub(crate) fn kdf(root: u8) -> KdfRecord {
    KdfRecord::new(17, [root; 32]).unwrap()
}

/// The bundle of the `counter`th root, before it is signed.
pub(crate) fn unsigned(
    name: &str,
    kind: PrincipalKind,
    roots: &[u8],
    counter: usize,
    rsa: &PublicKey,
    previous: Option<Hash>,
) -> Bundle {
    Bundle {
        format: FORMAT,
        kind,
        principal: PrincipalId([roots[0]; 16]),
        handle: format!("{name}@example.org"),
        kdf: kdf(roots[counter]).encode(),
        bits: 2048,
        counter: u32::try_from(counter).unwrap(),
        rsa_spki: rsa.to_spki_der().to_vec(),
        ed25519: prk(roots[counter]).sign_key().public().as_bytes().to_vec(),
        created_ms: 1_700_000_000_000 + counter as u64,
        previous,
    }
}

fn make((name, kind, roots): Cast, pinned: &str) -> Person {
    let pinned: Value = serde_json::from_str(pinned).unwrap();
    let mut keys: Vec<Keys> = Vec::new();
    for (counter, &root) in roots.iter().enumerate() {
        let spki = hex::decode(pinned[name][counter]["spki"].as_str().expect("run golden::generate")).unwrap();
        let public = PublicKey::from_spki_der(&spki).unwrap();
        let rsa = PrivateKey::unlock(&prk(root).rsa_seed(Bits::B2048), &public).unwrap();
        let old = keys.last();
        let bundle = unsigned(name, kind, roots, counter, &public, old.map(Keys::hash));
        let signed = bundle.sign(&rsa, old.map(|old| (&old.rsa, old.hash()))).unwrap();
        let verified = signed.verify(old.map(|old| &old.bundle)).unwrap();
        keys.push(Keys {
            root,
            rsa,
            sign: prk(root).sign_key(),
            signed,
            bundle: verified,
        });
    }
    Person { keys }
}

macro_rules! cast {
    ($($person:ident = $cast:expr, $pinned:ident;)*) => {$(
        pub(crate) fn $person() -> &'static Person {
            static ONCE: OnceLock<Person> = OnceLock::new();
            ONCE.get_or_init(|| make($cast, $pinned))
        }
    )*};
}
cast! {
    ana = CAST[0], PINNED;
    ben = CAST[1], PINNED;
    carl = CAST[2], PINNED;
    dora = CAST[3], PINNED;
    node = CAST[4], PINNED;
    big_node = NODES[0], PINNED_NODES;
}

pub(crate) fn everybody() -> [&'static Person; 6] {
    [ana(), ben(), carl(), dora(), node(), big_node()]
}

/// The keys with this bundle hash.
pub(crate) fn keys_of(hash: Hash) -> &'static Keys {
    everybody()
        .into_iter()
        .flat_map(|person| &person.keys)
        .find(|keys| keys.hash() == hash)
        .unwrap()
}

/// Every bundle of everybody, as a client has them after reading the directory.
pub(crate) fn directory() -> &'static Bundles {
    static ONCE: OnceLock<Bundles> = OnceLock::new();
    ONCE.get_or_init(|| {
        let mut bundles = Bundles::default();
        for person in everybody() {
            bundles.insert_chain(person.chain());
        }
        bundles
    })
}
