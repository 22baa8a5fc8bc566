//! What the log says, and what it never says. A binary of its own: the subscriber is for the whole process.

#![allow(clippy::unwrap_used, unreachable_pub)]

#[allow(dead_code)]
#[path = "api/people.rs"]
mod people;
#[allow(dead_code)]
#[path = "api/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "api/space.rs"]
mod space;

use std::io::Write;
use std::sync::{Arc, Mutex};

use holdfast_protocol::wire::{Lookup, SignInStart};
use reqwest::StatusCode;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn ids_routes_and_statuses_and_nothing_of_the_people() {
    let written = Written::default();
    let sink = written.clone();
    let subscriber =
        holdfast_server::logs::subscriber(holdfast_server::logs::DEFAULT_FILTER, move || sink.clone()).unwrap();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let server = server::Server::start().await;
    let ana = people::Person::new(1, "canary-handle@example.org");
    let (client, _) = server.join(&ana).await;
    let mut space = space::Space::project(&ana);
    space.create(&client).await;
    space.must(&client, &ana, space.commit(&ana)).await;
    client
        .post(
            "/v1/signin/start",
            &SignInStart {
                handle: "canary-unknown".into(),
            },
        )
        .await;
    client
        .post(
            "/v1/directory",
            &Lookup {
                handle: "canary-lookup".into(),
            },
        )
        .await;
    let proof = ana.proof(&server.base(), &[1; 32], 0);
    client.post("/v1/signin", &proof).await;
    assert_eq!(client.get("/canary-path?canary-query").await.0, StatusCode::NOT_FOUND);
    let request = client
        .request(reqwest::Method::GET, "/v1/me")
        .header("x-request-id", "canary-request-id");
    client.send(request.header("user-agent", "canary-agent")).await;
    let tokens = server.tokens(&ana).await;
    for _ in 0..2 {
        let refresh = holdfast_protocol::wire::Refresh {
            refresh: tokens.refresh.clone(),
        };
        client.post("/v1/token", &refresh).await;
    }
    client
        .post("/v1/spaces", &serde_json::json!({ "entry": "canary-body" }))
        .await;
    let (running, _folder) = server.take();
    running.stop().await;

    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let answered: Vec<_> = lines
        .iter()
        .filter(|line| line["fields"]["message"] == "answered")
        .collect();
    assert!(answered.len() >= 14, "{log}");
    for line in &answered {
        let fields = &line["fields"];
        assert_eq!(fields["id"].as_str().unwrap().len(), 16);
        assert!(fields["status"].is_u64() && fields["millis"].is_u64(), "{line}");
    }
    let routes: Vec<_> = answered
        .iter()
        .map(|line| line["fields"]["route"].as_str().unwrap())
        .collect();
    assert!(
        routes.contains(&"/v1/spaces/{space}/entries") && routes.contains(&"(none)"),
        "{routes:?}"
    );
    assert!(log.contains("used twice"), "what an operator should know is there");
    let token = client.token.unwrap();
    for secret in [
        "canary",
        "ana",
        token.as_str(),
        &tokens.access,
        &tokens.refresh,
        &space.id.to_string(),
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
