//! Spaces: who reads a log, and what may be appended to it.

use holdfast_protocol::Refusal;
use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::entry::{Op, SignedEntry, SpaceKind};
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::limits;
use holdfast_protocol::replay::Authority;
use holdfast_protocol::wire::{B64, Entries, SpaceEvent, SpaceHead, Usage};

use super::authority::blocking;
use super::nodes::{Standing, work_change};
use super::{Failure, Rules, standard};
use crate::ports::{MemberChange, NewEntry, NewSpace, Session, StoreError};

/// Bytes of entries in one answer, so that large ones don't make it huge.
const PAGE_BYTES: usize = 8 << 20;

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The place of the entry.
    pub head: SpaceHead,
    /// Whether this request stored it; false when an earlier one did whose answer was lost.
    pub fresh: bool,
}

impl Rules {
    /// Where all spaces stand that the caller is in, or does work for.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn spaces(&self, caller: Session) -> Result<Vec<SpaceHead>, Failure> {
        Ok(match caller.kind {
            PrincipalKind::User => self.database.heads_of(caller.principal).await?,
            PrincipalKind::Node => self.database.node_heads(caller.principal, self.now_ms()).await?,
        })
    }

    /// Stores the first entry of a project.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`] when it is somebody else's, [`Failure::Log`] when it breaks a rule of the log.
    pub async fn create_space(&self, caller: Session, bytes: &[u8]) -> Result<Appended, Failure> {
        let signed = parse(bytes)?;
        if signed.entry.author != caller.principal {
            return Err(Failure::NotAllowed("the entry is somebody else's"));
        }
        let space = signed.entry.space;
        let known = self.bundles_for(std::slice::from_ref(&signed)).await?;
        let state = Authority::genesis(space, &signed, &known).map_err(log)?;
        if state.core().kind != SpaceKind::Project {
            return Err(Failure::Log(Refusal::VaultAlone));
        }
        standard::check(state.core(), &signed)?;
        let head = SpaceHead {
            space,
            seq: 0,
            hash: signed.hash,
        };
        let new = NewSpace {
            space,
            hash: signed.hash,
            signed: bytes.to_vec(),
            owner: caller.principal,
        };
        match self.database.create_space(new).await {
            Ok(()) => {}
            // The space's id is the hash of its core: only the entry's other parts can differ.
            Err(StoreError::Exists) if self.is_stored(&signed).await? => return Ok(Appended { head, fresh: false }),
            Err(StoreError::Exists) => return Err(Failure::AlreadyExists("the space exists")),
            Err(error) => return Err(error.into()),
        }
        self.states.put(state);
        self.events.space(SpaceEvent { space, seq: 0 }, [caller.principal]);
        Ok(Appended { head, fresh: true })
    }

    /// Entries from number `from` on, as far as the caller may read.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for whoever never was a member.
    pub async fn entries(&self, caller: Session, space: SpaceId, from: u64) -> Result<Entries, Failure> {
        let standing = self.standing(caller, space).await?;
        let mut head = self.database.head(space).await?.ok_or(Failure::NotFound)?;
        let mut page = self.database.entries(space, from, limits::ENTRIES_PER_PAGE).await?;
        if let Standing::Former(last) = standing {
            page.retain(|entry| entry.seq <= last);
            let ended = self
                .database
                .entries(space, last, 1)
                .await?
                .into_iter()
                .next()
                .ok_or(Failure::NotFound)?;
            head = SpaceHead {
                space,
                seq: ended.seq,
                hash: ended.hash,
            };
        }
        // Entries that came in after the head was read belong to the next answer.
        page.retain(|entry| entry.seq <= head.seq);
        let mut bytes = 0;
        let fits = page.iter().take_while(|entry| {
            let first = bytes == 0;
            bytes += entry.signed.len();
            first || bytes <= PAGE_BYTES
        });
        let count = fits.count();
        page.truncate(count);
        Ok(Entries {
            entries: page.into_iter().map(|entry| B64(entry.signed)).collect(),
            head,
        })
    }

    /// Appends an entry of the caller's.
    ///
    /// # Errors
    /// [`Failure::Conflict`] when it does not meet the head, [`Failure::NotAllowed`] when the author's role does not allow it,
    /// [`Failure::Log`] for every other rule of the log, [`Failure::PackMissing`],
    /// [`Failure::CapsuleMissing`], [`Failure::Quota`].
    pub async fn append(&self, caller: Session, space: SpaceId, bytes: &[u8]) -> Result<Appended, Failure> {
        let signed = parse(bytes)?;
        self.standing(caller, space).await?;
        if signed.entry.space != space {
            return Err(Failure::Log(Refusal::WrongSpace));
        }
        if signed.entry.author != caller.principal {
            return Err(Failure::NotAllowed("the entry is somebody else's"));
        }
        let head = SpaceHead {
            space,
            seq: signed.entry.seq,
            hash: signed.hash,
        };
        let state = self.state(space).await?;
        if signed.entry.seq <= state.seq() && self.is_stored(&signed).await? {
            return Ok(Appended { head, fresh: false });
        }
        let known = self.bundles_for(std::slice::from_ref(&signed)).await?;
        let mut next = (*state).clone();
        let (signed, next) = blocking(move || next.apply(&signed, &known).map(|()| (signed, next)))
            .await?
            .map_err(log)?;
        standard::check(next.core(), &signed)?;
        let members = member_changes(&signed);
        let added = signed.entry.op.added_packs().to_vec();
        let dropped = match &signed.entry.op {
            Op::Commit { dropped, .. } => dropped.clone(),
            _ => Vec::new(),
        };
        let entry = NewEntry {
            space,
            seq: signed.entry.seq,
            prev: signed.entry.prev,
            hash: signed.hash,
            signed: bytes.to_vec(),
            members,
            added,
            dropped,
            work: work_change(&signed),
            quota_bytes: self.policy.quota_bytes,
            now_ms: self.now_ms(),
        };
        let runs = self.database.append(entry).await.map_err(|error| match error {
            StoreError::Missing if matches!(signed.entry.op, Op::Run { .. }) => Failure::CapsuleMissing,
            StoreError::Missing => Failure::PackMissing,
            StoreError::Conflict | StoreError::Exists => Failure::Conflict("the log moved on"),
            other => other.into(),
        })?;
        // Whoever was in before or is in now hears of it, so that somebody who was put out learns that too.
        let people = state.members().keys().chain(next.members().keys());
        let nodes = state.nodes().keys().chain(next.nodes().keys());
        self.events
            .space(SpaceEvent { space, seq: head.seq }, people.chain(nodes).copied());
        self.states.put(next);
        self.tell(&runs).await;
        Ok(Appended { head, fresh: true })
    }

    /// Bytes that a space holds.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for whoever is not a member.
    pub async fn usage(&self, caller: Session, space: SpaceId) -> Result<Usage, Failure> {
        self.role(caller, space).await?;
        let usage = self.database.usage(space).await?;
        Ok(Usage {
            quota_bytes: self.policy.quota_bytes,
            ..usage
        })
    }

    pub(super) async fn is_stored(&self, signed: &SignedEntry) -> Result<bool, Failure> {
        let stored = self.database.entries(signed.entry.space, signed.entry.seq, 1).await?;
        Ok(stored
            .first()
            .is_some_and(|entry| entry.seq == signed.entry.seq && entry.hash == signed.hash))
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<SignedEntry, Failure> {
    SignedEntry::from_bytes(bytes).map_err(|_| Failure::Refused("the entry is malformed"))
}

pub(super) fn log(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Sequence | Refusal::Previous | Refusal::AuthorityChain => Failure::Conflict("the log moved on"),
        Refusal::RoleDenied => Failure::NotAllowed("your role does not allow this"),
        Refusal::AuthorUnknown => Failure::NotAllowed("you are not a member"),
        other => Failure::Log(other),
    }
}

fn member_changes(signed: &SignedEntry) -> Vec<MemberChange> {
    match &signed.entry.op {
        Op::Add { principal, role, .. } | Op::SetRole { principal, role } => vec![MemberChange::In(*principal, *role)],
        Op::Remove { principal, .. } => vec![MemberChange::Out(*principal)],
        Op::Leave {} => vec![MemberChange::Out(signed.entry.author)],
        _ => Vec::new(),
    }
}
