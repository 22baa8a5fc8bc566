//! What the rules need from the world. Each method is one transaction: it happens whole and durably, or not at all.
//!
//! "Durably" means that it survives the loss of power once the method has returned.

mod nodes;
mod runs;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::entry::{PackSize, Role};
use holdfast_protocol::id::{DeviceId, Hash, InvitationId, Locator, PackId, PrincipalId, SpaceId};
use holdfast_protocol::transparency::Leaf;
use holdfast_protocol::wire::{DeviceRow, InvitationRow, LinkBox, RecoveryBox, SpaceHead, Usage};

pub use nodes::{EndedNode, NewNode, NodeStanding, Nodes};
pub use runs::{AskedBoxes, Attempted, Beat, ChangedRun, NewBox, NewCapsule, NewResult, Runs, StoredBoxes, WorkChange};

/// Why an adapter did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The name or id is taken.
    #[error("it exists already")]
    Exists,
    /// What was expected to be the newest is not.
    #[error("somebody was quicker")]
    Conflict,
    /// Not there.
    #[error("it is not there")]
    Missing,
    /// More bytes than the space may hold.
    #[error("the quota is used up")]
    Quota,
    /// No room; nothing was changed.
    #[error("the disk is full")]
    DiskFull,
    /// Anything else. The text is about the store and holds no stored values.
    #[error("{0}")]
    Broken(String),
}

/// What an adapter answers.
pub type Result<T> = std::result::Result<T, StoreError>;

/// An account with its newest bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Who.
    pub principal: PrincipalId,
    /// What the person signs in with.
    pub handle: String,
    /// The vault; nodes have none.
    pub vault: Option<SpaceId>,
    /// Whether it is a node that was ended.
    pub ended: bool,
    /// Counter of the newest bundle.
    pub counter: u32,
    /// Key-derivation record of the newest bundle.
    pub kdf: Vec<u8>,
}

/// A bundle to store.
#[derive(Debug, Clone)]
pub struct NewBundle {
    /// Its counter.
    pub counter: u32,
    /// Its hash.
    pub hash: Hash,
    /// Its key-derivation record.
    pub kdf: Vec<u8>,
    /// The signed bytes.
    pub signed: Vec<u8>,
}

/// A sign-up.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Who.
    pub principal: PrincipalId,
    /// Unique.
    pub handle: String,
    /// The first bundle.
    pub bundle: NewBundle,
    /// Those after it, each with the link box to the one before: an account that comes from another server.
    pub later: Vec<(NewBundle, LinkBox)>,
    /// The vault.
    pub vault: NewSpace,
    /// The recovery box.
    pub recovery: Option<RecoveryBox>,
    /// Now.
    pub now_ms: u64,
}

/// A key change.
#[derive(Debug, Clone)]
pub struct NewKeys {
    /// Who.
    pub principal: PrincipalId,
    /// The next bundle; [`StoreError::Conflict`] unless its counter is one more than the newest.
    pub bundle: NewBundle,
    /// The link box.
    pub link: LinkBox,
    /// The new recovery box; `None` removes the old one.
    pub recovery: Option<RecoveryBox>,
    /// The device that stays signed in; all others end.
    pub keep: DeviceId,
}

/// Tokens of a device, as hashes.
#[derive(Debug, Clone)]
pub struct NewTokens {
    /// SHA-256 of the access token.
    pub access: Hash,
    /// When it ends.
    pub access_expires_ms: u64,
    /// SHA-256 of the refresh token.
    pub refresh: Hash,
    /// When it ends.
    pub refresh_expires_ms: u64,
}

/// Whose an access token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub principal: PrincipalId,
    /// A person, or a node.
    pub kind: PrincipalKind,
    /// On which device.
    pub device: DeviceId,
    /// When the access token ends.
    pub expires_ms: u64,
}

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The new tokens count.
    Renewed(PrincipalId, DeviceId),
    /// It had been used before: the device was signed out.
    Reused(DeviceId),
    /// Unknown or expired.
    Unknown,
}

/// An account whose handle was freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Who had it.
    pub principal: PrincipalId,
    /// How many of the account's devices were signed in.
    pub devices: u64,
}

