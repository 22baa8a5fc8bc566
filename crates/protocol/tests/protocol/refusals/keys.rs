//! Epochs, their keys, and sealed bodies.

use holdfast_crypto::seal;
use holdfast_protocol::Refusal;
use holdfast_protocol::context;
use holdfast_protocol::entry::{Body, EpochStart, Op, Role, SpaceKind};
use holdfast_protocol::id::Hash;

use super::{check, check_as, check_genesis, check_pair};
use crate::support::log::{Draft, Log, genesis, wrap};
use crate::support::people::{ana, ben, carl, dora};
use crate::support::rng::TestRng;
use crate::support::things::{key, note, put, rename};

/// Ana's project with Ben, in epoch 1.
fn rotated() -> Log {
    let mut log = Log::project(ana().first());
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    log.push(&log.rotate(ana().first()));
    log
}

pub(super) fn epoch(expected: Refusal) {
    let log = rotated();
    let honest = log.commit(ana().first(), rename("Now"));
    check(&log, &honest, expected, |draft| {
        draft.entry.epoch = 0;
        draft.key = log.keys[0].clone();
    });
    check(&log, &honest, expected, |draft| draft.entry.epoch = 2);
    // An opener must open the next one, no other; an entry without keys opens none.
    check(&log, &log.rotate(ana().first()), expected, |draft| {
        draft.entry.epoch = 3
    });
    check(&log, &log.rotate(ana().first()), expected, |draft| {
        draft.entry.epoch = 1
    });
    check(
        &log,
        &log.add(ana().first(), carl().first(), Role::Reader),
        expected,
        |draft| draft.entry.epoch = 2,
    );
}

pub(super) fn epoch_material(expected: Refusal) {
    let log = rotated();
    let remove = log.remove(ana().first(), ben().principal());
    let without = log.draft(
        ana().first(),
        Op::Remove {
            principal: ben().principal(),
            epoch: None,
        },
        None,
    );
    check_pair(&log, &remove, &without, expected);
    check(
        &log,
        &log.add(ana().first(), carl().first(), Role::Reader),
        expected,
        |draft| {
            let Op::Add { wrap, .. } = &mut draft.entry.op else {
                unreachable!()
            };
            *wrap = None;
        },
    );
    check(&log, &log.rewrap(ben().second()), expected, |draft| {
        draft.entry.op = Op::Rewrap { wrap: None }
    });
    standard_has_no_epochs(expected);

    let standard = genesis(SpaceKind::Project, false, ana().first());
    let start = EpochStart {
        commitment: Hash([1; 32]),
        wraps: Vec::new(),
    };
    check_genesis(&standard, expected, |draft| {
        let Op::Genesis { epoch, .. } = &mut draft.entry.op else {
            unreachable!()
        };
        *epoch = Some(start);
    });
    check_genesis(&standard, expected, |draft| {
        draft.core().open_key = None;
        draft.rename_space();
    });
    let encrypted = genesis(SpaceKind::Project, true, ana().first());
    check_genesis(&encrypted, expected, |draft| {
        let Op::Genesis { epoch, .. } = &mut draft.entry.op else {
            unreachable!()
        };
        *epoch = None;
    });
    // "Encrypted", with the key beside it in clear.
    check_genesis(&encrypted, expected, |draft| {
        let open = draft.key.clone();
        draft.core().open_key = Some(open);
        draft.rename_space();
    });
    // A vault that the server could read.
    check_genesis(&standard, expected, |draft| {
        draft.core().kind = SpaceKind::Vault;
        draft.rename_space();
    });
}

fn standard_has_no_epochs(expected: Refusal) {
    let mut open = Log::standard(ana().first());
    open.push(&open.add(ana().first(), ben().first(), Role::Contributor));
    check(
        &open,
        &open.add(ana().first(), carl().first(), Role::Reader),
        expected,
        |draft| {
            let Op::Add { wrap: none, .. } = &mut draft.entry.op else {
                unreachable!()
            };
            *none = Some(wrap(
                ana().first(),
                carl().first().hash(),
                open.space(),
                0,
                &open.current(),
            ));
        },
    );
    let honest = open.remove(ana().first(), ben().principal());
    let rotate = open.rotate(ana().first());
    check_pair(&open, &honest, &rotate, expected);
    let remove = Op::Remove {
        principal: ben().principal(),
        epoch: Some(rotate.clone().start().clone()),
    };
    let twisted = Draft {
        entry: holdfast_protocol::entry::Entry {
            op: remove,
            ..rotate.entry.clone()
        },
        ..rotate
    };
    check_pair(&open, &honest, &twisted, expected);
}

