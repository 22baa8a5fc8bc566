//! A space as one of its members sees it: authority, epoch keys and readable contents, extended entry by entry.

use std::collections::BTreeMap;

use holdfast_crypto::Key32;

use crate::context;
use crate::entry::{Op, Role, SignedEntry, epoch_commitment, open_body};
use crate::id::{PrincipalId, SpaceId};
use crate::refusal::Refusal;
use crate::replay::contents::Opened;
use crate::replay::{Authority, BundleSource, Contents, EventKind, WrapFor};
use crate::secretvalue::KeyField;

/// Opens wraps with the private keys of the person who reads.
pub trait UnwrapKeys {
    /// The epoch key in a wrap; `None` when none of the person's keys opens it.
    fn unwrap_epoch_key(&self, space: SpaceId, wrap: &WrapFor) -> Option<Key32>;
}

/// An entry whose body still waits for its key.
#[derive(Clone)]
struct Waiting {
    signed: SignedEntry,
    role: Role,
}

/// A space, folded from its log.
#[derive(Clone)]
pub struct Space {
    me: PrincipalId,
    authority: Authority,
    contents: Contents,
    keys: BTreeMap<u32, KeyField>,
    /// The newest wrap for me.
    wrap: Option<WrapFor>,
    /// Entries that can't be read yet: I was not a member when their epoch began.
    waiting: Vec<Waiting>,
}

impl Space {
    /// Folds a log from its beginning.
    ///
    /// # Errors
    /// See [`Refusal`]; an empty log is [`Refusal::Genesis`].
    pub fn replay(
        space: SpaceId,
        me: PrincipalId,
        entries: &[SignedEntry],
        bundles: &impl BundleSource,
        keys: &impl UnwrapKeys,
    ) -> Result<Self, Refusal> {
        let (first, rest) = entries.split_first().ok_or(Refusal::Genesis)?;
        let authority = Authority::genesis(space, first, bundles)?;
        let mut state = Self {
            me,
            contents: Contents::default(),
            keys: BTreeMap::new(),
            wrap: None,
            waiting: Vec::new(),
            authority,
        };
        if let Some(open) = &state.authority.core().open_key {
            state.keys.insert(0, open.clone());
        }
        state.take(first, Role::Owner);
        state.extend(rest, bundles, keys)?;
        Ok(state)
    }

