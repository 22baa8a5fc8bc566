//! Messages about nodes and their runs. `docs/spec/wire.md`, section 12.

use serde::{Deserialize, Serialize};

use super::B64;
use crate::id::{PrincipalId, RunId, SpaceId};

/// Where a run stands, as the server that queues it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RunState {
    /// Waits for its node.
    Queued,
    /// Leased.
    Running,
    /// A result is here that nobody took over yet.
    Ended,
    /// A member's client took it over.
    Adopted,
    /// The node said why it does not begin it.
    Refused,
    /// The last attempt was broken off, or nothing was heard of it any more.
    Lost,
    /// Taken back before it ended.
    Withdrawn,
    /// Its time was over before it began.
    Expired,
}

/// All of them.
pub const RUN_STATES: [RunState; 8] = [
    RunState::Queued,
    RunState::Running,
    RunState::Ended,
    RunState::Adopted,
    RunState::Refused,
    RunState::Lost,
    RunState::Withdrawn,
    RunState::Expired,
];

impl RunState {
    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Adopted => "adopted",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        RUN_STATES.into_iter().find(|state| state.name() == name)
    }
}

messages! {
    /// `POST /v1/nodes/tokens`: lets one node register, and nothing else.
    struct NodeToken {
        /// The token.
        token: String,
        /// When it ends, milliseconds since 1970-01-01 UTC.
        expires_ms: u64,
    }
    /// `POST /v1/nodes`
    struct EnrolNode {
        /// The token that a person drew.
        token: String,
        /// The node's first signed bundle.
        bundle: B64,
    }
    /// A node as people see it.
    struct NodeRow {
        /// The node.
        principal: PrincipalId,
        /// What it signs in with.
        handle: String,
        /// When it was enrolled, milliseconds since 1970-01-01 UTC.
        enrolled_ms: u64,
        /// When it asked for work or told of it the last time.
        seen_ms: Option<u64>,
        /// Whether the one who asks enrolled it.
        mine: bool,
        /// What it says about its computer.
        card: Option<B64>,
    }
    /// `PUT /v1/node/card`
    struct NodeCard {
        /// What the node says about its computer, signed; at most 4,096 bytes.
        card: B64,
    }
    /// `POST /v1/node/lease`
    struct AskLease {
        /// How long to wait for a run, at most 25,000 milliseconds.
        wait_ms: u64,
    }
    /// Answer to [`AskLease`].
    struct Leased {
        /// The run to begin, if there is one.
        lease: Option<Lease>,
    }
    /// A run that a node may begin.
    struct Lease {
        /// Its space.
        space: SpaceId,
        /// The run.
        run: RunId,
        /// The number of this attempt, from 1.
        attempt: u32,
        /// Number of the run's entry.
        seq: u64,
        /// Until when it is the node's without a heartbeat, milliseconds since 1970-01-01 UTC.
        until_ms: u64,
    }
    /// `POST /v1/node/heartbeat`
    struct Heartbeat {
        /// What the node works on; at most 200.
        runs: Vec<RunAttempt>,
    }
    /// One attempt of a run.
    struct RunAttempt {
        /// Its space.
        space: SpaceId,
        /// The run.
        run: RunId,
        /// Which attempt, from 1.
        attempt: u32,
    }
    /// Answer to [`Heartbeat`].
    struct Heard {
        /// Until when all others are the node's without another heartbeat.
        until_ms: u64,
        /// What the node has to stop: withdrawn, leased anew, over, or unknown.
        stop: Vec<RunAttempt>,
    }
    /// A run as the server's queue knows it.
    struct RunRow {
        /// The run.
        run: RunId,
        /// Number of its entry.
        seq: u64,
        /// Its node.
        node: PrincipalId,
        /// Where it stands.
        state: RunState,
        /// It was withdrawn while its node worked on it, and the node may still send its result.
        #[serde(default)]
        stopping: bool,
        /// The newest attempt; 0 before the first.
        attempt: u32,
        /// When its entry came, milliseconds since 1970-01-01 UTC.
        queued_ms: u64,
        /// When the newest attempt was leased.
        started_ms: Option<u64>,
        /// When it got the state that it has, if that is the last one for now.
        ended_ms: Option<u64>,
        /// Why the node does not begin it: a code.
        refused: Option<String>,
        /// Boxes of the newest attempt's log.
        log: u64,
        /// Boxes of the newest attempt's metrics.
        metrics: u64,
    }
    /// `POST /v1/spaces/{space}/runs/{run}/refuse`
    struct RefuseRun {
        /// Which attempt.
        attempt: u32,
        /// `run-...`, `history` or `log-...`, at most 64 bytes.
        code: String,
    }
    /// A piece of a stream.
    struct Boxes {
        /// Sealed boxes in order.
        boxes: Vec<B64>,
        /// Number of the box after them.
        next: u64,
        /// Whether no more of this attempt is to be expected.
        ended: bool,
    }
    /// What a node says of a run.
    struct RunResult {
        /// Of which attempt.
        attempt: u32,
        /// The sealed result.
        sealed: B64,
    }
    /// One line of `GET /v1/events`: a run has another state, or more was said of it.
    struct RunEvent {
        /// Its space.
        space: SpaceId,
        /// The run.
        run: RunId,
        /// Where it stands.
        state: RunState,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_named_as_they_are_sent() {
        for state in RUN_STATES {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
            assert_eq!(RunState::named(state.name()), Some(state));
        }
        assert_eq!(RunState::named("Queued"), None);
    }
}
