//! Verdicts that tests ask for, kept while the vectors of refusals are written.

use std::cell::RefCell;

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::SignedEntry;
use holdfast_protocol::id::{PrincipalId, SpaceId};

/// A log, who reads it, and what comes of it.
pub(crate) struct Verdict {
    pub(crate) space: SpaceId,
    pub(crate) reader: PrincipalId,
    pub(crate) entries: Vec<SignedEntry>,
    pub(crate) refusal: Option<Refusal>,
}

thread_local! {
    static KEPT: RefCell<Option<Vec<Verdict>>> = const { RefCell::new(None) };
}

/// Notes a verdict, if somebody collects them.
pub(crate) fn note(space: SpaceId, reader: PrincipalId, entries: &[SignedEntry], refusal: Option<Refusal>) {
    KEPT.with_borrow_mut(|kept| {
        if let Some(kept) = kept {
            kept.push(Verdict {
                space,
                reader,
                entries: entries.to_vec(),
                refusal,
            });
        }
    });
}

/// Every verdict that was asked for meanwhile.
pub(crate) fn during(work: impl FnOnce()) -> Vec<Verdict> {
    KEPT.set(Some(Vec::new()));
    work();
    KEPT.take().expect("set above")
}
