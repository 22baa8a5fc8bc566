//! Packs on this computer: sealed boxes are appended to a file in the spool until it is full, then padded and handed on.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use holdfast_protocol::id::{ChunkId, Hash, PackId, VersionId};
use holdfast_protocol::limits::{PACK_TARGET, PART};
use holdfast_protocol::manifest::padded_pack_len;
use rand_core::Rng as _;
use tokio::sync::mpsc;

use super::journal::{FileDone, Held, PackRow};
use crate::error::{Error, Result};
use crate::rng;

/// Files after which the journal is told even though no pack is full (when everything is known already, none ever is).
const FILES_PER_ROW: usize = 4096;

/// The folder of one upload's packs. Names begin with the upload's version, so that uploads can share it.
#[derive(Clone)]
pub(super) struct Spool {
    folder: PathBuf,
    version: VersionId,
}

impl Spool {
    pub(super) fn new(folder: &Path, version: VersionId) -> Self {
        Self {
            folder: folder.to_path_buf(),
            version,
        }
    }

    /// Makes the folder, for nobody else to look into.
    pub(super) fn make(&self) -> Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.folder)
            .map_err(|error| Error::io(&self.folder, &error))
    }

    /// Takes the upload for this process; it is given back when the file is dropped, also by a crash.
    pub(super) fn lock(&self) -> Result<File> {
        let path = self.lock_path();
        let file = private()
            .truncate(true)
            .open(&path)
            .map_err(|error| Error::io(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::Conflict("This upload is already under way.".into())),
            Err(std::fs::TryLockError::Error(error)) => Err(Error::io(&path, &error)),
        }
    }

    pub(super) fn remove_lock(&self) {
        let _ = std::fs::remove_file(self.lock_path());
    }

    /// Removes files of this upload that are none of `keep`, and files of uploads that are none of `live`.
    pub(super) fn tidy(&self, keep: &[PackId], live: &[VersionId]) -> Result<()> {
        let entries = std::fs::read_dir(&self.folder).map_err(|error| Error::io(&self.folder, &error))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some((version, pack)) = name.to_str().and_then(parse_name) else {
                continue;
            };
            let kept = if version == self.version {
                keep.contains(&pack)
            } else {
                live.contains(&version)
            };
            if !kept {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Opens the file of a pack.
    pub(super) fn open(&self, pack: PackId) -> std::io::Result<File> {
        File::open(self.path(pack))
    }

    /// Reads part `number` of a pack of `bytes` bytes.
    pub(super) fn part(&self, pack: PackId, bytes: u64, number: u32) -> Result<Vec<u8>> {
        use std::io::Seek as _;
        let path = self.path(pack);
        let start = u64::from(number) * PART;
        let length = PART.min(bytes.saturating_sub(start));
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(std::io::SeekFrom::Start(start))?;
            let mut part = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            file.take(length).read_to_end(&mut part)?;
            Ok(part)
        };
        let part: Vec<u8> = read().map_err(|error| Error::io(&path, &error))?;
        if part.len() as u64 == length {
            Ok(part)
        } else {
            Err(Error::damaged("a sealed file waiting to be sent"))
        }
    }

    pub(super) fn remove(&self, pack: PackId) {
        let _ = std::fs::remove_file(self.path(pack));
    }

    fn path(&self, pack: PackId) -> PathBuf {
        self.folder.join(format!("{}-{pack}.pack", self.version))
    }

    fn lock_path(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.version))
    }
}

/// The upload and the pack that a file of the spool is named after.
fn parse_name(name: &str) -> Option<(VersionId, PackId)> {
    let (version, pack) = name.strip_suffix(".pack")?.split_once('-')?;
    Some((version.parse().ok()?, pack.parse().ok()?))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A full pack, or files that are done, on the way to the journal.
pub(super) struct Packed {
    pub(super) pack: Option<PackRow>,
    pub(super) files: Vec<FileDone>,
    /// Whether the journal has it already.
    pub(super) noted: bool,
}

impl Packed {
    /// A pack that an earlier run has sealed.
    pub(super) fn again(pack: PackRow) -> Self {
        Self {
            pack: Some(pack),
            files: Vec::new(),
            noted: true,
        }
    }
}

/// Boxes in one pack. Its row in the journal names each of them, and is itself one box.
pub(super) const BOXES_PER_PACK: usize = 65_536;

struct Open {
    id: PackId,
    path: PathBuf,
    file: BufWriter<File>,
    used: u64,
    content: u64,
    held: Vec<Held>,
}

/// Where a box was put.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) pack: PackId,
    pub(super) held: Held,
}

