//! The default [`Blobs`]: a folder with one file for each part of a pack.
//!
//! `packs/ab/abcd…/7` is part 7 of the blob `abcd…`. A part is written beside its place under a temporary name, synced,
//! renamed, and then its folders are synced: a file under its real name is whole, and stays after a loss of power.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::ports::{BlobId, Blobs, Result, StoreError};

/// How the names of writes that have not ended begin.
pub(crate) const TEMPORARY: &str = ".part-";

/// A folder of packs.
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens a folder, making it where needed.
    ///
    /// # Errors
    /// As the file system reports.
    pub fn open(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        for shard in 0..=u8::MAX {
            match fs::create_dir(root.join(hex::encode([shard]))) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        sync(&root)?;
        Ok(Self { root })
    }

    fn shard(&self, blob: BlobId) -> PathBuf {
        shard_of(&self.root, blob)
    }

    fn place(&self, blob: BlobId) -> PathBuf {
        place_of(&self.root, blob)
    }
}

/// The folder that a blob's folder lies in.
pub(crate) fn shard_of(root: &Path, blob: BlobId) -> PathBuf {
    root.join(hex::encode(&blob.0[..1]))
}

/// The folder of a blob's parts.
pub(crate) fn place_of(root: &Path, blob: BlobId) -> PathBuf {
    shard_of(root, blob).join(hex::encode(blob.0))
}

#[async_trait]
impl Blobs for Folder {
    async fn write_part(&self, blob: BlobId, part: u32, bytes: Bytes) -> Result<()> {
        let (shard, place) = (self.shard(blob), self.place(blob));
        blocking(move || write_durably(&shard, &place, part, |file| file.write_all(&bytes))).await
    }

    async fn read(&self, blob: BlobId, part: u32, offset: u64, length: usize) -> Result<Bytes> {
        let file = self.place(blob).join(part.to_string());
        blocking(move || {
            let mut file = File::open(file)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = vec![0; length];
            file.read_exact(&mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }

    async fn delete(&self, blob: BlobId) -> Result<()> {
        let place = self.place(blob);
        blocking(move || match fs::remove_dir_all(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    async fn list(&self) -> Result<Vec<BlobId>> {
        let root = self.root.clone();
        blocking(move || {
            let mut found = Vec::new();
            each_blob(&root, |blob, _| {
                found.push(blob);
                Ok(())
            })?;
            Ok(found)
        })
        .await
    }

    async fn tidy(&self, older_than: Duration) -> Result<()> {
        let root = self.root.clone();
        blocking(move || each_blob(&root, |_, place| remove_unfinished(place, older_than))).await
    }
}

/// Stores what `fill` writes as a part: under its real name only when all of it is on disk.
pub(crate) fn write_durably(
    shard: &Path,
    place: &Path,
    part: u32,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    match fs::create_dir(place) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // The temporary file removes itself when anything below fails.
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(place)?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(place.join(part.to_string()))
        .map_err(|error| error.error)?;
    sync(place)?;
    sync(shard)
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(crate) fn each_blob(root: &Path, mut visit: impl FnMut(BlobId, &Path) -> io::Result<()>) -> io::Result<()> {
    for shard in fs::read_dir(root)? {
        for place in fs::read_dir(shard?.path())? {
            let place = place?;
            let name = place.file_name();
            let id = name
                .to_str()
                .and_then(|name| hex::decode(name).ok())
                .and_then(|id| id.try_into().ok());
            if let Some(id) = id {
                visit(BlobId(id), &place.path())?;
            }
        }
    }
    Ok(())
}

fn remove_unfinished(place: &Path, older_than: Duration) -> io::Result<()> {
    let entries = match fs::read_dir(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            continue;
        }
        let age = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .map(|at| at.elapsed().unwrap_or_default());
        if age.is_ok_and(|age| age >= older_than) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| broken(&error)),
        Err(_) => Err(StoreError::Broken("a file operation panicked".into())),
    }
}

/// Only the kind is kept: nothing about paths leaves this file.
fn broken(error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
        io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => StoreError::Missing,
        kind => StoreError::Broken(format!("file operation: {kind}")),
    }
}
