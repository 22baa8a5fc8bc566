//! What goes out: each request of everybody is held against what there is to say.
//!
//! A request is one of the messages of the protocol, byte for byte, with nothing in it beside: no error, no kind of a failure,
//! no free text. What is signed in it is a statement that its sender made of what it knows, in the words of its own kind:
//! nothing that a server chose is under a signature but the nonce of a sign-in, where one is expected, and the head of the
//! log of keys, which that log signed itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_crypto::{KdfRecord, Phrase, Prk, VerifyKey};
use holdfast_engine::ports::Request;
use holdfast_protocol::Refusal;
use holdfast_protocol::bundle::{PrincipalKind, SignedBundle, VerifiedBundle};
use holdfast_protocol::entry::{Op, SignedEntry, SpaceKind};
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::login::SignIn;
use holdfast_protocol::run::Card;
use holdfast_protocol::wire::{
    Append, AskLease, AskProof, BeginPack, ClaimInvitation, EnrolNode, Heartbeat, KeyChange, Lookup, NewInvitation,
    NodeCard, PackQuery, Refresh, RefuseRun, RunAttempt, SignInChallenge, SignInProof, SignInStart, SignUp,
};
use holdfast_tests::layer::{Exchange, route};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::nodes::VERSION;

/// Requests without a body.
const BARE: [&str; 19] = [
    "GET /v1/server",
    "GET /v1/me",
    "GET /v1/spaces",
    "GET /v1/spaces/{}/entries",
    "GET /v1/spaces/{}/usage",
    "GET /v1/spaces/{}/packs/{}/bytes",
    "DELETE /v1/spaces/{}/packs/{}",
    "GET /v1/directory/{}",
    "GET /v1/directory/leaves",
    "GET /v1/invitations",
    "DELETE /v1/invitations/{}",
    "GET /v1/devices",
    "DELETE /v1/token",
    "POST /v1/nodes/tokens",
    "GET /v1/nodes",
    "GET /v1/spaces/{}/runs",
    "GET /v1/spaces/{}/runs/{}",
    "GET /v1/spaces/{}/runs/{}/capsule",
    "GET /v1/spaces/{}/runs/{}/result",
];
/// Bytes that are sealed, and looked through for what was hidden.
const SEALED: [&str; 3] = [
    "PUT /v1/spaces/{}/packs/{}/parts/{}",
    "PUT /v1/spaces/{}/runs/{}/capsule",
    "PUT /v1/spaces/{}/runs/{}/attempts/{}/result",
];
/// Why a node does not do a run: the one thing that a client says of what went wrong. However a capsule does not open, it is one word.
const REFUSES: [&str; 9] = [
    "history",
    "run-not-authorised",
    "run-operator",
    "run-unknown",
    "run-author",
    "run-withdrawn",
    "run-repeated",
    "run-capsule",
    "run-input",
];
/// What a device may ask for in a query, all numbers.
const ASKED: [&str; 3] = ["from", "before", "wait_ms"];

/// Who sends something.
pub(super) struct Sender {
    pub(super) number: usize,
    /// Not before it was drawn.
    pub(super) principal: Option<PrincipalId>,
    pub(super) handle: String,
    /// Of a person.
    pub(super) vault: SpaceId,
    /// What he does in this step, if anything: by the name of its kind.
    pub(super) does: Option<&'static str>,
    /// His Master Key.
    pub(super) master_key: Phrase,
}

/// An entry that somebody signed.
struct Written {
    space: SpaceId,
    seq: u64,
    is_authority: bool,
}

