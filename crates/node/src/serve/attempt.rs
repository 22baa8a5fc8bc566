//! One attempt of a run, from its lease to its result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::{Accepted, Error, RefusedRun, Result};
use holdfast_protocol::run::{Attempt, End, Made, RunResult, RunSpec};
use holdfast_task::{Host, Image, Limits, Task, Values};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Node, Told, named, passes, persist, streams};
use crate::exec::{Ended, Event, How, Network, Order, Secret, Workspace, argv};

/// Events that wait to be sent: a task that prints faster waits with them.
const EVENTS: usize = 64;

/// How an attempt went on this computer.
struct Done {
    end: End,
    exit_code: Option<i32>,
    sentence: String,
    made: Vec<Made>,
}

/// How it went, or why it was not begun although it had been accepted.
type Carried = Result<std::result::Result<Done, RefusedRun>>;

impl Done {
    fn ended(end: End, sentence: impl Into<String>) -> Self {
        Self {
            end,
            exit_code: None,
            sentence: sentence.into(),
            made: Vec::new(),
        }
    }
}

impl Node {
    /// Does one attempt. `withdrawn`: the server says that it is not wanted any more. `stop`: this node ends.
    pub(super) async fn attempt(
        &self,
        of: Attempt,
        withdrawn: &CancellationToken,
        stop: &CancellationToken,
    ) -> Result<()> {
        let accepted = match self.accept(of, withdrawn, stop).await? {
            Ok(accepted) => accepted,
            Err(refused) => return self.refuse(of, refused, stop).await,
        };
        // An attempt of which the server has heard nothing did not begin, for it, and its number is given again.
        match persist(stop, || self.session.api().heartbeat(vec![named(of)])).await {
            Ok(heard) if heard.stop.is_empty() => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error),
        }
        let started_ms = self.session.now_ms();
        match self.note_begun(&accepted, started_ms).await {
            Ok(()) => {}
            // The server leases it a second time: it was begun, and what is known of it was or will be said.
            Err(Error::AlreadyExists(sentence)) => {
                let refused = RefusedRun {
                    code: "run-repeated".into(),
                    sentence,
                };
                return self.refuse(of, refused, stop).await;
            }
            Err(other) => return Err(other),
        }
        self.tell(Told::Began(of.run, of.attempt));
        // One that ends with either, and with the run's time.
        let ends = stop.child_token();
        let (events, heard) = mpsc::channel(EVENTS);
        let (session, key, lost) = (self.session.clone(), accepted.key.clone(), ends.clone());
        let passing = tokio::spawn(async move {
            let sent = streams::pass_on(&session, of, &key, heard, &lost).await;
            if sent.is_err() {
                // Not this node's any more.
                lost.cancel();
            }
            sent
        });
        let left = accepted.spec.until_ms.saturating_sub(started_ms);
        let guard = {
            let (ends, withdrawn) = (ends.clone(), withdrawn.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = withdrawn.cancelled() => {}
                    () = tokio::time::sleep(Duration::from_millis(left)) => {}
                }
                ends.cancel();
            })
        };
        let done = self.carry_out(&accepted, events, &ends).await;
        guard.abort();
        let mut done = match done {
            Ok(Ok(done)) => done,
            Ok(Err(refused)) => {
                self.refuse(of, refused, stop).await?;
                return self.forget_begun(of).await;
            }
            Err(error) => Done::ended(End::BrokenOff, sentence_of(&error)),
        };
        if done.end == End::Stopped && !withdrawn.is_cancelled() && stop.is_cancelled() {
            done = Done::ended(End::BrokenOff, "The node was stopped in the middle of it.");
        }
        let sent = passing.await.map_err(|error| Error::Internal(error.to_string()))?;
        let mut result = accepted.result(done.end, done.sentence, started_ms, self.session.now_ms());
        result.exit_code = done.exit_code;
        result.made = done.made;
        match sent {
            Ok(streams) => result.streams = streams,
            Err(error) if result.end != End::Stopped => {
                result = accepted.result(End::BrokenOff, sentence_of(&error), started_ms, self.session.now_ms());
            }
            Err(_) => {}
        }
        self.finish(of, result, &accepted, stop).await
    }

    /// Sends the result. A node that stops before the server took it sends it at its next start.
    async fn finish(
        &self,
        of: Attempt,
        result: RunResult,
        accepted: &Accepted,
        stop: &CancellationToken,
    ) -> Result<()> {
        let word = format!("{:?}", result.end).to_lowercase();
        match self.conclude(of, result, &accepted.key).await {
            Err(error) if passes(&error) => persist(stop, || self.send_left_over_results()).await?,
            other => other?,
        }
        self.tell(Told::Ended(of.run, of.attempt, word));
        Ok(())
    }

    /// Every check, again while the server does not answer.
    async fn accept(
        &self,
        of: Attempt,
        withdrawn: &CancellationToken,
        stop: &CancellationToken,
    ) -> Result<std::result::Result<Accepted, RefusedRun>> {
        let accepted = tokio::select! {
            accepted = persist(withdrawn, || self.session.accept_run(of)) => accepted?,
            () = stop.cancelled() => return Err(Error::Cancelled),
        };
        Ok(accepted.and_then(|accepted| self.fits(&accepted.spec).map(|()| accepted)))
    }

    /// Whether this computer can do it.
    fn fits(&self, spec: &RunSpec) -> std::result::Result<(), RefusedRun> {
        let refuse = |code: &str, sentence: String| RefusedRun {
            code: code.into(),
            sentence,
        };
        let offers = self.executor.offers();
        match offers
            .runtimes
            .iter()
            .find(|(runtime, _)| runtime.word() == spec.runtime)
        {
            Some((_, Ok(_))) => {}
            Some((_, Err(why))) => return Err(refuse("run-runtime", why.clone())),
            None => return Err(refuse("run-runtime", "This node knows no such runtime.".into())),
        }
        let (asked, most) = (&spec.limits, &self.choices.ceilings);
        let within = asked.seconds <= most.time.as_secs()
            && asked.memory <= most.memory_bytes
            && asked.milli_cpus <= u64::from(most.milli_cpus)
            && asked.processes <= u64::from(most.processes)
            && asked.disk <= most.disk_bytes
            && asked.log <= most.log_bytes;
        if !within {
            return Err(refuse(
                "run-limits",
                "It asks for more than this node gives one run.".into(),
            ));
        }
        Ok(())
    }

    async fn refuse(&self, of: Attempt, refused: RefusedRun, stop: &CancellationToken) -> Result<()> {
        let RefusedRun { code, sentence } = refused;
        self.tell(Told::Refused(of.run, code.clone(), sentence));
        match persist(stop, || self.session.api().refuse_run(of, &code)).await {
            // Without a lease there is nobody to be told.
            Ok(()) | Err(Error::NotFound { .. } | Error::Conflict(_) | Error::NotAllowed(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    async fn carry_out(&self, accepted: &Accepted, events: mpsc::Sender<Event>, ends: &CancellationToken) -> Carried {
        let workspace = self
            .workspaces
            .create()
            .map_err(|error| Error::Internal(error.to_string()))?;
        let done = self.in_workspace(accepted, &workspace, events, ends).await;
        // Whatever came out, nothing of it stays.
        let wiped = tokio::task::spawn_blocking(move || workspace.wipe()).await;
        match wiped {
            Ok(Ok(())) => done,
            Ok(Err(error)) => Err(Error::Internal(error.to_string())),
            Err(error) => Err(Error::Internal(error.to_string())),
        }
    }

    async fn in_workspace(
        &self,
        accepted: &Accepted,
        workspace: &Workspace,
        events: mpsc::Sender<Event>,
        ends: &CancellationToken,
    ) -> Carried {
        if let Err(error) = self.open(accepted, workspace, ends).await {
            if ends.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if !matches!(error.bare(), Error::Damaged { .. }) {
                return Err(error);
            }
            // Nothing was carried out, and the next attempt would find the same.
            return Ok(Err(RefusedRun {
                code: "run-input".into(),
                sentence: "What the server has of the task or an input is not what was signed.".into(),
            }));
        }
        let order = match order(accepted, workspace, self.choices.private_hosts).await? {
            Ok(order) => order,
            Err(sentence) => return Ok(Ok(Done::ended(End::Failed, sentence))),
        };
        let ended = self.executor.run(order, events.clone(), ends.clone()).await;
        if !ended.clean {
            self.tell(Told::Trouble(
                "A process of a run could not be ended: look at this computer.".into(),
            ));
        }
        let mut done = how(&ended);
        if done.end == End::Succeeded
            && let Some(outputs) = ended.outputs
        {
            let sent = self
                .send_outputs(accepted, outputs, &workspace.scratch(), &events, ends)
                .await?;
            match sent {
                Ok(made) => done.made = made,
                Err(sentence) => {
                    done.end = End::Failed;
                    done.sentence = sentence;
                }
            }
        }
        Ok(Ok(done))
    }

    /// Opens the task and its inputs.
    async fn open(&self, accepted: &Accepted, workspace: &Workspace, ends: &CancellationToken) -> Result<()> {
        let progress: Arc<dyn Progress> = Arc::new(Silent);
        self.session
            .fetch_granted(accepted, 0, &workspace.task(), &progress, ends)
            .await?;
        for (number, input) in accepted.spec.inputs.iter().enumerate() {
            let to = workspace.inputs().join(&input.name);
            std::fs::create_dir_all(&to).map_err(|error| Error::io(&to, &error))?;
            self.session
                .fetch_granted(accepted, number + 1, &to, &progress, ends)
                .await?;
        }
        Ok(())
    }
}

fn how(ended: &Ended) -> Done {
    let sentence = ended.how.to_string();
    match &ended.how {
        How::Exited(0) => Done {
            exit_code: Some(0),
            ..Done::ended(End::Succeeded, sentence)
        },
        How::Exited(code) => Done {
            exit_code: Some(*code),
            ..Done::ended(End::Failed, sentence)
        },
        How::Signalled(_) | How::CouldNotStart(_) => Done::ended(End::Failed, sentence),
        How::OverLimit(_) => Done::ended(End::OverLimit, sentence),
        How::Stopped => Done::ended(End::Stopped, sentence),
    }
}

/// What a node says to the members about an error of its own: what kind, and nothing of its paths.
fn sentence_of(error: &Error) -> String {
    match error.bare() {
        Error::Full(_) => "There was no room left.".into(),
        Error::Cancelled => "It was ended before it was done.".into(),
        Error::Unreachable(_) => "The server did not answer.".into(),
        other => format!("The node could not go on ({}).", other.code()),
    }
}

/// The order for the executor. The inner error is the task's or the run's.
async fn order(
    accepted: &Accepted,
    workspace: &Workspace,
    private: bool,
) -> Result<std::result::Result<Order, String>> {
    let spec = &accepted.spec;
    let manifest = workspace.task().join(holdfast_task::FILE_NAME);
    let bytes = match tokio::fs::read(&manifest).await {
        Ok(bytes) => bytes,
        Err(_) => return Ok(Err(format!("The task has no {}.", holdfast_task::FILE_NAME))),
    };
    let mut task = match Task::parse(&bytes) {
        Ok(task) => task,
        Err(fault) => return Ok(Err(fault.to_string())),
    };
    if task.runtime.word() != spec.runtime {
        return Ok(Err("The run's runtime is not the task's.".into()));
    }
    task.entry = Some(spec.entry.clone()).filter(|entry| !entry.is_empty());
    let given: BTreeMap<String, String> = spec
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), parameter.value.clone()))
        .collect();
    let values: Values = match task.check(&given) {
        Ok(values) => values,
        Err(faults) => {
            let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return Ok(Err(said.join(" ")));
        }
    };
    let hosts: std::result::Result<Vec<Host>, _> = spec.hosts.iter().map(|host| Host::parse(host)).collect();
    let Ok(hosts) = hosts else {
        return Ok(Err(
            "One of the hosts that the run may reach is no host and port.".into()
        ));
    };
    let mut order = Order::new(workspace, argv(&task));
    order.params = holdfast_task::to_json(&values);
    order.limits = limits(spec);
    order.network = Network { hosts, private };
    if let Some(image) = &spec.image {
        let Ok(image) = Image::parse(image) else {
            return Ok(Err("The run's image is not named by its digest.".into()));
        };
        order.image = Some(image);
    }
    for (used, secret) in spec.secrets.iter().zip(&accepted.secrets) {
        let fields: BTreeMap<String, Secret> = secret
            .fields
            .iter()
            .map(|field| (field.name.clone(), Secret::from(field.value.expose())))
            .collect();
        for env in &used.env {
            let value = secret.fields.iter().find(|field| field.name == env.field);
            let Some(value) = value else {
                return Ok(Err(format!(
                    "The secret \"{}\" has no field \"{}\".",
                    used.name, env.field
                )));
            };
            order
                .env
                .insert(env.variable.clone(), Secret::from(value.value.expose()));
        }
        order.secrets.insert(used.name.clone(), fields);
    }
    Ok(Ok(order))
}

fn limits(spec: &RunSpec) -> Limits {
    let asked = &spec.limits;
    Limits {
        time: Duration::from_secs(asked.seconds),
        memory_bytes: asked.memory,
        milli_cpus: u32::try_from(asked.milli_cpus).unwrap_or(u32::MAX),
        processes: u32::try_from(asked.processes).unwrap_or(u32::MAX),
        disk_bytes: asked.disk,
        log_bytes: asked.log,
    }
}
