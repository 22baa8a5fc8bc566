//! The stream of hints.

use std::time::Duration;

use holdfast_protocol::entry::Role;
use holdfast_protocol::wire::{RunEvent, SpaceEvent};
use reqwest::{Method, Response, StatusCode};

use crate::people::Person;
use crate::server::{Client, Server};
use crate::space::Space;

pub struct Stream(Response, String);

impl Stream {
    pub async fn open(client: &Client) -> Self {
        let response = client.request(Method::GET, "/v1/events").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self(response, String::new());
        assert_eq!(stream.block().await.as_deref(), Some(": listening"));
        stream
    }

    /// The next block, `None` at the end.
    pub async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.1.split_once("\n\n") {
                let block = block.to_owned();
                self.1 = rest.to_owned();
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.0.chunk())
                .await
                .expect("within ten seconds");
            self.1.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }

    pub async fn event(&mut self) -> Option<SpaceEvent> {
        let block = self.block().await?;
        let mut lines = block.lines();
        assert_eq!(lines.next(), Some("event: space"));
        let event = serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(lines.next(), None);
        Some(event)
    }

    /// The next hint about a run.
    pub async fn run(&mut self) -> RunEvent {
        let block = self.block().await.unwrap();
        let data = block.strip_prefix("event: run\ndata: ").unwrap();
        serde_json::from_str(data).unwrap()
    }
}

#[tokio::test]
async fn hints_go_to_members_alone() {
    let server = Server::start().await;
    let (ana, ben, cleo) = (Person::new(1, "ana"), Person::new(2, "ben"), Person::new(3, "cleo"));
    let (owner, _) = server.join(&ana).await;
    let (member, _) = server.join(&ben).await;
    let (stranger, mut vault) = server.join(&cleo).await;
    assert_eq!(server.client().get("/v1/events").await.0, StatusCode::UNAUTHORIZED);
    let (mut anas, mut bens, mut cleos) = (
        Stream::open(&owner).await,
        Stream::open(&member).await,
        Stream::open(&stranger).await,
    );

    let mut space = Space::project(&ana);
    space.create(&owner).await;
    space.must(&owner, &ana, space.add(&ana, &ben, Role::Reader)).await;
    space.must(&owner, &ana, space.commit(&ana)).await;
    let removal = space.remove(&ana, &ben, &[&ana]);
    space.must(&owner, &ana, removal).await;
    space.must(&owner, &ana, space.commit(&ana)).await;
    vault.must(&stranger, &cleo, vault.commit(&cleo)).await;

    let of = |space: &Space, seq| Some(SpaceEvent { space: space.id, seq });
    for seq in 0..=4 {
        assert_eq!(anas.event().await, of(&space, seq));
    }
    for seq in 1..=3 {
        assert_eq!(
            bens.event().await,
            of(&space, seq),
            "from being let in to being put out"
        );
    }
    assert_eq!(cleos.event().await, of(&vault, 1), "nothing but one's own");
}

#[tokio::test]
async fn a_stream_ends_with_its_device_and_with_the_server() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (first, _) = server.join(&ana).await;
    let second = server.sign_in(&ana).await;
    let mut ended = Stream::open(&first).await;
    let mut other = Stream::open(&second).await;
    assert_eq!(first.delete("/v1/token").await.0, StatusCode::NO_CONTENT);
    assert_eq!(ended.event().await, None, "signed out");
    let (running, _folder) = server.take();
    let stopping = std::time::Instant::now();
    let ((), last) = tokio::join!(running.stop(), other.event());
    assert_eq!(last, None);
    assert!(
        stopping.elapsed() < Duration::from_secs(5),
        "an open stream does not hold the server up"
    );
}
