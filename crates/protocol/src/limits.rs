//! Sizes that are checked before anything is allocated or computed. One table; the spec repeats it.

/// A signed log entry, in bytes.
pub const ENTRY: usize = 1 << 20;
/// A signed bundle, in bytes (an 8192-bit key and two signatures fit three times over).
pub const BUNDLE: usize = 16 << 10;
/// Bundles in one principal's chain.
pub const BUNDLE_CHAIN: usize = 256;
/// A sealed box, in bytes.
pub const SEALED: usize = 16 << 20;
/// A part of a pack on its way to the server, in bytes.
pub const PART: u64 = 8 << 20;
/// Packs are filled up to this many bytes before the next one is begun.
pub const PACK_TARGET: u64 = 32 << 20;
/// The largest pack a server takes, in bytes.
pub const PACK: u64 = 80 << 20;
/// Packs are padded to, and read in, windows of this many bytes.
pub const WINDOW: u64 = 256 << 10;
/// Members of one space: as many as get a wrap each under 8192-bit keys in one entry of [`ENTRY`] bytes, or nobody could be
/// removed any more.
pub const MEMBERS: usize = 900;
/// Packs that one commit may add or drop.
pub const PACKS_PER_COMMIT: usize = 16_384;
/// A handle, in bytes.
pub const HANDLE: usize = 254;
/// A name of a project or an item, in bytes.
pub const NAME: usize = 1_024;
/// Entries in one answer of the server.
pub const ENTRIES_PER_PAGE: usize = 500;
/// Versions of a secret that are kept.
pub const SECRET_VERSIONS: usize = 20;
/// One version of a secret, in bytes: an item travels whole, and all versions that are kept have to fit into one [`ENTRY`].
pub const SECRET: usize = 48 << 10;
/// An export file, in bytes.
pub const EXPORT: usize = 64 << 20;
/// What one box of an export file holds, in bytes; the last one may hold less.
pub const EXPORT_PART: usize = 4 << 20;
/// Times a client judges an operation again after somebody else was quicker.
pub const APPEND_TRIES: usize = 16;
/// Nodes that are authorised in one space.
pub const NODES: usize = 100;
/// A run's spec, in bytes.
pub const RUN_SPEC: usize = 256 << 10;
/// A run's capsule, in bytes.
pub const CAPSULE: usize = 1 << 20;
/// Times that a run may be begun.
pub const ATTEMPTS: u32 = 10;
/// What one box of a run's stream holds, in bytes.
pub const STREAM_PART: usize = 64 << 10;
/// A sealed box of a run's stream, in bytes.
pub const STREAM_BOX: usize = 128 << 10;
/// Milliseconds for which a server keeps what a run printed and measured, after the run's end: 180 days.
pub const SAID_KEPT_MS: u64 = 180 * 24 * 60 * 60 * 1000;
/// A sealed result of a run, in bytes.
pub const RUN_RESULT: usize = 512 << 10;
/// The sentence in a result, in bytes.
pub const RESULT_SENTENCE: usize = 1_024;
/// Leaf of the log of keys.
pub const LEAF: usize = 256;
/// Checkpoint of the log of keys, cosignatures included.
pub const CHECKPOINT: usize = 16 << 10;
/// Name of a key that signs notes.
pub const KEY_NAME: usize = 128;
/// Steps of a proof in a request for a cosignature (C2SP tlog-witness).
pub const PROOF_LINES: usize = 63;
/// Request for a cosignature: the proof, each hash a line of base64, and the checkpoint.
pub const ADD_CHECKPOINT: usize = 64 + PROOF_LINES * 45 + CHECKPOINT;
/// Witnesses that a device relies on, and co-signed heads that it looks at in one answer.
pub const WITNESSES: usize = 16;
/// How old a cosignature may be that a client counts, milliseconds.
pub const COSIGNATURE_AGE_MS: u64 = 24 * 60 * 60 * 1000;
/// How far a witness's clock may be ahead of a client's, milliseconds.
pub const COSIGNATURE_AHEAD_MS: u64 = 10 * 60 * 1000;
/// Leaves, and earlier sizes, of which one request may ask proofs.
pub const PROOFS: usize = 256;
/// Leaves in one answer.
pub const LEAVES_PER_PAGE: usize = 1_000;
