//! One run from its first process to its last, on a thread of its own.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tokio_util::sync::CancellationToken;

use super::super::ended::{Ended, How, Limit, Usage};
use super::super::listen::{Heard, Listener, ready};
use super::super::mask::Masks;
use super::super::order::{Event, Order};
use super::super::outputs::Outputs;
use super::super::proxy::Proxy;
use super::super::stage::{ASK_TO_END, HANDED, Launch, Report, STAGE, read_frame, receive, write_frame};
use super::Bubblewrap;
use super::cgroup::Cgroup;
use super::walls::{Inside, PYTHON_PLACE, STAGE_PLACE, walls};
use super::watch::{Watch, hard_processes};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// How long walls may take to be built, and a killed task to be gone.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Run {
    program: std::path::PathBuf,
    words: Vec<std::ffi::OsString>,
    path: String,
    cgroup: io::Result<Option<Cgroup>>,
    order: Order,
    events: Sender<Event>,
    pub(super) stop: CancellationToken,
    runtime: Handle,
}

/// What is on the other side of the walls.
struct There {
    bwrap: Child,
    hatch: UnixStream,
    /// The first process inside. When it ends, all others have.
    first: OwnedFd,
    watch: Watch,
    metrics: OwnedFd,
    /// Inside; served from here.
    listener: Option<std::net::TcpListener>,
}

impl Run {
    pub(super) fn new(executor: &Bubblewrap, order: Order, events: Sender<Event>, stop: CancellationToken) -> Self {
        let inside = Inside {
            task: order.task.clone(),
            inputs: order.inputs.clone(),
            disk_bytes: order.limits.disk_bytes,
            shared_bytes: order.limits.memory_bytes / 2,
        };
        let in_files = order
            .limits
            .disk_bytes
            .saturating_mul(2)
            .saturating_add(inside.shared_bytes);
        let cgroup = executor
            .cgroup
            .as_ref()
            .ok()
            .map(|cgroup| cgroup.create(&order.limits, in_files));
        let folders: Vec<_> = executor
            .path()
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        Self {
            program: executor.program.clone(),
            words: walls(executor, &inside),
            path: folders.join(":"),
            cgroup: cgroup.transpose(),
            order,
            events,
            stop,
            runtime: Handle::current(),
        }
    }

    /// Does it all.
    pub(super) fn carry_out(mut self) -> Ended {
        let cgroup = match std::mem::replace(&mut self.cgroup, Ok(None)) {
            Ok(cgroup) => cgroup,
            Err(error) => return Ended::could_not_start(format!("The cgroup of the run could not be made: {error}.")),
        };
        let mut there = match self.build(cgroup.as_ref()) {
            Ok(there) => there,
            Err(why) => return Ended::could_not_start(why),
        };
        let started = Instant::now();
        let heard = Arc::new(Heard::default());
        let proxy = Arc::new(Proxy::new(self.order.network.clone(), self.events.clone()));
        let serving = self.serve(&mut there, &proxy);
        // Nothing is listened to before it is said that there is something to hear.
        let (how, listeners) = match self.start(&mut there, cgroup.is_some()) {
            Ok(()) => {
                let listeners = self.listen(&mut there, &heard);
                (self.wait(&mut there), listeners)
            }
            Err(why) => (How::CouldNotStart(why), Vec::new()),
        };
        there.watch.look();
        let clean = end(&mut there);
        heard.over.store(true, Ordering::Release);
        if let Some(serving) = serving {
            serving.abort();
        }
        for listener in listeners {
            let _ = listener.join();
        }
        let usage = self.usage(&there, &heard, &proxy, cgroup.as_ref(), started);
        let how = self.named(how, &there, cgroup.as_ref());
        if !clean {
            tracing::error!("processes of a run could not be ended");
        }
        let outputs = (!matches!(how, How::CouldNotStart(_)))
            .then(|| Outputs::new(there.watch.out, self.order.limits.disk_bytes));
        Ended {
            how,
            clean,
            usage,
            outputs,
        }
    }

