//! Sign-in, tokens, devices.

use std::collections::BTreeSet;

use holdfast_crypto::KdfRecord;
use holdfast_protocol::login::{CLOCK_TOLERANCE_MS, SignIn};
use holdfast_protocol::wire::{B64, DeviceRow, Refresh, SignInProof, SignInStart, Tokens};
use reqwest::StatusCode;

use crate::people::{Person, strange_key};
use crate::server::{Client, DAY, MINUTE, Server};

async fn try_it(client: &Client, proof: &SignInProof) -> (StatusCode, serde_json::Value) {
    let (status, body) = client.post("/v1/signin", proof).await;
    (status, body.json())
}

#[tokio::test]
async fn every_refusal_looks_the_same() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    server.join(&ana).await;
    let client = server.client();
    let base = server.base();
    let now = server.now_ms();
    let nonce = async |handle: &str| client.challenge(handle).await.nonce.0;

    let mut answers = BTreeSet::new();
    let mut cases = Vec::new();

    let mut forged = ana.proof(&base, &nonce("ana").await, now);
    forged.signature.0[3] ^= 1;
    cases.push(("an altered signature", forged));

    let statement = SignIn {
        origin: base.clone(),
        handle: "ana".into(),
        nonce: nonce("ana").await,
        time_ms: now,
    };
    let foreign = statement.sign(&strange_key()).to_vec();
    let mut forged = ana.proof(&base, &statement.nonce, now);
    forged.signature = B64(foreign);
    cases.push(("another key", forged));

    let mut forged = ana.proof(&base, &nonce("ana").await, now);
    forged.time_ms += 1;
    cases.push(("another time than the signed one", forged));

    cases.push(("a made-up nonce", ana.proof(&base, &[7; 32], now)));
    cases.push(("another handle's nonce", ana.proof(&base, &nonce("ben").await, now)));
    cases.push((
        "too early",
        ana.proof(&base, &nonce("ana").await, now - CLOCK_TOLERANCE_MS - MINUTE),
    ));
    cases.push((
        "too late",
        ana.proof(&base, &nonce("ana").await, now + CLOCK_TOLERANCE_MS + MINUTE),
    ));
    for origin in ["http://evil.example", "https://127.0.0.1", "", "http://127.0.0.1:1"] {
        cases.push(("another server", ana.proof(origin, &nonce("ana").await, now)));
    }
    cases.push((
        "an unknown handle",
        Person::new(2, "nobody").proof(&base, &nonce("nobody").await, now),
    ));

    let used = nonce("ana").await;
    assert_eq!(try_it(&client, &ana.proof(&base, &used, now)).await.0, StatusCode::OK);
    cases.push(("a used nonce", ana.proof(&base, &used, now)));

    for (what, proof) in cases {
        let (status, body) = try_it(&client, &proof).await;
        assert_eq!(
            (status, body["code"].as_str()),
            (StatusCode::UNAUTHORIZED, Some("sign-in-refused")),
            "{what}"
        );
        answers.insert(body.to_string());
    }
    assert_eq!(answers.len(), 1, "one answer for every reason");

    let late = nonce("ana").await;
    server.clock.add_ms(2 * MINUTE);
    let (status, _) = try_it(&client, &ana.proof(&base, &late, server.now_ms())).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "a nonce ends after two minutes");
}

