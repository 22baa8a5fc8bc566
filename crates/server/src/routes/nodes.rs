//! Nodes: enrolling, listing, ending; and what nodes say of themselves.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use holdfast_protocol::id::PrincipalId;
use holdfast_protocol::wire::{AskLease, EnrolNode, ErrorBody, Heard, Heartbeat, Leased, NodeCard, NodeRow, NodeToken};

use super::App;
use crate::auth::{From, Node, Person};
use crate::http::{Ids, Json};
use crate::rules::Failure;

/// Draws a token that lets one node register, within 24 hours.
#[utoipa::path(post, path = "/v1/nodes/tokens", tag = "nodes", security(("bearer" = [])), responses(
    (status = 201, description = "The token", body = NodeToken),
    (status = "4XX", description = "401, 403 nodes, 422 too many open ones, 429", body = ErrorBody),
))]
pub(crate) async fn draw_token(
    State(app): State<Arc<App>>,
    Person(caller): Person,
) -> Result<impl IntoResponse, Failure> {
    let token = app.rules.draw_node_token(caller).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, headers, axum::Json(token)))
}

/// Registers a node by a token. 200 when this very request was done before. It signs in as people do.
#[utoipa::path(post, path = "/v1/nodes", tag = "nodes", request_body = EnrolNode, responses(
    (status = 201, description = "Registered"),
    (status = 200, description = "Registered by an earlier, identical request"),
    (status = "4XX", description = "401 the token is not good, 409 taken, 422 refused, 429", body = ErrorBody),
))]
pub(crate) async fn enrol(
    State(app): State<Arc<App>>,
    From(peer): From,
    Json(request): Json<EnrolNode>,
) -> Result<StatusCode, Failure> {
    let fresh = app.rules.enrol_node(request, peer).await?;
    Ok(if fresh { StatusCode::CREATED } else { StatusCode::OK })
}

/// Nodes that the caller enrolled, and those of the caller's projects.
#[utoipa::path(get, path = "/v1/nodes", tag = "nodes", security(("bearer" = [])), responses(
    (status = 200, description = "Nodes", body = Vec<NodeRow>),
    (status = "4XX", description = "401, 403 nodes", body = ErrorBody),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Person(caller): Person,
) -> Result<axum::Json<Vec<NodeRow>>, Failure> {
    app.rules.nodes(caller).await.map(axum::Json)
}

/// Ends a node that the caller enrolled: its tokens, its leases, and what waits for it.
#[utoipa::path(delete, path = "/v1/nodes/{principal}", tag = "nodes", security(("bearer" = [])),
    params(("principal" = String, Path, description = "Hex id")), responses(
    (status = 204, description = "Ended"),
    (status = "4XX", description = "401, 403 nodes, 404", body = ErrorBody),
))]
pub(crate) async fn end(
    State(app): State<Arc<App>>,
    Person(caller): Person,
    Ids(node): Ids<PrincipalId>,
) -> Result<StatusCode, Failure> {
    app.rules.end_node(caller, node).await.map(|()| StatusCode::NO_CONTENT)
}

/// Keeps what a node says about its computer.
#[utoipa::path(put, path = "/v1/node/card", tag = "nodes", security(("bearer" = [])), request_body = NodeCard, responses(
    (status = 204, description = "Kept"),
    (status = "4XX", description = "401, 403 people, 422, 429", body = ErrorBody),
))]
pub(crate) async fn set_card(
    State(app): State<Arc<App>>,
    Node(caller): Node,
    Json(card): Json<NodeCard>,
) -> Result<StatusCode, Failure> {
    app.rules.set_card(caller, &card).await.map(|()| StatusCode::NO_CONTENT)
}

/// Leases a run to the node that asks. Answers when there is one, or after `wait_ms`.
#[utoipa::path(post, path = "/v1/node/lease", tag = "nodes", security(("bearer" = [])), request_body = AskLease, responses(
    (status = 200, description = "A lease, or none", body = Leased),
    (status = "4XX", description = "401, 403 people, 422, 429", body = ErrorBody),
))]
pub(crate) async fn lease(
    State(app): State<Arc<App>>,
    Node(caller): Node,
    Json(ask): Json<AskLease>,
) -> Result<axum::Json<Leased>, Failure> {
    app.rules.lease(caller, &ask, &app.stopping).await.map(axum::Json)
}

/// Keeps the leases of what the node works on, and says what it has to stop.
#[utoipa::path(post, path = "/v1/node/heartbeat", tag = "nodes", security(("bearer" = [])), request_body = Heartbeat, responses(
    (status = 200, description = "Heard", body = Heard),
    (status = "4XX", description = "401, 403 people, 422, 429", body = ErrorBody),
))]
pub(crate) async fn heartbeat(
    State(app): State<Arc<App>>,
    Node(caller): Node,
    Json(beat): Json<Heartbeat>,
) -> Result<axum::Json<Heard>, Failure> {
    app.rules.heartbeat(caller, &beat).await.map(axum::Json)
}
