//! The queue: capsules, leases, what is due.

use futures_util::future::join_all;
use holdfast_protocol::id::{Hash, RunId};
use holdfast_protocol::wire::{RunAttempt, RunState};

use super::nodes::{authorise, enrol, work};
use super::spaces::new_space;
use super::{principal, space};
use crate::ports::{Attempted, Database, NewCapsule, StoreError, WorkChange};

pub(super) fn run(n: u8) -> RunId {
    RunId([n; 16])
}

/// A run without a capsule, begun at most twice.
pub(super) fn order(node: u8, n: u8, until_ms: u64) -> WorkChange {
    WorkChange::Order {
        run: run(n),
        node: principal(node),
        capsule: None,
        until_ms,
        attempts: 2,
    }
}

fn capsule(n: u8, author: u8, bytes: &[u8]) -> NewCapsule {
    NewCapsule {
        space: space(n),
        run: run(1),
        author: principal(author),
        hash: Hash::of(bytes),
        sealed: bytes.to_vec(),
        quota_bytes: 10,
        now_ms: 50,
    }
}

/// Space `n` with node `n`, authorised until 100,000.
pub(super) async fn begin(database: &dyn Database, n: u8) {
    enrol(database, n).await;
    database.create_space(new_space(n, 1)).await.expect("a space");
    database
        .append(work(n, 1, authorise(n, 100_000), 10))
        .await
        .expect("an entry");
}

pub(super) fn attempted(n: u8, of: u8, attempt: u32, now_ms: u64) -> Attempted {
    Attempted {
        node: principal(n),
        space: space(n),
        run: run(of),
        attempt,
        now_ms,
    }
}

/// Leases run `of` to node `n` and says that it was heard of.
pub(super) async fn take(database: &dyn Database, n: u8, now_ms: u64) -> (RunId, u32) {
    let lease = database.lease(principal(n), now_ms + 30, now_ms).await;
    let lease = lease.expect("an answer").expect("a lease");
    let named = RunAttempt {
        space: lease.space,
        run: lease.run,
        attempt: lease.attempt,
    };
    let beat = database.heartbeat(principal(n), &[named], now_ms + 30, now_ms).await;
    assert!(beat.expect("heard").stop.is_empty());
    (lease.run, lease.attempt)
}

pub(super) async fn state(database: &dyn Database, n: u8, of: u8) -> (RunState, u32) {
    let row = database
        .run(space(n), run(of))
        .await
        .expect("an answer")
        .expect("a run");
    (row.state, row.attempt)
}

pub(super) async fn capsules_come_first(database: &dyn Database) {
    begin(database, 66).await;
    let named = WorkChange::Order {
        run: run(1),
        node: principal(66),
        capsule: Some(Hash::of(b"named")),
        until_ms: 90_000,
        attempts: 1,
    };
    database.put_capsule(capsule(66, 1, b"other")).await.expect("kept");
    assert_eq!(database.append(work(66, 2, named, 60)).await, Err(StoreError::Missing));
    assert_eq!(
        database.head(space(66)).await.expect("an answer").expect("a head").seq,
        1
    );
    database
        .put_capsule(capsule(66, 1, b"named"))
        .await
        .expect("in its place");
    assert_eq!(
        database.put_capsule(capsule(66, 2, b"thieve")).await,
        Err(StoreError::Quota)
    );
    database
        .put_capsule(capsule(66, 2, b"two"))
        .await
        .expect("each author has one");
    let usage = async || database.usage(space(66)).await.expect("usage").live_bytes;
    assert_eq!(usage().await, 8);
    database.append(work(66, 2, named, 60)).await.expect("an entry");
    assert_eq!(usage().await, 5, "the others are gone");
    assert_eq!(
        database.put_capsule(capsule(66, 1, b"else")).await,
        Err(StoreError::Conflict)
    );
    database
        .put_capsule(capsule(66, 1, b"named"))
        .await
        .expect("the very same");
    let read = async |node, now_ms| {
        let read = database.capsule(space(66), run(1), principal(node), now_ms).await;
        read.expect("an answer")
    };
    assert_eq!(read(66, 60).await, None, "not leased");
    take(database, 66, 60).await;
    assert_eq!(read(66, 61).await.as_deref(), Some(&b"named"[..]));
    assert_eq!(read(60, 61).await, None, "another node");
    assert_eq!(read(66, 90).await, None, "the lease ran out");
    database.sweep_runs(1_000, 1).await.expect("swept");
    assert_eq!(usage().await, 5, "it runs");
    database
        .append(work(66, 3, WorkChange::Adopt(run(1)), 70))
        .await
        .expect("an entry");
    database.sweep_runs(50, 1).await.expect("swept");
    assert_eq!(usage().await, 5, "not old enough");
    database.sweep_runs(51, 1).await.expect("swept");
    assert_eq!(usage().await, 0);
}

