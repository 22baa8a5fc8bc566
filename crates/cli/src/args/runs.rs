//! Verbs about runs and workflows.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use holdfast_commands::RunInput;

use super::ItemName;
use crate::output::parse_span;

const START: &str = "\
Examples:
  holdfast run start \"Brain scans/Train\" --node gpu-box --input \"raw=Brain scans/Scans\"
  holdfast run start \"Brain scans/Train@2\" --node gpu-box --input \"raw=Brain scans/Scans@3\" --param rate=0.01
  holdfast run start \"Brain scans/Fetch\" --node gpu-box --secret \"token=GitHub token\" --attempts 3 --follow

The task says in its holdfast-task.toml which inputs, parameters and secrets it takes. A run reads from its own
project. What is not named with a version is the newest one at this moment. With --follow, exit code 1 if the
run does not succeed.";

const LOGS: &str = "\
Examples:
  holdfast run logs 3fa09c1e
  holdfast run logs 3fa09c1e --follow
  holdfast run logs 3fa09c1e > train.log

Standard output gets what the task printed, on both of its streams in order; what the node itself says goes to
standard error. On a terminal, bytes that are no text and control characters are replaced; into a file or a
pipe they go as they are. Following counts as using Holdfast: the profile does not lock meanwhile.";

const ARTIFACTS: &str = "\
Examples:
  holdfast run artifacts 3fa09c1e --to ./results

Each output gets a folder under its own name. What was made is in the project as well, as a version of a model or
an artifact.";

#[derive(Subcommand)]
pub(crate) enum RunVerb {
    /// Order a run of a task
    #[command(after_help = START)]
    Start(RunStart),
    /// List a project's runs
    #[command(
        after_help = "Examples:\n  holdfast run list \"Brain scans\"\n  holdfast run list \"Brain scans\" --json | jq -r '.[] | select(.state == \"failed\") | .id'"
    )]
    List {
        /// Name or id
        project: String,
    },
    /// Show a run
    #[command(
        after_help = "Examples:\n  holdfast run show 3fa09c1e\n  holdfast run show \"Brain scans/3fa09c1e\" --json | jq .metrics"
    )]
    Show {
        /// Its id, or the first 8 characters or more; PROJECT/RUN where that is not unique
        run: String,
    },
    /// Print what a run printed
    #[command(after_help = LOGS)]
    Logs {
        /// Its id, or the first 8 characters or more
        run: String,
        /// Go on until the run ends
        #[arg(long)]
        follow: bool,
        /// Which attempt [default: the one that counts]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        attempt: Option<u32>,
    },
    /// List what a run measured
    #[command(
        after_help = "Examples:\n  holdfast run metrics 3fa09c1e\n  holdfast run metrics 3fa09c1e --json | jq '.[] | select(.name == \"loss\") | .points'"
    )]
    Metrics {
        /// Its id, or the first 8 characters or more
        run: String,
    },
    /// Stop a run, or take it back before it begins
    #[command(after_help = "Examples:\n  holdfast run stop 3fa09c1e")]
    Stop {
        /// Its id, or the first 8 characters or more
        run: String,
    },
    /// Download what a run made
    #[command(after_help = ARTIFACTS)]
    Artifacts {
        /// Its id, or the first 8 characters or more
        run: String,
        /// The folder to write into
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct RunStart {
    /// PROJECT/TASK, with @VERSION for another than the newest
    #[arg(value_name = "PROJECT/TASK")]
    pub(crate) task: ItemName,
    /// Name or id of the node
    #[arg(long, value_name = "NODE")]
    pub(crate) node: String,
    /// What the task reads: NAME=PROJECT/DATASET[@VERSION]
    #[arg(long = "input", value_name = "NAME=ITEM")]
    pub(crate) inputs: Vec<InputArg>,
    /// A value of a parameter
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<ParamArg>,
    /// A secret of the project; NAME alone where it is called as in the task
    #[arg(long = "secret", value_name = "NAME[=SECRET]")]
    pub(crate) secrets: Vec<SecretArg>,
    /// How often it may be begun when its node goes away in the middle
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10))]
    pub(crate) attempts: Option<u32>,
    /// How long it may take, as 30min or 2h [default: as the task says]
    #[arg(long, value_name = "LIMIT", value_parser = parse_span)]
    pub(crate) time: Option<u64>,
    /// Print its log until it ends
    #[arg(long)]
    pub(crate) follow: bool,
}

