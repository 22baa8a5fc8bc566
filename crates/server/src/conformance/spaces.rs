//! Logs and members.

use futures_util::future::join_all;
use holdfast_protocol::entry::Role;

use super::{account, hash, principal, space};
use crate::ports::{Database, MemberChange, Membership, NewEntry, NewSpace, StoreError};

pub(super) fn entry(n: u8, seq: u8) -> NewEntry {
    NewEntry {
        space: space(n),
        seq: seq.into(),
        prev: hash(n, seq.wrapping_sub(1)),
        hash: hash(n, seq),
        signed: vec![n, seq],
        members: Vec::new(),
        added: Vec::new(),
        dropped: Vec::new(),
        work: None,
        quota_bytes: u64::MAX,
        now_ms: 1,
    }
}

pub(super) fn new_space(n: u8, owner: u8) -> NewSpace {
    NewSpace {
        space: space(n),
        hash: hash(n, 0),
        signed: vec![n, 0],
        owner: principal(owner),
    }
}

pub(super) async fn logs_are_compared_and_appended(database: &dyn Database) {
    database.create_space(new_space(40, 1)).await.expect("a space");
    assert_eq!(database.create_space(new_space(40, 2)).await, Err(StoreError::Exists));
    let conflict = Err(StoreError::Conflict);
    assert_eq!(database.append(entry(40, 0)).await, conflict, "not a second beginning");
    assert_eq!(database.append(entry(40, 2)).await, conflict, "not with a gap");
    let mut forged = entry(40, 1);
    forged.prev = hash(41, 0);
    assert_eq!(database.append(forged).await, conflict, "not on another entry");
    assert_eq!(
        database.append(entry(41, 1)).await,
        conflict,
        "not to a space that isn't there"
    );
    for seq in 1..=5 {
        database.append(entry(40, seq)).await.expect("the next entry");
    }
    assert_eq!(database.append(entry(40, 5)).await, conflict, "not twice");
    let head = database.head(space(40)).await.expect("an answer").expect("a head");
    assert_eq!((head.space, head.seq, head.hash), (space(40), 5, hash(40, 5)));

    let page = database.entries(space(40), 2, 3).await.expect("entries");
    assert_eq!(page.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!((page[0].hash, page[0].signed.clone()), (hash(40, 2), vec![40, 2]));
    assert!(database.entries(space(40), 6, 3).await.expect("entries").is_empty());
    assert!(
        database
            .entries(space(40), u64::MAX, 3)
            .await
            .expect("entries")
            .is_empty()
    );
}

pub(super) async fn many_writers_one_winner(database: &dyn Database) {
    database.create_space(new_space(42, 1)).await.expect("a space");
    for round in 1..=10 {
        let tries = (0..16).map(|writer| {
            let mut entry = entry(42, round);
            entry.signed = vec![writer];
            database.append(entry)
        });
        let outcomes = join_all(tries).await;
        assert_eq!(
            outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
            1,
            "exactly one writer wins"
        );
        assert!(
            outcomes
                .iter()
                .all(|outcome| matches!(outcome, Ok(_) | Err(StoreError::Conflict))),
            "{outcomes:?}"
        );
    }
    assert_eq!(database.entries(space(42), 0, 100).await.expect("entries").len(), 11);
}

pub(super) async fn membership(database: &dyn Database) {
    database.create_account(account(3, "three")).await.expect("an account");
    database.create_space(new_space(43, 1)).await.expect("a space");
    let standing = async |who| database.membership(space(43), principal(who)).await.expect("an answer");
    assert_eq!(standing(1).await, Some(Membership::Member(Role::Owner)));
    assert_eq!(standing(3).await, None);
    assert_eq!(
        database.heads_of(principal(3)).await.expect("heads").len(),
        1,
        "the vault alone"
    );

    let steps = [
        (
            MemberChange::In(principal(3), Role::Reader),
            Membership::Member(Role::Reader),
        ),
        (
            MemberChange::In(principal(3), Role::Contributor),
            Membership::Member(Role::Contributor),
        ),
        (MemberChange::Out(principal(3)), Membership::Former(3)),
        (
            MemberChange::In(principal(3), Role::Owner),
            Membership::Member(Role::Owner),
        ),
        (MemberChange::Out(principal(3)), Membership::Former(5)),
    ];
    for (seq, (change, expected)) in (1..).zip(steps) {
        let mut entry = entry(43, seq);
        entry.members.push(change);
        database.append(entry).await.expect("the next entry");
        assert_eq!(standing(3).await, Some(expected));
        let listed = database
            .heads_of(principal(3))
            .await
            .expect("heads")
            .iter()
            .any(|head| head.space == space(43));
        assert_eq!(listed, matches!(expected, Membership::Member(_)));
    }
    let mut lost = entry(43, 5);
    lost.members.push(MemberChange::Out(principal(1)));
    assert_eq!(database.append(lost).await, Err(StoreError::Conflict));
    assert_eq!(
        standing(1).await,
        Some(Membership::Member(Role::Owner)),
        "nothing half done"
    );
}
