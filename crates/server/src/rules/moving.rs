//! Coming from another server: an account with all of its keys, and logs of one person.
//!
//! Nothing is taken on trust. A chain is verified bundle by bundle and proven by its newest key; a log is folded from its
//! first entry with the same rules as one that is appended entry by entry, and counts when all of it is here. The one
//! difference: a pack that the log dropped later need not be here any more.

use std::sync::Arc;

use holdfast_protocol::Refusal;
use holdfast_protocol::bundle::{PrincipalKind, verify_chain};
use holdfast_protocol::entry::{Op, PackSize, Role, SignedEntry};
use holdfast_protocol::id::SpaceId;
use holdfast_protocol::limits;
use holdfast_protocol::replay::Authority;
use holdfast_protocol::wire::{MoveAccount, MoveEntries, Moving, SpaceEvent, SpaceHead, Tokens};

use super::accounts::{check_link, check_recovery, new_bundle, vault_of};
use super::authority::blocking;
use super::buckets::Limit;
use super::spaces::{log, parse};
use super::{Appended, Failure, Peer, Rules, standard};
use crate::limits::MOVE_PAGE;
use crate::ports::{MovedEntries, NewAccount, Session, StoreError, StoredEntry};

impl Rules {
    /// Makes an account that another server has, and signs it in. The very account being here is no error.
    ///
    /// Says whether the account is new.
    ///
    /// # Errors
    /// [`Failure::SignInRefused`] when the newest keys did not sign for this server, now; [`Failure::AlreadyExists`] for a
    /// handle, id or locator that is taken; [`Failure::Refused`] or [`Failure::Log`] for bytes that don't verify;
    /// [`Failure::NotAllowed`] when sign-up is closed.
    pub async fn move_account(&self, request: MoveAccount, peer: Peer) -> Result<(bool, Tokens), Failure> {
        let now_ms = self.now_ms();
        self.limiter.take_address(Limit::SignUp, peer.remote, now_ms)?;
        if !self.policy.open_signup {
            return Err(Failure::NotAllowed("this server takes no new accounts"));
        }
        let MoveAccount {
            chain,
            links,
            vault: genesis,
            recovery,
            proof,
        } = request;
        let (chain, verified) = blocking(move || verify_chain(&chain).map(|verified| (chain, verified)))
            .await?
            .map_err(|_| Failure::Refused("the bundles do not verify as a chain"))?;
        let [first, later @ ..] = verified.as_slice() else {
            return Err(Failure::Refused("the bundles do not verify as a chain"));
        };
        let newest = later.last().unwrap_or(first);
        if first.bundle.kind != PrincipalKind::User {
            return Err(Failure::Refused("the bundle is not a person's"));
        }
        if proof.handle != first.bundle.handle || !self.proves(proof, &newest.verify, peer, now_ms) {
            return Err(Failure::SignInRefused);
        }
        if links.len() != later.len() {
            return Err(Failure::Refused("there is not one link box for each key change"));
        }
        for (pair, link) in verified.windows(2).zip(&links) {
            check_link(link, pair[0].hash, pair[1].hash)?;
        }
        check_recovery(recovery.as_ref())?;
        let vault = vault_of(&genesis.0, &verified)?;
        let principal = first.bundle.principal;
        let keys = later.iter().zip(&chain[1..]);
        let account = NewAccount {
            principal,
            handle: first.bundle.handle.clone(),
            bundle: new_bundle(first, &chain[0].0),
            later: keys
                .map(|(bundle, signed)| new_bundle(bundle, &signed.0))
                .zip(links)
                .collect(),
            vault,
            recovery,
            now_ms,
        };
        let fresh = self.create(account, &chain, &genesis.0).await?;
        // An account that went on with newer keys is opened by those, not by the ones it came with.
        if self.chain_now(principal).await?.len() != chain.len() {
            return Err(Failure::SignInRefused);
        }
        let tokens = self.begin_session(principal).await.map_err(|failure| match failure {
            // Its handle was freed: this very account is here, and is nobody's to open any more.
            Failure::NotFound => Failure::SignInRefused,
            other => other,
        })?;
        Ok((fresh, tokens))
    }

    /// Puts entries aside for a log that nobody but the caller was ever in.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`] for a log that is not the caller's alone, [`Failure::Conflict`] for a gap,
    /// [`Failure::Log`] or [`Failure::Refused`] for what can't be part of it.
    pub async fn move_entries(&self, caller: Session, space: SpaceId, request: MoveEntries) -> Result<Moving, Failure> {
        self.alone(caller, space).await?;
        if request.entries.len() > limits::ENTRIES_PER_PAGE {
            return Err(Failure::Refused("too many entries at once"));
        }
        let mut entries = Vec::with_capacity(request.entries.len());
        let mut bytes = 0;
        for (signed, seq) in request.entries.into_iter().zip(request.from..) {
            if bytes > MOVE_PAGE {
                return Err(Failure::Refused("too many entries at once"));
            }
            bytes += signed.0.len();
            let entry = parse(&signed.0)?;
            self.may_move(caller, space, &entry)?;
            if entry.entry.seq != seq {
                return Err(Failure::Log(Refusal::Sequence));
            }
            entries.push(StoredEntry {
                seq,
                hash: entry.hash,
                signed: signed.0,
            });
        }
        let staged = self.database.stage(space, request.from, entries, self.now_ms()).await;
        let next = staged.map_err(|error| match error {
            StoreError::Conflict => Failure::Conflict("entries before these are missing"),
            other => other.into(),
        })?;
        Ok(Moving { next })
    }

