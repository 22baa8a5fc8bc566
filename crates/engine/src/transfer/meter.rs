//! Counts what is done while several threads do it, and tells whoever watches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::ports::{Progress, Stage, Step};

/// Progress of one transfer.
pub(crate) struct Meter {
    progress: Arc<dyn Progress>,
    stage: Stage,
    done: AtomicU64,
    total: AtomicU64,
    files: AtomicU64,
    files_total: u64,
}

impl Meter {
    /// Starts at nothing done of `total` bytes and `files_total` files.
    pub(crate) fn new(progress: &Arc<dyn Progress>, stage: Stage, total: u64, files_total: u64) -> Self {
        let meter = Self {
            progress: progress.clone(),
            stage,
            done: AtomicU64::new(0),
            total: AtomicU64::new(total),
            files: AtomicU64::new(0),
            files_total,
        };
        meter.report();
        meter
    }

    /// That many more bytes are done.
    pub(crate) fn bytes(&self, more: u64) {
        self.done.fetch_add(more, Relaxed);
        self.report();
    }

    /// One more file is done.
    pub(crate) fn file(&self) {
        self.files.fetch_add(1, Relaxed);
        self.report();
    }

    /// That many bytes will not come after all.
    pub(crate) fn fewer(&self, bytes: u64) {
        let _ = self
            .total
            .fetch_update(Relaxed, Relaxed, |total| Some(total.saturating_sub(bytes)));
        self.report();
    }

    fn report(&self) {
        let total = self.total.load(Relaxed);
        self.progress.report(Step {
            stage: self.stage,
            done: self.done.load(Relaxed).min(total),
            total,
            files: self.files.load(Relaxed),
            files_total: self.files_total,
        });
    }
}
