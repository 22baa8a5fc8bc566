//! Packs: resumable parts, ranges, quota, giving up, clean-up.

use holdfast_protocol::entry::Role;
use holdfast_protocol::id::PackId;
use holdfast_protocol::limits::{PACK, PART, WINDOW};
use holdfast_protocol::wire::{BeginPack, PackQuery, PackState, PackStates, Usage};
use reqwest::{Method, StatusCode};

use crate::people::{Person, rng};
use crate::server::{Client, DAY, Server};
use crate::space::Space;

struct Scene {
    server: Server,
    ana: Person,
    client: Client,
    space: Space,
}

async fn scene() -> Scene {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, _) = server.join(&ana).await;
    let space = Space::project(&ana);
    assert_eq!(space.create(&client).await.0, StatusCode::CREATED);
    Scene {
        server,
        ana,
        client,
        space,
    }
}

/// Bytes that tell their place.
pub fn content(bytes: u64) -> Vec<u8> {
    (0..bytes)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 7) as u8)
        .collect()
}

pub fn part_of(content: &[u8], part: u32) -> Vec<u8> {
    let begin = usize::try_from(u64::from(part) * PART).unwrap();
    content[begin..content.len().min(begin + usize::try_from(PART).unwrap())].to_vec()
}

impl Scene {
    async fn begin(&self, id: PackId, bytes: u64) -> (StatusCode, PackState) {
        let (status, body) = self
            .client
            .post(&self.space.path("packs"), &BeginPack { id, bytes })
            .await;
        (status, body.json())
    }

    async fn put(&self, id: PackId, part: u32, bytes: Vec<u8>) -> StatusCode {
        self.client
            .put_bytes(&self.space.path(&format!("packs/{id}/parts/{part}")), bytes)
            .await
            .0
    }

    /// A small pack that is wholly there.
    async fn filled(&self, bytes: u64) -> PackId {
        let id = PackId::random(&mut rng());
        assert_eq!(self.begin(id, bytes).await.0, StatusCode::OK);
        assert_eq!(self.put(id, 0, content(bytes)).await, StatusCode::NO_CONTENT);
        id
    }

    async fn states(&self, ids: &[PackId]) -> Vec<PackState> {
        let query = PackQuery { ids: ids.to_vec() };
        let (status, body) = self.client.post(&self.space.path("packs/query"), &query).await;
        assert_eq!(status, StatusCode::OK);
        body.json::<PackStates>().packs
    }

    async fn bytes(&self, id: PackId) -> (StatusCode, Vec<u8>) {
        let (status, body) = self.client.get(&self.space.path(&format!("packs/{id}/bytes"))).await;
        (status, body.0)
    }

    async fn usage(&self) -> Usage {
        self.client.get(&self.space.path("usage")).await.1.json()
    }

    fn files(&self) -> usize {
        let shards = std::fs::read_dir(self.server.data().join("packs")).unwrap();
        shards
            .map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count())
            .sum()
    }
}

