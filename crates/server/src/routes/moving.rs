//! Coming from another server: an account with all of its keys, and logs of one person.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::wire::{ErrorBody, MoveAccount, MoveEntries, Moving, SpaceHead, Tokens};

use super::App;
use crate::auth::{From, Person};
use crate::http::{Ids, Json};
use crate::rules::Failure;

/// Makes an account that another server has: all bundles and link boxes, vault and recovery box in one, and signs it in. 200
/// when this very account is here.
#[utoipa::path(post, path = "/v1/accounts/move", tag = "moving", request_body = MoveAccount, responses(
    (status = 201, description = "Made", body = Tokens),
    (status = 200, description = "It was here", body = Tokens),
    (status = "4XX", description = "401 not proven, 403 closed, 409 taken, 413, 422 refused, 429", body = ErrorBody),
))]
pub(crate) async fn account(
    State(app): State<Arc<App>>,
    From(peer): From,
    Json(request): Json<MoveAccount>,
) -> Result<(StatusCode, axum::Json<Tokens>), Failure> {
    let (fresh, tokens) = app.rules.move_account(request, peer).await?;
    let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, axum::Json(tokens)))
}

/// Puts entries aside for a log of the caller's alone. None of them counts before the end of the move.
#[utoipa::path(post, path = "/v1/spaces/{space}/move", tag = "moving", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id")), request_body = MoveEntries, responses(
    (status = 200, description = "How far it is", body = Moving),
    (status = "4XX", description = "401, 403 not alone in it, 404, 409 a gap, 413, 422 (also codes of the log)", body = ErrorBody),
    (status = "5XX", description = "507 disk", body = ErrorBody),
))]
pub(crate) async fn entries(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids(space): Ids<SpaceId>,
    Json(request): Json<MoveEntries>,
) -> Result<axum::Json<Moving>, Failure> {
    app.rules.move_entries(caller, space, request).await.map(axum::Json)
}

/// Makes the entries that were put aside part of the log, up to the one that is named, all at once. 200 when the log has it.
#[utoipa::path(post, path = "/v1/spaces/{space}/move/finish", tag = "moving", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id")), request_body = SpaceHead, responses(
    (status = 201, description = "Done", body = SpaceHead),
    (status = 200, description = "Done by an earlier request", body = SpaceHead),
    (status = "4XX", description = "401, 403 not alone in it, 404, 409 not all of it is here, 422 (codes of the log, `pack-missing`)", body = ErrorBody),
    (status = "5XX", description = "507 quota or disk", body = ErrorBody),
))]
pub(crate) async fn finish(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids(space): Ids<SpaceId>,
    Json(end): Json<SpaceHead>,
) -> Result<(StatusCode, axum::Json<SpaceHead>), Failure> {
    app.rules
        .finish_move(caller, space, end)
        .await
        .map(super::spaces::answer)
}