pub(super) async fn a_run_is_leased_once(database: &dyn Database) {
    begin(database, 67).await;
    for n in 1..=20 {
        database
            .append(work(67, n + 1, order(67, n, 90_000), 20))
            .await
            .expect("an entry");
    }
    let asked = join_all((0..50).map(|_| database.lease(principal(67), 1_000, 30))).await;
    let mut leased: Vec<_> = asked
        .into_iter()
        .filter_map(|lease| lease.expect("an answer"))
        .collect();
    leased.sort_by_key(|lease| lease.seq);
    let seqs: Vec<u64> = leased.iter().map(|lease| lease.seq).collect();
    assert_eq!(seqs, (2..=21).collect::<Vec<_>>(), "each once");
    assert!(
        database
            .has_lease(space(67), principal(67), 999)
            .await
            .expect("an answer")
    );
    assert!(
        !database
            .has_lease(space(67), principal(67), 1_000)
            .await
            .expect("an answer")
    );
    let rows = database.runs(space(67), 22, 3).await.expect("rows");
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [21, 20, 19]);
}

pub(super) async fn what_is_due_is_done(database: &dyn Database) {
    begin(database, 68).await;
    database
        .append(work(68, 2, order(68, 1, 400), 20))
        .await
        .expect("an entry");
    let settle = async |now_ms| {
        let changed = database.settle(now_ms).await.expect("settled");
        changed
            .into_iter()
            .filter(|run| run.space == space(68))
            .map(|run| run.state)
            .collect::<Vec<_>>()
    };
    database
        .lease(principal(68), 50, 20)
        .await
        .expect("an answer")
        .expect("a lease");
    assert_eq!(settle(49).await, []);
    assert_eq!(settle(50).await, [RunState::Queued]);
    assert_eq!(state(database, 68, 1).await, (RunState::Queued, 0), "it never began");
    assert_eq!(take(database, 68, 60).await, (run(1), 1));
    assert_eq!(settle(90).await, [RunState::Queued]);
    let named = RunAttempt {
        space: space(68),
        run: run(1),
        attempt: 1,
    };
    let beat = database
        .heartbeat(principal(68), std::slice::from_ref(&named), 120, 91)
        .await
        .expect("heard");
    assert_eq!((beat.stop.len(), beat.revived.len()), (0, 1), "nobody began anew");
    assert_eq!(settle(120).await, [RunState::Queued]);
    assert_eq!(take(database, 68, 130).await, (run(1), 2));
    let beat = database
        .heartbeat(principal(68), std::slice::from_ref(&named), 150, 131)
        .await
        .expect("heard");
    assert_eq!(beat.stop, [named], "a later one began");
    assert_eq!(settle(160).await, [RunState::Lost]);
    database
        .append(work(68, 3, order(68, 2, 400), 170))
        .await
        .expect("an entry");
    assert_eq!(settle(400).await, [RunState::Expired]);
    database
        .append(work(68, 4, order(68, 3, 100_000), 410))
        .await
        .expect("an entry");
    database
        .append(work(68, 5, authorise(68, 500), 420))
        .await
        .expect("an entry");
    assert_eq!(settle(500).await, [RunState::Withdrawn], "the node's time is over");
    assert_eq!(settle(99_999).await, []);
}

pub(super) async fn spaces_take_turns(database: &dyn Database) {
    begin(database, 69).await;
    database.create_space(new_space(70, 1)).await.expect("a space");
    database
        .append(work(70, 1, authorise(69, 100_000), 10))
        .await
        .expect("an entry");
    for n in 1..=3 {
        database
            .append(work(69, n + 1, order(69, n, 90_000), 20))
            .await
            .expect("an entry");
        database
            .append(work(70, n + 1, order(69, n, 90_000), 20))
            .await
            .expect("an entry");
    }
    let mut turns = Vec::new();
    while let Some(lease) = database.lease(principal(69), 1_000, 30).await.expect("an answer") {
        turns.push((lease.space, lease.seq));
    }
    let expected = [(69, 2), (70, 2), (69, 3), (70, 3), (69, 4), (70, 4)];
    assert_eq!(turns, expected.map(|(n, seq)| (space(n), seq)));
}
