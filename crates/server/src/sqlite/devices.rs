//! Signed-in devices and their tokens (as hashes).

use holdfast_protocol::bundle::PrincipalKind;
use holdfast_protocol::id::{DeviceId, Hash, PrincipalId};
use holdfast_protocol::wire::DeviceRow;
use sqlx::{Row as _, Sqlite as Sql, Transaction};

use super::row::{id, int, uint};
use super::{Sqlite, broken, released};
use crate::ports::{NewTokens, Renewal, Result, Session, StoreError};

impl Sqlite {
    pub(super) async fn insert_device(
        &self,
        principal: PrincipalId,
        device: DeviceId,
        tokens: NewTokens,
        now_ms: u64,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        // A node may be ended while it signs in.
        let ended: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM nodes WHERE principal = ? AND ended_ms IS NOT NULL)")
                .bind(principal.as_bytes())
                .fetch_one(&mut *tx)
                .await
                .map_err(broken)?;
        if ended {
            return Err(StoreError::Missing);
        }
        released::refuse(&mut tx, principal).await?;
        sqlx::query(
            "INSERT INTO devices (id, principal, created_ms, seen_ms, refresh, refresh_expires_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(device.as_bytes())
        .bind(principal.as_bytes())
        .bind(int(now_ms))
        .bind(int(now_ms))
        .bind(tokens.refresh.as_bytes())
        .bind(int(tokens.refresh_expires_ms))
        .execute(&mut *tx)
        .await
        .map_err(broken)?;
        insert_access(&mut tx, device, &tokens).await?;
        tx.commit().await.map_err(broken)
    }

    pub(super) async fn select_session(&self, access: Hash, now_ms: u64) -> Result<Option<Session>> {
        let row = sqlx::query(
            "SELECT d.principal, d.id, t.expires_ms, EXISTS (SELECT 1 FROM nodes n WHERE n.principal = d.principal)
             FROM access_tokens t JOIN devices d ON d.id = t.device
             WHERE t.hash = ? AND t.expires_ms > ?",
        )
        .bind(access.as_bytes())
        .bind(int(now_ms))
        .fetch_optional(&self.read)
        .await
        .map_err(broken)?;
        row.map(|row| {
            Ok(Session {
                principal: PrincipalId(id(&row, 0)?),
                kind: match row.try_get(3).map_err(broken)? {
                    true => PrincipalKind::Node,
                    false => PrincipalKind::User,
                },
                device: DeviceId(id(&row, 1)?),
                expires_ms: uint(&row, 2)?,
            })
        })
        .transpose()
    }

    pub(super) async fn replace_tokens(&self, refresh: Hash, tokens: NewTokens, now_ms: u64) -> Result<Renewal> {
        // Whoever makes tokens up shall not hold the write lock.
        let known: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM devices WHERE refresh = ?1) OR EXISTS (SELECT 1 FROM spent_tokens WHERE hash = ?1)",
        )
        .bind(refresh.as_bytes())
        .fetch_one(&self.read)
        .await
        .map_err(broken)?;
        if !known {
            return Ok(Renewal::Unknown);
        }
        let mut tx = self.begin().await?;
        let spent = sqlx::query("SELECT device FROM spent_tokens WHERE hash = ?")
            .bind(refresh.as_bytes())
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?;
        if let Some(row) = spent {
            let device = DeviceId(id(&row, 0)?);
            sqlx::query("DELETE FROM devices WHERE id = ?")
                .bind(device.as_bytes())
                .execute(&mut *tx)
                .await
                .map_err(broken)?;
            tx.commit().await.map_err(broken)?;
            return Ok(Renewal::Reused(device));
        }
        let found = sqlx::query("SELECT id, principal, refresh_expires_ms FROM devices WHERE refresh = ?")
            .bind(refresh.as_bytes())
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?;
        let Some(row) = found else { return Ok(Renewal::Unknown) };
        let (device, principal, expires_ms) = (DeviceId(id(&row, 0)?), PrincipalId(id(&row, 1)?), uint(&row, 2)?);
        if expires_ms <= now_ms {
            return Ok(Renewal::Unknown);
        }
        sqlx::query("INSERT INTO spent_tokens (hash, device, expires_ms) VALUES (?, ?, ?)")
            .bind(refresh.as_bytes())
            .bind(device.as_bytes())
            .bind(int(expires_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        sqlx::query("UPDATE devices SET refresh = ?, refresh_expires_ms = ?, seen_ms = ? WHERE id = ?")
            .bind(tokens.refresh.as_bytes())
            .bind(int(tokens.refresh_expires_ms))
            .bind(int(now_ms))
            .bind(device.as_bytes())
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        insert_access(&mut tx, device, &tokens).await?;
        tx.commit().await.map_err(broken)?;
        Ok(Renewal::Renewed(principal, device))
    }

    pub(super) async fn select_devices(&self, principal: PrincipalId) -> Result<Vec<DeviceRow>> {
        let rows =
            sqlx::query("SELECT id, created_ms, seen_ms FROM devices WHERE principal = ? ORDER BY created_ms DESC, id")
                .bind(principal.as_bytes())
                .fetch_all(&self.read)
                .await
                .map_err(broken)?;
        rows.iter()
            .map(|row| {
                Ok(DeviceRow {
                    id: DeviceId(id(row, 0)?),
                    created_ms: uint(row, 1)?,
                    seen_ms: uint(row, 2)?,
                    current: false,
                })
            })
            .collect()
    }

    pub(super) async fn delete_device(&self, principal: PrincipalId, device: DeviceId) -> Result<()> {
        let done = sqlx::query("DELETE FROM devices WHERE id = ? AND principal = ?")
            .bind(device.as_bytes())
            .bind(principal.as_bytes())
            .execute(&self.write)
            .await
            .map_err(broken)?;
        if done.rows_affected() == 0 {
            Err(StoreError::Missing)
        } else {
            Ok(())
        }
    }

    pub(super) async fn delete_ended(&self, now_ms: u64) -> Result<()> {
        let mut tx = self.begin().await?;
        for statement in [
            "DELETE FROM access_tokens WHERE expires_ms <= ?",
            "DELETE FROM spent_tokens WHERE expires_ms <= ?",
            "DELETE FROM devices WHERE refresh_expires_ms <= ?",
            "DELETE FROM invitations WHERE expires_ms <= ?",
        ] {
            sqlx::query(statement)
                .bind(int(now_ms))
                .execute(&mut *tx)
                .await
                .map_err(broken)?;
        }
        tx.commit().await.map_err(broken)
    }
}

async fn insert_access(tx: &mut Transaction<'static, Sql>, device: DeviceId, tokens: &NewTokens) -> Result<()> {
    sqlx::query("INSERT INTO access_tokens (hash, device, expires_ms) VALUES (?, ?, ?)")
        .bind(tokens.access.as_bytes())
        .bind(device.as_bytes())
        .bind(int(tokens.access_expires_ms))
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}
