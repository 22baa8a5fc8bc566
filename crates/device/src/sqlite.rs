//! The device's store in one SQLite file: WAL, `synchronous=NORMAL` (a power cut may undo the last moments, never
//! half of a write), readable by its owner alone.

use std::collections::BTreeMap;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use holdfast_engine::ports::{Change, Store, StoreError};
use holdfast_engine::{Error, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Mutex;

/// The numbered migrations, first to last. Each sets `user_version` to its number; released ones are never edited.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_rows.sql")];
/// `application_id` of our files: "HFdP".
pub(crate) const APPLICATION: i64 = 0x4846_6450;
/// The `user_version` of our files.
pub(crate) const SCHEMA: i64 = MIGRATIONS.len() as i64;
/// Readers beside the one writer.
const CONNECTIONS: u32 = 4;
/// How long a lock held by another process (a backup, say) is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// [`Store`] in a SQLite file.
pub struct SqliteStore {
    pool: SqlitePool,
    /// Writers queue here, in turn, instead of polling SQLite's lock.
    writer: Mutex<()>,
}

impl SqliteStore {
    /// Opens the file, makes it if need be, and brings it to this version's form.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it was written by a newer version or is no profile database; [`Error::Io`] when it
    /// can't be opened; [`Error::Full`].
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, CONNECTIONS).await
    }

    async fn open_with(path: &Path, connections: u32) -> Result<Self> {
        // Made here, not by SQLite, so that it is never readable by others; the -wal and -shm files take its mode.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        file.and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
            .map_err(|error| Error::io(path, &error))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY);
        let pool = SqlitePoolOptions::new()
            .max_connections(connections)
            .connect_with(options)
            .await;
        let store = Self {
            pool: pool.map_err(|error| open_error(path, error))?,
            writer: Mutex::new(()),
        };
        match store.migrate(path).await {
            Ok(()) => Ok(store),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    /// Waits for what is under way and closes the file; everything afterwards fails. Dropping does the same
    /// without waiting.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn migrate(&self, path: &Path) -> Result<()> {
        let failed = |error| open_error(path, error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        let application: i64 = sqlx::query_scalar("PRAGMA application_id")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut *transaction)
            .await
            .map_err(failed)?;
        if application != APPLICATION && (version != 0 || tables != 0) {
            return Err(Error::Invalid(format!(
                "{} is not the database of a Holdfast profile.",
                path.display()
            )));
        }
        let known = MIGRATIONS.len();
        let Some(missing) = usize::try_from(version)
            .ok()
            .and_then(|version| MIGRATIONS.get(version..))
        else {
            return Err(Error::Invalid(format!(
                "{} was written by a newer version of Holdfast (form {version}; this one knows up to {known}). \
                 Update Holdfast, or use another profile.",
                path.display()
            )));
        };
        for migration in missing {
            sqlx::raw_sql(*migration)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, table: &'static str, key: &[u8]) -> std::result::Result<Option<Vec<u8>>, StoreError> {
        sqlx::query_scalar("SELECT value FROM rows WHERE tbl = ? AND key = ?")
            .bind(table)
            .bind(key)
            .fetch_optional(&self.pool)
            .await
            .map_err(store_error)
    }

    async fn list(
        &self,
        table: &'static str,
        prefix: &[u8],
    ) -> std::result::Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let query = match after(prefix) {
            Some(end) => sqlx::query_as("SELECT key, value FROM rows WHERE tbl = ? AND key >= ? AND key < ?")
                .bind(table)
                .bind(prefix)
                .bind(end),
            None => sqlx::query_as("SELECT key, value FROM rows WHERE tbl = ? AND key >= ?")
                .bind(table)
                .bind(prefix),
        };
        let rows: Vec<(Vec<u8>, Vec<u8>)> = query.fetch_all(&self.pool).await.map_err(store_error)?;
        Ok(rows.into_iter().collect())
    }

    async fn write(&self, changes: Vec<Change>) -> std::result::Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let _turn = self.writer.lock().await;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)?;
        for change in changes {
            let query = match change {
                Change::Put(table, key, value) => sqlx::query(
                    "INSERT INTO rows (tbl, key, value) VALUES (?, ?, ?) \
                     ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value",
                )
                .bind(table)
                .bind(key)
                .bind(value),
                Change::Delete(table, key) => sqlx::query("DELETE FROM rows WHERE tbl = ? AND key = ?")
                    .bind(table)
                    .bind(key),
            };
            query.execute(&mut *transaction).await.map_err(store_error)?;
        }
        transaction.commit().await.map_err(store_error)
    }
}

/// The first key after all those that begin with `prefix`; none when there is no end (empty, or all 0xff).
fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

fn store_error(error: sqlx::Error) -> StoreError {
    /// No room for the database, or for the shared memory beside it (<https://sqlite.org/rescode.html>).
    const FULL: [i32; 2] = [13, 4874];
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    if code
        .and_then(|code| code.parse().ok())
        .is_some_and(|code| FULL.contains(&code))
    {
        return StoreError::DiskFull;
    }
    StoreError::Other(format!("the profile's database: {error}"))
}

fn open_error(path: &Path, error: sqlx::Error) -> Error {
    match store_error(error) {
        StoreError::DiskFull => StoreError::DiskFull.into(),
        StoreError::Other(reason) => Error::Io {
            path: path.display().to_string(),
            reason,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_is_the_next_prefix() {
        assert_eq!(after(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(after(&[1, 0xff, 0xff]), Some(vec![2]));
        assert_eq!(after(&[0xff]), None);
        assert_eq!(after(&[]), None);
    }

    #[test]
    fn every_migration_sets_its_number() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert!(
                migration.contains(&format!("PRAGMA user_version = {};", index + 1)),
                "{migration}"
            );
        }
    }

    /// SQLite's own page limit gives the very error of a full disk.
    #[tokio::test]
    async fn a_full_disk_is_said_and_undone() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_with(&folder.path().join("p.db"), 1).await.unwrap();
        store
            .write(vec![Change::Put("t", b"old".to_vec(), b"1".to_vec())])
            .await
            .unwrap();
        sqlx::query("PRAGMA max_page_count = 16")
            .execute(&store.pool)
            .await
            .unwrap();
        let changes = vec![
            Change::Delete("t", b"old".to_vec()),
            Change::Put("t", b"new".to_vec(), vec![7; 1 << 20]),
        ];
        let error = store.write(changes).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull), "{error}");
        assert_eq!(store.get("t", b"old").await.unwrap(), Some(b"1".to_vec()));
        assert_eq!(store.get("t", b"new").await.unwrap(), None);
    }
}
