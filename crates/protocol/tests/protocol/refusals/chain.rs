//! Place in the log, author and signature.

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::{Op, Role, SignedEntry, SpaceKind};
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::replay::{Authority, Bundles, Space};

use super::{check, check_genesis, check_pair};
use crate::support::log::{Draft, Log, genesis};
use crate::support::people::{ana, ben, carl, directory, dora};
use crate::support::things::{note, put, rename};

/// Ana's project with Ben as a contributor and one commit, and Ana's next commit.
fn next() -> (Log, Draft) {
    let mut log = Log::project(ana().first());
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    log.push(&log.commit(ana().first(), rename("Scans")));
    let draft = log.commit(ana().first(), put(note(1, ana().principal())));
    (log, draft)
}

pub(super) fn wrong_space(expected: Refusal) {
    let (log, honest) = next();
    let other = Log::project(ben().first()).space();
    check(&log, &honest, expected, |draft| draft.entry.space = other);
    let first = genesis(SpaceKind::Project, true, ana().first()).finish();
    let asked = SpaceId([7; 32]);
    assert_eq!(Authority::genesis(asked, &first, directory()).err(), Some(expected));
}

pub(super) fn sequence(expected: Refusal) {
    let (log, honest) = next();
    check(&log, &honest, expected, |draft| draft.entry.seq += 1);
    check(&log, &honest, expected, |draft| draft.entry.seq -= 1);
    check(&log, &honest, expected, |draft| draft.entry.seq = u64::MAX);
}

pub(super) fn previous(expected: Refusal) {
    let (log, honest) = next();
    check(&log, &honest, expected, |draft| draft.entry.prev = log.entries[1].hash);
    check(&log, &honest, expected, |draft| draft.entry.prev = Hash::ZERO);
}

pub(super) fn authority_chain(expected: Refusal) {
    let (log, honest) = next();
    // The head is a commit, which is no authority entry; entry 0 is one, but no longer the last.
    check(&log, &honest, expected, |draft| draft.entry.auth = log.state.head());
    check(&log, &honest, expected, |draft| draft.entry.auth = log.entries[0].hash);
}

pub(super) fn genesis_out_of_place(expected: Refusal) {
    let (log, honest) = next();
    check(&log, &honest, expected, |draft| {
        draft.entry.op = log.entries[0].entry.op.clone()
    });
    let replay = |entries: &[SignedEntry]| Space::replay(log.space(), ana().principal(), entries, directory(), ana());
    assert_eq!(replay(&log.entries).err(), None);
    assert_eq!(replay(&log.entries[1..]).err(), Some(expected));
    assert_eq!(replay(&[]).err(), Some(expected));

    let first = genesis(SpaceKind::Project, true, ana().first());
    check_genesis(&first, expected, |draft| draft.entry.seq = 1);
    check_genesis(&first, expected, |draft| draft.entry.prev = Hash([1; 32]));
    check_genesis(&first, expected, |draft| draft.entry.auth = Hash([1; 32]));
    check_genesis(&first, expected, |draft| draft.entry.epoch = 1);
}

pub(super) fn genesis_core(expected: Refusal) {
    let honest = genesis(SpaceKind::Project, true, ana().first());
    // Another core under the same name.
    check_genesis(&honest, expected, |draft| draft.core().random = Hash([1; 32]));
    check_genesis(&honest, expected, |draft| draft.core().created_ms += 1);
    // A core that fits its name but not its author.
    check_genesis(&honest, expected, |draft| {
        draft.core().creator = ben().principal();
        draft.rename_space();
    });
    check_genesis(&honest, expected, |draft| {
        draft.core().creator_fingerprint = ben().first().bundle.fingerprint;
        draft.rename_space();
    });
    check_genesis(&honest, expected, |draft| {
        draft.core().format = 2;
        draft.rename_space();
    });
    // Signed under keys of somebody else than the author it names.
    check_genesis(&honest, expected, |draft| {
        draft.signer = ben().first();
        draft.entry.author_bundle = ben().first().hash();
    });
}

