//! `cargo xtask bench [NAME]`: what we have beside its peer, on this machine, in the same minutes.
//!
//! A number alone says more about the machine than about the program, so every bench runs in pairs
//! (ours, the peer's, ours, ...) and its gate is the median of the pairs' ratios, or a budget that a
//! person can feel. A missed gate fails the run. Reports: `target/reports/bench-NAME.json`.

mod folder;
mod keys;
pub(crate) mod measure;
mod pairs;
mod room;
mod seal;
mod stats;
mod timing;
mod window;
mod wire;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{Exit, line_of, output_of, show_and_run};
use crate::report::{Case, Outcome, Report};
use crate::setup::{self, AGE, C_COMPILER, Need, OPENSSL};
use crate::workspace::{Metadata, cargo};

/// A bench: what it says about itself, what it needs, and how it runs.
struct Bench {
    name: &'static str,
    about: &'static str,
    needs: &'static [Need],
    run: fn(&mut Bout) -> Result<()>,
}

/// Every bench there is. To add one: a function that calls [`Bout::pairs`] and [`Bout::gate`], and a row here.
const ALL: [Bench; 6] = [
    Bench {
        name: "keygen",
        about: "deriving a 2048-bit pair from a seed, beside openssl genrsa 2048",
        needs: &[C_COMPILER, OPENSSL],
        run: keys::keygen,
    },
    Bench {
        name: "unlock",
        about: "finding a known 8192-bit pair again, without scrypt: at most 80 ms",
        needs: &[C_COMPILER],
        run: keys::unlock,
    },
    Bench {
        name: "seal",
        about: "sealing a 1 GiB file to packs in memory, beside age -r; memory at 1 and at 8 GiB",
        needs: &[C_COMPILER, AGE],
        run: seal::seal,
    },
    Bench {
        name: "folder",
        about: "uploading 10,000 files of 4 KiB, and again with 1 % of them changed",
        needs: &[C_COMPILER],
        run: folder::folder,
    },
    Bench {
        name: "window",
        about: "the window's start, and its views with 10,000 things in them",
        needs: &[C_COMPILER],
        run: window::window,
    },
    Bench {
        name: "timing",
        about: "whether the time of a refusal tells its reason: tags of boxes, wrapped keys",
        needs: &[C_COMPILER],
        run: timing::timing,
    },
];

/// One run of one bench: what it may use, and what it has seen so far.
struct Bout {
    meta: Metadata,
    /// Asked for with `--pairs`.
    wanted_pairs: Option<usize>,
    report: Report,
}

pub(crate) fn run(args: &[String]) -> Result<()> {
    let (name, wanted_pairs) = read(args)?;
    let chosen: Vec<&Bench> = ALL.iter().filter(|b| name.is_none_or(|name| name == b.name)).collect();
    if chosen.is_empty() {
        let list: Vec<_> = ALL.iter().map(|b| format!("  {:<12} {}", b.name, b.about)).collect();
        let name = name.unwrap_or_default();
        return Err(Exit::usage(format!(
            "there is no bench `{name}`; there is:\n{}",
            list.join("\n")
        )));
    }
    let needs: Vec<Need> = chosen.iter().flat_map(|bench| bench.needs).copied().collect();
    setup::ensure("The bench", &needs)?;
    let mut missed = 0;
    for bench in chosen {
        println!("\n{}: {}", bench.name, bench.about);
        let mut bout = Bout {
            meta: Metadata::load()?,
            wanted_pairs,
            report: Report::new(&format!("bench-{}", bench.name), &machine()),
        };
        (bench.run)(&mut bout)?;
        missed += bout.report.totals.failed;
        let file = bout.report.write(&bout.meta.target_directory)?;
        println!("  report: {}", file.display());
    }
    if missed == 0 {
        Ok(())
    } else {
        Err(Exit::failed(format!("{missed} gates missed")))
    }
}

fn read(args: &[String]) -> Result<(Option<&str>, Option<usize>)> {
    let mut name = None;
    let mut pairs = None;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--pairs" => {
                let number = args.next().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
                pairs = Some(number.ok_or_else(|| Exit::usage("--pairs takes a number"))?);
            }
            word if name.is_none() && !word.starts_with('-') => name = Some(word),
            other => {
                return Err(Exit::usage(format!("cargo xtask bench does not know `{other}`")));
            }
        }
    }
    Ok((name, pairs))
}

impl Bout {
    /// Builds an example of a crate as it is shipped and returns where it is.
    fn release_example(&self, package: &str, example: &str) -> Result<std::path::PathBuf> {
        let mut build = cargo("build");
        build.args(["--quiet", "--release", "-p", package, "--example", example]);
        if !show_and_run(&mut build)? {
            return Err(Exit::silent());
        }
        let file = format!("examples/{example}");
        Ok(self.meta.release_file(&file))
    }

    /// Runs pairs of commands and keeps what came out. `make(i)` gives the commands of pair `i`.
    fn pairs(
        &mut self,
        labels: [&'static str; 2],
        default_pairs: usize,
        make: impl Fn(usize) -> Result<[std::process::Command; 2]>,
    ) -> Result<pairs::Outcome> {
        let count = self.wanted_pairs.unwrap_or(default_pairs);
        let [ours, peers] = make(0)?;
        println!("  {}  |  {}  ({count} pairs)", line_of(&ours), line_of(&peers));
        let outcome = pairs::run(count, make)?;
        print!("{}", outcome.table(labels));
        self.keep("pairs", serde_json::to_value(&outcome)?);
        Ok(outcome)
    }

    /// Keeps a figure in the report.
    fn keep(&mut self, name: &str, figure: Value) {
        self.report.figures.insert(name.to_owned(), figure);
    }

    /// Says and keeps whether `value` stays within `limit`.
    fn gate(&mut self, name: &str, value: f64, limit: f64) {
        let met = value <= limit;
        let word = if met { "met" } else { "MISSED" };
        println!("  gate {word}: {name} is {value:.2}, at most {limit:.2}");
        self.report.add(Case {
            group: "gate".to_owned(),
            name: name.to_owned(),
            outcome: if met { Outcome::Passed } else { Outcome::Failed },
            seconds: None,
            note: Some(format!("{value:.3} of {limit:.3}")),
        });
    }
}

/// The machine in a few words: the numbers mean little without it.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    format!("{cores} cores, {model}, load {load} at the start")
}

/// The first line that a program says about its version.
fn version_of(program: &str, arg: &str) -> Result<String> {
    let text = output_of(std::process::Command::new(program).arg(arg)).with_context(|| format!("{program} {arg}"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_name_and_a_number_of_pairs() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(read(&words("keygen --pairs 3")).unwrap(), (Some("keygen"), Some(3)));
        assert_eq!(read(&[]).unwrap(), (None, None));
        assert!(read(&words("--pairs 0")).is_err());
        assert!(read(&words("--fast")).is_err());
    }
}
