//! A device in memory: its rows, its clock, and a server that has its answers ready.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use holdfast_crypto::{seal, sha256};
use holdfast_engine::ports::{Change, Clock, Request, Response, Store, StoreError, Transport, Unreachable};
use holdfast_engine::{Account, Error, Host, Quick, Session, quick_unlock};
use holdfast_protocol::context;
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::wire::LinkBox;
use tokio::sync::mpsc;

use crate::cast::{self, Repeating, ana, wait};
use crate::input::Input;

const ORIGIN: &str = "https://holdfast.example.org";
const TABLE: &str = "account";
const NOW: u64 = 1_700_000_000_000;

/// A server that gives these answers, one after the other.
pub(super) struct Answering(Mutex<VecDeque<(u16, Vec<u8>)>>);

impl Answering {
    pub(super) fn new(answers: Vec<(u16, Vec<u8>)>) -> Self {
        Self(Mutex::new(answers.into()))
    }
}

#[async_trait]
impl Transport for Answering {
    fn origin(&self) -> &str {
        ORIGIN
    }

    async fn send(&self, _: Request) -> Result<Response, Unreachable> {
        let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let (status, body) = next.ok_or_else(|| Unreachable::unsent("no further answer"))?;
        Ok(Response {
            status,
            body: body.into(),
        })
    }

    async fn listen(&self, _: &str, _: &str) -> Result<mpsc::Receiver<String>, Unreachable> {
        Err(Unreachable::unsent("nothing to hear"))
    }
}

/// A row: table, key, value.
pub(super) type Kept = (&'static str, Vec<u8>, Vec<u8>);

type ByPlace = BTreeMap<(&'static str, Vec<u8>), Vec<u8>>;

pub(super) struct Rows(Mutex<ByPlace>);

#[async_trait]
impl Store for Rows {
    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(rows.get(&(table, key.to_vec())).cloned())
    }

    async fn list(&self, table: &'static str, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let these = rows
            .iter()
            .filter(|((of, key), _)| *of == table && key.starts_with(prefix));
        Ok(these.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            match change {
                Change::Put(table, key, value) => drop(rows.insert((table, key), value)),
                Change::Delete(table, key) => drop(rows.remove(&(table, key))),
            }
        }
        Ok(())
    }
}

struct Still;

impl Clock for Still {
    fn now_ms(&self) -> u64 {
        NOW
    }
}

pub(super) fn host(rows: Vec<Kept>, answers: Vec<(u16, Vec<u8>)>) -> (Host, Arc<Rows>) {
    let rows = rows.into_iter().map(|(table, key, value)| ((table, key), value));
    let store = Arc::new(Rows(Mutex::new(rows.collect())));
    let host = Host {
        transport: Arc::new(Answering::new(answers)),
        store: store.clone(),
        clock: Arc::new(Still),
    };
    (host, store)
}

/// What Ana's device keeps in the table of its account, by name: the record, its sealed digest, the key of the device.
#[must_use]
pub fn honest_rows() -> &'static [(&'static str, Vec<u8>)] {
    static ONCE: OnceLock<Vec<(&'static str, Vec<u8>)>> = OnceLock::new();
    ONCE.get_or_init(|| {
        let [older, newer] = [&ana().0[0], &ana().0[1]];
        let place = context::link(ana().principal(), older.hash(), newer.hash());
        let link = seal(
            &newer.prk().link_key(),
            &place,
            older.prk().expose(),
            &mut Repeating::new(10),
        );
        let account = Account {
            format: 1,
            server: ORIGIN.into(),
            server_key: None,
            handle: newer.bundle.bundle.handle.clone(),
            principal: ana().principal(),
            vault: SpaceId([9; 32]),
            chain: ana().chain().into_iter().map(Into::into).collect(),
            links: vec![LinkBox {
                old: older.hash(),
                new: newer.hash(),
                sealed: link.into(),
            }],
        };
        let record = serde_json::to_vec(&account).expect("a record is written");
        vec![
            ("record-seal", record_seal(&record)),
            ("device-key", device_key(&[0xDD; 32])),
            ("record", record),
        ]
    })
}

fn record_seal(record: &[u8]) -> Vec<u8> {
    let place = context::pins(ana().principal(), TABLE);
    seal(
        &ana().0[1].prk().pins_key(),
        &place,
        &sha256(&[record]),
        &mut Repeating::new(11),
    )
}

fn device_key(plain: &[u8]) -> Vec<u8> {
    let place = context::local(ana().principal(), TABLE, b"device-key");
    seal(&ana().0[1].prk().local_key(), &place, plain, &mut Repeating::new(12))
}

/// A device that opens with the key of its keychain, one of whose rows is not as it was. `docs/spec/keys.md`.
pub fn quick(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (mode, until) = (input.byte(), input.long());
    let given = input.rest();
    let newer = &ana().0[1];
    let key = cast::key(0x51);
    let place = context::quick(ana().principal(), newer.hash(), until);
    let row = |root: &[u8]| {
        let sealed = seal(key.key(), &place, root, &mut Repeating::new(13));
        [&until.to_be_bytes()[..], &sealed].concat()
    };
    let honest = row(newer.prk().expose());
    let mut rows: BTreeMap<&str, Vec<u8>> = honest_rows().iter().cloned().collect();
    let mut as_it_was = false;
    match mode % 6 {
        0 => drop(rows.insert("quick-unlock", given.to_vec())),
        1 => {
            as_it_was = given == newer.prk().expose();
            rows.insert("quick-unlock", row(given));
        }
        2 => {
            // Whoever changes the record in clear does not have the key of its digest.
            as_it_was = given == rows["record"];
            rows.extend([("quick-unlock", honest), ("record", given.to_vec())]);
        }
        3 => rows.extend([
            ("quick-unlock", honest),
            ("record-seal", record_seal(given)),
            ("record", given.to_vec()),
        ]),
        4 => rows.extend([("quick-unlock", honest), ("device-key", device_key(given))]),
        _ => {
            as_it_was = true;
            rows.insert("quick-unlock", honest);
        }
    }
    let rows = rows
        .into_iter()
        .map(|(name, value)| (TABLE, name.as_bytes().to_vec(), value))
        .collect();
    let (host, store) = host(rows, Vec::new());
    let kept = || store.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let before = kept();
    let state = wait(quick_unlock(&host)).expect("memory can be read");
    let opened = wait(Session::unlock_quickly(host.clone(), key.key()));
    match opened {
        Ok(session) => {
            assert!(state == Quick::Ready && NOW < until, "it is over after its time");
            assert!(session.principal() == ana().principal());
            assert!(matches!(mode % 6, 3 | 4) || as_it_was, "what was changed was taken");
        }
        Err(error) => {
            let fits = match error.bare() {
                Error::Keychain(_) | Error::Damaged { .. } | Error::WrongMasterKey | Error::KeysChanged(_) => true,
                // Another format says so.
                Error::Invalid(_) => matches!(mode % 6, 2 | 3),
                _ => false,
            };
            assert!(fits, "{} {error}", error.code());
            assert!(!as_it_was || until <= NOW, "a device that is as it was opens: {error}");
        }
    }
    assert!(kept() == before, "looking changes nothing");
}
