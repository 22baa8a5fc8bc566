//! Who may do what: the part of replay that needs no key.

mod reads;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::bundle::{PrincipalKind, VerifiedBundle};
use crate::entry::{Core, EpochStart, Op, PackSize, Role, SignedEntry, SpaceKind, Wrap};
use crate::id::{Hash, PackId, PrincipalId, RunId, SpaceId};
use crate::limits;
use crate::refusal::Refusal;
use crate::replay::nodes::{AuthorisedNode, OrderedRun};

/// Where replay finds the keys that entries name. Only bundles whose chain was verified may be in it.
pub trait BundleSource {
    /// The verified bundle with this hash.
    fn bundle(&self, hash: &Hash) -> Option<&VerifiedBundle>;
}

/// Verified bundles by hash.
#[derive(Default, Clone)]
pub struct Bundles(HashMap<Hash, VerifiedBundle>);

impl Bundles {
    /// Adds the bundles of a verified chain.
    pub fn insert_chain(&mut self, chain: impl IntoIterator<Item = VerifiedBundle>) {
        self.0.extend(chain.into_iter().map(|bundle| (bundle.hash, bundle)));
    }
}

impl BundleSource for Bundles {
    fn bundle(&self, hash: &Hash) -> Option<&VerifiedBundle> {
        self.0.get(hash)
    }
}

/// Somebody who is in a space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub principal: PrincipalId,
    /// The bundle that counts in this space.
    pub bundle: Hash,
    /// Fingerprint of that bundle.
    pub fingerprint: Hash,
    /// What the member may do.
    pub role: Role,
    /// Number of the entry that made that bundle count.
    pub bundle_seq: u64,
    /// Number of the entry that let the member in.
    pub since_seq: u64,
    /// Time of that entry.
    pub since_ms: u64,
}

/// A wrap together with what its label is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapFor {
    /// The epoch whose key it carries.
    pub epoch: u32,
    /// The bundle of the entry's author.
    pub author_bundle: Hash,
    /// The wrap.
    pub wrap: Wrap,
}

/// A pack as the log names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pack {
    /// Size in bytes, padding included.
    pub bytes: u64,
    /// Number of the entry that added it.
    pub added_seq: u64,
    /// Number of the entry that dropped it.
    pub dropped_seq: Option<u64>,
}

/// The state of a space that can be known without its keys.
#[derive(Clone)]
pub struct Authority {
    space: SpaceId,
    core: Core,
    seq: u64,
    head: Hash,
    auth_head: Hash,
    auth_seq: u64,
    epoch: u32,
    epoch_seq: u64,
    epoch_time_ms: u64,
    commitments: Vec<Hash>,
    members: BTreeMap<PrincipalId, Member>,
    former: BTreeMap<PrincipalId, Member>,
    pub(super) nodes: BTreeMap<PrincipalId, AuthorisedNode>,
    /// The newest bundle that each node was ever authorised with.
    pub(super) node_bundles: BTreeMap<PrincipalId, Hash>,
    /// Shared: a server copies this state for each entry, and few entries change what may be thousands of runs.
    pub(super) runs: Arc<BTreeMap<RunId, OrderedRun>>,
    rotation_due: bool,
    packs: BTreeMap<PackId, Pack>,
    live_bytes: u64,
    time_ms: u64,
}

