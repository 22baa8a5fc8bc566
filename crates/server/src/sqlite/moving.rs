//! Entries that are put aside until all of a log is here.

use holdfast_protocol::id::SpaceId;

use super::row::int;
use super::spaces::stored;
use super::{Sqlite, broken, packs};
use crate::ports::{MovedEntries, Result, StoreError, StoredEntry};

impl Sqlite {
    pub(super) async fn insert_staged(
        &self,
        space: SpaceId,
        from: u64,
        entries: Vec<StoredEntry>,
        now_ms: u64,
    ) -> Result<u64> {
        let mut tx = self.begin().await?;
        let head: Option<i64> = sqlx::query_scalar("SELECT head_seq FROM spaces WHERE id = ?")
            .bind(space.as_bytes())
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?;
        let head = head.ok_or(StoreError::Missing)?;
        // What the log has by now is aside no more.
        sqlx::query("DELETE FROM staged WHERE space = ? AND seq <= ?")
            .bind(space.as_bytes())
            .bind(head)
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        let last: Option<i64> = sqlx::query_scalar("SELECT max(seq) FROM staged WHERE space = ?")
            .bind(space.as_bytes())
            .fetch_one(&mut *tx)
            .await
            .map_err(broken)?;
        let mut next = last.unwrap_or(head) + 1;
        if !entries.is_empty() {
            if int(from) > next || int(from) <= head {
                return Err(StoreError::Conflict);
            }
            sqlx::query("DELETE FROM staged WHERE space = ? AND seq >= ?")
                .bind(space.as_bytes())
                .bind(int(from))
                .execute(&mut *tx)
                .await
                .map_err(broken)?;
            next = int(from);
        }
        for (entry, seq) in entries.iter().zip(from..) {
            if entry.seq != seq {
                return Err(StoreError::Conflict);
            }
            sqlx::query("INSERT INTO staged (space, seq, hash, signed, staged_ms) VALUES (?, ?, ?, ?, ?)")
                .bind(space.as_bytes())
                .bind(int(seq))
                .bind(entry.hash.as_bytes())
                .bind(&entry.signed)
                .bind(int(now_ms))
                .execute(&mut *tx)
                .await
                .map_err(broken)?;
            next += 1;
        }
        tx.commit().await.map_err(broken)?;
        u64::try_from(next).map_err(|_| super::row::unexpected())
    }

    pub(super) async fn select_staged(&self, space: SpaceId, from: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        let rows =
            sqlx::query("SELECT seq, hash, signed FROM staged WHERE space = ? AND seq >= ? ORDER BY seq LIMIT ?")
                .bind(space.as_bytes())
                .bind(int(from))
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(&self.read)
                .await
                .map_err(broken)?;
        rows.iter().map(stored).collect()
    }

    pub(super) async fn insert_moved(&self, moved: MovedEntries) -> Result<()> {
        let (before, after) = (&moved.before, &moved.after);
        let mut tx = self.begin().await?;
        let head = sqlx::query(
            "UPDATE spaces SET head_seq = ?, head_hash = ? WHERE id = ? AND head_seq = ? AND head_hash = ?",
        )
        .bind(int(after.seq))
        .bind(after.hash.as_bytes())
        .bind(before.space.as_bytes())
        .bind(int(before.seq))
        .bind(before.hash.as_bytes())
        .execute(&mut *tx)
        .await
        .map_err(broken)?;
        if head.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        let copied = sqlx::query(
            "INSERT INTO entries (space, seq, hash, signed)
             SELECT space, seq, hash, signed FROM staged WHERE space = ? AND seq > ? AND seq <= ? ORDER BY seq",
        )
        .bind(before.space.as_bytes())
        .bind(int(before.seq))
        .bind(int(after.seq))
        .execute(&mut *tx)
        .await
        .map_err(broken)?;
        let last: Option<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM entries WHERE space = ? AND seq = ?")
            .bind(before.space.as_bytes())
            .bind(int(after.seq))
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?;
        // Another request may have put other entries aside after these were judged; entries hang on each other.
        if copied.rows_affected() != after.seq - before.seq || last.as_deref() != Some(after.hash.as_bytes()) {
            return Err(StoreError::Conflict);
        }
        packs::name_moved(&mut tx, &moved).await?;
        sqlx::query("DELETE FROM staged WHERE space = ?")
            .bind(before.space.as_bytes())
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)
    }

    pub(super) async fn delete_staged(&self, before_ms: u64) -> Result<()> {
        let mut tx = self.begin().await?;
        // All of a log that nobody went on with: a beginning without its end is of no use.
        sqlx::query(
            "DELETE FROM staged WHERE space IN (SELECT space FROM staged GROUP BY space HAVING max(staged_ms) < ?)",
        )
        .bind(int(before_ms))
        .execute(&mut *tx)
        .await
        .map_err(broken)?;
        tx.commit().await.map_err(broken)
    }
}
