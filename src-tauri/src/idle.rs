//! Locking by itself: after a while without a hand on mouse or keyboard. Time asleep counts.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holdfast_device::Deadline;

use crate::desk::Desk;
use crate::types::Event;

/// How long before locking the page is told.
const WARNING: Duration = Duration::from_secs(30);

/// When to lock.
pub(crate) struct Idle {
    minutes: AtomicU32,
    busy: AtomicU32,
    deadline: Mutex<Deadline>,
}

impl Idle {
    /// Locks after that many minutes; 0 is never.
    pub(crate) fn new(minutes: u32) -> Self {
        Self {
            minutes: AtomicU32::new(minutes),
            busy: AtomicU32::new(0),
            deadline: Mutex::new(Deadline::after(span(minutes))),
        }
    }

    /// From now on after that many minutes.
    pub(crate) fn set_minutes(&self, minutes: u32) {
        self.minutes.store(minutes, Ordering::SeqCst);
        self.used();
    }

    /// Somebody is there: the time starts anew.
    pub(crate) fn used(&self) {
        let deadline = Deadline::after(span(self.minutes.load(Ordering::SeqCst)));
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// Until what is given ends, work goes on that locking would spoil.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::SeqCst);
        Busy(self)
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::SeqCst) > 0
    }

    /// Time left; `None` when it never locks by itself.
    fn left(&self) -> Option<Duration> {
        (self.minutes.load(Ordering::SeqCst) > 0)
            .then(|| self.deadline.lock().unwrap_or_else(PoisonError::into_inner).remaining())
    }
}

/// Work that keeps it unlocked.
pub(crate) struct Busy<'a>(&'a Idle);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::SeqCst);
    }
}

fn span(minutes: u32) -> Duration {
    Duration::from_secs(u64::from(minutes) * 60)
}

/// Locks when the time is up. Transfers, and commands of other programs, keep it unlocked: they would stop.
pub(crate) async fn watch(desk: Arc<Desk>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        if !desk.app().is_some_and(|app| app.is_unlocked()) {
            continue;
        }
        match desk.idle.left() {
            None => {}
            Some(_) if desk.idle.is_busy() || desk.is_busy() => desk.idle.used(),
            Some(left) if left.is_zero() => {
                tracing::info!("locked: nobody was there for a while");
                desk.lock();
            }
            Some(left) if left < WARNING => desk.tell(Event::LockingSoon {
                seconds: u32::try_from(left.as_secs()).unwrap_or(u32::MAX),
            }),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_keeps_it_unlocked_until_the_last_of_it_ends() {
        let idle = Idle::new(1);
        let first = idle.busy();
        let second = idle.busy();
        drop(first);
        assert!(idle.is_busy());
        drop(second);
        assert!(!idle.is_busy());
    }
}
