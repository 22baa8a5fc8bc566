//! The words, and an engine that only pretends: a real one is on few machines for tests. What a container really keeps in is not shown here.

use std::os::unix::fs::PermissionsExt as _;

use holdfast_task::Image;

use super::super::{Secret, Workspace, Workspaces};
use std::collections::BTreeMap;

use super::super::ended::{How, Limit};
use super::words::{Folders, words};
use super::*;

const IMAGE: &str = "docker.io/library/python@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn order(run: &Workspace) -> Order {
    let mut order = Order::new(run, ["python3", "/task/main.py"].map(str::to_owned).to_vec());
    order.image = Some(Image::parse(IMAGE).unwrap());
    order
        .env
        .insert("HUB_TOKEN".to_owned(), Secret::from("nobody sees this"));
    let field = BTreeMap::from([("key".to_owned(), Secret::from("nor this one"))]);
    order.secrets.insert("hub".to_owned(), field);
    order
}

/// What Podman and Docker say of themselves where they hold all limits.
const INFO: &str = r#"{"host":{"cgroupControllers":["cpuset","cpu","memory","pids"]},"MemoryLimit":true,"PidsLimit":true,"CpuCfsQuota":true}"#;

/// An engine that says so, and else does as the script says.
fn answering(script: &str) -> String {
    format!("if [ \"$1\" = info ]; then echo '{INFO}'; exit 0; fi\n{script}")
}

/// A folder with a program that looks like an engine.
fn pretended(folder: &Path, name: &str, script: &str) -> Vec<PathBuf> {
    let program = folder.join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    vec![folder.to_path_buf()]
}

#[test]
fn a_container_gets_nothing_that_it_need_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let workspaces = Workspaces::open(folder.path()).unwrap();
    let run = workspaces.create().unwrap();
    let order = order(&run);
    let folders = Folders {
        place: Path::new("/dev/shm/x"),
        out: Path::new("/runs/out"),
        python: Path::new("/runs/python"),
    };
    for engine in [Engine::Podman, Engine::Docker] {
        let words = words(engine, "holdfast-1", &order, IMAGE, &folders, &["HUB_TOKEN".to_owned()]);
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let line = words.join(" ");
        for needed in [
            "--network none",
            "--read-only",
            "--cap-drop ALL",
            "--security-opt no-new-privileges",
            "--memory 2147483648b --memory-swap 2147483648b",
            "--cpus 1.000",
            "--pids-limit 512",
            "--tmpfs /tmp:rw,nosuid,nodev,mode=1777,size=1073741824",
            "--env HUB_TOKEN ",
            ",target=/task,readonly",
            ",target=/in,readonly",
            "source=/runs/out,target=/out ",
        ] {
            assert!(line.contains(needed), "{needed}: {line}");
        }
        assert!(line.ends_with(&format!("{IMAGE} python3 /task/main.py")), "{line}");
        for secret in ["nobody", "nor this", "--privileged", "docker.sock", "--device"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

#[test]
fn an_engine_that_does_not_answer_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let why = |folders: &[PathBuf]| Container::find_in(folders).err().map(|error| error.to_string());
    assert_eq!(
        why(&[folder.path().to_path_buf()]).unwrap(),
        "Podman or Docker is not installed"
    );
    let folders = pretended(
        folder.path(),
        "docker",
        "echo 'Cannot connect to the daemon.' >&2; exit 1",
    );
    assert_eq!(
        why(&folders).unwrap(),
        "docker does not work here: Cannot connect to the daemon."
    );
    // Another one that answers is taken.
    let folders = pretended(folder.path(), "podman", &answering("echo podman version 5"));
    let found = Container::find_in(&folders).unwrap();
    assert_eq!(
        (found.engine, found.version.as_str()),
        (Engine::Podman, "podman version 5")
    );
}

/// As rootless Podman on a computer with the first version of cgroups: it would only warn.
#[test]
fn an_engine_that_holds_no_limits_is_none() {
    let folder = tempfile::tempdir().unwrap();
    for (info, missing) in [
        (r#"{"host":{"cgroupControllers":[]}}"#, "memory, pids, cpu"),
        (r#"{"host":{"cgroupControllers":["memory","pids"]}}"#, "cpu"),
        ("{}", "memory, pids, cpu"),
        ("nothing that makes sense", "memory, pids, cpu"),
    ] {
        let folders = pretended(folder.path(), "podman", &format!("echo '{info}'"));
        let why = Container::find_in(&folders).err().map(|error| error.to_string());
        let said =
            format!("podman does not work here: it can't limit {missing} for this user (no cgroup v2 of its own)");
        assert_eq!(why, Some(said));
    }
    let script = INFO.replace(r#""PidsLimit":true"#, r#""PidsLimit":false"#);
    let folders = pretended(folder.path(), "docker", &format!("echo '{script}'"));
    std::fs::remove_file(folder.path().join("podman")).unwrap();
    let why = Container::find_in(&folders).err().map(|error| error.to_string());
    assert!(why.unwrap().contains("can't limit pids for"));
}

async fn carried_out(script: &str, stop_after: Option<Duration>) -> (Ended, Vec<Event>, String) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let script = format!(
        "echo \"$@\" >> {}\ncase $1 in info|--version|rm) exit 0;; esac\n{script}",
        log.display()
    );
    let container = Container::find_in(&pretended(folder.path(), "podman", &answering(&script))).unwrap();
    let workspaces = Workspaces::open(&folder.path().join("runs")).unwrap();
    let run = workspaces.create().unwrap();
    let mut order = order(&run);
    order.limits.time = Duration::from_secs(3);
    order.limits.disk_bytes = 1 << 20;
    order.grace = Duration::from_millis(300);
    let stop = CancellationToken::new();
    if let Some(after) = stop_after {
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            stop.cancel();
        });
    }
    let (events, mut heard) = mpsc::channel(64);
    let telling = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(event) = heard.recv().await {
            all.push(event);
        }
        all
    });
    let ended = container.run(order, events, stop).await;
    (ended, telling.await.unwrap(), fs::read_to_string(log).unwrap())
}

