//! Nodes, orders and results.

use holdfast_protocol::entry::{NodeScope, Op, PackSize, Role};
use holdfast_protocol::id::{Hash, RunId};
use holdfast_protocol::limits::WINDOW;
use holdfast_protocol::run::{AdoptBody, End, RunBody, RunResult, RunSpec};
use holdfast_protocol::{KeyField, Refusal};

use super::{check, check_pair};
use crate::support::log::{Draft, Log, RunPart};
use crate::support::people::{ana, ben, big_node, dora, node};
use crate::support::runs::{LATER, UNTIL, adopted, capsule, made_item, manifest_of, result, run_key, spec, task};
use crate::support::things::{dataset, pack, put};

/// Ana owns, Ben contributes; data, a task, the small node for runs and the big one for everything.
pub(crate) fn ready() -> Log {
    let a = ana().first();
    let mut log = Log::project(a);
    log.push(&log.add(a, ben().first(), Role::Contributor));
    log.push(&log.packs(a, &[pack(1)], &[], put(dataset(1, a.principal(), 1))));
    log.push(&log.packs(a, &[pack(2)], &[], put(task(2, a.principal(), 2))));
    log.push(&log.authorise(a, node().first(), NodeScope::Runs, UNTIL));
    log.push(&log.authorise(a, big_node().first(), NodeScope::Project, UNTIL));
    log
}

/// Ben's order to the small node.
pub(crate) fn order(log: &Log, run: u8) -> (RunSpec, Draft) {
    let spec = spec(log.space(), node().first(), run);
    let sealed = capsule(&spec, ben().first(), node().first());
    let draft = log.order(ben().first(), node().first(), &spec, Some(&sealed));
    (spec, draft)
}

/// With run 0x41 ordered.
pub(crate) fn ordered() -> (Log, RunSpec) {
    let mut log = ready();
    let (spec, draft) = order(&log, 0x41);
    log.push(&draft);
    (log, spec)
}

fn until(draft: &mut Draft) -> &mut u64 {
    match &mut draft.entry.op {
        Op::AuthoriseNode { until_ms, .. } | Op::Run { until_ms, .. } => until_ms,
        _ => unreachable!(),
    }
}

pub(super) fn not_a_node(expected: Refusal) {
    let log = ready();
    let authorise = |who| log.authorise(ana().first(), who, NodeScope::Runs, UNTIL);
    check_pair(&log, &authorise(node().first()), &authorise(dora().first()), expected);
    // A member does not become one either.
    check_pair(&log, &authorise(node().first()), &authorise(ben().first()), expected);
}

pub(super) fn node_unknown(expected: Refusal) {
    let mut log = ready();
    let withdraw = |log: &Log, who| log.withdraw_node(ana().first(), who);
    check_pair(
        &log,
        &withdraw(&log, node().principal()),
        &withdraw(&log, dora().principal()),
        expected,
    );
    let (_, honest) = order(&log, 0x41);
    let (small, big) = (node().first(), big_node().first());
    for (who, keys) in [
        (dora().principal(), small.hash()),
        // Keys that it has, and that were never authorised here.
        (big.principal(), big_node().second().hash()),
        (big.principal(), small.hash()),
    ] {
        check(&log, &honest, expected, |draft| {
            let Op::Run { node, node_bundle, .. } = &mut draft.entry.op else {
                unreachable!()
            };
            (*node, *node_bundle) = (who, keys);
        });
    }
    log.push(&withdraw(&log, node().principal()));
    let late = order(&log, 0x41).1;
    assert_eq!(log.verdict(&late.finish(), ana()).err(), Some(expected));
    let again = withdraw(&log, node().principal());
    assert_eq!(log.verdict(&again.finish(), ana()).err(), Some(expected));
}

