//! What nodes say of their runs: refusals, boxes of streams, results.

use holdfast_protocol::id::{RunId, SpaceId};
use holdfast_protocol::wire::{B64, RunResult, RunState};
use sqlx::{Row, Sqlite as Sql, Transaction};

use super::capsules::{check_quota, count, length};
use super::row::{bytes, changed, id, int, small, state, uint};
use super::{Sqlite, broken};
use crate::ports::{AskedBoxes, Attempted, ChangedRun, NewBox, NewResult, Result, StoreError, StoredBoxes};

/// A run of the node that speaks, in a space that it does work for.
struct Spoken {
    key: i64,
    state: RunState,
    attempt: u32,
    attempts: u32,
    /// Whether it may still begin.
    in_time: bool,
}

impl Spoken {
    /// Whether something new may be said of this attempt, in which no result came: it is the newest one, and nobody took
    /// anything over. That its lease ran out does not matter: nobody else has it.
    fn open(&self, attempt: u32) -> bool {
        attempt > 0
            && attempt == self.attempt
            && !matches!(self.state, RunState::Ended | RunState::Adopted | RunState::Refused)
    }
}

async fn spoken(tx: &mut Transaction<'static, Sql>, of: &Attempted) -> Result<Spoken> {
    let row = sqlx::query(
        "SELECT r.id, r.state, r.attempt, r.attempts, r.until_ms > ?4 FROM runs r
         JOIN space_nodes w ON w.space = r.space AND w.node = r.node AND w.last_seq IS NULL AND w.until_ms > ?4
         WHERE r.space = ?1 AND r.run = ?2 AND r.node = ?3",
    )
    .bind(of.space.as_bytes())
    .bind(of.run.as_bytes())
    .bind(of.node.as_bytes())
    .bind(int(of.now_ms))
    .fetch_optional(&mut **tx)
    .await
    .map_err(broken)?
    .ok_or(StoreError::Missing)?;
    Ok(Spoken {
        key: row.try_get(0).map_err(broken)?,
        state: state(&row, 1)?,
        attempt: small(&row, 2)?,
        attempts: small(&row, 3)?,
        in_time: row.try_get(4).map_err(broken)?,
    })
}

/// The result of an attempt, and whether it was broken off.
async fn said(tx: &mut Transaction<'static, Sql>, key: i64, attempt: u32) -> Result<Option<(Vec<u8>, bool)>> {
    let row = sqlx::query("SELECT sealed, broken_off FROM run_results WHERE run = ? AND attempt = ?")
        .bind(key)
        .bind(i64::from(attempt))
        .fetch_optional(&mut **tx)
        .await
        .map_err(broken)?;
    row.map(|row| Ok((bytes(&row, 0)?, row.try_get(1).map_err(broken)?)))
        .transpose()
}

impl Sqlite {
    pub(super) async fn insert_refusal(&self, of: Attempted, code: &str) -> Result<Option<ChangedRun>> {
        let mut tx = self.begin().await?;
        let run = spoken(&mut tx, &of).await?;
        if run.attempt != of.attempt {
            return Err(StoreError::Conflict);
        }
        if run.state == RunState::Refused {
            let before: Option<String> = sqlx::query_scalar("SELECT refused FROM runs WHERE id = ?")
                .bind(run.key)
                .fetch_one(&mut *tx)
                .await
                .map_err(broken)?;
            let same = before.as_deref() == Some(code);
            return if same { Ok(None) } else { Err(StoreError::Conflict) };
        }
        if run.state != RunState::Running {
            return Err(StoreError::Conflict);
        }
        let row = sqlx::query(
            "UPDATE runs SET state = 'refused', refused = ?, ended_ms = ?, due_ms = NULL WHERE id = ?
             RETURNING space, run, node, state",
        )
        .bind(code)
        .bind(int(of.now_ms))
        .bind(run.key)
        .fetch_one(&mut *tx)
        .await
        .map_err(broken)?;
        let after = changed(&row)?;
        tx.commit().await.map_err(broken)?;
        Ok(Some(after))
    }

