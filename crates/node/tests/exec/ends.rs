//! How runs end.

use std::io::BufRead as _;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::{Node, Trial, soon};

#[test]
fn a_task_that_ends_by_itself() {
    if !crate::support::walls() {
        return;
    }
    let node = Node::new();
    for (program, how) in [
        ("exit 0", "Exited(0)"),
        ("exit 7", "Exited(7)"),
        ("kill -SEGV $$", "Signalled(11)"),
        ("kill -KILL $$", "Signalled(9)"),
    ] {
        assert_eq!(node.run(&Trial::shell("", program)).how(), how, "{program}");
    }
}

#[test]
fn a_runtime_that_is_not_there() {
    if !crate::support::walls() {
        return;
    }
    let shown = Node::new().run(&Trial::of("r", "", ""));
    if shown.how() != "Exited(0)" {
        assert!(
            shown.how().starts_with("CouldNotStart") && shown.how().contains("Rscript"),
            "{shown:?}"
        );
    }
}

#[test]
fn a_task_that_hangs() {
    if !crate::support::walls() {
        return;
    }
    let stubborn = "trap '' TERM INT HUP\nwhile :; do sleep 1; done";
    let started = Instant::now();
    let shown = Node::new().run(&Trial::shell("[limits]\ntime = \"2 s\"", stubborn));
    assert_eq!(shown.how(), "OverLimit(Time)");
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_fork_bomb() {
    if !crate::support::walls() {
        return;
    }
    let manifest = "[limits]\nprocesses = 60\ntime = \"5 s\"";
    let shown = Node::new().run(&Trial::shell(manifest, "while :; do sleep 60 & done"));
    assert_eq!(shown.how(), "OverLimit(Processes)", "{shown:?}");
    assert!(shown.number("peak_processes") <= 60 + 15 + 16, "{shown:?}");
    // This one grows to what the kernel permits and dies of it, maybe between two looks; what is left waits for its time to be up.
    let shown = Node::new().run(&Trial::shell(manifest, "bomb() { bomb | bomb & }\nbomb\nsleep 60"));
    assert!(
        ["OverLimit(Processes)", "OverLimit(Time)"].contains(&shown.how()),
        "{shown:?}"
    );
    assert!(shown.number("peak_processes") <= 60 + 15 + 16, "{shown:?}");
}

#[test]
fn threads_count_as_well() {
    if !crate::support::walls() {
        return;
    }
    let program =
        "import threading, time\nfor _ in range(200): threading.Thread(target=time.sleep, args=(60,)).start()";
    let shown = Node::new().run(&Trial::python("[limits]\nprocesses = 60\ntime = \"20 s\"", program));
    assert_eq!(shown.how(), "OverLimit(Processes)", "{shown:?}");
}

#[test]
fn a_task_that_fills_the_disk() {
    if !crate::support::walls() {
        return;
    }
    let manifest = "[limits]\ndisk = \"20 MiB\"\ntime = \"30 s\"";
    for place in ["/out", "/tmp"] {
        let program = format!("cat /dev/zero > {place}/much");
        let shown = Node::new().run(&Trial::shell(manifest, &program));
        assert_eq!(shown.how(), "OverLimit(Disk)", "{place} {shown:?}");
        assert!(
            shown.end["usage"].as_str().unwrap().contains("disk_bytes: 2097152"),
            "exactly: {shown:?}"
        );
    }
    // A file that only says that it is large, and then one that is; both are longer than a file may be.
    let shown = Node::new().run(&Trial::shell(manifest, "truncate -s 1T /out/sparse"));
    assert_eq!(shown.how(), "OverLimit(Disk)", "{shown:?}");
    // What fits is kept, and the task may do without the rest.
    let program = "head -c 1000000 /dev/zero > /out/little; cat /dev/zero > /tmp/much; rm /tmp/much; exit 0";
    let shown = Node::new().run(&Trial::shell(manifest, program));
    assert_eq!(
        (shown.how(), &shown.end["files"]["little"][0]),
        ("Exited(0)", &json!(1_000_000)),
        "{shown:?}"
    );
}

#[test]
fn a_task_that_makes_files_without_end() {
    if !crate::support::walls() {
        return;
    }
    let program = "import os\nn = 0\nwhile True:\n  os.mknod('/tmp/%d' % n)\n  n += 1";
    let shown = Node::new().run(&Trial::python("[limits]\ntime = \"60 s\"", program));
    assert_eq!(shown.how(), "OverLimit(Disk)", "{shown:?}");
}

#[test]
fn a_task_that_eats_memory() {
    if !crate::support::walls() {
        return;
    }
    let manifest = "[limits]\nmemory = \"200 MiB\"\ntime = \"30 s\"";
    let one = "a = []\nwhile True: a.append(b'x' * (1 << 20))";
    let many = "import os, time\nfor _ in range(8): os.fork()\na = b'x' * (4 << 20)\ntime.sleep(60)";
    let shared = "import mmap\nf = open('/dev/shm/x', 'wb')\nwhile True: f.write(b'x' * (1 << 20))";
    for program in [one, many] {
        let shown = Node::new().run(&Trial::python(manifest, program));
        assert_eq!(shown.how(), "OverLimit(Memory)", "{program} {shown:?}");
        assert!(shown.number("peak_memory") > 200 << 20, "{shown:?}");
    }
    // Memory without a process has its own size, and is no way around.
    let shown = Node::new().run(&Trial::python(manifest, shared));
    assert!(
        shown.err.contains("No space left") && shown.how() == "Exited(1)",
        "{shown:?}"
    );
    // All at once: more than a look sees in time is not given out.
    let shown = Node::new().run(&Trial::python(manifest, "a = bytearray(3 << 30)"));
    assert!(["Exited(1)", "OverLimit(Memory)"].contains(&shown.how()), "{shown:?}");
    assert!(shown.number("peak_memory") < 2 << 30, "{shown:?}");
}

#[test]
fn a_task_that_may_use_what_it_was_given() {
    if !crate::support::walls() {
        return;
    }
    let manifest = "[limits]\nmemory = \"400 MiB\"\nprocesses = 30";
    // Pages that many processes share count once.
    let program = "import os, time\na = b'x' * (100 << 20)\nkids = []\nfor _ in range(10):\n  pid = os.fork()\n  if pid == 0:\n    time.sleep(1)\n    os._exit(0)\n  kids.append(pid)\nfor kid in kids: os.waitpid(kid, 0)";
    let shown = Node::new().run(&Trial::python(manifest, program));
    assert_eq!(shown.how(), "Exited(0)", "{shown:?}");
    assert!(shown.number("peak_processes") >= 11, "{shown:?}");
    let busy = "import time\nwhile time.process_time() < 1: pass";
    let shown = Node::new().run(&Trial::python("", busy));
    assert!((900..3000).contains(&shown.number("cpu_ms")), "{shown:?}");
}

#[test]
fn processes_that_are_left_behind_end_with_the_task() {
    if !crate::support::walls() {
        return;
    }
    let daemon = r#"
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3): os.close(fd)
        import signal
        for number in range(1, 32):
            try: signal.signal(number, signal.SIG_IGN)
            except OSError: pass
        while True:
            open("/tmp/beat", "w").write(str(time.time()))
    os._exit(0)
time.sleep(0.3)
print(os.path.exists("/tmp/beat"))
"#;
    let shown = Node::new().run(&Trial::python("", daemon));
    assert_eq!((shown.how(), shown.out.trim()), ("Exited(0)", "True"), "{shown:?}");
    let shown = Node::new().run(&Trial::shell("", "sleep 1000 & nohup sleep 1000 > /dev/null 2>&1 &"));
    assert_eq!(shown.how(), "Exited(0)");
}

