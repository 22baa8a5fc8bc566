//! One container from its first process to its last, on a thread of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Mode, mknodat};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::ended::{Ended, How, Limit, Usage};
use super::super::listen::{Heard, Listener};
use super::super::mask::Masks;
use super::super::order::{Event, Order};
use super::super::outputs::Outputs;
use super::super::workspace::wipe;
use super::words::{Folders, words};
use super::{Engine, MEMORY, OF_OUR_HEAP, PYTHON_PLACE, asked};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Engines speak of their own faults by these codes.
const ENGINES_OWN: std::ops::RangeInclusive<i32> = 125..=127;

pub(super) struct Run {
    pub(super) engine: Engine,
    pub(super) program: PathBuf,
    pub(super) name: String,
    pub(super) image: String,
    pub(super) order: Order,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) stop: CancellationToken,
}

/// Parameters, secrets and the pipe for metrics, in memory. Wiped when dropped.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = wipe(&self.0) {
            tracing::error!(%error, "a run's secrets could not be wiped");
        }
    }
}

impl Run {
    pub(super) fn carry_out(self) -> Ended {
        match self.prepare() {
            Ok((place, metrics)) => self.carry_out_in(&place, metrics),
            Err(error) => Ended::could_not_start(format!("The run's folders could not be made: {error}.")),
        }
    }

    fn out(&self) -> PathBuf {
        self.order.scratch.join("out")
    }

    fn python(&self) -> PathBuf {
        self.order.scratch.join("python")
    }

    fn prepare(&self) -> io::Result<(Place, File)> {
        DirBuilder::new().mode(0o700).create(self.out())?;
        DirBuilder::new().mode(0o700).create(self.python())?;
        fs::write(
            self.python().join("holdfast.py"),
            include_str!("../../../python/holdfast.py"),
        )?;
        let place = Place(Path::new(MEMORY).join(&self.name));
        wipe(&place.0)?;
        DirBuilder::new().mode(0o700).create(&place.0)?;
        let write = |path: PathBuf, bytes: &[u8]| -> io::Result<()> {
            if let Some(folder) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            File::options()
                .write(true)
                .create_new(true)
                .mode(0o400)
                .open(path)?
                .write_all(bytes)
        };
        write(place.0.join("params.json"), self.order.params.as_bytes())?;
        for (name, fields) in &self.order.secrets {
            for (field, value) in fields {
                write(place.0.join("secrets").join(name).join(field), value.bytes())?;
            }
        }
        let metrics = place.0.join("metrics");
        mknodat(rustix::fs::CWD, &metrics, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        let metrics = File::options().read(true).write(true).open(metrics)?;
        Ok((place, metrics))
    }

    fn carry_out_in(&self, place: &Place, metrics: File) -> Ended {
        let env = self.env();
        let names: Vec<String> = env.keys().cloned().collect();
        let (out, python) = (self.out(), self.python());
        let folders = Folders {
            place: &place.0,
            out: &out,
            python: &python,
        };
        let mut command = Command::new(&self.program);
        command.args(words(
            self.engine,
            &self.name,
            &self.order,
            &self.image,
            &folders,
            &names,
        ));
        for (name, value) in &env {
            command.env(name, OsStr::from_bytes(value));
        }
        let started = Instant::now();
        let child = command
            .env_remove(OF_OUR_HEAP)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => return Ended::could_not_start(format!("{}: {error}.", self.program.display())),
        };
        let _ = self.events.blocking_send(Event::Started);
        let heard = Arc::new(Heard::default());
        let listeners = self.listen(&mut child, metrics, &heard);
        let (how, disk_bytes) = self.wait(&mut child);
        let ran_out = matches!(how, How::Exited(137)) && self.out_of_memory();
        // Also where it ended by itself: nothing of it is kept.
        let clean = asked(Command::new(&self.program).args(self.engine.remove()).arg(&self.name)).is_ok();
        let _ = child.kill();
        let _ = child.wait();
        heard.over.store(true, Ordering::Release);
        for listener in listeners {
            let _ = listener.join();
        }
        let how = match how {
            How::Exited(137) if ran_out => How::OverLimit(Limit::Memory),
            How::Exited(code) if ENGINES_OWN.contains(&code) => How::CouldNotStart(format!(
                "{} ended with code {code}; the log says why.",
                self.engine.program()
            )),
            // As shells do.
            How::Exited(code @ 129..=192) => How::Signalled(code - 128),
            other => other,
        };
        let outputs = File::open(&out)
            .ok()
            .map(|folder| Outputs::new(folder.into(), self.order.limits.disk_bytes));
        let usage = Usage {
            wall: started.elapsed(),
            disk_bytes,
            log_bytes: heard.kept.load(Ordering::Relaxed),
            log_left_out_bytes: heard.left_out.load(Ordering::Relaxed),
            metrics: heard.metrics.load(Ordering::Relaxed),
            metrics_left_out: heard.metrics_left_out.load(Ordering::Relaxed),
            ..Usage::default()
        };
        Ended {
            how,
            clean,
            usage,
            outputs,
        }
    }