/// Fills packs, one after the other.
pub(super) struct Packer {
    spool: Spool,
    open: Option<Open>,
    out: mpsc::Sender<Packed>,
    files: Vec<FileDone>,
    /// Every chunk that was put somewhere.
    pub(super) places: HashMap<ChunkId, Place>,
}

impl Packer {
    pub(super) fn new(spool: Spool, out: mpsc::Sender<Packed>) -> Self {
        Self {
            spool,
            open: None,
            out,
            files: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Appends a box and says in which pack and where; `content` is how many bytes of files are in it. Waits while too
    /// many packs wait to be sent.
    pub(super) fn append(&mut self, sealed: &[u8], content: u64) -> Result<(PackId, u64)> {
        let length = sealed.len() as u64;
        let full = |open: &Open| open.used + length > PACK_TARGET || open.held.len() >= BOXES_PER_PACK;
        if self.open.as_ref().is_some_and(full) {
            self.finish()?;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let place = (open.id, open.used);
        open.write(sealed)?;
        open.used += length;
        open.content += content;
        self.open = Some(open);
        Ok(place)
    }

    /// Appends the box of a chunk and remembers where it is. Two lengths: of what is sealed, and how much of that is of files.
    pub(super) fn append_chunk(
        &mut self,
        id: ChunkId,
        tag: Hash,
        sealed: &[u8],
        (plain, content): (u64, u64),
    ) -> Result<()> {
        let (pack, offset) = self.append(sealed, content)?;
        let held = Held {
            id,
            offset,
            length: sealed.len() as u64,
            tag,
            plain: Some(plain),
        };
        if let Some(open) = self.open.as_mut() {
            open.held.push(held);
        }
        self.places.insert(id, Place { pack, held });
        Ok(())
    }

    /// Notes a file whose chunks were all handed over.
    pub(super) fn file_done(&mut self, file: FileDone) -> Result<()> {
        self.files.push(file);
        if self.files.len() >= FILES_PER_ROW {
            self.hand_on(None)
        } else {
            Ok(())
        }
    }

    /// Pads the open pack and hands it on.
    pub(super) fn finish(&mut self) -> Result<()> {
        match self.open.take() {
            Some(open) => {
                let pack = open.close()?;
                self.hand_on(Some(pack))
            }
            None => Ok(()),
        }
    }

    fn hand_on(&mut self, pack: Option<PackRow>) -> Result<()> {
        let files = std::mem::take(&mut self.files);
        // Nobody takes it any more: the upload was stopped, or sending failed and says so itself.
        self.out
            .blocking_send(Packed {
                pack,
                files,
                noted: false,
            })
            .map_err(|_| Error::Cancelled)
    }

    fn begin(&self) -> Result<Open> {
        let id = PackId::random(&mut rng());
        let path = self.spool.path(id);
        let file = private()
            .create_new(true)
            .open(&path)
            .map_err(|error| Error::io(&path, &error))?;
        Ok(Open {
            id,
            path,
            file: BufWriter::with_capacity(256 << 10, file),
            used: 0,
            content: 0,
            held: Vec::new(),
        })
    }
}

impl Open {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .map_err(|error| Error::io(&self.path, &error))
    }

    fn close(mut self) -> Result<PackRow> {
        let bytes = padded_pack_len(self.used);
        let padding = usize::try_from(bytes - self.used).expect("padding is shorter than a window");
        let mut random = vec![0; padding];
        rng().fill_bytes(&mut random);
        self.write(&random)?;
        self.file.flush().map_err(|error| Error::io(&self.path, &error))?;
        Ok(PackRow {
            id: self.id,
            bytes,
            content: self.content,
            held: self.held,
        })
    }
}
