//! Nodes: tokens that let them in, who they are, where they stand.

use async_trait::async_trait;
use holdfast_protocol::id::{DeviceId, Hash, PrincipalId, SpaceId};
use holdfast_protocol::wire::{B64, NodeRow, SpaceHead};
use sqlx::Row;

use super::row::{bytes, changed, id, int, optional, scope, uint};
use super::{Sqlite, accounts, broken, released, spaces};
use crate::ports::{EndedNode, NewNode, NodeStanding, Nodes, Result, StoreError};

#[async_trait]
impl Nodes for Sqlite {
    async fn create_node_token(
        &self,
        by: PrincipalId,
        token: Hash,
        expires_ms: u64,
        at_most: u32,
        now_ms: u64,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        released::refuse(&mut tx, by).await?;
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM node_tokens WHERE drawn_by = ? AND expires_ms > ? AND bundle IS NULL",
        )
        .bind(by.as_bytes())
        .bind(int(now_ms))
        .fetch_one(&mut *tx)
        .await
        .map_err(broken)?;
        if open >= i64::from(at_most) {
            return Err(StoreError::Quota);
        }
        sqlx::query("INSERT INTO node_tokens (hash, drawn_by, expires_ms) VALUES (?, ?, ?)")
            .bind(token.as_bytes())
            .bind(by.as_bytes())
            .bind(int(expires_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)
    }

    async fn enrol_node(&self, node: NewNode) -> Result<bool> {
        // Whoever makes tokens up shall not hold the write lock.
        let known: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM node_tokens WHERE hash = ? AND expires_ms > ?)")
                .bind(node.token.as_bytes())
                .bind(int(node.now_ms))
                .fetch_one(&self.read)
                .await
                .map_err(broken)?;
        if !known {
            return Err(StoreError::Missing);
        }
        let mut tx = self.begin().await?;
        let token = sqlx::query("SELECT drawn_by, bundle FROM node_tokens WHERE hash = ? AND expires_ms > ?")
            .bind(node.token.as_bytes())
            .bind(int(node.now_ms))
            .fetch_optional(&mut *tx)
            .await
            .map_err(broken)?
            .ok_or(StoreError::Missing)?;
        let spent: Option<Vec<u8>> = token.try_get(1).map_err(broken)?;
        match spent {
            Some(bundle) if bundle == node.bundle.hash.as_bytes() => return Ok(false),
            Some(_) => return Err(StoreError::Missing),
            None => {}
        }
        sqlx::query("INSERT INTO accounts (principal, handle, vault, created_ms) VALUES (?, ?, NULL, ?)")
            .bind(node.principal.as_bytes())
            .bind(&node.handle)
            .bind(int(node.now_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        accounts::insert_bundle(&mut tx, node.principal, &node.bundle).await?;
        sqlx::query("INSERT INTO nodes (principal, enrolled_by) VALUES (?, ?)")
            .bind(node.principal.as_bytes())
            .bind(bytes(&token, 0)?)
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        sqlx::query("UPDATE node_tokens SET bundle = ? WHERE hash = ?")
            .bind(node.bundle.hash.as_bytes())
            .bind(node.token.as_bytes())
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)?;
        Ok(true)
    }

    async fn nodes(&self, person: PrincipalId, now_ms: u64) -> Result<Vec<NodeRow>> {
        let rows = sqlx::query(
            "SELECT n.principal, a.handle, a.created_ms, n.seen_ms, n.enrolled_by = ?1, n.card
             FROM nodes n JOIN accounts a USING (principal)
             WHERE n.ended_ms IS NULL AND (n.enrolled_by = ?1 OR n.principal IN
                (SELECT w.node FROM space_nodes w JOIN members m ON m.space = w.space
                 WHERE m.principal = ?1 AND m.last_seq IS NULL AND w.last_seq IS NULL AND w.until_ms > ?2))
             ORDER BY a.created_ms, n.principal",
        )
        .bind(person.as_bytes())
        .bind(int(now_ms))
        .fetch_all(&self.read)
        .await
        .map_err(broken)?;
        rows.iter()
            .map(|row| {
                let card: Option<Vec<u8>> = row.try_get(5).map_err(broken)?;
                Ok(NodeRow {
                    principal: PrincipalId(id(row, 0)?),
                    handle: row.try_get(1).map_err(broken)?,
                    enrolled_ms: uint(row, 2)?,
                    seen_ms: optional(row, 3)?,
                    mine: row.try_get(4).map_err(broken)?,
                    card: card.map(B64),
                })
            })
            .collect()
    }

