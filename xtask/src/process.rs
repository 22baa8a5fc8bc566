//! Running other programs, and ending with the exit code that says what happened.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Error, Result};

/// An error that carries its exit code. An empty message means that all was said already.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl Exit {
    /// Something was asked for that does not exist, or the machine is not ready: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Error {
        Error::new(Self {
            code: 2,
            message: message.into(),
        })
    }

    /// A check, a test or a bench failed: exit code 1.
    pub(crate) fn failed(message: impl Into<String>) -> Error {
        Error::new(Self {
            code: 1,
            message: message.into(),
        })
    }

    /// As [`Exit::failed`], when the program that failed has printed why.
    pub(crate) fn silent() -> Error {
        Self::failed("")
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exit {}

/// Returns where `program` is on the PATH.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.with_extension("exe").is_file()
}

/// Prints the command as one would type it, runs it with our terminal, and says if it succeeded.
pub(crate) fn show_and_run(command: &mut Command) -> Result<bool> {
    eprintln!("$ {}", line_of(command));
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", line_of(command)))?;
    Ok(status.success())
}

/// Runs quietly; says if it succeeded. A program that is not there did not succeed.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Runs and returns what was printed on standard output.
///
/// # Errors
///
/// When the program cannot be started, ends with another code than 0, or prints no text.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", line_of(command)))?;
    anyhow::ensure!(
        output.status.success(),
        "{} ended with {}",
        line_of(command),
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("{} printed no text", line_of(command)))
}

/// The command as one would type it.
pub(crate) fn line_of(command: &Command) -> String {
    let mut line = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    for arg in command.get_args() {
        let arg = arg.to_string_lossy();
        line.push(' ');
        if arg.is_empty() || arg.contains([' ', '(', '|', '&', '*', '$', '"']) {
            line.push_str(&format!("'{arg}'"));
        } else {
            line.push_str(&arg);
        }
    }
    line
}

/// Says whether this is an automatic run, in which nobody can be asked anything.
pub(crate) fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
