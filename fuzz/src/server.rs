//! What a server answers, and what a device keeps: JSON messages, errors, the recovery box behind a kit, and the rows from which
//! a device opens. `docs/spec/wire.md`, `accounts.md`, `device.md`.

mod device;

use std::sync::Arc;

use holdfast_crypto::{KdfRecord, Phrase, RecoveryKey, seal};
use holdfast_engine::api::Api;
use holdfast_engine::{Error, NewKeys, Session};
use holdfast_protocol::id::{DeviceId, Hash, Locator, PrincipalId, RunId, SpaceId};
use holdfast_protocol::run::{Attempt, Stream};
use holdfast_protocol::wire::{self, Tokens};
use holdfast_protocol::{KeyField, Refusal, cbor, context, limits};
use minicbor::{Decode, Encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cast::{Repeating, wait};
use crate::input::Input;
use device::{Answering, host};
pub use device::{honest_rows, quick};

/// `null` and absent are the same in a message.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Whether two values are one message. serde also takes an object by its place in a list, and a word as the one member of an
/// object: other spellings, but nothing that is passed over.
fn is_said_by(sent: &Value, read: &Value) -> bool {
    match (sent, read) {
        (Value::Object(sent), Value::Object(read)) => {
            sent.len() == read.len()
                && sent
                    .iter()
                    .all(|(name, sent)| read.get(name).is_some_and(|read| is_said_by(sent, read)))
        }
        (Value::Array(sent), Value::Array(read)) => {
            sent.len() == read.len() && sent.iter().zip(read).all(|(sent, read)| is_said_by(sent, read))
        }
        (Value::Array(sent), Value::Object(read)) => sent.len() >= read.len(),
        (Value::Object(sent), Value::String(word)) => sent.is_empty() || sent.contains_key(word),
        (sent, read) => sent == read,
    }
}

fn message<T: Serialize + DeserializeOwned + PartialEq>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else {
        return;
    };
    let written = serde_json::to_vec(&read).expect("a message is written");
    assert!(serde_json::from_slice::<T>(&written).is_ok_and(|again| again == read));
    // Unknown fields are refused, and bytes, ids and numbers have one spelling: nothing was passed over.
    if let Ok(sent) = serde_json::from_slice::<Value>(bytes) {
        let back: Value = serde_json::from_slice(&written).expect("it was written");
        assert!(
            is_said_by(&without_nulls(sent), &without_nulls(back)),
            "something was passed over"
        );
    }
}

macro_rules! messages {
    ($($name:ident),* $(,)?) => {
        /// The messages of the API, in the order of section 11.
        pub const MESSAGES: &[&str] = &[$(stringify!($name)),*];
        const READ: &[fn(&[u8])] = &[$(message::<wire::$name>),*];
    };
}
messages! {
    ServerInfo, SignUp, RecoveryBox, SignInStart, SignInChallenge, SignInProof, Tokens, Refresh, DeviceRow, Me, LinkBox, KeyChange,
    Recover, Recovered, MoveAccount, MoveEntries, Moving, Lookup, DirectoryEntry, AskProof, Proof, Inclusion, Leaves, SpaceHead,
    Append, Entries, Usage, BeginPack, PackState, PackQuery, PackStates, NewInvitation, ClaimInvitation, InvitationRow, SpaceEvent,
    ErrorBody, RunEvent, NodeToken, EnrolNode, NodeRow, NodeCard, AskLease, Leased, Lease, Heartbeat, RunAttempt, Heard, RunRow,
    RefuseRun, Boxes, RunResult,
}

/// Each message of the API.
pub fn messages(bytes: &[u8]) {
    let mut input = Input(bytes);
    let which = usize::from(input.byte()) % READ.len();
    READ[which](input.rest());
}

/// Codes that an answer may come out as (`docs/errors.md`).
fn is_known(error: &Error) -> bool {
    let code = error.code();
    let own = [
        "not-allowed",
        "not-found",
        "already-exists",
        "conflict",
        "full",
        "not-understood",
        "locked",
        "damaged",
        "signed-out",
        "sign-in-refused",
        "too-large",
        "refused",
        "rate-limited",
        "internal",
        "timed-out",
        "pack-missing",
        "capsule-missing",
        "directory-unlogged",
    ];
    let status = code
        .strip_prefix("http-")
        .is_some_and(|status| status.parse::<u16>().is_ok());
    own.contains(&code) || status || Refusal::ALL.iter().any(|refusal| refusal.code() == code)
}

