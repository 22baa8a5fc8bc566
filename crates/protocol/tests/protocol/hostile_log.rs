//! What a server can do to a recorded log: flip, drop, reorder, repeat, inject. All of it is refused, or only makes the log end
//! sooner (which pins see, elsewhere).

use std::sync::OnceLock;

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::SignedEntry;
use holdfast_protocol::replay::{Authority, Space};
use proptest::prelude::*;

use crate::support::log::Log;
use crate::support::people::{ana, ben, carl, directory, dora};
use crate::support::story;
use crate::support::things::rename;

fn recorded() -> &'static Log {
    static ONCE: OnceLock<Log> = OnceLock::new();
    ONCE.get_or_init(story::project)
}

/// A log of the same people with the same ops: what a server would take foreign entries from.
fn foreign() -> &'static Log {
    static ONCE: OnceLock<Log> = OnceLock::new();
    ONCE.get_or_init(|| {
        let mut log = Log::project(ben().first());
        log.push(&log.add(ben().first(), ana().first(), holdfast_protocol::entry::Role::Owner));
        while log.entries.len() < recorded().entries.len() {
            log.push(&log.commit(ana().first(), rename("Another space")));
        }
        log
    })
}

fn replay(entries: &[SignedEntry]) -> Result<Space, Refusal> {
    Space::replay(recorded().space(), ana().principal(), entries, directory(), ana())
}

#[test]
fn the_recorded_log_itself_is_accepted() {
    assert_eq!(
        replay(&recorded().entries).unwrap().authority().head(),
        recorded().state.head()
    );
    for reader in [ben(), carl(), dora()] {
        assert_eq!(recorded().read_as(reader).err(), None);
    }
}

/// Every byte of every entry, one bit each: it does not parse, or the state before it refuses it.
#[test]
fn a_flipped_bit_in_any_byte_of_any_entry_is_refused() {
    flips(recorded());
}

#[test]
fn and_in_a_log_with_runs() {
    flips(&story::runs());
}

fn flips(log: &Log) {
    let mut state: Option<Authority> = None;
    let (mut parsed, mut bytes) = (0, 0);
    for signed in &log.entries {
        for at in 0..signed.as_bytes().len() {
            let mut altered = signed.as_bytes().to_vec();
            altered[at] ^= 1 << (at % 8);
            bytes += 1;
            let Ok(altered) = SignedEntry::from_bytes(&altered) else {
                continue;
            };
            parsed += 1;
            let verdict = match &state {
                None => Authority::genesis(log.space(), &altered, directory()).err(),
                Some(before) => before.clone().apply(&altered, directory()).err(),
            };
            assert!(verdict.is_some(), "byte {at} of entry {}", signed.entry.seq);
        }
        match &mut state {
            None => state = Some(Authority::genesis(log.space(), signed, directory()).unwrap()),
            Some(state) => state.apply(signed, directory()).unwrap(),
        }
    }
    // Most flips hit keys, hashes and sealed bytes: they parse, and it is replay that must see them.
    assert!(parsed * 2 > bytes, "{parsed} of {bytes}");
}

#[test]
fn a_shorter_log_is_a_prefix_and_nothing_else() {
    let log = recorded();
    for end in 1..log.entries.len() {
        let state = replay(&log.entries[..end]).unwrap();
        assert_eq!(state.authority().seq(), end as u64 - 1);
        assert_eq!(state.authority().head(), log.entries[end - 1].hash);
        assert_ne!(state.authority().head(), log.state.head());
    }
}

#[test]
fn every_dropped_repeated_and_exchanged_entry_is_refused() {
    let entries = &recorded().entries;
    let last = entries.len() - 1;
    for at in 0..=last {
        let mut dropped = entries.clone();
        dropped.remove(at);
        assert_eq!(replay(&dropped).is_err(), at < last, "without {at}");
        for to in 0..=last + 1 {
            let mut repeated = entries.clone();
            repeated.insert(to, entries[at].clone());
            assert!(replay(&repeated).is_err(), "{at} again at {to}");
        }
        for other in 0..at {
            let mut exchanged = entries.clone();
            exchanged.swap(at, other);
            assert!(replay(&exchanged).is_err(), "{at} and {other} exchanged");
        }
    }
}

