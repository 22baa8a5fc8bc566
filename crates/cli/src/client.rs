//! Commands that the profile's own process runs: it has the keys, this process shows how far it is.

use std::io;
use std::path::Path;
use std::sync::Arc;

use holdfast_commands::{Command, Frame, Outcome, Request};
use holdfast_device::{FrameError, connect_agent, read_frame, write_frame};
use holdfast_engine::Error;
use holdfast_engine::ports::Progress;
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use crate::failure::{Failure, Result};
use crate::output::{Bars, message};
use crate::run::is_long;

/// Connects to the process at `socket`; `None` when nobody answers.
pub(crate) async fn connect(socket: &Path) -> Result<Option<UnixStream>> {
    connect_agent(socket)
        .await
        .map_err(|error| Error::io(socket, &error).into())
}

/// Lets the agent run a command. Ctrl-C asks it to stop; a second one leaves it alone.
pub(crate) async fn run(stream: UnixStream, command: Command, bars: &Arc<Bars>) -> Result<Outcome> {
    let long = is_long(&command);
    let (mut read, mut write) = stream.into_split();
    write_frame(&mut write, &Request::Run(command)).await.map_err(lost)?;
    // Read by a task of its own: half a frame must not be thrown away by what comes in between.
    let (send, mut frames) = mpsc::channel(16);
    let reader = tokio::spawn(async move {
        loop {
            let frame = read_frame::<Frame>(&mut read).await;
            let last = !matches!(frame, Ok(Some(Frame::Progress(_))));
            if send.send(frame).await.is_err() || last {
                return;
            }
        }
    });
    let mut stopping = false;
    let result = loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(Ok(Some(Frame::Progress(step)))) => bars.report(step),
                Some(Ok(Some(Frame::Ended(outcome)))) => break Ok(outcome),
                Some(Ok(Some(Frame::Failed(view)))) => break Err(view.into()),
                Some(Ok(None)) | None => break Err(lost(FrameError::CutShort)),
                Some(Err(error)) => break Err(lost(error)),
            },
            _ = tokio::signal::ctrl_c() => {
                if stopping || !long {
                    break Err(Error::Cancelled.into());
                }
                stopping = true;
                write_frame(&mut write, &Request::Cancel).await.map_err(lost)?;
                message("Stopping. Ctrl-C again to wait no longer.");
            }
        }
    };
    reader.abort();
    result
}

/// Lets the agent forget the keys; comes back when it has.
pub(crate) async fn lock(mut stream: UnixStream) -> Result<Outcome> {
    write_frame(&mut stream, &Request::Lock).await.map_err(lost)?;
    let outcome = match read_frame::<Frame>(&mut stream).await.map_err(lost)? {
        Some(Frame::Ended(outcome)) => outcome,
        Some(Frame::Failed(view)) => return Err(view.into()),
        _ => return Err(lost(FrameError::CutShort)),
    };
    // It hangs up when it is gone.
    let _ = read_frame::<Frame>(&mut stream).await;
    Ok(outcome)
}

fn lost(error: FrameError) -> Failure {
    match error {
        FrameError::TooLong(_) => Failure::usage("That is too much for one command.", "Use smaller pieces."),
        FrameError::Io(error) if error.kind() != io::ErrorKind::BrokenPipe => agent_gone(&error.to_string()),
        other => agent_gone(&other.to_string()),
    }
}

fn agent_gone(why: &str) -> Failure {
    Failure::new(
        "agent",
        format!("The process that keeps this profile unlocked went away ({why})."),
        "Run `holdfast unlock` and do it again.",
    )
}
