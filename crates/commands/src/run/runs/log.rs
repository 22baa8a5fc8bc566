//! What a run printed, piece by piece.

use holdfast_engine::{Error, Result, Session, Watched};
use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::run::{LogLine, Stream};
use holdfast_protocol::wire::B64;

use super::show::word;
use super::{Place, adopted, find_run};
use crate::app::{App, done};
use crate::view::{LogPieceView, Outcome, RunLogView};

/// The longest wait for more.
const LONGEST_MS: u64 = 20_000;
/// Bytes of an answer, more or less: it crosses a socket as one frame, and what is escaped grows sixfold.
const ENOUGH: usize = 1 << 20;

/// A log as far as it was read, kept from one answer to the next: going on needs no second reading from the start.
pub(crate) struct Reading {
    of: (SpaceId, RunId, u32),
    watched: Watched,
    /// Pieces before what is left.
    read: u64,
    /// Read from the server, not yet given.
    left: std::collections::VecDeque<LogLine>,
}

pub(super) async fn more(
    app: &App,
    session: &Session,
    name: &str,
    attempt: Option<u32>,
    from: u64,
    wait_ms: u64,
) -> Result<Outcome> {
    let (view, run) = find_run(session, name).await?;
    let space = view.space.authority().space();
    let mut status = session.run(&view.space, run).await?;
    let attempt = attempt.unwrap_or_else(|| status.attempt());
    if attempt > status.ordered.attempts {
        return Err(Error::Invalid(format!(
            "This run has at most {} attempts.",
            status.ordered.attempts
        )));
    }
    if attempt == 0 {
        return waiting(app, session, Place { view, status }, wait_ms).await;
    }
    let of = (space, run, attempt);
    let mut reading = match app.reading(|kept| kept.of == of && kept.read == from) {
        Some(reading) => reading,
        None => Reading {
            of,
            watched: session.watch(space, &status, attempt, Stream::Log)?,
            read: 0,
            left: std::collections::VecDeque::new(),
        },
    };
    let mut pieces = Vec::new();
    let mut bytes = 0;
    let mut wait = wait_ms.min(LONGEST_MS);
    while bytes < ENOUGH {
        if reading.left.is_empty() {
            if reading.watched.ended {
                break;
            }
            // What was asked for is waited for only while there is nothing to give.
            let patience = if pieces.is_empty() && reading.read >= from {
                wait
            } else {
                0
            };
            let more = session.more_log(&mut reading.watched, patience).await?;
            if more.is_empty() {
                break;
            }
            wait = 0;
            reading.left.extend(more);
        }
        let Some(line) = reading.left.pop_front() else { break };
        if reading.read >= from {
            bytes += line.bytes.len();
            pieces.push(piece(line));
        }
        reading.read += 1;
    }
    let ended = reading.watched.ended && reading.left.is_empty();
    let (mut whole, mut gone) = (None, false);
    if ended {
        // The end of a log is the moment to take the result over: whoever followed it wants to see what came of it.
        let view = adopted(app, session, space).await?;
        status = session.run(&view.space, run).await?;
        let result = status.adopted().filter(|adopted| adopted.result.attempt == attempt);
        whole = result.map(|adopted| reading.watched.is_whole(adopted));
        gone = result.is_some_and(|adopted| reading.watched.is_gone(adopted, session.now_ms()));
    }
    let next = reading.read;
    app.keep_reading(reading);
    if whole == Some(false) && gone {
        return Err(Error::Missing(
            "The log of this run is no longer kept: its server forgets logs 180 days after the end.".into(),
        )
        .advise("What the run made is in the project still: `holdfast run artifacts`."));
    }
    if whole == Some(false) {
        return Err(Error::damaged("the run's log"));
    }
    done(&RunLogView {
        run: run.to_string(),
        state: word(&status).to_owned(),
        attempt,
        pieces,
        next,
        ended,
        whole,
    })
}

/// No attempt has begun: nothing can be waited for at the server but the run itself.
async fn waiting(app: &App, session: &Session, mut place: Place, wait_ms: u64) -> Result<Outcome> {
    if !place.status.is_over() && wait_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(wait_ms.min(2_000))).await;
        let view = adopted(app, session, place.space()).await?;
        place.status = session.run(&view.space, place.status.ordered.run).await?;
    }
    done(&RunLogView {
        run: place.status.ordered.run.to_string(),
        state: word(&place.status).to_owned(),
        attempt: 0,
        pieces: Vec::new(),
        next: 0,
        ended: place.status.attempt() == 0 && place.status.is_over(),
        whole: None,
    })
}

fn piece(line: LogLine) -> LogPieceView {
    let (text, bytes) = match std::str::from_utf8(&line.bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (
            String::from_utf8_lossy(&line.bytes).into_owned(),
            Some(B64(line.bytes.to_vec())),
        ),
    };
    LogPieceView {
        at_ms: line.at_ms,
        source: line.source,
        text,
        bytes,
    }
}

#[cfg(test)]
mod tests {
    use holdfast_protocol::run::LogSource;

    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_kept_beside_it() {
        let line = |bytes: &[u8]| LogLine {
            at_ms: 0,
            source: LogSource::Error,
            bytes: bytes.to_vec().into(),
        };
        let plain = piece(line("é\u{1b}[31m".as_bytes()));
        assert_eq!((plain.text.as_str(), plain.bytes), ("é\u{1b}[31m", None));
        let broken = piece(line(b"a\xff"));
        assert_eq!(
            (broken.text.as_str(), broken.bytes),
            ("a\u{fffd}", Some(B64(b"a\xff".to_vec())))
        );
    }
}
