//! The routes of nodes and runs. `docs/spec/wire.md` section 12.

use bytes::Bytes;
use holdfast_protocol::id::{PrincipalId, RunId, SpaceId};
use holdfast_protocol::limits;
use holdfast_protocol::run::{Attempt, Stream};
use holdfast_protocol::wire::{
    AskLease, Boxes, EnrolNode, Heard, Heartbeat, Lease, Leased, NodeCard, NodeRow, NodeToken, RefuseRun, RunAttempt,
    RunResult, RunRow,
};

use super::{Api, JSON_LIMIT};
use crate::error::Result;
use crate::ports::Method;

impl Api {
    /// Draws a token with which one node can enrol.
    ///
    /// # Errors
    /// See [`Error`](crate::Error), as everywhere below.
    pub async fn node_token(&self) -> Result<NodeToken> {
        self.call(Method::Post, "/v1/nodes/tokens", None::<&()>).await
    }

    /// Enrols a node.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`](crate::Error::AlreadyExists) when the name is taken.
    pub async fn enrol(&self, message: &EnrolNode) -> Result<()> {
        self.open_empty(Method::Post, "/v1/nodes", Some(message)).await
    }

    /// The nodes of this user and of his projects.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn nodes(&self) -> Result<Vec<NodeRow>> {
        self.call(Method::Get, "/v1/nodes", None::<&()>).await
    }

    /// Ends a node that this user enrolled.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn end_node(&self, node: PrincipalId) -> Result<()> {
        self.call_empty(Method::Delete, &format!("/v1/nodes/{node}"), None::<&()>)
            .await
    }

    /// Says what this node's computer is.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn put_card(&self, card: &NodeCard) -> Result<()> {
        self.call_empty(Method::Put, "/v1/node/card", Some(card)).await
    }

    /// Asks for a run to do, and waits up to so long for one.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn lease(&self, wait_ms: u64) -> Result<Option<Lease>> {
        let leased: Leased = self
            .call(Method::Post, "/v1/node/lease", Some(&AskLease { wait_ms }))
            .await?;
        Ok(leased.lease)
    }

    /// Says what this node works on.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn heartbeat(&self, runs: Vec<RunAttempt>) -> Result<Heard> {
        self.call(Method::Post, "/v1/node/heartbeat", Some(&Heartbeat { runs }))
            .await
    }

    /// Leaves a run's capsule, before the entry that names it.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn put_capsule(&self, space: SpaceId, run: RunId, capsule: Vec<u8>) -> Result<()> {
        self.put_raw(&format!("/v1/spaces/{space}/runs/{run}/capsule"), capsule.into())
            .await
    }

    /// Fetches a run's capsule.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn capsule(&self, space: SpaceId, run: RunId) -> Result<Bytes> {
        let path = format!("/v1/spaces/{space}/runs/{run}/capsule");
        let answer = self.authorised(Method::Get, &path, None, None, limits::CAPSULE).await?;
        Ok(answer.body)
    }

    /// How runs of a project stand, the newest first; those before an entry, where one is named.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn runs(&self, space: SpaceId, before: Option<u64>) -> Result<Vec<RunRow>> {
        let query = before.map(|seq| format!("?before={seq}")).unwrap_or_default();
        self.call(Method::Get, &format!("/v1/spaces/{space}/runs{query}"), None::<&()>)
            .await
    }

    /// How one run stands.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn run(&self, space: SpaceId, run: RunId) -> Result<RunRow> {
        self.call(Method::Get, &format!("/v1/spaces/{space}/runs/{run}"), None::<&()>)
            .await
    }

    /// Says why this node does not do a run.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn refuse_run(&self, of: Attempt, code: &str) -> Result<()> {
        let message = RefuseRun {
            attempt: of.attempt,
            code: code.to_owned(),
        };
        let Attempt { space, run, .. } = of;
        self.call_empty(
            Method::Post,
            &format!("/v1/spaces/{space}/runs/{run}/refuse"),
            Some(&message),
        )
        .await
    }

    /// Sends box `number` of a stream. The same one again is fine.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict) when it is not the next one, or the attempt is over.
    pub async fn put_box(&self, of: Attempt, stream: Stream, number: u64, sealed: Vec<u8>) -> Result<()> {
        let path = format!("{}/streams/{}/{number}", attempt_path(of), stream.name());
        self.put_raw(&path, sealed.into()).await
    }

    /// Boxes of a stream from number `from` on; waits up to so long for the first one.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn boxes(&self, of: Attempt, stream: Stream, from: u64, wait_ms: u64) -> Result<Boxes> {
        let path = format!(
            "{}/streams/{}?from={from}&wait_ms={wait_ms}",
            attempt_path(of),
            stream.name()
        );
        self.call(Method::Get, &path, None::<&()>).await
    }

    /// Sends an attempt's result; `again` when it was broken off and may be begun again.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict) when there is another one, or the attempt is not this node's any more.
    pub async fn put_result(&self, of: Attempt, sealed: Vec<u8>, again: bool) -> Result<()> {
        let query = if again { "?again=true" } else { "" };
        self.put_raw(&format!("{}/result{query}", attempt_path(of)), sealed.into())
            .await
    }

    /// The newest attempt's result.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    pub async fn run_result(&self, space: SpaceId, run: RunId) -> Result<RunResult> {
        self.call(
            Method::Get,
            &format!("/v1/spaces/{space}/runs/{run}/result"),
            None::<&()>,
        )
        .await
    }

    async fn put_raw(&self, path: &str, bytes: Bytes) -> Result<()> {
        self.authorised(Method::Put, path, Some((bytes, false)), None, JSON_LIMIT)
            .await
            .map(|_| ())
    }
}

fn attempt_path(of: Attempt) -> String {
    let Attempt { space, run, attempt } = of;
    format!("/v1/spaces/{space}/runs/{run}/attempts/{attempt}")
}
