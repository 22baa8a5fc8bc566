//! Whether tasks can be carried out here at all. The tests of the node's own crate include this file.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// Whether this computer lets an ordinary user build walls at all; says so where it does not. There no task can be carried out,
/// and there is nothing to test.
#[must_use]
#[allow(clippy::print_stderr, reason = "says what it did not do")]
pub fn walls() -> bool {
    static POSSIBLE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *POSSIBLE.get_or_init(|| {
        let mut command = Command::new("bwrap");
        command.args([
            "--unshare-all",
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
            "--",
            "/bin/true",
        ]);
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        let tried = command.stdin(Stdio::null()).output();
        let possible = tried.as_ref().is_ok_and(|output| output.status.success());
        if !possible {
            eprintln!("skipped: no walls can be built on this computer: {tried:?}");
        }
        possible
    })
}