pub(super) fn node_until(expected: Refusal) {
    let log = ready();
    let honest = log.authorise(ana().first(), node().first(), NodeScope::Runs, LATER);
    let now = honest.entry.time_ms;
    for end in [0, now - 1, now] {
        check(&log, &honest, expected, |draft| *until(draft) = end);
    }
    let (_, honest) = order(&log, 0x41);
    for end in [0, honest.entry.time_ms, UNTIL + 1, u64::MAX] {
        check(&log, &honest, expected, |draft| *until(draft) = end);
    }
    // The node's time is over when the order is written.
    check(&log, &honest, expected, |draft| draft.entry.time_ms = UNTIL);
}

pub(super) fn node_scope(expected: Refusal) {
    let log = ready();
    let authorise = |who, scope| log.authorise(ana().first(), who, scope, LATER);
    let big = big_node().first();
    check_pair(
        &log,
        &authorise(big, NodeScope::Project),
        &authorise(big, NodeScope::Runs),
        expected,
    );
    check_pair(
        &log,
        &authorise(node().first(), NodeScope::Project),
        &authorise(big, NodeScope::Runs),
        expected,
    );
}

pub(super) fn run_repeated(expected: Refusal) {
    let (mut log, spec) = ordered();
    check_pair(&log, &order(&log, 0x42).1, &order(&log, 0x41).1, expected);
    log.push(&log.withdraw_run(ben().first(), spec.run));
    check_pair(&log, &order(&log, 0x42).1, &order(&log, 0x41).1, expected);
}

pub(super) fn run_capsule(expected: Refusal) {
    let log = ready();
    let capsule_of = |draft: &mut Draft, to| {
        let Op::Run { capsule, .. } = &mut draft.entry.op else {
            unreachable!()
        };
        *capsule = to;
    };
    check(&log, &order(&log, 0x41).1, expected, |draft| capsule_of(draft, None));
    let to_big = spec(log.space(), big_node().first(), 0x42);
    let honest = log.order(ben().first(), big_node().first(), &to_big, None);
    check(&log, &honest, expected, |draft| capsule_of(draft, Some(Hash([1; 32]))));
}

pub(super) fn run_attempts(expected: Refusal) {
    let log = ready();
    let times = |attempts| {
        let spec = RunSpec {
            attempts,
            ..order(&log, 0x41).0
        };
        let sealed = capsule(&spec, ben().first(), node().first());
        log.order(ben().first(), node().first(), &spec, Some(&sealed))
    };
    for (good, bad) in [(1, 0), (10, 11), (10, u32::MAX)] {
        check_pair(&log, &times(good), &times(bad), expected);
    }
}

pub(super) fn run_unknown(expected: Refusal) {
    let (log, spec) = ordered();
    let withdraw = |run| log.withdraw_run(ben().first(), run);
    check_pair(&log, &withdraw(spec.run), &withdraw(RunId([0x42; 16])), expected);
    let failed = result(&spec, End::Failed).sign(&node().first().sign);
    let adopt = |run| log.adopt(ben().first(), run, &[], &failed, Vec::new());
    check_pair(&log, &adopt(spec.run), &adopt(RunId([0x42; 16])), expected);
}

pub(super) fn run_over(expected: Refusal) {
    let (log, spec) = ordered();
    let stopped = result(&spec, End::Stopped).sign(&node().first().sign);
    let adopt = |log: &Log| log.adopt(ana().first(), spec.run, &[], &stopped, Vec::new());
    let withdraw = |log: &Log| log.withdraw_run(ana().first(), spec.run);
    assert_eq!(log.verdict(&withdraw(&log).finish(), ana()).err(), None);
    // Withdrawn once; a result may still come in, once.
    let mut withdrawn = log.clone();
    withdrawn.push(&withdraw(&log));
    check_pair(&withdrawn, &adopt(&withdrawn), &withdraw(&withdrawn), expected);
    for mut log in [log, withdrawn] {
        log.push(&adopt(&log));
        for again in [adopt(&log), withdraw(&log)] {
            assert_eq!(log.verdict(&again.finish(), ana()).err(), Some(expected));
        }
    }
}

