//! What runs print and measure.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::wire::{Boxes, ErrorBody};
use serde::Deserialize;

use super::App;
use crate::auth::{Node, Person};
use crate::http::{Asked, Ids, Raw};
use crate::rules::Failure;

/// Which boxes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromBox {
    /// Number of the first one.
    #[serde(default)]
    from: u64,
    /// How long to wait for it.
    #[serde(default)]
    wait_ms: u64,
}

/// Appends box number `n` (from 0) to a stream of an attempt, `log` or `metrics`. Repeating it is no error.
#[utoipa::path(put, path = "/v1/spaces/{space}/runs/{run}/attempts/{attempt}/streams/{stream}/{n}", tag = "runs",
    security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("run" = String, Path, description = "Hex id"),
        ("attempt" = u32, Path, description = "Number from 1"), ("stream" = String, Path, description = "`log` or `metrics`"),
        ("n" = u64, Path, description = "Number from 0")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "Stored"),
    (status = "4XX", description = "401, 403 people, 404, 409 not the next one, or after the result, 413, 422, 429", body = ErrorBody),
    (status = "5XX", description = "507 quota or disk", body = ErrorBody),
))]
pub(crate) async fn put_box(
    State(app): State<Arc<App>>,
    Node(caller): Node,
    Ids((space, run, attempt, stream, n)): Ids<(SpaceId, RunId, u32, String, u64)>,
    Raw(bytes): Raw,
) -> Result<StatusCode, Failure> {
    app.rules
        .put_box(caller, (space, run, attempt, stream), n, bytes.into())
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// Boxes of a stream in order. Answers when there is one, when no more is to be expected, or after `wait_ms`.
#[utoipa::path(get, path = "/v1/spaces/{space}/runs/{run}/attempts/{attempt}/streams/{stream}", tag = "runs",
    security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("run" = String, Path, description = "Hex id"),
        ("attempt" = u32, Path, description = "Number from 1"), ("stream" = String, Path, description = "`log` or `metrics`"),
        ("from" = Option<u64>, Query, description = "Number of the first box; 0 when absent"),
        ("wait_ms" = Option<u64>, Query, description = "At most 25,000; 0 when absent")), responses(
    (status = 200, description = "Boxes", body = Boxes),
    (status = "4XX", description = "401, 403 nodes, 404, 422", body = ErrorBody),
))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids((space, run, attempt, stream)): Ids<(SpaceId, RunId, u32, String)>,
    Asked(FromBox { from, wait_ms }): Asked<FromBox>,
) -> Result<axum::Json<Boxes>, Failure> {
    let of = (space, run, attempt, stream);
    app.rules
        .boxes(caller, of, from, wait_ms, &app.stopping)
        .await
        .map(axum::Json)
}
