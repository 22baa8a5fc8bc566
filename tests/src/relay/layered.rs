//! A [`Layer`] over real HTTP: what it does at the port happens here on the wire, to clients that are processes of their own.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use holdfast_engine::ports::{Method, Request, Transport};
use tokio::runtime::Handle;

use super::{Body, Head, Relay, bad, read_head};
use crate::layer::Layer;

/// The most that a message may have here.
const LIMIT: usize = 64 << 20;

impl Relay {
    /// Lets a layer answer everything from now on, until the test ends. Events are not passed on: they are hints.
    ///
    /// # Panics
    /// Outside of a runtime with more than one thread.
    pub fn open_layer(self, layer: Arc<Layer>) {
        let runtime = Handle::current();
        std::thread::spawn(move || {
            for client in self.listener.incoming().map_while(Result::ok) {
                let (layer, runtime) = (layer.clone(), runtime.clone());
                std::thread::spawn(move || {
                    // However it ends, the client sees its connection closed.
                    let _ = serve(&client, &layer, &runtime);
                });
            }
        });
    }
}

fn serve(client: &TcpStream, layer: &Layer, runtime: &Handle) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut from_client = BufReader::new(client);
    while let Some(head) = read_head(&mut from_client)? {
        let mut body = Vec::new();
        if let Body::Length(length) = head.body {
            (&mut from_client).take(length).read_to_end(&mut body)?;
        }
        let request = request(&head, body)?;
        let events = request.path == "/v1/events";
        let answer = match runtime.block_on(layer.send(request)) {
            Ok(answer) if !events => answer,
            _ => return Err(bad("no answer")),
        };
        let line = format!(
            "HTTP/1.1 {} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.status,
            answer.body.len()
        );
        (&mut &*client).write_all(line.as_bytes())?;
        (&mut &*client).write_all(&answer.body)?;
    }
    Ok(())
}

fn request(head: &Head, body: Vec<u8>) -> io::Result<Request> {
    let method = match head.word(0) {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => return Err(bad("a method")),
    };
    let json = head
        .field("content-type")
        .is_some_and(|kind| kind == "application/json");
    let range = head.field("range").and_then(|text| {
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    let token = head.field("authorization");
    Ok(Request {
        method,
        path: head.word(1).to_owned(),
        token: token.and_then(|text| text.strip_prefix("Bearer ").map(str::to_owned)),
        body: head.field("content-type").map(|_| (body.into(), json)),
        range,
        limit: LIMIT,
    })
}

impl Head {
    /// The value of a header field.
    fn field(&self, name: &str) -> Option<String> {
        let text = std::str::from_utf8(&self.bytes).ok()?;
        text.lines().skip(1).find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}
