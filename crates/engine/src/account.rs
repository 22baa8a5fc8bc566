//! What a device keeps about its account, and the rows it keeps sealed.
//!
//! In clear, because it is needed before anything can be opened: server and its pin, handle, own bundles, link boxes. A digest of
//! that record lies beside it in a box under the "pins" key and is compared after every unlock.

use std::collections::BTreeMap;
use std::sync::Arc;

use holdfast_crypto::{Key32, Prk, open, seal, sha256};
use holdfast_protocol::bundle::{VerifiedBundle, verify_chain};
use holdfast_protocol::context;
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::wire::{B64, LinkBox};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::ports::{Change, Store, Transport};
use crate::rng;

const TABLE: &str = "account";
const RECORD: &[u8] = b"record";
const RECORD_SEAL: &[u8] = b"record-seal";
const DEVICE_KEY: &[u8] = b"device-key";
const PENDING: &[u8] = b"pending-key-change";

/// What this device knows of its account before it is unlocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Format of this record: 2 where a key of the server is pinned, else 1.
    pub format: u32,
    /// The server's address.
    pub server: String,
    /// The fingerprint of the only key that the server may show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_key: Option<Hash>,
    /// What the user signs in with.
    pub handle: String,
    /// Who.
    pub principal: PrincipalId,
    /// The user's vault; [`NO_VAULT`] for a node.
    pub vault: SpaceId,
    /// All signed bundles, oldest first.
    pub chain: Vec<B64>,
    /// Link boxes to earlier keys.
    pub links: Vec<LinkBox>,
}

/// The format of [`Account`] with and without a pin.
pub(crate) fn format(server_key: Option<Hash>) -> u32 {
    1 + u32::from(server_key.is_some())
}

/// In the place of a vault, for a node: it keeps nothing that another device of its own would need.
pub(crate) const NO_VAULT: SpaceId = SpaceId([0; 32]);

/// A key change that was begun on this device: all it needs to be finished by whoever types the new Master Key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PendingKeyChange {
    pub(crate) change: holdfast_protocol::wire::KeyChange,
}

impl Account {
    /// Whether there is a vault: people have one, nodes have none.
    #[must_use]
    pub fn has_vault(&self) -> bool {
        self.vault != NO_VAULT
    }

    /// Reads the record; `None` on a device without an account.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is there but makes no sense.
    pub async fn load(store: &dyn Store) -> Result<Option<Self>> {
        let Some(bytes) = store.get(TABLE, RECORD).await? else {
            return Ok(None);
        };
        let account: Self =
            serde_json::from_slice(&bytes).map_err(|_| Error::damaged("this device's account record"))?;
        if account.format != format(account.server_key) {
            return Err(Error::Invalid(
                "this profile was made by another version of Holdfast".into(),
            ));
        }
        Ok(Some(account))
    }

    /// The same at the server at the other end.
    pub(crate) fn at(self, server: &dyn Transport) -> Self {
        Self {
            format: format(server.pin()),
            server: server.origin().to_owned(),
            server_key: server.pin(),
            ..self
        }
    }

    /// Whether the way to the server was made from this record, now that it is known to be whole: it was made before that.
    pub(crate) fn fits(&self, way: &dyn Transport) -> Result<()> {
        match self.server_key == way.pin() {
            true => Ok(()),
            false => Err(Error::damaged("this device's account record")),
        }
    }

    /// The own bundles, verified.
    ///
    /// # Errors
    /// [`Error::KeysChanged`] when the chain does not hold.
    pub fn bundles(&self) -> Result<Vec<VerifiedBundle>> {
        let chain = verify_chain(&self.chain)?;
        if chain
            .iter()
            .any(|bundle| bundle.bundle.principal != self.principal || bundle.bundle.handle != self.handle)
        {
            return Err(Error::damaged("this device's account record"));
        }
        Ok(chain)
    }

