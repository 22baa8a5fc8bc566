//! Whether the queue of runs is whole: streams without gaps, capsules and results where a run needs them, bytes as counted.

use futures_util::TryStreamExt as _;
use holdfast_protocol::id::Hash;

use super::findings::{Findings, Level};
use super::snapshot::{Snapshot, broken, get};
use super::{RESTORE, Result};

/// The schema that brought runs.
const SINCE: i64 = 3;

/// What is counted, and what it means when there is any.
const FAULTS: [(&str, &str); 4] = [
    (
        "SELECT count(*) FROM (SELECT 1 FROM run_boxes GROUP BY run, attempt, stream HAVING count(*) <> max(n) + 1)",
        "streams with a gap",
    ),
    (
        "SELECT count(*) FROM runs r WHERE r.state IN ('queued', 'running') AND r.capsule IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM capsules c WHERE c.space = r.space AND c.run = r.run AND c.hash = r.capsule)",
        "runs that wait without their capsule",
    ),
    (
        "SELECT count(*) FROM runs r WHERE r.state = 'ended' AND NOT EXISTS
            (SELECT 1 FROM run_results e WHERE e.run = r.id AND e.attempt = r.attempt)",
        "runs that ended without a result",
    ),
    (
        "SELECT count(*) FROM spaces s WHERE s.run_bytes <>
            (SELECT coalesce(sum(length(c.sealed)), 0) FROM capsules c WHERE c.space = s.id)
            + (SELECT coalesce(sum(length(b.sealed)), 0) FROM run_boxes b JOIN runs r ON r.id = b.run WHERE r.space = s.id)
            + (SELECT coalesce(sum(length(e.sealed)), 0) FROM run_results e JOIN runs r ON r.id = e.run WHERE r.space = s.id)",
        "projects whose runs take other bytes than are counted",
    ),
];

impl Findings {
    /// Looks at nodes' runs and what was said of them.
    pub(super) async fn runs(&mut self, rows: &mut Snapshot) -> Result<()> {
        if rows.schema().await? < SINCE {
            return Ok(());
        }
        let (mut all, mut said) = (0, Vec::new());
        for (statement, what) in FAULTS {
            let count = rows.count(statement).await?;
            if count > 0 {
                said.push(format!("{count} {what}"));
            }
            all += count;
        }
        let altered = rows.altered_capsules().await?;
        if altered > 0 {
            said.push(format!("{altered} capsules that are not what was stored"));
        }
        all += altered;
        if all == 0 {
            self.ok("runs", "The queue of runs is whole, with what was said of them.");
        } else {
            let message = format!("The queue of runs is not whole: {}.", said.join(", "));
            self.say("runs", Level::Bad, message, RESTORE, Some(all));
        }
        Ok(())
    }
}

impl Snapshot {
    async fn altered_capsules(&mut self) -> Result<u64> {
        let mut altered = 0;
        let mut rows = sqlx::query("SELECT hash, sealed FROM capsules").fetch(&mut self.0);
        while let Some(row) = rows.try_next().await.map_err(|error| broken(&error))? {
            let (hash, sealed): (Vec<u8>, Vec<u8>) = (get(&row, 0)?, get(&row, 1)?);
            altered += u64::from(Hash::of(&sealed).as_bytes()[..] != hash[..]);
        }
        Ok(altered)
    }
}
