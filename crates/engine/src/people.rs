//! Other people's keys: fetched, verified, pinned, and compared in words.

use holdfast_crypto::{parse_words, security_words};
use holdfast_protocol::bundle::{PrincipalKind, VerifiedBundle, since_seen, verify_chain};
use holdfast_protocol::entry::{Op, SignedEntry};
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::item::{Content, ItemKind, PersonPin, PinState};
use holdfast_protocol::replay::{BundleSource, Bundles};
use holdfast_protocol::wire::B64;
use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::names::{Contest, latest_other};
use crate::ports::Change;
use crate::session::Session;
use crate::vault::pins_in;

pub(crate) const CHAINS: &str = "key-chains";

/// Somebody, as this device knows them.
#[derive(Debug, Clone)]
pub struct Person {
    /// The newest verified bundle.
    pub bundle: VerifiedBundle,
    /// How sure we are, and since when.
    pub state: PinState,
    /// Milliseconds since 1970-01-01 UTC.
    pub since_ms: u64,
    /// Whether it is the account from before its person started over: the words of a later one were compared.
    pub replaced: bool,
    /// Whether the vault has pinned this very bundle.
    pub(crate) pinned: bool,
}

/// Keys that were fetched and verified, not kept yet.
pub(crate) struct Found {
    /// All that is known, and these.
    pub(crate) bundles: Bundles,
    /// The new chains, as sent and verified.
    chains: BTreeMap<PrincipalId, (Vec<B64>, Vec<VerifiedBundle>)>,
}

/// Somebody whom the server showed: verified, not kept yet.
pub(crate) struct Shown {
    pub(crate) person: Person,
    /// Why this account is not taken for the person whose handle it has.
    pub(crate) contest: Option<Contest>,
    /// To be kept once it is taken.
    pub(crate) found: Found,
}

impl Person {
    /// The six words that this person's own screen shows.
    #[must_use]
    pub fn words(&self) -> [&'static str; 6] {
        security_words(&self.bundle.fingerprint.0)
    }
}

impl Session {
    /// Nothing found yet, beyond what is known.
    pub(crate) fn found(&self) -> Found {
        Found {
            bundles: self.bundles(),
            chains: BTreeMap::new(),
        }
    }

    /// The bundles that entries name, fetched and verified where this device doesn't have them. They are kept with the
    /// entries and not before: an entry that nobody signed can name anybody's keys.
    pub(crate) async fn find_bundles(&self, entries: &[SignedEntry], found: &mut Found) -> Result<()> {
        let mut wanted: BTreeSet<(PrincipalId, Hash)> = BTreeSet::new();
        for entry in entries {
            wanted.insert((entry.entry.author, entry.entry.author_bundle));
            if let Op::Add { principal, bundle, .. } | Op::AuthoriseNode { principal, bundle, .. } = &entry.entry.op {
                wanted.insert((*principal, *bundle));
            }
        }
        for (principal, hash) in wanted {
            if found.bundles.bundle(&hash).is_some() {
                continue;
            }
            if let Some(chain) = self.kept_chain(principal).await? {
                self.insert(chain.clone());
                found.bundles.insert_chain(chain);
            }
            if found.bundles.bundle(&hash).is_none() {
                let answer = self.api.directory(principal).await?;
                let verified = self.continued(principal, &answer.chain).await?;
                found.bundles.insert_chain(verified.clone());
                found.chains.insert(principal, (answer.chain, verified));
            }
        }
        Ok(())
    }

    /// Applies changes to the device's store together with the keys that they rest on.
    pub(crate) async fn keep_with(&self, mut changes: Vec<Change>, found: Found) -> Result<()> {
        // One at a time: of two answers about one person the shorter must not end up on top.
        let _turn = self.spaces.lock().await;
        for (principal, (chain, verified)) in &found.chains {
            let principal = *principal;
            let longer = self
                .kept_chain(principal)
                .await?
                .filter(|kept| kept.len() > verified.len());
            if longer.is_none() {
                let row = serde_json::to_vec(chain).map_err(|error| Error::Internal(error.to_string()))?;
                changes.push(self.rows.put(CHAINS, principal.as_bytes(), &row));
            }
        }
        if !changes.is_empty() {
            self.write(changes).await?;
        }
        for (_, verified) in found.chains.into_values() {
            self.insert(verified);
        }
        Ok(())
    }

