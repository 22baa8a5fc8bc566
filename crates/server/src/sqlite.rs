//! The default [`Database`]: one SQLite file, write-ahead log, every acknowledged write on disk.
//!
//! One connection writes (SQLite has one writer anyway: waiting in our queue is fairer than in its busy loop), several read.

mod accounts;
mod capsules;
mod devices;
mod invitations;
mod moving;
mod nodes;
mod packs;
mod queue;
mod released;
mod row;
mod runs;
mod said;
mod spaces;
mod work;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use holdfast_protocol::id::{DeviceId, Hash, InvitationId, Locator, PackId, PrincipalId, SpaceId};
use holdfast_protocol::transparency::Leaf;
use holdfast_protocol::wire::{DeviceRow, InvitationRow, LinkBox, RecoveryBox, SpaceHead, Usage};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, Row, Sqlite as Sql, Transaction};

use crate::ports::{
    Account, BlobId, ChangedRun, Database, Membership, MovedEntries, NewAccount, NewEntry, NewKeys, NewPack, NewSpace,
    NewTokens, Released, Renewal, Result, Session, StoreError, StoredEntry, StoredPack, Totals,
};

/// Migrations in order; each ends by setting `user_version` to its number.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_begin.sql"),
    include_str!("../migrations/0002_staged.sql"),
    include_str!("../migrations/0003_nodes.sql"),
    include_str!("../migrations/0004_directory.sql"),
    include_str!("../migrations/0005_released.sql"),
];
const READERS: u32 = 4;

/// The `user_version` that this program's databases have.
pub(crate) const SCHEMA: i64 = MIGRATIONS.len() as i64;

/// An SQLite database.
pub struct Sqlite {
    write: SqlitePool,
    read: SqlitePool,
}

impl Sqlite {
    /// Opens a database file, making or migrating it where needed.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when it can't be opened or was made by a newer version.
    pub async fn open(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("trusted_schema", "off")
            .disable_statement_logging();
        let pool = || {
            SqlitePoolOptions::new()
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                // After some errors (a full disk) SQLite rolls back by itself. sqlx then fails to do the same and believes
                // for ever that the transaction goes on: such a connection is closed, and the pool opens another.
                .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        };
        let write = pool()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(broken)?;
        migrate(&write).await?;
        let read = pool()
            .max_connections(READERS)
            .connect_with(options)
            .await
            .map_err(broken)?;
        Ok(Self { write, read })
    }

    /// Begins a transaction that holds the write lock from its first moment.
    async fn begin(&self) -> Result<Transaction<'static, Sql>> {
        self.write.begin_with("BEGIN IMMEDIATE").await.map_err(broken)
    }

    /// Limits the file to this many pages, for tests of a full disk.
    ///
    /// # Errors
    /// As the database reports.
    #[doc(hidden)]
    pub async fn limit_pages(&self, more: i64) -> Result<()> {
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
            .fetch_one(&self.write)
            .await
            .map_err(broken)?;
        let statement = format!("PRAGMA max_page_count = {}", pages + more);
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&self.write)
            .await
            .map_err(broken)?;
        Ok(())
    }
}

async fn migrate(pool: &SqlitePool) -> Result<()> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(pool)
        .await
        .map_err(broken)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(StoreError::Broken(
            "the database was made by a newer version of the server".into(),
        ));
    }
    for migration in &MIGRATIONS[done..] {
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.map_err(broken)?;
        sqlx::raw_sql(*migration).execute(&mut *tx).await.map_err(broken)?;
        tx.commit().await.map_err(broken)?;
    }
    Ok(())
}

/// SQLite's result codes that a full disk, or a used-up quota of it, gives: "the disk or the database is full" and failures to
/// write, to sync, and to make room for or map the index of the write-ahead log (`SQLITE_IOERR_WRITE`, `_FSYNC`, `_SHMSIZE`,
/// `_SHMMAP`; <https://sqlite.org/rescode.html>).
const FULL: [&str; 5] = ["13", "778", "1034", "4874", "5386"];

fn is_full(code: Option<&str>) -> bool {
    code.is_some_and(|code| FULL.contains(&code))
}

/// Maps what sqlx reports. SQLite's messages name tables and constraints, never values.
fn broken(error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => StoreError::Exists,
        sqlx::Error::Database(inner) if is_full(inner.code().as_deref()) => StoreError::DiskFull,
        sqlx::Error::Io(inner) if inner.kind() == std::io::ErrorKind::StorageFull => StoreError::DiskFull,
        _ => StoreError::Broken(error.to_string()),
    }
}

