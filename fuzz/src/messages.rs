//! Messages of the protocol that stand by themselves: bundles, entries, specs, capsules, results, streams, cards, statements.
//! `docs/spec/README.md`: "there is exactly one encoding of a message".

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use holdfast_crypto::{KdfRecord, MAX_LOG2_N, MIN_LOG2_N, labelled, seal, sha256};
use holdfast_protocol::bundle::{BundleError, PrincipalKind, since_seen, valid_handle, verify_chain};
use holdfast_protocol::entry::{FORMAT, FORMAT_WITH_HEAD, SIGNED_AS, SignedEntry};
use holdfast_protocol::id::{Hash, RunId, SpaceId};
use holdfast_protocol::login::SignIn;
use holdfast_protocol::run::{
    Attempt, CARD, Capsule, Card, Grant, LogLine, MetricPoint, Place, RunSpec, STREAMS, SignedResult, Stream,
    StreamHash, open_box,
};
use holdfast_protocol::transparency::Leaf;
use holdfast_protocol::wire::SignInProof;
use holdfast_protocol::{cbor, context, limits};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::cast::{self, Keys, Repeating, ana, people, signed_pair};
use crate::input::Input;

#[derive(Encode)]
#[cbor(map)]
struct BundleParts {
    #[n(1)]
    bundle: ByteVec,
    #[n(2)]
    check: ByteVec,
    #[n(3)]
    succession: Option<ByteVec>,
}

/// A signature with the RSA key. It is always the same of a message, and most of what a fuzzer changes leaves the other bundles of
/// a chain as they were: what was signed lately is not signed again.
fn sign_once(keys: &Keys, message: &[u8]) -> ByteVec {
    static SIGNED: Mutex<BTreeMap<[u8; 32], Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut signed = SIGNED.lock().unwrap_or_else(PoisonError::into_inner);
    if signed.len() > 10_000 {
        signed.clear();
    }
    let name = sha256(&[keys.hash().as_bytes(), message]);
    let signature = signed
        .entry(name)
        .or_insert_with(|| keys.rsa.sign(message).expect("the pair signs"));
    signature.clone().into()
}

/// A chain of bundles, as it is or each signed anew with the keys of one of the cast. `docs/spec/bundles.md`.
pub fn bundle(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let whose = &people()[usize::from(mode >> 1) % people().len()].0;
    let mut chain: Vec<Vec<u8>> = Vec::new();
    while !input.is_empty() && chain.len() < 4 {
        let given = input.part();
        if mode & 1 == 0 {
            chain.push(given.to_vec());
            continue;
        }
        let at = chain.len();
        let keys = &whose[at.min(whose.len() - 1)];
        let message = labelled("sig/bundle", &[given]);
        let succession = chain.last().map(|before| {
            let message = labelled("sig/succession", &[Hash::of(before).as_bytes(), &sha256(&[given])]);
            sign_once(&whose[(at - 1).min(whose.len() - 1)], &message)
        });
        chain.push(cbor::encode(&BundleParts {
            bundle: given.to_vec().into(),
            check: sign_once(keys, &message),
            succession,
        }));
    }
    let verified = match verify_chain(&chain) {
        Ok(verified) => verified,
        Err(refusal) => {
            let chain_of_one = chain.len() == 1;
            assert!(
                !matches!(refusal, BundleError::RolledBack | BundleError::Forked),
                "a chain by itself has nothing to be compared with"
            );
            assert!(!chain.is_empty() || refusal == BundleError::Succession);
            if chain_of_one && chain[0].len() > limits::BUNDLE {
                assert_eq!(refusal, BundleError::Malformed);
            }
            return;
        }
    };
    for (at, (sent, one)) in chain.iter().zip(&verified).enumerate() {
        let stated = &one.bundle;
        let keys_are_one_spelling = one.rsa.to_spki_der() == stated.rsa_spki.as_slice()
            && one.verify.as_bytes()[..] == stated.ed25519[..]
            && KdfRecord::decode(&stated.kdf).is_ok_and(|record| record.encode() == stated.kdf);
        assert!(sent.len() <= limits::BUNDLE && one.hash == Hash::of(sent) && keys_are_one_spelling);
        assert!([2048, 3072, 4096, 8192].contains(&stated.bits) && one.rsa.bits().get() == stated.bits);
        assert!((MIN_LOG2_N..=MAX_LOG2_N).contains(&one.kdf.log2_n()) && valid_handle(&stated.handle));
        assert_eq!(
            (stated.format, usize::try_from(stated.counter).expect("small")),
            (1, at)
        );
        let before = at.checked_sub(1).map(|before| &verified[before]);
        assert_eq!(stated.previous, before.map(|before| before.hash));
        assert!(before.is_none_or(|before| {
            let old = &before.bundle;
            (old.principal, old.kind, &old.handle) == (stated.principal, stated.kind, &stated.handle)
        }));
        let seen = since_seen(&verified, stated.principal, stated.counter, one.hash);
        assert_eq!(seen, Ok(at + 1 < chain.len()), "what was seen is still there");
        let forked = since_seen(&verified, stated.principal, stated.counter, Hash::ZERO);
        assert_eq!(forked, Err(BundleError::Forked));
        let leaf = Leaf::of(one);
        assert_eq!(
            Leaf::from_bytes(&cbor::encode(&leaf)).map(|leaf| leaf.hash()),
            Ok(leaf.hash())
        );
    }
    let ahead = u32::try_from(chain.len()).expect("small");
    let seen = since_seen(&verified, verified[0].bundle.principal, ahead, Hash::ZERO);
    assert_eq!(seen, Err(BundleError::RolledBack));
}

