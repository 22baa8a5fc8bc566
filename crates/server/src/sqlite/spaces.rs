//! Logs and the index of members.

use holdfast_protocol::entry::Role;
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::wire::SpaceHead;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite as Sql, Transaction};

use super::row::{bytes, id, int, role, role_number, uint};
use super::{Sqlite, broken, packs, work};
use crate::ports::{ChangedRun, MemberChange, Membership, NewEntry, NewSpace, Result, StoreError, StoredEntry};

impl Sqlite {
    pub(super) async fn insert_entry(&self, entry: NewEntry) -> Result<Vec<ChangedRun>> {
        let mut tx = self.begin().await?;
        let before = entry.seq.checked_sub(1).ok_or(StoreError::Conflict)?;
        let moved = sqlx::query(
            "UPDATE spaces SET head_seq = ?, head_hash = ? WHERE id = ? AND head_seq = ? AND head_hash = ?",
        )
        .bind(int(entry.seq))
        .bind(entry.hash.as_bytes())
        .bind(entry.space.as_bytes())
        .bind(int(before))
        .bind(entry.prev.as_bytes())
        .execute(&mut *tx)
        .await
        .map_err(broken)?;
        if moved.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        insert_signed(&mut tx, entry.space, entry.seq, entry.hash, &entry.signed).await?;
        for change in &entry.members {
            match *change {
                MemberChange::In(who, as_role) => upsert_member(&mut tx, entry.space, who, as_role).await?,
                MemberChange::Out(who) => end_member(&mut tx, entry.space, who, entry.seq).await?,
            }
        }
        packs::name_and_drop(&mut tx, &entry).await?;
        let runs = work::apply(&mut tx, &entry).await?;
        tx.commit().await.map_err(broken)?;
        Ok(runs)
    }

    pub(super) async fn select_head(&self, space: SpaceId) -> Result<Option<SpaceHead>> {
        let row = sqlx::query("SELECT id, head_seq, head_hash FROM spaces WHERE id = ?")
            .bind(space.as_bytes())
            .fetch_optional(&self.read)
            .await
            .map_err(broken)?;
        row.as_ref().map(head).transpose()
    }

    pub(super) async fn select_heads_of(&self, principal: PrincipalId) -> Result<Vec<SpaceHead>> {
        let rows = sqlx::query(
            "SELECT s.id, s.head_seq, s.head_hash FROM members m JOIN spaces s ON s.id = m.space
             WHERE m.principal = ? AND m.last_seq IS NULL ORDER BY s.id",
        )
        .bind(principal.as_bytes())
        .fetch_all(&self.read)
        .await
        .map_err(broken)?;
        rows.iter().map(head).collect()
    }

    pub(super) async fn select_entries(&self, space: SpaceId, from: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        let rows =
            sqlx::query("SELECT seq, hash, signed FROM entries WHERE space = ? AND seq >= ? ORDER BY seq LIMIT ?")
                .bind(space.as_bytes())
                .bind(int(from))
                .bind(i64::try_from(limit).unwrap_or(i64::MAX))
                .fetch_all(&self.read)
                .await
                .map_err(broken)?;
        rows.iter().map(stored).collect()
    }

    pub(super) async fn select_membership(&self, space: SpaceId, principal: PrincipalId) -> Result<Option<Membership>> {
        let row = sqlx::query("SELECT role, last_seq FROM members WHERE space = ? AND principal = ?")
            .bind(space.as_bytes())
            .bind(principal.as_bytes())
            .fetch_optional(&self.read)
            .await
            .map_err(broken)?;
        let Some(row) = row else { return Ok(None) };
        let last: Option<i64> = row.try_get(1).map_err(broken)?;
        Ok(Some(match last {
            None => Membership::Member(role(&row, 0)?),
            Some(_) => Membership::Former(uint(&row, 1)?),
        }))
    }
}

pub(super) fn head(row: &SqliteRow) -> Result<SpaceHead> {
    Ok(SpaceHead {
        space: SpaceId(id(row, 0)?),
        seq: uint(row, 1)?,
        hash: Hash(id(row, 2)?),
    })
}

/// An entry, of the log or aside: its number, hash and signed bytes.
pub(super) fn stored(row: &SqliteRow) -> Result<StoredEntry> {
    Ok(StoredEntry {
        seq: uint(row, 0)?,
        hash: Hash(id(row, 1)?),
        signed: bytes(row, 2)?,
    })
}

pub(super) async fn insert_space(tx: &mut Transaction<'static, Sql>, space: &NewSpace) -> Result<()> {
    sqlx::query("INSERT INTO spaces (id, head_seq, head_hash) VALUES (?, 0, ?)")
        .bind(space.space.as_bytes())
        .bind(space.hash.as_bytes())
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    insert_signed(tx, space.space, 0, space.hash, &space.signed).await?;
    upsert_member(tx, space.space, space.owner, Role::Owner).await
}

async fn insert_signed(
    tx: &mut Transaction<'static, Sql>,
    space: SpaceId,
    seq: u64,
    hash: Hash,
    signed: &[u8],
) -> Result<()> {
    sqlx::query("INSERT INTO entries (space, seq, hash, signed) VALUES (?, ?, ?, ?)")
        .bind(space.as_bytes())
        .bind(int(seq))
        .bind(hash.as_bytes())
        .bind(signed)
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}

async fn upsert_member(tx: &mut Transaction<'static, Sql>, space: SpaceId, who: PrincipalId, role: Role) -> Result<()> {
    sqlx::query(
        "INSERT INTO members (space, principal, role, last_seq) VALUES (?, ?, ?, NULL)
         ON CONFLICT (space, principal) DO UPDATE SET role = excluded.role, last_seq = NULL",
    )
    .bind(space.as_bytes())
    .bind(who.as_bytes())
    .bind(role_number(role))
    .execute(&mut **tx)
    .await
    .map_err(broken)?;
    Ok(())
}

async fn end_member(tx: &mut Transaction<'static, Sql>, space: SpaceId, who: PrincipalId, seq: u64) -> Result<()> {
    sqlx::query("UPDATE members SET last_seq = ? WHERE space = ? AND principal = ?")
        .bind(int(seq))
        .bind(space.as_bytes())
        .bind(who.as_bytes())
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}
