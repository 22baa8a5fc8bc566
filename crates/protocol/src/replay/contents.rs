//! What a member can read: names, items and their versions, and who did what.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::{Body, NodeScope, Op, Role, SignedEntry, SpaceKind};
use crate::id::{ItemId, PrincipalId, RunId, VersionId};
use crate::item::{Content, Item, ItemKind, Version};
use crate::limits;
use crate::refusal::Refusal;
use crate::replay::runs::{self, Run, Runs};
use crate::replay::{Adopted, Authority};
use crate::run::{AdoptBody, End, Made, RunBody, RunSpec};
use crate::secretvalue::KeyField;

/// Something that happened, as the Activity list tells it. Every field comes from a signed entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Number of the entry.
    pub seq: u64,
    /// Milliseconds since 1970-01-01 UTC, by the author's clock.
    pub time_ms: u64,
    /// Who did it.
    pub author: PrincipalId,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The space was made.
    Created,
    /// Somebody was let in.
    Added(PrincipalId, Role),
    /// Somebody was put out.
    Removed(PrincipalId),
    /// The author left.
    Left,
    /// Somebody's role changed.
    RoleChanged(PrincipalId, Role),
    /// The author's newer keys count from now on.
    KeysChanged,
    /// A new epoch was opened.
    Rotated,
    /// A node may do work here.
    NodeAuthorised(PrincipalId, NodeScope),
    /// A node may no longer.
    NodeWithdrawn(PrincipalId),
    /// A run was ordered.
    RunOrdered(RunId),
    /// A run was taken back or stopped.
    RunWithdrawn(RunId),
    /// A run's result was taken over.
    RunAdopted(RunId, End),
    /// The space has a new name.
    SpaceRenamed(String),
    /// The space went to the trash.
    SpaceTrashed,
    /// The space came back from the trash.
    SpaceRestored,
    /// An item appeared.
    ItemAdded(ItemKind, String),
    /// An item has new versions.
    VersionAdded(ItemKind, String),
    /// An item's name, description, labels or expiry changed: old name, new name.
    ItemChanged(ItemKind, String, String),
    /// An item went to the trash.
    Trashed(ItemKind, String),
    /// An item came back from the trash.
    Restored(ItemKind, String),
    /// An item is gone for good.
    Purged(ItemKind, String),
}

/// The readable state of a space.
#[derive(Clone, Default)]
pub struct Contents {
    name: String,
    trashed_ms: Option<u64>,
    given_up: bool,
    items: BTreeMap<ItemId, Item>,
    purged: BTreeSet<ItemId>,
    events: Vec<Event>,
    runs: Runs,
}

/// An entry's sealed part, opened.
pub(super) enum Opened {
    /// Of most ops.
    Content(Body),
    /// Of an order.
    Run(RunBody),
    /// Of a result that is taken over.
    Adopt(AdoptBody),
}

impl Opened {
    /// The key of the epoch before, in the entry that opens the next one.
    pub(super) fn previous_key(&self) -> Option<&KeyField> {
        match self {
            Self::Content(body) => body.previous_key.as_ref(),
            Self::Run(_) | Self::Adopt(_) => None,
        }
    }
}

impl Contents {
    /// The space's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the whole space was put into the trash, if it is there.
    #[must_use]
    pub fn trashed_ms(&self) -> Option<u64> {
        self.trashed_ms
    }