#[tokio::test]
async fn parts_resume_and_ranges_read() {
    let mut scene = scene().await;
    let size = 2 * PART + WINDOW;
    let content = content(size);
    let id = PackId::random(&mut rng());
    assert_eq!(
        scene.put(id, 0, part_of(&content, 0)).await,
        StatusCode::NOT_FOUND,
        "not begun"
    );
    let (status, state) = scene.begin(id, size).await;
    assert_eq!(
        (status, state),
        (
            StatusCode::OK,
            PackState {
                id,
                bytes: size,
                parts: vec![],
                complete: false
            }
        )
    );

    assert_eq!(
        scene.put(id, 2, part_of(&content, 2)).await,
        StatusCode::NO_CONTENT,
        "any order"
    );
    assert_eq!(scene.put(id, 0, part_of(&content, 0)).await, StatusCode::NO_CONTENT);
    assert_eq!(
        scene.put(id, 0, vec![0; PART as usize]).await,
        StatusCode::NO_CONTENT,
        "stored already"
    );
    for (part, bytes) in [
        (1, vec![0; 10]),
        (1, vec![]),
        (2, vec![0; WINDOW as usize + 1]),
        (3, vec![0; 1]),
    ] {
        assert_eq!(
            scene.put(id, part, bytes).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            "not of its size"
        );
    }
    assert_eq!(
        scene.put(id, 1, vec![0; PART as usize + 1]).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert_eq!(
        scene.bytes(id).await.0,
        StatusCode::NOT_FOUND,
        "half a pack can't be read"
    );

    scene.server.restart().await;
    scene.client = scene.server.sign_in(&scene.ana).await;
    let (_, state) = scene.begin(id, size).await;
    assert_eq!(
        (state.parts, state.complete),
        (vec![0, 2], false),
        "what was acknowledged is there after a restart"
    );
    assert_eq!(scene.put(id, 1, part_of(&content, 1)).await, StatusCode::NO_CONTENT);
    let unknown = PackId::random(&mut rng());
    let states = scene.states(&[unknown, id]).await;
    assert_eq!(
        states,
        [PackState {
            id,
            bytes: size,
            parts: vec![0, 1, 2],
            complete: true
        }]
    );

    let (status, all) = scene.bytes(id).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        all == content,
        "every byte, and the first part is the one that was acknowledged"
    );
    let path = scene.space.path(&format!("packs/{id}/bytes"));
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        (format!("bytes={}-{}", WINDOW, 3 * WINDOW - 1), WINDOW, 3 * WINDOW),
        (format!("bytes={}-{}", PART - 5, PART + 4), PART - 5, PART + 5),
        (format!("bytes={}-", 2 * PART - 1), 2 * PART - 1, size),
        ("bytes=-7".to_owned(), size - 7, size),
        (format!("bytes={}-{}", 0, size * 2), 0, size),
    ] {
        let request = scene.client.request(Method::GET, &path).header("range", &range);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        let header = response.headers()["content-range"].to_str().unwrap().to_owned();
        assert_eq!(header, format!("bytes {from}-{}/{size}", to - 1));
        assert_eq!(response.content_length(), Some(to - from));
        let bytes = response.bytes().await.unwrap();
        assert!(bytes == content[from as usize..to as usize], "{range}");
    }
    let request = scene
        .client
        .request(Method::GET, &path)
        .header("range", format!("bytes={size}-"));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(response.headers()["content-range"], format!("bytes */{size}").as_str());
    let request = scene
        .client
        .request(Method::GET, &path)
        .header("range", "bytes=0-1,5-6");
    assert_eq!(
        scene.client.send(request).await.0,
        StatusCode::OK,
        "several ranges: all of it"
    );
}

#[tokio::test]
async fn beginning_is_checked_and_repeatable() {
    let scene = scene().await;
    let id = PackId::random(&mut rng());
    let path = scene.space.path("packs");
    for bytes in [0, 1, WINDOW + 1, PACK + WINDOW, u64::MAX] {
        let (status, _) = scene.client.post(&path, &BeginPack { id, bytes }).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{bytes}");
    }
    assert_eq!(scene.begin(id, WINDOW).await, scene.begin(id, WINDOW).await);
    let (status, body) = scene.client.post(&path, &BeginPack { id, bytes: 2 * WINDOW }).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::CONFLICT, "already-exists"),
        "another size"
    );
    let other = Space::project(&scene.ana);
    assert_eq!(other.create(&scene.client).await.0, StatusCode::CREATED);
    let (status, _) = scene
        .client
        .post(&other.path("packs"), &BeginPack { id, bytes: WINDOW })
        .await;
    assert_eq!(status, StatusCode::CONFLICT, "another space");
    let foreign = other.path(&format!("packs/{id}/parts/0"));
    assert_eq!(
        scene.client.put_bytes(&foreign, content(WINDOW)).await.0,
        StatusCode::NOT_FOUND,
        "nor filled there"
    );
    let query = PackQuery { ids: vec![id; 1_001] };
    let (status, _) = scene.client.post(&scene.space.path("packs/query"), &query).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_commit_names_packs_that_are_here() {
    let mut scene = scene().await;
    let ana = scene.ana.clone();
    let client = scene.client.clone();
    let whole = scene.filled(WINDOW).await;
    let half = PackId::random(&mut rng());
    scene.begin(half, WINDOW).await;
    let elsewhere = Space::project(&ana);
    elsewhere.create(&client).await;
    let foreign = PackId::random(&mut rng());
    client
        .post(
            &elsewhere.path("packs"),
            &BeginPack {
                id: foreign,
                bytes: WINDOW,
            },
        )
        .await;
    client
        .put_bytes(&elsewhere.path(&format!("packs/{foreign}/parts/0")), content(WINDOW))
        .await;

    for added in [
        vec![(half, WINDOW)],
        vec![(foreign, WINDOW)],
        vec![(whole, 2 * WINDOW)],
        vec![(PackId([9; 16]), WINDOW)],
        vec![(whole, WINDOW), (half, WINDOW)],
    ] {
        let (status, body) = scene
            .space
            .send(&client, &ana, scene.space.commit_packs(&ana, &added, &[]))
            .await;
        assert_eq!(
            (status, body.code().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "pack-missing")
        );
    }
    let usage = scene.usage().await;
    assert_eq!(
        (usage.live_bytes, usage.pending_bytes, usage.quota_bytes),
        (0, 2 * WINDOW, 64 << 20)
    );
    let commit = scene.space.commit_packs(&ana, &[(whole, WINDOW)], &[]);
    scene.space.must(&client, &ana, commit).await;
    assert_eq!(scene.usage().await.live_bytes, WINDOW);
    let (status, body) = client.delete(&scene.space.path(&format!("packs/{whole}"))).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::CONFLICT, "conflict"),
        "the log names it"
    );
    let again = scene.space.commit_packs(&ana, &[(whole, WINDOW)], &[]);
    let (status, body) = scene.space.send(&client, &ana, again).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-pack-repeated")
    );
}

