//! Sign-up, one's own account, key change, recovery.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use holdfast_protocol::wire::{ErrorBody, KeyChange, Me, Recover, Recovered, RecoveryBox, SignUp};

use super::App;
use crate::auth::{From, Person};
use crate::http::Json;
use crate::rules::Failure;

/// Makes an account: first bundle, vault and recovery box in one. 200 when this very request was done before.
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", request_body = SignUp, responses(
    (status = 201, description = "Made"),
    (status = 200, description = "Made by an earlier, identical request"),
    (status = "4XX", description = "403 closed, 409 taken, 422 refused, 429", body = ErrorBody),
))]
pub(crate) async fn sign_up(
    State(app): State<Arc<App>>,
    From(peer): From,
    Json(request): Json<SignUp>,
) -> Result<StatusCode, Failure> {
    let fresh = app.rules.sign_up(request, peer).await?;
    Ok(if fresh { StatusCode::CREATED } else { StatusCode::OK })
}

/// What a signed-in device needs to unlock.
#[utoipa::path(get, path = "/v1/me", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "The account", body = Me),
    (status = "4XX", description = "401", body = ErrorBody),
))]
pub(crate) async fn me(State(app): State<Arc<App>>, Person(caller): Person) -> Result<axum::Json<Me>, Failure> {
    app.rules.me(caller).await.map(axum::Json)
}

/// All of a key change in one. Every other device is signed out.
#[utoipa::path(put, path = "/v1/me/bundle", tag = "accounts", security(("bearer" = [])), request_body = KeyChange, responses(
    (status = 204, description = "Done, now or by an earlier, identical request"),
    (status = "4XX", description = "401, 409 another device was quicker, 422", body = ErrorBody),
))]
pub(crate) async fn change_keys(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Json(request): Json<KeyChange>,
) -> Result<StatusCode, Failure> {
    app.rules
        .change_keys(caller, request)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// The caller's own recovery box, to take it to another server.
#[utoipa::path(get, path = "/v1/me/recovery", tag = "accounts", security(("bearer" = [])), responses(
    (status = 200, description = "The box", body = RecoveryBox),
    (status = "4XX", description = "401, 404", body = ErrorBody),
))]
pub(crate) async fn own_recovery(
    State(app): State<Arc<App>>,
    Person(caller): Person,
) -> Result<axum::Json<RecoveryBox>, Failure> {
    app.rules.own_recovery(caller).await.map(axum::Json)
}

/// Keeps a recovery box instead of the one before.
#[utoipa::path(put, path = "/v1/me/recovery", tag = "accounts", security(("bearer" = [])), request_body = RecoveryBox, responses(
    (status = 204, description = "Kept"),
    (status = "4XX", description = "401, 409, 422", body = ErrorBody),
))]
pub(crate) async fn set_recovery(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Json(request): Json<RecoveryBox>,
) -> Result<StatusCode, Failure> {
    app.rules
        .set_recovery(caller, Some(request))
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// Removes the recovery box.
#[utoipa::path(delete, path = "/v1/me/recovery", tag = "accounts", security(("bearer" = [])), responses(
    (status = 204, description = "Gone"),
    (status = "4XX", description = "401", body = ErrorBody),
))]
pub(crate) async fn remove_recovery(
    State(app): State<Arc<App>>,
    Person(caller): Person,
) -> Result<StatusCode, Failure> {
    app.rules
        .set_recovery(caller, None)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// The box under a locator. Needs no sign-in: only the recovery key gives the locator.
#[utoipa::path(post, path = "/v1/recovery", tag = "accounts", request_body = Recover, responses(
    (status = 200, description = "The box", body = Recovered),
    (status = "4XX", description = "404, 429", body = ErrorBody),
))]
pub(crate) async fn recover(
    State(app): State<Arc<App>>,
    From(peer): From,
    Json(request): Json<Recover>,
) -> Result<axum::Json<Recovered>, Failure> {
    app.rules.recover(request, peer).await.map(axum::Json)
}
