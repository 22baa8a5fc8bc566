//! Outputs in their places, outputs that have none any more, and what is said to be made by a run.

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::{Body, Role};
use holdfast_protocol::id::{ItemId, VersionId};
use holdfast_protocol::item::{Item, ItemKind};
use holdfast_protocol::replay::Outcome;
use holdfast_protocol::run::{End, OutputKind, RunSpec, SignedResult};

use crate::refusals::runs::{ordered, ready};
use crate::support::log::{Draft, Log};
use crate::support::people::{ana, ben, node};
use crate::support::runs::{self, adopted, capsule, made_item, output, result, run_key};
use crate::support::things::{dataset, files, item, pack, put, version};

const MADE: ItemId = ItemId([0x41; 16]);
const VERSION: VersionId = VersionId([0x41; 16]);

fn succeeded(spec: &RunSpec) -> SignedResult {
    result(spec, End::Succeeded).sign(&node().first().sign)
}

/// Ben takes the run over.
fn adopt(log: &Log, spec: &RunSpec) -> Draft {
    adopted(log, ben().first(), spec, &succeeded(spec))
}

fn bare(log: &Log, spec: &RunSpec) -> Draft {
    log.adopt(ben().first(), spec.run, &[], &succeeded(spec), Vec::new())
}

#[test]
fn whoever_contributes_takes_a_result_over_and_everybody_sees_what_made_it() {
    let (mut log, spec) = ordered();
    log.push(&adopt(&log, &spec));
    let seen = log.read_as(ana()).unwrap();
    let (run, how) = seen.contents().maker(&MADE, &VERSION).unwrap();
    assert_eq!(
        (run, how.by, how.result.end),
        (spec.run, ben().principal(), End::Succeeded)
    );
    assert!(seen.contents().runs()[&run].spec == spec);
    assert_eq!(seen.contents().items()[&MADE].kind, ItemKind::Model);
    let seq = seen.authority().seq();
    assert_eq!(seen.authority().runs()[&run].outcome, Outcome::Adopted(seq));
    assert!(seen.contents().maker(&ItemId([1; 16]), &VersionId([1; 16])).is_none());
    assert!(seen.authority().packs()[&pack(0x41).id].dropped_seq.is_none());
}

/// Each version is what its own output became, whatever else went into the item.
#[test]
fn two_outputs_in_one_item_are_told_apart() {
    let mut log = ready();
    let (by, to, again) = (ben().first(), node().first(), VersionId([0x42; 16]));
    let mut spec = runs::spec(log.space(), to, 0x41);
    let mut second = output("second", OutputKind::Model, 0x42);
    second.item = MADE;
    spec.outputs.push(second);
    log.push(&log.order(by, to, &spec, Some(&capsule(&spec, by, to))));
    let signed = succeeded(&spec);
    let [mut both, more] = [0, 1].map(|place| {
        let made = &signed.result.made[place];
        made_item(made, OutputKind::Model, &run_key(spec.run), ben().principal())
    });
    both.versions.extend(more.versions);
    log.push(&log.adopt(by, spec.run, &[pack(0x41), pack(0x42)], &signed, vec![both]));
    let seen = log.read_as(ana()).unwrap();
    for version in [VERSION, again] {
        assert_eq!(seen.contents().maker(&MADE, &version).unwrap().0, spec.run);
    }
    assert!(seen.contents().maker(&ItemId([0x42; 16]), &again).is_none());
}

/// A stop may come too late, and a node that is withdrawn has done what it has done.
#[test]
fn a_withdrawn_run_of_a_withdrawn_node_has_its_result_all_the_same() {
    let (mut log, spec) = ordered();
    log.push(&log.withdraw_run(ana().first(), spec.run));
    log.push(&log.withdraw_node(ana().first(), node().principal()));
    log.push(&adopt(&log, &spec));
    assert!(log.read_as(ana()).unwrap().contents().maker(&MADE, &VERSION).is_some());
}

#[test]
fn an_item_in_the_trash_gets_its_version_and_stays_there() {
    let (mut log, spec) = ordered();
    let signed = succeeded(&spec);
    let new = made_item(
        &signed.result.made[0],
        spec.outputs[0].kind,
        &run_key(spec.run),
        ben().principal(),
    );
    let mut there = new.clone();
    there.versions = vec![version(8, ben().principal(), files(1))];
    there.trashed_ms = Some(5);
    log.push(&log.commit(ben().first(), put(there.clone())));
    there.versions.extend(new.versions);
    log.push(&log.adopt(ben().first(), spec.run, &[pack(0x41)], &signed, vec![there.clone()]));
    assert!(log.read_as(ana()).unwrap().contents().items()[&MADE] == there);
}

/// What may have happened since the order: the honest adoption leaves the output out, and any that does not is refused.
fn has_no_place(log: &Log, spec: &RunSpec, with: Refusal) {
    let state = log.read_as(ana()).unwrap();
    let made = &succeeded(spec).result.made[0];
    assert!(!state.contents().has_place(made, spec, state.authority()));
    assert_eq!(log.verdict(&adopt(log, spec).finish(), ana()).err(), Some(with));
    let seen = log.verdict(&bare(log, spec).finish(), ana()).unwrap();
    assert!(seen.contents().maker(&MADE, &VERSION).is_none());
    assert!(seen.contents().runs()[&spec.run].adopted.is_some());
}

