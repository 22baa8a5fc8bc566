//! Hears what a task says: its output line by line, without its secrets and no more than its limit, and its metrics.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::mpsc::Sender;

use super::mask::{Masker, Masks};
use super::metric::{self, LONGEST, MOST};
use super::order::Event;

/// Longest piece of a line.
const PIECE: usize = 64 << 10;

/// How long a line without an end is waited for.
const PATIENCE: Duration = Duration::from_millis(250);

/// What was heard, by all listeners of a run.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) kept: AtomicU64,
    pub(crate) left_out: AtomicU64,
    pub(crate) metrics: AtomicU64,
    pub(crate) metrics_left_out: AtomicU64,
    /// No process of the task is left: what is not there yet does not come any more.
    pub(crate) over: AtomicBool,
}

/// One run's listeners.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) masks: Arc<Masks>,
    pub(crate) heard: Arc<Heard>,
    pub(crate) events: Sender<Event>,
    pub(crate) log_bytes: u64,
}

impl Listener {
    /// Passes one stream on until its end.
    pub(crate) fn output(&self, mut pipe: impl Read + AsFd, event: fn(Vec<u8>) -> Event) {
        let mut masker = Masker::new(self.masks.clone());
        let (mut line, mut buffer) = (Vec::new(), vec![0; PIECE]);
        loop {
            if !line.is_empty() && !ready(&pipe, PATIENCE) {
                self.say(event, std::mem::take(&mut line));
            }
            let read = match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            // Nothing of it would be passed on: no time is spent on it.
            if self.heard.kept.load(Ordering::Relaxed) >= self.log_bytes {
                self.heard.left_out.fetch_add(read as u64, Ordering::Relaxed);
                continue;
            }
            self.lines(event, &mut line, &masker.push(&buffer[..read]));
        }
        self.lines(event, &mut line, &masker.finish());
        self.say(event, line);
    }

    fn lines(&self, event: fn(Vec<u8>) -> Event, line: &mut Vec<u8>, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            while line.len() > PIECE {
                let rest = line.split_off(PIECE);
                self.say(event, std::mem::replace(line, rest));
            }
            if line.ends_with(b"\n") {
                self.say(event, std::mem::take(line));
            }
        }
    }

    /// Passes a piece on, as much of it as the limit leaves room for.
    fn say(&self, event: fn(Vec<u8>) -> Event, mut piece: Vec<u8>) {
        let length = piece.len() as u64;
        let before = self.heard.kept.fetch_add(length, Ordering::Relaxed);
        let room = self.log_bytes.saturating_sub(before).min(length);
        if room < length {
            self.heard.kept.fetch_sub(length - room, Ordering::Relaxed);
            self.heard.left_out.fetch_add(length - room, Ordering::Relaxed);
            piece.truncate(usize::try_from(room).unwrap_or(0));
        }
        if !piece.is_empty() {
            let _ = self.events.blocking_send(event(piece));
        }
    }

    /// Passes metrics on until the run is over. The pipe never ends by itself: it is open for writing as well.
    pub(crate) fn metrics(&self, mut pipe: impl Read + AsFd) {
        let (mut line, mut too_long) = (Vec::new(), false);
        let mut buffer = vec![0; PIECE];
        loop {
            let over = self.heard.over.load(Ordering::Acquire);
            if !ready(&pipe, if over { Duration::ZERO } else { PATIENCE }) {
                if over {
                    break;
                }
                continue;
            }
            let Ok(read) = pipe.read(&mut buffer) else { break };
            for piece in buffer[..read].split_inclusive(|byte| *byte == b'\n') {
                if line.len() + piece.len() > LONGEST {
                    too_long = true;
                    line.clear();
                }
                if !too_long {
                    line.extend_from_slice(piece);
                }
                if piece.ends_with(b"\n") {
                    self.metric(&line, too_long);
                    line.clear();
                    too_long = false;
                }
            }
            if read == 0 {
                break;
            }
        }
        if !line.is_empty() || too_long {
            self.metric(&line, too_long);
        }
    }

    fn metric(&self, line: &[u8], too_long: bool) {
        let mut masker = Masker::new(self.masks.clone());
        let mut shown = masker.push(line);
        shown.extend(masker.finish());
        let metric = metric::parse(&shown).filter(|_| !too_long && self.heard.metrics.load(Ordering::Relaxed) < MOST);
        match metric {
            Some(metric) => {
                self.heard.metrics.fetch_add(1, Ordering::Relaxed);
                let _ = self.events.blocking_send(Event::Metric(metric));
            }
            None => drop(self.heard.metrics_left_out.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// Whether something can be read, now or within the time.
pub(crate) fn ready(pipe: &impl AsFd, patience: Duration) -> bool {
    let mut fds = [PollFd::new(pipe, PollFlags::IN)];
    let patience = Timespec {
        tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    !matches!(poll(&mut fds, Some(&patience)), Ok(0) | Err(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(log_bytes: u64) -> (Listener, tokio::sync::mpsc::Receiver<Event>) {
        let (events, heard) = tokio::sync::mpsc::channel(10_000);
        let masks = Arc::new(Masks::new([&b"s3cr3t"[..]].into_iter()));
        let listener = Listener {
            masks,
            heard: Arc::default(),
            events,
            log_bytes,
        };
        (listener, heard)
    }

    fn all(mut heard: tokio::sync::mpsc::Receiver<Event>) -> Vec<Event> {
        std::iter::from_fn(|| heard.try_recv().ok()).collect()
    }

    #[test]
    fn output_comes_line_by_line_and_ends_at_the_limit() {
        use std::io::Write as _;
        let (listener, heard) = listener(30);
        let (reader, mut writer) = io::pipe().unwrap();
        writer
            .write_all(b"one\ntwo \xff s3cr3t\nand then much more than fits")
            .unwrap();
        drop(writer);
        listener.output(reader, Event::Out);
        let left_out = listener.heard.left_out.load(Ordering::Relaxed);
        drop(listener);
        let out = |bytes: &[u8]| Event::Out(bytes.to_vec());
        assert_eq!(
            all(heard),
            [out(b"one\n"), out(b"two \xff ***\n"), out(b"and then much mo")]
        );
        assert_eq!(left_out, 12);
    }

    #[test]
    fn metrics_are_bounded_lines() {
        use std::io::Write as _;
        let (listener, heard) = listener(1);
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"{\"name\":\"a\",\"value\":1}\nnothing\n").unwrap();
        writer.write_all(&[b'x'; 9000]).unwrap();
        writer
            .write_all(b"\n{\"name\":\"s3cr3t\",\"value\":1}\n{\"name\":\"b\",\"value\":2}")
            .unwrap();
        listener.heard.over.store(true, Ordering::Release);
        listener.metrics(reader);
        assert_eq!(listener.heard.metrics_left_out.load(Ordering::Relaxed), 3);
        drop(listener);
        let names: Vec<_> = all(heard)
            .into_iter()
            .map(|event| match event {
                Event::Metric(metric) => metric.name,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names, ["a", "b"]);
    }
}
