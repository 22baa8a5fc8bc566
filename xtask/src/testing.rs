//! `cargo xtask test [PART]`: installs what is missing, runs the checks and every test, leaves reports.
//!
//! One set of flags everywhere, so that nothing is built twice. The runner's own
//! summary is the last thing printed: checks and doctests come before it and stop the run when they fail.

mod junit;
mod libtest;
mod parts;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::check;
use crate::page::{self, Node};
use crate::process::{Exit, in_ci, output_of, show_and_run, succeeds};
use crate::reader;
use crate::report::{Case, Outcome, Report};
use crate::setup::{self, NODE_TESTS, READER_TESTS, WINDOW, WINDOW_TESTS};
use crate::workspace::{Metadata, cargo};
use parts::Part;

/// The one set of flags: another one would build everything once more.
const FLAGS: [&str; 3] = ["--workspace", "--features", "holdfast-app/e2e"];

/// Which program runs the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    Nextest,
    Cargo,
}

/// What was asked for on the command line.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    part: Option<String>,
    runner: Option<Runner>,
    extra: Vec<String>,
}

/// Tests of windows: three programs on one machine, of which one may stumble under load.
const MAY_STUMBLE: [&str; 2] = ["journeys", "memory"];
/// How often those are tried again.
const RETRIES: usize = 2;
const MENDED: &str = "passed when it was tried again";

pub(crate) fn run(args: &[String]) -> Result<()> {
    let asked = read(args)?;
    let meta = Metadata::load()?;
    let parts = parts::of(&meta);
    let chosen: Vec<&Part> = match &asked.part {
        None => parts.iter().collect(),
        Some(name) => vec![parts::find(&parts, name)?],
    };
    let runner = asked.runner.unwrap_or_else(pick_runner);
    // The window's package does not compile without its page. All in one go: whoever may not install runs one line, once.
    let mut needs = [&WINDOW, Node::needs(&meta)].concat();
    if chosen.iter().any(|part| part.needs_a_window()) {
        needs.extend(WINDOW_TESTS);
    }
    if chosen.iter().any(|part| part.carries_tasks_out()) {
        needs.extend(NODE_TESTS);
    }
    let reads = chosen.iter().any(|part| part.needs_the_reader());
    if reads {
        needs.extend(READER_TESTS);
    }
    setup::ensure("The test run", &needs)?;
    if reads {
        reader::ensure(&meta)?;
    }
    let node = Node::ensure(&meta)?;
    page::build(&node)?;

    if asked.part.is_none() {
        check::before_tests(&meta)?;
        page::check(&node)?;
        if runner == Runner::Nextest && !show_and_run(cargo("test").arg("--doc").args(FLAGS))? {
            return Err(Exit::silent());
        }
    }
    let figures = meta.target_directory.join("reports").join("figures");
    if figures.exists() {
        fs::remove_dir_all(&figures)?;
    }
    fs::create_dir_all(&figures)?;
    let whole = asked.part.is_none();
    if chosen.iter().any(|part| part.needs_programs()) {
        // The journeys start the real programs. Built together with the tests: by themselves, their libraries have fewer
        // features, and all of them would be built twice.
        if !show_and_run(cargo("build").args(["--bins", "--tests"]).args(FLAGS))? {
            return Err(Exit::silent());
        }
    }

    let started = std::time::Instant::now();
    let (good, cases) = match runner {
        Runner::Nextest => nextest(&meta, whole, &chosen, &asked.extra)?,
        Runner::Cargo => cargo_test(&meta, whole, &chosen, &asked.extra)?,
    };
    let seconds = started.elapsed().as_secs_f64();
    let cases = if good { cases } else { with_a_failure(cases, chosen[0]) };
    leave_reports(&meta, runner, &parts, &chosen, cases, seconds)?;
    if good { Ok(()) } else { Err(Exit::silent()) }
}

fn read(args: &[String]) -> Result<Asked> {
    let mut asked = Asked {
        part: None,
        runner: None,
        extra: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--" => asked.extra = args.by_ref().cloned().collect(),
            "--runner" => {
                asked.runner = Some(match args.next().map(String::as_str) {
                    Some("nextest") => Runner::Nextest,
                    Some("cargo") => Runner::Cargo,
                    _ => return Err(Exit::usage("--runner takes nextest or cargo")),
                });
            }
            name if asked.part.is_none() && !name.starts_with('-') => {
                asked.part = Some(name.to_owned());
            }
            other => {
                return Err(Exit::usage(format!("cargo xtask test does not know `{other}`")));
            }
        }
    }
    Ok(asked)
}

