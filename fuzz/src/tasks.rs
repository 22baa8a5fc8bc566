//! What a task and a workflow say of themselves: files of whoever wrote the code. `docs/spec/task.md`, `workflow.md`.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_task::{
    CEILINGS, Fault, Host, Image, Kind, LARGEST, LARGEST_WORKFLOW, Limits, MOST_RUNS, Runtime, Source, Task, Value,
    Workflow, to_json,
};

use crate::input::Input;

fn check_fault(fault: &Fault) {
    let said = fault.to_string();
    assert!(!fault.field.is_empty() && !fault.what.is_empty() && !fault.next.is_empty());
    // What it quotes from the file is escaped and cut.
    assert!(
        !said.contains(char::is_control) && !fault.next.contains(char::is_control),
        "{said:?}"
    );
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    name.len() <= 40 && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain)
}

fn is_path(path: &str) -> bool {
    let inside = path.split('/').all(|name| !matches!(name, "" | "." | ".."));
    path.len() <= 400 && inside && !path.contains(|c: char| c.is_control() || c == '\\' || c == ':')
}

/// The limits of the page, in words of their own.
fn within(limits: &Limits) -> bool {
    (1..=7 * 86_400).contains(&limits.time.as_secs())
        && (16 << 20..=4 << 40).contains(&limits.memory_bytes)
        && (100..=1_024_000).contains(&limits.milli_cpus)
        && (4..=32_768).contains(&limits.processes)
        && (1 << 20..=4 << 40).contains(&limits.disk_bytes)
        && (1024..=1 << 30).contains(&limits.log_bytes)
        && limits.within(CEILINGS) == *limits
}

/// Whether a value is within what its parameter takes.
fn fits(kind: &Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Int { min, max }, Value::Int(number)) => {
            min.is_none_or(|min| min <= *number) && max.is_none_or(|max| *number <= max)
        }
        (Kind::Float { min, max }, Value::Float(number)) => {
            number.is_finite() && min.is_none_or(|min| min <= *number) && max.is_none_or(|max| *number <= max)
        }
        (Kind::Text, Value::Text(text)) => text.chars().count() <= 4096,
        (Kind::Choice(choices), Value::Text(text)) => choices.contains(text),
        (Kind::Bool, Value::Bool(_)) => true,
        _ => false,
    }
}

/// A manifest, and values that somebody gives.
pub fn task(bytes: &[u8]) {
    let mut input = Input(bytes);
    let given = input.part();
    let file = input.rest();
    let task = match Task::parse(file) {
        Ok(task) => task,
        Err(fault) => return check_fault(&fault),
    };
    assert!(file.len() <= LARGEST && within(&task.limits) && !task.name.trim().is_empty());
    assert!(task.name.chars().count() <= 120 && task.description.chars().count() <= 400);
    assert_eq!(task.image.is_some(), task.runtime == Runtime::Container);
    assert!(task.entry.is_some() || task.runtime == Runtime::Container);
    assert!(task.entry.iter().all(|entry| is_path(entry)));
    assert!(
        task.image
            .iter()
            .all(|image| Image::parse(image.as_str()).as_ref() == Ok(image))
    );
    assert!(
        task.hosts
            .iter()
            .all(|host| Host::parse(&host.to_string()).as_ref() == Ok(host) && host.port > 0)
    );
    for names in [
        task.parameters.keys().collect::<Vec<_>>(),
        task.inputs.keys().collect(),
        task.secrets.keys().collect(),
        task.outputs.keys().collect(),
    ] {
        assert!(names.len() <= 64 && names.iter().all(|name| is_name(name)));
    }
    for (name, output) in &task.outputs {
        assert!(is_path(&output.path));
        let others = task.outputs.iter().filter(|(other, _)| *other != name);
        let inside = |other: &str| format!("{}/", output.path).starts_with(&format!("{other}/"));
        assert!(
            others.into_iter().all(|(_, other)| !inside(&other.path)),
            "no output lies in another"
        );
    }
    let variables: Vec<_> = task.secrets.values().flat_map(|secret| secret.env.keys()).collect();
    assert_eq!(
        variables.iter().collect::<BTreeSet<_>>().len(),
        variables.len(),
        "a variable is asked for once"
    );
    for name in &variables {
        let upper = name.to_ascii_uppercase();
        assert!(!["PATH", "HOME", "LANG", "LD_PRELOAD", "PYTHONPATH", "HTTPS_PROXY"].contains(&upper.as_str()));
    }
    for parameter in task.parameters.values() {
        assert!(
            parameter
                .default
                .as_ref()
                .is_none_or(|value| fits(&parameter.kind, value))
        );
    }
    values(&task, given);
}

