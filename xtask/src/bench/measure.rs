//! What one process cost: wall time, CPU time, peak memory.
//!
//! The kernel adds up what ended children used, so each measured process gets a parent of its own:
//! this program once more, as `xtask measured -- PROGRAM ARGS`, which prints what it saw as one line of JSON.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::process::{Exit, line_of};

/// What one process cost, and what it printed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// From before the start to after the end, in microseconds.
    pub(crate) wall_us: u64,
    /// User and system time of all its threads and children, in microseconds.
    pub(crate) cpu_us: u64,
    /// The most memory it held, in KiB.
    pub(crate) peak_kib: u64,
    /// Its standard output.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub(crate) stdout: String,
}

impl Sample {
    /// [`Sample::peak_kib`] in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.peak_kib as f64 / 1024.0
    }
}

/// Runs a command to its end and measures it.
///
/// # Errors
///
/// When it cannot be started or ends with another code than 0.
pub(crate) fn measure(command: &Command) -> Result<Sample> {
    // By this name it is found even when a build has put a new xtask in our place.
    let us = if cfg!(target_os = "linux") {
        "/proc/self/exe".into()
    } else {
        std::env::current_exe().context("where am I?")?
    };
    let mut wrapped = Command::new(us);
    wrapped
        .args(["measured", "--"])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        wrapped.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    let output = wrapped.output().context("cannot start the measuring parent")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed:\n{errors}", line_of(command));
    serde_json::from_slice(&output.stdout).context("the measuring parent printed no sample")
}

/// The measuring parent.
#[cfg(unix)]
pub(crate) fn measured(args: &[String]) -> Result<()> {
    use std::process::Stdio;
    use std::time::Instant;

    use nix::sys::resource::{UsageWho, getrusage};

    let [dashes, program, rest @ ..] = args else {
        return Err(Exit::usage("xtask measured -- PROGRAM ARGS..."));
    };
    ensure!(dashes == "--", "xtask measured -- PROGRAM ARGS...");
    let clock = Instant::now();
    let output = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    let wall = clock.elapsed();
    if !output.status.success() {
        return Err(Exit::failed(format!("{program} ended with {}", output.status)));
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let microseconds =
        |time: nix::sys::time::TimeVal| u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0);
    let sample = Sample {
        wall_us: u64::try_from(wall.as_micros())?,
        cpu_us: microseconds(usage.user_time()) + microseconds(usage.system_time()),
        peak_kib: u64::try_from(usage.max_rss())?,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
    };
    println!("{}", serde_json::to_string(&sample)?);
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn measured(_: &[String]) -> Result<()> {
    Err(Exit::usage(
        "benches need Unix: they read what the kernel counted for a child",
    ))
}
