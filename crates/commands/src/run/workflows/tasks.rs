//! The tasks of a workflow: what can be known of them before the first run, and the order of each run.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_engine::{Error, NewRun, Result, Session, View, find_item, find_version};
use holdfast_protocol::id::{ItemId, RunId, VersionId};
use holdfast_protocol::item::ItemKind;
use holdfast_protocol::replay::Space;
use holdfast_task::{Job, Source, Step, Task, Workflow};
use tokio_util::sync::CancellationToken;

use super::{Tries, counting, succeeded};
use crate::run::nodes::authorised_node;
use crate::run::runs::{Order, faults, order_about, order_input, plan, read_task};

/// The tasks of a workflow, each read once.
pub(super) struct Tasks<'s> {
    session: &'s Session,
    view: &'s View,
    cancel: &'s CancellationToken,
    read: BTreeMap<String, (ItemId, VersionId, Task)>,
}

impl<'s> Tasks<'s> {
    pub(super) fn new(session: &'s Session, view: &'s View, cancel: &'s CancellationToken) -> Self {
        Self {
            session,
            view,
            cancel,
            read: BTreeMap::new(),
        }
    }

    async fn task(&mut self, name: &str) -> Result<&(ItemId, VersionId, Task)> {
        if !self.read.contains_key(name) {
            let (item, version) = versioned(name);
            let item = find_item(&self.view.space, &[ItemKind::Task], item, false)?;
            let version = find_version(item, version)?;
            let task = read_task(self.session, self.view, item, version, self.cancel).await?;
            self.read.insert(name.to_owned(), (item.id, version.id, task));
        }
        self.read
            .get(name)
            .ok_or_else(|| Error::Internal("a task that was read".into()))
    }

    /// Everything that is there before the first run begins: tasks, nodes, items, parameters, secrets, and which outputs will be made.
    pub(super) async fn check(&mut self, workflow: &Workflow) -> Result<()> {
        for step in &workflow.steps {
            for node in &step.nodes {
                authorised_node(self.session, self.view, node)
                    .await
                    .map_err(|error| of_step(step, error))?;
            }
            for (input, source) in &step.inputs {
                match source {
                    Source::Item(name) => {
                        item_version(&self.view.space, None, name)
                            .map_err(|error| of_step(step, order_about(input, error)))?;
                    }
                    Source::Output { step: from, output, .. } => {
                        let from = workflow.step(from).ok_or_else(|| Error::Internal("a step".into()))?;
                        let task = &self.task(&from.task).await.map_err(|error| of_step(from, error))?.2;
                        if !task.outputs.contains_key(output) {
                            let has: Vec<&str> = task.outputs.keys().map(String::as_str).collect();
                            let next = format!("Its outputs: {}.", has.join(", "));
                            let what = format!("inputs.{input}: \"{}\" makes no \"{output}\"", from.task);
                            return Err(of_step(step, Error::Invalid(what).advise(next)));
                        }
                    }
                }
            }
            let task = self
                .task(&step.task)
                .await
                .map_err(|error| of_step(step, error))?
                .2
                .clone();
            let named: BTreeSet<String> = step
                .inputs
                .iter()
                .flat_map(|(name, source)| names(name, source, workflow))
                .collect();
            let missing = task
                .inputs
                .iter()
                .find(|(name, input)| !input.optional && !named.contains(*name));
            if let Some((name, _)) = missing {
                return Err(of_step(step, Error::Invalid(format!("inputs.{name}: is missing"))));
            }
            if let Some(name) = named.iter().find(|name| !task.inputs.contains_key(*name)) {
                return Err(of_step(
                    step,
                    Error::Invalid(format!("the task has no input \"{name}\"")),
                ));
            }
            for job in step.jobs() {
                let checked = task.check(&job.params);
                checked.map_err(|wrong| of_step(step, faults("Parameters", &wrong)))?;
            }
        }
        Ok(())
    }

