//! A relay between clients and a server that sees every request at five moments, and can end it at any of them.
//!
//! It understands just enough of HTTP/1.1 (RFC 9112) to know where messages end. What it passes on, it passes on
//! unchanged. Each request gets a connection to the server of its own, so a request is never sent to a server that is gone.

mod layered;
mod trap;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use self::trap::Trap;

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its head is here, the server knows nothing of it.
    Arrived,
    /// The server has half of its body.
    Half,
    /// The server has all of it.
    Sent,
    /// The server has answered, the client does not know yet.
    Answered,
    /// The client has the whole answer.
    Passed,
}

/// A request at one moment.
pub struct Event<'a> {
    /// Number of the client's connection, in the order in which they came.
    pub connection: u64,
    /// How far it is.
    pub moment: Moment,
    /// For example `PUT`.
    pub method: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The answer's status, 0 before there is one.
    pub status: u16,
}

impl<'a> Event<'a> {
    /// For a part of a pack, the pack's id and the part's number.
    #[must_use]
    pub fn part(&self) -> Option<(&'a str, u32)> {
        let (before, number) = self.path.rsplit_once("/parts/")?;
        let pack = before.rsplit('/').next()?;
        (self.method == "PUT").then_some((pack, number.parse().ok()?))
    }

    /// Whether it appends an entry to the log of a space that is there.
    #[must_use]
    pub fn is_append(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/entries")
    }

    /// Whether it reads from a pack.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.method == "GET" && self.path.contains("/packs/") && self.path.ends_with("/bytes")
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Go,
    /// Both connections are closed.
    Cut,
}

/// Decides at each moment. Called from many threads; a request waits until it returns.
pub type Judge = dyn Fn(&Event) -> Verdict + Send + Sync;

/// A relay that is not open yet: its address is known.
pub struct Relay {
    listener: TcpListener,
    connections: Arc<AtomicU64>,
}

impl Relay {
    /// Takes a free port. Connections wait until [`Relay::open`].
    ///
    /// # Panics
    /// When there is no port.
    #[must_use]
    pub fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self {
            listener,
            connections: Arc::default(),
        }
    }

    /// Its address.
    ///
    /// # Panics
    /// Never, once bound.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().expect("an address"))
    }

    /// Passes everything on to a port of this computer from now on, until the test ends. Gives a counter of connections.
    pub fn open(self, port: u16, judge: Arc<Judge>) -> Arc<AtomicU64> {
        let connections = self.connections.clone();
        std::thread::spawn(move || {
            for client in self.listener.incoming().map_while(Result::ok) {
                let connection = self.connections.fetch_add(1, Ordering::SeqCst);
                let judge = judge.clone();
                std::thread::spawn(move || {
                    // However it ends, both sides see their connection closed: that is all there is to say.
                    let _ = serve(&client, port, connection, judge.as_ref());
                });
            }
        });
        connections
    }
}

/// Which parts were acknowledged, and which were begun again although they were.
#[derive(Default)]
pub struct Parts {
    /// `pack/part` of each part whose good answer reached the client.
    pub acknowledged: BTreeSet<String>,
    /// How often the server got each part whole.
    pub sent: BTreeMap<String, u64>,
    /// Parts that were begun again after they had been acknowledged, and were not in flight when somebody was killed.
    pub twice: Vec<String>,
    /// The same, but they were in flight: the answer had left, and may not have been taken in.
    pub in_flight_twice: Vec<String>,
    newest: VecDeque<String>,
    in_flight: BTreeSet<String>,
}

/// Packs that a client sends at the same time, so parts that can be in flight.
const WORKERS: usize = 2;

impl Parts {
    /// Counts what happens to parts. `heard` is false for answers to a client that is no more.
    pub fn note(&mut self, event: &Event, heard: bool) {
        let Some((pack, part)) = event.part() else { return };
        let key = format!("{pack}/{part}");
        match event.moment {
            Moment::Arrived if self.acknowledged.contains(&key) => {
                // Once for each kill, and no more.
                if self.in_flight.remove(&key) {
                    &mut self.in_flight_twice
                } else {
                    &mut self.twice
                }
                .push(key);
            }
            Moment::Sent => *self.sent.entry(key).or_default() += 1,
            Moment::Passed if heard && (200..300).contains(&event.status) => {
                self.newest.push_back(key.clone());
                self.newest.drain(..self.newest.len().saturating_sub(WORKERS));
                self.acknowledged.insert(key);
            }
            _ => {}
        }
    }

    /// Somebody is killed now: of each worker one part is in flight, the newest it has heard of at most.
    pub fn killed(&mut self) {
        self.in_flight = self.newest.iter().cloned().collect();
    }

