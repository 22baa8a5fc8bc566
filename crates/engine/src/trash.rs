//! What goes for good: by an owner's wish, or when it has lain in the trash for thirty days.
//!
//! When something went into the trash is said by whoever put it there, who may say anything. So this device counts as well:
//! nothing goes by itself that it has not seen lying there for thirty days. Whole projects never go by themselves.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_protocol::entry::{Body, Role};
use holdfast_protocol::id::{ItemId, PackId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, Item, Version};
use holdfast_protocol::replay::{Authority, Space};

use crate::error::{Error, Result};
use crate::ports::Change;
use crate::session::Session;
use crate::spaces::Draft;

/// How long things lie in the trash.
const KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Rows: space and item -> when this device first saw it in the trash, milliseconds since 1970-01-01 UTC, big-endian.
const SEEN: &str = "trash";

/// What was removed for good.
#[derive(Debug, Clone, Default)]
pub struct Purged {
    /// Names of the items.
    pub items: Vec<String>,
    /// Bytes of packs that are no longer needed.
    pub bytes: u64,
    /// Whether the project itself is gone.
    pub project: bool,
}

impl Session {
    /// Removes for good what is in the trash of a project, or all of a project that is itself in the trash (it is listed no
    /// more then), and drops the packs that nothing kept points into.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for anybody but an owner.
    pub async fn purge(&self, space: SpaceId) -> Result<Purged> {
        let view = self.view(space).await?;
        let contents = view.space.contents();
        if contents.trashed_ms().is_none() && contents.items().values().all(|item| item.trashed_ms.is_none()) {
            return Ok(Purged::default());
        }
        self.purge_which(space, |_| true, true).await
    }

    /// Removes these items for good, as far as they are in the trash.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for anybody but an owner, [`Error::NotFound`] when none of them is in the trash.
    pub async fn purge_items(&self, space: SpaceId, items: &BTreeSet<ItemId>) -> Result<Purged> {
        self.purge_which(space, |id| items.contains(&id), false).await
    }

    async fn purge_which(
        &self,
        space: SpaceId,
        chosen: impl Fn(ItemId) -> bool + Send + Sync,
        with_project: bool,
    ) -> Result<Purged> {
        let mut purged = Purged::default();
        let now = self.now_ms();
        self.append(space, |state| {
            let all = with_project && state.contents().trashed_ms().is_some();
            let (gone, kept): (Vec<&Item>, Vec<&Item>) = state
                .contents()
                .items()
                .values()
                .partition(|item| all || (item.trashed_ms.is_some() && chosen(item.id)));
            if gone.is_empty() && !all {
                return Err(Error::NotFound {
                    what: "item in the trash",
                    name: "any".into(),
                });
            }
            purged.project = all;
            purged.items = gone.iter().map(|item| item.name.clone()).collect();
            let versions = |items: &[&Item]| items.iter().flat_map(|item| packs_of(item)).collect();
            let (dropped, bytes) = freed(state.authority(), &versions(&gone), &versions(&kept));
            purged.bytes = bytes;
            let body = Body {
                purged: gone.iter().map(|item| item.id).collect(),
                trashed_ms: all.then_some(now),
                ..Body::default()
            };
            Ok(Draft::commit(body, Vec::new(), dropped))
        })
        .await?;
        Ok(purged)
    }

    /// Forgets a version of an item that holds files, for good, and drops the packs that no other version points into.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for anybody but an owner, and for the only version there is: that is what deleting is for.
    pub async fn forget_version(&self, space: SpaceId, item: ItemId, version: VersionId) -> Result<Purged> {
        let mut purged = Purged::default();
        self.append(space, |state| {
            if state.authority().role(self.principal()) != Some(Role::Owner) {
                return Err(Error::NotAllowed(
                    "only an owner of the project forgets versions".into(),
                ));
            }
            let gone = |what| Error::NotFound {
                what,
                name: version.to_string(),
            };
            let mut kept = state.contents().items().get(&item).ok_or_else(|| gone("item"))?.clone();
            let at = kept.versions.iter().position(|known| known.id == version);
            let old = kept.versions.remove(at.ok_or_else(|| gone("version"))?);
            if kept.versions.is_empty() {
                return Err(Error::NotAllowed(
                    "it is the only version: delete the item instead".into(),
                ));
            }
            let (before, after) = (packs_in(&old).into_iter().collect(), packs_of(&kept).collect());
            let (dropped, bytes) = freed(state.authority(), &before, &after);
            purged.items = vec![kept.name.clone()];
            purged.bytes = bytes;
            let body = Body {
                put: vec![kept],
                ..Body::default()
            };
            Ok(Draft::commit(body, Vec::new(), dropped))
        })
        .await?;
        Ok(purged)
    }

    /// Removes for good what has lain in the trash of a space of one's own for thirty days.
    /// `state` is what the server shows now.
    pub(crate) async fn expire_trash(&self, state: &Space) -> Result<()> {
        let space = state.authority().space();
        if state.authority().role(self.principal()) != Some(Role::Owner) {
            return Ok(());
        }
        let now = self.now_ms();
        let known = self.rows.list(SEEN, space.as_bytes()).await?;
        let trashed: BTreeMap<Vec<u8>, (ItemId, u64)> = state
            .contents()
            .items()
            .values()
            .filter_map(|item| Some((row_key(space, item.id), (item.id, item.trashed_ms?))))
            .collect();
        let mut changes: Vec<Change> = known
            .keys()
            .filter(|key| !trashed.contains_key(*key))
            .map(|key| Change::Delete(SEEN, key.clone()))
            .collect();
        let mut due = BTreeSet::new();
        for (key, (item, since)) in trashed {
            let seen = known.get(&key).and_then(|row| row.as_slice().try_into().ok());
            match seen.map(u64::from_be_bytes) {
                None => changes.push(self.rows.put(SEEN, &key, &now.to_be_bytes())),
                Some(seen) if seen.max(since).saturating_add(KEPT_MS) < now => {
                    due.insert(item);
                }
                Some(_) => {}
            }
        }
        if !changes.is_empty() {
            self.write(changes).await?;
        }
        if !due.is_empty() {
            self.purge_items(space, &due).await?;
        }
        Ok(())
    }
}

fn row_key(space: SpaceId, item: ItemId) -> Vec<u8> {
    [space.as_bytes(), item.as_bytes()].concat()
}

/// The packs that are live and no longer needed when these go and those stay, and their bytes.
pub(crate) fn freed(authority: &Authority, gone: &BTreeSet<PackId>, kept: &BTreeSet<PackId>) -> (Vec<PackId>, u64) {
    let live = |id: &&PackId| authority.pack_live_at(id, authority.seq());
    let dropped: Vec<PackId> = gone.difference(kept).filter(live).copied().collect();
    let sizes = dropped.iter().filter_map(|id| authority.packs().get(id));
    let bytes = sizes.map(|pack| pack.bytes).sum();
    (dropped, bytes)
}

pub(crate) fn packs_of(item: &Item) -> impl Iterator<Item = PackId> {
    item.versions.iter().flat_map(packs_in)
}

fn packs_in(version: &Version) -> Vec<PackId> {
    match &version.content {
        Content::Files { packs, .. } => packs.clone(),
        _ => Vec::new(),
    }
}
