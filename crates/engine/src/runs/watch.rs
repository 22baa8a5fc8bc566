//! Watching runs: what the log says of them, what the server says, and what their nodes send.

use holdfast_crypto::Key32;
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::limits;
use holdfast_protocol::replay::{Adopted, OrderedRun, Outcome, Run, Space};
use holdfast_protocol::run::{Attempt, LogLine, MetricPoint, Stream, StreamHash, open_box, stream_key};
use holdfast_protocol::wire::{self, RunRow};

use crate::error::{Error, Result};
use crate::session::Session;

/// A run as its project's log has it, and as the server says it stands.
pub struct RunStatus {
    /// From the clear fields of its entry.
    pub ordered: OrderedRun,
    /// From the sealed part; nothing where this member has no key for it.
    pub run: Option<Run>,
    /// What the server says; nothing when it does not answer.
    pub row: Option<RunRow>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// Ordered; the server was not asked.
    Ordered,
    /// Waits for its node.
    Queued,
    /// At work.
    Running,
    /// Taken back while its node worked on it: the result may still come.
    Stopping,
    /// Over; nobody has taken its result over yet.
    Ended,
    /// Over, and its result is part of the project.
    Done,
    /// The node refused it.
    Refused,
    /// The node went away in the middle of it.
    Lost,
    /// Taken back before it ended.
    Withdrawn,
    /// Its time passed before it began.
    Expired,
}

impl RunStatus {
    /// Where it stands. What the log says counts more than what the server says.
    #[must_use]
    pub fn state(&self) -> RunState {
        if matches!(self.ordered.outcome, Outcome::Adopted(_)) {
            return RunState::Done;
        }
        let Some(row) = &self.row else {
            return match self.ordered.outcome {
                Outcome::Withdrawn(_) => RunState::Withdrawn,
                _ => RunState::Ordered,
            };
        };
        match row.state {
            wire::RunState::Queued => RunState::Queued,
            wire::RunState::Running => RunState::Running,
            // The server says that it was taken over, and the log does not: that is still to come.
            wire::RunState::Ended | wire::RunState::Adopted => RunState::Ended,
            wire::RunState::Refused => RunState::Refused,
            wire::RunState::Lost => RunState::Lost,
            wire::RunState::Withdrawn if row.stopping => RunState::Stopping,
            wire::RunState::Withdrawn => RunState::Withdrawn,
            wire::RunState::Expired => RunState::Expired,
        }
    }

    /// Its result, once it was taken over.
    #[must_use]
    pub fn adopted(&self) -> Option<&Adopted> {
        self.run.as_ref()?.adopted.as_ref()
    }

    /// Whether nothing more will come of it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(
            self.state(),
            RunState::Ordered | RunState::Queued | RunState::Running | RunState::Stopping | RunState::Ended
        )
    }

    /// The attempt that counts: that of the result, else the newest.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        let newest = self.row.as_ref().map_or(0, |row| row.attempt);
        self.adopted().map_or(newest, |adopted| adopted.result.attempt)
    }
}

/// A stream as far as it was read.
pub struct Watched {
    of: Attempt,
    stream: Stream,
    key: Key32,
    hash: StreamHash,
    /// Whether no more will come.
    pub ended: bool,
}

impl Session {
    /// All runs of a project, the newest first.
    ///
    /// # Errors
    /// See [`Session::view`]. A server that does not answer is no error.
    pub async fn runs(&self, space: &Space) -> Result<Vec<RunStatus>> {
        let id = space.authority().space();
        let mut rows = Vec::new();
        let mut before = None;
        loop {
            let page = match self.api.runs(id, before).await {
                Ok(page) => page,
                Err(Error::Unreachable(_)) => break,
                Err(other) => return Err(other),
            };
            let Some(last) = page.last() else { break };
            // A server that repeats itself is not followed for ever.
            if before.is_some_and(|seq| last.seq >= seq) {
                break;
            }
            before = Some(last.seq);
            rows.extend(page);
        }
        let mut all: Vec<RunStatus> = space
            .authority()
            .runs()
            .values()
            .map(|ordered| status(space, ordered, rows.iter().find(|row| row.run == ordered.run).cloned()))
            .collect();
        all.sort_by_key(|status| std::cmp::Reverse(status.ordered.seq));
        Ok(all)
    }

