//! What a server sees of a device on which something does not open: what it sees of any other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use holdfast_device::HttpTransport;
use holdfast_engine::ports::{Request, Response};
use holdfast_engine::{Quick, Session, forbid_quick_unlock, quick_unlock};
use holdfast_protocol::entry::{EpochStart, Op, SignedEntry};
use holdfast_protocol::id::{Hash, SpaceId};
use holdfast_protocol::wire::{Append, B64, Entries, SpaceHead};
use holdfast_tests::Dice;
use holdfast_tests::layer::{Attack, Course, Exchange, Layer, Seen, answer, route};

use super::model::Shown;
use super::person::Person;
use crate::rows::Rows;

const BYTES: &str = "GET /v1/spaces/{}/packs/{}/bytes";
const ENTRIES: &str = "GET /v1/spaces/{}/entries";
const PROOF: &str = "POST /v1/directory/proof";
const APPEND: &str = "POST /v1/spaces/{}/entries";

/// Ways to spoil boxes: each reaches every box that is read, in another of its parts.
const WAYS: [fn(usize, u8) -> u8; 7] = [
    |_, byte| byte ^ 1,
    |_, byte| byte ^ 0x80,
    |at, byte| byte ^ u8::from(at % 16 == 0),
    |at, byte| byte ^ u8::from(at % 16 == 15),
    |at, byte| byte ^ u8::from(at % 32 == 8),
    |_, _| 0,
    |_, _| 0x10,
];

/// What an observer of a device sees of one request: where to, which part, how much is said.
type Sight = (String, Option<(u64, u64)>, usize);

fn sight(exchange: &Exchange) -> Sight {
    let request = &exchange.request;
    let said = request.body.as_ref().map_or(0, |(body, _)| body.len());
    (format!("{} {}", route(request), request.path), request.range, said)
}

fn seen_since(layer: &Layer, before: usize) -> Vec<Sight> {
    layer.record()[before..].iter().map(sight).collect()
}

/// Spoils what is read of packs, from the `nth` reading on.
fn spoiled(nth: usize, way: usize) -> impl Attack {
    let passed = AtomicUsize::new(0);
    move |seen: Seen<'_>| {
        if route(seen.request) != BYTES || passed.fetch_add(1, Ordering::SeqCst) < nth {
            return seen.honest;
        }
        let body = seen.honest.body.iter().enumerate();
        Response {
            status: seen.honest.status,
            body: body.map(|(at, byte)| WAYS[way](at, *byte)).collect(),
        }
    }
}

/// One version, read twice while its boxes do not open for two reasons: the same is said of it, to the person and to the server.
/// Whether there was one to be spoiled.
pub(super) async fn boxes(person: &Person, shown: &Shown, name: &str, version: usize, dice: &mut Dice) -> bool {
    let first = dice.below(WAYS.len() as u64);
    let second = (first + 1 + dice.below(WAYS.len() as u64 - 1)) % WAYS.len() as u64;
    let ways = [first, second].map(|way| usize::try_from(way).unwrap_or(0));
    // How much there is to be read.
    let before = person.layer.record().len();
    Box::pin(person.download(shown, name, version))
        .await
        .expect("an honest server");
    let read = seen_since(&person.layer, before);
    let read = read.iter().filter(|(place, ..)| place.starts_with(BYTES)).count();
    if read == 0 {
        return false;
    }
    let nth = usize::try_from(dice.below(read as u64)).unwrap_or(0);
    let mut said = Vec::new();
    for way in ways {
        let before = person.layer.record().len();
        person.layer.attack(spoiled(nth, way));
        let got = Box::pin(person.download(shown, name, version)).await;
        person.layer.honest();
        let error = got.expect_err("it does not open");
        let mut seen = seen_since(&person.layer, before);
        // Several are asked for at a time.
        seen.sort();
        said.push((error.code().to_owned(), error.to_string(), seen));
    }
    assert_eq!(
        said[0], said[1],
        "{}: it shows why something does not open, by ways {ways:?}",
        person.handle
    );
    true
}

/// A device's rows as they stand, and what opens a copy.
struct Copied {
    rows: Rows,
    key: holdfast_crypto::Key32,
    url: String,
}

impl Copied {
    async fn of(person: &Person, url: &str) -> Self {
        let host = person.own_host();
        let was = quick_unlock(&host).await.expect("its rows");
        let key = person.session.allow_quick_unlock().await.expect("its rows");
        let rows = person.rows.copy();
        if was == Quick::Off {
            forbid_quick_unlock(&host).await.expect("its rows");
        }
        Self {
            rows,
            key,
            url: url.to_owned(),
        }
    }

    /// Another device that is the same as this.
    async fn opened(&self) -> (Arc<Layer>, Session) {
        let layer = Layer::new(Arc::new(HttpTransport::new(&self.url).expect("an address")));
        let host = Person::host(&layer, &Arc::new(self.rows.copy()));
        let session = Box::pin(Session::unlock_quickly(host, &self.key)).await;
        (layer, session.expect("opening sends nothing"))
    }
}

/// Keeps what would be appended, and lets nobody hear it.
struct Swallow(Arc<Mutex<Option<SignedEntry>>>);

impl Attack for Swallow {
    fn course(&self, request: &Request) -> Course {
        if route(request) != APPEND {
            return Course::Straight;
        }
        let body = request.body.as_ref().map(|(body, _)| body.to_vec()).unwrap_or_default();
        let said: Append = serde_json::from_slice(&body).expect("an entry");
        let signed = SignedEntry::from_bytes(&said.entry.0).expect("an entry");
        *self.0.lock().expect("what was said") = Some(signed);
        Course::Cut
    }