pub(super) fn bundle_unknown(expected: Refusal) {
    let (log, honest) = next();
    check(&log, &honest, expected, |draft| {
        draft.entry.author_bundle = Hash([3; 32])
    });

    // The same log, read by somebody who was not given Ben's keys.
    let mut fewer = Bundles::default();
    fewer.insert_chain(ana().chain());
    let replay = |bundles: &Bundles| Space::replay(log.space(), ana().principal(), &log.entries, bundles, ana()).err();
    assert_eq!(replay(directory()), None);
    assert_eq!(replay(&fewer), Some(expected));

    // Letting somebody in under keys that nobody has seen.
    let add = log.add(ana().first(), carl().first(), Role::Reader);
    check(&log, &add, expected, |draft| {
        let Op::Add { bundle, .. } = &mut draft.entry.op else {
            unreachable!()
        };
        *bundle = Hash([3; 32]);
    });
    let first = genesis(SpaceKind::Project, true, ana().first());
    check_genesis(&first, expected, |draft| draft.entry.author_bundle = Hash([3; 32]));
}

pub(super) fn author_unknown(expected: Refusal) {
    let (mut log, honest) = next();
    let outsider = log.commit(dora().first(), rename("Mine now"));
    check_pair(&log, &honest, &outsider, expected);
    // Somebody who was in and is not any more.
    let before = log.commit(ben().first(), rename("Still here"));
    log.verdict(&before.finish(), ana()).unwrap();
    log.push(&log.remove(ana().first(), ben().principal()));
    let after = log.commit(ben().first(), rename("Still here"));
    check_pair(&log, &log.commit(ana().first(), rename("Still here")), &after, expected);
}

pub(super) fn author_bundle(expected: Refusal) {
    let (mut log, _) = next();
    let old = log.commit(ben().first(), rename("Ben's"));
    // New keys before the space was told of them.
    check_pair(&log, &old, &log.commit(ben().second(), rename("Ben's")), expected);
    // Another member's keys and signature under Ana's name.
    check(&log, &log.commit(ana().first(), rename("Ana's")), expected, |draft| {
        draft.signer = ben().first();
        draft.entry.author_bundle = ben().first().hash();
    });
    // Old keys afterwards.
    log.push(&log.rewrap(ben().second()));
    let (new, old) = (
        log.commit(ben().second(), rename("Ben's")),
        log.commit(ben().first(), rename("Ben's")),
    );
    check_pair(&log, &new, &old, expected);
}

pub(super) fn signature(expected: Refusal) {
    let (log, honest) = next();
    check(&log, &honest, expected, |draft| draft.signer = ben().first());
    // A member's own later key is not the one that counts either.
    check(&log, &honest, expected, |draft| draft.signer = ana().second());
    check_genesis(&genesis(SpaceKind::Project, true, ana().first()), expected, |draft| {
        draft.signer = ben().first()
    });
}

pub(super) fn head(expected: Refusal) {
    use holdfast_protocol::entry::FORMAT_WITH_HEAD;
    use holdfast_protocol::transparency::Head;
    let key = holdfast_crypto::SignKey::from_seed(holdfast_crypto::Secret::fill_with(|seed| seed.fill(7)));
    let seen = Head::sign(3, Hash([3; 32]), &key);
    let (log, mut honest) = next();
    honest.entry.format = FORMAT_WITH_HEAD;
    honest.entry.head = Some(seen.clone());
    let mut other = seen.clone();
    other.size = 4;
    check(&log, &honest, expected, |draft| draft.entry.head = Some(other.clone()));
    let mut first = genesis(SpaceKind::Project, true, ana().first());
    first.entry.format = FORMAT_WITH_HEAD;
    first.entry.head = Some(seen);
    check_genesis(&first, expected, |draft| draft.entry.head = Some(other));
}
