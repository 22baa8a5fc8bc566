//! Handles that an operator freed, for people who lost everything and start over.

use holdfast_protocol::id::PrincipalId;
use sqlx::{Sqlite as Sql, Transaction};

use super::row::{id, int};
use super::{Sqlite, broken};
use crate::ports::{Released, Result, StoreError};

impl Sqlite {
    pub(super) async fn free_handle(&self, handle: &str, now_ms: u64) -> Result<Released> {
        let mut tx = self.begin().await?;
        // A node's end is another one: whoever enrolled it ends it.
        let row = sqlx::query(
            "SELECT principal FROM accounts WHERE handle = ?
                AND principal NOT IN (SELECT principal FROM released) AND principal NOT IN (SELECT principal FROM nodes)",
        )
        .bind(handle)
        .fetch_optional(&mut *tx)
        .await
        .map_err(broken)?
        .ok_or(StoreError::Missing)?;
        let principal = PrincipalId(id(&row, 0)?);
        sqlx::query("INSERT INTO released (principal, handle, released_ms) VALUES (?, ?, ?)")
            .bind(principal.as_bytes())
            .bind(handle)
            .bind(int(now_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        sqlx::query("UPDATE accounts SET handle = ? WHERE principal = ?")
            .bind(format!("released {principal}"))
            .bind(principal.as_bytes())
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        // Access tokens and spent ones go with their devices.
        let devices = sqlx::query("DELETE FROM devices WHERE principal = ?")
            .bind(principal.as_bytes())
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        for statement in [
            "DELETE FROM recovery WHERE principal = ?",
            "DELETE FROM invitations WHERE inviter = ?",
            "DELETE FROM node_tokens WHERE drawn_by = ? AND bundle IS NULL",
        ] {
            sqlx::query(statement)
                .bind(principal.as_bytes())
                .execute(&mut *tx)
                .await
                .map_err(broken)?;
        }
        tx.commit().await.map_err(broken)?;
        Ok(Released {
            principal,
            devices: devices.rows_affected(),
        })
    }
}

/// What was under way for an account while its handle was freed comes too late.
pub(super) async fn refuse(tx: &mut Transaction<'static, Sql>, principal: PrincipalId) -> Result<()> {
    let released: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM released WHERE principal = ?)")
        .bind(principal.as_bytes())
        .fetch_one(&mut **tx)
        .await
        .map_err(broken)?;
    if released { Err(StoreError::Missing) } else { Ok(()) }
}