#[test]
fn every_foreign_entry_is_refused_wherever_it_stands() {
    let entries = &recorded().entries;
    for at in 0..entries.len() {
        for stranger in &foreign().entries {
            let mut replaced = entries.clone();
            replaced[at] = stranger.clone();
            assert!(replay(&replaced).is_err());
            let mut injected = entries.clone();
            injected.insert(at, stranger.clone());
            assert!(replay(&injected).is_err());
        }
    }
    for stranger in &foreign().entries {
        let mut appended = entries.clone();
        appended.push(stranger.clone());
        assert!(matches!(replay(&appended).err(), Some(Refusal::WrongSpace)));
    }
}

/// Two honest entries for the same place: whichever comes first, the other no longer fits. (Compare-and-append, seen by clients.)
#[test]
fn two_branches_never_join() {
    let log = recorded();
    let one = log.commit(ana().first(), rename("One")).finish();
    let two = log.commit(carl().second(), rename("Two")).finish();
    for (first, second) in [(&one, &two), (&two, &one)] {
        let mut both = log.entries.clone();
        both.push(first.clone());
        assert_eq!(replay(&both).err(), None);
        both.push(second.clone());
        assert_eq!(replay(&both).err(), Some(Refusal::Sequence));
    }
}

/// What a hostile server does to a list of entries.
#[derive(Debug, Clone)]
enum Attack {
    Flip(usize, usize, u8),
    Drop(usize),
    Swap(usize, usize),
    Repeat(usize, usize),
    Inject(usize, usize),
    Rotate(usize),
}

fn attacks() -> impl Strategy<Value = Vec<Attack>> {
    let any = || any::<usize>();
    let one = prop_oneof![
        (any(), any(), 0..8u8).prop_map(|(entry, byte, bit)| Attack::Flip(entry, byte, bit)),
        any().prop_map(Attack::Drop),
        (any(), any()).prop_map(|(one, two)| Attack::Swap(one, two)),
        (any(), any()).prop_map(|(from, to)| Attack::Repeat(from, to)),
        (any(), any()).prop_map(|(from, to)| Attack::Inject(from, to)),
        any().prop_map(Attack::Rotate),
    ];
    proptest::collection::vec(one, 1..4)
}

/// `None` when the bytes no longer parse: that is a refusal too.
fn apply(attack: &Attack, entries: &mut Vec<SignedEntry>) -> Option<()> {
    let len = entries.len();
    if len == 0 {
        return Some(());
    }
    match *attack {
        Attack::Flip(entry, byte, bit) => {
            let mut bytes = entries[entry % len].as_bytes().to_vec();
            let at = byte % bytes.len();
            bytes[at] ^= 1 << bit;
            entries[entry % len] = SignedEntry::from_bytes(&bytes).ok()?;
        }
        Attack::Drop(at) => drop(entries.remove(at % len)),
        Attack::Swap(one, two) => entries.swap(one % len, two % len),
        Attack::Repeat(from, to) => entries.insert(to % (len + 1), entries[from % len].clone()),
        Attack::Inject(from, to) => {
            let strangers = &foreign().entries;
            entries.insert(to % (len + 1), strangers[from % strangers.len()].clone());
        }
        Attack::Rotate(by) => entries.rotate_left(by % len),
    }
    Some(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever several attacks make of the log: accepted is only what is a prefix of it.
    #[test]
    fn what_survives_any_attack_is_a_prefix(list in attacks()) {
        let honest = &recorded().entries;
        let mut entries = honest.clone();
        if list.iter().try_for_each(|attack| apply(attack, &mut entries)).is_some() {
            let prefix = entries.len() <= honest.len()
                && !entries.is_empty()
                && entries.iter().zip(honest).all(|(one, two)| one.as_bytes() == two.as_bytes());
            prop_assert_eq!(replay(&entries).is_ok(), prefix);
        }
    }
}