/// What was said so far, as far as what is said later rests on it.
pub(super) struct Sent {
    origin: String,
    handles: BTreeSet<String>,
    /// Whose a bundle is, and what is in it.
    bundles: BTreeMap<Hash, (usize, VerifiedBundle)>,
    written: BTreeMap<Hash, Written>,
    /// Nonces that somebody was given to sign in with.
    nonces: BTreeSet<(usize, Vec<u8>)>,
    /// Ways to make keys of a Master Key that somebody was told to go: by a server that lied, perhaps.
    derivations: BTreeSet<(usize, Vec<u8>)>,
    /// The log of keys: one and the same in all signatures.
    log: Option<[u8; 32]>,
    /// When this began.
    began_ms: u64,
    /// When the last look at what was sent began: what is signed now is not older.
    since_ms: u64,
    /// Signatures that were looked at.
    pub(super) signatures: usize,
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

impl Sent {
    pub(super) fn new(origin: String, handles: impl IntoIterator<Item = String>) -> Self {
        let now = now_ms();
        Self {
            origin,
            handles: handles.into_iter().collect(),
            bundles: BTreeMap::new(),
            written: BTreeMap::new(),
            nonces: BTreeSet::new(),
            derivations: BTreeSet::new(),
            log: None,
            // People come before the walk begins.
            began_ms: now - 600_000,
            since_ms: now - 600_000,
            signatures: 0,
        }
    }

    /// Somebody more whose name may be said.
    pub(super) fn knows(&mut self, handle: &str) {
        self.handles.insert(handle.to_owned());
    }

    /// Somebody did not come: the next one gets his number.
    pub(super) fn forgets(&mut self, number: usize) {
        self.bundles.retain(|_, (owner, _)| *owner != number);
        self.nonces.retain(|(who, _)| *who != number);
        self.derivations.retain(|(who, _)| *who != number);
    }

    /// Looks at all that was sent since the last time.
    pub(super) fn judge(&mut self, mut news: Vec<(&Sender, &Exchange)>) -> Result<(), String> {
        // Entries last, in the order of their logs: each rests on keys and on entries of others.
        news.sort_by_key(|(_, exchange)| entry_of(&exchange.request).map(|signed| signed.entry.seq));
        for (sender, exchange) in news {
            let said = self.message(sender, exchange);
            said.map_err(|what| format!("{} sends {}: {what}", sender.handle, route(&exchange.request)))?;
        }
        // What is signed later is newer than this.
        self.since_ms = now_ms();
        Ok(())
    }

    fn message(&mut self, sender: &Sender, exchange: &Exchange) -> Result<(), String> {
        let request = &exchange.request;
        asks_for_numbers(request)?;
        let place = route(request);
        if BARE.contains(&place.as_str()) {
            return request.body.is_none().then_some(()).ok_or_else(|| "a body".into());
        }
        let Some((body, is_json)) = &request.body else {
            return Err("nothing is said, or there is no such request".into());
        };
        if SEALED.contains(&place.as_str()) {
            return (!is_json).then_some(()).ok_or_else(|| "text for sealed bytes".into());
        }
        match place.as_str() {
            "POST /v1/accounts" => {
                let said: SignUp = whole(body)?;
                self.bundle(sender, &said.bundle.0, PrincipalKind::User)?;
                self.entry(sender, &said.vault.0, None)
            }
            "PUT /v1/me/bundle" => {
                let said: KeyChange = whole(body)?;
                self.bundle(sender, &said.bundle.0, PrincipalKind::User)
            }
            "POST /v1/nodes" => {
                let said: EnrolNode = whole(body)?;
                self.bundle(sender, &said.bundle.0, PrincipalKind::Node)
            }
            "PUT /v1/node/card" => self.card(sender, &whole::<NodeCard>(body)?.card.0),
            // Taken apart to the last field: one more would not compile before it was thought about here.
            "POST /v1/node/lease" => {
                let AskLease { wait_ms } = whole(body)?;
                (wait_ms == 0).then_some(()).ok_or_else(|| "it waits".into())
            }
            "POST /v1/node/heartbeat" => {
                let Heartbeat { runs } = whole(body)?;
                runs.into_iter().for_each(
                    |RunAttempt {
                         space: _,
                         run: _,
                         attempt: _,
                     }| (),
                );
                Ok(())
            }
            "POST /v1/spaces/{}/runs/{}/refuse" => {
                let RefuseRun { attempt: _, code } = whole(body)?;
                let is_known =
                    REFUSES.contains(&code.as_str()) || Refusal::ALL.iter().any(|refusal| refusal.code() == code);
                is_known.then_some(()).ok_or_else(|| format!("a reason: {code}"))
            }
            "POST /v1/signin/start" => {
                let said: SignInStart = whole(body)?;
                if let Ok(answer) = serde_json::from_slice::<SignInChallenge>(&exchange.answer.body) {
                    self.nonces.insert((sender.number, answer.nonce.0));
                    self.derivations.insert((sender.number, answer.kdf.0));
                }
                (said.handle == sender.handle)
                    .then_some(())
                    .ok_or_else(|| "another name".into())
            }
            "POST /v1/signin" => self.sign_in(sender, &whole(body)?),
            "POST /v1/token" => {
                let Refresh { refresh: _ } = whole(body)?;
                Ok(())
            }
            "POST /v1/directory" => {
                let Lookup { handle } = whole(body)?;
                self.handles
                    .contains(&handle)
                    .then_some(())
                    .ok_or_else(|| "a name of nobody".into())
            }
            "POST /v1/directory/proof" => {
                let AskProof { leaves: _, sizes: _ } = whole(body)?;
                Ok(())
            }
            "POST /v1/spaces" => self.entry(sender, &whole::<Append>(body)?.entry.0, None),
            "POST /v1/spaces/{}/entries" => {
                let space = request.path.split('/').nth(3).and_then(|part| part.parse().ok());
                let space: SpaceId = space.ok_or("no space")?;
                self.entry(sender, &whole::<Append>(body)?.entry.0, Some(space))
            }
            "POST /v1/spaces/{}/packs" => {
                let BeginPack { id: _, bytes: _ } = whole(body)?;
                Ok(())
            }
            "POST /v1/spaces/{}/packs/query" => {
                let PackQuery { ids: _ } = whole(body)?;
                Ok(())
            }
            "POST /v1/invitations" => {
                let NewInvitation { id: _, expires_ms: _ } = whole(body)?;
                Ok(())
            }
            "POST /v1/invitations/{}/claim" => {
                let ClaimInvitation { proof } = whole(body)?;
                (proof.0.len() == 32)
                    .then_some(())
                    .ok_or_else(|| "something else than a proof".into())
            }
            _ => Err("there is no such request".into()),
        }
    }

