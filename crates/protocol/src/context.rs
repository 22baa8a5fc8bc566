//! What every box and every wrap is bound to: the one table of `docs/spec/contexts.md`, as code.
//!
//! A context is never stored beside its box. Whoever opens the box must already know each field, so a box that was
//! moved, replayed or retyped does not open.

use crate::cbor::encode;
use crate::id::{ChunkId, Hash, ItemId, Locator, PrincipalId, RunId, SpaceId, VersionId};

/// The body of the entry at `seq`, under the key of `epoch`.
#[must_use]
pub fn entry_body(space: SpaceId, epoch: u32, seq: u64, prev: Hash) -> Vec<u8> {
    encode(&("entry-body", space, epoch, seq, prev))
}

/// A chunk of an item's content, under its chunk key.
#[must_use]
pub fn chunk(space: SpaceId, item: ItemId, id: ChunkId) -> Vec<u8> {
    encode(&("chunk", space, item, id))
}

/// The manifest of one version, under its manifest key.
#[must_use]
pub fn manifest(space: SpaceId, item: ItemId, version: VersionId) -> Vec<u8> {
    encode(&("manifest", space, item, version))
}

/// The earlier key material of a principal, under the link key of the later one.
#[must_use]
pub fn link(principal: PrincipalId, old: Hash, new: Hash) -> Vec<u8> {
    encode(&("link", principal, old, new))
}

/// What the recovery key opens.
#[must_use]
pub fn recovery(locator: Locator) -> Vec<u8> {
    encode(&("recovery", locator))
}

/// A row of the device's own store (`table`, `key`), under the device's key.
#[must_use]
pub fn local(principal: PrincipalId, table: &str, key: &[u8]) -> Vec<u8> {
    encode(&("local", principal, table, minicbor::bytes::ByteVec::from(key.to_vec())))
}

/// The root of a principal's keys on this device, under the key that the system's keychain keeps, until that time.
#[must_use]
pub fn quick(principal: PrincipalId, bundle: Hash, until_ms: u64) -> Vec<u8> {
    encode(&("quick", principal, bundle, until_ms))
}

/// The device's copy of the pins, under the "pins" key.
#[must_use]
pub fn pins(principal: PrincipalId, name: &str) -> Vec<u8> {
    encode(&("pins", principal, name))
}

/// Part `part` of the `parts` of an export file, under the key of the file's own passphrase and key-derivation record.
#[must_use]
pub fn export(record: &[u8], part: u32, parts: u32) -> Vec<u8> {
    encode(&("export", minicbor::bytes::ByteVec::from(record.to_vec()), part, parts))
}

/// An epoch key wrapped to one recipient (the OAEP label is made from this).
#[must_use]
pub fn epoch_wrap(space: SpaceId, epoch: u32, recipient: Hash, author: Hash) -> Vec<u8> {
    encode(&("epoch-wrap", space, epoch, recipient, author))
}

/// The key of a run's capsule, wrapped to its node (the OAEP label is made from this).
#[must_use]
pub fn capsule_wrap(space: SpaceId, run: RunId, node: Hash, author: Hash) -> Vec<u8> {
    encode(&("capsule-wrap", space, run, node, author))
}

/// What is in a run's capsule, under the capsule's key.
#[must_use]
pub fn capsule(space: SpaceId, run: RunId, node: Hash, author: Hash) -> Vec<u8> {
    encode(&("capsule", space, run, node, author))
}

/// Box `number` of a run's stream, under that stream's key.
#[must_use]
pub fn run_stream(space: SpaceId, run: RunId, attempt: u32, stream: &str, number: u64) -> Vec<u8> {
    encode(&("run-stream", space, run, attempt, stream, number))
}

/// What a node says at the end of an attempt, under the run's result key.
#[must_use]
pub fn run_result(space: SpaceId, run: RunId, attempt: u32) -> Vec<u8> {
    encode(&("run-result", space, run, attempt))
}
