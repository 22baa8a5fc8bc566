//! People with fixed keys, and a builder of honest logs whose next entry a test may twist.

pub(crate) mod cbor;
pub(crate) mod log;
pub(crate) mod people;
pub(crate) mod rng;
pub(crate) mod runs;
pub(crate) mod story;
pub(crate) mod streams;
pub(crate) mod things;
pub(crate) mod verdicts;
