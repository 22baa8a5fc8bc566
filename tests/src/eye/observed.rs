//! The names of what a server was sent and kept: columns, routes, fields, heads, and what stands in clear in what is signed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use minicbor::Decoder;
use minicbor::data::Type;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _, SqliteConnection};
use tokio::runtime::Runtime;

use super::http::messages;
use crate::proxy::Connection;

/// Looks over the shoulder of a running server: notes in its database which columns ever had a value.
pub struct Watch {
    runtime: Runtime,
    connection: SqliteConnection,
}

impl Watch {
    /// Begins to look.
    ///
    /// # Panics
    /// When there is no database.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let options = SqliteConnectOptions::new().filename(data.join("holdfast.db"));
        let connection = runtime.block_on(options.connect()).expect("the server's database");
        let mut watch = Self { runtime, connection };
        let columns = watch.columns();
        watch.run("CREATE TABLE seen (name TEXT PRIMARY KEY)");
        for (table, column) in columns.iter().filter_map(|name| name.split_once('.')) {
            // Not "or ignore": inside of a trigger the conflict rule of the server's own statement would count.
            let name = format!("{table}.{column}");
            let note =
                format!("INSERT INTO seen SELECT '{name}' WHERE NOT EXISTS (SELECT 1 FROM seen WHERE name = '{name}')");
            watch.run(&format!(
                "{note} AND EXISTS (SELECT 1 FROM \"{table}\" WHERE \"{column}\" IS NOT NULL)"
            ));
            for event in ["INSERT", "UPDATE"] {
                watch.run(&format!(
                    "CREATE TRIGGER \"see {event} {table} {column}\" AFTER {event} ON \"{table}\" WHEN NEW.\"{column}\" IS NOT NULL \
                     BEGIN {note}; END"
                ));
            }
        }
        watch
    }

    /// All columns of all tables, as `table.column`.
    ///
    /// # Panics
    /// When the database can't be read.
    pub fn columns(&mut self) -> BTreeSet<String> {
        self.texts(
            "SELECT t.name || '.' || c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> 'seen'",
        )
    }

    /// Those that ever had a value.
    ///
    /// # Panics
    /// When the database can't be read.
    pub fn filled(&mut self) -> BTreeSet<String> {
        self.texts("SELECT name FROM seen")
    }

    /// As if an hour had passed: access tokens are over.
    ///
    /// # Panics
    /// When the database can't be written.
    pub fn end_access(&mut self) {
        self.run("UPDATE access_tokens SET expires_ms = 1");
    }

    /// What stands in clear in everything that is signed, and in capsules: `entry 7`, `op 1.4`.
    ///
    /// # Panics
    /// When it is not of the form that it should be of.
    pub fn inside(&mut self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for bundle in self.bytes("SELECT signed FROM bundles") {
            let mut decoder = Decoder::new(&bundle);
            decoder.map().expect("a map");
            decoder.u8().expect("field 1");
            paths(decoder.bytes().expect("a bundle"), "bundle ", &mut found);
        }
        for signed in self.bytes("SELECT signed FROM entries UNION ALL SELECT signed FROM staged") {
            let entry = first_of(&signed);
            let op = top(entry, "entry ", &mut found).expect("an op");
            let mut decoder = Decoder::new(op);
            decoder.array().expect("an op");
            let number = decoder.u8().expect("its number");
            let fields = &op[decoder.position()..];
            found.insert(format!("op {number}"));
            paths(fields, &format!("op {number}."), &mut found);
        }
        for card in self.bytes("SELECT card FROM nodes WHERE card IS NOT NULL") {
            top(first_of(&card), "card ", &mut found);
        }
        for capsule in self.bytes("SELECT sealed FROM capsules") {
            top(&capsule, "capsule ", &mut found);
        }
        found
    }

    fn run(&mut self, sql: &str) {
        let query = sqlx::query(AssertSqlSafe(sql.to_owned()));
        self.runtime
            .block_on(query.execute(&mut self.connection))
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    fn texts(&mut self, sql: &'static str) -> BTreeSet<String> {
        let rows = self.runtime.block_on(sqlx::query(sql).fetch_all(&mut self.connection));
        rows.expect("rows").iter().map(|row| row.get(0)).collect()
    }

    fn bytes(&mut self, sql: &'static str) -> Vec<Vec<u8>> {
        let rows = self.runtime.block_on(sqlx::query(sql).fetch_all(&mut self.connection));
        rows.expect("rows").iter().map(|row| row.get(0)).collect()
    }
}

