//! Runs: capsules, results, adoption, refusals, and the packs that wait with them.

use holdfast_protocol::entry::{Entry, NodeScope, Op, PackSize, Role, SpaceKind, seal_body};
use holdfast_protocol::id::{Hash, ItemId, PackId, PrincipalId, RunId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, Item, ItemKind, SecretType, Version};
use holdfast_protocol::run::{AdoptBody, Granted, Limits, RunBody, RunSpec};
use holdfast_protocol::wire::{
    BeginPack, Entries, PackQuery, PackState, PackStates, RefuseRun, RunResult, RunRow, RunState, Usage,
};
use holdfast_protocol::{SecretText, context, limits};
use reqwest::{Method, StatusCode};

use crate::packs::content;
use crate::people::{Person, rng};
use crate::server::{DAY, MINUTE, Server};
use crate::space::Space;
use crate::work::{CONFLICT, DONE, FORBIDDEN, MISSING, OK, REFUSED, Work, enrol, node};

#[tokio::test]
async fn a_run_from_order_to_adoption() {
    let mut work = Work::begin().await;
    assert_eq!(work.lease().await, None);
    let run = work.order().await;
    let row = work.row(run).await;
    assert_eq!(
        (row.state, row.attempt, row.seq, row.node, row.started_ms, row.ended_ms),
        (RunState::Queued, 0, 2, work.node.principal, None, None)
    );
    let path = work.space.run_path(run, "/capsule");
    assert_eq!(work.worker.get(&path).await.0, MISSING, "not before the lease");
    let lease = work.must_lease(run, 1).await;
    assert_eq!((lease.space, lease.seq), (work.space.id, 2));
    assert_eq!(work.lease().await, None, "once");
    assert_eq!(Hash::of(&work.worker.get(&path).await.1.0), capsule_of(&work).await);
    let heard = work.beat(run, 1).await;
    assert!(heard.stop.is_empty() && heard.until_ms >= lease.until_ms);
    assert_eq!(work.put_box(run, 1, 0, b"hello").await.0, DONE);
    let result = work.space.run_path(run, "/result");
    assert_eq!(work.owner.get(&result).await.0, MISSING);
    assert_eq!(work.result(run, 1, false, b"the result").await, DONE);
    assert_eq!(work.result(run, 1, false, b"the result").await, DONE, "the very same");
    assert_eq!(work.result(run, 1, false, b"another").await, CONFLICT);
    assert_eq!(work.result(run, 1, true, b"the result").await, CONFLICT);
    let row = work.row(run).await;
    assert_eq!((row.state, row.log, row.metrics), (RunState::Ended, 1, 0));
    assert!(row.started_ms.is_some() && row.ended_ms.is_some());
    let kept: RunResult = work.owner.get(&result).await.1.json();
    assert_eq!((kept.attempt, kept.sealed.0), (1, b"the result".to_vec()));
    assert_eq!(work.beat(run, 1).await.stop, [work.attempt(run, 1)], "it is over");
    let adopt = work.adopt(run, vec![]);
    work.space.must(&work.owner, &work.ana, adopt).await;
    assert_eq!(work.state(run).await, (RunState::Adopted, 1));
}

async fn capsule_of(work: &Work) -> Hash {
    let entries: Entries = work.owner.get(&work.space.path("entries?from=2")).await.1.json();
    let entry = holdfast_protocol::entry::SignedEntry::from_bytes(&entries.entries[0].0).unwrap();
    match entry.entry.op {
        Op::Run { capsule, .. } => capsule.unwrap(),
        _ => panic!("not a run"),
    }
}

