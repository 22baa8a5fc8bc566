//! `cargo xtask check`: the rules that can be checked without running the product.
//!
//! Cheap ones first. What a machine has no tool for is skipped, said, and counted; our own checks
//! (layers, rooms, sizes, drift) need no tool and always run.

mod advisories;
mod dependencies;
pub(crate) mod drift;
mod layers;
mod rooms;
mod sizes;

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::page::{self, Node};
use crate::process::{Exit, show_and_run, succeeds};
use crate::report::{Case, Outcome, Report};
use crate::setup::{self, WINDOW};
use crate::workspace::{Metadata, cargo, root};

/// How a check ended.
pub(crate) enum Verdict {
    Good,
    /// Each line is one thing to mend.
    Bad(Vec<String>),
    /// The tool is not here, or there is nothing to check yet.
    Skipped(String),
}

impl Verdict {
    /// Good when there is nothing to mend.
    pub(crate) fn from_faults(faults: Vec<String>) -> Self {
        if faults.is_empty() {
            Self::Good
        } else {
            Self::Bad(faults)
        }
    }
}

type Check = (&'static str, fn(&Metadata) -> Result<Verdict>);

/// Those that every test run begins with: no time, and then clippy, which reads everything once more.
const BEFORE_TESTS: [Check; 6] = [
    ("format", format),
    ("layers", |meta| Ok(layers::check(meta))),
    ("rooms", |_| rooms::check(root())),
    ("sizes", |_| sizes::check(root())),
    ("dependencies", |meta| dependencies::check(meta, root())),
    ("lints", lints),
];

/// Those that compile with other features, or look things up.
const BESIDES: [Check; 4] = [
    ("drift", drift::check),
    ("deny", deny),
    ("advisories", advisories::of_crates),
    ("npm-audit", advisories::of_the_page),
];

/// `cargo xtask check`
pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(arg) = args.first() {
        return Err(Exit::usage(format!("cargo xtask check takes nothing, not `{arg}`")));
    }
    setup::ensure("The check", &WINDOW)?;
    let meta = Metadata::load()?;
    page::build(&Node::ensure(&meta)?)?;
    run_all(&meta, BEFORE_TESTS.iter().chain(&BESIDES))
}

/// What the test run checks before it tests. That generated files are up to date is a test of the crate that generates them.
pub(crate) fn before_tests(meta: &Metadata) -> Result<()> {
    run_all(meta, BEFORE_TESTS.iter())
}

fn run_all<'c>(meta: &Metadata, checks: impl Iterator<Item = &'c Check>) -> Result<()> {
    let mut report = Report::new("check", &format!("xtask {}", env!("CARGO_PKG_VERSION")));
    for (name, check) in checks {
        let clock = Instant::now();
        let (outcome, notes) = match check(meta)? {
            Verdict::Good => (Outcome::Passed, Vec::new()),
            Verdict::Bad(faults) => (Outcome::Failed, faults),
            Verdict::Skipped(why) => (Outcome::Skipped, vec![why]),
        };
        let word = match outcome {
            Outcome::Passed => "ok",
            Outcome::Failed => "FAILED",
            Outcome::Skipped => "skipped",
        };
        let seconds = clock.elapsed().as_secs_f64();
        eprintln!("check {name:<12} {word} ({seconds:.1} s)");
        for note in &notes {
            eprintln!("      {note}");
        }
        report.add(Case {
            group: "check".to_owned(),
            name: (*name).to_owned(),
            outcome,
            seconds: Some(seconds),
            note: (!notes.is_empty()).then(|| notes.join("\n")),
        });
    }
    report.write(&meta.target_directory)?;
    let totals = report.totals;
    eprintln!(
        "checks: {} good, {} failed, {} skipped",
        totals.passed, totals.failed, totals.skipped
    );
    if totals.failed == 0 {
        Ok(())
    } else {
        Err(Exit::silent())
    }
}

fn format(_: &Metadata) -> Result<Verdict> {
    if !succeeds(cargo("fmt").arg("--version")) {
        return Ok(Verdict::Skipped("no rustfmt: rustup component add rustfmt".to_owned()));
    }
    Ok(said_by_the_tool(show_and_run(
        cargo("fmt").args(["--all", "--", "--check", "-l"]),
    )?))
}

fn lints(_: &Metadata) -> Result<Verdict> {
    let mut probe = Command::new(cargo("clippy").get_program());
    if !succeeds(probe.args(["clippy", "--version"])) {
        return Ok(Verdict::Skipped("no clippy: rustup component add clippy".to_owned()));
    }
    let mut clippy = cargo("clippy");
    clippy.args([
        "--workspace",
        "--features",
        "holdfast-app/e2e",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]);
    Ok(said_by_the_tool(show_and_run(&mut clippy)?))
}

/// Needs no network; whether somebody found a weakness is asked by [`advisories`].
fn deny(_: &Metadata) -> Result<Verdict> {
    if !has_deny() {
        return Ok(Verdict::Skipped(NO_DENY.to_owned()));
    }
    let mut check = cargo("deny");
    check.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    Ok(said_by_the_tool(show_and_run(&mut check)?))
}

const NO_DENY: &str = "no cargo-deny: cargo install --locked cargo-deny";

fn has_deny() -> bool {
    succeeds(cargo("deny").arg("--version"))
}

/// The verdict on a tool that prints what is wrong by itself.
fn said_by_the_tool(good: bool) -> Verdict {
    if good {
        Verdict::Good
    } else {
        Verdict::Bad(vec!["see above".to_owned()])
    }
}
