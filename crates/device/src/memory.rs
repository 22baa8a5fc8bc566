//! Keeping keys out of the swap file.

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
}
