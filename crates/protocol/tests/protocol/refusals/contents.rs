//! Packs, names and items.

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::{Body, Op, PackSize, Role};
use holdfast_protocol::id::{PackId, VersionId};
use holdfast_protocol::item::{Content, Item, ItemKind};
use holdfast_protocol::limits::{NAME, PACK, PACKS_PER_COMMIT, SECRET_VERSIONS, WINDOW};

use super::{check, check_genesis, check_pair};
use crate::support::log::{Log, genesis};
use crate::support::people::{ana, ben, directory};
use crate::support::things::{
    dataset, files, key, note, pack, purge, put, rename, secret, text, token, trash_space, version,
};

/// Ana owns, Ben contributes; pack 1 with dataset 1, secret 2 and note 3, all Ana's.
fn filled() -> Log {
    let mut log = Log::project(ana().first());
    let me = ana().principal();
    log.push(&log.add(ana().first(), ben().first(), Role::Contributor));
    log.push(&log.packs(ana().first(), &[pack(1)], &[], put(dataset(1, me, 1))));
    log.push(&log.commit(ana().first(), put(secret(2, me))));
    log.push(&log.commit(ana().first(), put(note(3, me))));
    log
}

fn packs(log: &Log, added: &[PackSize], dropped: &[PackId]) -> crate::support::log::Draft {
    log.packs(ana().first(), added, dropped, Body::default())
}

pub(super) fn pack_repeated(expected: Refusal) {
    let mut log = filled();
    check_pair(
        &log,
        &packs(&log, &[pack(2)], &[]),
        &packs(&log, &[pack(1)], &[]),
        expected,
    );
    check_pair(
        &log,
        &packs(&log, &[pack(2), pack(3)], &[]),
        &packs(&log, &[pack(2), pack(2)], &[]),
        expected,
    );
    // What was dropped does not come back either: the server may have thrown it away.
    log.push(&packs(&log, &[pack(4)], &[]));
    log.push(&packs(&log, &[], &[pack(4).id]));
    check_pair(
        &log,
        &packs(&log, &[pack(2)], &[]),
        &packs(&log, &[pack(4)], &[]),
        expected,
    );
}

pub(super) fn pack_unknown(expected: Refusal) {
    let mut log = filled();
    let drop = |log: &Log, id: u8| packs(log, &[], &[pack(id).id]);
    check_pair(&log, &drop(&log, 1), &drop(&log, 9), expected);
    log.push(&packs(&log, &[pack(4)], &[]));
    check_pair(
        &log,
        &drop(&log, 4),
        &packs(&log, &[], &[pack(4).id, pack(4).id]),
        expected,
    );
    log.push(&drop(&log, 4));
    check_pair(&log, &drop(&log, 1), &drop(&log, 4), expected);
}

pub(super) fn pack_size(expected: Refusal) {
    let log = filled();
    let sized = |bytes| packs(&log, &[PackSize { bytes, ..pack(2) }], &[]);
    for bytes in [0, 1, WINDOW - 1, WINDOW + 1, PACK + WINDOW, u64::MAX] {
        check_pair(&log, &sized(PACK), &sized(bytes), expected);
    }
    // More than one entry may name.
    let many = |count: usize| {
        let id = |n: usize| PackId([n.to_be_bytes(), [9; 8]].concat().try_into().unwrap());
        let added: Vec<_> = (0..count)
            .map(|n| PackSize {
                id: id(n),
                bytes: WINDOW,
            })
            .collect();
        packs(&log, &added, &[])
    };
    let mut state = log.state.clone();
    assert_eq!(
        state.clone().apply(&many(PACKS_PER_COMMIT).finish(), directory()).err(),
        None
    );
    assert_eq!(
        state.apply(&many(PACKS_PER_COMMIT + 1).finish(), directory()).err(),
        Some(expected)
    );
}

pub(super) fn name(expected: Refusal) {
    let log = filled();
    let called = |name: &str| Item {
        name: name.to_owned(),
        ..note(3, ana().principal())
    };
    for bad in ["", "a\nb", "a\u{0}", "\u{7f}", "\u{85}", &"n".repeat(NAME + 1)] {
        let (good, limit) = (rename("ä"), "n".repeat(NAME));
        check_pair(
            &log,
            &log.commit(ana().first(), good),
            &log.commit(ana().first(), rename(bad)),
            expected,
        );
        let honest = log.commit(ana().first(), put(called(&limit)));
        check_pair(&log, &honest, &log.commit(ana().first(), put(called(bad))), expected);
    }
    let first = genesis(holdfast_protocol::entry::SpaceKind::Project, true, ana().first());
    check_genesis(&first, expected, |draft| draft.body().name = Some(String::new()));
}

