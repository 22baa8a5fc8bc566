//! The one way out of a task: connections to hosts that its manifest names and the node permits.
//!
//! Inside, it is a proxy for HTTP at 127.0.0.1; the socket was opened there and is served from here, so no process of ours and no
//! file of this computer is needed inside. It takes `CONNECT` only, resolves the name out here, and connects to the very address it looked at:
//! nothing that a name server answers later counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast_task::Host;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::time::timeout;

use super::order::{Event, Network};

/// Where it listens, inside.
pub(crate) const PORT: u16 = 3128;

/// Connections at one time.
const CONNECTIONS: usize = 64;

/// Longest request, in bytes.
const REQUEST: usize = 8 << 10;

/// Refusals that are told; after that they are only made.
const TOLD: u64 = 20;

/// How long a request, an address or a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Proxy {
    network: Network,
    events: Sender<Event>,
    refused: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Proxy {
    pub(crate) fn new(network: Network, events: Sender<Event>) -> Self {
        Self {
            network,
            events,
            refused: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: std::net::TcpListener) {
        let Ok(listener) = listener
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(listener))
        else {
            return;
        };
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let mut open = tokio::task::JoinSet::new();
        loop {
            let Ok(place) = room.clone().acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = listener.accept().await else {
                return;
            };
            let proxy = self.clone();
            open.spawn(async move {
                proxy.one(stream).await;
                drop(place);
            });
            while open.try_join_next().is_some() {}
        }
    }

    async fn one(&self, mut inside: TcpStream) {
        let host = match timeout(PATIENCE, request(&mut inside)).await {
            Ok(Ok(host)) => host,
            Ok(Err(status)) => return answer(&mut inside, status, "Only CONNECT to HOST:PORT is served.").await,
            Err(_) => return,
        };
        match timeout(PATIENCE, self.outside(&host)).await {
            Ok(Ok(mut outside)) => {
                if inside.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok()
                    && let Ok((there, back)) = copy_bidirectional(&mut inside, &mut outside).await
                {
                    self.bytes.fetch_add(there + back, Ordering::Relaxed);
                }
            }
            Ok(Err(why)) => {
                if self.refused.fetch_add(1, Ordering::Relaxed) < TOLD {
                    let _ = self
                        .events
                        .send(Event::Note(format!("No connection to {host}: {why}.")))
                        .await;
                }
                answer(&mut inside, "403 Forbidden", &format!("{why}.")).await;
            }
            Err(_) => answer(&mut inside, "504 Gateway Timeout", "The host does not answer.").await,
        }
    }

    async fn outside(&self, host: &Host) -> Result<TcpStream, &'static str> {
        if !self.network.hosts.contains(host) {
            return Err("the task's manifest does not name it");
        }
        let found = tokio::net::lookup_host((host.name.as_str(), host.port)).await;
        let found: Vec<SocketAddr> = found.map_err(|_| "its name is not known")?.collect();
        let allowed: Vec<_> = found
            .iter()
            .filter(|address| self.network.private || public(address.ip()))
            .copied()
            .collect();
        if allowed.is_empty() {
            return Err("it is in a network of this computer's own");
        }
        TcpStream::connect(&allowed[..]).await.map_err(|_| "it does not answer")
    }
}

/// Reads a request up to its end.
async fn request(stream: &mut TcpStream) -> Result<Host, &'static str> {
    const BAD: &str = "400 Bad Request";
    let mut head = Vec::new();
    // Byte by byte: what follows the request is for the host.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == REQUEST {
            return Err("431 Request Header Fields Too Large");
        }
        head.push(stream.read_u8().await.map_err(|_| BAD)?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(|_| BAD)?;
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("CONNECT"), Some(host), Some("HTTP/1.1" | "HTTP/1.0"), None) => Host::parse(host).map_err(|_| BAD),
        (Some("CONNECT"), ..) => Err(BAD),
        _ => Err("405 Method Not Allowed"),
    }
}

async fn answer(stream: &mut TcpStream, status: &str, said: &str) {
    let length = said.len() + 1;
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{said}\n"
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Whether an address is one of the internet, and not of this computer, its network, or whoever runs it.
fn public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => public_v4(address),
        IpAddr::V6(address) => public_v6(address),
    }
}

fn public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local() // with it 169.254.169.254, where clouds tell a machine its keys
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b)) // carriers' own
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || address == Ipv4Addr::new(168, 63, 129, 16)) // Azure's
}

fn public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    // Others carry an IPv4 address: that is what counts.
    let carried = match parts {
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => Some((a, b)),
        _ => None,
    };
    if let Some((a, b)) = carried {
        let [a, b, c, d] = [a >> 8, a & 0xff, b >> 8, b & 0xff].map(|part| part.to_le_bytes()[0]);
        return public_v4(Ipv4Addr::new(a, b, c, d));
    }
    // Of 2000::/3 all but what is set apart; nothing else is given out.
    parts[0] & 0xe000 == 0x2000
        && !(parts[0] == 0x2001 && (parts[1] < 0x200 || parts[1] == 0xdb8))
        && parts[0] != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet() {
        for good in [
            "1.1.1.1",
            "151.101.0.223",
            "100.63.0.1",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
        ] {
            assert!(public(good.parse().unwrap()), "{good}");
        }
        for bad in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.0.192",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "::127.0.0.1",
            "100::1",
        ] {
            assert!(!public(bad.parse().unwrap()), "{bad}");
        }
    }

    async fn ask(network: Network, request: &str) -> (String, Vec<Event>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (events, mut heard) = tokio::sync::mpsc::channel(8);
        let serving = tokio::spawn(Arc::new(Proxy::new(network, events)).serve(listener));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = vec![0; 4096];
        let read = stream.read(&mut said).await.unwrap();
        if said.starts_with(b"HTTP/1.1 200") {
            stream.write_all(b"ping").await.unwrap();
            let mut back = [0; 4];
            stream.read_exact(&mut back).await.unwrap();
            assert_eq!(&back, b"ping");
        }
        serving.abort();
        let notes = std::iter::from_fn(|| heard.try_recv().ok()).collect();
        (String::from_utf8_lossy(&said[..read]).into_owned(), notes)
    }

    #[tokio::test]
    async fn only_hosts_of_the_manifest_and_only_connect() {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = echo.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let network = |private| Network {
            hosts: vec![Host::parse(&format!("localhost:{port}")).unwrap()],
            private,
        };
        let connect = |host: &str| format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let (said, _) = ask(network(true), &connect(&format!("LocalHost:{port}"))).await;
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        let (said, notes) = ask(network(false), &connect(&format!("localhost:{port}"))).await;
        assert!(said.starts_with("HTTP/1.1 403") && said.contains("own"), "{said}");
        assert_eq!(notes.len(), 1);
        let (said, _) = ask(network(true), &connect("localhost:1")).await;
        assert!(said.starts_with("HTTP/1.1 403") && said.contains("manifest"), "{said}");
        let (said, _) = ask(network(true), &connect(&format!("127.0.0.1:{port}"))).await;
        assert!(said.starts_with("HTTP/1.1 403"), "the name is what counts: {said}");
        let (said, _) = ask(network(true), &format!("GET http://localhost:{port}/ HTTP/1.1\r\n\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 405"), "{said}");
        let (said, _) = ask(
            network(true),
            &format!("CONNECT x HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(9000)),
        )
        .await;
        assert!(said.starts_with("HTTP/1.1 431"), "{said}");
    }
}
