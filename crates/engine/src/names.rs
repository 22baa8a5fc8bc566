//! Whose a handle is, where more than one account was seen under it (`docs/spec/accounts.md`, "Starting over").
//!
//! A server can give a name to another account. Which of two accounts the person is, no server says: six words that were compared
//! do, and the newest comparison counts.

use holdfast_protocol::bundle::VerifiedBundle;
use holdfast_protocol::id::PrincipalId;
use holdfast_protocol::item::{PersonPin, PinState};

use crate::error::{Error, Result};
use crate::people::CHAINS;
use crate::session::Session;

/// Why an account is not taken for the person whose handle it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contest {
    /// Another account is known under the handle.
    Another,
    /// It is the account from before: the words of a later one were compared.
    Replaced,
    /// It has this user's own handle, and is not his account.
    Own,
}

impl Contest {
    pub(crate) fn refusal(self, handle: &str) -> Error {
        match self {
            Self::Another => Error::KeysChanged(format!(
                "Another account has the name {handle} now than the one that is known here. Either {handle} started over, or \
                 somebody pretends to be {handle}. Nothing was shared."
            ))
            .advise(format!(
                "Compare the six words with {handle}, on a call or face to face: `holdfast words {handle}` shows those of the \
                 other account, and `holdfast verify {handle} --words \"…\"` takes it if they match. Until then nothing is \
                 shared with either."
            )),
            Self::Replaced => Error::KeysChanged(format!(
                "This is the account that {handle} had before starting over: you have compared the words of a later one. \
                 Nothing was shared."
            ))
            .advise(format!(
                "If the server shows it for the name {handle}, it was put back to an earlier state, or it lies: tell whoever \
                 runs it."
            )),
            Self::Own => Error::KeysChanged(format!(
                "This is another account than yours under your own name, {handle}. Nothing was shared."
            ))
            .advise(
                "If you started over, it is the one that you had before: remove it from your projects by its id. If not, \
                 somebody pretends to be you: tell those you work with, by voice, and whoever runs the server.",
            ),
        }
    }
}

/// The pin that has a handle: the only one; of several, the one whose words were compared after all others were pinned, if there is
/// one. Keys that somebody signed anew with compared ones hold what those held.
pub(crate) fn holder<'p>(pins: &'p [PersonPin], handle: &str) -> Option<&'p PersonPin> {
    let named = || pins.iter().filter(move |pin| pin.handle == handle);
    let latest = named().max_by_key(|pin| pin.since_ms)?;
    let mut others = named().filter(|pin| pin.principal != latest.principal).peekable();
    let alone = others.peek().is_none();
    let compared = latest.state != PinState::NotChecked && others.all(|pin| pin.since_ms < latest.since_ms);
    (alone || compared).then_some(latest)
}

/// When a pin of somebody else under the same handle got its state: a later comparison is one after this.
pub(crate) fn latest_other(pins: &[PersonPin], principal: PrincipalId, handle: &str) -> Option<u64> {
    let others = pins
        .iter()
        .filter(|pin| pin.handle == handle && pin.principal != principal);
    others.map(|pin| pin.since_ms).max()
}

impl Session {
    /// Whether the account of somebody was replaced by a later one whose words were compared; or has this user's own handle.
    pub(crate) fn is_replaced(&self, pins: &[PersonPin], principal: PrincipalId, handle: &str) -> bool {
        let own = self.account();
        if handle == own.handle {
            return principal != own.principal;
        }
        let pinned = pins.iter().any(|pin| pin.principal == principal);
        pinned && holder(pins, handle).is_some_and(|pin| pin.principal != principal)
    }

