//! `cargo xtask sbom`: what the shipped programs are made of, as CycloneDX 1.6 in JSON.
//!
//! Written from what already binds a build: `cargo tree` for which crates reach a program with the features of its release,
//! `Cargo.lock` for their checksums, `ui/package-lock.json` for the page. The same tree gives the same file: it has neither a time nor
//! a random serial number, so that two people can compare theirs.

mod bom;
mod crates;
mod npm;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Exit, output_of};
use crate::release::PROGRAMS;
use crate::workspace::{Metadata, root};
use bom::{Bom, Component, Kind, Licence, Property};

/// The name of the file.
pub(crate) const FILE: &str = "holdfast.cdx.json";

/// `cargo xtask sbom [--out FILE]`
pub(crate) fn run(args: &[String]) -> Result<()> {
    let meta = Metadata::load()?;
    let file = match args {
        [] => meta.target_directory.join(FILE),
        [flag, file] if flag == "--out" => PathBuf::from(file),
        _ => return Err(Exit::usage("cargo xtask sbom takes --out FILE or nothing")),
    };
    let count = write(&meta, &file)?;
    println!("{count} components: {}", file.display());
    Ok(())
}

/// Writes the file and returns the number of components in it.
pub(crate) fn write(meta: &Metadata, file: &Path) -> Result<usize> {
    let bom = make(meta, &host()?)?;
    let mut text = serde_json::to_string_pretty(&bom)?;
    text.push('\n');
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(bom.components.len())
}

/// The kind of machine that a build without `--target` is for.
pub(crate) fn host() -> Result<String> {
    let said = output_of(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

fn make(meta: &Metadata, target: &str) -> Result<Bom> {
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let (mut components, mut edges) = crates::read(meta, &crates::checksums(&lock), target)?;
    let page = fs::read_to_string(root().join("ui").join("package-lock.json"))?;
    let page = npm::read(&page)?;
    let roots: BTreeMap<&str, Vec<String>> = PROGRAMS
        .iter()
        .map(|program| {
            let own = crates::own_ref(program.package);
            let page = page.direct.iter().filter(|_| program.has_the_page).cloned();
            (program.name, std::iter::once(own).chain(page).collect())
        })
        .collect();
    components.extend(page.components);
    edges.extend(page.edges);
    components.sort_by(|one, other| one.bom_ref.cmp(&other.bom_ref));
    edges.extend(roots.iter().map(|(name, on)| (program_ref(name), on.clone())));
    edges.insert(
        "holdfast".to_owned(),
        roots.keys().map(|name| program_ref(name)).collect(),
    );
    Ok(Bom::new(product(target), components, edges))
}

fn program_ref(name: &str) -> String {
    format!("program:{name}")
}

/// Holdfast itself, and its programs.
fn product(target: &str) -> Component {
    let application = |bom_ref: String, name: &str| Component {
        licenses: vec![Licence::of("MIT OR Apache-2.0")],
        ..Component::new(Kind::Application, bom_ref, name, Metadata::version())
    };
    let programs = PROGRAMS
        .iter()
        .map(|program| application(program_ref(program.name), program.name));
    Component {
        components: programs.collect(),
        properties: vec![Property::new("holdfast:target", target)],
        ..application("holdfast".to_owned(), "holdfast")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of_this_tree() -> Bom {
        make(&Metadata::load().unwrap(), &host().unwrap()).unwrap()
    }

    #[test]
    fn every_component_is_named_pinned_and_licensed_once() {
        let bom = of_this_tree();
        let mut seen = BTreeSet::new();
        for component in &bom.components {
            let name = &component.bom_ref;
            assert!(seen.insert(name.as_str()), "{name} is there twice");
            assert!(!component.version.is_empty(), "{name} has no version");
            assert!(!component.licenses.is_empty(), "{name} has no licence");
            assert!(!component.properties.is_empty(), "{name} is in no program");
            let ours = component.name.starts_with("holdfast-");
            assert_eq!(component.purl.is_none(), ours, "{name}: purl");
            let digits = match component.hashes.as_slice() {
                [] => 0,
                [hash] => hash.content.len(),
                _ => panic!("{name} has several hashes"),
            };
            let npm = name.starts_with("pkg:npm/");
            assert_eq!(
                digits,
                if ours {
                    0
                } else if npm {
                    128
                } else {
                    64
                },
                "{name}: hash"
            );
        }
    }

    #[test]
    fn every_edge_ends_at_something() {
        let bom = of_this_tree();
        let programs = bom.metadata.component.components.iter().map(|one| one.bom_ref.as_str());
        let known: BTreeSet<&str> = bom
            .components
            .iter()
            .map(|one| one.bom_ref.as_str())
            .chain(programs)
            .chain(["holdfast"])
            .collect();
        let from: BTreeSet<&str> = bom.dependencies.iter().map(|edge| edge.from.as_str()).collect();
        assert_eq!(from, known);
        for edge in &bom.dependencies {
            for on in &edge.depends_on {
                assert!(known.contains(on.as_str()), "{} -> {on}", edge.from);
            }
        }
        // All of it hangs together: what no program reaches has no place here.
        let mut reached = BTreeSet::new();
        let mut open = vec!["holdfast"];
        while let Some(one) = open.pop() {
            if reached.insert(one) {
                let edges = bom.dependencies.iter().filter(|edge| edge.from == one);
                open.extend(edges.flat_map(|edge| edge.depends_on.iter().map(String::as_str)));
            }
        }
        assert_eq!(reached, known);
    }

    #[test]
    fn what_is_shipped_is_in_and_what_only_tests_use_is_not() {
        let bom = of_this_tree();
        let programs = |name: &str| -> Vec<&str> {
            let found = bom.components.iter().filter(|one| one.name == name);
            found
                .flat_map(|one| one.properties.iter().map(|property| property.value.as_str()))
                .collect()
        };
        for both in ["aws-lc-sys", "libsqlite3-sys", "holdfast-crypto"] {
            assert_eq!(programs(both), ["holdfast", "holdfast-app"], "{both}");
        }
        assert_eq!(programs("tauri"), ["holdfast-app"]);
        assert_eq!(programs("svelte"), ["holdfast-app"]);
        assert_eq!(programs("indicatif"), ["holdfast"]);
        for absent in [
            "proptest",
            "thirtyfour",
            "holdfast-testkit",
            "holdfast-tests",
            "xtask",
            "vitest",
            "windows-sys",
        ] {
            assert_eq!(programs(absent), Vec::<&str>::new(), "{absent}");
        }
        let scope = |name: &str| {
            bom.components
                .iter()
                .find(|one| one.name == name)
                .and_then(|one| one.scope)
        };
        assert_eq!(scope("aws-lc-rs"), Some("required"));
        assert_eq!(scope("serde_derive"), Some("excluded"));
        assert_eq!(scope("tauri-build"), Some("excluded"));
    }

    #[test]
    fn the_same_tree_gives_the_same_file() {
        let text = || serde_json::to_string(&of_this_tree()).unwrap();
        assert_eq!(text(), text());
    }
}
