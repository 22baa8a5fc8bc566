//! A server's database in the hands of somebody who wants to deceive its clients.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tokio::runtime::Runtime;

/// The database of a server's data folder, rules against changes taken away.
pub struct Tamper {
    runtime: Runtime,
    connection: Option<SqliteConnection>,
}

/// A cell of a table that holds bytes.
#[derive(Clone)]
pub struct Cell {
    select: String,
    update: String,
    key: Vec<u8>,
    number: i64,
}

impl Tamper {
    /// Opens it; the server may be running.
    ///
    /// # Panics
    /// When there is no such database.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let options = SqliteConnectOptions::new()
            .filename(data.join("holdfast.db"))
            .foreign_keys(false);
        let connection = runtime.block_on(options.connect()).expect("the server's database");
        let mut tamper = Self {
            runtime,
            connection: Some(connection),
        };
        for trigger in ["entries_stay", "entries_remain", "bundles_stay", "bundles_remain"] {
            tamper.run(&format!("DROP TRIGGER IF EXISTS {trigger}"), &[], 0, None);
        }
        tamper
    }

    /// The newest entry's number in a space.
    ///
    /// # Panics
    /// When there is no such space.
    pub fn head(&mut self, space: &str) -> i64 {
        let query = sqlx::query("SELECT head_seq FROM spaces WHERE id = ?1").bind(hex::decode(space).expect("an id"));
        let connection = self.connection.as_mut().expect("open until dropped");
        self.runtime
            .block_on(query.fetch_one(connection))
            .expect("the space")
            .get(0)
    }

    /// All entries of a space's log, in order.
    ///
    /// # Panics
    /// When the id is none.
    pub fn all_entries(&mut self, space: &str) -> Vec<Vec<u8>> {
        self.blobs("SELECT signed FROM entries WHERE space = ?1 ORDER BY seq", space)
    }

    /// All capsules of a space's runs.
    ///
    /// # Panics
    /// When the id is none.
    pub fn all_capsules(&mut self, space: &str) -> Vec<Vec<u8>> {
        self.blobs("SELECT sealed FROM capsules WHERE space = ?1", space)
    }

    /// Changes a byte of a run's capsule. `run` is the beginning of its id, or all of it.
    ///
    /// # Panics
    /// When there is none.
    pub fn spoil_capsule(&mut self, run: &str) {
        let connection = self.connection.as_mut().expect("open until dropped");
        let query =
            sqlx::query("SELECT rowid, sealed FROM capsules WHERE lower(hex(run)) LIKE ?1 || '%'").bind(run.to_owned());
        let row = self
            .runtime
            .block_on(query.fetch_one(&mut *connection))
            .expect("a capsule");
        let (id, mut sealed): (i64, Vec<u8>) = (row.get(0), row.get(1));
        let middle = sealed.len() / 2;
        sealed[middle] ^= 1;
        let update = sqlx::query("UPDATE capsules SET sealed = ?1 WHERE rowid = ?2")
            .bind(sealed)
            .bind(id);
        self.runtime
            .block_on(update.execute(connection))
            .expect("it can be written");
    }

    /// Gives one run the capsule of another one. Both are named by the beginning of their ids, or all of them.
    ///
    /// # Panics
    /// When there is no such run.
    pub fn give_capsule(&mut self, from: &str, to: &str) {
        self.on_run(
            "UPDATE capsules SET sealed = (SELECT sealed FROM capsules WHERE lower(hex(run)) LIKE ?2 || '%')
             WHERE lower(hex(run)) LIKE ?1 || '%'",
            to,
            from,
        );
    }

    /// Puts a run back into the queue as if nothing had ever come of it, and as if there were all the time in the world.
    ///
    /// # Panics
    /// When there is no such run.
    pub fn offer_again(&mut self, run: &str) {
        const ITS: &str = "run IN (SELECT id FROM runs WHERE lower(hex(run)) LIKE ?1 || '%') AND ?2 IS NOT NULL";
        for table in ["run_results", "run_boxes"] {
            let query = sqlx::query(AssertSqlSafe(format!("DELETE FROM {table} WHERE {ITS}")))
                .bind(run.to_owned())
                .bind("");
            let connection = self.connection.as_mut().expect("open until dropped");
            self.runtime.block_on(query.execute(connection)).expect("a change");
        }
        self.on_run(
            "UPDATE space_nodes SET until_ms = 4102444800000, last_seq = NULL
             WHERE ?2 IS NOT NULL AND (space, node) IN (SELECT space, node FROM runs WHERE lower(hex(run)) LIKE ?1 || '%')",
            run,
            "",
        );
        self.on_run(
            "UPDATE runs SET state = 'queued', attempt = 0, heard = 0, started_ms = NULL, ended_ms = NULL, refused = NULL,
                until_ms = 4102444800000, due_ms = 4102444800000 WHERE lower(hex(run)) LIKE ?1 || '%' AND ?2 IS NOT NULL",
            run,
            "",
        );
    }

    /// Where a run stands, as the server has it, and how many boxes of its streams are there.
    ///
    /// # Panics
    /// When there is no such run.
    pub fn run_state(&mut self, run: &str) -> (String, i64) {
        let query = sqlx::query(
            "SELECT state, (SELECT count(*) FROM run_boxes b WHERE b.run = runs.id) FROM runs WHERE lower(hex(run)) LIKE ?1 || '%'",
        )
        .bind(run.to_owned());
        let connection = self.connection.as_mut().expect("open until dropped");
        let row = self.runtime.block_on(query.fetch_one(connection)).expect("the run");
        (row.get(0), row.get(1))
    }

    fn on_run(&mut self, sql: &'static str, run: &str, other: &str) {
        let query = sqlx::query(sql).bind(run.to_owned()).bind(other.to_owned());
        let connection = self.connection.as_mut().expect("open until dropped");
        let done = self.runtime.block_on(query.execute(connection)).expect("a change");
        assert!(done.rows_affected() > 0, "nothing was changed by: {sql}");
    }

    /// Everybody's first signed bundle.
    ///
    /// # Panics
    /// When they can't be read.
    pub fn all_bundles(&mut self) -> Vec<Vec<u8>> {
        self.blobs("SELECT signed FROM bundles WHERE counter = 0 AND ?1 IS NOT NULL", "00")
    }

    fn blobs(&mut self, query: &'static str, space: &str) -> Vec<Vec<u8>> {
        let query = sqlx::query(query).bind(hex::decode(space).expect("an id"));
        let connection = self.connection.as_mut().expect("open until dropped");
        let rows = self.runtime.block_on(query.fetch_all(connection)).expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// A signed entry of a space's log.
    ///
    /// # Panics
    /// When the id is none.
    #[must_use]
    pub fn entry(space: &str, seq: i64) -> Cell {
        Cell {
            select: "SELECT signed FROM entries WHERE space = ?1 AND seq = ?2".into(),
            update: "UPDATE entries SET signed = ?3 WHERE space = ?1 AND seq = ?2".into(),
            key: hex::decode(space).expect("an id"),
            number: seq,
        }
    }

    /// The signed bundle with which somebody's chain of keys begins.
    #[must_use]
    pub fn bundle(handle: &str) -> Cell {
        Self::bundle_at(handle, 0)
    }

    /// A signed bundle of somebody's chain, by its counter.
    #[must_use]
    pub fn bundle_at(handle: &str, counter: i64) -> Cell {
        let of = "principal = (SELECT principal FROM accounts WHERE handle = CAST(?1 AS TEXT)) AND counter = ?2";
        Cell {
            select: format!("SELECT signed FROM bundles WHERE {of}"),
            update: format!("UPDATE bundles SET signed = ?3 WHERE {of}"),
            key: handle.as_bytes().to_vec(),
            number: counter,
        }
    }

    /// The box that links one of somebody's key changes to the keys before.
    #[must_use]
    pub fn link(handle: &str, counter: i64) -> Cell {
        let of = "principal = (SELECT principal FROM accounts WHERE handle = CAST(?1 AS TEXT)) AND counter = ?2";
        Cell {
            select: format!("SELECT sealed FROM links WHERE {of}"),
            update: format!("UPDATE links SET sealed = ?3 WHERE {of}"),
            key: handle.as_bytes().to_vec(),
            number: counter,
        }
    }

    /// What a cell holds.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn read(&mut self, cell: &Cell) -> Vec<u8> {
        let query = sqlx::query(AssertSqlSafe(cell.select.clone()))
            .bind(cell.key.clone())
            .bind(cell.number);
        let connection = self.connection.as_mut().expect("open until dropped");
        self.runtime
            .block_on(query.fetch_one(connection))
            .expect("the row")
            .get(0)
    }

    /// Writes a cell.
    pub fn write(&mut self, cell: &Cell, bytes: &[u8]) {
        self.run(&cell.update, &cell.key, cell.number, Some(bytes));
    }

    /// Takes every entry after `seq` out of a log, as if they had never come.
    ///
    /// # Panics
    /// When the id is none.
    pub fn cut_log(&mut self, space: &str, seq: i64) {
        let key = hex::decode(space).expect("an id");
        self.run("DELETE FROM entries WHERE space = ?1 AND seq > ?2", &key, seq, None);
        let head = "UPDATE spaces SET head_seq = ?2, head_hash = (SELECT hash FROM entries WHERE space = ?1 AND seq = ?2) \
                    WHERE id = ?1";
        self.run(head, &key, seq, None);
    }

    /// Takes every bundle after `counter` out of somebody's chain, as if the keys had never been changed.
    pub fn cut_chain(&mut self, handle: &str, counter: i64) {
        let of = "principal = (SELECT principal FROM accounts WHERE handle = CAST(?1 AS TEXT)) AND counter > ?2";
        self.run(
            &format!("DELETE FROM bundles WHERE {of}"),
            handle.as_bytes(),
            counter,
            None,
        );
    }

    /// Takes one entry out of a log.
    ///
    /// # Panics
    /// When the id is none.
    pub fn remove_entry(&mut self, space: &str, seq: i64) {
        let key = hex::decode(space).expect("an id");
        self.run("DELETE FROM entries WHERE space = ?1 AND seq = ?2", &key, seq, None);
    }

    fn run(&mut self, sql: &str, key: &[u8], number: i64, bytes: Option<&[u8]>) {
        let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        if sql.contains("?1") {
            query = query.bind(key.to_vec()).bind(number);
        }
        if let Some(bytes) = bytes {
            query = query.bind(bytes.to_vec());
        }
        let connection = self.connection.as_mut().expect("open until dropped");
        let done = self.runtime.block_on(query.execute(connection)).expect("a change");
        assert!(
            !sql.contains("?1") || done.rows_affected() > 0,
            "nothing was changed by: {sql}"
        );
    }
}

impl Drop for Tamper {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = self.runtime.block_on(connection.close());
        }
    }
}
