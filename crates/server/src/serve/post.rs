//! One request to a witness. What comes back bears its signature: the connection has to bring it and nothing more.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::uri::Scheme;
use axum::http::{Request, Uri, header};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The most that is read of an answer.
const ANSWER: usize = 16 << 10;

/// Where a witness takes checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    tls: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Target {
    /// Reads the address of a witness (its submission prefix).
    pub(super) fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let tls = *uri.scheme()? == Scheme::HTTPS;
        if !tls && *uri.scheme()? != Scheme::HTTP || uri.query().is_some() {
            return None;
        }
        let authority = uri.authority()?.as_str();
        if authority.contains('@') {
            return None;
        }
        Some(Self {
            tls,
            host: uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_owned(),
            path: format!("{}/add-checkpoint", uri.path().trim_end_matches('/')),
        })
    }

    /// Sends a request and reads the answer: status and text. Without a time limit.
    pub(super) async fn post(&self, body: String) -> Result<(u16, String), String> {
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(text)?;
        if !self.tls {
            return self.over(stream, body).await;
        }
        let name = ServerName::try_from(self.host.clone()).map_err(text)?;
        let stream = TlsConnector::from(Arc::new(trusting()?)).connect(name, stream).await;
        self.over(stream.map_err(text)?, body).await
    }

    async fn over<S>(&self, stream: S, body: String) -> Result<(u16, String), String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
        let request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Body::from(body))
            .map_err(text)?;
        let asked = async {
            let response = sender.send_request(request).await.map_err(text)?;
            let status = response.status().as_u16();
            let bytes = to_bytes(Body::new(response.into_body()), ANSWER).await.map_err(text)?;
            Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
        };
        tokio::pin!(asked);
        // The connection lives here and ends with the request.
        tokio::select! {
            answer = &mut asked => answer,
            ended = connection => match ended {
                Ok(()) => asked.await,
                Err(error) => Err(text(error)),
            },
        }
    }
}

/// TLS as this computer trusts it.
fn trusting() -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = Verifier::new(Arc::clone(&provider)).map_err(text)?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(text)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(roots))
        .with_no_client_auth())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let target = |tls, host: &str, port, authority: &str, path: &str| {
            Some(Target {
                tls,
                host: host.into(),
                port,
                authority: authority.into(),
                path: path.into(),
            })
        };
        for (url, read) in [
            (
                "http://127.0.0.1:80",
                target(false, "127.0.0.1", 80, "127.0.0.1:80", "/add-checkpoint"),
            ),
            (
                "https://w.example/a/",
                target(true, "w.example", 443, "w.example", "/a/add-checkpoint"),
            ),
            (
                "http://[::1]:7711/",
                target(false, "::1", 7711, "[::1]:7711", "/add-checkpoint"),
            ),
            ("ftp://w.example", None),
            ("w.example", None),
            ("http://me@w.example", None),
            ("http://w.example/?a=b", None),
        ] {
            assert_eq!(Target::parse(url), read, "{url}");
        }
    }
}
