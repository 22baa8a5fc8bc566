//! Invitations.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use holdfast_protocol::id::InvitationId;
use holdfast_protocol::wire::{ClaimInvitation, ErrorBody, InvitationRow, NewInvitation};

use super::App;
use crate::auth::Person;
use crate::http::{Ids, Json};
use crate::rules::Failure;

/// Stores an invitation.
#[utoipa::path(post, path = "/v1/invitations", tag = "invitations", security(("bearer" = [])), request_body = NewInvitation, responses(
    (status = 201, description = "Stored"),
    (status = "4XX", description = "401, 409, 422 ends in the past or after 30 days", body = ErrorBody),
))]
pub(crate) async fn invite(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Json(request): Json<NewInvitation>,
) -> Result<StatusCode, Failure> {
    app.rules.invite(caller, &request).await.map(|()| StatusCode::CREATED)
}

/// The caller's invitations that have not ended, with the proofs that were left.
#[utoipa::path(get, path = "/v1/invitations", tag = "invitations", security(("bearer" = [])), responses(
    (status = 200, description = "Invitations", body = Vec<InvitationRow>),
    (status = "4XX", description = "401", body = ErrorBody),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Person(caller): Person,
) -> Result<axum::Json<Vec<InvitationRow>>, Failure> {
    app.rules.invitations(caller).await.map(axum::Json)
}

/// Takes an invitation back.
#[utoipa::path(delete, path = "/v1/invitations/{invitation}", tag = "invitations", security(("bearer" = [])),
    params(("invitation" = String, Path, description = "Hex id")), responses(
    (status = 204, description = "Gone"),
    (status = "4XX", description = "401, 404", body = ErrorBody),
))]
pub(crate) async fn take_back(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids(id): Ids<InvitationId>,
) -> Result<StatusCode, Failure> {
    app.rules.take_back(caller, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Leaves the newcomer's proof.
#[utoipa::path(post, path = "/v1/invitations/{invitation}/claim", tag = "invitations", security(("bearer" = [])),
    params(("invitation" = String, Path, description = "Hex id")), request_body = ClaimInvitation, responses(
    (status = 204, description = "Left, now or by an earlier, identical request"),
    (status = "4XX", description = "401, 404, 409 claimed by somebody else, 422, 429", body = ErrorBody),
))]
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids(id): Ids<InvitationId>,
    Json(request): Json<ClaimInvitation>,
) -> Result<StatusCode, Failure> {
    app.rules
        .claim(caller, id, &request.proof.0)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}
