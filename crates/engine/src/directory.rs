//! The log of keys as this device sees it (`docs/spec/transparency.md`): every bundle from the directory must be in it, it must
//! continue what was seen before, and it must be the log that others see.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use holdfast_protocol::bundle::{VerifiedBundle, verify_chain};
use holdfast_protocol::entry::SignedEntry;
use holdfast_protocol::id::{Hash, PrincipalId};
use holdfast_protocol::transparency::{Head, Leaf, Tree, continues, handle_commitment, included};
use holdfast_protocol::wire::{AskProof, CosignedHead};
use holdfast_protocol::witness::LogKey;
use holdfast_protocol::{cbor, limits};
use minicbor::{Decode, Encode};

use crate::error::{DirectoryFault, Error, Result};
use crate::ports::Change;
use crate::session::Session;
use crate::witnesses::{WITNESSES, Witnessing};

pub(crate) const TABLE: &str = "directory";
const HEAD: &[u8] = b"head";
const TOLD: &[u8] = b"told/";
/// In the place of a space, for the head that came with an invitation.
pub(crate) const INVITATION: &[u8] = b"invitation";
/// The same, for the head that a Recovery Kit was made with.
pub(crate) const KIT: &[u8] = b"kit";
/// Heads of others that one request compares: this device's own comes on top.
const HEADS_AT_ONCE: usize = limits::PROOFS - 1;

/// The newest head that this device has verified.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Seen {
    #[n(1)]
    pub(crate) head: Head,
    /// Milliseconds since 1970-01-01 UTC.
    #[n(2)]
    seen_ms: u64,
}

/// A head that somebody wrote down, to be compared.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Told {
    #[n(1)]
    author: PrincipalId,
    #[n(2)]
    time_ms: u64,
    #[n(3)]
    head: Head,
    /// Whether it did not fit, and was said. Until it fits, no keys are taken.
    #[n(4)]
    said: bool,
}

/// The newest head, and for each size asked for the proof that it goes on from there.
pub(crate) struct Proven {
    pub(crate) seen: Seen,
    consistency: Vec<Option<Vec<Hash>>>,
    /// The number of each leaf that was asked about.
    pub(crate) numbers: Vec<u64>,
    /// Heads that witnesses have co-signed, as the server shows them.
    pub(crate) cosigned: Vec<CosignedHead>,
}

/// A bundle that was published in the user's name, as the log of keys has it.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its number in the log.
    pub number: u64,
    /// Under which principal; another one than the user's where somebody has the user's handle.
    pub principal: PrincipalId,
    /// Counter of the bundle.
    pub counter: u32,
    /// Hash of the signed bundle.
    pub hash: Hash,
    /// The bundle; `None` where the server doesn't show what its log has.
    pub bundle: Option<VerifiedBundle>,
    /// Whether it is one of the account's, as this device knows them.
    pub known: bool,
}

/// What the log of keys has about the user.
#[derive(Debug, Clone)]
pub struct Monitored {
    /// How many leaves were read.
    pub size: u64,
    /// In the order in which they were published.
    pub published: Vec<Published>,
    /// The log's key.
    pub log: LogKey,
    /// What the witnesses of this device say; `None` where it relies on none.
    pub witnessing: Option<Witnessing>,
}

pub(crate) fn fork(sentence: impl Into<String>) -> Error {
    Error::Directory {
        fault: DirectoryFault::Fork,
        sentence: sentence.into(),
    }
}

impl Session {
    /// The newest head that this device has verified.
    pub(crate) async fn seen_directory(&self) -> Result<Option<Seen>> {
        self.directory_row(HEAD).await
    }

    pub(crate) async fn directory_row<T: Encode<()> + for<'b> Decode<'b, ()>>(&self, key: &[u8]) -> Result<Option<T>> {
        let row = self.rows.get(TABLE, key).await?;
        row.map(|bytes| cbor::decode(&bytes, limits::ENTRY))
            .transpose()
            .map_err(|_| Error::damaged("this device's own data (directory)"))
    }

    /// The changes that make this device forget what it saw and heard of a directory.
    pub(crate) async fn forget_directory(&self) -> Result<Vec<Change>> {
        let rows = self.host.store.list(TABLE, &[]).await?;
        Ok(rows.into_keys().map(|key| Change::Delete(TABLE, key)).collect())
    }