/// A signed entry, as it is or signed anew. `docs/spec/log.md`.
pub fn entry(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    let keys = &ana().0[0];
    let sent = if mode & 1 == 0 {
        given.to_vec()
    } else {
        signed_pair(keys, SIGNED_AS, given)
    };
    let Ok(signed) = SignedEntry::from_bytes(&sent) else {
        return;
    };
    assert!(sent.len() <= limits::ENTRY && signed.as_bytes() == sent && signed.hash == Hash::of(&sent));
    let says = if signed.entry.head.is_some() {
        FORMAT_WITH_HEAD
    } else {
        FORMAT
    };
    assert_eq!(signed.entry.format, says, "the format says whether there is a head");
    let message = cbor::encode(&signed.entry);
    if mode & 1 == 1 {
        assert!(message == given && signed.verifies(&keys.bundle.verify));
    }
    // Whoever signs it, its bytes are these and no other.
    let by_me = signed.entry.clone().sign(&keys.sign).expect("it is no larger");
    assert!(by_me.verifies(&keys.bundle.verify) && !by_me.verifies(&ana().0[1].bundle.verify));
    assert!(SignedEntry::from_bytes(by_me.as_bytes()).is_ok_and(|again| again.entry == signed.entry));
}

fn names_are_a_set<'a>(mut names: impl Iterator<Item = &'a String>) -> bool {
    let mut seen = BTreeSet::new();
    names.all(|name| seen.insert(name))
}

fn check_spec(spec: &RunSpec, sent: &[u8]) {
    assert!(sent.len() <= limits::RUN_SPEC && cbor::encode(spec) == sent && spec.hash() == Hash::of(sent));
    assert_eq!(spec.format, 1);
    assert!(names_are_a_set(spec.parameters.iter().map(|one| &one.name)));
    assert!(names_are_a_set(spec.inputs.iter().map(|one| &one.name)));
    assert!(names_are_a_set(spec.secrets.iter().map(|one| &one.name)));
    assert!(names_are_a_set(spec.outputs.iter().map(|one| &one.name)));
    for (at, output) in spec.outputs.iter().enumerate() {
        for other in &spec.outputs[..at] {
            assert_ne!(other.version, output.version);
            assert!(
                other.item != output.item || other.kind == output.kind,
                "one item is of one kind"
            );
        }
    }
}

/// The spec of a run. `docs/spec/nodes.md`.
pub fn run_spec(bytes: &[u8]) {
    if let Ok(spec) = RunSpec::from_bytes(bytes) {
        check_spec(&spec, bytes);
    }
}

