//! The first process inside the walls: our own program, started again with one hidden argument by the program that built them.
//! It hands what the node needs from inside out to it (the folder of outputs, a view of all processes, the pipe for metrics, a socket),
//! takes the order, gives up what is left, starts the task, and tells how it ended. When it ends, everything in here does.
//!
//! The task is the same user as this process. It can't look into it or stop it (not dumpable, first of its namespace, no `ptrace`);
//! and were it to speak in its place, it could but lie about its own end.

mod filter;
mod letter;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use rustix::fs::{FileType, Mode, mknodat};
use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions, getrlimit, kill_process_group, set_dumpable_behavior,
    setrlimit, wait,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

pub(crate) use letter::{HANDED, Launch, Report, read_frame, receive, write_frame};

use super::proxy::PORT;

/// The first argument of such a process.
pub const STAGE: &str = "holdfast-node-stage";

/// What the node sends after the order: the task is asked to end.
pub(crate) const ASK_TO_END: u8 = b'T';

const PLACE: &str = "/run/holdfast";

/// Carries out the inner half if this process was started as that, and says how to end. To be called first thing in `main` of every program that
/// carries out tasks, before anything is opened and any thread is started:
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     if let Some(ended) = holdfast_node::exec::stage_main() {
///         return ended;
///     }
///     // ...
/// #   std::process::ExitCode::SUCCESS
/// }
/// ```
#[must_use]
pub fn stage_main() -> Option<ExitCode> {
    let first = std::env::args_os().nth(1)?;
    (first == STAGE).then(|| match run() {
        Ok(()) => ExitCode::SUCCESS,
        // The other end is gone: there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    })
}

fn run() -> io::Result<()> {
    // A copy that no child gets; children find nothing at its old place.
    let mut hatch = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let told = prepare(&hatch).and_then(|()| start(&mut hatch));
    match told {
        Ok(child) => watch(hatch, child),
        Err(error) => write_frame(&mut hatch, &Report::Failed(error.to_string())),
    }
}

/// Makes what the node reads from, and hands it out.
fn prepare(hatch: &UnixStream) -> io::Result<()> {
    // To be ended first when memory runs out. It says so in a file that is not this process's own any more in a moment.
    fs::write("/proc/self/oom_score_adj", "1000")?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    let metrics = format!("{PLACE}/metrics");
    mknodat(rustix::fs::CWD, &metrics, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // For writing as well: it is never at its end, and nobody waits for a reader.
    let metrics = OpenOptions::new().read(true).write(true).open(metrics)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT))?;
    let folders = ["/out", "/tmp", "/dev/shm", "/proc"].map(File::open);
    let [out, tmp, shm, proc] = folders;
    letter::hand_over(
        hatch,
        [
            out?.as_fd(),
            tmp?.as_fd(),
            shm?.as_fd(),
            proc?.as_fd(),
            metrics.as_fd(),
            listener.as_fd(),
        ],
    )
}

/// Takes the order and starts the task.
fn start(hatch: &mut UnixStream) -> io::Result<Pid> {
    let launch: Launch = read_frame(hatch)?;
    for (path, bytes) in &launch.files {
        let path = Path::new(PLACE).join(path);
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o400)
            .open(path)?
            .write_all(bytes)?;
    }
    limit(&launch)?;
    filter::apply(launch.uncounted).map_err(io::Error::other)?;
    let mut command = Command::new(&launch.argv[0]);
    command
        .args(&launch.argv[1..])
        .env_clear()
        .envs(
            launch
                .env
                .iter()
                .map(|(name, value)| (name, std::ffi::OsStr::from_bytes(value))),
        )
        .stdin(Stdio::null())
        .process_group(0);
    let child = command.spawn().map_err(|error| {
        let said = format!("{}: {error}", launch.argv[0]);
        io::Error::new(error.kind(), said)
    })?;
    // Waited for below, with everybody else.
    Ok(Pid::from_child(&child))
}

fn limit(launch: &Launch) -> io::Result<()> {
    // The order in which limits would hinder the rest.
    if let Some(count) = launch.cpus {
        keep_to(count)?;
    }
    let limits = [
        (Resource::Core, Some(0)),
        (Resource::Fsize, Some(launch.file_bytes)),
        (Resource::Nofile, Some(4096)),
        (Resource::Memlock, Some(64 << 20)),
        (Resource::Data, launch.data_bytes),
        (Resource::Nproc, launch.processes),
    ];
    for (resource, limit) in limits {
        let Some(limit) = limit else { continue };
        // What is lower already stays: an upper limit can't be raised again.
        let most = getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Keeps the task to some of the processors that this process may use: others for each run, as far as chance goes.
fn keep_to(count: u32) -> io::Result<()> {
    let have = sched_getaffinity(None)?;
    let have: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| have.is_set(*cpu)).collect();
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count >= have.len() {
        return Ok(());
    }
    let chance = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let from = chance.map_or(0, |now| usize::try_from(now.subsec_micros()).unwrap_or(0)) % have.len();
    let mut keep = CpuSet::new();
    for cpu in have.iter().cycle().skip(from).take(count) {
        keep.set(*cpu);
    }
    Ok(sched_setaffinity(None, &keep)?)
}

/// Waits for the task, and for everything that was left to this process.
fn watch(mut hatch: UnixStream, child: Pid) -> io::Result<()> {
    write_frame(&mut hatch, &Report::Started)?;
    let mut asked = hatch.try_clone()?;
    std::thread::spawn(move || {
        let mut word = [0];
        while asked.read_exact(&mut word).is_ok() {
            if word[0] == ASK_TO_END {
                let _ = kill_process_group(child, Signal::TERM);
            }
        }
        // The node is gone: nobody waits for an end, and nobody would see to one.
        std::process::exit(1);
    });
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => {
                let report = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Report::Exited(code),
                    (None, Some(signal)) => Report::Signalled(signal),
                    (None, None) => continue,
                };
                write_frame(&mut hatch, &report)?;
                // The node looks once more at what it all took, and ends this process.
                loop {
                    std::thread::park();
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
