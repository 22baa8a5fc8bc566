//! Folders to upload, and how to compare them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

/// What a path is: kind and mode, time of change (not of links), content or target.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) struct Shape {
    pub(crate) mode: u32,
    pub(crate) modified_ns: i64,
    pub(crate) content: Vec<u8>,
}

/// Everything below a folder, by relative path.
pub(crate) fn snapshot(root: &Path) -> BTreeMap<Vec<u8>, Shape> {
    let mut all = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry.unwrap();
        let metadata = entry.path().symlink_metadata().unwrap();
        let link = metadata.is_symlink();
        let content = if link {
            entry.path().read_link().unwrap().as_os_str().as_bytes().to_vec()
        } else if metadata.is_file() {
            blake3::hash(&fs::read(entry.path()).unwrap()).as_bytes().to_vec()
        } else {
            Vec::new()
        };
        let modified_ns = if link {
            0
        } else {
            metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec()
        };
        let path = entry.path().strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
        all.insert(
            path,
            Shape {
                mode: metadata.mode() & 0o170_777,
                modified_ns,
                content,
            },
        );
    }
    all
}

/// Bytes that look random and depend on the seed alone.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new()
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Names that programs trip over, all in one folder, and every kind of file that there is.
pub(crate) fn awkward(root: &Path) {
    for number in 0..5_000u32 {
        let folder = root.join(format!("many/{:02}", number % 50));
        let name: Vec<u8> = match number % 5 {
            0 => format!("line\nbreak {number}").into_bytes(),
            1 => format!("\u{1F9EA}\u{200D}e\u{301} {number}").into_bytes(),
            2 => format!("{number:0>255}").into_bytes(),
            3 => [b"\xff\xfe\x80 ", number.to_string().as_bytes()].concat(),
            _ => format!("-rf ~ $HOME 'q\"\\ *? {number} ").into_bytes(),
        };
        write(
            &folder.join(OsStr::from_bytes(&name)),
            &noise(number.into(), (number % 97) as usize),
        );
    }
    write(&root.join("empty file"), b"");
    fs::create_dir(root.join("empty folder")).unwrap();
    write(&root.join(".hidden/.also"), b"dot");
    write(&root.join("large"), &noise(1, 9_000_001));
    write(&root.join("zeros"), &vec![0; 9 << 20]);
    write(&root.join("exactly 1 MiB"), &noise(2, 1 << 20));
    write(&root.join("1 MiB and 1"), &noise(3, (1 << 20) + 1));
    write(&root.join("same as large"), &noise(1, 9_000_001));
    write(&root.join("a/b/c/d/e/f/g"), b"deep");
    write(&root.join("a-b"), b"sorts between a and a/b");
    for (name, target) in [
        ("link", "large"),
        ("broken", "nowhere"),
        ("up", "a/b"),
        ("a/b/out of b", "../../large"),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    for mode in [0o000, 0o400, 0o444, 0o600, 0o644, 0o755, 0o777, 0o111] {
        let path = root.join(format!("mode {mode:o}"));
        write(&path, format!("{mode:o}").as_bytes());
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::set_permissions(root.join("a/b/c"), fs::Permissions::from_mode(0o500)).unwrap();
    let old = fs::File::options().write(true).open(root.join("empty file")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH - std::time::Duration::from_millis(1_234_567))
        .unwrap();
}
