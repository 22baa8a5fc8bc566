//! Who is in, with which rights and keys.

use holdfast_protocol::Refusal;
use holdfast_protocol::bundle::{PrincipalKind, VerifiedBundle};
use holdfast_protocol::entry::{NodeScope, Op, Role};
use holdfast_protocol::id::{Hash, PrincipalId, RunId};
use holdfast_protocol::limits::MEMBERS;
use holdfast_protocol::replay::{BundleSource, Space};
use holdfast_protocol::run::{End, SignedResult};

use super::{check, check_genesis, check_pair};
use crate::support::log::{Log, genesis};
use crate::support::people::{ana, ben, big_node, carl, directory, dora, node};
use crate::support::runs::{UNTIL, adopted, result, spec};
use crate::support::things::{pack, rename};

/// Ana owns, Ben contributes, Carl reads.
fn three() -> Log {
    let mut log = Log::project(ana().first());
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    log.push(&log.add(ana().first(), carl().first(), Role::Reader));
    log
}

pub(super) fn role_denied(expected: Refusal) {
    let mut log = three();
    let by_ben = log.commit(ben().first(), rename("New name"));
    check_pair(&log, &by_ben, &log.commit(carl().first(), rename("New name")), expected);
    log.push(&log.packs(ben().first(), &[pack(1)], &[], rename("With a pack")));
    let drop = |by| log.packs(by, &[], &[pack(1).id], rename("Without"));
    check_pair(&log, &drop(ana().first()), &drop(ben().first()), expected);
    // All other rows of the table are in `rights`.
}

pub(super) fn member_exists(expected: Refusal) {
    let log = three();
    let add = |who| log.add(ana().first(), who, Role::Reader);
    check_pair(&log, &add(dora().first()), &add(ben().first()), expected);
    // Not even under newer keys, or to change the role in passing.
    check_pair(&log, &add(dora().first()), &add(ben().second()), expected);
    check_pair(
        &log,
        &add(dora().first()),
        &log.add(ana().first(), ana().first(), Role::Reader),
        expected,
    );
}

pub(super) fn member_unknown(expected: Refusal) {
    let log = three();
    let role = |who| log.set_role(ana().first(), who, Role::Reader);
    check_pair(&log, &role(ben().principal()), &role(dora().principal()), expected);
    let remove = |who| log.remove(ana().first(), who);
    check_pair(&log, &remove(ben().principal()), &remove(dora().principal()), expected);
}

/// As many people as one likes, all with Dora's keys: authority looks at names and hashes only.
pub(crate) fn crowd(number: usize) -> VerifiedBundle {
    let mut bundle = dora().first().bundle.clone();
    let mut id = [0xEE; 16];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    bundle.bundle.principal = PrincipalId(id);
    bundle.hash = Hash([id, id].concat().try_into().unwrap());
    bundle
}

pub(crate) struct CrowdBundles(pub(crate) Vec<VerifiedBundle>);

impl BundleSource for CrowdBundles {
    fn bundle(&self, hash: &Hash) -> Option<&VerifiedBundle> {
        directory()
            .bundle(hash)
            .or_else(|| self.0.iter().find(|bundle| bundle.hash == *hash))
    }
}

pub(super) fn too_many(expected: Refusal) {
    let bundles = CrowdBundles((0..MEMBERS).map(crowd).collect());
    let by = ana().first();
    let log = Log::standard(by);
    let mut entries = log.entries.clone();
    let mut head = log.state.head();
    for (seq, who) in (1..).zip(&bundles.0) {
        let op = Op::Add {
            principal: who.bundle.principal,
            bundle: who.hash,
            fingerprint: who.fingerprint,
            role: Role::Reader,
            wrap: None,
        };
        let mut draft = log.draft(by, op, None);
        (draft.entry.seq, draft.entry.prev, draft.entry.auth) = (seq, head, head);
        let signed = draft.finish();
        head = signed.hash;
        entries.push(signed);
    }
    let replay = |count: usize| Space::replay(log.space(), ana().principal(), &entries[..count], &bundles, ana());
    // Ana is one of them: the last of the crowd is one too many.
    assert_eq!(replay(MEMBERS).unwrap().authority().members().len(), MEMBERS);
    assert_eq!(replay(MEMBERS + 1).err(), Some(expected));
}

pub(super) fn fingerprint(expected: Refusal) {
    let log = three();
    let honest = log.add(ana().first(), dora().first(), Role::Reader);
    check(&log, &honest, expected, |draft| {
        let Op::Add { fingerprint, .. } = &mut draft.entry.op else {
            unreachable!()
        };
        *fingerprint = ben().first().bundle.fingerprint;
    });
    // Keys of somebody else under Dora's name, fingerprint and all: a substituted public key.
    check(&log, &honest, expected, |draft| {
        let Op::Add {
            bundle, fingerprint, ..
        } = &mut draft.entry.op
        else {
            unreachable!()
        };
        (*bundle, *fingerprint) = (node().first().hash(), node().first().bundle.fingerprint);
    });
}