    /// How many times the server got a part whole that it had had whole before.
    #[must_use]
    pub fn sent_again(&self) -> u64 {
        self.sent.values().map(|times| times - 1).sum()
    }
}

/// A message's head, and where its body ends.
struct Head {
    bytes: Vec<u8>,
    body: Body,
}

#[derive(Clone, Copy, PartialEq)]
enum Body {
    Length(u64),
    Chunked,
    UntilClosed,
}

impl Head {
    /// The `n`-th word of the first line.
    fn word(&self, n: usize) -> &str {
        let line = self.bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        std::str::from_utf8(line)
            .unwrap_or_default()
            .split(' ')
            .nth(n)
            .unwrap_or_default()
    }
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Reads a head; `None` when the other side has closed instead.
fn read_head(from: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut bytes = Vec::new();
    let mut length = None;
    let mut chunked = false;
    loop {
        let start = bytes.len();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            return if bytes.is_empty() {
                Ok(None)
            } else {
                Err(bad("a head that was cut"))
            };
        }
        let line = bytes[start..].trim_ascii().to_ascii_lowercase();
        if line.is_empty() {
            let body = match (chunked, length) {
                (true, _) => Body::Chunked,
                (false, Some(length)) => Body::Length(length),
                (false, None) => Body::UntilClosed,
            };
            return Ok(Some(Head { bytes, body }));
        }
        if let Some(value) = line.strip_prefix(b"content-length:") {
            let value = std::str::from_utf8(value).map_err(|_| bad("a length"))?;
            length = Some(value.trim().parse().map_err(|_| bad("a length"))?);
        } else if let Some(value) = line.strip_prefix(b"transfer-encoding:") {
            chunked = value.trim_ascii() == b"chunked";
        }
    }
}

fn serve(client: &TcpStream, port: u16, connection: u64, judge: &Judge) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::with_capacity(256 << 10, client);
    while let Some(request) = read_head(&mut from_client)? {
        let upstream = TcpStream::connect(("127.0.0.1", port))?;
        upstream.set_nodelay(true)?;
        let (method, path) = (request.word(0), request.word(1));
        let go = |moment, status| match judge(&Event {
            connection,
            moment,
            method,
            path,
            status,
        }) {
            Verdict::Go => Ok(()),
            Verdict::Cut => Err(bad("cut")),
        };
        go(Moment::Arrived, 0)?;
        // A server may refuse before it has read everything: then its answer counts, not that writing failed.
        if let Err(error) = send(&request, &mut from_client, &upstream, || go(Moment::Half, 0))? {
            if error.kind() == io::ErrorKind::InvalidData {
                return Err(error);
            }
        } else {
            go(Moment::Sent, 0)?;
        }
        let mut from_server = BufReader::with_capacity(256 << 10, &upstream);
        let answer = loop {
            let answer = read_head(&mut from_server)?.ok_or_else(|| bad("no answer"))?;
            if !answer.word(1).starts_with('1') {
                break answer;
            }
            (&mut &*client).write_all(&answer.bytes)?;
        };
        let status = answer.word(1).parse().map_err(|_| bad("a status"))?;
        go(Moment::Answered, status)?;
        (&mut &*client).write_all(&answer.bytes)?;
        match answer.body {
            _ if matches!(status, 204 | 304) => {}
            Body::Length(length) => copy(&mut from_server, client, length)?,
            Body::Chunked => copy_chunks(&mut from_server, client)?,
            Body::UntilClosed => {
                io::copy(&mut from_server, &mut &*client)?;
                go(Moment::Passed, status)?;
                return Ok(());
            }
        }
        go(Moment::Passed, status)?;
    }
    Ok(())
}

/// Passes a request on, and calls `half` when half of its body is through. The outer error is the client's or `half`'s,
/// the inner one the server's.
fn send(
    request: &Head,
    client: &mut BufReader<&TcpStream>,
    server: &TcpStream,
    half: impl Fn() -> io::Result<()>,
) -> io::Result<io::Result<()>> {
    if let Err(error) = (&mut &*server).write_all(&request.bytes) {
        return Ok(Err(error));
    }
    match request.body {
        Body::Length(length) => {
            for (bytes, then) in [(length / 2, true), (length - length / 2, false)] {
                let mut left = bytes;
                while left > 0 {
                    let block = client.fill_buf()?;
                    if block.is_empty() {
                        return Err(bad("a request that was cut"));
                    }
                    let some = usize::try_from(left).unwrap_or(usize::MAX).min(block.len());
                    if let Err(error) = (&mut &*server).write_all(&block[..some]) {
                        return Ok(Err(error));
                    }
                    client.consume(some);
                    left -= some as u64;
                }
                if then && length > 1 {
                    half()?;
                }
            }
        }
        Body::Chunked => copy_chunks(client, server)?,
        // A request without a length has no body.
        Body::UntilClosed => {}
    }
    Ok(Ok(()))
}