const SPACE: SpaceId = SpaceId([1; 32]);
const RUN: RunId = RunId([0x41; 16]);
const ATTEMPT: Attempt = Attempt {
    space: SPACE,
    run: RUN,
    attempt: 1,
};

#[derive(Encode, Decode)]
#[cbor(map)]
struct CapsuleParts {
    #[n(1)]
    wrapped: ByteVec,
    #[n(2)]
    sealed: ByteVec,
}

/// A capsule as it is, or its grant sealed anew for the node. `docs/spec/nodes.md`.
pub fn capsule(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    let (author, node) = (ana().0[0].hash(), cast::node());
    let place = Place {
        space: SPACE,
        run: RUN,
        node: node.hash(),
        author,
    };
    let sent = if mode & 1 == 0 {
        given.to_vec()
    } else {
        let (key, rng) = (cast::key(9), &mut Repeating::new(1));
        let label = context::capsule_wrap(SPACE, RUN, node.hash(), author);
        let wrapped = node.rsa.public().wrap_key(&label, key.key(), rng).expect("it wraps");
        let sealed = seal(
            key.key(),
            &context::capsule(SPACE, RUN, node.hash(), author),
            given,
            rng,
        );
        cbor::encode(&CapsuleParts {
            wrapped: wrapped.into(),
            sealed: sealed.into(),
        })
    };
    let Ok(capsule) = Capsule::from_bytes(&sent) else {
        return;
    };
    assert!(sent.len() <= limits::CAPSULE && capsule.to_bytes() == sent);
    let elsewhere = Place {
        run: RunId([0x42; 16]),
        ..place
    };
    assert!(
        capsule.open(elsewhere, &node.rsa).is_err(),
        "a capsule opens at its place alone"
    );
    let opened = capsule.open(place, &node.rsa);
    if mode & 1 == 0 {
        assert!(opened.is_err(), "nobody sealed that");
        return;
    }
    let read: Result<Grant, _> = cbor::decode(given, limits::CAPSULE);
    assert_eq!(opened.is_ok(), read.is_ok());
    let Ok(grant) = opened else { return };
    assert!(cbor::encode(&grant) == given);
    if let Ok((spec, hash)) = grant.spec() {
        let again = cbor::encode(&spec);
        assert_eq!(hash, Hash::of(&again));
        check_spec(&spec, &again);
    }
}

/// A signed result, as it is or signed anew; and the same sealed. `docs/spec/nodes.md`.
pub fn result(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    let node = cast::node();
    let sent = if mode & 1 == 0 {
        given.to_vec()
    } else {
        signed_pair(node, "result", given)
    };
    let Ok(signed) = SignedResult::from_bytes(&sent) else {
        return;
    };
    let said = &signed.result;
    assert!(sent.len() <= limits::RUN_RESULT && signed.as_bytes() == sent);
    assert!(said.format == 1 && said.sentence.len() <= limits::RESULT_SENTENCE);
    assert!(said.streams.len() <= STREAMS.len() && names_are_a_set(said.streams.iter().map(|end| &end.stream)));
    assert!(said.streams.iter().all(|end| Stream::named(&end.stream).is_some()));
    let anew = said.clone().sign(&node.sign);
    assert!(anew.verifies(&node.bundle.verify));
    if mode & 1 == 1 {
        assert!(anew.as_bytes() == sent && signed.verifies(&node.bundle.verify));
    }
    let of = Attempt {
        space: said.space,
        run: said.run,
        attempt: said.attempt,
    };
    let (key, rng) = (cast::key(7), &mut Repeating::new(2));
    let sealed = signed.seal(key.key(), rng);
    assert!(SignedResult::open(&sealed, key.key(), of).is_ok_and(|again| again == signed));
    let other = Attempt {
        attempt: of.attempt.wrapping_add(1),
        ..of
    };
    assert!(
        SignedResult::open(&sealed, key.key(), other).is_err(),
        "a result opens for its attempt alone"
    );
}

