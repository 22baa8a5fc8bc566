//! What a task left behind. It may be anything: only plain files and folders with plain names are taken, and whatever is not is
//! named. Every step is made from a folder that is open to a name in it, and follows no link, so nothing outside is ever reached.

use std::collections::HashMap;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

/// Folders in folders.
const DEEPEST: usize = 32;

/// Files and folders.
const MOST: usize = 100_000;

/// Names that are listed as refused; the rest is counted.
const NAMED: usize = 1000;

/// The folder of outputs, after the end. With the walls of its task it lies in memory, and is gone when this is dropped.
pub struct Outputs {
    folder: OwnedFd,
    /// All files together, in bytes.
    most_bytes: u64,
}

/// What can be taken.
#[derive(Debug, Default)]
pub struct Collected {
    /// Files, by path.
    pub files: Vec<OutputFile>,
    /// Folders that hold nothing, by path.
    pub empty_folders: Vec<String>,
    /// What is not taken, and why; at most 1000.
    pub refused: Vec<Refused>,
    /// How many more were refused.
    pub refused_besides: u64,
    /// Size of all files together.
    pub bytes: u64,
}

/// A file that can be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Relative, with `/` between its names.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// It may be carried out.
    pub executable: bool,
}

/// Something that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its path, escaped so that it can be shown.
    pub path: String,
    /// Why not, as the rest of a sentence.
    pub why: &'static str,
}

impl Outputs {
    pub(crate) fn new(folder: OwnedFd, most_bytes: u64) -> Self {
        Self { folder, most_bytes }
    }

    /// Looks through the folder.
    ///
    /// # Errors
    /// When the folder itself can't be read. What is in it never makes this fail.
    pub fn collect(&self) -> io::Result<Collected> {
        let mut look = Look {
            collected: Collected::default(),
            names_of: HashMap::new(),
            links: Vec::new(),
            seen: 0,
            most_bytes: self.most_bytes,
        };
        let folder = openat(&self.folder, c".", FOLDER, Mode::empty())?;
        look.folder(folder, "", 0)?;
        look.judge_links();
        let mut collected = look.collected;
        collected.files.sort_by(|a, b| a.path.cmp(&b.path));
        collected.empty_folders.sort();
        collected.bytes = collected.files.iter().map(|file| file.bytes).sum();
        Ok(collected)
    }

