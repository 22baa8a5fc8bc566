//! The same layer on the wire, with the real program as the client: what is true at the port is true of what people run.

use std::sync::Arc;

use holdfast_device::HttpTransport;
use holdfast_tests::layer::{Layer, Seen, refusal, route};
use holdfast_tests::{Person, Relay, Server};
use serde_json::Value;

use crate::scene::{b64, from_b64, on};

/// Real people with the real command line, whose server turns bits, answers for others, goes back in time and says no.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_at_the_port_is_refused_on_the_wire() {
    let root = tempfile::tempdir().expect("a folder");
    let relay = Relay::bind();
    let url = relay.url();
    let server = Server::start_with(&root.path().join("server"), &["--origin", &url]);
    let way = HttpTransport::new(&server.url()).expect("an address");
    let layer = Layer::new(Arc::new(way));
    relay.open_layer(layer.clone());

    let ana = Person::sign_up(root.path(), &url, "ana@example.org");
    let ben = Person::sign_up(root.path(), &url, "ben@example.org");
    let id = ana.run(&["project", "create", "Scans"]).ok()["id"].clone();
    let id = id.as_str().expect("an id").to_owned();
    ana.run(&["project", "share", "Scans", ben.handle(), "--role", "reader"])
        .ok();
    ana.run(&["project", "rename", "Scans", "Scans 2"]).ok();

    // A turned bit in the newest entry, for somebody who has not seen it.
    layer.attack(on("GET /v1/spaces/{}/entries", |_, mut page| {
        for entry in page["entries"].as_array_mut().into_iter().flatten() {
            let mut bytes = from_b64(entry);
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            *entry = b64(&bytes);
        }
        page
    }));
    let refused = ben.run(&["project", "show", &id]);
    assert!(
        [20, 21].contains(&refused.code),
        "{} {}",
        refused.stdout,
        refused.stderr
    );

    // Ben's keys for Carl's.
    layer.honest();
    let carl = Person::sign_up(root.path(), &url, "carl@example.org");
    let keys = Arc::new(std::sync::Mutex::new(Value::Null));
    let kept = keys.clone();
    layer.attack(on("POST /v1/directory", move |_, answer| {
        let mut kept = kept.lock().expect("the keys");
        if kept.is_null() {
            *kept = answer;
        }
        kept.clone()
    }));
    ana.run(&["words", ben.handle()]).ok();
    ana.run(&["project", "share", &id, carl.handle(), "--role", "reader"])
        .fails(21);

    // A page from before, for somebody who saw more.
    layer.honest();
    let pages = layer.record();
    layer.attack(move |seen: Seen<'_>| {
        let earlier = pages
            .iter()
            .find(|one| route(&one.request) == route(seen.request) && one.request.path == seen.request.path);
        match earlier.filter(|one| route(&one.request) == "GET /v1/spaces/{}/entries") {
            Some(one) => one.answer.clone(),
            None => seen.honest,
        }
    });
    ana.run(&["project", "rename", &id, "Scans 3"]).fails(21);

    layer.attack(|_: Seen<'_>| refusal(404, "not-found"));
    ana.run(&["project", "show", &id]).fails(21);
    layer.honest();
    assert_eq!(
        ana.run(&["project", "members", &id]).ok().as_array().map(Vec::len),
        Some(2),
        "somebody was let in"
    );
    drop(server);
}
