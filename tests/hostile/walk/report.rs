//! What happened in walks, counted.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::draw::kinds;
use super::mischief::{Ends, Operator};

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
    /// How often boxes were read that were spoiled in two ways.
    pub(super) spoiled: usize,
    /// How often somebody was given keys that open and others that do not.
    pub(super) wrapped: usize,
    /// Runs that a node began.
    pub(super) runs: usize,
    /// Results of runs that were taken over.
    pub(super) adopted: usize,
    /// Signatures that were held against what their makers know.
    pub(super) signatures: usize,
}

impl Report {
    fn has(&self, kind: &str) -> bool {
        self.steps.contains_key(kind)
    }

    /// Whether a kind of steps is wanting still: none was taken to its end, and it was not tried often.
    pub(super) fn wants(&self, kind: &str) -> bool {
        self.steps
            .get(kind)
            .is_none_or(|kind| kind.taken == kind.failed && kind.taken < 4)
    }

    /// What a long walk has too little of: kinds of steps, and occasions to look.
    pub(super) fn lacks(&self, steps: usize) -> Vec<&'static str> {
        let enough = [
            ("signatures", self.signatures > steps / 2),
            ("boxes that do not open", self.spoiled > steps / 30),
            ("keys that do not open", self.wrapped > steps / 30),
            ("runs", self.runs > 0),
        ];
        let few = enough.into_iter().filter(|(_, is)| !is).map(|(what, _)| what);
        kinds().filter(|kind| !self.has(kind)).chain(few).collect()
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
        self.spoiled += other.spoiled;
        self.wrapped += other.wrapped;
        self.runs += other.runs;
        self.adopted += other.adopted;
        self.signatures += other.signatures;
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
        println!(
            "{} runs were begun, {} results taken over; {} signatures were read; {} boxes and {} keys did not open, and nobody saw why",
            self.runs, self.adopted, self.signatures, self.spoiled, self.wrapped
        );
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
        let lacks = self.lacks(steps);
        assert!(lacks.is_empty(), "there were not enough {lacks:?}");
        let unused: Vec<_> = Operator::all()
            .into_iter()
            .map(Operator::name)
            .filter(|name| self.mischief.get(name).is_none_or(|ends| ends.tried == ends.idle))
            .collect();
        // Some may have found no occasion.
        assert!(unused.len() <= 3, "nobody met {unused:?}");
    }
}