/// What was signed, in `[what, signature]`.
fn first_of(signed: &[u8]) -> &[u8] {
    let mut decoder = Decoder::new(signed);
    decoder.array().expect("an array");
    decoder.bytes().expect("what was signed")
}

/// The fields of a map, without what is in them; gives field 10 as it is encoded.
fn top<'b>(map: &'b [u8], prefix: &str, found: &mut BTreeSet<String>) -> Option<&'b [u8]> {
    let mut decoder = Decoder::new(map);
    let mut tenth = None;
    for _ in 0..decoder.map().expect("a map").expect("of a length") {
        let key = decoder.u64().expect("a number");
        found.insert(format!("{prefix}{key}"));
        let from = decoder.position();
        decoder.skip().expect("a value");
        if key == 10 {
            tenth = Some(&map[from..decoder.position()]);
        }
    }
    tenth
}

/// All fields of maps and of maps in them; lists of maps count as one map, other lists as a value.
fn paths(map: &[u8], prefix: &str, found: &mut BTreeSet<String>) {
    let mut decoder = Decoder::new(map);
    for _ in 0..decoder.map().expect("a map").expect("of a length") {
        let key = decoder.u64().expect("a number");
        let name = format!("{prefix}{key}");
        let from = decoder.position();
        decoder.skip().expect("a value");
        let value = &map[from..decoder.position()];
        below(value, &format!("{name}."), found);
        found.insert(name);
    }
}

fn below(value: &[u8], prefix: &str, found: &mut BTreeSet<String>) {
    let mut decoder = Decoder::new(value);
    match decoder.datatype().expect("a value") {
        Type::Map => paths(value, prefix, found),
        Type::Array => {
            for _ in 0..decoder.array().expect("a list").expect("of a length") {
                let from = decoder.position();
                decoder.skip().expect("a value");
                let element = &value[from..decoder.position()];
                if Decoder::new(element).datatype().expect("a value") == Type::Map {
                    paths(element, prefix, found);
                }
            }
        }
        _ => {}
    }
}

/// What a server was sent.
#[derive(Default)]
pub struct Sent {
    /// Names of the fields by route, as `GET /v1/spaces/{space}/usage`; a body of bytes is `raw`.
    pub routes: BTreeMap<String, BTreeSet<String>>,
    /// Names of the heads of requests.
    pub heads: BTreeSet<String>,
}

impl Sent {
    /// Takes recorded connections apart. `templates`: the routes that there are, with names in braces.
    #[must_use]
    pub fn new(connections: &[Connection], templates: &BTreeSet<String>) -> Self {
        let mut sent = Self::default();
        for message in connections.iter().flat_map(|one| messages(&one.sent)) {
            let mut words = message.line.split(' ');
            let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let asked = format!("{method} {path}");
            let route = templates.iter().find(|template| fits(template, &asked));
            let fields = sent.routes.entry(route.cloned().unwrap_or(asked)).or_default();
            let names = query.split('&').filter_map(|pair| pair.split('=').next());
            fields.extend(names.filter(|name| !name.is_empty()).map(|name| format!("?{name}")));
            match serde_json::from_slice::<Value>(&message.body) {
                Ok(body) => keys(&body, "", fields),
                Err(_) if message.body.is_empty() => {}
                Err(_) => {
                    fields.insert("raw".to_owned());
                }
            }
            sent.heads.extend(message.heads);
        }
        sent
    }
}

fn fits(template: &str, asked: &str) -> bool {
    let (mut ours, mut theirs) = (template.split('/'), asked.split('/'));
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) => return true,
            (Some(our), Some(their)) if our == their || our.starts_with('{') => {}
            _ => return false,
        }
    }
}

fn keys(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| keys(value, prefix, found)),
        Value::Object(fields) => {
            // What is absent may be written as null.
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                let name = format!("{prefix}{name}");
                keys(value, &format!("{name}."), found);
                found.insert(name);
            }
        }
        _ => {}
    }
}