/// Values of a run: lines of `name=value`.
fn values(task: &Task, given: &[u8]) {
    let text = String::from_utf8_lossy(given);
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    // A name may be said by its number, so that they are found at all.
    for (at, line) in text.lines().enumerate().take(20) {
        let (name, value) = line.split_once('=').unwrap_or(("", line));
        let known = task.parameters.keys().nth(at).filter(|_| name.is_empty());
        given.insert(known.map_or(name, |known| known).to_owned(), value.to_owned());
    }
    match task.check(&given) {
        Err(faults) => {
            assert!(!faults.is_empty());
            faults.iter().for_each(check_fault);
        }
        Ok(values) => {
            for (name, value) in &values {
                assert!(fits(&task.parameters[name].kind, value), "{name} is within its bounds");
            }
            for (name, parameter) in &task.parameters {
                assert!(values.contains_key(name) || !parameter.required(), "{name} is there");
            }
            assert!(
                given.keys().all(|name| values.contains_key(name)),
                "what was given is taken"
            );
            // A value has one form, and that form is read as itself.
            let forms = values
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect();
            assert_eq!(task.check(&forms).as_ref(), Ok(&values));
            let json: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(&to_json(&values)).expect("it is JSON");
            assert!(json.keys().eq(values.keys()));
        }
    }
}

/// A workflow.
pub fn workflow(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let workflow = match Workflow::parse(text) {
        Ok(workflow) => workflow,
        Err(fault) => return check_fault(&fault),
    };
    assert!(text.len() <= LARGEST_WORKFLOW && (1..=100).contains(&workflow.steps.len()));
    let mut done = BTreeSet::new();
    for step in &workflow.steps {
        assert!(is_name(&step.name) && !step.nodes.is_empty() && step.retry <= 9 && step.runs() >= 1);
        assert!(
            step.inputs.len() <= 64 && step.params.len() <= 64 && step.grid.len() <= 64 && step.secrets.len() <= 64
        );
        assert!(
            step.waits_for().into_iter().all(|name| done.contains(name)),
            "each after those it waits for"
        );
        for source in step.inputs.values() {
            if let Source::Output {
                step: from,
                run,
                output,
            } = source
            {
                let from = workflow.step(from).expect("every step that is named is there");
                assert!(is_name(output) && run.is_none_or(|run| (1..=from.runs()).contains(&run)));
            }
        }
        assert!(step.grid.keys().all(|name| !step.params.contains_key(name)));
        assert!(done.insert(step.name.as_str()), "each name once");
    }
    let jobs = workflow.jobs();
    let labels: BTreeSet<_> = jobs.iter().map(|job| &job.label).collect();
    assert!(
        jobs.len() <= MOST_RUNS && labels.len() == jobs.len(),
        "each run has a name of its own"
    );
    for job in &jobs {
        assert!(
            job.step
                .params
                .iter()
                .all(|(name, value)| job.params.get(name) == Some(value))
        );
        assert!(
            job.step
                .grid
                .iter()
                .all(|(name, choices)| choices.contains(&job.params[name]))
        );
        assert_eq!(job.params.len(), job.step.params.len() + job.step.grid.len());
    }
}
