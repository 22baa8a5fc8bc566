//! Verbs about workflows. What is known of one stands in the log: each of its runs names it and its step. So any device goes on with
//! it, given the same file. `docs/spec/workflow.md`.

mod tasks;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_engine::{Error, Result, RunState, RunStatus, Session, View, rng};
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::replay::Space;
use holdfast_protocol::run::End;
use holdfast_task::{Job, Workflow};
use tokio_util::sync::CancellationToken;

use super::nodes::is_in;
use super::runs::{adopted, faults, only_one, prefix, word};
use super::{find_project, handle_of};
use crate::app::{App, done};
use crate::command::Command;
use crate::view::{DoneView, Outcome, WorkflowStepView, WorkflowView};
use tasks::Tasks;

/// Runs of a workflow that are ordered in one go: an answer should not take minutes.
const AT_ONCE: usize = 10;

pub(super) async fn run(app: &App, command: Command, cancel: CancellationToken) -> Result<Outcome> {
    let session = app.session().await?;
    let session = session.as_ref();
    match command {
        Command::WorkflowAdvance {
            source,
            workflow,
            passed_over,
        } => advance(app, session, &source, workflow, passed_over, &cancel).await,
        Command::WorkflowShow { workflow, source } => {
            let (view, id) = find(session, &workflow).await?;
            let view = adopted(app, session, view.space.authority().space()).await?;
            let statuses = session.runs(&view.space).await?;
            let parsed = source.as_deref().map(parse).transpose()?;
            let tries = tries(&statuses, id, &BTreeSet::new());
            let jobs = parsed.as_ref().map(Workflow::jobs);
            done(&show(session, &view.space, id, jobs.as_deref(), &tries, &BTreeSet::new()).await?)
        }
        Command::WorkflowStop { workflow } => {
            let (view, id) = find(session, &workflow).await?;
            let space = view.space.authority().space();
            for status in session.runs(&view.space).await? {
                if part(&status, id).is_some() && !status.is_over() {
                    stop(session, space, status.ordered.run).await?;
                }
            }
            done(&DoneView::YES)
        }
        _ => Err(Error::Internal("a verb in the wrong room".into())),
    }
}

fn parse(source: &str) -> Result<Workflow> {
    Workflow::parse(source).map_err(|fault| faults("The workflow can't be read", &[fault]))
}

/// A run that ended in the very moment is no reason to stop stopping.
async fn stop(session: &Session, space: SpaceId, run: RunId) -> Result<()> {
    match session.withdraw_run(space, run).await {
        Err(Error::Refused(holdfast_protocol::Refusal::RunOver)) => Ok(()),
        done => done,
    }
}

/// How often each step was ordered, oldest first, without the runs that no longer count.
type Tries<'a> = BTreeMap<String, Vec<&'a RunStatus>>;

fn part(status: &RunStatus, workflow: RunId) -> Option<&str> {
    let part = status.run.as_ref()?.spec.workflow.as_ref()?;
    (part.workflow == workflow).then_some(part.step.as_str())
}

fn tries<'a>(statuses: &'a [RunStatus], workflow: RunId, passed_over: &BTreeSet<RunId>) -> Tries<'a> {
    let mut tries = Tries::new();
    for status in statuses.iter().rev() {
        if let Some(step) = part(status, workflow)
            && !passed_over.contains(&status.ordered.run)
        {
            tries.entry(step.to_owned()).or_default().push(status);
        }
    }
    tries
}

fn succeeded(status: &RunStatus) -> bool {
    status
        .adopted()
        .is_some_and(|adopted| adopted.result.end == End::Succeeded)
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// Not ordered, or to be ordered anew.
    Due,
    /// On its way.
    Open,
    Succeeded,
    /// And not to be ordered again.
    Failed,
    Stopped,
}

/// Of the runs of one step the oldest that succeeded counts, else the newest.
fn stand(tries: &[&RunStatus], retry: u32) -> Stand {
    if tries.iter().any(|status| succeeded(status)) {
        return Stand::Succeeded;
    }
    let Some(last) = tries.last() else { return Stand::Due };
    if !last.is_over() {
        return Stand::Open;
    }
    let end = last.adopted().map(|adopted| adopted.result.end);
    if end == Some(End::Stopped) || last.state() == RunState::Withdrawn {
        return Stand::Stopped;
    }
    // What a node refuses it refuses again.
    let again = last.state() != RunState::Refused && last.state() != RunState::Expired;
    if again && tries.len() <= retry as usize {
        Stand::Due
    } else {
        Stand::Failed
    }
}

