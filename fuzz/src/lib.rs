//! Every parser that meets the bytes of a server or of a teammate, as a function from bytes to nothing, that panics where
//! something is taken that the specification does not allow. The fuzzer runs them (`fuzz_targets/`), and so does a test on every
//! file of the corpus (`tests/parsers.rs`).
#![allow(missing_docs, unreachable_pub)]

pub mod boxes;
pub mod cast;
pub mod files;
pub mod imports;
pub mod input;
pub mod keylog;
pub mod logs;
pub mod messages;
pub mod previews;
pub mod server;
pub mod shape;
pub mod tasks;
pub mod witnesses;
pub mod words;

pub use boxes::{export, sealed};
pub use files::{download, index, manifest, pack};
pub use imports::{
    bitwarden as import_bitwarden, dotenv as import_dotenv, holdfast as import_holdfast, keepass as import_keepass,
    onepassword as import_onepassword,
};
pub use keylog::{checkpoint, proofs};
pub use logs::replay;
pub use messages::{bundle, capsule, card, entry, result, run_spec, statement, stream};
pub use previews::{
    frame as preview_frame, parquet as preview_parquet, picture as preview_picture, text as preview_text,
};
pub use server::{answers, kit, messages as wire, quick};
pub use tasks::{task, workflow};
pub use witnesses::witness;
pub use words::{invitation, typed};

/// A target: bytes in; it panics, or all is well.
pub type Target = fn(&[u8]);

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        /// Every target by its name, which is that of its file in `fuzz_targets` and of its folder in `corpus`.
        pub const TARGETS: &[(&str, Target)] = &[$((stringify!($name), $name)),*];
    };
}
targets! {
    answers, bundle, capsule, card, checkpoint, download, entry, export, import_bitwarden, import_dotenv, import_holdfast,
    import_keepass, import_onepassword, index, invitation, kit, manifest, pack, preview_frame, preview_parquet, preview_picture,
    preview_text, proofs, quick, replay, result, run_spec, sealed, statement, stream, task, typed, wire, witness,
    workflow,
}
