//! What a task says of itself, for whoever wants to start it.

use holdfast_protocol::item::{Item, ItemKind};
use holdfast_task::{Fault, InputKind, Kind, Limits, OutputKind, Parameter, Task};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::types;

views! {
    /// What a task says of itself.
    TaskView {
        /// The item's id.
        id: String,
        /// The item's name.
        name: String,
        /// The version.
        version: usize,
        /// What it calls itself.
        title: String,
        /// What it does.
        description: String,
        /// `python`, `shell`, `r`, `notebook` or `container`.
        runtime: String,
        /// The file it begins with.
        entry: Option<String>,
        /// Of containers.
        image: Option<String>,
        /// What it can be told, by name.
        parameters: Vec<ParameterView>,
        /// What it reads, by name.
        inputs: Vec<TaskInputView>,
        /// What it needs to know, by name.
        secrets: Vec<TaskSecretView>,
        /// What it leaves behind, by name.
        outputs: Vec<TaskOutputView>,
        /// How much it may take.
        limits: TaskLimitsView,
        /// Hosts it may reach, as `NAME:PORT`.
        hosts: Vec<String>,
    }
    /// A parameter of a task.
    ParameterView {
        /// Its name.
        name: String,
        /// What kind of value it takes.
        #[serde(rename = "type")]
        #[ts(rename = "type", type = "\"int\" | \"float\" | \"text\" | \"bool\" | \"choice\"")]
        kind: String,
        /// What it is for.
        description: String,
        /// What holds if it is not given.
        default: Option<String>,
        /// It may be left out though it has no default.
        optional: bool,
        /// The least, of numbers. As text: not every whole number is one of JSON's.
        min: Option<String>,
        /// The greatest.
        max: Option<String>,
        /// What can be chosen.
        choices: Vec<String>,
    }
    /// Something a task reads.
    TaskInputView {
        /// Its name.
        name: String,
        /// A dataset, a model or an artifact.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// What it is for.
        description: String,
        /// A run may do without.
        optional: bool,
    }
    /// A secret that a task needs.
    TaskSecretView {
        /// Its name.
        name: String,
        /// What it is needed for.
        purpose: String,
        /// The type that fits, by its word; any if absent.
        secret_type: Option<String>,
        /// A run may do without.
        optional: bool,
    }
    /// Something a task leaves behind.
    TaskOutputView {
        /// Its name.
        name: String,
        /// A model or an artifact.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// What it is.
        description: String,
    }
    /// How much a task may take.
    TaskLimitsView {
        /// Seconds.
        seconds: u64,
        /// Bytes of memory.
        memory: u64,
        /// Thousandths of a processor.
        milli_cpus: u64,
        /// Processes and threads at one time.
        processes: u64,
        /// Bytes written.
        disk: u64,
        /// Bytes of output that are kept.
        log: u64,
    }
    /// One thing that is wrong.
    FaultView {
        /// Where: `parameters.NAME`, `inputs.NAME`, `secrets.NAME`, `attempts` or `time`; without a name for what the task does not have.
        field: String,
        /// What, as the rest of a sentence.
        what: String,
        /// What to do, as a sentence.
        next: String,
    }
}

impl TaskView {
    pub(crate) fn of(item: &Item, version: usize, task: Task) -> Self {
        Self {
            id: item.id.to_string(),
            name: item.name.clone(),
            version,
            title: task.name,
            description: task.description,
            runtime: task.runtime.word().to_owned(),
            entry: task.entry,
            image: task.image.map(|image| image.as_str().to_owned()),
            parameters: task.parameters.into_iter().map(parameter).collect(),
            inputs: task
                .inputs
                .into_iter()
                .map(|(name, input)| TaskInputView {
                    name,
                    kind: kind_of(input.kind),
                    description: input.description,
                    optional: input.optional,
                })
                .collect(),
            secrets: task
                .secrets
                .into_iter()
                .map(|(name, secret)| TaskSecretView {
                    name,
                    purpose: secret.purpose,
                    secret_type: secret.secret_type,
                    optional: secret.optional,
                })
                .collect(),
            outputs: task
                .outputs
                .into_iter()
                .map(|(name, output)| TaskOutputView {
                    name,
                    kind: match output.kind {
                        OutputKind::Model => ItemKind::Model,
                        OutputKind::Artifact => ItemKind::Artifact,
                    },
                    description: output.description,
                })
                .collect(),
            limits: task.limits.into(),
            hosts: task.hosts.iter().map(ToString::to_string).collect(),
        }
    }
}

/// The items that can be such an input.
pub(crate) fn kind_of(kind: InputKind) -> ItemKind {
    match kind {
        InputKind::Dataset => ItemKind::Dataset,
        InputKind::Model => ItemKind::Model,
        InputKind::Artifact => ItemKind::Artifact,
    }
}

fn parameter((name, parameter): (String, Parameter)) -> ParameterView {
    // As a value is written: a float with a point, so that a bound looks like the default beside it.
    let float = |bound: Option<f64>| bound.map(|bound| format!("{bound:?}"));
    let whole = |bound: Option<i64>| bound.map(|bound| bound.to_string());
    let (kind, min, max, choices) = match parameter.kind {
        Kind::Int { min, max } => ("int", whole(min), whole(max), Vec::new()),
        Kind::Float { min, max } => ("float", float(min), float(max), Vec::new()),
        Kind::Text => ("text", None, None, Vec::new()),
        Kind::Bool => ("bool", None, None, Vec::new()),
        Kind::Choice(choices) => ("choice", None, None, choices),
    };
    ParameterView {
        name,
        kind: kind.to_owned(),
        description: parameter.description,
        default: parameter.default.map(|value| value.to_string()),
        optional: parameter.optional,
        min,
        max,
        choices,
    }
}

impl From<Limits> for TaskLimitsView {
    fn from(limits: Limits) -> Self {
        Self {
            seconds: limits.time.as_secs(),
            memory: limits.memory_bytes,
            milli_cpus: limits.milli_cpus.into(),
            processes: limits.processes.into(),
            disk: limits.disk_bytes,
            log: limits.log_bytes,
        }
    }
}

impl From<Fault> for FaultView {
    fn from(fault: Fault) -> Self {
        Self {
            field: fault.field,
            what: fault.what,
            next: fault.next,
        }
    }
}
