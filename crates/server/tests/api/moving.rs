//! An account and its logs that come from another server: taken by the same rules as if they had been made here.

use holdfast_protocol::entry::{Op, Role, SignedEntry};
use holdfast_protocol::id::{Locator, PackId};
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::wire::{B64, BeginPack, Me, MoveAccount, MoveEntries, Moving, RecoveryBox, SpaceHead, Tokens};
use holdfast_server::ports::Database as _;
use reqwest::StatusCode;

use crate::packs::content;
use crate::people::{Person, strange_key};
use crate::server::{Client, DAY, Server};
use crate::space::{Space, append};

/// Somebody whose keys were changed twice, with a vault from before.
struct Newcomer {
    people: [Person; 3],
    vault: Space,
}

impl Newcomer {
    fn new() -> Self {
        let first = Person::new(1, "ana");
        let second = first.changed(2);
        let third = second.changed(3);
        let vault = Space::vault(&first);
        Self {
            people: [first, second, third],
            vault,
        }
    }

    fn newest(&self) -> &Person {
        &self.people[2]
    }

    async fn account(&self, client: &Client, now_ms: u64) -> MoveAccount {
        let nonce = client.challenge("ana").await.nonce.0;
        MoveAccount {
            chain: self.people.iter().map(|person| B64(person.signed.clone())).collect(),
            links: self
                .people
                .windows(2)
                .map(|pair| pair[0].change_to(&pair[1]).link)
                .collect(),
            vault: B64(self.vault.genesis.as_bytes().to_vec()),
            recovery: Some(RecoveryBox {
                locator: Locator([7; 16]),
                sealed: B64(vec![1; 80]),
            }),
            proof: self.newest().proof(&client.base, &nonce, now_ms),
        }
    }

    async fn arrive(&self, server: &Server) -> Client {
        let mut client = server.client();
        let message = self.account(&client, server.now_ms()).await;
        let (status, body) = client.post("/v1/accounts/move", &message).await;
        assert_eq!(status, StatusCode::CREATED, "{}", String::from_utf8_lossy(&body.0));
        client.token = Some(body.json::<Tokens>().access);
        client
    }
}

