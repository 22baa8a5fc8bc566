//! `cargo xtask reproduce`: the release, built twice from two copies of the commit, compared byte for byte.
//!
//! The copies differ in all that must not matter: the folder and the length of its path, the folder of the results, the folder
//! of cargo, language and time zone. What they have in common is the machine: its compilers, its libraries, its user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::remap::{self, Folders};
use super::{PROGRAMS, Program, build_in, compare, ensure_tools};
use crate::page::{self, Node};
use crate::process::{Exit, output_of, show_and_run};
use crate::report::{Case, Outcome, Report};
use crate::workspace::{Metadata, cargo, root};

/// What can be asked for.
const PARTS: [&str; 3] = ["page", "holdfast", "holdfast-app"];
/// What is built when nothing is asked for: all but the window, which takes longest.
const USUAL: usize = 2;

/// The names of the copies; the second is the longer one.
const COPIES: [&str; 2] = ["one", "another-one-in-a-folder-with-a-longer-name"];
/// Beside the folders, what the second build has otherwise.
const SURROUNDINGS: [[(&str, &str); 2]; 2] = [
    [("LC_ALL", "C"), ("TZ", "UTC")],
    [("LC_ALL", "C.UTF-8"), ("TZ", "Pacific/Auckland")],
];

pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(other) = args.iter().find(|arg| !PARTS.contains(&arg.as_str())) {
        return Err(Exit::usage(format!(
            "cargo xtask reproduce knows {}, not `{other}`",
            PARTS.join(", ")
        )));
    }
    let wanted = |name: &str| match args {
        [] => PARTS[..USUAL].contains(&name),
        _ => args.iter().any(|arg| arg == name),
    };
    let meta = Metadata::load()?;
    let programs: Vec<&Program> = PROGRAMS.iter().filter(|program| wanted(program.name)).collect();
    let with_page = wanted("page") || programs.iter().any(|program| program.has_the_page);
    ensure_tools(&meta, with_page)?;

    let room = meta.target_directory.join("reproduce");
    if room.exists() {
        fs::remove_dir_all(&room)?;
    }
    fs::create_dir_all(&room)?;
    let archive = room.join("sources.tar");
    // Once: others may commit while this builds.
    let commit = super::commit()?;
    pack(&archive, &commit.id)?;
    let copies = COPIES.map(|name| room.join(name));
    for copy in &copies {
        unpack(&archive, copy)?;
    }
    if with_page {
        let node = Node::ensure(&meta)?;
        for copy in &copies {
            page::build_in(&node, copy)?;
        }
    }
    if !programs.is_empty() {
        build_programs(&room, &copies, &programs, &commit.time)?;
    }

    let mut report = Report::new("reproduce", super::built_with(&meta, with_page)?.trim());
    report.figures.insert("commit".to_owned(), commit.id.clone().into());
    if with_page {
        let dist = |copy: &PathBuf| copy.join("ui").join("dist");
        let differences = compare::folders(&dist(&copies[0]), &dist(&copies[1]))?;
        tell(&mut report, "page", "ui/dist", differences);
    }
    for program in programs {
        let [one, other] = [0, 1].map(|side| result_folder(&room, side).join("release").join(program.name));
        let sum = output_of(Command::new("sha256sum").arg(&one))?;
        let sum = sum.split_whitespace().next().unwrap_or_default();
        tell(&mut report, program.name, sum, compare::files(&one, &other)?);
    }
    let file = report.write(&meta.target_directory)?;
    println!("report: {}", file.display());
    if report.totals.failed == 0 {
        fs::remove_dir_all(&room)?;
        Ok(())
    } else {
        Err(Exit::failed(format!("What was built is in {}", room.display())))
    }
}

/// The tree of the commit that is checked out: what a release is made from, whatever is being edited meanwhile.
fn unpack(archive: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut tar = Command::new("tar");
    tar.arg("--extract")
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(to);
    if show_and_run(&mut tar)? {
        Ok(())
    } else {
        Err(Exit::silent())
    }
}

fn pack(archive: &Path, commit: &str) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(root())
        .args(["archive", "--format=tar", "--output"])
        .arg(archive)
        .arg(commit);
    if show_and_run(&mut git)? {
        Ok(())
    } else {
        Err(Exit::silent())
    }
}

/// The first has its results where cargo puts them, the second elsewhere.
fn result_folder(room: &Path, side: usize) -> PathBuf {
    match side {
        0 => room.join(COPIES[0]).join("target"),
        _ => room.join("results-of-the-other-one"),
    }
}

fn build_programs(room: &Path, copies: &[PathBuf; 2], programs: &[&Program], time: &str) -> Result<()> {
    if !show_and_run(cargo("fetch").current_dir(&copies[0]))? {
        return Err(Exit::silent());
    }
    let home = remap::cargo_home()?;
    let homes = [home.clone(), another_home(&room.join("home-of-cargo"), &home)?];
    for (side, (copy, home)) in copies.iter().zip(&homes).enumerate() {
        let folders = Folders::of(copy, &result_folder(room, side), home, time)?;
        for program in programs {
            build_in(program, &folders, &SURROUNDINGS[side])?;
        }
    }
    Ok(())
}

/// Another folder of cargo's with the same packages in it, so that none is fetched twice.
fn another_home(folder: &Path, home: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(home.join("registry"), folder.join("registry"))?;
    #[cfg(not(unix))]
    let _ = home;
    Ok(folder.to_owned())
}

fn tell(report: &mut Report, name: &str, what: &str, differences: Vec<String>) {
    let equal = differences.is_empty();
    println!("{name:<14} {} {what}", if equal { "equal" } else { "DIFFERS" });
    for line in &differences {
        println!("    {line}");
    }
    report.add(Case {
        group: "reproduce".to_owned(),
        name: name.to_owned(),
        outcome: if equal { Outcome::Passed } else { Outcome::Failed },
        seconds: None,
        note: Some(if equal { what.to_owned() } else { differences.join("\n") }),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_can_be_asked_for() {
        for program in PROGRAMS {
            assert!(PARTS.contains(&program.name), "{}", program.name);
        }
        assert!(
            !PROGRAMS
                .iter()
                .any(|program| program.has_the_page && PARTS[..USUAL].contains(&program.name))
        );
    }

    #[test]
    fn the_copies_differ_in_length() {
        assert_ne!(COPIES[0].len(), COPIES[1].len());
        let room = Path::new("/r");
        assert_ne!(result_folder(room, 0), result_folder(room, 1));
    }
}
