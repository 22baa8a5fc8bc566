//! Spaces as this device knows them: fetched, verified against what was seen before, folded, kept; and appending.

use std::sync::Arc;

use holdfast_crypto::Key32;
use holdfast_protocol::context;
use holdfast_protocol::entry::{
    Body, Entry, FORMAT, FORMAT_WITH_HEAD, Op, PackSize, Role, SignedEntry, SpaceKind, seal_body,
};
use holdfast_protocol::id::{Hash, PackId, SpaceId};
use holdfast_protocol::replay::Space;
use holdfast_protocol::run::{AdoptBody, RunBody};
use holdfast_protocol::transparency::Head;
use holdfast_protocol::wire::{self, Entries};
use holdfast_protocol::{Refusal, cbor, item::SpacePin, limits};

use crate::browse::outside;
use crate::directory::day;
use crate::error::{Error, Result};
use crate::people::Found;
use crate::ports::Change;
use crate::session::Session;
use crate::{genesis, rng, staleness};

pub(crate) const ENTRIES: &str = "entries";
pub(crate) const HEADS: &str = "space-heads";

/// A space together with how fresh the view is.
#[derive(Clone)]
pub struct View {
    /// The folded space.
    pub space: Arc<Space>,
    /// Whether the server was asked just now; else it is what this device saw last.
    pub fresh: bool,
}

/// What to append, decided in the light of the newest state.
pub struct Draft {
    pub(crate) op: Op,
    pub(crate) body: Option<Sealable>,
    /// The key of the epoch that the op opens.
    pub(crate) opens: Option<Key32>,
}

/// What is sealed in an entry, which differs by op.
pub(crate) enum Sealable {
    Content(Body),
    Run(RunBody),
    Adopt(AdoptBody),
}

impl Draft {
    /// A change of content.
    #[must_use]
    pub fn commit(body: Body, added: Vec<PackSize>, dropped: Vec<PackId>) -> Self {
        Self {
            op: Op::Commit { added, dropped },
            body: Some(Sealable::Content(body)),
            opens: None,
        }
    }

    /// A change of members or rights that opens no epoch.
    pub(crate) fn authority(op: Op) -> Self {
        Self {
            op,
            body: None,
            opens: None,
        }
    }
}

fn on_day(ms: u64) -> String {
    format!(" on {}", day(ms))
}

pub(crate) fn entry_key(space: SpaceId, seq: u64) -> Vec<u8> {
    [space.as_bytes(), &seq.to_be_bytes()].concat()
}

impl Session {
    /// The newest view of a space: from the server if it answers, else what this device saw last.
    ///
    /// # Errors
    /// [`Error::History`] when the server's history does not fit what this device saw, [`Error::Refused`] when an entry
    /// breaks a rule, [`Error::Unreachable`] when the server does not answer and nothing is known of the space.
    pub async fn view(&self, id: SpaceId) -> Result<View> {
        match self.sync(id).await {
            Ok(space) => Ok(View { space, fresh: true }),
            Err(Error::Unreachable(reason)) => match self.known(id).await? {
                Some(space) => {
                    staleness::note(self.as_of(id).await?);
                    Ok(View { space, fresh: false })
                }
                None => Err(Error::Unreachable(reason)),
            },
            Err(other) => Err(other),
        }
    }