impl Authority {
    /// Begins with entry 0.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn genesis(space: SpaceId, signed: &SignedEntry, bundles: &impl BundleSource) -> Result<Self, Refusal> {
        let entry = &signed.entry;
        let Op::Genesis { core, epoch } = &entry.op else {
            return Err(Refusal::Genesis);
        };
        if entry.space != space {
            return Err(Refusal::WrongSpace);
        }
        if entry.seq != 0 || entry.prev != Hash::ZERO || entry.auth != Hash::ZERO || entry.epoch != 0 {
            return Err(Refusal::Genesis);
        }
        if core.space_id() != space || core.creator != entry.author || core.format != crate::entry::FORMAT {
            return Err(Refusal::GenesisCore);
        }
        let author = bundles.bundle(&entry.author_bundle).ok_or(Refusal::BundleUnknown)?;
        if author.bundle.principal != entry.author || author.fingerprint != core.creator_fingerprint {
            return Err(Refusal::GenesisCore);
        }
        if author.bundle.kind != PrincipalKind::User {
            return Err(Refusal::NotAPerson);
        }
        if !signed.verifies(&author.verify) {
            return Err(Refusal::Signature);
        }
        if !signed.head_holds() {
            return Err(Refusal::Head);
        }
        if entry.body.is_none() {
            return Err(Refusal::BodyPresence);
        }
        if core.encrypted == core.open_key.is_some()
            || core.encrypted != epoch.is_some()
            || (core.kind == SpaceKind::Vault && !core.encrypted)
        {
            return Err(Refusal::EpochMaterial);
        }
        let creator = Member {
            principal: entry.author,
            bundle: entry.author_bundle,
            fingerprint: author.fingerprint,
            role: Role::Owner,
            bundle_seq: 0,
            since_seq: 0,
            since_ms: entry.time_ms,
        };
        let mut state = Self {
            space,
            core: core.clone(),
            seq: 0,
            head: signed.hash,
            auth_head: signed.hash,
            auth_seq: 0,
            epoch: 0,
            epoch_seq: 0,
            epoch_time_ms: entry.time_ms,
            commitments: Vec::new(),
            members: BTreeMap::from([(entry.author, creator)]),
            former: BTreeMap::new(),
            nodes: BTreeMap::new(),
            node_bundles: BTreeMap::new(),
            runs: Arc::default(),
            rotation_due: false,
            packs: BTreeMap::new(),
            live_bytes: 0,
            time_ms: entry.time_ms,
        };
        if let Some(start) = epoch {
            state.check_wraps(start, entry.time_ms)?;
            state.commitments.push(start.commitment);
        }
        Ok(state)
    }

    /// Applies the next entry. On a refusal the state is unchanged.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn apply(&mut self, signed: &SignedEntry, bundles: &impl BundleSource) -> Result<(), Refusal> {
        let mut next = self.clone();
        next.advance(signed, bundles)?;
        *self = next;
        Ok(())
    }

    /// Applies the next entry without the copy that [`Self::apply`] makes. After a refusal the state must be thrown away.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn advance(&mut self, signed: &SignedEntry, bundles: &impl BundleSource) -> Result<(), Refusal> {
        let entry = &signed.entry;
        if entry.space != self.space {
            return Err(Refusal::WrongSpace);
        }
        if entry.seq != self.seq + 1 {
            return Err(Refusal::Sequence);
        }
        if entry.prev != self.head {
            return Err(Refusal::Previous);
        }
        if entry.auth != self.auth_head {
            return Err(Refusal::AuthorityChain);
        }
        let author = self.members.get(&entry.author).cloned().ok_or(Refusal::AuthorUnknown)?;
        let bundle = bundles.bundle(&entry.author_bundle).ok_or(Refusal::BundleUnknown)?;
        if bundle.bundle.principal != entry.author {
            return Err(Refusal::AuthorBundle);
        }
        if matches!(entry.op, Op::Rewrap { .. }) {
            if !descends(bundles, &author.bundle, bundle) {
                return Err(Refusal::NotASuccessor);
            }
        } else if entry.author_bundle != author.bundle {
            return Err(Refusal::AuthorBundle);
        }
        if !signed.verifies(&bundle.verify) {
            return Err(Refusal::Signature);
        }
        if !signed.head_holds() {
            return Err(Refusal::Head);
        }
        self.may(&author, &entry.op)?;
        if entry.body.is_some() != entry.op.has_body() {
            return Err(Refusal::BodyPresence);
        }
        let expected = if entry.op.next_epoch().is_some() {
            self.epoch.checked_add(1).ok_or(Refusal::Epoch)?
        } else {
            self.epoch
        };
        if entry.epoch != expected {
            return Err(Refusal::Epoch);
        }

        self.change(signed, &author, bundle, bundles)?;
        self.seq = entry.seq;
        self.head = signed.hash;
        if entry.epoch != self.epoch {
            self.epoch_seq = entry.seq;
            self.epoch_time_ms = entry.time_ms;
        }
        self.epoch = entry.epoch;
        self.time_ms = entry.time_ms;
        if entry.op.is_authority() {
            self.auth_head = signed.hash;
            self.auth_seq = entry.seq;
        }
        Ok(())
    }

    /// Whether the author's role, and the kind of space, allow the op.
    fn may(&self, author: &Member, op: &Op) -> Result<(), Refusal> {
        let needs = match op {
            Op::Genesis { .. } => return Err(Refusal::Genesis),
            Op::Add { .. }
            | Op::Remove { .. }
            | Op::SetRole { .. }
            | Op::Rotate { .. }
            | Op::AuthoriseNode { .. }
            | Op::WithdrawNode { .. } => Role::Owner,
            Op::Commit { dropped, .. } if !dropped.is_empty() => Role::Owner,
            // Whether a run is the author's own is judged with the run.
            Op::Commit { .. } | Op::Run { .. } | Op::WithdrawRun { .. } | Op::Adopt { .. } => Role::Contributor,
            Op::Leave {} | Op::Rewrap { .. } => Role::Reader,
        };
        if self.core.kind == SpaceKind::Vault
            && matches!(
                op,
                Op::Add { .. }
                    | Op::Remove { .. }
                    | Op::SetRole { .. }
                    | Op::Leave {}
                    | Op::AuthoriseNode { .. }
                    | Op::WithdrawNode { .. }
                    | Op::Run { .. }
                    | Op::WithdrawRun { .. }
                    | Op::Adopt { .. }
            )
        {
            return Err(Refusal::VaultAlone);
        }
        if author.role < needs {
            Err(Refusal::RoleDenied)
        } else {
            Ok(())
        }
    }

    fn change(
        &mut self,
        signed: &SignedEntry,
        author: &Member,
        author_bundle: &VerifiedBundle,
        bundles: &impl BundleSource,
    ) -> Result<(), Refusal> {
        let entry = &signed.entry;
        match &entry.op {
            Op::Genesis { .. } => return Err(Refusal::Genesis),
            Op::Add {
                principal,
                bundle,
                fingerprint,
                role,
                wrap,
            } => {
                if self.members.contains_key(principal) {
                    return Err(Refusal::MemberExists);
                }
                self.check_room_for_a_wrap()?;
                let added = bundles.bundle(bundle).ok_or(Refusal::BundleUnknown)?;
                if added.fingerprint != *fingerprint || added.bundle.principal != *principal {
                    return Err(Refusal::Fingerprint);
                }
                if added.bundle.kind != PrincipalKind::User {
                    return Err(Refusal::NotAPerson);
                }
                // Who comes back never comes back under keys that he had already given up.
                if let Some(before) = self.former.get(principal)
                    && before.bundle != *bundle
                    && !descends(bundles, &before.bundle, added)
                {
                    return Err(Refusal::NotASuccessor);
                }
                self.check_single_wrap(wrap.as_ref(), *principal, *bundle)?;
                self.former.remove(principal);
                let member = Member {
                    principal: *principal,
                    bundle: *bundle,
                    fingerprint: *fingerprint,
                    role: *role,
                    bundle_seq: entry.seq,
                    since_seq: entry.seq,
                    since_ms: entry.time_ms,
                };
                self.members.insert(*principal, member);
            }
            Op::Remove { principal, epoch } => {
                // The author draws the next key: whoever removed himself would read on.
                if *principal == author.principal {
                    return Err(Refusal::SelfRemoval);
                }
                self.drop_member(*principal)?;
                self.open_epoch(epoch.as_ref(), entry.time_ms)?;
            }
            Op::Leave {} => {
                self.drop_member(author.principal)?;
                self.rotation_due = self.core.encrypted;
            }
            Op::SetRole { principal, role } => {
                if *role != Role::Owner && self.is_last_owner(*principal) {
                    return Err(Refusal::LastOwner);
                }
                self.members.get_mut(principal).ok_or(Refusal::MemberUnknown)?.role = *role;
            }
            Op::Rewrap { wrap } => {
                self.check_single_wrap(wrap.as_ref(), author.principal, author_bundle.hash)?;
                let member = self.members.get_mut(&author.principal).ok_or(Refusal::MemberUnknown)?;
                member.bundle = author_bundle.hash;
                member.bundle_seq = entry.seq;
                member.fingerprint = author_bundle.fingerprint;
            }
            Op::Rotate { epoch } => self.open_epoch(Some(epoch), entry.time_ms)?,
            Op::Commit { added, dropped } => self.change_packs(entry.seq, added, dropped)?,
            Op::AuthoriseNode { .. } | Op::WithdrawNode { .. } => self.change_nodes(entry, bundles)?,
            Op::Run { .. } | Op::WithdrawRun { .. } => self.change_runs(entry, author.role)?,
            Op::Adopt { run, added } => {
                self.adopt(entry.seq, run)?;
                self.change_packs(entry.seq, added, &[])?;
            }
        }
        Ok(())
    }

    /// So many members and nodes with the key that one entry can open an epoch for all of them.
    pub(super) fn check_room_for_a_wrap(&self) -> Result<(), Refusal> {
        let nodes = self.nodes.values().filter(|node| node.holds_key()).count();
        if self.members.len() + nodes >= limits::MEMBERS {
            return Err(Refusal::TooManyMembers);
        }
        Ok(())
    }

    fn drop_member(&mut self, principal: PrincipalId) -> Result<(), Refusal> {
        if self.is_last_owner(principal) {
            return Err(Refusal::LastOwner);
        }
        let gone = self.members.remove(&principal).ok_or(Refusal::MemberUnknown)?;
        self.former.insert(principal, gone);
        Ok(())
    }

    /// Whether this member is the only owner.
    #[must_use]
    pub fn is_last_owner(&self, principal: PrincipalId) -> bool {
        let mut owners = self.members.values().filter(|member| member.role == Role::Owner);
        owners.next().is_some_and(|owner| owner.principal == principal) && owners.next().is_none()
    }

    fn open_epoch(&mut self, start: Option<&EpochStart>, time_ms: u64) -> Result<(), Refusal> {
        match (self.core.encrypted, start) {
            (false, None) => Ok(()),
            (true, Some(start)) => self.start_epoch(start, time_ms),
            _ => Err(Refusal::EpochMaterial),
        }
    }

    pub(super) fn start_epoch(&mut self, start: &EpochStart, time_ms: u64) -> Result<(), Refusal> {
        self.check_wraps(start, time_ms)?;
        self.commitments.push(start.commitment);
        self.rotation_due = false;
        Ok(())
    }

    /// Who gets a wrap of an epoch that is opened at this time, and under which bundle: each member, and each node that is
    /// given the whole project and whose time is not over.
    #[must_use]
    pub fn recipients(&self, time_ms: u64) -> BTreeMap<PrincipalId, Hash> {
        let members = self.members.values().map(|member| (member.principal, member.bundle));
        let nodes = self
            .nodes
            .values()
            .filter(|node| node.holds_key() && node.until_ms > time_ms);
        members.chain(nodes.map(|node| (node.principal, node.bundle))).collect()
    }

    /// Exactly one wrap for each recipient, under the bundle that counts.
    fn check_wraps(&self, start: &EpochStart, time_ms: u64) -> Result<(), Refusal> {
        let recipients = self.recipients(time_ms);
        let mut seen = BTreeSet::new();
        let fits = |wrap: &Wrap| recipients.get(&wrap.recipient) == Some(&wrap.bundle);
        if start.wraps.len() == recipients.len()
            && start.wraps.iter().all(|wrap| fits(wrap) && seen.insert(wrap.recipient))
        {
            Ok(())
        } else {
            Err(Refusal::Wraps)
        }
    }

    pub(super) fn check_single_wrap(
        &self,
        wrap: Option<&Wrap>,
        recipient: PrincipalId,
        bundle: Hash,
    ) -> Result<(), Refusal> {
        match (self.core.encrypted, wrap) {
            (false, None) => Ok(()),
            (true, Some(wrap)) if wrap.recipient == recipient && wrap.bundle == bundle => Ok(()),
            (true, Some(_)) => Err(Refusal::Wraps),
            _ => Err(Refusal::EpochMaterial),
        }
    }

    pub(super) fn change_packs(&mut self, seq: u64, added: &[PackSize], dropped: &[PackId]) -> Result<(), Refusal> {
        if added.len() + dropped.len() > limits::PACKS_PER_COMMIT {
            return Err(Refusal::PackSize);
        }
        for pack in added {
            if pack.bytes == 0 || pack.bytes > limits::PACK || pack.bytes % limits::WINDOW != 0 {
                return Err(Refusal::PackSize);
            }
            let named = Pack {
                bytes: pack.bytes,
                added_seq: seq,
                dropped_seq: None,
            };
            if self.packs.insert(pack.id, named).is_some() {
                return Err(Refusal::PackRepeated);
            }
            self.live_bytes = self.live_bytes.checked_add(pack.bytes).ok_or(Refusal::PackSize)?;
        }
        for id in dropped {
            let pack = self
                .packs
                .get_mut(id)
                .filter(|pack| pack.dropped_seq.is_none())
                .ok_or(Refusal::PackUnknown)?;
            pack.dropped_seq = Some(seq);
            self.live_bytes -= pack.bytes;
        }
        Ok(())
    }
}

/// Whether `bundle` comes after the bundle named `old` in its principal's chain.
pub(super) fn descends(bundles: &impl BundleSource, old: &Hash, bundle: &VerifiedBundle) -> bool {
    let mut current = bundle;
    for _ in 0..limits::BUNDLE_CHAIN {
        match current.bundle.previous {
            Some(previous) if previous == *old => return true,
            Some(previous) => match bundles.bundle(&previous) {
                Some(earlier) => current = earlier,
                None => return false,
            },
            None => return false,
        }
    }
    false
}
