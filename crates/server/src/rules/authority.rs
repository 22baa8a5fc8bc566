//! Caches of what is dear to make: verified chains of bundles, and replayed logs.
//!
//! Neither is ever trusted for an order of events: the database's compare-and-append decides that. A cached state is used only
//! when its head is the database's head.

use std::collections::HashMap;
use std::hash::Hash as Key;
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_protocol::bundle::{VerifiedBundle, verify_chain};
use holdfast_protocol::entry::{Op, SignedEntry};
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::limits;
use holdfast_protocol::replay::{Authority, BundleSource};

use super::{Failure, Rules};

/// A map that forgets what was not used for the longest time.
struct Recent<K, V> {
    at_most: usize,
    turn: u64,
    kept: HashMap<K, (u64, V)>,
}

impl<K: Key + Eq + Copy, V: Clone> Recent<K, V> {
    fn new(at_most: usize) -> Self {
        Self {
            at_most,
            turn: 0,
            kept: HashMap::new(),
        }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        self.turn += 1;
        let (used, value) = self.kept.get_mut(key)?;
        *used = self.turn;
        Some(value.clone())
    }

    fn put(&mut self, key: K, value: V) {
        self.turn += 1;
        if self.kept.len() >= self.at_most && !self.kept.contains_key(&key) {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                self.kept.remove(&oldest);
            }
        }
        self.kept.insert(key, (self.turn, value));
    }
}

type Chain = Arc<Vec<VerifiedBundle>>;

/// Verified chains.
pub(super) struct Keys(Mutex<Recent<PrincipalId, Chain>>);

impl Default for Keys {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(4_096)))
    }
}

impl Keys {
    pub(super) fn forget(&self, principal: PrincipalId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .kept
            .remove(&principal);
    }
}

/// Replayed logs.
pub(super) struct States(Mutex<Recent<SpaceId, Arc<Authority>>>);

impl Default for States {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(256)))
    }
}

impl States {
    fn get(&self, space: SpaceId) -> Option<Arc<Authority>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&space)
    }

    /// Keeps a state whose last entry is stored.
    pub(super) fn put(&self, state: Authority) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(state.space(), Arc::new(state));
    }
}

/// The bundles that some entries need.
#[derive(Default)]
pub(super) struct Known(HashMap<Hash, (Chain, usize)>);

impl Known {
    fn insert(&mut self, chain: &Chain) {
        for (place, bundle) in chain.iter().enumerate() {
            self.0.insert(bundle.hash, (Arc::clone(chain), place));
        }
    }
}

impl BundleSource for Known {
    fn bundle(&self, hash: &Hash) -> Option<&VerifiedBundle> {
        self.0.get(hash).and_then(|(chain, place)| chain.get(*place))
    }
}

impl Rules {
    /// Somebody's verified chain, newest last; empty when unknown. It may be from the cache: a key change in this process is in it.
    pub(super) async fn chain(&self, principal: PrincipalId) -> Result<Chain, Failure> {
        let cached = self
            .keys
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&principal);
        match cached {
            Some(chain) => Ok(chain),
            None => self.chain_now(principal).await,
        }
    }

    /// Somebody's verified chain as stored now.
    pub(super) async fn chain_now(&self, principal: PrincipalId) -> Result<Chain, Failure> {
        let stored = self.database.chain(principal).await?;
        if stored.is_empty() {
            return Ok(Chain::default());
        }
        let chain = blocking(move || verify_chain(&stored)).await?;
        let chain: Chain = Arc::new(chain.map_err(|_| Failure::Internal("a stored chain does not verify".into()))?);
        self.keys
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(principal, Arc::clone(&chain));
        Ok(chain)
    }

    /// The bundles that these entries name.
    pub(super) async fn bundles_for(&self, entries: &[SignedEntry]) -> Result<Known, Failure> {
        let mut known = Known::default();
        for signed in entries {
            let entry = &signed.entry;
            self.learn(&mut known, entry.author, entry.author_bundle).await?;
            if let Op::Add { principal, bundle, .. } | Op::AuthoriseNode { principal, bundle, .. } = &entry.op {
                self.learn(&mut known, *principal, *bundle).await?;
            }
        }
        Ok(known)
    }

    async fn learn(&self, known: &mut Known, principal: PrincipalId, bundle: Hash) -> Result<(), Failure> {
        if known.bundle(&bundle).is_none() {
            known.insert(&self.chain(principal).await?);
        }
        if known.bundle(&bundle).is_none() {
            known.insert(&self.chain_now(principal).await?);
        }
        Ok(())
    }

    /// The state of a space at the database's head.
    pub(super) async fn state(&self, space: SpaceId) -> Result<Arc<Authority>, Failure> {
        let head = self.database.head(space).await?.ok_or(Failure::NotFound)?;
        let cached = self.states.get(space);
        match cached {
            Some(state) if state.seq() == head.seq && state.head() == head.hash => Ok(state),
            Some(state) if state.seq() < head.seq => match self.catch_up(space, Some((*state).clone())).await {
                Ok(state) => Ok(state),
                Err(_) => self.catch_up(space, None).await,
            },
            _ => self.catch_up(space, None).await,
        }
    }

    /// Replays what the database has after `state`, or all of it.
    async fn catch_up(&self, space: SpaceId, mut state: Option<Authority>) -> Result<Arc<Authority>, Failure> {
        loop {
            let from = state.as_ref().map_or(0, |state| state.seq() + 1);
            let page = self.database.entries(space, from, limits::ENTRIES_PER_PAGE).await?;
            if page.is_empty() {
                break;
            }
            let parsed: Result<Vec<_>, _> = page
                .iter()
                .map(|entry| SignedEntry::from_bytes(&entry.signed))
                .collect();
            let parsed = parsed.map_err(|_| Failure::Internal("a stored entry is malformed".into()))?;
            let known = self.bundles_for(&parsed).await?;
            let before = state.take();
            let after = blocking(move || {
                parsed.iter().try_fold(before, |state, entry| match state {
                    None => Authority::genesis(space, entry, &known).map(Some),
                    Some(mut state) => state.advance(entry, &known).map(|()| Some(state)),
                })
            });
            state = after
                .await?
                .map_err(|refusal| Failure::Internal(format!("a stored log is refused: {}", refusal.code())))?;
        }
        let state = state.ok_or(Failure::NotFound)?;
        self.states.put(state.clone());
        Ok(Arc::new(state))
    }
}

/// Runs what takes the processor for long beside the tasks that answer requests.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Failure::Internal("a computation panicked".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes() {
        let mut recent = Recent::new(2);
        recent.put(1, 'a');
        recent.put(2, 'b');
        assert_eq!(recent.get(&1), Some('a'));
        recent.put(3, 'c');
        assert_eq!(recent.get(&2), None);
        assert_eq!(recent.get(&1), Some('a'));
        assert_eq!(recent.get(&3), Some('c'));
    }
}
