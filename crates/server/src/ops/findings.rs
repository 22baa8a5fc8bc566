//! What a doctor says: one finding for each thing that was looked at.

use serde::Serialize;

use super::Error;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warn,
    /// To be put right.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable code.
    pub code: String,
    /// How bad it is.
    pub level: Level,
    /// A sentence.
    pub message: String,
    /// What to do next; empty when it is as it should be.
    pub next: String,
    /// A number that belongs to it: how many, how many bytes, how many milliseconds.
    pub count: Option<u64>,
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// The findings.
    pub findings: Vec<Finding>,
    /// How many of them are worth a look.
    pub warnings: usize,
    /// How many are to be put right.
    pub bad: usize,
}

/// Findings while they are gathered.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn say(&mut self, code: &str, level: Level, message: impl Into<String>, next: &str, count: Option<u64>) {
        self.0.push(Finding {
            code: code.into(),
            level,
            message: message.into(),
            next: next.into(),
            count,
        });
    }

    pub(super) fn ok(&mut self, code: &str, message: impl Into<String>) {
        self.say(code, Level::Ok, message, "", None);
    }

    pub(super) fn failed(&mut self, code: &str, error: &Error) {
        self.say(
            code,
            Level::Bad,
            format!("This could not be looked at: {error}"),
            error.next(),
            None,
        );
    }

    pub(super) fn report(self) -> DoctorReport {
        let of = |level| self.0.iter().filter(|finding| finding.level == level).count();
        DoctorReport {
            warnings: of(Level::Warn),
            bad: of(Level::Bad),
            findings: self.0,
        }
    }
}