fn counting<'a>(tries: &[&'a RunStatus]) -> Option<&'a RunStatus> {
    let good = tries.iter().find(|status| succeeded(status));
    good.or(tries.last()).copied()
}

async fn advance(
    app: &App,
    session: &Session,
    source: &str,
    workflow: Option<String>,
    passed_over: Option<Vec<String>>,
    cancel: &CancellationToken,
) -> Result<Outcome> {
    let parsed = parse(source)?;
    let view = find_project(session, &parsed.project, false).await?;
    let space = view.space.authority().space();
    let view = adopted(app, session, space).await?;
    let statuses = session.runs(&view.space).await?;
    let is_new = workflow.is_none();
    let id = match workflow {
        None => RunId::random(&mut rng()),
        Some(name) => named(&name, &statuses)?,
    };
    let passed_over: BTreeSet<RunId> = match passed_over {
        Some(ids) => ids.iter().filter_map(|id| id.parse().ok()).collect(),
        None => unsuccessful(&statuses, id),
    };
    let known = tries(&statuses, id, &passed_over);
    let jobs = parsed.jobs();
    refuse_other_file(&known, &jobs)?;
    let mut tasks = Tasks::new(session, &view, cancel);
    if is_new || known.is_empty() {
        // What can be known to fail is told before anything is begun.
        tasks.check(&parsed).await?;
    }
    let stands: BTreeMap<&str, Stand> = jobs
        .iter()
        .map(|job| {
            let tries = known.get(&job.label).map(Vec::as_slice).unwrap_or_default();
            (job.label.as_str(), stand(tries, job.step.retry))
        })
        .collect();
    let halted = stands
        .values()
        .any(|stand| matches!(stand, Stand::Failed | Stand::Stopped));
    let is_done = |name: &str| {
        let step = parsed.step(name);
        step.is_some_and(|step| {
            let mut jobs = step.jobs().into_iter();
            jobs.all(|job| stands.get(job.label.as_str()) == Some(&Stand::Succeeded))
        })
    };
    let mut ordered = 0;
    for job in jobs.iter().filter(|job| stands[job.label.as_str()] == Stand::Due) {
        // What was begun ends; nothing new is begun after a failure.
        if halted || ordered == AT_ONCE || cancel.is_cancelled() {
            break;
        }
        if job.step.waits_for().into_iter().all(is_done) {
            let tried = known.get(&job.label).map_or(0, Vec::len);
            let order = tasks.order(job, tried, id, &known, &parsed).await?;
            session.start_run(space, &order).await?;
            ordered += 1;
        }
    }
    let view = session.view(space).await?;
    let statuses = session.runs(&view.space).await?;
    let known = tries(&statuses, id, &passed_over);
    done(&show(session, &view.space, id, Some(&jobs), &known, &passed_over).await?)
}

/// The runs that a resumed workflow tries anew.
fn unsuccessful(statuses: &[RunStatus], workflow: RunId) -> BTreeSet<RunId> {
    let of_it = statuses.iter().filter(|status| part(status, workflow).is_some());
    of_it
        .filter(|status| status.is_over() && !succeeded(status))
        .map(|status| status.ordered.run)
        .collect()
}

/// A file whose steps are not those that ran before is another workflow.
fn refuse_other_file(known: &Tries<'_>, jobs: &[Job<'_>]) -> Result<()> {
    let foreign = known.keys().find(|label| jobs.iter().all(|job| job.label != **label));
    match foreign {
        None => Ok(()),
        Some(label) => Err(Error::Invalid(format!(
            "This workflow has a run of the step \"{label}\", and the file has no such step."
        ))
        .advise("Resume it with the file that it was begun with, or begin a new one.")),
    }
}

