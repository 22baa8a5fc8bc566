//! Packs and their parts. The bytes themselves are with [`crate::ports::Blobs`].

use holdfast_protocol::entry::PackSize;
use holdfast_protocol::id::{PackId, PrincipalId, SpaceId};
use holdfast_protocol::wire::Usage;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite as Sql, SqliteConnection, Transaction};

use super::row::{id, int, uint, unexpected};
use super::{Sqlite, broken};
use crate::ports::{BlobId, MovedEntries, NewEntry, NewPack, Result, StoreError, StoredPack, Totals};

impl Sqlite {
    pub(super) async fn insert_pack(&self, pack: NewPack) -> Result<StoredPack> {
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT space, bytes, dropped_ms IS NOT NULL FROM packs WHERE id = ?")
            .bind(pack.id.as_bytes())
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?;
        if let Some(row) = row {
            let (space, bytes): (SpaceId, u64) = (SpaceId(id(&row, 0)?), uint(&row, 1)?);
            let dropped: bool = row.try_get(2).map_err(broken)?;
            if space != pack.space || bytes != pack.bytes || dropped {
                return Err(StoreError::Exists);
            }
            sqlx::query("UPDATE packs SET touched_ms = ? WHERE id = ?")
                .bind(int(pack.now_ms))
                .bind(pack.id.as_bytes())
                .execute(&mut *tx)
                .await
                .map_err(broken)?;
        } else {
            let usage = select_usage(&mut tx, pack.space).await?;
            let after = usage
                .live_bytes
                .saturating_add(usage.pending_bytes)
                .saturating_add(pack.bytes);
            if after > pack.quota_bytes {
                return Err(StoreError::Quota);
            }
            sqlx::query("INSERT INTO packs (id, space, blob, begun_by, bytes, touched_ms) VALUES (?, ?, ?, ?, ?, ?)")
                .bind(pack.id.as_bytes())
                .bind(pack.space.as_bytes())
                .bind(&pack.blob.0[..])
                .bind(pack.by.as_bytes())
                .bind(int(pack.bytes))
                .bind(int(pack.now_ms))
                .execute(&mut *tx)
                .await
                .map_err(broken)?;
        }
        let stored = select_pack(&mut tx, pack.space, pack.id)
            .await?
            .ok_or_else(unexpected)?;
        tx.commit().await.map_err(broken)?;
        Ok(stored)
    }

    pub(super) async fn select_packs(&self, space: SpaceId, ids: &[PackId]) -> Result<Vec<StoredPack>> {
        let mut connection = self.read.acquire().await.map_err(broken)?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(select_pack(&mut connection, space, *id).await?);
        }
        Ok(found)
    }

    pub(super) async fn insert_part(&self, id: PackId, blob: BlobId, part: u32, of: u32, now_ms: u64) -> Result<()> {
        let mut tx = self.begin().await?;
        let touched = sqlx::query("UPDATE packs SET touched_ms = ? WHERE id = ? AND blob = ?")
            .bind(int(now_ms))
            .bind(id.as_bytes())
            .bind(&blob.0[..])
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        if touched.rows_affected() == 0 {
            return Err(StoreError::Missing);
        }
        sqlx::query("INSERT OR IGNORE INTO parts (pack, part) VALUES (?, ?)")
            .bind(id.as_bytes())
            .bind(i64::from(part))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        sqlx::query(
            "UPDATE packs SET complete = 1 WHERE id = ?1 AND (SELECT count(*) FROM parts WHERE pack = ?1) = ?2",
        )
        .bind(id.as_bytes())
        .bind(i64::from(of))
        .execute(&mut *tx)
        .await
        .map_err(broken)?;
        tx.commit().await.map_err(broken)
    }

    pub(super) async fn delete_pack(&self, space: SpaceId, id: PackId) -> Result<BlobId> {
        let mut tx = self.begin().await?;
        let pack = select_pack(&mut tx, space, id).await?.ok_or(StoreError::Missing)?;
        if pack.named {
            return Err(StoreError::Conflict);
        }
        sqlx::query("DELETE FROM packs WHERE id = ?")
            .bind(id.as_bytes())
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)?;
        Ok(pack.blob)
    }

    pub(super) async fn delete_old_packs(
        &self,
        unnamed_before_ms: u64,
        dropped_before_ms: u64,
        now_ms: u64,
    ) -> Result<Vec<BlobId>> {
        let mut tx = self.begin().await?;
        let unnamed = sqlx::query(
            "DELETE FROM packs WHERE named_seq IS NULL AND touched_ms < ? AND coalesce(held_until_ms, 0) <= ?
                AND NOT EXISTS (SELECT 1 FROM runs r
                    WHERE r.node = packs.begun_by AND r.space = packs.space AND r.state = 'running')
             RETURNING blob",
        )
        .bind(int(unnamed_before_ms))
        .bind(int(now_ms))
        .fetch_all(&mut *tx)
        .await
        .map_err(broken)?;
        let dropped = sqlx::query("DELETE FROM packs WHERE dropped_ms IS NOT NULL AND dropped_ms < ? RETURNING blob")
            .bind(int(dropped_before_ms))
            .fetch_all(&mut *tx)
            .await
            .map_err(broken)?;
        let gone = unnamed
            .iter()
            .chain(&dropped)
            .map(|row| id(row, 0).map(BlobId))
            .collect::<Result<_>>()?;
        tx.commit().await.map_err(broken)?;
        Ok(gone)
    }

    pub(super) async fn select_has_blob(&self, blob: BlobId) -> Result<bool> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM packs WHERE blob = ?)")
            .bind(&blob.0[..])
            .fetch_one(&self.read)
            .await
            .map_err(broken)
    }
}

