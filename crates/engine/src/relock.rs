//! Locking old content again: what was sealed under keys that somebody had who is out now is sealed under new ones.
//!
//! A new epoch closes what is written from then on. Versions from before lie at the server under keys that stand in bodies of
//! earlier epochs: with the server's help, or a copy of its disk, whoever had those epochs opens them still. This job opens each
//! such version and seals it anew, item by item: new packs first, then one entry that puts the new versions in the place of
//! the old ones and drops the old packs. The log is where it stands: an item is done when none of its packs is from before the
//! current epoch. What it does not do, and why versions change their author: ADR 16.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use holdfast_protocol::cbor;
use holdfast_protocol::entry::{Body, Role};
use holdfast_protocol::id::{ItemId, PackId, PrincipalId, RunId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, Item, Version};
use holdfast_protocol::replay::{Authority, Outcome, Space};
use tokio_util::sync::CancellationToken;

use crate::browse::stored;
use crate::error::{Error, Result};
use crate::files::was_committed;
use crate::ports::{Progress, Stage};
use crate::session::Session;
use crate::spaces::Draft;
use crate::transfer::{self, Meter, Options, Target};
use crate::trash::{freed, packs_of};

/// The table of the trails; those of uploads are another one.
const TRAILS: &str = "relock";
/// Sealed packs on their way lie beside those of uploads, in a folder of their own.
const SPOOL: &str = "relock";
/// Times that an item is begun again because somebody added to it meanwhile.
const TRIES: usize = 8;

/// What there is to lock again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RelockPlan {
    /// Items.
    pub items: u64,
    /// Their versions.
    pub versions: u64,
    /// Bytes of files in these. What several versions share counts for each of them.
    pub bytes: u64,
}

/// What was locked again.
#[derive(Debug, Clone, Default)]
pub struct Relocked {
    /// What was done.
    pub done: RelockPlan,
    /// Bytes of packs that were dropped. A server keeps those for thirty days.
    pub dropped_bytes: u64,
    /// Items that were left as they are, by name, and why.
    pub left: Vec<(String, Error)>,
}

impl Session {
    /// What of a project is sealed under keys from before the current one.
    ///
    /// # Errors
    /// See [`Session::view`]; [`Error::NotAllowed`] in a project that is not encrypted.
    pub async fn relock_plan(&self, space: SpaceId) -> Result<RelockPlan> {
        let state = self.view(space).await?.space;
        encrypted(&state)?;
        Ok(due(&state).map(size_of).fold(RelockPlan::default(), add))
    }

    /// Seals anew what is sealed under keys from before the current one, an item at a time. Stopped at any moment, everything is
    /// as readable as before, and the next call goes on; on this device even in the middle of an item.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for anybody but an owner and in a project that is not encrypted; [`Error::Cancelled`]; what concerns
    /// all items. What concerns one of them is in [`Relocked::left`].
    pub async fn relock(
        &self,
        space: SpaceId,
        spool: &Path,
        progress: &Arc<dyn Progress>,
        cancel: &CancellationToken,
    ) -> Result<Relocked> {
        let state = self.sync(space).await?;
        encrypted(&state)?;
        if state.authority().role(self.principal()) != Some(Role::Owner) {
            return Err(Error::NotAllowed(
                "only an owner of the project locks what others wrote again".into(),
            ));
        }
        // Where somebody left, the key is renewed first: else he could open what is sealed now.
        self.upkeep(space).await?;
        let state = self.sync(space).await?;
        let spool = spool.join(SPOOL);
        self.forget_done(&state, &spool).await?;
        let plan = due(&state).map(size_of).fold(RelockPlan::default(), add);
        let meter = Arc::new(Meter::new(progress, Stage::Resealing, plan.bytes, plan.items));
        let items: Vec<ItemId> = due(&state).map(|item| item.id).collect();
        let mut all = Relocked::default();
        for id in items {
            match self.relock_item(space, id, &spool, &meter, cancel).await {
                Ok(Some((done, dropped))) => {
                    all.done = add(all.done, done);
                    all.dropped_bytes += dropped;
                }
                // Gone, or done by somebody else.
                Ok(None) => {}
                Err(error) if concerns_item(&error) => {
                    let item = state.contents().items().get(&id);
                    all.left
                        .push((item.map_or_else(String::new, |item| item.name.clone()), error));
                }
                Err(other) => return Err(other),
            }
            meter.file();
        }
        Ok(all)
    }

