//! What a task left behind: copied out of its walls, sealed and sent under the places that the run's spec names.

use std::path::Path;
use std::sync::Arc;

use holdfast_engine::ports::{Progress, Silent};
use holdfast_engine::{Accepted, Error, Result};
use holdfast_protocol::run::{Made, Output};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Node;
use crate::exec::{Collected, Event, Outputs};

/// Refused files that are named in the log.
const NAMED: usize = 20;

impl Node {
    /// Sends all outputs of a run. The inner error is the task's: an output that is not there, or nothing of it can be taken.
    pub(super) async fn send_outputs(
        &self,
        accepted: &Accepted,
        outputs: Outputs,
        scratch: &Path,
        notes: &mpsc::Sender<Event>,
        stop: &CancellationToken,
    ) -> Result<std::result::Result<Vec<Made>, String>> {
        if accepted.spec.outputs.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let copy = scratch.join("out");
        let to = copy.clone();
        let collected = tokio::task::spawn_blocking(move || {
            let collected = outputs.collect()?;
            outputs.copy_to(&collected, &to)?;
            // The memory that they lay in goes with them.
            drop(outputs);
            Ok::<Collected, std::io::Error>(collected)
        })
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
        .map_err(|error| Error::io(&copy, &error))?;
        for text in refused(&collected) {
            // Nobody listens any more when the run was lost.
            let _ = notes.send(Event::Note(text)).await;
        }
        let mut made = Vec::new();
        for output in &accepted.spec.outputs {
            let Some(from) = place(&copy, output) else {
                return Ok(Err(format!(
                    "The task left nothing at /out/{} for its output \"{}\".",
                    output.path, output.name
                )));
            };
            let progress: Arc<dyn Progress> = Arc::new(Silent);
            let sent = self
                .session
                .send_output(accepted, output, &from, &self.choices.spool, &progress, stop)
                .await?;
            made.push(sent.0);
        }
        Ok(Ok(made))
    }
}

/// The file or folder of an output, if it is there. What was copied holds no links.
fn place(copy: &Path, output: &Output) -> Option<std::path::PathBuf> {
    let relative = Path::new(&output.path);
    let plain = relative
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir));
    let path = copy.join(relative);
    (plain && path.exists()).then_some(path)
}

fn refused(collected: &Collected) -> Vec<String> {
    let mut texts: Vec<String> = collected
        .refused
        .iter()
        .take(NAMED)
        .map(|refused| format!("Not taken: {}: {}.", refused.path, refused.why))
        .collect();
    let more = (collected.refused.len().saturating_sub(NAMED) as u64).saturating_add(collected.refused_besides);
    if more > 0 {
        texts.push(format!("Not taken: {more} more."));
    }
    texts
}