    /// Opens a file that was collected.
    ///
    /// # Errors
    /// When it is not there, or no plain file.
    pub fn open(&self, path: &str) -> io::Result<File> {
        let mut names = path.split('/');
        let last = names.next_back().unwrap_or_default();
        let mut folder = openat(&self.folder, c".", FOLDER, Mode::empty())?;
        for name in names.clone().chain([last]) {
            if plain(name).is_err() {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
        for name in names {
            folder = openat(&folder, name, FOLDER, Mode::empty())?;
        }
        // Not to wait for the other end of a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&folder, last, flags, Mode::empty())?;
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(file.into())
    }

    /// Copies what was collected into a folder, which is made and must be the caller's alone. Modes are 0600, or 0700 where a file may be carried out.
    ///
    /// # Errors
    /// When something can't be read or written.
    pub fn copy_to(&self, collected: &Collected, target: &Path) -> io::Result<()> {
        std::fs::create_dir_all(target)?;
        for folder in &collected.empty_folders {
            std::fs::create_dir_all(target.join(folder))?;
        }
        for file in &collected.files {
            let path = target.join(&file.path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mode = if file.executable { 0o700 } else { 0o600 };
            let mut copy = File::options().write(true).create_new(true).mode(mode).open(path)?;
            io::copy(&mut io::Read::take(self.open(&file.path)?, file.bytes), &mut copy)?;
            copy.flush()?;
        }
        Ok(())
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

struct Look {
    collected: Collected,
    /// How many names each file has in here, for those with several.
    names_of: HashMap<(u64, u64), u64>,
    /// Files with several names: which, how many in all, where in `files`.
    links: Vec<((u64, u64), u64, String)>,
    seen: usize,
    most_bytes: u64,
}

impl Look {
    fn folder(&mut self, folder: OwnedFd, path: &str, depth: usize) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name != c"." && name != c".." {
                names.push(name.to_owned());
            }
            // A folder that goes on without end is not listed to its end.
            if names.len() > MOST {
                break;
            }
        }
        if names.is_empty() && depth > 0 {
            self.collected.empty_folders.push(path.to_owned());
        }
        names.sort();
        for name in names {
            self.entry(&folder, path, &name, depth);
        }
        Ok(())
    }

    fn entry(&mut self, folder: &OwnedFd, above: &str, name: &CStr, depth: usize) {
        let shown = name.to_string_lossy();
        let path = if above.is_empty() {
            shown.clone().into_owned()
        } else {
            format!("{above}/{shown}")
        };
        self.seen += 1;
        if self.seen > MOST {
            return self.refuse(&path, "there are more files than 100,000");
        }
        if let Err(why) = name.to_str().map_err(|_| "its name is not UTF-8").and_then(plain) {
            return self.refuse(&path, why);
        }
        let Ok(found) = statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) else {
            return self.refuse(&path, "it can't be looked at");
        };
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory if depth >= DEEPEST => self.refuse(&path, "it lies too deep"),
            FileType::Directory => {
                let opened = openat(folder, name, FOLDER, Mode::empty());
                if opened
                    .map_err(io::Error::from)
                    .and_then(|opened| self.folder(opened, &path, depth + 1))
                    .is_err()
                {
                    self.refuse(&path, "the folder can't be read");
                }
            }
            FileType::RegularFile => self.file(folder, name, path, &found),
            FileType::Symlink => self.refuse(&path, "it is a link"),
            FileType::Fifo => self.refuse(&path, "it is a pipe"),
            FileType::Socket => self.refuse(&path, "it is a socket"),
            FileType::BlockDevice | FileType::CharacterDevice => self.refuse(&path, "it is a device"),
            FileType::Unknown => self.refuse(&path, "it is no file"),
        }
    }

    fn file(&mut self, folder: &OwnedFd, name: &CStr, path: String, found: &Stat) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if openat(folder, name, flags, Mode::empty()).is_err() {
            return self.refuse(&path, "it can't be read");
        }
        let bytes = u64::try_from(found.st_size).unwrap_or(u64::MAX);
        let sum = self.collected.bytes.saturating_add(bytes);
        if sum > self.most_bytes {
            return self.refuse(&path, "all files together are larger than the limit");
        }
        self.collected.bytes = sum;
        #[allow(clippy::useless_conversion, reason = "their types differ between processors")]
        let links = u64::from(found.st_nlink);
        if links > 1 {
            let file = (found.st_dev, found.st_ino);
            *self.names_of.entry(file).or_insert(0) += 1;
            self.links.push((file, links, path.clone()));
        }
        self.collected.files.push(OutputFile {
            path,
            bytes,
            executable: found.st_mode & 0o111 != 0,
        });
    }

    /// A file that has a name outside as well is not the task's own.
    fn judge_links(&mut self) {
        for (file, names, path) in std::mem::take(&mut self.links) {
            if self.names_of.get(&file).copied() != Some(names) {
                self.collected.files.retain(|file| file.path != path);
                self.refuse(&path, "it has a name outside as well");
            }
        }
    }

    fn refuse(&mut self, path: &str, why: &'static str) {
        if self.collected.refused.len() == NAMED {
            self.collected.refused_besides += 1;
            return;
        }
        let path = path.chars().take(300).flat_map(char::escape_debug).collect();
        self.collected.refused.push(Refused { path, why });
    }
}

