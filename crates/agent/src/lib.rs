//! The process that owns a profile, as this user's other programs meet it over the profile's socket.
//!
//! That process is the command line's background agent or the window. Each connection runs one command there, hears how far it
//! is, and gets its result; keys stay where they are. What the two have in common is here; when they forget the keys is
//! their own business ([`Owner`]).

#![deny(missing_docs)]

mod connection;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use holdfast_commands::{App, Command, Frame, Request};
use holdfast_device::{AgentListener, connect_agent, read_frame, write_frame};
use holdfast_engine::{Error, Result};
use tokio_util::sync::CancellationToken;

/// Whoever owns a profile.
#[async_trait]
pub trait Owner: Send + Sync + 'static {
    /// The profile's account.
    ///
    /// # Errors
    /// [`Error::NoAccount`].
    fn app(&self) -> Result<Arc<App>>;

    /// A command is about to run. What is given back is dropped when it has ended.
    ///
    /// # Errors
    /// [`Error::Locked`] when the keys should be gone already, because the computer slept past their time.
    fn begin(&self, command: &Command) -> Result<Box<dyn Send>>;

    /// Ends the commands that run for others, when the keys go.
    fn cancel(&self) -> CancellationToken;

    /// Forgets the keys.
    async fn lock(&self);

    /// A [`Request::Lock`] was answered. True when this process ends now: the connection stays open until it has.
    fn locked(&self) -> bool;

    /// Comes to the front. Whoever has no window says so.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    fn show(&self) -> Result<()>;
}

/// How long accepting rests after it failed.
const REST: Duration = Duration::from_millis(100);

/// Serves this user's other programs until dropped.
pub async fn serve(owner: Arc<impl Owner>, listener: AgentListener) {
    loop {
        match listener.accept().await {
            Ok(stream) => {
                tokio::spawn(connection::serve(Arc::clone(&owner), stream));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection did not come up");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// What became of the wish to see a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// It is in front.
    Window,
    /// Who is there has none.
    NoWindow,
    /// Nobody is there: it has ended, or is about to.
    Nobody,
}

/// Asks the process at `socket` to show its window.
///
/// # Errors
/// [`Error::Io`].
pub async fn show(socket: &Path) -> Result<Shown> {
    let failed = |error: std::io::Error| Error::io(socket, &error);
    let Some(mut stream) = connect_agent(socket).await.map_err(failed)? else {
        return Ok(Shown::Nobody);
    };
    if write_frame(&mut stream, &Request::Show).await.is_err() {
        return Ok(Shown::Nobody);
    }
    Ok(match read_frame(&mut stream).await {
        Ok(Some(Frame::Ended(_))) => Shown::Window,
        Ok(Some(_)) => Shown::NoWindow,
        Ok(None) | Err(_) => Shown::Nobody,
    })
}
