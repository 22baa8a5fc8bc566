//! Starting, stopping, being killed: what was acknowledged is there.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use holdfast_protocol::id::PackId;
use holdfast_protocol::limits::{PART, WINDOW};
use holdfast_protocol::wire::{BeginPack, Entries, Me, PackState, SpaceHead};
use holdfast_server::ports::{Clock as _, SystemClock};
use holdfast_server::{Error, start};
use reqwest::StatusCode;
use tokio::io::AsyncWriteExt as _;

use crate::packs::{content, part_of};
use crate::people::{Person, rng};
use crate::server::{Client, Server, config};
use crate::space::Space;

#[tokio::test]
async fn a_restart_keeps_everything() {
    let mut server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, vault) = server.join(&ana).await;
    let mut space = Space::project(&ana);
    space.create(&client).await;
    space.must(&client, &ana, space.commit(&ana)).await;
    let id = PackId([3; 16]);
    client
        .post(&space.path("packs"), &BeginPack { id, bytes: WINDOW })
        .await;
    client
        .put_bytes(&space.path(&format!("packs/{id}/parts/0")), content(WINDOW))
        .await;
    let token = client.token.clone();
    server.restart().await;
    let mut client = server.client();
    client.token = token;
    let me: Me = client.get("/v1/me").await.1.json();
    assert_eq!(me.vault, vault.id, "the same tokens, too");
    let heads: Vec<SpaceHead> = client.get("/v1/spaces").await.1.json();
    assert!(heads.contains(&SpaceHead {
        space: space.id,
        seq: 1,
        hash: space.head
    }));
    assert_eq!(
        client.get(&space.path(&format!("packs/{id}/bytes"))).await.1.0,
        content(WINDOW)
    );
    space
        .must(&client, &ana, space.commit_packs(&ana, &[(id, WINDOW)], &[]))
        .await;
}

