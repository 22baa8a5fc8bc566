//! A device's rows in memory, so that a thousand copies cost nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use holdfast_engine::ports::{Change, Store, StoreError};

/// All of a write or none of it: there is one lock.
#[derive(Default)]
pub(crate) struct Rows(Mutex<BTreeMap<Place, Vec<u8>>>);

/// Table and key of a row.
type Place = (&'static str, Vec<u8>);

impl Rows {
    pub(crate) fn copy(&self) -> Self {
        Self(Mutex::new(self.all()))
    }

    pub(crate) fn all(&self) -> BTreeMap<Place, Vec<u8>> {
        self.0.lock().expect("the rows").clone()
    }

    /// Takes a row away, as if it had never been kept.
    pub(crate) fn forget(&self, table: &'static str, key: &[u8]) {
        let there = self.0.lock().expect("the rows").remove(&(table, key.to_vec()));
        assert!(there.is_some(), "there is no such row in {table}");
    }
}

#[async_trait]
impl Store for Rows {
    async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.lock().expect("the rows").get(&(table, key.to_vec())).cloned())
    }

    async fn list(&self, table: &'static str, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, StoreError> {
        let rows = self.0.lock().expect("the rows");
        let those = rows
            .iter()
            .filter(|((of, key), _)| *of == table && key.starts_with(prefix));
        Ok(those.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    async fn write(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut rows = self.0.lock().expect("the rows");
        for change in changes {
            match change {
                Change::Put(table, key, value) => drop(rows.insert((table, key), value)),
                Change::Delete(table, key) => drop(rows.remove(&(table, key))),
            }
        }
        Ok(())
    }
}
