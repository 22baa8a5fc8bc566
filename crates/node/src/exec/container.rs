//! Carries tasks out in containers, by Podman or Docker: whatever is in the image, named by its digest, without a network.
//!
//! Where neither answers this executor is not there, and says why. Unlike behind our own walls, outputs go to the run's folder on disk, which is measured
//! twice a second: what an engine keeps in memory is gone with the container.

mod words;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use holdfast_task::Runtime;
use rustix::fs::{FileType, Mode, mknodat};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Executor;
use super::ended::{Ended, How, Limit, Unavailable, Usage};
use super::listen::{Heard, Listener};
use super::mask::Masks;
use super::order::{Event, Order};
use super::outputs::Outputs;
use super::runtime::{Offers, program_in};
use super::workspace::wipe;
use words::{Folders, words};

/// Where the module for Python is, inside.
const PYTHON_PLACE: &str = "/run/holdfast-python";

/// What containers, and their folders in memory, are called; then the node's process and a number.
const PREFIX: &str = "holdfast-run-";

/// Where those folders are.
const MEMORY: &str = "/dev/shm";

/// How long an engine may take to say something about itself, and to end a container.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Engines speak of their own faults by these codes.
const ENGINES_OWN: std::ops::RangeInclusive<i32> = 125..=127;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Podman,
    Docker,
}

impl Engine {
    fn program(self) -> &'static str {
        match self {
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }

    /// Ends a container at once and removes it.
    fn remove(self) -> &'static [&'static str] {
        match self {
            Self::Podman => &["rm", "--force", "--time", "0"],
            Self::Docker => &["rm", "--force"],
        }
    }
}

/// The executor.
pub struct Container {
    engine: Engine,
    program: PathBuf,
    version: String,
}

impl Container {
    /// Looks for Podman, then for Docker, and asks it.
    ///
    /// # Errors
    /// Why there is none: missing, or it is there and does not answer.
    pub fn find() -> Result<Self, Unavailable> {
        let folders = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
        Self::find_in(&folders)
    }

    fn find_in(folders: &[PathBuf]) -> Result<Self, Unavailable> {
        let mut why = Unavailable::Missing("Podman or Docker");
        for engine in [Engine::Podman, Engine::Docker] {
            let Some(program) = program_in(engine.program(), folders) else {
                continue;
            };
            match asked(Command::new(&program).args(["info", "--format", "json"])) {
                Ok(_) => {
                    let version = asked(Command::new(&program).arg("--version")).unwrap_or_default();
                    let container = Self {
                        engine,
                        program,
                        version: version.trim().chars().take(80).collect(),
                    };
                    container.sweep(Path::new(MEMORY));
                    return Ok(container);
                }
                Err(said) => {
                    let program = engine.program();
                    why = Unavailable::Refused { program, said };
                }
            }
        }
        Err(why)
    }
}

impl Container {
    /// Ends and wipes what nodes left behind that were killed.
    fn sweep(&self, memory: &Path) {
        for entry in fs::read_dir(memory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
            let gone = process.is_some_and(|process| !Path::new("/proc").join(process).exists());
            let own = entry
                .metadata()
                .is_ok_and(|metadata| metadata.uid() == rustix::process::getuid().as_raw());
            if gone && own {
                let _ = asked(Command::new(&self.program).args(self.engine.remove()).arg(&name));
                let _ = wipe(&entry.path());
            }
        }
    }
}

/// Runs a small program to its end within some time, and gives what it said, or why it failed.
fn asked(command: &mut Command) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let (out, err) = (reading(child.stdout.take()), reading(child.stderr.take()));
    let until = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break status,
            None if Instant::now() > until => {
                let _ = child.kill();
                let _ = child.wait();
                return Err("it does not answer".to_owned());
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if status.success() {
        return Ok(out);
    }
    let said: String = err.trim().chars().filter(|c| !c.is_control()).take(300).collect();
    Err(if said.is_empty() { status.to_string() } else { said })
}

fn reading(pipe: Option<impl io::Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            let _ = pipe.take(64 << 10).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[async_trait]
impl Executor for Container {
    fn offers(&self) -> Offers {
        let engine = self.engine.program();
        let own = || format!("{engine}, with its cgroup");
        Offers {
            executor: self.version.clone(),
            walls: vec![
                format!("a container of {engine}, from an image by its digest"),
                "no rights, and none to be had".to_owned(),
                "an image that can't be written to".to_owned(),
                "no network".to_owned(),
            ],
            limits: vec![
                ("time", "the node's clock".to_owned()),
                ("memory", own()),
                ("processes", own()),
                ("cpus", own()),
                (
                    "disk",
                    "/tmp: a file system in memory of exactly that size; /out: measured twice a second".to_owned(),
                ),
                ("log", "the node".to_owned()),
            ],
            runtimes: Runtime::ALL
                .into_iter()
                .map(|runtime| match runtime {
                    Runtime::Container => (runtime, Ok(self.program.display().to_string())),
                    _ => (runtime, Err("Runs in a container only as its image says.".to_owned())),
                })
                .collect(),
        }
    }

    async fn run(&self, order: Order, events: mpsc::Sender<Event>, stop: CancellationToken) -> Ended {
        let Some(image) = order.image.clone() else {
            return Ended::could_not_start("There is no image.");
        };
        if !order.network.hosts.is_empty() {
            return Ended::could_not_start("Containers have no network here.");
        }
        if let Err(why) = order.check_folders_and_secrets() {
            return Ended::could_not_start(why);
        }
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let run = Run {
            engine: self.engine,
            program: self.program.clone(),
            name: format!(
                "{PREFIX}{}-{}",
                std::process::id(),
                NUMBER.fetch_add(1, Ordering::Relaxed)
            ),
            image: image.as_str().to_owned(),
            order,
            events,
            stop: stop.child_token(),
        };
        let _guard = run.stop.clone().drop_guard();
        let (ended, told) = oneshot::channel();
        std::thread::spawn(move || {
            let _ = ended.send(run.carry_out());
        });
        told.await
            .unwrap_or_else(|_| Ended::could_not_start("The node made a mistake."))
    }
}

struct Run {
    engine: Engine,
    program: PathBuf,
    name: String,
    image: String,
    order: Order,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
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
    fn carry_out(self) -> Ended {
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
            include_str!("../../python/holdfast.py"),
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
            command.env(name, std::ffi::OsStr::from_bytes(value));
        }
        let started = Instant::now();
        let child = command
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

#[cfg(test)]
mod tests;
