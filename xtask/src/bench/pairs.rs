//! Interleaved pairs: ours, the peer's, ours, the peer's. A busy minute hits both.

use std::process::Command;

use anyhow::Result;
use serde::Serialize;

use super::measure::{Sample, measure};
use super::stats::{Spread, median};

/// What all pairs cost: the samples of ours first, those of the peer second.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    samples: Vec<[Sample; 2]>,
}

/// Runs `count` pairs after one that does not count and fills the caches.
pub(crate) fn run(count: usize, make: impl Fn(usize) -> Result<[Command; 2]>) -> Result<Outcome> {
    let pair = |index| -> Result<[Sample; 2]> {
        let [ours, peers] = make(index)?;
        Ok([measure(&ours)?, measure(&peers)?])
    };
    pair(0)?;
    let samples = (0..count).map(pair).collect::<Result<Vec<_>>>()?;
    Ok(Outcome { samples })
}

impl Outcome {
    /// The median over the pairs of our wall time by the peer's.
    pub(crate) fn wall_ratio(&self) -> f64 {
        self.ratio(|sample| sample.wall_us)
    }

    /// The most memory that ours held in any pair, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.samples.iter().map(|[ours, _]| ours.peak_mib()).fold(0.0, f64::max)
    }

    /// The median over the pairs of our CPU time by the peer's.
    pub(crate) fn cpu_ratio(&self) -> f64 {
        self.ratio(|sample| sample.cpu_us)
    }

    fn ratio(&self, of: impl Fn(&Sample) -> u64) -> f64 {
        let ratios = self.samples.iter().map(|[a, b]| of(a) as f64 / of(b).max(1) as f64);
        median(ratios.collect())
    }

    /// Wall and CPU time in ms, and peak memory in MiB, one row for each side.
    pub(crate) fn table(&self, labels: [&str; 2]) -> String {
        let mut text = format!(
            "  {:<24}{:>10}{:>10}{:>10}{:>12}{:>10}\n",
            "", "wall ms", "min", "p95", "cpu ms", "peak MiB"
        );
        for (side, label) in labels.into_iter().enumerate() {
            let column = |of: fn(&Sample) -> u64| {
                Spread::of(self.samples.iter().map(|pair| of(&pair[side]) as f64 / 1e3).collect())
            };
            let (wall, cpu) = (column(|s| s.wall_us), column(|s| s.cpu_us));
            let peak = self.samples.iter().map(|pair| pair[side].peak_kib).max().unwrap_or(0);
            text.push_str(&format!(
                "  {label:<24}{:>10.2}{:>10.2}{:>10.2}{:>12.2}{:>10.1}\n",
                wall.median,
                wall.min,
                wall.p95,
                cpu.median,
                peak as f64 / 1024.0,
            ));
        }
        text.push_str(&format!(
            "  median of the pairs: {:.3} of the peer's wall time, {:.3} of its CPU time\n",
            self.wall_ratio(),
            self.cpu_ratio()
        ));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(wall_us: u64, cpu_us: u64) -> Sample {
        Sample {
            wall_us,
            cpu_us,
            peak_kib: 1024,
            stdout: String::new(),
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_pairs() {
        let outcome = Outcome {
            samples: vec![
                [sample(100, 10), sample(200, 10)],
                [sample(100, 20), sample(100, 10)],
                [sample(900, 30), sample(300, 10)],
            ],
        };
        assert!((outcome.wall_ratio() - 1.0).abs() < 1e-9);
        assert!((outcome.cpu_ratio() - 2.0).abs() < 1e-9);
        assert!(
            outcome
                .table(["ours", "peer"])
                .contains("1.000 of the peer's wall time")
        );
    }
}
