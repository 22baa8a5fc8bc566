//! Files to and from a server: walked, cut, sealed, packed and sent; fetched, checked, opened and put in their place.
//!
//! [`upload`] turns files into the content of a new version and leaves a trail in the [`JournalStore`], so that a second
//! call with the same version goes on where the first one was stopped, however it was stopped. [`download`] writes a
//! version into a folder, whole or not at all. Neither knows of logs, accounts or names of items: the caller commits
//! what [`upload`] returns and hands [`download`] what the log says.
//!
//! ```text
//! walk -> read, cut, name --> seal (workers) --> pack in the spool --> journal --> parts to the server
//!             |  known? then only the reference is copied
//! ```

mod browse;
mod cut;
mod download;
mod fetch;
mod index;
mod journal;
mod meter;
mod names;
mod pack;
mod place;
mod plan;
mod produce;
mod read;
mod reseal;
mod restore;
mod seal;
mod send;
mod server;
mod stored_file;
mod types;
mod upload;
mod walk;

pub use browse::{Change, Changed, Changes, Entry, all_files, changes, find_record, folder};
pub use download::{Downloaded, Overwrite, download};
pub use fetch::listing;
pub(crate) use journal::{HEADS, packs};
pub use journal::{PendingUpload, SoFar, pending, so_far};
pub(crate) use meter::Meter;
pub use plan::{Plan, plan};
pub(crate) use reseal::reseal;
pub(crate) use send::patiently;
pub use server::{JournalStore, PackServer, Row};
pub use stored_file::StoredFile;
pub use types::{Options, Previous, Reason, Report, Skipped, Stored, Target, Uploaded};
pub use upload::{abandon, upload};
