//! What a node writes down for the time after its own end, boxed like everything a device keeps.

use holdfast_engine::{Error, Note, Result};
use holdfast_protocol::id::{Hash, RunId, SpaceId};
use holdfast_protocol::run::{Attempt, End, FORMAT, RunResult};
use holdfast_protocol::{KeyField, cbor, limits};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use super::{Node, Told};

const BEGUN: &str = "runs-begun";
const RESULTS: &str = "run-results";

/// An attempt that was begun and has no result yet: enough to say that it was broken off.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Begun {
    #[n(1)]
    space: SpaceId,
    #[n(2)]
    run: RunId,
    #[n(3)]
    attempt: u32,
    #[n(4)]
    spec: Hash,
    #[n(5)]
    inputs: Vec<Hash>,
    #[n(6)]
    key: KeyField,
    #[n(7)]
    started_ms: u64,
}

/// A sealed result that the server may not have yet.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Unsent {
    #[n(1)]
    space: SpaceId,
    #[n(2)]
    run: RunId,
    #[n(3)]
    attempt: u32,
    #[n(4)]
    sealed: ByteVec,
    #[n(5)]
    again: bool,
}

fn row(of: Attempt) -> Vec<u8> {
    [of.space.as_bytes(), of.run.as_bytes(), &of.attempt.to_be_bytes()[..]].concat()
}

fn gone<'a>(table: &'static str, key: &'a [u8]) -> Note<'a> {
    Note { table, key, row: None }
}

fn read<T>(bytes: &[u8]) -> Result<T>
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    cbor::decode(bytes, limits::RUN_RESULT).map_err(|_| Error::damaged("this node's own data"))
}

impl Node {
    /// Notes that an attempt begins; an attempt that was begun here before is never begun again.
    pub(super) async fn note_begun(&self, accepted: &holdfast_engine::Accepted, started_ms: u64) -> Result<()> {
        let of = accepted.of;
        let begun = Begun {
            space: of.space,
            run: of.run,
            attempt: of.attempt,
            spec: accepted.hash,
            inputs: accepted
                .spec
                .inputs
                .iter()
                .map(|input| input.granted.manifest)
                .collect(),
            key: accepted.key.clone(),
            started_ms,
        };
        let beside = Note {
            table: BEGUN,
            key: &row(of),
            row: Some(&cbor::encode(&begun)),
        };
        self.session.begin_attempt(of, beside).await
    }

    /// Forgets that an attempt was begun of which there is nothing to say any more. It is not begun a second time all the same.
    pub(super) async fn forget_begun(&self, of: Attempt) -> Result<()> {
        self.session.note(&[gone(BEGUN, &row(of))]).await
    }

    /// Keeps a result until the server has it, and sends it.
    pub(super) async fn conclude(&self, of: Attempt, result: RunResult, key: &KeyField) -> Result<()> {
        let again = result.end == End::BrokenOff;
        let sealed = self.session.seal_result(result, key);
        let unsent = Unsent {
            space: of.space,
            run: of.run,
            attempt: of.attempt,
            sealed: sealed.into(),
            again,
        };
        let key = row(of);
        let kept = Note {
            table: RESULTS,
            key: &key,
            row: Some(&cbor::encode(&unsent)),
        };
        self.session.note(&[kept, gone(BEGUN, &key)]).await?;
        self.send_result(&unsent).await
    }

    async fn send_result(&self, unsent: &Unsent) -> Result<()> {
        let session = &self.session;
        let of = Attempt {
            space: unsent.space,
            run: unsent.run,
            attempt: unsent.attempt,
        };
        match session.api().put_result(of, unsent.sealed.to_vec(), unsent.again).await {
            Ok(()) => {}
            // The attempt is not this node's any more, or the project is not: nobody waits for this result.
            Err(Error::Conflict(_) | Error::NotFound { .. } | Error::NotAllowed(_)) => {
                self.tell(Told::Trouble("A result came too late and was not taken.".into()));
            }
            Err(other) => return Err(other),
        }
        session.note(&[gone(RESULTS, &row(of))]).await
    }

    /// Sends every result that the server may not have.
    pub(super) async fn send_left_over_results(&self) -> Result<()> {
        for bytes in self.session.notes(RESULTS).await?.into_values() {
            self.send_result(&read(&bytes)?).await?;
        }
        Ok(())
    }

    /// Sends what an earlier process had noted: results first, then for each attempt without one that it was broken off.
    pub(super) async fn send_left_over(&self) -> Result<()> {
        self.send_left_over_results().await?;
        for bytes in self.session.notes(BEGUN).await?.into_values() {
            let begun: Begun = read(&bytes)?;
            let of = Attempt {
                space: begun.space,
                run: begun.run,
                attempt: begun.attempt,
            };
            let result = RunResult {
                format: FORMAT,
                space: begun.space,
                run: begun.run,
                attempt: begun.attempt,
                spec: begun.spec,
                inputs: begun.inputs,
                made: Vec::new(),
                streams: Vec::new(),
                end: End::BrokenOff,
                exit_code: None,
                started_ms: begun.started_ms,
                ended_ms: self.session.now_ms(),
                sentence: "The node was ended in the middle of it.".into(),
            };
            self.conclude(of, result, &begun.key).await?;
        }
        Ok(())
    }
}
