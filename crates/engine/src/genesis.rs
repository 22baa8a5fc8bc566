//! Making a space: its core, its first epoch and entry 0.

use holdfast_crypto::Key32;
use holdfast_protocol::KeyField;
use holdfast_protocol::bundle::VerifiedBundle;
use holdfast_protocol::context;
use holdfast_protocol::entry::{
    Body, Core, Entry, EpochStart, FORMAT, Op, SignedEntry, SpaceKind, Wrap, epoch_commitment,
};
use holdfast_protocol::id::{Hash, SpaceId};

use crate::error::{Error, Result};
use crate::identity::{Identity, internal};
use crate::rng;

/// Makes entry 0 of a space whose only member is `identity`.
pub(crate) fn create(
    identity: &Identity,
    kind: SpaceKind,
    encrypted: bool,
    name: &str,
    now_ms: u64,
) -> Result<SignedEntry> {
    let mut rng = rng();
    let key = Key32::random(&mut rng);
    let bundle = identity.bundle();
    let core = Core {
        format: FORMAT,
        kind,
        encrypted,
        creator: bundle.bundle.principal,
        creator_fingerprint: bundle.fingerprint,
        random: Hash::random(&mut rng),
        created_ms: now_ms,
        open_key: (!encrypted).then(|| KeyField::new(key.duplicate())),
    };
    let space = core.space_id();
    let epoch = if encrypted {
        Some(open_epoch(space, 0, &key, [bundle], bundle.hash)?)
    } else {
        None
    };
    let body = Body {
        name: Some(name.to_owned()),
        ..Body::default()
    };
    let entry = Entry {
        format: FORMAT,
        space,
        seq: 0,
        prev: Hash::ZERO,
        auth: Hash::ZERO,
        epoch: 0,
        author: bundle.bundle.principal,
        author_bundle: bundle.hash,
        time_ms: now_ms,
        op: Op::Genesis { core, epoch },
        body: Some(body.seal(&key, space, 0, 0, Hash::ZERO, &mut rng)),
        head: None,
    };
    entry
        .sign(identity.sign_key())
        .map_err(|_| Error::Invalid("the name is too long".into()))
}

/// States a new epoch: its commitment, and its key wrapped to each of `members`.
pub(crate) fn open_epoch<'a>(
    space: SpaceId,
    epoch: u32,
    key: &Key32,
    members: impl IntoIterator<Item = &'a VerifiedBundle>,
    author_bundle: Hash,
) -> Result<EpochStart> {
    let wraps = members
        .into_iter()
        .map(|member| wrap_to(space, epoch, key, member, author_bundle))
        .collect::<Result<_>>()?;
    Ok(EpochStart {
        commitment: epoch_commitment(key, space, epoch),
        wraps,
    })
}

/// Wraps an epoch's key to one member.
pub(crate) fn wrap_to(
    space: SpaceId,
    epoch: u32,
    key: &Key32,
    member: &VerifiedBundle,
    author_bundle: Hash,
) -> Result<Wrap> {
    let context = context::epoch_wrap(space, epoch, member.hash, author_bundle);
    let ciphertext = member.rsa.wrap_key(&context, key, &mut rng()).map_err(internal)?;
    Ok(Wrap {
        recipient: member.bundle.principal,
        bundle: member.hash,
        ciphertext,
    })
}
