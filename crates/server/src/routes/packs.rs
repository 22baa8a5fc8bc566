//! Packs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use holdfast_protocol::id::{PackId, SpaceId};
use holdfast_protocol::wire::{BeginPack, ErrorBody, PackQuery, PackState, PackStates};

use super::App;
use crate::auth::Caller;
use crate::http::{Ids, Json, Raw};
use crate::rules::{Failure, Reading};

/// Begins a pack; asked again with the same id and size, says how far it is.
#[utoipa::path(post, path = "/v1/spaces/{space}/packs", tag = "packs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id")), request_body = BeginPack, responses(
    (status = 200, description = "How far it is", body = PackState),
    (status = "4XX", description = "401, 403, 404, 409 the id is taken, 422", body = ErrorBody),
    (status = "5XX", description = "507 quota or disk", body = ErrorBody),
))]
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Ids(space): Ids<SpaceId>,
    Json(request): Json<BeginPack>,
) -> Result<axum::Json<PackState>, Failure> {
    app.rules.begin_pack(caller, space, request).await.map(axum::Json)
}

/// Stores part number `part` (from 0): 8 MiB, the last one less. Answered when it is safely on disk; repeating it is no error.
#[utoipa::path(put, path = "/v1/spaces/{space}/packs/{pack}/parts/{part}", tag = "packs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("pack" = String, Path, description = "Hex id"),
        ("part" = u32, Path, description = "Number from 0")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses(
    (status = 204, description = "Stored"),
    (status = "4XX", description = "401, 403, 404 not begun, 413, 422 not of its size", body = ErrorBody),
    (status = "5XX", description = "507 disk", body = ErrorBody),
))]
pub(crate) async fn put_part(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Ids((space, pack, part)): Ids<(SpaceId, PackId, u32)>,
    Raw(bytes): Raw,
) -> Result<StatusCode, Failure> {
    app.rules
        .put_part(caller, space, pack, part, bytes)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}

/// How far packs are. Unknown ones are left out.
#[utoipa::path(post, path = "/v1/spaces/{space}/packs/query", tag = "packs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id")), request_body = PackQuery, responses(
    (status = 200, description = "States", body = PackStates),
    (status = "4XX", description = "401, 404, 422 too many", body = ErrorBody),
))]
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Ids(space): Ids<SpaceId>,
    Json(request): Json<PackQuery>,
) -> Result<axum::Json<PackStates>, Failure> {
    app.rules.query_packs(caller, space, &request).await.map(axum::Json)
}

/// A whole pack, or one range of it.
#[utoipa::path(get, path = "/v1/spaces/{space}/packs/{pack}/bytes", tag = "packs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("pack" = String, Path, description = "Hex id"),
        ("range" = Option<String>, Header, description = "One range of bytes, RFC 9110")), responses(
    (status = 200, description = "All bytes", body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 206, description = "The range", body = Vec<u8>, content_type = "application/octet-stream"),
    (status = "4XX", description = "401, 404, 416", body = ErrorBody),
))]
pub(crate) async fn read(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Ids((space, pack)): Ids<(SpaceId, PackId)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    Ok(send(app.rules.read_pack(caller, space, pack, range).await?))
}

fn send(reading: Reading) -> Response {
    let status = if reading.partial {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let last = reading.from + reading.length - 1;
    let range = format!("bytes {}-{last}/{}", reading.from, reading.size);
    let (partial, length) = (reading.partial, reading.length);
    let mut response = Response::new(Body::from_stream(reading.stream()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if partial && let Ok(value) = HeaderValue::from_str(&range) {
        headers.insert(header::CONTENT_RANGE, value);
    }
    response
}

/// Gives up a pack that no entry names.
#[utoipa::path(delete, path = "/v1/spaces/{space}/packs/{pack}", tag = "packs", security(("bearer" = [])),
    params(("space" = String, Path, description = "Hex id"), ("pack" = String, Path, description = "Hex id")), responses(
    (status = 204, description = "Gone"),
    (status = "4XX", description = "401, 403, 404, 409 an entry names it", body = ErrorBody),
))]
pub(crate) async fn abort(
    State(app): State<Arc<App>>,
    Caller(caller): Caller,
    Ids((space, pack)): Ids<(SpaceId, PackId)>,
) -> Result<StatusCode, Failure> {
    app.rules
        .abort_pack(caller, space, pack)
        .await
        .map(|()| StatusCode::NO_CONTENT)
}
