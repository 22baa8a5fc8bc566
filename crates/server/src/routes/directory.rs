//! Other people's keys.

use std::sync::Arc;

use axum::extract::State;
use holdfast_protocol::id::PrincipalId;
use holdfast_protocol::wire::{DirectoryEntry, ErrorBody, Lookup};

use super::App;
use crate::auth::Caller;
use crate::http::{Ids, Json};
use crate::rules::Failure;

/// Somebody's keys, by handle (in the body, so that no log of URLs holds it).
#[utoipa::path(post, path = "/v1/directory", tag = "directory", security(("bearer" = [])), request_body = Lookup, responses(
    (status = 200, description = "All bundles", body = DirectoryEntry),
    (status = "4XX", description = "401, 404, 429", body = ErrorBody),
))]
pub(crate) async fn look_up(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Json(request): Json<Lookup>,
) -> Result<axum::Json<DirectoryEntry>, Failure> {
    app.rules.look_up(caller, &request.handle).await.map(axum::Json)
}

/// Somebody's keys, by id.
#[utoipa::path(get, path = "/v1/directory/{principal}", tag = "directory", security(("bearer" = [])),
    params(("principal" = String, Path, description = "Hex id")), responses(
    (status = 200, description = "All bundles", body = DirectoryEntry),
    (status = "4XX", description = "401, 404, 429", body = ErrorBody),
))]
pub(crate) async fn look_up_principal(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Ids(principal): Ids<PrincipalId>,
) -> Result<axum::Json<DirectoryEntry>, Failure> {
    app.rules.look_up_principal(caller, principal).await.map(axum::Json)
}
