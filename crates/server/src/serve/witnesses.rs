//! Asks the operator's witnesses to co-sign the newest head of the log of keys. In the background, each by itself: one that is down, slow
//! or of another opinion holds up nobody else, and no request ever waits for one.

use std::sync::Arc;
use std::time::Duration;

use holdfast_protocol::transparency::Head;
use holdfast_protocol::witness::{Cosignature, Witness};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::post::Target;
use super::{Error, WitnessAt};
use crate::rules::Rules;

/// Until one request is given up.
const ANSWER: Duration = Duration::from_secs(10);
/// Until the first try after one that came to nothing; then twice as long each time.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A head that stays the newest is co-signed anew: clients want it recent (`holdfast_protocol::limits::COSIGNATURE_AGE_MS`).
const ANEW: Duration = Duration::from_secs(60 * 60);
/// How often is looked whether there is a newer head, should nobody have asked for it.
const LOOK: Duration = Duration::from_secs(30);

/// The witnesses whose addresses make sense.
pub(super) fn ready(witnesses: &[WitnessAt]) -> Result<Vec<(Witness, Target)>, Error> {
    let ready = witnesses.iter().map(|at| {
        let target = Target::parse(&at.url).ok_or_else(|| Error::Witness(at.url.clone()))?;
        Ok((at.witness.clone(), target))
    });
    ready.collect()
}

/// Asks one witness for as long as the server runs.
pub(super) async fn ask(rules: Arc<Rules>, by: Witness, at: Target, stopping: CancellationToken) {
    let mut asking = Asking {
        rules,
        by,
        at,
        old: 0,
        signed: None,
    };
    tokio::select! {
        () = asking.go_on() => {}
        () = stopping.cancelled() => {}
    }
}

struct Asking {
    rules: Arc<Rules>,
    by: Witness,
    at: Target,
    /// The size that the witness is believed to have co-signed last.
    old: u64,
    /// What it has co-signed for this server, and when.
    signed: Option<(Head, Instant)>,
}

impl Asking {
    async fn go_on(&mut self) {
        let mut grew = self.rules.log_grew();
        let (mut pause, mut said) = (FIRST, String::new());
        loop {
            // Growth from here on is seen below, also while the witness thinks.
            grew.mark_unchanged();
            match self.round().await {
                Ok(()) => {
                    if !said.is_empty() {
                        tracing::info!(witness = self.by.name(), "co-signs again");
                    }
                    (pause, said) = (FIRST, String::new());
                    tokio::select! {
                        _ = grew.changed() => {}
                        () = sleep(LOOK) => {}
                    }
                }
                Err(why) => {
                    // Once, and not each minute of a night.
                    if why != said {
                        tracing::warn!(witness = self.by.name(), why, "does not co-sign");
                    }
                    said = why;
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST);
                }
            }
        }
    }

    /// Has the newest head co-signed, unless it is.
    async fn round(&mut self) -> Result<(), String> {
        // The second time with the size that the witness named.
        for _ in 0..2 {
            let (head, request) = self
                .rules
                .ask_witness(self.old)
                .await
                .map_err(|failure| failure.to_string())?;
            let current = |(signed, when): &(Head, Instant)| *signed == head && when.elapsed() < ANEW;
            if head.size == 0 || self.signed.as_ref().is_some_and(current) {
                return Ok(());
            }
            let Some(request) = request else {
                return Err(format!(
                    "it saw {} keys, and there are {}: was a backup put back?",
                    self.old, head.size
                ));
            };
            let answer = timeout(ANSWER, self.at.post(request.to_string())).await;
            let (status, text) = answer.map_err(|_| "it did not answer in time".to_owned())??;
            match status {
                200 => {
                    let line = Cosignature::find(&text, &head, &self.by).map(|found| found.line(&self.by));
                    let line = line.ok_or("its answer is not signed by the key that it was given with")?;
                    self.old = head.size;
                    self.signed = Some((head.clone(), Instant::now()));
                    self.rules.keep_cosignature(&self.by, head, line);
                    return Ok(());
                }
                409 => {
                    let size = text.strip_suffix('\n').and_then(|size| size.parse().ok());
                    let size: u64 = size.ok_or("it answered 409 without a size")?;
                    if size == self.old {
                        return Err("it saw another log of this size, signed by this server's key".into());
                    }
                    self.old = size;
                }
                422 => return Err("the log does not go on from what it saw: was a backup put back?".into()),
                404 => return Err("it does not know this log: its operator has to be told the log's key".into()),
                other => return Err(format!("it answered {other}")),
            }
        }
        Err("it names another size each time".into())
    }
}
