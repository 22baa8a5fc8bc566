//! The directory: other people's bundles, for signed-in accounts, and the log of all of them (`docs/spec/transparency.md`).

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;

use holdfast_crypto::{Key32, SignKey, hkdf_expand, label};
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::transparency::{Head, Tree};
use holdfast_protocol::wire::{AskProof, B64, CosignedHead, DirectoryEntry, Inclusion, Leaves, Proof};
use holdfast_protocol::witness::{AddCheckpoint, LogKey, Witness};
use holdfast_protocol::{cbor, limits};
use tokio::sync::{Mutex, MutexGuard, watch};

use super::buckets::Limit;
use super::{Failure, Rules};
use crate::ports::Session;

/// The log as it is in memory, made from the database and brought up to date whenever somebody asks.
pub(super) struct Log {
    key: SignKey,
    grown: Mutex<Grown>,
    /// How many leaves the tree in memory has.
    size: watch::Sender<u64>,
    cosigned: std::sync::Mutex<Cosigned>,
}

/// What witnesses have said, newest of each. In memory alone: they are asked again when the server starts.
#[derive(Default)]
struct Cosigned {
    asked: usize,
    /// By the witness's key: the head, and the witness's line under it.
    by: BTreeMap<[u8; 32], (Head, String)>,
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
            size: watch::Sender::new(0),
            cosigned: std::sync::Mutex::default(),
        }
    }
}

impl Grown {
    fn head(&self, key: &SignKey) -> Head {
        let size = self.tree.size();
        Head::sign(size, self.tree.root(size).expect("its own size"), key)
    }
}

impl Log {
    fn cosigned(&self) -> std::sync::MutexGuard<'_, Cosigned> {
        self.cosigned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cosigned {
    /// A head with the lines of those for whom it is the newest.
    fn checkpoint(&self, head: &Head) -> String {
        let lines = self.by.values().filter(|(signed, _)| signed == head);
        lines.fold(head.checkpoint(), |text, (_, line)| text + line)
    }

    /// The heads, each once, newest first.
    fn heads(&self) -> Vec<&Head> {
        let mut heads: Vec<&Head> = self.by.values().map(|(head, _)| head).collect();
        heads.sort_by_key(|head| Reverse(head.size));
        heads.dedup();
        heads
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
        let head = self.grown().await?.head(&self.log.key);
        Ok(self.log.cosigned().checkpoint(&head))
    }

    /// The key of the log, as witnesses are told it.
    pub(crate) fn log_key(&self) -> LogKey {
        LogKey(*self.log.key.public().as_bytes())
    }

    /// Tells whenever the log has grown.
    pub(crate) fn log_grew(&self) -> watch::Receiver<u64> {
        self.log.size.subscribe()
    }

    /// The newest head, and the request to a witness who saw so many leaves last; `None` where there were never so many.
    ///
    /// # Errors
    /// As the database reports.
    pub(crate) async fn ask_witness(&self, old: u64) -> Result<(Head, Option<AddCheckpoint>), Failure> {
        let grown = self.grown().await?;
        let head = grown.head(&self.log.key);
        let request = grown.tree.consistency(old, head.size).map(|proof| AddCheckpoint {
            old,
            proof,
            checkpoint: head.checkpoint(),
        });
        Ok((head, request))
    }

    /// How many witnesses there are to be.
    pub(crate) fn expect_witnesses(&self, number: usize) {
        self.log.cosigned().asked = number;
    }

    /// Keeps what a witness said, its line having been verified.
    pub(crate) fn keep_cosignature(&self, by: &Witness, head: Head, line: String) {
        self.log.cosigned().by.insert(*by.key(), (head, line));
    }

    /// How many witnesses have co-signed the newest head, and how many have not.
    pub(crate) fn witnesses(&self) -> (usize, usize) {
        let size = *self.log.size.borrow();
        let cosigned = self.log.cosigned();
        let current = cosigned.by.values().filter(|(head, _)| head.size == size).count();
        (current, cosigned.asked.saturating_sub(current))
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
        let cosigned = {
            let cosigned = self.log.cosigned();
            let heads = cosigned.heads().into_iter();
            let shown = heads.filter_map(|earlier| {
                Some(CosignedHead {
                    checkpoint: cosigned.checkpoint(earlier),
                    path: grown.tree.consistency(earlier.size, head.size)?,
                })
            });
            shown.collect()
        };
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
            cosigned,
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
                let size = grown.tree.size();
                let larger = |known: &mut u64| std::mem::replace(known, size) != size;
                self.log.size.send_if_modified(larger);
                return Ok(grown);
            }
        }
    }
}
