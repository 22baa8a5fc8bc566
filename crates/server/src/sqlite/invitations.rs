//! Invitations for people who have no account yet.

use holdfast_protocol::id::{InvitationId, PrincipalId};
use holdfast_protocol::wire::{B64, InvitationRow};
use sqlx::Row;

use super::row::{fixed, id, int, uint};
use super::{Sqlite, broken, released};
use crate::ports::{Result, StoreError};

impl Sqlite {
    pub(super) async fn insert_invitation(
        &self,
        inviter: PrincipalId,
        id: InvitationId,
        expires_ms: u64,
        at_most: u32,
        now_ms: u64,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        released::refuse(&mut tx, inviter).await?;
        let open: i64 = sqlx::query_scalar("SELECT count(*) FROM invitations WHERE inviter = ? AND expires_ms > ?")
            .bind(inviter.as_bytes())
            .bind(int(now_ms))
            .fetch_one(&mut *tx)
            .await
            .map_err(broken)?;
        if open >= i64::from(at_most) {
            return Err(StoreError::Quota);
        }
        sqlx::query("INSERT INTO invitations (id, inviter, expires_ms) VALUES (?, ?, ?)")
            .bind(id.as_bytes())
            .bind(inviter.as_bytes())
            .bind(int(expires_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)
    }

    pub(super) async fn select_invitations(&self, inviter: PrincipalId, now_ms: u64) -> Result<Vec<InvitationRow>> {
        let rows = sqlx::query(
            "SELECT id, expires_ms, claimed_by, proof FROM invitations WHERE inviter = ? AND expires_ms > ? ORDER BY rowid",
        )
        .bind(inviter.as_bytes())
        .bind(int(now_ms))
        .fetch_all(&self.read)
        .await
        .map_err(broken)?;
        rows.iter()
            .map(|row| {
                let claimed_by: Option<Vec<u8>> = row.try_get(2).map_err(broken)?;
                let proof: Option<Vec<u8>> = row.try_get(3).map_err(broken)?;
                Ok(InvitationRow {
                    id: InvitationId(id(row, 0)?),
                    expires_ms: uint(row, 1)?,
                    claimed_by: claimed_by.map(fixed).transpose()?.map(PrincipalId),
                    proof: proof.map(B64),
                })
            })
            .collect()
    }

    pub(super) async fn remove_invitation(&self, inviter: PrincipalId, id: InvitationId) -> Result<()> {
        let done = sqlx::query("DELETE FROM invitations WHERE id = ? AND inviter = ?")
            .bind(id.as_bytes())
            .bind(inviter.as_bytes())
            .execute(&self.write)
            .await
            .map_err(broken)?;
        if done.rows_affected() == 0 {
            Err(StoreError::Missing)
        } else {
            Ok(())
        }
    }

    pub(super) async fn update_claim(
        &self,
        id: InvitationId,
        by: PrincipalId,
        proof: &[u8],
        now_ms: u64,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let row = sqlx::query("SELECT claimed_by, proof FROM invitations WHERE id = ? AND expires_ms > ?")
            .bind(id.as_bytes())
            .bind(int(now_ms))
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?
            .ok_or(StoreError::Missing)?;
        let claimed_by: Option<Vec<u8>> = row.try_get(0).map_err(broken)?;
        let stored: Option<Vec<u8>> = row.try_get(1).map_err(broken)?;
        if let Some(claimant) = claimed_by {
            let same = claimant == by.as_bytes() && stored.as_deref() == Some(proof);
            return if same { Ok(()) } else { Err(StoreError::Conflict) };
        }
        sqlx::query("UPDATE invitations SET claimed_by = ?, proof = ? WHERE id = ?")
            .bind(by.as_bytes())
            .bind(proof)
            .bind(id.as_bytes())
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)
    }
}
