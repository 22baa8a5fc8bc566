//! Nodes and runs as tests begin them: a project with a node, orders, boxes, results.

use holdfast_crypto::Key32;
use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::entry::{Body, Entry, NodeScope, Op};
use holdfast_protocol::id::{Hash, PrincipalId, RunId};
use holdfast_protocol::wire::{
    AskLease, B64, Boxes, EnrolNode, Heard, Heartbeat, Lease, Leased, NodeToken, RunAttempt, RunRow, RunState,
};
use reqwest::{Method, StatusCode};

use crate::people::{Person, rng};
use crate::server::{Body as Answer, Client, DAY, Server};
use crate::space::Space;

pub const OK: StatusCode = StatusCode::OK;
pub const DONE: StatusCode = StatusCode::NO_CONTENT;
pub const CONFLICT: StatusCode = StatusCode::CONFLICT;
pub const MISSING: StatusCode = StatusCode::NOT_FOUND;
pub const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
pub const REFUSED: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// A node with root `n`.
pub fn node(n: u8) -> Person {
    Person::with(n, &format!("node-{n}"), PrincipalId([n; 16]), PrincipalKind::Node)
}

pub async fn draw(client: &Client) -> NodeToken {
    let (status, body) = client.post("/v1/nodes/tokens", &()).await;
    assert_eq!(status, StatusCode::CREATED);
    body.json()
}

pub fn enrolment(token: &str, node: &Person) -> EnrolNode {
    EnrolNode {
        token: token.into(),
        bundle: B64(node.signed.clone()),
    }
}

/// Enrols a node and signs it in.
pub async fn enrol(server: &Server, owner: &Client, node: &Person) -> Client {
    let token = draw(owner).await;
    let (status, _) = server.client().post("/v1/nodes", &enrolment(&token.token, node)).await;
    assert_eq!(status, StatusCode::CREATED);
    server.sign_in(node).await
}

impl Space {
    pub fn authorise(&self, author: &Person, node: &Person, scope: NodeScope, until_ms: u64) -> Entry {
        let wrap = (scope == NodeScope::Project).then(|| self.wrap_for(author, node));
        let op = Op::AuthoriseNode {
            principal: node.principal,
            bundle: node.bundle_hash(),
            fingerprint: node.bundle.fingerprint,
            scope,
            until_ms,
            wrap,
        };
        self.next(author, op, None)
    }

    pub fn withdraw_node(&self, author: &Person, node: &Person) -> Entry {
        let op = Op::WithdrawNode {
            principal: node.principal,
            epoch: None,
        };
        self.next(author, op, None)
    }

    pub fn order(&self, author: &Person, node: &Person, run: RunId, capsule: Option<Hash>, until_ms: u64) -> Entry {
        self.order_times(author, node, run, capsule, until_ms, 2)
    }

    pub fn order_times(
        &self,
        author: &Person,
        node: &Person,
        run: RunId,
        capsule: Option<Hash>,
        until_ms: u64,
        attempts: u32,
    ) -> Entry {
        let op = Op::Run {
            run,
            node: node.principal,
            node_bundle: node.bundle_hash(),
            spec: Hash([7; 32]),
            capsule,
            until_ms,
            attempts,
        };
        self.next(author, op, Some(Body::default()))
    }

    pub fn run_path(&self, run: RunId, rest: &str) -> String {
        self.path(&format!("runs/{run}{rest}"))
    }
}

/// A project of Ana's with a node that she enrolled and authorised for runs.
pub struct Work {
    pub server: Server,
    pub ana: Person,
    pub owner: Client,
    pub space: Space,
    pub node: Person,
    pub worker: Client,
    pub until_ms: u64,
}

impl Work {
    pub async fn begin() -> Self {
        Self::on(Server::start().await).await
    }

