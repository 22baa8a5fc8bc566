//! What a member reads: items, versions, names and the activity list.

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{Hash, InvitationId, SpaceId};
use holdfast_protocol::item::{Content, ItemKind, PersonPin, PinState, SpacePin};
use holdfast_protocol::replay::EventKind;

use crate::support::log::Log;
use crate::support::people::{ana, ben, carl, dora};
use crate::support::story;
use crate::support::things::{item, note, purge, put, rename, secret, text, token, trash_space, version};

#[test]
fn the_story_reads_as_it_was_written() {
    let seen = story::project().read_as(ana()).unwrap();
    assert_eq!(seen.contents().name(), "Scans, second year");
    let kinds: Vec<_> = seen.contents().items().values().map(|item| item.kind).collect();
    assert_eq!(kinds, [ItemKind::Dataset, ItemKind::Secret]);
    let events: Vec<_> = seen
        .contents()
        .events()
        .iter()
        .map(|event| (event.seq, event.author, event.kind.clone()))
        .collect();
    let (a, b, c, d) = (
        ana().principal(),
        ben().principal(),
        carl().principal(),
        dora().principal(),
    );
    let name = |name: &str| name.to_owned();
    assert_eq!(
        events,
        [
            (0, a, EventKind::Created),
            (1, a, EventKind::Added(b, Role::Contributor)),
            (2, a, EventKind::ItemAdded(ItemKind::Dataset, name("Scans"))),
            (3, b, EventKind::ItemAdded(ItemKind::Secret, name("Git token"))),
            (4, a, EventKind::Added(c, Role::Reader)),
            (5, b, EventKind::KeysChanged),
            (6, a, EventKind::Rotated),
            (7, b, EventKind::ItemAdded(ItemKind::Note, name("Read me"))),
            (8, a, EventKind::Removed(c)),
            (9, a, EventKind::Added(d, Role::Reader)),
            (10, a, EventKind::RoleChanged(d, Role::Owner)),
            (11, d, EventKind::SpaceRenamed(name("Scans, second year"))),
            (12, d, EventKind::Purged(ItemKind::Note, name("Read me"))),
            (13, d, EventKind::Left),
            (14, a, EventKind::Rotated),
            (15, a, EventKind::Added(c, Role::Contributor)),
        ]
    );
}

#[test]
fn trash_restore_and_versions_are_told() {
    let mut log = Log::project(ana().first());
    let me = ana().principal();
    let mut item = secret(1, me);
    log.push(&log.commit(ana().first(), put(item.clone())));
    item.trashed_ms = Some(1);
    log.push(&log.commit(ana().first(), put(item.clone())));
    item.trashed_ms = None;
    log.push(&log.commit(ana().first(), put(item.clone())));
    item.versions.push(version(9, me, token("hunter3")));
    log.push(&log.commit(ana().first(), put(item.clone())));
    item.name = "Deploy token".to_owned();
    log.push(&log.commit(ana().first(), put(item.clone())));
    let seen = log.read_as(ana()).unwrap();
    let kinds: Vec<_> = seen.contents().events()[1..]
        .iter()
        .map(|event| event.kind.clone())
        .collect();
    let (old, new) = ("Git token".to_owned(), "Deploy token".to_owned());
    assert_eq!(
        kinds,
        [
            EventKind::ItemAdded(ItemKind::Secret, old.clone()),
            EventKind::Trashed(ItemKind::Secret, old.clone()),
            EventKind::Restored(ItemKind::Secret, old.clone()),
            EventKind::VersionAdded(ItemKind::Secret, old.clone()),
            EventKind::ItemChanged(ItemKind::Secret, old, new),
        ]
    );
    assert!(seen.contents().items().values().next().unwrap().versions == item.versions);
}

#[test]
fn an_owner_may_forget_versions_and_the_rest_stays() {
    let mut log = Log::project(ana().first());
    let me = ana().principal();
    let mut item = note(1, me);
    for id in 10..13 {
        item.versions
            .push(version(id, me, Content::Text { text: text("again") }));
    }
    log.push(&log.commit(ana().first(), put(item.clone())));
    item.versions.remove(1);
    item.versions.remove(0);
    log.push(&log.commit(ana().first(), put(item.clone())));
    let seen = log.read_as(ana()).unwrap();
    assert!(seen.contents().items()[&item.id] == item);
}

