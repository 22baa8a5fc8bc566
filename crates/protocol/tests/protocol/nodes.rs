//! What a node of each scope can read, which keys it gets, and when that ends.

use holdfast_protocol::Refusal;
use holdfast_protocol::bundle::{PrincipalKind, VerifiedBundle};
use holdfast_protocol::entry::{NodeScope, Op, Role, Wrap};
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::limits::{MEMBERS, NODES};
use holdfast_protocol::replay::{Authority, Outcome, Space};

use crate::refusals::members::{CrowdBundles, crowd};
use crate::refusals::runs::{ordered, ready};
use crate::support::log::{Draft, Log, wrap};
use crate::support::people::{ana, ben, big_node, directory, node};
use crate::support::runs::{LATER, UNTIL};
use crate::support::story;
use crate::support::things::rename;

fn read_by(log: &Log, entries: usize, reader: &crate::support::people::Person) -> Space {
    Space::replay(
        log.space(),
        reader.principal(),
        &log.entries[..entries],
        directory(),
        reader,
    )
    .unwrap()
}

fn withdrawal(log: &Log) -> usize {
    let is_one = |op: &Op| matches!(op, Op::WithdrawNode { .. });
    log.entries.iter().position(|signed| is_one(&signed.entry.op)).unwrap()
}

#[test]
fn a_node_with_the_whole_project_reads_what_a_teammate_reads_until_it_is_withdrawn() {
    let log = story::runs();
    let end = withdrawal(&log);
    let (teammate, before) = (read_by(&log, end, ben()), read_by(&log, end, big_node()));
    assert!(before.contents().items() == teammate.contents().items());
    assert_eq!(before.contents().events(), teammate.contents().events());
    assert_eq!(
        (before.contents().name(), before.unread_entries()),
        ("Scans of the year", 0)
    );
    assert_eq!(before.contents().runs().len(), 3);
    let after = log.read_as(big_node()).unwrap();
    assert_eq!(after.unread_entries(), log.entries.len() - end);
    assert!(after.current_key().is_none());
    assert_eq!(after.contents().name(), "Scans of the year");
    assert_eq!(log.read_as(ben()).unwrap().contents().name(), "Without the big node");
    assert_eq!(after.put_out(), None, "it was never in");
}

#[test]
fn a_node_for_runs_sees_authority_and_nothing_sealed() {
    let log = story::runs();
    let seen = log.read_as(node()).unwrap();
    assert_eq!(
        (seen.unread_entries(), seen.contents().items().len()),
        (log.entries.len(), 0)
    );
    assert!(seen.current_key().is_none() && seen.contents().runs().is_empty());
    let mut authority = Authority::genesis(log.space(), &log.entries[0], directory()).unwrap();
    for signed in &log.entries[1..] {
        authority.advance(signed, directory()).unwrap();
    }
    assert_eq!(authority.head(), log.state.head());
    let outcomes: Vec<_> = authority.runs().values().map(|run| run.outcome).collect();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Adopted(_))));
    let mine = authority
        .runs()
        .values()
        .find(|run| run.node == node().principal())
        .unwrap();
    assert!(mine.capsule.is_some() && mine.node_bundle == node().first().hash());
    assert_eq!(authority.nodes()[&node().principal()].until_ms, LATER);
    assert!(!authority.nodes().contains_key(&big_node().principal()));
}