    /// Applies more entries. After an error the state must be thrown away.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn extend(
        &mut self,
        entries: &[SignedEntry],
        bundles: &impl BundleSource,
        keys: &impl UnwrapKeys,
    ) -> Result<(), Refusal> {
        for signed in entries {
            let role = self.authority.role(signed.entry.author).ok_or(Refusal::AuthorUnknown);
            self.authority.advance(signed, bundles)?;
            self.take(signed, role?);
        }
        self.find_keys(keys)?;
        self.read_waiting()
    }

    /// Keeps what later steps need of an entry that passed authority.
    fn take(&mut self, signed: &SignedEntry, role: Role) {
        let entry = &signed.entry;
        if let Some(wrap) = entry.op.wraps().iter().find(|wrap| wrap.recipient == self.me) {
            self.wrap = Some(WrapFor {
                epoch: entry.epoch,
                author_bundle: entry.author_bundle,
                wrap: wrap.clone(),
            });
        }
        self.waiting.push(Waiting {
            signed: signed.clone(),
            role,
        });
    }

    /// Unwraps the newest key for me and walks back to the ones before it, which the openers of epochs hold.
    fn find_keys(&mut self, keys: &impl UnwrapKeys) -> Result<(), Refusal> {
        let Some(wrap) = &self.wrap else { return Ok(()) };
        if self.keys.contains_key(&wrap.epoch) {
            return Ok(());
        }
        let Some(key) = keys.unwrap_epoch_key(self.authority.space(), wrap) else {
            return Err(Refusal::Commitment);
        };
        let mut epoch = wrap.epoch;
        let mut key = KeyField::new(key);
        loop {
            let committed = epoch_commitment(key.key(), self.authority.space(), epoch);
            if self.authority.commitment(epoch) != Some(committed) {
                return Err(Refusal::Commitment);
            }
            self.keys.insert(epoch, key.clone());
            if epoch == 0 || self.keys.contains_key(&(epoch - 1)) {
                return Ok(());
            }
            let opener = self
                .waiting
                .iter()
                .find(|waiting| waiting.signed.entry.epoch == epoch && waiting.signed.entry.op.next_epoch().is_some())
                .ok_or(Refusal::PreviousKey)?;
            let opened = self.open_entry(&opener.signed)?.ok_or(Refusal::BodyPresence)?;
            key = opened.previous_key().cloned().ok_or(Refusal::PreviousKey)?;
            epoch -= 1;
        }
    }

    fn open_entry(&self, signed: &SignedEntry) -> Result<Option<Opened>, Refusal> {
        let entry = &signed.entry;
        let Some(sealed) = &entry.body else { return Ok(None) };
        let key = self.keys.get(&entry.epoch).ok_or(Refusal::BodyOpen)?.key();
        let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
        let opened = match &entry.op {
            Op::Run { .. } => open_body(sealed, key, &place).map(Opened::Run),
            Op::Adopt { .. } => open_body(sealed, key, &place).map(Opened::Adopt),
            _ => open_body(sealed, key, &place).map(Opened::Content),
        };
        opened.map(Some).map_err(|_| Refusal::BodyOpen)
    }

    fn read_waiting(&mut self) -> Result<(), Refusal> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut rest = waiting.into_iter();
        for next in rest.by_ref() {
            let entry = &next.signed.entry;
            if entry.body.is_some() && !self.keys.contains_key(&entry.epoch) {
                self.waiting.push(next);
                break;
            }
            let opened = self.open_entry(&next.signed)?;
            let previous = opened.as_ref().and_then(Opened::previous_key);
            match previous {
                Some(previous) if entry.op.next_epoch().is_some() => {
                    let committed = entry
                        .epoch
                        .checked_sub(1)
                        .map(|before| epoch_commitment(previous.key(), entry.space, before));
                    if committed.is_none() || committed != self.authority.commitment(entry.epoch.saturating_sub(1)) {
                        return Err(Refusal::Commitment);
                    }
                }
                Some(_) => return Err(Refusal::PreviousKey),
                None if entry.op.next_epoch().is_some() => return Err(Refusal::PreviousKey),
                None => {}
            }
            self.contents
                .apply(&next.signed, opened.as_ref(), &self.authority, next.role)?;
        }
        self.waiting.extend(rest);
        Ok(())
    }

    /// Who reads.
    #[must_use]
    pub fn me(&self) -> PrincipalId {
        self.me
    }

    /// Who may do what.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Who put me out, and when by his clock; nothing while I am in or if I left. In an encrypted space that entry opens a key
    /// that I never get, so it is not among the events.
    #[must_use]
    pub fn put_out(&self) -> Option<(PrincipalId, u64)> {
        if self.authority.role(self.me).is_some() {
            return None;
        }
        let is_mine = |op: &Op| matches!(op, Op::Remove { principal, .. } if *principal == self.me);
        let unread = self.waiting.iter().rev().map(|waiting| &waiting.signed.entry);
        if let Some(entry) = unread.into_iter().find(|entry| is_mine(&entry.op)) {
            return Some((entry.author, entry.time_ms));
        }
        let last = self.contents.events().iter().rev().find(|event| match &event.kind {
            EventKind::Removed(whom) => *whom == self.me,
            EventKind::Left => event.author == self.me,
            _ => false,
        })?;
        (last.author != self.me).then_some((last.author, last.time_ms))
    }

    /// What can be read.
    #[must_use]
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The key of an epoch, if this person has it.
    #[must_use]
    pub fn key(&self, epoch: u32) -> Option<&KeyField> {
        self.keys.get(&epoch)
    }

    /// The current epoch's key, if this person has it.
    #[must_use]
    pub fn current_key(&self) -> Option<&KeyField> {
        self.key(self.authority.epoch())
    }

    /// The keys of all epochs that this person can read.
    pub fn keys(&self) -> impl Iterator<Item = &KeyField> {
        self.keys.values()
    }

    /// Entries at the end of the log that this person has no key for (written after a removal).
    #[must_use]
    pub fn unread_entries(&self) -> usize {
        self.waiting.len()
    }
}