#[async_trait]
impl Database for Sqlite {
    async fn secret(&self) -> Result<[u8; 32]> {
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(|_| StoreError::Broken("no randomness".into()))?;
        let mut tx = self.begin().await?;
        sqlx::query("INSERT OR IGNORE INTO server (id, secret) VALUES (1, ?)")
            .bind(&fresh[..])
            .execute(&mut *tx)
            .await
            .map_err(broken)?;
        let row = sqlx::query("SELECT secret FROM server")
            .fetch_one(&mut *tx)
            .await
            .map_err(broken)?;
        tx.commit().await.map_err(broken)?;
        row::fixed(row.try_get(0).map_err(broken)?)
    }

    async fn create_account(&self, account: NewAccount) -> Result<()> {
        self.insert_account(account).await
    }
    async fn account_by_handle(&self, handle: &str) -> Result<Option<Account>> {
        self.select_account_by_handle(handle).await
    }
    async fn account(&self, principal: PrincipalId) -> Result<Option<Account>> {
        self.select_account(principal).await
    }
    async fn chain(&self, principal: PrincipalId) -> Result<Vec<Vec<u8>>> {
        self.select_chain(principal).await
    }
    async fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Leaf>> {
        self.select_leaves(from, limit).await
    }
    async fn links(&self, principal: PrincipalId) -> Result<Vec<LinkBox>> {
        self.select_links(principal).await
    }
    async fn change_keys(&self, keys: NewKeys) -> Result<()> {
        self.insert_keys(keys).await
    }
    async fn set_recovery(&self, principal: PrincipalId, recovery: Option<RecoveryBox>) -> Result<()> {
        let mut tx = self.begin().await?;
        released::refuse(&mut tx, principal).await?;
        accounts::replace_recovery(&mut tx, principal, recovery.as_ref()).await?;
        tx.commit().await.map_err(broken)
    }
    async fn recovery_of(&self, principal: PrincipalId) -> Result<Option<RecoveryBox>> {
        self.select_recovery_of(principal).await
    }
    async fn has_recovery(&self, principal: PrincipalId) -> Result<bool> {
        self.select_has_recovery(principal).await
    }
    async fn recovery(&self, locator: Locator) -> Result<Option<Vec<u8>>> {
        self.select_recovery(locator).await
    }
    async fn release_handle(&self, handle: &str, now_ms: u64) -> Result<Released> {
        self.free_handle(handle, now_ms).await
    }

    async fn create_device(
        &self,
        principal: PrincipalId,
        device: DeviceId,
        tokens: NewTokens,
        now_ms: u64,
    ) -> Result<()> {
        self.insert_device(principal, device, tokens, now_ms).await
    }
    async fn session(&self, access: Hash, now_ms: u64) -> Result<Option<Session>> {
        self.select_session(access, now_ms).await
    }
    async fn renew(&self, refresh: Hash, tokens: NewTokens, now_ms: u64) -> Result<Renewal> {
        self.replace_tokens(refresh, tokens, now_ms).await
    }
    async fn devices(&self, principal: PrincipalId) -> Result<Vec<DeviceRow>> {
        self.select_devices(principal).await
    }
    async fn end_device(&self, principal: PrincipalId, device: DeviceId) -> Result<()> {
        self.delete_device(principal, device).await
    }

    async fn create_space(&self, space: NewSpace) -> Result<()> {
        let mut tx = self.begin().await?;
        spaces::insert_space(&mut tx, &space).await?;
        tx.commit().await.map_err(broken)
    }
    async fn append(&self, entry: NewEntry) -> Result<Vec<ChangedRun>> {
        self.insert_entry(entry).await
    }
    async fn stage(&self, space: SpaceId, from: u64, entries: Vec<StoredEntry>, now_ms: u64) -> Result<u64> {
        self.insert_staged(space, from, entries, now_ms).await
    }
    async fn staged(&self, space: SpaceId, from: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        self.select_staged(space, from, limit).await
    }
    async fn append_staged(&self, moved: MovedEntries) -> Result<()> {
        self.insert_moved(moved).await
    }
    async fn sweep_staged(&self, before_ms: u64) -> Result<()> {
        self.delete_staged(before_ms).await
    }
    async fn head(&self, space: SpaceId) -> Result<Option<SpaceHead>> {
        self.select_head(space).await
    }
    async fn heads_of(&self, principal: PrincipalId) -> Result<Vec<SpaceHead>> {
        self.select_heads_of(principal).await
    }
    async fn entries(&self, space: SpaceId, from: u64, limit: usize) -> Result<Vec<StoredEntry>> {
        self.select_entries(space, from, limit).await
    }
    async fn membership(&self, space: SpaceId, principal: PrincipalId) -> Result<Option<Membership>> {
        self.select_membership(space, principal).await
    }
    async fn usage(&self, space: SpaceId) -> Result<Usage> {
        let mut connection = self.read.acquire().await.map_err(broken)?;
        packs::select_usage(&mut connection, space).await
    }
    async fn totals(&self) -> Result<Totals> {
        let mut connection = self.read.acquire().await.map_err(broken)?;
        packs::select_totals(&mut connection).await
    }