#[test]
fn what_is_gone_for_good_is_known_as_such_and_nothing_else_is() {
    let mut log = Log::project(ana().first());
    let me = ana().principal();
    let (kept, gone) = (secret(1, me), note(2, me));
    log.push(&log.commit(ana().first(), put(kept.clone())));
    log.push(&log.commit(ana().first(), put(gone.clone())));
    let purged = |log: &Log| {
        let seen = log.read_as(ana()).unwrap();
        [&kept, &gone].map(|item| seen.contents().is_purged(&item.id))
    };
    assert_eq!(purged(&log), [false, false]);
    log.push(&log.commit(ana().first(), purge(2)));
    assert_eq!(purged(&log), [false, true]);
}

#[test]
fn the_same_name_again_is_no_event() {
    let mut log = Log::project(ana().first());
    log.push(&log.commit(ana().first(), rename("Scans of the year")));
    assert_eq!(log.read_as(ana()).unwrap().contents().events().len(), 1);
}

#[test]
fn a_space_that_is_trashed_twice_and_empty_is_gone() {
    let removed = |log: &Log| log.read_as(ana()).unwrap().contents().is_removed();
    let mut log = Log::project(ana().first());
    let me = ana().principal();
    log.push(&log.commit(ana().first(), put(secret(1, me))));
    log.push(&log.commit(ana().first(), trash_space(7)));
    assert!(!removed(&log), "it can be taken out again");
    log.push(&log.commit(ana().first(), trash_space(8)));
    assert!(!removed(&log), "something is left in it");
    log.push(&log.commit(ana().first(), purge(1)));
    assert!(removed(&log));
    let space = log.read_as(ana()).unwrap();
    let gone = space
        .contents()
        .events()
        .iter()
        .filter(|event| event.kind == EventKind::SpaceTrashed);
    assert_eq!(gone.count(), 1, "it went to the trash once");
    assert!(space.contents().is_purged(&secret(1, me).id));
    log.push(&log.commit(ana().first(), trash_space(0)));
    assert!(!removed(&log));
}

#[test]
fn a_space_goes_to_the_trash_and_comes_back() {
    let mut log = Log::project(ana().first());
    log.push(&log.commit(ana().first(), trash_space(7)));
    assert_eq!(log.read_as(ana()).unwrap().contents().trashed_ms(), Some(7));
    log.push(&log.commit(ana().first(), trash_space(0)));
    let seen = log.read_as(ana()).unwrap();
    assert_eq!(seen.contents().trashed_ms(), None);
    let kinds: Vec<_> = seen.contents().events()[1..]
        .iter()
        .map(|event| event.kind.clone())
        .collect();
    assert_eq!(kinds, [EventKind::SpaceTrashed, EventKind::SpaceRestored]);
}

/// A vault's bookkeeping: what is known of a person is no settings, and no invitation is where a space was seen.
#[test]
fn every_kind_of_bookkeeping_holds_its_own_content_only() {
    let me = ana().principal();
    let person = PersonPin {
        principal: ben().principal(),
        handle: "ben@example.org".to_owned(),
        counter: 0,
        bundle: ben().first().hash(),
        fingerprint: ben().first().bundle.fingerprint,
        state: PinState::NotChecked,
        since_ms: 1,
    };
    let space = SpacePin {
        space: SpaceId([1; 32]),
        seq: 3,
        head: Hash([2; 32]),
        epoch: 1,
        seen_ms: 4,
    };
    let invitation = Content::Invitation {
        id: InvitationId([5; 16]),
        code: text("code"),
        space: SpaceId([1; 32]),
        role: Role::Reader,
        handle: "dora@example.org".to_owned(),
        expires_ms: 6,
    };
    let profile = Content::Profile {
        display_name: "Ana".to_owned(),
        renew_from: None,
    };
    let all = [
        (ItemKind::Person, Content::Person { pin: person }),
        (ItemKind::SpaceHead, Content::SpaceHead { pin: space }),
        (ItemKind::Invitation, invitation),
        (ItemKind::Profile, profile),
    ];
    let vault = Log::vault(ana().first());
    for (kind, _) in &all {
        for (of, content) in &all {
            let one = item(1, *kind, "Mine", vec![version(1, me, content.clone())]);
            let verdict = vault.verdict(&vault.commit(ana().first(), put(one)).finish(), ana());
            let wanted = (kind != of).then_some(Refusal::ItemKind);
            assert_eq!(verdict.err(), wanted, "{of:?} as {kind:?}");
        }
    }
}
