//! How large and how slow a request may be. Sizes of what is inside are in `holdfast_protocol::limits`.

use std::time::Duration;

use holdfast_protocol::limits;

/// Bytes as base64url, with room for the JSON around them.
const fn in_json(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4 + (16 << 10)
}

/// Body of most requests.
pub(crate) const SMALL: usize = 64 << 10;
/// Body of an append.
pub(crate) const APPEND: usize = in_json(limits::ENTRY);
/// Body of a sign-up: bundle, vault entry, recovery box.
pub(crate) const SIGN_UP: usize = in_json(limits::ENTRY + limits::BUNDLE) + SMALL;
/// Body of the move of an account: a whole chain of bundles and link boxes.
pub(crate) const MOVE_ACCOUNT: usize =
    in_json(limits::ENTRY + limits::BUNDLE_CHAIN * (limits::BUNDLE + SMALL_BOX)) + SMALL;
/// Body of a page of entries on their way: as much as a page of entries that is read.
pub(crate) const MOVE_ENTRIES: usize = in_json(MOVE_PAGE + limits::ENTRY) + SMALL;
/// Bytes of entries that a page on its way may have, beside its last entry.
pub(crate) const MOVE_PAGE: usize = 8 << 20;
/// A link or recovery box, in bytes: both hold a few keys.
pub(crate) const SMALL_BOX: usize = 4 << 10;
/// Body of a part.
#[allow(clippy::cast_possible_truncation, reason = "8 MiB fits every usize")]
pub(crate) const PART: usize = limits::PART as usize;
/// Body of a capsule.
pub(crate) const CAPSULE: usize = limits::CAPSULE;
/// Body of a box of a run's stream.
pub(crate) const STREAM_BOX: usize = limits::STREAM_BOX;
/// Body of a run's result.
pub(crate) const RUN_RESULT: usize = limits::RUN_RESULT;

/// Until a request is answered.
pub(crate) const REQUEST: Duration = Duration::from_secs(60);
/// Until a part is received and stored: 8 MiB over a slow line.
pub(crate) const PART_REQUEST: Duration = Duration::from_secs(15 * 60);
/// Until the head of the next request has arrived. Longer than clients keep idle connections (reqwest: 90 s), so that the client
/// is the one that closes and no request is sent into a closing connection.
pub(crate) const HEAD: Duration = Duration::from_secs(100);
/// Until a TLS handshake is done.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Until connections are cut when the server stops.
pub(crate) const STOP: Duration = Duration::from_secs(10);
/// Connections at a time: they, the files and the database fit into the 1,024 descriptors a process commonly gets.
pub(crate) const CONNECTIONS: usize = 768;
