//! Standard projects: the server can read them, so it also sees to it that no secret is put there by mistake.

use holdfast_protocol::entry::{Body, Core, Op, SignedEntry, open_body};
use holdfast_protocol::item::ItemKind;
use holdfast_protocol::run::{AdoptBody, RunBody};
use holdfast_protocol::{Refusal, context};

use super::Failure;

/// Refuses a secret in a space whose key is in clear. Bodies of encrypted spaces can't be looked into.
pub(super) fn check(core: &Core, signed: &SignedEntry) -> Result<(), Failure> {
    let entry = &signed.entry;
    let (Some(open_key), Some(sealed)) = (&core.open_key, &entry.body) else {
        return Ok(());
    };
    let place = context::entry_body(entry.space, entry.epoch, entry.seq, entry.prev);
    let opened = match entry.op {
        // An order puts nothing there.
        Op::Run { .. } => open_body::<RunBody>(sealed, open_key.key(), &place).map(|_| Vec::new()),
        Op::Adopt { .. } => open_body::<AdoptBody>(sealed, open_key.key(), &place).map(|body| body.put),
        _ => open_body::<Body>(sealed, open_key.key(), &place).map(|body| body.put),
    };
    let put = opened.map_err(|_| Failure::Log(Refusal::BodyOpen))?;
    if put.iter().any(|item| item.kind == ItemKind::Secret) {
        return Err(Failure::Log(Refusal::SecretInStandard));
    }
    Ok(())
}