    pub(super) async fn order(
        &mut self,
        job: &Job<'_>,
        tried: usize,
        workflow: RunId,
        known: &Tries<'_>,
        all: &Workflow,
    ) -> Result<NewRun> {
        let step = job.step;
        // Spread by number, and elsewhere the next time.
        let node = &step.nodes[(job.number - 1 + tried) % step.nodes.len()];
        let node = authorised_node(self.session, self.view, node).await?;
        let (item, version, task) = self.task(&step.task).await?.clone();
        let space = &self.view.space;
        let mut inputs = BTreeMap::new();
        for (name, source) in &step.inputs {
            match source {
                Source::Item(named) => {
                    let kind = task.inputs.get(name).map(|input| input.kind);
                    let found = item_version(space, kind, named).map_err(|error| of_step(step, error))?;
                    inputs.insert(name.clone(), found);
                }
                Source::Output {
                    step: from,
                    run,
                    output,
                } => {
                    let from = all.step(from).ok_or_else(|| Error::Internal("a step".into()))?;
                    let spread = run.is_none() && !from.grid.is_empty();
                    let jobs = from.jobs().into_iter();
                    for made_by in jobs.filter(|made_by| run.is_none_or(|run| run == made_by.number)) {
                        let made = made(known, &made_by.label, output).ok_or_else(|| {
                            of_step(step, Error::Missing(format!("{} made no {output}.", made_by.label)))
                        })?;
                        let name = if spread {
                            format!("{name}-{}", made_by.number)
                        } else {
                            name.clone()
                        };
                        inputs.insert(name, made);
                    }
                }
            }
        }
        let order = Order {
            task: (item, version),
            inputs,
            params: job.params.clone(),
            secrets: step.secrets.clone(),
            attempts: 1,
            seconds: None,
            workflow: Some((workflow, job.label.clone())),
        };
        plan(space, &task, node, order, self.session.now_ms()).map_err(|error| of_step(step, error))
    }
}

/// The names under which a task finds an input: for all the runs of a grid, one for each.
fn names(name: &str, source: &Source, workflow: &Workflow) -> Vec<String> {
    if let Source::Output { step, run: None, .. } = source
        && let Some(from) = workflow.step(step).filter(|from| !from.grid.is_empty())
    {
        return (1..=from.runs()).map(|number| format!("{name}-{number}")).collect();
    }
    vec![name.to_owned()]
}

/// What a step made, as its result that was taken over says.
fn made(known: &Tries<'_>, label: &str, output: &str) -> Option<(ItemId, VersionId)> {
    let status = counting(known.get(label)?).filter(|status| succeeded(status))?;
    let made = &status.adopted()?.result.made;
    let made = made.iter().find(|made| made.name == output)?;
    Some((made.item, made.version))
}

fn item_version(space: &Space, kind: Option<holdfast_task::InputKind>, name: &str) -> Result<(ItemId, VersionId)> {
    let (item, version) = versioned(name);
    // A name may end like a version.
    let (item, version) = match order_input(space, kind, name) {
        Ok(item) => (item, None),
        Err(_) => (order_input(space, kind, item)?, version),
    };
    Ok((item.id, find_version(item, version)?.id))
}

/// `NAME` or `NAME@VERSION`.
fn versioned(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('@') {
        Some((item, version)) if !item.is_empty() && !version.is_empty() && !version.contains('.') => {
            (item, Some(version))
        }
        _ => (text, None),
    }
}

fn of_step(step: &Step, error: Error) -> Error {
    let (code, next) = (error.code(), error.next().to_owned());
    let said = format!("The step {}: {error}", step.name);
    match code {
        "not-found" => Error::Missing(said).advise(next),
        "not-allowed" => Error::NotAllowed(said).advise(next),
        "usage" | "invalid" => Error::Invalid(said).advise(next),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_split_off() {
        assert_eq!(versioned("Scans@3"), ("Scans", Some("3")));
        assert_eq!(versioned("Scans"), ("Scans", None));
        assert_eq!(versioned("@3"), ("@3", None));
        assert_eq!(versioned("me@example.org"), ("me@example.org", None));
    }
}
