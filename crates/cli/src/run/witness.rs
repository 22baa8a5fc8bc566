//! `holdfast witness`: a witness in this process, until SIGTERM or Ctrl-C.

use holdfast_commands::Ending;
use holdfast_engine::Error;
use holdfast_server::witness::{self, Config, Error as Refused};
use serde::{Deserialize, Serialize};

use super::runtime;
use super::service::{self, Stop};
use super::unlock::done;
use crate::args::Witness;
use crate::exit;
use crate::failure::{Failure, Result};
use crate::output::{self, Screen, tell};

/// Where the witness can be reached, and who it is.
#[derive(Serialize, Deserialize)]
pub(crate) struct WitnessingAtView {
    /// Its address; absent when only the key was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listening: Option<String>,
    /// Its name and public key.
    pub(crate) key: String,
}

pub(super) fn run(screen: Screen, args: Witness) -> u8 {
    service::make_private_files();
    match runtime().and_then(|runtime| runtime.block_on(witness(screen, args))) {
        Ok(()) => exit::of_ending(Ending::Done),
        Err(failure) => screen.fail(&failure),
    }
}

async fn witness(screen: Screen, args: Witness) -> Result<()> {
    if args.show_key {
        let view = WitnessingAtView {
            listening: None,
            key: witness::key_of(&args.data)
                .map_err(|error| refused(&error))?
                .to_string(),
        };
        return told(screen, &view);
    }
    service::begin_log()?;
    let mut stop = Stop::listen()?;
    let config = Config {
        data: args.data,
        listen: args.listen,
        logs: args.logs,
    };
    let mut running = witness::start(config).await.map_err(|error| refused(&error))?;
    let view = WitnessingAtView {
        listening: Some(format!("http://{}", running.local_addr())),
        key: running.witness().to_string(),
    };
    if let Err(failure) = told(screen, &view) {
        running.stop().await;
        return Err(failure);
    }
    let ended = stop.told_before(running.wait(), "witness").await;
    running.stop().await;
    ended
}

fn told(screen: Screen, view: &WitnessingAtView) -> Result<()> {
    match screen.show(done(view)?, &tell(output::witnessing_at)) {
        exit::DONE => Ok(()),
        _ => Err(Error::Internal("nobody can be told who the witness is".into()).into()),
    }
}

fn refused(error: &Refused) -> Failure {
    let message = format!("The witness did not start: {error}.");
    match error {
        Refused::InUse => Failure::new("busy", message, "Stop the other one, or use another folder."),
        Refused::Listen(..) => Failure::new("io", message, "Use another address or port with --listen."),
        Refused::Data(_) => Failure::new("io", message, "Check the folder and its permissions."),
        Refused::Forgotten(_) => Failure::new(
            "io",
            message,
            "A witness that does not know what it signed must not go on with that key: begin in an empty folder, and tell \
             those who rely on it the new key.",
        ),
    }
}
