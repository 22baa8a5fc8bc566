//! What a process can do, without `unsafe`, so that its memory stays its own.
//!
//! Not here: locking keys against swap, which is `keep_in_memory`.

use std::io;

/// Lets this process leave no core dump and, on Linux, be neither attached to by a debugger of the same user nor
/// have its `/proc/PID/mem` read by one (`PR_SET_DUMPABLE`; root still can). Call it first thing in `main`,
/// before any secret is read. Programs started from here get the core limit too, not the rest.
///
/// # Errors
/// When the system refuses: then the process is as open as any other; say so and go on.
pub fn harden_process() -> io::Result<()> {
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(rustix::process::Resource::Core, none)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Lets neither this thread nor what is started from it from now on gain rights through setuid programs (`sudo`
/// among them) or file capabilities; there is no way back. Call it before other threads exist. For the agent and
/// for what runs other people's code, not for commands that start the user's own programs. Elsewhere than on
/// Linux it does nothing.
///
/// # Errors
/// When the system refuses.
pub fn forbid_new_privileges() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}
