//! The directory: other people's bundles, for signed-in accounts, and the log of all of them (`docs/spec/transparency.md`).

use std::collections::HashMap;

use holdfast_crypto::{Key32, SignKey, hkdf_expand, label};
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::transparency::{Head, Tree};
use holdfast_protocol::wire::{AskProof, B64, DirectoryEntry, Inclusion, Leaves, Proof};
use holdfast_protocol::{cbor, limits};
use tokio::sync::{Mutex, MutexGuard};

use super::buckets::Limit;
use super::{Failure, Rules};
use crate::ports::Session;

/// The log as it is in memory, made from the database and brought up to date whenever somebody asks.
pub(super) struct Log {
    key: SignKey,
    grown: Mutex<Grown>,
}

#[derive(Default)]
struct Grown {
    tree: Tree,
    numbers: HashMap<Hash, u64>,
}

impl Log {
    pub(super) fn new(secret: &Key32) -> Self {
        Self {
            key: SignKey::from_seed(hkdf_expand(secret, &label("directory-key"))),
            grown: Mutex::default(),
        }
    }
}

impl Grown {
    fn head(&self, key: &SignKey) -> Head {
        let size = self.tree.size();
        Head::sign(size, self.tree.root(size).expect("its own size"), key)
    }
}

impl Rules {
    /// Somebody's keys, by handle.
    ///
    /// # Errors
    /// [`Failure::NotFound`] or [`Failure::RateLimited`].
    pub async fn look_up(&self, caller: Session, handle: &str) -> Result<DirectoryEntry, Failure> {
        self.limiter
            .take(Limit::Directory, caller.principal.as_bytes(), self.now_ms())?;
        let account = self
            .database
            .account_by_handle(handle)
            .await?
            .ok_or(Failure::NotFound)?;
        self.directory_entry(account.principal).await
    }

    /// Somebody's keys, by id.
    ///
    /// # Errors
    /// [`Failure::NotFound`] or [`Failure::RateLimited`].
    pub async fn look_up_principal(&self, caller: Session, who: PrincipalId) -> Result<DirectoryEntry, Failure> {
        self.limiter
            .take(Limit::Directory, caller.principal.as_bytes(), self.now_ms())?;
        self.directory_entry(who).await
    }

    async fn directory_entry(&self, principal: PrincipalId) -> Result<DirectoryEntry, Failure> {
        let chain: Vec<_> = self.database.chain(principal).await?.into_iter().map(B64).collect();
        if chain.is_empty() {
            Err(Failure::NotFound)
        } else {
            Ok(DirectoryEntry { principal, chain })
        }
    }

    /// The newest head of the log of keys.
    ///
    /// # Errors
    /// [`Failure::RateLimited`], and as the database reports.
    pub async fn checkpoint(&self, caller: Session) -> Result<String, Failure> {
        self.limiter
            .take(Limit::Proof, caller.principal.as_bytes(), self.now_ms())?;
        Ok(self.grown().await?.head(&self.log.key).checkpoint())
    }

    /// Proofs about the log of keys, all against its newest head.
    ///
    /// # Errors
    /// [`Failure::RateLimited`], and [`Failure::Refused`] for too many at once.
    pub async fn prove(&self, caller: Session, request: &AskProof) -> Result<Proof, Failure> {
        self.limiter
            .take(Limit::Proof, caller.principal.as_bytes(), self.now_ms())?;
        if request.leaves.len() > limits::PROOFS || request.sizes.len() > limits::PROOFS {
            return Err(Failure::Refused("these are too many proofs at once"));
        }
        let grown = self.grown().await?;
        let head = grown.head(&self.log.key);
        let inclusion = |leaf: &Hash| {
            let number = *grown.numbers.get(leaf)?;
            let path = grown.tree.inclusion(number, head.size)?;
            Some(Inclusion { number, path })
        };
        Ok(Proof {
            key: Hash(head.key),
            checkpoint: head.checkpoint(),
            inclusion: request.leaves.iter().map(inclusion).collect(),
            consistency: request
                .sizes
                .iter()
                .map(|&earlier| grown.tree.consistency(earlier, head.size))
                .collect(),
        })
    }

    /// Leaves of the log of keys from a number on.
    ///
    /// # Errors
    /// [`Failure::RateLimited`], and as the database reports.
    pub async fn leaves(&self, caller: Session, from: u64) -> Result<Leaves, Failure> {
        self.limiter
            .take(Limit::Proof, caller.principal.as_bytes(), self.now_ms())?;
        let leaves = self.database.leaves(from, limits::LEAVES_PER_PAGE).await?;
        Ok(Leaves {
            leaves: leaves.iter().map(|leaf| B64(cbor::encode(leaf))).collect(),
        })
    }

    async fn grown(&self) -> Result<MutexGuard<'_, Grown>, Failure> {
        let mut grown = self.log.grown.lock().await;
        loop {
            let leaves = self.database.leaves(grown.tree.size(), limits::LEAVES_PER_PAGE).await?;
            for leaf in &leaves {
                let (number, hash) = (grown.tree.size(), leaf.hash());
                grown.numbers.insert(hash, number);
                grown.tree.push(hash);
            }
            if leaves.len() < limits::LEAVES_PER_PAGE {
                return Ok(grown);
            }
        }
    }
}
