//! Ordering a run: the task's own description, held against what was asked for.

use std::collections::BTreeMap;

use holdfast_engine::{Error, NewOutput, NewRun, NewSecretUse, Result, Session, View, find_item, find_version};
use holdfast_protocol::id::{ItemId, PrincipalId, RunId, VersionId};
use holdfast_protocol::item::{Item, ItemKind};
use holdfast_protocol::replay::Space;
use holdfast_protocol::run::{Limits, OutputKind};
use holdfast_task::{CEILINGS, Fault, InputKind, Task, Values};
use tokio_util::sync::CancellationToken;

use crate::app::done;
use crate::command::RunOrder;
use crate::run::nodes::authorised_node;
use crate::run::{find_project, project::kind_word};
use crate::secret_types::type_info;
use crate::view::{FaultView, IdView, Outcome, kind_of};

use super::task::read_task;

const MOST_ATTEMPTS: u32 = 10;

/// An order whose names were found. Who carries it out is another question.
pub(crate) struct Order {
    pub(crate) task: (ItemId, VersionId),
    pub(crate) inputs: BTreeMap<String, (ItemId, VersionId)>,
    pub(crate) params: BTreeMap<String, String>,
    /// Names or ids of secrets by the name in the task.
    pub(crate) secrets: BTreeMap<String, String>,
    pub(crate) attempts: u32,
    pub(crate) seconds: Option<u64>,
    pub(crate) workflow: Option<(RunId, String)>,
}

impl Order {
    /// How long the run may take.
    fn seconds(&self, task: &Task) -> u64 {
        self.seconds.unwrap_or(task.limits.time.as_secs())
    }
}

pub(super) async fn start(session: &Session, order: &RunOrder, cancel: &CancellationToken) -> Result<Outcome> {
    let view = find_project(session, &order.project, false).await?;
    let node = authorised_node(session, &view, &order.node).await?;
    let (task, asked) = read(session, &view, order, cancel).await?;
    let name = find_item(&view.space, &[ItemKind::Task], &order.task, false)?
        .name
        .clone();
    let new = plan(&view.space, &task, node, asked, session.now_ms())?;
    let run = session.start_run(view.space.authority().space(), &new).await?;
    done(&IdView {
        id: run.to_string(),
        name,
    })
}

/// All that would keep an order from being a run of its task, field by field.
pub(super) async fn check(session: &Session, order: &RunOrder, cancel: &CancellationToken) -> Result<Outcome> {
    let view = find_project(session, &order.project, false).await?;
    let (task, asked) = read(session, &view, order, cancel).await?;
    let wrong = held(&view.space, &task, &asked).err().unwrap_or_default();
    done(&wrong.into_iter().map(FaultView::from).collect::<Vec<_>>())
}

/// Reads the task, and finds what the order names.
async fn read(session: &Session, view: &View, order: &RunOrder, cancel: &CancellationToken) -> Result<(Task, Order)> {
    let item = find_item(&view.space, &[ItemKind::Task], &order.task, false)?;
    let version = find_version(item, order.version.as_deref())?;
    let task = read_task(session, view, item, version, cancel).await?;
    let mut inputs = BTreeMap::new();
    for given in &order.inputs {
        if let Some(project) = &given.project {
            same_project(session, view, &order.project, project).await?;
        }
        let wanted = task.inputs.get(&given.name);
        let found = input(&view.space, wanted.map(|wanted| wanted.kind), &given.item)
            .map_err(|error| about(&given.name, error))?;
        let version = find_version(found, given.version.as_deref()).map_err(|error| about(&given.name, error))?;
        if inputs.insert(given.name.clone(), (found.id, version.id)).is_some() {
            return Err(Error::Invalid(format!("inputs.{}: is given twice", given.name)));
        }
    }
    let asked = Order {
        task: (item.id, version.id),
        inputs,
        params: order.params.clone(),
        secrets: order.secrets.clone(),
        attempts: order.attempts.unwrap_or(1),
        seconds: order.seconds,
        workflow: None,
    };
    Ok((task, asked))
}

/// A run reads from its own project: a node that serves one is given nothing of another.
async fn same_project(session: &Session, view: &View, named: &str, other: &str) -> Result<()> {
    if named == other {
        return Ok(());
    }
    let found = find_project(session, other, false).await?;
    if found.space.authority().space() == view.space.authority().space() {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "\"{other}\" is another project than the task's, and a run reads from its own"
    ))
    .advise("Upload what it needs into the task's project."))
}

/// Holds an order against the task, and gives the values and secrets of the run.
///
/// # Errors
/// All that is wrong, field by field.
fn held(space: &Space, task: &Task, order: &Order) -> std::result::Result<(Values, Vec<NewSecretUse>), Vec<Fault>> {
    let mut wrong: Vec<Fault> = Vec::new();
    let values = task.check(&order.params).unwrap_or_else(|faults| {
        wrong = faults;
        Values::new()
    });
    check_inputs(space.contents().items(), task, order, &mut wrong);
    let secrets = secrets(space, task, order, &mut wrong);
    if order.attempts == 0 || order.attempts > MOST_ATTEMPTS {
        wrong.push(fault(
            "attempts",
            "is no number from 1 to 10",
            "Give one with --attempts 3.",
        ));
    }
    let seconds = order.seconds(task);
    if seconds == 0 || seconds > CEILINGS.time.as_secs() {
        wrong.push(fault("time", "is not from 1 second to 7 days", "Give it as --time 2h."));
    }
    if wrong.is_empty() {
        Ok((values, secrets))
    } else {
        Err(wrong)
    }
}