/// The first entry of a space.
#[derive(Debug, Clone)]
pub struct NewSpace {
    /// The space.
    pub space: SpaceId,
    /// Hash of entry 0.
    pub hash: Hash,
    /// Entry 0.
    pub signed: Vec<u8>,
    /// Who made it, and is its only owner.
    pub owner: PrincipalId,
}

/// What an entry does to the index of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// Is in, with this role.
    In(PrincipalId, Role),
    /// Is not in after this entry.
    Out(PrincipalId),
}

/// An entry to append, already judged by the rules.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The space.
    pub space: SpaceId,
    /// Its place; [`StoreError::Conflict`] unless it is the next one.
    pub seq: u64,
    /// The entry before; [`StoreError::Conflict`] unless it is the head.
    pub prev: Hash,
    /// Its hash.
    pub hash: Hash,
    /// The signed bytes.
    pub signed: Vec<u8>,
    /// What it does to the members.
    pub members: Vec<MemberChange>,
    /// Packs it names; [`StoreError::Missing`] unless each is complete, of this size, begun here and not yet named.
    pub added: Vec<PackSize>,
    /// Packs it drops.
    pub dropped: Vec<PackId>,
    /// What it does to nodes and runs.
    pub work: Option<WorkChange>,
    /// [`StoreError::Quota`] when the live bytes would be more and packs are added.
    pub quota_bytes: u64,
    /// Now.
    pub now_ms: u64,
}

/// Staged entries that become part of their log, already judged by the rules.
#[derive(Debug, Clone)]
pub struct MovedEntries {
    /// Where the log ends now; [`StoreError::Conflict`] unless it does.
    pub before: SpaceHead,
    /// Where it ends then: all entries up to this one are staged.
    pub after: SpaceHead,
    /// Packs that these entries add and that are live at the end, with the entry that names each; [`StoreError::Missing`]
    /// unless each is complete, of this size, begun here and not yet named.
    pub added: Vec<(PackSize, u64)>,
    /// Packs that these entries drop, with the entry that named each. They need not be here.
    pub dropped: Vec<(PackId, u64)>,
    /// [`StoreError::Quota`] when the live bytes would be more and packs are added.
    pub quota_bytes: u64,
    /// Now.
    pub now_ms: u64,
}

/// Somebody's standing in a space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// Is in.
    Member(Role),
    /// Was in, until this entry.
    Former(u64),
}

/// An entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its place.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
    /// The signed bytes.
    pub signed: Vec<u8>,
}

/// The name of a pack's files: drawn anew whenever a pack is begun, so it never comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId(pub [u8; 16]);

/// A pack to begin.
#[derive(Debug, Clone, Copy)]
pub struct NewPack {
    /// The pack.
    pub id: PackId,
    /// Its space.
    pub space: SpaceId,
    /// The name of its files.
    pub blob: BlobId,
    /// Who begins it.
    pub by: PrincipalId,
    /// Whole size.
    pub bytes: u64,
    /// [`StoreError::Quota`] when live, pending and these bytes would be more.
    pub quota_bytes: u64,
    /// Now.
    pub now_ms: u64,
}

/// A pack as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPack {
    /// The pack.
    pub id: PackId,
    /// The name of its files.
    pub blob: BlobId,
    /// Who began it.
    pub by: PrincipalId,
    /// Whole size.
    pub bytes: u64,
    /// Parts that are safely stored, in order.
    pub parts: Vec<u32>,
    /// Whether all of it is stored.
    pub complete: bool,
    /// Whether an entry names it.
    pub named: bool,
    /// Whether an entry dropped it.
    pub dropped: bool,
}

/// What a database holds of everybody together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Projects and vaults.
    pub spaces: u64,
    /// Bytes of packs that entries name and none has dropped.
    pub live_bytes: u64,
    /// Nodes that were not ended.
    pub nodes: u64,
    /// Runs that wait for their node.
    pub queued_runs: u64,
    /// Runs that are leased.
    pub running_runs: u64,
}

/// Accounts, logs and everything else that is small.
#[async_trait]
pub trait Database: Nodes + Runs + Send + Sync {
    /// 32 random bytes of this server, drawn when first asked.
    async fn secret(&self) -> Result<[u8; 32]>;

