//! The queue of runs: capsules, leases, and what became of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{Hash, RunId, SpaceId};
use holdfast_protocol::limits;
use holdfast_protocol::wire::{AskLease, Heard, Heartbeat, Leased, RefuseRun, RunEvent, RunResult, RunRow, RunState};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Failure, Rules};
use crate::events::Wake;
use crate::ports::{Attempted, ChangedRun, NewCapsule, NewResult, Session, StoreError};

/// How long a lease is good without a heartbeat.
const LEASE_MS: u64 = 30_000;
/// The longest that a request waits for something new, in milliseconds.
pub(super) const WAIT_MS: u64 = 25_000;
/// Whoever waits looks this often all the same: for what changes by itself, or through another process.
pub(super) const LOOK: Duration = Duration::from_secs(5);
/// Runs in one heartbeat.
const BEAT: usize = 200;
/// Runs in one answer.
const ROWS: usize = 1_000;
/// Packs that a result may name are kept for this long.
const HOLD_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// The code of a refusal, in bytes.
const CODE: usize = 64;

impl Rules {
    /// Keeps a capsule until an entry names it.
    ///
    /// # Errors
    /// [`Failure::NotAllowed`] for readers, [`Failure::Conflict`] when an entry names another one, [`Failure::Quota`].
    pub async fn put_capsule(
        &self,
        caller: Session,
        space: SpaceId,
        run: RunId,
        bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        if self.role(caller, space).await? < Role::Contributor {
            return Err(Failure::NotAllowed("your role does not allow this"));
        }
        if bytes.is_empty() || bytes.len() > limits::CAPSULE {
            return Err(Failure::Refused("the capsule is of an impossible size"));
        }
        let capsule = NewCapsule {
            space,
            run,
            author: caller.principal,
            hash: Hash::of(&bytes),
            sealed: bytes,
            quota_bytes: self.policy.quota_bytes,
            now_ms: self.now_ms(),
        };
        self.database.put_capsule(capsule).await.map_err(|error| match error {
            StoreError::Conflict => Failure::Conflict("the run's entry names another capsule"),
            other => other.into(),
        })
    }

    /// The capsule of a run that the caller has the lease of.
    ///
    /// # Errors
    /// [`Failure::NotFound`] otherwise.
    pub async fn capsule(&self, caller: Session, space: SpaceId, run: RunId) -> Result<Vec<u8>, Failure> {
        self.standing(caller, space).await?;
        self.settle().await?;
        let found = self
            .database
            .capsule(space, run, caller.principal, self.now_ms())
            .await?;
        found.ok_or(Failure::NotFound)
    }

    /// Leases a run to the caller; waits for one if there is none.
    ///
    /// # Errors
    /// [`Failure::Refused`] for too long a wait, [`Failure::SignedOut`] when the node is ended meanwhile.
    pub async fn lease(
        &self,
        caller: Session,
        ask: &AskLease,
        stopping: &CancellationToken,
    ) -> Result<Leased, Failure> {
        if ask.wait_ms > WAIT_MS {
            return Err(Failure::Refused("no request waits that long"));
        }
        let end = Instant::now() + Duration::from_millis(ask.wait_ms);
        let mut waiting = self.events.wait();
        loop {
            self.settle().await?;
            let now_ms = self.now_ms();
            // The token may have ended, or the node, while this request waited.
            if caller.expires_ms <= now_ms {
                return Err(Failure::SignedOut);
            }
            let lease = self.database.lease(caller.principal, now_ms + LEASE_MS, now_ms).await?;
            if let Some(lease) = lease {
                self.tell(&[ChangedRun {
                    space: lease.space,
                    run: lease.run,
                    node: caller.principal,
                    state: RunState::Running,
                }])
                .await;
                return Ok(Leased { lease: Some(lease) });
            }
            if Instant::now() >= end || stopping.is_cancelled() {
                return Ok(Leased { lease: None });
            }
            let fits = |wake| wake == Wake::Node(caller.principal) || wake == Wake::Device(caller.device);
            let woken = tokio::select! {
                woken = waiting.until(end.min(Instant::now() + LOOK), fits) => woken,
                () = stopping.cancelled() => None,
            };
            if woken == Some(Wake::Device(caller.device)) {
                return Err(Failure::SignedOut);
            }
        }
    }

    /// Keeps the leases of what the caller works on.
    ///
    /// # Errors
    /// [`Failure::Refused`] for too many runs.
    pub async fn heartbeat(&self, caller: Session, beat: &Heartbeat) -> Result<Heard, Failure> {
        if beat.runs.len() > BEAT {
            return Err(Failure::Refused("too many runs in one heartbeat"));
        }
        self.settle().await?;
        let now_ms = self.now_ms();
        let until_ms = now_ms + LEASE_MS;
        let beat = self
            .database
            .heartbeat(caller.principal, &beat.runs, until_ms, now_ms)
            .await?;
        self.tell(&beat.revived).await;
        Ok(Heard {
            until_ms,
            stop: beat.stop,
        })
    }