#[tokio::test]
async fn capsules_come_before_their_runs() {
    let mut work = Work::begin().await;
    let (ben, cleo) = (Person::new(2, "ben"), Person::new(3, "cleo"));
    let (reader, _) = work.server.join(&ben).await;
    let (stranger, _) = work.server.join(&cleo).await;
    let add = work.space.add(&work.ana, &ben, Role::Reader);
    work.space.must(&work.owner, &work.ana, add).await;
    let run = RunId::random(&mut rng());
    let path = work.space.run_path(run, "/capsule");
    assert_eq!(reader.put_bytes(&path, vec![1]).await.0, FORBIDDEN);
    assert_eq!(stranger.put_bytes(&path, vec![1]).await.0, MISSING);
    assert_eq!(work.owner.put_bytes(&path, vec![]).await.0, REFUSED);
    let (status, _) = work.owner.put_bytes(&path, vec![1; limits::CAPSULE + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(work.owner.put_bytes(&path, vec![1; limits::CAPSULE]).await.0, DONE);

    let named = Hash::of(b"named");
    let order = work.space.order(&work.ana, &work.node, run, Some(named), work.until_ms);
    let (status, body) = work.space.send(&work.owner, &work.ana, order.clone()).await;
    assert_eq!((status, body.code().as_str()), (REFUSED, "capsule-missing"));
    assert_eq!(
        work.owner.get(&work.space.run_path(run, "")).await.0,
        MISSING,
        "nothing half done"
    );
    assert_eq!(
        work.owner.put_bytes(&path, b"named".to_vec()).await.0,
        DONE,
        "in its place"
    );
    work.space.must(&work.owner, &work.ana, order).await;
    assert_eq!(work.owner.put_bytes(&path, b"other".to_vec()).await.0, CONFLICT);
    assert_eq!(work.owner.put_bytes(&path, b"named".to_vec()).await.0, DONE);
    work.must_lease(run, 1).await;
    assert_eq!(work.worker.get(&path).await.1.0, b"named");

    let usage: Usage = work.owner.get(&work.space.path("usage")).await.1.json();
    assert_eq!(usage.live_bytes, 5, "what is kept counts, and nothing else");
    work.capsule(RunId([9; 16])).await;
    let usage: Usage = work.owner.get(&work.space.path("usage")).await.1.json();
    assert_eq!(usage.live_bytes, 5 + 32);
    work.server.clock.add_ms(8 * DAY);
    work.server.running().clean_up().await.unwrap();
    let owner = work.server.sign_in(&work.ana).await;
    let usage: Usage = owner.get(&work.space.path("usage")).await.1.json();
    assert_eq!(usage.live_bytes, 5, "the one that waits again stays");
}

/// What was said of a run goes 180 days after its end, and counts no longer.
#[tokio::test]
async fn streams_and_results_are_kept_for_half_a_year() {
    let mut work = Work::begin().await;
    let (adopted, waiting) = (work.order().await, work.order().await);
    for run in [adopted, waiting] {
        work.must_lease(run, 1).await;
        assert_eq!(work.put_box(run, 1, 0, b"hello").await.0, DONE);
        assert_eq!(work.result(run, 1, false, b"made").await, DONE);
    }
    let adopt = work.adopt(adopted, vec![]);
    work.space.must(&work.owner, &work.ana, adopt).await;
    let usage = async |owner: &crate::server::Client| {
        let (_, body) = owner.get(&work.space.path("usage")).await;
        body.json::<Usage>().live_bytes
    };
    work.server.clock.add_ms(180 * DAY - MINUTE);
    work.server.running().clean_up().await.unwrap();
    work.owner = work.server.sign_in(&work.ana).await;
    assert_eq!(usage(&work.owner).await, 2 * (5 + 4));
    assert_eq!(work.boxes(adopted, 1, 0, 0).await.boxes.len(), 1);

    work.server.clock.add_ms(2 * MINUTE);
    work.server.running().clean_up().await.unwrap();
    work.owner = work.server.sign_in(&work.ana).await;
    assert_eq!(usage(&work.owner).await, 4, "the result that nobody took over yet");
    for run in [adopted, waiting] {
        let read = work.boxes(run, 1, 0, 25_000).await;
        assert_eq!((read.boxes.len(), read.next, read.ended), (0, 0, true));
    }
    assert_eq!(
        work.owner.get(&work.space.run_path(adopted, "/result")).await.0,
        MISSING
    );
    assert_eq!(work.owner.get(&work.space.run_path(waiting, "/result")).await.0, OK);
    assert_eq!(work.state(waiting).await, (RunState::Ended, 1));
}

#[tokio::test]
async fn who_sees_runs() {
    let mut work = Work::begin().await;
    let run = work.order().await;
    let (stranger, _) = work.server.join(&Person::new(3, "cleo")).await;
    for path in [
        work.space.path("runs"),
        work.space.run_path(run, ""),
        work.space.run_path(run, "/result"),
        work.space.run_path(run, "/attempts/1/streams/log"),
    ] {
        assert_eq!(stranger.get(&path).await.0, MISSING);
        assert_eq!(work.server.client().get(&path).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        work.owner.get(&work.space.run_path(RunId([8; 16]), "")).await.0,
        MISSING
    );
    let second = work.order().await;
    let rows = async |query: &str| -> Vec<RunId> {
        let rows: Vec<RunRow> = work.owner.get(&work.space.path(&format!("runs{query}"))).await.1.json();
        rows.iter().map(|row| row.run).collect()
    };
    assert_eq!(rows("").await, [second, run], "newest first");
    assert_eq!(rows("?before=3").await, [run]);
    assert!(rows("?before=2").await.is_empty());
}

#[tokio::test]
async fn broken_off_attempts_are_made_again() {
    let mut work = Work::begin().await;
    let run = work.order().await;
    work.must_lease(run, 1).await;
    let path = work.space.run_path(run, "/attempts/1/result?again=yes");
    let odd = work.worker.request(Method::PUT, &path).body("x");
    assert_eq!(work.worker.send(odd).await.0, REFUSED);
    assert_eq!(work.result(run, 1, true, b"broken").await, DONE);
    assert_eq!(work.result(run, 1, true, b"broken").await, DONE, "the very same");
    assert_eq!(work.state(run).await, (RunState::Queued, 1));
    assert_eq!(
        work.beat(run, 1).await.stop,
        [work.attempt(run, 1)],
        "it said so itself"
    );
    work.must_lease(run, 2).await;
    assert_eq!(work.result(run, 2, true, b"broken again").await, DONE);
    assert_eq!(work.state(run).await, (RunState::Lost, 2));
    let kept: RunResult = work.owner.get(&work.space.run_path(run, "/result")).await.1.json();
    assert_eq!((kept.attempt, kept.sealed.0), (2, b"broken again".to_vec()));
    assert_eq!(work.result(run, 3, false, b"never begun").await, CONFLICT);
    assert_eq!(work.result(run, 0, false, b"never begun").await, CONFLICT);
    assert_eq!(work.result(run, 1, false, vec![1; 10].as_slice()).await, CONFLICT);
    assert_eq!(work.result(run, 2, false, &[]).await, REFUSED);
    assert_eq!(
        work.result(run, 2, false, &vec![1; limits::RUN_RESULT + 1]).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn nodes_refuse_and_people_withdraw() {
    let mut work = Work::begin().await;
    let (run, waiting) = (work.order().await, work.order().await);
    let refuse = |attempt, code: &str| RefuseRun {
        attempt,
        code: code.into(),
    };
    let path = work.space.run_path(run, "/refuse");
    assert_eq!(work.worker.post(&path, &refuse(0, "run-input")).await.0, CONFLICT);
    work.must_lease(run, 1).await;
    assert_eq!(work.worker.post(&path, &refuse(2, "run-input")).await.0, CONFLICT);
    assert_eq!(work.worker.post(&path, &refuse(1, "run-input")).await.0, DONE);
    assert_eq!(work.worker.post(&path, &refuse(1, "run-input")).await.0, DONE);
    assert_eq!(work.worker.post(&path, &refuse(1, "run-spec")).await.0, CONFLICT);
    let row = work.row(run).await;
    assert_eq!(
        (row.state, row.refused.as_deref()),
        (RunState::Refused, Some("run-input"))
    );
    assert_eq!(work.result(run, 1, false, b"after all").await, CONFLICT, "final");
    let unknown = work.space.run_path(RunId([8; 16]), "/refuse");
    assert_eq!(work.worker.post(&unknown, &refuse(1, "history")).await.0, MISSING);

    let withdraw = work.space.next(&work.ana, Op::WithdrawRun { run: waiting }, None);
    work.space.must(&work.owner, &work.ana, withdraw).await;
    assert_eq!(work.state(waiting).await, (RunState::Withdrawn, 0));
    assert!(!work.row(waiting).await.stopping, "nobody worked on it");
    assert_eq!(work.lease().await, None);

    let stopped = work.order().await;
    work.must_lease(stopped, 1).await;
    work.beat(stopped, 1).await;
    let withdraw = work.space.next(&work.ana, Op::WithdrawRun { run: stopped }, None);
    work.space.must(&work.owner, &work.ana, withdraw).await;
    assert_eq!(work.state(stopped).await, (RunState::Withdrawn, 1));
    assert!(work.row(stopped).await.stopping);
    assert_eq!(work.beat(stopped, 1).await.stop, [work.attempt(stopped, 1)]);
    assert_eq!(
        work.worker.get(&work.space.run_path(stopped, "/capsule")).await.0,
        MISSING
    );
    assert_eq!(
        work.put_box(stopped, 1, 0, b"stopping").await.0,
        DONE,
        "what it says still comes"
    );
    assert!(!work.boxes(stopped, 1, 1, 0).await.ended);
    work.server.clock.add_ms(60_000);
    assert!(work.boxes(stopped, 1, 1, 0).await.ended, "nobody waits for ever");
    assert!(!work.row(stopped).await.stopping);
    assert_eq!(work.result(stopped, 1, false, b"stopped").await, DONE);
    assert_eq!(work.state(stopped).await, (RunState::Ended, 1));

    let lost = work.order_times(1).await;
    work.must_lease(lost, 1).await;
    work.beat(lost, 1).await;
    work.server.clock.add_ms(31_000);
    assert_eq!(work.state(lost).await, (RunState::Lost, 1));
    let withdraw = work.space.next(&work.ana, Op::WithdrawRun { run: lost }, None);
    work.space.must(&work.owner, &work.ana, withdraw).await;
    assert_eq!(work.beat(lost, 1).await.stop, [work.attempt(lost, 1)], "nobody goes on");
    assert_eq!(work.state(lost).await, (RunState::Withdrawn, 1));
}

#[tokio::test]
async fn packs_wait_for_their_adoption() {
    let mut work = Work::begin().await;
    let run = work.order().await;
    work.must_lease(run, 1).await;
    let (out, rubbish) = (PackId([5; 16]), PackId([6; 16]));
    for id in [out, rubbish] {
        let begin = BeginPack {
            id,
            bytes: limits::WINDOW,
        };
        assert_eq!(work.worker.post(&work.space.path("packs"), &begin).await.0, OK);
        let part = work.space.path(&format!("packs/{id}/parts/0"));
        assert_eq!(work.worker.put_bytes(&part, content(limits::WINDOW)).await.0, DONE);
    }
    work.result(run, 1, false, b"made").await;
    work.server.clock.add_ms(80 * DAY);
    work.server.running().clean_up().await.unwrap();
    work.owner = work.server.sign_in(&work.ana).await;
    let state = async |work: &Work, id: PackId| -> Vec<PackState> {
        let query = PackQuery { ids: vec![id] };
        let answer = work.owner.post(&work.space.path("packs/query"), &query).await;
        answer.1.json::<PackStates>().packs
    };
    assert_eq!(state(&work, out).await.len(), 1);
    let added = vec![PackSize {
        id: out,
        bytes: limits::WINDOW,
    }];
    let adopt = work.adopt(run, added);
    work.space.must(&work.owner, &work.ana, adopt).await;
    work.server.running().clean_up().await.unwrap();
    assert_eq!(state(&work, out).await.len(), 1);
    assert_eq!(state(&work, rubbish).await.len(), 0, "nothing waits for it");
}

#[tokio::test]
async fn packs_of_a_result_that_nobody_wants_go() {
    let mut work = Work::begin().await;
    let run = work.order().await;
    work.must_lease(run, 1).await;
    let id = PackId([5; 16]);
    let begin = BeginPack {
        id,
        bytes: limits::WINDOW,
    };
    work.worker.post(&work.space.path("packs"), &begin).await;
    work.result(run, 1, false, b"made").await;
    work.server.clock.add_ms(91 * DAY);
    assert_eq!(work.server.running().clean_up().await.unwrap().packs, 1);
}

#[tokio::test]
async fn a_restart_in_between_loses_nothing() {
    let mut work = Work::begin().await;
    let (running, queued) = (work.order().await, work.order().await);
    work.must_lease(running, 1).await;
    work.beat(running, 1).await;
    assert_eq!(work.put_box(running, 1, 0, b"before").await.0, DONE);
    work.server.restart().await;
    work.server.clock.add_ms(60_000);
    work.owner = work.server.sign_in(&work.ana).await;
    work.worker = work.server.sign_in(&work.node).await;
    assert_eq!(work.state(running).await, (RunState::Queued, 1));
    assert!(work.beat(running, 1).await.stop.is_empty(), "it goes on");
    assert_eq!(work.put_box(running, 1, 1, b"after").await.0, DONE);
    assert_eq!(work.boxes(running, 1, 0, 0).await.boxes.len(), 2);
    work.must_lease(queued, 1).await;
    assert_eq!(work.result(running, 1, false, b"done").await, DONE);
    work.server.restart().await;
    work.owner = work.server.sign_in(&work.ana).await;
    assert_eq!(work.state(running).await, (RunState::Ended, 1));
    let kept: RunResult = work.owner.get(&work.space.run_path(running, "/result")).await.1.json();
    assert_eq!(kept.sealed.0, b"done");
}

#[tokio::test]
async fn runs_of_standard_projects_are_looked_into() {
    let server = Server::start().await;
    let (ana, node) = (Person::new(1, "ana"), node(20));
    let (owner, _) = server.join(&ana).await;
    enrol(&server, &owner, &node).await;
    let mut space = Space::begin(&ana, SpaceKind::Project, false, crate::space::named("Open"));
    space.create(&owner).await;
    let until_ms = server.now_ms() + DAY;
    let entry = space.authorise(&ana, &node, NodeScope::Runs, until_ms);
    space.must(&owner, &ana, entry).await;
    let run = RunId([3; 16]);
    owner.put_bytes(&space.run_path(run, "/capsule"), b"c".to_vec()).await;
    let mut order = space.order(&ana, &node, run, Some(Hash::of(b"c")), until_ms);
    let (status, body) = space.send(&owner, &ana, order.clone()).await;
    assert_eq!(
        (status, body.code().as_str()),
        (REFUSED, "log-body-open"),
        "no run's body"
    );
    let key = space.key().clone();
    let place = |entry: &Entry| context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
    let body = RunBody::new(&spec(space.id, run), key.clone());
    order.body = Some(seal_body(&body, key.key(), &place(&order), &mut rng()));
    space.must(&owner, &ana, order).await;
    let mut adopt = space.next(&ana, Op::Adopt { run, added: vec![] }, None);
    let body = AdoptBody {
        result: vec![1].into(),
        put: vec![secret(ana.principal)],
    };
    adopt.body = Some(seal_body(&body, key.key(), &place(&adopt), &mut rng()));
    let (status, answer) = space.send(&owner, &ana, adopt.clone()).await;
    assert_eq!((status, answer.code().as_str()), (REFUSED, "log-secret-in-standard"));
    let body = AdoptBody { put: vec![], ..body };
    adopt.body = Some(seal_body(&body, key.key(), &place(&adopt), &mut rng()));
    space.must(&owner, &ana, adopt).await;
}

/// A spec that means nothing: the server looks at none.
fn spec(space: SpaceId, run: RunId) -> RunSpec {
    RunSpec {
        format: holdfast_protocol::run::FORMAT,
        space,
        run,
        node: Hash([1; 32]),
        task: Granted {
            item: ItemId([1; 16]),
            version: VersionId([1; 16]),
            manifest: Hash([1; 32]),
        },
        runtime: "shell".into(),
        entry: "run.sh".into(),
        image: None,
        parameters: vec![],
        inputs: vec![],
        secrets: vec![],
        outputs: vec![],
        limits: Limits {
            seconds: 1,
            memory: 1,
            milli_cpus: 1,
            processes: 1,
            disk: 1,
            log: 1,
        },
        hosts: vec![],
        until_ms: 2,
        attempts: 1,
        workflow: None,
    }
}

fn secret(author: PrincipalId) -> Item {
    Item {
        id: ItemId([1; 16]),
        kind: ItemKind::Secret,
        name: "token".into(),
        description: String::new(),
        tags: vec![],
        created_ms: 1,
        trashed_ms: None,
        chunk_id_key: None,
        versions: vec![Version {
            id: VersionId([2; 16]),
            author,
            created_ms: 1,
            note: String::new(),
            content: Content::Text {
                text: SecretText::new("a token".to_owned().into()),
            },
        }],
        secret_type: Some(SecretType::Git),
        expires_ms: None,
    }
}
