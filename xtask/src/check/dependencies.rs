//! Every package that we name ourselves stands in docs/dependencies.md with the reason why, and nothing else does.
//!
//! Those that come with them are held by the lock files and by `deny.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Verdict;
use crate::workspace::Metadata;

const PAGE: &str = "docs/dependencies.md";
/// Named in the page by this before the name of a package of npm's.
const NPM: &str = "npm:";

/// Holds the page against what the crates of this workspace and the page of the window name.
pub(crate) fn check(meta: &Metadata, root: &Path) -> Result<Verdict> {
    let page = fs::read_to_string(root.join(PAGE)).with_context(|| format!("cannot read {PAGE}"))?;
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let package = fs::read_to_string(root.join("ui").join("package.json"))?;
    let crates = named_by_crates(meta);
    let mut faults: Vec<String> = packages_in(&manifest)
        .difference(&crates)
        .map(|name| format!("Cargo.toml: [workspace.dependencies] has {name}, which no crate uses"))
        .collect();
    let mut named = crates;
    named.extend(named_by_page(&serde_json::from_str(&package)?));
    faults.extend(compare(&rows(&page), &named));
    Ok(Verdict::from_faults(faults))
}

fn named_by_crates(meta: &Metadata) -> BTreeSet<String> {
    let members = meta.members();
    let declared = members.values().flat_map(|package| &package.dependencies);
    declared
        .filter(|one| one.source.is_some())
        .map(|one| one.name.clone())
        .collect()
}

fn named_by_page(package: &Value) -> BTreeSet<String> {
    ["dependencies", "devDependencies"]
        .into_iter()
        .filter_map(|key| package.get(key)?.as_object())
        .flat_map(|names| names.keys().map(|name| format!("{NPM}{name}")))
        .collect()
}

/// The packages behind the names in `[workspace.dependencies]`, ours left out. Each stands on a line of its own.
fn packages_in(manifest: &str) -> BTreeSet<String> {
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines
        .filter(|line| !line.starts_with('#') && !line.contains("path = "))
        .filter_map(|line| {
            let (name, value) = line.split_once(" = ")?;
            let renamed = value
                .split_once("package = \"")
                .and_then(|(_, rest)| rest.split('"').next());
            Some(renamed.unwrap_or(name).to_owned())
        })
        .collect()
}

/// The names in the first column of the tables, and whether all other cells of the row say something.
fn rows(page: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let names = cells.next().unwrap_or_default();
        let full = cells.all(|cell| !cell.is_empty());
        for name in names.split(',') {
            found.push((name.trim().trim_matches('`').to_owned(), full));
        }
    }
    found
}

fn compare(rows: &[(String, bool)], named: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, full) in rows {
        if !seen.insert(name.clone()) {
            faults.push(format!("{PAGE}: {name} is there twice"));
        }
        if !named.contains(name) {
            faults.push(format!("{PAGE}: nothing of ours names {name}"));
        }
        if !full {
            faults.push(format!("{PAGE}: the row of {name} has an empty cell"));
        }
    }
    faults.extend(
        named
            .difference(&seen)
            .map(|name| format!("{PAGE}: no row for {name}: what is it for, who keeps it, why do we trust it?")),
    );
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const PAGE_TEXT: &str = "\
| package | for |
|---|---|
| `aes`, `cbc` | the box |
| `npm:svelte` | the page |
text with `other` in it
";

    #[test]
    fn a_full_page_is_good() {
        assert_eq!(
            compare(&rows(PAGE_TEXT), &names(&["aes", "cbc", "npm:svelte"])),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_missing_row_an_old_one_and_an_empty_cell_are_seen() {
        let faults = compare(&rows(PAGE_TEXT), &names(&["aes", "cbc", "hkdf", "npm:svelte"]));
        assert!(
            matches!(faults.as_slice(), [one] if one.contains("no row for hkdf")),
            "{faults:?}"
        );
        let faults = compare(&rows(PAGE_TEXT), &names(&["aes", "cbc"]));
        assert!(
            matches!(faults.as_slice(), [one] if one.contains("names npm:svelte")),
            "{faults:?}"
        );
        let faults = compare(&rows("| `aes` | |\n| `aes` | box |\n"), &names(&["aes"]));
        assert_eq!(faults.len(), 2, "{faults:?}");
    }

    #[test]
    fn reads_the_names_in_a_manifest() {
        let manifest = "[workspace.dependencies]\nholdfast-x = { path = \"x\" }\n# why\naes = \"1\"\n\
                        old = { package = \"sha2\", version = \"0.10\" }\n\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n";
        assert_eq!(packages_in(manifest), names(&["aes", "sha2"]));
    }

    #[test]
    fn reads_the_names_in_a_package() {
        let package =
            serde_json::json!({ "dependencies": { "a": "1" }, "devDependencies": { "@s/b": "1" }, "name": "c" });
        assert_eq!(named_by_page(&package), names(&["npm:@s/b", "npm:a"]));
    }

    #[test]
    fn the_page_is_as_the_workspace() {
        let verdict = check(&Metadata::load().unwrap(), crate::workspace::root()).unwrap();
        match verdict {
            Verdict::Good => {}
            Verdict::Bad(faults) => panic!("{}", faults.join("\n")),
            Verdict::Skipped(why) => panic!("skipped: {why}"),
        }
    }
}
