//! Carries tasks out in containers, by Podman or Docker: whatever is in the image, named by its digest, without a network.
//!
//! Where neither answers this executor is not there, and says why. Unlike behind our own walls, outputs go to the run's folder on disk, which is measured
//! twice a second: what an engine keeps in memory is gone with the container.

mod run;
mod words;

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use holdfast_task::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Executor;
use super::ended::{Ended, Unavailable};
use super::order::{Event, Order};
use super::runtime::{Offers, program_in};
use super::workspace::wipe;
use run::Run;

/// Where the module for Python is, inside.
const PYTHON_PLACE: &str = "/run/holdfast-python";

/// What containers, and their folders in memory, are called; then the node's process and a number.
const PREFIX: &str = "holdfast-run-";

/// Where those folders are.
const MEMORY: &str = "/dev/shm";

/// How long an engine may take to say something about itself, and to end a container.
const PATIENCE: Duration = Duration::from_secs(20);

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

    /// Where in what it says of itself stands which limits it holds for this user.
    fn holds(self, info: &serde_json::Value) -> [(&'static str, bool); 3] {
        match self {
            Self::Podman => ["memory", "pids", "cpu"].map(|name| {
                let controllers = info["host"]["cgroupControllers"].as_array();
                (
                    name,
                    controllers.is_some_and(|all| all.iter().any(|known| known == name)),
                )
            }),
            Self::Docker => [("memory", "MemoryLimit"), ("pids", "PidsLimit"), ("cpu", "CpuCfsQuota")]
                .map(|(name, key)| (name, info[key] == true)),
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
            let info = asked(Command::new(&program).args(["info", "--format", "json"]));
            match info.and_then(|info| holds_limits(engine, &info)) {
                Ok(()) => {
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

/// An engine that can't hold a limit takes the words for it all the same, and only warns.
fn holds_limits(engine: Engine, info: &str) -> Result<(), String> {
    let info = serde_json::from_str(info).unwrap_or_default();
    let missing: Vec<&str> = engine
        .holds(&info)
        .into_iter()
        .filter(|(_, holds)| !holds)
        .map(|(name, _)| name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "it can't limit {} for this user (no cgroup v2 of its own)",
        missing.join(", ")
    ))
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

/// How this program's own C library was told to treat its memory. Engines never asked for it.
const OF_OUR_HEAP: &str = "GLIBC_TUNABLES";

/// Runs a small program to its end within some time, and gives what it said, or why it failed.
fn asked(command: &mut Command) -> Result<String, String> {
    let mut child = command
        .env_remove(OF_OUR_HEAP)
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

#[cfg(test)]
mod tests;
