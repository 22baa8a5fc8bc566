//! Looking into a version without downloading it: its list of files, and single files read here and there.

use std::sync::{Arc, Mutex, PoisonError};

use holdfast_protocol::id::{Hash, ItemId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, Item, Version};
use holdfast_protocol::manifest::FileRecord;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::session::Session;
use crate::transfer::{self, Stored, StoredFile};

/// Listings that are kept, and how many paths in all: going from folder to folder fetches nothing anew.
const KEPT: usize = 8;
const PATHS: usize = 400_000;

/// Which listing: ids are drawn by whoever writes, so the manifest's own digest is part of it.
type Whose = (SpaceId, ItemId, VersionId, Hash);

/// The listings that were read last, the newest at the end. They go with the session.
#[derive(Default)]
pub(crate) struct Listings(Mutex<Vec<(Whose, Arc<Vec<FileRecord>>)>>);

impl Listings {
    fn get(&self, whose: &Whose) -> Option<Arc<Vec<FileRecord>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = kept.iter().position(|(known, _)| known == whose)?;
        let found = kept.remove(index);
        let listing = found.1.clone();
        kept.push(found);
        Some(listing)
    }

    fn put(&self, whose: Whose, listing: &Arc<Vec<FileRecord>>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != whose);
        kept.push((whose, listing.clone()));
        while kept.len() > 1 && (kept.len() > KEPT || kept.iter().map(|(_, list)| list.len()).sum::<usize>() > PATHS) {
            kept.remove(0);
        }
    }
}

impl Session {
    /// The files of a version, sorted by path. Only the listing is fetched, and kept for a while.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is not what was signed; [`Error::Invalid`] for an item without files.
    pub async fn listing(
        &self,
        space: SpaceId,
        item: &Item,
        version: &Version,
        cancel: &CancellationToken,
    ) -> Result<Arc<Vec<FileRecord>>> {
        let stored = stored(space, item, version)?;
        let whose = (space, item.id, version.id, stored.manifest.hash);
        if let Some(listing) = self.listings.get(&whose) {
            return Ok(listing);
        }
        let listing = match transfer::listing(&self.pack_server(), &stored, cancel).await {
            Ok(listing) => Arc::new(listing),
            Err(error) => return Err(self.put_out_instead(space, error).await),
        };
        self.listings.put(whose, &listing);
        Ok(listing)
    }

    /// Content that the server does not give out is as good as damaged to whoever reads it, and what it does not take is not there. To
    /// somebody who was put out meanwhile it is neither: then that is said instead. Where nobody can be asked which it is, what is
    /// not there may be either: then that is said, and the next try tells.
    pub(crate) async fn put_out_instead(&self, space: SpaceId, error: Error) -> Error {
        if !matches!(error, Error::Damaged { .. } | Error::NotFound { .. }) {
            return error;
        }
        match self.sync(space).await {
            Ok(state) if state.authority().role(self.principal()).is_none() => outside(),
            Err(unreachable @ Error::Unreachable(_)) if matches!(error, Error::NotFound { .. }) => unreachable,
            _ => error,
        }
    }

    /// A file of a version, to be read piece by piece. `record` is of that version's listing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an item without files.
    pub fn stored_file(
        &self,
        space: SpaceId,
        item: &Item,
        version: &Version,
        record: FileRecord,
        budget: u64,
        cancel: &CancellationToken,
    ) -> Result<StoredFile> {
        let stored = stored(space, item, version)?;
        Ok(StoredFile::new(&self.pack_server(), &stored, record, budget, cancel))
    }
}

pub(crate) fn outside() -> Error {
    Error::NotAllowed("you are not a member of this project any more".into())
}

/// Where a version lies.
pub(crate) fn stored(space: SpaceId, item: &Item, version: &Version) -> Result<Stored> {
    let Content::Files { manifest, packs, .. } = &version.content else {
        return Err(Error::Invalid("this item holds no files".into()));
    };
    Ok(Stored {
        space,
        item: item.id,
        version: version.id,
        manifest: manifest.clone(),
        packs: packs.clone(),
    })
}
