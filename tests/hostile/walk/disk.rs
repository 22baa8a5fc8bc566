//! Where something is written: nowhere but where somebody said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What was there before.
pub(super) struct Disk(BTreeSet<PathBuf>);

/// What lies in the folder that the test runs in.
fn here() -> BTreeSet<PathBuf> {
    let there = std::fs::read_dir(".").expect("the own folder");
    there.map(|entry| entry.expect("the own folder").path()).collect()
}

impl Disk {
    pub(super) fn new() -> Self {
        Self(here())
    }

    /// Whether everything in `folder`, which has the servers' files and those of all people, is where it belongs: files that
    /// somebody uploads, and sealed packs on their way. What was downloaded into a folder for it went with that folder. And nothing
    /// came up where the program runs.
    pub(super) fn judge(&self, folder: &Path) -> Result<(), String> {
        for entry in walkdir::WalkDir::new(folder).min_depth(1) {
            // A server may take a file away at any time.
            let Ok(entry) = entry else { continue };
            let path = entry.path().strip_prefix(folder).unwrap_or(entry.path());
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            let is_server = parts[0] == "server" || parts[0].starts_with("copy-");
            let belongs = is_server
                || parts[0].starts_with("of ")
                    && match parts.get(1).map(AsRef::as_ref) {
                        None => true,
                        Some("spool") => true,
                        Some(place) if place.starts_with("up ") => {
                            parts.len() == 2 || parts.len() == 3 && parts[2] == "data.bin"
                        }
                        Some(_) => false,
                    };
            if !belongs || entry.path_is_symlink() {
                return Err(format!("there is {} on the disk", path.display()));
            }
        }
        let more: Vec<_> = here().difference(&self.0).cloned().collect();
        more.is_empty()
            .then_some(())
            .ok_or_else(|| format!("there are {more:?} where the program runs"))
    }
}

/// Nothing in the parts of the program that hear a server starts a process.
#[test]
fn nothing_that_hears_a_server_starts_a_process() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    let mut read = 0;
    for part in ["crypto", "protocol", "engine", "device"] {
        for entry in walkdir::WalkDir::new(crates.join(part).join("src")) {
            let entry = entry.expect("the sources");
            let name = entry.path().strip_prefix(&crates).expect("below it").to_owned();
            // Before anything else a process may start itself anew, without a setting of the memory that keeps more than it must.
            if !entry.file_type().is_file() || name == Path::new("device/src/heap.rs") {
                continue;
            }
            let text = std::fs::read_to_string(entry.path()).expect("a source");
            let starts = ["process::Command", "Command::new", "posix_spawn", "execve("];
            let found = starts.into_iter().find(|one| text.contains(one));
            assert!(found.is_none(), "{} has {found:?}", name.display());
            read += 1;
        }
    }
    assert!(read > 100, "only {read} sources");
}
