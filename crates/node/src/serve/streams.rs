//! What a task prints and measures, on its way: gathered for a moment, sealed in numbered boxes, sent in order.

use std::time::{Duration, Instant};

use holdfast_crypto::Key32;
use holdfast_engine::{Error, Result, Session, rng};
use holdfast_protocol::KeyField;
use holdfast_protocol::limits::STREAM_PART;
use holdfast_protocol::run::{
    Attempt, LogLine, LogSource, MetricPoint, Stream, StreamEnd, StreamHash, seal_box, stream_key,
};
use minicbor::Encode;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::exec::Event;

/// How long lines are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(250);
/// Room that a line or a metric takes beside its bytes.
const EACH: usize = 32;
/// Pause before a box is sent again.
const PAUSE: Duration = Duration::from_secs(1);

/// One stream of one attempt.
struct Outgoing<T> {
    stream: Stream,
    key: Key32,
    sent: StreamHash,
    waiting: Vec<T>,
    bytes: usize,
}

impl<T: Encode<()> + Send + Sync> Outgoing<T> {
    fn new(of: Attempt, stream: Stream, run_key: &Key32) -> Self {
        Self {
            stream,
            key: stream_key(run_key, stream),
            sent: StreamHash::start(of, stream),
            waiting: Vec::new(),
            bytes: 0,
        }
    }

    fn push(&mut self, item: T, bytes: usize) {
        self.waiting.push(item);
        self.bytes += bytes + EACH;
    }

    /// Sends what waits as one box. Without an answer it is tried again until `gone`: the very same box is no second one.
    async fn flush(&mut self, session: &Session, of: Attempt, gone: &CancellationToken) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let number = self.sent.boxes;
        let sealed = seal_box(&self.waiting, &self.key, of, self.stream, number, &mut rng());
        loop {
            match session.api().put_box(of, self.stream, number, sealed.clone()).await {
                Ok(()) => break,
                Err(error) if super::passes(&error) => {
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = gone.cancelled() => return Err(Error::Cancelled),
                    }
                }
                Err(other) => return Err(other),
            }
        }
        self.sent.take(&sealed);
        self.waiting.clear();
        self.bytes = 0;
        Ok(())
    }

    fn end(&self) -> StreamEnd {
        StreamEnd {
            stream: self.stream.name().to_owned(),
            boxes: self.sent.boxes,
            hash: self.sent.hash,
        }
    }
}

/// Takes events until there are no more, and gives how long the streams became. `lost` is set when the server no longer takes
/// anything for this attempt.
pub(super) async fn pass_on(
    session: &Session,
    of: Attempt,
    run_key: &KeyField,
    mut events: mpsc::Receiver<Event>,
    lost: &CancellationToken,
) -> Result<Vec<StreamEnd>> {
    let began = Instant::now();
    let mut log = Outgoing::new(of, Stream::Log, run_key.key());
    let mut metrics = Outgoing::new(of, Stream::Metrics, run_key.key());
    let mut due: Option<tokio::time::Instant> = None;
    loop {
        let wake = due.unwrap_or_else(|| tokio::time::Instant::now() + Duration::from_secs(3600));
        let event = tokio::select! {
            event = events.recv() => event,
            () = tokio::time::sleep_until(wake), if due.is_some() => {
                due = None;
                log.flush(session, of, lost).await?;
                metrics.flush(session, of, lost).await?;
                continue;
            }
        };
        let Some(event) = event else { break };
        let at_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = |source, bytes: Vec<u8>| LogLine {
            at_ms,
            source,
            bytes: bytes.into(),
        };
        match event {
            Event::Started => {}
            Event::Out(bytes) => add(&mut log, line(LogSource::Out, bytes)),
            Event::Err(bytes) => add(&mut log, line(LogSource::Error, bytes)),
            Event::Note(note) => add(&mut log, line(LogSource::Node, (note + "\n").into_bytes())),
            Event::Metric(metric) => {
                let bytes = metric.name.len();
                let point = MetricPoint {
                    at_ms,
                    name: metric.name,
                    value: metric.value,
                    step: metric.step,
                };
                metrics.push(point, bytes);
            }
        }
        if log.bytes >= STREAM_PART / 2 {
            log.flush(session, of, lost).await?;
        }
        if metrics.bytes >= STREAM_PART / 2 {
            metrics.flush(session, of, lost).await?;
        }
        if due.is_none() {
            due = Some(tokio::time::Instant::now() + GATHER);
        }
    }
    log.flush(session, of, lost).await?;
    metrics.flush(session, of, lost).await?;
    Ok(vec![log.end(), metrics.end()])
}

/// A line longer than a box is cut.
fn add(log: &mut Outgoing<LogLine>, line: LogLine) {
    for piece in line.bytes.chunks(STREAM_PART / 4) {
        let bytes = piece.len();
        log.push(
            LogLine {
                bytes: piece.to_vec().into(),
                ..line
            },
            bytes,
        );
    }
}