#[tokio::test]
async fn an_account_comes_with_all_of_its_keys() {
    let server = Server::start().await;
    let ana = Newcomer::new();
    let client = ana.arrive(&server).await;
    let me: Me = client.get("/v1/me").await.1.json();
    let sent = ana.account(&client, server.now_ms()).await;
    assert_eq!(
        (me.chain, me.links, me.vault, me.recovery),
        (sent.chain, sent.links, ana.vault.id, true)
    );
    assert_eq!(
        client.get("/v1/me/recovery").await.1.json::<RecoveryBox>(),
        sent.recovery.unwrap()
    );
    server.sign_in(ana.newest()).await;
    for earlier in &ana.people[..2] {
        let nonce = server.client().challenge("ana").await.nonce.0;
        let proof = earlier.proof(&server.base(), &nonce, server.now_ms());
        assert_eq!(
            server.client().post("/v1/signin", &proof).await.0,
            StatusCode::UNAUTHORIZED,
            "not by earlier keys"
        );
    }
    // The answer was lost.
    let again = ana.account(&client, server.now_ms()).await;
    assert_eq!(client.post("/v1/accounts/move", &again).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_account_is_taken_only_whole_and_proven() {
    let server = Server::start().await;
    let ana = Newcomer::new();
    let client = server.client();
    let good = async || ana.account(&client, server.now_ms()).await;
    let mut cases = Vec::new();
    let mut case =
        |what, status: u16, code: &'static str, message: MoveAccount| cases.push((what, status, code, message));

    let mut bad = good().await;
    bad.chain.remove(1);
    case("a gap in the chain", 422, "refused", bad);
    let mut bad = good().await;
    bad.chain.clear();
    case("no chain", 422, "refused", bad);
    let mut bad = good().await;
    bad.chain.pop();
    case("a chain without the keys that prove it", 401, "sign-in-refused", bad);
    let mut bad = good().await;
    bad.links.pop();
    case("a link too few", 422, "refused", bad);
    let mut bad = good().await;
    bad.links.swap(0, 1);
    case("links in another order", 422, "refused", bad);
    let mut bad = good().await;
    bad.links[0].sealed = B64(vec![1; 5000]);
    case("a link that is too large", 422, "refused", bad);
    let mut bad = good().await;
    bad.recovery.as_mut().unwrap().sealed = B64(Vec::new());
    case("an empty recovery box", 422, "refused", bad);
    let mut bad = good().await;
    let other = Person::new(9, "ben");
    bad.vault = B64(Space::vault(&other).genesis.as_bytes().to_vec());
    case("somebody else's vault", 403, "not-allowed", bad);
    let mut bad = good().await;
    bad.vault = B64(Space::project(&ana.people[0]).genesis.as_bytes().to_vec());
    case("a project for a vault", 422, "refused", bad);
    let mut bad = good().await;
    bad.proof.signature = B64(strange_key().sign("login", b"x").to_vec());
    case("no proof", 401, "sign-in-refused", bad);
    let mut bad = good().await;
    let nonce = bad.proof.nonce.0.clone();
    bad.proof = ana
        .newest()
        .proof("https://elsewhere.example.org", &nonce, server.now_ms());
    case("a proof for another server", 401, "sign-in-refused", bad);
    let mut bad = good().await;
    bad.proof = ana.newest().proof(&client.base, &[5; 32], server.now_ms());
    case("a proof with a nonce of one's own", 401, "sign-in-refused", bad);
    for (what, status, code, message) in cases {
        let (got, body) = client.post("/v1/accounts/move", &message).await;
        assert_eq!((got.as_u16(), body.code().as_str()), (status, code), "{what}");
    }
    let nobody = server.database.account(ana.newest().principal).await.unwrap();
    assert!(nobody.is_none(), "nothing is half made");

    let (_, vault) = server.join(&Person::new(5, "ana")).await;
    let (status, body) = client.post("/v1/accounts/move", &good().await).await;
    assert_eq!((status, body.code().as_str()), (StatusCode::CONFLICT, "already-exists"));
    drop(vault);
    let closed = Server::start_with(|config| config.open_signup = false).await;
    let message = ana.account(&closed.client(), closed.now_ms()).await;
    assert_eq!(
        closed.client().post("/v1/accounts/move", &message).await.0,
        StatusCode::FORBIDDEN
    );
}

/// A log that was written at another server: each entry with what it does.
struct Log {
    space: Space,
    entries: Vec<SignedEntry>,
}

impl Log {
    fn new(space: Space) -> Self {
        Self {
            space,
            entries: Vec::new(),
        }
    }

    fn push(&mut self, author: &Person, entry: holdfast_protocol::entry::Entry) {
        let signed = entry.sign(author.sign_key()).unwrap();
        self.space.follow(&signed);
        self.entries.push(signed);
    }

    fn page(&self, from: u64, count: usize) -> MoveEntries {
        let at = usize::try_from(from - 1).unwrap();
        let entries = self.entries[at..].iter().take(count);
        MoveEntries {
            from,
            entries: entries.map(|entry| B64(entry.as_bytes().to_vec())).collect(),
        }
    }

    fn end(&self) -> SpaceHead {
        SpaceHead {
            space: self.space.id,
            seq: self.space.seq,
            hash: self.space.head,
        }
    }
}

const KEPT: PackId = PackId([1; 16]);
const GONE: PackId = PackId([2; 16]);

/// A project: keys changed twice in it, one pack kept and one dropped.
fn project(ana: &Newcomer) -> Log {
    let [first, second, third] = &ana.people;
    let mut log = Log::new(Space::project(first));
    log.push(
        first,
        log.space.commit_packs(first, &[(KEPT, WINDOW), (GONE, WINDOW)], &[]),
    );
    log.push(second, log.space.rewrap(second));
    log.push(second, log.space.commit_packs(second, &[], &[GONE]));
    log.push(third, log.space.rewrap(third));
    log.push(third, log.space.commit(third));
    log
}

async fn keep(client: &Client, space: &Space) {
    client
        .post(
            &space.path("packs"),
            &BeginPack {
                id: KEPT,
                bytes: WINDOW,
            },
        )
        .await;
    client
        .put_bytes(&space.path(&format!("packs/{KEPT}/parts/0")), content(WINDOW))
        .await;
}

#[tokio::test]
async fn a_log_comes_in_pages_and_counts_at_once() {
    let mut server = Server::start().await;
    let ana = Newcomer::new();
    let client = ana.arrive(&server).await;
    let mut log = project(&ana);
    client.post("/v1/spaces", &append(&log.space.genesis)).await;
    let (path, finish) = (log.space.path("move"), log.space.path("move/finish"));
    let stage = async |page: &MoveEntries| {
        let (status, body) = client.post(&path, page).await;
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body.0));
        body.json::<Moving>().next
    };
    assert_eq!(
        stage(&MoveEntries {
            from: 0,
            entries: vec![]
        })
        .await,
        1
    );
    assert_eq!(stage(&log.page(1, 2)).await, 3);
    assert_eq!(
        client.post(&finish, &log.end()).await.0,
        StatusCode::CONFLICT,
        "not all of it is here"
    );
    assert_eq!(stage(&log.page(2, 9)).await, 6);
    let (status, body) = client.post(&finish, &log.end()).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "pack-missing")
    );
    keep(&client, &log.space).await;
    let heads: Vec<SpaceHead> = client.get("/v1/spaces").await.1.json();
    assert!(
        heads.iter().any(|head| head.space == log.space.id && head.seq == 0),
        "nothing counts yet"
    );

    assert_eq!(client.post(&finish, &log.end()).await.0, StatusCode::CREATED);
    assert_eq!(
        client.post(&finish, &log.end()).await.0,
        StatusCode::OK,
        "the answer was lost"
    );
    let heads: Vec<SpaceHead> = client.get("/v1/spaces").await.1.json();
    assert!(heads.contains(&log.end()));
    // It goes on as any other log, over a restart too.
    let newest = ana.newest().clone();
    let next = log.space.commit(&newest);
    log.space.must(&client, &newest, next).await;
    let token = client.token.clone();
    server.restart().await;
    let mut client = server.client();
    client.token = token;
    let next = log.space.commit_packs(&newest, &[], &[KEPT]);
    log.space.must(&client, &newest, next).await;
    // And once more from elsewhere, on top.
    let next = log.space.commit(&newest);
    log.push(&newest, next);
    let end = log.end();
    let page = MoveEntries {
        from: end.seq,
        entries: vec![B64(log.entries.last().unwrap().as_bytes().to_vec())],
    };
    assert_eq!(client.post(&path, &page).await.0, StatusCode::OK);
    assert_eq!(client.post(&finish, &end).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn a_log_is_folded_with_every_rule() {
    let server = Server::start().await;
    let ana = Newcomer::new();
    let client = ana.arrive(&server).await;
    let log = project(&ana);
    client.post("/v1/spaces", &append(&log.space.genesis)).await;
    keep(&client, &log.space).await;
    let (path, finish) = (log.space.path("move"), log.space.path("move/finish"));

    let mut gap = log.page(1, 9);
    gap.entries.remove(1);
    assert_eq!(client.post(&path, &gap).await.1.code(), "log-sequence");
    assert_eq!(client.post(&path, &log.page(2, 9)).await.1.code(), "conflict");
    let foreign = project(&ana);
    assert_eq!(
        client.post(&path, &foreign.page(1, 1)).await.1.code(),
        "log-wrong-space"
    );
    let rubbish = MoveEntries {
        from: 1,
        entries: vec![B64(vec![0; 9])],
    };
    assert_eq!(client.post(&path, &rubbish).await.1.code(), "refused");

    // Signed by a key that does not count there: seen when it is folded, and nothing of it counts.
    let [first, _, third] = &ana.people;
    let mut forged = Log::new(log.space.clone());
    forged.space = Space::project(first);
    client.post("/v1/spaces", &append(&forged.space.genesis)).await;
    forged.push(third, forged.space.commit(third));
    let at = forged.space.path("move");
    assert_eq!(client.post(&at, &forged.page(1, 1)).await.0, StatusCode::OK);
    let (status, body) = client.post(&forged.space.path("move/finish"), &forged.end()).await;
    assert_eq!(
        (status, body.code().as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "log-author-bundle")
    );

    assert_eq!(client.post(&path, &log.page(1, 9)).await.0, StatusCode::OK);
    let other = SpaceHead {
        hash: foreign.space.head,
        ..log.end()
    };
    assert_eq!(client.post(&finish, &other).await.1.code(), "conflict");
    let elsewhere = SpaceHead {
        space: foreign.space.id,
        ..log.end()
    };
    assert_eq!(client.post(&finish, &elsewhere).await.1.code(), "log-wrong-space");
    assert_eq!(client.post(&finish, &log.end()).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn only_a_log_of_one_person_comes() {
    let server = Server::start().await;
    let ana = Newcomer::new();
    let client = ana.arrive(&server).await;
    let ben = Person::new(8, "ben");
    let (bens, _) = server.join(&ben).await;
    let newest = ana.newest();
    let mut log = Log::new(Space::project(newest));
    client.post("/v1/spaces", &append(&log.space.genesis)).await;
    let path = log.space.path("move");
    assert_eq!(
        bens.post(
            &path,
            &MoveEntries {
                from: 0,
                entries: vec![]
            }
        )
        .await
        .0,
        StatusCode::NOT_FOUND
    );
    log.push(newest, log.space.add(newest, &ben, Role::Reader));
    assert_eq!(client.post(&path, &log.page(1, 1)).await.0, StatusCode::FORBIDDEN);
    // In one that somebody is or was in, nothing is put aside.
    let mut shared = log.space.clone();
    shared.send_signed(&client, &log.entries[0]).await;
    let commit = shared.commit(newest).sign(newest.sign_key()).unwrap();
    let page = MoveEntries {
        from: 2,
        entries: vec![B64(commit.as_bytes().to_vec())],
    };
    assert_eq!(client.post(&path, &page).await.0, StatusCode::FORBIDDEN);
    let remove = shared.remove(newest, &ben, &[newest]);
    shared.must(&client, newest, remove).await;
    assert_eq!(client.post(&path, &page).await.0, StatusCode::FORBIDDEN);
    // Leaving is nothing that one person's log can hold.
    let open = Space::begin(
        newest,
        holdfast_protocol::entry::SpaceKind::Project,
        false,
        crate::space::named("Open"),
    );
    client.post("/v1/spaces", &append(&open.genesis)).await;
    let entry = open.next(newest, Op::Leave {}, None).sign(newest.sign_key()).unwrap();
    let page = MoveEntries {
        from: 1,
        entries: vec![B64(entry.as_bytes().to_vec())],
    };
    assert_eq!(client.post(&open.path("move"), &page).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_log_that_nobody_went_on_with_is_forgotten() {
    let server = Server::start().await;
    let ana = Newcomer::new();
    let client = ana.arrive(&server).await;
    let log = project(&ana);
    client.post("/v1/spaces", &append(&log.space.genesis)).await;
    let path = log.space.path("move");
    client.post(&path, &log.page(1, 3)).await;
    server.running().clean_up().await.unwrap();
    let asked = MoveEntries {
        from: 0,
        entries: vec![],
    };
    assert_eq!(client.post(&path, &asked).await.1.json::<Moving>().next, 4);
    server.clock.add_ms(8 * DAY);
    server.running().clean_up().await.unwrap();
    let client = server.sign_in(ana.newest()).await;
    assert_eq!(client.post(&path, &asked).await.1.json::<Moving>().next, 1);
}
