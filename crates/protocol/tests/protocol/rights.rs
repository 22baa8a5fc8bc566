//! The table "who may do what" of `docs/spec/log.md`, every cell of it.

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::{Body, NodeScope, Op, Role};
use holdfast_protocol::id::{Hash, RunId};
use holdfast_protocol::run::End;

use crate::refusals::members::CrowdBundles;
use crate::support::log::{Draft, Log};
use crate::support::people::{Keys, ana, ben, big_node, carl, dora, node};
use crate::support::runs::{LATER, UNTIL, adopted, capsule, result, spec};
use crate::support::things::{note, pack, purge, put};

const READER: Option<Role> = Some(Role::Reader);
const CONTRIBUTOR: Option<Role> = Some(Role::Contributor);
const OWNER: Option<Role> = Some(Role::Owner);

/// An op, how Ben does it, and the lowest role that may.
type Row = (&'static str, fn(&Log) -> Draft, Role);

/// Everything that Ben can try in a log that has another owner, a reader, a pack and a note.
const TABLE: &[Row] = &[
    (
        "add",
        |log| log.add(ben().first(), dora().first(), Role::Reader),
        Role::Owner,
    ),
    (
        "remove",
        |log| log.remove(ben().first(), carl().principal()),
        Role::Owner,
    ),
    (
        "remove an owner",
        |log| log.remove(ben().first(), ana().principal()),
        Role::Owner,
    ),
    ("leave", |log| log.leave(ben().first()), Role::Reader),
    (
        "set role",
        |log| log.set_role(ben().first(), carl().principal(), Role::Contributor),
        Role::Owner,
    ),
    (
        "promote oneself",
        |log| log.set_role(ben().first(), ben().principal(), Role::Owner),
        Role::Owner,
    ),
    ("rewrap", |log| log.rewrap(ben().second()), Role::Reader),
    (
        "commit nothing",
        |log| log.commit(ben().first(), Body::default()),
        Role::Contributor,
    ),
    (
        "commit an item",
        |log| log.commit(ben().first(), put(note(7, ben().principal()))),
        Role::Contributor,
    ),
    (
        "add a pack",
        |log| log.packs(ben().first(), &[pack(2)], &[], Body::default()),
        Role::Contributor,
    ),
    (
        "drop a pack",
        |log| log.packs(ben().first(), &[], &[pack(1).id], Body::default()),
        Role::Owner,
    ),
    (
        "authorise a node",
        |log| log.authorise(ben().first(), big_node().first(), NodeScope::Project, UNTIL),
        Role::Owner,
    ),
    (
        "authorise a node again",
        |log| log.authorise(ben().first(), node().first(), NodeScope::Runs, LATER),
        Role::Owner,
    ),
    (
        "withdraw a node",
        |log| log.withdraw_node(ben().first(), node().principal()),
        Role::Owner,
    ),
    ("order a run", |log| order(log, ben().first(), 0x42), Role::Contributor),
    (
        "withdraw somebody else's run",
        |log| log.withdraw_run(ben().first(), RunId([0x41; 16])),
        Role::Owner,
    ),
    (
        "adopt a run",
        |log| {
            let spec = spec(log.space(), node().first(), 0x41);
            let signed = result(&spec, End::Succeeded).sign(&node().first().sign);
            adopted(log, ben().first(), &spec, &signed)
        },
        Role::Contributor,
    ),
];

/// A log in which Ben has this role, or is not in it.
fn log_with(encrypted: bool, role: Option<Role>) -> Log {
    let mut log = if encrypted {
        Log::project(ana().first())
    } else {
        Log::standard(ana().first())
    };
    log.push(&log.add(ana().first(), carl().first(), Role::Reader));
    log.push(&log.packs(ana().first(), &[pack(1)], &[], put(note(1, ana().principal()))));
    log.push(&log.authorise(ana().first(), node().first(), NodeScope::Runs, UNTIL));
    log.push(&order(&log, ana().first(), 0x41));
    if let Some(role) = role {
        log.push(&log.add(ana().first(), ben().first(), role));
    }
    log
}

fn order(log: &Log, by: &'static Keys, run: u8) -> Draft {
    let spec = spec(log.space(), node().first(), run);
    let sealed = capsule(&spec, by, node().first());
    log.order(by, node().first(), &spec, Some(&sealed))
}

/// Whoever ordered a run takes it back while he may order, and owners take back any.
#[test]
fn a_run_is_withdrawn_by_its_author_or_an_owner() {
    for encrypted in [true, false] {
        let mut log = log_with(encrypted, CONTRIBUTOR);
        log.push(&order(&log, ben().first(), 0x42));
        log.push(&log.set_role(ana().first(), carl().principal(), Role::Contributor));
        let by = |log: &Log, who: &'static Keys| {
            let draft = log.withdraw_run(who, RunId([0x42; 16]));
            log.verdict(&draft.finish(), ana()).err()
        };
        for (who, wanted) in [
            (ben(), None),
            (ana(), None),
            (carl(), Some(Refusal::RoleDenied)),
            (dora(), Some(Refusal::AuthorUnknown)),
        ] {
            assert_eq!(by(&log, who.first()), wanted);
        }
        log.push(&log.set_role(ana().first(), ben().principal(), Role::Reader));
        assert_eq!(by(&log, ben().first()), Some(Refusal::RoleDenied));
        assert_eq!(by(&log, ana().first()), None);
    }
}