#[test]
fn openers_carry_the_key_to_nodes_with_the_whole_project_whose_time_is_not_over() {
    let log = ready();
    let (a, big, small) = (ana().first(), big_node().first(), node().first());
    let at = |time: u64| {
        let mut draft = log.rotate(a);
        draft.entry.time_ms = time;
        draft
    };
    let without = |mut draft: Draft, who: Hash| {
        draft.start().wraps.retain(|wrap| wrap.bundle != who);
        draft
    };
    let verdict = |draft: &Draft| log.verdict(&draft.finish(), ana()).err();
    let recipients = log.state.recipients(UNTIL - 1);
    assert_eq!(recipients.get(&big.principal()), Some(&big.hash()));
    assert!(!recipients.contains_key(&small.principal()));
    assert_eq!(verdict(&at(UNTIL - 1)), None);
    assert_eq!(verdict(&without(at(UNTIL - 1), big.hash())), Some(Refusal::Wraps));
    // Its time is over: no wrap may linger.
    assert!(!log.state.recipients(UNTIL).contains_key(&big.principal()));
    assert_eq!(verdict(&at(UNTIL)), Some(Refusal::Wraps));
    assert_eq!(verdict(&without(at(UNTIL), big.hash())), None);
    let mut to_small = at(UNTIL - 1);
    let key = to_small.key.clone();
    to_small.start().wraps.push(wrap(a, small.hash(), log.space(), 1, &key));
    assert_eq!(verdict(&to_small), Some(Refusal::Wraps));
    // Removal and withdrawal are openers like rotation.
    let remove = log.remove(a, ben().principal());
    assert_eq!(verdict(&remove), None);
    assert_eq!(verdict(&without(remove, big.hash())), Some(Refusal::Wraps));
    let mut withdraw = log.withdraw_node(a, big.principal());
    assert_eq!(verdict(&withdraw), None);
    let key = withdraw.key.clone();
    withdraw.start().wraps.push(wrap(a, big.hash(), log.space(), 1, &key));
    assert_eq!(verdict(&withdraw), Some(Refusal::Wraps));
}

#[test]
fn a_rotation_is_due_when_the_time_of_a_node_with_the_key_is_over() {
    let mut log = ready();
    assert!(!log.state.rotation_due(UNTIL - 1) && log.state.rotation_due(UNTIL));
    log.push(&log.authorise(ana().first(), big_node().first(), NodeScope::Project, LATER));
    assert!(!log.state.rotation_due(LATER - 1) && log.state.rotation_due(LATER));
    // Before its time is over: it got the new key, too.
    log.push(&log.rotate(ana().first()));
    assert!(log.state.rotation_due(LATER));
    let mut late = log.rotate(ana().first());
    late.start()
        .wraps
        .retain(|wrap| wrap.bundle != big_node().first().hash());
    late.entry.time_ms = LATER;
    log.push(&late);
    assert!(!log.state.rotation_due(u64::MAX));
    assert_eq!(read_by(&log, log.entries.len(), big_node()).unread_entries(), 1);

    let mut open = Log::standard(ana().first());
    open.push(&open.authorise(ana().first(), big_node().first(), NodeScope::Project, UNTIL));
    assert!(!open.state.rotation_due(UNTIL));
    open.push(&open.withdraw_node(ana().first(), big_node().principal()));
    assert!(open.state.nodes().is_empty());
}

/// Clocks differ: the entry before says a time at which the node's is over, and it got the key all the same.
#[test]
fn a_node_that_was_let_in_behind_a_late_clock_holds_the_key() {
    let mut log = Log::project(ana().first());
    let mut late = log.rotate(ana().first());
    late.entry.time_ms = LATER;
    log.push(&late);
    assert!(!log.state.rotation_due(u64::MAX));
    log.push(&log.authorise(ana().first(), big_node().first(), NodeScope::Project, UNTIL));
    assert!(!log.state.rotation_due(UNTIL - 1) && log.state.rotation_due(UNTIL));
}

#[test]
fn authorised_again_the_new_entry_counts() {
    let mut log = ready();
    let a = ana().first();
    for until in [LATER, UNTIL] {
        log.push(&log.authorise(a, node().first(), NodeScope::Runs, until));
        assert_eq!(log.state.nodes()[&node().principal()].until_ms, until);
    }
    // More than before: from then on it reads everything, also what was written before.
    log.push(&log.authorise(a, node().first(), NodeScope::Project, UNTIL));
    log.push(&log.commit(a, rename("For all nodes")));
    assert_eq!(log.read_as(node()).unwrap().contents().name(), "For all nodes");
    // Newer keys.
    log.push(&log.authorise(a, big_node().second(), NodeScope::Project, UNTIL));
    log.push(&log.rotate(a));
    let wraps = match &log.entries.last().unwrap().entry.op {
        Op::Rotate { epoch } => &epoch.wraps,
        _ => unreachable!(),
    };
    assert!(wraps.iter().all(|wrap| wrap.bundle != big_node().first().hash()));
    assert_eq!(log.read_as(big_node()).unwrap().unread_entries(), 0);
}

