//! The time of day, and deadlines that suspend does not stretch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use holdfast_engine::ports::Clock;

/// The computer's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Milliseconds since 1970; 0 if the clock stands before that.
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A point in time that is reached even if the computer sleeps through it: `CLOCK_BOOTTIME`, which counts suspend
/// and which nobody can set, unlike the time of day. For auto-lock: a laptop that was closed for the night must
/// wake up locked. Where there is no such clock (macOS), the monotonic one, which stops in sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Duration);

/// How long [`Deadline::wait`] trusts a timer: timers stand still in suspend, so it looks again this often.
const LOOK: Duration = Duration::from_secs(2);

impl Deadline {
    /// The deadline `span` from now.
    #[must_use]
    pub fn after(span: Duration) -> Self {
        Self(since_boot().saturating_add(span))
    }

    /// Whether it has passed.
    #[must_use]
    pub fn expired(&self) -> bool {
        self.remaining().is_zero()
    }

    /// How long until it passes; zero once it has.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.0.saturating_sub(since_boot())
    }

    /// Comes back once it has passed; after a suspend, at most two seconds after waking up.
    pub async fn wait(&self) {
        loop {
            let remaining = self.remaining();
            if remaining.is_zero() {
                return;
            }
            // Never shorter than a millisecond, the timer's grain: no busy loop at the end.
            tokio::time::sleep(remaining.min(LOOK).max(Duration::from_millis(1))).await;
        }
    }
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(
        u64::try_from(now.tv_sec).unwrap_or(0),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}
