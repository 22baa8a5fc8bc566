//! Logs of spaces: what a teammate with keys and a client of his own could write next. Each step of an input is an entry whose
//! clear part and whose body were mutated apart; it is put in its place, sealed and signed here, and judged by replay.

mod invariants;

use std::sync::OnceLock;

use holdfast_crypto::{Key32, seal};
use holdfast_protocol::KeyField;
use holdfast_protocol::cbor;
use holdfast_protocol::context;
use holdfast_protocol::entry::{Entry, EpochStart, Op, SignedEntry, Wrap, epoch_commitment};
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::limits;
use holdfast_protocol::replay::{Authority, Space};
use serde_json::Value;

use crate::cast::{self, Keys, Repeating, ana, directory, everything, keys_of, people};
use crate::input::Input;

/// The logs of the vectors: a project, a vault, a project with nodes.
const LOGS: [&str; 3] = [
    include_str!("../../crates/protocol/tests/vectors/project.json"),
    include_str!("../../crates/protocol/tests/vectors/vault.json"),
    include_str!("../../crates/protocol/tests/vectors/run.json"),
];
/// Entries of one input.
const STEPS: usize = 6;

/// A log up to an entry, as the server and as two members see it.
#[derive(Clone)]
struct Seen {
    authority: Authority,
    /// Ana and Ben.
    spaces: [Space; 2],
    /// The current epoch's key, which whoever writes has.
    key: Option<KeyField>,
}

/// All logs, each after each of its entries.
fn logs() -> &'static [Vec<Seen>] {
    static ONCE: OnceLock<Vec<Vec<Seen>>> = OnceLock::new();
    ONCE.get_or_init(|| LOGS.iter().map(|text| states(text)).chain([standard()]).collect())
}