fn stream_of<T: Encode<()> + for<'b> Decode<'b, ()>>(stream: Stream, number: u64, sealed: &[u8], plain: Option<&[u8]>) {
    let key = cast::key(7);
    let opened: Result<Vec<T>, _> = open_box(sealed, key.key(), ATTEMPT, stream, number);
    if let (Ok(lines), Some(plain)) = (&opened, plain) {
        assert!(cbor::encode(lines) == plain && sealed.len() <= limits::STREAM_BOX);
        let moved: Result<Vec<T>, _> = open_box(sealed, key.key(), ATTEMPT, stream, number.wrapping_add(1));
        assert!(moved.is_err(), "a box opens under its number alone");
    }
    assert!(plain.is_some() || opened.is_err(), "nobody sealed that");
}

/// A box of a run's stream, as it is or sealed anew. `docs/spec/nodes.md`.
pub fn stream(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (mode, number) = (input.byte(), u64::from(input.byte()));
    let given = input.rest();
    let stream = STREAMS[usize::from(mode >> 1) % 2];
    let place = context::run_stream(SPACE, RUN, 1, stream.name(), number);
    let (sealed, plain) = if mode & 1 == 0 {
        (given.to_vec(), None)
    } else {
        let sealed = seal(cast::key(7).key(), &place, given, &mut Repeating::new(3));
        (sealed, Some(given))
    };
    match stream {
        Stream::Log => stream_of::<LogLine>(stream, number, &sealed, plain),
        Stream::Metrics => stream_of::<MetricPoint>(stream, number, &sealed, plain),
    }
    let (mut one, mut other) = (StreamHash::start(ATTEMPT, stream), StreamHash::start(ATTEMPT, stream));
    one.take(&sealed);
    other.take(given);
    assert!(one.boxes == 1 && (one.hash == other.hash) == (sealed == given));
}

/// A node's card, as it is or signed anew. Nothing is decided by what it says, so nothing is asked of it. `docs/spec/nodes.md`.
pub fn card(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    let node = cast::node();
    let sent = if mode & 1 == 0 {
        given.to_vec()
    } else {
        signed_pair(node, "card", given)
    };
    let Ok(card) = Card::verified(&sent, node.principal(), &node.bundle.verify) else {
        return;
    };
    assert!(
        sent.len() <= CARD && card.sign(&node.sign) == sent,
        "there is one spelling of it"
    );
    assert!(card.format == 1 && card.node == node.principal());
    assert!(node.bundle.bundle.kind == PrincipalKind::Node);
    let (big, somebody) = (&people()[5].0[0], &ana().0[0].bundle.verify);
    assert!(Card::verified(&sent, big.principal(), &node.bundle.verify).is_err());
    assert!(Card::verified(&sent, node.principal(), somebody).is_err());
}

/// What a client signs to sign in, as the server reads it. `docs/spec/wire.md`, section 4.
pub fn statement(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    let keys = &ana().0[0];
    if mode & 1 == 0 {
        if let Ok(said) = cbor::decode::<SignIn>(given, limits::BUNDLE) {
            assert!(cbor::encode(&said) == given);
            let signature = said.sign(&keys.sign);
            assert!(said.verifies(&keys.bundle.verify, &signature));
            // A statement of one type is none of another.
            assert!(keys.bundle.verify.verify(SIGNED_AS, given, &signature).is_err());
        }
        return;
    }
    let Ok(proof) = serde_json::from_slice::<SignInProof>(given) else {
        return;
    };
    let said = SignIn {
        origin: proof.origin,
        handle: proof.handle,
        nonce: proof.nonce.0,
        time_ms: proof.time_ms,
    };
    let signature = said.sign(&keys.sign);
    assert!(proof.signature.0 == signature || !said.verifies(&keys.bundle.verify, &proof.signature.0));
    // One field less or more, and it is another statement.
    let moved = |change: fn(&mut SignIn)| {
        let mut other = said.clone();
        change(&mut other);
        other == said || !other.verifies(&keys.bundle.verify, &signature)
    };
    assert!(moved(|said| said.origin.push('x')) && moved(|said| said.time_ms ^= 1));
    assert!(moved(|said| std::mem::swap(&mut said.origin, &mut said.handle)) && moved(|said| said.nonce.push(0)));
}