    pub async fn on(server: Server) -> Self {
        let (ana, node) = (Person::new(1, "ana"), node(20));
        let (owner, _) = server.join(&ana).await;
        let worker = enrol(&server, &owner, &node).await;
        let mut space = Space::project(&ana);
        space.create(&owner).await;
        let until_ms = server.now_ms() + 300 * DAY;
        space
            .must(&owner, &ana, space.authorise(&ana, &node, NodeScope::Runs, until_ms))
            .await;
        Self {
            server,
            ana,
            owner,
            space,
            node,
            worker,
            until_ms,
        }
    }

    /// Puts a run into the queue, with a capsule.
    pub async fn order(&mut self) -> RunId {
        self.order_times(2).await
    }

    pub async fn order_times(&mut self, attempts: u32) -> RunId {
        let run = RunId::random(&mut rng());
        let capsule = self.capsule(run).await;
        let entry = self
            .space
            .order_times(&self.ana, &self.node, run, Some(capsule), self.until_ms, attempts);
        self.space.must(&self.owner, &self.ana, entry).await;
        run
    }

    /// Sends a capsule for a run.
    pub async fn capsule(&self, run: RunId) -> Hash {
        let capsule = Key32::random(&mut rng()).expose().to_vec();
        let path = self.space.run_path(run, "/capsule");
        let hash = Hash::of(&capsule);
        assert_eq!(self.owner.put_bytes(&path, capsule).await.0, DONE);
        hash
    }

    /// What is leased when the node asks.
    pub async fn lease(&self) -> Option<Lease> {
        lease(&self.worker, 0).await
    }

    pub async fn must_lease(&self, run: RunId, attempt: u32) -> Lease {
        let lease = self.lease().await.expect("a lease");
        assert_eq!((lease.run, lease.attempt), (run, attempt));
        lease
    }

    pub async fn beat(&self, run: RunId, attempt: u32) -> Heard {
        let runs = vec![self.attempt(run, attempt)];
        let (status, body) = self.worker.post("/v1/node/heartbeat", &Heartbeat { runs }).await;
        assert_eq!(status, OK);
        body.json()
    }

    pub fn attempt(&self, run: RunId, attempt: u32) -> RunAttempt {
        RunAttempt {
            space: self.space.id,
            run,
            attempt,
        }
    }

    pub async fn row(&self, run: RunId) -> RunRow {
        let (status, body) = self.owner.get(&self.space.run_path(run, "")).await;
        assert_eq!(status, OK);
        body.json()
    }

    pub async fn state(&self, run: RunId) -> (RunState, u32) {
        let row = self.row(run).await;
        (row.state, row.attempt)
    }

    pub async fn put_box(&self, run: RunId, attempt: u32, n: u64, sealed: &[u8]) -> (StatusCode, Answer) {
        let path = self
            .space
            .run_path(run, &format!("/attempts/{attempt}/streams/log/{n}"));
        self.worker.put_bytes(&path, sealed.to_vec()).await
    }

    pub async fn boxes(&self, run: RunId, attempt: u32, from: u64, wait_ms: u64) -> Boxes {
        let rest = format!("/attempts/{attempt}/streams/log?from={from}&wait_ms={wait_ms}");
        let (status, body) = self.owner.get(&self.space.run_path(run, &rest)).await;
        assert_eq!(status, OK);
        body.json()
    }

    pub async fn result(&self, run: RunId, attempt: u32, again: bool, sealed: &[u8]) -> StatusCode {
        let query = if again { "?again=true" } else { "" };
        let path = self.space.run_path(run, &format!("/attempts/{attempt}/result{query}"));
        let request = self.worker.request(Method::PUT, &path).body(sealed.to_vec());
        self.worker.send(request).await.0
    }

    pub fn adopt(&self, run: RunId, added: Vec<holdfast_protocol::entry::PackSize>) -> Entry {
        self.space
            .next(&self.ana, Op::Adopt { run, added }, Some(Body::default()))
    }
}

pub async fn lease(client: &Client, wait_ms: u64) -> Option<Lease> {
    let (status, body) = client.post("/v1/node/lease", &AskLease { wait_ms }).await;
    assert_eq!(status, OK);
    body.json::<Leased>().lease
}
