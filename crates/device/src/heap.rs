//! A C library that overwrites what it frees.
//!
//! Rust's own memory is wiped when it is given back: the programs' global allocator sees to it. But some is the C library's: the
//! names of files in a folder as the system lists them, what other libraries hand on. glibc can be told to overwrite what is freed
//! (`glibc.malloc.perturb`), and only at a program's start. Small pieces that a thread keeps for its next call (the tcache) are passed
//! over by that and are switched off.

use std::io;
use std::process::Command;

/// For glibc's loader.
const VARIABLE: &str = "GLIBC_TUNABLES";
const WIPING: &str = "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0";
/// Set in the second start: a loader that ignores the other one (of a privileged program) must not make a third.
const AGAIN: &str = "HOLDFAST_HEAP_WIPED";

/// The variable to start a program with so that what its C library frees is overwritten, and its value.
#[must_use]
pub fn wiping_heap() -> (&'static str, String) {
    (VARIABLE, tunables(std::env::var(VARIABLE).ok()))
}

/// Starts this program anew, in its own place, with a C library that wipes and more variables, unless that has been done. Call it
/// before any secret is read. Without glibc it does nothing.
///
/// # Errors
/// Where the program could not be started: go on with the one there is.
pub fn start_wiping(more: &[(&str, &str)]) -> io::Result<()> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) || std::env::var_os(AGAIN).is_some() {
        return Ok(());
    }
    let mut args = std::env::args_os();
    let name = args.next();
    let mut again = Command::new(std::env::current_exe()?);
    let (variable, value) = wiping_heap();
    again
        .args(args)
        .envs(more.iter().copied())
        .env(AGAIN, "1")
        .env(variable, value);
    replace(again, name)
}

/// What somebody set stays set; of two values for one thing the last one counts.
fn tunables(set: Option<String>) -> String {
    match set.filter(|set| !set.is_empty()) {
        Some(set) => format!("{set}:{WIPING}"),
        None => WIPING.to_owned(),
    }
}

#[cfg(unix)]
fn replace(mut program: Command, name: Option<std::ffi::OsString>) -> io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    if let Some(name) = name {
        program.arg0(name);
    }
    Err(program.exec())
}

#[cfg(not(unix))]
fn replace(_: Command, _: Option<std::ffi::OsString>) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_stays() {
        assert_eq!(tunables(None), WIPING);
        assert_eq!(tunables(Some(String::new())), WIPING);
        assert_eq!(tunables(Some("a.b=1".into())), format!("a.b=1:{WIPING}"));
    }
}