pub(super) fn secret_in_standard(expected: Refusal) {
    let (open, me) = (Log::standard(ana().first()), ana().principal());
    let commit = |item| open.commit(ana().first(), put(item));
    check_pair(&open, &commit(note(1, me)), &commit(secret(1, me)), expected);
    let sealed = Log::project(ana().first());
    assert_eq!(
        sealed
            .verdict(&sealed.commit(ana().first(), put(secret(1, me))).finish(), ana())
            .err(),
        None
    );
}

pub(super) fn item_kind(expected: Refusal) {
    let (log, me) = (filled(), ana().principal());
    let honest = log.packs(ana().first(), &[pack(5)], &[], put(dataset(4, me, 5)));
    let twists: [&dyn Fn(&mut Item); 6] = [
        &|item| item.chunk_id_key = None,
        &|item| item.secret_type = Some(holdfast_protocol::item::SecretType::Git),
        &|item| item.versions.clear(),
        &|item| item.versions[0].content = token("x"),
        &|item| item.versions[0].content = Content::Text { text: text("x") },
        &|item| item.kind = ItemKind::Note,
    ];
    for twist in twists {
        check(&log, &honest, expected, |draft| twist(&mut draft.body().put[0]));
    }
    // A vault's bookkeeping in a project, and a project's files in a vault.
    let profile = |mut item: Item| {
        item.kind = ItemKind::Profile;
        item.versions[0].content = Content::Profile {
            display_name: "Ana".to_owned(),
            renew_from: None,
        };
        put(item)
    };
    let vault = Log::vault(ana().first());
    let honest = vault.commit(ana().first(), profile(note(1, me)));
    check_pair(
        &vault,
        &honest,
        &vault.packs(ana().first(), &[pack(1)], &[], put(dataset(1, me, 1))),
        expected,
    );
    let twisted = log.commit(ana().first(), profile(note(4, me)));
    check_pair(&log, &log.commit(ana().first(), put(note(4, me))), &twisted, expected);
}

pub(super) fn item_immutable(expected: Refusal) {
    let (mut log, me) = (filled(), ana().principal());
    let same = log.commit(ana().first(), put(dataset(1, me, 1)));
    let twists: [&dyn Fn(&mut Item); 6] = [
        &|item| item.kind = ItemKind::Model,
        &|item| item.chunk_id_key = Some(key(99)),
        &|item| item.created_ms += 1,
        &|item| item.versions[0].note = "altered".to_owned(),
        &|item| item.versions[0].author = ben().principal(),
        &|item| item.versions.push(item.versions[0].clone()),
    ];
    for twist in twists {
        check(&log, &same, expected, |draft| twist(&mut draft.body().put[0]));
    }
    let same = log.commit(ana().first(), put(secret(2, me)));
    check(&log, &same, expected, |draft| {
        draft.body().put[0].secret_type = Some(holdfast_protocol::item::SecretType::Ssh);
    });
    // Old content as if it were new: the order of versions stays, and new ones come last.
    let mut two = secret(2, me);
    two.versions.push(version(20, me, token("hunter3")));
    log.push(&log.commit(ana().first(), put(two.clone())));
    let honest = log.commit(ana().first(), put(two));
    check(&log, &honest, expected, |draft| draft.body().put[0].versions.reverse());
    check(&log, &honest, expected, |draft| {
        draft.body().put[0]
            .versions
            .insert(1, version(21, me, token("hunter4")));
    });
}

pub(super) fn version_author(expected: Refusal) {
    let log = filled();
    let by_ben = log.commit(ben().first(), put(note(4, ben().principal())));
    check_pair(
        &log,
        &by_ben,
        &log.commit(ben().first(), put(note(4, ana().principal()))),
        expected,
    );
    // Also as a further version of an item of hers.
    let further = |author| {
        let mut item = note(3, ana().principal());
        item.versions
            .push(version(30, author, Content::Text { text: text("More.") }));
        log.commit(ben().first(), put(item))
    };
    check_pair(&log, &further(ben().principal()), &further(ana().principal()), expected);
}

