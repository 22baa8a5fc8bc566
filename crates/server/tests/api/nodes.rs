//! Nodes: how they come in, what doors they have, where they read, how they end.

use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::id::{PackId, PrincipalId, RunId};
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::wire::{
    AskLease, B64, BeginPack, Entries, Heartbeat, NewInvitation, NodeCard, NodeRow, PackQuery, RefuseRun, RunState,
    SpaceHead,
};
use reqwest::{Method, StatusCode};

use crate::packs::content;
use crate::people::{Person, rng};
use crate::server::{DAY, Server};
use crate::space::{Space, append};
use crate::work::{CONFLICT, DONE, FORBIDDEN, MISSING, OK, REFUSED, Work, draw, enrol, enrolment, lease, node};

#[tokio::test]
async fn a_token_lets_one_node_in() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (owner, _) = server.join(&ana).await;
    let token = draw(&owner).await;
    assert!(token.token.starts_with("hfn_"));
    let stranger = server.client();
    let made_up = stranger.post("/v1/nodes", &enrolment("hfn_x", &node(20))).await;
    assert_eq!(
        (made_up.0, made_up.1.code().as_str()),
        (StatusCode::UNAUTHORIZED, "signed-out")
    );
    let person = Person::new(2, "ben");
    assert_eq!(
        stranger.post("/v1/nodes", &enrolment(&token.token, &person)).await.0,
        REFUSED,
        "no person comes in as a node"
    );
    let mut broken = enrolment(&token.token, &node(20));
    broken.bundle.0[40] ^= 1;
    assert_eq!(stranger.post("/v1/nodes", &broken).await.0, REFUSED);
    let named_like_ana = Person::with(21, "ana", PrincipalId([21; 16]), PrincipalKind::Node);
    assert_eq!(
        stranger
            .post("/v1/nodes", &enrolment(&token.token, &named_like_ana))
            .await
            .0,
        CONFLICT
    );

    let request = enrolment(&token.token, &node(20));
    assert_eq!(stranger.post("/v1/nodes", &request).await.0, StatusCode::CREATED);
    assert_eq!(stranger.post("/v1/nodes", &request).await.0, OK, "the very same again");
    assert_eq!(
        stranger.post("/v1/nodes", &enrolment(&token.token, &node(22))).await.0,
        StatusCode::UNAUTHORIZED,
        "good once"
    );
    let late = draw(&owner).await;
    server.clock.add_ms(DAY);
    assert_eq!(
        stranger.post("/v1/nodes", &enrolment(&late.token, &node(22))).await.0,
        StatusCode::UNAUTHORIZED,
        "for a day"
    );
    server.running().clean_up().await.unwrap();

    let owner = server.sign_in(&ana).await;
    let worker = server.sign_in(&node(20)).await;
    let rows: Vec<NodeRow> = owner.get("/v1/nodes").await.1.json();
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].principal, rows[0].mine, rows[0].seen_ms, rows[0].card.is_none()),
        (node(20).principal, true, None, true)
    );
    let card = |len| NodeCard {
        card: B64(vec![5; len]),
    };
    assert_eq!(worker.put("/v1/node/card", &card(4_097)).await.0, REFUSED);
    assert_eq!(worker.put("/v1/node/card", &card(0)).await.0, REFUSED);
    assert_eq!(worker.put("/v1/node/card", &card(4_096)).await.0, DONE);
    assert_eq!(lease(&worker, 0).await, None);
    let rows: Vec<NodeRow> = owner.get("/v1/nodes").await.1.json();
    assert_eq!(rows[0].card, Some(B64(vec![5; 4_096])));
    assert!(rows[0].seen_ms.is_some());
}

