//! The one recorded log that hostile tests attack and golden vectors pin: every op, two epochs' end, four people.

use holdfast_protocol::entry::Role;

use super::log::Log;
use super::people::{ana, ben, carl, dora};
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
