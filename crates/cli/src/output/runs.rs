//! What people are told about nodes, runs and workflows.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use holdfast_commands::view::{
    AuthorisedView, IdView, LogPieceView, MetricNumber, MetricView, NodeInviteView, NodeView, RunDetail, RunFilesView,
    RunView, WithdrawnView, WorkflowView,
};
use holdfast_protocol::run::LogSource;

use super::clean::{clean, clean_lines};
use super::people::checked;
use super::table::{Table, bytes, count, facts};
use super::when::minute;
use super::{kind_word, left_out, message};

pub(crate) fn node_invited(view: NodeInviteView) -> String {
    format!(
        "On the computer that is to do the work, with a NAME for it and a FILE for its secret:\n\n    {}\n\n\
         The token is good once, until {}. The six words are yours: the node follows you and nobody else.\n\
         Then compare the node's own words: holdfast node verify NAME --words \"...\"\n",
        clean(&view.command),
        minute(view.expires_ms)
    )
}

pub(crate) fn nodes(views: Vec<NodeView>) -> String {
    let mut table = Table::new(&["NAME", "CHECKED", "LAST SEEN", "WORKS FOR", "COMPUTER", "ID"]);
    for view in views {
        let seen = view.seen_ms.map_or_else(|| "never".into(), minute);
        let projects: Vec<String> = view
            .projects
            .iter()
            .map(|project| {
                let scope = if project.scope == "project" {
                    ", the whole project"
                } else {
                    ""
                };
                let time = if project.over { "over since" } else { "until" };
                format!("{}{scope} ({time} {})", project.name, minute(project.until_ms))
            })
            .collect();
        let card = view.card.map(|card| {
            let gpus = card.gpus.iter().map(|gpu| format!(", {gpu}")).collect::<String>();
            format!(
                "{}, {}, {}{gpus}",
                card.system,
                count(card.cpus.into(), "processor"),
                bytes(card.memory)
            )
        });
        table.row([
            view.name,
            checked(view.checked, view.checked_ms),
            seen,
            projects.join("; "),
            card.unwrap_or_default(),
            view.id,
        ]);
    }
    table.text("No nodes yet. Add a computer: holdfast node invite")
}

pub(crate) fn node_authorised(project: &str, view: &AuthorisedView) -> String {
    let (node, project, until) = (clean(&view.node), clean(project), minute(view.until_ms));
    let given = if view.scope == "project" {
        format!("It has the key of \"{project}\": everything in it, now and later.")
    } else {
        "It is given, with each run, what that run needs.".into()
    };
    format!(
        "{node} may work for \"{project}\" until {until}. {given}\n\
         This computer, and whoever controls it, will be able to read this data while it works.\n"
    )
}

pub(crate) fn node_withdrawn(project: &str, view: &WithdrawnView) -> String {
    let mut text = format!("{} no longer works for \"{}\".", clean(&view.node), clean(project));
    if view.new_key {
        text.push_str(" New keys protect everything from now on.");
    }
    text.push('\n');
    if !view.could_open.is_empty() || !view.change_secrets.is_empty() {
        text.push_str(if view.scope == "project" {
            "What was read can't be unread. It could open:\n"
        } else {
            "What was read can't be unread. Its runs were given:\n"
        });
    }
    for item in &view.could_open {
        let place = if item.trashed { " (in the trash)" } else { "" };
        text.push_str(&format!("  {} {}{place}\n", kind_word(item.kind), clean(&item.name)));
    }
    for secret in &view.change_secrets {
        text.push_str(&format!("  secret {}: change it where it comes from\n", clean(secret)));
    }
    if !view.stopped.is_empty() {
        let runs: Vec<&str> = view.stopped.iter().map(|run| short(run)).collect();
        text.push_str(&format!("Stopped: {}.\n", runs.join(", ")));
    }
    text
}

pub(crate) fn run_started(view: IdView) -> String {
    format!(
        "Ordered: run {} of {}.\nWatch it: holdfast run logs {} --follow\n",
        clean(&view.id),
        clean(&view.name),
        short(&view.id)
    )
}

