//! Streams: appended in order, read while they grow, hinted at; and what was said survives a kill.

use std::time::{Duration, Instant};

use holdfast_protocol::entry::Role;
use holdfast_protocol::id::RunId;
use holdfast_protocol::limits::STREAM_BOX;
use holdfast_protocol::wire::{Boxes, RunEvent, RunState, Usage};
use reqwest::{Method, StatusCode};

use crate::events::Stream;
use crate::people::Person;
use crate::server::Server;
use crate::work::{CONFLICT, DONE, MISSING, REFUSED, Work};

async fn running() -> (Work, RunId) {
    let mut work = Work::begin().await;
    let run = work.order().await;
    work.must_lease(run, 1).await;
    work.beat(run, 1).await;
    (work, run)
}

#[tokio::test]
async fn boxes_are_appended_one_after_the_other() {
    let (work, run) = running().await;
    assert_eq!(work.put_box(run, 1, 1, b"one").await.0, CONFLICT, "a gap");
    assert_eq!(work.put_box(run, 1, 0, b"nought").await.0, DONE);
    assert_eq!(work.put_box(run, 1, 0, b"nought").await.0, DONE, "the very same");
    assert_eq!(work.put_box(run, 1, 0, b"other").await.0, CONFLICT);
    assert_eq!(work.put_box(run, 1, 1, b"one").await.0, DONE);
    assert_eq!(work.put_box(run, 1, 2, b"").await.0, REFUSED);
    assert_eq!(work.put_box(run, 1, 2, &vec![1; STREAM_BOX]).await.0, DONE);
    let large = work.put_box(run, 1, 3, &vec![1; STREAM_BOX + 1]).await;
    assert_eq!(large.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(work.put_box(run, 2, 0, b"x").await.0, CONFLICT, "not begun");
    assert_eq!(work.put_box(RunId([8; 16]), 1, 0, b"x").await.0, MISSING);
    for path in ["/attempts/1/streams/other/0", "/attempts/x/streams/log/0"] {
        let path = work.space.run_path(run, path);
        assert_eq!(work.worker.put_bytes(&path, vec![1]).await.0, MISSING);
    }
    let metrics = work.space.run_path(run, "/attempts/1/streams/metrics/0");
    assert_eq!(
        work.worker.put_bytes(&metrics, vec![1]).await.0,
        DONE,
        "a stream of its own"
    );
    let row = work.row(run).await;
    assert_eq!((row.log, row.metrics), (3, 1));

    assert_eq!(work.result(run, 1, false, b"the end").await, DONE);
    assert_eq!(work.put_box(run, 1, 3, b"late").await.0, CONFLICT, "after the result");
    assert_eq!(work.put_box(run, 1, 1, b"one").await.0, DONE, "it is there");
    let all = work.boxes(run, 1, 0, 20_000).await;
    assert_eq!((all.boxes.len(), all.next, all.ended), (3, 3, true));
    for (path, expected) in [
        ("/attempts/0/streams/log", MISSING),
        ("/attempts/2/streams/log", MISSING),
        ("/attempts/1/streams/other", MISSING),
        ("/attempts/1/streams/log?wait_ms=25001", REFUSED),
        ("/attempts/1/streams/log?until=1", REFUSED),
    ] {
        assert_eq!(
            work.owner.get(&work.space.run_path(run, path)).await.0,
            expected,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_page_is_bounded() {
    let (work, run) = running().await;
    for n in 0..40 {
        assert_eq!(work.put_box(run, 1, n, &vec![7; STREAM_BOX]).await.0, DONE);
    }
    let first = work.boxes(run, 1, 0, 0).await;
    assert_eq!(
        (first.boxes.len(), first.next, first.ended),
        (32, 32, false),
        "four MiB"
    );
    let rest = work.boxes(run, 1, first.next, 0).await;
    assert_eq!((rest.boxes.len(), rest.next), (8, 40));
    let none = work.boxes(run, 1, 1_000, 0).await;
    assert_eq!((none.boxes.len(), none.next, none.ended), (0, 1_000, false));
}

#[tokio::test]
async fn a_reader_who_comes_back_misses_nothing_and_hears_nothing_twice() {
    let (mut work, run) = running().await;
    let (owner, path) = (work.owner.clone(), work.space.run_path(run, "/attempts/1/streams/log"));
    let reader = tokio::spawn(async move {
        let (mut seen, mut from) = (Vec::new(), 0);
        for turn in 0.. {
            let path = format!("{path}?from={from}&wait_ms=5000");
            if turn % 3 == 1 {
                // The connection goes away while the reader waits.
                let cut = owner.request(Method::GET, &path).timeout(Duration::from_millis(20));
                let _ = cut.send().await;
                continue;
            }
            let page: Boxes = owner.get(&path).await.1.json();
            seen.extend(page.boxes.into_iter().map(|sealed| sealed.0));
            from = page.next;
            if page.ended {
                break;
            }
        }
        seen
    });
    for n in 0..60_u64 {
        assert_eq!(work.put_box(run, 1, n, &n.to_be_bytes()).await.0, DONE);
    }
    work.result(run, 1, false, b"the end").await;
    let expected: Vec<Vec<u8>> = (0..60_u64).map(|n| n.to_be_bytes().to_vec()).collect();
    assert_eq!(reader.await.unwrap(), expected);
    work.server.restart().await;
    work.owner = work.server.sign_in(&work.ana).await;
    let all = work.boxes(run, 1, 0, 0).await;
    assert!(all.boxes.iter().map(|sealed| &sealed.0).eq(&expected));
}

#[tokio::test]
async fn whoever_waits_reads_at_once() {
    let (work, run) = running().await;
    let (owner, path) = (
        work.owner.clone(),
        work.space.run_path(run, "/attempts/1/streams/log?wait_ms=20000"),
    );
    let waiting = tokio::spawn(async move { owner.get(&path).await.1.json::<Boxes>() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let put = Instant::now();
    work.put_box(run, 1, 0, b"hello").await;
    assert_eq!(waiting.await.unwrap().boxes[0].0, b"hello");
    assert!(put.elapsed() < Duration::from_secs(3));
    assert!(work.boxes(run, 1, 1, 200).await.boxes.is_empty());
}

#[tokio::test]
async fn earlier_attempts_stay_readable() {
    let (work, run) = running().await;
    work.put_box(run, 1, 0, b"first").await;
    work.result(run, 1, true, b"broken").await;
    assert!(work.boxes(run, 1, 0, 0).await.ended);
    assert_eq!(
        work.put_box(run, 1, 1, b"late").await.0,
        CONFLICT,
        "it said that it was over"
    );
    work.must_lease(run, 2).await;
    work.put_box(run, 2, 0, b"second").await;
    assert_eq!(work.boxes(run, 1, 0, 0).await.boxes[0].0, b"first");
    let second = work.boxes(run, 2, 0, 0).await;
    assert_eq!((second.boxes[0].0.as_slice(), second.ended), (&b"second"[..], false));
    assert_eq!(work.row(run).await.log, 1, "the newest attempt's");
}

#[tokio::test]
async fn streams_count_in_the_quota() {
    let server = Server::start_with(|config| config.quota_bytes = 300_000).await;
    let mut work = Work::on(server).await;
    let run = work.order().await;
    work.must_lease(run, 1).await;
    for n in 0..2 {
        assert_eq!(work.put_box(run, 1, n, &vec![1; STREAM_BOX]).await.0, DONE);
    }
    let (status, body) = work.put_box(run, 1, 2, &vec![1; STREAM_BOX]).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::INSUFFICIENT_STORAGE, "quota")
    );
    assert_eq!(work.row(run).await.log, 2, "nothing half done");
    let usage: Usage = work.owner.get(&work.space.path("usage")).await.1.json();
    assert_eq!(usage.live_bytes, 2 * STREAM_BOX as u64 + 32);
    let capsule = work.space.run_path(RunId([9; 16]), "/capsule");
    let (status, _) = work.owner.put_bytes(&capsule, vec![1; 40_000]).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(
        work.result(run, 1, false, &vec![1; 100_000]).await,
        DONE,
        "a result is never lost for want of room"
    );
}

#[tokio::test]
async fn members_hear_of_runs() {
    let mut work = Work::begin().await;
    let ben = Person::new(2, "ben");
    let (member, _) = work.server.join(&ben).await;
    let (stranger, _) = work.server.join(&Person::new(3, "cleo")).await;
    let add = work.space.add(&work.ana, &ben, Role::Reader);
    work.space.must(&work.owner, &work.ana, add).await;
    let (mut bens, mut nodes) = (Stream::open(&member).await, Stream::open(&work.worker).await);
    let mut cleos = Stream::open(&stranger).await;
    let run = work.order().await;
    let of = |state| RunEvent {
        space: work.space.id,
        run,
        state,
    };
    assert_eq!(bens.event().await.unwrap().seq, 3);
    assert_eq!(nodes.event().await.unwrap().seq, 3, "a node hears of entries");
    assert_eq!(bens.run().await, of(RunState::Queued));
    work.must_lease(run, 1).await;
    assert_eq!(bens.run().await, of(RunState::Running));
    for n in 0..3 {
        work.put_box(run, 1, n, b"box").await;
    }
    assert_eq!(bens.run().await, of(RunState::Running), "new boxes, once a second");
    work.result(run, 1, false, b"done").await;
    assert_eq!(bens.run().await, of(RunState::Ended));
    let commit = work.space.commit(&work.ana);
    work.space.must(&work.owner, &work.ana, commit).await;
    assert_eq!(nodes.event().await.unwrap().seq, 4, "and of nothing else");
    let quiet = tokio::time::timeout(Duration::from_millis(200), cleos.block()).await;
    assert!(quiet.is_err(), "a stranger hears nothing");
}
