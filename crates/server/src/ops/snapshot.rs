//! The database side: a copy of one moment while a server writes, and reading it.

use std::path::Path;
use std::time::Duration;

use holdfast_protocol::id::PackId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use super::{Error, Result};
use crate::ports::BlobId;
use crate::sqlite::SCHEMA;

/// Packs that are read at a time.
const PAGE: i64 = 500;

/// A pack as its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PackRow {
    pub(super) id: PackId,
    pub(super) blob: BlobId,
    pub(super) bytes: u64,
    /// Parts that are stored.
    pub(super) parts: Vec<u32>,
}

/// How much a database holds.
pub(super) struct Counts {
    pub(super) accounts: u64,
    pub(super) spaces: u64,
    pub(super) entries: u64,
    pub(super) packs: u64,
    /// Bytes of packs, whether all of their parts are there yet or not.
    pub(super) bytes: u64,
}

/// An open database.
pub(super) struct Snapshot(pub(super) SqliteConnection);

impl Snapshot {
    /// Opens a database to read it.
    pub(super) async fn read(file: &Path) -> Result<Self> {
        Self::open(file, true).await
    }

    /// Opens a database to change it.
    pub(super) async fn write(file: &Path) -> Result<Self> {
        Self::open(file, false).await
    }

    async fn open(file: &Path, read_only: bool) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .read_only(read_only)
            .create_if_missing(false)
            .busy_timeout(Duration::from_secs(10))
            .foreign_keys(true)
            .pragma("trusted_schema", "off")
            .disable_statement_logging();
        options.connect().await.map(Self).map_err(|error| broken(&error))
    }

    /// Copies the whole database, as it is at one moment, into an empty file. Writers go on meanwhile.
    pub(super) async fn copy_to(&mut self, file: &Path) -> Result<()> {
        let name = file.to_str().ok_or_else(|| Error::Io {
            path: file.display().to_string(),
            reason: "the path is not text".into(),
        })?;
        sqlx::query("VACUUM INTO ?")
            .bind(name)
            .execute(&mut self.0)
            .await
            .map(|_| ())
            .map_err(|error| broken(&error))
    }

    /// The schema's version.
    pub(super) async fn schema(&mut self) -> Result<i64> {
        self.number("PRAGMA user_version").await
    }

    /// Refuses what a newer program made.
    pub(super) async fn known_schema(&mut self) -> Result<i64> {
        match self.schema().await? {
            0 => Err(Error::Damaged("it is not a server's".into())),
            newer if newer > SCHEMA => Err(Error::Newer),
            known => Ok(known),
        }
    }

    /// What is wrong with its pages, indexes and references; nothing, as a rule.
    pub(super) async fn faults(&mut self) -> Result<Vec<String>> {
        let said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
            .fetch_all(&mut self.0)
            .await
            .map_err(|error| broken(&error))?;
        let mut faults: Vec<String> = said.into_iter().filter(|line| line != "ok").collect();
        let dangling = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut self.0)
            .await
            .map_err(|error| broken(&error))?;
        if !dangling.is_empty() {
            faults.push(format!("{} rows refer to nothing", dangling.len()));
        }
        Ok(faults)
    }

    /// How much it holds.
    pub(super) async fn counts(&mut self) -> Result<Counts> {
        Ok(Counts {
            accounts: self.count("SELECT count(*) FROM accounts").await?,
            spaces: self.count("SELECT count(*) FROM spaces").await?,
            entries: self.count("SELECT count(*) FROM entries").await?,
            packs: self.count("SELECT count(*) FROM packs").await?,
            bytes: self.count("SELECT coalesce(sum(bytes), 0) FROM packs").await?,
        })
    }

    /// The next packs in the order of their blobs.
    pub(super) async fn packs_after(&mut self, last: Option<BlobId>) -> Result<Vec<PackRow>> {
        let after = last.map_or(Vec::new(), |blob| blob.0.to_vec());
        let rows = sqlx::query("SELECT id, blob, bytes FROM packs WHERE blob > ? ORDER BY blob LIMIT ?")
            .bind(after)
            .bind(PAGE)
            .fetch_all(&mut self.0)
            .await
            .map_err(|error| broken(&error))?;
        let mut packs = Vec::with_capacity(rows.len());
        for row in rows {
            let (id, blob): (Vec<u8>, Vec<u8>) = (get(&row, 0)?, get(&row, 1)?);
            let bytes: i64 = get(&row, 2)?;
            let parts = sqlx::query_scalar("SELECT part FROM parts WHERE pack = ? ORDER BY part")
                .bind(&id)
                .fetch_all(&mut self.0)
                .await
                .map_err(|error| broken(&error))?;
            packs.push(PackRow {
                id: PackId(id.try_into().map_err(|_| nonsense())?),
                blob: BlobId(blob.try_into().map_err(|_| nonsense())?),
                bytes: u64::try_from(bytes).map_err(|_| nonsense())?,
                parts,
            });
        }
        Ok(packs)
    }

    /// Whether a pack has its bytes under this name.
    pub(super) async fn has_blob(&mut self, blob: BlobId) -> Result<bool> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM packs WHERE blob = ?)")
            .bind(&blob.0[..])
            .fetch_one(&mut self.0)
            .await
            .map_err(|error| broken(&error))
    }

    /// Forgets packs.
    pub(super) async fn forget(&mut self, blobs: &[BlobId]) -> Result<()> {
        for blob in blobs {
            sqlx::query("DELETE FROM packs WHERE blob = ?")
                .bind(&blob.0[..])
                .execute(&mut self.0)
                .await
                .map_err(|error| broken(&error))?;
        }
        Ok(())
    }

    /// Spaces whose head is not the end of their log, or whose log has a gap.
    pub(super) async fn torn_logs(&mut self) -> Result<u64> {
        self.count(
            "SELECT count(*) FROM spaces s WHERE
                s.head_seq + 1 <> (SELECT count(*) FROM entries e WHERE e.space = s.id)
                OR NOT EXISTS (SELECT 1 FROM entries e WHERE e.space = s.id AND e.seq = s.head_seq AND e.hash = s.head_hash)",
        )
        .await
    }

    /// Entries and bundles whose bytes are not those that were stored.
    pub(super) async fn altered(&mut self) -> Result<u64> {
        use futures_util::TryStreamExt as _;
        let mut altered = 0;
        for statement in ["SELECT hash, signed FROM entries", "SELECT hash, signed FROM bundles"] {
            let mut rows = sqlx::query(statement).fetch(&mut self.0);
            while let Some(row) = rows.try_next().await.map_err(|error| broken(&error))? {
                let (hash, signed): (Vec<u8>, Vec<u8>) = (get(&row, 0)?, get(&row, 1)?);
                altered += u64::from(holdfast_protocol::id::Hash::of(&signed).as_bytes()[..] != hash[..]);
            }
        }
        Ok(altered)
    }

    /// How many handles were freed, and how many accounts are freed by halves: the row without the name, or the name without the row.
    pub(super) async fn released(&mut self) -> Result<(u64, u64)> {
        let freed = self.count("SELECT count(*) FROM released").await?;
        let halves = self
            .count(
                "SELECT count(*) FROM accounts a WHERE
                    (a.handle = 'released ' || lower(hex(a.principal)))
                    <> EXISTS (SELECT 1 FROM released r WHERE r.principal = a.principal)",
            )
            .await?;
        Ok((freed, halves))
    }

    /// The latest time that this server wrote down by its own clock.
    pub(super) async fn latest_ms(&mut self) -> Result<u64> {
        self.count(
            "SELECT max(coalesce((SELECT max(created_ms) FROM accounts), 0), coalesce((SELECT max(seen_ms) FROM devices), 0),
                        coalesce((SELECT max(touched_ms) FROM packs), 0))",
        )
        .await
    }

    /// Closes it.
    pub(super) async fn close(self) -> Result<()> {
        self.0.close().await.map_err(|error| broken(&error))
    }

    /// A number that is never below 0.
    pub(super) async fn count(&mut self, statement: &'static str) -> Result<u64> {
        u64::try_from(self.number(statement).await?).map_err(|_| nonsense())
    }

    async fn number(&mut self, statement: &'static str) -> Result<i64> {
        sqlx::query_scalar(statement)
            .fetch_one(&mut self.0)
            .await
            .map_err(|error| broken(&error))
    }
}

pub(super) fn get<'r, T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>>(
    row: &'r sqlx::sqlite::SqliteRow,
    column: usize,
) -> Result<T> {
    row.try_get(column).map_err(|error| broken(&error))
}

fn nonsense() -> Error {
    Error::Damaged("a stored row is not what was written".into())
}

/// SQLite's messages name tables and constraints, never values.
pub(super) fn broken(error: &sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|inner| inner.code());
    match code.as_deref() {
        Some("13") => Error::Full,
        Some("5") => Error::Io {
            path: "the database".into(),
            reason: "it is locked by another process".into(),
        },
        _ => match error {
            sqlx::Error::Io(inner) if inner.kind() == std::io::ErrorKind::StorageFull => Error::Full,
            sqlx::Error::Database(inner) => Error::Damaged(inner.message().to_owned()),
            other => Error::Damaged(other.to_string()),
        },
    }
}
