//! What every request goes through: an id, one line in the log, a time limit, an answer to a panic; and the extractors that
//! answer bad input with an `ErrorBody`.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use crate::limits;
use crate::routes::App;
use crate::rules::Failure;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id of our own (a client's would be the client's words in our log), and writes one line: method, the
/// route's pattern, status, time. The same, without id and time, is counted. Never a path, a header or a body.
pub(crate) async fn log(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let mut drawn = [0; 8];
    // Without randomness the id is zero; nothing depends on it.
    let _ = getrandom::fill(&mut drawn);
    let id = hex::encode(drawn);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", id);
    let mut response = next.run(request).instrument(span).await;
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    app.metrics.count(&method, route, response.status().as_u16());
    tracing::info!(id, %method, route, status = response.status().as_u16(), millis, "answered");
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Ends what takes too long. Whatever a dropped request had not finished is rolled back.
pub(crate) async fn time_limit(request: Request, next: Next) -> Response {
    let part = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|path| path.as_str().contains("/parts/"));
    within(
        if part { limits::PART_REQUEST } else { limits::REQUEST },
        next.run(request),
    )
    .await
}

async fn within(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(limit, answer).await {
        Ok(response) => response,
        Err(_) => Failure::TimedOut.into_response(),
    }
}

/// Answers a panic. Its text may hold anything, so it goes nowhere.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Failure::Internal("a handler panicked".into()).into_response()
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        let value = serde_json::from_slice(&bytes).map_err(|_| Failure::Refused("the message is malformed"))?;
        Ok(Self(value))
    }
}

/// A body as it is.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(BytesRejection::FailedToBufferBody(rejection)) if rejection.status().as_u16() == 413 => {
                Err(Failure::TooLarge)
            }
            Err(_) => Err(Failure::Refused("the body did not arrive whole")),
        }
    }
}

/// Ids in the path. What is no id names nothing.
pub(crate) struct Ids<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Path::from_request_parts(parts, state)
            .await
            .map(|Path(ids)| Self(ids))
            .map_err(|_| Failure::NotFound)
    }
}

/// The query of a URL.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let asked = Query::from_request_parts(parts, state).await;
        asked
            .map(|Query(asked)| Self(asked))
            .map_err(|_| Failure::Refused("the query is malformed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_is_answered() {
        let response = within(Duration::from_millis(5), std::future::pending()).await;
        assert_eq!(response.status().as_u16(), 408);
        let response = within(Duration::from_secs(5), async { "done".into_response() }).await;
        assert_eq!(response.status().as_u16(), 200);
    }
}