    async fn set_card(&self, node: PrincipalId, card: &[u8]) -> Result<()> {
        sqlx::query("UPDATE nodes SET card = ? WHERE principal = ?")
            .bind(card)
            .bind(node.as_bytes())
            .execute(&self.write)
            .await
            .map_err(broken)?;
        Ok(())
    }

    async fn end_node(&self, by: PrincipalId, node: PrincipalId, now_ms: u64) -> Result<EndedNode> {
        let mut tx = self.begin().await?;
        let ended =
            sqlx::query("UPDATE nodes SET ended_ms = ? WHERE principal = ? AND enrolled_by = ? AND ended_ms IS NULL")
                .bind(int(now_ms))
                .bind(node.as_bytes())
                .bind(by.as_bytes())
                .execute(&mut *tx)
                .await
                .map_err(broken)?;
        if ended.rows_affected() == 0 {
            return Err(StoreError::Missing);
        }
        let devices = sqlx::query("DELETE FROM devices WHERE principal = ? RETURNING id")
            .bind(node.as_bytes())
            .fetch_all(&mut *tx)
            .await
            .map_err(broken)?;
        let runs = sqlx::query(
            "UPDATE runs SET state = 'withdrawn', ended_ms = ?2, due_ms = NULL
             WHERE node = ?1 AND state IN ('queued', 'running') RETURNING space, run, node, state",
        )
        .bind(node.as_bytes())
        .bind(int(now_ms))
        .fetch_all(&mut *tx)
        .await
        .map_err(broken)?;
        let ended = EndedNode {
            devices: devices
                .iter()
                .map(|row| id(row, 0).map(DeviceId))
                .collect::<Result<_>>()?,
            runs: runs.iter().map(changed).collect::<Result<_>>()?,
        };
        tx.commit().await.map_err(broken)?;
        Ok(ended)
    }

    async fn node_standing(&self, space: SpaceId, node: PrincipalId, now_ms: u64) -> Result<Option<NodeStanding>> {
        let row = sqlx::query(
            "SELECT w.scope, coalesce(w.last_seq, s.head_seq), w.last_seq IS NULL AND w.until_ms > ?
             FROM space_nodes w JOIN spaces s ON s.id = w.space WHERE w.space = ? AND w.node = ?",
        )
        .bind(int(now_ms))
        .bind(space.as_bytes())
        .bind(node.as_bytes())
        .fetch_optional(&self.read)
        .await
        .map_err(broken)?;
        row.map(|row| {
            Ok(if row.try_get(2).map_err(broken)? {
                NodeStanding::Active(scope(&row, 0)?)
            } else {
                NodeStanding::Ended(uint(&row, 1)?)
            })
        })
        .transpose()
    }

    async fn node_heads(&self, node: PrincipalId, now_ms: u64) -> Result<Vec<SpaceHead>> {
        let rows = sqlx::query(
            "SELECT s.id, s.head_seq, s.head_hash FROM space_nodes w JOIN spaces s ON s.id = w.space
             WHERE w.node = ? AND w.last_seq IS NULL AND w.until_ms > ? ORDER BY s.id",
        )
        .bind(node.as_bytes())
        .bind(int(now_ms))
        .fetch_all(&self.read)
        .await
        .map_err(broken)?;
        rows.iter().map(spaces::head).collect()
    }
}
