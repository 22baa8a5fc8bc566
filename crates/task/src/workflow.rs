//! A workflow: tasks in an order, read and checked. `docs/spec/workflow.md`.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value as Toml};

use crate::fault::{Fault, quoted};
use crate::section::Section;
use crate::words::name;

/// Largest file, in bytes.
pub const LARGEST_WORKFLOW: usize = 256 << 10;

/// Runs of a whole workflow.
pub const MOST_RUNS: usize = 1_000;

const FILE: &str = "the workflow";
const STEPS: usize = 100;
const ENTRIES: usize = 64;
const CHOICES: usize = 1_000;
const NODES: usize = 100;
const LONGEST: usize = 4_096;

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Something that is in the project, as `NAME` or `NAME@VERSION`.
    Item(String),
    /// What another step makes.
    Output {
        /// That step.
        step: String,
        /// Which of its runs, from 1; all of them if none is named.
        run: Option<usize>,
        /// The output.
        output: String,
    },
}

/// A step: one task, in one run or in one for each point of its grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// The task, as `NAME` or `NAME@VERSION`.
    pub task: String,
    /// The nodes that its runs are spread over; at least one.
    pub nodes: Vec<String>,
    /// Inputs by name.
    pub inputs: BTreeMap<String, Source>,
    /// The same value for all its runs.
    pub params: BTreeMap<String, String>,
    /// Several values for each: a run for each combination.
    pub grid: BTreeMap<String, Vec<String>>,
    /// Secrets by the name in the task.
    pub secrets: BTreeMap<String, String>,
    /// Steps to wait for, besides those whose outputs it reads.
    pub needs: Vec<String>,
    /// How often a run that failed is ordered anew.
    pub retry: u32,
}

/// A run that a workflow asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job<'a> {
    /// How its run names it: `train`, or `train#3` in a grid.
    pub label: String,
    /// The step.
    pub step: &'a Step,
    /// Its number in the step, from 1.
    pub number: usize,
    /// All its parameters.
    pub params: BTreeMap<String, String>,
}

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workflow {
    /// Its name, for people.
    pub name: String,
    /// The project, by name or id.
    pub project: String,
    /// Steps, each after those it waits for.
    pub steps: Vec<Step>,
}

impl Step {
    /// How many runs it makes.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.grid
            .values()
            .fold(1, |runs, choices| runs.saturating_mul(choices.len()))
    }

    /// Its runs. The last parameter of the grid, by name, changes fastest.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job<'_>> {
        let total = self.runs();
        (0..total)
            .map(|index| {
                let (mut params, mut left) = (self.params.clone(), index);
                for (name, choices) in self.grid.iter().rev() {
                    params.insert(name.clone(), choices[left % choices.len()].clone());
                    left /= choices.len();
                }
                let number = index + 1;
                let label = if self.grid.is_empty() {
                    self.name.clone()
                } else {
                    format!("{}#{number}", self.name)
                };
                Job {
                    label,
                    step: self,
                    number,
                    params,
                }
            })
            .collect()
    }

    /// The steps that have to be done before.
    #[must_use]
    pub fn waits_for(&self) -> BTreeSet<&str> {
        let read = self.inputs.values().filter_map(|source| match source {
            Source::Output { step, .. } => Some(step.as_str()),
            Source::Item(_) => None,
        });
        read.chain(self.needs.iter().map(String::as_str)).collect()
    }
}

