//! What is shown of a run.

use std::collections::{BTreeMap, VecDeque};

use holdfast_engine::{Error, Result, RunState, RunStatus, Session};
use holdfast_protocol::id::ItemId;
use holdfast_protocol::replay::Space;
use holdfast_protocol::run::{End, Stream};

use super::{Place, number};
use crate::run::Handles;
use crate::view::{
    LastMetricView, MetricNumber, MetricPointView, MetricView, RunArtifactView, RunDetail, RunInputView, RunParamView,
    RunSecretView, RunView,
};

/// Points of one name that are kept: an answer has to fit a frame.
const POINTS: usize = 10_000;
/// Names that are kept. A task may make up as many as it likes.
const NAMES: usize = 200;

/// How a run ended, else where it stands: one word.
pub(crate) fn word(status: &RunStatus) -> &'static str {
    if let Some(adopted) = status.adopted() {
        return match adopted.result.end {
            End::Succeeded => "succeeded",
            End::Failed => "failed",
            End::Stopped => "stopped",
            End::OverLimit => "over-limit",
            End::BrokenOff => "broken-off",
        };
    }
    match status.state() {
        RunState::Ordered => "ordered",
        RunState::Queued => "queued",
        RunState::Running => "running",
        RunState::Stopping => "stopping",
        RunState::Ended => "ended",
        // Taken over, but this member can't read how it ended.
        RunState::Done => "done",
        RunState::Refused => "refused",
        RunState::Lost => "lost",
        RunState::Withdrawn => "withdrawn",
        RunState::Expired => "expired",
    }
}

pub(crate) async fn run_view(handles: &mut Handles<'_>, space: &Space, status: &RunStatus) -> Result<RunView> {
    let (ordered, spec) = (&status.ordered, status.run.as_ref().map(|run| &run.spec));
    let result = status.adopted().map(|adopted| &adopted.result);
    let row = status.row.as_ref();
    let refused = row.and_then(|row| row.refused.clone());
    let workflow = spec.and_then(|spec| spec.workflow.as_ref());
    Ok(RunView {
        id: ordered.run.to_string(),
        project: space.authority().space().to_string(),
        project_name: space.contents().name().to_owned(),
        task: spec.map(|spec| item_name(space, spec.task.item)).unwrap_or_default(),
        task_version: spec.map_or(0, |spec| number(space, spec.task.item, spec.task.version)),
        node: handles.of(ordered.node).await?,
        state: word(status).to_owned(),
        over: status.is_over(),
        ordered_by: handles.of(ordered.author).await?,
        ordered_ms: ordered.time_ms,
        started: result
            .map(|result| result.started_ms)
            .or(row.and_then(|row| row.started_ms)),
        ended: result
            .map(|result| result.ended_ms)
            .or(row.and_then(|row| row.ended_ms)),
        exit_code: result.and_then(|result| result.exit_code),
        sentence: result
            .map(|result| result.sentence.clone())
            .or(refused)
            .unwrap_or_default(),
        attempt: status.attempt(),
        attempts: ordered.attempts,
        workflow: workflow.map(|part| part.workflow.to_string()),
        step: workflow.map(|part| part.step.clone()),
    })
}

pub(super) async fn detail(session: &Session, place: &Place) -> Result<RunDetail> {
    let space = &place.view.space;
    let run = run_view(&mut Handles::new(session), space, &place.status).await?;
    let spec = place.status.run.as_ref().map(|run| &run.spec);
    let mut detail = RunDetail {
        run,
        task_id: String::new(),
        seconds: 0,
        inputs: Vec::new(),
        params: Vec::new(),
        secrets: Vec::new(),
        hosts: Vec::new(),
        metrics: Vec::new(),
        artifacts: artifacts(place),
    };
    let Some(spec) = spec else { return Ok(detail) };
    detail.task_id = spec.task.item.to_string();
    detail.seconds = spec.limits.seconds;
    detail.inputs = spec
        .inputs
        .iter()
        .map(|input| RunInputView {
            name: input.name.clone(),
            item: item_name(space, input.granted.item),
            item_id: input.granted.item.to_string(),
            version: number(space, input.granted.item, input.granted.version),
        })
        .collect();
    detail.params = spec
        .parameters
        .iter()
        .map(|parameter| RunParamView {
            name: parameter.name.clone(),
            value: parameter.value.clone(),
        })
        .collect();
    detail.secrets = spec
        .secrets
        .iter()
        .map(|used| RunSecretView {
            name: used.name.clone(),
            secret: item_name(space, used.item),
            secret_id: used.item.to_string(),
        })
        .collect();
    detail.hosts = spec.hosts.clone();
    detail.metrics = metrics(session, place)
        .await?
        .into_iter()
        .filter_map(|metric| {
            let last = metric.points.into_iter().next_back()?;
            Some(LastMetricView {
                name: metric.name,
                step: last.step,
                value: last.value,
                count: metric.count,
            })
        })
        .collect();
    Ok(detail)
}

fn artifacts(place: &Place) -> Vec<RunArtifactView> {
    let space = &place.view.space;
    let made = place.status.run.iter().flat_map(|run| {
        let made = run.adopted.iter().flat_map(|adopted| &adopted.result.made);
        made.zip(&run.spec.outputs)
    });
    made.map(|(made, output)| RunArtifactView {
        name: made.name.clone(),
        kind: output.kind.item_kind(),
        item: item_name(space, made.item),
        item_id: made.item.to_string(),
        version: number(space, made.item, made.version),
        files: made.files,
        bytes: made.bytes,
    })
    .collect()
}

/// All that was measured so far. Without an answer from the server: nothing.
pub(super) async fn metrics(session: &Session, place: &Place) -> Result<Vec<MetricView>> {
    let attempt = place.status.attempt();
    if attempt == 0 || place.status.run.is_none() {
        return Ok(Vec::new());
    }
    let mut watched = session.watch(place.space(), &place.status, attempt, Stream::Metrics)?;
    let mut all: BTreeMap<String, (VecDeque<MetricPointView>, u64)> = BTreeMap::new();
    loop {
        let points = match session.more_metrics(&mut watched, 0).await {
            Ok(points) => points,
            Err(Error::Unreachable(_)) => break,
            Err(other) => return Err(other),
        };
        if points.is_empty() {
            break;
        }
        for point in points {
            if !all.contains_key(&point.name) && all.len() >= NAMES {
                continue;
            }
            let (kept, count) = all.entry(point.name).or_default();
            *count += 1;
            kept.push_back(MetricPointView {
                at_ms: point.at_ms,
                step: point.step,
                value: MetricNumber::from(point.value),
            });
            if kept.len() > POINTS {
                kept.pop_front();
            }
        }
    }
    if let Some(adopted) = place.status.adopted()
        && watched.ended
        && !watched.is_whole(adopted)
        && !watched.is_gone(adopted, session.now_ms())
    {
        return Err(Error::damaged("what the run measured"));
    }
    // Together they have to fit as well.
    let share = (20 * POINTS / all.len().max(1)).min(POINTS);
    Ok(all
        .into_iter()
        .map(|(name, (points, count))| MetricView {
            name,
            points: points.into_iter().rev().take(share).rev().collect(),
            count,
        })
        .collect())
}

pub(super) fn item_name(space: &Space, item: ItemId) -> String {
    let known = space.contents().items().get(&item);
    known.map_or_else(|| item.to_string(), |item| item.name.clone())
}
