//! `cargo xtask release`: the programs as they are shipped, built so that everybody who builds the same sources with the same
//! compilers gets the same bytes, wherever his folders are.
//!
//! What makes them the same, beside the profile in `Cargo.toml`: the paths of this machine are replaced in what the compilers write down, in
//! Rust and in C; flags from outside are left out; a build has a target folder of its own, so that nothing of another build with
//! other flags gets in. `cargo xtask reproduce` tries it.

mod compare;
mod remap;
pub(crate) mod reproduce;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::page::{self, Node};
use crate::process::{Exit, in_ci, output_of, show_and_run};
use crate::sbom;
use crate::setup::{self, C_COMPILER, WINDOW};
use crate::workspace::{Metadata, cargo, root};
use remap::Folders;

/// A program that people get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    /// Whether the page is inside it.
    pub(crate) has_the_page: bool,
}

/// The command line, which is the server, the node and the witness as well; and the window.
pub(crate) const PROGRAMS: [Program; 2] = [
    Program {
        name: "holdfast",
        package: "holdfast-cli",
        has_the_page: false,
    },
    Program {
        name: "holdfast-app",
        package: "holdfast-app",
        has_the_page: true,
    },
];

/// Where it was built, and with what.
const BUILT_WITH: &str = "BUILT-WITH";
const SUMS: &str = "SHA256SUMS";

/// `cargo xtask release [--without-window]`
pub(crate) fn run(args: &[String]) -> Result<()> {
    let programs: Vec<Program> = match args {
        [] => PROGRAMS.to_vec(),
        [flag] if flag == "--without-window" => PROGRAMS.into_iter().filter(|one| !one.has_the_page).collect(),
        _ => return Err(Exit::usage("cargo xtask release takes --without-window or nothing")),
    };
    let meta = Metadata::load()?;
    let with_window = programs.iter().any(|program| program.has_the_page);
    ensure_tools(&meta, with_window)?;
    if with_window {
        page::build(&Node::ensure(&meta)?)?;
    }
    let commit = commit()?;
    let target = meta.target_directory.join("release-build");
    let folders = Folders::of(root(), &target, &remap::cargo_home()?, &commit.time)?;
    let out = meta
        .target_directory
        .join(format!("holdfast-{}-{}", Metadata::version(), sbom::host()?));
    fs::create_dir_all(&out)?;
    let mut names = Vec::new();
    for program in &programs {
        let built = build_in(program, &folders, &[])?;
        fs::copy(&built, out.join(program.name))?;
        names.push(program.name);
    }
    sbom::write(&meta, &out.join(sbom::FILE))?;
    let changes = if is_changed()? { ", and changes" } else { "" };
    let with = format!("{}sources: {}{changes}\n", built_with(&meta, with_window)?, commit.id);
    fs::write(out.join(BUILT_WITH), with)?;
    names.extend([sbom::FILE, BUILT_WITH]);
    let sums = output_of(Command::new("sha256sum").current_dir(&out).args(&names))?;
    fs::write(out.join(SUMS), &sums)?;
    print!("{sums}");
    println!("in {}", out.display());
    Ok(())
}

/// Installs what the builds need and this machine does not have.
fn ensure_tools(meta: &Metadata, with_window: bool) -> Result<()> {
    if with_window {
        setup::ensure("The release", &[&WINDOW, Node::needs(meta)].concat())
    } else {
        setup::ensure("The release", &[C_COMPILER])
    }
}

/// Builds one program, with these variables besides, and returns where it is.
///
/// # Errors
///
/// When it does not build, or a path of this machine got into it.
fn build_in(program: &Program, folders: &Folders, surroundings: &[(&str, &str)]) -> Result<PathBuf> {
    let mut build = cargo("build");
    // In an automatic run it is said already.
    if !in_ci() {
        build.arg("--locked");
    }
    build.args(["--release", "--package", program.package, "--bin", program.name]);
    build
        .current_dir(folders.sources())
        .arg("--target-dir")
        .arg(folders.target());
    folders.set_up(&mut build);
    build.envs(surroundings.iter().copied());
    if !show_and_run(&mut build)? {
        return Err(Exit::silent());
    }
    let file = folders.target().join("release").join(program.name);
    let bytes = fs::read(&file).with_context(|| format!("{} was not built", file.display()))?;
    let paths = folders.found_in(&bytes);
    if !paths.is_empty() {
        let list = paths.join("\n  ");
        return Err(Exit::failed(format!(
            "{} has paths of this machine in it:\n  {list}",
            file.display()
        )));
    }
    Ok(file)
}

/// The compilers: with others, other bytes are no wonder.
fn built_with(meta: &Metadata, with_window: bool) -> Result<String> {
    let first = |program: &str, arg: &str| -> Result<String> {
        let text = output_of(Command::new(program).arg(arg))?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    let mut text = output_of(Command::new("rustc").arg("-vV"))?;
    text.push_str(&format!("C compiler: {}\n", first("cc", "--version")?));
    text.push_str(&format!("linker: {}\n", first("ld", "--version")?));
    if with_window {
        text.push_str(&format!("node: {}\n", Node::ensure(meta)?.version()?));
    }
    Ok(text)
}

/// What the sources are.
struct Commit {
    id: String,
    /// In seconds since 1970.
    time: String,
}

/// The commit that is checked out.
fn commit() -> Result<Commit> {
    let mut git = Command::new("git");
    git.current_dir(root()).args(["log", "-1", "--format=%H %ct"]);
    let said = output_of(&mut git)?;
    let (id, time) = said.trim().split_once(' ').context("git log says no time")?;
    Ok(Commit {
        id: id.to_owned(),
        time: time.to_owned(),
    })
}

/// Whether files differ from it.
fn is_changed() -> Result<bool> {
    let status = output_of(Command::new("git").current_dir(root()).args(["status", "--porcelain"]))?;
    Ok(!status.trim().is_empty())
}
