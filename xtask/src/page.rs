//! The page: Node to build it with, its packages, its build, its own checks.
//!
//! Node is taken from the PATH when it is new enough. Else npm, which the system's packages bring, fetches one into the target
//! folder: nothing of the system is changed beyond that package.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Exit, output_of, show_and_run};
use crate::setup::{self, NPM, Need};
use crate::workspace::{Metadata, root};

/// What the page's tools ask for: Vite of Node, its lock file of npm.
const NODE: (u32, u32) = (20, 19);
const NPM_MAJOR: u32 = 11;
/// What is fetched where that is not there.
const FETCHED: &str = "22";

/// Node and npm, wherever they are.
pub(crate) struct Node {
    /// `None`: both are on the PATH.
    folder: Option<PathBuf>,
}

impl Node {
    /// What of the system's packages brings Node; nothing where it is.
    pub(crate) fn needs(meta: &Metadata) -> &'static [Need] {
        if Self::found(meta).is_some() { &[] } else { &[NPM] }
    }

    /// On the PATH, or fetched before.
    fn found(meta: &Metadata) -> Option<Self> {
        let places = [None, Some(own_folder(meta))];
        places.into_iter().map(|folder| Self { folder }).find(Self::is_enough)
    }

    /// Finds Node, or brings it.
    ///
    /// # Errors
    ///
    /// With exit code 2 when it can't be brought from here.
    pub(crate) fn ensure(meta: &Metadata) -> Result<Self> {
        if let Some(found) = Self::found(meta) {
            return Ok(found);
        }
        setup::ensure("The window", &[NPM])?;
        let folder = own_folder(meta);
        let own = Self {
            folder: Some(folder.clone()),
        };
        eprintln!("Fetching Node {FETCHED} and npm {NPM_MAJOR} into {}.", folder.display());
        fs::create_dir_all(&folder)?;
        let node = format!("node-{}@{FETCHED}", platform()?);
        let mut fetch = Command::new("npm");
        fetch.arg("install").arg("--prefix").arg(&folder);
        fetch.args(["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", &node]);
        fetch.arg(format!("npm@{NPM_MAJOR}"));
        if show_and_run(&mut fetch)? && own.is_enough() {
            return Ok(own);
        }
        Err(Exit::usage(format!(
            "Node {}.{} or later and npm {NPM_MAJOR} could not be brought. Install them, then repeat.",
            NODE.0, NODE.1
        )))
    }

    fn is_enough(&self) -> bool {
        let version = |command: Result<Command>| {
            command
                .ok()
                .and_then(|mut command| output_of(command.arg("--version")).ok())
        };
        let node = version(self.node()).and_then(|text| read_version(&text));
        let npm = version(self.npm()).and_then(|text| read_version(&text));
        node.is_some_and(|node| node >= NODE) && npm.is_some_and(|(major, _)| major >= NPM_MAJOR)
    }

    /// What Node says of its version, and npm of its.
    pub(crate) fn version(&self) -> Result<String> {
        let node = output_of(self.node()?.arg("--version"))?;
        let npm = output_of(self.npm()?.arg("--version"))?;
        Ok(format!("{}, npm {}", node.trim(), npm.trim()))
    }

    fn node(&self) -> Result<Command> {
        Ok(match &self.folder {
            None => Command::new("node"),
            Some(folder) => Command::new(bin(folder)?.join("node")),
        })
    }

    /// npm, with this Node first on the PATH of what it starts.
    pub(crate) fn npm(&self) -> Result<Command> {
        let Some(folder) = &self.folder else {
            return Ok(Command::new("npm"));
        };
        let bin = bin(folder)?;
        let mut command = Command::new(bin.join("node"));
        command.arg(folder.join("node_modules/npm/bin/npm-cli.js"));
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&old)));
        command.env("PATH", path.context("a PATH that can be added to")?);
        Ok(command)
    }
}

fn own_folder(meta: &Metadata) -> PathBuf {
    meta.target_directory.join("tools").join("node")
}

fn bin(folder: &Path) -> Result<PathBuf> {
    Ok(folder
        .join("node_modules")
        .join(format!("node-{}", platform()?))
        .join("bin"))
}

/// As the packages that carry Node are called.
fn platform() -> Result<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("linux-x64"),
        ("linux", "aarch64") => Ok("linux-arm64"),
        (os, arch) => Err(Exit::usage(format!(
            "Install Node {}.{} or later for {os} on {arch}, then repeat.",
            NODE.0, NODE.1
        ))),
    }
}

/// Major and minor of `v20.19.2` or `11.6.0`.
fn read_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Builds the page into `ui/dist`, with the packages of its lock file.
///
/// # Errors
///
/// When npm or the build fail; they have said why.
pub(crate) fn build(node: &Node) -> Result<()> {
    build_in(node, root())
}

/// As [`build`], in a copy of the tree.
///
/// # Errors
///
/// As there.
pub(crate) fn build_in(node: &Node, tree: &Path) -> Result<()> {
    let ui = tree.join("ui");
    if !packages_are_in(&ui) {
        npm(node, &ui, &["ci", "--no-audit", "--no-fund"])?;
    }
    npm(node, &ui, &["run", "--silent", "build"])
}

/// The page's own checks: types, and what can be tested without a window.
///
/// # Errors
///
/// When one fails; it has said why.
pub(crate) fn check(node: &Node) -> Result<()> {
    let ui = root().join("ui");
    npm(node, &ui, &["run", "--silent", "check"])?;
    npm(node, &ui, &["run", "--silent", "test"])
}

fn npm(node: &Node, ui: &Path, args: &[&str]) -> Result<()> {
    let mut command = node.npm()?;
    if show_and_run(command.current_dir(ui).args(args))? {
        Ok(())
    } else {
        Err(Exit::silent())
    }
}

/// npm notes what it installed; that note is younger than the lock file it was made from.
fn packages_are_in(ui: &Path) -> bool {
    let changed = |file: &str| fs::metadata(ui.join(file)).and_then(|meta| meta.modified());
    match (changed("node_modules/.package-lock.json"), changed("package-lock.json")) {
        (Ok(installed), Ok(locked)) => installed >= locked,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(read_version("v20.19.2\n"), Some((20, 19)));
        assert_eq!(read_version("11.6.0"), Some((11, 6)));
        assert_eq!(read_version("none"), None);
        assert!(read_version("v18.20.0").is_some_and(|found| found < NODE));
        assert!(read_version("v24.0.0").is_some_and(|found| found >= NODE));
    }
}
