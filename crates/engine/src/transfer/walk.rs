//! Finds what there is to upload: every path below the sources, sorted, nothing followed, nothing opened.

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use holdfast_protocol::manifest::FileType;
use minicbor::{Decode, Encode};
use tokio_util::sync::CancellationToken;

use super::names::stays_inside;
use super::types::{Reason, Skipped};
use crate::error::{Error, Result};

/// A path to upload.
pub(super) struct Found {
    /// Where it stands in the item.
    pub(super) path: Vec<u8>,
    /// Where it is on this computer.
    pub(super) source: PathBuf,
    pub(super) kind: FileType,
    pub(super) mode: u32,
    pub(super) stamp: Stamp,
    /// Of a link.
    pub(super) target: Option<Vec<u8>>,
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Stamp {
    #[n(0)]
    pub(super) size: u64,
    #[n(1)]
    pub(super) modified_ns: i64,
    /// Last change of content, owner, mode or name (0 where the system has none).
    #[n(2)]
    changed_ns: i64,
    #[n(3)]
    inode: u64,
    #[n(4)]
    device: u64,
}

impl Stamp {
    #[cfg(unix)]
    pub(super) fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self {
            size: metadata.len(),
            modified_ns: modified_ns(metadata),
            changed_ns: metadata
                .ctime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified_ns: modified_ns(metadata),
            changed_ns: 0,
            inode: 0,
            device: 0,
        }
    }
}

impl Stamp {
    /// Whether the last change lies further back than `age` by the clock that file systems stamp with.
    pub(super) fn is_older_than(&self, age: std::time::Duration) -> bool {
        #[cfg(target_os = "linux")]
        {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
            let now = now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec);
            let last = self.changed_ns.max(self.modified_ns);
            // A time in the future says nothing.
            last > now || u128::try_from(now - last).is_ok_and(|since| since > age.as_nanos())
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = age;
            true
        }
    }
}

fn modified_ns(metadata: &Metadata) -> i64 {
    let Ok(modified) = metadata.modified() else { return 0 };
    match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
    }
}

#[cfg(unix)]
fn mode_of(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode_of(metadata: &Metadata) -> u32 {
    if metadata.is_dir() { 0o755 } else { 0o644 }
}

/// The bytes of a name, as they are stored.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "fails where names are not bytes")]
pub(super) fn name_bytes(name: &std::ffi::OsStr) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt as _;
    Some(name.as_bytes().to_vec())
}

#[cfg(not(unix))]
pub(super) fn name_bytes(name: &std::ffi::OsStr) -> Option<Vec<u8>> {
    name.to_str().map(|name| name.replace('\\', "/").into_bytes())
}

/// Walks the sources. A folder that is the only source gives what it holds; otherwise each source stands under its name.
///
/// # Errors
/// [`Error::Missing`] when a source is not there, [`Error::Io`] when it can't be read, [`Error::Invalid`] when two paths would be one,
/// [`Error::Cancelled`].
pub(super) fn walk(
    sources: &[PathBuf],
    include_hidden: bool,
    stop: &CancellationToken,
) -> Result<(Vec<Found>, Vec<Skipped>)> {
    let mut walk = Walk {
        include_hidden,
        found: Vec::new(),
        skipped: Vec::new(),
    };
    for source in sources {
        let metadata = std::fs::symlink_metadata(source).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::Missing(format!("There is nothing at {}.", source.display())).advise("Check the path.")
            }
            _ => Error::io(source, &error),
        })?;
        if metadata.is_dir() {
            // A folder that can't be opened would else look like an empty one.
            std::fs::read_dir(source).map_err(|error| Error::io(source, &error))?;
        }
        let bare = sources.len() == 1 && metadata.is_dir();
        walk.source(source, if bare { Vec::new() } else { own_name(source)? }, stop)?;
    }
    walk.found.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(pair) = walk.found.windows(2).find(|pair| pair[0].path == pair[1].path) {
        let [first, second] = [&pair[0].source, &pair[1].source].map(|path| path.display().to_string());
        return Err(Error::Invalid(format!("{first} and {second} would get the same name.")));
    }
    Ok((walk.found, walk.skipped))
}

