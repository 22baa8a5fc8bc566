//! `holdfast serve`: the server in this process, until SIGTERM or Ctrl-C.

use holdfast_commands::Ending;
use holdfast_engine::Error;
use holdfast_protocol::id::Hash;
use holdfast_server::Config;
use serde::{Deserialize, Serialize};

use super::runtime;
use super::service::{self, Stop};
use super::unlock::done;
use crate::args::Serve;
use crate::exit;
use crate::failure::{Failure, Result};
use crate::output::{self, Screen, tell};

/// Where the server can be reached.
#[derive(Serialize, Deserialize)]
pub(crate) struct ListeningView {
    pub(crate) listening: String,
    /// The fingerprint of the certificate's key, with TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<Hash>,
    /// The address of the metrics, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<String>,
    /// The key of its log of keys, for witnesses.
    pub(crate) log: String,
}

pub(super) fn run(screen: Screen, args: Serve) -> u8 {
    service::make_private_files();
    match runtime().and_then(|runtime| runtime.block_on(serve(screen, args))) {
        Ok(()) => exit::of_ending(Ending::Done),
        Err(failure) => screen.fail(&failure),
    }
}

async fn serve(screen: Screen, args: Serve) -> Result<()> {
    let later = [("--database-url", &args.database_url), ("--objects", &args.objects)];
    if let Some((option, _)) = later.iter().find(|(_, value)| value.is_some()) {
        return Err(Failure::usage(
            format!("{option} is not available yet."),
            "Leave it out: the server keeps everything in the folder of --data.",
        ));
    }
    service::begin_log()?;
    let mut stop = Stop::listen()?;
    let tls = args.tls();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let config = Config {
        data: args.data,
        listen: args.listen,
        quota_bytes: args.quota,
        origin: args.origin,
        open_signup: !args.no_signup,
        metrics: args.metrics,
        tls,
        witnesses: args.witnesses,
    };
    let mut running = holdfast_server::start(config).await.map_err(refused)?;
    let view = ListeningView {
        listening: format!("{scheme}://{}", running.local_addr()),
        fingerprint: running.fingerprint().map(Hash),
        metrics: running
            .metrics_addr()
            .map(|address| format!("http://{address}/metrics")),
        log: running.log_key().to_string(),
    };
    let shown = screen.show(done(&view)?, &tell(output::listening));
    if shown != exit::DONE {
        running.stop().await;
        return Err(Error::Internal("nobody can be told where the server listens".into()).into());
    }
    let ended = stop.told_before(running.wait(), "server").await;
    running.stop().await;
    ended
}

fn refused(error: holdfast_server::Error) -> Failure {
    use holdfast_server::Error as Refused;
    let message = format!("The server did not start: {error}.");
    match error {
        Refused::Origin(_) => Failure::usage(message, "Give --origin as https://HOST, with a port if need be."),
        Refused::Metrics(_) => Failure::usage(message, "Give --metrics as 127.0.0.1:PORT."),
        Refused::Witness(_) => Failure::usage(message, "Give --witness as KEY=URL, with http:// or https://."),
        Refused::Tls(_) => Failure::usage(
            message,
            "Check the files of --tls-cert and --tls-key: both are PEM, and belong together.",
        ),
        Refused::Restoring => Failure::new(
            "busy",
            message,
            "Run the same `holdfast restore` again until it has ended.",
        ),
        Refused::InUse => Failure::new("busy", message, "Stop the other one, or use another folder."),
        Refused::Listen(..) => Failure::new("io", message, "Use another address or port with --listen."),
        Refused::Data(_) | Refused::Database(_) => Failure::new("io", message, "Check the folder and its permissions."),
    }
}
