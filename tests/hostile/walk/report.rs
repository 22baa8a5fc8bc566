//! What happened in walks, counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::mischief::{Ends, Operator};
use super::steps::Step;

/// Exchanges that a step is thought to have before one of its kind was taken.
const LENGTH: u64 = 6;

/// One step.
pub(super) struct Took {
    pub(super) kind: &'static str,
    /// What was planned.
    pub(super) operator: Option<&'static str>,
    /// Whether there was an occasion.
    pub(super) happened: bool,
    pub(super) code: Option<String>,
    pub(super) forbidden: bool,
    /// Exchanges of whoever took it.
    pub(super) length: usize,
}

/// Steps of one kind.
#[derive(Default, serde::Serialize)]
struct Kind {
    taken: usize,
    disturbed: usize,
    failed: usize,
    exchanges: usize,
}

#[derive(Default, serde::Serialize)]
pub(super) struct Report {
    steps: BTreeMap<&'static str, Kind>,
    mischief: BTreeMap<&'static str, Ends>,
    /// Devices that were opened again by the Master Key because the server said that they were signed out.
    pub(super) locked: usize,
}

impl Report {
    pub(super) fn has(&self, kind: &str) -> bool {
        self.steps.contains_key(kind)
    }

    /// About how many exchanges a step of this kind has.
    pub(super) fn length_of(&self, kind: &str) -> u64 {
        self.steps
            .get(kind)
            .map_or(LENGTH, |kind| (kind.exchanges / kind.taken).max(1) as u64)
    }

    pub(super) fn note(&mut self, took: Took) {
        let kind = self.steps.entry(took.kind).or_default();
        kind.taken += 1;
        kind.exchanges += took.length;
        kind.disturbed += usize::from(took.happened);
        kind.failed += usize::from(took.code.is_some());
        let Some(operator) = took.operator else { return };
        let ends = self.mischief.entry(operator).or_default();
        ends.tried += 1;
        match took.code {
            _ if !took.happened => ends.idle += 1,
            Some(code) => {
                ends.refused += usize::from(!took.forbidden);
                ends.withstood += usize::from(took.forbidden);
                *ends.codes.entry(code).or_default() += 1;
            }
            None => ends.withstood += 1,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        for (kind, one) in other.steps {
            let kind = self.steps.entry(kind).or_default();
            kind.taken += one.taken;
            kind.disturbed += one.disturbed;
            kind.failed += one.failed;
            kind.exchanges += one.exchanges;
        }
        for (operator, one) in other.mischief {
            let ends = self.mischief.entry(operator).or_default();
            ends.tried += one.tried;
            ends.idle += one.idle;
            ends.refused += one.refused;
            ends.withstood += one.withstood;
            for (code, count) in one.codes {
                *ends.codes.entry(code).or_default() += count;
            }
        }
        self.locked += other.locked;
    }

    pub(super) fn codes(&self) -> impl Iterator<Item = &String> {
        self.mischief.values().flat_map(|ends| ends.codes.keys())
    }

    pub(super) fn print(&self, took: Duration) {
        println!("{:<16}{:>7}{:>10}{:>8}", "step", "taken", "disturbed", "failed");
        for (name, kind) in &self.steps {
            println!("{name:<16}{:>7}{:>10}{:>8}", kind.taken, kind.disturbed, kind.failed);
        }
        println!(
            "{:<16}{:>7}{:>6}{:>9}{:>10}",
            "mischief", "tried", "idle", "refused", "withstood"
        );
        for (name, ends) in &self.mischief {
            println!(
                "{name:<16}{:>7}{:>6}{:>9}{:>10}  {:?}",
                ends.tried, ends.idle, ends.refused, ends.withstood, ends.codes
            );
        }
        println!("{} devices were locked by a lie; {took:.1?} in all", self.locked);
    }

    /// Keeps the figures where reports are made from them.
    pub(super) fn keep(&self, seed: u64, walks: usize, steps: usize) {
        let Some(folder) = std::env::var_os("HOLDFAST_FIGURES") else {
            return;
        };
        let folder = Path::new(&folder).join("hostile");
        std::fs::create_dir_all(&folder).expect("the folder for figures");
        let figures = serde_json::json!({ "seed": seed, "walks": walks, "steps_each": steps, "of": self });
        let text = serde_json::to_string_pretty(&figures).expect("figures are JSON");
        std::fs::write(folder.join("walk.json"), text).expect("the figures");
    }

    /// A walk in which nothing happens shows nothing.
    pub(super) fn is_worth_something(&self, steps: usize, long: bool) {
        let sum = |of: &dyn Fn(&Ends) -> usize| self.mischief.values().map(of).sum::<usize>();
        let (idle, refused, withstood) = (
            sum(&|ends| ends.idle),
            sum(&|ends| ends.refused),
            sum(&|ends| ends.withstood),
        );
        let happened = refused + withstood;
        assert!(happened > idle, "{idle} occasions were missed, and {happened} taken");
        assert!(
            refused >= steps / 8,
            "only {refused} lies of {steps} steps were refused"
        );
        assert!(
            withstood >= steps / 20,
            "only {withstood} of {steps} steps withstood one"
        );
        if !long {
            return;
        }
        let missing: Vec<_> = Step::kinds().filter(|kind| !self.has(kind)).collect();
        assert!(missing.is_empty(), "nobody did any of {missing:?}");
        let unused: Vec<_> = Operator::all()
            .into_iter()
            .map(Operator::name)
            .filter(|name| self.mischief.get(name).is_none_or(|ends| ends.tried == ends.idle))
            .collect();
        // One or two may have found no occasion.
        assert!(unused.len() <= 3, "nobody met {unused:?}");
    }
}
