//! Picks an upload up where it was left: compares the trail with what the server has and what lies in the spool.

use std::collections::HashMap;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use holdfast_crypto::{open_in_place, tag_of};
use holdfast_protocol::KeyField;
use holdfast_protocol::context;
use holdfast_protocol::entry::PackSize;
use holdfast_protocol::id::{ChunkId, Hash, ItemId, PackId, SpaceId};
use holdfast_protocol::limits::SEALED;
use holdfast_protocol::manifest::{ChunkRef, chunk_key};
use holdfast_protocol::wire::PackState;
use tokio_util::sync::CancellationToken;

use super::journal::{FileDone, Held, Journal, PackRow};
use super::pack::{Place, Spool};
use super::seal::reference;
use super::send::patiently;
use super::server::PackServer;
use super::upload::blocking;
use crate::error::Result;

/// Packs that one question may be about.
const ASK: usize = 1_000;

/// What is left of an earlier run.
#[derive(Default)]
pub(super) struct Restored {
    /// Chunks that need not be sealed again.
    pub(super) known: HashMap<ChunkId, ChunkRef>,
    /// Files that were read to their end.
    pub(super) files: HashMap<Vec<u8>, FileDone>,
    /// Packs of this upload that the server has whole.
    pub(super) complete: Vec<PackSize>,
    /// Packs of this upload that are still to be sent.
    pub(super) waiting: Vec<PackRow>,
}

/// Asks the server how far packs are.
pub(super) async fn ask(
    server: &Arc<dyn PackServer>,
    space: SpaceId,
    packs: &[PackId],
    pause: Duration,
    stop: &CancellationToken,
) -> Result<HashMap<PackId, PackState>> {
    let mut states = HashMap::new();
    for some in packs.chunks(ASK) {
        let answer = patiently(pause, stop, || server.query(space, some)).await?;
        states.extend(answer.into_iter().map(|state| (state.id, state)));
    }
    Ok(states)
}

/// Reads the trail and judges each pack: whole at the server, still in the spool as it was, or lost and to be sealed again.
pub(super) async fn restore(
    server: &Arc<dyn PackServer>,
    journal: &Journal,
    spool: &Spool,
    (space, item, upload_key): (SpaceId, ItemId, &KeyField),
    pause: Duration,
    stop: &CancellationToken,
) -> Result<Restored> {
    let trail = journal.trail().await?;
    let ids: Vec<PackId> = trail.packs.iter().map(|(pack, _)| pack.id).collect();
    let states = ask(server, space, &ids, pause, stop).await?;
    let mut restored = Restored {
        files: trail.files,
        ..Restored::default()
    };
    let (mut complete, mut waiting, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    let mut remember = |pack: &PackRow| {
        for held in &pack.held {
            let place = Place {
                pack: pack.id,
                held: *held,
            };
            restored.known.insert(held.id, reference(upload_key.key(), &place));
        }
    };
    for (pack, noted) in trail.packs {
        if pack.held.is_empty() {
            // Nothing but a manifest, which is written anew under a new key.
            lost.push(pack.id);
        } else if states
            .get(&pack.id)
            .is_some_and(|state| state.complete && state.bytes == pack.bytes)
        {
            if !noted {
                journal.complete(pack.id).await?;
                spool.remove(pack.id);
            }
            remember(&pack);
            complete.push(PackSize {
                id: pack.id,
                bytes: pack.bytes,
            });
        } else if spooled(spool, &pack, space, item, upload_key).await? {
            remember(&pack);
            // What it holds was counted with the files that it is of.
            waiting.push(PackRow { content: 0, ..pack });
        } else {
            lost.push(pack.id);
        }
    }
    for pack in lost.iter().filter(|pack| states.contains_key(pack)) {
        // It would go by itself in a week; until then it would count against the quota.
        let _ = server.abort(space, *pack).await;
    }
    if !lost.is_empty() {
        journal.forget(&lost).await?;
    }
    Ok(Restored {
        complete,
        waiting,
        ..restored
    })
}

/// Whether the file of a pack is in the spool and every box in it opens: a crash may have cut it short, and a disk may have
/// lost some of it. This way nothing has to be hashed while packs are written.
fn intact(spool: &Spool, pack: &PackRow, space: SpaceId, item: ItemId, upload_key: &KeyField) -> bool {
    let Ok(mut file) = spool.open(pack.id) else {
        return false;
    };
    let opens = |held: &Held| {
        let key = chunk_key(upload_key.key(), held.id);
        let mut sealed = vec![0; usize::try_from(held.length).ok().filter(|length| *length <= SEALED)?];
        file.seek(SeekFrom::Start(held.offset))
            .and_then(|_| file.read_exact(&mut sealed))
            .ok()?;
        let tag = tag_of(&sealed)?;
        open_in_place(&key, &context::chunk(space, item, held.id), &mut sealed).ok()?;
        (Hash(tag) == held.tag).then_some(())
    };
    let length = spool
        .open(pack.id)
        .and_then(|file| file.metadata())
        .map(|metadata| metadata.len());
    length.is_ok_and(|length| length == pack.bytes) && pack.held.iter().map(opens).all(|opened| opened.is_some())
}

async fn spooled(spool: &Spool, pack: &PackRow, space: SpaceId, item: ItemId, upload_key: &KeyField) -> Result<bool> {
    let (spool, pack, key) = (spool.clone(), pack.clone(), upload_key.clone());
    blocking(move || Ok(intact(&spool, &pack, space, item, &key))).await
}