    /// The spaces this device has seen.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn known_spaces(&self) -> Result<Vec<SpaceId>> {
        let heads = self.rows.list(HEADS, &[]).await?;
        Ok(heads.keys().filter_map(|key| SpaceId::from_slice(key)).collect())
    }

    /// The space as this device saw it last.
    pub(crate) async fn known(&self, id: SpaceId) -> Result<Option<Arc<Space>>> {
        if let Some(space) = self.spaces.lock().await.get(&id) {
            return Ok(Some(space.clone()));
        }
        // The pin first: entries only become more.
        let Some(pin) = self.pinned_head(id).await? else {
            return Ok(None);
        };
        let rows = self.host.store.list(ENTRIES, id.as_bytes()).await?;
        let entries = rows
            .into_values()
            .map(|bytes| SignedEntry::from_bytes(&bytes))
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|_| Error::damaged("this device's copy of a project"))?;
        let at_pin = usize::try_from(pin.seq).ok().and_then(|seq| entries.get(seq));
        if at_pin.is_none_or(|entry| entry.hash != pin.head) {
            return Err(Error::damaged("this device's copy of a project"));
        }
        let mut keys = self.found();
        self.find_bundles(&entries, &mut keys).await?;
        let bundles = keys.bundles.clone();
        let keyring = self.keyring();
        let me = self.principal();
        let space = fold(move || Space::replay(id, me, &entries, &bundles, keyring.as_ref())).await?;
        self.keep_with(Vec::new(), keys).await?;
        // Whoever fetched the space in the meantime knows more.
        Ok(Some(
            self.spaces
                .lock()
                .await
                .entry(id)
                .or_insert_with(|| Arc::new(space))
                .clone(),
        ))
    }

    /// When this device last had an answer about a space.
    async fn as_of(&self, id: SpaceId) -> Result<u64> {
        let heard = self
            .heard
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(&id)
            .copied();
        match heard {
            Some(heard) => Ok(heard),
            None => Ok(self.pinned_head(id).await?.map_or(0, |pin| pin.seen_ms)),
        }
    }

    /// When the newest change was made that this device has seen, in whichever space, by its author's clock; milliseconds since
    /// 1970-01-01 UTC.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn newest_ms(&self) -> Result<u64> {
        let mut newest = 0;
        for id in self.known_spaces().await? {
            let Some(pin) = self.pinned_head(id).await? else {
                continue;
            };
            let last = self.host.store.get(ENTRIES, &entry_key(id, pin.seq)).await?;
            let last = last.and_then(|bytes| SignedEntry::from_bytes(&bytes).ok());
            newest = newest.max(last.map_or(0, |last| last.entry.time_ms));
        }
        Ok(newest)
    }

    async fn pinned_head(&self, id: SpaceId) -> Result<Option<SpacePin>> {
        let row = self.rows.get(HEADS, id.as_bytes()).await?;
        row.map(|bytes| cbor::decode(&bytes, limits::ENTRY))
            .transpose()
            .map_err(|_| Error::damaged("this device's own data"))
    }

    /// Held by whoever does something with a space that nobody else may do at the same time.
    pub(crate) fn turn(&self, id: SpaceId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        turns.entry(id).or_default().clone()
    }

    /// Fetches what is new, checks it and keeps it. One at a time for each space: a slower answer would put an older head
    /// over a newer one.
    pub(crate) async fn sync(&self, id: SpaceId) -> Result<Arc<Space>> {
        let turn = self.turn(id);
        let _turn = turn.lock().await;
        let mut space = self.known(id).await?;
        // Read before the server is asked: whatever any device had seen by then must be in the answer.
        let pin = self.vault_pin(id).await?;
        if let (Some(pin), Some(space)) = (&pin, &space)
            && pin.seq <= space.authority().seq()
        {
            let there = self.host.store.get(ENTRIES, &entry_key(id, pin.seq)).await?;
            if there.map(|bytes| Hash::of(&bytes)) != Some(pin.head) {
                return Err(self.unlike_other_device(pin));
            }
        }
        // The first entry asked for is the last one known: it must come back unchanged.
        let mut from = space.as_ref().map_or(0, |space| space.authority().seq());
        let seen = space.as_ref().map(|_| from);
        let mut news = Vec::new();
        let mut keys = self.found();
        loop {
            let page = self.api.entries(id, from).await;
            let page = page.map_err(|error| self.explain_missing(error, seen.is_some() || pin.is_some()))?;
            if seen.is_some_and(|seq| page.head.seq < seq) {
                return Err(self.unlike_seen(id, "is older than").await);
            }
            let fresh = self
                .continuation(id, &page, from, space.as_deref(), pin.as_ref())
                .await?;
            let got = page.entries.len() as u64;
            if got == 0 {
                break;
            }
            from += got;
            if !fresh.is_empty() {
                // Verified page by page, or a server could fill this computer with entries that nobody signed.
                let next = self.fold_on(id, space.take(), &fresh, &mut keys).await?;
                news.extend(fresh);
                if pin.as_ref().is_none_or(|pin| pin.seq <= next.authority().seq()) {
                    self.keep_space(
                        &next,
                        std::mem::take(&mut news),
                        std::mem::replace(&mut keys, self.found()),
                    )
                    .await?;
                }
                space = Some(next);
            }
            if from > page.head.seq {
                break;
            }
        }
        if seen.is_some_and(|seq| from <= seq) {
            return Err(self.unlike_seen(id, "no longer has the end of").await);
        }
        let space = space.ok_or_else(|| Error::damaged("the project's log on the server"))?;
        self.heard
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(id, self.now_ms());
        if let Some(pin) = pin.filter(|pin| pin.seq > space.authority().seq()) {
            return Err(self.unlike_other_device(&pin));
        }
        self.compare_told(id.as_bytes()).await?;
        Ok(space)
    }

    /// The entries of a page that are new, which must go on from `from` without a gap. If the first one is known, it must
    /// be the very same; where another device pinned one, it must be that.
    async fn continuation(
        &self,
        id: SpaceId,
        page: &Entries,
        from: u64,
        known: Option<&Space>,
        pin: Option<&SpacePin>,
    ) -> Result<Vec<SignedEntry>> {
        if page.entries.len() > limits::ENTRIES_PER_PAGE {
            return Err(Error::damaged("the project's log on the server"));
        }
        let seen = known.map(|space| (space.authority().seq(), space.authority().head()));
        let mut fresh = Vec::with_capacity(page.entries.len());
        for (bytes, seq) in page.entries.iter().zip(from..) {
            let entry = SignedEntry::from_bytes(&bytes.0)
                .map_err(|_| Error::damaged("an entry of the project's log on the server"))?;
            if entry.entry.seq < seq {
                return Err(self.unlike_seen(id, "repeats part of").await);
            }
            if entry.entry.seq != seq {
                return Err(Error::Refused(Refusal::Sequence));
            }
            if let Some(pin) = pin.filter(|pin| pin.seq == seq && pin.head != entry.hash) {
                return Err(self.unlike_other_device(pin));
            }
            match seen {
                Some((last, head)) if last == seq => {
                    if entry.hash != head {
                        return Err(self.unlike_seen(id, "is not the continuation of").await);
                    }
                }
                _ => fresh.push(entry),
            }
        }
        Ok(fresh)
    }

    /// Folds entries on top of what is known. Keeps nothing.
    async fn fold_on(
        &self,
        id: SpaceId,
        known: Option<Arc<Space>>,
        fresh: &[SignedEntry],
        keys: &mut Found,
    ) -> Result<Arc<Space>> {
        self.find_bundles(fresh, keys).await?;
        let (fresh, bundles) = (fresh.to_vec(), keys.bundles.clone());
        let keyring = self.keyring();
        let me = self.principal();
        fold(move || match known {
            Some(space) => {
                let mut space = Arc::unwrap_or_clone(space);
                space.extend(&fresh, &bundles, keyring.as_ref()).map(|()| space)
            }
            None => Space::replay(id, me, &fresh, &bundles, keyring.as_ref()),
        })
        .await
        .map(Arc::new)
    }

    /// Keeps verified entries and the keys they name, and moves the pin forward.
    async fn keep_space(&self, space: &Arc<Space>, news: Vec<SignedEntry>, keys: Found) -> Result<()> {
        let authority = space.authority();
        let id = authority.space();
        let mut changes: Vec<Change> = news
            .iter()
            .map(|entry| Change::Put(ENTRIES, entry_key(id, entry.entry.seq), entry.as_bytes().to_vec()))
            .collect();
        changes.extend(news.iter().filter_map(|entry| self.told_by(entry)));
        let pin = SpacePin {
            space: id,
            seq: authority.seq(),
            head: authority.head(),
            epoch: authority.epoch(),
            seen_ms: self.now_ms(),
        };
        changes.push(self.rows.put(HEADS, id.as_bytes(), &cbor::encode(&pin)));
        self.keep_with(changes, keys).await?;
        self.spaces.lock().await.insert(id, space.clone());
        Ok(())
    }

    fn explain_missing(&self, error: Error, known: bool) -> Error {
        match error {
            Error::NotFound { .. } if known => {
                self.history_text("The server says it doesn't have a project that this computer has seen there.")
            }
            other => other,
        }
    }

    /// What the server shows is not what this computer saw, and when it did.
    async fn unlike_seen(&self, id: SpaceId, how: &str) -> Error {
        let when = self.as_of(id).await.map_or_else(|_| String::new(), on_day);
        self.history(id, &format!("{how} what this computer saw{when}"))
    }

    fn unlike_other_device(&self, pin: &SpacePin) -> Error {
        let when = on_day(pin.seen_ms);
        self.history(
            pin.space,
            &format!("doesn't fit what another of your computers saw{when}"),
        )
    }

    fn history(&self, id: SpaceId, how: &str) -> Error {
        let whose = match id == self.account().vault {
            true => "your vault",
            false => "this project",
        };
        self.history_text(&format!("The server's history of {whose} {how}."))
    }

    fn history_text(&self, text: &str) -> Error {
        Error::History(text.to_owned())
    }

    /// Makes a space and keeps it.
    pub(crate) async fn create_space(&self, kind: SpaceKind, encrypted: bool, name: &str) -> Result<Arc<Space>> {
        let signed = genesis::create(self.keyring().current(), kind, encrypted, name, self.now_ms())?;
        let id = signed.entry.space;
        // Folded before it is sent, so that a name that no client would take is refused here.
        Space::replay(
            id,
            self.principal(),
            std::slice::from_ref(&signed),
            &self.bundles(),
            self.keyring().as_ref(),
        )
        .map_err(refused)?;
        self.api.create_space(signed.as_bytes()).await?;
        self.sync(id).await
    }

    /// Appends what `judge` decides in the light of the newest state, and reads it back.
    ///
    /// When somebody else was quicker, the new entries are verified and applied and `judge` decides again: a change of
    /// content is simply made on top; a change of members or rights is only made if no other such change came between.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] before anything is sent, [`Error::Conflict`], and whatever `judge` returns.
    pub async fn append(
        &self,
        id: SpaceId,
        mut judge: impl FnMut(&Space) -> Result<Draft> + Send,
    ) -> Result<Arc<Space>> {
        let mut judged_at: Option<Hash> = None;
        for _ in 0..limits::APPEND_TRIES {
            let space = self.sync(id).await?;
            let mut draft = judge(&space)?;
            // Whoever left still has the key: nothing new is written under it if this user can renew it.
            let renew_first = draft.body.is_some()
                && draft.opens.is_none()
                && space.authority().rotation_due(self.now_ms())
                && space.authority().role(self.principal()) == Some(Role::Owner);
            if renew_first {
                draft = self.next_epoch(&space, None)?;
            }
            if draft.op.is_authority() && !renew_first {
                let now = space.authority().auth_head();
                if judged_at.is_some_and(|before| before != now) {
                    return Err(Error::Conflict(
                        "Somebody else changed the members or rights at the same time.".into(),
                    ));
                }
                judged_at = Some(now);
            }
            let head = self.seen_directory().await?.map(|seen| seen.head);
            let signed = self.sign(&space, draft, head)?;
            // Applied to a copy first: what the own rules refuse is never sent.
            let mut trial = Space::clone(&space);
            trial
                .extend(std::slice::from_ref(&signed), &self.bundles(), self.keyring().as_ref())
                .map_err(refused)?;
            match self.api.append(id, signed.as_bytes()).await {
                Ok(_) => {}
                Err(Error::Conflict(_)) => continue,
                Err(error) if self.only_its_answer_is_lost(&signed, &error).await => {}
                Err(error) => return Err(error),
            }
            let after = self.sync(id).await?;
            let kept = self.host.store.get(ENTRIES, &entry_key(id, signed.entry.seq)).await?;
            if kept.as_deref() != Some(signed.as_bytes()) {
                return Err(self.history(id, "does not have the change that was just made"));
            }
            if !renew_first {
                return Ok(after);
            }
        }
        Err(Error::Conflict(
            "Others change this project so often that this change found no place.".into(),
        ))
    }

    /// Whether a change was made though its answer says otherwise, or never came: its author is not told to do it again.
    async fn only_its_answer_is_lost(&self, signed: &SignedEntry, error: &Error) -> bool {
        let may_be = match error {
            Error::Unreachable(silent) => silent.sent,
            Error::Server { code, .. } => code == wire::code::INTERNAL,
            _ => false,
        };
        let id = signed.entry.space;
        if !may_be || self.sync(id).await.is_err() {
            return false;
        }
        let there = self.host.store.get(ENTRIES, &entry_key(id, signed.entry.seq)).await;
        there.is_ok_and(|there| there.as_deref() == Some(signed.as_bytes()))
    }

    /// Signs a draft for its place at the end of the log.
    fn sign(&self, space: &Space, draft: Draft, head: Option<Head>) -> Result<SignedEntry> {
        let authority = space.authority();
        let me = authority.members().get(&self.principal()).ok_or_else(outside)?;
        let keyring = self.keyring();
        let identity = match &draft.op {
            Op::Rewrap { .. } => keyring.current(),
            _ => keyring
                .of(me.bundle)
                .ok_or_else(|| Error::KeysChanged("Your keys were changed on another device. Sign in again.".into()))?,
        };
        let (seq, prev) = (authority.seq() + 1, authority.head());
        let epoch = authority.epoch() + u32::from(draft.opens.is_some());
        let body = match &draft.body {
            None => None,
            Some(body) => {
                let current = space.current_key();
                let key = draft.opens.as_ref().or(current.map(|key| key.key())).ok_or_else(|| {
                    Error::NotAllowed("this device has no key to the current state of the project".into())
                })?;
                let place = context::entry_body(authority.space(), epoch, seq, prev);
                Some(match body {
                    Sealable::Content(body) => seal_body(body, key, &place, &mut rng()),
                    Sealable::Run(body) => seal_body(body, key, &place, &mut rng()),
                    Sealable::Adopt(body) => seal_body(body, key, &place, &mut rng()),
                })
            }
        };
        let entry = Entry {
            format: if head.is_some() { FORMAT_WITH_HEAD } else { FORMAT },
            space: authority.space(),
            seq,
            prev,
            auth: authority.auth_head(),
            epoch,
            author: self.principal(),
            author_bundle: identity.bundle().hash,
            time_ms: self.now_ms(),
            op: draft.op,
            body,
            head,
        };
        entry
            .sign(identity.sign_key())
            .map_err(|_| Error::Invalid("this is too much for one change (1 MiB); make it in smaller steps".into()))
    }
}