/// A node that runs wild is slowed down, and nobody else is.
#[tokio::test]
async fn what_a_node_asks_is_bounded() {
    let mut work = Work::begin().await;
    let run = work.order().await;
    let other = enrol(&work.server, &work.owner, &node(21)).await;
    work.server.clock.stop();
    work.must_lease(run, 1).await;
    for _ in 1..1_000 {
        work.beat(run, 1).await;
    }
    let slow = (StatusCode::TOO_MANY_REQUESTS, "rate-limited".to_owned());
    let beat = Heartbeat {
        runs: vec![work.attempt(run, 1)],
    };
    let (status, body) = work.worker.post("/v1/node/heartbeat", &beat).await;
    assert_eq!((status, body.code()), slow);
    let (status, body) = work.worker.post("/v1/node/lease", &AskLease { wait_ms: 0 }).await;
    assert_eq!((status, body.code()), slow);
    let capsule = work.space.run_path(run, "/capsule");
    assert_eq!(work.worker.get(&capsule).await.0, slow.0);
    assert_eq!(work.put_box(run, 1, 0, b"hello").await.0, slow.0);
    assert_eq!(work.result(run, 1, false, b"made").await, slow.0);
    assert_eq!(lease(&other, 0).await, None, "another node");
    assert_eq!(work.state(run).await, (RunState::Running, 1), "people");
    // A hundred come back each second.
    work.server.clock.add_ms(1_000);
    for n in 0..99 {
        assert_eq!(work.put_box(run, 1, n, b"hello").await.0, DONE);
    }
    assert_eq!(work.result(run, 1, false, b"made").await, DONE);
    assert_eq!(work.result(run, 1, false, b"made").await, slow.0);
}