/// What is sealed in an order says what its entry says.
pub(super) fn run_spec(expected: Refusal) {
    let log = ready();
    let (honest_spec, honest) = order(&log, 0x41);
    let twists: [fn(&mut RunSpec); 12] = [
        |spec| spec.space.0[0] ^= 1,
        |spec| spec.run = RunId([0x42; 16]),
        |spec| spec.node = big_node().first().bundle.fingerprint,
        |spec| spec.until_ms -= 1,
        |spec| spec.attempts += 1,
        |spec| spec.format += 1,
        |spec| spec.parameters.push(spec.parameters[0].clone()),
        |spec| spec.inputs.push(spec.inputs[0].clone()),
        |spec| spec.secrets.push(spec.secrets[0].clone()),
        |spec| spec.outputs.push(spec.outputs[0].clone()),
        // Two outputs that could never be adopted together.
        |spec| {
            let mut other = spec.outputs[0].clone();
            other.name = "other".to_owned();
            spec.outputs.push(other);
        },
        |spec| {
            let mut other = spec.outputs[0].clone();
            other.name = "other".to_owned();
            other.version.0[0] ^= 1;
            other.kind = holdfast_protocol::run::OutputKind::Artifact;
            spec.outputs.push(other);
        },
    ];
    let sealed_as = |draft: &mut Draft, spec: &RunSpec| {
        draft.run = Some(RunPart::Order(RunBody::new(spec, run_key(spec.run))));
    };
    for twist in twists {
        let mut twisted = honest_spec.clone();
        twist(&mut twisted);
        check(&log, &honest, expected, |draft| {
            sealed_as(draft, &twisted);
            let Op::Run { spec, .. } = &mut draft.entry.op else {
                unreachable!()
            };
            *spec = twisted.hash();
        });
    }
    // Another spec than the one that was signed for.
    let mut other = honest_spec.clone();
    other.entry = "other.py".to_owned();
    check(&log, &honest, expected, |draft| sealed_as(draft, &other));
    other.entry = "x".repeat(holdfast_protocol::limits::RUN_SPEC);
    check(&log, &honest, expected, |draft| sealed_as(draft, &other));
}

/// Ana's adoption of this result by the small node.
fn adopts(log: &Log, spec: &RunSpec, result: RunResult) -> Draft {
    adopted(log, ana().first(), spec, &result.sign(&node().first().sign))
}

pub(super) fn result_of_another(expected: Refusal) {
    let (log, spec) = ordered();
    let honest = adopts(&log, &spec, result(&spec, End::Succeeded));
    let twists: [fn(&mut RunResult); 19] = [
        |result| result.format += 1,
        |result| result.space.0[0] ^= 1,
        |result| result.run.0[0] ^= 1,
        |result| result.attempt = 0,
        |result| result.attempt = 3,
        |result| result.spec.0[0] ^= 1,
        |result| result.inputs.clear(),
        |result| result.inputs[0].0[0] ^= 1,
        |result| result.inputs.push(result.inputs[0]),
        |result| result.made.clear(),
        |result| result.made.push(result.made[0].clone()),
        |result| result.made[0].name.push('s'),
        |result| result.made[0].item.0[0] ^= 1,
        |result| result.made[0].version.0[0] ^= 1,
        |result| result.made[0].packs.clear(),
        |result| result.end = End::Failed,
        |result| result.streams.push(result.streams[0].clone()),
        |result| result.streams[0].stream.push('s'),
        |result| result.sentence = "s".repeat(holdfast_protocol::limits::RESULT_SENTENCE + 1),
    ];
    for (number, twist) in twists.into_iter().enumerate() {
        let mut twisted = result(&spec, End::Succeeded);
        twist(&mut twisted);
        let twisted = adopts(&log, &spec, twisted).finish();
        assert_eq!(log.verdict(&honest.finish(), ana()).err(), None);
        assert_eq!(log.verdict(&twisted, ana()).err(), Some(expected), "twist {number}");
    }
    // Signed by the other node, by the adopter, by nobody.
    for signer in [big_node().first(), ana().first()] {
        let forged = result(&spec, End::Succeeded).sign(&signer.sign);
        check_pair(&log, &honest, &adopted(&log, ana().first(), &spec, &forged), expected);
    }
    check(&log, &honest, expected, |draft| {
        let last = draft.adopt().result.len() - 1;
        draft.adopt().result[last] ^= 1;
    });
    check(&log, &honest, expected, |draft| {
        draft.adopt().result = Vec::new().into()
    });
    items_that_were_not_made(expected, &log, &honest);
}