/// Makes a run of an order.
///
/// # Errors
/// [`Error::Invalid`] that names each parameter, input or secret that is wrong, and what is expected; [`Error::NotAllowed`] where the
/// node's time is over.
pub(crate) fn plan(space: &Space, task: &Task, node: PrincipalId, order: Order, now_ms: u64) -> Result<NewRun> {
    let held = held(space, task, &order);
    let until_ms = space.authority().nodes().get(&node).map_or(0, |node| node.until_ms);
    if until_ms <= now_ms {
        return Err(
            Error::NotAllowed("the time for which this node is authorised is over".into())
                .advise("An owner authorises it anew: holdfast node authorise PROJECT NODE --until 7d"),
        );
    }
    let (values, secrets) = held.map_err(|wrong| faults("This does not fit the task", &wrong))?;
    let seconds = order.seconds(task);
    Ok(NewRun {
        node,
        task: order.task,
        runtime: task.runtime.word().to_owned(),
        entry: task.entry.clone().unwrap_or_default(),
        image: task.image.as_ref().map(|image| image.as_str().to_owned()),
        parameters: values
            .into_iter()
            .map(|(name, value)| (name, value.to_string()))
            .collect(),
        inputs: order
            .inputs
            .into_iter()
            .map(|(name, (item, version))| (name, item, version))
            .collect(),
        secrets,
        outputs: task
            .outputs
            .iter()
            .map(|(name, output)| NewOutput {
                name: name.clone(),
                kind: match output.kind {
                    holdfast_task::OutputKind::Model => OutputKind::Model,
                    holdfast_task::OutputKind::Artifact => OutputKind::Artifact,
                },
                path: output.path.clone(),
            })
            .collect(),
        limits: Limits {
            seconds,
            memory: task.limits.memory_bytes,
            milli_cpus: task.limits.milli_cpus.into(),
            processes: task.limits.processes.into(),
            disk: task.limits.disk_bytes,
            log: task.limits.log_bytes,
        },
        hosts: task.hosts.iter().map(ToString::to_string).collect(),
        until_ms,
        attempts: order.attempts,
        workflow: order.workflow,
    })
}

fn check_inputs(items: &BTreeMap<ItemId, Item>, task: &Task, order: &Order, wrong: &mut Vec<Fault>) {
    for (name, input) in &task.inputs {
        let wanted = kind_word(kind_of(input.kind));
        match order.inputs.get(name) {
            None if input.optional => {}
            None => wrong.push(fault(
                &format!("inputs.{name}"),
                "is missing",
                &format!("Give a {wanted} with --input {name}=PROJECT/NAME."),
            )),
            Some((item, _)) => {
                let kind = items.get(item).map(|item| item.kind);
                if let Some(kind) = kind.filter(|kind| *kind != kind_of(input.kind)) {
                    let what = format!("is a {}, and the task reads a {wanted}", kind_word(kind));
                    wrong.push(fault(&format!("inputs.{name}"), &what, &format!("Give a {wanted}.")));
                }
            }
        }
    }
    for name in order.inputs.keys().filter(|name| !task.inputs.contains_key(*name)) {
        let what = format!("the task has no input \"{}\"", name.escape_debug());
        wrong.push(fault("inputs", &what, &known("inputs", task.inputs.keys())));
    }
}

fn secrets(space: &Space, task: &Task, order: &Order, wrong: &mut Vec<Fault>) -> Vec<NewSecretUse> {
    let mut uses = Vec::new();
    for (name, wanted) in &task.secrets {
        let field = format!("secrets.{name}");
        let Some(given) = order.secrets.get(name) else {
            if !wanted.optional {
                let purpose = format!("is missing; it is for: {}", wanted.purpose.escape_debug());
                wrong.push(fault(
                    &field,
                    &purpose,
                    &format!("Give one with --secret {name}=SECRET."),
                ));
            }
            continue;
        };
        let item = match find_item(space, &[ItemKind::Secret], given, false) {
            Ok(item) => item,
            Err(error) => {
                wrong.push(fault(
                    &field,
                    &error.to_string(),
                    "`holdfast secret list --in PROJECT` lists them.",
                ));
                continue;
            }
        };
        let has = item.secret_type.map(|kind| type_info(kind).name);
        if let (Some(wanted), Some(has)) = (&wanted.secret_type, has)
            && wanted != has
        {
            let what = format!("is a secret of type {has}, and the task needs {wanted}");
            wrong.push(fault(&field, &what, "Give one of that type."));
        }
        uses.push(NewSecretUse {
            name: name.clone(),
            item: item.id,
            env: wanted
                .env
                .iter()
                .map(|(variable, field)| (variable.clone(), field.clone()))
                .collect(),
        });
    }
    for name in order.secrets.keys().filter(|name| !task.secrets.contains_key(*name)) {
        let what = format!("the task asks for no secret \"{}\"", name.escape_debug());
        wrong.push(fault("secrets", &what, &known("secrets", task.secrets.keys())));
    }
    uses
}

