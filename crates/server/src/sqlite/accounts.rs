//! Accounts, chains of bundles, link boxes and recovery boxes.

use holdfast_protocol::id::{Hash, Locator, PrincipalId, SpaceId};
use holdfast_protocol::transparency::Leaf;
use holdfast_protocol::wire::{B64, LinkBox, RecoveryBox};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite as Sql, Transaction};

use super::row::{bytes, fixed, id, int, uint, unexpected};
use super::{Sqlite, broken, released, spaces};
use crate::ports::{Account, NewAccount, NewBundle, NewKeys, Result, StoreError};

impl Sqlite {
    pub(super) async fn insert_account(&self, account: NewAccount) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO accounts (principal, handle, vault, created_ms) VALUES (?, ?, ?, ?)")
            .bind(account.principal.as_bytes())
            .bind(&account.handle)
            .bind(account.vault.space.as_bytes())
            .bind(int(account.now_ms))
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        insert_bundle(&mut tx, account.principal, &account.bundle).await?;
        for (bundle, link) in &account.later {
            insert_bundle(&mut tx, account.principal, bundle).await?;
            insert_link(&mut tx, account.principal, bundle.counter, link).await?;
        }
        spaces::insert_space(&mut tx, &account.vault).await?;
        replace_recovery(&mut tx, account.principal, account.recovery.as_ref()).await?;
        tx.commit().await.map_err(broken)
    }

    pub(super) async fn select_account_by_handle(&self, handle: &str) -> Result<Option<Account>> {
        let row = sqlx::query(
            "SELECT a.principal, a.handle, a.vault, b.counter, b.kdf,
                EXISTS (SELECT 1 FROM nodes n WHERE n.principal = a.principal AND n.ended_ms IS NOT NULL)
             FROM accounts a JOIN bundles b USING (principal)
             WHERE a.handle = ? AND a.principal NOT IN (SELECT r.principal FROM released r) ORDER BY b.counter DESC LIMIT 1",
        )
        .bind(handle)
        .fetch_optional(&self.read)
        .await
        .map_err(broken)?;
        row.as_ref().map(account).transpose()
    }

    pub(super) async fn select_account(&self, principal: PrincipalId) -> Result<Option<Account>> {
        let row = sqlx::query(
            "SELECT a.principal, coalesce(r.handle, a.handle), a.vault, b.counter, b.kdf,
                EXISTS (SELECT 1 FROM nodes n WHERE n.principal = a.principal AND n.ended_ms IS NOT NULL)
             FROM accounts a JOIN bundles b USING (principal) LEFT JOIN released r USING (principal)
             WHERE a.principal = ? ORDER BY b.counter DESC LIMIT 1",
        )
        .bind(principal.as_bytes())
        .fetch_optional(&self.read)
        .await
        .map_err(broken)?;
        row.as_ref().map(account).transpose()
    }

    pub(super) async fn select_chain(&self, principal: PrincipalId) -> Result<Vec<Vec<u8>>> {
        sqlx::query_scalar("SELECT signed FROM bundles WHERE principal = ? ORDER BY counter")
            .bind(principal.as_bytes())
            .fetch_all(&self.read)
            .await
            .map_err(broken)
    }

    pub(super) async fn select_leaves(&self, from: u64, limit: usize) -> Result<Vec<Leaf>> {
        let rows = sqlx::query(
            "SELECT b.principal, coalesce(r.handle, a.handle), b.counter, b.hash
             FROM leaves l JOIN bundles b ON b.hash = l.bundle
             JOIN accounts a USING (principal) LEFT JOIN released r USING (principal) WHERE l.number >= ? ORDER BY l.number LIMIT ?",
        )
        .bind(int(from))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.read)
        .await
        .map_err(broken)?;
        rows.iter()
            .map(|row| {
                let counter = u32::try_from(uint(row, 2)?).map_err(|_| unexpected())?;
                let handle: String = row.try_get(1).map_err(broken)?;
                Ok(Leaf::new(PrincipalId(id(row, 0)?), &handle, counter, Hash(id(row, 3)?)))
            })
            .collect()
    }

    pub(super) async fn select_links(&self, principal: PrincipalId) -> Result<Vec<LinkBox>> {
        let rows = sqlx::query("SELECT old, new, sealed FROM links WHERE principal = ? ORDER BY counter")
            .bind(principal.as_bytes())
            .fetch_all(&self.read)
            .await
            .map_err(broken)?;
        rows.iter()
            .map(|row| {
                Ok(LinkBox {
                    old: Hash(id(row, 0)?),
                    new: Hash(id(row, 1)?),
                    sealed: B64(bytes(row, 2)?),
                })
            })
            .collect()
    }

    pub(super) async fn insert_keys(&self, keys: NewKeys) -> Result<()> {
        let mut tx = self.begin().await?;
        released::refuse(&mut tx, keys.principal).await?;
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(counter) FROM bundles WHERE principal = ?")
            .bind(keys.principal.as_bytes())
            .fetch_one(&mut *tx)
            .await
            .map_err(broken)?;
        if newest.ok_or(StoreError::Missing)? + 1 != i64::from(keys.bundle.counter) {
            return Err(StoreError::Conflict);
        }
        insert_bundle(&mut tx, keys.principal, &keys.bundle).await?;
        insert_link(&mut tx, keys.principal, keys.bundle.counter, &keys.link).await?;
        replace_recovery(&mut tx, keys.principal, keys.recovery.as_ref()).await?;
        sqlx::query("DELETE FROM devices WHERE principal = ? AND id <> ?")
            .bind(keys.principal.as_bytes())
            .bind(keys.keep.as_bytes())
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)
    }

    pub(super) async fn select_recovery_of(&self, principal: PrincipalId) -> Result<Option<RecoveryBox>> {
        let row = sqlx::query("SELECT locator, sealed FROM recovery WHERE principal = ?")
            .bind(principal.as_bytes())
            .fetch_optional(&self.read)
            .await
            .map_err(broken)?;
        let kept = |row: SqliteRow| {
            Ok(RecoveryBox {
                locator: Locator(id(&row, 0)?),
                sealed: B64(bytes(&row, 1)?),
            })
        };
        row.map(kept).transpose()
    }

    pub(super) async fn select_has_recovery(&self, principal: PrincipalId) -> Result<bool> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM recovery WHERE principal = ?)")
            .bind(principal.as_bytes())
            .fetch_one(&self.read)
            .await
            .map_err(broken)
    }

    pub(super) async fn select_recovery(&self, locator: Locator) -> Result<Option<Vec<u8>>> {
        sqlx::query_scalar("SELECT sealed FROM recovery WHERE locator = ?")
            .bind(locator.as_bytes())
            .fetch_optional(&self.read)
            .await
            .map_err(broken)
    }
}

