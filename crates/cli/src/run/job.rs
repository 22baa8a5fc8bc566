//! Verbs for an unlocked profile: by the agent if there is one, else here, with the Master Key.

use std::sync::Arc;

use holdfast_commands::{App, Command, Outcome};
use holdfast_device::ProfileLock;
use holdfast_engine::Error;
use tokio_util::sync::CancellationToken;

use super::{Answer, is_alarm, is_long};
use crate::args::Common;
use crate::client;
use crate::failure::Result;
use crate::output::{Bars, Tell, alarm, came_in, message};
use crate::phrase;
use crate::place::{Owner, Place};

/// A command, and how people are told how it ended.
pub(super) struct Job {
    pub(super) command: Command,
    /// Tried when nothing has the name: `A/B` may be a name, or `B` in the project `A`.
    pub(super) instead: Option<Command>,
    pub(super) tell: Tell,
}

impl Job {
    pub(super) fn new(command: Command, tell: Tell) -> Self {
        Self {
            command,
            instead: None,
            tell,
        }
    }
}

/// Runs it.
pub(super) async fn run(common: &Common, job: Job) -> Answer {
    let place = Place::open(common)?;
    let bars = Arc::new(Bars::new());
    let outcome = match place.owner().await? {
        Owner::Agent(stream) => {
            let first = client::run(stream, job.command, &bars).await;
            match (first, job.instead) {
                (Err(failure), Some(instead)) if failure.code() == "not-found" => match place.owner().await? {
                    Owner::Agent(stream) => prefer(client::run(stream, instead, &bars).await, Err(failure)),
                    Owner::Me(_) => Err(Error::Locked.into()),
                },
                (first, _) => first,
            }
        }
        Owner::Me(_lock) => here(common, &place, job.command, job.instead, &bars).await,
    };
    bars.clear();
    Ok((outcome?, job.tell))
}

/// The way to one command after another: by the agent, or by a profile that is opened here once.
pub(super) struct Door {
    place: Place,
    bars: Arc<Bars>,
    here: Option<(App, ProfileLock)>,
}

impl Door {
    pub(super) async fn open(common: &Common) -> Result<Self> {
        let place = Place::open(common)?;
        let bars = Arc::new(Bars::new());
        let here = match place.owner().await? {
            Owner::Agent(_) => None,
            Owner::Me(lock) => {
                let app = place.app().await?.ok_or(Error::NoAccount)?;
                unlock(common, &app, &bars).await?;
                catch_up(&app).await?;
                Some((app, lock))
            }
        };
        Ok(Self { place, bars, here })
    }

    /// Runs a command. The agent may have locked itself in between: then nobody can.
    pub(super) async fn ask(&self, command: Command) -> Result<Outcome> {
        let answer = match &self.here {
            Some((app, _)) => drive(app, command, &self.bars).await,
            None => match self.place.owner().await? {
                Owner::Agent(stream) => client::run(stream, command, &self.bars).await,
                Owner::Me(_) => Err(Error::Locked.into()),
            },
        };
        self.bars.clear();
        answer
    }
}

/// The second answer, unless it found nothing either: then what was typed is what people should read about.
fn prefer(second: Result<Outcome>, first: Result<Outcome>) -> Result<Outcome> {
    match second {
        Err(failure) if failure.code() == "not-found" => first,
        second => second,
    }
}

async fn here(
    common: &Common,
    place: &Place,
    command: Command,
    instead: Option<Command>,
    bars: &Arc<Bars>,
) -> Result<Outcome> {
    let app = place.app().await?.ok_or(Error::NoAccount)?;
    unlock(common, &app, bars).await?;
    catch_up(&app).await?;
    let first = drive(&app, command, bars).await;
    match (first, instead) {
        (Err(failure), Some(instead)) if failure.code() == "not-found" => {
            prefer(drive(&app, instead, bars).await, Err(failure))
        }
        (first, _) => first,
    }
}

/// Does what is due. What is wrong with one project is shown, and keeps nobody from the others.
pub(super) async fn catch_up(app: &App) -> Result<()> {
    match app.catch_up().await {
        Ok(alarms) => {
            app.came().iter().for_each(|view| message(&came_in(view)));
            alarms.iter().for_each(|view| message(&alarm(view)));
        }
        Err(error) if is_alarm(&error) => return Err(error.into()),
        Err(error) => message(&format!("What was due is left for later: {error}")),
    }
    Ok(())
}

/// Opens the profile with its Master Key; whoever types it may mistype.
async fn unlock(common: &Common, app: &App, bars: &Bars) -> Result<()> {
    for tried in 1.. {
        let (given, asked) = phrase::current(common)?;
        bars.doing("unlocking");
        let opened = app.unlock(&given.phrase).await.map_err(Into::into);
        bars.clear();
        match opened {
            Err(failure) if phrase::try_again(&failure, asked, tried) => {}
            done => return done,
        }
    }
    Err(Error::Locked.into())
}

/// Runs a command here. Ctrl-C stops it where it can be resumed; a second one ends at once.
async fn drive(app: &App, command: Command, bars: &Arc<Bars>) -> Result<Outcome> {
    let (cancel, long) = (CancellationToken::new(), is_long(&command));
    let bars: Arc<Bars> = Arc::clone(bars);
    let work = app.run(command, bars, cancel.clone());
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return Ok(result?),
            _ = tokio::signal::ctrl_c() => {
                if !long || cancel.is_cancelled() {
                    return Err(Error::Cancelled.into());
                }
                cancel.cancel();
                message("Stopping. Ctrl-C again to stop at once.");
            }
        }
    }
}
