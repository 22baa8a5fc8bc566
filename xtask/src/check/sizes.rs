//! How long a Rust file may be: over 500 lines is said, over 800 fails. Tests inside count.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Verdict;

/// From here on a file is told to split.
const SMELLS: usize = 500;
/// From here on it fails.
const FAILS: usize = 800;

/// Where our sources are.
const FOLDERS: [&str; 5] = ["crates", "xtask", "tests", "src-tauri", "fuzz"];

/// Counts the lines of all our Rust files.
pub(crate) fn check(root: &Path) -> Result<Verdict> {
    let mut faults = Vec::new();
    for folder in FOLDERS {
        for file in rust_files(&root.join(folder))? {
            let lines = fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?
                .lines()
                .count();
            let shown = file.strip_prefix(root).unwrap_or(&file).display();
            match verdict(lines) {
                Size::Fine => {}
                Size::Smells => eprintln!("      {shown} has {lines} lines: time for two files?"),
                Size::Fails => {
                    faults.push(format!("{shown} has {lines} lines; {FAILS} is the most"));
                }
            }
        }
    }
    Ok(Verdict::from_faults(faults))
}

#[derive(Debug, PartialEq, Eq)]
enum Size {
    Fine,
    Smells,
    Fails,
}

fn verdict(lines: usize) -> Size {
    match lines {
        0..=SMELLS => Size::Fine,
        _ if lines <= FAILS => Size::Smells,
        _ => Size::Fails,
    }
}

/// Every `.rs` file under `folder`, in order. A folder that is not there has none.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != "target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_inclusive() {
        assert_eq!(verdict(500), Size::Fine);
        assert_eq!(verdict(501), Size::Smells);
        assert_eq!(verdict(800), Size::Smells);
        assert_eq!(verdict(801), Size::Fails);
    }

    #[test]
    fn finds_this_file_and_counts_it() {
        let files = rust_files(&crate::workspace::root().join("xtask")).unwrap();
        assert!(files.iter().any(|file| file.ends_with("check/sizes.rs")));
        assert!(files.iter().all(|file| file.extension().is_some_and(|ext| ext == "rs")));
    }
}
