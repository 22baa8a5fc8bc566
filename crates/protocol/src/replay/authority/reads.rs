//! What can be read from the state.

use std::collections::BTreeMap;

use super::{Authority, Member, Pack};
use crate::entry::{Core, Role};
use crate::id::{Hash, PackId, PrincipalId, SpaceId};
use crate::replay::nodes::{AuthorisedNode, OrderedRun};

impl Authority {
    /// The space's name.
    #[must_use]
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// What the space is.
    #[must_use]
    pub fn core(&self) -> &Core {
        &self.core
    }

    /// Number of the last entry.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Hash of the last entry.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.head
    }

    /// Hash of the last authority entry.
    #[must_use]
    pub fn auth_head(&self) -> Hash {
        self.auth_head
    }

    /// Number of the last authority entry.
    #[must_use]
    pub fn auth_seq(&self) -> u64 {
        self.auth_seq
    }

    /// The current epoch.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Number of the entry that opened the current epoch.
    #[must_use]
    pub fn epoch_seq(&self) -> u64 {
        self.epoch_seq
    }

    /// The commitment to an epoch's key (encrypted spaces).
    #[must_use]
    pub fn commitment(&self, epoch: u32) -> Option<Hash> {
        self.commitments.get(usize::try_from(epoch).ok()?).copied()
    }

    /// Who is in.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<PrincipalId, Member> {
        &self.members
    }

    /// Who was in and is not any more.
    #[must_use]
    pub fn former_members(&self) -> &BTreeMap<PrincipalId, Member> {
        &self.former
    }

    /// What this person may do, if in.
    #[must_use]
    pub fn role(&self, principal: PrincipalId) -> Option<Role> {
        self.members.get(&principal).map(|member| member.role)
    }

    /// Whether the next owner's client should open a new epoch, as of now (milliseconds since 1970-01-01 UTC): somebody left,
    /// or the time of a node that holds this epoch's key is over.
    #[must_use]
    pub fn rotation_due(&self, now_ms: u64) -> bool {
        let over = |node: &AuthorisedNode| {
            let got_it = node.until_ms > self.epoch_time_ms || node.since_seq > self.epoch_seq;
            node.holds_key() && node.until_ms <= now_ms && got_it
        };
        self.rotation_due || (self.core.encrypted && self.nodes.values().any(over))
    }

    /// Whether the author of a run may have it started still: in without a break since the order, and not only to read. Whoever
    /// was put out and let in again orders again.
    #[must_use]
    pub fn stands_behind(&self, run: &OrderedRun) -> bool {
        let author = self.members.get(&run.author);
        author.is_some_and(|author| author.since_seq < run.seq && author.role >= Role::Contributor)
    }

    /// Every pack that the log names, dropped ones included.
    #[must_use]
    pub fn packs(&self) -> &BTreeMap<PackId, Pack> {
        &self.packs
    }

    /// Whether a pack was part of the space right after the entry `seq`.
    #[must_use]
    pub fn pack_live_at(&self, id: &PackId, seq: u64) -> bool {
        self.packs
            .get(id)
            .is_some_and(|pack| pack.added_seq <= seq && pack.dropped_seq.is_none_or(|dropped| dropped > seq))
    }

    /// Whether a pack was dropped by an entry before `seq`; it never comes back.
    #[must_use]
    pub fn pack_dropped_before(&self, id: &PackId, seq: u64) -> bool {
        let dropped = self.packs.get(id).and_then(|pack| pack.dropped_seq);
        dropped.is_some_and(|dropped| dropped < seq)
    }

    /// Bytes of all packs that hold content: what the quota counts.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// Time of the last entry, by its author's clock, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }
}
