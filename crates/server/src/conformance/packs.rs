//! Packs, quotas, clean-up.

use holdfast_protocol::entry::PackSize;
use holdfast_protocol::id::PackId;

use super::spaces::{entry, new_space};
use super::{principal, space};
use crate::ports::{BlobId, Database, NewPack, StoreError};

fn id(n: u8) -> PackId {
    PackId([n; 16])
}

pub(super) fn pack(n: u8, in_space: u8, bytes: u64, now_ms: u64) -> NewPack {
    NewPack {
        id: id(n),
        space: space(in_space),
        blob: BlobId([n; 16]),
        by: principal(1),
        bytes,
        quota_bytes: 1_000,
        now_ms,
    }
}

async fn fill(database: &dyn Database, n: u8, in_space: u8, bytes: u64, now_ms: u64) {
    database
        .begin_pack(pack(n, in_space, bytes, now_ms))
        .await
        .expect("begun");
    database
        .part_stored(id(n), BlobId([n; 16]), 0, 1, now_ms)
        .await
        .expect("stored");
}

pub(super) async fn begun_stored_named_dropped(database: &dyn Database) {
    database.create_space(new_space(50, 1)).await.expect("a space");
    database.create_space(new_space(51, 1)).await.expect("a space");
    let begun = database.begin_pack(pack(1, 50, 100, 1)).await.expect("begun");
    assert!(!begun.complete && !begun.named && !begun.dropped && begun.parts.is_empty());
    let mut again = pack(1, 50, 100, 2);
    again.blob = BlobId([99; 16]);
    assert_eq!(
        database.begin_pack(again).await.expect("found"),
        begun,
        "the first row stays, its blob too"
    );
    assert_eq!(
        database.begin_pack(pack(1, 50, 101, 2)).await,
        Err(StoreError::Exists),
        "another size"
    );
    assert_eq!(
        database.begin_pack(pack(1, 51, 100, 2)).await,
        Err(StoreError::Exists),
        "another space"
    );

    let blob = BlobId([1; 16]);
    assert_eq!(
        database.part_stored(id(1), BlobId([2; 16]), 0, 3, 2).await,
        Err(StoreError::Missing),
        "other bytes"
    );
    for part in [2, 0, 0] {
        database.part_stored(id(1), blob, part, 3, 2).await.expect("stored");
    }
    let mut commit = entry(50, 1);
    commit.added.push(PackSize { id: id(1), bytes: 100 });
    assert_eq!(
        database.append(commit.clone()).await,
        Err(StoreError::Missing),
        "not complete"
    );
    let half = database.packs(space(50), &[id(9), id(1)]).await.expect("packs");
    assert_eq!(
        half.iter()
            .map(|pack| (pack.parts.clone(), pack.complete))
            .collect::<Vec<_>>(),
        [(vec![0, 2], false)]
    );
    database.part_stored(id(1), blob, 1, 3, 2).await.expect("stored");
    assert!(database.packs(space(50), &[id(1)]).await.expect("packs")[0].complete);
    assert!(
        database.packs(space(51), &[id(1)]).await.expect("packs").is_empty(),
        "of another space"
    );

    let mut wrong = commit.clone();
    wrong.added[0].bytes = 101;
    assert_eq!(database.append(wrong).await, Err(StoreError::Missing), "another size");
    let mut wrong = entry(51, 1);
    wrong.added = commit.added.clone();
    assert_eq!(database.append(wrong).await, Err(StoreError::Missing), "another space");
    assert_eq!(
        database.head(space(50)).await.expect("an answer").expect("a head").seq,
        0,
        "nothing half done"
    );
    let usage = database.usage(space(50)).await.expect("usage");
    assert_eq!((usage.live_bytes, usage.pending_bytes), (0, 100));
    let before = database.totals().await.expect("totals");
    database.append(commit.clone()).await.expect("named");
    let after = database.totals().await.expect("totals");
    assert_eq!(
        (after.spaces, after.live_bytes),
        (before.spaces, before.live_bytes + 100),
        "of everybody together"
    );
    assert!(after.spaces >= 2);
    let usage = database.usage(space(50)).await.expect("usage");
    assert_eq!((usage.live_bytes, usage.pending_bytes), (100, 0));
    let mut twice = entry(50, 2);
    twice.added = commit.added;
    assert_eq!(database.append(twice).await, Err(StoreError::Missing), "named before");
    assert_eq!(
        database.abort_pack(space(50), id(1)).await,
        Err(StoreError::Conflict),
        "named"
    );

    let mut dropping = entry(50, 2);
    dropping.dropped.push(id(1));
    dropping.now_ms = 500;
    database.append(dropping).await.expect("dropped");
    assert_eq!(database.usage(space(50)).await.expect("usage").live_bytes, 0);
    let dropped = database.packs(space(50), &[id(1)]).await.expect("packs");
    assert!(dropped[0].dropped && dropped[0].complete, "still there for a while");
    assert_eq!(
        database.begin_pack(pack(1, 50, 100, 3)).await,
        Err(StoreError::Exists),
        "not begun again"
    );
}

