//! Folders to upload, and comparing what came back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The public penguins table (or, where the shared data is not at hand, one of the same shape) in a folder.
///
/// # Panics
/// When the folder can't be written.
#[must_use]
pub fn small_dataset(root: &Path) -> PathBuf {
    let folder = root.join("penguins");
    std::fs::create_dir_all(&folder).expect("a folder");
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/penguins.csv");
    let table = std::fs::read(shared).unwrap_or_else(|_| {
        let mut table = String::from("species,island,bill_length_mm\n");
        for row in 0..344 {
            table.push_str(&format!("Adelie,Torgersen,{}\n", 300 + row));
        }
        table.into_bytes()
    });
    std::fs::write(folder.join("penguins.csv"), table).expect("a file");
    std::fs::write(folder.join("README"), "Palmer penguins\n").expect("a file");
    folder
}

/// A tree of `count` files with awkward names, sizes, modes, links and empty folders.
///
/// # Panics
/// When it can't be written.
#[must_use]
pub fn awkward_tree(root: &Path, count: usize) -> PathBuf {
    let top = root.join("tree");
    let long = "x".repeat(255);
    let names: [&[u8]; 13] = [
        b"plain.txt",
        b"with space",
        b"new\nline",
        "émoji 🦭".as_bytes(),
        b"-dash",
        b"-rf",
        b"..x",
        // Latin-1, as old archives have it: no UTF-8.
        b"caf\xe9",
        b"\xff\xfe",
        b"quote'\"",
        b"tab\there",
        b"trailing.",
        long.as_bytes(),
    ];
    for index in 0..count {
        let folder = top.join(format!("d{}", index % 50)).join(format!("e{}", index / 500));
        std::fs::create_dir_all(&folder).expect("a folder");
        // Each of the names once in each of the fifty folders.
        let name = match names.get(index / 50) {
            Some(name) => OsStr::from_bytes(name).to_owned(),
            None => format!("f{index}").into(),
        };
        let path = folder.join(name);
        let size = match index {
            0..50 => 0,
            50..60 => 70_000 + index,
            60 => 5 << 20,
            61 => (1 << 20) + 1,
            62 => 1 << 20,
            _ => index % 700,
        };
        let content: Vec<u8> = (0..size)
            .map(|at| u8::try_from((at * 31 + index * 7) % 251).unwrap_or(0))
            .collect();
        std::fs::write(&path, content).expect("a file");
        let mode = [0o644, 0o600, 0o755, 0o640, 0o444][index % 5];
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    }
    std::fs::create_dir_all(top.join("empty/inside")).expect("a folder");
    std::os::unix::fs::symlink("d0", top.join("link-to-folder")).expect("a link");
    std::os::unix::fs::symlink("d1/e0", top.join("link-inside")).expect("a link");
    top
}

/// What `diff -r` and a comparison of modes say: empty when the two folders are equal.
///
/// # Panics
/// When `diff` or `find` can't run.
#[must_use]
pub fn difference(sent: &Path, got: &Path) -> String {
    let diff = Command::new("diff")
        .args(["-r", "--no-dereference"])
        .args([sent, got])
        .output()
        .expect("diff runs");
    let mut said = String::from_utf8_lossy(&diff.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&diff.stderr));
    let (a, b) = (modes(sent), modes(got));
    for (left, right) in a.iter().zip(&b) {
        if left != right {
            said.push_str(&format!("modes differ: {left:?} {right:?}\n"));
        }
    }
    if a.len() != b.len() {
        said.push_str(&format!("{} paths were sent and {} came back\n", a.len(), b.len()));
    }
    said
}

/// Every path below `top` with its type, mode and link target.
fn modes(top: &Path) -> Vec<(PathBuf, u32, Option<PathBuf>)> {
    let mut all: Vec<_> = walkdir::WalkDir::new(top)
        .min_depth(1)
        .into_iter()
        .map(|entry| {
            let entry = entry.expect("a readable tree");
            let metadata = entry.path().symlink_metadata().expect("metadata");
            let link = metadata
                .is_symlink()
                .then(|| std::fs::read_link(entry.path()).expect("a link"));
            let mode = if metadata.is_symlink() {
                0
            } else {
                metadata.permissions().mode() & 0o777
            };
            (
                entry.path().strip_prefix(top).expect("below the top").to_owned(),
                mode,
                link,
            )
        })
        .collect();
    all.sort();
    all
}
