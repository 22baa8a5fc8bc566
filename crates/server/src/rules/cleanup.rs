//! Clean-up: what nobody needs any more.

use std::time::Duration;

use holdfast_protocol::limits;

use super::{Failure, Rules};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Packs that no entry names go when nobody touched them for this long.
pub(super) const UNNAMED_MS: u64 = 7 * DAY_MS;
/// Dropped packs go after this long.
pub(super) const DROPPED_MS: u64 = 30 * DAY_MS;
/// Temporary files of writes that never ended go after this long: no write takes an hour.
const UNFINISHED: Duration = Duration::from_secs(60 * 60);

/// What a clean-up did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Packs whose time was over.
    pub packs: usize,
    /// Bytes without a row, by number of names.
    pub orphans: usize,
}

impl Rules {
    /// Removes packs whose time is over, logs that were on their way here, capsules that no run waits for, what was said of runs that are long over, bytes that have no row, unfinished writes, and tokens and invitations that have ended.
    ///
    /// # Errors
    /// As the ports report; what was done by then is done.
    pub async fn clean_up(&self) -> Result<Cleaned, Failure> {
        self.clean_up_after(UNFINISHED).await
    }

    /// The clean-up of a start, when no write can be under way.
    pub(crate) async fn clean_up_at_start(&self) -> Result<Cleaned, Failure> {
        self.clean_up_after(Duration::ZERO).await
    }

    async fn clean_up_after(&self, unfinished: Duration) -> Result<Cleaned, Failure> {
        let now_ms = self.now_ms();
        self.database.sweep_ended(now_ms).await?;
        self.database.sweep_staged(now_ms.saturating_sub(UNNAMED_MS)).await?;
        self.settle().await?;
        self.database
            .sweep_runs(now_ms.saturating_sub(UNNAMED_MS), now_ms)
            .await?;
        self.database
            .sweep_said(now_ms.saturating_sub(limits::SAID_KEPT_MS))
            .await?;
        let old = self
            .database
            .sweep_packs(
                now_ms.saturating_sub(UNNAMED_MS),
                now_ms.saturating_sub(DROPPED_MS),
                now_ms,
            )
            .await?;
        for blob in &old {
            self.delete_blob(*blob).await;
        }
        let mut orphans = 0;
        for blob in self.blobs.list().await? {
            // The row comes before the bytes and its blob id is never drawn again: no row now is no row ever.
            if !self.database.has_blob(blob).await? {
                self.delete_blob(blob).await;
                orphans += 1;
            }
        }
        self.blobs.tidy(unfinished).await?;
        Ok(Cleaned {
            packs: old.len(),
            orphans,
        })
    }
}