fn named(name: &str, statuses: &[RunStatus]) -> Result<RunId> {
    let id = prefix(name)?;
    // One that has no run yet is named by its whole id: whoever began it knows that.
    if let Ok(whole) = id.parse::<RunId>() {
        return Ok(whole);
    }
    let ids: BTreeSet<RunId> = statuses
        .iter()
        .filter_map(|status| Some(status.run.as_ref()?.spec.workflow.as_ref()?.workflow))
        .filter(|known| known.to_string().starts_with(&id))
        .collect();
    only_one(ids.into_iter().map(|id| ((), id)).collect(), "workflow", name).map(|((), id)| id)
}

async fn find(session: &Session, name: &str) -> Result<(View, RunId)> {
    let id = prefix(name)?;
    let mut found: Vec<(View, RunId)> = Vec::new();
    let views = session.all_projects().await?.views;
    for view in views.into_iter().filter(|view| is_in(session, view)) {
        let runs = view.space.contents().runs().values();
        let ids: BTreeSet<RunId> = runs
            .filter_map(|run| Some(run.spec.workflow.as_ref()?.workflow))
            .filter(|known| known.to_string().starts_with(&id))
            .collect();
        found.extend(ids.into_iter().map(|id| (view.clone(), id)));
    }
    only_one(found, "workflow", name)
}

async fn show(
    session: &Session,
    space: &Space,
    id: RunId,
    jobs: Option<&[Job<'_>]>,
    tries: &Tries<'_>,
    passed_over: &BTreeSet<RunId>,
) -> Result<WorkflowView> {
    let labels: Vec<(String, u32)> = match jobs {
        Some(jobs) => jobs.iter().map(|job| (job.label.clone(), job.step.retry)).collect(),
        None => in_time(tries).into_iter().map(|label| (label, 0)).collect(),
    };
    let mut steps = Vec::new();
    let mut stands = Vec::new();
    for (label, retry) in labels {
        let tried = tries.get(&label).map(Vec::as_slice).unwrap_or_default();
        stands.push(stand(tried, retry));
        let status = counting(tried);
        steps.push(WorkflowStepView {
            state: status.map_or("waiting", word).to_owned(),
            run: status.map(|status| status.ordered.run.to_string()),
            node: match status {
                Some(status) => Some(handle_of(session, status.ordered.node).await?),
                None => None,
            },
            tries: tried.len(),
            sentence: status
                .and_then(|status| {
                    let refused = status.row.as_ref().and_then(|row| row.refused.clone());
                    status
                        .adopted()
                        .map(|adopted| adopted.result.sentence.clone())
                        .or(refused)
                })
                .unwrap_or_default(),
            step: label,
        });
    }
    Ok(WorkflowView {
        id: id.to_string(),
        project: space.authority().space().to_string(),
        project_name: space.contents().name().to_owned(),
        state: whole_state(&stands, jobs.is_some()).to_owned(),
        steps,
        passed_over: passed_over.iter().map(ToString::to_string).collect(),
    })
}

/// Labels, in the order in which they were first ordered.
fn in_time(tries: &Tries<'_>) -> Vec<String> {
    let mut labels: Vec<(u64, String)> = tries
        .iter()
        .map(|(label, tries)| (tries.first().map_or(0, |status| status.ordered.seq), label.clone()))
        .collect();
    labels.sort();
    labels.into_iter().map(|(_, label)| label).collect()
}

fn whole_state(stands: &[Stand], all_known: bool) -> &'static str {
    let any = |wanted| stands.contains(&wanted);
    if any(Stand::Open) {
        "running"
    } else if any(Stand::Stopped) {
        "stopped"
    } else if any(Stand::Failed) {
        "failed"
    } else if !all_known {
        "open"
    } else if any(Stand::Due) {
        "running"
    } else {
        "succeeded"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_workflow_comes_to() {
        use Stand::{Due, Failed, Open, Stopped, Succeeded};
        assert_eq!(whole_state(&[Succeeded, Open, Failed], true), "running");
        assert_eq!(whole_state(&[Succeeded, Due], true), "running");
        assert_eq!(whole_state(&[Succeeded, Due, Failed], true), "failed");
        assert_eq!(whole_state(&[Succeeded, Stopped, Failed], true), "stopped");
        assert_eq!(whole_state(&[Succeeded, Succeeded], true), "succeeded");
        assert_eq!(whole_state(&[Succeeded], false), "open");
        assert_eq!(stand(&[], 0), Due);
    }
}
