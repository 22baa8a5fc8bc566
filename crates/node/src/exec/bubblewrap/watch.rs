//! A look at a whole task from outside: its processes by the view of them that the inside handed out, which shows these and no others, and its file systems.

use std::io::Read as _;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use holdfast_task::Limits;
use rustix::fs::{Dir, Mode, OFlags, StatVfs, fstatvfs, openat};

use super::super::ended::Limit;

/// Files in a file system in memory: each takes room that its size does not count.
const MOST_FILES: u64 = 250_000;

/// What the kernel is told: more than the limit, so that going over it is seen, and named.
pub(super) fn hard_processes(limits: &Limits) -> u64 {
    let processes = u64::from(limits.processes);
    processes + processes / 4 + 16
}

pub(super) struct Watch {
    pub(super) proc: OwnedFd,
    pub(super) out: OwnedFd,
    pub(super) tmp: OwnedFd,
    pub(super) shm: OwnedFd,
    limits: Limits,
    seen: Seen,
}

/// What was seen until now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) cpu: Duration,
    pub(super) peak_memory_bytes: u64,
    pub(super) peak_processes: u32,
    pub(super) disk_bytes: u64,
    pub(super) disk_full: bool,
}

/// Of one process.
struct Process {
    ticks: u64,
    children_ticks: u64,
    threads: u64,
    resident_bytes: u64,
}

impl Watch {
    pub(super) fn new([out, tmp, shm, proc]: [OwnedFd; 4], limits: Limits) -> Self {
        Self {
            proc,
            out,
            tmp,
            shm,
            limits,
            seen: Seen::default(),
        }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen
    }

    /// Looks at everything, and says if something is over its limit.
    pub(super) fn look(&mut self) -> Option<Limit> {
        let files_over = self.files();
        let (mut ticks, mut threads, mut resident) = (0, 0, 0);
        let pids = self.pids();
        for pid in &pids {
            let Some(process) = self.process(*pid) else { continue };
            ticks += process.children_ticks;
            // The first process is ours.
            if *pid != 1 {
                ticks += process.ticks;
                threads += process.threads;
                resident += process.resident_bytes;
            }
        }
        let hertz = rustix::param::clock_ticks_per_second().max(1);
        self.seen.cpu = self.seen.cpu.max(Duration::from_millis(ticks * 1000 / hertz));
        self.seen.peak_processes = self.seen.peak_processes.max(u32::try_from(threads).unwrap_or(u32::MAX));
        let shared = fstatvfs(&self.shm).map_or(0, |found| used_bytes(&found));
        if resident > self.limits.memory_bytes {
            // Pages that several have are counted for each: now it is worth knowing exactly.
            resident = pids
                .iter()
                .filter(|pid| **pid != 1)
                .map(|pid| self.proportional(*pid))
                .sum();
        }
        let memory = resident.max(shared);
        self.seen.peak_memory_bytes = self.seen.peak_memory_bytes.max(memory);
        if memory > self.limits.memory_bytes {
            Some(Limit::Memory)
        } else if threads > u64::from(self.limits.processes) {
            Some(Limit::Processes)
        } else if files_over {
            Some(Limit::Disk)
        } else {
            None
        }
    }

    /// Whether no process is left: the view of them ends with the last.
    pub(super) fn empty(&self) -> bool {
        self.pids().is_empty()
    }

    /// Looks at the file systems, and says if there are too many files.
    pub(super) fn files(&mut self) -> bool {
        let found: Vec<StatVfs> = [&self.out, &self.tmp]
            .into_iter()
            .filter_map(|fd| fstatvfs(fd).ok())
            .collect();
        let used = found.iter().map(used_bytes).sum();
        self.seen.disk_bytes = self.seen.disk_bytes.max(used);
        self.seen.disk_full |= found.iter().any(|found| found.f_bavail == 0);
        let over = |found: &StatVfs| found.f_files.saturating_sub(found.f_ffree) > MOST_FILES;
        let shm = fstatvfs(&self.shm).ok();
        found.iter().chain(&shm).any(over)
    }

    fn pids(&self) -> Vec<u64> {
        let Ok(entries) = Dir::read_from(&self.proc) else {
            return Vec::new();
        };
        let names = entries.filter_map(Result::ok);
        names
            .filter_map(|entry| entry.file_name().to_str().ok()?.parse().ok())
            .collect()
    }

    fn process(&self, pid: u64) -> Option<Process> {
        let text = self.read(&format!("{pid}/stat"))?;
        // The name of a program may hold anything; the fields begin behind it.
        let (_, fields) = text.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |number: usize| -> Option<u64> { fields.get(number - 3)?.parse().ok() };
        Some(Process {
            ticks: field(14)? + field(15)?,
            children_ticks: field(16)? + field(17)?,
            threads: field(20)?,
            resident_bytes: field(24)? * rustix::param::page_size() as u64,
        })
    }

    /// Memory of a process, its part of what it shares.
    fn proportional(&self, pid: u64) -> u64 {
        let rollup = self.read(&format!("{pid}/smaps_rollup"));
        let part = |name: &str| -> Option<u64> {
            let line = rollup.as_ref()?.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()
        };
        match part("Pss:") {
            Some(kib) => (kib + part("SwapPss:").unwrap_or(0)) << 10,
            None => self.process(pid).map_or(0, |process| process.resident_bytes),
        }
    }

    fn read(&self, path: &str) -> Option<String> {
        let file = openat(self.proc.as_fd(), path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let mut text = String::new();
        let mut file = std::fs::File::from(file).take(64 << 10);
        file.read_to_string(&mut text).ok()?;
        Some(text)
    }
}

fn used_bytes(found: &StatVfs) -> u64 {
    found.f_blocks.saturating_sub(found.f_bfree) * found.f_frsize
}
