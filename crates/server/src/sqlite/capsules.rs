//! Capsules, and the count of bytes that runs take in a space.

use holdfast_protocol::id::{Hash, PrincipalId, RunId, SpaceId};
use sqlx::{Row, Sqlite as Sql, SqliteConnection, Transaction};

use super::row::{id, int};
use super::{Sqlite, broken, packs};
use crate::ports::{NewCapsule, Result, StoreError};

/// Adds to the bytes of a space's runs, or takes away.
pub(super) async fn count(connection: &mut SqliteConnection, space: SpaceId, bytes: i64) -> Result<()> {
    sqlx::query("UPDATE spaces SET run_bytes = run_bytes + ? WHERE id = ?")
        .bind(bytes)
        .bind(space.as_bytes())
        .execute(connection)
        .await
        .map_err(broken)?;
    Ok(())
}

/// Bytes as a column's number.
pub(super) fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

/// Refuses when a space holds more than it may.
pub(super) async fn check_quota(tx: &mut Transaction<'static, Sql>, space: SpaceId, quota_bytes: u64) -> Result<()> {
    let usage = packs::select_usage(tx, space).await?;
    if usage.live_bytes.saturating_add(usage.pending_bytes) > quota_bytes {
        return Err(StoreError::Quota);
    }
    Ok(())
}

/// Forgets the capsules of a run that its entry does not name.
pub(super) async fn forget_others(
    tx: &mut Transaction<'static, Sql>,
    space: SpaceId,
    run: RunId,
    named: Option<Hash>,
) -> Result<()> {
    let rows =
        sqlx::query("DELETE FROM capsules WHERE space = ? AND run = ? AND hash IS NOT ? RETURNING length(sealed)")
            .bind(space.as_bytes())
            .bind(run.as_bytes())
            .bind(named.as_ref().map(Hash::as_bytes))
            .fetch_all(&mut **tx)
            .await
            .map_err(broken)?;
    for row in &rows {
        let bytes: i64 = row.try_get(0).map_err(broken)?;
        count(tx, space, -bytes).await?;
    }
    Ok(())
}

impl Sqlite {
    pub(super) async fn insert_capsule(&self, new: NewCapsule) -> Result<()> {
        let mut tx = self.begin().await?;
        let ordered = sqlx::query("SELECT capsule FROM runs WHERE space = ? AND run = ?")
            .bind(new.space.as_bytes())
            .bind(new.run.as_bytes())
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?;
        if let Some(row) = ordered {
            let named: Option<Vec<u8>> = row.try_get(0).map_err(broken)?;
            let same = named.as_deref() == Some(new.hash.as_bytes());
            return if same { Ok(()) } else { Err(StoreError::Conflict) };
        }
        let before: Option<i64> = sqlx::query_scalar(
            "DELETE FROM capsules WHERE space = ? AND run = ? AND author = ? RETURNING length(sealed)",
        )
        .bind(new.space.as_bytes())
        .bind(new.run.as_bytes())
        .bind(new.author.as_bytes())
        .fetch_optional(&mut *tx)
        .await
        .map_err(broken)?;
        sqlx::query("INSERT INTO capsules (space, run, author, hash, sealed, stored_ms) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(new.space.as_bytes())
            .bind(new.run.as_bytes())
            .bind(new.author.as_bytes())
            .bind(new.hash.as_bytes())
            .bind(&new.sealed)
            .bind(int(new.now_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        count(&mut tx, new.space, length(&new.sealed) - before.unwrap_or(0)).await?;
        check_quota(&mut tx, new.space, new.quota_bytes).await?;
        tx.commit().await.map_err(broken)
    }

    pub(super) async fn select_capsule(
        &self,
        space: SpaceId,
        run: RunId,
        node: PrincipalId,
        now_ms: u64,
    ) -> Result<Option<Vec<u8>>> {
        let row = sqlx::query(
            "SELECT c.sealed, r.id, r.heard FROM runs r
             JOIN capsules c ON c.space = r.space AND c.run = r.run AND c.hash = r.capsule
             WHERE r.space = ? AND r.run = ? AND r.node = ? AND r.state = 'running' AND r.due_ms > ?",
        )
        .bind(space.as_bytes())
        .bind(run.as_bytes())
        .bind(node.as_bytes())
        .bind(int(now_ms))
        .fetch_optional(&self.read)
        .await
        .map_err(broken)?;
        let Some(row) = row else { return Ok(None) };
        if !row.try_get::<bool, _>(2).map_err(broken)? {
            // Before the answer goes out: whoever has the capsule may begin.
            let key: i64 = row.try_get(1).map_err(broken)?;
            sqlx::query("UPDATE runs SET heard = 1 WHERE id = ? AND state = 'running'")
                .bind(key)
                .execute(&self.write)
                .await
                .map_err(broken)?;
        }
        row.try_get(0).map(Some).map_err(broken)
    }

    pub(super) async fn delete_old_capsules(&self, before_ms: u64, now_ms: u64) -> Result<()> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "DELETE FROM capsules WHERE stored_ms < ? AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.space = capsules.space
                AND r.run = capsules.run AND r.capsule = capsules.hash AND r.state IN ('queued', 'running'))
             RETURNING space, length(sealed)",
        )
        .bind(int(before_ms))
        .fetch_all(&mut *tx)
        .await
        .map_err(broken)?;
        for row in &rows {
            let bytes: i64 = row.try_get(1).map_err(broken)?;
            count(&mut tx, SpaceId(id(row, 0)?), -bytes).await?;
        }
        sqlx::query("DELETE FROM node_tokens WHERE expires_ms <= ?")
            .bind(int(now_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)
    }
}