    /// One run.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn run(&self, space: &Space, run: RunId) -> Result<RunStatus> {
        let ordered = space.authority().runs().get(&run).ok_or_else(|| Error::NotFound {
            what: "run",
            name: run.to_string(),
        })?;
        let row = match self.api.run(space.authority().space(), run).await {
            Ok(row) => Some(row),
            Err(Error::Unreachable(_)) => None,
            Err(other) => return Err(other),
        };
        Ok(status(space, ordered, row))
    }

    /// Begins to read a stream of a run's attempt.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] where this member has no key for the run.
    pub fn watch(&self, space: SpaceId, status: &RunStatus, attempt: u32, stream: Stream) -> Result<Watched> {
        let run = status.run.as_ref().ok_or_else(crate::sharing::no_key)?;
        let of = Attempt {
            space,
            run: status.ordered.run,
            attempt,
        };
        Ok(Watched {
            of,
            stream,
            key: stream_key(run.key.key(), stream),
            hash: StreamHash::start(of, stream),
            ended: false,
        })
    }

    /// More of the log. Waits up to so long for it; nothing when none came.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a box is not the next one.
    pub async fn more_log(&self, watched: &mut Watched, wait_ms: u64) -> Result<Vec<LogLine>> {
        self.more(watched, wait_ms).await
    }

    /// More of what was measured.
    ///
    /// # Errors
    /// As [`Session::more_log`].
    pub async fn more_metrics(&self, watched: &mut Watched, wait_ms: u64) -> Result<Vec<MetricPoint>> {
        self.more(watched, wait_ms).await
    }

    async fn more<T>(&self, watched: &mut Watched, wait_ms: u64) -> Result<Vec<T>>
    where
        T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>,
    {
        let Watched {
            of, stream, key, hash, ..
        } = watched;
        let page = self.api.boxes(*of, *stream, hash.boxes, wait_ms).await?;
        let mut all = Vec::new();
        for sealed in &page.boxes {
            let items = open_box(&sealed.0, key, *of, *stream, hash.boxes)
                .map_err(|_| Error::damaged("what the run's node sent"))?;
            hash.take(&sealed.0);
            all.extend(items);
        }
        watched.ended = page.ended && page.next == watched.hash.boxes;
        Ok(all)
    }
}

impl Watched {
    /// Whether nothing of it is there because its time is over ([`limits::SAID_KEPT_MS`]).
    #[must_use]
    pub fn is_gone(&self, adopted: &Adopted, now_ms: u64) -> bool {
        let until_ms = adopted.result.ended_ms.saturating_add(limits::SAID_KEPT_MS);
        self.ended && self.hash.boxes == 0 && until_ms <= now_ms
    }

    /// Whether what was read is all that the node says it sent. Before the result is known there is nothing to compare.
    #[must_use]
    pub fn is_whole(&self, adopted: &Adopted) -> bool {
        adopted
            .result
            .streams
            .iter()
            .any(|end| end.stream == self.stream.name() && end.boxes == self.hash.boxes && end.hash == self.hash.hash)
    }
}

fn status(space: &Space, ordered: &OrderedRun, row: Option<RunRow>) -> RunStatus {
    RunStatus {
        run: space.contents().runs().get(&ordered.run).cloned(),
        ordered: ordered.clone(),
        row,
    }
}

#[cfg(test)]
mod tests {
    use holdfast_protocol::id::{Hash, PrincipalId};
    use holdfast_protocol::run::{End, FORMAT, RunResult, StreamEnd};

    use super::*;

    #[test]
    fn an_empty_stream_is_no_damage_once_its_time_is_over() {
        let of = Attempt {
            space: SpaceId([1; 32]),
            run: RunId([2; 16]),
            attempt: 1,
        };
        let start = || StreamHash::start(of, Stream::Log);
        let mut sent = start();
        sent.take(b"a box");
        let ended_ms = 5_000;
        let adopted = Adopted {
            result: RunResult {
                format: FORMAT,
                space: of.space,
                run: of.run,
                attempt: of.attempt,
                spec: Hash::ZERO,
                inputs: Vec::new(),
                made: Vec::new(),
                streams: vec![StreamEnd {
                    stream: "log".into(),
                    boxes: sent.boxes,
                    hash: sent.hash,
                }],
                end: End::Succeeded,
                exit_code: Some(0),
                started_ms: 1,
                ended_ms,
                sentence: String::new(),
            },
            by: PrincipalId([3; 16]),
            time_ms: 6_000,
        };
        let watched = |hash, ended| Watched {
            of,
            stream: Stream::Log,
            key: Key32::fill_with(|_| ()),
            hash,
            ended,
        };
        let over = ended_ms + limits::SAID_KEPT_MS;
        let none = watched(start(), true);
        assert!(!none.is_whole(&adopted));
        assert!(!none.is_gone(&adopted, over - 1), "kept back by the server");
        assert!(none.is_gone(&adopted, over));
        assert!(!watched(start(), false).is_gone(&adopted, over), "more may come");
        let all = watched(sent, true);
        assert!(all.is_whole(&adopted) && !all.is_gone(&adopted, over));
        let mut some = start();
        some.take(b"another box");
        let some = watched(some, true);
        assert!(!some.is_whole(&adopted) && !some.is_gone(&adopted, over), "cut short");
    }
}