    async fn relock_item(
        &self,
        space: SpaceId,
        id: ItemId,
        spool: &Path,
        meter: &Arc<Meter>,
        cancel: &CancellationToken,
    ) -> Result<Option<(RelockPlan, u64)>> {
        for _ in 0..TRIES {
            if cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let state = self.sync(space).await?;
            let Some(item) = due(&state).find(|item| item.id == id) else {
                return Ok(None);
            };
            if read_by_runs(&state, self.now_ms()).contains(&id) {
                return Err(Error::Conflict(format!(
                    "\"{}\" is read by a run that has not ended.",
                    item.name
                )));
            }
            let versions = item
                .versions
                .iter()
                .map(|version| stored(space, item, version))
                .collect::<Result<Vec<_>>>()?;
            let target = self.relock_target(space, item)?;
            let resealed = transfer::reseal(
                &self.pack_server(),
                &self.trails(TRAILS),
                &target,
                &versions,
                &Options::new(spool.to_owned()),
                meter,
                cancel,
            )
            .await?;
            let origins = self.origins(item).await?;
            let (mut moved_on, mut dropped_bytes) = (false, 0);
            let done = size_of(item);
            let appended = self
                .append(space, |state| {
                    let now = state.contents().items().get(&id);
                    let same = now.is_some_and(|now| now.versions == item.versions);
                    moved_on = !same;
                    let now = now
                        .filter(|_| same)
                        .ok_or_else(|| Error::Conflict("Somebody changed this item at the same time.".into()))?;
                    let mut new = now.clone();
                    new.versions = self.in_their_place(now, &resealed.versions, &origins)?;
                    let (gone, kept) = (packs_of(now).collect(), packs_of(&new).collect());
                    let (dropped, bytes) = freed(state.authority(), &gone, &kept);
                    dropped_bytes = bytes;
                    let body = Body {
                        put: vec![new],
                        ..Body::default()
                    };
                    Ok(Draft::commit(body, resealed.added.clone(), dropped))
                })
                .await;
            match appended {
                Ok(_) => {
                    resealed.finished().await?;
                    return Ok(Some((done, dropped_bytes)));
                }
                // What is sealed already is known the next time.
                Err(Error::Conflict(_)) if moved_on => {}
                Err(other) => return Err(other),
            }
        }
        Err(Error::Conflict(
            "Others change this item so often that it found no moment.".into(),
        ))
    }

    fn relock_target(&self, space: SpaceId, item: &Item) -> Result<Target> {
        Ok(Target {
            space,
            item: item.id,
            // There is one such work for each item, so its own id names it.
            version: VersionId(item.id.0),
            chunk_id_key: item.chunk_id_key.clone().ok_or_else(|| Error::damaged("an item"))?,
            previous: None,
            room: holdfast_protocol::limits::PACKS_PER_COMMIT,
            manifest_key: None,
            memo: cbor::encode(&space),
        })
    }

    /// The versions, each with its new content. Whoever seals it is its author: nobody signs in another's name.
    fn in_their_place(
        &self,
        now: &Item,
        resealed: &[(VersionId, VersionId, Content)],
        origins: &BTreeMap<PrincipalId, String>,
    ) -> Result<Vec<Version>> {
        let contents: BTreeMap<_, _> = resealed
            .iter()
            .map(|(old, new, content)| (*old, (*new, content)))
            .collect();
        let version = |old: &Version| {
            let (id, content) = contents.get(&old.id).ok_or_else(|| Error::damaged("an item"))?;
            let note = match origins.get(&old.author) {
                Some(handle) if old.note.is_empty() => format!("by {handle}"),
                Some(handle) => format!("{} (by {handle})", old.note),
                None => old.note.clone(),
            };
            Ok(Version {
                id: *id,
                author: self.principal(),
                created_ms: old.created_ms,
                note,
                content: (*content).clone(),
            })
        };
        now.versions.iter().map(version).collect()
    }

