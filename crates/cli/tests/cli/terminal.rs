//! What stands on a terminal's screen, by way of a real one (a pseudo-terminal).

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::Bench;

/// A value that is typed for `--field NAME=-` is not echoed.
#[test]
fn a_value_that_is_typed_is_not_seen() {
    let bench = Bench::new();
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = File::options()
        .read(true)
        .write(true)
        .open(std::ffi::OsStr::from_bytes(name.as_bytes()))
        .unwrap();
    let add = ["secret", "add", "--type", "note", "--name", "x", "--field", "text=-"];
    let inner = bench.command(add);
    // `setsid` makes the terminal that of the program, as a shell would.
    let mut outer = Command::new("setsid");
    outer
        .arg("--ctty")
        .arg(inner.get_program())
        .args(inner.get_args())
        .env_clear();
    for (name, value) in inner.get_envs() {
        outer.env(name, value.unwrap());
    }
    let mut child = outer
        .stdin(terminal)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(outer);
    let until = Instant::now() + Duration::from_secs(30);
    while tcgetattr(&master).unwrap().local_modes.contains(LocalModes::ECHO) {
        assert!(Instant::now() < until, "it never stopped to echo");
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut master = File::from(master);
    master.write_all(b"hunter2\n").unwrap();
    let mut screen = Vec::new();
    // Ends with an error when the last one who had the terminal is gone.
    let _ = master.read_to_end(&mut screen);
    let screen = String::from_utf8_lossy(&screen);
    assert!(screen.contains("text: ") && !screen.contains("hunter2"), "{screen}");
    // Nobody has an account here; what matters is that the value was read before.
    assert_eq!(child.wait().unwrap().code(), Some(11));
}