/// What an entry does to packs, in the transaction that appends it.
pub(super) async fn name_and_drop(tx: &mut Transaction<'static, Sql>, entry: &NewEntry) -> Result<()> {
    for pack in &entry.added {
        name(tx, entry.space, *pack, entry.seq).await?;
    }
    for pack in &entry.dropped {
        sqlx::query("UPDATE packs SET dropped_ms = ? WHERE id = ? AND space = ?")
            .bind(int(entry.now_ms))
            .bind(pack.as_bytes())
            .bind(entry.space.as_bytes())
            .execute(&mut **tx)
            .await
            .map_err(broken)?;
    }
    if !entry.added.is_empty() && select_usage(tx, entry.space).await?.live_bytes > entry.quota_bytes {
        return Err(StoreError::Quota);
    }
    Ok(())
}

/// What entries that come from another server do to packs, in the transaction that makes them count.
pub(super) async fn name_moved(tx: &mut Transaction<'static, Sql>, moved: &MovedEntries) -> Result<()> {
    let space = moved.before.space;
    for (pack, seq) in &moved.added {
        name(tx, space, *pack, *seq).await?;
    }
    for (pack, named_seq) in &moved.dropped {
        sqlx::query("UPDATE packs SET named_seq = ?, dropped_ms = ? WHERE id = ? AND space = ?")
            .bind(int(*named_seq))
            .bind(int(moved.now_ms))
            .bind(pack.as_bytes())
            .bind(space.as_bytes())
            .execute(&mut **tx)
            .await
            .map_err(broken)?;
    }
    if !moved.added.is_empty() && select_usage(tx, space).await?.live_bytes > moved.quota_bytes {
        return Err(StoreError::Quota);
    }
    Ok(())
}

/// An entry names a pack: it must be whole, of this size, of this space and without a name.
async fn name(tx: &mut Transaction<'static, Sql>, space: SpaceId, pack: PackSize, seq: u64) -> Result<()> {
    let named = sqlx::query(
        "UPDATE packs SET named_seq = ?
         WHERE id = ? AND space = ? AND bytes = ? AND complete = 1 AND named_seq IS NULL",
    )
    .bind(int(seq))
    .bind(pack.id.as_bytes())
    .bind(space.as_bytes())
    .bind(int(pack.bytes))
    .execute(&mut **tx)
    .await
    .map_err(broken)?;
    if named.rows_affected() == 0 {
        return Err(StoreError::Missing);
    }
    Ok(())
}

pub(super) async fn select_usage(connection: &mut SqliteConnection, space: SpaceId) -> Result<Usage> {
    let row = sqlx::query(
        "SELECT coalesce(sum(bytes) FILTER (WHERE named_seq IS NOT NULL AND dropped_ms IS NULL), 0),
                coalesce(sum(bytes) FILTER (WHERE named_seq IS NULL), 0),
                coalesce((SELECT run_bytes FROM spaces WHERE id = ?1), 0)
         FROM packs WHERE space = ?1",
    )
    .bind(space.as_bytes())
    .fetch_one(connection)
    .await
    .map_err(broken)?;
    Ok(Usage {
        live_bytes: uint(&row, 0)?.saturating_add(uint(&row, 2)?),
        pending_bytes: uint(&row, 1)?,
        quota_bytes: 0,
    })
}

pub(super) async fn select_totals(connection: &mut SqliteConnection) -> Result<Totals> {
    let row = sqlx::query(
        "SELECT (SELECT count(*) FROM spaces),
                (SELECT coalesce(sum(bytes), 0) FROM packs WHERE named_seq IS NOT NULL AND dropped_ms IS NULL),
                (SELECT count(*) FROM nodes WHERE ended_ms IS NULL),
                (SELECT count(*) FROM runs WHERE state = 'queued'),
                (SELECT count(*) FROM runs WHERE state = 'running')",
    )
    .fetch_one(connection)
    .await
    .map_err(broken)?;
    Ok(Totals {
        spaces: uint(&row, 0)?,
        live_bytes: uint(&row, 1)?,
        nodes: uint(&row, 2)?,
        queued_runs: uint(&row, 3)?,
        running_runs: uint(&row, 4)?,
    })
}

async fn select_pack(connection: &mut SqliteConnection, space: SpaceId, id: PackId) -> Result<Option<StoredPack>> {
    let row = sqlx::query(
        "SELECT blob, begun_by, bytes, complete, named_seq IS NOT NULL, dropped_ms IS NOT NULL
         FROM packs WHERE id = ? AND space = ?",
    )
    .bind(id.as_bytes())
    .bind(space.as_bytes())
    .fetch_optional(&mut *connection)
    .await
    .map_err(broken)?;
    let Some(row) = row else { return Ok(None) };
    let parts: Vec<u32> = sqlx::query_scalar("SELECT part FROM parts WHERE pack = ? ORDER BY part")
        .bind(id.as_bytes())
        .fetch_all(&mut *connection)
        .await
        .map_err(broken)?;
    stored(id, &row, parts).map(Some)
}

fn stored(pack: PackId, row: &SqliteRow, parts: Vec<u32>) -> Result<StoredPack> {
    Ok(StoredPack {
        id: pack,
        blob: BlobId(id(row, 0)?),
        by: PrincipalId(id(row, 1)?),
        bytes: uint(row, 2)?,
        parts,
        complete: row.try_get(3).map_err(broken)?,
        named: row.try_get(4).map_err(broken)?,
        dropped: row.try_get(5).map_err(broken)?,
    })
}