    pub(super) async fn insert_box(&self, new: NewBox) -> Result<()> {
        let mut tx = self.begin().await?;
        let run = spoken(&mut tx, &new.of).await?;
        let before = sqlx::query("SELECT sealed FROM run_boxes WHERE run = ? AND attempt = ? AND stream = ? AND n = ?")
            .bind(run.key)
            .bind(i64::from(new.of.attempt))
            .bind(new.stream.name())
            .bind(int(new.n))
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?;
        if let Some(row) = before {
            let same = bytes(&row, 0)? == new.sealed;
            return if same { Ok(()) } else { Err(StoreError::Conflict) };
        }
        let next: i64 = sqlx::query_scalar(
            "SELECT coalesce(max(n) + 1, 0) FROM run_boxes WHERE run = ? AND attempt = ? AND stream = ?",
        )
        .bind(run.key)
        .bind(i64::from(new.of.attempt))
        .bind(new.stream.name())
        .fetch_one(&mut *tx)
        .await
        .map_err(broken)?;
        let open = run.open(new.of.attempt) && said(&mut tx, run.key, new.of.attempt).await?.is_none();
        if !open || int(new.n) != next {
            return Err(StoreError::Conflict);
        }
        sqlx::query("INSERT INTO run_boxes (run, attempt, stream, n, sealed) VALUES (?, ?, ?, ?, ?)")
            .bind(run.key)
            .bind(i64::from(new.of.attempt))
            .bind(new.stream.name())
            .bind(int(new.n))
            .bind(&new.sealed)
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        heard(&mut tx, run.key).await?;
        count(&mut tx, new.of.space, length(&new.sealed)).await?;
        check_quota(&mut tx, new.of.space, new.quota_bytes).await?;
        tx.commit().await.map_err(broken)
    }

    pub(super) async fn select_boxes(&self, asked: AskedBoxes) -> Result<Option<StoredBoxes>> {
        // One transaction: what is over and how much there is belong together.
        let mut tx = self.read.begin().await.map_err(broken)?;
        let row = sqlx::query(
            "SELECT r.id, r.attempt > ?3 OR NOT (r.state IN ('queued', 'running') OR (r.state = 'withdrawn' AND r.due_ms IS NOT NULL))
                    OR EXISTS (SELECT 1 FROM run_results e WHERE e.run = r.id AND e.attempt = ?3),
                (SELECT coalesce(max(b.n) + 1, 0) FROM run_boxes b WHERE b.run = r.id AND b.attempt = ?3 AND b.stream = ?4)
             FROM runs r WHERE r.space = ?1 AND r.run = ?2 AND ?3 BETWEEN 1 AND r.attempt",
        )
        .bind(asked.space.as_bytes())
        .bind(asked.run.as_bytes())
        .bind(i64::from(asked.attempt))
        .bind(asked.stream.name())
        .fetch_optional(&mut *tx)
        .await
        .map_err(broken)?;
        let Some(row) = row else { return Ok(None) };
        let key: i64 = row.try_get(0).map_err(broken)?;
        let mut found = StoredBoxes {
            boxes: Vec::new(),
            over: row.try_get(1).map_err(broken)?,
            stored: uint(&row, 2)?,
        };
        let end = found.stored.min(asked.from.saturating_add(asked.limit as u64));
        let mut read = 0;
        // One at a time: 256 large ones at once would be 32 MiB.
        for n in asked.from..end {
            let sealed: Vec<u8> = sqlx::query_scalar(
                "SELECT sealed FROM run_boxes WHERE run = ? AND attempt = ? AND stream = ? AND n = ?",
            )
            .bind(key)
            .bind(i64::from(asked.attempt))
            .bind(asked.stream.name())
            .bind(int(n))
            .fetch_one(&mut *tx)
            .await
            .map_err(broken)?;
            read += sealed.len();
            if read > asked.bytes && !found.boxes.is_empty() {
                break;
            }
            found.boxes.push(sealed);
        }
        Ok(Some(found))
    }