    /// Whether the whole space was removed for good: put into the trash once more when it was there already, with nothing
    /// left in it. Nothing of it is shown from then on.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.given_up && self.items.is_empty()
    }

    /// Whether an item was removed for good; its id never comes back.
    #[must_use]
    pub fn is_purged(&self, item: &ItemId) -> bool {
        self.purged.contains(item)
    }

    /// All items, those in the trash included.
    #[must_use]
    pub fn items(&self) -> &BTreeMap<ItemId, Item> {
        &self.items
    }

    /// What happened, oldest first.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Runs by id.
    #[must_use]
    pub fn runs(&self) -> &BTreeMap<RunId, Run> {
        &self.runs.by_id
    }

    /// The run that made a version of an item. Not of one that took the id of a version that was forgotten since.
    #[must_use]
    pub fn maker(&self, item: &ItemId, version: &VersionId) -> Option<(RunId, &Adopted)> {
        let id = self.runs.makers.get(&(*item, *version))?;
        let adopted = self.runs.by_id.get(id)?.adopted.as_ref()?;
        let mut made = adopted.result.made.iter();
        let made = made.find(|made| made.item == *item && made.version == *version)?;
        let versions = &self.items.get(item)?.versions;
        let there = versions.iter().find(|one| one.id == *version)?;
        let Content::Files { manifest, .. } = &there.content else {
            return None;
        };
        (manifest.hash == made.manifest.hash).then_some((*id, adopted))
    }

    /// Whether an output has a place still in the state that `authority` has: its item is not purged, is of the kind that the
    /// run was ordered for and has no version of that id, and none of its packs was dropped. An adoption leaves out all others.
    #[must_use]
    pub fn has_place(&self, made: &Made, spec: &RunSpec, authority: &Authority) -> bool {
        self.has_place_at(made, spec, authority, u64::MAX)
    }

    fn has_place_at(&self, made: &Made, spec: &RunSpec, authority: &Authority, seq: u64) -> bool {
        let taken = |item: &Item| {
            Some(item.kind) != runs::kind_of(spec, made)
                || item.versions.iter().any(|version| version.id == made.version)
        };
        !self.purged.contains(&made.item)
            && !self.items.get(&made.item).is_some_and(taken)
            && !made
                .packs
                .iter()
                .any(|pack| authority.pack_dropped_before(&pack.id, seq))
    }

    /// Applies one entry's op and opened body. `authority` may be the state after later entries; `role` the author's before it.
    pub(super) fn apply(
        &mut self,
        signed: &SignedEntry,
        opened: Option<&Opened>,
        authority: &Authority,
        role: Role,
    ) -> Result<(), Refusal> {
        self.note_op(signed);
        match (&signed.entry.op, opened) {
            (_, None) => Ok(()),
            (Op::Run { run, .. }, Some(Opened::Run(body))) => {
                self.runs.order(run, body, authority)?;
                self.note(signed, EventKind::RunOrdered(*run));
                Ok(())
            }
            (Op::Adopt { run, .. }, Some(Opened::Adopt(body))) => self.adopt(signed, run, body, authority, role),
            (_, Some(Opened::Content(body))) => self.change(signed, body, authority, role),
            _ => Err(Refusal::BodyOpen),
        }
    }

    fn adopt(
        &mut self,
        signed: &SignedEntry,
        run: &RunId,
        body: &AdoptBody,
        authority: &Authority,
        role: Role,
    ) -> Result<(), Refusal> {
        let (key, made) = self.runs.adopt(run, body, signed, authority)?;
        let opened = self.runs.by_id.get(run).ok_or(Refusal::RunUnknown)?;
        let placed: BTreeMap<_, _> = made
            .iter()
            .filter(|made| self.has_place_at(made, &opened.spec, authority, signed.entry.seq))
            .map(|made| (made.version, made))
            .collect();
        let makers: Vec<_> = placed.values().map(|made| ((made.item, made.version), *run)).collect();
        runs::check_items(&self.items, &body.put, &opened.spec, &key, placed)?;
        let end = opened
            .adopted
            .as_ref()
            .map_or(End::BrokenOff, |adopted| adopted.result.end);
        self.runs.makers.extend(makers);
        self.note(signed, EventKind::RunAdopted(*run, end));
        body.put
            .iter()
            .try_for_each(|item| self.put(signed, item, authority, role))
    }

    fn change(&mut self, signed: &SignedEntry, body: &Body, authority: &Authority, role: Role) -> Result<(), Refusal> {
        let carries_content = matches!(signed.entry.op, Op::Genesis { .. } | Op::Commit { .. });
        let empty = body.name.is_none() && body.trashed_ms.is_none() && body.put.is_empty() && body.purged.is_empty();
        if !carries_content && !empty {
            return Err(Refusal::BodyPresence);
        }
        if let Some(name) = &body.name {
            check_name(name)?;
            if self.name != *name && !matches!(signed.entry.op, Op::Genesis { .. }) {
                self.note(signed, EventKind::SpaceRenamed(name.clone()));
            }
            self.name.clone_from(name);
        }
        if let Some(time) = body.trashed_ms {
            if role != Role::Owner {
                return Err(Refusal::PurgeDenied);
            }
            self.given_up = time != 0 && self.trashed_ms.is_some();
            self.trashed_ms = (time != 0).then_some(time);
            let kind = if time == 0 {
                EventKind::SpaceRestored
            } else {
                EventKind::SpaceTrashed
            };
            if !self.given_up {
                self.note(signed, kind);
            }
        }
        for item in &body.put {
            self.put(signed, item, authority, role)?;
        }
        for id in &body.purged {
            if role != Role::Owner {
                return Err(Refusal::PurgeDenied);
            }
            let gone = self.items.remove(id).ok_or(Refusal::ItemGone)?;
            self.purged.insert(*id);
            self.note(signed, EventKind::Purged(gone.kind, gone.name));
        }
        Ok(())
    }

    fn put(&mut self, signed: &SignedEntry, item: &Item, authority: &Authority, role: Role) -> Result<(), Refusal> {
        if self.purged.contains(&item.id) {
            return Err(Refusal::ItemGone);
        }
        check_name(&item.name)?;
        let core = authority.core();
        if item.kind.vault_only() != (core.kind == SpaceKind::Vault)
            && item.kind != ItemKind::Secret
            && item.kind != ItemKind::Note
        {
            return Err(Refusal::ItemKind);
        }
        if item.kind == ItemKind::Secret && !core.encrypted {
            return Err(Refusal::SecretInStandard);
        }
        if item.chunk_id_key.is_some() != item.kind.holds_files()
            || item.secret_type.is_some() != (item.kind == ItemKind::Secret)
            || item.versions.is_empty()
        {
            return Err(Refusal::ItemKind);
        }
        let known = self.items.get(&item.id);
        if let Some(known) = known
            && (known.kind != item.kind
                || known.chunk_id_key != item.chunk_id_key
                || known.secret_type != item.secret_type
                || known.created_ms != item.created_ms)
        {
            return Err(Refusal::ItemImmutable);
        }
        let old: BTreeMap<_, &Version> = known
            .map(|known| known.versions.iter().map(|version| (version.id, version)).collect())
            .unwrap_or_default();
        let mut seen = BTreeSet::new();
        for version in &item.versions {
            if !seen.insert(version.id) {
                return Err(Refusal::ItemImmutable);
            }
            match old.get(&version.id) {
                Some(before) if *before == version => {}
                Some(_) => return Err(Refusal::ItemImmutable),
                None => {
                    if version.author != signed.entry.author {
                        return Err(Refusal::VersionAuthor);
                    }
                    check_content(item.kind, &version.content)?;
                    if let Content::Files { manifest, packs, .. } = &version.content
                        && (!packs.contains(&manifest.pack)
                            || packs.iter().any(|id| !authority.pack_live_at(id, signed.entry.seq)))
                    {
                        return Err(Refusal::VersionPacks);
                    }
                }
            }
        }
        if let Some(known) = known {
            check_kept(known, item, role)?;
        }
        let event = describe(
            known,
            item,
            item.versions.iter().any(|version| !old.contains_key(&version.id)),
        );
        if let Some(event) = event {
            self.note(signed, event);
        }
        self.items.insert(item.id, item.clone());
        Ok(())
    }

    fn note(&mut self, signed: &SignedEntry, kind: EventKind) {
        let entry = &signed.entry;
        self.events.push(Event {
            seq: entry.seq,
            time_ms: entry.time_ms,
            author: entry.author,
            kind,
        });
    }

    fn note_op(&mut self, signed: &SignedEntry) {
        let kind = match &signed.entry.op {
            Op::Genesis { .. } => EventKind::Created,
            Op::Add { principal, role, .. } => EventKind::Added(*principal, *role),
            Op::Remove { principal, .. } => EventKind::Removed(*principal),
            Op::Leave {} => EventKind::Left,
            Op::SetRole { principal, role } => EventKind::RoleChanged(*principal, *role),
            Op::Rewrap { .. } => EventKind::KeysChanged,
            Op::Rotate { .. } => EventKind::Rotated,
            Op::AuthoriseNode { principal, scope, .. } => EventKind::NodeAuthorised(*principal, *scope),
            Op::WithdrawNode { principal, .. } => EventKind::NodeWithdrawn(*principal),
            Op::WithdrawRun { run } => EventKind::RunWithdrawn(*run),
            // Told with what is in them.
            Op::Commit { .. } | Op::Run { .. } | Op::Adopt { .. } => return,
        };
        self.note(signed, kind);
    }
}

