//! A run in the words of Podman and Docker, which share them. No secret is among them: other users of this computer can read them.

use std::ffi::OsString;
use std::path::Path;

use super::super::order::Order;
use super::Engine;

/// The folders that a run has on this computer.
pub(super) struct Folders<'f> {
    /// Parameters, secrets and the pipe for metrics; in memory.
    pub(super) place: &'f Path,
    /// Outputs.
    pub(super) out: &'f Path,
    /// What the runtime of Python finds.
    pub(super) python: &'f Path,
}

/// The words behind the program's name. `env` are names only: the values are in the environment of the program, which hands them on.
pub(super) fn words(
    engine: Engine,
    name: &str,
    order: &Order,
    image: &str,
    folders: &Folders<'_>,
    env: &[String],
) -> Vec<OsString> {
    let limits = &order.limits;
    let mut words: Vec<OsString> = Vec::new();
    let mut plain = |text: &[&str]| words.extend(text.iter().map(OsString::from));
    plain(&[
        "run",
        "--name",
        name,
        "--pull",
        "missing",
        "--init",
        "--hostname",
        "run",
    ]);
    plain(&["--network", "none", "--read-only", "--cap-drop", "ALL"]);
    plain(&[
        "--security-opt",
        "no-new-privileges",
        "--ipc",
        "private",
        "--log-driver",
        "none",
    ]);
    match engine {
        // This user outside is the task's user inside; root inside is nobody's root outside.
        Engine::Podman => plain(&[
            "--userns",
            "keep-id:uid=1000,gid=1000",
            "--user",
            "1000:1000",
            "--cgroupns",
            "private",
            "--http-proxy=false",
        ]),
        Engine::Docker => {
            let user = format!(
                "{}:{}",
                rustix::process::getuid().as_raw(),
                rustix::process::getgid().as_raw()
            );
            plain(&["--user", &user, "--cgroupns", "private"]);
        }
    }
    plain(&[
        "--memory",
        &format!("{}b", limits.memory_bytes),
        "--memory-swap",
        &format!("{}b", limits.memory_bytes),
    ]);
    plain(&[
        "--cpus",
        &format!("{}.{:03}", limits.milli_cpus / 1000, limits.milli_cpus % 1000),
    ]);
    plain(&[
        "--pids-limit",
        &limits.processes.to_string(),
        "--shm-size",
        &format!("{}b", limits.memory_bytes / 2),
    ]);
    plain(&[
        "--ulimit",
        "core=0",
        "--ulimit",
        "nofile=4096",
        "--ulimit",
        &format!("fsize={}", limits.disk_bytes),
    ]);
    plain(&[
        "--tmpfs",
        &format!("/tmp:rw,nosuid,nodev,mode=1777,size={}", limits.disk_bytes),
    ]);
    for name in env {
        plain(&["--env", name]);
    }
    for (source, target, options) in [
        (order.task.as_path(), "/task", ",readonly"),
        (order.inputs.as_path(), "/in", ",readonly"),
        (folders.python, super::PYTHON_PLACE, ",readonly"),
        (folders.place, "/run/holdfast", ""),
        (folders.out, "/out", ""),
    ] {
        let mut mount = OsString::from("type=bind,source=");
        mount.push(source);
        mount.push(format!(",target={target}{options}"));
        words.extend(["--mount".into(), mount]);
    }
    let mut plain = |text: &[&str]| words.extend(text.iter().map(OsString::from));
    plain(&["--workdir", "/task", image]);
    words.extend(order.argv.iter().map(OsString::from));
    words
}