pub(super) async fn quotas(database: &dyn Database) {
    database.create_space(new_space(52, 1)).await.expect("a space");
    fill(database, 10, 52, 600, 1).await;
    assert_eq!(
        database.begin_pack(pack(11, 52, 401, 1)).await,
        Err(StoreError::Quota),
        "pending bytes count"
    );
    fill(database, 11, 52, 400, 1).await;
    let mut commit = entry(52, 1);
    commit.added = vec![PackSize { id: id(10), bytes: 600 }, PackSize { id: id(11), bytes: 400 }];
    commit.quota_bytes = 999;
    assert_eq!(database.append(commit.clone()).await, Err(StoreError::Quota));
    assert!(
        !database.packs(space(52), &[id(10)]).await.expect("packs")[0].named,
        "nothing half done"
    );
    commit.quota_bytes = 1_000;
    database.append(commit).await.expect("it fits exactly");
    let mut plain = entry(52, 2);
    plain.quota_bytes = 1;
    plain.dropped.push(id(10));
    database.append(plain).await.expect("whoever adds nothing may be over");
    assert_eq!(database.abort_pack(space(52), id(77)).await, Err(StoreError::Missing));
    database
        .begin_pack(pack(12, 52, 600, 1))
        .await
        .expect("the dropped bytes are free again");
    assert_eq!(
        database.abort_pack(space(50), id(12)).await,
        Err(StoreError::Missing),
        "another space"
    );
    assert_eq!(database.abort_pack(space(52), id(12)).await, Ok(BlobId([12; 16])));
    assert!(!database.has_blob(BlobId([12; 16])).await.expect("an answer"));
    let late = database.part_stored(id(12), BlobId([12; 16]), 0, 1, 1).await;
    assert_eq!(late, Err(StoreError::Missing), "a part that comes after the end");
}

pub(super) async fn swept(database: &dyn Database) {
    database.create_space(new_space(53, 1)).await.expect("a space");
    fill(database, 20, 53, 1, 10_000).await;
    fill(database, 21, 53, 1, 20_000).await;
    fill(database, 22, 53, 1, 10_000).await;
    let mut commit = entry(53, 1);
    commit.added.push(PackSize { id: id(22), bytes: 1 });
    database.append(commit).await.expect("named");
    let blob = |n: u8| BlobId([n; 16]);
    // Pack 1 was dropped at 500, pack 10 at 1 by the tests before.
    let mut gone = database.sweep_packs(20_000, 500, 1_000_000).await.expect("swept");
    gone.sort();
    assert_eq!(
        gone,
        [blob(10), blob(20)],
        "not what is named, not what was touched later, not what was dropped later"
    );
    assert_eq!(database.sweep_packs(0, 501, 1_000_000).await.expect("swept"), [blob(1)]);
    for (n, there) in [(1, false), (20, false), (21, true), (22, true)] {
        assert_eq!(database.has_blob(blob(n)).await.expect("an answer"), there, "{n}");
    }
    database.begin_pack(pack(21, 53, 1, 30_000)).await.expect("found");
    assert!(
        database
            .sweep_packs(25_000, 0, 1_000_000)
            .await
            .expect("swept")
            .is_empty(),
        "asking again is a touch"
    );
}