    /// Whether a time is of this step.
    fn is_now(&self, time_ms: u64) -> bool {
        (self.since_ms..=now_ms()).contains(&time_ms)
    }

    /// Keys that somebody says are his: signed by themselves and by those before them, and by nothing else.
    fn bundle(&mut self, sender: &Sender, bytes: &[u8], kind: PrincipalKind) -> Result<(), String> {
        let signed = SignedBundle::from_bytes(bytes).map_err(|_| "no bundle")?;
        if let Some((owner, _)) = self.bundles.get(&signed.hash()) {
            return (*owner == sender.number)
                .then_some(())
                .ok_or_else(|| "somebody else's keys".into());
        }
        let had = self.bundles.values().filter(|(owner, _)| *owner == sender.number);
        let had: Vec<_> = had.map(|(_, bundle)| bundle).collect();
        let verified = match had.is_empty() {
            true => signed.verify(None).ok(),
            false => had.into_iter().find_map(|before| signed.verify(Some(before)).ok()),
        };
        let verified = verified.ok_or("keys that do not follow from his own")?;
        let said = &verified.bundle;
        let is_new = sender.principal.is_none() && kind == PrincipalKind::Node;
        let is_his =
            (is_new || sender.principal == Some(said.principal)) && said.handle == sender.handle && said.kind == kind;
        if !is_his || !(self.began_ms..=now_ms()).contains(&said.created_ms) {
            return Err("keys that say something else of him".into());
        }
        self.signatures += 1;
        self.bundles.insert(verified.hash, (sender.number, verified));
        Ok(())
    }

    /// A sign-in says where, who and when, as its sender knows it, and the nonce that he was given.
    fn sign_in(&mut self, sender: &Sender, said: &SignInProof) -> Result<(), String> {
        let statement = SignIn {
            origin: self.origin.clone(),
            handle: sender.handle.to_owned(),
            nonce: said.nonce.0.clone(),
            time_ms: said.time_ms,
        };
        let mut own = self.bundles.values().filter(|(owner, _)| *owner == sender.number);
        let is_own = own.any(|(_, bundle)| statement.verifies(&bundle.verify, &said.signature.0));
        if !is_own && !self.is_misled(sender, |verify| statement.verifies(verify, &said.signature.0)) {
            return Err("the signature is over something else than a sign-in here".into());
        }
        let given = statement.nonce.len() == 32 && self.nonces.contains(&(sender.number, statement.nonce));
        if !given || !self.is_now(said.time_ms) || said.origin != self.origin || said.handle != sender.handle {
            return Err("a sign-in of another time or place".into());
        }
        self.signatures += 1;
        Ok(())
    }

