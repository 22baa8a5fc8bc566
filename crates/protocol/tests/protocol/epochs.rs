//! Who can read what: newcomers, removed and returned people, rotation, and wraps that fit one slot only.

use holdfast_protocol::entry::{Body, Op, Role, Wrap};
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::replay::Space;
use holdfast_protocol::{Refusal, context};

use crate::support::log::Log;
use crate::support::people::{Person, ana, ben, big_node, carl, directory, dora, everybody, keys_of};
use crate::support::story;
use crate::support::things::{key, note, put, rename};

/// Ana's project after two rotations with a note in each epoch.
fn three_epochs() -> Log {
    let (a, me) = (ana().first(), ana().principal());
    let mut log = Log::project(a);
    log.push(&log.commit(a, put(note(1, me))));
    log.push(&log.rotate(a));
    log.push(&log.commit(a, put(note(2, me))));
    log.push(&log.rotate(a));
    log.push(&log.commit(a, put(note(3, me))));
    log
}

#[test]
fn a_newcomer_reads_everything_from_before() {
    let mut log = three_epochs();
    log.push(&log.add(ana().first(), ben().first(), Role::Reader));
    let seen = log.read_as(ben()).unwrap();
    assert_eq!(seen.contents().items().len(), 3);
    assert_eq!(seen.contents().name(), "Scans of the year");
    assert_eq!(seen.unread_entries(), 0);
    for (epoch, key) in (0..).zip(&log.keys) {
        assert!(seen.key(epoch) == Some(key), "key of epoch {epoch}");
    }
    assert!(seen.current_key() == log.keys.last());
}

#[test]
fn somebody_who_was_never_in_reads_nothing() {
    let log = three_epochs();
    let seen = log.read_as(ben()).unwrap();
    assert_eq!(seen.unread_entries(), log.entries.len());
    assert!(seen.contents().items().is_empty() && seen.current_key().is_none() && seen.key(0).is_none());
}

#[test]
fn a_removed_person_keeps_what_he_could_read_and_gets_nothing_after() {
    let mut log = three_epochs();
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    log.push(&log.remove(ana().first(), ben().principal()));
    log.push(&log.commit(ana().first(), put(note(4, ana().principal()))));
    log.push(&log.commit(ana().first(), rename("Without Ben")));
    let seen = log.read_as(ben()).unwrap();
    // The removal itself is under the new key already.
    assert_eq!(seen.unread_entries(), 3);
    assert_eq!(seen.contents().items().len(), 3);
    assert_eq!(seen.contents().name(), "Scans of the year");
    assert!(seen.current_key().is_none());
    assert_eq!(seen.authority().role(ben().principal()), None);
    assert!(seen.authority().former_members().contains_key(&ben().principal()));
    // Nothing that Ben holds opens anything of the new epoch.
    for entry in log
        .entries
        .iter()
        .map(|signed| &signed.entry)
        .filter(|entry| entry.epoch == 3)
    {
        let body = entry.body.as_ref().unwrap();
        for known in 0..3 {
            let key = seen.key(known).unwrap().key();
            assert!(Body::open(body, key, entry.space, entry.epoch, entry.seq, entry.prev).is_err());
        }
        for wrap in wraps_of(&entry.op) {
            assert_ne!(wrap.recipient, ben().principal());
            for keys in &ben().keys {
                let place = context::epoch_wrap(entry.space, entry.epoch, wrap.bundle, entry.author_bundle);
                assert!(keys.rsa.unwrap_key(&place, &wrap.ciphertext).is_err());
            }
        }
    }
    assert_eq!(log.read_as(ana()).unwrap().contents().items().len(), 4);
}

#[test]
fn a_returned_person_reads_all_of_it() {
    let mut log = three_epochs();
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    log.push(&log.remove(ana().first(), ben().principal()));
    log.push(&log.commit(ana().first(), put(note(4, ana().principal()))));
    log.push(&log.rotate(ana().first()));
    let before = log.read_as(ben()).unwrap();
    // He may have changed his key in between.
    log.push(&log.add(ana().first(), ben().second(), Role::Reader));
    let seen = log.read_as(ben()).unwrap();
    assert_eq!((seen.contents().items().len(), seen.unread_entries()), (4, 0));
    // The same when his device goes on from where it stopped.
    let mut resumed = before;
    resumed
        .extend(&log.entries[log.entries.len() - 1..], directory(), ben())
        .unwrap();
    assert_eq!((resumed.contents().items().len(), resumed.unread_entries()), (4, 0));
}