#[test]
fn the_key_is_wrapped_exactly_to_nodes_that_get_it() {
    let log = ready();
    let a = ana().first();
    let put = |mut draft: Draft, to: Option<Wrap>| {
        let Op::AuthoriseNode { wrap, .. } = &mut draft.entry.op else {
            unreachable!()
        };
        *wrap = to;
        log.verdict(&draft.finish(), ana()).err()
    };
    let project = || log.authorise(a, node().first(), NodeScope::Project, UNTIL);
    let runs = || log.authorise(a, node().first(), NodeScope::Runs, UNTIL);
    let to = |who: Hash| Some(wrap(a, who, log.space(), 0, &log.current()));
    assert_eq!(put(project(), to(node().first().hash())), None);
    assert_eq!(put(project(), None), Some(Refusal::EpochMaterial));
    assert_eq!(put(project(), to(big_node().first().hash())), Some(Refusal::Wraps));
    assert_eq!(put(runs(), None), None);
    assert_eq!(put(runs(), to(node().first().hash())), Some(Refusal::EpochMaterial));
    // A key that is none: the node notices.
    let mut other = log.rotate(a);
    other.entry.epoch = 0;
    let lie = wrap(a, node().first().hash(), log.space(), 0, &other.key);
    let mut draft = project();
    let Op::AuthoriseNode { wrap, .. } = &mut draft.entry.op else {
        unreachable!()
    };
    *wrap = Some(lie);
    assert_eq!(log.verdict(&draft.finish(), node()).err(), Some(Refusal::Commitment));
}

/// Any one of the three that is another node's is enough to refuse it.
#[test]
fn a_node_is_named_by_principal_bundle_and_fingerprint_together() {
    let log = ready();
    let (stranger, other) = (PrincipalId([9; 16]), &big_node().first().bundle);
    let named = |twist: &dyn Fn(&mut PrincipalId, &mut Hash, &mut Hash)| {
        let mut draft = log.authorise(ana().first(), node().first(), NodeScope::Runs, UNTIL);
        let Op::AuthoriseNode {
            principal,
            bundle,
            fingerprint,
            ..
        } = &mut draft.entry.op
        else {
            unreachable!()
        };
        twist(principal, bundle, fingerprint);
        log.verdict(&draft.finish(), ana()).err()
    };
    assert_eq!(named(&|_, _, _| {}), None);
    let refused = Some(Refusal::Fingerprint);
    assert_eq!(named(&|principal, _, _| *principal = stranger), refused);
    assert_eq!(named(&|_, bundle, _| *bundle = other.hash), refused);
    assert_eq!(named(&|_, _, fingerprint| *fingerprint = other.fingerprint), refused);
}

#[test]
fn withdrawal_opens_an_epoch_exactly_when_the_node_held_the_key() {
    let log = ready();
    let a = ana().first();
    let verdict = |draft: Draft| log.verdict(&draft.finish(), ana()).err();
    let with = |who| log.opener_for(a, who);
    let plain = |principal| log.draft(a, Op::WithdrawNode { principal, epoch: None }, None);
    assert_eq!(verdict(with(big_node().principal())), None);
    assert_eq!(verdict(plain(big_node().principal())), Some(Refusal::EpochMaterial));
    assert_eq!(verdict(plain(node().principal())), None);
    assert_eq!(verdict(with(node().principal())), Some(Refusal::EpochMaterial));
}

/// The order stands, and whoever starts it sees that its author is gone.
#[test]
fn the_run_of_somebody_who_was_removed_is_there_and_its_author_is_not() {
    let (mut log, spec) = ordered();
    log.push(&log.remove(ana().first(), ben().principal()));
    let run = &log.state.runs()[&spec.run];
    assert_eq!((run.author, run.outcome), (ben().principal(), Outcome::Open));
    assert!(!log.state.stands_behind(run));
    // Back again he orders again.
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    assert!(!log.state.stands_behind(&log.state.runs()[&spec.run]));
    log.push(&log.withdraw_run(ana().first(), spec.run));
}

#[test]
fn an_order_stands_while_its_author_may_order() {
    let (mut log, spec) = ordered();
    let stands = |log: &Log| log.state.stands_behind(&log.state.runs()[&spec.run]);
    assert!(stands(&log));
    // Newer keys change nothing: the order was signed under those that counted.
    log.push(&log.rewrap(ben().second()));
    assert!(stands(&log));
    log.push(&log.set_role(ana().first(), ben().principal(), Role::Reader));
    assert!(!stands(&log));
    log.push(&log.set_role(ana().first(), ben().principal(), Role::Owner));
    assert!(stands(&log));
}