#[test]
fn every_role_may_do_exactly_what_the_table_says() {
    let mut cells = 0;
    for encrypted in [true, false] {
        for role in [None, READER, CONTRIBUTOR, OWNER] {
            let log = log_with(encrypted, role);
            for (what, make, needs) in TABLE {
                let wanted = match role {
                    None => Some(Refusal::AuthorUnknown),
                    Some(role) if role < *needs => Some(Refusal::RoleDenied),
                    Some(_) => None,
                };
                let verdict = log.verdict(&make(&log).finish(), ana()).err();
                assert_eq!(verdict, wanted, "{what} as {role:?}, encrypted: {encrypted}");
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 2 * 4 * TABLE.len());
}

#[test]
fn only_owners_rotate_and_only_encrypted_projects() {
    for (role, wanted) in [
        (None, Some(Refusal::AuthorUnknown)),
        (READER, Some(Refusal::RoleDenied)),
        (CONTRIBUTOR, Some(Refusal::RoleDenied)),
        (OWNER, None),
    ] {
        let log = log_with(true, role);
        assert_eq!(log.verdict(&log.rotate(ben().first()).finish(), ana()).err(), wanted);
    }
    let open = log_with(false, OWNER);
    assert_eq!(
        open.verdict(&open.rotate(ben().first()).finish(), ana()).err(),
        Some(Refusal::EpochMaterial)
    );
}

#[test]
fn only_owners_purge() {
    for (role, wanted) in [(CONTRIBUTOR, Some(Refusal::PurgeDenied)), (OWNER, None)] {
        let log = log_with(true, role);
        assert_eq!(
            log.verdict(&log.commit(ben().first(), purge(1)).finish(), ana()).err(),
            wanted
        );
    }
}

#[test]
fn rights_are_those_before_the_entry_and_end_at_once() {
    let mut log = log_with(true, OWNER);
    log.push(&log.set_role(ana().first(), ben().principal(), Role::Reader));
    let again = log.set_role(ben().first(), ben().principal(), Role::Owner);
    assert_eq!(log.verdict(&again.finish(), ana()).err(), Some(Refusal::RoleDenied));
    // What Ben did as an owner stays valid.
    let mut log = log_with(true, OWNER);
    log.push(&log.commit(ben().first(), purge(1)));
    log.push(&log.set_role(ana().first(), ben().principal(), Role::Reader));
    assert!(log.read_as(ana()).unwrap().contents().items().is_empty());
}

#[test]
fn a_refused_entry_leaves_the_state_as_it_was() {
    let log = log_with(true, CONTRIBUTOR);
    let mut state = log.state.clone();
    let bad = log
        .packs(ben().first(), &[pack(2), pack(2)], &[], Body::default())
        .finish();
    let bundles = crate::support::people::directory();
    assert_eq!(state.apply(&bad, bundles), Err(Refusal::PackRepeated));
    assert_eq!(
        (state.seq(), state.head(), state.live_bytes()),
        (log.state.seq(), log.state.head(), log.state.live_bytes())
    );
    assert_eq!(state.packs(), log.state.packs());
    let good = log.packs(ben().first(), &[pack(2)], &[], Body::default()).finish();
    assert_eq!(state.apply(&good, bundles), Ok(()));
    assert_eq!(state.live_bytes(), log.state.live_bytes() + pack(2).bytes);
}

/// Two second bundles of Ben, each perfect in itself: once one counts, the other is no successor of it.
#[test]
fn keys_of_a_fork_never_follow_those_that_count() {
    let mut fork = ben().second().bundle.clone();
    fork.hash = Hash([0xF0; 32]);
    let bundles = CrowdBundles(vec![fork.clone()]);
    let verdict = |log: &Log, draft: Draft| log.state.clone().apply(&draft.finish(), &bundles).err();
    let rewrap = |log: &Log| {
        let mut draft = log.rewrap(ben().second());
        draft.entry.author_bundle = fork.hash;
        draft
    };
    let add = |log: &Log| {
        let mut draft = log.add(ana().first(), ben().second(), Role::Reader);
        let Op::Add { bundle, .. } = &mut draft.entry.op else {
            unreachable!()
        };
        *bundle = fork.hash;
        draft
    };
    let mut log = Log::standard(ana().first());
    log.push(&log.add(ana().first(), ben().first(), Role::Reader));
    assert_eq!(verdict(&log, rewrap(&log)), None, "it does follow the first");
    let mut gone = log.clone();
    gone.push(&log.remove(ana().first(), ben().principal()));
    assert_eq!(verdict(&gone, add(&gone)), None);

    log.push(&log.rewrap(ben().second()));
    assert_eq!(verdict(&log, rewrap(&log)), Some(Refusal::NotASuccessor));
    log.push(&log.remove(ana().first(), ben().principal()));
    assert_eq!(verdict(&log, add(&log)), Some(Refusal::NotASuccessor));
}

#[test]
fn the_last_entry_the_last_of_authority_and_the_opener_are_told_apart() {
    let a = ana().first();
    let mut log = Log::project(a);
    let told = |log: &Log| (log.state.seq(), log.state.auth_seq(), log.state.epoch_seq());
    assert_eq!(told(&log), (0, 0, 0));
    log.push(&log.commit(a, Body::default()));
    assert_eq!(told(&log), (1, 0, 0));
    log.push(&log.rotate(a));
    assert_eq!(told(&log), (2, 2, 2));
    log.push(&log.add(a, ben().first(), Role::Reader));
    assert_eq!(told(&log), (3, 3, 2));
    log.push(&log.commit(a, Body::default()));
    assert_eq!(told(&log), (4, 3, 2));
    let (last, authority) = (&log.entries[4], &log.entries[3]);
    assert_eq!((log.state.head(), log.state.auth_head()), (last.hash, authority.hash));
    assert_eq!(log.state.time_ms(), last.entry.time_ms);
}