    pub(crate) fn bundles(&self) -> Bundles {
        self.bundles
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn insert(&self, chain: Vec<VerifiedBundle>) {
        self.bundles
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert_chain(chain);
    }

    pub(crate) async fn kept_chain(&self, principal: PrincipalId) -> Result<Option<Vec<VerifiedBundle>>> {
        let Some(row) = self.rows.get(CHAINS, principal.as_bytes()).await? else {
            return Ok(None);
        };
        let chain: Vec<B64> =
            serde_json::from_slice(&row).map_err(|_| Error::damaged("this device's own data (keys)"))?;
        Ok(Some(verify_chain(&chain)?))
    }

    /// Verifies a chain from the server and requires it to continue the one this device has. Keeps nothing: what is
    /// kept is never given up again, so it must be right first.
    async fn continued(&self, principal: PrincipalId, chain: &[B64]) -> Result<Vec<VerifiedBundle>> {
        let verified = verify_chain(chain)?;
        if verified.iter().any(|bundle| bundle.bundle.principal != principal) {
            return Err(Error::KeysChanged("The server showed somebody else's keys.".into()));
        }
        if principal == self.principal() {
            if chain != self.account().chain {
                return Err(Error::KeysChanged(
                    "The server shows other keys for you than this computer has.".into(),
                ));
            }
            self.logged(&verified).await?;
            return Ok(verified);
        }
        if let Some(known) = self.kept_chain(principal).await?
            && let Some(last) = known.last()
            && since_seen(&verified, principal, last.bundle.counter, last.hash).is_err()
        {
            return Err(self.broken(&known));
        }
        // A device that meets somebody for the first time has the pins of the others.
        let vault = Box::pin(self.known(self.account().vault)).await?;
        let pin = vault.and_then(|vault| pins_in(&vault).into_iter().find(|pin| pin.principal == principal));
        if let Some(pin) = pin
            && since_seen(&verified, principal, pin.counter, pin.bundle).is_err()
        {
            return Err(self.broken(&verified));
        }
        self.logged(&verified).await?;
        Ok(verified)
    }

    fn broken(&self, known: &[VerifiedBundle]) -> Error {
        let handle = known.last().map_or("somebody", |bundle| bundle.bundle.handle.as_str());
        Error::KeysChanged(format!(
            "The server shows keys for {handle} that do not continue the ones this computer knows. This happens if somebody is pretending to be {handle}. Nothing was shared."
        ))
    }

    /// Looks somebody up by handle or id: verified, compared with what this device and the vault pinned.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::KeysChanged`] when the keys are not a continuation of the pinned ones.
    pub async fn person(&self, handle: &str) -> Result<Person> {
        self.principal_by_name(PrincipalKind::User, handle).await
    }

    /// The same for a node.
    ///
    /// # Errors
    /// See [`Session::person`].
    pub async fn node(&self, name: &str) -> Result<Person> {
        self.principal_by_name(PrincipalKind::Node, name).await
    }

    async fn principal_by_name(&self, kind: PrincipalKind, handle: &str) -> Result<Person> {
        let shown = self.look(kind, handle).await?;
        self.taken(shown).await
    }

    /// Asks the server for somebody by handle or id.
    async fn look(&self, kind: PrincipalKind, handle: &str) -> Result<Shown> {
        // An id first: nobody can take another one's by choosing it as a handle.
        if let Ok(principal) = handle.parse::<PrincipalId>() {
            match self.api.directory(principal).await {
                Ok(answer) => return self.shown(kind, principal, &answer.chain, None).await,
                Err(Error::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        let answer = match self.api.lookup(handle).await {
            Err(Error::NotFound { .. }) => {
                return Err(Error::NotFound {
                    what: match kind {
                        PrincipalKind::User => "person",
                        PrincipalKind::Node => "node",
                    },
                    name: handle.to_owned(),
                });
            }
            answer => answer?,
        };
        self.shown(kind, answer.principal, &answer.chain, Some(handle)).await
    }

    /// Verifies somebody's chain from the server, compares it with what this device and the vault pinned, and only then
    /// keeps it.
    pub(crate) async fn person_of(
        &self,
        principal: PrincipalId,
        chain: &[B64],
        handle: Option<&str>,
    ) -> Result<Person> {
        let shown = self.shown(PrincipalKind::User, principal, chain, handle).await?;
        self.taken(shown).await
    }

    /// Verifies somebody's chain from the server and compares it with what this device and the vault pinned. Keeps nothing.
    async fn shown(
        &self,
        kind: PrincipalKind,
        principal: PrincipalId,
        chain: &[B64],
        handle: Option<&str>,
    ) -> Result<Shown> {
        let pins = self.person_pins().await?;
        let verified = self.continued(principal, chain).await?;
        let newest = verified.last().ok_or_else(|| Error::damaged("keys on the server"))?;
        let named = &newest.bundle.handle;
        if handle.is_some_and(|handle| handle != named) || newest.bundle.kind != kind {
            return Err(Error::KeysChanged("The server showed somebody else's keys.".into()));
        }
        let contest = self.contest(&pins, principal, named).await?;
        let person = self.judge(newest, &verified, &pins)?;
        let mut found = self.found();
        found.bundles.insert_chain(verified.clone());
        found.chains.insert(principal, (chain.to_vec(), verified));
        Ok(Shown { person, contest, found })
    }

    /// Keeps the keys of somebody who was shown, unless another account has the name.
    async fn taken(&self, shown: Shown) -> Result<Person> {
        if let Some(contest) = shown.contest {
            return Err(contest.refusal(&shown.person.bundle.bundle.handle));
        }
        self.keep_with(Vec::new(), shown.found).await?;
        Ok(shown.person)
    }

    /// What is known of a principal, without asking the server.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn known_person(&self, principal: PrincipalId) -> Result<Option<Person>> {
        let chain = if principal == self.principal() {
            Some(self.account().bundles()?)
        } else {
            self.kept_chain(principal).await?
        };
        let Some(chain) = chain else { return Ok(None) };
        let Some(newest) = chain.last().cloned() else {
            return Ok(None);
        };
        let pins = self.person_pins().await?;
        self.judge(&newest, &chain, &pins).map(Some)
    }

    /// Everybody whose keys this device has, without asking the server, but the user himself; and what is wrong with those
    /// whose keys do not hold.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn known_people(&self) -> Result<(Vec<Person>, Vec<Error>)> {
        let (mut people, mut trouble) = (Vec::new(), Vec::new());
        for key in self.rows.list(CHAINS, &[]).await?.into_keys() {
            let Some(principal) = PrincipalId::from_slice(&key).filter(|id| *id != self.principal()) else {
                continue;
            };
            match self.known_person(principal).await {
                Ok(Some(person)) if person.bundle.bundle.kind == PrincipalKind::User => people.push(person),
                Ok(_) => {}
                Err(error @ Error::KeysChanged(_)) => trouble.push(error),
                Err(other) => return Err(other),
            }
        }
        people.sort_by(|a, b| a.bundle.bundle.handle.cmp(&b.bundle.bundle.handle));
        Ok((people, trouble))
    }

    fn judge(&self, newest: &VerifiedBundle, chain: &[VerifiedBundle], pins: &[PersonPin]) -> Result<Person> {
        let pin = pins.iter().find(|pin| pin.principal == newest.bundle.principal);
        let (state, since_ms) = match pin {
            None => (PinState::NotChecked, newest.bundle.created_ms),
            Some(pin) if pin.bundle == newest.hash => (pin.state, pin.since_ms),
            Some(pin) => {
                if since_seen(chain, pin.principal, pin.counter, pin.bundle).is_err() {
                    return Err(self.broken(chain));
                }
                let state = if pin.state == PinState::NotChecked {
                    PinState::NotChecked
                } else {
                    PinState::Changed
                };
                (state, newest.bundle.created_ms)
            }
        };
        let pinned = pin.is_some_and(|pin| pin.bundle == newest.hash);
        Ok(Person {
            bundle: newest.clone(),
            state,
            since_ms,
            replaced: self.is_replaced(pins, newest.bundle.principal, &newest.bundle.handle),
            pinned,
        })
    }

    /// Pins somebody's newest keys in the vault, so that every device of this user has them. Pins only move forward,
    /// whatever this device was shown: another one may have seen newer keys, or checked these.
    pub(crate) async fn pin_person(&self, bundle: &VerifiedBundle, state: PinState) -> Result<()> {
        let handle = bundle.bundle.handle.as_str();
        let pins = self.person_pins().await?;
        // Clocks differ: what was compared later must say so whatever they show.
        let other = latest_other(&pins, bundle.bundle.principal, handle);
        let after = other.filter(|_| state != PinState::NotChecked).map_or(0, |ms| ms + 1);
        let pin = PersonPin {
            principal: bundle.bundle.principal,
            handle: handle.to_owned(),
            counter: bundle.bundle.counter,
            bundle: bundle.hash,
            fingerprint: bundle.fingerprint,
            state,
            since_ms: after.max(if state == PinState::Changed {
                bundle.bundle.created_ms
            } else {
                self.now_ms()
            }),
        };
        // Compared once more, with another account under the name: from now on it is this one's.
        let anew = state == PinState::Checked && other.is_some();
        self.keep_in_vault(ItemKind::Person, handle, |old| match old {
            Content::Person { pin: old } if old.principal == pin.principal => {
                if old.counter > pin.counter || (old.counter == pin.counter && old.bundle != pin.bundle) {
                    return Err(Error::KeysChanged(format!(
                        "Another of your devices has seen other keys of {handle} than the server shows here. Nothing was shared."
                    )));
                }
                let checked = old.counter == pin.counter && old.state == PinState::Checked && !anew;
                Ok(Some(Content::Person { pin: if checked { old.clone() } else { pin.clone() } }))
            }
            _ => Ok(None),
        }, &Content::Person { pin: pin.clone() })
        .await
    }

    /// Compares six words somebody told the user with the keys this device has for them.
    ///
    /// # Errors
    /// [`Error::Invalid`] when they are not six words of the list, [`Error::KeysChanged`] when they are other words.
    pub async fn verify_person(&self, handle: &str, words: &str) -> Result<Person> {
        let shown = self.to_compare(PrincipalKind::User, handle).await?;
        self.verify(shown, words, "holdfast words").await
    }

    /// The same for a node, whose console shows them.
    ///
    /// # Errors
    /// See [`Session::verify_person`].
    pub async fn verify_node(&self, name: &str, words: &str) -> Result<Person> {
        let shown = self.to_compare(PrincipalKind::Node, name).await?;
        self.verify(shown, words, "holdfast node words").await
    }

    async fn verify(&self, shown: Shown, words: &str, shown_by: &str) -> Result<Person> {
        let Shown { person, contest, found } = shown;
        let told = parse_words(words)
            .ok_or_else(|| Error::Invalid("security words are six words of the list; check the spelling".into()))?;
        let bundle = &person.bundle.bundle;
        let handle = &bundle.handle;
        if bundle.principal == self.principal() {
            return Err(Error::Invalid("that is you: compare the words of somebody else".into()));
        }
        if person.words() != told {
            self.forget_unused(handle).await?;
            return Err(Error::KeysChanged(format!(
                "Those are not the words of the keys that the server shows for {handle}: a word was misheard, or {handle} has \
                 other keys now, or somebody is pretending to be {handle}. Nothing was marked as checked."
            ))
            .advise(format!(
                "Share nothing with {handle} for now. `{shown_by} {handle}` shows the six words expected here: let them be \
                 read out once more, on a call or face to face. If only a word was misheard, verify again. If they really \
                 differ, don't trust these keys, and tell whoever runs the server."
            )));
        }
        if contest == Some(Contest::Own) {
            return Err(Contest::Own.refusal(handle));
        }
        if contest.is_some() {
            // Whom this user only reads with is written down as well: every device has to know who had the name before.
            let pins = self.person_pins().await?;
            for other in self.unpinned_namesakes(&pins, bundle.principal, handle).await? {
                self.pin_person(&other, PinState::NotChecked).await?;
            }
        }
        self.pin_person(&person.bundle, PinState::Checked).await?;
        self.keep_with(Vec::new(), found).await?;
        Ok(Person {
            state: PinState::Checked,
            since_ms: self.now_ms(),
            replaced: false,
            pinned: true,
            ..person
        })
    }

    /// Looks somebody up whose words are about to be compared: they say whose keys are right, so what a server showed before
    /// does not keep those out, unless something rests on it; nor does another account with the name. Keeps nothing.
    pub(crate) async fn to_compare(&self, kind: PrincipalKind, name: &str) -> Result<Shown> {
        match self.look(kind, name).await {
            Err(Error::KeysChanged(_)) => {
                self.forget_unused(name).await?;
                self.look(kind, name).await
            }
            answer => answer,
        }
    }

    /// Somebody whose words are to be read: also an account that is not taken for the person with its name, which `true` says.
    /// Nothing of that one is kept.
    ///
    /// # Errors
    /// See [`Session::person`].
    pub async fn person_to_compare(&self, handle: &str) -> Result<(Person, bool)> {
        let shown = self.look(PrincipalKind::User, handle).await?;
        match shown.contest {
            Some(_) => Ok((shown.person, true)),
            None => Ok((self.taken(shown).await?, false)),
        }
    }

    /// Gives up the keys that were kept for whoever was shown under a name, unless something rests on them.
    pub(crate) async fn forget_unused(&self, handle: &str) -> Result<()> {
        for key in self.rows.list(CHAINS, &[]).await?.into_keys() {
            let Some(principal) = PrincipalId::from_slice(&key) else {
                continue;
            };
            let chain = self.kept_chain(principal).await?.unwrap_or_default();
            let named = chain.last().is_some_and(|newest| newest.bundle.handle == handle);
            if (named || principal.to_string() == handle) && !self.rests_on(principal).await? {
                self.write(vec![Change::Delete(CHAINS, key)]).await?;
            }
        }
        Ok(())
    }

    /// Whether a pin, an operator of this node, or a space that this device has, is or names a principal.
    pub(crate) async fn rests_on(&self, principal: PrincipalId) -> Result<bool> {
        let pinned = self.person_pins().await?.iter().any(|pin| pin.principal == principal);
        if pinned || self.operators().await?.iter().any(|known| known.principal == principal) {
            return Ok(true);
        }
        for id in self.known_spaces().await? {
            let Some(space) = self.known(id).await? else { continue };
            let authority = space.authority();
            let people = [authority.members(), authority.former_members()];
            if people.iter().any(|those| those.contains_key(&principal)) || authority.nodes().contains_key(&principal) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