    /// Requires that all of these bundles are in the log of keys, that it continues what this device saw, and that it is the
    /// log that others were heard to have seen.
    pub(crate) async fn logged(&self, chain: &[VerifiedBundle]) -> Result<()> {
        let _turn = self.directory.lock().await;
        let unlike = self.told_rows(&[]).await?.into_iter().filter(|(_, told)| told.said);
        self.compare(unlike.collect()).await?;
        let before = self.seen_directory().await?;
        let proven = self.proven(before.as_ref(), chain, Vec::new()).await?;
        self.write(vec![self.seen_row(&proven.seen)]).await
    }

    /// Requires that the user's own bundles are in the log of keys, and that it continues what this device saw.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub async fn check_directory(&self) -> Result<()> {
        let chain = self.account().bundles()?;
        self.logged(&chain).await
    }

    fn seen_row(&self, seen: &Seen) -> Change {
        self.rows.put(TABLE, HEAD, &cbor::encode(seen))
    }

    /// Asks for the newest head with proofs, and checks them against what was seen before.
    pub(crate) async fn proven(
        &self,
        before: Option<&Seen>,
        chain: &[VerifiedBundle],
        mut sizes: Vec<u64>,
    ) -> Result<Proven> {
        let leaves: Vec<Hash> = chain.iter().map(|bundle| Leaf::of(bundle).hash()).collect();
        sizes.extend(before.map(|seen| seen.head.size));
        let ask = AskProof { leaves, sizes };
        let mut answer = self.api.prove(&ask).await?;
        if answer.inclusion.len() != ask.leaves.len() || answer.consistency.len() != ask.sizes.len() {
            return Err(Error::damaged("proofs from the server"));
        }
        let when = |seen: &Seen| day(seen.seen_ms);
        if let Some(seen) = before.filter(|seen| seen.head.key != answer.key.0) {
            return Err(fork(format!(
                "The server shows another log of keys than on {}: it is signed by another key.",
                when(seen)
            )));
        }
        let head = Head::from_checkpoint(&answer.checkpoint, &answer.key.0)
            .map_err(|_| fork("The head of the server's log of keys is not signed by the log's key."))?;
        if let Some(seen) = before {
            let path = answer.consistency.pop().flatten();
            if head.size < seen.head.size {
                return Err(Error::Directory {
                    fault: DirectoryFault::Rollback,
                    sentence: format!(
                        "The server's log of keys is older than what this computer saw on {}: it had {} keys then, and {} now.",
                        when(seen),
                        seen.head.size,
                        head.size
                    ),
                });
            }
            let goes_on =
                path.is_some_and(|path| continues((seen.head.size, seen.head.root), (head.size, head.root), &path));
            if !goes_on {
                return Err(fork(format!(
                    "The server's log of keys is not the continuation of what this computer saw on {}.",
                    when(seen)
                )));
            }
        }
        let mut numbers = Vec::with_capacity(chain.len());
        for ((leaf, found), bundle) in ask.leaves.iter().zip(&answer.inclusion).zip(chain) {
            let there = found
                .as_ref()
                .filter(|found| included(*leaf, found.number, head.size, head.root, &found.path));
            if let Some(found) = there {
                numbers.push(found.number);
            } else {
                return Err(Error::Directory {
                    fault: DirectoryFault::Unlogged,
                    sentence: format!(
                        "The server shows keys for {} that are not in its log of keys. Nothing was shared.",
                        bundle.bundle.handle
                    ),
                });
            }
        }
        Ok(Proven {
            seen: Seen {
                head,
                seen_ms: self.now_ms(),
            },
            consistency: answer.consistency,
            numbers,
            cosigned: answer.cosigned,
        })
    }

    /// The change that keeps the head in a verified entry until it is compared. The newest one of each author in each space
    /// counts: a log that came from another server has heads of that one, too.
    pub(crate) fn told_by(&self, entry: &SignedEntry) -> Option<Change> {
        let entry = &entry.entry;
        let key = [TOLD, entry.space.as_bytes(), entry.author.as_bytes()].concat();
        let head = entry.head.clone()?;
        Some(self.told(&key, entry.author, entry.time_ms, head))
    }

    /// The same for the head in an invitation.
    pub(crate) fn told_beside(&self, inviter: PrincipalId, head: Head) -> Change {
        self.told(&[TOLD, INVITATION].concat(), inviter, self.now_ms(), head)
    }

    /// The same for the head that the user's Recovery Kit was made with.
    pub(crate) fn told_by_kit(&self, head: Head, made_ms: u64) -> Change {
        self.told(&[TOLD, KIT].concat(), self.principal(), made_ms, head)
    }

    fn told(&self, key: &[u8], author: PrincipalId, time_ms: u64, head: Head) -> Change {
        let told = Told {
            author,
            time_ms,
            head,
            said: false,
        };
        self.rows.put(TABLE, key, &cbor::encode(&told))
    }

    async fn told_rows(&self, of: &[u8]) -> Result<Vec<(Vec<u8>, Told)>> {
        let rows = self.rows.list(TABLE, &[TOLD, of].concat()).await?;
        rows.into_iter()
            .map(|(key, row)| Ok((key, cbor::decode(&row, limits::ENTRY)?)))
            .collect::<std::result::Result<_, cbor::Malformed>>()
            .map_err(|_| Error::damaged("this device's own data (directory)"))
    }

    /// Holds the heads that others were heard to have seen, in a space or in an [`INVITATION`], against the log that this device
    /// sees. One that does not fit is no reason to refuse the entry that it was in, which holds by its own signature.
    ///
    /// # Errors
    /// [`Error::Directory`], once; from then on when keys are taken from the directory, until all of them fit.
    pub(crate) async fn compare_told(&self, of: &[u8]) -> Result<()> {
        let _turn = self.directory.lock().await;
        let (said, told): (Vec<_>, Vec<_>) = self.told_rows(&[]).await?.into_iter().partition(|(_, told)| told.said);
        let here = |key: &[u8]| key.starts_with(&[TOLD, of].concat());
        let result = self
            .compare(told.into_iter().filter(|(key, _)| here(key)).collect())
            .await;
        if !matches!(result, Err(Error::Directory { .. })) {
            return result;
        }
        let unlike = self.told_rows(of).await?.into_iter().map(|(key, mut told)| {
            told.said = true;
            self.rows.put(TABLE, &key, &cbor::encode(&told))
        });
        self.write(unlike.collect()).await?;
        if said.is_empty() { result } else { Ok(()) }
    }

    /// Asks the server to prove that these heads are of the log that it shows here. What fits is forgotten.
    async fn compare(&self, told: Vec<(Vec<u8>, Told)>) -> Result<()> {
        let mut before = self.seen_directory().await?;
        for told in told.chunks(HEADS_AT_ONCE) {
            let mut changes: Vec<Change> = Vec::with_capacity(told.len() + 1);
            changes.extend(told.iter().map(|(key, _)| Change::Delete(TABLE, key.clone())));
            // Nothing to ask where all of them are what was seen already, as on most days.
            let seen_already = |told: &Told| {
                let seen = before.as_ref().map(|seen| &seen.head);
                seen.is_some_and(|seen| {
                    (seen.size, seen.root, seen.key) == (told.head.size, told.head.root, told.head.key)
                })
            };
            if told.iter().all(|(_, told)| seen_already(told)) {
                self.write(changes).await?;
                continue;
            }
            let sizes = told.iter().map(|(_, told)| told.head.size).collect();
            let proven = self.proven(before.as_ref(), &[], sizes).await?;
            let now = &proven.seen.head;
            for ((key, told), path) in told.iter().zip(&proven.consistency) {
                let head = &told.head;
                // Before one moved to this server.
                if head.key != now.key && told.author == self.principal() {
                    continue;
                }
                let goes_on = path
                    .as_ref()
                    .is_some_and(|path| continues((head.size, head.root), (now.size, now.root), path));
                if head.key == now.key && goes_on {
                    continue;
                }
                let fault = if head.key == now.key && head.size > now.size {
                    DirectoryFault::Rollback
                } else {
                    DirectoryFault::Fork
                };
                let sentence = self.accusation(key, told, fault).await?;
                return Err(Error::Directory { fault, sentence });
            }
            changes.push(self.seen_row(&proven.seen));
            self.write(changes).await?;
            before = Some(proven.seen);
        }
        Ok(())
    }

    async fn accusation(&self, key: &[u8], told: &Told, fault: DirectoryFault) -> Result<String> {
        let who = if key == [TOLD, KIT].concat() {
            "the computer that made your Recovery Kit".to_owned()
        } else if told.author == self.principal() {
            "another of your computers".to_owned()
        } else {
            let chain = self.kept_chain(told.author).await?.unwrap_or_default();
            chain
                .last()
                .map_or_else(|| "a member".to_owned(), |newest| newest.bundle.handle.clone())
        };
        let day = day(told.time_ms);
        Ok(if fault == DirectoryFault::Rollback {
            format!("The server's log of keys is older than what {who} saw of it on {day}.")
        } else {
            format!(
                "The server showed {who} another log of keys on {day} than it shows here: one of you may have been given somebody else's keys."
            )
        })
    }

    /// Begins anew with the log of keys that the server shows now, whatever was seen before. Pins and key chains stay.
    ///
    /// # Errors
    /// [`Error::Directory`] when the user's own keys are not in it.
    pub async fn accept_directory(&self) -> Result<()> {
        let _turn = self.directory.lock().await;
        let chain = self.account().bundles()?;
        let proven = self.proven(None, &chain, Vec::new()).await?;
        let mut changes = self.forget_directory().await?;
        // Whom one relies on is no matter of what the server shows.
        changes.retain(|change| !matches!(change, Change::Delete(_, key) if key == WITNESSES));
        changes.push(self.seen_row(&proven.seen));
        self.write(changes).await
    }

    /// Reads the whole log of keys and finds every bundle that was published in the user's name.
    ///
    /// # Errors
    /// [`Error::Directory`] when the log is not what it was, or not what its head says.
    pub async fn monitor(&self) -> Result<Monitored> {
        self.check_directory().await?;
        let witnessing = self.witnessing().await?;
        if let Some(witnessing) = witnessing.as_ref().filter(|witnessing| witnessing.enough().is_none()) {
            return Err(witnessing.too_few());
        }
        let head = self
            .seen_directory()
            .await?
            .ok_or_else(|| Error::Internal("no head was kept".into()))?
            .head;
        let account = self.account();
        let (mut tree, mut found) = (Tree::default(), Vec::new());
        while tree.size() < head.size {
            let page = self.api.leaves(tree.size()).await?;
            if page.leaves.is_empty() {
                break;
            }
            for bytes in page.leaves {
                let leaf = Leaf::from_bytes(&bytes.0).map_err(|_| Error::damaged("the server's log of keys"))?;
                let mine = leaf.principal == account.principal
                    || leaf.handle == handle_commitment(leaf.principal, &account.handle);
                if mine && tree.size() < head.size {
                    found.push((tree.size(), leaf.clone()));
                }
                if tree.size() < head.size {
                    tree.push(leaf.hash());
                }
            }
        }
        if tree.root(head.size) != Some(head.root) {
            return Err(fork("The server's log of keys is not the one that its head is about."));
        }
        let own = account.bundles()?;
        let mut shown: BTreeMap<PrincipalId, Vec<VerifiedBundle>> = BTreeMap::new();
        let mut published = Vec::new();
        for (number, leaf) in found {
            let is = |bundle: &&VerifiedBundle| bundle.hash == leaf.bundle;
            let mine = own.iter().find(is).cloned();
            let known = mine.is_some();
            let bundle = match mine {
                Some(bundle) => Some(bundle),
                None => {
                    if let Entry::Vacant(place) = shown.entry(leaf.principal) {
                        let chain = match self.api.directory(leaf.principal).await {
                            Ok(answer) => verify_chain(&answer.chain).unwrap_or_default(),
                            Err(Error::NotFound { .. }) => Vec::new(),
                            Err(other) => return Err(other),
                        };
                        place.insert(chain);
                    }
                    shown[&leaf.principal].iter().find(is).cloned()
                }
            };
            published.push(Published {
                number,
                principal: leaf.principal,
                counter: leaf.counter,
                hash: leaf.bundle,
                bundle,
                known,
            });
        }
        Ok(Monitored {
            size: head.size,
            published,
            log: LogKey(head.key),
            witnessing,
        })
    }
}

/// A moment as people write it, UTC.
pub(crate) fn moment(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    time::OffsetDateTime::from_unix_timestamp(seconds).map_or_else(
        |_| "a time that does not exist".into(),
        |time| format!("{} {:02}:{:02} UTC", time.date(), time.hour(), time.minute()),
    )
}

/// A day as people and logs write it, UTC.
#[must_use]
pub fn day(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(i64::MAX);
    // Other people's clocks say what they like.
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| "a day that does not exist".into(), |time| time.date().to_string())
}
