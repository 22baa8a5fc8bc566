//! Files to work on: a folder that goes away by itself, in memory or on disk, and incompressible bytes to fill it with.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::output_of;

/// The file system in memory that every Linux mounts.
const MEMORY: &str = "/dev/shm";
/// What the machine keeps for everything else when files lie in memory.
const SPARE: u64 = 4 << 30;

/// A folder of this process. Removed with all that is in it when dropped.
pub(super) struct Room(PathBuf);

impl Room {
    /// A folder in memory with place for `bytes`.
    ///
    /// # Errors
    ///
    /// When there is no such place: a disk would be what is measured.
    pub(super) fn in_memory(bytes: u64) -> Result<Self> {
        let free = memory_free()?;
        ensure!(
            free >= bytes + SPARE,
            "{MEMORY} has no place for {} MiB beside {} MiB to spare: {} MiB are free",
            bytes >> 20,
            SPARE >> 20,
            free >> 20
        );
        Self::inside(Path::new(MEMORY))
    }

    /// A folder with place for `bytes`: in memory if it has it, else on disk, inside `disk`.
    pub(super) fn anywhere(bytes: u64, disk: &Path) -> Result<Self> {
        if let Ok(room) = Self::in_memory(bytes) {
            return Ok(room);
        }
        fs::create_dir_all(disk)?;
        let free = free(disk)?;
        ensure!(
            free >= bytes + SPARE,
            "{} has no place for {} MiB",
            disk.display(),
            bytes >> 20
        );
        Self::inside(disk)
    }

    /// A folder inside `parent`.
    pub(super) fn inside(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("holdfast-bench-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Bytes that files in memory may take: what the mount leaves and what the machine has.
fn memory_free() -> Result<u64> {
    let info = fs::read_to_string("/proc/meminfo").context("this bench needs Linux")?;
    let available = info
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.split_whitespace().next())
        .and_then(|kib| kib.parse::<u64>().ok())
        .context("/proc/meminfo says nothing about free memory")?;
    Ok((available << 10).min(free(Path::new(MEMORY))?))
}

/// Bytes that a file system has left.
fn free(path: &Path) -> Result<u64> {
    let said = output_of(Command::new("df").args(["-B1", "--output=avail"]).arg(path))?;
    last_number(&said).with_context(|| format!("df says nothing about {}", path.display()))
}

fn last_number(said: &str) -> Option<u64> {
    said.split_whitespace().last()?.parse().ok()
}

/// Writes a file of `bytes` random bytes: nothing in it repeats, nothing compresses.
pub(super) fn random_file(path: &Path, bytes: u64) -> Result<()> {
    let mut random = File::open("/dev/urandom")?.take(bytes);
    let mut file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = random.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        io::Write::write_all(&mut file, &buffer[..read])?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_goes_away_with_its_files() {
        let room = Room::inside(&std::env::temp_dir()).unwrap();
        let path = room.path().to_owned();
        random_file(&room.join("file"), 5000).unwrap();
        assert_eq!(fs::metadata(room.join("file")).unwrap().len(), 5000);
        drop(room);
        assert!(!path.exists());
    }

    #[test]
    fn reads_what_df_prints() {
        assert_eq!(last_number("      Avail\n75161927680\n"), Some(75_161_927_680));
        assert_eq!(last_number(""), None);
    }
}