    /// Stores an account with bundle, vault and recovery box. [`StoreError::Exists`] when handle, id, space or locator is taken.
    async fn create_account(&self, account: NewAccount) -> Result<()>;
    /// The account with this handle; one whose handle was freed has none.
    async fn account_by_handle(&self, handle: &str) -> Result<Option<Account>>;
    /// This principal's account, with the handle that its bundles have, freed or not.
    async fn account(&self, principal: PrincipalId) -> Result<Option<Account>>;
    /// All signed bundles, oldest first; empty when unknown.
    async fn chain(&self, principal: PrincipalId) -> Result<Vec<Vec<u8>>>;
    /// At most `limit` leaves of the log of keys, beginning with number `from`. Each bundle that is stored becomes the next
    /// leaf in the same transaction; none ever goes or moves.
    async fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Leaf>>;
    /// All link boxes, oldest first.
    async fn links(&self, principal: PrincipalId) -> Result<Vec<LinkBox>>;
    /// Stores all of a key change.
    async fn change_keys(&self, keys: NewKeys) -> Result<()>;
    /// Sets or removes the recovery box. [`StoreError::Exists`] when somebody else has the locator.
    async fn set_recovery(&self, principal: PrincipalId, recovery: Option<RecoveryBox>) -> Result<()>;
    /// The recovery box that is kept for a principal.
    async fn recovery_of(&self, principal: PrincipalId) -> Result<Option<RecoveryBox>>;
    /// Whether a recovery box is kept.
    async fn has_recovery(&self, principal: PrincipalId) -> Result<bool>;
    /// The box under a locator.
    async fn recovery(&self, locator: Locator) -> Result<Option<Vec<u8>>>;
    /// Frees a person's handle for the next sign-up. The account's devices are signed out, and its recovery box, the invitations
    /// it made and its tokens for nodes are gone; nothing else is: its chain, its leaves (under that handle), its vault and what it
    /// signed stay. From then on it has no devices, keys, recovery box, invitations or tokens any more ([`StoreError::Missing`]),
    /// even if one was asked for before. [`StoreError::Missing`] when no person has the handle.
    async fn release_handle(&self, handle: &str, now_ms: u64) -> Result<Released>;

    /// Signs a device in. [`StoreError::Missing`] for a node that was ended, and for an account whose handle was freed.
    async fn create_device(
        &self,
        principal: PrincipalId,
        device: DeviceId,
        tokens: NewTokens,
        now_ms: u64,
    ) -> Result<()>;
    /// Whose this access token is, unless it has ended.
    async fn session(&self, access: Hash, now_ms: u64) -> Result<Option<Session>>;
    /// Replaces a refresh token; one that was used before ends its device.
    async fn renew(&self, refresh: Hash, tokens: NewTokens, now_ms: u64) -> Result<Renewal>;
    /// All devices, newest first; `current` is left false.
    async fn devices(&self, principal: PrincipalId) -> Result<Vec<DeviceRow>>;
    /// Signs a device out. [`StoreError::Missing`] when it is not this principal's.
    async fn end_device(&self, principal: PrincipalId, device: DeviceId) -> Result<()>;

    /// Stores entry 0 of a space.
    async fn create_space(&self, space: NewSpace) -> Result<()>;
    /// Compare-and-append. Gives the runs that have another state now.
    async fn append(&self, entry: NewEntry) -> Result<Vec<ChangedRun>>;
    /// Puts entries aside that may become part of the log later, in the place of those from `from` on that were put aside
    /// before. [`StoreError::Conflict`] when there would be a gap. Gives the number of the entry that is wanted next; without
    /// entries nothing changes.
    async fn stage(&self, space: SpaceId, from: u64, entries: Vec<StoredEntry>, now_ms: u64) -> Result<u64>;
    /// At most `limit` entries that were put aside, in order, beginning with number `from`.
    async fn staged(&self, space: SpaceId, from: u64, limit: usize) -> Result<Vec<StoredEntry>>;
    /// Makes entries that were put aside part of the log.
    async fn append_staged(&self, moved: MovedEntries) -> Result<()>;
    /// Forgets entries that were put aside before this time.
    async fn sweep_staged(&self, before_ms: u64) -> Result<()>;
    /// Where a space stands.
    async fn head(&self, space: SpaceId) -> Result<Option<SpaceHead>>;
    /// Where all spaces stand that this principal is in.
    async fn heads_of(&self, principal: PrincipalId) -> Result<Vec<SpaceHead>>;
    /// At most `limit` entries in order, beginning with number `from`.
    async fn entries(&self, space: SpaceId, from: u64, limit: usize) -> Result<Vec<StoredEntry>>;
    /// Somebody's standing in a space.
    async fn membership(&self, space: SpaceId, principal: PrincipalId) -> Result<Option<Membership>>;
    /// Live and pending bytes, those of runs among the live ones; `quota_bytes` is left 0.
    async fn usage(&self, space: SpaceId) -> Result<Usage>;
    /// How much there is of everybody together.
    async fn totals(&self) -> Result<Totals>;

