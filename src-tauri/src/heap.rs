//! What the C library frees is overwritten at once.
//!
//! Rust's own memory is wiped when it is given back (the global allocator sees to it). But an answer to the page, which may be a
//! secret that was revealed, is copied by the library that hands it over, with `malloc`, and freed as it is. glibc can be told to
//! overwrite what is freed (`glibc.malloc.perturb`), and only at a program's start: so the program starts itself anew, once, in
//! its own place. Small pieces that a thread keeps for its next call (the tcache) are passed over by that and are switched off.
//! WebKit brings a heap of its own, which does not wipe; in this program it takes the C library's instead (`Malloc`, as its
//! developers do to look for faults).
//! The web processes must not inherit it: what draws there (Mesa) reads memory that it has freed, and dies of what is in it then. A
//! page that saw a secret ends with its process anyway.

use std::process::Command;

/// For glibc's loader.
const VARIABLE: &str = "GLIBC_TUNABLES";
/// For WebKit: any value.
const WEBKIT: &str = "Malloc";
const WIPING: &str = "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0";
/// Set in the second start: a loader that ignores the other one (of a privileged program) must not make a third.
const AGAIN: &str = "HOLDFAST_HEAP_WIPED";

/// Starts this program anew with a C library that wipes, unless that has been done. Call it before anything else: it returns where
/// there is nothing to do, or an error where the program could not be started.
pub(crate) fn start_wiping() -> std::io::Result<()> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return Ok(());
    }
    if std::env::var_os(AGAIN).is_some() {
        forget();
        return Ok(());
    }
    let mut args = std::env::args_os();
    let name = args.next();
    let mut again = Command::new(std::env::current_exe()?);
    again
        .args(args)
        .env(AGAIN, "1")
        .env(WEBKIT, "1")
        .env(VARIABLE, tunables(std::env::var(VARIABLE).ok()));
    replace(again, name)
}

/// The loader has read it.
#[cfg(target_os = "linux")]
fn forget() {
    gio::glib::unsetenv(VARIABLE);
}

#[cfg(not(target_os = "linux"))]
fn forget() {}

/// Lets WebKit choose its heap, before its first page: those who draw pages choose for themselves, and theirs is the faster one.
pub(crate) fn settle_webkit() {
    #[cfg(target_os = "linux")]
    {
        // The first thing it makes decides for all.
        let _ = webkit2gtk::Settings::new();
        gio::glib::unsetenv(WEBKIT);
    }
}

/// What somebody set stays set; of two values for one thing the last one counts.
fn tunables(set: Option<String>) -> String {
    match set.filter(|set| !set.is_empty()) {
        Some(set) => format!("{set}:{WIPING}"),
        None => WIPING.to_owned(),
    }
}

#[cfg(unix)]
fn replace(mut program: Command, name: Option<std::ffi::OsString>) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt as _;
    if let Some(name) = name {
        program.arg0(name);
    }
    Err(program.exec())
}

#[cfg(not(unix))]
fn replace(_: Command, _: Option<std::ffi::OsString>) -> std::io::Result<()> {
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
