//! What a worker gives up before it looks at a file: the network, other processes, files, privileges, and more memory and
//! time than a preview needs. Whoever takes over a decoder finds himself in here.

use std::io;

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[cfg(unix)]
use crate::limits::{CPU_SECONDS, MEMORY};

/// Confines this process for good. It can compute, take memory up to a limit, and use what it has open.
///
/// On Linux: namespaces of its own where the system permits that (no network then, even by mistake), no capabilities, no
/// new privileges, resource limits, and a list of the few system calls that are left; any other fails. Elsewhere on Unix: resource
/// limits, under which nothing can be opened or started.
///
/// # Errors
/// When one of these is refused (namespaces aside): nothing should be decoded then.
pub fn confine() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    linux::own_namespaces();
    #[cfg(unix)]
    limit()?;
    #[cfg(target_os = "linux")]
    linux::give_up_rights()?;
    #[cfg(target_os = "linux")]
    linux::few_calls()?;
    Ok(())
}

#[cfg(unix)]
fn limit() -> io::Result<()> {
    // Before files can't be opened any more.
    let memory = taken().saturating_add(MEMORY);
    let limits = [
        (Resource::As, memory),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
        (Resource::Nofile, 0),
    ];
    for (resource, limit) in limits {
        // What is lower already stays: an upper limit can't be raised again.
        let most = getrlimit(resource).maximum.map_or(limit, |most| most.min(limit));
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)?;
    }
    Ok(())
}

/// Address space in use: a program that shows windows begins with much of it.
#[cfg(unix)]
fn taken() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = statm.split(' ').next().and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::io;

    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    use rustix::thread::{CapabilitySet, CapabilitySets, UnshareFlags, set_capabilities, set_no_new_privs};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        apply_filter_all_threads,
    };

    /// Systems differ in whether a program may do this; the other walls stand without it.
    pub(super) fn own_namespaces() {
        let all = UnshareFlags::NEWUSER | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
        #[expect(deprecated, reason = "what is unsafe about it is FILES, which is not asked for")]
        let _ = rustix::thread::unshare(all);
    }

    pub(super) fn give_up_rights() -> io::Result<()> {
        set_no_new_privs(true)?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        let none = CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        };
        Ok(set_capabilities(None, none)?)
    }

    /// All that is left: to use what is open, to take and give back memory that is not executed, to know the time, to end.
    pub(super) fn few_calls() -> io::Result<()> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
            libc::SYS_read,
            libc::SYS_write,
            libc::SYS_readv,
            libc::SYS_writev,
            libc::SYS_close,
            libc::SYS_munmap,
            libc::SYS_mremap,
            libc::SYS_madvise,
            libc::SYS_brk,
            libc::SYS_futex,
            // Libraries of a program that shows windows may start a thread when they are loaded: it registers itself.
            libc::SYS_set_robust_list,
            libc::SYS_rseq,
            libc::SYS_sigaltstack,
            libc::SYS_rt_sigaction,
            libc::SYS_rt_sigprocmask,
            libc::SYS_rt_sigreturn,
            libc::SYS_sched_yield,
            libc::SYS_clock_gettime,
            libc::SYS_getrandom,
            libc::SYS_restart_syscall,
            libc::SYS_exit,
            libc::SYS_exit_group,
        ]
        .into_iter()
        .map(|call| (call, Vec::new()))
        .collect();
        let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
        for call in [libc::SYS_mmap, libc::SYS_mprotect] {
            let condition = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(executable), 0);
            let rule = condition
                .and_then(|condition| SeccompRule::new(vec![condition]))
                .map_err(io::Error::other)?;
            rules.insert(call, vec![rule]);
        }
        let machine = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
        let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(rules, refused, SeccompAction::Allow, machine).map_err(io::Error::other)?;
        let program: BpfProgram = filter.try_into().map_err(io::Error::other)?;
        apply_filter_all_threads(&program).map_err(io::Error::other)
    }
}