    /// Makes what was put aside part of the log, up to `end`: all of it, or nothing.
    ///
    /// # Errors
    /// [`Failure::Conflict`] when not all of it is here, [`Failure::Log`] for every rule of the log,
    /// [`Failure::PackMissing`] when a pack that is live at the end is not, [`Failure::Quota`].
    pub async fn finish_move(&self, caller: Session, space: SpaceId, end: SpaceHead) -> Result<Appended, Failure> {
        if end.space != space {
            return Err(Failure::Log(Refusal::WrongSpace));
        }
        let before = self.alone(caller, space).await?;
        if end.seq <= before.seq() {
            let there = self.database.entries(space, end.seq, 1).await?;
            return match there.first().is_some_and(|entry| entry.hash == end.hash) {
                true => Ok(Appended {
                    head: end,
                    fresh: false,
                }),
                false => Err(Failure::Conflict("the log here is another one")),
            };
        }
        let mut state = (*before).clone();
        while state.seq() < end.seq {
            let page = self
                .database
                .staged(space, state.seq() + 1, limits::ENTRIES_PER_PAGE)
                .await?;
            let page: Vec<SignedEntry> = page
                .iter()
                .map(|entry| parse(&entry.signed))
                .collect::<Result<_, _>>()?;
            let page: Vec<SignedEntry> = page
                .into_iter()
                .take_while(|entry| entry.entry.seq <= end.seq)
                .collect();
            if page.is_empty() {
                return Err(Failure::Conflict("not all of the log is here"));
            }
            for entry in &page {
                self.may_move(caller, space, entry)?;
                standard::check(state.core(), entry)?;
            }
            let known = self.bundles_for(&page).await?;
            let folded = blocking(move || {
                page.iter()
                    .try_for_each(|entry| state.advance(entry, &known))
                    .map(|()| state)
            });
            state = folded.await?.map_err(log)?;
        }
        if state.head() != end.hash {
            return Err(Failure::Conflict("the log here is another one"));
        }
        let moved = self.moved(&before, &state);
        self.database.append_staged(moved).await.map_err(|error| match error {
            StoreError::Missing => Failure::PackMissing,
            StoreError::Conflict | StoreError::Exists => Failure::Conflict("the log moved on"),
            other => other.into(),
        })?;
        self.states.put(state);
        self.events
            .space(SpaceEvent { space, seq: end.seq }, [caller.principal]);
        Ok(Appended { head: end, fresh: true })
    }

    fn moved(&self, before: &Authority, after: &Authority) -> MovedEntries {
        let head = |state: &Authority| SpaceHead {
            space: state.space(),
            seq: state.seq(),
            hash: state.head(),
        };
        let (mut added, mut dropped) = (Vec::new(), Vec::new());
        for (id, pack) in after.packs() {
            match pack.dropped_seq {
                None if pack.added_seq > before.seq() => {
                    added.push((
                        PackSize {
                            id: *id,
                            bytes: pack.bytes,
                        },
                        pack.added_seq,
                    ));
                }
                Some(seq) if seq > before.seq() => dropped.push((*id, pack.added_seq)),
                _ => {}
            }
        }
        MovedEntries {
            before: head(before),
            after: head(after),
            added,
            dropped,
            quota_bytes: self.policy.quota_bytes,
            now_ms: self.now_ms(),
        }
    }

    /// The state of a space that the caller owns and nobody else was ever in.
    async fn alone(&self, caller: Session, space: SpaceId) -> Result<Arc<Authority>, Failure> {
        let role = self.role(caller, space).await?;
        let state = self.state(space).await?;
        if role != Role::Owner || state.members().len() != 1 || !state.former_members().is_empty() {
            return Err(Failure::NotAllowed(
                "only a log that nobody else was ever in can be moved",
            ));
        }
        Ok(state)
    }

    /// Whether an entry is the caller's own and lets nobody in or out.
    fn may_move(&self, caller: Session, space: SpaceId, entry: &SignedEntry) -> Result<(), Failure> {
        if entry.entry.space != space {
            return Err(Failure::Log(Refusal::WrongSpace));
        }
        if entry.entry.author != caller.principal {
            return Err(Failure::NotAllowed("the entry is somebody else's"));
        }
        match entry.entry.op {
            Op::Commit { .. } | Op::Rotate { .. } | Op::Rewrap { .. } | Op::SetRole { .. } => Ok(()),
            // Nodes and their runs stay where their keys and queues are.
            _ => Err(Failure::NotAllowed(
                "only a log that nobody else was ever in can be moved",
            )),
        }
    }
}