fn own_name(source: &Path) -> Result<Vec<u8>> {
    let named = match source.file_name() {
        Some(_) => source.to_path_buf(),
        None => source.canonicalize().map_err(|error| Error::io(source, &error))?,
    };
    let name = named.file_name().and_then(name_bytes);
    name.ok_or_else(|| Error::Invalid(format!("{} has no name of its own.", source.display())))
}

struct Walk {
    include_hidden: bool,
    found: Vec<Found>,
    skipped: Vec<Skipped>,
}

impl Walk {
    /// Takes one source along under `prefix`.
    fn source(&mut self, source: &Path, prefix: Vec<u8>, stop: &CancellationToken) -> Result<()> {
        let mut entries = walkdir::WalkDir::new(source)
            .follow_links(false)
            .follow_root_links(false)
            .into_iter();
        while let Some(entry) = entries.next() {
            if stop.is_cancelled() {
                return Err(Error::Cancelled);
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let relative = error.path().and_then(|path| path.strip_prefix(source).ok());
                    let path = relative
                        .and_then(|path| below(&prefix, path))
                        .unwrap_or_else(|| prefix.clone());
                    let reason = error
                        .io_error()
                        .map_or_else(|| "it is gone".into(), ToString::to_string);
                    self.skip(path, Reason::Unreadable(reason));
                    continue;
                }
            };
            let relative = entry.path().strip_prefix(source).unwrap_or_else(|_| Path::new(""));
            let Some(path) = below(&prefix, relative) else {
                self.skip(relative.to_string_lossy().into_owned().into_bytes(), Reason::UnsafeName);
                continue;
            };
            if !self.include_hidden && entry.depth() > 0 && entry.file_name().as_encoded_bytes().starts_with(b".") {
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
                self.skip(path, Reason::Hidden);
            } else if !path.is_empty() {
                self.take(path, &entry);
            }
        }
        Ok(())
    }

    fn take(&mut self, path: Vec<u8>, entry: &walkdir::DirEntry) {
        let metadata = match entry.path().symlink_metadata() {
            Ok(metadata) => metadata,
            Err(error) => return self.skip(path, Reason::Unreadable(error.to_string())),
        };
        let kind = metadata.file_type();
        let (kind, target) = if kind.is_file() {
            (FileType::File, None)
        } else if kind.is_dir() {
            (FileType::Directory, None)
        } else if kind.is_symlink() {
            match entry.path().read_link() {
                Ok(target) => match name_bytes(target.as_os_str()) {
                    // No download would make it, and each would say so to somebody who can't mend it.
                    Some(target) if !stays_inside(&path, &target) => return self.skip(path, Reason::LinkOutside),
                    Some(target) => (FileType::Link, Some(target)),
                    None => return self.skip(path, Reason::UnsafeName),
                },
                Err(error) => return self.skip(path, Reason::Unreadable(error.to_string())),
            }
        } else {
            return self.skip(path, Reason::Special);
        };
        let (mode, stamp) = (mode_of(&metadata), Stamp::of(&metadata));
        self.found.push(Found {
            path,
            source: entry.path().to_path_buf(),
            kind,
            mode,
            stamp,
            target,
        });
    }

    fn skip(&mut self, path: Vec<u8>, reason: Reason) {
        self.skipped.push(Skipped { path, reason });
    }
}

/// `prefix` and the components of a path, joined by `/`.
fn below(prefix: &[u8], relative: &Path) -> Option<Vec<u8>> {
    let mut path = prefix.to_vec();
    for component in relative.components() {
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend(name_bytes(component.as_os_str())?);
    }
    Some(path)
}