    async fn begin_pack(&self, pack: NewPack) -> Result<StoredPack> {
        self.insert_pack(pack).await
    }
    async fn packs(&self, space: SpaceId, ids: &[PackId]) -> Result<Vec<StoredPack>> {
        self.select_packs(space, ids).await
    }
    async fn part_stored(&self, id: PackId, blob: BlobId, part: u32, of: u32, now_ms: u64) -> Result<()> {
        self.insert_part(id, blob, part, of, now_ms).await
    }
    async fn abort_pack(&self, space: SpaceId, id: PackId) -> Result<BlobId> {
        self.delete_pack(space, id).await
    }
    async fn sweep_packs(&self, unnamed_before_ms: u64, dropped_before_ms: u64, now_ms: u64) -> Result<Vec<BlobId>> {
        self.delete_old_packs(unnamed_before_ms, dropped_before_ms, now_ms)
            .await
    }
    async fn has_blob(&self, blob: BlobId) -> Result<bool> {
        self.select_has_blob(blob).await
    }

    async fn create_invitation(
        &self,
        inviter: PrincipalId,
        id: InvitationId,
        expires_ms: u64,
        at_most: u32,
        now_ms: u64,
    ) -> Result<()> {
        self.insert_invitation(inviter, id, expires_ms, at_most, now_ms).await
    }
    async fn invitations(&self, inviter: PrincipalId, now_ms: u64) -> Result<Vec<InvitationRow>> {
        self.select_invitations(inviter, now_ms).await
    }
    async fn delete_invitation(&self, inviter: PrincipalId, id: InvitationId) -> Result<()> {
        self.remove_invitation(inviter, id).await
    }
    async fn claim_invitation(&self, id: InvitationId, by: PrincipalId, proof: &[u8], now_ms: u64) -> Result<()> {
        self.update_claim(id, by, proof, now_ms).await
    }

    async fn sweep_ended(&self, now_ms: u64) -> Result<()> {
        self.delete_ended(now_ms).await
    }
    async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder from before the log of keys: its bundles become leaves in the order in which they were stored.
    #[tokio::test]
    async fn bundles_of_older_data_become_leaves_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("holdfast.db");
        let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
        let mut old = options.connect().await.expect("a database");
        for migration in &MIGRATIONS[..3] {
            sqlx::raw_sql(*migration)
                .execute(&mut old)
                .await
                .expect("an older migration");
        }
        let stored = [(9_u8, 0_u8), (2, 0), (9, 1), (5, 0)];
        for (n, counter) in stored {
            let account = "INSERT OR IGNORE INTO accounts (principal, handle, vault, created_ms) VALUES (?, ?, ?, 1)";
            let account = sqlx::query(account)
                .bind(vec![n; 16])
                .bind(format!("p{n}"))
                .bind(vec![n; 32]);
            account.execute(&mut old).await.expect("an account");
            let bundle = "INSERT INTO bundles (principal, counter, hash, kdf, signed) VALUES (?, ?, ?, x'00', x'00')";
            let bundle = sqlx::query(bundle).bind(vec![n; 16]).bind(i64::from(counter));
            bundle
                .bind(vec![n + counter; 32])
                .execute(&mut old)
                .await
                .expect("a bundle");
        }
        old.close().await.expect("closed");
        let now = Sqlite::open(&file).await.expect("it is brought up to date");
        let leaves = now.leaves(0, 100).await.expect("leaves");
        let expected = stored.map(|(n, counter)| {
            let (principal, hash) = (PrincipalId([n; 16]), Hash([n + counter; 32]));
            Leaf::new(principal, &format!("p{n}"), counter.into(), hash)
        });
        assert_eq!(leaves, expected);
    }
}