#[test]
fn leaving_asks_for_a_rotation_and_an_opener_answers() {
    let mut log = three_epochs();
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    log.push(&log.leave(ben().first()));
    assert!(log.state.rotation_due(0));
    assert_eq!(log.state.epoch(), 2);
    let mut rotated = log.clone();
    rotated.push(&log.rotate(ana().first()));
    assert!(!rotated.state.rotation_due(0));
    rotated.push(&rotated.commit(ana().first(), rename("Without Ben")));
    assert_eq!(rotated.read_as(ben()).unwrap().contents().name(), "Scans of the year");

    let mut open = Log::standard(ana().first());
    open.push(&open.add(ana().first(), ben().first(), Role::Contributor));
    open.push(&open.leave(ben().first()));
    assert!(!open.state.rotation_due(0));
}

#[test]
fn a_standard_project_changes_rights_and_not_keys() {
    let mut open = Log::standard(ana().first());
    open.push(&open.add(ana().first(), ben().first(), Role::Contributor));
    open.push(&open.commit(ben().first(), put(note(1, ben().principal()))));
    open.push(&open.remove(ana().first(), ben().principal()));
    open.push(&open.commit(ana().first(), rename("Still readable")));
    for reader in [ana(), ben(), dora()] {
        let seen = open.read_as(reader).unwrap();
        assert_eq!((seen.contents().name(), seen.unread_entries()), ("Still readable", 0));
    }
    assert_eq!(open.state.epoch(), 0);
    assert_eq!(
        open.verdict(&open.commit(ben().first(), rename("x")).finish(), ana())
            .err(),
        Some(Refusal::AuthorUnknown)
    );
}

#[test]
fn after_a_key_change_the_new_keys_alone_read_everything() {
    let mut log = three_epochs();
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    log.push(&log.rewrap(ben().second()));
    log.push(&log.rotate(ana().first()));
    let wraps: Vec<_> = wraps_of(&log.entries.last().unwrap().entry.op).to_vec();
    assert!(wraps.iter().any(|wrap| wrap.bundle == ben().second().hash()));
    assert!(wraps.iter().all(|wrap| wrap.bundle != ben().first().hash()));
    assert_eq!(log.read_as(ben()).unwrap().contents().items().len(), 3);
}

#[test]
fn a_log_read_in_two_steps_is_the_log_read_at_once() {
    let log = story::project();
    for reader in [ana(), ben(), carl(), dora()] {
        let whole = log.read_as(reader).unwrap();
        for split in 1..log.entries.len() {
            let (head, tail) = log.entries.split_at(split);
            let mut state = Space::replay(log.space(), reader.principal(), head, directory(), reader).unwrap();
            state.extend(tail, directory(), reader).unwrap();
            assert!(state.contents().items() == whole.contents().items(), "split at {split}");
            assert_eq!(state.contents().events(), whole.contents().events());
            assert_eq!(state.unread_entries(), whole.unread_entries());
            assert_eq!(state.authority().head(), whole.authority().head());
            assert_eq!(state.authority().members(), whole.authority().members());
        }
    }
}

/// Whoever has the key before needs it from nobody; newcomers would: an opener without it is refused by all alike.
#[test]
fn a_device_that_reads_on_refuses_an_opener_that_would_lock_newcomers_out() {
    let log = three_epochs();
    let read_on = |twist: fn(&mut Body)| {
        let mut draft = log.rotate(ana().first());
        twist(draft.body());
        let mut seen = log.read_as(ana()).unwrap();
        seen.extend(&[draft.finish()], directory(), ana())
    };
    assert_eq!(read_on(|_| {}), Ok(()));
    assert_eq!(read_on(|body| body.previous_key = None), Err(Refusal::PreviousKey));
    assert_eq!(
        read_on(|body| body.previous_key = Some(key(7))),
        Err(Refusal::Commitment)
    );
}

/// In a standard project he reads the entry, in an encrypted one it is the first that he can't read.
#[test]
fn whoever_was_put_out_learns_by_whom_and_when_and_nobody_else_does() {
    let (a, b, d) = (ana().first(), ben().first(), dora().first());
    for mut log in [Log::project(a), Log::standard(a)] {
        let told = |log: &Log, who: &Person| log.read_as(who).unwrap().put_out();
        log.push(&log.add(a, b, Role::Contributor));
        log.push(&log.add(a, carl().first(), Role::Reader));
        log.push(&log.add(a, d, Role::Owner));
        assert_eq!((told(&log, ben()), told(&log, ana())), (None, None));
        let mut left = log.clone();
        left.push(&log.leave(b));
        assert_eq!(told(&left, ben()), None, "by himself");

        log.push(&log.remove(d, ben().principal()));
        let at = log.state.time_ms();
        let dora_did = Some((dora().principal(), at));
        assert_eq!(told(&log, ben()), dora_did);
        // What happens to others later changes nothing.
        log.push(&log.remove(a, carl().principal()));
        assert!(log.state.time_ms() > at);
        log.push(&log.commit(a, rename("Without them")));
        assert_eq!(told(&log, ben()), dora_did);
        assert_eq!((told(&log, dora()), told(&log, big_node())), (None, None));

        log.push(&log.add(a, b, Role::Contributor));
        assert_eq!(told(&log, ben()), None, "in again");
        let mut left = log.clone();
        left.push(&log.leave(b));
        assert_eq!(told(&left, ben()), None, "the last time by himself");
        log.push(&log.remove(a, ben().principal()));
        assert_eq!(told(&log, ben()), Some((ana().principal(), log.state.time_ms())));
    }
}

