//! What was said of runs is kept: through a kill at any moment, a backup, and a restore; and a doctor sees when it is not.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_protocol::entry::{NodeScope, SignedEntry};
use holdfast_protocol::id::{Hash, RunId};
use holdfast_protocol::wire::{AskLease, Boxes, Entries, Heartbeat, Leased, RunAttempt, RunResult, RunRow, RunState};
use holdfast_server::ops::{self, DoctorReport, Level};
use holdfast_server::ports::{Clock as _, SystemClock};
use holdfast_server::start;
use reqwest::{Method, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::lifecycle::Process;
use crate::people::{Person, rng};
use crate::server::{Client, DAY, config};
use crate::space::Space;
use crate::work::{DONE, OK, Work, draw, enrolment, node};

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// Runs that were ordered.
    ordered: Vec<RunId>,
    /// Leased attempts.
    leased: Vec<RunId>,
    /// Runs with how many boxes they have, and whether the result was taken.
    said: Vec<(RunId, u64, bool)>,
}

async fn answer(request: reqwest::RequestBuilder) -> Option<(StatusCode, Vec<u8>)> {
    let response = request.timeout(Duration::from_secs(20)).send().await.ok()?;
    let status = response.status();
    let body = response.bytes().await.ok()?;
    Some((status, body.to_vec()))
}

/// Orders runs until the server is gone.
async fn order_on(client: Client, ana: Person, node: Person, mut space: Space, seen: Arc<Mutex<Acknowledged>>) {
    let until_ms = SystemClock.now_ms() + DAY;
    loop {
        let run = RunId::random(&mut rng());
        let capsule = client.request(Method::PUT, &space.run_path(run, "/capsule"));
        match answer(capsule.body(run.as_bytes().to_vec())).await {
            Some((DONE, _)) => {}
            None => return,
            Some(other) => panic!("{other:?}"),
        }
        let named = Some(Hash::of(run.as_bytes()));
        let signed = space
            .order(&ana, &node, run, named, until_ms)
            .sign(ana.sign_key())
            .unwrap();
        let request = client.request(Method::POST, &space.path("entries"));
        match answer(request.json(&crate::space::append(&signed))).await {
            Some((StatusCode::CREATED, _)) => seen.lock().unwrap().ordered.push(run),
            None => return,
            Some(other) => panic!("{other:?}"),
        }
        space.follow(&signed);
    }
}

/// Takes runs, says three boxes and a result of each, until the server is gone.
async fn work_on(client: Client, seen: Arc<Mutex<Acknowledged>>) {
    loop {
        let ask = client
            .request(Method::POST, "/v1/node/lease")
            .json(&AskLease { wait_ms: 2_000 });
        let Some((status, body)) = answer(ask).await else {
            return;
        };
        assert_eq!(status, OK);
        let Some(lease) = serde_json::from_slice::<Leased>(&body).unwrap().lease else {
            continue;
        };
        assert!(!seen.lock().unwrap().leased.contains(&lease.run), "leased once");
        seen.lock().unwrap().leased.push(lease.run);
        let named = RunAttempt {
            space: lease.space,
            run: lease.run,
            attempt: lease.attempt,
        };
        let beat = client
            .request(Method::POST, "/v1/node/heartbeat")
            .json(&Heartbeat { runs: vec![named] });
        if answer(beat).await.is_none() {
            return;
        }
        seen.lock().unwrap().said.push((lease.run, 0, false));
        let path = format!(
            "/v1/spaces/{}/runs/{}/attempts/{}",
            lease.space, lease.run, lease.attempt
        );
        for n in 0..3_u64 {
            let put = client.request(Method::PUT, &format!("{path}/streams/log/{n}"));
            match answer(put.body(n.to_be_bytes().to_vec())).await {
                Some((DONE, _)) => seen.lock().unwrap().said.last_mut().unwrap().1 += 1,
                None => return,
                Some(other) => panic!("{other:?}"),
            }
        }
        let put = client.request(Method::PUT, &format!("{path}/result"));
        match answer(put.body("the result")).await {
            Some((DONE, _)) => seen.lock().unwrap().said.last_mut().unwrap().2 = true,
            None => return,
            Some(other) => panic!("{other:?}"),
        }
    }
}

