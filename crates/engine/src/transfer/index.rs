//! What an earlier version has at the server already: its manifest is the only index there is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use holdfast_protocol::id::{ChunkId, PackId};
use holdfast_protocol::manifest::ChunkRef;
use tokio_util::sync::CancellationToken;

use super::fetch::Fetch;
use super::server::PackServer;
use super::types::{Previous, Stored, Target};
use crate::error::{Error, Result};

/// Every chunk of the previous version, listing included, that lies in a live pack. A version that can't be read any more
/// is no reason not to write the next one: then nothing is known.
pub(super) async fn previous_chunks(
    server: &Arc<dyn PackServer>,
    target: &Target,
    previous: &Previous,
    pause: Duration,
    stop: &CancellationToken,
) -> Result<HashMap<ChunkId, ChunkRef>> {
    let stored = Stored {
        space: target.space,
        item: target.item,
        version: previous.version,
        manifest: previous.manifest.clone(),
        packs: previous.packs.clone(),
    };
    let fetch = Fetch::new(server, target.space, target.item, pause, stop);
    let (manifest, records) = match fetch.version(&stored).await {
        Ok(version) => version,
        Err(Error::Damaged { .. } | Error::NotFound { .. }) => return Ok(HashMap::new()),
        Err(error) => return Err(error),
    };
    let live: HashSet<PackId> = previous.live.iter().copied().collect();
    let chunks = records
        .into_iter()
        .flat_map(|record| record.chunks)
        .chain(manifest.listing);
    Ok(chunks
        .filter(|chunk| live.contains(&chunk.pack))
        .map(|chunk| (chunk.id, chunk))
        .collect())
}