pub(crate) fn runs(views: Vec<RunView>) -> String {
    let mut table = Table::new(&["RUN", "TASK", "NODE", "STATE", "STARTED", "ENDED", "WORKFLOW"]);
    for view in views {
        let workflow = view.workflow.as_deref().map(|id| {
            let step = view.step.as_deref().unwrap_or_default();
            format!("{} {step}", short(id))
        });
        let word = state(&view.state).to_owned();
        table.row([
            short(&view.id).to_owned(),
            format!("{}@{}", view.task, view.task_version),
            view.node,
            word,
            view.started.map(minute).unwrap_or_default(),
            view.ended.map(minute).unwrap_or_default(),
            workflow.unwrap_or_default(),
        ]);
    }
    table.text("No runs yet. Order one: holdfast run start PROJECT/TASK --node NODE")
}

pub(crate) fn run(view: RunDetail) -> String {
    let run = view.run;
    let word = state(&run.state).to_owned();
    let values = |pairs: Vec<String>| pairs.join(", ");
    let mut text = facts(&[
        ("run", run.id),
        ("project", run.project_name),
        ("task", format!("{}@{}", run.task, run.task_version)),
        ("node", run.node),
        ("state", word),
        ("it says", run.sentence),
        (
            "exit code",
            run.exit_code.map(|code| code.to_string()).unwrap_or_default(),
        ),
        ("attempt", format!("{} of at most {}", run.attempt, run.attempts)),
        ("ordered", format!("{} by {}", minute(run.ordered_ms), run.ordered_by)),
        ("started", run.started.map(minute).unwrap_or_default()),
        ("ended", run.ended.map(minute).unwrap_or_default()),
        ("workflow", run.workflow.unwrap_or_default()),
        ("step", run.step.unwrap_or_default()),
        (
            "inputs",
            values(
                view.inputs
                    .iter()
                    .map(|input| format!("{} = {}@{}", input.name, input.item, input.version))
                    .collect(),
            ),
        ),
        (
            "parameters",
            values(
                view.params
                    .iter()
                    .map(|param| format!("{} = {}", param.name, param.value))
                    .collect(),
            ),
        ),
        (
            "secrets",
            values(
                view.secrets
                    .iter()
                    .map(|used| format!("{} = {}", used.name, used.secret))
                    .collect(),
            ),
        ),
        ("network", view.hosts.join(", ")),
    ]);
    if !view.metrics.is_empty() {
        let mut table = Table::new(&["METRIC", "LAST", "STEP", "VALUES"]);
        for metric in view.metrics {
            let step = metric.step.map(|step| step.to_string()).unwrap_or_default();
            table.row([metric.name, number(&metric.value), step, metric.count.to_string()]);
        }
        text = text + "\n" + &table.text("");
    }
    if !view.artifacts.is_empty() {
        let mut table = Table::new(&["MADE", "AS", "FILES", "SIZE"]);
        for made in view.artifacts {
            let item = format!("{} {}@{}", kind_word(made.kind), made.item, made.version);
            table.row([made.name, item, made.files.to_string(), bytes(made.bytes)]);
        }
        text = text + "\n" + &table.text("");
    }
    text
}

/// The end of a run that was followed.
pub(crate) fn run_ended(view: &RunDetail) -> String {
    let mut text = format!("The run {}", sentence_of(&view.run.state));
    if !view.run.sentence.is_empty() {
        text.push_str(&format!(": {}", clean(view.run.sentence.trim_end_matches('.'))));
    }
    text.push('.');
    if !view.artifacts.is_empty() {
        let run = short(&view.run.id);
        text.push_str(&format!(" Get what it made: holdfast run artifacts {run} --to DIR"));
    }
    text
}

pub(crate) fn metrics(views: Vec<MetricView>) -> String {
    let mut table = Table::new(&["METRIC", "STEP", "SECONDS", "VALUE"]);
    for metric in views {
        for point in metric.points {
            let seconds = format!("{}.{:03}", point.at_ms / 1000, point.at_ms % 1000);
            let step = point.step.map(|step| step.to_string()).unwrap_or_default();
            table.row([metric.name.clone(), step, seconds, number(&point.value)]);
        }
    }
    table.text("Nothing was measured.")
}

