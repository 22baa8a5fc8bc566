//! What is shown of nodes, runs and workflows.

use holdfast_protocol::item::{ItemKind, PinState};
use holdfast_protocol::run::{Feature, LogSource};
use holdfast_protocol::wire::B64;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ItemName;
use crate::types;

views! {
    /// A token for one computer, and what belongs on the line that is typed there.
    NodeInviteView {
        /// Good once.
        token: String,
        /// When it ends, milliseconds since 1970-01-01 UTC.
        expires_ms: u64,
        /// The server's address.
        server: String,
        /// Whose authorisations the node is to follow: the user's.
        operator: String,
        /// The user's six words.
        words: String,
        /// The line.
        command: String,
    }
    /// A node.
    NodeView {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// How sure this user is of its keys.
        #[ts(as = "types::PinState")]
        checked: PinState,
        /// Since when that is so, milliseconds since 1970-01-01 UTC.
        checked_ms: u64,
        /// Its six words, where they are known.
        words: String,
        /// Whether the user enrolled it.
        mine: bool,
        /// When it was last heard of.
        seen_ms: Option<u64>,
        /// Where it may work.
        projects: Vec<NodeProjectView>,
        /// What it says about its computer, where its signature was checked.
        card: Option<CardView>,
    }
    /// What a node may do in a project.
    NodeProjectView {
        /// The project's id.
        id: String,
        /// The project's name.
        name: String,
        /// `runs` or `project`.
        scope: String,
        /// Until when, milliseconds since 1970-01-01 UTC.
        until_ms: u64,
        /// Whether that is over.
        over: bool,
    }
    /// What a node says about its computer.
    CardView {
        /// When it said so, milliseconds since 1970-01-01 UTC.
        time_ms: u64,
        /// Version of its program.
        version: String,
        /// Operating system and processor.
        system: String,
        /// Processors.
        cpus: u32,
        /// Bytes of memory.
        memory: u64,
        /// Graphics processors.
        gpus: Vec<String>,
        /// Runs at the same time.
        slots: u32,
        /// What it can start.
        runtimes: Vec<String>,
        /// Whose authorisations it follows.
        operators: Vec<String>,
    }
    /// A node that may work for a project now.
    AuthorisedView {
        /// Its name.
        node: String,
        /// Its id.
        id: String,
        /// `runs` or `project`.
        scope: String,
        /// Until when, milliseconds since 1970-01-01 UTC.
        until_ms: u64,
    }
    /// A node that may no longer work for a project.
    WithdrawnView {
        /// Its name.
        node: String,
        /// What it had: `runs` or `project`.
        scope: String,
        /// What it was given, or could open where it had the whole project.
        could_open: Vec<ItemName>,
        /// Secrets to change where they come from.
        change_secrets: Vec<String>,
        /// Runs that had not ended.
        stopped: Vec<String>,
        /// Whether new keys protect everything from now on.
        new_key: bool,
    }
    /// A run in short.
    RunView {
        /// Its id.
        id: String,
        /// The project's id.
        project: String,
        /// The project's name.
        project_name: String,
        /// The task's name; empty where this member can't read it.
        task: String,
        /// The task's version; 0 where it is no longer there.
        task_version: usize,
        /// The node's name.
        node: String,
        /// How it ended: `succeeded`, `failed`, `stopped`, `over-limit` or `broken-off`; else where it stands: `ordered`, `queued`, `running`,
        /// `stopping`, `ended` (not yet taken over), `refused`, `lost`, `withdrawn`, `expired`, or `done` where this member can't read how.
        state: String,
        /// Whether nothing more will come of it.
        over: bool,
        /// Who ordered it.
        ordered_by: String,
        /// When, milliseconds since 1970-01-01 UTC.
        ordered_ms: u64,
        /// When the attempt that counts began.
        started: Option<u64>,
        /// When it ended.
        ended: Option<u64>,
        /// What the task ended with.
        exit_code: Option<i32>,
        /// What the node says about its end; or why it refused, as a code.
        sentence: String,
        /// The attempt that counts; 0 before the first.
        attempt: u32,
        /// How often it may be begun.
        attempts: u32,
        /// The workflow it belongs to.
        workflow: Option<String>,
        /// Its step.
        step: Option<String>,
    }
    /// Something a run reads.
    RunInputView {
        /// Its name in the task.
        name: String,
        /// What is read.
        item: String,
        /// Its id.
        item_id: String,
        /// Its version; 0 where it is no longer there.
        version: usize,
    }
    /// A secret that a run may use.
    RunSecretView {
        /// Its name in the task.
        name: String,
        /// The secret's name.
        secret: String,
        /// The secret's id.
        secret_id: String,
    }
    /// A value of a run.
    RunParamView {
        /// Its name.
        name: String,
        /// The value.
        value: String,
    }
    /// Something a run made.
    RunArtifactView {
        /// Its name in the task.
        name: String,
        /// A model or an artifact.
        #[ts(as = "types::ItemKind")]
        kind: ItemKind,
        /// The item's name.
        item: String,
        /// The item's id.
        item_id: String,
        /// Its version.
        version: usize,
        /// Files in it.
        files: u64,
        /// Their bytes.
        bytes: u64,
    }
    /// A piece of what a run printed.
    LogPieceView {
        /// Milliseconds since the attempt began.
        at_ms: u64,
        /// Standard output, error output, or the node itself.
        #[ts(type = "\"out\" | \"error\" | \"node\"")]
        source: LogSource,
        /// As text.
        text: String,
        /// The bytes, as unpadded base64url, where they are no UTF-8.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional, type = "string")]
        bytes: Option<B64>,
    }
    /// More of what a run printed.
    RunLogView {
        /// The run.
        run: String,
        /// As in [`RunView`].
        state: String,
        /// Which attempt.
        attempt: u32,
        /// In order.
        pieces: Vec<LogPieceView>,
        /// Where to go on.
        next: u64,
        /// Whether no more will come.
        ended: bool,
        /// Whether all is there that the node signed for; absent while its result is not taken over.
        whole: Option<bool>,
    }
    /// What a run made, on this computer.
    RunFilesView {
        /// The run.
        run: String,
        /// Who made it.
        node: String,
        /// The task and its version.
        task: String,
        /// Out of what: names with versions.
        inputs: Vec<String>,
        /// Each with its folder.
        artifacts: Vec<RunArtifactView>,
        /// Where they are, in the same order.
        folders: Vec<String>,
        /// Files written.
        files: u64,
        /// Their bytes.
        bytes: u64,
        /// What was left out.
        skipped: Vec<super::SkippedView>,
    }
    /// How a workflow stands.
    WorkflowView {
        /// Its id.
        id: String,
        /// The project's id.
        project: String,
        /// The project's name.
        project_name: String,
        /// `running`, `succeeded`, `failed` or `stopped`; `open` where only its runs are known and none is at work.
        state: String,
        /// Each run of each step.
        steps: Vec<WorkflowStepView>,
        /// Runs that no longer count.
        passed_over: Vec<String>,
    }
    /// A step of a workflow, or one run of its grid.
    WorkflowStepView {
        /// `train`, or `train#3` in a grid.
        step: String,
        /// `waiting`, or the state of the run.
        state: String,
        /// The run that counts.
        run: Option<String>,
        /// Its node's name.
        node: Option<String>,
        /// How often it was ordered.
        tries: usize,
        /// What the node says about its end.
        sentence: String,
    }
}