impl Workflow {
    /// Reads a workflow.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > LARGEST_WORKFLOW {
            return Err(Fault::new(FILE, "is larger than 256 KiB", "Split it."));
        }
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count() + 1;
            Fault::new(
                FILE,
                format!("line {line} is not TOML: {}", quoted(error.message())),
                "Mend that line; toml.io shows the form.",
            )
        })?;
        let mut file = Section::new(String::new(), table);
        if file.take("format") != Some(Toml::Integer(1)) {
            return Err(Fault::new(
                "format",
                "is missing or not known here",
                "Begin with format = 1.",
            ));
        }
        let title = file.need("name", "Prepare and train")?;
        let project = file.need("project", "Brain scans")?;
        let sections = file.named("steps", STEPS)?;
        file.end()?;
        let mut steps = Vec::new();
        for (name, section) in sections {
            steps.push(step(name, section)?);
        }
        if steps.is_empty() {
            return Err(Fault::new(
                "steps",
                "has none",
                "Add [steps.NAME] with a task and a node.",
            ));
        }
        let total = steps.iter().fold(0_usize, |sum, step| sum.saturating_add(step.runs()));
        if total > MOST_RUNS {
            let what = format!("come to {total} runs");
            return Err(Fault::new("steps", what, "At most 1000: make the grids smaller."));
        }
        check_references(&steps)?;
        Ok(Self {
            name: title,
            project,
            steps: in_order(steps)?,
        })
    }

    /// The step of that name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// All runs, in an order in which they can be done.
    #[must_use]
    pub fn jobs(&self) -> Vec<Job<'_>> {
        self.steps.iter().flat_map(Step::jobs).collect()
    }
}

fn step(name: String, mut section: Section) -> Result<Step, Fault> {
    let task = section.need("task", "Train")?;
    let nodes = match (section.text("node")?, section.texts("nodes", NODES)?) {
        (Some(node), nodes) if nodes.is_empty() => vec![node],
        (None, nodes) if !nodes.is_empty() => nodes,
        _ => {
            let next = "Write node = \"gpu-box\", or nodes = [\"gpu-1\", \"gpu-2\"] to spread over several.";
            return Err(Fault::new(section.field("node"), "must name where it runs, once", next));
        }
    };
    let mut inputs = BTreeMap::new();
    for (key, given, field) in texts(&mut section, "inputs")? {
        let source = source(&given).map_err(|what| {
            let next =
                "Write \"NAME\" or \"NAME@VERSION\" of something in the project, or \"steps.STEP.outputs.NAME\".";
            Fault::new(field, format!("{} {what}", quoted(&given)), next)
        })?;
        inputs.insert(key, source);
    }
    let secrets = texts(&mut section, "secrets")?
        .into_iter()
        .map(|(key, given, _)| (key, given))
        .collect();
    let mut params = BTreeMap::new();
    for (key, value, field) in values(&mut section, "params")? {
        params.insert(key, text_of(&value, &field)?);
    }
    let mut grid = BTreeMap::new();
    for (key, value, field) in values(&mut section, "grid")? {
        let next = "Write the values as a list: rate = [0.1, 0.01].";
        let Toml::Array(list) = value else {
            return Err(Fault::new(field, "is no list", next));
        };
        if list.is_empty() || list.len() > CHOICES {
            return Err(Fault::new(field, "is empty or has more than 1000 values", next));
        }
        if params.contains_key(&key) {
            return Err(Fault::new(field, "stands in params as well", "Leave one of them out."));
        }
        let choices = list
            .iter()
            .map(|value| text_of(value, &field))
            .collect::<Result<_, _>>()?;
        grid.insert(key, choices);
    }
    let needs = section.texts("needs", STEPS)?;
    let field = section.field("retry");
    let retry = match section.take("retry") {
        None => 0,
        Some(Toml::Integer(times)) if (0..=9).contains(&times) => u32::try_from(times).unwrap_or(0),
        Some(_) => return Err(Fault::new(field, "is no number from 0 to 9", "Write retry = 2.")),
    };
    section.end()?;
    Ok(Step {
        name,
        task,
        nodes,
        inputs,
        params,
        grid,
        secrets,
        needs,
        retry,
    })
}

/// Names with any value below `key`, with the full name of each.
fn values(section: &mut Section, key: &'static str) -> Result<Vec<(String, Toml, String)>, Fault> {
    let field = section.field(key);
    let Some(inner) = section.table(key)? else {
        return Ok(Vec::new());
    };
    inner
        .entries(ENTRIES)?
        .into_iter()
        .map(|(given, value)| {
            let known = name(&given).map_err(|what| {
                Fault::new(
                    &field,
                    format!("the name {} {what}", quoted(&given)),
                    "Use the task's own name for it.",
                )
            })?;
            let field = format!("{field}.{known}");
            Ok((known, value, field))
        })
        .collect()
}

