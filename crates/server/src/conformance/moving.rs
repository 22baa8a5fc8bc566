//! Entries that are put aside, and accounts that come with a whole chain.

use holdfast_protocol::entry::PackSize;
use holdfast_protocol::id::PackId;
use holdfast_protocol::wire::{B64, LinkBox, SpaceHead};

use super::packs::pack;
use super::spaces::{entry, new_space};
use super::{account, bundle, hash, principal, recovery, space};
use crate::ports::{Database, MovedEntries, StoreError, StoredEntry};

fn entries(n: u8, seqs: std::ops::RangeInclusive<u8>) -> Vec<StoredEntry> {
    seqs.map(|seq| StoredEntry {
        seq: seq.into(),
        hash: hash(n, seq),
        signed: vec![n, seq],
    })
    .collect()
}

fn moved(n: u8, before: u8, after: u8) -> MovedEntries {
    let head = |seq: u8| SpaceHead {
        space: space(n),
        seq: seq.into(),
        hash: hash(n, seq),
    };
    MovedEntries {
        before: head(before),
        after: head(after),
        added: Vec::new(),
        dropped: Vec::new(),
        quota_bytes: u64::MAX,
        now_ms: 5,
    }
}

pub(super) async fn a_chain_comes_in_one_piece(database: &dyn Database) {
    let mut new = account(90, "moved");
    for counter in 1..=2 {
        let link = LinkBox {
            old: hash(90, counter - 1),
            new: hash(90, counter),
            sealed: B64(vec![counter]),
        };
        new.later.push((bundle(90, counter), link));
    }
    new.recovery = Some(recovery(90));
    database.create_account(new).await.expect("an account");
    assert_eq!(
        database.chain(principal(90)).await.expect("a chain"),
        [vec![8, 90, 0], vec![8, 90, 1], vec![8, 90, 2]]
    );
    let links = database.links(principal(90)).await.expect("links");
    assert_eq!(links.iter().map(|link| link.sealed.0[0]).collect::<Vec<_>>(), [1, 2]);
    let newest = database
        .account(principal(90))
        .await
        .expect("an answer")
        .expect("an account");
    assert_eq!((newest.counter, newest.kdf), (2, vec![7, 90, 2]));
    assert_eq!(
        database.recovery_of(principal(90)).await.expect("an answer"),
        Some(recovery(90))
    );
    assert_eq!(database.recovery_of(principal(91)).await.expect("an answer"), None);
}

pub(super) async fn entries_are_put_aside_and_counted_at_once(database: &dyn Database) {
    database.create_space(new_space(92, 1)).await.expect("a space");
    let conflict = Err(StoreError::Conflict);
    let stage = |from: u64, entries: Vec<StoredEntry>, now_ms: u64| database.stage(space(92), from, entries, now_ms);
    assert_eq!(stage(0, Vec::new(), 1).await, Ok(1), "nothing is aside");
    assert_eq!(stage(2, entries(92, 2..=3), 1).await, conflict, "not with a gap");
    assert_eq!(stage(0, entries(92, 0..=1), 1).await, conflict, "not what the log has");
    assert_eq!(
        database.stage(space(93), 1, Vec::new(), 1).await,
        Err(StoreError::Missing)
    );
    assert_eq!(stage(1, entries(92, 1..=3), 1).await, Ok(4));
    assert_eq!(stage(3, entries(91, 3..=5), 1).await, Ok(6), "replaced from there on");
    assert_eq!(stage(3, entries(92, 3..=4), 1).await, Ok(5), "and again");
    let aside = database.staged(space(92), 2, 2).await.expect("entries");
    assert_eq!(aside, entries(92, 2..=3));
    let head = database.head(space(92)).await.expect("an answer").expect("a head");
    assert_eq!(head.seq, 0, "nothing counts yet");
    assert_eq!(database.entries(space(92), 1, 9).await.expect("entries"), []);

    assert_eq!(
        database.append_staged(moved(92, 1, 4)).await,
        Err(StoreError::Conflict),
        "not on another head"
    );
    assert_eq!(
        database.append_staged(moved(92, 0, 5)).await,
        Err(StoreError::Conflict),
        "not beyond what is aside"
    );
    let mut other = moved(92, 0, 4);
    other.after.hash = hash(91, 4);
    assert_eq!(
        database.append_staged(other).await,
        Err(StoreError::Conflict),
        "not another end"
    );
    let mut lacking = moved(92, 0, 4);
    lacking.added = vec![(
        PackSize {
            id: PackId([92; 16]),
            bytes: 10,
        },
        3,
    )];
    assert_eq!(database.append_staged(lacking.clone()).await, Err(StoreError::Missing));
    let begun = database.begin_pack(pack(92, 92, 10, 1)).await.expect("a pack");
    assert_eq!(
        database.append_staged(lacking.clone()).await,
        Err(StoreError::Missing),
        "not whole"
    );
    database
        .part_stored(begun.id, begun.blob, 0, 1, 1)
        .await
        .expect("a part");
    lacking.quota_bytes = 9;
    assert_eq!(database.append_staged(lacking.clone()).await, Err(StoreError::Quota));
    let head = database.head(space(92)).await.expect("an answer").expect("a head");
    assert_eq!(head.seq, 0, "all or nothing");
    lacking.quota_bytes = 10;
    lacking.dropped = vec![(PackId([93; 16]), 1)];
    database.append_staged(lacking).await.expect("all of it counts");
    let head = database.head(space(92)).await.expect("an answer").expect("a head");
    assert_eq!((head.seq, head.hash), (4, hash(92, 4)));
    assert_eq!(
        database.entries(space(92), 1, 9).await.expect("entries"),
        entries(92, 1..=4)
    );
    assert!(database.packs(space(92), &[begun.id]).await.expect("packs")[0].named);
    assert_eq!(stage(0, Vec::new(), 1).await, Ok(5), "nothing is aside any more");
    database.append(entry(92, 5)).await.expect("the log goes on");

    assert_eq!(stage(6, entries(92, 6..=6), 20).await, Ok(7));
    database.sweep_staged(20).await.expect("a sweep");
    assert_eq!(stage(0, Vec::new(), 1).await, Ok(7), "it is not old enough");
    database.sweep_staged(21).await.expect("a sweep");
    assert_eq!(stage(0, Vec::new(), 1).await, Ok(6));
}
