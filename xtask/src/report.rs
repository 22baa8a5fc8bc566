//! What a run saw, left under `target/reports/NAME.json` for people and for later checks.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Map, Value};

/// How one case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// One case: a test, a check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Case {
    /// Where it lives: a package, or the name of a check.
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) outcome: Outcome,
    /// Wall time, where the runner told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<f64>,
    /// Why it was skipped or failed, in short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

/// How many cases ended in which way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

/// The report of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) name: String,
    /// The program that ran the cases, with its version.
    pub(crate) runner: String,
    /// When it started, in seconds since 1970.
    pub(crate) started: u64,
    pub(crate) seconds: f64,
    pub(crate) totals: Totals,
    pub(crate) cases: Vec<Case>,
    /// What was measured on the way, by name.
    pub(crate) figures: Map<String, Value>,
    #[serde(skip)]
    clock: Instant,
}

impl Report {
    pub(crate) fn new(name: &str, runner: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            name: name.to_owned(),
            runner: runner.to_owned(),
            started: now.as_secs(),
            seconds: 0.0,
            totals: Totals::default(),
            cases: Vec::new(),
            figures: Map::new(),
            clock: Instant::now(),
        }
    }

    pub(crate) fn add(&mut self, case: Case) {
        match case.outcome {
            Outcome::Passed => self.totals.passed += 1,
            Outcome::Failed => self.totals.failed += 1,
            Outcome::Skipped => self.totals.skipped += 1,
        }
        self.cases.push(case);
    }

    /// Takes in every `*.json` that the tests left in `folder`, each under its file stem.
    pub(crate) fn add_figures_from(&mut self, folder: &Path) -> Result<()> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Ok(());
        };
        for entry in entries {
            let file = entry?.path();
            if file.extension().is_some_and(|ext| ext == "json") {
                let text = fs::read_to_string(&file)?;
                let value: Value =
                    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
                let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                self.figures.insert(stem, value);
            }
        }
        Ok(())
    }

    /// Writes the report and returns where it is. Without an own time, the time since `new` counts.
    pub(crate) fn write(&mut self, target: &Path) -> Result<PathBuf> {
        if self.seconds == 0.0 {
            self.seconds = self.clock.elapsed().as_secs_f64();
        }
        let folder = target.join("reports");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.json", self.name));
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}