    /// Begins a pack, or finds it begun: the same id, space and size give the same row. [`StoreError::Exists`] otherwise.
    async fn begin_pack(&self, pack: NewPack) -> Result<StoredPack>;
    /// Those of these packs that belong to the space, in the order asked.
    async fn packs(&self, space: SpaceId, ids: &[PackId]) -> Result<Vec<StoredPack>>;
    /// Notes that a part is stored, and that the pack is complete once it has `of` parts. [`StoreError::Missing`] when there
    /// is no such row any more.
    async fn part_stored(&self, id: PackId, blob: BlobId, part: u32, of: u32, now_ms: u64) -> Result<()>;
    /// Forgets a pack. [`StoreError::Conflict`] when an entry names it.
    async fn abort_pack(&self, space: SpaceId, id: PackId) -> Result<BlobId>;
    /// Forgets packs that no entry names and nobody touched since `unnamed_before_ms`, and packs dropped before
    /// `dropped_before_ms`. What a node began stays while it has a lease there, and what a result may name until it is no
    /// longer held.
    async fn sweep_packs(&self, unnamed_before_ms: u64, dropped_before_ms: u64, now_ms: u64) -> Result<Vec<BlobId>>;
    /// Whether a pack has its bytes under this name.
    async fn has_blob(&self, blob: BlobId) -> Result<bool>;

    /// Stores an invitation. [`StoreError::Exists`] when the id is taken, [`StoreError::Quota`] when the inviter has `at_most` open ones.
    async fn create_invitation(
        &self,
        inviter: PrincipalId,
        id: InvitationId,
        expires_ms: u64,
        at_most: u32,
        now_ms: u64,
    ) -> Result<()>;
    /// An inviter's invitations that have not ended.
    async fn invitations(&self, inviter: PrincipalId, now_ms: u64) -> Result<Vec<InvitationRow>>;
    /// Forgets an invitation. [`StoreError::Missing`] when it is not this inviter's.
    async fn delete_invitation(&self, inviter: PrincipalId, id: InvitationId) -> Result<()>;
    /// Stores a newcomer's proof once. [`StoreError::Missing`] when unknown or ended, [`StoreError::Conflict`] when claimed otherwise.
    async fn claim_invitation(&self, id: InvitationId, by: PrincipalId, proof: &[u8], now_ms: u64) -> Result<()>;

    /// Forgets tokens, devices and invitations that have ended.
    async fn sweep_ended(&self, now_ms: u64) -> Result<()>;
    /// Waits for what is under way and closes.
    async fn close(&self);
}

/// The bytes of packs.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores a part durably; a part that is there is replaced whole.
    async fn write_part(&self, blob: BlobId, part: u32, bytes: Bytes) -> Result<()>;
    /// Exactly `length` bytes of a part. [`StoreError::Missing`] when the part is not there or shorter.
    async fn read(&self, blob: BlobId, part: u32, offset: u64, length: usize) -> Result<Bytes>;
    /// Deletes everything under a name; nothing there is no error.
    async fn delete(&self, blob: BlobId) -> Result<()>;
    /// Every name that has anything.
    async fn list(&self) -> Result<Vec<BlobId>>;
    /// Removes what writes that never ended left behind more than `older_than` ago.
    async fn tidy(&self, older_than: std::time::Duration) -> Result<()>;
}

/// What time it is.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> u64;
}

/// The computer's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
