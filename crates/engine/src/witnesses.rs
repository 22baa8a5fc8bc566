//! Witnesses of the log of keys, as this device relies on them (`docs/spec/transparency.md`, "Witnesses"): keys of somebody new are
//! taken only from a part of the log that enough of them have co-signed.

use std::collections::BTreeSet;

use holdfast_protocol::limits::{COSIGNATURE_AGE_MS, COSIGNATURE_AHEAD_MS};
use holdfast_protocol::transparency::{Head, continues};
use holdfast_protocol::wire::CosignedHead;
use holdfast_protocol::witness::{Cosignature, Witness};
use holdfast_protocol::{cbor, limits};
use minicbor::{Decode, Encode};

use crate::directory::{TABLE, fork, moment};
use crate::error::{DirectoryFault, Error, Result};
use crate::people::Person;
use crate::ports::Change;
use crate::session::Session;

pub(crate) const WITNESSES: &[u8] = b"witnesses";

/// Whom this device relies on, as it is kept.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
struct Kept {
    /// Verifier keys.
    #[n(1)]
    keys: Vec<String>,
    /// How many of them have to have co-signed.
    #[n(2)]
    needed: u32,
}

/// One witness and the newest head of it that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessState {
    /// The witness.
    pub witness: Witness,
    /// How many leaves the newest head has that it co-signed recently, and when, in milliseconds since 1970-01-01 UTC.
    pub signed: Option<(u64, u64)>,
}

/// What the witnesses of this device say about the log of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessing {
    /// How many have to have co-signed.
    pub needed: usize,
    /// All of them.
    pub witnesses: Vec<WitnessState>,
}

impl Witnessing {
    /// How many leaves enough witnesses have co-signed, and as of when (the oldest time among them).
    #[must_use]
    pub fn enough(&self) -> Option<(u64, u64)> {
        let mut signed: Vec<(u64, u64)> = self.witnesses.iter().filter_map(|witness| witness.signed).collect();
        signed.sort_unstable_by(|a, b| b.cmp(a));
        let counted = signed.get(..self.needed)?;
        let size = counted.iter().map(|(size, _)| *size).min()?;
        Some((size, counted.iter().map(|(_, time)| *time).min()?))
    }

    pub(crate) fn too_few(&self) -> Error {
        let signed = self.witnesses.iter().filter(|witness| witness.signed.is_some()).count();
        unwitnessed(format!(
            "{signed} of {} witnesses have co-signed the server's log of keys in the last 24 hours; {} have to.",
            self.witnesses.len(),
            self.needed
        ))
    }
}

/// What the co-signed heads that a server shows beside its newest one are worth.
///
/// # Errors
/// [`Error::Directory`] when the log signed a head that the newest one does not go on from.
fn weigh(kept: &Kept, now: &Head, cosigned: &[CosignedHead], now_ms: u64) -> Result<Witnessing> {
    let witnesses = kept.witnesses()?;
    let mut states: Vec<WitnessState> = witnesses
        .into_iter()
        .map(|witness| WitnessState { witness, signed: None })
        .collect();
    for one in cosigned.iter().take(limits::WITNESSES) {
        // What the log did not sign says nothing about it.
        let Ok(head) = Head::from_checkpoint(&one.checkpoint, &now.key) else {
            continue;
        };
        if !continues((head.size, head.root), (now.size, now.root), &one.path) {
            return Err(fork(
                "The server's log of keys is not the continuation of a head that it gave to its witnesses.",
            ));
        }
        let lines = one.checkpoint.split_once("\n\n").map_or("", |(_, lines)| lines);
        for state in &mut states {
            let found = Cosignature::find(lines, &head, &state.witness);
            let time_ms = found.and_then(|found| found.time.checked_mul(1000));
            let recent = |time_ms: &u64| {
                time_ms.saturating_add(COSIGNATURE_AGE_MS) >= now_ms
                    && *time_ms <= now_ms.saturating_add(COSIGNATURE_AHEAD_MS)
            };
            let signed = time_ms.filter(recent).map(|time_ms| (head.size, time_ms));
            state.signed = state.signed.max(signed);
        }
    }
    Ok(Witnessing {
        needed: usize::try_from(kept.needed).unwrap_or(usize::MAX),
        witnesses: states,
    })
}

impl Kept {
    fn witnesses(&self) -> Result<Vec<Witness>> {
        let witnesses = self.keys.iter().map(|key| key.parse::<Witness>());
        witnesses
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| Error::damaged("this device's own data (witnesses)"))
    }
}

