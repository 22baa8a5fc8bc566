//! What the C library frees is overwritten at once.
//!
//! An answer to the page, which may be a secret that was revealed, is copied by the library that hands it over, with `malloc`, and
//! freed as it is. So the program starts itself anew, once, in its own place, with a C library that wipes (`holdfast_device::start_wiping`).
//! WebKit brings a heap of its own, which does not wipe; in this program it takes the C library's instead (`Malloc`, as its
//! developers do to look for faults).
//! The web processes must not inherit it: what draws there (Mesa) reads memory that it has freed, and dies of what is in it then. A
//! page that saw a secret ends with its process anyway.

/// For glibc's loader.
#[cfg(target_os = "linux")]
const VARIABLE: &str = "GLIBC_TUNABLES";
/// For WebKit: any value.
const WEBKIT: &str = "Malloc";

/// Starts this program anew with a C library that wipes, unless that has been done. Call it before anything else: it returns where
/// there is nothing to do, or an error where the program could not be started.
pub(crate) fn start_wiping() -> std::io::Result<()> {
    holdfast_device::start_wiping(&[(WEBKIT, "1")])?;
    forget();
    Ok(())
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