/// A number that a task measured. JSON has none that is not finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(untagged)]
pub enum MetricNumber {
    /// A finite one.
    Number(f64),
    /// `nan`, `inf` or `-inf`.
    Word(String),
}

/// A value that a task measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MetricPointView {
    /// Milliseconds since the attempt began.
    pub at_ms: u64,
    /// The task's own count.
    pub step: Option<i64>,
    /// The value.
    pub value: MetricNumber,
}

/// Everything of one name that a task measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MetricView {
    /// What.
    pub name: String,
    /// In order; of very many, the newest.
    pub points: Vec<MetricPointView>,
    /// How many there were.
    pub count: u64,
}

/// The newest value of one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LastMetricView {
    /// What.
    pub name: String,
    /// The task's own count.
    pub step: Option<i64>,
    /// The newest value.
    pub value: MetricNumber,
    /// How many there were.
    pub count: u64,
}

/// A run in full.
#[derive(Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RunDetail {
    /// In short.
    #[serde(flatten)]
    #[ts(flatten)]
    pub run: RunView,
    /// The task's id; empty where this member can't read what was ordered.
    pub task_id: String,
    /// Seconds it may take; 0 where this member can't read what was ordered.
    pub seconds: u64,
    /// What it reads.
    pub inputs: Vec<RunInputView>,
    /// Its parameters.
    pub params: Vec<RunParamView>,
    /// The secrets it may use.
    pub secrets: Vec<RunSecretView>,
    /// Hosts it may reach.
    pub hosts: Vec<String>,
    /// What it measured, newest values.
    pub metrics: Vec<LastMetricView>,
    /// What it made.
    pub artifacts: Vec<RunArtifactView>,
}

impl From<f64> for MetricNumber {
    fn from(value: f64) -> Self {
        if value.is_finite() {
            Self::Number(value)
        } else if value.is_nan() {
            Self::Word("nan".into())
        } else {
            Self::Word(if value > 0.0 { "inf" } else { "-inf" }.into())
        }
    }
}

impl From<holdfast_protocol::run::Card> for CardView {
    fn from(card: holdfast_protocol::run::Card) -> Self {
        Self {
            time_ms: card.time_ms,
            version: card.version,
            system: card.system,
            cpus: card.cpus,
            memory: card.memory,
            gpus: card.gpus,
            slots: card.slots,
            runtimes: there(card.runtimes),
            operators: card.operators,
        }
    }
}

fn there(features: Vec<Feature>) -> Vec<String> {
    let there = features.into_iter().filter(|feature| feature.there);
    there.map(|feature| feature.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_json() {
        for (value, text) in [
            (0.25, "0.25"),
            (f64::NAN, "\"nan\""),
            (f64::INFINITY, "\"inf\""),
            (f64::NEG_INFINITY, "\"-inf\""),
        ] {
            let number = MetricNumber::from(value);
            let json = serde_json::to_string(&number).expect("JSON");
            assert_eq!(json, text);
            assert_eq!(serde_json::from_str::<MetricNumber>(&json).expect("back"), number);
        }
    }

    #[test]
    fn bytes_are_left_out_where_the_text_says_it_all() {
        let piece = LogPieceView {
            at_ms: 1,
            source: LogSource::Out,
            text: "a".into(),
            bytes: None,
        };
        let json = serde_json::to_string(&piece).expect("JSON");
        assert_eq!(json, r#"{"at_ms":1,"source":"out","text":"a"}"#);
        assert!(serde_json::from_str::<LogPieceView>(&json).expect("back") == piece);
    }
}
