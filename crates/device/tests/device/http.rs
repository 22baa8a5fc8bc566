//! The way to a server, against one that misbehaves.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use holdfast_device::HttpTransport;
use holdfast_engine::ports::{Method, Request, Response, Transport, Unreachable};

use crate::child;
use crate::stub::{Stub, serve};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const TOKEN: &str = "hf_access_0123456789";

fn get(path: &str) -> Request {
    Request {
        method: Method::Get,
        path: path.into(),
        token: None,
        body: None,
        range: None,
        limit: 1000,
    }
}

async fn send(stub: &Stub, request: Request) -> Result<Response, Unreachable> {
    HttpTransport::new(&stub.origin).unwrap().send(request).await
}

#[tokio::test]
async fn requests_say_what_they_must_and_no_more() {
    let mut stub = serve(OK, false).await;
    let transport = HttpTransport::new(&stub.origin).unwrap();
    let answer = transport.send(get("/v1/x?from=7")).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"hello"[..]));
    let seen = stub.seen.recv().await.unwrap();
    assert!(seen.head.starts_with("GET /v1/x?from=7 HTTP/1.1\r\n"), "{}", seen.head);
    let mut names: Vec<String> = seen
        .head
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once(':')?.0.to_lowercase()))
        .collect();
    names.sort();
    assert_eq!(names, ["accept", "host", "user-agent"]);

    for (method, name) in [
        (Method::Get, "GET"),
        (Method::Post, "POST"),
        (Method::Put, "PUT"),
        (Method::Delete, "DELETE"),
    ] {
        transport.send(Request { method, ..get("/m") }).await.unwrap();
        assert!(stub.seen.recv().await.unwrap().head.starts_with(name));
    }

    let body = Bytes::from(vec![b'x'; 3 << 20]);
    for (json, kind) in [(true, "application/json"), (false, "application/octet-stream")] {
        let request = Request {
            method: Method::Put,
            token: Some(TOKEN.into()),
            body: Some((body.clone(), json)),
            range: Some((10, 19)),
            ..get("/p")
        };
        transport.send(request).await.unwrap();
        let seen = stub.seen.recv().await.unwrap();
        assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
        assert_eq!(seen.header("range"), Some("bytes=10-19"));
        assert_eq!(seen.header("content-type"), Some(kind));
        assert_eq!(seen.header("content-length"), Some("3145728"));
        assert_eq!(seen.body, body);
    }
    assert_eq!(stub.connections.load(Ordering::SeqCst), 1, "connections are used again");
}

#[tokio::test]
async fn every_status_is_an_answer() {
    for (head, status) in [
        ("HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello", 206),
        ("HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\nhello", 401),
        (
            "HTTP/1.1 503 Later\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            503,
        ),
    ] {
        let answer = send(&serve(head, true).await, get("/")).await.unwrap();
        assert_eq!((answer.status, &answer.body[..]), (status, &b"hello"[..]));
    }
    let answer = send(&serve("HTTP/1.1 204 Done\r\n\r\n", false).await, get("/"))
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body.len()), (204, 0));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut elsewhere = serve(OK, true).await;
    for status in [301, 302, 303, 307, 308] {
        let head = format!(
            "HTTP/1.1 {status} Go\r\nLocation: {}/x\r\nContent-Length: 0\r\n\r\n",
            elsewhere.origin
        );
        let stub = serve(head, true).await;
        let request = Request {
            token: Some(TOKEN.into()),
            ..get("/")
        };
        assert_eq!(send(&stub, request).await.unwrap().status, status);
    }
    assert!(elsewhere.seen.try_recv().is_err());
    assert_eq!(elsewhere.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn bodies_stay_within_their_limit() {
    let announced = format!("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}", "x".repeat(1001));
    let lying = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nx";
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let chunked = |chunks: usize, rest: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}{rest}",
            chunk.repeat(chunks)
        )
    };
    for answer in [
        announced,
        lying.into(),
        chunked(2, "1\r\ny\r\n0\r\n\r\n"),
        chunked(4000, "0\r\n\r\n"),
    ] {
        let error = send(&serve(answer, false).await, get("/")).await.unwrap_err();
        assert!(error.reason.contains("longer"), "{error}");
    }
    let whole = send(&serve(chunked(2, "0\r\n\r\n"), false).await, get("/"))
        .await
        .unwrap();
    assert_eq!(whole.body.len(), 1000);
    let none = Request { limit: 0, ..get("/") };
    let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert!(send(&serve(empty, false).await, none.clone()).await.is_ok());
    assert!(send(&serve(OK, false).await, none).await.is_err());
}

