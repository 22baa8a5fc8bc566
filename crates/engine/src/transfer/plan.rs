//! What an upload would take along, before it is begun: names and sizes only, no content is read.

use std::collections::HashSet;
use std::path::PathBuf;

use holdfast_protocol::manifest::FileType;
use tokio_util::sync::CancellationToken;

use super::types::{Reason, Skipped};
use super::upload::blocking;
use super::walk::{Found, walk};
use crate::error::{Error, Result};

/// What an upload of some files and folders would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Files.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Links, which are kept as links.
    pub links: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// The largest file and its bytes.
    pub largest: Option<(Vec<u8>, u64)>,
    /// What would be left out.
    pub skipped: Vec<Skipped>,
    /// Files that would be taken along although a `.gitignore` names them.
    pub ignored: Vec<Vec<u8>>,
    /// Their bytes.
    pub ignored_bytes: u64,
}

/// Says what an upload of these sources would take along.
///
/// # Errors
/// As of an upload that begins: [`Error::Io`] when a source can't be read, [`Error::Invalid`] when two paths would be one,
/// [`Error::Cancelled`].
pub async fn plan(sources: &[PathBuf], include_hidden: bool, cancel: &CancellationToken) -> Result<Plan> {
    let (sources, stop) = (sources.to_vec(), cancel.child_token());
    let _stops_the_walk = stop.clone().drop_guard();
    blocking(move || {
        let (found, skipped) = walk(&sources, include_hidden, &stop)?;
        let wanted = not_ignored(&sources, &stop)?;
        let mut plan = Plan {
            skipped,
            ..Plan::default()
        };
        found.iter().for_each(|found| plan.add(found, &wanted));
        plan.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(plan)
    })
    .await
}

impl Plan {
    fn add(&mut self, found: &Found, wanted: &HashSet<PathBuf>) {
        match found.kind {
            FileType::Directory => self.folders += 1,
            FileType::Link => self.links += 1,
            FileType::File => {
                if let Err(error) = readable(found) {
                    return self.skipped.push(Skipped {
                        path: found.path.clone(),
                        reason: Reason::Unreadable(error.to_string()),
                    });
                }
                self.files += 1;
                self.bytes = self.bytes.saturating_add(found.stamp.size);
                if self.largest.as_ref().is_none_or(|(_, bytes)| *bytes < found.stamp.size) {
                    self.largest = Some((found.path.clone(), found.stamp.size));
                }
                if !wanted.contains(&found.source) {
                    self.ignored.push(found.path.clone());
                    self.ignored_bytes = self.ignored_bytes.saturating_add(found.stamp.size);
                }
            }
        }
    }
}

/// Every path that no `.gitignore` in the sources leaves out.
fn not_ignored(sources: &[PathBuf], stop: &CancellationToken) -> Result<HashSet<PathBuf>> {
    let mut wanted = HashSet::new();
    for source in sources {
        let walk = ignore::WalkBuilder::new(source)
            .standard_filters(false)
            .git_ignore(true)
            .require_git(false)
            .parents(false)
            .follow_links(false)
            .build();
        // What can't be read is said by the walk that counts.
        for entry in walk.flatten() {
            if stop.is_cancelled() {
                return Err(Error::Cancelled);
            }
            wanted.insert(entry.into_path());
        }
    }
    Ok(wanted)
}

/// Whether this user may read it.
#[cfg(unix)]
fn readable(found: &Found) -> std::io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    Ok(accessat(CWD, &found.source, Access::READ_OK, AtFlags::EACCESS)?)
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "fails where it can be asked")]
fn readable(_: &Found) -> std::io::Result<()> {
    Ok(())
}