async fn check(client: &Client, space: &Space, seen: &Acknowledged) {
    let rows: Vec<RunRow> = client.get(&space.path("runs")).await.1.json();
    for run in &seen.ordered {
        assert!(rows.iter().any(|row| row.run == *run), "every order is there");
    }
    for (run, boxes, ended) in &seen.said {
        let path = space.run_path(*run, "/attempts/1/streams/log");
        let stored: Boxes = client.get(&path).await.1.json();
        let stored: Vec<Vec<u8>> = stored.boxes.into_iter().map(|sealed| sealed.0).collect();
        assert!(stored.len() as u64 == *boxes || stored.len() as u64 == *boxes + 1);
        assert!(stored.iter().zip(0_u64..).all(|(stored, n)| *stored == n.to_be_bytes()));
        let (status, body) = client.get(&space.run_path(*run, "/result")).await;
        if *ended {
            let result: RunResult = body.json();
            assert_eq!((status, result.sealed.0), (OK, b"the result".to_vec()));
        }
        let row = rows.iter().find(|row| row.run == *run).unwrap();
        assert_eq!(row.attempt, 1);
        assert_eq!(
            row.state == RunState::Ended,
            status == OK,
            "a result and its state come together"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_that_was_said_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (ana, node) = (Person::new(1, "ana"), node(20));
    let (mut process, mut base) = Process::start(folder.path()).await;
    let client = Client::new(base.clone());
    client.post("/v1/accounts", &Space::vault(&ana).sign_up(&ana)).await;
    let mut enrolled = false;
    let (mut ordered, mut boxes, mut results) = (0, 0, 0);
    for round in 0..4 {
        let mut client = Client::new(base.clone());
        client.token = Some(client.sign_in(&ana, SystemClock.now_ms()).await.access);
        if !enrolled {
            let token = draw(&client).await;
            client.post("/v1/nodes", &enrolment(&token.token, &node)).await;
            enrolled = true;
        }
        let mut worker = Client::new(base.clone());
        worker.token = Some(worker.sign_in(&node, SystemClock.now_ms()).await.access);
        let mut space = Space::project(&ana);
        assert_eq!(space.create(&client).await.0, StatusCode::CREATED);
        let until_ms = SystemClock.now_ms() + 2 * DAY;
        let entry = space.authorise(&ana, &node, NodeScope::Runs, until_ms);
        space.must(&client, &ana, entry).await;
        let seen = Arc::new(Mutex::new(Acknowledged::default()));
        let ordering = order_on(client.clone(), ana.clone(), node.clone(), space.clone(), seen.clone());
        let (ordering, working) = (tokio::spawn(ordering), tokio::spawn(work_on(worker, seen.clone())));
        for _ in 0..2_000 {
            if seen.lock().unwrap().said.iter().any(|said| said.2) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(41 * round)).await;
        process.kill();
        ordering.await.unwrap();
        working.await.unwrap();

        (process, base) = Process::start(folder.path()).await;
        client.base.clone_from(&base);
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        check(&client, &space, &seen).await;
        ordered += seen.ordered.len();
        boxes += seen.said.iter().map(|said| said.1).sum::<u64>();
        results += seen.said.iter().filter(|said| said.2).count();
        // The next round has the node for itself.
        let entries = client.get(&space.path("entries?from=2")).await.1;
        follow_all(&mut space, &entries.json());
        let withdraw = space.withdraw_node(&ana, &node);
        space.must(&client, &ana, withdraw).await;
    }
    assert!(
        ordered >= 4 && boxes >= 12 && results >= 4,
        "{ordered} {boxes} {results}"
    );
    process.kill();
}

fn follow_all(space: &mut Space, entries: &Entries) {
    for entry in &entries.entries {
        space.follow(&SignedEntry::from_bytes(&entry.0).unwrap());
    }
}

fn level(report: &DoctorReport, code: &str) -> Level {
    report
        .findings
        .iter()
        .find(|finding| finding.code == code)
        .unwrap()
        .level
}

#[tokio::test]
async fn backups_hold_the_queue_and_a_doctor_looks_at_it() {
    let mut work = Work::begin().await;
    let (run, waiting) = (work.order().await, work.order().await);
    work.must_lease(run, 1).await;
    work.beat(run, 1).await;
    for n in 0..3 {
        assert_eq!(work.put_box(run, 1, n, b"box").await.0, DONE);
    }
    assert_eq!(work.result(run, 1, false, b"the result").await, DONE);
    let data = work.server.data();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(level(&ops::doctor(&data, &|_| ()).await, "runs"), Level::Ok);
    let folder = tempfile::tempdir().unwrap();
    let backup = folder.path().join("backup");
    ops::backup(&data, &backup, &|_| (), &CancellationToken::new())
        .await
        .unwrap();
    let restored = folder.path().join("restored");
    ops::restore(&backup, &restored, &|_| (), &CancellationToken::new())
        .await
        .unwrap();
    let running = start(config(&restored)).await.unwrap();
    let mut owner = Client::new(format!("http://{}", running.local_addr()));
    owner.token = Some(owner.sign_in(&work.ana, SystemClock.now_ms()).await.access);
    let rows: Vec<RunRow> = owner.get(&work.space.path("runs")).await.1.json();
    let states: Vec<_> = rows.iter().map(|row| (row.run, row.state, row.log)).collect();
    assert_eq!(states, [(waiting, RunState::Queued, 0), (run, RunState::Ended, 3)]);
    let mut worker = Client::new(owner.base.clone());
    worker.token = Some(worker.sign_in(&work.node, SystemClock.now_ms()).await.access);
    assert_eq!(crate::work::lease(&worker, 0).await.unwrap().run, waiting);
    running.stop().await;

    let change = async |statement: &'static str| {
        let again = folder.path().join("again");
        let _ = std::fs::remove_dir_all(&again);
        ops::restore(&backup, &again, &|_| (), &CancellationToken::new())
            .await
            .unwrap();
        let file = format!("sqlite:{}", again.join("holdfast.db").display());
        let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
        sqlx::raw_sql(statement).execute(&pool).await.unwrap();
        pool.close().await;
        level(&ops::doctor(&again, &|_| ()).await, "runs")
    };
    for statement in [
        "DELETE FROM run_boxes WHERE n = 1",
        "DELETE FROM capsules",
        "UPDATE capsules SET sealed = zeroblob(32)",
        "DELETE FROM run_results",
        "UPDATE spaces SET run_bytes = run_bytes + 1",
    ] {
        assert_eq!(change(statement).await, Level::Bad, "{statement}");
    }
    assert_eq!(change("SELECT 1").await, Level::Ok);
}
