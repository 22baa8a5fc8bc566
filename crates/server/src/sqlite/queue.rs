//! The queue: who gets which run next, who keeps it, what is due.

use holdfast_protocol::id::{PrincipalId, RunId, SpaceId};
use holdfast_protocol::wire::{Lease, RunAttempt, RunRow};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite as Sql, Transaction};

use super::row::{changed, id, int, optional, small, state, uint};
use super::{Sqlite, broken};
use crate::ports::{Beat, ChangedRun, Result};

/// A node that asks for work is noted at most this often: each note is a write.
const SEEN_MS: u64 = 20_000;

/// The columns of a [`RunRow`], with the newest attempt's boxes.
const ROW: &str = "SELECT r.run, r.seq, r.node, r.state, r.attempt, r.queued_ms, r.started_ms, r.ended_ms, r.refused,
        (SELECT coalesce(max(b.n) + 1, 0) FROM run_boxes b WHERE b.run = r.id AND b.attempt = r.attempt AND b.stream = 'log'),
        (SELECT coalesce(max(b.n) + 1, 0) FROM run_boxes b WHERE b.run = r.id AND b.attempt = r.attempt AND b.stream = 'metrics'),
        r.state = 'withdrawn' AND r.due_ms IS NOT NULL
     FROM runs r";

fn run_row(row: &SqliteRow) -> Result<RunRow> {
    Ok(RunRow {
        run: RunId(id(row, 0)?),
        seq: uint(row, 1)?,
        node: PrincipalId(id(row, 2)?),
        state: state(row, 3)?,
        attempt: small(row, 4)?,
        queued_ms: uint(row, 5)?,
        started_ms: optional(row, 6)?,
        ended_ms: optional(row, 7)?,
        refused: row.try_get(8).map_err(broken)?,
        log: uint(row, 9)?,
        metrics: uint(row, 10)?,
        stopping: row.try_get(11).map_err(broken)?,
    })
}