pub(super) fn version_packs(expected: Refusal) {
    let (mut log, me) = (filled(), ana().principal());
    let honest = log.packs(ana().first(), &[pack(5)], &[], put(dataset(4, me, 5)));
    check(&log, &honest, expected, |draft| {
        draft.entry.op = Op::Commit {
            added: vec![pack(6)],
            dropped: Vec::new(),
        }
    });
    check(&log, &honest, expected, |draft| {
        let Content::Files { packs, .. } = &mut draft.body().put[0].versions[0].content else {
            unreachable!()
        };
        packs.clear();
    });
    check(&log, &honest, expected, |draft| {
        let Content::Files { packs, .. } = &mut draft.body().put[0].versions[0].content else {
            unreachable!()
        };
        packs.push(pack(7).id);
    });
    // A pack that is dropped by then, or by this very entry, or added only later.
    log.push(&packs(&log, &[pack(8), pack(9)], &[]));
    let uses = |id: u8, dropped: &[PackId]| log.packs(ana().first(), &[], dropped, put(dataset(4, me, id)));
    check_pair(&log, &uses(8, &[]), &uses(8, &[pack(8).id]), expected);
    let mut dropped = log.clone();
    dropped.push(&packs(&log, &[], &[pack(8).id]));
    let uses = |id: u8| dropped.commit(ana().first(), put(dataset(4, me, id)));
    check_pair(&dropped, &uses(9), &uses(8), expected);
    let mut early = log.clone();
    early.push(&log.commit(ana().first(), put(dataset(4, me, 10))));
    let later = packs(&early, &[pack(10)], &[]);
    assert_eq!(early.verdict(&later.finish(), ana()).err(), Some(expected));
}

pub(super) fn item_gone(expected: Refusal) {
    let (mut log, me) = (filled(), ana().principal());
    check_pair(
        &log,
        &log.commit(ana().first(), purge(3)),
        &log.commit(ana().first(), purge(9)),
        expected,
    );
    log.push(&log.commit(ana().first(), purge(3)));
    // No second time, and no way back under the same id.
    check_pair(
        &log,
        &log.commit(ana().first(), purge(2)),
        &log.commit(ana().first(), purge(3)),
        expected,
    );
    let commit = |item| log.commit(ana().first(), put(item));
    check_pair(&log, &commit(note(4, me)), &commit(note(3, me)), expected);
}

pub(super) fn purge_denied(expected: Refusal) {
    let (mut log, me) = (filled(), ana().principal());
    check_pair(
        &log,
        &log.commit(ana().first(), purge(3)),
        &log.commit(ben().first(), purge(3)),
        expected,
    );

    // The trash of the whole space is the first step to purging all of it.
    for time in [0, 1] {
        let by = |by| log.commit(by, trash_space(time));
        check_pair(&log, &by(ana().first()), &by(ben().first()), expected);
    }

    // Forgetting versions is purging by degrees: a contributor could leave only an empty one of his own.
    let replaced = |by: &'static crate::support::people::Keys| {
        let mut item = dataset(1, me, 1);
        item.versions = vec![version(99, by.principal(), files(1))];
        log.commit(by, put(item))
    };
    check_pair(&log, &replaced(ana().first()), &replaced(ben().first()), expected);

    // A secret keeps its newest: when it is full, the oldest go, whoever adds one.
    let mut full = secret(2, me);
    let at = |n: usize| VersionId([u8::try_from(100 + n).unwrap(); 16]);
    full.versions
        .extend((1..SECRET_VERSIONS).map(|n| version(u8::try_from(100 + n).unwrap(), me, token("t"))));
    log.push(&log.commit(ana().first(), put(full.clone())));
    full.versions.push(version(200, ben().principal(), token("new")));
    let without = |gone: &[VersionId]| {
        let mut item = full.clone();
        item.versions.retain(|version| !gone.contains(&version.id));
        log.commit(ben().first(), put(item))
    };
    let oldest = VersionId([2; 16]);
    check_pair(&log, &without(&[oldest]), &without(&[at(1)]), expected);
    check_pair(&log, &without(&[oldest]), &without(&[oldest, at(1)]), expected);
}