#[tokio::test]
async fn one_server_has_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    let running = start(config(&data)).await.unwrap();
    assert!(matches!(start(config(&data)).await, Err(Error::InUse)));
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&data).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700, "for this user alone");
    }
    let mut taken = config(&folder.path().join("other"));
    taken.listen = running.local_addr();
    assert!(matches!(start(taken).await, Err(Error::Listen(..))));
    let mut odd = config(&folder.path().join("other"));
    odd.origin = Some("files.example.org".into());
    assert!(matches!(start(odd).await, Err(Error::Origin(_))));
    running.stop().await;
    start(config(&data)).await.unwrap().stop().await;
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way() {
    let server = Server::start().await;
    let ana = Person::new(1, "ana");
    let (client, _) = server.join(&ana).await;
    let space = Space::project(&ana);
    space.create(&client).await;
    let id = PackId([3; 16]);
    client
        .post(&space.path("packs"), &BeginPack { id, bytes: WINDOW })
        .await;
    let address = server.running().local_addr();
    let mut upload = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PUT {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {WINDOW}\r\nconnection: close\r\n\r\n",
        space.path(&format!("packs/{id}/parts/0")),
        client.token.clone().unwrap(),
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    upload.write_all(&content(WINDOW)[..1_000]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (running, folder) = server.take();
    let stopped = tokio::spawn(running.stop());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(
        tokio::net::TcpStream::connect(address).await.is_err(),
        "no new connections"
    );
    upload.write_all(&content(WINDOW)[1_000..]).await.unwrap();
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut upload, &mut answer)
        .await
        .unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 204"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    stopped.await.unwrap();
    drop(folder);
}

const CHILD_DATA: &str = "HOLDFAST_TEST_SERVER_DATA";
const CHILD_SAYS: &str = "HOLDFAST_TEST_SERVER_AT";

/// Not a test of its own: the server process that the next test kills.
#[tokio::test]
#[ignore = "started by killed_at_any_moment_nothing_acknowledged_is_lost"]
async fn server_process() {
    let (Ok(data), Ok(says)) = (std::env::var(CHILD_DATA), std::env::var(CHILD_SAYS)) else {
        return;
    };
    let mut running = start(config(Path::new(&data))).await.unwrap();
    std::fs::write(format!("{says}.new"), running.local_addr().to_string()).unwrap();
    std::fs::rename(format!("{says}.new"), says).unwrap();
    running.wait().await;
}

/// A server in a process of its own.
pub struct Process(Child);

impl Process {
    pub async fn start(folder: &Path) -> (Self, String) {
        let says = folder.join("address");
        let _ = std::fs::remove_file(&says);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["lifecycle::server_process", "--exact", "--ignored"])
            .env(CHILD_DATA, folder.join("data"))
            .env(CHILD_SAYS, &says)
            .stdout(Stdio::null())
            .spawn();
        let process = Self(child.unwrap());
        // A minute: many servers start at the same time on a small computer.
        for _ in 0..3_000 {
            if let Ok(address) = std::fs::read_to_string(&says) {
                return (process, format!("http://{address}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server did not start");
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a writer was told.
#[derive(Default)]
struct Acknowledged {
    entries: Vec<Vec<u8>>,
    packs: Vec<(PackId, Vec<u32>)>,
}

async fn send(request: reqwest::RequestBuilder) -> Option<StatusCode> {
    let response = request.timeout(Duration::from_secs(20)).send().await.ok()?;
    let status = response.status();
    response.bytes().await.ok()?;
    Some(status)
}

/// Appends until the server is gone.
async fn append_on(client: Client, ana: Person, mut space: Space, seen: Arc<Mutex<Acknowledged>>) {
    loop {
        let signed = space.commit(&ana).sign(ana.sign_key()).unwrap();
        let body = crate::space::append(&signed);
        let request = client
            .request(reqwest::Method::POST, &space.path("entries"))
            .json(&body);
        match send(request).await {
            Some(StatusCode::CREATED) => seen.lock().unwrap().entries.push(signed.as_bytes().to_vec()),
            None => return,
            Some(other) => panic!("{other}"),
        }
        space.follow(&signed);
    }
}

/// Uploads packs of two parts until the server is gone.
async fn upload_on(client: Client, space: Space, seen: Arc<Mutex<Acknowledged>>) {
    let size = PART + WINDOW;
    let content = content(size);
    loop {
        let id = PackId::random(&mut rng());
        let begin = client
            .request(reqwest::Method::POST, &space.path("packs"))
            .json(&BeginPack { id, bytes: size });
        match send(begin).await {
            Some(StatusCode::OK) => seen.lock().unwrap().packs.push((id, vec![])),
            Some(StatusCode::INSUFFICIENT_STORAGE) | None => return,
            Some(other) => panic!("{other}"),
        }
        for part in [1, 0] {
            let path = space.path(&format!("packs/{id}/parts/{part}"));
            let request = client
                .request(reqwest::Method::PUT, &path)
                .body(part_of(&content, part));
            match send(request).await {
                Some(StatusCode::NO_CONTENT) => seen.lock().unwrap().packs.last_mut().unwrap().1.push(part),
                None => return,
                Some(other) => panic!("{other}"),
            }
        }
    }
}

/// Waits until both writers have been told something, however slow this computer is today.
async fn under_way(seen: &Mutex<Acknowledged>) {
    for _ in 0..2_000 {
        {
            let seen = seen.lock().unwrap();
            if !seen.entries.is_empty() && seen.packs.iter().any(|(_, parts)| !parts.is_empty()) {
                return;
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing was acknowledged in twenty seconds");
}

/// A log page by page: a fast computer appends more than one page holds.
async fn all_entries(client: &Client, space: &Space) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let (status, body) = client.get(&space.path(&format!("entries?from={}", all.len()))).await;
        assert_eq!(status, StatusCode::OK, "the session was acknowledged, too");
        let page: Entries = body.json();
        all.extend(page.entries.into_iter().map(|entry| entry.0));
        if all.len() as u64 > page.head.seq {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let ana = Person::new(1, "ana");
    let (mut process, mut base) = Process::start(folder.path()).await;
    let client = Client::new(base.clone());
    client.post("/v1/accounts", &Space::vault(&ana).sign_up(&ana)).await;
    let (mut acknowledged_entries, mut acknowledged_parts) = (0, 0);
    for round in 0..6 {
        let mut client = Client::new(base.clone());
        client.token = Some(client.sign_in(&ana, SystemClock.now_ms()).await.access);
        let space = Space::project(&ana);
        assert_eq!(space.create(&client).await.0, StatusCode::CREATED);
        let seen = Arc::new(Mutex::new(Acknowledged::default()));
        let appending = tokio::spawn(append_on(client.clone(), ana.clone(), space.clone(), seen.clone()));
        let uploading = tokio::spawn(upload_on(client.clone(), space.clone(), seen.clone()));
        under_way(&seen).await;
        tokio::time::sleep(Duration::from_millis(37 * round)).await;
        process.kill();
        appending.await.unwrap();
        uploading.await.unwrap();

        (process, base) = Process::start(folder.path()).await;
        client.base.clone_from(&base);
        let stored = all_entries(&client, &space).await;
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert!(
            stored.len() > seen.entries.len(),
            "the genesis and all acknowledged ones"
        );
        for (stored, told) in stored[1..].iter().zip(&seen.entries) {
            assert_eq!(stored, told);
        }
        let acknowledged = seen.entries.len() + 1;
        assert!(
            stored.len() <= acknowledged + 1,
            "and at most the one that was under way"
        );
        acknowledged_entries += seen.entries.len();
        for (id, told) in seen.packs {
            let (status, body) = client
                .post(
                    &space.path("packs"),
                    &BeginPack {
                        id,
                        bytes: PART + WINDOW,
                    },
                )
                .await;
            let state: PackState = body.json();
            assert_eq!(status, StatusCode::OK);
            assert!(
                told.iter().all(|part| state.parts.contains(part)),
                "{told:?} {:?}",
                state.parts
            );
            acknowledged_parts += told.len();
            if state.complete {
                let (_, body) = client.get(&space.path(&format!("packs/{id}/bytes"))).await;
                assert!(body.0 == content(PART + WINDOW), "and whole");
            }
        }
        for shard in std::fs::read_dir(folder.path().join("data/packs")).unwrap() {
            for pack in std::fs::read_dir(shard.unwrap().path()).unwrap() {
                for part in std::fs::read_dir(pack.unwrap().path()).unwrap() {
                    let name = part.unwrap().file_name();
                    assert!(
                        name.to_str().unwrap().parse::<u32>().is_ok(),
                        "unfinished writes are gone: {name:?}"
                    );
                }
            }
        }
    }
    assert!(acknowledged_entries >= 6 && acknowledged_parts >= 6);
    process.kill();
}
