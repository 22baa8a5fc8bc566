//! Jobs about runs, and following one to its end.

use std::time::Duration;

use holdfast_commands::view::{IdView, LogPieceView, RunDetail, RunLogView};
use holdfast_commands::{Command, Outcome, RunOrder};
use holdfast_engine::Error;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Answer;
use super::job::{Door, Job};
use crate::args::{Common, RunStart, RunVerb};
use crate::failure::{Failure, Result};
use crate::output::{self, LogScreen, message, say, tell};
use crate::place::absolute;

/// How long one answer is waited for, in milliseconds.
const WAIT_MS: u64 = 20_000;
/// Between two looks at a run that has ended while its result is not here yet.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn run(common: &Common, verb: RunVerb) -> Answer {
    let job = match verb {
        RunVerb::Start(args) => return start(common, args).await,
        RunVerb::Logs { run, follow, attempt } => return logs(common, run, follow, attempt).await,
        RunVerb::List { project } => Job::new(Command::RunList { project }, tell(output::runs)),
        RunVerb::Show { run } => Job::new(Command::RunShow { run }, tell(output::run)),
        RunVerb::Metrics { run } => Job::new(Command::RunMetrics { run }, tell(output::metrics)),
        RunVerb::Stop { run } => {
            let text = "It is stopped: its node ends it when it next hears from the server.".into();
            Job::new(Command::RunStop { run }, say(text))
        }
        RunVerb::Artifacts { run, to } => Job::new(
            Command::RunArtifacts { run, to: absolute(to)? },
            tell(output::run_artifacts),
        ),
    };
    super::job::run(common, job).await
}

/// The order that was typed.
fn order(args: RunStart) -> Result<RunOrder> {
    let mut order = RunOrder {
        project: args.task.project,
        task: args.task.item,
        version: args.task.version,
        node: args.node,
        inputs: args.inputs.into_iter().map(|input| input.0).collect(),
        attempts: args.attempts,
        seconds: args.time.map(|ms| ms.div_ceil(1000)),
        ..RunOrder::default()
    };
    let twice = |what: &str, name: &str| Failure::usage(format!("--{what} {name} is given twice."), "Leave one out.");
    for param in args.params {
        if order.params.insert(param.0.clone(), param.1).is_some() {
            return Err(twice("param", &param.0));
        }
    }
    for secret in args.secrets {
        if order.secrets.insert(secret.0.clone(), secret.1).is_some() {
            return Err(twice("secret", &secret.0));
        }
    }
    Ok(order)
}

async fn start(common: &Common, args: RunStart) -> Answer {
    let follow = args.follow;
    let command = Command::RunStart { order: order(args)? };
    if !follow {
        return super::job::run(common, Job::new(command, tell(output::run_started))).await;
    }
    let door = Door::open(common).await?;
    let started: IdView = view(door.ask(command).await?.value)?;
    message(output::run_started(started.clone()).trim_end());
    follow_run(&door, common, started.id, None, true).await
}

async fn logs(common: &Common, run: String, follow: bool, attempt: Option<u32>) -> Answer {
    let door = Door::open(common).await?;
    follow_run(&door, common, run, attempt, follow).await
}

async fn follow_run(door: &Door, common: &Common, run: String, attempt: Option<u32>, follow: bool) -> Answer {
    let mut screen = LogScreen::new();
    // One document at the end, for programs.
    let mut kept: Vec<LogPieceView> = Vec::new();
    let (mut from, mut which) = (0, attempt);
    let mut last = loop {
        let command = Command::RunLog {
            run: run.clone(),
            attempt: which,
            from,
            wait_ms: if follow { WAIT_MS } else { 0 },
        };
        let mut more: RunLogView = view(door.ask(command).await?.value)?;
        if more.attempt != 0 {
            // The one that counts may become another one: this one is read to its end.
            which = Some(more.attempt);
        }
        from = more.next;
        let pieces = std::mem::take(&mut more.pieces);
        let none = pieces.is_empty();
        if common.json {
            kept.extend(pieces);
        } else if !screen.show(&pieces) {
            // Whoever read it has seen enough.
            break more;
        }
        if !follow && (more.ended || none) {
            break more;
        }
        if !more.ended {
            continue;
        }
        screen.end();
        let detail = ended(door, &run, more.attempt).await?;
        if attempt.is_none() && detail.run.attempt > more.attempt {
            message(&format!("Attempt {} begins.", detail.run.attempt));
            (from, which) = (0, Some(detail.run.attempt));
            continue;
        }
        let end = detail.run.state.as_str();
        end.clone_into(&mut more.state);
        message(&output::run_ended(&detail));
        if detail.run.over && end != "succeeded" {
            return Err(Failure::new(
                "run-failed",
                format!("The run did not succeed: {end}."),
                "`holdfast run show` says more.",
            ));
        }
        break more;
    };
    screen.end();
    last.pieces = kept;
    let value = serde_json::to_value(&last).map_err(|error| Error::Internal(error.to_string()))?;
    let outcome = Outcome {
        ending: holdfast_commands::Ending::Done,
        value,
        as_of_ms: None,
        notes: Vec::new(),
    };
    Ok((outcome, say(String::new())))
}

/// The run when nothing more comes of it, or when another attempt than the one whose log is over has begun.
async fn ended(door: &Door, run: &str, attempt: u32) -> Result<RunDetail> {
    let mut ended = 0;
    loop {
        let detail: RunDetail = view(door.ask(Command::RunShow { run: run.to_owned() }).await?.value)?;
        let waits = matches!(detail.run.state.as_str(), "queued" | "running" | "ended");
        // A reader can't take a result over: to him it stays as it is.
        ended += u32::from(detail.run.state == "ended");
        if !waits || detail.run.attempt > attempt || ended > 3 {
            return Ok(detail);
        }
        tokio::time::sleep(LOOK).await;
    }
}

pub(super) fn view<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::Internal(format!("the answer makes no sense: {error}")).into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Verb};

    fn typed(words: &[&str]) -> Result<RunOrder> {
        let cli = Cli::try_parse_from([&["holdfast", "run", "start"], words].concat());
        match cli.map(|cli| cli.verb) {
            Ok(Verb::Run(RunVerb::Start(args))) => order(args),
            Ok(_) => panic!("another verb"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn what_is_typed_is_what_is_ordered() {
        let order = typed(&[
            "Brain scans/Train@2",
            "--node",
            "gpu-box",
            "--input",
            "raw=Brain scans/Scans@3",
            "--param",
            "rate=0.01",
            "--secret",
            "token",
            "--time",
            "90min",
            "--attempts",
            "3",
        ])
        .ok()
        .expect("an order");
        assert_eq!((order.project.as_str(), order.task.as_str()), ("Brain scans", "Train"));
        assert_eq!(order.version.as_deref(), Some("2"));
        assert_eq!((order.seconds, order.attempts), (Some(5400), Some(3)));
        assert_eq!(order.params["rate"], "0.01");
        assert_eq!(order.secrets["token"], "token");
        assert_eq!(order.inputs.len(), 1);
    }

    #[test]
    fn nothing_is_given_twice() {
        let failure = typed(&["P/T", "--node", "n", "--param", "a=1", "--param", "a=2"]).err();
        assert_eq!(
            failure.map(|failure| failure.code().to_owned()).as_deref(),
            Some("usage")
        );
    }
}