fn wraps_of(op: &Op) -> &[Wrap] {
    match op {
        Op::Genesis { epoch: Some(start), .. }
        | Op::Remove { epoch: Some(start), .. }
        | Op::Rotate { epoch: start } => &start.wraps,
        Op::Add { wrap: Some(wrap), .. } | Op::Rewrap { wrap: Some(wrap) } => std::slice::from_ref(wrap),
        _ => &[],
    }
}

struct Slot {
    space: SpaceId,
    epoch: u32,
    author: Hash,
    wrap: Wrap,
}

fn slots() -> Vec<Slot> {
    let mut slots = Vec::new();
    for log in [story::project(), story::vault()] {
        for entry in log.entries.iter().map(|signed| &signed.entry) {
            for wrap in wraps_of(&entry.op) {
                let (space, epoch, author) = (entry.space, entry.epoch, entry.author_bundle);
                slots.push(Slot {
                    space,
                    epoch,
                    author,
                    wrap: wrap.clone(),
                });
            }
        }
    }
    slots
}

#[test]
fn a_wrap_opens_in_its_own_slot_and_in_no_other() {
    let slots = slots();
    assert!(slots.len() > 12, "{} wraps", slots.len());
    let (mut opened, mut tried) = (0, 0);
    for from in &slots {
        for (number, to) in slots.iter().enumerate() {
            let context = context::epoch_wrap(to.space, to.epoch, to.wrap.bundle, to.author);
            let same = std::ptr::eq(from, &slots[number]);
            // With the keys of the slot's owner, and with those the wrap was made for.
            for bundle in [to.wrap.bundle, from.wrap.bundle] {
                tried += 1;
                let opens = keys_of(bundle).rsa.unwrap_key(&context, &from.wrap.ciphertext).is_ok();
                let alike = (from.space, from.epoch, from.author, from.wrap.bundle)
                    == (to.space, to.epoch, to.author, to.wrap.bundle);
                assert_eq!(opens, alike, "space, epoch, recipient and author must all fit");
                opened += usize::from(opens && same);
            }
        }
    }
    assert_eq!(opened, 2 * slots.len());
    assert!(tried > 300);
    for slot in &slots {
        let context = context::epoch_wrap(slot.space, slot.epoch, slot.wrap.bundle, slot.author);
        for person in everybody() {
            for keys in person.keys.iter().filter(|keys| keys.hash() != slot.wrap.bundle) {
                assert!(keys.rsa.unwrap_key(&context, &slot.wrap.ciphertext).is_err());
            }
        }
    }
}

#[test]
fn ciphertexts_exchanged_between_two_recipients_are_refused_by_both() {
    let mut log = three_epochs();
    log.push(&log.add(ana().first(), ben().first(), Role::Reader));
    let mut draft = log.rotate(ana().first());
    let honest = draft.clone().finish();
    let start = draft.start();
    let first = std::mem::take(&mut start.wraps[0].ciphertext);
    start.wraps[0].ciphertext = std::mem::replace(&mut start.wraps[1].ciphertext, first);
    let twisted = draft.finish();
    for reader in [ana(), ben()] as [&Person; 2] {
        assert_eq!(log.verdict(&honest, reader).err(), None);
        assert_eq!(log.verdict(&twisted, reader).err(), Some(Refusal::Commitment));
    }
}

#[test]
fn a_body_opens_in_its_own_place_and_in_no_other() {
    let logs = [story::project(), story::vault()];
    let places: Vec<_> = logs
        .iter()
        .flat_map(|log| log.entries.iter().map(move |signed| (log, &signed.entry)))
        .collect();
    for (_, from) in &places {
        let Some(sealed) = &from.body else { continue };
        for (log, to) in &places {
            for (epoch, key) in (0..).zip(&log.keys) {
                let opens = Body::open(sealed, key.key(), to.space, to.epoch, to.seq, to.prev).is_ok();
                let own = from.space == to.space && from.seq == to.seq && epoch == from.epoch;
                assert_eq!(opens, own, "body {} at {} under key {epoch}", from.seq, to.seq);
            }
        }
    }
}