/// What a put did, seen from the item before it. Bookkeeping of a vault is not told.
fn describe(known: Option<&Item>, item: &Item, new_version: bool) -> Option<EventKind> {
    if item.kind.vault_only() {
        return None;
    }
    let name = item.name.clone();
    let Some(known) = known else {
        return Some(EventKind::ItemAdded(item.kind, name));
    };
    Some(match (known.trashed_ms, item.trashed_ms) {
        (None, Some(_)) => EventKind::Trashed(item.kind, name),
        (Some(_), None) => EventKind::Restored(item.kind, name),
        _ if new_version => EventKind::VersionAdded(item.kind, name),
        _ => EventKind::ItemChanged(item.kind, known.name.clone(), name),
    })
}

/// Kept versions stay in their order and in front of the new ones. Owners may forget any; others only the oldest of a secret
/// that is full, or a contributor could take everybody's data out of sight without the right to purge.
fn check_kept(known: &Item, item: &Item, role: Role) -> Result<(), Refusal> {
    let ids = |item: &Item| item.versions.iter().map(|version| version.id).collect::<Vec<_>>();
    let (before, after) = (ids(known), ids(item));
    let kept: Vec<_> = before.iter().copied().filter(|id| after.contains(id)).collect();
    if !after.starts_with(&kept) {
        return Err(Refusal::ItemImmutable);
    }
    let rolls_over = item.kind == ItemKind::Secret && after.len() >= limits::SECRET_VERSIONS && before.ends_with(&kept);
    if kept.len() < before.len() && role != Role::Owner && !rolls_over {
        return Err(Refusal::PurgeDenied);
    }
    Ok(())
}

fn check_content(kind: ItemKind, content: &Content) -> Result<(), Refusal> {
    let fits = match content {
        Content::Files { .. } => kind.holds_files(),
        Content::Fields { .. } => kind == ItemKind::Secret,
        Content::Text { .. } => kind == ItemKind::Note,
        Content::Person { .. } => kind == ItemKind::Person,
        Content::SpaceHead { .. } => kind == ItemKind::SpaceHead,
        Content::Invitation { .. } => kind == ItemKind::Invitation,
        Content::Profile { .. } => kind == ItemKind::Profile,
    };
    if fits { Ok(()) } else { Err(Refusal::ItemKind) }
}

/// A name is 1 to [`limits::NAME`] bytes without control characters.
fn check_name(name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.len() > limits::NAME || name.chars().any(char::is_control) {
        return Err(Refusal::Name);
    }
    Ok(())
}
