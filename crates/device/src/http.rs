//! The way to a server by HTTP/1.1: https with a pinned key or the system's roots, or plain http to this very computer.
//!
//! Everything that comes back is a stranger's: no redirects, no cookies, no decompression, and never more of a body
//! than the caller asked for. Which certificate is taken says [`verify`].

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use holdfast_engine::ports::{Method, Request, Response, Transport, Unreachable};
use holdfast_engine::{Error, Result};
use holdfast_protocol::id::Hash;
use reqwest::header::{ACCEPT, CONTENT_TYPE, RANGE, TRANSFER_ENCODING};
use reqwest::{Client, RequestBuilder, Url};
use tokio::sync::mpsc;
use tokio::time::timeout;

mod address;
mod events;
mod verify;

use address::{client, parse_origin};
use events::Events;
use verify::NotTaken;

/// How long the other side may be silent: before it answers, and between two pieces of an answer or event stream.
const SILENCE: Duration = Duration::from_secs(60);
/// Sending a body may take its time on a slow line; slower than this many bytes a second is given up.
const SLOWEST: u64 = 16 << 10;
/// Events kept for a slow listener.
const EVENTS: usize = 64;

/// [`Transport`] over HTTP.
pub struct HttpTransport {
    origin: String,
    pin: Option<Hash>,
    client: Client,
    silence: Duration,
}

impl HttpTransport {
    /// A way to the server at `origin`, `https://host[:port]`. Plain `http` is for this computer only: `localhost`,
    /// 127.0.0.0/8 and `[::1]`. Its certificate has to be one that this computer trusts. Connects to nothing yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the address is not one, holds more than scheme, host and port, or is plain http to
    /// elsewhere.
    pub fn new(origin: &str) -> Result<Self> {
        Self::pinned(origin, None)
    }

    /// The same, to a server that may show the key with this fingerprint and no other (SHA-256 of the SubjectPublicKeyInfo), if
    /// there is one.
    ///
    /// # Errors
    /// As [`HttpTransport::new`]; [`Error::Invalid`] for a fingerprint without https.
    pub fn pinned(origin: &str, pin: Option<Hash>) -> Result<Self> {
        let (url, loopback) = parse_origin(origin)?;
        let tls = url.scheme() == "https";
        if !tls && pin.is_some() {
            return Err(Error::Invalid(
                "Only an https:// address has a certificate to compare with a fingerprint.".into(),
            ));
        }
        let internal = |why: String| Error::Internal(format!("HTTP can't be set up: {why}"));
        let tls = match tls {
            true => Some(verify::config(pin).map_err(|error| internal(error.to_string()))?),
            false => None,
        };
        let client = client(tls, loopback).map_err(|error| internal(reason(error)))?;
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            pin,
            client,
            silence: SILENCE,
        })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
    ) -> std::result::Result<RequestBuilder, Unreachable> {
        // Else `@elsewhere/` would turn our host into a user name.
        let url = path
            .starts_with('/')
            .then(|| Url::parse(&format!("{}{path}", self.origin)).ok())
            .flatten();
        let Some(url) = url.filter(|url| url.origin().ascii_serialization() == self.origin) else {
            return Err(Unreachable::unsent("not a path of this server"));
        };
        let method = match method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let builder = self.client.request(method, url);
        // Marked as sensitive by reqwest: it prints as such.
        Ok(match token {
            Some(token) => builder.bearer_auth(token),
            None => builder,
        })
    }

    /// Reads a whole body, and no more than `limit` bytes of it.
    async fn read_body(&self, mut answer: reqwest::Response, limit: usize) -> std::result::Result<Bytes, Unreachable> {
        let too_long = || Unreachable::silent("the answer is longer than it may be");
        let announced = answer.content_length();
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(too_long());
        }
        let bodiless = matches!(answer.status().as_u16(), 204 | 205 | 304);
        if announced.is_none() && !answer.headers().contains_key(TRANSFER_ENCODING) && !bodiless {
            // It would end with the connection: nobody could tell a whole answer from one that was cut (RFC 9112, 8).
            return Err(Unreachable::silent("the answer doesn't say where it ends"));
        }
        // What was announced is not yet there: room is made as it comes.
        let mut body = BytesMut::new();
        while let Some(piece) = timeout(self.silence, answer.chunk())
            .await
            .map_err(|_| silent())?
            .map_err(unreachable)?
        {
            if piece.len() > limit - body.len() {
                return Err(too_long());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body.freeze())
    }
}

#[async_trait]
impl Transport for HttpTransport {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn pin(&self) -> Option<Hash> {
        self.pin
    }