fn texts(section: &mut Section, key: &'static str) -> Result<Vec<(String, String, String)>, Fault> {
    values(section, key)?
        .into_iter()
        .map(|(key, value, field)| match value {
            Toml::String(text) => Ok((key, text, field)),
            _ => Err(Fault::new(field, "is no text", "Put it between quotes.")),
        })
        .collect()
}

fn text_of(value: &Toml, field: &str) -> Result<String, Fault> {
    let text = match value {
        Toml::String(text) => text.clone(),
        Toml::Integer(number) => number.to_string(),
        Toml::Float(number) => format!("{number:?}"),
        Toml::Boolean(flag) => flag.to_string(),
        _ => {
            return Err(Fault::new(
                field,
                "is no text, number, true or false",
                "Write one value.",
            ));
        }
    };
    if text.chars().count() > LONGEST {
        return Err(Fault::new(field, "is longer than 4096 characters", "Shorten it."));
    }
    Ok(text)
}

/// `NAME`, `NAME@2`, `steps.prepare.outputs.clean` or `steps.train.3.outputs.model`.
fn source(text: &str) -> Result<Source, &'static str> {
    if text.is_empty() {
        return Err("names nothing");
    }
    if !text.starts_with("steps.") {
        return Ok(Source::Item(text.to_owned()));
    }
    let parts: Vec<&str> = text.split('.').collect();
    let (step, run, output) = match parts.as_slice() {
        [_, step, "outputs", output] => (step, None, output),
        [_, step, run, "outputs", output] => {
            let run: usize = run.parse().map_err(|_| "has a run that is no number")?;
            (step, Some(run), output)
        }
        _ => return Err("is no output of a step"),
    };
    Ok(Source::Output {
        step: name(step)?,
        run,
        output: name(output)?,
    })
}

/// Every step that is named is there.
fn check_references(steps: &[Step]) -> Result<(), Fault> {
    let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
    let missing = |field: String, step: &str| {
        let what = format!("names the step {}, which is not there", quoted(step));
        Err(Fault::new(field, what, format!("There are: {}.", names.join(", "))))
    };
    for step in steps {
        for needed in &step.needs {
            if !names.contains(&needed.as_str()) {
                return missing(format!("steps.{}.needs", step.name), needed);
            }
        }
        for (input, source) in &step.inputs {
            let Source::Output { step: from, run, .. } = source else {
                continue;
            };
            let field = format!("steps.{}.inputs.{input}", step.name);
            let Some(from) = steps.iter().find(|known| known.name == *from) else {
                return missing(field, from);
            };
            if run.is_some_and(|run| run == 0 || run > from.runs()) {
                let what = format!("names a run that {} does not have", from.name);
                let next = format!("It has the runs 1 to {}.", from.runs());
                return Err(Fault::new(field, what, next));
            }
        }
    }
    Ok(())
}

/// Each after those it waits for; the file's own order (by name) otherwise.
fn in_order(mut left: Vec<Step>) -> Result<Vec<Step>, Fault> {
    let mut done: Vec<Step> = Vec::new();
    while !left.is_empty() {
        let ready = left.iter().position(|step| {
            let mut waits = step.waits_for().into_iter();
            waits.all(|name| done.iter().any(|step| step.name == name))
        });
        let Some(ready) = ready else {
            let names: Vec<&str> = left.iter().map(|step| step.name.as_str()).collect();
            let what = format!("wait for each other: {}", names.join(", "));
            return Err(Fault::new(
                "steps",
                what,
                "Leave out one of the inputs or needs that close the circle.",
            ));
        };
        done.push(left.remove(ready));
    }
    Ok(done)
}
