//! The queue: who gets which run, who keeps it, and what happens by itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use holdfast_protocol::entry::NodeScope;
use holdfast_protocol::id::{Hash, RunId};
use holdfast_protocol::wire::{AskLease, Lease, RunState};
use reqwest::Method;

use crate::people::rng;
use crate::server::Client;
use crate::space::Space;
use crate::work::{CONFLICT, DONE, MISSING, Work, enrol, lease, node};

#[tokio::test]
async fn a_lease_that_runs_out_is_given_again_and_then_lost() {
    let mut work = Work::begin().await;
    let run = work.order().await;
    work.must_lease(run, 1).await;
    work.server.clock.add_ms(30_001);
    assert_eq!(work.state(run).await, (RunState::Queued, 0), "it never began");
    work.must_lease(run, 1).await;
    work.beat(run, 1).await;
    work.server.clock.add_ms(29_000);
    work.beat(run, 1).await;
    work.server.clock.add_ms(29_000);
    assert_eq!(work.state(run).await, (RunState::Running, 1), "kept");
    work.server.clock.add_ms(1_001);
    assert_eq!(work.state(run).await, (RunState::Queued, 1));
    assert_eq!(work.worker.get(&work.space.run_path(run, "/capsule")).await.0, MISSING);
    work.must_lease(run, 2).await;
    assert_eq!(
        work.beat(run, 1).await.stop,
        [work.attempt(run, 1)],
        "a later one began"
    );
    assert_eq!(work.result(run, 1, false, b"late").await, CONFLICT);
    assert_eq!(work.put_box(run, 1, 0, b"late").await.0, CONFLICT);
    work.beat(run, 2).await;
    work.server.clock.add_ms(30_001);
    assert_eq!(work.state(run).await, (RunState::Lost, 2), "no attempts left");
    assert_eq!(work.lease().await, None);
}

#[tokio::test]
async fn a_node_that_was_away_goes_on_where_nobody_began_anew() {
    let mut work = Work::begin().await;
    let (run, once) = (work.order().await, work.order_times(1).await);
    for run in [run, once] {
        work.must_lease(run, 1).await;
        work.beat(run, 1).await;
    }
    work.server.clock.add_ms(10 * 60_000);
    assert_eq!(work.state(run).await, (RunState::Queued, 1));
    assert_eq!(work.state(once).await, (RunState::Lost, 1));
    assert!(work.beat(run, 1).await.stop.is_empty());
    assert!(work.beat(once, 1).await.stop.is_empty());
    assert_eq!(work.state(run).await, (RunState::Running, 1));
    assert_eq!(work.state(once).await, (RunState::Running, 1));
    assert_eq!(work.lease().await, None);
    work.server.clock.add_ms(60_000);
    assert_eq!(work.state(once).await, (RunState::Lost, 1));
    assert_eq!(
        work.result(once, 1, false, b"in the end").await,
        DONE,
        "a result is taken all the same"
    );
    assert_eq!(work.state(once).await, (RunState::Ended, 1));
    assert_eq!(work.result(run, 1, false, b"in the end").await, DONE);
    assert_eq!(work.state(run).await, (RunState::Ended, 1));
}

#[tokio::test]
async fn what_did_not_begin_in_time_expires() {
    let mut work = Work::begin().await;
    let end = work.until_ms;
    work.until_ms = work.server.now_ms() + 60_000;
    let run = work.order().await;
    work.server.clock.add_ms(60_000);
    assert_eq!(work.lease().await, None);
    assert_eq!(work.state(run).await, (RunState::Expired, 0));
    work.until_ms = work.server.now_ms() + 60_000;
    let slow = work.order().await;
    work.must_lease(slow, 1).await;
    work.beat(slow, 1).await;
    work.server.clock.add_ms(60_000);
    assert_eq!(
        work.state(slow).await,
        (RunState::Lost, 1),
        "too late for another attempt"
    );
    work.until_ms = end;
}

