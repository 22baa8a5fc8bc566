//! Runs as those see them who can read the space: specs, results, and which versions came out of which run.

use std::collections::{BTreeMap, BTreeSet};

use crate::entry::{PackSize, SignedEntry};
use crate::id::{ItemId, PrincipalId, RunId, VersionId};
use crate::item::{Content, Item, ItemKind, ManifestRef};
use crate::refusal::Refusal;
use crate::replay::{Authority, OrderedRun};
use crate::run::{self, AdoptBody, End, Made, RunBody, RunResult, RunSpec, SignedResult};
use crate::secretvalue::KeyField;

/// A run, opened.
#[derive(Clone)]
pub struct Run {
    /// What is executed.
    pub spec: RunSpec,
    /// From it come the keys of streams, result and outputs.
    pub key: KeyField,
    /// Its result, once somebody took it over.
    pub adopted: Option<Adopted>,
}

/// A result that somebody took over.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// What the node said; its signature was verified.
    pub result: RunResult,
    /// Who took it over.
    pub by: PrincipalId,
    /// Milliseconds since 1970-01-01 UTC, by that person's clock.
    pub time_ms: u64,
}

/// All runs of a space.
#[derive(Clone, Default)]
pub(super) struct Runs {
    pub(super) by_id: BTreeMap<RunId, Run>,
    /// By place, not by version alone: whoever writes a version elsewhere draws its id himself.
    pub(super) makers: BTreeMap<(ItemId, VersionId), RunId>,
}

impl Runs {
    /// Takes an order.
    pub(super) fn order(&mut self, id: &RunId, body: &RunBody, authority: &Authority) -> Result<(), Refusal> {
        let ordered = authority.runs().get(id).ok_or(Refusal::RunUnknown)?;
        let (spec, hash) = body.spec().map_err(|_| Refusal::RunSpec)?;
        if hash != ordered.spec || !spec_fits(&spec, ordered, authority) {
            return Err(Refusal::RunSpec);
        }
        let run = Run {
            spec,
            key: body.key.clone(),
            adopted: None,
        };
        self.by_id.insert(*id, run);
        Ok(())
    }

    /// Takes a result, and gives what it says was made. Whether the items fit that is for [`check_items`].
    pub(super) fn adopt(
        &mut self,
        id: &RunId,
        body: &AdoptBody,
        signed: &SignedEntry,
        authority: &Authority,
    ) -> Result<(KeyField, Vec<Made>), Refusal> {
        let ordered = authority.runs().get(id).ok_or(Refusal::RunUnknown)?;
        let run = self.by_id.get_mut(id).ok_or(Refusal::RunUnknown)?;
        let result = SignedResult::from_bytes(&body.result).map_err(|_| Refusal::Result)?;
        if !result.verifies(&ordered.node_key)
            || !result_fits(&result.result, &run.spec, ordered, authority)
            || !packs_fit(signed.entry.op.added_packs(), &result.result.made)
        {
            return Err(Refusal::Result);
        }
        let made = result.result.made.clone();
        run.adopted = Some(Adopted {
            result: result.result,
            by: signed.entry.author,
            time_ms: signed.entry.time_ms,
        });
        Ok((run.key.clone(), made))
    }
}

/// Whether a spec says what its entry says.
#[must_use]
pub fn spec_fits(spec: &RunSpec, ordered: &OrderedRun, authority: &Authority) -> bool {
    spec.space == authority.space()
        && spec.run == ordered.run
        && spec.node == ordered.node_fingerprint
        && spec.until_ms == ordered.until_ms
        && spec.attempts == ordered.attempts
}

/// Whether a result is about this run and says no more than its spec allows.
#[must_use]
pub fn result_fits(result: &RunResult, spec: &RunSpec, ordered: &OrderedRun, authority: &Authority) -> bool {
    let same_run = result.space == authority.space() && result.run == ordered.run && result.spec == ordered.spec;
    let possible = (1..=ordered.attempts).contains(&result.attempt);
    let inputs = spec.inputs.iter().map(|input| input.granted.manifest);
    let outputs = match result.end {
        End::Succeeded => {
            result.made.len() == spec.outputs.len()
                && result.made.iter().zip(&spec.outputs).all(|(made, output)| {
                    made.name == output.name
                        && made.item == output.item
                        && made.version == output.version
                        && made.packs.iter().any(|pack| pack.id == made.manifest.pack)
                })
        }
        _ => result.made.is_empty(),
    };
    same_run && possible && outputs && result.inputs.iter().copied().eq(inputs)
}

/// An adoption adds the packs of what was made, as large as the node says, and no other.
fn packs_fit(added: &[PackSize], made: &[Made]) -> bool {
    let sizes: BTreeMap<_, _> = made
        .iter()
        .flat_map(|made| &made.packs)
        .map(|pack| (pack.id, pack.bytes))
        .collect();
    added.iter().all(|pack| sizes.get(&pack.id) == Some(&pack.bytes))
}

/// Whether the items that an adoption puts are as they were, with exactly those outputs that have a place still.
pub(super) fn check_items(
    known: &BTreeMap<ItemId, Item>,
    put: &[Item],
    spec: &RunSpec,
    key: &KeyField,
    mut missing: BTreeMap<VersionId, &Made>,
) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for item in put {
        let before = known.get(&item.id);
        let old = before.map_or(&[][..], |before| &before.versions);
        if let Some(before) = before {
            let mut expected = before.clone();
            expected.versions.clone_from(&item.versions);
            if expected != *item {
                return Err(Refusal::Result);
            }
        } else if item.trashed_ms.is_some() || item.expires_ms.is_some() {
            return Err(Refusal::Result);
        }
        // Nothing is forgotten in passing, not by an owner either, and nothing is put that gets no output.
        let new = item.versions.strip_prefix(old).unwrap_or_default();
        if new.is_empty() || !seen.insert(item.id) {
            return Err(Refusal::Result);
        }
        for version in new {
            let made = missing.remove(&version.id).ok_or(Refusal::Result)?;
            let kind = kind_of(spec, made);
            if made.item != item.id || kind != Some(item.kind) || content_of(made, key) != version.content {
                return Err(Refusal::Result);
            }
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Refusal::Result)
    }
}

/// The kind of item that a spec wants an output to become.
pub(super) fn kind_of(spec: &RunSpec, made: &Made) -> Option<ItemKind> {
    let output = spec.outputs.iter().find(|output| output.version == made.version);
    output.map(|output| output.kind.item_kind())
}

/// The content of the version that an output becomes.
#[must_use]
pub fn content_of(made: &Made, run_key: &KeyField) -> Content {
    Content::Files {
        manifest: ManifestRef {
            pack: made.manifest.pack,
            offset: made.manifest.offset,
            length: made.manifest.length,
            hash: made.manifest.hash,
            key: KeyField::new(run::output_key(run_key.key(), made.version)),
        },
        files: made.files,
        bytes: made.bytes,
        packs: made.packs.iter().map(|pack| pack.id).collect(),
    }
}
