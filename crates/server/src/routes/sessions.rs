//! Sign-in, tokens, devices.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use holdfast_protocol::id::DeviceId;
use holdfast_protocol::wire::{DeviceRow, ErrorBody, Refresh, SignInChallenge, SignInProof, SignInStart, Tokens};

use super::App;
use crate::auth::{Caller, From};
use crate::http::{Ids, Json};
use crate::rules::Failure;

/// Tokens must not lie about in caches.
fn uncached(tokens: Tokens) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], axum::Json(tokens))
}

/// What is needed to sign in. Unknown handles get an answer that looks the same.
#[utoipa::path(post, path = "/v1/signin/start", tag = "sessions", request_body = SignInStart, responses(
    (status = 200, description = "Key-derivation record and nonce", body = SignInChallenge),
    (status = "4XX", description = "422, 429", body = ErrorBody),
))]
pub(crate) async fn start_sign_in(
    State(app): State<Arc<App>>,
    From(peer): From,
    Json(request): Json<SignInStart>,
) -> Result<axum::Json<SignInChallenge>, Failure> {
    app.rules.start_sign_in(&request.handle, peer).await.map(axum::Json)
}

/// Signs a device in.
#[utoipa::path(post, path = "/v1/signin", tag = "sessions", request_body = SignInProof, responses(
    (status = 200, description = "Signed in", body = Tokens),
    (status = "4XX", description = "401 whatever was wrong, 429", body = ErrorBody),
))]
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    From(peer): From,
    Json(proof): Json<SignInProof>,
) -> Result<impl IntoResponse, Failure> {
    app.rules.sign_in(proof, peer).await.map(uncached)
}

/// New tokens for a refresh token. It is good once; used twice, it signs its device out.
#[utoipa::path(post, path = "/v1/token", tag = "sessions", request_body = Refresh, responses(
    (status = 200, description = "New tokens", body = Tokens),
    (status = "4XX", description = "401", body = ErrorBody),
))]
pub(crate) async fn renew(
    State(app): State<Arc<App>>,
    Json(request): Json<Refresh>,
) -> Result<impl IntoResponse, Failure> {
    app.rules.renew(&request.refresh).await.map(uncached)
}

/// Signs this device out.
#[utoipa::path(delete, path = "/v1/token", tag = "sessions", security(("bearer" = [])), responses(
    (status = 204, description = "Signed out"),
    (status = "4XX", description = "401", body = ErrorBody),
))]
pub(crate) async fn sign_out(State(app): State<Arc<App>>, Caller(caller): Caller) -> Result<StatusCode, Failure> {
    app.rules
        .end_device(caller, caller.device)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// The caller's devices, newest first.
#[utoipa::path(get, path = "/v1/devices", tag = "sessions", security(("bearer" = [])), responses(
    (status = 200, description = "Devices", body = Vec<DeviceRow>),
    (status = "4XX", description = "401", body = ErrorBody),
))]
pub(crate) async fn devices(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
) -> Result<axum::Json<Vec<DeviceRow>>, Failure> {
    app.rules.devices(caller).await.map(axum::Json)
}

/// Signs one of the caller's devices out.
#[utoipa::path(delete, path = "/v1/devices/{device}", tag = "sessions", security(("bearer" = [])),
    params(("device" = String, Path, description = "Hex id")), responses(
    (status = 204, description = "Signed out"),
    (status = "4XX", description = "401, 404", body = ErrorBody),
))]
pub(crate) async fn end_device(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Ids(device): Ids<DeviceId>,
) -> Result<StatusCode, Failure> {
    app.rules
        .end_device(caller, device)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}