    /// Runs of a space, newest first.
    ///
    /// # Errors
    /// [`Failure::NotFound`] for whoever is not a member.
    pub async fn runs(&self, caller: Session, space: SpaceId, before: Option<u64>) -> Result<Vec<RunRow>, Failure> {
        self.role(caller, space).await?;
        self.settle().await?;
        Ok(self.database.runs(space, before.unwrap_or(u64::MAX), ROWS).await?)
    }

    /// One run.
    ///
    /// # Errors
    /// [`Failure::NotFound`] where there is none, or for whoever is not a member.
    pub async fn run(&self, caller: Session, space: SpaceId, run: RunId) -> Result<RunRow, Failure> {
        self.role(caller, space).await?;
        self.settle().await?;
        self.database.run(space, run).await?.ok_or(Failure::NotFound)
    }

    /// Notes why the caller does not begin a run that it has the lease of.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when it is not the caller's, [`Failure::Conflict`] when it is not under way.
    pub async fn refuse_run(
        &self,
        caller: Session,
        space: SpaceId,
        run: RunId,
        refusal: &RefuseRun,
    ) -> Result<(), Failure> {
        if !is_reason(&refusal.code) {
            return Err(Failure::Refused("that is no reason"));
        }
        self.settle().await?;
        let of = self.attempted(caller, space, run, refusal.attempt);
        let after = self.database.refuse_run(of, &refusal.code).await.map_err(over)?;
        self.tell(after.as_slice()).await;
        Ok(())
    }

    /// Keeps a result; `again` when the attempt was broken off.
    ///
    /// # Errors
    /// [`Failure::NotFound`] when the run is not the caller's, [`Failure::Conflict`] for a second result of an attempt or
    /// one of an attempt that is over.
    pub async fn put_result(
        &self,
        caller: Session,
        (space, run, attempt): (SpaceId, RunId, u32),
        again: bool,
        bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        if bytes.is_empty() || bytes.len() > limits::RUN_RESULT {
            return Err(Failure::Refused("the result is of an impossible size"));
        }
        self.settle().await?;
        let of = self.attempted(caller, space, run, attempt);
        let result = NewResult {
            of,
            sealed: bytes,
            broken_off: again,
            hold_until_ms: of.now_ms + HOLD_MS,
        };
        let after = self.database.put_result(result).await.map_err(over)?;
        self.events.wake(Wake::Run(space, run));
        self.tell(after.as_slice()).await;
        Ok(())
    }

    /// The newest attempt's result.
    ///
    /// # Errors
    /// [`Failure::NotFound`] where there is none, or for whoever is not a member.
    pub async fn result(&self, caller: Session, space: SpaceId, run: RunId) -> Result<RunResult, Failure> {
        self.role(caller, space).await?;
        self.database.result(space, run).await?.ok_or(Failure::NotFound)
    }

    /// Does what is due by now and tells of it.
    ///
    /// # Errors
    /// As the database reports.
    pub async fn settle(&self) -> Result<(), Failure> {
        let changed = self.database.settle(self.now_ms()).await?;
        self.tell(&changed).await;
        Ok(())
    }

    pub(super) fn attempted(&self, caller: Session, space: SpaceId, run: RunId, attempt: u32) -> Attempted {
        Attempted {
            node: caller.principal,
            space,
            run,
            attempt,
            now_ms: self.now_ms(),
        }
    }

    /// Tells members, and whoever waits, of runs that have another state. Hints: what can't be told is left out.
    pub(super) async fn tell(&self, changed: &[ChangedRun]) {
        let mut members = BTreeMap::new();
        for run in changed {
            self.events.wake(Wake::Run(run.space, run.run));
            if run.state == RunState::Queued {
                self.events.wake(Wake::Node(run.node));
            }
            if let std::collections::btree_map::Entry::Vacant(free) = members.entry(run.space)
                && let Ok(state) = self.state(run.space).await
            {
                free.insert(state.members().keys().copied().collect::<Vec<_>>());
            }
            let event = RunEvent {
                space: run.space,
                run: run.run,
                state: run.state,
            };
            self.events
                .run(event, members.get(&run.space).into_iter().flatten().copied());
        }
    }
}

pub(super) fn over(error: StoreError) -> Failure {
    match error {
        StoreError::Conflict => Failure::Conflict("this attempt of the run is over, or something else was said of it"),
        other => other.into(),
    }
}

/// Whether this is a code by which a node refuses a run.
fn is_reason(code: &str) -> bool {
    code.len() <= CODE
        && (code == "history" || code.starts_with("run-") || code.starts_with("log-"))
        && code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_codes() {
        for code in ["history", "run-author", "log-auth-chain"] {
            assert!(is_reason(code), "{code}");
        }
        for text in ["", "because", "run-Author", "run-\u{e9}", "historyx", "run author"] {
            assert!(!is_reason(text), "{text}");
        }
        assert!(!is_reason(&format!("run-{}", "x".repeat(61))));
    }
}
