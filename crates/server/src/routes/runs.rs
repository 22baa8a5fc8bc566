//! Runs: capsules, the queue as members see it, results.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::wire::{ErrorBody, RefuseRun, RunResult, RunRow};
use serde::Deserialize;

use super::App;
use crate::auth::{Node, Person};
use crate::http::{Asked, Ids, Json, Raw};
use crate::rules::Failure;

/// Where to go on reading.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Before {
    /// Number of an entry: only runs before it.
    before: Option<u64>,
}

/// Whether an attempt was broken off.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Again {
    /// It was, and may be begun again.
    #[serde(default)]
    again: bool,
}

/// Keeps a run's capsule until the run's entry names it.
#[utoipa::path(put, path = "/v1/spaces/{space}/runs/{run}/capsule", tag = "runs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("run" = String, Path, description = "Hex id")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "Kept"),
    (status = "4XX", description = "401, 403 role, 404, 409 an entry names another one, 413, 422", body = ErrorBody),
    (status = "5XX", description = "507 quota or disk", body = ErrorBody),
))]
pub(crate) async fn put_capsule(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids((space, run)): Ids<(SpaceId, RunId)>,
    Raw(bytes): Raw,
) -> Result<StatusCode, Failure> {
    app.rules
        .put_capsule(caller, space, run, bytes.into())
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// The capsule of a run, for the node that has the lease.
#[utoipa::path(get, path = "/v1/spaces/{space}/runs/{run}/capsule", tag = "runs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("run" = String, Path, description = "Hex id")), responses(
    (status = 200, description = "The capsule", body = Vec<u8>, content_type = "application/octet-stream"),
    (status = "4XX", description = "401, 403 people, 404, 429", body = ErrorBody),
))]
pub(crate) async fn capsule(
    State(app): State<Arc<App>>,
    Node(caller): Node,
    Ids((space, run)): Ids<(SpaceId, RunId)>,
) -> Result<impl IntoResponse, Failure> {
    let bytes = app.rules.capsule(caller, space, run).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes))
}

/// Runs of a space, newest first, at most 1,000.
#[utoipa::path(get, path = "/v1/spaces/{space}/runs", tag = "runs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"),
        ("before" = Option<u64>, Query, description = "Number of an entry: only runs before it")), responses(
    (status = 200, description = "Runs", body = Vec<RunRow>),
    (status = "4XX", description = "401, 403 nodes, 404", body = ErrorBody),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids(space): Ids<SpaceId>,
    Asked(Before { before }): Asked<Before>,
) -> Result<axum::Json<Vec<RunRow>>, Failure> {
    app.rules.runs(caller, space, before).await.map(axum::Json)
}

/// One run.
#[utoipa::path(get, path = "/v1/spaces/{space}/runs/{run}", tag = "runs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("run" = String, Path, description = "Hex id")), responses(
    (status = 200, description = "The run", body = RunRow),
    (status = "4XX", description = "401, 403 nodes, 404", body = ErrorBody),
))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids((space, run)): Ids<(SpaceId, RunId)>,
) -> Result<axum::Json<RunRow>, Failure> {
    app.rules.run(caller, space, run).await.map(axum::Json)
}

/// Notes why a node does not begin a run that it has the lease of. Final.
#[utoipa::path(post, path = "/v1/spaces/{space}/runs/{run}/refuse", tag = "runs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("run" = String, Path, description = "Hex id")),
    request_body = RefuseRun, responses(
    (status = 204, description = "Noted, now or by an earlier, identical request"),
    (status = "4XX", description = "401, 403 people, 404, 409 not under way, 422, 429", body = ErrorBody),
))]
pub(crate) async fn refuse(
    State(app): State<Arc<App>>,
    Node(caller): Node,
    Ids((space, run)): Ids<(SpaceId, RunId)>,
    Json(refusal): Json<RefuseRun>,
) -> Result<StatusCode, Failure> {
    app.rules
        .refuse_run(caller, space, run, &refusal)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// Keeps an attempt's result, once. With `?again=true` the attempt was broken off: the run is queued again while it has
/// attempts left.
#[utoipa::path(put, path = "/v1/spaces/{space}/runs/{run}/attempts/{attempt}/result", tag = "runs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("run" = String, Path, description = "Hex id"),
        ("attempt" = u32, Path, description = "Number from 1"),
        ("again" = Option<bool>, Query, description = "Broken off")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "Kept, now or by an earlier, identical request"),
    (status = "4XX", description = "401, 403 people, 404, 409 there is one, or the attempt is over, 413, 422, 429", body = ErrorBody),
    (status = "5XX", description = "507 disk", body = ErrorBody),
))]
pub(crate) async fn put_result(
    State(app): State<Arc<App>>,
    Node(caller): Node,
    Ids(of): Ids<(SpaceId, RunId, u32)>,
    Asked(broken_off): Asked<Again>,
    Raw(bytes): Raw,
) -> Result<StatusCode, Failure> {
    app.rules
        .put_result(caller, of, broken_off.again, bytes.into())
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// The newest attempt's result.
#[utoipa::path(get, path = "/v1/spaces/{space}/runs/{run}/result", tag = "runs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("run" = String, Path, description = "Hex id")), responses(
    (status = 200, description = "The result", body = RunResult),
    (status = "4XX", description = "401, 403 nodes, 404", body = ErrorBody),
))]
pub(crate) async fn result(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids((space, run)): Ids<(SpaceId, RunId)>,
) -> Result<axum::Json<RunResult>, Failure> {
    app.rules.result(caller, space, run).await.map(axum::Json)
}