fn there(kind: ItemKind, version: holdfast_protocol::item::Version) -> Item {
    item(0x41, kind, "There", vec![version])
}

#[test]
fn an_output_without_a_place_is_left_out() {
    let (log, spec) = ordered();
    let state = log.read_as(ana()).unwrap();
    assert!(
        state
            .contents()
            .has_place(&succeeded(&spec).result.made[0], &spec, state.authority())
    );
    assert_eq!(
        log.verdict(&bare(&log, &spec).finish(), ana()).err(),
        Some(Refusal::Result)
    );
    let (a, b) = (ana().first(), ben().first());
    let mine = |id| version(id, b.principal(), files(1));

    let mut purged = log.clone();
    purged.push(&log.commit(b, put(there(ItemKind::Model, mine(8)))));
    let gone = Body {
        purged: vec![MADE],
        ..Body::default()
    };
    purged.push(&purged.commit(a, gone));
    has_no_place(&purged, &spec, Refusal::Result);

    let mut another_kind = log.clone();
    another_kind.push(&log.commit(b, put(there(ItemKind::Dataset, mine(8)))));
    has_no_place(&another_kind, &spec, Refusal::Result);

    // Ben knows the id from the spec and is quicker.
    let mut taken = log.clone();
    taken.push(&log.commit(b, put(there(ItemKind::Model, mine(0x41)))));
    has_no_place(&taken, &spec, Refusal::Result);

    let mut dropped = log.clone();
    dropped.push(&log.packs(b, &[pack(0x41)], &[], Body::default()));
    dropped.push(&dropped.packs(a, &[], &[pack(0x41).id], Body::default()));
    has_no_place(&dropped, &spec, Refusal::PackRepeated);
}

/// Somebody named the result's pack in a commit of his own: the adoption does not name it again.
#[test]
fn a_pack_that_is_there_already_keeps_nobody_from_adopting() {
    let (mut log, spec) = ordered();
    log.push(&log.packs(ben().first(), &[pack(0x41)], &[], Body::default()));
    let signed = succeeded(&spec);
    let item = made_item(
        &signed.result.made[0],
        spec.outputs[0].kind,
        &run_key(spec.run),
        ben().principal(),
    );
    let without = |item: &Item| log.adopt(ben().first(), spec.run, &[], &signed, vec![item.clone()]);
    assert_eq!(log.verdict(&without(&item).finish(), ana()).err(), None);
    // But without the pack there is no version.
    let (log, spec) = ordered();
    let draft = log.adopt(ben().first(), spec.run, &[], &signed, vec![item]);
    assert_eq!(succeeded(&spec), signed);
    assert_eq!(log.verdict(&draft.finish(), ana()).err(), Some(Refusal::VersionPacks));
}

/// What was placed counts as made by the run, also if its pack is dropped later: replay judges as of the entry.
#[test]
fn what_happens_later_does_not_undo_an_adoption() {
    let (mut log, spec) = ordered();
    log.push(&adopt(&log, &spec));
    let mut empty = log.read_as(ana()).unwrap().contents().items()[&MADE].clone();
    empty.versions = vec![version(9, ana().principal(), files(1))];
    log.push(&log.packs(ana().first(), &[], &[pack(0x41).id], put(empty)));
    let seen = log.read_as(ana()).unwrap();
    assert!(
        seen.contents().maker(&MADE, &VERSION).is_none(),
        "the version is forgotten"
    );
    assert!(seen.contents().runs()[&spec.run].adopted.is_some());
}

/// Ids are drawn by whoever writes: Ben gives his own files the id of a version that a run made.
#[test]
fn nobody_passes_his_version_off_as_a_runs() {
    let (mut log, spec) = ordered();
    log.push(&adopt(&log, &spec));
    let mut other = dataset(0x51, ben().principal(), 1);
    other.versions[0].id = VERSION;
    log.push(&log.commit(ben().first(), put(other)));
    let seen = log.read_as(ana()).unwrap();
    assert!(seen.contents().maker(&ItemId([0x51; 16]), &VERSION).is_none());
    assert!(seen.contents().maker(&MADE, &VERSION).is_some());
    // In the very item, once an owner forgot the real one.
    let mut forgotten = seen.contents().items()[&MADE].clone();
    forgotten.versions = vec![version(8, ana().principal(), files(1))];
    log.push(&log.commit(ana().first(), put(forgotten.clone())));
    forgotten.versions.push(version(0x41, ben().principal(), files(1)));
    log.push(&log.commit(ben().first(), put(forgotten)));
    assert!(log.read_as(ana()).unwrap().contents().maker(&MADE, &VERSION).is_none());
}

/// Nobody who only reads takes over, and what a node says of one run says nothing of another.
#[test]
fn a_result_belongs_to_its_run() {
    let (mut log, spec) = ordered();
    let (other, draft) = crate::refusals::runs::order(&log, 0x42);
    log.push(&draft);
    let foreign = log.adopt(
        ben().first(),
        other.run,
        &[],
        &result(&spec, End::Failed).sign(&node().first().sign),
        vec![],
    );
    assert_eq!(log.verdict(&foreign.finish(), ana()).err(), Some(Refusal::Result));
    log.push(&log.set_role(ana().first(), ben().principal(), Role::Reader));
    assert_eq!(
        log.verdict(&adopt(&log, &spec).finish(), ana()).err(),
        Some(Refusal::RoleDenied)
    );
}