/// Whether a name means the same on every computer that it may come to.
fn plain(name: &str) -> Result<(), &'static str> {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    if name.is_empty() || name == "." || name == ".." || name.contains('/') {
        return Err("its name is none");
    }
    if name.chars().any(char::is_control) {
        return Err("its name has control characters");
    }
    if name.contains(['<', '>', ':', '"', '\\', '|', '?', '*']) || name.ends_with(['.', ' ']) {
        return Err("its name has characters that not every computer takes");
    }
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_uppercase();
    let port = ["COM", "LPT"].iter().any(|port| {
        let digit = stem.strip_prefix(port).filter(|rest| rest.chars().count() == 1);
        digit.is_some_and(|digit| digit.chars().all(|c| c.is_ascii_digit() || "¹²³".contains(c)))
    });
    if DEVICES.contains(&&*stem) || port {
        return Err("its name is that of a device on some computers");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn outputs(folder: &Path, most: u64) -> Outputs {
        Outputs::new(File::open(folder).unwrap().into(), most)
    }

    fn why(collected: &Collected, path: &str) -> &'static str {
        let found = collected.refused.iter().find(|refused| refused.path == path);
        found.unwrap_or_else(|| panic!("{path} in {:?}", collected.refused)).why
    }

    #[test]
    fn plain_files_are_taken_and_all_else_is_named() {
        let root = tempfile::tempdir().unwrap();
        let out = root.path().join("out");
        std::fs::create_dir_all(out.join("model/empty")).unwrap();
        std::fs::write(out.join("model/weights"), "12345").unwrap();
        std::fs::write(root.path().join("outside"), "x").unwrap();
        symlink("/etc/passwd", out.join("link")).unwrap();
        symlink("model", out.join("folder")).unwrap();
        std::fs::hard_link(root.path().join("outside"), out.join("hard")).unwrap();
        std::fs::hard_link(out.join("model/weights"), out.join("twice")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, out.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(out.join("socket")).unwrap();
        std::fs::write(out.join("a\nb"), "x").unwrap();
        std::fs::write(out.join("NUL.txt"), "x").unwrap();
        std::fs::write(out.join("x."), "x").unwrap();
        {
            use std::os::unix::ffi::OsStrExt as _;
            std::fs::write(out.join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
        }
        let outputs = outputs(&out, 1000);
        let collected = outputs.collect().unwrap();
        let paths: Vec<_> = collected.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["model/weights", "twice"]);
        assert_eq!(collected.empty_folders, ["model/empty"]);
        assert_eq!(collected.bytes, 10);
        for (path, reason) in [
            ("link", "link"),
            ("folder", "link"),
            ("hard", "outside"),
            ("pipe", "pipe"),
            ("socket", "socket"),
            ("a\\nb", "control"),
            ("NUL.txt", "device"),
            ("x.", "characters"),
            ("\u{fffd}", "UTF-8"),
        ] {
            assert!(
                why(&collected, path).contains(reason),
                "{path}: {}",
                why(&collected, path)
            );
        }
        assert_eq!(collected.refused.len(), 9);
        let copy = root.path().join("copy");
        outputs.copy_to(&collected, &copy).unwrap();
        assert_eq!(std::fs::read(copy.join("model/weights")).unwrap(), b"12345");
        assert!(copy.join("model/empty").is_dir() && !copy.join("link").exists());
        for path in [
            "link",
            "folder/weights",
            "pipe",
            "../outside",
            "",
            "/etc/passwd",
            "model",
        ] {
            assert!(outputs.open(path).is_err(), "{path}");
        }
    }

    #[test]
    fn much_and_deep_is_bounded() {
        let root = tempfile::tempdir().unwrap();
        let mut deep = root.path().to_path_buf();
        for _ in 0..40 {
            deep.push("d");
        }
        std::fs::create_dir_all(&deep).unwrap();
        // A file that says it is larger than it is.
        File::create(root.path().join("sparse"))
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        std::fs::write(root.path().join("small"), "1").unwrap();
        let collected = outputs(root.path(), 1 << 20).collect().unwrap();
        assert!(why(&collected, "sparse").contains("limit"));
        assert_eq!(collected.files.len(), 1);
        assert!(collected.refused.iter().any(|refused| refused.why.contains("deep")));
    }
}
