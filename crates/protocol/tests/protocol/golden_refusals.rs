//! The vectors of refusals: logs that go wrong in their last entry, beside their honest twins.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::SignedEntry;
use holdfast_protocol::id::{Hash, PrincipalId, SpaceId};
use holdfast_protocol::replay::Space;
use serde_json::{Value, json};

use crate::golden::{bytes, load, path};
use crate::refusals::TESTED;
use crate::support::people::{directory, everybody};
use crate::support::verdicts;

const FILE: &str = "refusals.json";

/// Needs a log of 900 people, as long as all others together.
const NOT_HERE: [Refusal; 1] = [Refusal::TooManyMembers];
/// Bytes of an entry; a spec that is too large would be half of the file.
const LARGEST: usize = 8 << 10;

#[test]
#[ignore = "writes the golden vectors of refusals"]
fn generate_refusals() {
    let (mut entries, mut places, mut cases) = (Vec::new(), BTreeMap::<Hash, usize>::new(), Vec::new());
    for &(refusal, name, case) in TESTED.iter().filter(|(refusal, ..)| !NOT_HERE.contains(refusal)) {
        let mut seen = BTreeSet::new();
        for verdict in verdicts::during(|| case(refusal)) {
            if verdict.entries.iter().any(|entry| entry.as_bytes().len() > LARGEST) {
                continue;
            }
            let log: Vec<usize> = verdict
                .entries
                .iter()
                .map(|entry| {
                    *places.entry(entry.hash).or_insert_with(|| {
                        entries.push(json!(hex::encode(entry.as_bytes())).to_string());
                        entries.len() - 1
                    })
                })
                .collect();
            let case = json!({
                "test": name, "space": verdict.space.to_string(), "reader": verdict.reader.to_string(), "log": log,
                "code": verdict.refusal.map(|refusal| refusal.code()),
            });
            if seen.insert(case.to_string()) {
                cases.push(case.to_string());
            }
        }
    }
    // A line for each: the file is long, and is looked at line by line.
    let text = format!(
        "{{\"entries\": [\n{}\n], \"cases\": [\n{}\n]}}\n",
        entries.join(",\n"),
        cases.join(",\n")
    );
    std::fs::write(path(FILE), text).unwrap();
}

#[test]
fn the_pinned_refusals_are_refused() {
    let file = load(FILE);
    let entries: Vec<SignedEntry> = file["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| SignedEntry::from_bytes(&bytes(entry)).unwrap())
        .collect();
    let mut seen = BTreeSet::new();
    for case in file["cases"].as_array().unwrap() {
        let text = |name: &str| case[name].as_str().unwrap();
        let (space, reader): (SpaceId, PrincipalId) = (text("space").parse().unwrap(), text("reader").parse().unwrap());
        let log: Vec<SignedEntry> = case["log"]
            .as_array()
            .unwrap()
            .iter()
            .map(|at| entries[usize::try_from(at.as_u64().unwrap()).unwrap()].clone())
            .collect();
        let person = everybody()
            .into_iter()
            .find(|person| person.principal() == reader)
            .unwrap();
        let verdict = Space::replay(space, reader, &log, directory(), person).err();
        let code = verdict.map_or(Value::Null, |refusal| refusal.code().into());
        assert_eq!(code, case["code"], "{case}");
        seen.extend(verdict);
    }
    seen.extend(NOT_HERE);
    assert_eq!(seen, Refusal::ALL.iter().copied().collect::<BTreeSet<_>>());
}
