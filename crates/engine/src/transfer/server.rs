//! The two narrow ports of a transfer: where packs go, and where the trail of an upload is kept.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use holdfast_protocol::id::{PackId, SpaceId};
use holdfast_protocol::wire::PackState;
use zeroize::Zeroizing;

use crate::api::Api;
use crate::error::Result;

/// The part of a server that keeps packs.
#[async_trait]
pub trait PackServer: Send + Sync {
    /// Announces a pack of `bytes` bytes; the same announcement twice is one.
    ///
    /// # Errors
    /// [`Error::Full`](crate::Error::Full) when the quota is used up.
    async fn begin(&self, space: SpaceId, pack: PackId, bytes: u64) -> Result<PackState>;

    /// Stores part `number` (from 0): [`PART`](holdfast_protocol::limits::PART) bytes, the last one what is left.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    async fn put_part(&self, space: SpaceId, pack: PackId, number: u32, bytes: Bytes) -> Result<()>;

    /// How far packs are, at most 1,000 at a time; those it doesn't know are left out.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    async fn query(&self, space: SpaceId, packs: &[PackId]) -> Result<Vec<PackState>>;

    /// Reads bytes `first..=last` of a pack.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    async fn read(&self, space: SpaceId, pack: PackId, first: u64, last: u64) -> Result<Bytes>;

    /// Gives up a pack that no entry names.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    async fn abort(&self, space: SpaceId, pack: PackId) -> Result<()>;
}

#[async_trait]
impl PackServer for Api {
    async fn begin(&self, space: SpaceId, pack: PackId, bytes: u64) -> Result<PackState> {
        self.begin_pack(space, pack, bytes).await
    }

    async fn put_part(&self, space: SpaceId, pack: PackId, number: u32, bytes: Bytes) -> Result<()> {
        Self::put_part(self, space, pack, number, bytes).await
    }

    async fn query(&self, space: SpaceId, packs: &[PackId]) -> Result<Vec<PackState>> {
        self.query_packs(space, packs).await
    }

    async fn read(&self, space: SpaceId, pack: PackId, first: u64, last: u64) -> Result<Bytes> {
        self.read_pack(space, pack, first, last).await
    }

    async fn abort(&self, space: SpaceId, pack: PackId) -> Result<()> {
        self.abort_pack(space, pack).await
    }
}

/// A row to set, or without a value to remove.
pub type Row = (Vec<u8>, Option<Zeroizing<Vec<u8>>>);

/// Where the trail of uploads is kept. Values hold keys: whoever implements this boxes them before they reach a disk.
#[async_trait]
pub trait JournalStore: Send + Sync {
    /// Applies all rows or none, durably enough to survive the end of the process.
    ///
    /// # Errors
    /// [`Error::Full`](crate::Error::Full) when there is no room.
    async fn put(&self, rows: Vec<Row>) -> Result<()>;

    /// The rows whose key begins with `prefix`.
    ///
    /// # Errors
    /// See [`Error`](crate::Error).
    async fn list(&self, prefix: &[u8]) -> Result<BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>>;
}