fn pick_runner() -> Runner {
    if succeeds(cargo_plain("nextest").arg("--version")) {
        Runner::Nextest
    } else {
        eprintln!("cargo-nextest is not here: cargo test runs the tests.");
        Runner::Cargo
    }
}

/// Cargo without `--locked`, which not every subcommand takes before its own.
fn cargo_plain(subcommand: &str) -> Command {
    let mut command = Command::new(cargo("x").get_program());
    command.current_dir(crate::workspace::root()).arg(subcommand);
    command
}

/// What every test may count on finding in its environment.
fn with_environment<'c>(command: &'c mut Command, meta: &Metadata) -> &'c mut Command {
    command
        .env("HOLDFAST_BIN", meta.debug_file("holdfast"))
        .env("HOLDFAST_APP", meta.debug_file("holdfast-app"))
        .env("HOLDFAST_READER_PYTHON", reader::python(meta))
        .env("HOLDFAST_SCREENS", meta.target_directory.join("screens"))
        .env(
            "HOLDFAST_FIGURES",
            meta.target_directory.join("reports").join("figures"),
        )
}

/// Runs nextest on our terminal and reads the cases from its JUnit file afterwards.
fn nextest(meta: &Metadata, whole: bool, chosen: &[&Part], extra: &[String]) -> Result<(bool, Vec<Case>)> {
    let junit = meta.target_directory.join("nextest").join("default").join("junit.xml");
    if junit.exists() {
        fs::remove_file(&junit)?;
    }
    let mut command = cargo_plain("nextest");
    command.arg("run").args(FLAGS);
    if in_ci() {
        command.arg("--locked");
    }
    if !whole {
        for part in chosen {
            command.args(["-E", &part.filter()]);
        }
    }
    command.args(extra);
    let good = show_and_run(with_environment(&mut command, meta))?;
    // No file: it did not get as far as running tests, and has said why.
    let cases = match fs::read_to_string(&junit) {
        Ok(text) => junit::cases(&text),
        Err(_) if good => anyhow::bail!("nextest left no {}", junit.display()),
        Err(_) => Vec::new(),
    };
    Ok((good, cases))
}

/// Runs `cargo test`, showing what it prints and reading the cases from it.
fn cargo_test(meta: &Metadata, whole: bool, chosen: &[&Part], extra: &[String]) -> Result<(bool, Vec<Case>)> {
    let mut command = cargo("test");
    command.args(FLAGS).arg("--no-fail-fast");
    if !whole {
        for part in chosen {
            command.args(part.cargo_args());
        }
    }
    command.args(extra);
    let (good, mut cases) = watched(command, meta)?;
    for _ in 0..RETRIES {
        if good || !may_be_tried_again(&cases) {
            break;
        }
        again(meta, &mut cases)?;
    }
    let mended = cases.iter().any(|case| case.note.as_deref() == Some(MENDED));
    let all_well = cases.iter().all(|case| case.outcome != Outcome::Failed);
    Ok((good || (mended && all_well), cases))
}

/// Whether something failed, and nothing but what may stumble under load, as in `.config/nextest.toml`.
fn may_be_tried_again(cases: &[Case]) -> bool {
    let mut failed = cases.iter().filter(|case| case.outcome == Outcome::Failed).peekable();
    failed.peek().is_some() && failed.all(|case| MAY_STUMBLE.contains(&case.group.as_str()))
}

/// Runs what failed once more, and notes what passes now.
fn again(meta: &Metadata, cases: &mut [Case]) -> Result<()> {
    for group in MAY_STUMBLE {
        let failed = |case: &&mut Case| case.group == group && case.outcome == Outcome::Failed;
        let names: Vec<String> = cases.iter_mut().filter(failed).map(|case| case.name.clone()).collect();
        if names.is_empty() {
            continue;
        }
        eprintln!("Once more, as a window may stumble under load: {}", names.join(", "));
        let mut command = cargo("test");
        command.args(FLAGS).args(["--no-fail-fast", "--test", group]);
        command.args(["--", "--exact", "--test-threads", "1"]).args(&names);
        let (good, seen) = watched(command, meta)?;
        let still: Vec<String> = seen
            .into_iter()
            .filter(|case| case.outcome == Outcome::Failed)
            .map(|case| case.name)
            .collect();
        if !good && still.is_empty() {
            // It did not get as far as running them.
            continue;
        }
        for case in cases
            .iter_mut()
            .filter(failed)
            .filter(|case| !still.contains(&case.name))
        {
            case.outcome = Outcome::Passed;
            case.note = Some(MENDED.to_owned());
        }
    }
    Ok(())
}