fn account(row: &SqliteRow) -> Result<Account> {
    let vault: Option<Vec<u8>> = row.try_get(2).map_err(broken)?;
    Ok(Account {
        principal: PrincipalId(id(row, 0)?),
        handle: row.try_get(1).map_err(broken)?,
        vault: vault.map(fixed).transpose()?.map(SpaceId),
        ended: row.try_get(5).map_err(broken)?,
        counter: u32::try_from(uint(row, 3)?).map_err(|_| unexpected())?,
        kdf: bytes(row, 4)?,
    })
}

pub(super) async fn insert_bundle(
    tx: &mut Transaction<'static, Sql>,
    principal: PrincipalId,
    bundle: &NewBundle,
) -> Result<()> {
    sqlx::query("INSERT INTO bundles (principal, counter, hash, kdf, signed) VALUES (?, ?, ?, ?, ?)")
        .bind(principal.as_bytes())
        .bind(i64::from(bundle.counter))
        .bind(bundle.hash.as_bytes())
        .bind(&bundle.kdf)
        .bind(&bundle.signed)
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    sqlx::query("INSERT INTO leaves (number, bundle) SELECT coalesce(max(number) + 1, 0), ? FROM leaves")
        .bind(bundle.hash.as_bytes())
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}

async fn insert_link(
    tx: &mut Transaction<'static, Sql>,
    principal: PrincipalId,
    counter: u32,
    link: &LinkBox,
) -> Result<()> {
    sqlx::query("INSERT INTO links (principal, counter, old, new, sealed) VALUES (?, ?, ?, ?, ?)")
        .bind(principal.as_bytes())
        .bind(i64::from(counter))
        .bind(link.old.as_bytes())
        .bind(link.new.as_bytes())
        .bind(&link.sealed.0)
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    Ok(())
}

pub(super) async fn replace_recovery(
    tx: &mut Transaction<'static, Sql>,
    principal: PrincipalId,
    recovery: Option<&RecoveryBox>,
) -> Result<()> {
    sqlx::query("DELETE FROM recovery WHERE principal = ?")
        .bind(principal.as_bytes())
        .execute(&mut **tx)
        .await
        .map_err(broken)?;
    if let Some(recovery) = recovery {
        sqlx::query("INSERT INTO recovery (principal, locator, sealed) VALUES (?, ?, ?)")
            .bind(principal.as_bytes())
            .bind(recovery.locator.as_bytes())
            .bind(&recovery.sealed.0)
            .execute(&mut **tx)
            .await
            .map_err(broken)?;
    }
    Ok(())
}
