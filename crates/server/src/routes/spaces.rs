//! Logs.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::wire::{Append, Entries, ErrorBody, SpaceHead, Usage};
use serde::Deserialize;

use super::App;
use crate::auth::{Caller, Person};
use crate::http::{Asked, Ids, Json};
use crate::rules::{Appended, Failure};

/// Where to begin reading.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromEntry {
    /// Number of the first entry.
    #[serde(default)]
    from: u64,
}

pub(super) fn answer(appended: Appended) -> (StatusCode, axum::Json<SpaceHead>) {
    let status = if appended.fresh {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    (status, axum::Json(appended.head))
}

/// Where all spaces stand that the caller is in, the vault included.
#[utoipa::path(get, path = "/v1/spaces", tag = "spaces", security(("bearer" = [])), responses(
    (status = 200, description = "Heads", body = Vec<SpaceHead>),
    (status = "4XX", description = "401", body = ErrorBody),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
) -> Result<axum::Json<Vec<SpaceHead>>, Failure> {
    app.rules.spaces(caller).await.map(axum::Json)
}

/// Begins a project with its genesis entry. 200 when this very entry was stored before.
#[utoipa::path(post, path = "/v1/spaces", tag = "spaces", security(("bearer" = [])), request_body = Append, responses(
    (status = 201, description = "Stored", body = SpaceHead),
    (status = 200, description = "Stored by an earlier, identical request", body = SpaceHead),
    (status = "4XX", description = "401, 403, 409, 413, 422 (also codes of the log)", body = ErrorBody),
))]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Json(request): Json<Append>,
) -> Result<(StatusCode, axum::Json<SpaceHead>), Failure> {
    app.rules.create_space(caller, &request.entry.0).await.map(answer)
}

/// Entries in order. At most 500, fewer when they are large; former members get those up to the one that ended their membership,
/// and that one as the head.
#[utoipa::path(get, path = "/v1/spaces/{space}/entries", tag = "spaces", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("from" = Option<u64>, Query, description = "Number of the first entry; 0 when absent")),
    responses(
    (status = 200, description = "Entries and the head", body = Entries),
    (status = "4XX", description = "401, 404", body = ErrorBody),
))]
pub(crate) async fn entries(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Ids(space): Ids<SpaceId>,
    Asked(FromEntry { from }): Asked<FromEntry>,
) -> Result<axum::Json<Entries>, Failure> {
    app.rules.entries(caller, space, from).await.map(axum::Json)
}

/// Appends an entry. 200 when this very entry was stored before.
#[utoipa::path(post, path = "/v1/spaces/{space}/entries", tag = "spaces", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id")), request_body = Append, responses(
    (status = 201, description = "Stored; the entry's place", body = SpaceHead),
    (status = 200, description = "Stored by an earlier, identical request", body = SpaceHead),
    (status = "4XX", description = "401, 403 role, 404, 409 the log moved on, 413, 422 (codes of the log, `pack-missing`)", body = ErrorBody),
    (status = "5XX", description = "507 quota or disk", body = ErrorBody),
))]
pub(crate) async fn append(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids(space): Ids<SpaceId>,
    Json(request): Json<Append>,
) -> Result<(StatusCode, axum::Json<SpaceHead>), Failure> {
    app.rules.append(caller, space, &request.entry.0).await.map(answer)
}

/// How much a space holds.
#[utoipa::path(get, path = "/v1/spaces/{space}/usage", tag = "spaces", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id")), responses(
    (status = 200, description = "Bytes", body = Usage),
    (status = "4XX", description = "401, 404", body = ErrorBody),
))]
pub(crate) async fn usage(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids(space): Ids<SpaceId>,
) -> Result<axum::Json<Usage>, Failure> {
    app.rules.usage(caller, space).await.map(axum::Json)
}