/// Runs it, showing what it prints and reading the cases from that.
fn watched(mut command: Command, meta: &Metadata) -> Result<(bool, Vec<Case>)> {
    eprintln!("$ {}", crate::process::line_of(&command));
    // One pipe for both, so that a case stays behind the line that names its binary.
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    with_environment(&mut command, meta)
        .stdout(writer.try_clone()?)
        .stderr(writer);
    let mut child = command.spawn().context("cannot start cargo test")?;
    drop(command); // it holds the writing ends: the pipe would never end
    let mut cases = libtest::Reader::default();
    let mut out = stdout();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        writeln!(out, "{text}")?;
        cases.line(&text);
    }
    Ok((child.wait()?.success(), cases.finish()))
}

/// A run that failed without a failed case (it did not compile, say) must not leave a report that looks good.
fn with_a_failure(mut cases: Vec<Case>, part: &Part) -> Vec<Case> {
    if !cases.iter().any(|case| case.outcome == Outcome::Failed) {
        cases.push(Case {
            group: part.group(),
            name: "the run itself".to_owned(),
            outcome: Outcome::Failed,
            seconds: None,
            note: Some("the runner failed outside of any test; it has printed why".to_owned()),
        });
    }
    cases
}

/// Writes one report for each part that ran.
fn leave_reports(
    meta: &Metadata,
    runner: Runner,
    parts: &[Part],
    chosen: &[&Part],
    cases: Vec<Case>,
    seconds: f64,
) -> Result<()> {
    let mut by_part: BTreeMap<&str, Vec<Case>> = BTreeMap::new();
    for case in cases {
        by_part
            .entry(parts::home_of(parts, &case.group))
            .or_default()
            .push(case);
    }
    let runner = version_of(runner)?;
    for part in chosen {
        let mut report = Report::new(&part.name, &runner);
        let cases = by_part.remove(part.name.as_str()).unwrap_or_default();
        // Parts of one run share its wall time; alone, a part has it all.
        report.seconds = if chosen.len() == 1 {
            seconds
        } else {
            cases.iter().filter_map(|case| case.seconds).sum()
        };
        cases.into_iter().for_each(|case| report.add(case));
        report.add_figures_from(&figures_of(&meta.target_directory, part))?;
        report.write(&meta.target_directory)?;
    }
    Ok(())
}

fn figures_of(target: &Path, part: &Part) -> std::path::PathBuf {
    target.join("reports").join("figures").join(&part.name)
}

fn version_of(runner: Runner) -> Result<String> {
    let text = match runner {
        Runner::Nextest => output_of(cargo_plain("nextest").arg("--version"))?,
        Runner::Cargo => output_of(cargo_plain("--version").arg("--verbose"))?,
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked> {
        read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn reads_part_runner_and_the_rest() {
        let asked = asked("unit --runner cargo -- --nocapture x").unwrap();
        assert_eq!(asked.part.as_deref(), Some("unit"));
        assert_eq!(asked.runner, Some(Runner::Cargo));
        assert_eq!(asked.extra, ["--nocapture", "x"]);
    }

    #[test]
    fn a_failed_run_without_a_failed_case_gets_one_in_its_part() {
        let parts = parts::from_binaries(vec!["main_job".to_owned()]);
        for part in &parts {
            let cases = with_a_failure(Vec::new(), part);
            assert_eq!(cases.len(), 1);
            assert_eq!(parts::home_of(&parts, &cases[0].group), part.name);
            assert_eq!(with_a_failure(cases.clone(), part), cases);
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for line in ["unit e2e", "--fast", "--runner", "--runner go"] {
            let error = asked(line).unwrap_err();
            assert_eq!(error.downcast_ref::<Exit>().map(|exit| exit.code), Some(2), "{line}");
        }
    }
}