    /// Whether something was signed with keys that are nobody's: a device that knows no account yet makes them of the Master Key in
    /// the way that it is told.
    fn is_misled(&self, sender: &Sender, verifies: impl Fn(&VerifyKey) -> bool) -> bool {
        let told = self.derivations.iter().filter(|(who, _)| *who == sender.number);
        let mut told = told.filter_map(|(_, kdf)| KdfRecord::decode(kdf).ok());
        sender.does == Some("new device")
            && told.any(|kdf| {
                let key = Prk::derive(&sender.master_key, &kdf);
                key.is_ok_and(|key| verifies(&key.sign_key().public()))
            })
    }

    /// A card says who and when, and what its node says of itself.
    fn card(&mut self, sender: &Sender, bytes: &[u8]) -> Result<(), String> {
        let principal = sender.principal.ok_or("a card of nobody")?;
        let mut own = self.bundles.values().filter(|(owner, _)| *owner == sender.number);
        let card = own.find_map(|(_, bundle)| Card::verified(bytes, principal, &bundle.verify).ok());
        let card = card.ok_or("the signature is over something else than a card")?;
        if card.version != VERSION || !self.is_now(card.time_ms) {
            return Err("a card of another time, or that says something else".into());
        }
        self.signatures += 1;
        Ok(())
    }

