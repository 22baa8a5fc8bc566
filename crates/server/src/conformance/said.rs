//! What nodes say: refusals, boxes, results; and the packs that wait with a result.

use holdfast_protocol::id::PackId;
use holdfast_protocol::run::Stream;
use holdfast_protocol::wire::RunState;

use super::nodes::work;
use super::runs::{attempted, begin, order, run, state, take};
use super::{principal, space};
use crate::ports::{AskedBoxes, BlobId, Database, NewBox, NewPack, NewResult, StoreError, WorkChange};

fn boxed(n: u8, attempt: u32, number: u64, sealed: &[u8]) -> NewBox {
    NewBox {
        of: attempted(n, 1, attempt, 70),
        stream: Stream::Log,
        n: number,
        sealed: sealed.to_vec(),
        quota_bytes: 100,
    }
}

fn result(n: u8, attempt: u32, broken_off: bool, sealed: &[u8]) -> NewResult {
    NewResult {
        of: attempted(n, 1, attempt, 80),
        sealed: sealed.to_vec(),
        broken_off,
        hold_until_ms: 5_000,
    }
}

pub(super) async fn boxes_follow_each_other(database: &dyn Database) {
    begin(database, 71).await;
    database
        .append(work(71, 2, order(71, 1, 90_000), 20))
        .await
        .expect("an entry");
    let (conflict, missing) = (Err(StoreError::Conflict), Err(StoreError::Missing));
    assert_eq!(database.put_box(boxed(71, 1, 0, b"a")).await, conflict, "not begun");
    take(database, 71, 60).await;
    assert_eq!(database.put_box(boxed(71, 1, 1, b"b")).await, conflict, "a gap");
    for (number, sealed) in [(0, b"a"), (1, b"b"), (1, b"b"), (2, b"c")] {
        assert_eq!(database.put_box(boxed(71, 1, number, sealed)).await, Ok(()));
    }
    assert_eq!(database.put_box(boxed(71, 1, 1, b"x")).await, conflict, "another one");
    let mut foreign = boxed(71, 1, 3, b"x");
    foreign.of.node = principal(60);
    assert_eq!(database.put_box(foreign).await, missing);
    assert_eq!(
        database.put_box(boxed(71, 1, 3, &[1; 98])).await,
        Err(StoreError::Quota)
    );
    assert_eq!(database.usage(space(71)).await.expect("usage").live_bytes, 3);

    let asked = AskedBoxes {
        space: space(71),
        run: run(1),
        attempt: 1,
        stream: Stream::Log,
        from: 1,
        limit: 10,
        bytes: 1,
    };
    let read = async |asked| database.boxes(asked).await.expect("an answer");
    let page = read(asked).await.expect("boxes");
    assert_eq!(
        (page.boxes, page.over, page.stored),
        (vec![b"b".to_vec()], false, 3),
        "bounded by bytes"
    );
    let all = AskedBoxes { bytes: 10, ..asked };
    assert_eq!(read(all).await.expect("boxes").boxes, [b"b", b"c"]);
    let one = AskedBoxes { limit: 1, ..all };
    assert_eq!(read(one).await.expect("boxes").boxes, [b"b"]);
    assert_eq!(read(AskedBoxes { attempt: 2, ..all }).await, None);
    assert_eq!(read(AskedBoxes { attempt: 0, ..all }).await, None);
    database.put_result(result(71, 1, false, b"r")).await.expect("a result");
    assert_eq!(
        database.put_box(boxed(71, 1, 3, b"d")).await,
        conflict,
        "after the result"
    );
    assert_eq!(database.put_box(boxed(71, 1, 2, b"c")).await, Ok(()), "it is there");
    assert!(read(all).await.expect("boxes").over);
}

