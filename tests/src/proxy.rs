//! A recorder between clients and a server: passes every byte on and keeps a copy of it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// What one connection carried.
#[derive(Default, Clone)]
pub struct Connection {
    /// From the client to the server.
    pub sent: Vec<u8>,
    /// From the server to the client.
    pub received: Vec<u8>,
}

type Recorded = Arc<Mutex<Connection>>;

/// A recording TCP proxy on a free port of this computer. Ends with the test.
pub struct Proxy {
    address: SocketAddr,
    upstream: Arc<OnceLock<u16>>,
    connections: Arc<Mutex<Vec<Recorded>>>,
    ended: Arc<AtomicBool>,
}

impl Proxy {
    /// Takes a port and waits for somebody to say where the server is ([`Proxy::forward_to`]).
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = Self {
            address: listener.local_addr().expect("a bound socket has an address"),
            upstream: Arc::default(),
            connections: Arc::default(),
            ended: Arc::default(),
        };
        let (upstream, connections, ended) = (proxy.upstream.clone(), proxy.connections.clone(), proxy.ended.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), Some(&port)) = (client, upstream.get()) else {
                    continue;
                };
                // A server that is down: the client sees its connection close, as without a proxy it would see it refused.
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let record = Recorded::default();
                connections
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(record.clone());
                join(&client, &server, &record);
            }
        });
        proxy
    }

    /// Says on which port of this computer the server is.
    pub fn forward_to(&self, port: u16) {
        let _ = self.upstream.set(port);
    }

    /// The address that clients are given.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that crossed the wire so far.
    #[must_use]
    pub fn recorded(&self) -> Vec<Connection> {
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections
            .iter()
            .map(|one| one.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Lets two sockets talk to each other in threads of their own.
fn join(client: &TcpStream, server: &TcpStream, record: &Recorded) {
    let up: fn(&mut Connection) -> &mut Vec<u8> = |record| &mut record.sent;
    let down: fn(&mut Connection) -> &mut Vec<u8> = |record| &mut record.received;
    for (from, to, side) in [(client, server, up), (server, client, down)] {
        let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let record = record.clone();
        thread::spawn(move || pass(from, to, &record, side));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, record: &Recorded, side: fn(&mut Connection) -> &mut Vec<u8>) {
    let _ = to.set_nodelay(true);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = from.read(&mut buffer).unwrap_or(0);
        // Kept before it is passed on: whoever has got an answer finds it in the record.
        side(&mut record.lock().unwrap_or_else(PoisonError::into_inner)).extend_from_slice(&buffer[..read]);
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            let _ = to.shutdown(Shutdown::Write);
            let _ = from.shutdown(Shutdown::Read);
            return;
        }
    }
}
