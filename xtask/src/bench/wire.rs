//! What crosses the wire: a relay in front of a server that counts the bytes that clients send.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use anyhow::Result;

/// A relay. Its threads end with their connections, and with this program.
pub(super) struct Wire {
    listener: TcpListener,
    address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Wire {
    /// Listens on a port of its own. Its address is the one that the server has to go by.
    pub(super) fn bind() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let sent = Arc::default();
        Ok(Self {
            listener,
            address,
            sent,
        })
    }

    /// Passes every connection on to `server` from now on.
    pub(super) fn open(&self, server: SocketAddr) -> Result<()> {
        let (listener, counter) = (self.listener.try_clone()?, self.sent.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A server that is gone ends the connection; the client says so.
                let _ = connect(client, server, &counter);
            }
        });
        Ok(())
    }

    /// Where clients find it.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that all clients have sent so far, heads of requests included.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }
}

fn connect(client: TcpStream, server: SocketAddr, counter: &Arc<AtomicU64>) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (up, down) = (
        (client.try_clone()?, server.try_clone()?),
        (server.try_clone()?, client.try_clone()?),
    );
    let counter = counter.clone();
    thread::spawn(move || pass(up, &counter));
    thread::spawn(move || pass(down, &AtomicU64::new(0)));
    Ok(())
}

/// Passes on what comes until nothing comes any more.
fn pass((mut from, mut to): (TcpStream, TcpStream), counter: &AtomicU64) {
    let mut buffer = vec![0; 256 << 10];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
        counter.fetch_add(read as u64, Relaxed);
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_clients_send_and_nothing_else() {
        let server = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let wire = Wire::bind().unwrap();
        wire.open(server.local_addr().unwrap()).unwrap();
        let mut client = TcpStream::connect(wire.address).unwrap();
        client.write_all(b"five!").unwrap();
        let (mut end, _) = server.accept().unwrap();
        end.write_all(&[7; 1000]).unwrap();
        let mut got = [0; 5];
        end.read_exact(&mut got).unwrap();
        drop(end);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!((&got, answer.len(), wire.sent()), (b"five!", 1000, 5));
    }
}
