//! Carries tasks out behind walls that `bwrap` builds, without any right of its own: namespaces for users, processes, mounts, network and the rest; a
//! system that can't be written to; a filter of system calls; limits by cgroup where this user has one, else by the kernel's limits of a process
//! and a look at all of them several times a second.

mod cgroup;
mod run;
mod walls;
mod watch;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use async_trait::async_trait;
use holdfast_task::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Executor;
use super::ended::{Ended, Unavailable};
use super::order::{Event, Order};
use super::runtime::{Offers, find, program_in};
use cgroup::Delegated;

/// What a node's operator decides.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Folders that tasks see besides the system's own, at the same place and not to be written: `/opt/conda`.
    pub also_read: Vec<PathBuf>,
    /// Folders to look for programs in, before the system's own: `/opt/conda/bin`.
    pub path: Vec<PathBuf>,
    /// Devices that tasks may use: `/dev/nvidia0`.
    pub devices: Vec<PathBuf>,
    /// Whether limits are left to a cgroup.
    pub cgroup: CgroupUse,
}

/// Whether limits are left to a cgroup.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CgroupUse {
    /// Where this process has one of its own to divide.
    #[default]
    Auto,
    /// Never.
    Never,
    /// This one, which has to work.
    At(PathBuf),
}

/// The executor.
pub struct Bubblewrap {
    pub(crate) program: PathBuf,
    version: String,
    /// This very program: what is started inside.
    pub(crate) stage: PathBuf,
    /// What is put into a task's `/etc` and onto its path of modules.
    pub(crate) furniture: PathBuf,
    pub(crate) settings: Settings,
    cgroup: Result<Delegated, String>,
}

const PROGRAM: &str = "bwrap";

/// Where programs are looked for, inside.
const PATH: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"];

impl Bubblewrap {
    /// Finds out whether it works here. `state` is a folder of the node's own, for a few small files.
    ///
    /// # Errors
    /// Why tasks can't be carried out this way.
    pub fn find(state: &Path, settings: Settings) -> Result<Self, Unavailable> {
        if rustix::process::geteuid().is_root() {
            return Err(Unavailable::Root);
        }
        let folders: Vec<PathBuf> = PATH.iter().map(PathBuf::from).collect();
        let program = program_in(PROGRAM, &folders).ok_or(Unavailable::Missing(PROGRAM))?;
        let stage = std::env::current_exe().map_err(|error| Unavailable::io(Path::new("/proc/self/exe"), &error))?;
        let furniture = state.join("furniture");
        furnish(&furniture).map_err(|error| Unavailable::io(&furniture, &error))?;
        let refused = |said: String| Unavailable::Refused { program: PROGRAM, said };
        let version = said(Command::new(&program).arg("--version")).map_err(refused)?;
        if too_old(&version) {
            let said = format!("{} is too old, 0.8 is needed", version.trim());
            return Err(refused(said));
        }
        let cgroup = match &settings.cgroup {
            CgroupUse::Never => Err("it is switched off".to_owned()),
            CgroupUse::Auto => Delegated::find(),
            CgroupUse::At(path) => Ok(Delegated::take(path).map_err(Unavailable::Io)?),
        };
        let executor = Self {
            program,
            version: version.trim().to_owned(),
            stage,
            furniture,
            settings,
            cgroup,
        };
        executor.try_walls().map_err(refused)?;
        Ok(executor)
    }

    /// Builds the walls once, around nothing.
    fn try_walls(&self) -> Result<(), String> {
        let empty = self.furniture.join("empty");
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .args(walls::walls(self, &walls::Inside::empty(&empty)))
            .args(["--", "/bin/sh", "-c", ":"]);
        said(&mut command).map(drop)
    }

    /// The path of programs, inside.
    fn path(&self) -> Vec<PathBuf> {
        self.settings
            .path
            .iter()
            .cloned()
            .chain(PATH.iter().map(PathBuf::from))
            .collect()
    }
}