/// A copy shares the runs and parts from them with the first change.
#[test]
fn a_copy_of_a_state_does_not_see_later_runs() {
    let (log, spec) = ordered();
    let copy = log.state.clone();
    let mut later = log.clone();
    later.push(&log.withdraw_run(ana().first(), spec.run));
    assert_eq!(copy.runs()[&spec.run].outcome, Outcome::Open);
    assert_eq!(
        later.state.runs()[&spec.run].outcome,
        Outcome::Withdrawn(later.state.seq())
    );
    // A refused entry leaves the state as it was.
    let again = later.withdraw_run(ana().first(), spec.run).finish();
    let mut state = later.state.clone();
    assert_eq!(state.apply(&again, directory()), Err(Refusal::RunOver));
    assert_eq!(state.runs(), later.state.runs());
}

/// A log of one op after another, as the server folds it.
fn fold(log: &Log, bundles: &CrowdBundles, ops: impl IntoIterator<Item = Op>) -> (Authority, Option<Refusal>) {
    let mut state = log.state.clone();
    for op in ops {
        let mut draft = log.draft(ana().first(), op, None);
        (draft.entry.seq, draft.entry.prev, draft.entry.auth) = (state.seq() + 1, state.head(), state.auth_head());
        if let Err(refusal) = state.advance(&draft.finish(), bundles) {
            return (state, Some(refusal));
        }
    }
    (state, None)
}

fn authorise(who: &VerifiedBundle, scope: NodeScope) -> Op {
    Op::AuthoriseNode {
        principal: who.bundle.principal,
        bundle: who.hash,
        fingerprint: who.fingerprint,
        scope,
        until_ms: UNTIL,
        wrap: None,
    }
}

#[test]
fn so_many_nodes_and_no_more() {
    let as_node = |number| {
        let mut bundle = crowd(number);
        bundle.bundle.kind = PrincipalKind::Node;
        bundle
    };
    let bundles = CrowdBundles((0..=NODES).map(as_node).collect());
    let log = Log::standard(ana().first());
    let ops = |count: usize| bundles.0[..count].iter().map(|who| authorise(who, NodeScope::Runs));
    let (full, none) = fold(&log, &bundles, ops(NODES));
    assert_eq!((full.nodes().len(), none), (NODES, None));
    assert_eq!(fold(&log, &bundles, ops(NODES + 1)).1, Some(Refusal::TooManyMembers));
    // One that is there is authorised again.
    let again = authorise(&bundles.0[0], NodeScope::Runs);
    assert_eq!(fold(&log, &bundles, ops(NODES).chain([again])).1, None);
}

#[test]
fn members_and_nodes_with_the_key_share_the_room_of_an_opener() {
    let mut bundles: Vec<_> = (0..MEMBERS).map(crowd).collect();
    bundles[0].bundle.kind = PrincipalKind::Node;
    let bundles = CrowdBundles(bundles);
    let log = Log::standard(ana().first());
    let add = |who: &VerifiedBundle| Op::Add {
        principal: who.bundle.principal,
        bundle: who.hash,
        fingerprint: who.fingerprint,
        role: Role::Reader,
        wrap: None,
    };
    let people = |count: usize| bundles.0[1..=count].iter().map(add);
    let big = || [authorise(&bundles.0[0], NodeScope::Project)];
    let small = || [authorise(&bundles.0[0], NodeScope::Runs)];
    assert_eq!(fold(&log, &bundles, people(MEMBERS - 2).chain(big())).1, None);
    assert_eq!(fold(&log, &bundles, people(MEMBERS - 1).chain(small())).1, None);
    for one_too_many in [
        fold(&log, &bundles, people(MEMBERS - 1).chain(big())).1,
        fold(&log, &bundles, big().into_iter().chain(people(MEMBERS - 1))).1,
        fold(&log, &bundles, people(MEMBERS - 1).chain(small()).chain(big())).1,
    ] {
        assert_eq!(one_too_many, Some(Refusal::TooManyMembers));
    }
}