#[tokio::test]
async fn spaces_take_turns() {
    let mut work = Work::begin().await;
    let mut other = Space::project(&work.ana);
    other.create(&work.owner).await;
    let entry = other.authorise(&work.ana, &work.node, NodeScope::Runs, work.until_ms);
    other.must(&work.owner, &work.ana, entry).await;
    let mut first = Vec::new();
    for _ in 0..4 {
        first.push(work.order().await);
    }
    let mut second = Vec::new();
    for _ in 0..2 {
        let run = RunId::random(&mut rng());
        work.owner
            .put_bytes(&other.run_path(run, "/capsule"), b"c".to_vec())
            .await;
        let entry = other.order(&work.ana, &work.node, run, Some(Hash::of(b"c")), work.until_ms);
        other.must(&work.owner, &work.ana, entry).await;
        second.push(run);
    }
    let mut leased = Vec::new();
    while let Some(Lease { space, run, .. }) = work.lease().await {
        leased.push((space, run));
    }
    let of = |space| leased.iter().filter(move |lease| lease.0 == space).map(|lease| lease.1);
    assert!(of(work.space.id).eq(first), "the oldest first");
    assert!(of(other.id).eq(second), "the oldest first");
    let turns: Vec<bool> = leased.iter().map(|lease| lease.0 == other.id).collect();
    assert_eq!(turns.len(), 6);
    assert!(
        turns[..4] == [true, false, true, false] || turns[..4] == [false, true, false, true],
        "{turns:?}"
    );
}

#[tokio::test]
async fn a_run_is_leased_once_whoever_asks() {
    let mut work = Work::begin().await;
    let second = node(25);
    let other = enrol(&work.server, &work.owner, &second).await;
    let entry = work.space.authorise(&work.ana, &second, NodeScope::Runs, work.until_ms);
    work.space.must(&work.owner, &work.ana, entry).await;
    let mut mine = BTreeSet::new();
    for _ in 0..12 {
        mine.insert(work.order().await);
    }
    let (node, until_ms) = (work.node.clone(), work.until_ms);
    let mut theirs = BTreeSet::new();
    work.node = second;
    for _ in 0..6 {
        theirs.insert(work.order().await);
    }
    work.node = node;
    work.until_ms = until_ms;
    let asking = (0..40).map(|n| lease(if n % 2 == 0 { &work.worker } else { &other }, 0));
    let leased: Vec<Lease> = join_all(asking).await.into_iter().flatten().collect();
    assert_eq!(leased.len(), 18, "all of them");
    let runs: BTreeSet<RunId> = leased.iter().map(|lease| lease.run).collect();
    assert_eq!(runs.len(), 18, "each once");
    assert!(leased.iter().all(|lease| lease.attempt == 1));
    let run = *theirs.first().unwrap();
    assert_eq!(work.beat(run, 1).await.stop, [work.attempt(run, 1)], "not its own");
    assert_eq!(work.result(run, 1, false, b"forged").await, MISSING);
    assert_eq!(work.put_box(run, 1, 0, b"forged").await.0, MISSING);
    assert_eq!(work.worker.get(&work.space.run_path(run, "/capsule")).await.0, MISSING);
}

#[tokio::test]
async fn whoever_waits_gets_the_run_at_once() {
    let mut work = Work::begin().await;
    let worker = work.worker.clone();
    let waiting = tokio::spawn(async move { (lease(&worker, 20_000).await, Instant::now()) });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let run = work.order().await;
    let ordered = Instant::now();
    let (lease, when) = waiting.await.unwrap();
    assert_eq!(lease.unwrap().run, run);
    assert!(when.saturating_duration_since(ordered) < Duration::from_secs(3));
    let begun = Instant::now();
    assert_eq!(crate::work::lease(&work.worker, 300).await, None);
    assert!(begun.elapsed() >= Duration::from_millis(300));

    let worker = work.worker.clone();
    let waiting = tokio::spawn(async move { lease_quietly(&worker).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (running, _folder) = work.server.take();
    let stopping = Instant::now();
    running.stop().await;
    assert!(
        stopping.elapsed() < Duration::from_secs(5),
        "whoever waits does not hold the server up"
    );
    waiting.await.unwrap();
}

async fn lease_quietly(client: &Client) {
    let ask = AskLease { wait_ms: 20_000 };
    let _ = client.request(Method::POST, "/v1/node/lease").json(&ask).send().await;
}