fn items_that_were_not_made(expected: Refusal, log: &Log, honest: &Draft) {
    let me = ana().principal();
    let twists: [fn(&mut AdoptBody); 14] = [
        |body| body.put.clear(),
        |body| body.put.push(body.put[0].clone()),
        |body| body.put[0].id.0[0] ^= 1,
        |body| body.put[0].kind = holdfast_protocol::item::ItemKind::Artifact,
        |body| body.put[0].trashed_ms = Some(1),
        |body| body.put[0].expires_ms = Some(1),
        |body| body.put[0].versions[0].id.0[0] ^= 1,
        |body| {
            body.put[0]
                .versions
                .push(dataset(9, ana().principal(), 1).versions[0].clone())
        },
        |body| manifest_of(&mut body.put[0]).hash.0[0] ^= 1,
        |body| manifest_of(&mut body.put[0]).offset += 1,
        |body| manifest_of(&mut body.put[0]).length += 1,
        |body| manifest_of(&mut body.put[0]).pack = pack(1).id,
        |body| {
            manifest_of(&mut body.put[0]).key = KeyField::new(holdfast_crypto::Key32::fill_with(|key| key.fill(0x41)))
        },
        // Something of one's own, in passing.
        |body| body.put.push(crate::support::things::note(9, ana().principal())),
    ];
    for twist in twists {
        check(log, honest, expected, |draft| twist(draft.adopt()));
    }
    // What is there already, renamed or only put again.
    check(log, honest, expected, |draft| {
        draft.adopt().put.push(dataset(1, me, 1));
    });
    check(log, honest, expected, |draft| {
        let mut renamed = dataset(1, me, 1);
        renamed.name = "Mine".to_owned();
        draft.adopt().put.push(renamed);
    });
    // Packs that the result does not name, or not so large.
    for bad in [
        pack(0x55),
        PackSize {
            bytes: 2 * WINDOW,
            ..pack(0x41)
        },
    ] {
        check(log, honest, expected, |draft| {
            let Op::Adopt { added, .. } = &mut draft.entry.op else {
                unreachable!()
            };
            added.retain(|pack| pack.id != bad.id);
            added.push(bad);
        });
    }
}

/// An owner could forget versions in passing.
pub(super) fn result_that_forgets(expected: Refusal) {
    let a = ana().first();
    let (mut log, spec) = ordered();
    let signed = result(&spec, End::Succeeded).sign(&node().first().sign);
    // The item of the output is there already, with a version of Ben's.
    let mut there = made_item(
        &signed.result.made[0],
        spec.outputs[0].kind,
        &run_key(spec.run),
        ben().principal(),
    );
    there.versions = dataset(8, ben().principal(), 1).versions;
    log.push(&log.commit(ben().first(), put(there.clone())));
    let new = made_item(
        &signed.result.made[0],
        spec.outputs[0].kind,
        &run_key(spec.run),
        a.principal(),
    )
    .versions[0]
        .clone();
    let mut both = there.clone();
    both.versions.push(new);
    let honest = log.adopt(a, spec.run, &[pack(0x41)], &signed, vec![both]);
    check(&log, &honest, expected, |draft| {
        drop(draft.adopt().put[0].versions.remove(0))
    });
    check(&log, &honest, expected, |draft| draft.adopt().put[0].versions.reverse());
    check(&log, &honest, expected, |draft| draft.adopt().put[0].name.push('s'));
    check(&log, &honest, expected, |draft| {
        draft.adopt().put[0].versions[0].author = a.principal();
    });
}

pub(super) fn results(expected: Refusal) {
    result_of_another(expected);
    result_that_forgets(expected);
}
