//! Looks at the arguments and the environment of all processes of a session, again and again, and at what they have open for
//! writing. What was seen is kept, and searched at the end, when all canaries are known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use holdfast_tests::eye::{Canary, Found, Searcher};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(3);

/// What a process is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Server,
    Agent,
    Node,
    /// What decodes previews.
    Decoder,
    /// What builds the walls of tasks, and the first process inside.
    Walls,
    /// What a task starts.
    Task,
    /// What a person typed.
    Command,
}

/// Where something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Where {
    Arguments,
    Environment,
}

#[derive(Default)]
struct Seen {
    texts: BTreeSet<(Part, Where, Vec<u8>)>,
    written: BTreeSet<PathBuf>,
}

/// A thread that looks.
pub(crate) struct Watch {
    folders: Arc<Mutex<Vec<PathBuf>>>,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to look at every process that was started for a folder.
    pub(crate) fn begin(folder: &Path) -> Self {
        let folders = Arc::new(Mutex::new(vec![folder.to_owned()]));
        let whose = folders.clone();
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::new(AtomicBool::new(false)));
        let (kept, end) = (seen.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            // What this test was given is not theirs.
            let given = written(Path::new("/proc/self"));
            let mut known = BTreeMap::new();
            while !end.load(Ordering::Relaxed) {
                let folders = whose.lock().unwrap_or_else(PoisonError::into_inner).clone();
                look(&folders, &given, &mut known, &kept);
                std::thread::sleep(PAUSE);
            }
        });
        Self {
            folders,
            seen,
            stop,
            thread: Some(thread),
        }
    }

    /// Looks at those of this folder, too.
    pub(crate) fn also(&self, folder: &Path) {
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.push(folder.to_owned());
    }

    /// Which canaries were where.
    pub(crate) fn found(&self, canaries: &[Canary]) -> BTreeSet<(Part, Where, String)> {
        let searcher = Searcher::new(canaries);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = BTreeSet::new();
        for (part, place, text) in &seen.texts {
            let mut found = Found::new();
            searcher.search(text, &mut found);
            all.extend(found.keys().map(|&at| (*part, *place, canaries[at].label.clone())));
        }
        all
    }

    /// Which parts were seen at all.
    pub(crate) fn parts(&self) -> BTreeSet<Part> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.texts.iter().map(|(part, ..)| *part).collect()
    }

    /// Files that were open for writing.
    pub(crate) fn written(&self) -> BTreeSet<PathBuf> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).written.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One look. `known` says of a process, by its number and when it was started, whether it is one of ours.
fn look(folders: &[PathBuf], given: &[PathBuf], known: &mut BTreeMap<(u32, u64), bool>, seen: &Mutex<Seen>) {
    let mut processes = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
            && pid != std::process::id()
            && let Some((parent, started)) = born(pid)
        {
            processes.insert(pid, (parent, started));
        }
    }
    for (&pid, &(parent, started)) in &processes {
        let above = processes
            .get(&parent)
            .is_some_and(|(_, at)| known.get(&(parent, *at)) == Some(&true));
        if known.get(&(pid, started)) == Some(&false) && !above {
            continue;
        }
        let folder = Path::new("/proc").join(pid.to_string());
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
        let (arguments, environment) = (read("cmdline"), read("environ"));
        let names = |text: &[u8]| {
            let mut bytes = folders.iter().map(|folder| folder.as_os_str().as_encoded_bytes());
            bytes.any(|folder| memchr::memmem::find(text, folder).is_some())
        };
        let ours = above || known.get(&(pid, started)) == Some(&true) || names(&arguments) || names(&environment);
        // A child is a copy of whoever started it for a moment: it may become ours.
        if parent != std::process::id() || ours {
            known.insert((pid, started), ours);
        }
        let Some(part) = part(&arguments).filter(|_| ours) else {
            continue;
        };
        let written = written(&folder);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.texts.insert((part, Where::Arguments, arguments));
        seen.texts.insert((part, Where::Environment, environment));
        // What is open inside of its walls has other names.
        if !matches!(part, Part::Walls | Part::Task) {
            seen.written
                .extend(written.into_iter().filter(|path| !given.contains(path)));
        }
    }
}

/// Whose child a process is, and when it was started.
fn born(pid: u32) -> Option<(u32, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let words: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    Some((words.get(1)?.parse().ok()?, words.get(19)?.parse().ok()?))
}

fn part(arguments: &[u8]) -> Option<Part> {
    let words: Vec<&[u8]> = arguments.split(|byte| *byte == 0).collect();
    let program = words.first().filter(|word| !word.is_empty())?;
    let has = |word: &str| words.contains(&word.as_bytes());
    let ends = |name: &str| program.ends_with(name.as_bytes());
    Some(if ends("bwrap") || has("holdfast-node-stage") {
        Part::Walls
    } else if has(holdfast_preview::WORKER) {
        Part::Decoder
    } else if !ends("holdfast") && !ends("exe") {
        Part::Task
    } else if has("serve") {
        Part::Server
    } else if has("agent") {
        Part::Agent
    } else if has("node") && has("start") {
        Part::Node
    } else {
        Part::Command
    })
}

/// Files that a process has open for writing.
fn written(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder.join("fd")).into_iter().flatten().flatten() {
        let Ok(path) = std::fs::read_link(entry.path()) else {
            continue;
        };
        if !std::fs::metadata(entry.path()).is_ok_and(|found| found.is_file()) {
            continue;
        }
        let info = std::fs::read_to_string(folder.join("fdinfo").join(entry.file_name())).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags
            .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
            .unwrap_or(0);
        if flags & 0b11 != 0 {
            all.push(path);
        }
    }
    all
}