#[test]
fn stopped_in_the_middle() {
    if !crate::support::walls() {
        return;
    }
    let node = Node::new();
    let kind = "import signal, sys, time\ndef end(*_):\n  open('/out/checkpoint', 'w').write('half')\n  sys.exit(0)\nsignal.signal(signal.SIGTERM, end)\nprint('on', flush=True)\ntime.sleep(60)";
    let started = Instant::now();
    let shown = node.run(&Trial::python("", kind).with("stop_ms", json!(1500)));
    assert_eq!(shown.how(), "Stopped");
    assert_eq!(shown.end["files"]["checkpoint"][1], "half", "{shown:?}");
    let stubborn = "trap '' TERM\nwhile :; do sleep 1; done";
    let shown = node.run(
        &Trial::shell("", stubborn)
            .with("stop_ms", json!(500))
            .with("grace_ms", json!(500)),
    );
    assert_eq!(shown.how(), "Stopped");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_node_that_is_killed_leaves_nothing_that_goes_on() {
    if !crate::support::walls() {
        return;
    }
    let node = Node::new();
    let trial = Trial::shell("", "trap '' TERM HUP\nsleep 1000 &\nwhile :; do sleep 1; done");
    let (mut child, lines) = node.start(&trial.with("inputs", json!({ "raw": "private" })));
    let mut lines = lines.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("started")));
    soon("its processes are there", || node.processes().len() >= 3);
    let left = node.folder().join("state/runs/run-1/in/raw");
    assert!(left.exists());
    kill_process(Pid::from_child(&child.0), Signal::KILL).unwrap();
    child.0.wait().unwrap();
    soon("its processes are gone", || node.processes().is_empty());
    assert!(left.exists(), "until the next start");
    let shown = node.run(&Trial::shell("", "exit 0"));
    assert_eq!(shown.how(), "Exited(0)");
    assert!(!left.exists());
}