impl Sqlite {
    pub(super) async fn select_has_lease(&self, space: SpaceId, node: PrincipalId, now_ms: u64) -> Result<bool> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM runs WHERE space = ? AND node = ? AND state = 'running' AND due_ms > ?)",
        )
        .bind(space.as_bytes())
        .bind(node.as_bytes())
        .bind(int(now_ms))
        .fetch_one(&self.read)
        .await
        .map_err(broken)
    }

    pub(super) async fn take_lease(&self, node: PrincipalId, until_ms: u64, now_ms: u64) -> Result<Option<Lease>> {
        // Nodes ask all the time, mostly for nothing: that shall not hold the write lock.
        let work: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM runs WHERE node = ?1 AND state = 'queued')
                OR EXISTS (SELECT 1 FROM nodes WHERE principal = ?1 AND coalesce(seen_ms, 0) < ?2)",
        )
        .bind(node.as_bytes())
        .bind(int(now_ms.saturating_sub(SEEN_MS)))
        .fetch_one(&self.read)
        .await
        .map_err(broken)?;
        if !work {
            return Ok(None);
        }
        let mut tx = self.begin().await?;
        seen(&mut tx, node, now_ms).await?;
        let oldest = sqlx::query(
            "SELECT r.id, r.space, r.run, r.attempt + 1, r.seq, min(?3, w.until_ms)
             FROM runs r JOIN space_nodes w ON w.space = r.space AND w.node = r.node
             WHERE r.node = ?1 AND r.state = 'queued' AND r.until_ms > ?2 AND w.last_seq IS NULL AND w.until_ms > ?2
             ORDER BY w.served, r.space, r.seq LIMIT 1",
        )
        .bind(node.as_bytes())
        .bind(int(now_ms))
        .bind(int(until_ms))
        .fetch_optional(&mut *tx)
        .await
        .map_err(broken)?;
        let Some(row) = oldest else {
            tx.commit().await.map_err(broken)?;
            return Ok(None);
        };
        let key: i64 = row.try_get(0).map_err(broken)?;
        let lease = Lease {
            space: SpaceId(id(&row, 1)?),
            run: RunId(id(&row, 2)?),
            attempt: small(&row, 3)?,
            seq: uint(&row, 4)?,
            until_ms: uint(&row, 5)?,
        };
        sqlx::query(
            "UPDATE runs SET state = 'running', attempt = ?, heard = 0, started_ms = ?, ended_ms = NULL, due_ms = ? WHERE id = ?",
        )
        .bind(i64::from(lease.attempt))
        .bind(int(now_ms))
        .bind(int(lease.until_ms))
        .bind(key)
        .execute(&mut *tx)
        .await
        .map_err(broken)?;
        sqlx::query(
            "UPDATE space_nodes SET served = (SELECT max(served) + 1 FROM space_nodes WHERE node = ?2)
             WHERE space = ?1 AND node = ?2",
        )
        .bind(lease.space.as_bytes())
        .bind(node.as_bytes())
        .execute(&mut *tx)
        .await
        .map_err(broken)?;
        tx.commit().await.map_err(broken)?;
        Ok(Some(lease))
    }

    pub(super) async fn keep_leases(
        &self,
        node: PrincipalId,
        runs: &[RunAttempt],
        until_ms: u64,
        now_ms: u64,
    ) -> Result<Beat> {
        let mut tx = self.begin().await?;
        seen(&mut tx, node, now_ms).await?;
        let mut beat = Beat::default();
        for named in runs {
            // A lease that ran out meanwhile is one again, when nothing came of the attempt and no later one began: a
            // network that was away for a minute does not end the work of hours.
            let row = sqlx::query(
                "SELECT r.id, r.state, min(?5, w.until_ms) FROM runs r
                 JOIN space_nodes w ON w.space = r.space AND w.node = r.node AND w.last_seq IS NULL AND w.until_ms > ?6
                 WHERE r.space = ?1 AND r.run = ?2 AND r.node = ?3 AND r.attempt = ?4 AND r.attempt > 0
                    AND (r.state = 'running' OR (r.state IN ('queued', 'lost')
                        AND NOT EXISTS (SELECT 1 FROM run_results e WHERE e.run = r.id AND e.attempt = r.attempt)))",
            )
            .bind(named.space.as_bytes())
            .bind(named.run.as_bytes())
            .bind(node.as_bytes())
            .bind(i64::from(named.attempt))
            .bind(int(until_ms))
            .bind(int(now_ms))
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?;
            let Some(row) = row else {
                beat.stop.push(named.clone());
                continue;
            };
            let key: i64 = row.try_get(0).map_err(broken)?;
            let before: String = row.try_get(1).map_err(broken)?;
            let after = sqlx::query(
                "UPDATE runs SET state = 'running', heard = 1, ended_ms = NULL, due_ms = ? WHERE id = ?
                 RETURNING space, run, node, state",
            )
            .bind(int(uint(&row, 2)?))
            .bind(key)
            .fetch_one(&mut *tx)
            .await
            .map_err(broken)?;
            if before != "running" {
                beat.revived.push(changed(&after)?);
            }
        }
        tx.commit().await.map_err(broken)?;
        Ok(beat)
    }

    pub(super) async fn do_what_is_due(&self, now_ms: u64) -> Result<Vec<ChangedRun>> {
        let due: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM runs WHERE due_ms <= ?)")
            .bind(int(now_ms))
            .fetch_one(&self.read)
            .await
            .map_err(broken)?;
        if !due {
            return Ok(Vec::new());
        }
        let mut tx = self.begin().await?;
        let mut all = Vec::new();
        for statement in DUE {
            let rows = sqlx::query(statement)
                .bind(int(now_ms))
                .fetch_all(&mut *tx)
                .await
                .map_err(broken)?;
            for row in &rows {
                all.push(changed(row)?);
            }
        }
        sqlx::query("UPDATE runs SET due_ms = NULL WHERE due_ms <= ? AND state = 'withdrawn'")
            .bind(int(now_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)?;
        Ok(all)
    }

    pub(super) async fn select_runs(&self, space: SpaceId, before: u64, limit: usize) -> Result<Vec<RunRow>> {
        let statement = format!("{ROW} WHERE r.space = ? AND r.seq < ? ORDER BY r.seq DESC LIMIT ?");
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(space.as_bytes())
            .bind(int(before))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.read)
            .await
            .map_err(broken)?;
        rows.iter().map(run_row).collect()
    }

    pub(super) async fn select_run(&self, space: SpaceId, run: RunId) -> Result<Option<RunRow>> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("{ROW} WHERE r.space = ? AND r.run = ?")))
            .bind(space.as_bytes())
            .bind(run.as_bytes())
            .fetch_optional(&self.read)
            .await
            .map_err(broken)?;
        row.as_ref().map(run_row).transpose()
    }
}

/// What happens by itself when its time has come, in this order.
const DUE: [&str; 4] = [
    // The node's time is over.
    "UPDATE runs SET state = 'withdrawn', ended_ms = ?1, due_ms = NULL
     WHERE due_ms <= ?1 AND state IN ('queued', 'running') AND NOT EXISTS (SELECT 1 FROM space_nodes w
        WHERE w.space = runs.space AND w.node = runs.node AND w.last_seq IS NULL AND w.until_ms > ?1)
     RETURNING space, run, node, state",
    // A lease ran out. An attempt that the node was never heard of in did not begin: it does not count.
    "UPDATE runs SET state = 'queued', attempt = attempt - (1 - heard),
        due_ms = (SELECT min(runs.until_ms, w.until_ms) FROM space_nodes w WHERE w.space = runs.space AND w.node = runs.node)
     WHERE due_ms <= ?1 AND state = 'running' AND (heard = 0 OR (attempt < attempts AND until_ms > ?1))
     RETURNING space, run, node, state",
    "UPDATE runs SET state = 'lost', ended_ms = ?1, due_ms = NULL
     WHERE due_ms <= ?1 AND state = 'running' RETURNING space, run, node, state",
    "UPDATE runs SET state = 'expired', ended_ms = ?1, due_ms = NULL
     WHERE due_ms <= ?1 AND state = 'queued' RETURNING space, run, node, state",
];

async fn seen(tx: &mut Transaction<'static, Sql>, node: PrincipalId, now_ms: u64) -> Result<()> {
    sqlx::query("UPDATE nodes SET seen_ms = ? WHERE principal = ?")
        .bind(int(now_ms))
        .bind(node.as_bytes())
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}
