//! How a run ended, and why one can't be.

use std::fmt;
use std::io;
use std::time::Duration;

/// How a run ended.
pub struct Ended {
    /// How.
    pub how: How,
    /// No process of it is left, which was looked at. Otherwise this computer needs its owner, and no run should be given to it.
    pub clean: bool,
    /// What it took.
    pub usage: Usage,
    /// What it left in its folder of outputs, whatever the end; none if it did not get that far. Dropping it wipes them.
    #[cfg(target_os = "linux")]
    pub outputs: Option<super::Outputs>,
}

impl Ended {
    pub(crate) fn could_not_start(why: impl Into<String>) -> Self {
        Self {
            how: How::CouldNotStart(why.into()),
            clean: true,
            usage: Usage::default(),
            #[cfg(target_os = "linux")]
            outputs: None,
        }
    }
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Its first process ended by itself, with this code.
    Exited(i32),
    /// A signal ended its first process, and it was not sent by the node.
    Signalled(i32),
    /// It wanted more than it may take.
    OverLimit(Limit),
    /// Somebody stopped it.
    Stopped,
    /// It never ran, as a sentence.
    CouldNotStart(String),
}

impl How {
    /// Whether it did what it was to do.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        *self == Self::Exited(0)
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(0) => f.write_str("done"),
            Self::Exited(code) => write!(f, "ended with code {code}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::OverLimit(limit) => write!(f, "ended: over its limit of {limit}"),
            Self::Stopped => f.write_str("stopped"),
            Self::CouldNotStart(why) => write!(f, "could not start: {why}"),
        }
    }
}

/// A limit that ends a run. That of the log does not: what is too much is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Time.
    Time,
    /// Memory.
    Memory,
    /// Processes and threads.
    Processes,
    /// Room for files: the task failed, and its folder of outputs or its temporary folder was full.
    Disk,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "time",
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::Disk => "disk",
        })
    }
}

/// What a run took. Where there is no cgroup, memory, processors and processes are what was seen several times a second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    /// Time of processors.
    pub cpu: Duration,
    /// Most memory at one time.
    pub peak_memory_bytes: u64,
    /// Most processes and threads at one time.
    pub peak_processes: u32,
    /// Room taken by outputs and temporary files, at the end or when they were full.
    pub disk_bytes: u64,
    /// Output that was passed on.
    pub log_bytes: u64,
    /// Output that was left out.
    pub log_left_out_bytes: u64,
    /// Metrics passed on.
    pub metrics: u64,
    /// Lines that were no metric, or too many.
    pub metrics_left_out: u64,
    /// Bytes to and from hosts it may talk to.
    pub network_bytes: u64,
}

/// Why tasks can't be carried out here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The program that builds the walls is not there.
    #[error("{0} is not installed")]
    Missing(&'static str),
    /// The program is there and does not do what it should.
    #[error("{program} does not work here: {said}")]
    Refused {
        /// Which.
        program: &'static str,
        /// Its own words.
        said: String,
    },
    /// Root gets around limits that hold for everybody else.
    #[error("tasks are not carried out by root")]
    Root,
    /// Another process works with this folder.
    #[error("another node works with {0}")]
    Busy(String),
    /// A file or folder.
    #[error("{0}")]
    Io(String),
}

impl Unavailable {
    /// Its code in `docs/errors.md`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "executor-missing",
            Self::Refused { .. } => "executor-refused",
            Self::Root => "executor-root",
            Self::Busy(_) => "busy",
            Self::Io(_) => "io",
        }
    }

    /// What to do, as a sentence.
    #[must_use]
    pub fn next(&self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "Install it: on Debian and Ubuntu `apt-get install bubblewrap`, or `podman` for containers."
            }
            Self::Refused { .. } => "Permit user namespaces to this user, or use a container engine that answers.",
            Self::Root => "Run the node as a user of its own.",
            Self::Busy(_) => "End it, or choose another folder.",
            Self::Io(_) => "Check the path and its permissions.",
        }
    }

    pub(crate) fn io(path: &std::path::Path, error: &io::Error) -> Self {
        Self::Io(format!("{}: {error}", path.display()))
    }
}
