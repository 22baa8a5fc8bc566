//! The one recorded log that hostile tests attack and golden vectors pin: every op, two epochs' end, four people.

use holdfast_protocol::entry::{NodeScope, Role};
use holdfast_protocol::run::End;

use super::log::Log;
use super::people::{ana, ben, big_node, carl, dora, node};
use super::runs::{LATER, UNTIL, adopted, capsule, result, spec, task};
use super::things::{dataset, note, pack, purge, put, rename, secret};

/// Ana's project: Ben contributes and changes his key, Carl reads and is removed, Dora comes, is promoted and leaves.
pub(crate) fn project() -> Log {
    let (a, b, c, d) = (ana().first(), ben().first(), carl().first(), dora().first());
    let mut log = Log::project(a);
    log.push(&log.add(a, b, Role::Contributor));
    log.push(&log.packs(a, &[pack(1)], &[], put(dataset(1, a.principal(), 1))));
    log.push(&log.commit(b, put(secret(2, b.principal()))));
    log.push(&log.add(a, c, Role::Reader));
    log.push(&log.rewrap(ben().second()));
    log.push(&log.rotate(a));
    log.push(&log.commit(ben().second(), put(note(3, b.principal()))));
    log.push(&log.remove(a, c.principal()));
    log.push(&log.add(a, d, Role::Reader));
    log.push(&log.set_role(a, d.principal(), Role::Owner));
    log.push(&log.packs(d, &[pack(2)], &[pack(1).id], rename("Scans, second year")));
    log.push(&log.commit(d, purge(3)));
    log.push(&log.leave(d));
    log.push(&log.rotate(a));
    log.push(&log.add(a, carl().second(), Role::Contributor));
    log
}

/// Ana's vault.
pub(crate) fn vault() -> Log {
    let a = ana().first();
    let mut log = Log::vault(a);
    log.push(&log.commit(a, put(secret(1, a.principal()))));
    log.push(&log.rewrap(ana().second()));
    log.push(&log.rotate(ana().second()));
    log.push(&log.commit(ana().second(), put(note(2, a.principal()))));
    log
}

/// Ana's project with a node of each scope. Three runs: Ben's on the small node, which makes a model; Ana's on the big one, which
/// she withdraws; Ben's there, which fails. Then the big node is withdrawn, and what it said of Ana's run comes in late.
pub(crate) fn runs() -> Log {
    let (a, b, small, big) = (ana().first(), ben().first(), node().first(), big_node().first());
    let mut log = Log::project(a);
    log.push(&log.add(a, b, Role::Contributor));
    log.push(&log.packs(a, &[pack(1)], &[], put(dataset(1, a.principal(), 1))));
    log.push(&log.packs(a, &[pack(2)], &[], put(task(2, a.principal(), 2))));
    log.push(&log.authorise(a, small, NodeScope::Runs, UNTIL));
    log.push(&log.authorise(a, big, NodeScope::Project, UNTIL));
    let newer = big_node().second();
    let [one, two, three] = [(0x41, small), (0x42, big), (0x43, newer)].map(|(run, node)| spec(log.space(), node, run));
    log.push(&log.order(b, small, &one, Some(&capsule(&one, b, small))));
    log.push(&log.order(a, big, &two, None));
    log.push(&log.authorise(a, small, NodeScope::Runs, LATER));
    log.push(&log.withdraw_run(a, two.run));
    log.push(&adopted(&log, a, &one, &result(&one, End::Succeeded).sign(&small.sign)));
    log.push(&log.authorise(a, newer, NodeScope::Project, LATER));
    log.push(&log.order(b, newer, &three, None));
    let failed = result(&three, End::Failed).sign(&newer.sign);
    log.push(&log.adopt(b, three.run, &[], &failed, Vec::new()));
    log.push(&log.withdraw_node(a, big.principal()));
    log.push(&log.commit(a, rename("Without the big node")));
    let stopped = result(&two, End::Stopped).sign(&big.sign);
    log.push(&log.adopt(b, two.run, &[], &stopped, Vec::new()));
    log
}
