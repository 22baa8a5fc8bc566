//! How fast something goes: over the last ten seconds, and never a guess from less than two.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(10);
const ENOUGH_FOR_RATE: Duration = Duration::from_secs(2);
const ENOUGH_FOR_LEFT: Duration = Duration::from_secs(5);

/// Points in time and how much was done by then.
#[derive(Default)]
pub(super) struct Speed {
    points: VecDeque<(Instant, u64)>,
}

impl Speed {
    /// So much is done now. Less than before means that another stage began.
    pub(super) fn note(&mut self, now: Instant, done: u64) {
        if self.points.back().is_some_and(|(_, before)| *before > done) {
            self.points.clear();
        }
        self.points.push_back((now, done));
        while self.points.len() > 2 && now.duration_since(self.points[0].0) > WINDOW {
            self.points.pop_front();
        }
    }

    /// Bytes a second.
    pub(super) fn rate(&self) -> Option<u64> {
        let ((first, from), (last, to)) = (*self.points.front()?, *self.points.back()?);
        let span = last.duration_since(first);
        if span < ENOUGH_FOR_RATE {
            return None;
        }
        u64::try_from(u128::from(to - from) * 1000 / span.as_millis().max(1)).ok()
    }

    /// Seconds until `rest` is done.
    pub(super) fn left(&self, rest: u64) -> Option<u64> {
        let span = self.points.back()?.0.duration_since(self.points.front()?.0);
        let rate = self.rate().filter(|rate| *rate > 0 && span >= ENOUGH_FOR_LEFT)?;
        Some(rest.div_ceil(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_nothing_too_early_and_forgets_what_is_long_ago() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut speed = Speed::default();
        speed.note(at(0), 0);
        speed.note(at(1), 100);
        assert_eq!((speed.rate(), speed.left(100)), (None, None));
        speed.note(at(4), 400);
        assert_eq!((speed.rate(), speed.left(100)), (Some(100), None));
        for second in 5..30 {
            speed.note(at(second), 400 + (second - 4) * 1000);
        }
        assert_eq!((speed.rate(), speed.left(5_500)), (Some(1000), Some(6)));
        speed.note(at(30), 5);
        assert_eq!(speed.rate(), None);
    }
}