fn states(text: &str) -> Vec<Seen> {
    let vector: Value = serde_json::from_str(text).expect("a vector is JSON");
    let space: SpaceId = vector["space"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("a space");
    let keys: Vec<_> = vector["epoch_keys"]
        .as_array()
        .expect("keys")
        .iter()
        .map(cast::bytes)
        .collect();
    let list = vector["entries"].as_array().expect("entries");
    let read = |one: &Value| SignedEntry::from_bytes(&cast::bytes(&one["signed"])).expect("a pinned entry");
    let entries: Vec<SignedEntry> = list.iter().map(read).collect();
    let key_of = |epoch: u32| {
        let key = &keys[usize::try_from(epoch).expect("small")];
        KeyField::new(Key32::from_slice(key).expect("a key"))
    };
    follow(space, &entries, |epoch| Some(key_of(epoch)))
}

fn follow(space: SpaceId, entries: &[SignedEntry], key: impl Fn(u32) -> Option<KeyField>) -> Vec<Seen> {
    let mut all: Vec<Seen> = Vec::new();
    for (at, signed) in entries.iter().enumerate() {
        let authority = match all.last() {
            None => Authority::genesis(space, signed, directory()),
            Some(before) => {
                let mut next = before.authority.clone();
                next.apply(signed, directory()).map(|()| next)
            }
        };
        let authority = authority.expect("a pinned log replays");
        let upto = &entries[..=at];
        let read = |who: usize| Space::replay(space, people()[who].principal(), upto, directory(), &people()[who]);
        all.push(Seen {
            key: key(authority.epoch()),
            spaces: [0, 1].map(|who| read(who).expect("a pinned log replays")),
            authority,
        });
    }
    all
}

/// The vectors have no project that is not encrypted: the genesis of one, written by Ana.
fn standard() -> Vec<Seen> {
    let by = &ana().0[0];
    let core = holdfast_protocol::entry::Core {
        format: 1,
        kind: holdfast_protocol::entry::SpaceKind::Project,
        encrypted: false,
        creator: by.principal(),
        creator_fingerprint: by.bundle.fingerprint,
        random: Hash([3; 32]),
        created_ms: 1_700_000_000_000,
        open_key: Some(cast::key(3)),
    };
    let space = core.space_id();
    let body = holdfast_protocol::entry::Body {
        name: Some("In clear".into()),
        ..Default::default()
    };
    let sealed = body.seal(cast::key(3).key(), space, 0, 0, Hash::ZERO, &mut Repeating::new(4));
    let entry = Entry {
        format: 1,
        space,
        seq: 0,
        prev: Hash::ZERO,
        auth: Hash::ZERO,
        epoch: 0,
        author: by.principal(),
        author_bundle: by.hash(),
        time_ms: 1_700_000_000_000,
        op: Op::Genesis { core, epoch: None },
        body: Some(sealed),
        head: None,
    };
    let signed = entry.sign(&by.sign).expect("it is small");
    follow(space, &[signed], |_| Some(cast::key(3)))
}

/// A log that goes on. `docs/spec/log.md`, `items.md`, `nodes.md`.
pub fn replay(bytes: &[u8]) {
    steps_taken(bytes);
}

/// How many of an input's entries everybody took.
pub fn steps_taken(bytes: &[u8]) -> usize {
    let mut input = Input(bytes);
    let mut taken = 0;
    let log = &logs()[usize::from(input.byte()) % logs().len()];
    let mut seen = log[usize::from(input.byte()) % log.len()].clone();
    for _ in 0..STEPS {
        if input.is_empty() {
            break;
        }
        let (who, fix) = (input.byte(), input.byte());
        let (clear, body) = (input.part(), input.part());
        let by = everything()[usize::from(who) % everything().len()];
        let Ok(entry) = cbor::decode::<Entry>(clear, limits::ENTRY) else {
            continue;
        };
        let (signed, key) = written(entry, body, by, fix, &seen);
        taken += usize::from(judge(&mut seen, &signed, key));
    }
    taken
}

/// Puts an entry into its place in the log, unless a bit of `fix` says to leave that as it came.
fn written(mut entry: Entry, body: &[u8], by: &Keys, fix: u8, seen: &Seen) -> (SignedEntry, Option<KeyField>) {
    let state = &seen.authority;
    let opens = entry.op.next_epoch().is_some();
    let mut key = seen.key.clone();
    if fix & 1 == 0 {
        (entry.space, entry.seq) = (state.space(), state.seq() + 1);
        (entry.prev, entry.auth) = (state.head(), state.auth_head());
    }
    if fix & 2 == 0 {
        (entry.author, entry.author_bundle) = (by.principal(), by.hash());
    }
    if fix & 4 == 0 {
        entry.epoch = state.epoch() + u32::from(opens);
    }
    if opens {
        key = Some(cast::key(0x80 ^ entry.epoch.to_le_bytes()[0]));
    }
    if fix & 8 == 0
        && let Some(key) = &key
    {
        honest_wraps(&mut entry, key, by, state);
    }
    if let (Some(sealed), Some(key)) = (&mut entry.body, &key)
        && fix & 16 == 0
    {
        let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
        *sealed = seal(
            key.key(),
            &place,
            &in_place(body, opens, seen),
            &mut Repeating::new(entry.seq),
        );
    }
    (
        entry
            .sign(&by.sign)
            .expect("it is no larger than the input and a few wraps"),
        key,
    )
}

/// The key of the epoch before belongs into the body of whoever opens the next one.
fn in_place(body: &[u8], opens: bool, seen: &Seen) -> Vec<u8> {
    match cbor::decode::<holdfast_protocol::entry::Body>(body, limits::ENTRY) {
        Ok(mut read) if opens && read.previous_key.is_some() => {
            read.previous_key.clone_from(&seen.key);
            cbor::encode(&read)
        }
        _ => body.to_vec(),
    }
}

fn wrap(to: &Keys, key: &KeyField, by: &Keys, space: SpaceId, epoch: u32) -> Wrap {
    let label = context::epoch_wrap(space, epoch, to.hash(), by.hash());
    let rng = &mut Repeating::new(u64::from(epoch));
    Wrap {
        recipient: to.principal(),
        bundle: to.hash(),
        ciphertext: to.rsa.public().wrap_key(&label, key.key(), rng).expect("it wraps"),
    }
}

/// Wraps as whoever has the key makes them: for the recipients after this entry, and for whoever comes in by it.
fn honest_wraps(entry: &mut Entry, key: &KeyField, by: &Keys, state: &Authority) {
    let (space, epoch, time) = (entry.space, entry.epoch, entry.time_ms);
    let start = |without| {
        let to = state
            .recipients(time)
            .into_iter()
            .filter(|(principal, _)| Some(*principal) != without);
        EpochStart {
            commitment: epoch_commitment(key.key(), space, epoch),
            wraps: to
                .filter_map(|(_, bundle)| Some(wrap(keys_of(bundle)?, key, by, space, epoch)))
                .collect(),
        }
    };
    match &mut entry.op {
        Op::Remove { principal, epoch } | Op::WithdrawNode { principal, epoch } => {
            if let Some(epoch) = epoch {
                *epoch = start(Some(*principal));
            }
        }
        Op::Rotate { epoch } => *epoch = start(None),
        Op::Add {
            bundle,
            wrap: Some(given),
            ..
        }
        | Op::AuthoriseNode {
            bundle,
            wrap: Some(given),
            ..
        } => {
            if let Some(to) = keys_of(*bundle) {
                *given = wrap(to, key, by, space, epoch);
            }
        }
        Op::Rewrap { wrap: Some(given) } => *given = wrap(by, key, by, space, epoch),
        _ => {}
    }
}

/// What the server and two members say to it; the log goes on where all of them take it.
fn judge(seen: &mut Seen, signed: &SignedEntry, key: Option<KeyField>) -> bool {
    let mut authority = seen.authority.clone();
    let by_authority = authority.apply(signed, directory());
    let mut spaces = seen.spaces.clone();
    let mut whole = by_authority.is_ok();
    for (space, person) in spaces.iter_mut().zip(people()) {
        let before = space.clone();
        let verdict = space.extend(std::slice::from_ref(signed), directory(), person);
        match (&by_authority, verdict) {
            (Err(refusal), Err(same)) => assert!(
                *refusal == same || same.code() == "log-author-unknown",
                "a member sees {} where the server sees {}",
                same.code(),
                refusal.code()
            ),
            (Err(refusal), Ok(())) => panic!("a member takes what is refused for {}", refusal.code()),
            (Ok(()), Err(refusal)) => {
                assert!(invariants::of_bodies(refusal), "{} needs no body", refusal.code());
                whole = false;
            }
            (Ok(()), Ok(())) => invariants::contents(&before, space, signed),
        }
    }
    match by_authority {
        Err(refusal) => {
            assert!(refusal.code().starts_with("log-"));
            invariants::unchanged(&seen.authority, &authority);
        }
        Ok(()) => invariants::authority(&seen.authority, &authority, signed),
    }
    if whole {
        *seen = Seen { authority, spaces, key };
    }
    whole
}
