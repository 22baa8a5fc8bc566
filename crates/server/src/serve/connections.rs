//! Accepting connections. Our own loop instead of `axum::serve`, which sets no time limit on request heads and no limit on the
//! number of connections.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::auth::Ends;
use crate::limits;

/// Serves connections until `stopping`, then until all are done. Dropping the future cuts them off.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    stopping: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let mut serving = JoinSet::new();
    loop {
        while serving.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = next(&listener, &room) => accepted,
        };
        let Some((stream, ends, permit)) = accepted else {
            continue;
        };
        let (tls, router, stopping) = (tls.clone(), router.clone(), stopping.clone());
        serving.spawn(async move {
            match tls {
                None => serve(stream, ends, router, stopping).await,
                Some(tls) => shake_hands(&tls, stream, ends, router, stopping).await,
            }
            drop(permit);
        });
    }
    drop(listener);
    while serving.join_next().await.is_some() {}
}

/// The next connection, once there is room for one.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, Ends, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, remote)) => {
            let local = stream.local_addr().ok()?;
            // Small answers should not wait for more to send.
            let _ = stream.set_nodelay(true);
            Some((stream, Ends { remote, local }, permit))
        }
        Err(error) => {
            // Out of descriptors, or the other end is gone already: breathe, go on.
            tracing::warn!(kind = %error.kind(), "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// A handshake takes two round trips: whoever is silent in the middle of one takes nobody else's place for long.
async fn shake_hands(tls: &TlsAcceptor, stream: TcpStream, ends: Ends, router: Router, stopping: CancellationToken) {
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(limits::HANDSHAKE, tls.accept(stream)) => shaken,
        () = stopping.cancelled() => return,
    };
    // What does not speak TLS, or does not trust us, is gone: that is its business.
    if let Ok(Ok(stream)) = shaken {
        serve(stream, ends, router, stopping).await;
    }
}

async fn serve<S>(stream: S, ends: Ends, router: Router, stopping: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router
        .layer(Extension(ConnectInfo(ends)))
        .map_request(|request: Request<hyper::body::Incoming>| request.map(axum::body::Body::new));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    tokio::pin!(connection);
    tokio::select! {
        // What goes wrong on a connection is the client's to notice.
        _ = connection.as_mut() => return,
        () = stopping.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