pub(super) fn wraps(expected: Refusal) {
    let log = rotated();
    let space = log.space();
    let rotate = log.rotate(ana().first());
    let extra = wrap(ana().first(), carl().first().hash(), space, 2, &rotate.key);
    let newer = wrap(ana().first(), ben().second().hash(), space, 2, &rotate.key);
    let twists: [&dyn Fn(&mut EpochStart); 6] = [
        &|start| drop(start.wraps.pop()),
        &|start| start.wraps.clear(),
        &|start| start.wraps.push(extra.clone()),
        &|start| start.wraps[1] = extra.clone(),
        &|start| start.wraps[1] = start.wraps[0].clone(),
        &|start| start.wraps[1] = newer.clone(),
    ];
    for twist in twists {
        check(&log, &rotate, expected, |draft| twist(draft.start()));
    }
    // Removal that still wraps to the one who goes.
    let remove = log.remove(ana().first(), ben().principal());
    let still = wrap(ana().first(), ben().first().hash(), space, 2, &remove.key);
    check(&log, &remove, expected, |draft| draft.start().wraps.push(still));
    // One wrap that is for somebody else, or for other keys of the right person.
    let add = log.add(ana().first(), carl().first(), Role::Reader);
    for other in [dora().first(), carl().second()] {
        check(&log, &add, expected, |draft| {
            let Op::Add { wrap: one, .. } = &mut draft.entry.op else {
                unreachable!()
            };
            *one = Some(wrap(ana().first(), other.hash(), space, 1, &log.current()));
        });
    }
    check(&log, &log.rewrap(ben().second()), expected, |draft| {
        let old = wrap(ben().second(), ben().first().hash(), space, 1, &log.current());
        draft.entry.op = Op::Rewrap { wrap: Some(old) };
    });
    let first = genesis(SpaceKind::Project, true, ana().first());
    check_genesis(&first, expected, |draft| draft.start().wraps.clear());
}

pub(super) fn body_presence(expected: Refusal) {
    let log = rotated();
    let commit = log.commit(ana().first(), rename("Now"));
    check(&log, &commit, expected, |draft| draft.body = None);
    check(&log, &log.rotate(ana().first()), expected, |draft| draft.body = None);
    check(&log, &log.remove(ana().first(), ben().principal()), expected, |draft| {
        draft.body = None
    });
    for honest in [
        log.add(ana().first(), carl().first(), Role::Reader),
        log.leave(ben().first()),
        log.set_role(ana().first(), ben().principal(), Role::Reader),
        log.rewrap(ben().second()),
    ] {
        check(&log, &honest, expected, |draft| draft.body = Some(Body::default()));
    }
    check_genesis(&genesis(SpaceKind::Project, true, ana().first()), expected, |draft| {
        draft.body = None
    });
    // Content in an entry that is about members only.
    check(&log, &log.rotate(ana().first()), expected, |draft| {
        draft.body().name = Some("In passing".to_owned())
    });
    check(&log, &log.rotate(ana().first()), expected, |draft| {
        draft.body().trashed_ms = Some(1)
    });
    check(&log, &log.rotate(ana().first()), expected, |draft| {
        draft.body().put = put(note(1, ana().principal())).put;
    });
}

pub(super) fn body_open(expected: Refusal) {
    let log = rotated();
    let honest = log.commit(ana().first(), rename("Now"));
    check(&log, &honest, expected, |draft| draft.key = log.keys[0].clone());
    check(&log, &honest, expected, |draft| draft.key = key(9));
    // A box in its place under the right key, but what is inside is no body.
    let entry = &honest.entry;
    let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
    let other = log.keys[1].key();
    let mut foreign = honest.entry.clone();
    foreign.body = Some(seal(other, &place, &[0xa1, 0x18, 0x63, 0x00], &mut TestRng::new(1)));
    let signed = foreign.sign(&ana().first().sign).unwrap();
    assert_eq!(log.verdict(&signed, ana()).err(), Some(expected));
    // A body that was made for another place in this very log.
    let earlier = log.commit(ana().first(), rename("Earlier")).finish().entry.body;
    let mut later = log.clone();
    later.push(&log.commit(ana().first(), rename("Between")));
    let mut moved = later.commit(ana().first(), rename("Earlier")).finish().entry;
    moved.body = earlier;
    assert_eq!(
        later.verdict(&moved.sign(&ana().first().sign).unwrap(), ana()).err(),
        Some(expected)
    );
}

pub(super) fn commitment(expected: Refusal) {
    let log = rotated();
    // The key inside the wraps is not the one that was committed to.
    let rotate = log.rotate(ana().first());
    check(&log, &rotate, expected, |draft| {
        draft.start().commitment = Hash([1; 32])
    });
    // A wrap in perfect shape around a key that somebody made up: only the newcomer can see it, and does.
    let honest = log.add(ana().first(), carl().first(), Role::Reader);
    let mut evil = honest.clone();
    let Op::Add { wrap: one, .. } = &mut evil.entry.op else {
        unreachable!()
    };
    *one = Some(wrap(ana().first(), carl().first().hash(), log.space(), 1, &key(9)));
    check_as(&log, &honest, &evil, expected, carl());
    // The previous key in the body is another one.
    check(&log, &rotate, expected, |draft| {
        draft.body().previous_key = Some(key(9))
    });
    // ... also for whoever walks back from a later wrap.
    let mut twisted = rotate.clone();
    twisted.body().previous_key = Some(key(9));
    check_as(&log, &rotate, &twisted, expected, ben());
    check_genesis(&genesis(SpaceKind::Project, true, ana().first()), expected, |draft| {
        draft.start().commitment = Hash([1; 32]);
    });
}

pub(super) fn previous_key(expected: Refusal) {
    let log = rotated();
    check(&log, &log.rotate(ana().first()), expected, |draft| {
        draft.body().previous_key = None
    });
    let remove = log.remove(ana().first(), ben().principal());
    check(&log, &remove, expected, |draft| draft.body().previous_key = None);
    let commit = log.commit(ana().first(), rename("Now"));
    check(&log, &commit, expected, |draft| {
        draft.body().previous_key = Some(log.keys[0].clone())
    });
    let first = genesis(SpaceKind::Project, true, ana().first());
    check_genesis(&first, expected, |draft| draft.body().previous_key = Some(key(9)));
}