pub(super) async fn results_come_once(database: &dyn Database) {
    begin(database, 72).await;
    database
        .append(work(72, 2, order(72, 1, 90_000), 20))
        .await
        .expect("an entry");
    let conflict = Err(StoreError::Conflict);
    take(database, 72, 60).await;
    let refused = |code| database.refuse_run(attempted(72, 1, 2, 61), code);
    assert_eq!(refused("run-spec").await, conflict, "not this attempt");
    let changed = database.put_result(result(72, 1, true, b"broken")).await.expect("kept");
    assert_eq!(changed.map(|run| run.state), Some(RunState::Queued));
    assert_eq!(
        database.put_result(result(72, 1, true, b"broken")).await,
        Ok(None),
        "the very same"
    );
    assert_eq!(database.put_result(result(72, 1, false, b"broken")).await, conflict);
    assert_eq!(take(database, 72, 85).await, (run(1), 2));
    assert_eq!(database.put_result(result(72, 1, false, b"late")).await, conflict);
    let changed = database.put_result(result(72, 2, false, b"made")).await.expect("kept");
    assert_eq!(changed.map(|run| run.state), Some(RunState::Ended));
    let newest = database
        .result(space(72), run(1))
        .await
        .expect("an answer")
        .expect("a result");
    assert_eq!((newest.attempt, newest.sealed.0), (2, b"made".to_vec()));
    database
        .append(work(72, 3, WorkChange::Adopt(run(1)), 90))
        .await
        .expect("an entry");
    assert_eq!(state(database, 72, 1).await, (RunState::Adopted, 2));

    database
        .append(work(72, 4, order(72, 2, 90_000), 91))
        .await
        .expect("an entry");
    assert_eq!(take(database, 72, 92).await, (run(2), 1));
    let refused = |code| database.refuse_run(attempted(72, 2, 1, 93), code);
    let changed = refused("run-spec").await.expect("noted").expect("changed");
    assert_eq!(changed.state, RunState::Refused);
    assert_eq!(refused("run-spec").await, Ok(None), "the very same");
    assert_eq!(refused("run-input").await, conflict);
}

pub(super) async fn what_was_said_goes_long_after_the_end(database: &dyn Database) {
    begin(database, 74).await;
    for n in 1..=2 {
        let ordered = work(74, 1 + n, order(74, n, 90_000), 20);
        database.append(ordered).await.expect("an entry");
    }
    take(database, 74, 60).await;
    take(database, 74, 60).await;
    for n in 1..=2 {
        let mut new = boxed(74, 1, 0, b"abc");
        new.of = attempted(74, n, 1, 70);
        database.put_box(new).await.expect("a box");
    }
    database.put_result(result(74, 1, false, b"made")).await.expect("kept");
    let live = async || database.usage(space(74)).await.expect("usage").live_bytes;
    let results = async || {
        let found = database.result(space(74), run(1)).await;
        found.expect("an answer").is_some()
    };
    database.sweep_said(80).await.expect("swept");
    assert_eq!(live().await, 3 + 3 + 4, "not old enough");
    database.sweep_said(10_000).await.expect("swept");
    assert_eq!(live().await, 3 + 4, "one runs, of the other only the boxes go");
    assert!(results().await, "nobody has taken it over");
    let asked = AskedBoxes {
        space: space(74),
        run: run(1),
        attempt: 1,
        stream: Stream::Log,
        from: 0,
        limit: 10,
        bytes: 10,
    };
    let read = database.boxes(asked).await.expect("an answer").expect("an attempt");
    assert_eq!((read.boxes.len(), read.over, read.stored), (0, true, 0));
    let mut late = boxed(74, 1, 0, b"abc");
    late.of = attempted(74, 1, 1, 10_000);
    assert_eq!(database.put_box(late).await, Err(StoreError::Conflict), "it stays gone");
    database
        .append(work(74, 4, WorkChange::Adopt(run(1)), 90))
        .await
        .expect("an entry");
    database.sweep_said(10_000).await.expect("swept");
    assert!(!results().await);
    assert_eq!(live().await, 3, "the one that runs");
}

pub(super) async fn packs_wait_with_a_result(database: &dyn Database) {
    begin(database, 73).await;
    database
        .append(work(73, 2, order(73, 1, 90_000), 20))
        .await
        .expect("an entry");
    take(database, 73, 60).await;
    let pack = NewPack {
        id: PackId([73; 16]),
        space: space(73),
        blob: BlobId([73; 16]),
        by: principal(73),
        bytes: 1,
        quota_bytes: u64::MAX,
        now_ms: 61,
    };
    database.begin_pack(pack).await.expect("begun");
    let swept = async |now_ms| {
        let gone = database.sweep_packs(now_ms, 0, now_ms).await.expect("swept");
        gone.contains(&BlobId([73; 16]))
    };
    assert!(!swept(70).await, "its node has a lease there");
    database.put_result(result(73, 1, false, b"made")).await.expect("kept");
    assert!(!swept(4_999).await, "a result may name it");
    database
        .append(work(73, 3, WorkChange::Adopt(run(1)), 90))
        .await
        .expect("an entry");
    assert!(swept(4_999).await, "no result waits");
}