    /// Why somebody is not taken for the person with that handle; `None` when nothing speaks against it.
    pub(crate) async fn contest(
        &self,
        pins: &[PersonPin],
        principal: PrincipalId,
        handle: &str,
    ) -> Result<Option<Contest>> {
        if principal == self.principal() {
            return Ok(None);
        }
        if handle == self.account().handle {
            return Ok(Some(Contest::Own));
        }
        if self.is_replaced(pins, principal, handle) {
            return Ok(Some(Contest::Replaced));
        }
        let others = latest_other(pins, principal, handle).is_some();
        let pinned = pins.iter().any(|pin| pin.principal == principal);
        let has_it = holder(pins, handle).is_some_and(|pin| pin.principal == principal);
        let contested = match (others, pinned) {
            (true, _) => !has_it,
            (false, true) => false,
            (false, false) => !self.unpinned_namesakes(pins, principal, handle).await?.is_empty(),
        };
        Ok(contested.then_some(Contest::Another))
    }

    /// Others under a handle whom this user never pinned, but reads with: somebody else let them into a project.
    pub(crate) async fn unpinned_namesakes(
        &self,
        pins: &[PersonPin],
        principal: PrincipalId,
        handle: &str,
    ) -> Result<Vec<VerifiedBundle>> {
        let mut found = Vec::new();
        for key in self.rows.list(CHAINS, &[]).await?.into_keys() {
            let other = PrincipalId::from_slice(&key).filter(|id| *id != principal && *id != self.principal());
            let Some(other) = other.filter(|id| pins.iter().all(|pin| pin.principal != *id)) else {
                continue;
            };
            let newest = self.kept_chain(other).await?.and_then(|chain| chain.last().cloned());
            let Some(newest) = newest.filter(|newest| newest.bundle.handle == handle) else {
                continue;
            };
            if self.rests_on(other).await? {
                found.push(newest);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use holdfast_protocol::id::Hash;

    use super::*;

    fn pin(n: u8, handle: &str, state: PinState, since_ms: u64) -> PersonPin {
        PersonPin {
            principal: PrincipalId([n; 16]),
            handle: handle.into(),
            counter: 0,
            bundle: Hash([n; 32]),
            fingerprint: Hash([n; 32]),
            state,
            since_ms,
        }
    }

    fn has(pins: &[PersonPin]) -> Option<u8> {
        holder(pins, "ben").map(|pin| pin.principal.0[0])
    }

    #[test]
    fn a_name_is_whose_words_were_compared_last() {
        use PinState::{Changed, Checked, NotChecked};
        let anna = pin(9, "anna", Checked, 99);
        for (expected, pins) in [
            (None, vec![]),
            (Some(1), vec![pin(1, "ben", NotChecked, 5)]),
            (Some(1), vec![pin(1, "ben", Changed, 5)]),
            // Two that were never compared: neither.
            (None, vec![pin(1, "ben", NotChecked, 5), pin(2, "ben", NotChecked, 6)]),
            (Some(2), vec![pin(1, "ben", NotChecked, 5), pin(2, "ben", Checked, 6)]),
            (Some(2), vec![pin(1, "ben", Checked, 5), pin(2, "ben", Checked, 6)]),
            (Some(1), vec![pin(1, "ben", Checked, 7), pin(2, "ben", Checked, 6)]),
            (Some(2), vec![pin(1, "ben", Checked, 5), pin(2, "ben", Changed, 6)]),
            // Compared, but not after the other one was pinned.
            (None, vec![pin(1, "ben", Checked, 5), pin(2, "ben", NotChecked, 6)]),
            (None, vec![pin(1, "ben", Checked, 6), pin(2, "ben", Checked, 6)]),
            (
                Some(3),
                vec![
                    pin(1, "ben", Checked, 5),
                    pin(2, "ben", Checked, 6),
                    pin(3, "ben", Checked, 7),
                ],
            ),
        ] {
            for reversed in [false, true] {
                let mut pins = pins.clone();
                pins.insert(0, anna.clone());
                if reversed {
                    pins.reverse();
                }
                assert_eq!(has(&pins), expected, "{pins:?}");
            }
        }
        let two = [pin(1, "ben", Checked, 5), pin(2, "ben", Checked, 6), anna];
        let other = |n| latest_other(&two, PrincipalId([n; 16]), "ben");
        assert_eq!((other(1), other(2), other(3)), (Some(6), Some(5), Some(6)));
        assert_eq!(latest_other(&two, PrincipalId([9; 16]), "anna"), None);
    }
}