pub(super) fn last_owner(expected: Refusal) {
    let alone = three();
    let mut two = three();
    two.push(&two.set_role(ana().first(), ben().principal(), Role::Owner));
    for role in [Role::Reader, Role::Contributor] {
        let honest = two.set_role(ana().first(), ana().principal(), role);
        assert_eq!(two.verdict(&honest.finish(), ana()).err(), None);
        let twisted = alone.set_role(ana().first(), ana().principal(), role);
        assert_eq!(alone.verdict(&twisted.finish(), ana()).err(), Some(expected));
    }
    assert_eq!(two.verdict(&two.leave(ana().first()).finish(), ana()).err(), None);
    assert_eq!(
        alone.verdict(&alone.leave(ana().first()).finish(), ana()).err(),
        Some(expected)
    );
}

pub(super) fn self_removal(expected: Refusal) {
    let mut log = three();
    log.push(&log.set_role(ana().first(), ben().principal(), Role::Owner));
    let remove = |who| log.remove(ana().first(), who);
    check_pair(&log, &remove(ben().principal()), &remove(ana().principal()), expected);
    // In a standard project it is the same rule, so that there is one.
    let mut open = Log::standard(ana().first());
    open.push(&open.add(ana().first(), ben().first(), Role::Owner));
    let remove = |who| open.remove(ana().first(), who);
    check_pair(&open, &remove(ben().principal()), &remove(ana().principal()), expected);
}

pub(super) fn not_a_person(expected: Refusal) {
    let log = three();
    let add = |who| log.add(ana().first(), who, Role::Reader);
    assert_eq!(node().first().bundle.bundle.kind, PrincipalKind::Node);
    check_pair(&log, &add(dora().first()), &add(node().first()), expected);
    let honest = genesis(holdfast_protocol::entry::SpaceKind::Project, true, ana().first());
    let by_node = genesis(holdfast_protocol::entry::SpaceKind::Project, true, node().first());
    check_genesis(&honest, expected, |draft| *draft = by_node);
}

pub(super) fn not_a_successor(expected: Refusal) {
    let mut log = three();
    // To the same keys, and back to the old ones.
    check_pair(&log, &log.rewrap(ben().second()), &log.rewrap(ben().first()), expected);
    log.push(&log.rewrap(ben().second()));
    check_pair(&log, &log.rewrap(carl().second()), &log.rewrap(ben().first()), expected);
    // A former member does not come back under keys that he had given up.
    log.push(&log.remove(ana().first(), ben().principal()));
    let add = |who| log.add(ana().first(), who, Role::Reader);
    check_pair(&log, &add(ben().second()), &add(ben().first()), expected);
    nodes_never_go_back(expected, log);
}

/// Neither while they are authorised nor once they were withdrawn.
fn nodes_never_go_back(expected: Refusal, mut log: Log) {
    let by = ana().first();
    let authorise = |log: &Log, keys| log.authorise(by, keys, NodeScope::Runs, UNTIL);
    log.push(&authorise(&log, big_node().second()));
    let (old, new) = (big_node().first(), big_node().second());
    check_pair(&log, &authorise(&log, new), &authorise(&log, old), expected);
    log.push(&log.withdraw_node(by, big_node().principal()));
    check_pair(&log, &authorise(&log, new), &authorise(&log, old), expected);
}

fn stopped(log: &Log) -> SignedResult {
    result(&spec(log.space(), node().first(), 0x41), End::Stopped).sign(&node().first().sign)
}

pub(super) fn vault_alone(expected: Refusal) {
    let (project, vault) = (Log::project(ana().first()), Log::vault(ana().first()));
    for log in [&project, &vault] {
        let drafts = [
            log.add(ana().first(), ben().first(), Role::Reader),
            log.set_role(ana().first(), ana().principal(), Role::Owner),
        ];
        let wanted = (log.space() == vault.space()).then_some(expected);
        for draft in drafts {
            assert_eq!(log.verdict(&draft.finish(), ana()).err(), wanted);
        }
    }
    for draft in [
        vault.leave(ana().first()),
        vault.remove(ana().first(), ana().principal()),
        vault.authorise(ana().first(), node().first(), NodeScope::Runs, UNTIL),
        vault.withdraw_node(ana().first(), node().principal()),
        vault.order(
            ana().first(),
            node().first(),
            &spec(vault.space(), node().first(), 0x41),
            None,
        ),
        vault.withdraw_run(ana().first(), RunId([0x41; 16])),
        adopted(
            &vault,
            ana().first(),
            &spec(vault.space(), node().first(), 0x41),
            &stopped(&vault),
        ),
    ] {
        assert_eq!(vault.verdict(&draft.finish(), ana()).err(), Some(expected));
    }
    assert_eq!(vault.verdict(&vault.rotate(ana().first()).finish(), ana()).err(), None);
}