/// Folding verifies signatures and opens boxes: off the async threads.
async fn fold(work: impl FnOnce() -> std::result::Result<Space, Refusal> + Send + 'static) -> Result<Space> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
        .map_err(Error::Refused)
}

/// A refusal of one's own draft is about rights or input, not about the server.
fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::RoleDenied | Refusal::PurgeDenied => {
            Error::NotAllowed("your role in this project does not allow this".into())
        }
        Refusal::LastOwner => Error::NotAllowed("the last owner can't leave, be removed or give up the role".into())
            .advise("Make somebody else an owner first: `holdfast project role PROJECT HANDLE --role owner`."),
        Refusal::Name => Error::Invalid("a name has 1 to 1,024 bytes and no control characters".into()),
        Refusal::SecretInStandard => Error::NotAllowed(
            "a project that is not encrypted holds no secrets, because the server could read them".into(),
        )
        .advise("Keep it in an encrypted project, or among your own secrets."),
        Refusal::MemberExists => Error::AlreadyExists("This person is already a member.".into()),
        Refusal::MemberUnknown => Error::NotFound {
            what: "such member",
            name: String::new(),
        },
        Refusal::SelfRemoval => Error::NotAllowed("nobody removes himself".into())
            .advise("Leave the project instead: `holdfast project leave PROJECT`."),
        Refusal::TooManyMembers => Error::Full("a project has at most 900 members".into()),
        Refusal::VaultAlone => Error::NotAllowed("your vault is yours alone".into())
            .advise("Move what others need into a project: `holdfast secret move NAME --in PROJECT`."),
        other => Error::Refused(other),
    }
}