/// Answers to what a client asks: any status, any body.
pub fn answers(bytes: &[u8]) {
    let mut input = Input(bytes);
    let (which, status, first) = (input.byte(), input.number(), input.part());
    let second = input.rest();
    // A status is three digits on the wire.
    let answers = vec![(status % 1000, first.to_vec()), (200, second.to_vec())];
    let transport = Arc::new(Answering::new(answers));
    let tokens = Tokens {
        access: "hfa_x".into(),
        access_expires_ms: 0,
        refresh: "hfr_x".into(),
        refresh_expires_ms: 0,
        principal: PrincipalId([1; 16]),
        device: DeviceId([2; 16]),
    };
    let api = Api::with_tokens(transport, tokens);
    let (space, run) = (SpaceId([1; 32]), RunId([2; 16]));
    let of = Attempt { space, run, attempt: 1 };
    let answer = wait(async {
        match which % 22 {
            0 => api.info().await.map(drop),
            1 => api.sign_in_start("ana").await.map(drop),
            2 => api.me().await.map(drop),
            3 => api.devices().await.map(drop),
            4 => api.lookup("ana").await.map(drop),
            5 => api.directory(PrincipalId([1; 16])).await.map(drop),
            6 => api.leaves(0).await.map(drop),
            7 => api.spaces().await.map(drop),
            8 => api.entries(space, 0).await.map(drop),
            9 => api.append(space, b"x").await.map(drop),
            10 => api.usage(space).await.map(drop),
            11 => api.query_packs(space, &[]).await.map(drop),
            12 => api.invitations().await.map(drop),
            13 => api.own_recovery().await.map(drop),
            14 => api.nodes().await.map(drop),
            15 => api.lease(0).await.map(drop),
            16 => api.heartbeat(Vec::new()).await.map(drop),
            17 => api.runs(space, None).await.map(drop),
            18 => api.boxes(of, Stream::Log, 0, 0).await.map(drop),
            19 => api.run_result(space, run).await.map(drop),
            20 => api.sign_out().await,
            _ => {
                let bytes = api
                    .read_pack(space, holdfast_protocol::id::PackId([3; 16]), 0, 9)
                    .await?;
                assert_eq!(bytes.len(), 10, "as many bytes as were asked for");
                Ok(())
            }
        }
    });
    if let Err(error) = answer {
        assert!(is_known(&error), "a server made up the code {:?}", error.code());
        let shown = error.to_string();
        assert!(
            !shown.contains(char::is_control) && shown.chars().count() < 1_000,
            "{shown:?}"
        );
        assert!(!error.next().is_empty());
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Contents {
    #[n(1)]
    format: u32,
    #[n(2)]
    key: KeyField,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    kdf: Vec<u8>,
    #[n(4)]
    bundle: Hash,
    #[n(5)]
    principal: PrincipalId,
    #[n(6)]
    handle: String,
}

/// A kit of the vectors.
pub const WORDS: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
    abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art";

/// The words of a kit as somebody types them; and the box that a server gives for it, as it is or sealed anew.
pub fn kit(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mode = input.byte();
    let given = input.rest();
    if mode % 3 == 0 {
        let Ok(text) = std::str::from_utf8(given) else { return };
        match RecoveryKey::from_words(text) {
            Ok(key) => {
                let words = key.words();
                let lower = text.to_ascii_lowercase();
                assert!(lower.split_whitespace().eq(words.split(' ')) && words.split(' ').count() == 24);
                assert!(RecoveryKey::from_words(&words).is_ok_and(|again| again.locator() == key.locator()));
            }
            Err(error) => assert!(matches!(error, holdfast_crypto::Error::Recovery(_))),
        }
        return;
    }
    let key = RecoveryKey::from_words(WORDS).expect("the vector's words");
    let locator = Locator(key.locator());
    let (sealed, plain) = if mode % 3 == 1 {
        (given.to_vec(), None)
    } else {
        let place = context::recovery(locator);
        (seal(&key.box_key(), &place, given, &mut Repeating::new(9)), Some(given))
    };
    let read = plain.and_then(|plain| cbor::decode::<Contents>(plain, limits::BUNDLE).ok());
    let sound = read
        .as_ref()
        .is_some_and(|read| read.format == 1 && KdfRecord::decode(&read.kdf).is_ok());
    let answer = serde_json::to_vec(&wire::Recovered { sealed: sealed.into() }).expect("a message is written");
    let refused = wire::ErrorBody {
        code: "sign-in-refused".into(),
        message: String::new(),
        next: String::new(),
    };
    let refused = serde_json::to_vec(&refused).expect("a message is written");
    let (host, _) = host(Vec::new(), vec![(200, answer), (401, refused)]);
    let new = NewKeys::at(17);
    let phrase = Phrase::new("a phrase that nothing is derived from").expect("a phrase");
    let end = wait(Session::recover(host, WORDS, &phrase, new))
        .err()
        .expect("no such server lets anybody in");
    let expected = if sound { "sign-in-refused" } else { "damaged" };
    assert_eq!(end.code(), expected, "a box that makes no sense goes no further");
}
