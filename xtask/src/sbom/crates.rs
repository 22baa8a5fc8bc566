//! The crates in the programs: which, from `cargo tree`; what they are, from `cargo metadata`; their checksums, from the lock.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::bom::{Component, Hash, Kind, Licence, Property, Reference};
use crate::process::output_of;
use crate::release::PROGRAMS;
use crate::workspace::{Metadata, Package, cargo};

/// Name and version.
type Name = (String, String);
/// From a component to those that it uses, by their references.
type Edges = BTreeMap<String, Vec<String>>;

/// In which programs a crate is, and whether any of them runs it.
#[derive(Default)]
struct Use {
    programs: Vec<&'static str>,
    runs: bool,
}

/// Every crate of a release for this kind of machine.
pub(crate) fn read(
    meta: &Metadata,
    checksums: &BTreeMap<Name, String>,
    target: &str,
) -> Result<(Vec<Component>, Edges)> {
    let mut uses: BTreeMap<Name, Use> = BTreeMap::new();
    for program in PROGRAMS {
        // A procedural macro and what it uses run in the compiler.
        let runs = tree(program.package, "normal,no-proc-macro", target)?;
        for name in tree(program.package, "normal,build", target)? {
            let runs = runs.contains(&name);
            let found = uses.entry(name).or_default();
            found.programs.push(program.name);
            found.runs |= runs;
        }
    }
    let packages: BTreeMap<Name, &Package> = meta.packages.iter().map(|one| (name_of(one), one)).collect();
    let mut components = Vec::new();
    for (name, found) in &uses {
        let package = packages
            .get(name)
            .with_context(|| format!("cargo metadata does not know {} {}", name.0, name.1))?;
        components.push(component(package, found, checksums.get(name)));
    }
    Ok((components, edges(meta, &uses)))
}

/// The crates that `cargo tree` shows along these edges.
fn tree(package: &str, edges: &str, target: &str) -> Result<BTreeSet<Name>> {
    let mut tree = cargo("tree");
    tree.args(["--package", package, "--edges", edges, "--target", target]);
    tree.args(["--prefix", "none", "--format", "{p}"]);
    Ok(output_of(&mut tree)?.lines().filter_map(read_line).collect())
}

/// `serde v1.0.229`, `holdfast-cli v0.1.0 (/path)`, `serde_derive v1.0.229 (proc-macro) (*)`
fn read_line(line: &str) -> Option<Name> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some((name.to_owned(), version.to_owned()))
}

/// The checksums in `Cargo.lock`: cargo writes it, one field to a line.
pub(crate) fn checksums(lock: &str) -> BTreeMap<Name, String> {
    let field = |block: &str, name: &str| {
        let line = block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    lock.split("[[package]]")
        .filter_map(|block| {
            Some((
                (field(block, "name")?, field(block, "version")?),
                field(block, "checksum")?,
            ))
        })
        .collect()
}

fn component(package: &Package, found: &Use, checksum: Option<&String>) -> Component {
    let purl = package
        .source
        .is_some()
        // A plus in a version stands for a space in some readers of URLs.
        .then(|| format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B")));
    let repository = package.repository.iter().filter(|_| package.source.is_some());
    Component {
        scope: Some(if found.runs { "required" } else { "excluded" }),
        hashes: checksum.map(|hex| Hash::sha256(hex)).into_iter().collect(),
        licenses: package
            .license
            .iter()
            .map(|expression| Licence::of(expression))
            .collect(),
        purl,
        external_references: repository.map(|url| Reference::vcs(url)).collect(),
        properties: found.programs.iter().map(|name| Property::program(name)).collect(),
        ..Component::new(Kind::Library, ref_of(package), &package.name, &package.version)
    }
}

/// Who uses whom, among those in a release. What only tests use does not count.
fn edges(meta: &Metadata, uses: &BTreeMap<Name, Use>) -> Edges {
    let shipped: BTreeMap<&str, String> = meta
        .packages
        .iter()
        .filter(|package| uses.contains_key(&name_of(package)))
        .map(|package| (package.id.as_str(), ref_of(package)))
        .collect();
    let nodes = meta.resolve.nodes.iter();
    nodes
        .filter_map(|node| {
            let from = shipped.get(node.id.as_str())?;
            let deps = node.deps.iter();
            let used = deps.filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev")));
            let on = used.filter_map(|dep| shipped.get(dep.pkg.as_str()).cloned()).collect();
            Some((from.clone(), on))
        })
        .collect()
}

fn name_of(package: &Package) -> Name {
    (package.name.clone(), package.version.clone())
}

fn ref_of(package: &Package) -> String {
    match package.source {
        Some(_) => format!("pkg:cargo/{}@{}", package.name, package.version),
        None => own_ref(&package.name),
    }
}

/// The reference of a crate of ours. Not a purl: on crates.io that name may be anybody's.
pub(crate) fn own_ref(package: &str) -> String {
    format!("own:{package}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, version: &str) -> Name {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn reads_what_cargo_tree_prints() {
        assert_eq!(read_line("serde v1.0.229"), Some(name("serde", "1.0.229")));
        assert_eq!(
            read_line("serde_derive v1.0.229 (proc-macro) (*)"),
            Some(name("serde_derive", "1.0.229"))
        );
        assert_eq!(
            read_line("holdfast-cli v0.1.0 (/a b/c)"),
            Some(name("holdfast-cli", "0.1.0"))
        );
        assert_eq!(read_line("[build-dependencies]"), None);
        assert_eq!(read_line(""), None);
    }

    #[test]
    fn reads_checksums_and_passes_over_what_has_none() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"s\"\nchecksum = \"ab\"\n\
                    dependencies = [\n \"b\",\n]\n\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(name("a", "1.0.0"), "ab".to_owned())]));
    }
}
