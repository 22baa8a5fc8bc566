//! Keeping keys out of the swap file, and off the stacks of threads.

/// Locks the pages on which these bytes lie into memory (`mlock`), up to what the system allows this user (`RLIMIT_MEMLOCK`). Says
/// whether it did.
///
/// They stay locked until the process ends: the pages of a heap are used again, and another key may lie beside this one. Asking again
/// for the same page changes nothing.
#[must_use]
pub fn keep_in_memory(bytes: &[u8]) -> bool {
    if bytes.is_empty() {
        return true;
    }
    let locked = region::lock(bytes.as_ptr(), bytes.len());
    // The guard would unlock the page under its neighbours.
    locked.map(std::mem::forget).is_ok()
}

/// How much of a thread's stack is overwritten: more than what is used below the place where a thread waits for work.
const DEEP: usize = 128 << 10;

/// Overwrites what this thread's stack holds below this call: copies that functions made for a moment and left there, names of files
/// above all. To be called where a thread has nothing to do.
#[inline(never)]
#[allow(clippy::large_stack_arrays, reason = "it is the stack that is meant")]
pub fn wipe_stack() {
    let mut room = [0_u8; DEEP];
    // Somebody might look at it: so it is really written.
    std::hint::black_box(&mut room);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_locked() {
        let locked = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        assert_eq!(locked(), 0);
        let key = vec![7_u8; 32];
        assert!(keep_in_memory(&key) && keep_in_memory(&[]));
        let one = locked();
        assert!(one > 0);
        assert!(keep_in_memory(&key));
        assert_eq!(locked(), one, "once is enough");
    }

    #[test]
    fn what_functions_left_on_the_stack_is_overwritten() {
        const MARK: u8 = 0x5e;
        #[inline(never)]
        #[allow(clippy::large_stack_arrays, reason = "it is the stack that is looked at")]
        fn leave() -> usize {
            let marks = [MARK; 64 << 10];
            std::hint::black_box(&marks).as_ptr().addr()
        }
        // The lowest of it lies far below what looking needs.
        let at = leave();
        let left = || {
            use std::os::unix::fs::FileExt as _;
            let mut bytes = vec![0; 1024];
            let memory = std::fs::File::open("/proc/self/mem").unwrap();
            memory.read_exact_at(&mut bytes, at as u64).unwrap();
            bytes.iter().filter(|byte| **byte == MARK).count()
        };
        assert_eq!(left(), 1024);
        wipe_stack();
        assert_eq!(left(), 0);
    }
}
