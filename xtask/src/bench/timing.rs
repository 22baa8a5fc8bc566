//! Bench of what must take the same time: refusals of the box and of the wrap, whatever is wrong with them.
//!
//! Runs the bench `timing` of `holdfast-crypto`, which measures as dudect does, and judges its t-values. Not a race against
//! a peer: the gates are dudect's thresholds.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Bout;
use crate::process::output_of;
use crate::workspace::cargo;

/// Below this nothing was found.
const NOTHING: f64 = 4.5;
/// From here on it is a leak beyond doubt.
const LEAK: f64 = 10.0;
/// How many times the samples, when the first t-values lie between: of a real difference they grow, of a chance one they don't.
const AGAIN: usize = 4;

/// One comparison, as the bench prints it.
#[derive(Debug, Deserialize)]
struct Line {
    what: String,
    left: String,
    right: String,
    expected: Expected,
    t: f64,
    difference_ns: f64,
    mean_ns: f64,
    samples: [u64; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Same,
    Leak,
    Told,
}

#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Nothing,
    Unclear,
    Leak,
}

fn finding(t: f64) -> Finding {
    match t.abs() {
        t if t < NOTHING => Finding::Nothing,
        t if t <= LEAK => Finding::Unclear,
        _ => Finding::Leak,
    }
}

pub(super) fn timing(bout: &mut Bout) -> Result<()> {
    let (mut lines, mut raw) = measure(1)?;
    let unclear = |line: &Line| line.expected == Expected::Same && finding(line.t) == Finding::Unclear;
    if lines.iter().any(unclear) {
        print(&lines);
        println!("  between {NOTHING} and {LEAK}: once more with {AGAIN} times the samples");
        (lines, raw) = measure(AGAIN)?;
    }
    print(&lines);
    bout.keep("comparisons", json!(raw));
    for line in &lines {
        let name = format!("{}: {} | {}", line.what, line.left, line.right);
        match line.expected {
            Expected::Same => bout.gate(&format!("|t| of {name}"), line.t.abs(), NOTHING),
            // A gate is an upper bound: a control is met when the threshold is at most its t.
            Expected::Leak => bout.gate(&format!("threshold by |t| of {name}"), LEAK / line.t.abs(), 1.0),
            Expected::Told => {}
        }
    }
    Ok(())
}

fn measure(times: usize) -> Result<(Vec<Line>, Vec<Value>)> {
    let mut bench = cargo("bench");
    bench.args(["--quiet", "-p", "holdfast-crypto", "--bench", "timing", "--"]);
    bench.args(["--json", "--times", &times.to_string()]);
    let text = output_of(&mut bench)?;
    let raw: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let lines: Vec<Line> = raw
        .iter()
        .map(|line| Line::deserialize(line).context("the bench prints something else than before"))
        .collect::<Result<_>>()?;
    anyhow::ensure!(
        lines.iter().any(|line| line.expected == Expected::Leak),
        "the bench printed no control"
    );
    Ok((lines, raw))
}

fn print(lines: &[Line]) {
    for line in lines {
        let found = match (line.expected, finding(line.t)) {
            (Expected::Told, _) => "told by the outcome",
            (_, Finding::Nothing) => "nothing found",
            (_, Finding::Unclear) => "unclear",
            (_, Finding::Leak) => "differs",
        };
        println!(
            "  {:<40} {:<28} {:<32} t {:>8.2}  {:+9.1} of {:>8.0} ns, {} samples: {found}",
            line.what,
            line.left,
            line.right,
            line.t,
            line.difference_ns,
            line.mean_ns,
            line.samples[0].min(line.samples[1]),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thresholds_are_dudects() {
        assert_eq!(finding(-4.4), Finding::Nothing);
        assert_eq!(finding(-4.5), Finding::Unclear);
        assert_eq!(finding(10.0), Finding::Unclear);
        assert_eq!(finding(-10.1), Finding::Leak);
    }

    #[test]
    fn reads_a_line_of_the_bench() {
        let text = r#"{"what":"w","left":"l","right":"r","expected":"leak","t":-12.5,"uncropped":1.0,"kept":0.9,
            "difference_ns":-3.5,"mean_ns":900.0,"samples":[5,6]}"#;
        let line: Line = serde_json::from_str(text).unwrap();
        assert_eq!(
            (line.expected, finding(line.t), line.samples),
            (Expected::Leak, Finding::Leak, [5, 6])
        );
    }
}
