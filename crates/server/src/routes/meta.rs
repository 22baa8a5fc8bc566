//! The server itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use holdfast_protocol::wire::{ErrorBody, ServerInfo};

use super::App;
use crate::rules::Failure;

/// Version of the API.
const API: u32 = 1;

/// Whether the server works: 200 and `ok` when the database answers.
#[utoipa::path(get, path = "/healthz", tag = "server", responses(
    (status = 200, description = "It works", body = String, content_type = "text/plain"),
    (status = "5XX", description = "It does not", body = ErrorBody),
))]
pub(crate) async fn health(State(app): State<Arc<App>>) -> Result<&'static str, Failure> {
    app.rules.healthy().await?;
    Ok("ok")
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "server", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object, content_type = "application/json"),
))]
pub(crate) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], crate::openapi_json())
}

/// What server this is, and what time it has.
#[utoipa::path(get, path = "/v1/server", tag = "server", responses(
    (status = 200, description = "Versions", body = ServerInfo),
))]
pub(crate) async fn server(State(app): State<Arc<App>>) -> Json<ServerInfo> {
    Json(ServerInfo {
        api: API,
        version: env!("CARGO_PKG_VERSION").into(),
        time_ms: app.rules.now_ms(),
    })
}
