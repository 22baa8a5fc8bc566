//! Entries and logs out of the vectors.

use holdfast_fuzz::cast::{bytes, everything};
use holdfast_fuzz::input::part;
use holdfast_protocol::cbor;
use holdfast_protocol::entry::SignedEntry;
use serde_json::Value;

use crate::{Seeds, vector};

/// One step of the target `replay`.
fn step(signed: &SignedEntry, body: &[u8]) -> Vec<u8> {
    let who = everything()
        .iter()
        .position(|keys| keys.hash() == signed.entry.author_bundle);
    let who = u8::try_from(who.unwrap_or(0)).expect("a few");
    let mut entry = signed.entry.clone();
    // What is made anew there need not lie about here.
    entry.body = entry.body.map(|_| vec![0; 16]);
    [vec![who, 0], part(&cbor::encode(&entry)), part(body)].concat()
}

pub(crate) fn write(seeds: &mut Seeds) {
    for (number, name) in ["project", "vault", "run"].into_iter().enumerate() {
        let number = u8::try_from(number).expect("three");
        let log = vector(&format!("protocol/tests/vectors/{name}.json"));
        let list = log["entries"].as_array().expect("entries");
        let mut steps = Vec::new();
        for one in list {
            let sent = bytes(&one["signed"]);
            let signed = SignedEntry::from_bytes(&sent).expect("a pinned entry");
            let body = if one["body"].is_null() {
                Vec::new()
            } else {
                bytes(&one["body"])
            };
            steps.push(step(&signed, &body));
            seeds.with("entry", 0, &sent);
            seeds.with("entry", 1, cbor::encode(&signed.entry));
        }
        for at in 1..steps.len() {
            let cut = u8::try_from(at - 1).expect("a few");
            seeds.add("replay", [&[number, cut][..], &steps[at]].concat());
            let next = steps.iter().skip(at).take(5).flatten().copied().collect::<Vec<_>>();
            seeds.add("replay", [&[number, cut][..], &next].concat());
            // Into the log in clear.
            seeds.add("replay", [&[3, 0][..], &steps[at]].concat());
        }
    }
    let refusals = vector("protocol/tests/vectors/refusals.json");
    let entries: Vec<_> = refusals["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(bytes)
        .collect();
    let mut seen = Vec::new();
    for case in refusals["cases"].as_array().expect("cases") {
        let log: Vec<u64> = case["log"]
            .as_array()
            .expect("a log")
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        let last = usize::try_from(*log.last().expect("not empty")).expect("small");
        let Ok(signed) = SignedEntry::from_bytes(&entries[last]) else {
            continue;
        };
        // One seed for each refusal: what they differ in is soon found from there.
        let code = (
            case["code"].as_str().unwrap_or_default().to_owned(),
            std::mem::discriminant(&signed.entry.op),
        );
        if !seen.contains(&code) {
            seen.push(code);
            seeds.with("entry", 1, cbor::encode(&signed.entry));
            seeds.add("replay", [&[2, 7][..], &step(&signed, &[])].concat());
        }
    }
}
