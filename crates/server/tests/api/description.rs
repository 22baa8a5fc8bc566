//! The committed description is the code's, and names every route.

use reqwest::StatusCode;

use crate::server::Server;

#[test]
fn the_committed_openapi_file_is_current() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let committed = std::fs::read_to_string(file).unwrap();
    // Whether names are sorted depends on what else is built with it.
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert!(
        read(&committed) == read(&holdfast_server::openapi_json()),
        "docs/openapi.json is stale: cargo run -p holdfast-server --example openapi > docs/openapi.json"
    );
}

/// Every route of the router is described, and nothing else is.
#[test]
fn every_route_is_described() {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/routes.rs")).unwrap();
    let mut routes: Vec<String> = source
        .split(".route(")
        .skip(1)
        .map(|rest| rest.split('"').nth(1).unwrap())
        .map(|path| {
            if path == "/healthz" || path == "/openapi.json" {
                path.into()
            } else {
                format!("/v1{path}")
            }
        })
        .collect();
    routes.sort();
    let api: serde_json::Value = serde_json::from_str(&holdfast_server::openapi_json()).unwrap();
    let mut described: Vec<String> = api["paths"].as_object().unwrap().keys().cloned().collect();
    described.sort();
    assert_eq!(routes, described);
    let spec = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec/wire.md")).unwrap();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let row = spec
                .lines()
                .any(|line| line.starts_with(&format!("| `{method} ")) && line.contains(&same_names(path)[..]));
            assert!(row, "docs/spec/wire.md has no row for {method} {path}");
        }
    }
}

/// The spec calls a part's number `n`.
fn same_names(path: &str) -> String {
    path.replace("{part}", "{n}")
}

#[tokio::test]
async fn meta_routes() {
    let server = Server::start().await;
    let client = server.client();
    let (status, body) = client.get("/healthz").await;
    assert_eq!((status, body.0.as_slice()), (StatusCode::OK, &b"ok"[..]));
    let (status, body) = client.get("/openapi.json").await;
    assert_eq!(
        (status, String::from_utf8(body.0).unwrap()),
        (StatusCode::OK, holdfast_server::openapi_json())
    );
    let info: holdfast_protocol::wire::ServerInfo = client.get("/v1/server").await.1.json();
    assert_eq!(info.api, 1);
}