#[tokio::test]
async fn a_run_is_heard_ended_and_removed() {
    let program = r#"
        for word; do case $word in *target=/run/holdfast) place=${word#*source=};; *target=/out) out=${word#*source=};; esac; done
        place=${place%%,*}; out=${out%%,*}
        echo "$HUB_TOKEN and $(cat $place/secrets/hub/key)"; echo '{"name":"x","value":1}' > $place/metrics
        echo kept > $out/result; exit 3"#;
    let (ended, events, log) = carried_out(program, None).await;
    assert_eq!((ended.how, ended.clean), (How::Exited(3), true));
    assert!(events.contains(&Event::Out(b"*** and ***\n".to_vec())), "{events:?}");
    assert!(
        events.iter().any(|event| matches!(event, Event::Metric(_))),
        "{events:?}"
    );
    assert!(log.lines().last().unwrap().starts_with("rm --force"), "{log}");
    let name = log
        .split("--name ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap();
    assert!(
        name.starts_with(PREFIX) && !Path::new(MEMORY).join(name).exists(),
        "{log}"
    );
}

#[tokio::test]
async fn a_run_that_goes_on_is_ended() {
    let (ended, _, _) = carried_out("exec sleep 60", None).await;
    assert_eq!(ended.how, How::OverLimit(Limit::Time));
    let (ended, _, log) = carried_out(
        "case $1 in kill) exit 0;; esac; exec sleep 60",
        Some(Duration::from_millis(200)),
    )
    .await;
    assert_eq!(ended.how, How::Stopped);
    assert!(log.contains("kill --signal TERM holdfast-run-"), "{log}");
    let fills = "for word; do case $word in *target=/out) out=${word#*source=};; esac; done; head -c 5000000 /dev/zero > ${out%%,*}/x; exec sleep 60";
    let (ended, _, _) = carried_out(fills, None).await;
    assert_eq!(ended.how, How::OverLimit(Limit::Disk));
    let (ended, _, _) = carried_out("exit 125", None).await;
    assert!(matches!(ended.how, How::CouldNotStart(_)));
}

#[test]
fn what_a_killed_node_left_is_ended_and_wiped() {
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("memory");
    // No process has the first number, and this one the other.
    let (gone, here) = (
        format!("{PREFIX}99999999-0"),
        format!("{PREFIX}{}-0", std::process::id()),
    );
    for name in [&gone, &here] {
        fs::create_dir_all(memory.join(name).join("secrets")).unwrap();
    }
    let script = format!("echo \"$@\" >> {}", folder.path().join("log").display());
    let container = Container::find_in(&pretended(folder.path(), "docker", &answering(&script))).unwrap();
    container.sweep(&memory);
    assert!(!memory.join(&gone).exists() && memory.join(&here).exists());
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(log.lines().last().unwrap(), format!("rm --force {gone}"));
}