    /// Builds the walls, and waits for the first process inside to answer.
    fn build(&self, cgroup: Option<&Cgroup>) -> Result<There, String> {
        let (hatch, inner) = UnixStream::pair().map_err(|error| error.to_string())?;
        // With what comes out, the kernel says who sent it.
        rustix::net::sockopt::set_socket_passcred(&hatch, true).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.program);
        command.env_clear().args(&self.words).args(["--", STAGE_PLACE, STAGE]);
        command
            .stdin(OwnedFd::from(inner))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut bwrap = command
            .spawn()
            .map_err(|error| format!("{}: {error}.", self.program.display()))?;
        drop(command);
        let there = first_word(&hatch).and_then(|(fds, pid)| {
            let first = pidfd_open(pid, PidfdFlags::empty())?;
            if let Some(cgroup) = cgroup {
                cgroup.put(bwrap.id())?;
                cgroup.put(pid.as_raw_nonzero().get().unsigned_abs())?;
            }
            Ok((fds, first))
        });
        match there {
            Ok(([out, tmp, shm, proc, metrics, listener], first)) => Ok(There {
                bwrap,
                hatch,
                first,
                watch: Watch::new([out, tmp, shm, proc], self.order.limits),
                metrics,
                listener: Some(listener.into()),
            }),
            Err(error) => {
                let _ = bwrap.kill();
                let mut said = String::new();
                if let Some(stderr) = bwrap.stderr.take() {
                    let _ = stderr.take(2000).read_to_string(&mut said);
                }
                let _ = bwrap.wait();
                let said: String = said.trim().chars().filter(|c| !c.is_control()).collect();
                Err(format!("The walls could not be built ({error}). {said}"))
            }
        }
    }

    /// Hands the order in, and waits for the task's first process.
    fn start(&self, there: &mut There, has_cgroup: bool) -> Result<(), String> {
        let gone = |error: io::Error| format!("The first process inside is gone: {error}.");
        write_frame(&mut there.hatch, &self.launch(has_cgroup)).map_err(gone)?;
        if !ready(&there.hatch, PATIENCE) {
            return Err("The first process inside does not answer.".to_owned());
        }
        match read_frame::<Report>(&mut there.hatch).map_err(gone)? {
            Report::Started => {
                let _ = self.events.blocking_send(Event::Started);
                Ok(())
            }
            Report::Failed(why) => Err(format!("{why}.")),
            other => Err(format!("The first process inside makes no sense: {other:?}.")),
        }
    }

    fn launch(&self, has_cgroup: bool) -> Launch {
        let order = &self.order;
        let mut env: Vec<(String, Vec<u8>)> = Vec::new();
        let mut set = |name: &str, value: &str| env.push((name.to_owned(), value.as_bytes().to_vec()));
        set("PATH", &self.path);
        for (name, value) in [
            ("HOME", "/tmp"),
            ("LANG", "C.UTF-8"),
            ("PYTHONPATH", PYTHON_PLACE),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONUNBUFFERED", "1"),
            ("HOLDFAST_PARAMS", "/run/holdfast/params.json"),
            ("HOLDFAST_SECRETS", "/run/holdfast/secrets"),
            ("HOLDFAST_METRICS", "/run/holdfast/metrics"),
            ("HOLDFAST_IN", "/in"),
            ("HOLDFAST_OUT", "/out"),
        ] {
            set(name, value);
        }
        if !order.network.hosts.is_empty() {
            let proxy = format!("http://127.0.0.1:{}", super::super::proxy::PORT);
            for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
                set(name, &proxy);
            }
        }
        env.extend(
            order
                .env
                .iter()
                .map(|(name, value)| (name.clone(), value.bytes().to_vec())),
        );
        let mut files = vec![("params.json".to_owned(), order.params.as_bytes().to_vec())];
        for (name, fields) in &order.secrets {
            for (field, value) in fields {
                files.push((format!("secrets/{name}/{field}"), value.bytes().to_vec()));
            }
        }
        let limits = &order.limits;
        Launch {
            argv: order.argv.clone(),
            env,
            files,
            file_bytes: limits.disk_bytes.max(limits.memory_bytes / 2),
            // A process that takes more at once than a look sees in time.
            data_bytes: (!has_cgroup).then(|| limits.memory_bytes.saturating_mul(2).saturating_add(1 << 30)),
            processes: Some(hard_processes(limits)),
            cpus: (!has_cgroup).then(|| limits.milli_cpus.div_ceil(1000)),
            uncounted: !has_cgroup,
        }
    }

    fn listen(&self, there: &mut There, heard: &Arc<Heard>) -> Vec<JoinHandle<()>> {
        let listener = Listener {
            masks: Arc::new(Masks::new(self.order.hidden())),
            heard: heard.clone(),
            events: self.events.clone(),
            log_bytes: self.order.limits.log_bytes,
        };
        let mut threads = Vec::new();
        if let Some(pipe) = there.bwrap.stdout.take() {
            let listener = listener.clone();
            threads.push(std::thread::spawn(move || listener.output(pipe, Event::Out)));
        }
        if let Some(pipe) = there.bwrap.stderr.take() {
            let listener = listener.clone();
            threads.push(std::thread::spawn(move || listener.output(pipe, Event::Err)));
        }
        if let Ok(pipe) = there.metrics.try_clone() {
            let pipe = std::fs::File::from(pipe);
            threads.push(std::thread::spawn(move || listener.metrics(pipe)));
        }
        threads
    }

    /// Without a network nobody listens inside.
    fn serve(&self, there: &mut There, proxy: &Arc<Proxy>) -> Option<tokio::task::JoinHandle<()>> {
        let listener = there.listener.take()?;
        if self.order.network.hosts.is_empty() {
            return None;
        }
        Some(self.runtime.spawn(proxy.clone().serve(listener)))
    }

    /// Waits for an end, and sees to it that one comes.
    fn wait(&self, there: &mut There) -> How {
        let until = Instant::now() + self.order.limits.time;
        let mut asked: Option<Instant> = None;
        loop {
            if word(there) {
                match read_frame::<Report>(&mut there.hatch) {
                    Ok(_) | Err(_) if asked.is_some() => return How::Stopped,
                    Ok(Report::Exited(code)) => return How::Exited(code),
                    Ok(Report::Signalled(signal)) => return How::Signalled(signal),
                    Ok(Report::Started | Report::Failed(_)) => {}
                    // Somebody ended the first process: the kernel for want of memory, or this computer's user.
                    Err(_) => return How::Signalled(9),
                }
            }
            if let Some(limit) = there.watch.look() {
                return How::OverLimit(limit);
            }
            if Instant::now() >= until {
                return How::OverLimit(Limit::Time);
            }
            match asked {
                None if self.stop.is_cancelled() => {
                    asked = Some(Instant::now());
                    if there.hatch.write_all(&[ASK_TO_END]).is_err() {
                        return How::Stopped;
                    }
                }
                Some(since) if since.elapsed() >= self.order.grace => return How::Stopped,
                _ => {}
            }
        }
    }

    /// Gives an end the name of the limit that brought it about.
    fn named(&self, how: How, there: &There, cgroup: Option<&Cgroup>) -> How {
        // A signal, and what a shell makes of one that ended its last command.
        const TOO_LARGE_A_FILE: [How; 2] = [How::Signalled(25), How::Exited(128 + 25)];
        if !matches!(how, How::Exited(1..) | How::Signalled(_)) {
            return how;
        }
        let counted = cgroup.map(Cgroup::counted).unwrap_or_default();
        let (seen, limits) = (there.watch.seen(), &self.order.limits);
        if counted.out_of_memory || seen.peak_memory_bytes > limits.memory_bytes {
            How::OverLimit(Limit::Memory)
        } else if counted.out_of_processes || seen.peak_processes > limits.processes {
            How::OverLimit(Limit::Processes)
        } else if seen.disk_full || TOO_LARGE_A_FILE.contains(&how) {
            How::OverLimit(Limit::Disk)
        } else {
            how
        }
    }

    fn usage(&self, there: &There, heard: &Heard, proxy: &Proxy, cgroup: Option<&Cgroup>, started: Instant) -> Usage {
        let seen = there.watch.seen();
        let counted = cgroup.map(Cgroup::counted).unwrap_or_default();
        let left_out = heard.left_out.load(Ordering::Relaxed);
        if left_out > 0 {
            let _ = self
                .events
                .blocking_send(Event::Note(format!("{left_out} bytes of output were left out.")));
        }
        Usage {
            wall: started.elapsed(),
            cpu: seen.cpu.max(counted.cpu),
            peak_memory_bytes: counted.peak_memory_bytes.unwrap_or(seen.peak_memory_bytes),
            peak_processes: seen.peak_processes,
            disk_bytes: seen.disk_bytes,
            log_bytes: heard.kept.load(Ordering::Relaxed),
            log_left_out_bytes: left_out,
            metrics: heard.metrics.load(Ordering::Relaxed),
            metrics_left_out: heard.metrics_left_out.load(Ordering::Relaxed),
            network_bytes: proxy.bytes.load(Ordering::Relaxed),
        }
    }
}

fn first_word(hatch: &UnixStream) -> io::Result<([OwnedFd; HANDED], Pid)> {
    if !ready(hatch, PATIENCE) {
        return Err(io::ErrorKind::TimedOut.into());
    }
    receive(hatch)
}

/// Waits a moment for a word from inside.
fn word(there: &There) -> bool {
    let mut fds = [PollFd::new(&there.hatch, PollFlags::IN)];
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: LOOK.subsec_nanos().into(),
    };
    matches!(poll(&mut fds, Some(&moment)), Ok(1..))
}

/// Ends what is left inside, and waits until it is gone: the first process ends after all the others.
fn end(there: &mut There) -> bool {
    let _ = pidfd_send_signal(&there.first, Signal::KILL);
    let gone = ready(&there.first.as_fd(), PATIENCE);
    // Its last child is that process; it has nothing to wait for any more.
    if !gone {
        let _ = there.bwrap.kill();
    }
    let _ = there.bwrap.wait();
    gone && there.watch.empty()
}