/// `NAME=PROJECT/ITEM[@VERSION]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputArg(pub(crate) RunInput);

impl FromStr for InputArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected NAME=PROJECT/ITEM, for example \"raw=Brain scans/Scans\"";
        let (name, item) = pair(text).ok_or(EXPECTED)?;
        let found: ItemName = item.parse().map_err(|_| EXPECTED)?;
        Ok(Self(RunInput {
            name,
            project: Some(found.project),
            item: found.item,
            version: found.version,
        }))
    }
}

/// `NAME=VALUE`; the value may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParamArg(pub(crate) String, pub(crate) String);

impl FromStr for ParamArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = pair(text).ok_or("expected NAME=VALUE, for example rate=0.01")?;
        Ok(Self(name, value))
    }
}

/// `NAME=SECRET`, or `NAME` where both are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretArg(pub(crate) String, pub(crate) String);

impl FromStr for SecretArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match pair(text) {
            Some((name, secret)) if !secret.is_empty() => Ok(Self(name, secret)),
            None if !text.is_empty() && !text.contains('=') => Ok(Self(text.to_owned(), text.to_owned())),
            _ => Err("expected NAME or NAME=SECRET, for example \"token=GitHub token\"".into()),
        }
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    (!name.is_empty()).then(|| (name.to_owned(), value.to_owned()))
}

const WORKFLOW_RUN: &str = "\
Examples:
  holdfast workflow run train.toml
  holdfast workflow run train.toml --resume 5b1d22aa

A workflow is a TOML file of tasks in an order (docs/spec/workflow.md). This computer orders each run when what
it waits for is done, and takes results over. Ctrl-C stops the ordering, not the runs; with --resume it goes on,
on any device: what succeeded stays, what runs is waited for, and what did not succeed is tried anew. Exit code
1 if a step fails.";

#[derive(Subcommand)]
pub(crate) enum WorkflowVerb {
    /// Do what a file says, step by step
    #[command(after_help = WORKFLOW_RUN)]
    Run {
        /// The file
        file: PathBuf,
        /// Go on with this one instead of beginning anew
        #[arg(long, value_name = "WORKFLOW")]
        resume: Option<String>,
    },
    /// Show how a workflow stands
    #[command(
        after_help = "Examples:\n  holdfast workflow show 5b1d22aa\n  holdfast workflow show 5b1d22aa --file train.toml\n\nWithout the file, only steps are known that have a run."
    )]
    Show {
        /// Its id, or the first 8 characters or more
        workflow: String,
        /// Its file: shows the steps that have no run yet, too
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Stop all runs of a workflow
    #[command(after_help = "Examples:\n  holdfast workflow stop 5b1d22aa")]
    Stop {
        /// Its id, or the first 8 characters or more
        workflow: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_name_an_item_with_its_project() {
        let input: InputArg = "raw=Brain scans/Scans@3".parse().expect("an input");
        assert_eq!(
            input.0,
            RunInput {
                name: "raw".into(),
                project: Some("Brain scans".into()),
                item: "Scans".into(),
                version: Some("3".into()),
            }
        );
        let odd: InputArg = "raw=P/a=b/c".parse().expect("an input");
        assert_eq!(odd.0.item, "a=b/c");
        for wrong in ["", "raw", "raw=", "=P/S", "raw=Scans", "raw=/S"] {
            assert!(wrong.parse::<InputArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_keep_what_comes_after_the_first_sign() {
        assert_eq!("a=b=c".parse(), Ok(ParamArg("a".into(), "b=c".into())));
        assert_eq!("a=".parse(), Ok(ParamArg("a".into(), String::new())));
        assert!("a".parse::<ParamArg>().is_err() && "=a".parse::<ParamArg>().is_err());
        assert_eq!("token".parse(), Ok(SecretArg("token".into(), "token".into())));
        assert_eq!("token=Git Hub".parse(), Ok(SecretArg("token".into(), "Git Hub".into())));
        assert!("token=".parse::<SecretArg>().is_err() && "".parse::<SecretArg>().is_err());
    }
}