#[tokio::test]
async fn tokens_are_bounded() {
    let server = Server::start().await;
    let (owner, _) = server.join(&Person::new(1, "ana")).await;
    for _ in 0..20 {
        draw(&owner).await;
    }
    let (status, body) = owner.post("/v1/nodes/tokens", &()).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::TOO_MANY_REQUESTS, "rate-limited")
    );
    server.clock.add_ms(60_000);
    assert_eq!(owner.post("/v1/nodes/tokens", &()).await.0, REFUSED, "twenty are open");
    for n in 0..20 {
        let request = enrolment(&format!("hfn_{n}"), &node(20));
        let (status, _) = server.client().post("/v1/nodes", &request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    let (status, _) = server.client().post("/v1/nodes", &enrolment("hfn_", &node(20))).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn doors_that_are_closed() {
    let work = Work::begin().await;
    let (worker, owner, space) = (&work.worker, &work.owner, &work.space);
    let run = RunId([3; 16]);
    let invitation = NewInvitation {
        id: holdfast_protocol::id::InvitationId([1; 16]),
        expires_ms: work.server.now_ms() + DAY,
    };
    let project = Space::project(&work.node);
    let change = work.node.change_to(&work.node.changed(30));
    for path in [
        "/v1/me".to_owned(),
        "/v1/me/recovery".into(),
        "/v1/invitations".into(),
        "/v1/nodes".into(),
        space.path("usage"),
        space.path("runs"),
        space.run_path(run, ""),
        space.run_path(run, "/result"),
        space.run_path(run, "/attempts/1/streams/log"),
    ] {
        assert_eq!(worker.get(&path).await.0, FORBIDDEN, "{path}");
    }
    assert_eq!(worker.put("/v1/me/bundle", &change).await.0, FORBIDDEN);
    assert_eq!(worker.delete("/v1/me/recovery").await.0, FORBIDDEN);
    assert_eq!(worker.post("/v1/invitations", &invitation).await.0, FORBIDDEN);
    assert_eq!(worker.post("/v1/nodes/tokens", &()).await.0, FORBIDDEN);
    assert_eq!(
        worker.delete(&format!("/v1/nodes/{}", work.node.principal)).await.0,
        FORBIDDEN
    );
    assert_eq!(worker.post("/v1/spaces", &append(&project.genesis)).await.0, FORBIDDEN);
    assert_eq!(
        worker.post(&space.path("entries"), &append(&project.genesis)).await.0,
        FORBIDDEN
    );
    assert_eq!(
        worker.put_bytes(&space.run_path(run, "/capsule"), vec![1]).await.0,
        FORBIDDEN
    );
    // What a node needs as people do.
    assert_eq!(worker.get("/v1/devices").await.0, OK);
    assert_eq!(worker.get(&format!("/v1/directory/{}", work.ana.principal)).await.0, OK);

    for (method, path) in [
        (Method::PUT, "/v1/node/card".to_owned()),
        (Method::POST, "/v1/node/lease".into()),
        (Method::POST, "/v1/node/heartbeat".into()),
        (Method::GET, space.run_path(run, "/capsule")),
        (Method::POST, space.run_path(run, "/refuse")),
        (Method::PUT, space.run_path(run, "/attempts/1/streams/log/0")),
        (Method::PUT, space.run_path(run, "/attempts/1/result")),
    ] {
        assert_eq!(
            owner.send(owner.request(method.clone(), &path)).await.0,
            FORBIDDEN,
            "{path}"
        );
        let nobody = work.server.client();
        assert_eq!(
            nobody.send(nobody.request(method, &path)).await.0,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let long = AskLease { wait_ms: 25_001 };
    assert_eq!(worker.post("/v1/node/lease", &long).await.0, REFUSED);
    let much = Heartbeat {
        runs: vec![work.attempt(run, 1); 201],
    };
    assert_eq!(worker.post("/v1/node/heartbeat", &much).await.0, REFUSED);
    let refusal = RefuseRun {
        attempt: 1,
        code: "no".into(),
    };
    assert_eq!(worker.post(&space.run_path(run, "/refuse"), &refusal).await.0, REFUSED);
}

async fn pack(work: &Work, id: PackId) -> (StatusCode, StatusCode) {
    let begin = BeginPack { id, bytes: WINDOW };
    let begun = work.worker.post(&work.space.path("packs"), &begin).await.0;
    let part = work.space.path(&format!("packs/{id}/parts/0"));
    (begun, work.worker.put_bytes(&part, content(WINDOW)).await.0)
}

#[tokio::test]
async fn packs_are_read_and_brought_with_a_lease() {
    let mut work = Work::begin().await;
    let data = PackId([4; 16]);
    let begin = BeginPack {
        id: data,
        bytes: WINDOW,
    };
    work.owner.post(&work.space.path("packs"), &begin).await;
    let part = work.space.path(&format!("packs/{data}/parts/0"));
    work.owner.put_bytes(&part, content(WINDOW)).await;
    let bytes = work.space.path(&format!("packs/{data}/bytes"));
    assert_eq!(work.worker.get(&bytes).await.0, MISSING, "no lease");
    assert_eq!(pack(&work, PackId([5; 16])).await, (MISSING, MISSING));
    let run = work.order().await;
    assert_eq!(work.worker.get(&bytes).await.0, MISSING, "it only waits");
    work.must_lease(run, 1).await;
    assert_eq!(work.worker.get(&bytes).await.1.0, content(WINDOW));
    assert_eq!(pack(&work, PackId([5; 16])).await, (OK, DONE));
    let query = PackQuery { ids: vec![data] };
    assert_eq!(work.worker.post(&work.space.path("packs/query"), &query).await.0, OK);
    let foreign = PackId([6; 16]);
    let begin = BeginPack {
        id: foreign,
        bytes: WINDOW,
    };
    work.owner.post(&work.space.path("packs"), &begin).await;
    let part = work.space.path(&format!("packs/{foreign}/parts/0"));
    assert_eq!(
        work.worker.put_bytes(&part, content(WINDOW)).await.0,
        MISSING,
        "somebody else's pack"
    );
    assert_eq!(
        work.worker
            .delete(&work.space.path(&format!("packs/{foreign}")))
            .await
            .0,
        FORBIDDEN
    );
    work.server.clock.add_ms(30_000);
    assert_eq!(work.worker.get(&bytes).await.0, MISSING, "the lease ran out");
    assert_eq!(work.state(run).await, (RunState::Queued, 0), "nothing was heard of it");
}

#[tokio::test]
async fn the_whole_project_is_read_without_a_lease() {
    let mut work = Work::begin().await;
    let node = node(23);
    let worker = enrol(&work.server, &work.owner, &node).await;
    let until_ms = work.until_ms;
    let entry = work.space.authorise(&work.ana, &node, NodeScope::Project, until_ms);
    work.space.must(&work.owner, &work.ana, entry).await;
    let id = PackId([4; 16]);
    work.owner
        .post(&work.space.path("packs"), &BeginPack { id, bytes: WINDOW })
        .await;
    let part = work.space.path(&format!("packs/{id}/parts/0"));
    work.owner.put_bytes(&part, content(WINDOW)).await;
    let bytes = work.space.path(&format!("packs/{id}/bytes"));
    assert_eq!(worker.get(&bytes).await.1.0, content(WINDOW));
    let begin = BeginPack {
        id: PackId([5; 16]),
        bytes: WINDOW,
    };
    assert_eq!(
        worker.post(&work.space.path("packs"), &begin).await.0,
        MISSING,
        "without a lease nothing is brought"
    );
}

async fn entries(work: &Work) -> (StatusCode, Option<Entries>) {
    let (status, body) = work.worker.get(&work.space.path("entries")).await;
    (status, (status == OK).then(|| body.json()))
}

#[tokio::test]
async fn a_node_reads_until_it_is_withdrawn() {
    let mut work = Work::begin().await;
    let stranger = node(24);
    let other = enrol(&work.server, &work.owner, &stranger).await;
    assert_eq!(other.get(&work.space.path("entries")).await.0, MISSING);
    assert!(other.get("/v1/spaces").await.1.json::<Vec<SpaceHead>>().is_empty());
    let run = work.order().await;
    let waiting = work.order().await;
    work.must_lease(run, 1).await;
    work.beat(run, 1).await;
    assert_eq!(entries(&work).await.1.unwrap().entries.len(), 4);
    let heads: Vec<SpaceHead> = work.worker.get("/v1/spaces").await.1.json();
    assert_eq!(heads.len(), 1);

    let withdrawal = work.space.withdraw_node(&work.ana, &work.node);
    work.space.must(&work.owner, &work.ana, withdrawal).await;
    let commit = work.space.commit(&work.ana);
    work.space.must(&work.owner, &work.ana, commit).await;
    let read = entries(&work).await.1.unwrap();
    assert_eq!(
        (read.entries.len(), read.head.seq),
        (5, 4),
        "up to the one that ended it"
    );
    assert!(
        work.worker
            .get("/v1/spaces")
            .await
            .1
            .json::<Vec<SpaceHead>>()
            .is_empty()
    );
    assert_eq!(work.state(run).await, (RunState::Withdrawn, 1));
    assert_eq!(work.state(waiting).await, (RunState::Withdrawn, 0));
    assert_eq!(work.beat(run, 1).await.stop, [work.attempt(run, 1)]);
    assert_eq!(work.worker.get(&work.space.run_path(run, "/capsule")).await.0, MISSING);
    assert_eq!(pack(&work, PackId([5; 16])).await, (MISSING, MISSING));
    assert_eq!(work.put_box(run, 1, 0, b"late").await.0, MISSING);
    assert_eq!(work.result(run, 1, false, b"late").await, MISSING);
    assert_eq!(work.lease().await, None);

    let until_ms = work.until_ms;
    let again = work.space.authorise(&work.ana, &work.node, NodeScope::Runs, until_ms);
    work.space.must(&work.owner, &work.ana, again).await;
    assert_eq!(entries(&work).await.1.unwrap().head.seq, 6, "authorised anew");
    assert_eq!(work.lease().await, None, "what was withdrawn stays so");
}

#[tokio::test]
async fn a_node_reads_until_its_time_is_over() {
    let mut work = Work::begin().await;
    let until_ms = work.server.now_ms() + 2 * DAY;
    work.until_ms = until_ms;
    let shorter = work.space.authorise(&work.ana, &work.node, NodeScope::Runs, until_ms);
    work.space.must(&work.owner, &work.ana, shorter).await;
    let run = work.order().await;
    work.server.clock.add_ms(2 * DAY);
    let (owner, worker) = (
        work.server.sign_in(&work.ana).await,
        work.server.sign_in(&work.node).await,
    );
    (work.owner, work.worker) = (owner, worker);
    assert_eq!(entries(&work).await.1.unwrap().head.seq, 3);
    let commit = work.space.commit(&work.ana);
    work.space.must(&work.owner, &work.ana, commit).await;
    let read = entries(&work).await.1.unwrap();
    assert_eq!((read.entries.len(), read.head.seq), (4, 3), "nothing that came later");
    assert_eq!(work.lease().await, None);
    assert_eq!(work.state(run).await.0, RunState::Withdrawn);
    assert!(
        work.worker
            .get("/v1/spaces")
            .await
            .1
            .json::<Vec<SpaceHead>>()
            .is_empty()
    );
    let until_ms = work.server.now_ms() + DAY;
    let longer = work.space.authorise(&work.ana, &work.node, NodeScope::Runs, until_ms);
    work.space.must(&work.owner, &work.ana, longer).await;
    assert_eq!(entries(&work).await.1.unwrap().head.seq, 5);
}

#[tokio::test]
async fn whoever_enrolled_a_node_ends_it() {
    let mut work = Work::begin().await;
    let ben = Person::new(2, "ben");
    let (member, _) = work.server.join(&ben).await;
    assert!(member.get("/v1/nodes").await.1.json::<Vec<NodeRow>>().is_empty());
    let add = work.space.add(&work.ana, &ben, Role::Contributor);
    work.space.must(&work.owner, &work.ana, add).await;
    let rows: Vec<NodeRow> = member.get("/v1/nodes").await.1.json();
    assert_eq!((rows.len(), rows[0].mine), (1, false));
    let path = format!("/v1/nodes/{}", work.node.principal);
    assert_eq!(member.delete(&path).await.0, MISSING);
    let (run, waiting) = (work.order().await, work.order().await);
    work.must_lease(run, 1).await;
    let asking = work.worker.clone();
    assert_eq!(work.owner.delete(&path).await.0, DONE);
    assert_eq!(work.owner.delete(&path).await.0, MISSING, "once");
    for path in ["/v1/spaces".to_owned(), work.space.path("entries")] {
        assert_eq!(asking.get(&path).await.0, StatusCode::UNAUTHORIZED);
    }
    let nonce = work.server.client().challenge(&work.node.handle).await.nonce.0;
    let proof = work.node.proof(&work.server.base(), &nonce, work.server.now_ms());
    let (status, body) = work.server.client().post("/v1/signin", &proof).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNAUTHORIZED, "sign-in-refused")
    );
    assert_eq!(work.state(run).await.0, RunState::Withdrawn);
    assert_eq!(work.state(waiting).await.0, RunState::Withdrawn);
    let later = RunId::random(&mut rng());
    let capsule = work.capsule(later).await;
    let order = work
        .space
        .order(&work.ana, &work.node, later, Some(capsule), work.until_ms);
    work.space.must(&work.owner, &work.ana, order).await;
    assert_eq!(work.state(later).await.0, RunState::Withdrawn, "nobody will begin it");
    assert_eq!(
        work.owner
            .get(&format!("/v1/directory/{}", work.node.principal))
            .await
            .0,
        OK,
        "logs name its bundles"
    );
    assert!(work.owner.get("/v1/nodes").await.1.json::<Vec<NodeRow>>().is_empty());
}

#[tokio::test]
async fn a_node_that_waits_hears_that_it_was_ended() {
    let work = Work::begin().await;
    let worker = work.worker.clone();
    let waiting = tokio::spawn(async move { worker.post("/v1/node/lease", &AskLease { wait_ms: 20_000 }).await.0 });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let path = format!("/v1/nodes/{}", work.node.principal);
    assert_eq!(work.owner.delete(&path).await.0, DONE);
    let status = tokio::time::timeout(std::time::Duration::from_secs(4), waiting).await;
    assert_eq!(status.expect("at once").unwrap(), StatusCode::UNAUTHORIZED);
}