/// Whether it does not know file systems of a size, and no end to namespaces, yet.
fn too_old(version: &str) -> bool {
    let numbers = version.split_whitespace().last().unwrap_or_default();
    let mut numbers = numbers.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < (0, 8)
}

/// Runs a small program to its end, and gives what it said, or why it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(300).collect();
    Err(if text.is_empty() {
        output.status.to_string()
    } else {
        text
    })
}

/// Writes what every task sees: who is who, that there are no name servers, and the module for Python.
fn furnish(folder: &Path) -> std::io::Result<()> {
    let files = [
        (
            "etc/passwd",
            "task:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
        ),
        ("etc/group", "task:x:1000:\nnogroup:x:65534:\n"),
        ("etc/hosts", "127.0.0.1 localhost run\n::1 localhost\n"),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ("etc/resolv.conf", ""),
        ("python/holdfast.py", include_str!("../../python/holdfast.py")),
        ("empty/.keep", ""),
    ];
    for (path, text) in files {
        let path = folder.join(path);
        // Not under the feet of a run that goes on.
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            continue;
        }
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

#[async_trait]
impl Executor for Bubblewrap {
    fn offers(&self) -> Offers {
        let watched = |why: &String| format!("looked at ten times a second and ended (no cgroup: {why})");
        let (memory, processes, cpus) = match &self.cgroup {
            Ok(_) => ["memory", "pids", "cpu"].map(|name| format!("cgroup ({name})")).into(),
            Err(why) => (
                watched(why),
                format!("the kernel's limit of a user namespace; {}", watched(why)),
                "bound to whole processors".to_owned(),
            ),
        };
        Offers {
            executor: self.version.clone(),
            walls: [
                "namespaces of its own: users, processes, mounts, network, messages, names",
                "no rights, and none to be had",
                "a system that can't be written to, without this computer's folders",
                "a filter of system calls",
                "no network but named hosts, through the node",
            ]
            .map(str::to_owned)
            .into(),
            limits: vec![
                ("time", "the node's clock".to_owned()),
                ("memory", memory),
                ("processes", processes),
                ("cpus", cpus),
                ("disk", "file systems in memory of exactly that size".to_owned()),
                ("log", "the node".to_owned()),
            ],
            runtimes: Runtime::ALL
                .into_iter()
                .map(|runtime| (runtime, find(runtime, &self.path())))
                .collect(),
        }
    }

    async fn run(&self, order: Order, events: mpsc::Sender<Event>, stop: CancellationToken) -> Ended {
        if let Err(why) = order.check() {
            return Ended::could_not_start(why);
        }
        let run = run::Run::new(self, order, events, stop.child_token());
        // If nobody waits for the end any more, it comes at once.
        let _guard = run.stop.clone().drop_guard();
        let (ended, told) = oneshot::channel();
        // A thread of its own, to its end: the walls fall when the thread that built them does, and those of the runtime come and go.
        let thread = std::thread::Builder::new().name("run".to_owned()).spawn(move || {
            let _ = ended.send(run.carry_out());
        });
        match thread {
            Ok(_) => told
                .await
                .unwrap_or_else(|_| Ended::could_not_start("The node made a mistake.")),
            Err(error) => Ended::could_not_start(format!("There is no thread for it: {error}.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        for (version, old) in [
            ("bubblewrap 0.8.0\n", false),
            ("bubblewrap 0.11.0", false),
            ("bubblewrap 1.0", false),
            ("bubblewrap 0.6.1", true),
            ("", true),
        ] {
            assert_eq!(too_old(version), old, "{version}");
        }
    }

    #[test]
    fn root_carries_nothing_out() {
        let state = tempfile::tempdir().unwrap();
        let found = Bubblewrap::find(state.path(), Settings::default());
        if rustix::process::geteuid().is_root() {
            let error = found.err().unwrap();
            assert_eq!(
                (error.code(), error.next()),
                ("executor-root", "Run the node as a user of its own.")
            );
        }
    }
}
