//! One connection: one command, its progress, its result.

use std::sync::Arc;
use std::time::Duration;

use holdfast_commands::view::{DoneView, ErrorView};
use holdfast_commands::{Command, Ending, Frame, Outcome, Request};
use holdfast_device::{read_frame, write_frame};
use holdfast_engine::Error;
use holdfast_engine::ports::{Progress, Step};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Owner;

/// How long the other side may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often progress is told.
const TICK: Duration = Duration::from_millis(100);

/// Does what the other side wants.
pub(super) async fn serve(owner: Arc<impl Owner>, stream: UnixStream) {
    let (mut read, mut write) = stream.into_split();
    match tokio::time::timeout(PATIENCE, read_frame::<Request>(&mut read)).await {
        Ok(Ok(Some(Request::Run(command)))) => run(owner.as_ref(), command, read, write).await,
        Ok(Ok(Some(Request::Lock))) => lock(owner.as_ref(), write).await,
        Ok(Ok(Some(Request::Show))) => {
            let frame = match owner.show() {
                Ok(()) => done(),
                Err(error) => Frame::Failed(ErrorView::from(&error)),
            };
            let _ = write_frame(&mut write, &frame).await;
        }
        // Somebody only looked whether anybody is here.
        Ok(Ok(None | Some(Request::Cancel))) | Err(_) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "a request was not understood");
            let view = ErrorView::from(&Error::Invalid("The agent is of another version.".into()));
            let _ = write_frame(&mut write, &Frame::Failed(view)).await;
        }
    }
}

async fn lock(owner: &impl Owner, mut write: OwnedWriteHalf) {
    owner.lock().await;
    let _ = write_frame(&mut write, &done()).await;
    if owner.locked() {
        // Hung up by the end of the process: whoever asked waits for that.
        std::future::pending::<()>().await;
    }
}

fn done() -> Frame {
    Frame::Ended(Outcome {
        ending: Ending::Done,
        value: serde_json::to_value(DoneView::YES).unwrap_or_default(),
        as_of_ms: None,
        notes: Vec::new(),
    })
}

async fn run(owner: &impl Owner, command: Command, read: OwnedReadHalf, mut write: OwnedWriteHalf) {
    let begun = owner.begin(&command).and_then(|running| Ok((running, owner.app()?)));
    let (_running, app) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let _ = write_frame(&mut write, &Frame::Failed(ErrorView::from(&error))).await;
            return;
        }
    };
    let cancel = owner.cancel().child_token();
    let listener = tokio::spawn(listen(read, cancel.clone()));
    let (relay, mut steps) = watch::channel(None);
    let work = app.run(command, Arc::new(Relay(relay)), cancel.clone());
    tokio::pin!(work);
    let mut ticks = tokio::time::interval(TICK);
    let result = loop {
        tokio::select! {
            biased;
            result = &mut work => break result,
            _ = ticks.tick() => {
                // Nobody left to tell: then nobody wants it any more.
                let step: Option<Step> = steps.has_changed().unwrap_or(false).then(|| *steps.borrow_and_update()).flatten();
                if let Some(step) = step && write_frame(&mut write, &Frame::Progress(step)).await.is_err() {
                    cancel.cancel();
                }
            }
        }
    };
    listener.abort();
    let frame = match result {
        Ok(outcome) => Frame::Ended(outcome),
        Err(error) => Frame::Failed(ErrorView::from(&error)),
    };
    if let Err(error) = write_frame(&mut write, &frame).await {
        tracing::info!(%error, "nobody waited for the result");
    }
}

/// Waits for a word to stop; hanging up is one.
async fn listen(mut read: OwnedReadHalf, cancel: CancellationToken) {
    while let Ok(Some(request)) = read_frame::<Request>(&mut read).await {
        if matches!(request, Request::Cancel) {
            break;
        }
    }
    cancel.cancel();
}

/// Keeps the newest step for whoever looks next; reporting waits for nobody.
struct Relay(watch::Sender<Option<Step>>);

impl Progress for Relay {
    fn report(&self, step: Step) {
        self.0.send_replace(Some(step));
    }
}