fn copy(from: &mut impl Read, mut to: &TcpStream, length: u64) -> io::Result<()> {
    if io::copy(&mut from.take(length), &mut to)? == length {
        Ok(())
    } else {
        Err(bad("an answer that was cut"))
    }
}

fn copy_chunks(from: &mut impl BufRead, mut to: &TcpStream) -> io::Result<()> {
    loop {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line)?;
        let text = std::str::from_utf8(&line).map_err(|_| bad("a chunk"))?;
        let digits = text.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16).map_err(|_| bad("a chunk"))?;
        to.write_all(&line)?;
        // With the line end behind it; after the last chunk there are no trailers here, only that line end.
        copy(from, to, length + 2)?;
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    use super::*;

    /// A server that takes one request for each connection and answers with what it got.
    fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(&stream);
                let Ok(Some(head)) = read_head(&mut reader) else {
                    continue;
                };
                let Body::Length(length) = head.body else { continue };
                let mut body = vec![0; usize::try_from(length).expect("a size")];
                if reader.read_exact(&mut body).is_ok() {
                    let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n");
                    let _ = (&mut &stream).write_all(&[answer.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat());
                }
            }
        });
        port
    }

    fn ask(url: &str, times: usize) -> Vec<u8> {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").expect("an address")).expect("a connection");
        let mut all = Vec::new();
        for _ in 0..times {
            let _ = stream.write_all(b"PUT /v1/spaces/s/packs/p/parts/3 HTTP/1.1\r\ncontent-length: 4\r\n\r\nabcd");
            let mut some = [0; 1024];
            while !all.ends_with(b"0\r\n\r\n") {
                match stream.read(&mut some) {
                    Ok(0) | Err(_) => return all,
                    Ok(length) => all.extend_from_slice(&some[..length]),
                }
            }
            if times > 1 {
                all.clear();
            }
        }
        all
    }

    #[test]
    fn a_request_is_seen_at_each_moment_and_can_be_cut_at_it() {
        let port = echo();
        let all = [
            Moment::Arrived,
            Moment::Half,
            Moment::Sent,
            Moment::Answered,
            Moment::Passed,
        ];
        for cut in all.into_iter().map(Some).chain([None]) {
            let relay = Relay::bind();
            let url = relay.url();
            let seen = Arc::new(Mutex::new(Vec::new()));
            let noted = seen.clone();
            relay.open(
                port,
                Arc::new(move |event: &Event| {
                    assert_eq!(event.part(), Some(("p", 3)));
                    noted.lock().expect("the list").push(event.moment);
                    if Some(event.moment) == cut {
                        Verdict::Cut
                    } else {
                        Verdict::Go
                    }
                }),
            );
            let upto = cut.map_or(5, |cut| all.iter().position(|at| *at == cut).expect("one of them") + 1);
            let answer = ask(&url, 1);
            // The client may have its answer before the relay has noted that.
            let patience = Instant::now() + Duration::from_secs(20);
            while seen.lock().expect("the list").len() < upto && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(2));
            }
            let whole = answer.ends_with(b"4\r\nabcd\r\n0\r\n\r\n");
            assert_eq!(whole, cut.is_none() || cut == Some(Moment::Passed), "{cut:?}");
            if cut.is_none() {
                ask(&url, 3);
            }
            let seen = seen.lock().expect("the list");
            assert_eq!(seen[..upto], all[..upto], "{cut:?}");
            assert!(cut.is_none() || seen.len() == upto, "{cut:?}");
        }
    }

    #[test]
    fn parts_that_are_begun_again_after_their_answer_are_found() {
        let mut parts = Parts::default();
        let pass = |parts: &mut Parts, number: u32, upto: usize| {
            let path = format!("/v1/spaces/s/packs/p/parts/{number}");
            for (moment, status) in [(Moment::Arrived, 0), (Moment::Sent, 0), (Moment::Passed, 204)]
                .into_iter()
                .take(upto)
            {
                parts.note(
                    &Event {
                        connection: 0,
                        moment,
                        method: "PUT",
                        path: &path,
                        status,
                    },
                    true,
                );
            }
            (parts.twice.len(), parts.sent_again())
        };
        pass(&mut parts, 0, 3);
        assert_eq!(pass(&mut parts, 1, 2), (0, 0));
        assert_eq!(pass(&mut parts, 1, 3), (0, 1));
        assert_eq!(pass(&mut parts, 0, 3), (1, 2));
        pass(&mut parts, 2, 3);
        parts.killed();
        assert_eq!(pass(&mut parts, 2, 3), (1, 3));
        assert_eq!(pass(&mut parts, 2, 3), (2, 4));
        assert_eq!(pass(&mut parts, 1, 3), (3, 5));
    }
}
