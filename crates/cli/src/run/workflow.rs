//! Jobs about workflows: this process asks, again and again, that what is due be done.

use std::path::Path;
use std::time::Duration;

use holdfast_commands::Command;
use holdfast_commands::view::WorkflowView;
use holdfast_engine::Error;

use super::Answer;
use super::job::{Door, Job};
use super::runs::view;
use crate::args::{Common, WorkflowVerb};
use crate::failure::{Failure, Result};
use crate::output::{self, message, say, tell};

const LOOK: Duration = Duration::from_secs(3);
/// Larger than any workflow that is read.
const LARGEST: u64 = 1 << 20;

pub(super) async fn run(common: &Common, verb: WorkflowVerb) -> Answer {
    let job = match verb {
        WorkflowVerb::Run { file, resume } => return drive(common, &file, resume).await,
        WorkflowVerb::Show { workflow, file } => {
            let source = file.as_deref().map(text).transpose()?;
            Job::new(Command::WorkflowShow { workflow, source }, tell(output::workflow))
        }
        WorkflowVerb::Stop { workflow } => {
            let text = "None of its runs goes on. To try again: holdfast workflow run FILE --resume WORKFLOW".into();
            Job::new(Command::WorkflowStop { workflow }, say(text))
        }
    };
    super::job::run(common, job).await
}

async fn drive(common: &Common, file: &Path, resume: Option<String>) -> Answer {
    let source = text(file)?;
    let door = Door::open(common).await?;
    let (mut workflow, mut passed_over) = (resume, None);
    let mut before: Option<WorkflowView> = None;
    loop {
        let asked = Command::WorkflowAdvance {
            source: source.clone(),
            workflow: workflow.clone(),
            passed_over: passed_over.clone(),
        };
        // A moment without a server is no reason to give a workflow up that has begun.
        let outcome = match door.ask(asked).await {
            Err(failure) if failure.code() == "unreachable" && before.is_some() => {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            answer => answer?,
        };
        let now: WorkflowView = view(outcome.value.clone())?;
        if before.is_none() {
            message(&output::workflow_begun(&now, file));
        }
        for line in output::workflow_news(before.as_ref(), &now) {
            message(&line);
        }
        match now.state.as_str() {
            "running" => {}
            "succeeded" => return Ok((outcome, tell(output::workflow))),
            state => {
                return Err(Failure::new(
                    "workflow-failed",
                    format!("The workflow {} ended without success: {state}.", now.id),
                    "`holdfast workflow show` says which step; `--resume` tries anew what did not succeed.",
                ));
            }
        }
        (workflow, passed_over) = (Some(now.id.clone()), Some(now.passed_over.clone()));
        before = Some(now);
        tokio::time::sleep(LOOK).await;
    }
}

fn text(file: &Path) -> Result<String> {
    let read = || {
        let length = std::fs::metadata(file)?.len();
        if length > LARGEST {
            return Err(std::io::Error::other("this is no workflow: it is larger than 256 KiB"));
        }
        std::fs::read_to_string(file)
    };
    read().map_err(|error| Error::io(file, &error).into())
}
