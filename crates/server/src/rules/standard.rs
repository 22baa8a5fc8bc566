//! Standard projects: the server can read them, so it also sees to it that no secret is put there by mistake.

use holdfast_protocol::Refusal;
use holdfast_protocol::entry::{Body, Core, SignedEntry};
use holdfast_protocol::item::ItemKind;

use super::Failure;

/// Refuses a secret in a space whose key is in clear. Bodies of encrypted spaces can't be looked into.
pub(super) fn check(core: &Core, signed: &SignedEntry) -> Result<(), Failure> {
    let entry = &signed.entry;
    let (Some(open_key), Some(sealed)) = (&core.open_key, &entry.body) else {
        return Ok(());
    };
    let body = Body::open(sealed, open_key.key(), entry.space, entry.epoch, entry.seq, entry.prev)
        .map_err(|_| Failure::Log(Refusal::BodyOpen))?;
    if body.put.iter().any(|item| item.kind == ItemKind::Secret) {
        return Err(Failure::Log(Refusal::SecretInStandard));
    }
    Ok(())
}
