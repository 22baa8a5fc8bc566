//! Bench of the window: its start, and the way from one view to the next for somebody who keeps ten thousand things.
//!
//! The release program on a display that nobody looks at, looked at by the example `window_speed` of `holdfast-tests`: pixels for
//! the start, frames of the page for the views. What it weighs, on the disk and in memory, is kept in the report beside them.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Bout;
use super::stats::Spread;
use crate::page::{self, Node};
use crate::process::{Exit, show_and_run};
use crate::setup::{self, WINDOW, WINDOW_TESTS};
use crate::workspace::cargo;

/// "Start to unlock screen under 1 s after a warm disk."
const START_MS: f64 = 1000.0;
/// "Switching views under 100 ms with 10,000 items."
const VIEW_MS: f64 = 100.0;
/// "The window stays live": longer than this, a person notices that it does not.
const FRAME_MS: f64 = 200.0;

/// Starts the program some times, then goes through all views.
pub(super) fn window(bout: &mut Bout) -> Result<()> {
    let needs = [&WINDOW[..], &WINDOW_TESTS, Node::needs(&bout.meta)].concat();
    setup::ensure("The bench of the window", &needs)?;
    page::build(&Node::ensure(&bout.meta)?)?;
    // The tests' hands come with it; they are some kilobytes, and idle but for the drive through the views.
    let flags = ["--quiet", "--workspace", "--features", "holdfast-app/e2e"];
    let builds = [
        &["--release", "--bin", "holdfast-app"][..],
        &["--bin", "holdfast", "--example", "window_speed"],
    ];
    for build in builds {
        if !show_and_run(cargo("build").args(flags).args(build))? {
            return Err(Exit::silent());
        }
    }
    let program = bout.meta.release_file("holdfast-app");
    let mut look = Command::new(bout.meta.debug_file("examples/window_speed"));
    look.env("HOLDFAST_APP", &program)
        .env("HOLDFAST_BIN", bout.meta.debug_file("holdfast"));
    let output = look.stderr(std::process::Stdio::inherit()).output()?;
    ensure!(output.status.success(), "window_speed ended with {}", output.status);
    let told: Value = serde_json::from_slice(&output.stdout).context("what window_speed told")?;

    let starts = Spread::of(numbers(&told["start_ms"])?);
    println!(
        "  start to unlock screen: median {:.0} ms, worst {:.0} ms",
        starts.median, starts.max
    );
    let mut slowest: f64 = 0.0;
    for (view, took) in told["views_ms"].as_object().context("views")? {
        let took = Spread::of(numbers(took)?);
        println!(
            "  {view:<28} median {:>4.0} ms, worst {:>4.0} ms",
            took.median, took.max
        );
        // The first time it is read from the disk, behind a view that says so.
        if view.ends_with(", again") {
            slowest = slowest.max(took.median);
        }
    }
    let frames = told["longest_frame_ms"].as_object().context("frames")?;
    for (work, longest) in frames {
        let longest = longest.as_f64().context("milliseconds")?;
        bout.gate(&format!("the longest frame while {work}, in ms"), longest, FRAME_MS);
    }
    let bytes = std::fs::metadata(&program)?.len();
    println!(
        "  {} MB on the disk; MiB in memory: {}",
        bytes / 1_000_000,
        told["memory_mib"]
    );
    bout.keep("program_bytes", json!(bytes));
    bout.keep("seen", told);
    bout.gate("start in ms", starts.median, START_MS);
    bout.gate("the slowest view in ms", slowest, VIEW_MS);
    Ok(())
}

fn numbers(value: &Value) -> Result<Vec<f64>> {
    let numbers = value.as_array().context("a list of times")?.iter();
    numbers.map(|one| one.as_f64().context("milliseconds")).collect()
}
