//! Clocks and what a process does to itself.

use std::time::{Duration, Instant};

use holdfast_device::{Deadline, SystemClock, forbid_new_privileges, harden_process};
use holdfast_engine::ports::Clock;

use crate::child;

#[test]
fn the_clock_counts_milliseconds() {
    let now = SystemClock.now_ms();
    // 2026-01-01 and 2100-01-01.
    assert!((1_767_225_600_000..4_102_444_800_000).contains(&now), "{now}");
}

#[tokio::test]
async fn a_deadline_passes_once() {
    let far = Deadline::after(Duration::from_secs(3600));
    assert!(!far.expired());
    assert!(far.remaining() > Duration::from_secs(3590));
    assert!(!Deadline::after(Duration::MAX).expired());

    let start = Instant::now();
    let near = Deadline::after(Duration::from_millis(50));
    assert!(!near.expired());
    near.wait().await;
    assert!(near.expired());
    assert!(start.elapsed() >= Duration::from_millis(45));
    assert!(Deadline::after(Duration::ZERO).expired());
}

#[test]
#[ignore = "body of a second process"]
fn harden_child() {
    if child::argument().is_some() {
        harden_process().unwrap();
        forbid_new_privileges().unwrap();
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        println!("core {:?}", core.split_whitespace().skip(4).take(2).collect::<Vec<_>>());
        println!("dumpable {:?}", rustix::process::dumpable_behavior().unwrap());
        println!("no new privileges {}", rustix::thread::no_new_privs().unwrap());
    }
}

#[test]
fn a_hardened_process_keeps_to_itself() {
    let seen = child::run("clock::harden_child", "-".as_ref()).output().unwrap();
    let seen = String::from_utf8(seen.stdout).unwrap();
    for line in ["core [\"0\", \"0\"]", "dumpable NotDumpable", "no new privileges true"] {
        assert!(seen.contains(line), "{line} in:\n{seen}");
    }
}
