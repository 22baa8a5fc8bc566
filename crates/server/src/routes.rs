//! One thin handler for each route: read the request, ask the rules, write the answer.

pub(crate) mod accounts;
pub(crate) mod directory;
pub(crate) mod events;
pub(crate) mod invitations;
pub(crate) mod meta;
pub(crate) mod moving;
pub(crate) mod nodes;
pub(crate) mod packs;
pub(crate) mod runs;
pub(crate) mod sessions;
pub(crate) mod spaces;
pub(crate) mod streams;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{delete, get, post, put};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::metrics::Metrics;
use crate::rules::{Failure, Rules};
use crate::{http, limits};

/// What handlers share.
pub(crate) struct App {
    pub(crate) rules: Arc<Rules>,
    pub(crate) metrics: Metrics,
    /// Cancelled when the server stops: streams without an end, end.
    pub(crate) stopping: CancellationToken,
}

/// All routes with what every request goes through.
pub(crate) fn router(app: Arc<App>) -> Router {
    let api = Router::new()
        .route("/server", get(meta::server))
        .route(
            "/accounts",
            post(accounts::sign_up).layer(DefaultBodyLimit::max(limits::SIGN_UP)),
        )
        .route(
            "/accounts/move",
            post(moving::account).layer(DefaultBodyLimit::max(limits::MOVE_ACCOUNT)),
        )
        .route("/signin/start", post(sessions::start_sign_in))
        .route("/signin", post(sessions::sign_in))
        .route("/token", post(sessions::renew).delete(sessions::sign_out))
        .route("/devices", get(sessions::devices))
        .route("/devices/{device}", delete(sessions::end_device))
        .route("/me", get(accounts::me))
        .route("/me/bundle", put(accounts::change_keys))
        .route(
            "/me/recovery",
            get(accounts::own_recovery)
                .put(accounts::set_recovery)
                .delete(accounts::remove_recovery),
        )
        .route("/recovery", post(accounts::recover))
        .route("/directory", post(directory::look_up))
        .route("/directory/checkpoint", get(directory::checkpoint))
        .route("/directory/proof", post(directory::prove))
        .route("/directory/leaves", get(directory::leaves))
        .route("/directory/{principal}", get(directory::look_up_principal))
        .route(
            "/spaces",
            get(spaces::list)
                .post(spaces::create)
                .layer(DefaultBodyLimit::max(limits::APPEND)),
        )
        .route(
            "/spaces/{space}/entries",
            get(spaces::entries)
                .post(spaces::append)
                .layer(DefaultBodyLimit::max(limits::APPEND)),
        )
        .route(
            "/spaces/{space}/move",
            post(moving::entries).layer(DefaultBodyLimit::max(limits::MOVE_ENTRIES)),
        )
        .route("/spaces/{space}/move/finish", post(moving::finish))
        .route("/spaces/{space}/usage", get(spaces::usage))
        .route("/spaces/{space}/packs", post(packs::begin))
        .route("/spaces/{space}/packs/query", post(packs::query))
        .route("/spaces/{space}/packs/{pack}", delete(packs::abort))
        .route(
            "/spaces/{space}/packs/{pack}/parts/{part}",
            put(packs::put_part).layer(DefaultBodyLimit::max(limits::PART)),
        )
        .route("/spaces/{space}/packs/{pack}/bytes", get(packs::read))
        .route("/invitations", post(invitations::invite).get(invitations::list))
        .route("/invitations/{invitation}", delete(invitations::take_back))
        .route("/invitations/{invitation}/claim", post(invitations::claim))
        .route("/events", get(events::listen))
        .route("/nodes/tokens", post(nodes::draw_token))
        .route("/nodes", post(nodes::enrol).get(nodes::list))
        .route("/nodes/{principal}", delete(nodes::end))
        .route("/node/card", put(nodes::set_card))
        .route("/node/lease", post(nodes::lease))
        .route("/node/heartbeat", post(nodes::heartbeat))
        .route(
            "/spaces/{space}/runs/{run}/capsule",
            put(runs::put_capsule)
                .get(runs::capsule)
                .layer(DefaultBodyLimit::max(limits::CAPSULE)),
        )
        .route("/spaces/{space}/runs", get(runs::list))
        .route("/spaces/{space}/runs/{run}", get(runs::show))
        .route("/spaces/{space}/runs/{run}/refuse", post(runs::refuse))
        .route(
            "/spaces/{space}/runs/{run}/attempts/{attempt}/streams/{stream}/{n}",
            put(streams::put_box).layer(DefaultBodyLimit::max(limits::STREAM_BOX)),
        )
        .route(
            "/spaces/{space}/runs/{run}/attempts/{attempt}/streams/{stream}",
            get(streams::read),
        )
        .route(
            "/spaces/{space}/runs/{run}/attempts/{attempt}/result",
            put(runs::put_result).layer(DefaultBodyLimit::max(limits::RUN_RESULT)),
        )
        .route("/spaces/{space}/runs/{run}/result", get(runs::result));
    Router::new()
        .route("/healthz", get(meta::health))
        .route("/openapi.json", get(meta::openapi))
        .nest("/v1", api)
        .fallback(|| async { Failure::NotFound })
        .method_not_allowed_fallback(|| async { Failure::NotFound })
        .layer(DefaultBodyLimit::max(limits::SMALL))
        .layer(middleware::from_fn(http::time_limit))
        .layer(CatchPanicLayer::custom(http::panicked))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), http::log))
        .with_state(app)
}
