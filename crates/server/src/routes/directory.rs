//! Other people's keys.

use std::sync::Arc;

use axum::extract::State;
use holdfast_protocol::id::PrincipalId;
use holdfast_protocol::wire::{AskProof, DirectoryEntry, ErrorBody, Leaves, Lookup, Proof};

use super::App;
use crate::auth::Caller;
use crate::http::{Asked, Ids, Json};
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

/// The newest head of the log of keys, as C2SP tlog-checkpoint has it.
#[utoipa::path(get, path = "/v1/directory/checkpoint", tag = "directory", security(("bearer" = [])), responses(
    (status = 200, description = "Checkpoint", body = String, content_type = "text/plain"),
    (status = "4XX", description = "401, 429", body = ErrorBody),
))]
pub(crate) async fn checkpoint(State(app): State<Arc<App>>, Caller(caller): Caller) -> Result<String, Failure> {
    app.rules.checkpoint(caller).await
}

/// Proofs about the log of keys.
#[utoipa::path(post, path = "/v1/directory/proof", tag = "directory", security(("bearer" = [])), request_body = AskProof, responses(
    (status = 200, description = "The newest head, and proofs against it", body = Proof),
    (status = "4XX", description = "401, 422, 429", body = ErrorBody),
))]
pub(crate) async fn prove(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Json(request): Json<AskProof>,
) -> Result<axum::Json<Proof>, Failure> {
    app.rules.prove(caller, &request).await.map(axum::Json)
}

/// Where to begin.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FromLeaf {
    /// Number of the first leaf.
    #[serde(default)]
    from: u64,
}

/// The log of keys, page by page.
#[utoipa::path(get, path = "/v1/directory/leaves", tag = "directory", security(("bearer" = [])), 
    params(("from" = Option<u64>, Query, description = "Number of the first leaf; 0 when absent")), responses(
    (status = 200, description = "Leaves in order", body = Leaves),
    (status = "4XX", description = "401, 422, 429", body = ErrorBody),
))]
pub(crate) async fn leaves(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Asked(FromLeaf { from }): Asked<FromLeaf>,
) -> Result<axum::Json<Leaves>, Failure> {
    app.rules.leaves(caller, from).await.map(axum::Json)
}