    /// The rows that store this record, sealed for `prk`, together with the device's key.
    pub(crate) fn rows(&self, prk: &Prk, device_key: &Key32) -> Result<Vec<Change>> {
        let record = serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        let rng = &mut rng();
        let digest = seal(
            &prk.pins_key(),
            &context::pins(self.principal, "account"),
            &sha256(&[&record]),
            rng,
        );
        let context = context::local(self.principal, TABLE, DEVICE_KEY);
        let key = seal(&prk.local_key(), &context, device_key.expose(), rng);
        Ok(vec![
            Change::Put(TABLE, RECORD.to_vec(), record),
            Change::Put(TABLE, RECORD_SEAL.to_vec(), digest),
            Change::Put(TABLE, DEVICE_KEY.to_vec(), key),
            // It holds the keys as they were.
            crate::quick::end(),
        ])
    }

    /// Compares the record with its sealed digest and opens the device's key.
    pub(crate) async fn open_device(&self, store: &dyn Store, prk: &Prk) -> Result<Key32> {
        let damaged = || Error::damaged("this device's account record");
        let record = store.get(TABLE, RECORD).await?.ok_or_else(damaged)?;
        let sealed = store.get(TABLE, RECORD_SEAL).await?.ok_or_else(damaged)?;
        let digest =
            open(&prk.pins_key(), &context::pins(self.principal, "account"), &sealed).map_err(|_| damaged())?;
        if digest.as_slice() != sha256(&[&record]) {
            return Err(damaged());
        }
        let sealed = store.get(TABLE, DEVICE_KEY).await?.ok_or_else(damaged)?;
        let context = context::local(self.principal, TABLE, DEVICE_KEY);
        let key = open(&prk.local_key(), &context, &sealed).map_err(|_| damaged())?;
        Key32::from_slice(&key).ok_or_else(damaged)
    }

    pub(crate) async fn pending(store: &dyn Store) -> Result<Option<PendingKeyChange>> {
        let Some(bytes) = store.get(TABLE, PENDING).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| Error::damaged("this device's account record"))
    }
}

impl PendingKeyChange {
    pub(crate) fn row(&self) -> Result<Change> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Change::Put(TABLE, PENDING.to_vec(), bytes))
    }

    pub(crate) fn forget() -> Change {
        Change::Delete(TABLE, PENDING.to_vec())
    }
}

/// The device's rows under the device's key, each bound to its table and key.
pub(crate) struct SealedRows {
    store: Arc<dyn Store>,
    principal: PrincipalId,
    key: Key32,
}

impl SealedRows {
    pub(crate) fn new(store: Arc<dyn Store>, principal: PrincipalId, key: Key32) -> Self {
        Self { store, principal, key }
    }

    pub(crate) fn device_key(&self) -> &Key32 {
        &self.key
    }

    /// A change that sets a row.
    pub(crate) fn put(&self, table: &'static str, key: &[u8], value: &[u8]) -> Change {
        let sealed = seal(
            &self.key,
            &context::local(self.principal, table, key),
            value,
            &mut rng(),
        );
        Change::Put(table, key.to_vec(), sealed)
    }

    fn open(&self, table: &'static str, key: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        open(&self.key, &context::local(self.principal, table, key), sealed)
            .map_err(|_| Error::damaged(format!("this device's own data ({table})")))
    }

    /// Reads a row.
    pub(crate) async fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match self.store.get(table, key).await? {
            Some(sealed) => self.open(table, key, &sealed).map(Some),
            None => Ok(None),
        }
    }

    /// Reads rows by the beginning of their keys.
    pub(crate) async fn list(
        &self,
        table: &'static str,
        prefix: &[u8],
    ) -> Result<BTreeMap<Vec<u8>, Zeroizing<Vec<u8>>>> {
        let rows = self.store.list(table, prefix).await?;
        rows.into_iter()
            .map(|(key, sealed)| self.open(table, &key, &sealed).map(|value| (key, value)))
            .collect()
    }
}