    async fn send(&self, request: Request) -> std::result::Result<Response, Unreachable> {
        let mut builder = self.request(request.method, &request.path, request.token.as_deref())?;
        if let Some((first, last)) = request.range {
            builder = builder.header(RANGE, format!("bytes={first}-{last}"));
        }
        let mut patience = self.silence;
        if let Some((body, json)) = request.body {
            patience += Duration::from_secs(body.len() as u64 / SLOWEST);
            let kind = if json {
                "application/json"
            } else {
                "application/octet-stream"
            };
            builder = builder.header(CONTENT_TYPE, kind).body(body);
        }
        let answer = timeout(patience, builder.send())
            .await
            .map_err(|_| silent())?
            .map_err(unreachable)?;
        let status = answer.status().as_u16();
        Ok(Response {
            status,
            body: self.read_body(answer, request.limit).await?,
        })
    }

    /// Holds the connection for as long as the receiver lives. The server must send something at least once a
    /// minute (a comment line will do), else the connection counts as lost.
    async fn listen(&self, path: &str, token: &str) -> std::result::Result<mpsc::Receiver<String>, Unreachable> {
        let builder = self
            .request(Method::Get, path, Some(token))?
            .header(ACCEPT, "text/event-stream");
        let mut answer = timeout(self.silence, builder.send())
            .await
            .map_err(|_| silent())?
            .map_err(unreachable)?;
        let kind = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if answer.status() != reqwest::StatusCode::OK || !kind.starts_with("text/event-stream") {
            return Err(Unreachable::silent(format!(
                "the server answered {} instead of events",
                answer.status().as_u16()
            )));
        }
        let (send, receive) = mpsc::channel(EVENTS);
        let silence = self.silence;
        tokio::spawn(async move {
            let mut events = Events::default();
            loop {
                let piece = tokio::select! {
                    () = send.closed() => return,
                    piece = timeout(silence, answer.chunk()) => piece,
                };
                let Ok(Ok(Some(piece))) = piece else { return };
                let Ok(messages) = events.feed(&piece) else { return };
                for message in messages {
                    if send.send(message).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(receive)
    }
}

fn silent() -> Unreachable {
    Unreachable::silent("it does not answer")
}

fn unreachable(error: reqwest::Error) -> Unreachable {
    if let Some(NotTaken { seen, why }) = NotTaken::find(&error) {
        let server = error.url().map(|url| url.origin().ascii_serialization());
        let server = server.as_deref().unwrap_or("The server");
        return match why {
            Some(why) => Unreachable::unknown(server, seen, &why),
            None => Unreachable::changed(server, seen),
        };
    }
    // While connecting, TLS included, nothing of a request is on its way.
    if error.is_connect() {
        return Unreachable::unsent(reason(error));
    }
    let plain = error.url().is_some_and(|url| url.scheme() == "http");
    let reason = reason(error);
    // What a server that speaks TLS sends to whoever does not is no HTTP at all.
    if plain && reason.starts_with("invalid HTTP version") {
        return Unreachable::needs_tls();
    }
    Unreachable::silent(reason)
}

/// The innermost reason, which is the one people can use ("connection refused"); without the address.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_timeout() && error.is_connect() {
        return "no connection in time".into();
    }
    let text = innermost.to_string();
    if text.is_empty() { error.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes connections, and either says nothing or begins an answer and then says nothing.
    async fn mute(start: &'static [u8], silence: Duration) -> HttpTransport {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // An answer before the question would be an error of its own.
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut [0; 16])
                    .await
                    .unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut stream, start).await.unwrap();
                open.push(stream);
            }
        });
        HttpTransport {
            silence,
            ..HttpTransport::new(&origin).unwrap()
        }
    }

    #[tokio::test]
    async fn a_silent_server_is_given_up() {
        let get = Request {
            method: Method::Get,
            path: "/".into(),
            token: None,
            body: None,
            range: None,
            limit: 99,
        };
        let soon = Duration::from_millis(100);
        for start in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\nContent-Le",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        ] {
            let error = mute(start, soon).await.send(get.clone()).await.unwrap_err();
            assert_eq!(error, silent(), "{start:?}");
        }
        assert!(mute(b"", soon).await.listen("/", "t").await.is_err());
        let stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        // It has to connect and to answer within that time, on a computer that may have much else to do.
        let connected = mute(stream, Duration::from_secs(2)).await.listen("/", "t").await;
        assert_eq!(connected.unwrap().recv().await, None);
    }

    #[test]
    fn a_path_can_not_lead_elsewhere() {
        let here = HttpTransport::new("https://example.org").unwrap();
        for path in [
            "@elsewhere.org/",
            ".elsewhere.org/",
            ":1/",
            "",
            "v1/x",
            "https://elsewhere.org/",
        ] {
            assert!(here.request(Method::Get, path, None).is_err(), "{path}");
        }
        let kept = here
            .request(Method::Get, "//elsewhere.org/x", None)
            .unwrap()
            .build()
            .unwrap();
        assert_eq!(kept.url().host_str(), Some("example.org"));
    }
}