#[tokio::test]
async fn an_answer_that_is_cut_short_is_none() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        // Ends with the connection: it might be more.
        "HTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "SSH-2.0-OpenSSH_9.9\r\n",
    ] {
        let request = Request {
            token: Some(TOKEN.into()),
            ..get("/")
        };
        let error = send(&serve(answer, true).await, request).await.unwrap_err();
        assert!(
            !error.reason.is_empty() && !error.reason.contains(TOKEN),
            "{answer:?}: {error}"
        );
    }
}

#[tokio::test]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for host in ["127.0.0.1", "localhost"] {
        let error = HttpTransport::new(&format!("http://{host}:{port}"))
            .unwrap()
            .send(get("/"))
            .await
            .unwrap_err();
        assert!(error.reason.to_lowercase().contains("refused"), "{error}");
        assert!(!error.sent, "nothing can have reached a server that is not there");
    }
    let bad = Request {
        token: Some("two\nlines".into()),
        ..get("/")
    };
    assert!(send(&serve(OK, false).await, bad).await.is_err());
}

#[tokio::test]
async fn localhost_is_this_computer() {
    let stub = serve(OK, false).await;
    let origin = stub.origin.replace("127.0.0.1", "localhost");
    assert_eq!(
        HttpTransport::new(&origin)
            .unwrap()
            .send(get("/"))
            .await
            .unwrap()
            .status,
        200
    );
}

/// TLS is spoken, and a server that can't is not talked to: nothing of the request reaches it in clear.
#[tokio::test]
async fn https_is_not_http() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let first = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 512];
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut bytes).await.unwrap();
        bytes.truncate(read);
        bytes
    });
    let request = Request {
        token: Some(TOKEN.into()),
        ..get("/")
    };
    assert!(HttpTransport::new(&origin).unwrap().send(request).await.is_err());
    // A handshake record (RFC 8446, 5.1) with a ClientHello.
    let first = first.await.unwrap();
    assert_eq!((first[0], first[5]), (22, 1));
}

#[test]
#[ignore = "body of a second process"]
fn with_proxies_set() {
    let Some(origin) = child::argument() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime.block_on(HttpTransport::new(origin.to_str().unwrap()).unwrap().send(get("/")));
    println!("\nanswer {}", answer.unwrap().status);
}

/// Neither a proxy set for the outside world nor missing root certificates keep us from this very computer.
#[tokio::test]
async fn this_computer_needs_no_proxy_and_no_roots() {
    let stub = serve(OK, true).await;
    let mut command = child::run("http::with_proxies_set", stub.origin.as_ref());
    for name in [
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ] {
        command.env(name, "http://127.0.0.1:1");
    }
    command
        .env("SSL_CERT_FILE", "/dev/null")
        .env("SSL_CERT_DIR", "/nowhere")
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let seen = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert!(String::from_utf8_lossy(&seen.stdout).contains("answer 200"), "{seen:?}");
}

fn stream(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

#[tokio::test]
async fn events_arrive_until_the_server_ends() {
    let body = stream("e\r\ndata: one\n\n: k\r\n14\r\neep\n\ndata: {\"a\":2}\n\n\r\n");
    let mut stub = serve(body, true).await;
    let transport = HttpTransport::new(&stub.origin).unwrap();
    let mut events = transport.listen("/v1/events", TOKEN).await.unwrap();
    assert_eq!(events.recv().await.unwrap(), "one");
    assert_eq!(events.recv().await.unwrap(), "{\"a\":2}");
    assert_eq!(events.recv().await, None);
    let seen = stub.seen.recv().await.unwrap();
    assert_eq!(seen.header("accept"), Some("text/event-stream"));
    assert_eq!(seen.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
}

#[tokio::test]
async fn only_events_are_listened_to() {
    for answer in [
        OK.to_owned(),
        "HTTP/1.1 401 No\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ] {
        let stub = serve(answer, false).await;
        let error = HttpTransport::new(&stub.origin)
            .unwrap()
            .listen("/", TOKEN)
            .await
            .err()
            .unwrap();
        assert!(
            error.reason.contains("instead of events") && !error.reason.contains(TOKEN),
            "{error}"
        );
    }
}

#[tokio::test]
async fn who_stops_listening_hangs_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = HttpTransport::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut connection, _) = listener.accept().await.unwrap();
        // An answer before the question would be an error.
        connection.read_exact(&mut [0; 16]).await.unwrap();
        connection
            .write_all(stream("b\r\ndata: one\n\n\r\n").as_bytes())
            .await
            .unwrap();
        connection.read_to_end(&mut Vec::new()).await
    });
    let mut events = transport.listen("/", TOKEN).await.unwrap();
    assert_eq!(events.recv().await.unwrap(), "one");
    drop(events);
    tokio::time::timeout(Duration::from_secs(10), server)
        .await
        .expect("the connection ends")
        .unwrap()
        .unwrap();
}
