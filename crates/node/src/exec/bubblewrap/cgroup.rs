//! Limits by the kernel's own count, where this user was given a cgroup (version 2) to divide: a service with `Delegate=yes`, or a session of systemd.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use holdfast_task::Limits;

/// What runs need. Without one of them a cgroup is of no use here.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// A cgroup that can be divided.
#[derive(Debug)]
pub(super) struct Delegated {
    folder: PathBuf,
}

/// The cgroup of one run. Removed when dropped; what is in it ends.
pub(super) struct Cgroup {
    folder: PathBuf,
}

/// What a cgroup counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) cpu: Duration,
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) out_of_memory: bool,
    pub(super) out_of_processes: bool,
}

impl Delegated {
    /// Looks for the cgroup of this process.
    pub(super) fn find() -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        Self::take(&folder_of(&own, &mounts).ok_or("there is no cgroup2 with this process in it")?)
    }

    /// Divides a cgroup: this process goes into one part, so that others can be limited.
    pub(super) fn take(folder: &Path) -> Result<Self, String> {
        let here = fs::read_to_string(folder.join("cgroup.controllers"))
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        if let Some(missing) = CONTROLLERS
            .iter()
            .find(|name| !here.split_whitespace().any(|has| has == **name))
        {
            return Err(format!("{} has no controller {missing}", folder.display()));
        }
        let io = |error: io::Error| format!("{} was not given to this user ({error})", folder.display());
        // Processes are in leaves only, once there are limits.
        let own = folder.join("node");
        match fs::create_dir(&own) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io(error)),
            _ => {}
        }
        for process in fs::read_to_string(folder.join("cgroup.procs")).map_err(io)?.lines() {
            fs::write(own.join("cgroup.procs"), process).map_err(io)?;
        }
        let all: Vec<_> = CONTROLLERS.iter().map(|name| format!("+{name}")).collect();
        fs::write(folder.join("cgroup.subtree_control"), all.join(" ")).map_err(io)?;
        Ok(Self {
            folder: folder.to_path_buf(),
        })
    }

    /// Makes one for a run. Files in memory count as memory, so what may lie there is added.
    pub(super) fn create(&self, limits: &Limits, in_files: u64) -> io::Result<Cgroup> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("run-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.join(name);
        fs::create_dir(&folder)?;
        let cgroup = Cgroup { folder };
        let memory = limits.memory_bytes.saturating_add(in_files);
        let period = 100_000;
        let quota = u64::from(limits.milli_cpus) * period / 1000;
        cgroup.set("memory.max", &memory.to_string())?;
        cgroup.set("memory.oom.group", "1")?;
        cgroup.set("pids.max", &super::watch::hard_processes(limits).to_string())?;
        cgroup.set("cpu.max", &format!("{quota} {period}"))?;
        // Not there without swap.
        let _ = cgroup.set("memory.swap.max", "0");
        Ok(cgroup)
    }
}

impl Cgroup {
    /// Puts a process in. What it starts later is in as well.
    pub(super) fn put(&self, process: u32) -> io::Result<()> {
        self.set("cgroup.procs", &process.to_string())
    }

    pub(super) fn counted(&self) -> Counted {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let field = |text: &str, name: &str| -> u64 {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            let found = lines.find(|(key, _)| *key == name);
            found.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0)
        };
        Counted {
            cpu: Duration::from_micros(field(&read("cpu.stat"), "usage_usec")),
            peak_memory_bytes: read("memory.peak").trim().parse().ok(),
            out_of_memory: field(&read("memory.events"), "oom_kill") > 0,
            out_of_processes: field(&read("pids.events"), "max") > 0,
        }
    }

    fn set(&self, name: &str, value: &str) -> io::Result<()> {
        fs::write(self.folder.join(name), value)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = self.set("cgroup.kill", "1");
        let until = Instant::now() + Duration::from_secs(2);
        // The last process may be on its way out.
        while let Err(error) = fs::remove_dir(&self.folder) {
            if error.kind() == io::ErrorKind::NotFound || Instant::now() > until {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Where this process is in the one hierarchy of version 2, if that is what is mounted.
fn folder_of(own: &str, mounts: &str) -> Option<PathBuf> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mut lines = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let mount = lines.find(|words| words.get(2) == Some(&"cgroup2"))?;
    Some(Path::new(mount[1]).join(path.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_this_process_is_found() {
        let mounts = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
        let own = "0::/user.slice/user@1000.service/node.service\n";
        let folder = folder_of(own, mounts).unwrap();
        assert_eq!(
            folder,
            Path::new("/sys/fs/cgroup/user.slice/user@1000.service/node.service")
        );
        assert_eq!(folder_of("3:memory:/x\n", mounts), None);
        assert_eq!(folder_of(own, "cgroup /sys/fs/cgroup/memory cgroup rw 0 0\n"), None);
    }

    /// A folder that looks like one, since few machines for tests have one to give away.
    fn pretended(controllers: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.controllers"), controllers).unwrap();
        fs::write(folder.path().join("cgroup.procs"), "41\n42\n").unwrap();
        folder
    }

    #[test]
    fn limits_are_written_where_the_kernel_reads_them() {
        let folder = pretended("cpuset cpu io memory pids\n");
        let delegated = Delegated::take(folder.path()).unwrap();
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
        assert_eq!(read("cgroup.subtree_control"), "+cpu +memory +pids");
        assert_eq!(read("node/cgroup.procs"), "42", "the last one that was moved");
        let limits = Limits {
            milli_cpus: 1500,
            memory_bytes: 1000,
            ..Limits::default()
        };
        let cgroup = delegated.create(&limits, 24).unwrap();
        cgroup.put(7).unwrap();
        let of_run = |name: &str| fs::read_to_string(cgroup.folder.join(name)).unwrap();
        assert_eq!(of_run("memory.max"), "1024");
        assert_eq!(of_run("cpu.max"), "150000 100000");
        assert_eq!(
            of_run("pids.max"),
            super::super::watch::hard_processes(&limits).to_string()
        );
        assert_eq!(of_run("cgroup.procs"), "7");
        fs::write(cgroup.folder.join("cpu.stat"), "usage_usec 2500\nuser_usec 1\n").unwrap();
        fs::write(cgroup.folder.join("memory.events"), "low 0\noom 3\noom_kill 2\n").unwrap();
        fs::write(cgroup.folder.join("memory.peak"), "900\n").unwrap();
        let counted = Counted {
            cpu: Duration::from_micros(2500),
            peak_memory_bytes: Some(900),
            out_of_memory: true,
            out_of_processes: false,
        };
        assert_eq!(cgroup.counted(), counted);
        fs::remove_dir_all(&cgroup.folder).unwrap();
    }

    #[test]
    fn one_that_can_not_be_divided_says_why() {
        let without = pretended("cpu pids\n");
        assert!(
            Delegated::take(without.path())
                .unwrap_err()
                .contains("no controller memory")
        );
        assert!(Delegated::take(Path::new("/nowhere")).unwrap_err().contains("/nowhere"));
    }
}
