//! What monitoring is told.

use crate::people::Person;
use crate::server::Server;
use crate::space::Space;

#[tokio::test]
async fn counts_by_route_and_what_is_stored_and_no_names() {
    let server = Server::start_with(|config| config.metrics = Some("127.0.0.1:0".parse().unwrap())).await;
    let ana = Person::new(1, "canary@example.org");
    let (client, _) = server.join(&ana).await;
    let space = Space::project(&ana);
    space.create(&client).await;
    client.get(&space.path("usage")).await;

    let address = server.running().metrics_addr().unwrap();
    let answer = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let told = answer.text().await.unwrap();
    for line in [
        "holdfast_requests_total{method=\"POST\",route=\"/v1/accounts\",status=\"201\"} 1",
        "holdfast_requests_total{method=\"GET\",route=\"/v1/spaces/{space}/usage\",status=\"200\"} 1",
        "holdfast_spaces 2",
        "holdfast_live_bytes 0",
    ] {
        assert!(told.lines().any(|said| said == line), "{line} in {told}");
    }
    let id = space.path("").split('/').nth(3).unwrap().to_owned();
    assert!(
        id.len() == 64 && !told.contains(&id) && !told.contains("canary"),
        "{told}"
    );
}