    /// The handles of those who wrote versions of an item, but for this user.
    async fn origins(&self, item: &Item) -> Result<BTreeMap<PrincipalId, String>> {
        let mut handles = BTreeMap::new();
        for author in item.versions.iter().map(|version| version.author) {
            if author != self.principal()
                && !handles.contains_key(&author)
                && let Some(person) = self.known_person(author).await?
            {
                handles.insert(author, person.bundle.bundle.handle.clone());
            }
        }
        Ok(handles)
    }

    /// Trails of items that are done or gone: the device was stopped between the entry and this. Such an item may be due once
    /// more by now, and has to be sealed once more.
    async fn forget_done(&self, state: &Space, spool: &Path) -> Result<()> {
        let trails = self.trails(TRAILS);
        let due: BTreeSet<ItemId> = due(state).map(|item| item.id).collect();
        for trail in transfer::pending(&trails).await? {
            if trail.space == state.authority().space()
                && (!due.contains(&trail.item) || was_committed(state, &trails, trail.version).await?)
            {
                transfer::abandon(&self.pack_server(), &trails, trail.version, spool).await?;
            }
        }
        Ok(())
    }
}

fn encrypted(state: &Space) -> Result<()> {
    match state.authority().core().encrypted {
        true => Ok(()),
        false => Err(Error::NotAllowed(
            "a project that is not encrypted has no key that somebody could be without".into(),
        )),
    }
}

/// Items of which something lies in packs from before the current epoch, in the trash or not. All versions of such an item are
/// done together: kept ones must stand in front of new ones, and their order is their number.
fn due(state: &Space) -> impl Iterator<Item = &Item> {
    let authority = state.authority();
    state
        .contents()
        .items()
        .values()
        .filter(move |item| packs_of(item).any(|pack| is_old(authority, &pack)) || made_by_old_run(state, item))
}

/// Whether a run made a version that was ordered before the current epoch: its keys follow from the run's, which stands in its order.
fn made_by_old_run(state: &Space, item: &Item) -> bool {
    let ordered = |version: &Version| {
        let (run, _) = state.contents().maker(&item.id, &version.id)?;
        state.authority().runs().get(&run)
    };
    let mut makers = item.versions.iter().filter_map(ordered);
    makers.any(|run| run.seq < state.authority().epoch_seq())
}

fn is_old(authority: &Authority, pack: &PackId) -> bool {
    authority
        .packs()
        .get(pack)
        .is_some_and(|pack| pack.added_seq < authority.epoch_seq() && pack.dropped_seq.is_none())
}

fn size_of(item: &Item) -> RelockPlan {
    let bytes = |version: &Version| match version.content {
        Content::Files { bytes, .. } => bytes,
        _ => 0,
    };
    RelockPlan {
        items: 1,
        versions: item.versions.len() as u64,
        bytes: item.versions.iter().map(bytes).sum(),
    }
}

fn add(one: RelockPlan, other: RelockPlan) -> RelockPlan {
    RelockPlan {
        items: one.items + other.items,
        versions: one.versions + other.versions,
        bytes: one.bytes.saturating_add(other.bytes),
    }
}

/// Items that runs read which are not over: their nodes were given versions by name.
fn read_by_runs(state: &Space, now_ms: u64) -> BTreeSet<ItemId> {
    let open = |run: &RunId| {
        let ordered = state.authority().runs().get(run);
        ordered.is_some_and(|ordered| ordered.outcome == Outcome::Open && ordered.until_ms > now_ms)
    };
    let runs = state.contents().runs().iter().filter(|(id, _)| open(id));
    runs.flat_map(|(_, run)| {
        let inputs = run.spec.inputs.iter().map(|input| input.granted.item);
        std::iter::once(run.spec.task.item).chain(inputs)
    })
    .collect()
}

/// Whether an error says nothing about the other items.
fn concerns_item(error: &Error) -> bool {
    matches!(
        error,
        Error::Damaged { .. } | Error::Conflict(_) | Error::Invalid(_) | Error::NotFound { .. }
    )
}
