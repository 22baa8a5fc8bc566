//! What goes into a transfer and what comes out of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_protocol::KeyField;
use holdfast_protocol::entry::PackSize;
use holdfast_protocol::id::{ItemId, PackId, SpaceId, VersionId};
use holdfast_protocol::item::{Content, ManifestRef};

use super::journal::Journal;
use super::server::JournalStore;
use crate::error::Result;

/// What an upload makes: one version of one item.
#[derive(Clone)]
pub struct Target {
    /// The space.
    pub space: SpaceId,
    /// The item.
    pub item: ItemId,
    /// The new version, drawn at random by the caller. It also names the upload: the same version again goes on with it.
    pub version: VersionId,
    /// The item's key for chunk ids.
    pub chunk_id_key: KeyField,
    /// The version whose chunks may be pointed at.
    pub previous: Option<Previous>,
    /// How many packs the commit can name: an item travels whole, with all its versions.
    pub room: usize,
    /// The manifest's key where it is not drawn at random: those who wait for a run's output know it beforehand.
    pub manifest_key: Option<KeyField>,
    /// Kept in the journal for the caller, who finds it again in [`PendingUpload`](super::PendingUpload).
    pub memo: Vec<u8>,
}

/// A version as the log knows it.
#[derive(Clone)]
pub struct Stored {
    /// The space.
    pub space: SpaceId,
    /// The item.
    pub item: ItemId,
    /// The version.
    pub version: VersionId,
    /// Where its manifest lies and what opens it.
    pub manifest: ManifestRef,
    /// The packs that it names. It may lie in no other: those are not kept for it.
    pub packs: Vec<PackId>,
}

/// An earlier version of the item, as an index of what the server has already.
#[derive(Clone)]
pub struct Previous {
    /// Its id.
    pub version: VersionId,
    /// Its manifest.
    pub manifest: ManifestRef,
    /// All packs that it names.
    pub packs: Vec<PackId>,
    /// Those of its packs that are live; chunks in others are sent again.
    pub live: Vec<PackId>,
}

/// How to upload.
#[derive(Clone)]
pub struct Options {
    /// Threads that seal.
    pub workers: usize,
    /// Folder for sealed packs on their way; made with mode 0700 if it is missing. One per profile.
    pub spool: PathBuf,
    /// Whether names that begin with a dot are taken along.
    pub include_hidden: bool,
    /// Refuses an upload without a file or a link in it.
    pub refuse_empty: bool,
    /// Makes nothing where the files are those of the previous version; see [`Uploaded::unchanged`].
    pub skip_unchanged: bool,
    /// Pause before the second try when the server does not answer; doubles from try to try, five tries in all.
    pub retry_after: Duration,
}

impl Options {
    /// The usual: a worker for each processor up to four, hidden files included.
    #[must_use]
    pub fn new(spool: PathBuf) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            workers: processors.min(4),
            spool,
            include_hidden: true,
            refuse_empty: false,
            skip_unchanged: false,
            retry_after: Duration::from_millis(500),
        }
    }
}

/// A path that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Relative path in the item.
    pub path: Vec<u8>,
    /// Why.
    pub reason: Reason,
}

/// Why a path was left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It could not be read, or is gone.
    #[error("could not be read: {0}")]
    Unreadable(String),
    /// It kept changing.
    #[error("changed while it was being read")]
    Changed,
    /// A socket, a pipe or a device.
    #[error("neither a file nor a folder nor a link")]
    Special,
    /// Begins with a dot, and those were not asked for.
    #[error("hidden")]
    Hidden,
    /// This system can't hold the name as it was stored, or it is none.
    #[error("its name is not safe on this computer")]
    UnsafeName,
    /// Its folder is a link or a file.
    #[error("its folder is not a folder")]
    NotInFolder,
    /// A link that leaves the folder.
    #[error("a link that points out of the folder")]
    LinkOutside,
    /// Links can't be made here.
    #[error("links can't be made here")]
    NoLinks,
    /// Something of that name is there already and was kept.
    #[error("already there")]
    Exists,
}

/// What an upload did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files in the version.
    pub files: u64,
    /// Their plaintext bytes.
    pub bytes: u64,
    /// Bytes of parts that the server took in this run, padding included.
    pub bytes_sent: u64,
    /// Chunks of the files.
    pub chunks: u64,
    /// Of these, chunks that were known before this run. What repeats within it is not among them.
    pub chunks_reused: u64,
    /// Plaintext bytes that the server had before this run.
    pub bytes_reused: u64,
    /// Files that an earlier run had finished and that were not read again.
    pub files_resumed: u64,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// An upload of which everything but the commit is done.
pub struct Uploaded {
    /// The content of the new version.
    pub content: Content,
    /// The packs that the commit adds.
    pub added: Vec<PackSize>,
    /// Nothing differs from the previous version but times: the content is that version's, and there is nothing to commit.
    pub unchanged: bool,
    /// What was done.
    pub report: Report,
    pub(super) version: VersionId,
    pub(super) spool: PathBuf,
}

impl Uploaded {
    /// Removes the trail of this upload. To be called when the version is committed; until then it can be resumed.
    ///
    /// # Errors
    /// The journal's.
    pub async fn finished(&self, journal: &Arc<dyn JournalStore>) -> Result<()> {
        Journal::new(journal.clone(), self.version).remove().await?;
        super::pack::Spool::new(&self.spool, self.version).remove_lock();
        Ok(())
    }
}