    /// An entry goes on from one that somebody here signed, says who and when its sender is, names keys that are somebody's, and
    /// does what its sender is doing.
    fn entry(&mut self, sender: &Sender, bytes: &[u8], space: Option<SpaceId>) -> Result<(), String> {
        let signed = SignedEntry::from_bytes(bytes).map_err(|_| "no entry")?;
        if self.written.contains_key(&signed.hash) {
            // The same once more, as after an answer that did not come.
            return Ok(());
        }
        let entry = &signed.entry;
        let author = self.bundles.get(&entry.author_bundle);
        let author = author.filter(|(owner, _)| *owner == sender.number && Some(entry.author) == sender.principal);
        let (_, keys) = author.ok_or("an entry in another name")?;
        if !signed.verifies(&keys.verify) {
            return Err("the signature is over something else than the entry".into());
        }
        let place = match (&entry.op, space) {
            (Op::Genesis { core, .. }, None) => core.space_id(),
            (Op::Genesis { .. }, Some(_)) | (_, None) => return Err("a beginning in another place".into()),
            (_, Some(space)) => space,
        };
        let is_written = |hash: &Hash, seq: u64| {
            let there = self.written.get(hash);
            there.is_some_and(|there| there.space == place && there.seq == seq)
        };
        let is_authority = |hash: &Hash| self.written.get(hash).is_some_and(|there| there.is_authority);
        let goes_on = match entry.seq.checked_sub(1) {
            None => space.is_none() && entry.prev == Hash::ZERO && entry.auth == Hash::ZERO,
            Some(before) => is_written(&entry.prev, before) && is_authority(&entry.auth),
        };
        if entry.space != place || !goes_on {
            return Err("an entry that goes on from what nobody here wrote".into());
        }
        if !self.is_now(entry.time_ms) {
            return Err("an entry of another time".into());
        }
        if let Some(head) = &entry.head {
            let log = self.log.get_or_insert(head.key);
            if !head.verifies() || head.key != *log {
                return Err("a head that its log did not sign".into());
            }
        }
        match &entry.op {
            Op::Add {
                principal,
                bundle,
                fingerprint,
                ..
            }
            | Op::AuthoriseNode {
                principal,
                bundle,
                fingerprint,
                ..
            } => {
                let (_, whose) = self.bundles.get(bundle).ok_or("keys that nobody has are let in")?;
                if whose.bundle.principal != *principal || whose.fingerprint != *fingerprint {
                    return Err("somebody is let in under another name".into());
                }
            }
            // Whom a capsule is for.
            Op::Run { node, node_bundle, .. } => {
                let (_, whose) = self.bundles.get(node_bundle).ok_or("a run for keys that nobody has")?;
                if whose.bundle.principal != *node || whose.bundle.kind != PrincipalKind::Node {
                    return Err("a run for somebody else's keys".into());
                }
            }
            Op::Genesis { core, .. } => {
                let own = Some(core.creator) == sender.principal && core.creator_fingerprint == keys.fingerprint;
                if !own || !self.is_now(core.created_ms) {
                    return Err("a space in another name".into());
                }
            }
            _ => {}
        }
        let in_vault =
            place == sender.vault || matches!(&entry.op, Op::Genesis { core, .. } if core.kind == SpaceKind::Vault);
        if !may_write(sender.does, in_vault, &entry.op) {
            return Err(format!("{} signs what he is not doing", sender.handle));
        }
        self.signatures += 1;
        let written = Written {
            space: place,
            seq: entry.seq,
            is_authority: entry.op.is_authority(),
        };
        self.written.insert(signed.hash, written);
        Ok(())
    }
}

/// The entry that a request brings to a space that there is.
fn entry_of(request: &Request) -> Option<SignedEntry> {
    if route(request) != "POST /v1/spaces/{}/entries" {
        return None;
    }
    let (body, _) = request.body.as_ref()?;
    let said: Append = serde_json::from_slice(body).ok()?;
    SignedEntry::from_bytes(&said.entry.0).ok()
}

/// Which changes somebody signs who does this; his own vault is kept in any step.
fn may_write(does: Option<&str>, in_vault: bool, op: &Op) -> bool {
    let is_upkeep = matches!(op, Op::Rewrap { .. } | Op::Rotate { .. });
    if in_vault {
        return is_upkeep || matches!(op, Op::Genesis { .. } | Op::Commit { .. });
    }
    match does {
        Some("create") => matches!(op, Op::Genesis { .. }),
        Some("share" | "invite") => matches!(op, Op::Add { .. }),
        // Where somebody has left, the key is renewed first.
        Some("upload" | "secret" | "change secret" | "trash" | "restore" | "rename") => {
            matches!(op, Op::Commit { .. } | Op::Rotate { .. })
        }
        Some("authorise") => matches!(op, Op::AuthoriseNode { .. }),
        Some("withdraw node") => matches!(op, Op::WithdrawNode { .. }),
        Some("order") => matches!(op, Op::Run { .. } | Op::Rotate { .. }),
        Some("withdraw run") => matches!(op, Op::WithdrawRun { .. }),
        Some("take over") => matches!(op, Op::Adopt { .. } | Op::Rotate { .. }),
        Some("remove") => matches!(op, Op::Remove { .. }),
        Some("set role") => matches!(op, Op::SetRole { .. }),
        Some("leave") => matches!(op, Op::Leave {}),
        Some("rotate") => matches!(op, Op::Rotate { .. }),
        Some("relock") => is_upkeep || matches!(op, Op::Commit { .. }),
        Some("lock, unlock" | "new device" | "change keys") => is_upkeep,
        _ => false,
    }
}

/// A message and nothing else: written again it is the same bytes.
fn whole<T: Serialize + DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    let said: T = serde_json::from_slice(body).map_err(|error| format!("no such message: {error}"))?;
    let again = serde_json::to_vec(&said).expect("a message can be written");
    (again == body)
        .then_some(said)
        .ok_or_else(|| "something beside the message".into())
}

/// Whether a query has nothing but places and times to go on from.
fn asks_for_numbers(request: &Request) -> Result<(), String> {
    let Some((_, query)) = request.path.split_once('?') else {
        return Ok(());
    };
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').ok_or("a query without a value")?;
        let is_number = value.parse::<u64>().is_ok() && ASKED.contains(&name);
        // Whether a run that was broken off may be begun again, as its result says, too.
        if !is_number && pair != "again=true" {
            return Err(format!("a query for {name}"));
        }
    }
    Ok(())
}