    pub(super) async fn insert_result(&self, new: NewResult) -> Result<Option<ChangedRun>> {
        let mut tx = self.begin().await?;
        let run = spoken(&mut tx, &new.of).await?;
        if let Some(before) = said(&mut tx, run.key, new.of.attempt).await? {
            let same = before == (new.sealed, new.broken_off);
            return if same { Ok(None) } else { Err(StoreError::Conflict) };
        }
        if !run.open(new.of.attempt) {
            return Err(StoreError::Conflict);
        }
        sqlx::query("INSERT INTO run_results (run, attempt, sealed, broken_off, came_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(run.key)
            .bind(i64::from(new.of.attempt))
            .bind(&new.sealed)
            .bind(new.broken_off)
            .bind(int(new.of.now_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        heard(&mut tx, run.key).await?;
        count(&mut tx, new.of.space, length(&new.sealed)).await?;
        let after = match (new.broken_off, run.state) {
            (false, _) => Some("ended"),
            (true, RunState::Running) if run.attempt < run.attempts && run.in_time => Some("queued"),
            (true, RunState::Running) => Some("lost"),
            // It is queued again, lost or withdrawn already.
            (true, _) => None,
        };
        let mut moved = None;
        if let Some(after) = after {
            let row = sqlx::query(
                "UPDATE runs SET state = ?2, ended_ms = iif(?2 = 'queued', NULL, ?3), due_ms = iif(?2 = 'queued',
                    (SELECT min(runs.until_ms, w.until_ms) FROM space_nodes w WHERE w.space = runs.space AND w.node = runs.node), NULL)
                 WHERE id = ?1 RETURNING space, run, node, state",
            )
            .bind(run.key)
            .bind(after)
            .bind(int(new.of.now_ms))
            .fetch_one(&mut *tx)
            .await
            .map_err(broken)?;
            moved = Some(changed(&row)?);
        }
        if !new.broken_off {
            hold_packs(&mut tx, &new).await?;
        }
        tx.commit().await.map_err(broken)?;
        Ok(moved)
    }

    pub(super) async fn delete_old_said(&self, before_ms: u64) -> Result<()> {
        let old = sqlx::query(OLD)
            .bind(int(before_ms))
            .fetch_all(&self.read)
            .await
            .map_err(broken)?;
        // One run after the other: nobody waits long for the write lock.
        for row in old {
            let key: i64 = row.try_get(0).map_err(broken)?;
            let mut tx = self.begin().await?;
            let mut bytes = 0;
            for statement in FORGET {
                let gone: Vec<i64> = sqlx::query_scalar(statement)
                    .bind(key)
                    .fetch_all(&mut *tx)
                    .await
                    .map_err(broken)?;
                bytes += gone.iter().sum::<i64>();
            }
            count(&mut tx, SpaceId(id(&row, 1)?), -bytes).await?;
            tx.commit().await.map_err(broken)?;
        }
        Ok(())
    }

    pub(super) async fn select_result(&self, space: SpaceId, run: RunId) -> Result<Option<RunResult>> {
        let row = sqlx::query(
            "SELECT e.attempt, e.sealed FROM run_results e JOIN runs r ON r.id = e.run
             WHERE r.space = ? AND r.run = ? ORDER BY e.attempt DESC LIMIT 1",
        )
        .bind(space.as_bytes())
        .bind(run.as_bytes())
        .fetch_optional(&self.read)
        .await
        .map_err(broken)?;
        row.map(|row| {
            Ok(RunResult {
                attempt: small(&row, 0)?,
                sealed: B64(bytes(&row, 1)?),
            })
        })
        .transpose()
    }
}

/// Runs that were over before then and of which something is left that may go.
const OLD: &str = "SELECT r.id, r.space FROM runs r
     WHERE r.state NOT IN ('queued', 'running') AND coalesce(r.ended_ms, r.queued_ms) < ?
        AND (EXISTS (SELECT 1 FROM run_boxes b WHERE b.run = r.id)
            OR (r.state <> 'ended' AND EXISTS (SELECT 1 FROM run_results e WHERE e.run = r.id)))";

/// What of them goes.
const FORGET: [&str; 2] = [
    "DELETE FROM run_boxes WHERE run = ? RETURNING length(sealed)",
    "DELETE FROM run_results WHERE run = ?1 AND (SELECT state FROM runs WHERE id = ?1) <> 'ended' RETURNING length(sealed)",
];

async fn heard(tx: &mut Transaction<'static, Sql>, key: i64) -> Result<()> {
    sqlx::query("UPDATE runs SET heard = 1 WHERE id = ? AND heard = 0")
        .bind(key)
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}

/// Which packs a result names is sealed: all that its node has brought here and no entry names are kept.
async fn hold_packs(tx: &mut Transaction<'static, Sql>, new: &NewResult) -> Result<()> {
    sqlx::query("UPDATE packs SET held_until_ms = ? WHERE space = ? AND begun_by = ? AND named_seq IS NULL")
        .bind(int(new.hold_until_ms))
        .bind(new.of.space.as_bytes())
        .bind(new.of.node.as_bytes())
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}
