//! The packages that the page is made of, from `ui/package-lock.json`: those that are not only for its development.
//!
//! It is the whole of what they bring; of some (a compiler's own parts, say) nothing ends up in the page.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::bom::{Component, Hash, Kind, Licence, Property};

/// Packages that say their licence in a file only.
const LICENCES: [(&str, &str); 1] = [("svelte-toolbelt", "MIT")];
/// The program that the page is in.
const PROGRAM: &str = "holdfast-app";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: u32,
    packages: BTreeMap<String, Locked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Locked {
    #[serde(default)]
    version: String,
    integrity: Option<String>,
    license: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(default)]
    peer_dependencies: BTreeMap<String, String>,
}

pub(crate) struct Page {
    pub(crate) components: Vec<Component>,
    pub(crate) edges: BTreeMap<String, Vec<String>>,
    /// The references of what the page itself names.
    pub(crate) direct: Vec<String>,
}

/// Reads a lock file of version 3.
pub(crate) fn read(text: &str) -> Result<Page> {
    let lock: Lock = serde_json::from_str(text).context("ui/package-lock.json")?;
    ensure!(
        lock.lockfile_version == 3,
        "ui/package-lock.json has another version than 3"
    );
    let shipped = |place: &str| lock.packages.get(place).filter(|package| !package.dev);
    let mut page = Page {
        components: Vec::new(),
        edges: BTreeMap::new(),
        direct: Vec::new(),
    };
    for (place, package) in lock.packages.iter().filter(|(_, package)| !package.dev) {
        let used = package.dependencies.keys().chain(package.peer_dependencies.keys());
        let on: Vec<String> = used
            .filter_map(|name| {
                let place = found_from(place, name, &|place| shipped(place).is_some())?;
                shipped(&place).map(|package| purl(name, &package.version))
            })
            .collect();
        if place.is_empty() {
            page.direct = on;
            continue;
        }
        let name = name_at(place);
        let component = component(name, package).with_context(|| format!("{name} in ui/package-lock.json"))?;
        // The same version in two places is one component.
        let edges = page.edges.entry(component.bom_ref.clone());
        if matches!(edges, std::collections::btree_map::Entry::Vacant(_)) {
            page.components.push(component);
        }
        edges.or_default().extend(on);
    }
    Ok(page)
}

fn component(name: &str, package: &Locked) -> Result<Component> {
    let hash = package
        .integrity
        .as_deref()
        .and_then(|text| text.strip_prefix("sha512-"));
    let hash = hash.and_then(from_base64).filter(|bytes| bytes.len() == 64);
    let known = LICENCES
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, licence)| *licence);
    let licence = package.license.as_deref().or(known);
    let purl = purl(name, &package.version);
    Ok(Component {
        scope: Some("required"),
        hashes: vec![Hash::sha512(&hash.context("no SHA-512 of it")?)],
        licenses: vec![Licence::of(
            licence.context("no licence; see LICENCES in xtask/src/sbom/npm.rs")?,
        )],
        purl: Some(purl.clone()),
        properties: vec![Property::program(PROGRAM)],
        ..Component::new(Kind::Library, purl, name, &package.version)
    })
}

/// `node_modules/a/node_modules/@b/c` is where `@b/c` lies for `a` alone.
fn name_at(place: &str) -> &str {
    place.rsplit_once("node_modules/").map_or(place, |(_, name)| name)
}

/// Where Node finds `name` for what lies at `place`: in its own folder, else in one further out.
fn found_from(place: &str, name: &str, is_there: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut from = place;
    loop {
        let slash = if from.is_empty() { "" } else { "/" };
        let candidate = format!("{from}{slash}node_modules/{name}");
        if is_there(&candidate) {
            return Some(candidate);
        }
        if from.is_empty() {
            return None;
        }
        from = from
            .rsplit_once("node_modules/")
            .map_or("", |(outer, _)| outer.trim_end_matches('/'));
    }
}

fn purl(name: &str, version: &str) -> String {
    format!("pkg:npm/{}@{version}", name.replacen('@', "%40", 1))
}

/// The bytes of padded standard base64 (RFC 4648 4).
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        held = held << 6 | u32::from(digit(byte)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_rfc() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(from_base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(from_base64("Zm 8="), None);
    }

    #[test]
    fn a_package_is_found_as_node_finds_it() {
        let there = ["node_modules/a", "node_modules/b", "node_modules/a/node_modules/b"];
        let from = |place, name| found_from(place, name, &|place| there.contains(&place));
        assert_eq!(from("node_modules/a", "b").as_deref(), Some(there[2]));
        assert_eq!(from("node_modules/a/node_modules/b", "a").as_deref(), Some(there[0]));
        assert_eq!(from("", "b").as_deref(), Some(there[1]));
        assert_eq!(from("node_modules/a", "c"), None);
    }

    #[test]
    fn what_is_for_development_is_left_out() {
        let digits = "A".repeat(86) + "==";
        let lock = format!(
            r#"{{"lockfileVersion": 3, "packages": {{
                "": {{"dependencies": {{"@s/a": "1"}}, "devDependencies": {{"d": "1"}}}},
                "node_modules/@s/a": {{"version": "1.0.0", "license": "MIT", "integrity": "sha512-{digits}"}},
                "node_modules/d": {{"version": "2.0.0", "dev": true}}
            }}}}"#
        );
        let page = read(&lock).unwrap();
        assert_eq!(page.direct, ["pkg:npm/%40s/a@1.0.0"]);
        assert_eq!(page.components.len(), 1);
        assert_eq!(page.components[0].hashes[0].content, "0".repeat(128));
        assert!(read(&lock.replace(&digits, "")).is_err(), "without a checksum");
        assert!(
            read(&lock.replace("MIT", "").replace(r#""license": "","#, "")).is_err(),
            "without a licence"
        );
    }
}
