//! What cargo knows about this workspace: packages, what each uses, where things are built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::{in_ci, output_of};

/// The part of `cargo metadata` that our checks read.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    pub(crate) resolve: Resolve,
    pub(crate) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) version: String,
    /// As an SPDX expression, or in the older way with slashes.
    pub(crate) license: Option<String>,
    /// Where it comes from; `None` is this workspace.
    pub(crate) source: Option<String>,
    pub(crate) repository: Option<String>,
    #[serde(default)]
    pub(crate) dependencies: Vec<Declared>,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
}

/// A dependency as its `Cargo.toml` names it.
#[derive(Debug, Deserialize)]
pub(crate) struct Declared {
    /// The package, whatever name it is given here.
    pub(crate) name: String,
    pub(crate) source: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Resolve {
    pub(crate) nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) deps: Vec<Dep>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Dep {
    pub(crate) pkg: String,
    pub(crate) dep_kinds: Vec<DepKind>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DepKind {
    /// `None` is a plain dependency; else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let text = output_of(cargo("metadata").args(["--format-version", "1"]))?;
        serde_json::from_str(&text).context("cargo metadata printed something else than before")
    }

    /// The version of this workspace.
    pub(crate) fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The packages of this workspace, by name.
    pub(crate) fn members(&self) -> BTreeMap<&str, &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
            .map(|package| (package.name.as_str(), package))
            .collect()
    }

    /// Says whether a member has a target of that kind (`bin`, `test`, `example`) and name.
    pub(crate) fn has_target(&self, package: &str, kind: &str, name: &str) -> bool {
        self.members().get(package).is_some_and(|package| {
            package
                .targets
                .iter()
                .any(|t| t.name == name && t.kind.iter().any(|k| k == kind))
        })
    }

    /// Where a debug build leaves `name`.
    pub(crate) fn debug_file(&self, name: &str) -> PathBuf {
        self.target_directory
            .join("debug")
            .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    /// Where a release build leaves `name`.
    pub(crate) fn release_file(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.target_directory.join("release").join(file)
    }
}

/// The folder of the workspace. Cargo runs us from anywhere inside it.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo that started us, in the workspace's folder. In an automatic run the lock file must fit.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()).arg(subcommand);
    if in_ci() && !matches!(subcommand, "fmt" | "deny") {
        command.arg("--locked");
    }
    command
}
