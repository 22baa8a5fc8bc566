//! What the innermost crates must not reach for in the standard library: files, network, environment,
//! clocks, and a source of randomness that is not handed in.
//!
//! A search through the text, tests and examples left out. It catches the slip, not the determined.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Verdict;
use super::sizes::rust_files;

/// A folder, and the words that must not stand in its product code.
const RULES: [(&str, &[&str]); 5] = [
    ("crates/crypto/src", &IO_CLOCK_AND_CHANCE),
    ("crates/import/src", &IO_CLOCK_AND_CHANCE),
    ("crates/protocol/src", &IO_CLOCK_AND_CHANCE),
    ("crates/task/src", &IO_CLOCK_AND_CHANCE),
    (
        "crates/engine/src",
        &["SystemTime::now", "std::env::", "std::net::", "std::process::"],
    ),
];

const IO_CLOCK_AND_CHANCE: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::env::",
    "std::process",
    "SystemTime::now",
    "Instant::now",
    "OsRng",
    "SysRng",
    "getrandom::",
];

/// Looks through the folders of [`RULES`].
pub(crate) fn check(root: &Path) -> Result<Verdict> {
    let mut faults = Vec::new();
    for (folder, banned) in RULES {
        for file in rust_files(&root.join(folder))? {
            if file.file_stem().is_some_and(|stem| stem == "tests") {
                continue;
            }
            let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            faults.extend(faults_in(&shown, &fs::read_to_string(&file)?, banned));
        }
    }
    Ok(Verdict::from_faults(faults))
}

fn faults_in(file: &str, text: &str, banned: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break; // tests stand at the end of a file
        }
        let code = line.split("//").next().unwrap_or_default();
        for word in banned.iter().filter(|word| code.contains(**word)) {
            faults.push(format!("{file}:{}: `{word}` has no place here", number + 1));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_clock_but_not_in_comments_or_tests() {
        let text = "\
//! Never calls SystemTime::now.
fn f() {}
let t = SystemTime::now(); // why not
#[cfg(test)]
mod tests { use std::fs; }
";
        assert_eq!(
            faults_in("a.rs", text, &IO_CLOCK_AND_CHANCE),
            ["a.rs:3: `SystemTime::now` has no place here"]
        );
    }
}