pub(crate) fn run_artifacts(view: RunFilesView) -> String {
    if view.artifacts.is_empty() {
        return "This run made nothing.\n".into();
    }
    let mut table = Table::new(&["MADE", "FILES", "SIZE", "FOLDER"]);
    for (made, folder) in view.artifacts.iter().zip(&view.folders) {
        table.row([
            made.name.clone(),
            made.files.to_string(),
            bytes(made.bytes),
            folder.clone(),
        ]);
    }
    let inputs = if view.inputs.is_empty() {
        "no inputs".into()
    } else {
        view.inputs.join(", ")
    };
    format!(
        "{}Made by {} with {} from {}; signature checked.\n{}",
        table.text(""),
        clean(&view.node),
        clean(&view.task),
        clean(&inputs),
        left_out(&view.skipped)
    )
}

pub(crate) fn workflow(view: WorkflowView) -> String {
    let head = facts(&[
        ("workflow", view.id),
        ("project", view.project_name),
        ("state", view.state),
    ]);
    let mut table = Table::new(&["STEP", "STATE", "RUN", "NODE", "TRIES", ""]);
    for step in view.steps {
        table.row([
            step.step,
            state(&step.state).to_owned(),
            step.run.as_deref().map(short).unwrap_or_default().to_owned(),
            step.node.unwrap_or_default(),
            step.tries.to_string(),
            step.sentence,
        ]);
    }
    format!("{head}\n{}", table.text("No steps."))
}

/// How to come back to it, said as soon as that is known.
pub(crate) fn workflow_begun(view: &WorkflowView, file: &Path) -> String {
    format!(
        "Workflow {}. If this is cut off: holdfast workflow run {} --resume {}",
        view.id,
        clean(&file.display().to_string()),
        short(&view.id)
    )
}

/// What changed since the answer before, one line each.
pub(crate) fn workflow_news(before: Option<&WorkflowView>, now: &WorkflowView) -> Vec<String> {
    let known = |step: &str| before.and_then(|view| view.steps.iter().find(|known| known.step == step));
    let changed = now.steps.iter().filter(|step| {
        let known = known(&step.step);
        step.run.is_some() && known.is_none_or(|known| (&known.run, &known.state) != (&step.run, &step.state))
    });
    changed
        .map(|step| {
            let run = step.run.as_deref().map(short).unwrap_or_default();
            let node = step.node.as_deref().unwrap_or_default();
            format!(
                "{}: {} (run {run} on {})",
                clean(&step.step),
                state(&step.state),
                clean(node)
            )
        })
        .collect()
}

/// The beginning of an id: enough to name it.
fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

fn state(word: &str) -> &str {
    match word {
        "ended" => "ended, not yet taken over",
        "over-limit" => "over a limit",
        "broken-off" => "broken off",
        other => other,
    }
}

fn sentence_of(word: &str) -> &str {
    match word {
        "succeeded" => "succeeded",
        "failed" => "failed",
        "stopped" => "was stopped",
        "over-limit" => "went over a limit",
        "broken-off" => "was broken off",
        "refused" => "was refused by its node",
        "lost" => "is lost: its node went away",
        "withdrawn" => "was taken back",
        "expired" => "did not begin in time",
        "queued" => "waits for another attempt",
        _ => "has ended; its result is not here yet",
    }
}

fn number(value: &MetricNumber) -> String {
    match value {
        MetricNumber::Number(number) => number.to_string(),
        MetricNumber::Word(word) => word.clone(),
    }
}

/// Where a log goes: as people can read it on a terminal, byte for byte elsewhere.
pub(crate) struct LogScreen {
    terminal: bool,
    printed: [Lossy; 2],
    noted: Lossy,
    line: String,
}

impl LogScreen {
    pub(crate) fn new() -> Self {
        Self {
            terminal: io::stdout().is_terminal(),
            printed: Default::default(),
            noted: Lossy::default(),
            line: String::new(),
        }
    }

