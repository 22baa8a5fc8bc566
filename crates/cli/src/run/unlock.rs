//! `holdfast unlock`, `lock` and `status`: whether the keys are in memory, and where.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{ChildStdout, Command as Process, Stdio};
use std::sync::Arc;

use holdfast_commands::view::{DoneView, StatusView};
use holdfast_commands::{Command, Ending, Frame, Outcome};
use holdfast_device::wiping_heap;
use holdfast_engine::{Error, ports::Silent};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::Answer;
use crate::args::{Common, Unlock};
use crate::client;
use crate::failure::{Failure, Result};
use crate::output::{self, Bars, alarm, message, say, tell};
use crate::phrase::{self, PhraseText};
use crate::place::{Owner, Place, absolute};

/// A log longer than this is begun anew.
const LOG_LIMIT: u64 = 1 << 20;

pub(super) fn done(view: &impl Serialize) -> Result<Outcome> {
    ended(Ending::Done, view)
}

pub(super) fn ended(ending: Ending, view: &impl Serialize) -> Result<Outcome> {
    let value = serde_json::to_value(view).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Outcome {
        ending,
        value,
        as_of_ms: None,
        notes: Vec::new(),
    })
}

/// Starts the agent, unless somebody has the keys already.
pub(super) async fn unlock(common: &Common, args: &Unlock) -> Answer {
    let place = Place::open(common)?;
    match place.owner().await? {
        Owner::Agent(stream) => {
            let status = client::run(stream, Command::Status, &Arc::new(Bars::new())).await?;
            return Ok((status, say("This profile is unlocked already.".into())));
        }
        Owner::Me(_lock) => {
            if place.app().await?.is_none() {
                return Err(Error::NoAccount.into());
            }
        }
    }
    let minutes = output::count(args.auto_lock_minutes, "minute");
    let text = format!("Unlocked. It locks by itself after {minutes} without a command, or with `holdfast lock`.");
    for tried in 1.. {
        let (given, asked) = phrase::current(common)?;
        match start(common, &place, args, &given) {
            Err(failure) if phrase::try_again(&failure, asked, tried) => {}
            answer => {
                let outcome = answer?;
                if let Ok(status) = serde_json::from_value::<StatusView>(outcome.value.clone()) {
                    status.alarms.iter().for_each(|view| message(&alarm(view)));
                }
                return Ok((outcome, say(text)));
            }
        }
    }
    Err(Error::Locked.into())
}

/// Starts the agent and waits until it listens or says why not.
fn start(common: &Common, place: &Place, args: &Unlock, phrase: &PhraseText) -> Result<Outcome> {
    let bars = Bars::new();
    bars.doing("unlocking");
    let path = place.profile.logs().join("agent.log");
    let long = path.metadata().is_ok_and(|found| found.len() > LOG_LIMIT);
    let log = OpenOptions::new()
        .create(true)
        .append(!long)
        .write(true)
        .truncate(long)
        .mode(0o600)
        .open(&path);
    let log = log.map_err(|error| Error::io(&path, &error))?;
    let failed = |error: std::io::Error| Failure::new("agent", format!("The agent can't be started: {error}."), "");
    let mut process = Process::new(std::env::current_exe().map_err(failed)?);
    process
        .arg("agent")
        .arg("--auto-lock-minutes")
        .arg(args.auto_lock_minutes.to_string());
    if let Some(folder) = &common.profile {
        process.arg("--profile").arg(absolute(folder.clone())?);
    }
    let (variable, value) = wiping_heap();
    process
        .env_remove("HOLDFAST_MASTER_KEY_FILE")
        .env(variable, value)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    let mut child = process.spawn().map_err(failed)?;
    let line = Zeroizing::new(format!("{}\n", phrase.expose()));
    // One that died already says why on its way out, or in its log.
    let sent = child.stdin.take().map(|mut stdin| stdin.write_all(line.as_bytes()));
    let answer = child.stdout.take().map_or(Ok(None), first_frame);
    bars.clear();
    match answer {
        Ok(Some(Frame::Ended(outcome))) => Ok(outcome),
        Ok(Some(Frame::Failed(view))) => {
            let _ = child.wait();
            Err(view.into())
        }
        _ => {
            let _ = child.wait();
            let why = match sent {
                Some(Err(error)) => error.to_string(),
                _ => format!("see {}", path.display()),
            };
            Err(Failure::new(
                "agent",
                format!("The agent did not start: {why}."),
                "Please report this with the code.",
            ))
        }
    }
}

fn first_frame(stdout: ChildStdout) -> std::io::Result<Option<Frame>> {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    Ok(serde_json::from_str(&line).ok())
}

/// Ends the agent, if there is one.
pub(super) async fn lock(common: &Common) -> Answer {
    let place = Place::open(common)?;
    match place.owner().await? {
        Owner::Agent(stream) => Ok((client::lock(stream).await?, say("Locked.".into()))),
        Owner::Me(_) => Ok((done(&DoneView::YES)?, say("It was locked already.".into()))),
    }
}

/// Needs no Master Key, and no account either.
pub(super) async fn status(common: &Common) -> Answer {
    let place = Place::open(common)?;
    let outcome = match place.owner().await {
        Ok(Owner::Agent(stream)) => client::run(stream, Command::Status, &Arc::new(Bars::new())).await?,
        // Somebody at work does not keep us from looking.
        Ok(Owner::Me(_)) | Err(_) => match place.app().await? {
            Some(app) => {
                app.run(Command::Status, Arc::new(Silent), CancellationToken::new())
                    .await?
            }
            None => done(&StatusView {
                unlocked: false,
                handle: None,
                server: None,
                online: false,
                keys_held: None,
                alarms: Vec::new(),
                news: Vec::new(),
            })?,
        },
    };
    Ok((outcome, tell(output::status)))
}
