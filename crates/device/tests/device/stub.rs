//! A server that says exactly what it is told to, byte by byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What arrived: head as text, body.
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    /// A header's value; names are compared in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }
}

pub(crate) struct Stub {
    pub(crate) origin: String,
    pub(crate) seen: mpsc::UnboundedReceiver<Seen>,
    pub(crate) connections: Arc<AtomicUsize>,
}

/// Answers every request with `answer`, and then hangs up or not.
pub(crate) async fn serve(answer: impl Into<Vec<u8>>, hang_up: bool) -> Stub {
    let answer: Arc<[u8]> = answer.into().into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (send, seen) = mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let (send, answer) = (send.clone(), answer.clone());
            tokio::spawn(async move {
                while let Some(request) = read(&mut stream).await {
                    let _ = send.send(request);
                    // The client may have hung up by now: that is its right.
                    if stream.write_all(&answer).await.is_err() || hang_up {
                        return;
                    }
                }
            });
        }
    });
    Stub {
        origin,
        seen,
        connections,
    }
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut seen = Seen {
        head: String::from_utf8(bytes[..end].to_vec()).unwrap(),
        body: bytes.split_off(end),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    while seen.body.len() < length {
        if stream.read_buf(&mut seen.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(seen)
}