/// What somebody asks for, if it makes sense.
fn chosen(keys: &[String], needed: Option<u32>) -> Result<Kept> {
    let mut seen = BTreeSet::new();
    for key in keys {
        let read: std::result::Result<Witness, _> = key.parse();
        let witness = read.map_err(|_| {
            Error::Invalid(format!("{key:?} is not the key of a witness")).advise(
                "`holdfast witness --show-key` shows it on the witness's own computer: NAME+ID+KEY, in one piece.",
            )
        })?;
        if !seen.insert(*witness.key()) {
            return Err(Error::Invalid(format!("the witness {} is named twice", witness.name())));
        }
    }
    if keys.len() > limits::WITNESSES {
        return Err(Error::Invalid(format!("{} witnesses are the most", limits::WITNESSES)));
    }
    let all = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    let needed = needed.unwrap_or(all / 2 + 1);
    if needed == 0 || needed > all {
        return Err(Error::Invalid(format!("{needed} of {all} witnesses can't be needed")));
    }
    Ok(Kept {
        keys: keys.to_vec(),
        needed,
    })
}

fn unwitnessed(sentence: String) -> Error {
    Error::Directory {
        fault: DirectoryFault::Unwitnessed,
        sentence,
    }
}

impl Session {
    /// From now on, on this device, keys of somebody new are taken only from what so many of these witnesses have co-signed: more
    /// than half of them, where it is not said. With no witness, nobody is asked for any more.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub async fn rely_on_witnesses(&self, keys: &[String], needed: Option<u32>) -> Result<()> {
        let _turn = self.directory.lock().await;
        let row = if keys.is_empty() {
            if needed.is_some() {
                return Err(Error::Invalid("without a witness none can be needed".into()));
            }
            Change::Delete(TABLE, WITNESSES.to_vec())
        } else {
            let kept = chosen(keys, needed)?;
            self.rows.put(TABLE, WITNESSES, &cbor::encode(&kept))
        };
        self.write(vec![row]).await
    }

    /// What the witnesses of this device say about the log of keys that the server shows; `None` where it relies on none.
    ///
    /// # Errors
    /// [`Error::Directory`].
    pub async fn witnessing(&self) -> Result<Option<Witnessing>> {
        let _turn = self.directory.lock().await;
        let Some(kept) = self.directory_row::<Kept>(WITNESSES).await? else {
            return Ok(None);
        };
        let before = self.seen_directory().await?;
        let proven = self.proven(before.as_ref(), &[], Vec::new()).await?;
        weigh(&kept, &proven.seen.head, &proven.cosigned, self.now_ms()).map(Some)
    }

    /// Requires of somebody's keys that they are in a part of the log that enough witnesses have co-signed, where this device relies
    /// on any. Keys that were compared, or relied on before, need nobody's word.
    pub(crate) async fn witnessed(&self, person: &Person) -> Result<()> {
        let _turn = self.directory.lock().await;
        let Some(kept) = self.directory_row::<Kept>(WITNESSES).await? else {
            return Ok(());
        };
        if person.pinned {
            return Ok(());
        }
        let before = self.seen_directory().await?;
        let proven = self
            .proven(before.as_ref(), std::slice::from_ref(&person.bundle), Vec::new())
            .await?;
        let witnessing = weigh(&kept, &proven.seen.head, &proven.cosigned, self.now_ms())?;
        let Some((size, as_of_ms)) = witnessing.enough() else {
            return Err(witnessing.too_few());
        };
        if proven.numbers.iter().all(|number| *number < size) {
            return Ok(());
        }
        Err(unwitnessed(format!(
            "The witnesses have not co-signed the keys of {} yet, as of {}. Nothing was shared.",
            person.bundle.bundle.handle,
            moment(as_of_ms)
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_crypto::{Secret, SignKey};
    use holdfast_protocol::transparency::{Tree, leaf_hash};

    const NOW: u64 = 1_790_000_000_000;

    fn key(seed: u8) -> SignKey {
        SignKey::from_seed(Secret::fill_with(|bytes| bytes.fill(seed)))
    }

    fn tree(size: u64, other_from: u64) -> Tree {
        let mut tree = Tree::default();
        for n in 0..size {
            let leaf = if n < other_from { n } else { n + 1_000 };
            tree.push(leaf_hash(&leaf.to_be_bytes()));
        }
        tree
    }

    fn head(tree: &Tree, size: u64) -> Head {
        Head::sign(size, tree.root(size).unwrap(), &key(7))
    }

    /// A head of a log, co-signed by these at these times, with the proof that another log makes of it.
    fn cosigned(tree: &Tree, size: u64, by: &[(u8, u64)], shown_in: &Tree) -> CosignedHead {
        let head = head(tree, size);
        let line =
            |(seed, ms): &(u8, u64)| Cosignature::sign(&head, ms / 1000, &key(*seed)).line(&Witness::of(&key(*seed)));
        let lines: String = by.iter().map(line).collect();
        CosignedHead {
            checkpoint: head.checkpoint() + &lines,
            path: shown_in.consistency(size, shown_in.size()).unwrap_or_default(),
        }
    }

    fn kept(seeds: &[u8], needed: Option<u32>) -> Kept {
        let keys: Vec<String> = seeds.iter().map(|seed| Witness::of(&key(*seed)).to_string()).collect();
        chosen(&keys, needed).unwrap()
    }

    fn enough(kept: &Kept, shown: &[CosignedHead]) -> Option<(u64, u64)> {
        let tree = tree(12, 12);
        weigh(kept, &head(&tree, 12), shown, NOW).unwrap().enough()
    }

    #[test]
    fn what_enough_witnesses_have_seen_counts_as_of_the_oldest_of_them() {
        let log = tree(12, 12);
        let shown = |size, by: &[(u8, u64)]| cosigned(&log, size, by, &log);
        let three = kept(&[21, 22, 23], None);
        assert_eq!(three.needed, 2, "more than half");
        let minute = 60_000;
        let all = [
            shown(12, &[(21, NOW - minute)]),
            shown(10, &[(22, NOW - 3 * minute)]),
            shown(4, &[(23, NOW - 2 * minute)]),
        ];
        assert_eq!(enough(&three, &all), Some((10, NOW - 3 * minute)));
        assert_eq!(enough(&kept(&[21, 22, 23], Some(3)), &all), Some((4, NOW - 3 * minute)));
        assert_eq!(enough(&kept(&[21, 22, 23], Some(1)), &all), Some((12, NOW - minute)));
        assert_eq!(enough(&three, &all[..1]), None);
        assert_eq!(enough(&three, &[]), None);
        // One witness under two heads is one witness.
        let one = [shown(12, &[(21, NOW)]), shown(10, &[(21, NOW), (24, NOW)])];
        assert_eq!(enough(&three, &one), None);
        assert_eq!(enough(&kept(&[21], None), &one), Some((12, NOW)));
    }

    #[test]
    fn a_time_long_ago_or_to_come_is_none() {
        let log = tree(12, 12);
        let one = kept(&[21], None);
        let at = |ms| enough(&one, &[cosigned(&log, 12, &[(21, ms)], &log)]).is_some();
        assert!(at(NOW) && at(NOW - COSIGNATURE_AGE_MS) && at(NOW + COSIGNATURE_AHEAD_MS));
        assert!(!at(NOW - COSIGNATURE_AGE_MS - 1000) && !at(NOW + COSIGNATURE_AHEAD_MS + 1000) && !at(0));
    }

    #[test]
    fn two_histories_that_the_log_signed_are_said() {
        let (log, other) = (tree(12, 12), tree(12, 6));
        let one = kept(&[21], None);
        let weighed = |shown: CosignedHead| weigh(&one, &head(&log, 12), &[shown], NOW);
        let fault = |shown| match weighed(shown) {
            Err(Error::Directory { fault, .. }) => Some(fault),
            _ => None,
        };
        // Whoever co-signed it, and with whatever proof.
        assert_eq!(
            fault(cosigned(&other, 8, &[(21, NOW)], &log)),
            Some(DirectoryFault::Fork)
        );
        assert_eq!(fault(cosigned(&other, 8, &[], &other)), Some(DirectoryFault::Fork));
        assert_eq!(
            fault(cosigned(&other, 12, &[(21, NOW)], &log)),
            Some(DirectoryFault::Fork)
        );
        assert_eq!(
            fault(cosigned(&tree(13, 13), 13, &[(21, NOW)], &log)),
            Some(DirectoryFault::Fork)
        );
        // The beginning that both have is of both.
        let common = weighed(cosigned(&other, 5, &[(21, NOW)], &log)).unwrap();
        assert_eq!(common.enough(), Some((5, NOW)));
        // What the log did not sign accuses nobody, and counts for nothing.
        let mut strange = cosigned(&log, 8, &[(21, NOW)], &log);
        strange.checkpoint = strange.checkpoint.replacen("\n8\n", "\n9\n", 1);
        assert_eq!(weighed(strange).unwrap().enough(), None);
    }

    #[test]
    fn a_choice_that_makes_no_sense_is_refused() {
        let keys: Vec<String> = (30..50).map(|seed| Witness::of(&key(seed)).to_string()).collect();
        assert_eq!(chosen(&keys[..16], None).unwrap().needed, 9);
        assert_eq!(chosen(&keys[..2], None).unwrap().needed, 2);
        for (keys, needed) in [
            (&keys[..17], None),
            (&keys[..2], Some(3)),
            (&keys[..2], Some(0)),
            (&[keys[0].clone(), keys[0].clone()][..], None),
            (&["nonsense".to_owned()][..], None),
        ] {
            assert!(matches!(chosen(keys, needed).err().unwrap().bare(), Error::Invalid(_)));
        }
    }
}
