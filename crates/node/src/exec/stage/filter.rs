//! System calls that a task does not need and somebody who wants out does. All others work: what is started here is any program at all, so unlike
//! that of a decoder this list says what is refused.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Looking into other processes, keys, mounts, new namespaces, the kernel itself and its clocks; and what was the way out more than once.
const REFUSED: [i64; 55] = [
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_fanotify_init,
    libc::SYS_lookup_dcookie,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    libc::SYS_memfd_secret,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_vhangup,
    libc::SYS_nfsservctl,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// Only where the machine has them.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: [i64; 5] = [
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: [i64; 0] = [];

/// Memory that no process has to have mapped: where the kernel does not count it for us, nobody would.
const UNCOUNTED: [i64; 3] = [libc::SYS_memfd_create, libc::SYS_shmget, libc::SYS_msgget];

/// Namespaces that a new process could be born into.
const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Applies the lists to this process for good, and to all it starts.
pub(super) fn apply(uncounted: bool) -> Result<(), Error> {
    apply_filter(&refused()?)?;
    apply_filter(&not_there(uncounted)?)
}

/// What is answered with "not permitted".
fn refused() -> Result<BpfProgram, Error> {
    let mut rules: Rules = REFUSED
        .iter()
        .chain(&REFUSED_HERE)
        .map(|call| (*call, Vec::new()))
        .collect();
    // Namespaces by their flags. Those of `clone3` are behind a pointer: it is not there at all, and libraries take `clone` then.
    for flag in (0..32)
        .map(|bit| 1u64 << bit)
        .filter(|bit| NAMESPACES.unsigned_abs() & u32::try_from(*bit).unwrap_or(0) != 0)
    {
        add(
            &mut rules,
            libc::SYS_clone,
            vec![SeccompCondition::new(0, Len::Qword, Op::MaskedEq(flag), flag)?],
        )?;
    }
    // Sockets of these families and no others: some, as those between virtual machines, know no namespace.
    let families = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let other = |family: i32| SeccompCondition::new(0, Len::Dword, Op::Ne, u64::from(family.unsigned_abs()));
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        add(
            &mut rules,
            call,
            families.into_iter().map(other).collect::<Result<_, _>>()?,
        )?;
    }
    // Typing on somebody's terminal.
    for request in [libc::TIOCSTI, libc::TIOCLINUX] {
        add(
            &mut rules,
            libc::SYS_ioctl,
            vec![SeccompCondition::new(1, Len::Dword, Op::Eq, request)?],
        )?;
    }
    // Limits of other processes: the first one in here is watched by nobody but itself.
    let theirs = SeccompCondition::new(0, Len::Dword, Op::Ne, 0)?;
    let set = SeccompCondition::new(2, Len::Qword, Op::Ne, 0)?;
    add(&mut rules, libc::SYS_prlimit64, vec![theirs, set])?;
    filter(rules, libc::EPERM)
}

/// What is answered with "no such call", so that programs take another way.
fn not_there(uncounted: bool) -> Result<BpfProgram, Error> {
    let mut rules: Rules = Rules::from([(libc::SYS_clone3, Vec::new())]);
    if uncounted {
        rules.extend(UNCOUNTED.map(|call| (call, Vec::new())));
        // Other processors than it was given.
        rules.insert(libc::SYS_sched_setaffinity, Vec::new());
    }
    filter(rules, libc::ENOSYS)
}

fn add(rules: &mut Rules, call: i64, conditions: Vec<SeccompCondition>) -> Result<(), Error> {
    rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
    Ok(())
}

fn filter(mut rules: Rules, errno: i32) -> Result<BpfProgram, Error> {
    // The same calls by their second numbers, where a kernel has the x32 table. (Those of 32 bits end the process: another machine.)
    if cfg!(target_arch = "x86_64") {
        let again: Vec<_> = rules
            .iter()
            .map(|(call, rules)| (call | 0x4000_0000, rules.clone()))
            .collect();
        rules.extend(again);
        // And those that have a number there only, whatever they are: no program here needs that table.
        rules.extend((512..548).map(|call| (call | 0x4000_0000, Vec::new())));
    }
    let machine = std::env::consts::ARCH.try_into()?;
    let answer = SeccompAction::Errno(errno.unsigned_abs());
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, answer, machine)?.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_can_be_applied() {
        assert!(refused().unwrap().len() < 4096);
        assert!(not_there(true).unwrap().len() > not_there(false).unwrap().len());
    }
}