    fn env(&self) -> BTreeMap<String, &[u8]> {
        let mut env: BTreeMap<String, &[u8]> = BTreeMap::new();
        for (name, value) in [
            ("PYTHONPATH", PYTHON_PLACE),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
            ("HOLDFAST_PARAMS", "/run/holdfast/params.json"),
            ("HOLDFAST_SECRETS", "/run/holdfast/secrets"),
            ("HOLDFAST_METRICS", "/run/holdfast/metrics"),
            ("HOLDFAST_IN", "/in"),
            ("HOLDFAST_OUT", "/out"),
        ] {
            env.insert(name.to_owned(), value.as_bytes());
        }
        env.extend(self.order.env.iter().map(|(name, value)| (name.clone(), value.bytes())));
        env
    }

    fn listen(&self, child: &mut Child, metrics: File, heard: &Arc<Heard>) -> Vec<JoinHandle<()>> {
        let listener = Listener {
            masks: Arc::new(Masks::new(self.order.hidden())),
            heard: heard.clone(),
            events: self.events.clone(),
            log_bytes: self.order.limits.log_bytes,
        };
        let mut threads = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            let listener = listener.clone();
            threads.push(std::thread::spawn(move || listener.output(pipe, Event::Out)));
        }
        if let Some(pipe) = child.stderr.take() {
            let listener = listener.clone();
            threads.push(std::thread::spawn(move || listener.output(pipe, Event::Err)));
        }
        threads.push(std::thread::spawn(move || listener.metrics(metrics)));
        threads
    }

    /// Waits for an end, and sees to it that one comes.
    fn wait(&self, child: &mut Child) -> (How, u64) {
        let limits = &self.order.limits;
        let until = Instant::now() + limits.time;
        let (mut asked_since, mut used, mut looks): (Option<Instant>, u64, u32) = (None, 0, 0);
        let how = loop {
            match child.try_wait() {
                Ok(Some(_)) if asked_since.is_some() => break How::Stopped,
                Ok(Some(status)) => break status.code().map_or(How::Signalled(9), How::Exited),
                Err(error) => break How::CouldNotStart(format!("The engine can't be waited for: {error}.")),
                Ok(None) => {}
            }
            if looks % 5 == 0 {
                used = used.max(size_of_tree(&self.out()));
            }
            looks += 1;
            if used > limits.disk_bytes {
                break How::OverLimit(Limit::Disk);
            }
            if Instant::now() >= until {
                break How::OverLimit(Limit::Time);
            }
            match asked_since {
                None if self.stop.is_cancelled() => {
                    asked_since = Some(Instant::now());
                    let _ = asked(Command::new(&self.program).args(["kill", "--signal", "TERM", &self.name]));
                }
                Some(since) if since.elapsed() >= self.order.grace => break How::Stopped,
                _ => {}
            }
            std::thread::sleep(LOOK);
        };
        (how, used.max(size_of_tree(&self.out())))
    }

    fn out_of_memory(&self) -> bool {
        let mut inspect = Command::new(&self.program);
        inspect.args(["inspect", "--format", "{{.State.OOMKilled}}", &self.name]);
        asked(&mut inspect).is_ok_and(|said| said.trim() == "true")
    }
}

/// Room that a tree takes, in bytes. Follows no link, and stops where there is much more than any limit permits.
fn size_of_tree(folder: &Path) -> u64 {
    const MOST: usize = 250_000;
    let (mut open, mut sum, mut seen) = (vec![folder.to_path_buf()], 0u64, 0usize);
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > MOST {
                return u64::MAX;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            sum = sum.saturating_add(metadata.blocks() * 512);
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    sum
}
