//! The project's own commands: `cargo xtask test`, `run`, `check`, `bench`, `gen`.
//!
//! This file only reads the command line; each command has a file of its own. It depends on next to
//! nothing, because it is the first thing a bare machine has to build.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line for the people who work here: it talks on the terminal"
)]

mod bench;
mod check;
mod demo;
mod page;
mod process;
mod reader;
mod release;
mod report;
mod run;
mod sbom;
mod setup;
mod testing;
mod workspace;

use anyhow::{Error, Result};
use process::Exit;

const HELP: &str = "\
cargo xtask COMMAND

  run                 build and open the window; without a display, the main job on the command line, step by step
  test [PART]         install what is missing, then run everything, or one part of it
                      --runner nextest|cargo picks the runner (nextest when it is there)
                      -- ARGS... go to the runner as they are
  check               format, lints, layers, sizes, rooms, generated files, licences
  bench [NAME]        time what we have beside its peer, in interleaved pairs
                      --pairs N for another number of pairs
  gen                 write the generated files anew (docs/openapi.json)
  release             build what is shipped, with its list of parts and its checksums (--without-window for less)
  reproduce [PART]    build that twice in different folders and compare byte for byte; parts: page, holdfast, holdfast-app
  sbom                write the list of parts alone, as CycloneDX (--out FILE)

Reports land in target/reports/. Exit codes: 0 good, 1 something failed, 2 usage or set-up.";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let code = match dispatch(&args) {
        Ok(()) => 0,
        Err(error) => explain(&error),
    };
    std::process::exit(code);
}

fn dispatch(args: &[String]) -> Result<()> {
    let (command, rest) = match args.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", args),
    };
    match command {
        "run" => run::run(rest),
        "test" => testing::run(rest),
        "check" => check::run(rest),
        "bench" => bench::run(rest),
        "gen" => check::drift::write_all(rest),
        "release" => release::run(rest),
        "reproduce" => release::reproduce::run(rest),
        "sbom" => sbom::run(rest),
        "measured" => bench::measure::measured(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(Exit::usage(format!("there is no command `{other}`\n\n{HELP}"))),
    }
}

/// Prints an error once and returns the exit code that goes with it.
fn explain(error: &Error) -> i32 {
    match error.downcast_ref::<Exit>() {
        Some(exit) => {
            if !exit.message.is_empty() {
                eprintln!("{}", exit.message);
            }
            exit.code
        }
        None => {
            eprintln!("error: {error:#}");
            1
        }
    }
}