#[tokio::test]
async fn giving_up() {
    let mut scene = scene().await;
    let ana = scene.ana.clone();
    let id = scene.filled(WINDOW).await;
    let path = scene.space.path(&format!("packs/{id}"));
    assert_eq!(scene.files(), 1);
    assert_eq!(scene.client.delete(&path).await.0, StatusCode::NO_CONTENT);
    assert_eq!(scene.client.delete(&path).await.0, StatusCode::NOT_FOUND);
    assert_eq!((scene.files(), scene.usage().await.pending_bytes), (0, 0));
    assert_eq!(scene.put(id, 0, content(WINDOW)).await, StatusCode::NOT_FOUND);
    let (_, state) = scene.begin(id, WINDOW).await;
    assert!(state.parts.is_empty(), "the same id can be begun again, from nothing");

    let (ben, cleo) = (Person::new(2, "ben"), Person::new(3, "cleo"));
    let (contributor, _) = scene.server.join(&ben).await;
    let (reader, _) = scene.server.join(&cleo).await;
    let owner = scene.client.clone();
    scene
        .space
        .must(&owner, &ana, scene.space.add(&ana, &ben, Role::Contributor))
        .await;
    scene
        .space
        .must(&owner, &ana, scene.space.add(&ana, &cleo, Role::Reader))
        .await;
    assert_eq!(
        contributor.delete(&path).await.0,
        StatusCode::FORBIDDEN,
        "somebody else began it"
    );
    assert_eq!(reader.delete(&path).await.0, StatusCode::FORBIDDEN);
    let own = PackId::random(&mut rng());
    contributor
        .post(&scene.space.path("packs"), &BeginPack { id: own, bytes: WINDOW })
        .await;
    let own = scene.space.path(&format!("packs/{own}"));
    assert_eq!(owner.delete(&own).await.0, StatusCode::NO_CONTENT, "an owner may");
}

