//! Who asks: the bearer token of a request, and the two ends of its connection.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use holdfast_protocol::bundle::PrincipalKind;

use crate::ports::Session;
use crate::routes::App;
use crate::rules::{Failure, Peer};

/// The signed-in caller, a person or a node. Tokens come in the header only, never in a URL.
pub(crate) struct Caller(pub(crate) Session);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = header
            .and_then(|value| value.split_once(' '))
            .ok_or(Failure::SignedOut)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Failure::SignedOut);
        }
        app.rules.session(token.trim()).await.map(Caller)
    }
}

/// The signed-in caller, who must be a person.
pub(crate) struct Person(pub(crate) Session);

impl FromRequestParts<Arc<App>> for Person {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let Caller(caller) = Caller::from_request_parts(parts, app).await?;
        match caller.kind {
            PrincipalKind::User => Ok(Self(caller)),
            PrincipalKind::Node => Err(Failure::NotAllowed("this is not for nodes")),
        }
    }
}

/// The signed-in caller, who must be a node, and does not ask too often.
pub(crate) struct Node(pub(crate) Session);

impl FromRequestParts<Arc<App>> for Node {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let Caller(caller) = Caller::from_request_parts(parts, app).await?;
        match caller.kind {
            PrincipalKind::Node => app.rules.pace_node(caller).map(|()| Self(caller)),
            PrincipalKind::User => Err(Failure::NotAllowed("this is for nodes alone")),
        }
    }
}

/// Both ends of a connection, noted when it is accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
}

/// The peer of a request.
pub(crate) struct From(pub(crate) Peer);

impl FromRequestParts<Arc<App>> for From {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Failure> {
        let ends = parts.extensions.get::<ConnectInfo<Ends>>();
        let ends = ends
            .ok_or_else(|| Failure::Internal("a request without a connection".into()))?
            .0;
        Ok(Self(Peer {
            remote: ends.remote.ip(),
            local: ends.local,
        }))
    }
}