#[tokio::test]
async fn a_relayed_statement_is_refused_whatever_the_host_header_says() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    server.join(&ana).await;
    let client = server.client();
    let nonce = client.challenge("ana").await.nonce.0;
    let proof = ana.proof("http://evil.example:7000", &nonce, server.now_ms());
    let request = client
        .request(reqwest::Method::POST, "/v1/signin")
        .header("host", "evil.example:7000")
        .json(&proof);
    assert_eq!(client.send(request).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_configured_origin_counts() {
    let server = Server::start_with(|config| config.origin = Some("https://files.example.org".into())).await;
    let ana = Person::new(1, "ana");
    server.join(&ana).await;
    let client = server.client();
    for (origin, expected) in [("https://files.example.org", 200), ("https://files.example.com", 401)] {
        let nonce = client.challenge("ana").await.nonce.0;
        let (status, _) = try_it(&client, &ana.proof(origin, &nonce, server.now_ms())).await;
        assert_eq!(status.as_u16(), expected, "{origin}");
    }
}

#[tokio::test]
async fn unknown_handles_look_like_known_ones() {
    let mut server = Server::start().await;
    server.join(&Person::new(1, "ana")).await;
    let known = server.client().challenge("ana").await;
    let unknown = server.client().challenge("nobody").await;
    let record = KdfRecord::decode(&unknown.kdf.0).unwrap();
    assert_eq!(
        record.log2_n(),
        holdfast_crypto::DEFAULT_LOG2_N,
        "what most people have"
    );
    assert_eq!(unknown.nonce.0.len(), known.nonce.0.len());
    assert_ne!(
        unknown.nonce,
        server.client().challenge("nobody").await.nonce,
        "a new nonce every time"
    );
    assert_ne!(unknown.kdf, server.client().challenge("nobody2").await.kdf);
    server.restart().await;
    assert_eq!(
        unknown.kdf,
        server.client().challenge("nobody").await.kdf,
        "and always the same record"
    );
    let (status, _) = server
        .client()
        .post(
            "/v1/signin/start",
            &SignInStart {
                handle: "x".repeat(300),
            },
        )
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn tries_are_limited_by_handle_and_come_back() {
    let server = Server::start().await;
    let client = server.client();
    let start = async |handle: &str| {
        let request = client.request(reqwest::Method::POST, "/v1/signin/start");
        request
            .json(&SignInStart { handle: handle.into() })
            .send()
            .await
            .unwrap()
    };
    let mut tries = 0;
    let refused = loop {
        let answer = start("ana").await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            break answer;
        }
        tries += 1;
    };
    assert!((30..60).contains(&tries), "{tries}");
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait));
    assert_eq!(start("ben").await.status(), StatusCode::OK, "another handle");
    server.clock.add_ms(wait * 1_000);
    assert_eq!(start("ana").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn refresh_tokens_are_good_once_and_reuse_ends_the_device() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (other, _) = server.join(&ana).await;
    let first = server.tokens(&ana).await;
    assert!(first.access.starts_with("hfa_") && first.refresh.starts_with("hfr_"));
    let mut client = server.client();
    let renew = async |refresh: &str| {
        server
            .client()
            .post(
                "/v1/token",
                &Refresh {
                    refresh: refresh.into(),
                },
            )
            .await
    };

    let (status, body) = renew(&first.refresh).await;
    assert_eq!(status, StatusCode::OK);
    let second: Tokens = body.json();
    assert_eq!((second.principal, second.device), (first.principal, first.device));
    client.token = Some(first.access.clone());
    assert_eq!(
        client.get("/v1/me").await.0,
        StatusCode::OK,
        "requests under way are not cut off"
    );
    client.token = Some(second.access.clone());
    assert_eq!(client.get("/v1/me").await.0, StatusCode::OK);

    let (status, body) = renew(&first.refresh).await;
    assert_eq!((status, body.code().as_str()), (StatusCode::UNAUTHORIZED, "signed-out"));
    assert_eq!(
        client.get("/v1/me").await.0,
        StatusCode::UNAUTHORIZED,
        "the whole family ended"
    );
    assert_eq!(renew(&second.refresh).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(other.get("/v1/me").await.0, StatusCode::OK, "other devices did not");
    for odd in [second.access.as_str(), "", "hfr_x"] {
        assert_eq!(renew(odd).await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn tokens_end() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    server.join(&ana).await;
    let tokens = server.tokens(&ana).await;
    let mut client = server.client();
    client.token = Some(tokens.access);
    server.clock.add_ms(15 * MINUTE - 5_000);
    assert_eq!(client.get("/v1/me").await.0, StatusCode::OK);
    server.clock.add_ms(5_000);
    let (status, body) = client.get("/v1/me").await;
    assert_eq!((status, body.code().as_str()), (StatusCode::UNAUTHORIZED, "signed-out"));
    server.clock.add_ms(30 * DAY);
    let (status, _) = client
        .post(
            "/v1/token",
            &Refresh {
                refresh: tokens.refresh,
            },
        )
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn devices_are_listed_and_signed_out() {
    let server = Server::start().await;
    let (ana, ben) = (Person::new(1, "ana"), Person::new(2, "ben"));
    let (first, _) = server.join(&ana).await;
    server.clock.add_ms(1_000);
    let second = server.sign_in(&ana).await;
    let (stranger, _) = server.join(&ben).await;
    let rows: Vec<DeviceRow> = second.get("/v1/devices").await.1.json();
    assert_eq!(
        rows.iter().map(|row| row.current).collect::<Vec<_>>(),
        [true, false],
        "newest first"
    );
    let old = format!("/v1/devices/{}", rows[1].id);
    assert_eq!(stranger.delete(&old).await.0, StatusCode::NOT_FOUND, "somebody else's");
    assert_eq!(second.delete(&old).await.0, StatusCode::NO_CONTENT);
    assert_eq!(first.get("/v1/me").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(second.delete(&old).await.0, StatusCode::NOT_FOUND);
    assert_eq!(second.delete("/v1/token").await.0, StatusCode::NO_CONTENT);
    assert_eq!(second.get("/v1/me").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn tokens_come_in_the_header_and_nowhere_else() {
    let server = Server::start().await;
    let (client, _) = server.join(&Person::new(1, "ana")).await;
    let token = client.token.clone().unwrap();
    let plain = server.client();
    assert_eq!(
        plain.get(&format!("/v1/me?access_token={token}")).await.0,
        StatusCode::UNAUTHORIZED
    );
    for value in [
        token.clone(),
        format!("Basic {token}"),
        "Bearer".into(),
        "Bearer ".into(),
        format!("Bearer {token}x"),
    ] {
        let request = plain
            .request(reqwest::Method::GET, "/v1/me")
            .header("authorization", value);
        assert_eq!(plain.send(request).await.0, StatusCode::UNAUTHORIZED);
    }
    let request = plain
        .request(reqwest::Method::GET, "/v1/me")
        .header("authorization", format!("bearer {token}"));
    assert_eq!(plain.send(request).await.0, StatusCode::OK);
    let stored = std::fs::read(server.data().join("holdfast.db-wal")).unwrap();
    assert!(
        !stored.windows(token.len()).any(|window| window == token.as_bytes()),
        "tokens are stored hashed"
    );
}