    /// Shows more of it. False when nobody reads it any more.
    pub(crate) fn show(&mut self, pieces: &[LogPieceView]) -> bool {
        let mut out = io::stdout().lock();
        for piece in pieces {
            let raw = piece.bytes.as_ref().map_or(piece.text.as_bytes(), |bytes| &bytes.0);
            let written = match piece.source {
                LogSource::Node => {
                    self.line.push_str(&self.noted.text(raw));
                    while let Some(end) = self.line.find('\n') {
                        let line: String = self.line.drain(..=end).collect();
                        message(&format!("[node] {}", line.trim_end()));
                    }
                    Ok(())
                }
                source if self.terminal => {
                    let stream = &mut self.printed[usize::from(source == LogSource::Error)];
                    out.write_all(stream.text(raw).as_bytes())
                }
                _ => out.write_all(raw),
            };
            if written.is_err() {
                return false;
            }
        }
        out.flush().is_ok()
    }

    /// What is left of a last line.
    pub(crate) fn end(&mut self) {
        if !self.line.is_empty() {
            message(&format!("[node] {}", self.line));
            self.line.clear();
        }
    }
}

/// Bytes that come in pieces, as text: a character may be cut in two.
#[derive(Default)]
struct Lossy {
    left: Vec<u8>,
}

impl Lossy {
    fn text(&mut self, bytes: &[u8]) -> String {
        self.left.extend_from_slice(bytes);
        let keep = self.unfinished();
        let whole: Vec<u8> = self.left.drain(..self.left.len() - keep).collect();
        // Programs go back to the start of a line to draw a bar: here it is a line of its own.
        let text = String::from_utf8_lossy(&whole)
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        clean_lines(&text)
    }

    /// Bytes at the end that may become a character: at most three.
    fn unfinished(&self) -> usize {
        match std::str::from_utf8(&self.left) {
            Err(error) if error.error_len().is_none() => self.left.len() - error.valid_up_to(),
            Err(_) => (1..=3.min(self.left.len()))
                .find(|keep| {
                    let tail = &self.left[self.left.len() - keep..];
                    matches!(std::str::from_utf8(tail), Err(error) if error.error_len().is_none() && error.valid_up_to() == 0)
                })
                .unwrap_or(0),
            Ok(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_commands::view::WorkflowStepView;

    use super::*;

    #[test]
    fn characters_that_were_cut_come_together() {
        let mut lossy = Lossy::default();
        assert_eq!(lossy.text(&[b'a', 0xe2, 0x82]), "a");
        assert_eq!(lossy.text(&[0xac, b'\n']), "€\n");
        assert_eq!(lossy.text(&[0xff, b'b', 0xc3]), "\u{fffd}b");
        assert_eq!(lossy.text(&[0xa9]), "é");
        assert_eq!(lossy.text(b"10%\r20%\r\n\x1b[2J"), "10%\n20%\n\u{fffd}[2J");
    }

    #[test]
    fn news_are_what_changed() {
        let step = |step: &str, state: &str, run: Option<&str>| WorkflowStepView {
            step: step.into(),
            state: state.into(),
            run: run.map(Into::into),
            node: Some("gpu".into()),
            tries: 1,
            sentence: String::new(),
        };
        let view = |steps| WorkflowView {
            id: "0123456789".into(),
            project: String::new(),
            project_name: String::new(),
            state: "running".into(),
            steps,
            passed_over: Vec::new(),
        };
        let before = view(vec![
            step("a", "running", Some("aaaaaaaaaa")),
            step("b", "waiting", None),
        ]);
        let now = view(vec![
            step("a", "succeeded", Some("aaaaaaaaaa")),
            step("b", "waiting", None),
        ]);
        assert_eq!(
            workflow_news(Some(&before), &now),
            ["a: succeeded (run aaaaaaaa on gpu)"]
        );
        assert_eq!(workflow_news(Some(&now), &now), Vec::<String>::new());
        assert_eq!(workflow_news(None, &before).len(), 1);
    }

    #[test]
    fn what_a_node_had_read_is_said() {
        let view = WithdrawnView {
            node: "gpu\u{1b}box".into(),
            scope: "runs".into(),
            could_open: Vec::new(),
            change_secrets: vec!["Token".into()],
            stopped: vec!["0123456789ab".into()],
            new_key: false,
        };
        assert_eq!(
            node_withdrawn("P", &view),
            "gpu\u{fffd}box no longer works for \"P\".\nWhat was read can't be unread. Its runs were given:\n  \
             secret Token: change it where it comes from\nStopped: 01234567.\n"
        );
    }
}
