//! Second processes: this test binary again, running one ignored test as its body.

use std::path::Path;
use std::process::{Command, Stdio};

/// A command that runs the ignored test `name` alone in a process of its own. `TEST_ARGUMENT` carries the argument.
pub(crate) fn run(name: &str, argument: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
        .env("TEST_ARGUMENT", argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// The argument, in the child; `None` when somebody runs the ignored tests by hand.
pub(crate) fn argument() -> Option<std::path::PathBuf> {
    std::env::var_os("TEST_ARGUMENT").map(Into::into)
}