/// Finds what a run reads: of the kind that the task wants, else of any, so that a wrong kind is called that.
pub(crate) fn input<'a>(space: &'a Space, kind: Option<InputKind>, name: &str) -> Result<&'a Item> {
    let kinds = [ItemKind::Dataset, ItemKind::Model, ItemKind::Artifact];
    if let Some(kind) = kind {
        match find_item(space, &[kind_of(kind)], name, false) {
            Err(Error::NotFound { .. }) => {}
            found => return found,
        }
    }
    find_item(space, &kinds, name, false)
}

pub(crate) fn about(input: &str, error: Error) -> Error {
    let (what, next) = (format!("inputs.{input}: {error}"), error.next().to_owned());
    match error {
        Error::NotFound { .. } => Error::Missing(what).advise(next),
        other => other,
    }
}

fn fault(field: &str, what: &str, next: &str) -> Fault {
    Fault {
        field: field.to_owned(),
        what: what.to_owned(),
        next: next.to_owned(),
    }
}

fn known<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        return format!("This task has no {what}.");
    }
    format!("It has: {}.", names.join(", "))
}

/// All that is wrong, in one error: what in the sentence, what to do in the next step.
pub(crate) fn faults(what: &str, all: &[Fault]) -> Error {
    // What an error of its own says ends with a full stop already.
    let said: Vec<String> = all
        .iter()
        .map(|fault| fault.to_string().trim_end_matches('.').to_owned())
        .collect();
    let next: Vec<&str> = all.iter().map(|fault| fault.next.as_str()).collect();
    Error::Invalid(format!("{what}: {}.", said.join("; "))).advise(next.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIN: &str = r#"
        format = 1
        name = "Train"
        runtime = "python"
        entry = "train.py"
        [parameters.rate]
        type = "float"
        max = 1
        [inputs.raw]
        kind = "dataset"
        [inputs.base]
        kind = "model"
        optional = true
    "#;

    fn item(id: u8, kind: ItemKind) -> (ItemId, Item) {
        let id = ItemId([id; 16]);
        let item = Item {
            id,
            kind,
            name: "it".into(),
            description: String::new(),
            tags: Vec::new(),
            created_ms: 0,
            trashed_ms: None,
            chunk_id_key: None,
            versions: Vec::new(),
            secret_type: None,
            expires_ms: None,
        };
        (id, item)
    }

    fn wrong(inputs: &[(&str, u8)]) -> Vec<String> {
        let task = Task::parse(TRAIN.as_bytes()).expect("a task");
        let items = BTreeMap::from([item(1, ItemKind::Dataset), item(2, ItemKind::Model)]);
        let version = VersionId([0; 16]);
        let order = Order {
            task: (ItemId([9; 16]), version),
            inputs: inputs
                .iter()
                .map(|(name, id)| ((*name).to_owned(), (ItemId([*id; 16]), version)))
                .collect(),
            params: BTreeMap::new(),
            secrets: BTreeMap::new(),
            attempts: 1,
            seconds: None,
            workflow: None,
        };
        let mut wrong = Vec::new();
        check_inputs(&items, &task, &order, &mut wrong);
        wrong.iter().map(|fault| format!("{fault}. {}", fault.next)).collect()
    }

    #[test]
    fn each_input_is_held_against_the_task() {
        assert_eq!(wrong(&[("raw", 1)]), Vec::<String>::new());
        assert_eq!(wrong(&[("raw", 1), ("base", 2)]), Vec::<String>::new());
        assert_eq!(
            wrong(&[]),
            ["inputs.raw: is missing. Give a dataset with --input raw=PROJECT/NAME."]
        );
        assert_eq!(
            wrong(&[("raw", 2)]),
            ["inputs.raw: is a model, and the task reads a dataset. Give a dataset."]
        );
        assert_eq!(
            wrong(&[("raw", 1), ("row", 1)]),
            ["inputs: the task has no input \"row\". It has: base, raw."]
        );
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let task = Task::parse(TRAIN.as_bytes()).expect("a task");
        let given = BTreeMap::from([("rate".to_owned(), "2".to_owned()), ("seed".to_owned(), "1".to_owned())]);
        let error = faults(
            "This does not fit the task",
            &task.check(&given).expect_err("two faults"),
        );
        assert_eq!(error.code(), "invalid");
        let (said, next) = (error.to_string(), error.next().to_owned());
        assert!(said.contains("parameters.rate") && said.contains("\"seed\""), "{said}");
        assert!(next.contains("It has: rate"), "{next}");
    }
}