#[tokio::test]
async fn readers_read_and_strangers_do_not() {
    let mut scene = scene().await;
    let (ben, cleo) = (Person::new(2, "ben"), Person::new(3, "cleo"));
    let (reader, _) = scene.server.join(&ben).await;
    let (stranger, _) = scene.server.join(&cleo).await;
    let (owner, ana) = (scene.client.clone(), scene.ana.clone());
    scene
        .space
        .must(&owner, &ana, scene.space.add(&ana, &ben, Role::Reader))
        .await;
    let id = scene.filled(WINDOW).await;
    let bytes = scene.space.path(&format!("packs/{id}/bytes"));
    let part = scene.space.path(&format!("packs/{id}/parts/0"));
    let begin = BeginPack {
        id: PackId([8; 16]),
        bytes: WINDOW,
    };
    assert_eq!(reader.get(&bytes).await.1.0, content(WINDOW));
    assert_eq!(
        reader.post(&scene.space.path("packs"), &begin).await.0,
        StatusCode::FORBIDDEN
    );
    assert_eq!(reader.put_bytes(&part, content(WINDOW)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(stranger.get(&bytes).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        stranger.post(&scene.space.path("packs"), &begin).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        stranger.put_bytes(&part, content(WINDOW)).await.0,
        StatusCode::NOT_FOUND
    );
    let query = PackQuery { ids: vec![id] };
    assert_eq!(
        stranger.post(&scene.space.path("packs/query"), &query).await.0,
        StatusCode::NOT_FOUND
    );
    let removal = scene.space.remove(&ana, &ben, &[&ana]);
    scene.space.must(&owner, &ana, removal).await;
    assert_eq!(reader.get(&bytes).await.0, StatusCode::NOT_FOUND, "nor who was put out");
}

#[tokio::test]
async fn the_quota_counts_live_and_pending_bytes() {
    let server = Server::start_with(|config| config.quota_bytes = 4 * WINDOW).await;
    let ana = Person::new(1, "ana");
    let (client, _) = server.join(&ana).await;
    let space = Space::project(&ana);
    space.create(&client).await;
    let mut scene = Scene {
        server,
        ana: ana.clone(),
        client: client.clone(),
        space,
    };
    let first = scene.filled(3 * WINDOW).await;
    let more = BeginPack {
        id: PackId([2; 16]),
        bytes: 2 * WINDOW,
    };
    let (status, body) = client.post(&scene.space.path("packs"), &more).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::INSUFFICIENT_STORAGE, "quota"),
        "pending bytes count"
    );
    let commit = scene.space.commit_packs(&ana, &[(first, 3 * WINDOW)], &[]);
    scene.space.must(&client, &ana, commit).await;
    let (status, _) = client.post(&scene.space.path("packs"), &more).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "live bytes count");
    let drop = scene.space.commit_packs(&ana, &[], &[first]);
    scene.space.must(&client, &ana, drop).await;
    let (status, _) = client.post(&scene.space.path("packs"), &more).await;
    assert_eq!(status, StatusCode::OK, "dropped bytes don't");
}

#[tokio::test]
async fn clean_up() {
    let mut scene = scene().await;
    let (client, ana) = (scene.client.clone(), scene.ana.clone());
    let named = scene.filled(WINDOW).await;
    let dropped = scene.filled(WINDOW).await;
    let forgotten = scene.filled(WINDOW).await;
    let commit = scene
        .space
        .commit_packs(&ana, &[(named, WINDOW), (dropped, WINDOW)], &[]);
    scene.space.must(&client, &ana, commit).await;
    let drop = scene.space.commit_packs(&ana, &[], &[dropped]);
    scene.space.must(&client, &ana, drop).await;
    let orphan = scene.server.data().join("packs/ab").join("ab".repeat(16));
    std::fs::create_dir(&orphan).unwrap();
    std::fs::write(orphan.join("0"), "left behind").unwrap();

    let cleaned = scene.server.running().clean_up().await.unwrap();
    assert_eq!((cleaned.packs, cleaned.orphans), (0, 1));
    assert!(!orphan.exists());
    scene.server.clock.add_ms(7 * DAY - 60_000);
    assert_eq!(scene.server.running().clean_up().await.unwrap().packs, 0, "not yet");
    scene.server.clock.add_ms(120_000);
    assert_eq!(scene.server.running().clean_up().await.unwrap().packs, 1);
    scene.client = scene.server.sign_in(&ana).await;
    assert!(
        scene.states(&[forgotten]).await.is_empty(),
        "what no entry names goes after 7 days"
    );
    assert_eq!(
        scene.bytes(dropped).await.0,
        StatusCode::OK,
        "what was dropped is kept for 30"
    );
    let missing = scene.space.commit_packs(&ana, &[(forgotten, WINDOW)], &[]);
    let client = scene.client.clone();
    let (status, body) = scene.space.send(&client, &ana, missing).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "pack-missing")
    );
    scene.server.clock.add_ms(23 * DAY);
    assert_eq!(scene.server.running().clean_up().await.unwrap().packs, 1);
    scene.client = scene.server.sign_in(&ana).await;
    assert_eq!(scene.bytes(dropped).await.0, StatusCode::NOT_FOUND);
    assert_eq!(scene.bytes(named).await.0, StatusCode::OK, "what is named stays");
    assert_eq!(scene.files(), 1);
}