    fn answer(&self, seen: Seen<'_>) -> Response {
        seen.honest
    }
}

/// A log with one entry more.
fn longer(entry: &SignedEntry) -> impl Attack + use<> {
    let head = SpaceHead {
        space: entry.entry.space,
        seq: entry.entry.seq,
        hash: entry.hash,
    };
    let bytes = B64(entry.as_bytes().to_vec());
    move |seen: Seen<'_>| {
        let said = &seen.honest.body;
        let value = match route(seen.request).as_str() {
            "GET /v1/spaces" => {
                let mut heads: Vec<SpaceHead> = serde_json::from_slice(said).expect("heads");
                let there = heads.iter_mut().filter(|one| one.space == head.space);
                there.for_each(|one| *one = head.clone());
                serde_json::to_value(heads)
            }
            ENTRIES if seen.request.path.contains(&head.space.to_string()) => {
                let mut page: Entries = serde_json::from_slice(said).expect("a page");
                page.entries.push(bytes.clone());
                page.head = head.clone();
                serde_json::to_value(page)
            }
            _ => return seen.honest,
        };
        answer(&value.expect("a value"))
    }
}

/// New keys of a project that open for their recipient, or do not, for several reasons, among them one that no private key has a part
/// in. All of those look alike. And what is asked for is the same as where they open, but for the log of keys: a device compares the
/// head that a new entry names once it has taken that entry, and not before.
///
/// Gives what the member's devices said.
pub(super) async fn wraps(owner: &Person, member: &Person, space: SpaceId, url: &str) -> Vec<Exchange> {
    let caught = Arc::new(Mutex::new(None));
    let (layer, session) = Copied::of(owner, url).await.opened().await;
    layer.attack(Swallow(caught.clone()));
    let ended = session.rotate(space).await;
    assert!(ended.is_err(), "nobody heard of it");
    let signed = caught.lock().expect("what was said").take().expect("an entry");
    let (mine, theirs) = (member.session.principal(), owner.session.principal());
    let (keyring, others) = (owner.session.keyring(), member.session.keyring());
    let keys = keyring.of(signed.entry.author_bundle).expect("the owner's own keys");
    let changed = |change: &dyn Fn(&mut EpochStart, usize, usize)| {
        let mut entry = signed.entry.clone();
        let Op::Rotate { epoch } = &mut entry.op else {
            panic!("another entry than was asked for");
        };
        let wrap_of = |who| epoch.wraps.iter().position(|wrap| wrap.recipient == who);
        let wraps = (wrap_of(mine), wrap_of(theirs));
        let (Some(mine), Some(theirs)) = wraps else {
            panic!("there is no wrap for everybody");
        };
        change(epoch, mine, theirs);
        entry
    };
    let by_owner = |change: &dyn Fn(&mut EpochStart, usize, usize)| changed(change).sign(keys.sign_key());
    let all = [
        ("as it is", by_owner(&|_, _, _| {})),
        (
            "with a bit turned",
            by_owner(&|epoch, mine, _| epoch.wraps[mine].ciphertext[7] ^= 1),
        ),
        (
            "with its last bit turned",
            by_owner(&|epoch, mine, _| {
                epoch.wraps[mine]
                    .ciphertext
                    .last_mut()
                    .into_iter()
                    .for_each(|last| *last ^= 1);
            }),
        ),
        (
            "somebody else's",
            by_owner(&|epoch, mine, theirs| epoch.wraps[mine].ciphertext = epoch.wraps[theirs].ciphertext.clone()),
        ),
        (
            "nothing",
            by_owner(&|epoch, mine, _| epoch.wraps[mine].ciphertext.fill(0)),
        ),
        (
            "another than was promised",
            by_owner(&|epoch, _, _| epoch.commitment = Hash([7; 32])),
        ),
        (
            "signed by somebody else",
            changed(&|_, _, _| {}).sign(others.current().sign_key()),
        ),
    ];
    let copied = Copied::of(member, url).await;
    let (mut seen, mut said) = (Vec::<Vec<Sight>>::new(), Vec::new());
    for (number, (what, entry)) in all.iter().enumerate() {
        let entry = entry.as_ref().expect("an entry");
        let (layer, session) = copied.opened().await;
        layer.attack(longer(entry));
        let shown = session.all_projects().await;
        let view = shown.as_ref().ok().and_then(|all| {
            let mut views = all.views.iter();
            views.find(|view| view.space.authority().space() == space)
        });
        let is_taken = view.is_some_and(|view| view.space.authority().head() == entry.hash);
        let opened = view.is_some_and(|view| view.space.current_key().is_some());
        assert_eq!(
            is_taken,
            number == 0,
            "a key that is {what} is taken, or the right one is not"
        );
        assert!(opened || number > 0, "the right key does not open");
        seen.push(seen_since(&layer, 0));
        said.extend(layer.record());
    }
    let (good, bad) = (&seen[0], &seen[1]);
    let proofs = |seen: &[Sight]| seen.iter().filter(|(place, ..)| place.starts_with(PROOF)).count();
    assert!(
        proofs(good) <= proofs(bad) + 1,
        "{}: it asks for more than one proof where a key opens",
        member.handle
    );
    let good: Vec<_> = good.iter().filter(|(place, ..)| !place.starts_with(PROOF)).collect();
    let without: Vec<_> = bad.iter().filter(|(place, ..)| !place.starts_with(PROOF)).collect();
    assert_eq!(good, without, "{}: it shows whether a key opens", member.handle);
    for ((what, _), other) in all.iter().zip(&seen).skip(2) {
        assert_eq!(
            bad, other,
            "{}: it shows why a key does not open, here {what}",
            member.handle
        );
    }
    said
}
